"""The facts of sessions: when each is known, and spells of cancelling, against plain loops."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
from hypothesis import given, settings
from random_histories import histories, moments, read, second

from dropout.tables.known import booking_known_at, outcome_known_at
from dropout.timeline import DAY, FOREVER, NEVER, Timeline, seconds
from dropout.timeline.cancellations import spells

EXAMPLES = int(os.environ.get("TIMELINE_EXAMPLES", "60"))


@settings(max_examples=EXAMPLES, deadline=None)
@given(histories)
def test_times_are_those_of_the_tables(history):
    found, sessions = history.timeline.sessions, history.sessions
    end = history.tables.extraction_at()
    outcome = outcome_known_at(sessions, end)
    assert found.outcome.tolist() == [FOREVER if np.isnat(at) else int(at.astype(np.int64)) for at in outcome]
    assert found.first_known.tolist() == seconds(booking_known_at(sessions, end)).tolist()
    assert (found.first_known <= found.outcome).all()
    for k, row in enumerate(sessions.itertuples()):
        booked = getattr(row, "booked_at", pd.NaT)
        start, known = int(row.starts_at.timestamp()), found.outcome[k]
        if pd.isna(booked):
            waits = row.status == "scheduled" and row.starts_at > pd.Timestamp(end)
            expected = history.timeline.extracted if waits else NEVER
        else:
            expected = int(booked.timestamp())
        if expected != NEVER and expected >= min(start, known):
            expected = NEVER  # written down when it was over: never a booking ahead
        assert found.booked[k] == expected
        assert found.ahead_until[k] == min(start, known)


def cancelling_slowly(timeline: Timeline, episode: int, at: int) -> tuple[int, int, list[int], list[tuple[int, int]]]:
    """Spells begun and ended by a second, days of the returns, and (row, run) of each cancellation, one after another."""
    times, status = timeline.sessions, [str(s) for s in timeline.tables.sessions["status"]]
    rows = [row for row in range(len(status)) if timeline.belongs.session[row] == episode and times.outcome[row] <= at]
    codes = times.status
    rows.sort(key=lambda row: (times.outcome[row], times.start[row], codes[row]))
    begun = ended = run = 0
    since, delays, cancelled = 0, [], []
    for row in rows:
        if status[row] in ("client_cancel", "late_cancel"):
            if run == 0:
                begun, since = begun + 1, times.outcome[row]
            run += 1
            cancelled.append((row, run))
        elif status[row] == "attended":
            if run:
                ended += 1
                delays.append(times.outcome[row] - since)
            run = 0
    return begun, ended, delays, cancelled


@settings(max_examples=EXAMPLES, deadline=None)
@given(histories, moments)
def test_spells_of_cancelling_are_plain_loops(history, moment):
    timeline, at = history.timeline, second(moment)
    found = spells(timeline)
    for episode in range(len(timeline)):
        owner, when = np.array([episode]), np.array([at])
        begun, ended, delays, cancelled = cancelling_slowly(timeline, episode, at)
        assert found.begun.count(owner, when)[0] == begun
        assert found.returned.count(owner, when)[0] == ended
        assert found.returned.total("delay", owner, when)[0] == sum(delays)
        assert found.cancellations.count(owner, when)[0] == len(cancelled)
        if cancelled:
            assert found.cancellations.last("run", owner, when)[0] == cancelled[-1][1]
        booked = timeline.sessions.booked
        mine = [booked[row] for row in range(len(booked)) if timeline.belongs.session[row] == episode and booked[row] != NEVER]
        delays = []
        for row, _ in cancelling_slowly(timeline, episode, timeline.extraction)[3]:
            after = [made for made in mine if made >= timeline.sessions.outcome[row]]
            if after and min(after) <= at:
                delays.append(min(after) - timeline.sessions.outcome[row])
        assert found.rebooked.count(owner, when)[0] == len(delays)
        assert found.rebooked.total("delay", owner, when)[0] == sum(delays)


def sessions_of(*rows: tuple) -> Timeline:
    columns = ["client_id", "starts_at", "status", "booked_at", "cancelled_at"]
    return read({"sessions": pd.DataFrame([("a", *row) for row in rows], columns=columns)}).timeline


def test_an_appointment_that_is_moved_is_booked_again_at_once():
    timeline = sessions_of(
        ("2024-01-08T10:00", "client_cancel", "2024-01-01T10:00", "2024-01-05T10:00"),
        ("2024-01-09T10:00", "attended", "2024-01-05T10:00", None))
    found = spells(timeline).rebooked
    assert found.values["delay"].tolist() == [0]


def test_a_session_booked_after_it_started_took_place_before_it_was_known():
    timeline = sessions_of(
        ("2024-01-08T10:00", "attended", "2024-01-01T10:00", None),
        ("2024-01-15T10:00", "attended", "2024-01-30T10:00", None),
        ("2024-01-22T10:00", "attended", "2024-01-15T10:00", None))
    assert [str(np.datetime64(int(at), "s")) for at in timeline.attended.at] == [
        "2024-01-08T10:00:00", "2024-01-22T10:00:00", "2024-01-30T10:00:00"]
    assert (np.diff(timeline.took_place.at) // DAY).tolist() == [7, 7]
    last = np.array([0]), np.array([timeline.extraction])
    assert timeline.attended.last("seen", *last) == timeline.took_place.last_at(*last) == timeline.sessions.start.max()
    assert (timeline.attended.values["gap"] // DAY).tolist() == [-1, 14, 0]


def test_what_an_unknown_client_wrote_is_known_with_their_first_session():
    timeline = read({
        "sessions": pd.DataFrame([("a", "2024-01-08T10:00", "attended")], columns=["client_id", "starts_at", "status"]),
        "messages": pd.DataFrame([("a", "2024-01-02T10:00", "hello")], columns=["client_id", "sent_at", "text"]),
        "measures": pd.DataFrame([("a", "2024-01-03T10:00", "ors", 20.5)],
                                 columns=["client_id", "measured_at", "measure", "score"])}).timeline
    for facts, name, day in ((timeline.messages(), "sent", 2), (timeline.measure("ors"), "measured", 3)):
        assert facts.at.tolist() == [second(pd.Timestamp("2024-01-08T10:00"))]
        assert facts.values[name].tolist() == [second(pd.Timestamp(f"2024-01-0{day}T10:00"))]
    assert timeline.measure("ors").values["score"].tolist() == [20_500]
    assert len(timeline.measure("phq9")) == 0


def test_of_bookings_made_in_one_second_the_last_does_not_depend_on_what_became_of_them():
    def last_therapist(status: str) -> int:
        columns = ["client_id", "starts_at", "status", "booked_at", "cancelled_at", "therapist_id"]
        rows = [("a", "2024-01-08T10:00", "attended", "2024-01-01T10:00", None, "T2"),
                ("a", "2024-01-08T10:00", status, "2024-01-01T10:00", None, "T1")]
        timeline = read({"sessions": pd.DataFrame(rows, columns=columns)}).timeline
        return int(timeline.bookings.last("therapist", np.array([0]), np.array([second(pd.Timestamp("2024-01-02"))]))[0])

    assert {last_therapist(status) for status in ("attended", "no_show", "client_cancel", "late_cancel")} == {1}
