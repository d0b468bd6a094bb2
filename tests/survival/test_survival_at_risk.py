"""Who was at risk and from when until when: a worked example, plain loops over random histories, and stretches that add up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_histories import histories

from dropout.endings import DEFAULT, ENDINGS, ClosureReason, Gap
from dropout.errors import CallError
from dropout.history import read_history
from dropout.survival import at_risk
from dropout.timeline import DAY, NEVER
from dropout.timeline.timeline import ATTENDED

DEFINITIONS = st.sampled_from([DEFAULT, Gap(30), Gap(60), ClosureReason(Gap(14)), ClosureReason(otherwise=Gap(90))])


def weekly(client: str, first: str, n: int, status: str = "attended") -> list[dict]:
    """A client's sessions, a week apart."""
    return [{"client_id": client, "starts_at": str(when)[:16], "status": status, "therapist_id": "T1"}
            for when in pd.date_range(f"{first}T10:00", periods=n, freq="7D")]


@pytest.fixture(scope="module")
def small():
    """Five clients until the end of 2024: the default definition knows of everything up to 1 November."""
    sessions = pd.DataFrame([
        *weekly("left", "2024-03-04", 3),
        *weekly("once", "2024-05-06", 1),
        *weekly("done", "2024-06-03", 5),
        *weekly("stays", "2024-08-05", 22),
        *weekly("never", "2024-06-03", 2, "no_show"),
        *weekly("new", "2024-11-18", 7),
        {"client_id": "stays", "starts_at": "2024-12-31T10:00", "status": "attended", "therapist_id": "T2"},
    ])
    episodes = pd.DataFrame([{"client_id": "done", "opened_at": "2024-06-01T09:00", "closed_at": "2024-07-08T09:00",
                              "closure_reason": "completed"}])
    clients = pd.DataFrame([{"client_id": name, "referral": "self"} for name in sessions["client_id"].unique()])
    return read_history({"sessions": sessions, "episodes": episodes, "clients": clients})


def shown(frame: pd.DataFrame) -> dict[str, tuple[float, float, str]]:
    """Start, stop and ending by client."""
    return {row.client_id: (row.start, row.stop, row.ending) for row in frame.itertuples()}


def test_by_days_the_first_session_is_on_day_one(small):
    found = shown(at_risk(small))
    assert found["left"] == (0, 15, "dropout"), "last seen 14 days after the first session: 15 days in care"
    assert found["once"] == (0, 1, "dropout"), "one session is one day, never none"
    assert found["done"] == (0, 36, "completed"), "until the closure"
    assert found["stays"] == (0, 88, "ongoing"), "through 31 October, the last day that is wholly 60 days past"
    assert set(found) == {"left", "once", "done", "stays"}


def test_by_sessions_one_counts_what_was_attended(small):
    found = shown(at_risk(small, clock="sessions"))
    assert found == {"left": (0, 3, "dropout"), "once": (0, 1, "dropout"), "done": (0, 5, "completed"),
                     "stays": (0, 13, "ongoing")}


def test_who_was_in_care_when_the_records_begin_enters_late(small):
    days, sessions = (at_risk(small, clock=clock, observed_from="2024-06-20") for clock in ("days", "sessions"))
    assert shown(days) == {"done": (17, 36, "completed"), "stays": (0, 88, "ongoing")}
    assert shown(sessions) == {"done": (3, 5, "completed"), "stays": (0, 13, "ongoing")}
    assert any("2 episodes: ended before the records are complete" in note for note in days.attrs["notes"])
    assert any("1 episode entered late" in note for note in days.attrs["notes"])


def test_it_says_the_definition_and_whom_it_left_out(small):
    frame = at_risk(small, Gap(60))
    assert frame.attrs["definition"] == Gap(60).name and frame.attrs["clock"] == "days" and frame.attrs["unit"] == "days in care"
    notes = " | ".join(frame.attrs["notes"])
    assert "1 episode: never attended a session" in notes
    assert "1 episode: began after the last day that is followed" in notes
    assert "followed until 2024-10-31" in notes


def test_an_ongoing_episode_is_followed_only_until_before_its_last_session():
    """Still booked, but not seen for longer than the definition waits: was the last session the last of all? Nobody knows."""
    sessions = pd.DataFrame([*weekly("waits", "2024-03-04", 3), *weekly("other", "2024-12-02", 5),
                             {"client_id": "waits", "starts_at": "2025-02-03T10:00", "status": "scheduled",
                              "therapist_id": "T1", "booked_at": "2024-03-20T09:00"}])
    history = read_history({"sessions": sessions.assign(booked_at=sessions.get("booked_at"))})
    assert shown(at_risk(history)) == {"waits": (0, 14, "ongoing")}
    assert shown(at_risk(history, clock="sessions")) == {"waits": (0, 2, "ongoing")}
    assert any("just before the last session" in note for note in at_risk(history).attrs["notes"])


def test_episodes_that_the_definition_cannot_judge_are_left_out():
    sessions = pd.DataFrame([*weekly("closed", "2024-03-04", 3), *weekly("open", "2024-03-04", 40)])
    episodes = pd.DataFrame([{"client_id": "closed", "opened_at": "2024-03-01", "closed_at": "2024-04-01",
                              "closure_reason": None}])
    frame = at_risk(read_history({"sessions": sessions, "episodes": episodes}), ClosureReason())
    assert shown(frame) == {"open": (0, 273, "ongoing")}
    assert any("1 episode: the definition lacks what it needs" in note for note in frame.attrs["notes"])


@settings(max_examples=50, deadline=None)
@given(histories, DEFINITIONS, st.sampled_from([None, "2024-02-01", "2024-04-01"]))
def test_rows_are_those_of_plain_loops(history, definition, observed_from):
    timeline = history.timeline
    found = definition.endings(timeline)
    until = (timeline.extraction - definition.maturity_days * DAY + 1) // DAY
    since = None if observed_from is None else int(pd.Timestamp(observed_from).timestamp()) // DAY
    by_days, by_sessions = {}, {}
    for episode, name in enumerate(timeline.episodes["episode_id"]):
        seen = sorted(int(timeline.sessions.start[row]) // DAY for row, owner in enumerate(timeline.belongs.session)
                      if owner == episode and timeline.sessions.status[row] == ATTENDED
                      and timeline.sessions.outcome[row] <= timeline.extraction)
        if not seen or not found.can_tell[episode]:
            continue
        key = (timeline.episodes["client_id"].iloc[episode], name)
        ending = ENDINGS[found.ending[episode]]
        ended = None if ending == "ongoing" else seen[-1] if ending == "dropout" else max(int(found.at[episode]) // DAY, seen[-1])
        # Days on which it is known whether the client was still in care, the day of the first session being day 1.
        if ended is not None and ended < until:
            last_day, how = ended, ending
        elif ended is None and seen[-1] < until:
            last_day, how = seen[-1] - 1, "ongoing"
        else:
            last_day, how = until - 1, "ongoing"
        before = 0 if since is None else max(since - seen[0], 0)
        if last_day - seen[0] + 1 > before:
            by_days[key] = (before, last_day - seen[0] + 1, how)
            counted = [day for day in seen if day < until]
            told = counted if ended is not None or seen[-1] >= until else counted[:-1]
            entered = len([day for day in seen if since is not None and day < since])
            if len(told) > entered:
                by_sessions[key] = (entered, len(told), ending if ended is not None and seen[-1] < until else "ongoing")
    for clock, expected in (("days", by_days), ("sessions", by_sessions)):
        frame = at_risk(history, definition, clock=clock, observed_from=observed_from)
        rows = {(row.client_id, row.episode_id): (row.start, row.stop, row.ending) for row in frame.itertuples()}
        assert rows == expected
        assert (frame["stop"] > frame["start"]).all()


@settings(max_examples=15, deadline=None)
@given(histories, st.sampled_from(["days", "sessions"]), st.sampled_from([None, "2024-02-01"]))
def test_stretches_of_an_episode_follow_each_other_and_add_up(history, clock, observed_from):
    whole = at_risk(history, clock=clock, observed_from=observed_from)
    parts = at_risk(history, clock=clock, observed_from=observed_from, covariates=["n_attended"])
    who = ["client_id", "episode_id"]
    together = parts.groupby(who, sort=False).agg(start=("start", "min"), stop=("stop", "max"), ending=("ending", "last"))
    assert whole.set_index(who)[["start", "stop", "ending"]].sort_index().equals(together.sort_index())
    assert ((parts["stop"] - parts["start"]).sum()) == (whole["stop"] - whole["start"]).sum()
    same = (parts[who].shift() == parts[who]).all(axis=1)
    assert (parts["start"] == parts["stop"].shift())[same].all()
    assert (parts["ending"].shift()[same] == "ongoing").all()
    if clock == "sessions":
        assert (parts["stop"] - parts["start"] == 1).all()


def test_a_stretch_begins_with_what_its_session_showed(small):
    parts = at_risk(small, clock="sessions", covariates=["n_attended", "referral"])
    mine = parts[parts["client_id"] == "left"]
    assert mine["n_attended"].tolist() == [1, 2, 3] and (parts["referral"] == "self").all()
    days = at_risk(small, covariates=["days_since_attended"])
    assert days[days["client_id"] == "left"][["start", "stop"]].to_numpy().tolist() == [[0, 7], [7, 14], [14, 15]]


def test_columns_alone_make_no_stretches(small):
    frame = at_risk(small, covariates=["referral"])
    assert len(frame) == len(at_risk(small)) and frame["referral"].tolist() == ["self"] * 4


def test_two_sessions_on_one_day_are_one_stretch_by_days():
    sessions = [*weekly("a", "2024-03-04", 2), *weekly("b", "2024-12-02", 5)]
    sessions.insert(1, sessions[0] | {"starts_at": "2024-03-04T15:00"})
    history = read_history({"sessions": pd.DataFrame(sessions)})
    parts = at_risk(history, covariates=["n_attended"])
    assert parts[["start", "stop", "n_attended"]].to_numpy().tolist() == [[0, 7, 2], [7, 8, 3]]


@pytest.mark.parametrize(("options", "message"), [
    ({"clock": "weeks"}, "expected one of: days, sessions"),
    ({"observed_from": "2024-12-01"}, "name an earlier day"),
    ({"observed_from": "soon"}, "is not a date"),
    ({"covariates": ["n_atended"]}, "did you mean n_attended"),
    ({"covariates": ["closure_reason"]}, "filled in after"),
    ({"covariates": ["ending_discussed_at"]}, "filled in after"),
    ({"covariates": "referral"}, "expected a list of names"),
    ({"covariates": ["owed"]}, "the covariate 'owed'|neither a feature"),
])
def test_wrong_calls_say_how_to_mend_them(small, options, message):
    with pytest.raises(CallError, match=message):
        at_risk(small, **options)


def test_nobody_at_risk_is_an_empty_frame_that_says_so():
    history = read_history({"sessions": pd.DataFrame(weekly("a", "2024-03-04", 2))})
    frame = at_risk(history)
    assert not len(frame) and list(frame.columns[-3:]) == ["start", "stop", "ending"]
    assert any("left out: 1 episode" in note for note in frame.attrs["notes"])


def test_dates_never_overflow():
    assert NEVER // DAY < -1e9, "a missing time is long before every day, so that a maximum with it is the other"
    assert np.int64(NEVER) // DAY < 0
