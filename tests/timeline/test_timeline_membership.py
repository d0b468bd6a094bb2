"""Which episode a row belongs to: against the slow twin, and the rules one by one."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from random_histories import histories, read, tables
from slow_membership import episodes_slowly

EXAMPLES = int(os.environ.get("TIMELINE_EXAMPLES", "60"))


def as_lists(history) -> dict[str, list[tuple]]:
    """Client to episodes in order: name, beginning, when recorded, rows of sessions, messages and measures."""
    timeline, belongs = history.timeline, history.timeline.belongs
    result: dict[str, list[tuple]] = {str(client): [] for client in belongs.clients}
    for position, row in enumerate(timeline.episodes.itertuples()):
        rows = [np.flatnonzero(which == position).tolist() for which in (belongs.session, belongs.message, belongs.measure)]
        recorded = belongs.recorded_at[position]
        result[row.client_id].append((row.episode_id, row.begins_at, recorded if row.recorded else None, *rows))
    return result


@settings(max_examples=EXAMPLES, deadline=None)
@given(histories)
def test_the_fast_way_is_the_slow_way(history):
    assert_the_same(history)


@pytest.mark.slow
@settings(max_examples=4 * EXAMPLES, deadline=None)
@given(tables(most_sessions=20).map(read))
def test_the_fast_way_is_the_slow_way_for_many_histories(history):
    assert_the_same(history)


def assert_the_same(history) -> None:
    slow = {
        client: [(e.name, e.begins, None if e.recorded_at is None else int(e.recorded_at.timestamp()),
                  sorted(e.sessions), sorted(e.messages), sorted(e.measures)) for e in episodes]
        for client, episodes in episodes_slowly(history.tables).items()}
    assert as_lists(history) == slow


def history_of(sessions: str, episodes: str | None = None, messages: str | None = None):
    """A history of client 7 from rows of words; `.` is a missing value."""

    def table(text: str, columns: str) -> pd.DataFrame:
        rows = [[None if word == "." else word for word in line.split()] for line in text.strip().splitlines()]
        frame = pd.DataFrame(rows, columns=columns.split()).assign(client_id="7")
        return frame.dropna(axis=1, how="all")

    frames = {"sessions": table(sessions, "starts_at status booked_at episode_id session_id")}
    if episodes:
        frames["episodes"] = table(episodes, "episode_id opened_at closed_at")
    if messages:
        frames["messages"] = table(messages, "sent_at session_id").assign(text="hello", sender="client")
    return read(frames)


def episode_of_sessions(history) -> list[str]:
    return history.timeline.episodes["episode_id"].to_numpy()[history.timeline.belongs.session].tolist()


def test_a_break_of_90_days_with_nothing_booked_begins_a_new_episode():
    history = history_of("""
        2024-01-10T10:00 attended 2024-01-01T10:00 . .
        2024-01-17T10:00 attended 2024-01-10T10:00 . .
        2024-04-20T10:00 attended 2024-04-16T10:00 . .
        2024-10-20T10:00 attended 2024-04-20T10:00 . .""")
    assert episode_of_sessions(history) == ["7-e1", "7-e1", "7-e2", "7-e2"], "booked ahead is not a break, however long"
    history = history_of("""
        2024-01-17T10:00 attended 2024-01-10T10:00 . .
        2024-04-20T10:00 attended 2024-04-16T09:59 . .""")
    assert episode_of_sessions(history) == ["7-e1", "7-e1"], "89 days, 23 hours and 59 minutes"


def test_without_booking_times_a_session_is_known_when_it_has_happened():
    history = history_of("""
        2024-01-10T10:00 attended . . .
        2024-04-08T10:00 attended . . .
        2024-07-07T10:00 attended . . .""")
    assert episode_of_sessions(history) == ["7-e1", "7-e1", "7-e2"], "89 days apart, then 90"


def test_an_opening_by_date_takes_in_the_intake_of_that_day_and_the_booking_before():
    history = history_of("""
        2024-03-01T10:00 attended 2024-02-20T10:00 . .
        2024-03-08T10:00 attended . . .""", "e9 2024-03-01 .")
    assert episode_of_sessions(history) == ["e9", "e9"]
    assert history.timeline.episodes["begins_at"].tolist() == [pd.Timestamp("2024-02-20T10:00")]


def test_a_course_before_the_first_on_record_stays_its_own():
    history = history_of("""
        2021-01-10T10:00 attended . . .
        2021-01-17T10:00 attended . . .
        2024-03-01T10:00 attended . . .""", "e9 2024-03-01 .")
    assert episode_of_sessions(history) == ["7-e1", "7-e1", "e9"]
    assert history.timeline.episodes["recorded"].tolist() == [False, True]


def test_after_a_closure_what_is_booked_is_booked_for_the_next_episode():
    history = history_of("""
        2024-01-10T10:00 attended 2024-01-01T10:00 . .
        2024-02-20T10:00 attended 2024-02-20T10:00 . .
        2024-03-01T10:00 attended 2024-02-25T10:00 . .
        2024-03-08T10:00 attended 2024-03-01T10:00 . .""", """
        e1 2024-01-01 2024-02-01
        e2 2024-03-01 .""")
    assert episode_of_sessions(history) == ["e1", "e1", "e2", "e2"], "the second was over before the next was opened"


def test_names_in_sessions_are_believed_and_a_session_without_one_goes_where_its_neighbours_are():
    history = history_of("""
        2024-01-10T10:00 attended 2024-01-09T10:00 A .
        2024-01-17T10:00 attended 2024-01-16T10:00 . .
        2024-01-24T10:00 attended 2024-01-23T10:00 B .
        2024-01-25T10:00 attended 2024-01-24T10:00 A .
        2024-01-31T10:00 attended 2024-01-30T10:00 . .""")
    assert episode_of_sessions(history) == ["A", "A", "B", "A", "B"]


def test_names_that_the_table_of_episodes_cannot_know_are_not_used():
    history = history_of("""
        2024-01-10T10:00 attended . A .
        2024-01-17T10:00 attended . B .""", ". 2024-01-01 2024-02-01")
    assert episode_of_sessions(history) == ["7-e1", "7-e1"]
    assert history.timeline.episodes["recorded"].all()


def test_an_episode_without_opening_is_known_by_its_first_session_its_closure_or_at_last():
    history = history_of("2024-01-10T10:00 attended . e1 .", """
        e1 . .
        e2 . 2024-01-20T10:00
        e3 . .
        e4 2024-01-30T10:00 .""")
    episodes = history.timeline.episodes.set_index("episode_id")["begins_at"]
    assert episodes.to_dict() == {
        "e1": pd.Timestamp("2024-01-10T10:00"), "e2": pd.Timestamp("2024-01-20T10:00"),
        "e3": pd.Timestamp("2024-01-30T10:00"), "e4": pd.Timestamp("2024-01-30T10:00")}


@pytest.mark.parametrize(
    ("session", "expected", "why"),
    [("s1", "A", "the session it names"), (".", "B", "the episode that had begun last"),
     ("s3", "B", "nobody knew of s3 when it was sent")])
def test_a_message_goes_to_the_session_it_names_if_that_was_known(session, expected, why):
    history = history_of("""
        2024-01-10T10:00 attended 2024-01-01T10:00 A s1
        2024-01-20T10:00 attended 2024-01-02T10:00 B s2
        2024-02-01T10:00 attended 2024-01-20T10:00 A s3""", None, f"2024-01-04T10:00 {session}")
    timeline = history.timeline
    assert timeline.episodes["episode_id"][timeline.belongs.message[0]] == expected, why
