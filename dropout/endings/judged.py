"""Which of the endings are dropouts: rules about what kind of an end it was, once something else says that it is one.

Each of these takes an episode that has ended by `ended` (the default definition, if nothing else is said). An ending that
others made stands, service_ended or administrative; of the rest, the rule says which are dropouts and calls
the others completed, whatever name the clinician gave them. It is judged by what was known when the ending became known.
Who attended nothing is left as `ended` says: never started is no dropout and no completion.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dropout.endings.combine import all_of, any_of
from dropout.endings.definitions import DEFAULT
from dropout.endings.ending import (
    COMPLETED,
    DROPOUT,
    ONGOING,
    Definition,
    Endings,
    last_known,
    need_column,
    need_definition,
    whole_number,
)
from dropout.timeline import FOREVER, NEVER, Timeline
from dropout.timeline.timeline import CLINIC_CANCEL


def tell_apart(timeline: Timeline, found: Endings, known: np.ndarray, left: np.ndarray, can_tell: np.ndarray) -> Endings:
    """Endings with those that a client may have made split into dropout and completed.

    Parameters
    ----------
    timeline : Timeline
    found : Endings
        That an episode has ended, and when.
    known : int64 array
        Second by which the rule had what it needs.
    left, can_tell : bool arrays
        Whether each episode is a dropout by the rule, and whether the rule could say so.
    """
    episode = np.arange(len(timeline))
    seen = timeline.attended.last("seen", episode, known, missing=NEVER)
    asked = np.isin(found.ending, (DROPOUT, COMPLETED)) & (seen != NEVER)
    told = asked & can_tell
    unsure = asked & ~can_tell & (found.ending == DROPOUT)
    ending = np.where(told, np.where(left, DROPOUT, COMPLETED), np.where(unsure, ONGOING, found.ending))
    at = np.where(told & ~(~left & (found.ending == COMPLETED)), seen, np.where(unsure, NEVER, found.at))
    return Endings(ending, at, np.where(told, known, np.where(unsure, FOREVER, found.known)),
                   found.can_tell & (can_tell | (seen == NEVER)))


@dataclass(frozen=True)
class MissedLast:
    """Ended, and the last thing that became of any appointment was a no-show or a cancellation by the client.

    An appointment that the clinic cancelled counts for nothing. A cancellation is taken on the day it is made, so who
    cancels one day and attends on an earlier one after that has not missed the last. Meta-analyses found the lowest rates
    by rules of this kind (Wierzbicki and Pekarik 1993).
    """

    ended: Definition = DEFAULT

    __or__ = any_of
    __and__ = all_of

    def __post_init__(self) -> None:
        need_definition(self.ended, "ended of MissedLast")

    @property
    def name(self) -> str:
        """The definition in words."""
        return f"last appointment missed or cancelled by the client; ended by: {self.ended.name}"

    @property
    def maturity_days(self) -> int:
        """As long as it takes to know that an episode has ended."""
        return self.ended.maturity_days

    def endings(self, timeline: Timeline) -> Endings:
        """Endings told apart by the last appointment."""
        found = self.ended.endings(timeline)
        known = last_known(timeline, found)
        outcomes = timeline.outcomes
        counts = outcomes.values["status"] != CLINIC_CANCEL
        place = np.maximum.accumulate(np.where(counts, np.arange(len(outcomes)), -1)) if len(outcomes) else np.zeros(0, int)
        episode = np.arange(len(timeline))
        position = outcomes.position(episode, known) - 1
        there = position >= outcomes.begin(episode)
        last = np.full(len(timeline), -1)
        last[there] = place[position[there]]
        there &= last >= outcomes.begin(episode)
        missed = np.zeros(len(timeline), dtype=bool)
        missed[there] = outcomes.values["missed"][last[there]]
        return tell_apart(timeline, found, known, missed, np.ones(len(timeline), dtype=bool))


@dataclass(frozen=True)
class FewerThan:
    """Ended, with fewer than `n` sessions attended.

    Gonzalez Salas Duhne et al. (2022) took three or fewer, which is `FewerThan(4)`. Nobody can be a dropout by it from
    the n-th session on, so it is no use for predicting who will leave later.
    """

    n: int = 4
    ended: Definition = DEFAULT

    __or__ = any_of
    __and__ = all_of

    def __post_init__(self) -> None:
        whole_number(self.n, 1, "n of FewerThan")
        need_definition(self.ended, "ended of FewerThan")

    @property
    def name(self) -> str:
        """The definition in words."""
        return f"fewer than {self.n} attended sessions; ended by: {self.ended.name}"

    @property
    def maturity_days(self) -> int:
        """As long as it takes to know that an episode has ended."""
        return self.ended.maturity_days

    def endings(self, timeline: Timeline) -> Endings:
        """Endings told apart by the number of sessions."""
        found = self.ended.endings(timeline)
        known = last_known(timeline, found)
        attended = timeline.attended.count(np.arange(len(timeline)), known)
        return tell_apart(timeline, found, known, attended < self.n, np.ones(len(timeline), dtype=bool))


@dataclass(frozen=True)
class PlannedNotReached:
    """Ended, with fewer sessions attended than were planned at the opening (`episodes.planned_sessions`).

    An episode without a plan is not judged. Who got well early is a dropout by this rule.
    """

    ended: Definition = DEFAULT

    __or__ = any_of
    __and__ = all_of

    def __post_init__(self) -> None:
        need_definition(self.ended, "ended of PlannedNotReached")

    @property
    def name(self) -> str:
        """The definition in words."""
        return f"fewer attended sessions than planned; ended by: {self.ended.name}"

    @property
    def maturity_days(self) -> int:
        """As long as it takes to know that an episode has ended."""
        return self.ended.maturity_days

    def endings(self, timeline: Timeline) -> Endings:
        """Endings told apart by the plan."""
        need_column(timeline, "episodes", "planned_sessions", "the definition 'plan', PlannedNotReached(),",
                    "use a definition that needs no plan, such as FewerThan(4)")
        found = self.ended.endings(timeline)
        planned = timeline.episodes["planned_sessions"].to_numpy(float)
        there = ~np.isnan(planned)
        # A plan that was written down after the ending was known is known only then.
        known = last_known(timeline, found)
        known = np.where(there & (timeline.recorded_at < FOREVER), np.maximum(known, timeline.recorded_at), known)
        attended = timeline.attended.count(np.arange(len(timeline)), known)
        return tell_apart(timeline, found, known, attended < np.nan_to_num(planned), there)
