"""What happened after a moment: plain loops, and nothing written down as "no" that is only "not yet known"."""

from __future__ import annotations

import os

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from random_histories import histories, moments, second

from dropout.endings import (
    DEFAULT,
    DROPOUT,
    ONGOING,
    CadenceGap,
    ClosureReason,
    DischargePolicy,
    FewerThan,
    Gap,
    MissedLast,
)
from dropout.endings.labels import HORIZONS, days_to_return, never_again, risk_labels
from dropout.features.booking import n_ahead
from dropout.features.view import Evidence, View
from dropout.timeline import DAY, Moments, Timeline
from dropout.timeline.timeline import ATTENDED

EXAMPLES = int(os.environ.get("ENDINGS_EXAMPLES", "60"))
definitions = st.sampled_from([
    DEFAULT, Gap(30), Gap(60), ClosureReason(Gap(14)), CadenceGap(2, 14, 60), MissedLast(Gap(30)), FewerThan(3),
    DEFAULT | Gap(90), DEFAULT & MissedLast(), DischargePolicy(DEFAULT, 2)])


def attended(timeline: Timeline, episode: int) -> list[int]:
    """Seconds at which the attended sessions of an episode took place, as known at the extraction date."""
    times = timeline.sessions
    return sorted(int(times.start[row]) for row, owner in enumerate(timeline.belongs.session)
                  if owner == episode and times.status[row] == ATTENDED and times.outcome[row] <= timeline.extraction)


def asked_about(timeline: Timeline, seconds: list[int]) -> Moments:
    """Every episode at each of these seconds after it began."""
    pairs = [(episode, at) for episode in range(len(timeline)) for at in seconds if timeline.begins[episode] <= at]
    return Moments(np.array([e for e, _ in pairs], dtype=np.int64), np.array([at for _, at in pairs], dtype=np.int64))


@settings(max_examples=EXAMPLES, deadline=None)
@given(histories, st.lists(moments, min_size=1, max_size=4), definitions)
def test_risk_labels_are_plain_loops(history, asked, definition):
    timeline = history.timeline
    where = asked_about(timeline, [second(moment) for moment in asked])
    found = risk_labels(timeline, definition, where)
    endings = definition.endings(timeline).ending
    for k, (episode, at) in enumerate(zip(where.episode, where.at, strict=True)):
        last = max(attended(timeline, episode), default=None)
        interval = len(HORIZONS)
        if endings[episode] == DROPOUT:
            interval = next((j for j, days in enumerate(HORIZONS) if last is None or last <= at + days * DAY), interval)
        assert found.interval[k] == interval
        for j, days in enumerate(HORIZONS):
            reach = at + days * DAY
            came_later = last is not None and last > reach
            mature = reach + definition.maturity_days * DAY <= timeline.extraction
            assert found.known[k, j] == (mature and (endings[episode] != ONGOING or came_later))


@settings(max_examples=EXAMPLES, deadline=None)
@given(histories, st.lists(moments, min_size=1, max_size=4))
def test_by_the_default_all_that_is_mature_is_known_but_who_is_still_booked(history, asked):
    timeline = history.timeline
    where = asked_about(timeline, [second(moment) for moment in asked])
    found = risk_labels(timeline, DEFAULT, where)
    end = np.full(len(where), timeline.extraction)
    booked = n_ahead(View(Evidence(timeline), Moments(where.episode, end))) > 0
    last = np.array([max(attended(timeline, episode), default=0) for episode in where.episode])
    for j, days in enumerate(HORIZONS):
        reach = where.at + days * DAY
        mature = reach <= timeline.extraction - 60 * DAY
        assert not found.known[~mature, j].any()
        assert (found.known[:, j] | booked)[mature].all()
        assert found.known[:, j][mature & (last > reach)].all(), "a return is known whatever became of them"


@settings(max_examples=EXAMPLES, deadline=None)
@given(histories, st.lists(moments, min_size=1, max_size=4), definitions)
def test_never_again_and_days_to_return_are_plain_loops(history, asked, definition):
    timeline = history.timeline
    where = asked_about(timeline, [second(moment) for moment in asked])
    gone, known = never_again(timeline, definition, where)
    days = days_to_return(timeline, where)
    endings = definition.endings(timeline).ending
    for k, (episode, at) in enumerate(zip(where.episode, where.at, strict=True)):
        later = [start for start in attended(timeline, episode) if start > at]
        assert gone[k] == (not later)
        mature = at + definition.maturity_days * DAY <= timeline.extraction
        assert known[k] == (mature and (bool(later) or endings[episode] != ONGOING))
        assert days[k] == ((later[0] - at) / DAY if later else np.inf)


@settings(max_examples=EXAMPLES // 2, deadline=None)
@given(histories, moments)
def test_labels_of_the_intervals_are_of_a_kind(history, moment):
    """Once an interval is known, all before it are; and the intervals are the steps of one time."""
    timeline = history.timeline
    found = risk_labels(timeline, DEFAULT, asked_about(timeline, [second(moment)]))
    assert (found.known[:, :-1] >= found.known[:, 1:]).all()
    assert ((0 <= found.interval) & (found.interval <= len(HORIZONS))).all()
