"""What stands ahead, therapists' rates and weekly moments, against plain loops."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from random_histories import histories, moments, read, second

from dropout.endings.definitions import DROPOUT, ENDING_OF_REASON
from dropout.features.booking import n_ahead, next_start
from dropout.features.moments import SILENT_DAYS, at_sessions, open_at, weekly
from dropout.features.therapist import current, rates, therapists_sessions
from dropout.features.view import Evidence, View
from dropout.timeline import DAY, FOREVER, NEVER, Moments, Timeline
from dropout.timeline.timeline import ATTENDED

EXAMPLES = int(os.environ.get("TWIN_EXAMPLES", "60"))


def everybody(timeline: Timeline, at: int) -> Moments:
    return Moments(np.arange(len(timeline)), np.full(len(timeline), at))


def rows_of(timeline: Timeline, episode: int) -> list[int]:
    return [row for row, owner in enumerate(timeline.belongs.session) if owner == episode]


@settings(max_examples=EXAMPLES, deadline=None)
@given(histories, moments)
def test_what_stands_ahead(history, moment):
    timeline, at = history.timeline, second(moment)
    view = View(Evidence(timeline), everybody(timeline, at))
    ahead = n_ahead(view)
    starts = next_start(view, ahead)
    times = timeline.sessions
    for episode in range(len(timeline)):
        standing = [times.start[row] for row in rows_of(timeline, episode)
                    if times.booked[row] != NEVER and times.booked[row] <= at
                    and times.start[row] > at and times.outcome[row] > at]
        assert ahead[episode] == len(standing)
        assert starts[episode] == min(standing, default=FOREVER)


def ended_slowly(timeline: Timeline, at: int, gap: int) -> list[tuple[int, bool]]:
    """(row of the last session, whether it was a dropout) of each episode that had ended by a second, as known then."""
    found = []
    times = timeline.sessions
    for episode in range(len(timeline)):
        reason = timeline.episodes["closure_reason"].iloc[episode]
        closing = int(timeline.closed[episode]) if isinstance(reason, str) else None
        is_closed = closing is not None and closing <= at
        until = closing if is_closed else at
        seen = [row for row in rows_of(timeline, episode) if times.status[row] == ATTENDED and times.outcome[row] <= until]
        if not seen:
            continue
        last = max(seen, key=lambda row: (times.outcome[row], times.start[row], timeline.therapist[row]))
        if is_closed:
            found.append((last, ENDING_OF_REASON[reason] == DROPOUT))
        elif max(times.start[row] for row in seen) + gap <= at:
            found.append((last, True))
    return found


@settings(max_examples=EXAMPLES, deadline=None)
@given(histories, st.lists(moments, min_size=1, max_size=3), st.sampled_from([30, 60]))
def test_rates_as_known_then(history, asked, gap_days):
    timeline = history.timeline
    evidence = Evidence(timeline, gap_days=gap_days)
    codes = {"therapist": timeline.therapist, "clinic": timeline.clinic, "everyone": np.zeros(len(timeline.therapist), int)}
    for at in map(second, asked):
        ended = ended_slowly(timeline, at, gap_days * DAY)
        for of, code in codes.items():
            for owner in range(-1, int(code.max(initial=0)) + 1):
                mine = [dropped for row, dropped in ended if code[row] == owner and owner >= 0]
                one = np.array([owner]), np.array([at])
                assert rates(evidence, of).total("ended", *one)[0] == len(mine)
                assert rates(evidence, of).total("dropped", *one)[0] == sum(mine)


def test_a_client_who_comes_back_on_the_second_of_the_closure_is_counted_once():
    timeline = read({
        "sessions": pd.DataFrame([("a", at, "attended") for at in ("2024-01-01T10:00", "2024-05-01T10:00")],
                                 columns=["client_id", "starts_at", "status"]),
        "episodes": pd.DataFrame([("a", "e1", "2024-01-01T09:00", "2024-05-01T10:00", "completed")],
                                 columns=["client_id", "episode_id", "opened_at", "closed_at", "closure_reason"])}).timeline
    found = rates(Evidence(timeline), "everyone")
    for moment, expected in (("2024-03-01T09:59", (0, 0)), ("2024-03-01T10:00", (1, 1)), ("2024-05-01T10:00", (1, 0))):
        one = np.array([0]), np.array([second(pd.Timestamp(moment))])
        assert (found.total("ended", *one)[0], found.total("dropped", *one)[0]) == expected, moment


@settings(max_examples=EXAMPLES, deadline=None)
@given(histories, moments)
def test_the_therapist_of_the_moment_and_when_they_last_saw_anybody(history, moment):
    timeline, at = history.timeline, second(moment)
    view = View(Evidence(timeline), everybody(timeline, at))
    times, therapist = timeline.sessions, timeline.therapist
    found = current(view, therapist)
    for episode in range(len(timeline)):
        rows = rows_of(timeline, episode)
        attended = [row for row in rows if times.status[row] == ATTENDED and times.outcome[row] <= at]
        booked = [row for row in rows if times.booked[row] != NEVER and times.booked[row] <= at]
        expected = -1
        for among, when in ((booked, times.booked), (attended, times.outcome)):
            if among:
                last = max(among, key=lambda row: (when[row], times.start[row], therapist[row], timeline.clinic[row]))
                expected = therapist[last] if therapist[last] >= 0 else expected
        assert found[episode] == expected
    for code in range(int(therapist.max(initial=-1)) + 1):
        seen = [times.outcome[row] for row in range(len(therapist))
                if therapist[row] == code and times.status[row] == ATTENDED and times.outcome[row] <= at]
        assert therapists_sessions(view.evidence).last_at(np.array([code]), np.array([at]))[0] == max(seen, default=NEVER)


@settings(max_examples=EXAMPLES, deadline=None)
@given(histories, moments, st.sampled_from([1.0, 7.0, 14.0]))
def test_weekly_moments(history, moment, step_days):
    timeline, until = history.timeline, second(moment)
    found = weekly(timeline, until, step_days)
    expected = []
    for episode in range(len(timeline)):
        outcomes = sorted(timeline.sessions.outcome[row] for row in rows_of(timeline, episode))
        at = until
        while at >= timeline.begins[episode]:
            known = [outcome for outcome in outcomes if outcome <= at]
            latest = max([int(timeline.begins[episode]), *known[-1:]])
            if at < timeline.closed[episode] and at <= latest + SILENT_DAYS * DAY:
                expected.append((episode, at))
            at -= int(step_days * DAY)
    assert sorted(zip(found.episode.tolist(), found.at.tolist(), strict=True)) == sorted(expected)


@settings(max_examples=EXAMPLES // 2, deadline=None)
@given(histories, moments)
def test_open_episodes(history, moment):
    timeline, at = history.timeline, second(moment)
    expected = []
    for position, row in enumerate(timeline.episodes.itertuples()):
        known = [timeline.sessions.first_known[session] for session in rows_of(timeline, position)]
        began = min([*known, int(timeline.recorded_at[position])]) <= at
        undated = pd.isna(row.closed_at) and isinstance(row.closure_reason, str)
        closed = history.known_until if undated else row.closed_at
        if began and (pd.isna(closed) or pd.Timestamp(closed) > moment):
            expected.append(position)
    assert open_at(timeline, at).episode.tolist() == expected


def test_a_return_after_a_long_silence_does_not_bring_back_the_moments_of_the_silence():
    rows = [("stays away", "2024-01-01T10:00"), ("comes back", "2024-01-01T10:00"), ("comes back", "2024-08-01T10:00")]
    timeline = read({
        "sessions": pd.DataFrame([(*row, "attended") for row in rows], columns=["client_id", "starts_at", "status"]),
        "episodes": pd.DataFrame([(c, "e1", "2024-01-01T09:00") for c in ("stays away", "comes back")],
                                 columns=["client_id", "episode_id", "opened_at"])}).timeline
    found = weekly(timeline, second(pd.Timestamp("2024-07-30")))
    names = timeline.episodes["client_id"].to_numpy()[found.episode]
    assert found.at[names == "stays away"].tolist() == found.at[names == "comes back"].tolist()


@settings(max_examples=EXAMPLES // 2, deadline=None)
@given(histories)
def test_moments_at_sessions(history):
    timeline = history.timeline
    for when, earlier in (("before", 1), ("after", 0)):
        found, rows = at_sessions(timeline, when)
        assert rows.tolist() == list(range(len(history.sessions)))
        for row, at, episode in zip(rows, found.at, found.episode, strict=True):
            outcome = timeline.sessions.outcome[row]
            assert at == (timeline.extraction if outcome == FOREVER else outcome - earlier)
            assert episode == timeline.belongs.session[row]
