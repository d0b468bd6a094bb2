"""When predictions are asked: on a date, week by week while an episode is open, and just before or after a session."""

from __future__ import annotations

import numpy as np

from dropout.timeline import DAY, FOREVER, Moments, Timeline

WEEK = 7 * DAY

SILENT_DAYS = 120
"""Days since anything was due or done after which weekly moments of an episode nobody closed tell nothing new."""


def open_at(timeline: Timeline, at: int) -> Moments:
    """One moment for each episode that had begun by `at` and was not closed by then."""
    episode = np.flatnonzero((timeline.begins <= at) & (timeline.closed > at))
    return Moments(episode, np.full(len(episode), at))


def weekly(timeline: Timeline, until: int, step_days: float = 7.0) -> Moments:
    """Moments at a fixed step back from `until` at which each episode was open.

    A job that runs every night asks on arbitrary days, so the grid is the calendar's, not the client's. Long after
    the last session of an episode that nobody closed, moments stop: they would only repeat one another. Whether it is
    long after is judged by what was known at the moment: if a return years later kept the moments of the silence before
    it, there would be long silences of those who came back and none of those who did not.
    """
    step = int(step_days * DAY)
    everything = np.arange(len(timeline))
    end_of_time = np.full(len(timeline), timeline.extraction)
    last = _latest_known(timeline, Moments(everything, end_of_time)) + SILENT_DAYS * DAY
    stop = np.minimum(np.minimum(timeline.closed - 1, last), until)
    # Positions on the grid until - k * step that lie within [begins, stop].
    latest = np.ceil((until - stop) / step).astype(np.int64)
    earliest = np.floor((until - timeline.begins) / step).astype(np.int64)
    count = np.maximum(earliest - latest + 1, 0)
    episode = np.repeat(everything, count)
    offset = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    moments = Moments(episode, until - (np.repeat(latest, count) + offset) * step)
    return moments.take(moments.at <= _latest_known(timeline, moments) + SILENT_DAYS * DAY)


def _latest_known(timeline: Timeline, moments: Moments) -> np.ndarray:
    """Second at which the last outcome known at each moment became known; the episode's beginning before the first."""
    latest = timeline.outcomes.last_at(moments.episode, moments.at)
    return np.maximum(latest, timeline.begins[moments.episode])


def at_sessions(timeline: Timeline, when: str) -> tuple[Moments, np.ndarray]:
    """Moments one second before (`when="before"`) or at (`"after"`) the outcome of each session, and the rows.

    Sessions that still stand ahead are asked about at the extraction date.
    """
    rows = np.flatnonzero(timeline.belongs.session >= 0)
    outcome = timeline.sessions.outcome[rows]
    known = np.where(outcome >= FOREVER, timeline.extraction, outcome)
    if when == "before":
        known = np.where(outcome >= FOREVER, known, known - 1)
    return Moments(timeline.belongs.session[rows], known), rows
