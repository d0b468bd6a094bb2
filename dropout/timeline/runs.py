"""Running reads along facts: how many in a row, how often changed, the usual of the last few.

Each value belongs to a fact and looks only at facts of the same owner that became known no later.
"""

from __future__ import annotations

import numpy as np

from dropout.timeline.facts import DAY, Facts


def running_count(what: np.ndarray, until: np.ndarray, first: np.ndarray) -> np.ndarray:
    """For each fact, how many of `what` there were since the last `until` of the same owner, itself included.

    Parameters
    ----------
    what, until : bool arrays, one per fact, facts in order of owner and time
    first : int64 array
        Position of each owner's first fact (`Facts.first`).
    """
    if not len(what):
        return np.zeros(0, dtype=np.int64)
    total = np.cumsum(what)
    position = np.arange(len(what))
    starts = np.repeat(first[:-1], np.diff(first))
    reset = np.maximum.accumulate(np.where(until, position, -1))
    inside = reset >= starts
    base = np.where(inside, total[np.maximum(reset, 0)], total[starts] - what[starts])
    return (total - base).astype(np.int64)


def running_maximum(values: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """For each fact, the largest value of the same owner so far, itself included (int64).

    Parameters
    ----------
    values, owner : int64 arrays, one per fact, facts in order of owner
    """
    if not len(values):
        return np.zeros(0, dtype=np.int64)
    # Each owner's values are lifted above those of all before, so that one pass serves all owners.
    lowest, span = int(values.min()), int(values.max()) - int(values.min()) + 1
    rank = np.cumsum(np.r_[0, owner[1:] != owner[:-1]])
    if span * (int(rank[-1]) + 1) > np.iinfo(np.int64).max:
        raise OverflowError("times are too far apart for so many clients")
    lifted = np.maximum.accumulate(values - lowest + rank * span)
    return lifted - rank * span + lowest


def runs_of(facts: Facts, name: str) -> tuple[np.ndarray, np.ndarray]:
    """For each fact, how often a code has changed so far, and how many facts in a row have had the present one.

    A code of -1 is unknown: the one before goes on.
    """
    n = len(facts)
    if not n:
        return np.zeros(0), np.zeros(0)
    start = facts.first[facts.owner]
    latest = np.maximum.accumulate(np.where(facts.values[name] >= 0, np.arange(n), -1))
    values = np.where(latest >= start, facts.values[name][np.maximum(latest, 0)], -1)
    same_owner = np.r_[False, facts.owner[1:] == facts.owner[:-1]]
    changed = np.r_[False, (values[1:] != values[:-1]) & (values[:-1] >= 0)] & same_owner
    total = np.cumsum(changed)
    begin = np.maximum.accumulate(np.where(changed | ~same_owner, np.arange(n), 0))
    return (total - total[start]).astype(float), (np.arange(n) - begin + 1).astype(float)


def median_of_last_gaps(attended: Facts, last: int = 5) -> np.ndarray:
    """Median in days of the last few gaps up to each attended session; NaN at the first of an episode."""
    gap = np.where(attended.values["gap"] < 0, np.nan, attended.values["gap"] / DAY)
    result = np.full(len(gap), np.nan)
    if not len(gap):
        return result
    rank = np.arange(len(gap)) - attended.first[attended.owner]
    columns = np.full((len(gap), last), np.nan)
    for back in range(last):
        there = rank > back
        columns[there, back] = gap[np.flatnonzero(there) - back]
    some = rank > 0
    result[some] = np.nanmedian(columns[some], axis=1)
    return result
