"""Dropout as leaving without having got better: reliable and clinically significant change at the end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dropout.endings.combine import all_of, any_of
from dropout.endings.definitions import DEFAULT
from dropout.endings.ending import Definition, Endings, last_known, need_column, need_definition
from dropout.endings.judged import tell_apart
from dropout.errors import CallError
from dropout.tables.columns import MEASURES
from dropout.timeline import Timeline
from dropout.timeline.facts import FIXED_POINT

SOURCED = ("phq9", "gad7", "oq45")
"""Symptom questionnaires whose reliable change and cutoff have a source that can be named (see `MEASURES`)."""


@dataclass(frozen=True)
class NoReliableChange:
    """Ended, and no questionnaire had changed for the better by more than chance.

    Improved is who changed by at least the reliable change of one questionnaire between its first and last score of the
    episode (Jacobson and Truax 1991), and got reliably worse on none (as the IAPT manual has it for PHQ-9 and GAD-7). With
    `clinical`, the last score of that one must also have left the clinical range that the first was in: clinically
    significant change; a questionnaire that began below its cutoff then can't tell.

    Parameters
    ----------
    measures : tuple of str
        Questionnaires that count: any of `SOURCED`.
    clinical : bool
        Ask for clinically significant change.
    ended : Definition
        Says that an episode has ended; scores known later than that are not looked at.

    Notes
    -----
    An episode with fewer than two scores of every one of these is not judged. Many agreed endings are dropouts by this rule.
    """

    measures: tuple[str, ...] = SOURCED
    clinical: bool = False
    ended: Definition = DEFAULT

    __or__ = any_of
    __and__ = all_of

    def __post_init__(self) -> None:
        need_definition(self.ended, "ended of NoReliableChange")
        if not isinstance(self.measures, tuple) or not self.measures or any(name not in SOURCED for name in self.measures):
            raise CallError(f"measures of NoReliableChange are {self.measures!r}; expected a tuple of one or more of "
                            f"{', '.join(SOURCED)}: of no other is there a source for both reliable change and cutoff")

    @property
    def name(self) -> str:
        """The definition in words."""
        kind = "clinically significant" if self.clinical else "reliable"
        changes = ", ".join(f"{name} {_direction(name)} by {MEASURES[name].reliable_change:g}"
                            + (f" across {MEASURES[name].cutoff:g}" if self.clinical else "") for name in self.measures)
        return f"no {kind} change at the end ({changes}); ended by: {self.ended.name}"

    @property
    def maturity_days(self) -> int:
        """As long as it takes to know that an episode has ended."""
        return self.ended.maturity_days

    def endings(self, timeline: Timeline) -> Endings:
        """Endings told apart by the change of scores."""
        need_column(timeline, "measures", "score", "the definition 'no-change', NoReliableChange(),",
                    "use a definition that needs no scores, such as MissedLast()")
        found = self.ended.endings(timeline)
        known = last_known(timeline, found)
        better, worse, can_tell = (np.zeros(len(timeline), dtype=bool) for _ in range(3))
        for name in self.measures:
            improved, deteriorated, measured = _change(timeline, name, known, self.clinical)
            better, worse, can_tell = better | improved, worse | deteriorated, can_tell | measured
        return tell_apart(timeline, found, known, ~(better & ~worse), can_tell)


def _direction(name: str) -> str:
    return "up" if MEASURES[name].higher_is == "better" else "down"


def _change(timeline: Timeline, name: str, known: np.ndarray, clinical: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Who improved, who got reliably worse, and of whom it can be told, by one questionnaire's scores until `known`."""
    measure, facts = MEASURES[name], timeline.measure(name)
    episode = np.arange(len(timeline))
    n = facts.count(episode, known)
    measured = n >= 2
    first, last = np.zeros(len(timeline)), np.zeros(len(timeline))
    first[measured] = facts.values["score"][facts.begin(episode)[measured]] / FIXED_POINT
    last[measured] = facts.last("score", episode, known)[measured] / FIXED_POINT
    sign = 1.0 if measure.higher_is == "better" else -1.0
    change = sign * (last - first)
    assert measure.reliable_change is not None and measure.cutoff is not None
    improved, worse = change >= measure.reliable_change, change <= -measure.reliable_change
    if clinical:
        # In the clinical range: at or beyond the cutoff, in the direction that is worse.
        ill_first, ill_last = (sign * score <= sign * measure.cutoff for score in (first, last))
        improved, measured = improved & ill_first & ~ill_last, measured & ill_first
    return measured & improved, (n >= 2) & worse, measured
