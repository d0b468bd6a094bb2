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
from dropout.features.therapist import SHRINKAGE, STAGES, compute, current, departures, therapists_sessions
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


def test_a_session_that_starts_now_does_not_stand_ahead():
    timeline = read({"sessions": pd.DataFrame(
        [("a", "2024-02-01T10:00", "scheduled", "2024-01-01T10:00"), ("a", "2024-01-10T10:00", "scheduled", "2024-01-02T10:00"),
         ("b", "2024-01-20T10:00", "attended", None)], columns=["client_id", "starts_at", "status", "booked_at"])}).timeline
    for moment, n, start in (("2024-01-10T09:59:59", 2, "2024-01-10T10:00"), ("2024-01-10T10:00", 1, "2024-02-01T10:00")):
        view = View(Evidence(timeline), Moments(np.array([0]), np.array([second(pd.Timestamp(moment))])))
        assert n_ahead(view)[0] == n
        assert next_start(view, n_ahead(view))[0] == second(pd.Timestamp(start))


def left_slowly(timeline: Timeline, at: int, gap: int) -> list[tuple[int, int, bool]]:
    """(row, how many sessions the client had attended, whether they left after it) of each attended session, as known then."""
    found = []
    times = timeline.sessions
    for episode in range(len(timeline)):
        reason = timeline.episodes["closure_reason"].iloc[episode]
        seen = [row for row in rows_of(timeline, episode) if times.status[row] == ATTENDED and times.outcome[row] <= at]
        seen.sort(key=lambda row: (times.outcome[row], times.start[row], timeline.therapist[row]))
        for k, row in enumerate(seen):
            closed = int(timeline.closed[episode]) if isinstance(reason, str) else FOREVER
            if closed < times.outcome[row]:
                closed = FOREVER  # the client was seen after it
            again = times.outcome[seen[k + 1]] if k + 1 < len(seen) else FOREVER
            if again <= at and again <= closed:
                found.append((row, k + 1, False))
            elif closed <= at:
                found.append((row, k + 1, ENDING_OF_REASON[reason] == DROPOUT))
            elif max(times.start[other] for other in seen[: k + 1]) + gap <= at:
                found.append((row, k + 1, True))
    return found


def stage_of(number: int) -> int:
    return max(k for k, first in enumerate(STAGES) if first <= number)


@settings(max_examples=EXAMPLES, deadline=None)
@given(histories, st.lists(moments, min_size=1, max_size=3), st.sampled_from([30, 60]))
def test_who_left_as_known_then(history, asked, gap_days):
    timeline = history.timeline
    evidence = Evidence(timeline, gap_days=gap_days)
    codes = {"therapist": timeline.therapist, "clinic": timeline.clinic, "everyone": np.zeros(len(timeline.therapist), int)}
    for at in map(second, asked):
        known = left_slowly(timeline, at, gap_days * DAY)
        for of, code in codes.items():
            for owner in range(-1, int(code.max(initial=0)) + 1):
                one = np.array([owner]), np.array([at])
                for stage in range(len(STAGES)):
                    mine = [left for row, number, left in known
                            if code[row] == owner and owner >= 0 and stage_of(number) == stage]
                    assert departures(evidence, of).total(f"at_risk_{stage}", *one)[0] == len(mine)
                    assert departures(evidence, of).total(f"left_{stage}", *one)[0] == sum(mine)


@settings(max_examples=EXAMPLES, deadline=None)
@given(histories, moments)
def test_dropouts_observed_against_those_expected(history, moment):
    timeline, at = history.timeline, second(moment)
    view = View(Evidence(timeline), everybody(timeline, at))
    columns, known = compute(view), left_slowly(timeline, at, 60 * DAY)
    for of, code in (("therapist", timeline.therapist), ("clinic", timeline.clinic)):
        if f"{of}_id" not in timeline.tables.sessions:
            assert f"{of}_dropout_ratio" not in columns
            continue
        for episode, owner in enumerate(current(view, code)):
            mine = [(number, left) for row, number, left in known if owner >= 0 and code[row] == owner]
            expected = 0.0
            for number, _ in mine:
                alike = [left for _, other, left in known if stage_of(other) == stage_of(number)]
                expected += sum(alike) / len(alike)
            ratio = (sum(left for _, left in mine) + SHRINKAGE) / (expected + SHRINKAGE)
            np.testing.assert_allclose(columns[f"{of}_dropout_ratio"][episode], ratio, rtol=1e-12)


def test_a_client_who_comes_back_on_the_second_of_the_closure_has_not_left():
    timeline = read({
        "sessions": pd.DataFrame([("a", at, "attended") for at in ("2024-01-01T10:00", "2024-05-01T10:00")],
                                 columns=["client_id", "starts_at", "status"]),
        "episodes": pd.DataFrame([("a", "e1", "2024-01-01T09:00", "2024-05-01T10:00", "client_dropout")],
                                 columns=["client_id", "episode_id", "opened_at", "closed_at", "closure_reason"])}).timeline
    found = departures(Evidence(timeline), "everyone")
    for moment, first, next_one in (("2024-03-01T09:59", (0, 0), (0, 0)), ("2024-03-01T10:00", (1, 1), (0, 0)),
                                    ("2024-05-01T10:00", (1, 0), (1, 1))):
        one = np.array([0]), np.array([second(pd.Timestamp(moment))])
        for stage, expected in enumerate((first, next_one)):
            assert (found.total(f"at_risk_{stage}", *one)[0], found.total(f"left_{stage}", *one)[0]) == expected, moment


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
