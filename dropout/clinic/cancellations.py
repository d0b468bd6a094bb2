"""Clients who cancelled and are not back: how likely it is that they never come again, and what they wrote.

What a message says is given as its intent; its words are never shown. These lists name clients and are for use inside
the clinic.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dropout.clinic.lists import EPISODE, reasons_shown, require, said
from dropout.clinic.phrases import INTENT_WORDS, NO_MESSAGE, NOT_READ, as_time, days, short_day
from dropout.clinic.silence import waiting_loses
from dropout.features.moments import open_at
from dropout.features.open_cancellations import open_cancellations
from dropout.features.view import Evidence, View
from dropout.history import History
from dropout.messages.reader import INTENTS
from dropout.models.outlook import LIKELY_BACK, LIKELY_GONE
from dropout.timeline import DAY, times

COLUMNS = [*EPISODE, "cancelled_at", "days_silent", "intent", "p_dropout", "p_return_7d", "p_return_14d",
           "p_return_30d", "reasons"]

SAYS_BACK = ("vague_deferral", "concrete_reschedule")
"""Intents by which a client says that they will be back."""


@dataclass(frozen=True)
class Cancelled:
    """One open cancellation.

    Attributes
    ----------
    client_id, episode_id, therapist_id : str
    cancelled : str
        Date of the cancellation.
    silent : str
        Days since, in words; with an outlook, days since they were last heard of.
    message : str
        What the message said, as an intent in words.
    p_gone : float
        Chance that they never attend again in this episode; NaN without a model.
    p_back : tuple of float
        Chance that they attend within 7, 14 and 30 days.
    reasons : tuple of str
    low, high : float
        95% interval of `p_gone`; NaN without an outlook.
    call : str
        The day on which a call is worth most, in words; empty without an outlook, or where nothing is said.
    waiting : str
        What a day of waiting loses; empty where no call pays.
    """

    client_id: str
    episode_id: str
    therapist_id: str
    cancelled: str
    silent: str
    message: str
    p_gone: float
    p_back: tuple[float, float, float]
    reasons: tuple[str, ...]
    low: float = np.nan
    high: float = np.nan
    call: str = ""
    waiting: str = ""


@dataclass(frozen=True)
class Likelihood:
    """Open cancellations that are about equally likely to be gone.

    Attributes
    ----------
    key : {"gone", "uncertain", "back", "thin", "unknown"}
    name, meaning : str
    rows : tuple of Cancelled
    n : int
        How many there are, listed or not.
    """

    key: str
    name: str
    meaning: str
    rows: tuple[Cancelled, ...]
    n: int


@dataclass(frozen=True)
class Cancellations:
    """Open cancellations of clients in care, grouped.

    Attributes
    ----------
    groups : tuple of Likelihood
        Only those with somebody in them.
    n : int
        Open cancellations of clients in care.
    n_said_back : int
        Of those, how many wrote that they would be in touch or asked for another time.
    n_on_paper : int
        Open cancellations in episodes that the definition already counts as left; not listed here.
    has_outlook : bool
        The rows have intervals and days to call.
    """

    groups: tuple[Likelihood, ...]
    n: int
    n_said_back: int
    n_on_paper: int
    has_outlook: bool = False


GROUPS = (
    ("gone", "Likely gone", "More than 2 chances in 3 that they never come again; the highest first."),
    ("uncertain", "Uncertain", "Between 1 and 2 chances in 3 that they never come again; the highest first."),
    ("back", "Likely returning", "Less than 1 chance in 3 that they never come again; the highest first."),
    ("thin", "Too few like them",
     "Too few past cancellations were like these: the chance could lie anywhere in a range wider than 50 points in 100, so "
     "neither one chance nor a day to call is given. Whoever knows them can tell more. The longest silent first."),
    ("unknown", "Cancelled and silent",
     "The longest silent first. There is no model here to say how likely it is that they return."),
)

OUTLOOK_COLUMNS = [*EPISODE, "silent_days", "low", "high", "outlook", "lost_by_waiting", "call_on"]

OUTLOOK_KEYS = {"likely gone": "gone", "uncertain": "uncertain", "likely returning": "back", "too few like them": "thin"}
"""The group of each outlook."""

NO_CALL_PAYS = "no call pays"


def open_cancellations_of(history: History) -> pd.DataFrame:
    """Open cancellations without a model: the columns of `reschedule`, its probabilities unknown, messages numbered."""
    timeline = history.timeline
    evidence = Evidence(timeline)
    moments = open_at(timeline, timeline.extraction)
    found = open_cancellations(View(evidence, moments))
    which = np.flatnonzero(found.is_open)
    episodes = timeline.episodes.iloc[moments.episode[which]]
    message = found.message[which]
    intent = np.full(len(which), None, dtype=object)
    there = np.flatnonzero(message >= 0)
    there = there[~evidence.unread[message[there]]]
    intent[there] = np.array(INTENTS)[evidence.intents[message[there]].argmax(axis=1)]
    cancelled = found.cancelled_at[which]
    return pd.DataFrame({
        "client_id": episodes["client_id"].to_numpy(object),
        "episode_id": episodes["episode_id"].to_numpy(object),
        "cancelled_at": times(cancelled),
        "days_silent": (timeline.extraction - cancelled) // DAY,
        "message_id": pd.Series(message.astype(str), dtype=object).where(message >= 0, None),
        "intent": intent,
        "reasons": [()] * len(which),
    } | dict.fromkeys(("p_dropout", "p_return_7d", "p_return_14d", "p_return_30d"), np.nan))


def latest_therapists(history: History) -> pd.DataFrame | None:
    """`client_id`, `episode_id` and `therapist_id` of each episode's latest session; None where none is on record."""
    timeline = history.timeline
    if "therapist_id" not in history.sessions:
        return None
    sessions = pd.DataFrame({
        "episode": timeline.belongs.session,
        "attended": (history.sessions["status"] == "attended").to_numpy(),
        "starts_at": history.sessions["starts_at"].to_numpy(),
        "therapist_id": history.sessions["therapist_id"].to_numpy(object),
    })
    sessions = sessions[(sessions["episode"] >= 0) & sessions["therapist_id"].notna()]
    latest = sessions.sort_values(["attended", "starts_at"], kind="stable").drop_duplicates("episode", keep="last")
    episodes = timeline.episodes[EPISODE].iloc[latest["episode"].to_numpy()].reset_index(drop=True)
    return episodes.assign(therapist_id=latest["therapist_id"].to_numpy())


def cancelled_and_not_back(reschedule: pd.DataFrame, still_open: pd.DataFrame, therapists: pd.DataFrame | None,
                           *, top: int, outlook: pd.DataFrame | None = None,
                           as_of: np.datetime64 | None = None) -> Cancellations:
    """Open cancellations of clients in care, in groups.

    Parameters
    ----------
    reschedule : DataFrame
        Of the scores, or as `open_cancellations_of` gives it.
    still_open : DataFrame
        As `lists.open_episodes` gives it.
    therapists : DataFrame or None
        `client_id`, `episode_id` and `therapist_id`, where known.
    top : int
        Clients listed at most in each group.
    outlook : DataFrame, optional
        As `dropout.outlook` gives it: intervals, the way out, when to call.
    as_of : numpy.datetime64, optional
        Today, where there is an outlook.

    Raises
    ------
    CallError
        If `reschedule` or `outlook` lacks a column.
    """
    require(reschedule, COLUMNS, "reschedule")
    table = reschedule.merge(still_open, on=EPISODE, how="left")
    left = table["left"].fillna(False).astype(bool)
    table = table[~left]
    if therapists is None:
        table = table.assign(therapist_id=None)
    else:
        table = table.merge(therapists[[*EPISODE, "therapist_id"]], on=EPISODE, how="left")
    key = group_keys(table["p_dropout"].to_numpy(float))
    if outlook is not None:
        require(outlook, OUTLOOK_COLUMNS, "outlook")
        table = table.merge(outlook[OUTLOOK_COLUMNS], on=EPISODE, how="left", validate="many_to_one")
        seen = table["outlook"].map(OUTLOOK_KEYS)
        key = np.where(seen.notna(), seen, key)
        table["days_silent"] = table["silent_days"].fillna(table["days_silent"])
    # Where no chance is given, the order must not give one away.
    table = table.assign(key=key, order=table["p_dropout"].where(key != "thin"), message=messages_in_words(table))
    table = table.sort_values(["order", "days_silent", *EPISODE, "cancelled_at"],
                              ascending=[False, False, True, True, True], kind="stable")
    of_key = {str(name): rows for name, rows in table.groupby("key", sort=False)}
    groups = tuple(
        Likelihood(name, title, meaning, tuple(_row(row, as_of) for row in of_key[name].head(top).to_dict("records")),
                   len(of_key[name]))
        for name, title, meaning in GROUPS if name in of_key)
    return Cancellations(groups, len(table), int(table["intent"].isin(SAYS_BACK).sum()), int(left.sum()),
                         outlook is not None)


def group_keys(p_gone: np.ndarray) -> np.ndarray:
    """Which group each chance of never coming again falls into."""
    return np.select([np.isnan(p_gone), p_gone > LIKELY_GONE, p_gone < LIKELY_BACK], ["unknown", "gone", "back"],
                     default="uncertain")


def messages_in_words(table: pd.DataFrame) -> pd.Series:
    """What the message of each open cancellation said, as an intent in words; also where there is none, or none to be read."""
    there = table["message_id"].notna() if "message_id" in table else pd.Series(False, index=table.index)
    words = table["intent"].map(INTENT_WORDS).astype(object)
    return words.where(words.notna(), pd.Series(np.where(there, NOT_READ, NO_MESSAGE), index=table.index, dtype=object))


def _row(row: dict, as_of: np.datetime64 | None) -> Cancelled:
    call = waiting = ""
    if as_of is not None and row["key"] != "thin" and said(row.get("outlook")):
        call = day_to_call(as_time(row["call_on"]), as_of)
        waiting = "" if call == NO_CALL_PAYS else waiting_loses(float(row["lost_by_waiting"]))
    return Cancelled(
        client_id=said(row["client_id"]),
        episode_id=said(row["episode_id"]),
        therapist_id=said(row["therapist_id"]),
        cancelled=short_day(as_time(row["cancelled_at"])),
        silent=days(float(row["days_silent"])),
        message=row["message"],
        p_gone=float(row["p_dropout"]),
        p_back=(float(row["p_return_7d"]), float(row["p_return_14d"]), float(row["p_return_30d"])),
        reasons=reasons_shown(row["reasons"]),
        low=float(row.get("low", np.nan)),
        high=float(row.get("high", np.nan)),
        call=call,
        waiting=waiting,
    )


def day_to_call(call_on: np.datetime64, as_of: np.datetime64) -> str:
    """The day on which a call is worth most: "today", "2 Jul 2026", "no call pays"."""
    if np.isnat(call_on):
        return NO_CALL_PAYS
    return "today" if call_on.astype("datetime64[D]") <= as_of.astype("datetime64[D]") else short_day(call_on)
