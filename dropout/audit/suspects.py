"""Suspects in the tables: signs that rows were entered, deleted or filled in afterwards, so that they know the future.

Each check is a small function of a history that returns suspects, or nothing where it finds nothing or can't be made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import pandas as pd
from scipy.stats import binom, poisson

from dropout.audit.codes import filled_after_endings, filled_by_outcome
from dropout.audit.suspect import Suspect
from dropout.history import History
from dropout.tables.columns import CANCELLED
from dropout.timeline import seconds

AT_ONCE = 5
"""Closures with one and the same time that make a bulk entry."""

BULK_SHARE = 0.05
"""Share of closures in bulk entries from which on they are told."""

BY_CHANCE = 1e-4
"""Chance, over all units looked at, below which something is no accident."""

LATE_DAYS = 90
LATE_SHARE = 0.10

FEWEST = 20
"""Rows of a kind below which a check says nothing."""

ALMOST_ALL = 0.99
NEVER_A_COPY = 3
"""Sessions at the same times from which on two clients look like one."""


def suspects(history: History) -> tuple[pd.DataFrame, list[str]]:
    """The suspects of a history, one row each (see `Suspect`), and which checks could not be made, in words."""
    found: list[Suspect] = []
    cannot = []
    for needs, check in CHECKS:
        missing = [need for need in needs if not _there(history, need)]
        if missing:
            cannot.append(f"{check.__name__.replace('_', ' ')} (no {', no '.join(missing)})")
        else:
            found += check(history)
    names = list(Suspect.__dataclass_fields__)
    return pd.DataFrame([asdict(one) for one in found], columns=names), cannot


def _there(history: History, need: str) -> bool:
    table, _, column = need.partition(".")
    frame = history.tables.__dict__.get(table)
    return frame is not None and (not column or column in frame)


def closures_in_bulk(history: History) -> list[Suspect]:
    """Closures entered many at a time; those of a therapist who left are closed together for a reason."""
    episodes = history.episodes()
    closed = episodes[episodes["closed_at"].notna() & (episodes["closure_reason"] != "therapist_left")]
    if len(closed) < FEWEST:
        return []
    at = closed["closed_at"]
    with_time = at.dt.time.nunique() > 3
    if with_time:
        counts = at.value_counts()
        bulk = counts[counts >= AT_ONCE]
    else:
        counts = at.dt.normalize().value_counts()
        days = max(int((at.max() - at.min()).days * 5 / 7), 1)
        chance = poisson.sf(counts - 1, len(closed) / days) * days
        bulk = counts[(counts >= AT_ONCE) & (chance < BY_CHANCE)]
    n = int(bulk.sum())
    if n < BULK_SHARE * len(closed) or not n:
        return []
    what = "at one and the same second" if with_time else "on single days, far more than chance puts there"
    return [Suspect(
        "closures entered in bulk", "episodes", n, len(closed), "L2",
        f"closed {what} ({len(bulk):,} times, {int(bulk.max()):,} at most): the date is that of the tidying up, not of the "
        "ending",
        "Date a dropout by the last attended session, never by closed_at; don't let closures of the same time be told apart by a "
        "model; trust reasons entered in bulk less")]


def closures_long_after_the_last_session(history: History) -> list[Suspect]:
    """Closures dated months after the last attended session."""
    episodes = history.episodes()
    lag = (episodes["closed_at"] - episodes["last_attended_at"]).dt.days.dropna()
    late = int((lag > LATE_DAYS).sum())
    if len(lag) < FEWEST or late < max(LATE_SHARE * len(lag), AT_ONCE):
        return []
    return [Suspect(
        "closures long after the last session", "episodes", late, len(lag), "L3.1",
        f"closed more than {LATE_DAYS} days after the last attended session (half of all closures: {int(lag.median()):,} days or "
        "more): an episode that is still open may be over already",
        "Date a dropout by the last attended session and say when it became known; leave months before the extraction date "
        "out of rates until closures have had time to be written")]


def sessions_attended_after_the_closure(history: History) -> list[Suspect]:
    """Attended sessions of an episode that was closed days before, with none opened since."""
    timeline = history.timeline
    row = timeline.belongs.session
    attended = (history.sessions["status"] == "attended").to_numpy() & (row >= 0)
    start = seconds(history.sessions["starts_at"])
    closed = timeline.closed[row]
    after = attended & (start > closed + 86_400)
    if attended.sum() < FEWEST or after.sum() < max(AT_ONCE, 0.01 * attended.sum()):
        return []
    return [Suspect(
        "sessions attended after the closure", "sessions", int(after.sum()), int(attended.sum()), "L3.1",
        "attended more than a day after their episode was closed: sessions left in the calendar count as attended by "
        "themselves, or closures are dated too early",
        "Look at some of these appointments; where the status is a default, set it to what happened")]


def statuses_that_default_to_attended(history: History) -> list[Suspect]:
    """Therapists, or whole tables, without any missed session where others have them."""
    sessions = history.sessions
    over = sessions[sessions["status"].isin(["attended", "no_show", *CANCELLED])
                    & (sessions["starts_at"] <= pd.Timestamp(history.known_until))]
    missed = over["status"].ne("attended")
    why = ("either a session counts as attended when nobody notes down what happened, or missed sessions are not kept: in both "
           "cases attendance says more about the notes than about the clients")
    do = ("Ask how a session comes to be 'attended' there; leave these rows out of attendance features until notes or invoices "
          "confirm them")
    if len(over) >= 10 * FEWEST and missed.mean() <= 1 - ALMOST_ALL:
        return [Suspect("statuses that default to attended", "sessions", int((~missed).sum()), len(over), "L3.3", why, do)]
    found = []
    for column, called in (("therapist_id", "therapists"), ("clinic_id", "clinics")):
        if column not in over:
            continue
        unit = missed.groupby(over[column]).agg(["size", "sum"])
        chance = binom.cdf(unit["sum"], unit["size"], missed.mean()) * len(unit)
        odd = unit[(chance < BY_CHANCE) & (unit["sum"] <= (1 - ALMOST_ALL) * unit["size"])]
        if len(odd):
            found.append(Suspect(
                f"statuses that default to attended, for some {called}", "sessions", int(odd["size"].sum()), len(over), "L3.3",
                f"{len(odd):,} of {len(unit):,} {called} have almost no missed or cancelled session, where "
                f"{missed.mean():.0%} are missed or cancelled over all: {why}", do))
    return found


def bookings_deleted_after_a_no_show(history: History) -> list[Suspect]:
    """Clients who left after a missed session have no booking beyond it on record, where those who came have.

    Bookings that stood ahead as the session began, cancelled later or not. Nobody can take back a booking without a trace
    unless rows are deleted, so sessions missed and attended should have equally many.
    """
    sessions = history.sessions
    frame = pd.DataFrame({
        "client": pd.factorize(sessions["client_id"])[0], "start": seconds(sessions["starts_at"]),
        "booked": seconds(sessions["booked_at"]), "status": sessions["status"].to_numpy(object)})
    frame = frame[sessions["booked_at"].notna().to_numpy()].sort_values(["client", "start"]).reset_index(drop=True)
    following = frame.groupby("client").shift(-1)
    # The next row in order of start: booked before this session began? Later rows are booked later still, as a rule.
    frame["ahead"] = following["booked"].lt(frame["start"]) & following["start"].notna()
    frame["again"] = frame["start"] < frame["client"].map(
        frame[frame["status"] == "attended"].groupby("client")["start"].max()).fillna(-np.inf)
    missed = frame[(frame["status"] == "no_show") & ~frame["again"]]
    came = frame[(frame["status"] == "attended") & frame["again"]]
    if len(missed) < FEWEST or len(came) < FEWEST:
        return []
    expected = came["ahead"].mean()
    if binom.cdf(missed["ahead"].sum(), len(missed), 0.5 * expected) >= BY_CHANCE / 2:
        return []
    return [Suspect(
        "booked series deleted after a no-show", "sessions", int((~missed["ahead"]).sum()), len(missed), "L2",
        f"no-shows after which the client never came again have no booking beyond them ({missed['ahead'].mean():.0%} have one, "
        f"against {expected:.0%} of attended sessions): later rows seem to have been deleted when it was clear that the "
        "client had left",
        "Keep cancelled bookings with their cancelled_at instead of deleting rows; until then, leave out what counts "
        "bookings ahead")]


def cancellations_without_a_time(history: History) -> list[Suspect]:
    """Cancellations that nobody dated, or that are all dated by the session itself."""
    sessions = history.sessions
    cancelled = sessions[sessions["status"].isin(CANCELLED)]
    if len(cancelled) < FEWEST:
        return []
    undated = len(cancelled) if "cancelled_at" not in cancelled else int(cancelled["cancelled_at"].isna().sum())
    do = "Export the time of the cancellation; without it the package takes the start of the session, and notice can't be told"
    if undated >= 0.5 * len(cancelled):
        return [Suspect("cancellations without a time", "sessions", undated, len(cancelled), "L3.1",
                        "nobody knows when these were cancelled: a feature that knows of them earlier than the session may "
                        "know too much", do)]
    at_start = int(((cancelled["cancelled_at"] - cancelled["starts_at"]).abs() <= pd.Timedelta("1min")).sum())
    if at_start >= 0.5 * len(cancelled):
        return [Suspect("cancellations dated by the session", "sessions", at_start, len(cancelled), "L3.1",
                        "cancelled_at is the start of the session: it was filled in, not noted", do)]
    return []


def bookings_dated_at_once(history: History) -> list[Suspect]:
    """Bookings of many clients with one and the same booking time, as an import leaves them."""
    booked = history.sessions["booked_at"].dropna()
    if len(booked) < 10 * FEWEST:
        return []
    clients = history.sessions.loc[booked.index, "client_id"].groupby(booked).nunique()
    rows = booked.value_counts()
    at_once = rows[clients.reindex(rows.index) >= 2 * AT_ONCE]
    if booked.dt.time.nunique() <= 3 or at_once.sum() < BULK_SHARE * len(booked):
        return []
    return [Suspect(
        "bookings dated by an import", "sessions", int(at_once.sum()), len(booked), "L3.1",
        "booked at one and the same second as those of many other clients: that is when rows were brought in, not when they were "
        "booked", "Leave booked_at empty for these rows; a missing time is never read as early")]


def one_client_under_two_names(history: History) -> list[Suspect]:
    """Clients who had the very same sessions: starts, therapists and statuses."""
    sessions = history.sessions
    what = [column for column in ("starts_at", "status", "therapist_id", "clinic_id") if column in sessions]
    rows = pd.util.hash_pandas_object(sessions[what], index=False)
    of_client = rows.groupby(sessions["client_id"].to_numpy()).agg(["sum", "size"])
    of_client = of_client[of_client["size"] >= NEVER_A_COPY]
    twins = of_client.duplicated(keep=False)
    # Without times of day and therapists, whole groups come on the same days.
    telling = sessions["starts_at"].dt.time.nunique() > 3 or "therapist_id" in sessions
    if not twins.any() or not telling:
        return []
    return [Suspect(
        "one client under two names", "sessions", int(twins.sum()), len(of_client), "L1.4",
        f"clients with exactly the same {NEVER_A_COPY} or more sessions as another: one person entered twice, or two who come "
        "together; one may be in the training data and the other in the test data",
        "Give both one client_id, or keep both on the same side of every split")]


CHECKS: list[tuple[tuple[str, ...], Callable[[History], list[Suspect]]]] = [
    (("episodes.closed_at",), closures_in_bulk),
    (("episodes.closed_at",), closures_long_after_the_last_session),
    (("episodes.closed_at",), sessions_attended_after_the_closure),
    ((), statuses_that_default_to_attended),
    (("sessions.booked_at",), bookings_deleted_after_a_no_show),
    ((), cancellations_without_a_time),
    (("sessions.booked_at",), bookings_dated_at_once),
    ((), one_client_under_two_names),
    ((), filled_after_endings),
    ((), filled_by_outcome),
]
"""Each check, and the tables and columns that it needs."""
