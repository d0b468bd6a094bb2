"""How episodes end: hand-made cases, the plain loop, and when an ending becomes known."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_histories import histories, known_rows
from small_endings import LAST, history_of, said

from dropout.endings import DEFAULT, DROPOUT, ENDINGS, ONGOING, ClosureReason, Gap, episodes_table
from dropout.endings.ending import ENDING_OF_REASON
from dropout.history import History
from dropout.tables.columns import CLOSURE_REASONS
from dropout.timeline import DAY, FOREVER, NEVER
from dropout.timeline.timeline import ATTENDED

EXAMPLES = int(os.environ.get("ENDINGS_EXAMPLES", "60"))

GONE = ["2024-05-01T10:00 attended 2024-04-24T10:00 ."]


@pytest.mark.parametrize(
    ("sessions", "expected", "why"),
    [
        (GONE, ("dropout", "2024-05-01T10:00", "2024-06-30T10:00"), "sixty days to the minute"),
        (["2024-05-01T10:01 attended 2024-04-24T10:00 ."], ("ongoing", None, None), "a minute less than sixty days"),
        (["2024-04-01T10:00 attended . ."], ("dropout", "2024-04-01T10:00", "2024-05-31T10:00"), "known after sixty days"),
        ([*GONE, "2024-07-02T10:00 scheduled 2024-06-01T10:00 ."], ("ongoing", None, None), "booked ahead"),
        ([*GONE, "2024-06-29T10:00 scheduled 2024-06-01T10:00 ."],
         ("dropout", "2024-05-01T10:00", "2024-06-30T10:00"), "forgotten: its time is past, so it stands ahead no more"),
        (["2024-04-01T10:00 attended . .", "2024-06-20T10:00 no_show 2024-05-01T10:00 ."],
         ("dropout", "2024-04-01T10:00", "2024-06-20T10:00"), "known when the last booking lapsed"),
        (["2024-04-01T10:00 no_show 2024-03-01T10:00 ."], ("dropout", None, "2024-04-30T10:00"),
         "never started: counted from the first booking"),
        (["2024-06-01T10:00 no_show 2024-05-20T10:00 ."], ("ongoing", None, None), "too early to tell"),
        (["2024-04-10T10:00 attended . .", "2024-07-02T10:00 scheduled . ."], ("ongoing", None, None),
         "a booking without a date is known when the tables are taken"),
        (["2024-03-01T10:00 attended 2024-04-15T10:00 ."], ("dropout", "2024-03-01T10:00", "2024-04-30T10:00"),
         "booked after it took place"),
    ])
def test_gap(sessions, expected, why):
    for definition in (Gap(), DEFAULT, ClosureReason(otherwise=Gap(60))):
        assert said(history_of(sessions), definition) == [expected], why


def test_the_gap_is_a_setting():
    assert said(history_of(GONE), Gap(61))[0][0] == "ongoing"
    assert said(history_of(GONE), Gap(30)) == [("dropout", "2024-05-01T10:00", "2024-05-31T10:00")]
    assert Gap(30).maturity_days == 30 and "30 days" in Gap(30).name


@pytest.mark.parametrize(
    ("episode", "expected", "why"),
    [
        ("e1 2024-04-20T10:00 2024-06-10T10:00 completed", ("completed", "2024-06-10T10:00", "2024-06-10T10:00"), ""),
        ("e1 2024-04-20T10:00 2024-06-10T10:00 client_dropout", ("dropout", "2024-05-01T10:00", "2024-06-10T10:00"),
         "a dropout happens at the last attended session"),
        ("e1 2024-04-20T10:00 2024-06-10T10:00 client_declined", ("dropout", "2024-05-01T10:00", "2024-06-10T10:00"),
         "unplanned, though they said so"),
        ("e1 2024-04-20T10:00 2024-06-10T10:00 service_ended",
         ("service_ended", "2024-06-10T10:00", "2024-06-10T10:00"), ""),
        ("e1 2024-04-20T10:00 2024-06-10T10:00 therapist_left",
         ("administrative", "2024-06-10T10:00", "2024-06-10T10:00"), ""),
        ("e1 2024-04-20T10:00 . moved", ("administrative", LAST, LAST), "a reason without a date is known at the end"),
        ("e1 2024-04-20T10:00 2024-06-10T10:00 .", ("dropout", "2024-05-01T10:00", "2024-06-30T10:00"),
         "closed without a reason: the gap decides"),
        ("e1 2024-04-20T10:00 . .", ("dropout", "2024-05-01T10:00", "2024-06-30T10:00"), "nothing recorded"),
    ])
def test_closure_reason(episode, expected, why):
    history = history_of(["2024-05-01T10:00 attended 2024-04-24T10:00 e1"], [episode])
    assert said(history) == [expected], why
    alone = said(history, ClosureReason())
    assert alone == ([expected] if not episode.endswith(".") else [("ongoing", None, None)])


def test_every_reason_is_an_ending():
    assert set(ENDING_OF_REASON) == set(CLOSURE_REASONS)
    assert ClosureReason().maturity_days == 0 and DEFAULT.maturity_days == 60
    assert DEFAULT.name == "closure reason where recorded; otherwise no attended session for 60 days and none booked ahead"


def test_each_episode_of_a_client_ends_for_itself():
    history = history_of(
        ["2024-01-10T10:00 attended 2024-01-02T10:00 e1", "2024-01-17T10:00 attended 2024-01-10T10:00 e1",
         "2024-06-10T10:00 attended 2024-06-01T10:00 e2"],
        ["e1 2024-01-02T10:00 2024-02-01T10:00 completed", "e2 2024-06-01T10:00 . ."])
    assert said(history) == [("completed", "2024-02-01T10:00", "2024-02-01T10:00"), ("ongoing", None, None)]


def test_episodes_that_nobody_wrote_down_part_after_90_days_with_nothing_booked():
    history = history_of(["2024-01-10T10:00 attended . .", "2024-02-10T10:00 attended . .",
                          "2024-05-10T10:00 attended . ."])
    assert said(history) == [("dropout", "2024-02-10T10:00", "2024-04-10T10:00"), ("ongoing", None, None)]
    table = episodes_table(history.timeline)
    assert table["episode_id"].tolist() == ["7-e1", "7-e2", "8-e1"]


def test_never_started_is_kept_apart():
    history = history_of(["2024-04-01T10:00 no_show 2024-03-01T10:00 e1", "2024-04-02T10:00 attended . e2"])
    table = episodes_table(history.timeline).set_index("episode_id")
    assert table.loc[["e1", "e2"], "never_started"].tolist() == [True, False]
    assert table.loc[["e1", "e2"], "n_attended"].tolist() == [0, 1]
    assert pd.isna(table.loc["e1", "first_attended_at"]) and pd.isna(table.loc["e1", "last_attended_at"])
    assert table.loc["e2", "first_attended_at"] == table.loc["e2", "last_attended_at"] == pd.Timestamp("2024-04-02T10:00")
    assert table.attrs["definition"] == DEFAULT.name


def gap_slowly(history: History, episode: int, days: int) -> tuple[bool, int]:
    """Whether an episode ended by a gap, and when its last attended session took place."""
    timeline, end = history.timeline, history.timeline.extraction
    times = timeline.sessions
    rows = [row for row, owner in enumerate(timeline.belongs.session) if owner == episode]
    seen = [times.start[row] for row in rows if times.status[row] == ATTENDED and times.outcome[row] <= end]
    ahead = [row for row in rows if times.booked[row] != NEVER and min(times.start[row], times.outcome[row]) > end]
    since = max(seen, default=timeline.begins[episode])
    return bool(since + days * DAY <= end and not ahead), max(seen, default=NEVER)


@settings(max_examples=EXAMPLES, deadline=None)
@given(histories, st.sampled_from([30, 60, 90]))
def test_the_gap_is_a_plain_loop(history, days):
    found = Gap(days).endings(history.timeline)
    for episode in range(len(history.timeline)):
        gone, last = gap_slowly(history, episode, days)
        assert found.ending[episode] == (DROPOUT if gone else ONGOING)
        assert found.at[episode] == (last if gone else NEVER)
        assert (found.known[episode] == FOREVER) == (not gone)


@settings(max_examples=EXAMPLES, deadline=None)
@given(histories)
def test_the_reason_decides_where_there_is_one(history):
    timeline = history.timeline
    found, otherwise = DEFAULT.endings(timeline), Gap().endings(timeline)
    for episode, row in enumerate(timeline.episodes.itertuples()):
        if isinstance(row.closure_reason, str):
            closed = timeline.extracted if pd.isna(row.closed_at) else int(row.closed_at.timestamp())
            ending = ENDING_OF_REASON[row.closure_reason]
            last = gap_slowly(history, episode, 60)[1]
            assert (found.ending[episode], found.known[episode]) == (ending, closed)
            assert found.at[episode] == (last if ending == DROPOUT else closed)
        else:
            for part in ("ending", "at", "known"):
                assert getattr(found, part)[episode] == getattr(otherwise, part)[episode]


@settings(max_examples=EXAMPLES, deadline=None)
@given(histories, st.sampled_from([Gap(60), Gap(30), DEFAULT]))
def test_an_ending_is_known_when_it_says_and_no_earlier(history, definition):
    found = definition.endings(history.timeline)
    for episode in np.flatnonzero(found.known != FOREVER):
        known = int(found.known[episode])
        assert known <= history.timeline.extraction
        whose = known_rows(history, known)[episode]
        for at, expected in ((known, True), (known - 1, False)):
            cut = history.as_of(np.datetime64(at, "s")) if at >= history.timeline.sessions.first_known.min() else None
            rows = [] if cut is None else known_rows(cut, at)
            seen = definition.endings(cut.timeline) if cut is not None else None
            then = [(seen.ending[k], seen.at[k]) for k, row in enumerate(rows) if row == whose] if seen else []
            if cut is None:
                continue  # A closure written down before any session was known: there is no history to look at yet.
            if expected:
                assert then == [(found.ending[episode], found.at[episode])]
            elif isinstance(definition, Gap):
                # (A recorded reason may confirm what silence had said before.)
                assert (found.ending[episode], found.at[episode]) not in then


@settings(max_examples=EXAMPLES // 2, deadline=None)
@given(histories)
def test_the_table_of_episodes(history):
    timeline, table = history.timeline, history.episodes()
    found = DEFAULT.endings(timeline)
    assert table["ending"].tolist() == [ENDINGS[ending] for ending in found.ending]
    assert table["opened_at"].notna().all()
    for episode, row in enumerate(table.itertuples()):
        times = timeline.sessions
        seen = [times.start[k] for k, owner in enumerate(timeline.belongs.session)
                if owner == episode and times.status[k] == ATTENDED and times.outcome[k] <= timeline.extraction]
        assert (row.n_attended, row.never_started) == (len(seen), not seen)
        assert pd.isna(row.known_at) == (row.ending == "ongoing")
        if seen:
            assert (row.first_attended_at.timestamp(), row.last_attended_at.timestamp()) == (min(seen), max(seen))
