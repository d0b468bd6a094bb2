"""Cancellations and the bookings that replace them: each kind of link by hand, and all of them against plain loops."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_histories import OPTIONAL, histories, moments, read, second, tables
from slow_chains import CANCELLED, WITHIN, before_slowly, chain_slowly, links_slowly

from dropout.errors import CallError, HistoryError
from dropout.history import History, read_history
from dropout.timeline import DAY, FOREVER, Timeline
from dropout.timeline.chains import chains
from dropout.timeline.replacements import ONE_CALL_SECONDS, REBOOKED_WITHIN_DAYS, replacements
from dropout.timeline.unmatched import matched_counts, matched_text

EXAMPLES = int(os.environ.get("TIMELINE_EXAMPLES", "60"))
assert OPTIONAL["sessions"][0] == "session_id"


@st.composite
def with_names(draw) -> History:
    """Histories in which some rows name others, rightly or wrongly."""
    frames = draw(tables())
    sessions = frames["sessions"]
    if "session_id" in sessions:
        names = st.sampled_from([None, None, *sessions["session_id"], "nowhere"])
        for column in draw(st.sets(st.sampled_from(["replaces", "moved_to"]))):
            values = draw(st.lists(names, min_size=len(sessions), max_size=len(sessions)))
            frames["sessions"] = frames["sessions"].assign(**{column: pd.Series(values, dtype="str")})
    return read(frames)


def as_sets(timeline: Timeline) -> tuple[list, list]:
    found = replacements(timeline)
    fast = zip(found.cancelled, found.booked, found.known, found.until, found.named, strict=True)
    slow = ((link.cancelled, link.booked, link.known, FOREVER if link.until is None else link.until, link.named)
            for link in links_slowly(timeline))
    return sorted(tuple(map(int, link)) for link in fast), sorted(tuple(map(int, link)) for link in slow)


@settings(max_examples=EXAMPLES, deadline=None)
@given(with_names())
def test_replacements_are_plain_loops(history):
    fast, slow = as_sets(history.timeline)
    assert fast == slow


@settings(max_examples=EXAMPLES, deadline=None)
@given(with_names())
def test_a_booking_replaces_one_cancellation_and_a_cancellation_has_one_replacement(history):
    found = replacements(history.timeline)
    holds = found.until == FOREVER
    assert len(set(found.cancelled[holds])) == len(set(found.booked[holds])) == holds.sum()
    assert (found.until > found.known).all()


@settings(max_examples=EXAMPLES, deadline=None)
@given(with_names(), moments)
def test_facts_of_chains_are_plain_loops(history, moment):
    timeline, at = history.timeline, second(moment)
    found, links, times = chains(timeline), links_slowly(timeline), timeline.sessions
    status = timeline.tables.sessions["status"]
    for episode in range(len(timeline)):
        owner, when = np.array([episode]), np.array([at])
        steps, settled, replaced, delays = [], 0, 0, []
        for row in np.flatnonzero(timeline.belongs.session == episode):
            if status[row] not in CANCELLED or times.outcome[row] > at:
                continue
            rows = [*chain_slowly(links, before_slowly(links, row, times.outcome[row])), row]
            steps.append((times.outcome[row], 0, times.start[row], rows))
            if status[row] != "clinic_cancel":
                mine = [link for link in links if link.cancelled == row and link.known <= at]
                settled += bool(mine) or times.outcome[row] + WITHIN <= at
                held = [link for link in mine if link.until is None or link.until > at]
                replaced += len(held)
                delays += [max(times.start[link.booked] - times.start[row], 0) for link in held]
        for link in links:
            if timeline.belongs.session[link.booked] == episode and link.known <= at:
                steps.append((link.known, 1, times.start[link.booked], chain_slowly(links, link)))
        assert found.steps.count(owner, when)[0] == len(steps)
        if steps:
            values = [(known, kind, start, len(rows), sum(status[row] == "clinic_cancel" for row in rows),
                       start - times.start[rows[0]]) for known, kind, start, rows in steps]
            latest = max(values)
            assert tuple(found.steps.last(name, owner, when)[0] for name in ("at", "length", "by_clinic", "pushed")) == (
                latest[0], *latest[3:])
        assert found.settled.total("settled", owner, when)[0] == settled
        assert found.settled.total("replaced", owner, when)[0] == replaced
        assert found.delays.total("n", owner, when)[0] == len(delays)
        assert found.delays.total("delay", owner, when)[0] == sum(delays)


def known_steps(history: History, at: int) -> list[tuple]:
    """What is known by a second of steps, settled cancellations and delays, by client and without names of episodes."""
    timeline = history.timeline
    found = chains(timeline)
    client = timeline.episodes["client_id"].to_numpy(object)
    steps = []
    for kind, facts in (("steps", found.steps), ("settled", found.settled), ("delays", found.delays)):
        kept = np.flatnonzero(facts.at <= at)
        columns = [facts.values[name][kept].tolist() for name in sorted(facts.values)]
        steps += list(zip([kind] * len(kept), client[facts.owner[kept]], facts.at[kept].tolist(), *columns, strict=True))
    return sorted(steps)


@settings(max_examples=EXAMPLES, deadline=None)
@given(with_names(), moments)
def test_what_comes_later_changes_no_step(history, moment):
    try:
        cut = history.as_of(moment)
    except CallError:
        return
    assert known_steps(cut, second(moment)) == known_steps(history, second(moment))


@settings(max_examples=EXAMPLES, deadline=None)
@given(with_names())
def test_the_table_has_each_cancellation_once(history):
    found, links = history.chains(), [link for link in links_slowly(history.timeline) if link.until is None]
    times = history.timeline.sessions
    rows = [row for row, status in enumerate(history.sessions["status"])
            if status in CANCELLED and times.outcome[row] <= history.timeline.extraction]
    assert len(found) == len(rows)
    assert found["rebooked_for"].notna().sum() == len(links)
    slow = sorted(len(chain_slowly(links, before_slowly(links, row, FOREVER), FOREVER)) + 1 for row in rows)
    assert sorted(found["position"]) == slow
    by_chain = found.groupby("chain")
    assert (by_chain["position"].max() == by_chain["chain_length"].first()).all()
    assert (by_chain.size() == by_chain["chain_length"].first()).all()
    assert (by_chain["chain_ending"].nunique() == 1).all()
    counts = matched_counts(history.timeline)
    for key, by in (("by_client", "client"), ("by_clinic", "clinic")):
        mine = found[found["by"] == by]
        assert counts[key]["cancellations"] == len(mine)
        assert counts[key]["replaced"] == mine["rebooked_for"].notna().sum()
        assert counts[key]["replaced"] + counts[key]["unmatched"] + counts[key]["recent"] == len(mine)


# By hand

END = pd.DataFrame({"client_id": "b", "starts_at": ["2024-06-27T10:00", "2024-06-28T10:00"], "status": "attended",
                    "booked_at": "2024-06-20T10:00"})


def moved(*rows: tuple, **more: list) -> pd.DataFrame:
    """Chains of client a: (starts_at, status, booked_at, cancelled_at) each, named s0, s1, ...; one of b ends the history."""
    frame = pd.DataFrame(rows, columns=["starts_at", "status", "booked_at", "cancelled_at"]).assign(client_id="a", **more)
    frame["session_id"] = [f"s{k}" for k in range(len(rows))]
    return read_history({"sessions": pd.concat([frame, END], ignore_index=True)}).chains()


def pairs(found: pd.DataFrame) -> dict[str, str]:
    there = found[found["replaced_by"].notna()]
    return dict(zip(there["session_id"], there["replaced_by"], strict=True))


OUT = ("2024-01-08T10:00", "client_cancel", "2024-01-01T10:00", "2024-01-05T10:00")


@pytest.mark.parametrize(("booked_at", "matched_by"), [
    ("2024-01-05T10:00", "call"), ("2024-01-05T10:15", "call"), ("2024-01-05T09:50", "call"), ("2024-01-05T16:00", "day"),
    ("2024-01-06T10:00", "days"), ("2024-01-19T10:00", "days"),
    ("2024-01-19T10:01", None), ("2024-01-05T09:44", None), ("2024-01-01T10:00", None)])
def test_booked_within_days(booked_at, matched_by):
    found = moved(OUT, ("2024-01-22T10:00", "attended", booked_at, None))
    assert (REBOOKED_WITHIN_DAYS, ONE_CALL_SECONDS) == (14, 900)
    assert found["matched_by"].tolist() == [matched_by] if matched_by else found["matched_by"].isna().all()
    assert found["chain_ending"].tolist() == ["attended" if matched_by else "lost"]
    assert found["days_later"].tolist() == [14] if matched_by else found["days_later"].isna().all()


def test_one_appointment_moved_three_times_is_one_chain():
    found = moved(
        OUT, ("2024-01-10T10:00", "clinic_cancel", "2024-01-05T10:00", "2024-01-09T09:00"),
        ("2024-01-15T15:00", "late_cancel", "2024-01-09T09:00", "2024-01-15T08:00"),
        ("2024-01-15T17:00", "no_show", "2024-01-15T08:00", None))
    assert pairs(found) == {"s0": "s1", "s1": "s2", "s2": "s3"}
    assert found["by"].tolist() == ["client", "clinic", "client"]
    assert found["position"].tolist() == [1, 2, 3] and found["chain"].tolist() == [1, 1, 1]
    assert set(found["chain_length"]) == {3} and set(found["chain_ending"]) == {"lost"}
    assert found["chain_days"].tolist() == pytest.approx([7 + 7 / 24] * 3)
    assert found["days_later"].tolist() == pytest.approx([2, 5 + 5 / 24, 2 / 24])


def test_a_chain_that_goes_on():
    rows = OUT, ("2024-07-08T10:00", "scheduled", "2024-01-06T10:00", None)
    assert moved(*rows)["chain_ending"].tolist() == ["open"]
    recent = ("2024-06-30T10:00", "client_cancel", "2024-06-01T10:00", "2024-06-27T10:00")
    assert moved(recent)["chain_ending"].tolist() == ["open"]


def test_a_series_taken_out_at_once_is_replaced_from_its_beginning():
    series = [(f"2024-01-{day:02d}T10:00", "client_cancel", "2024-01-01T10:00", "2024-01-05T10:00") for day in (22, 8, 15)]
    one = ("2024-01-25T10:00", "attended", "2024-01-06T10:00", None)
    found = moved(*series, one)
    assert pairs(found) == {"s1": "s3"}
    assert found["chain"].tolist() == [1, 2, 3]
    two = ("2024-01-29T10:00", "attended", "2024-01-06T10:00", None)
    assert pairs(moved(*series, one, two)) == {"s1": "s3", "s2": "s4"}


def test_of_two_cancellations_the_later_is_replaced_first():
    later = ("2024-01-15T10:00", "client_cancel", "2024-01-01T10:00", "2024-01-06T10:00")
    booked = [(f"2024-01-{day}T10:00", "attended", f"2024-01-{made:02d}T10:00", None) for day, made in ((22, 7), (25, 8))]
    assert pairs(moved(OUT, later, booked[0])) == {"s1": "s2"}
    assert pairs(moved(OUT, later, *booked)) == {"s1": "s2", "s0": "s3"}


def test_who_has_been_seen_at_a_later_time_books_the_next_session():
    came = ("2024-01-09T10:00", "attended", "2024-01-01T10:00", None)
    following = ("2024-01-16T10:00", "attended", "2024-01-09T11:00", None)
    assert pairs(moved(OUT, came, following)) == {}
    ahead = ("2024-01-12T10:00", *OUT[1:])
    assert pairs(moved(ahead, came, following)) == {"s0": "s2"}


def test_a_cancellation_without_a_time_of_day_takes_a_booking_of_that_day():
    out = (*OUT[:3], "2024-01-05")
    assert pairs(moved(out, ("2024-01-12T10:00", "attended", "2024-01-05T09:00", None))) == {"s0": "s1"}
    assert pairs(moved(out, ("2024-01-12T10:00", "attended", "2024-01-04T09:00", None))) == {}


@pytest.mark.parametrize(("column", "values"), [
    ("replaces", [None, None, "s0"]), ("replaces_session_id", [None, None, " s0 "]), ("rescheduled_from", [None, None, "s0"]),
    ("rescheduled_to", ["s2", None, None]), ("moved_to", ["s2", None, None]),
    ("rescheduled_from", [None, None, "2024-01-08T10:00"]), ("rescheduled_to", ["2024-03-22T10:00:00", None, None])])
def test_what_the_tables_name_stands_above_what_is_near(column, values):
    near, far = ("2024-01-12T10:00", "attended", "2024-01-06T10:00", None), ("2024-03-22T10:00", "attended", "2024-03-01", None)
    found = moved(OUT, near, far, **{column: values})
    assert pairs(found) == {"s0": "s2"}
    assert found["matched_by"].tolist() == ["name"]
    assert pairs(moved(OUT, near, far)) == {"s0": "s1"}


def test_a_name_that_becomes_known_later_is_known_later():
    frame = pd.DataFrame([("a", *OUT), ("a", "2024-01-12T10:00", "attended", "2024-01-06T10:00", None),
                          ("a", "2024-03-22T10:00", "attended", "2024-03-01T10:00", None)],
                         columns=["client_id", "starts_at", "status", "booked_at", "cancelled_at"])
    frame = frame.assign(session_id=["s0", "s1", "s2"], replaces=[None, None, "s0"])
    history = read_history({"sessions": pd.concat([frame, END], ignore_index=True)})
    assert pairs(history.as_of("2024-02-29").chains()) == {"s0": "s1"}
    assert pairs(history.chains()) == {"s0": "s2"}
    found, owner = chains(history.timeline), np.array([0])
    for moment, delay in (("2024-01-06T09:59:59", 0), ("2024-01-06T10:00", 4), ("2024-03-01T10:00", 74)):
        when = np.array([second(pd.Timestamp(moment))])
        assert found.settled.total("replaced", owner, when)[0] == (delay > 0)
        assert found.delays.total("delay", owner, when)[0] == delay * DAY


def test_names_work_without_booked_at_and_lead_nowhere_where_they_cannot():
    frame = pd.DataFrame([("a", "2024-01-08T10:00", "client_cancel", "1", None), ("a", "2024-01-12T10:00", "attended", "2", 1),
                          ("a", "2024-01-19T10:00", "attended", "3", 2), ("b", "2024-01-19T10:00", "attended", "4", 1),
                          ("a", "2024-01-26T10:00", "client_cancel", "5", 5), ("a", "2024-02-26T10:00", "attended", "6", 9)],
                         columns=["client_id", "starts_at", "status", "session_id", "replaces"])
    history = read_history({"sessions": frame})
    assert pairs(history.chains()) == {"1": "2"}
    counts = matched_counts(history.timeline)
    assert counts["names_that_lead_nowhere"] == {"replaces": 4} and counts["named"] == 1
    said = matched_text(history.timeline)
    assert "Cancelled by clients: 2; a booking replaced 1, none replaced 1" in said
    assert "No session has booked_at" in said and "4 names in replaces lead to" in said


def test_names_that_go_round_in_a_circle_are_broken_open():
    both = [(f"2024-01-{day}T10:00", "client_cancel", "2024-01-01T10:00", "2024-01-05T10:00") for day in ("08", "09")]
    assert pairs(moved(*both, replaces=["s1", "s0"])) == {}


def test_an_appointment_cannot_be_listed_twice():
    frame = pd.DataFrame({"client_id": "a", "starts_at": ["2024-01-08T10:00", "2024-01-12T10:00"],
                          "status": ["client_cancel", "attended"], "session_id": "s0"})
    with pytest.raises(HistoryError, match="used twice"):
        read_history({"sessions": frame})


def test_without_cancellations_there_is_nothing_to_tell():
    found = moved(("2024-01-08T10:00", "attended", "2024-01-01T10:00", None))
    assert len(found) == 0 and {"replaced_by", "chain", "chain_ending"} <= set(found)


def test_replacements_of_the_simulator(history):
    found = history.chains()
    names = history.sessions.set_index("session_id")
    assert len(found) == history.sessions["status"].isin(CANCELLED).sum()
    there = found[found["replaced_by"].notna()]
    assert 0.5 < len(there) / len(found) < 0.8
    assert there["replaced_by"].is_unique
    assert (there["booked_at"].to_numpy() == names.loc[there["replaced_by"], "booked_at"].to_numpy()).all()
    assert (there["booked_at"] - there["cancelled_at"]).between(pd.Timedelta(0), pd.Timedelta(days=14)).all()
    assert found["chain_length"].max() >= 3
    said = matched_text(history.timeline)
    assert said.count("\n") == 1 and "Cancelled by the clinic" in said


@settings(max_examples=EXAMPLES, deadline=None)
@given(histories)
def test_without_names_too(history):
    fast, slow = as_sets(history.timeline)
    assert fast == slow
