"""Suspects in the tables: found where they were put, and nowhere else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dropout.audit.suspects import suspects
from dropout.history import read_history
from dropout.simulate import SCENARIOS, simulate

TRUE_OF_THE_SIMULATOR = {"closures entered in bulk", "closures long after the last session"}
"""Its clinics close the files of the silent at the ends of months, many at once."""


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    """Tables of 200 simulated clients."""
    return dict(simulate(200, seed=3).tables)


def found_in(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    return suspects(read_history(tables))[0].set_index("suspect")


def with_sessions(tables: dict[str, pd.DataFrame], **columns: object) -> dict[str, pd.DataFrame]:
    return tables | {"sessions": tables["sessions"].assign(**columns)}


def series(deleted: bool) -> dict[str, pd.DataFrame]:
    """80 clients with twelve weekly sessions booked at once; half stay away from one on, and their later rows may be deleted."""
    rows = []
    for client in range(80):
        begins = pd.Timestamp("2025-01-06T09:00") + pd.Timedelta(days=client % 40, minutes=10 * (client % 7))
        last = 12 if client % 2 else 3 + client % 5
        for k in range(12):
            row = {"client_id": f"c{client:02d}", "starts_at": begins + pd.Timedelta(weeks=k),
                   "booked_at": begins - pd.Timedelta("9D"), "status": "attended", "cancelled_at": pd.NaT,
                   "therapist_id": f"t{client % 4}"}
            if k == last:
                row["status"] = "no_show"
            elif k > last:
                row |= {"status": "clinic_cancel", "cancelled_at": begins + pd.Timedelta(weeks=last, days=2)}
            if k <= last or not deleted:
                rows.append(row)
    return {"sessions": pd.DataFrame(rows)}


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_but_the_truth_is_said_of_simulated_clinics(scenario: str, seed: int) -> None:
    found = found_in(simulate(250, seed=seed, scenario=scenario).tables)
    assert set(found.index) <= TRUE_OF_THE_SIMULATOR


def test_bulk_closures_are_counted(tables) -> None:
    episodes = tables["episodes"].copy()
    closed = episodes["closed_at"].notna() & (episodes["closure_reason"] != "therapist_left")
    bulk = episodes.index[closed][::3]
    # An odd second for each of the others, so that only those put together are together.
    episodes.loc[closed, "closed_at"] += pd.to_timedelta(np.arange(closed.sum()), unit="s")
    episodes.loc[bulk, "closed_at"] = pd.Timestamp("2026-06-28T17:00:00")
    found = found_in(tables | {"episodes": episodes}).loc["closures entered in bulk"]
    assert (found["count"], found["of"]) == (len(bulk), closed.sum())
    assert found["share"] == pytest.approx(len(bulk) / closed.sum())


def test_bulk_closures_of_dates_without_times(tables) -> None:
    episodes = tables["episodes"].copy()
    closed = episodes["closed_at"].notna()
    episodes.loc[closed, "closed_at"] = episodes.loc[closed, "closed_at"].dt.normalize()
    episodes.loc[episodes.index[closed][::4], "closed_at"] = pd.Timestamp("2026-06-27")
    assert "closures entered in bulk" in found_in(tables | {"episodes": episodes.astype({"closed_at": "datetime64[s]"})}).index


def test_a_deleted_series_is_told_from_a_cancelled_one() -> None:
    name = "booked series deleted after a no-show"
    found = found_in(series(deleted=True))
    assert found.loc[name, "count"] == found.loc[name, "of"] == 40
    assert name not in found_in(series(deleted=False)).index


def test_therapists_who_never_note_a_missed_session(tables) -> None:
    sessions = tables["sessions"]
    who = sessions["therapist_id"].value_counts().index[0]
    one = sessions["therapist_id"].eq(who) & sessions["status"].ne("scheduled")
    found = found_in(with_sessions(tables, status=sessions["status"].mask(one, "attended"),
                                   cancelled_at=sessions["cancelled_at"].mask(one)))
    name = "statuses that default to attended, for some therapists"
    assert "1 of" in found.loc[name, "why"]
    assert found.loc[name, "count"] <= one.sum()
    everybody = found_in(with_sessions(
        tables, status=sessions["status"].where(sessions["status"] == "scheduled", "attended"), cancelled_at=pd.NaT))
    assert everybody.loc["statuses that default to attended", "share"] == 1.0


def test_codes_that_appear_only_after_an_ending(tables) -> None:
    episodes = read_history(tables).episodes()
    ending = episodes.groupby("client_id")["ending"].last()
    of_client = tables["clients"]["client_id"].map(ending)
    rng = np.random.default_rng(1)
    clients = tables["clients"].assign(
        exit_code=np.where(of_client.eq("dropout"), "X9", None),
        file_box=np.where(of_client.ne("ongoing"), rng.integers(1, 9, len(of_client)), np.nan),
        status_code=np.where(of_client.eq("dropout"), "lost", "normal"),
        risk_index=rng.normal(size=len(of_client)) + 4 * of_client.eq("dropout"),
        harmless=rng.choice(["a", "b", None], len(of_client)), distance=rng.gamma(2, 4, len(of_client)))
    found = found_in(tables | {"clients": clients})
    codes = {name.split(": ")[1] for name in found.index if ": " in name}
    assert codes == {"exit_code", "file_box", "status_code", "risk_index"}
    assert found.loc["a covariate that knows the ending: risk_index", "table"] == "clients"


def test_a_code_of_the_outcome(tables) -> None:
    sessions = tables["sessions"]
    said = np.where(sessions["status"].eq("no_show"), "ill", None)
    room = np.random.default_rng(2).choice(["1", "2", None], len(sessions))
    missed = sessions["status"].isin(["no_show", "late_cancel", "client_cancel", "clinic_cancel"])
    found = found_in(with_sessions(tables, why_missed=np.where(missed, "ill", said), room=room))
    assert [name for name in found.index if ": " in name] == ["a code of the outcome: why_missed"]


def test_cancellations_without_a_time_of_their_own(tables) -> None:
    sessions = tables["sessions"]
    cancelled = sessions["cancelled_at"].notna()
    n = int(sessions["status"].isin(["late_cancel", "client_cancel", "clinic_cancel"]).sum())
    absent = found_in(tables | {"sessions": sessions.drop(columns="cancelled_at")})
    assert absent.loc["cancellations without a time", "count"] == n
    at_start = found_in(with_sessions(tables, cancelled_at=sessions["starts_at"].where(
        cancelled & (sessions["starts_at"] < "2026-06-01"), sessions["cancelled_at"])))
    assert at_start.loc["cancellations dated by the session", "share"] > 0.9


def test_bookings_brought_in_by_an_import(tables) -> None:
    sessions = tables["sessions"]
    early = sessions["starts_at"].between("2025-06-02", "2025-12-01") & sessions["cancelled_at"].isna()
    found = found_in(with_sessions(tables, booked_at=sessions["booked_at"].mask(early, pd.Timestamp("2025-06-01T08:00:00"))))
    assert found.loc["bookings dated by an import", "count"] == early.sum()


def test_sessions_attended_after_the_closure(tables) -> None:
    episodes = tables["episodes"]
    moved = episodes["closed_at"].where(episodes["closed_at"].isna(), episodes["opened_at"] + pd.Timedelta("40D"))
    found = found_in(tables | {"episodes": episodes.assign(closed_at=moved)})
    assert "sessions attended after the closure" in found.index


def test_one_client_under_two_names(tables) -> None:
    sessions, many = tables["sessions"], tables["sessions"]["client_id"].value_counts()
    twin = sessions[sessions["client_id"] == many.index[0]].assign(client_id="again", episode_id="again")
    twin = twin.assign(session_id=[f"again{k}" for k in range(len(twin))])
    found = found_in({"sessions": pd.concat([sessions, twin], ignore_index=True)})
    assert found.loc["one client under two names", "count"] == 2


def test_what_cannot_be_looked_for_is_said() -> None:
    starts = pd.to_datetime(["2025-01-01", "2025-01-08", "2025-01-02"])
    sessions = pd.DataFrame({"client_id": ["a", "a", "b"], "starts_at": starts, "status": "attended"})
    found, cannot = suspects(read_history({"sessions": sessions}))
    assert not len(found)
    assert any("episodes.closed_at" in text for text in cannot) and any("sessions.booked_at" in text for text in cannot)
