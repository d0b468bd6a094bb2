"""Discharge policies: "three missed and you are out" ends episodes that no client ended.

Where a clinic discharges after so many missed sessions in a row, missing them is the ending, and whoever predicts it from
missed sessions predicts the rule. So such an episode is an ending by the service, known at the miss that brought it about,
and competes with dropout. Predictions made after that miss are about somebody already discharged.
"""

from __future__ import annotations

from dataclasses import dataclass, is_dataclass
from typing import Any

import numpy as np

from dropout.endings.combine import all_of, any_of
from dropout.endings.ending import (
    DROPOUT,
    ONGOING,
    SERVICE_ENDED,
    Definition,
    Endings,
    last_activity,
    need_definition,
    whole_number,
)
from dropout.errors import CallError
from dropout.timeline import Moments, Timeline
from dropout.timeline.runs import running_count
from dropout.timeline.timeline import STATUSES

MISSES = ("no_show", "late_cancel", "client_cancel")


@dataclass(frozen=True)
class DischargePolicy:
    """`definition`, at a clinic that discharges after `missed` sessions missed in a row.

    Parameters
    ----------
    definition : Definition
        What counts as a dropout otherwise.
    missed : int
        Misses in a row, with nothing attended in between, at which the clinic ends the episode.
    counting : tuple of str
        What counts as a miss: any of `no_show`, `late_cancel`, `client_cancel`. Other appointments neither count nor break
        the row.

    Notes
    -----
    The policy was applied where nothing was attended and nothing booked after the miss in question. Endings that were known
    before it stand, and so do completed and administrative ones. The episode ended, and that was known, at the outcome of
    that session.
    """

    definition: Definition
    missed: int = 3
    counting: tuple[str, ...] = ("no_show", "late_cancel")

    __or__ = any_of
    __and__ = all_of

    def __post_init__(self) -> None:
        whole_number(self.missed, 1, "missed of a DischargePolicy")
        need_definition(self.definition, "the definition of a DischargePolicy")
        if not isinstance(self.counting, tuple) or not self.counting or any(name not in MISSES for name in self.counting):
            raise CallError(f"counting of a DischargePolicy is {self.counting!r}; expected a tuple of: {', '.join(MISSES)}")

    @property
    def name(self) -> str:
        """The definition in words."""
        return (f"{self.definition.name}; ended by the service where the clinic discharges after {self.missed} missed in a row "
                f"({', '.join(self.counting)})")

    @property
    def maturity_days(self) -> int:
        """As long as the definition needs where the policy was not applied."""
        return self.definition.maturity_days

    def endings(self, timeline: Timeline) -> Endings:
        """Endings by the definition, and `service_ended` where the policy ended the episode first."""
        found = self.definition.endings(timeline)
        everybody = Moments(np.arange(len(timeline)), np.full(len(timeline), timeline.extraction))
        at, reached, came_back = self.discharges(timeline, everybody)
        first = (reached & ~came_back & (at < found.known)
                 & np.isin(found.ending, (DROPOUT, ONGOING, SERVICE_ENDED)))
        # Until a client came back after all, the policy seemed to have been applied.
        known = np.where(came_back & (found.ending != ONGOING), np.maximum(found.known, last_activity(timeline)), found.known)
        return Endings(np.where(first, SERVICE_ENDED, found.ending), np.where(first, at, found.at),
                       np.where(first, at, known), None if found.judged is None else found.judged | first)

    def discharges(self, timeline: Timeline, moments: Moments) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What was known of discharges at each moment.

        Returns
        -------
        at : int64 array
            Second of the latest miss at which the policy applies; 0 where there was none.
        reached, came_back : bool arrays
            Whether there was one, and whether the client has attended or booked since.
        """
        outcomes, episode = timeline.outcomes, moments.episode
        counted = np.isin(outcomes.values["status"], [STATUSES.index(name) for name in self.counting])
        run = running_count(counted, outcomes.values["attended"], outcomes.first)
        latest = np.where(counted & (run == self.missed), np.arange(len(outcomes)), -1)
        position = outcomes.position(episode, moments.at) - 1
        miss = np.full(len(moments), -1)
        some = position >= outcomes.begin(episode)
        miss[some] = np.maximum.accumulate(latest)[position[some]]
        reached = some & (miss >= outcomes.begin(episode))
        at = np.zeros(len(moments), dtype=np.int64)
        at[reached] = outcomes.at[miss[reached]]
        # Attended or booked in the very second counts: systems that move an appointment write both down at once.
        came_back = np.any([facts.count(episode, moments.at) > facts.count(episode, at - 1)
                            for facts in (timeline.attended, timeline.bookings)], axis=0)
        return at, reached, reached & came_back


def discharged(definition: Definition, timeline: Timeline, moments: Moments) -> np.ndarray:
    """Whether the clinic had discharged the client by each moment, by a policy in the definition or any part of it (mask).

    Whoever has been discharged can't be predicted any more to leave, so such moments belong in no evaluation.
    """
    found = np.zeros(len(moments), dtype=bool)
    if isinstance(definition, DischargePolicy):
        _, reached, came_back = definition.discharges(timeline, moments)
        found |= reached & ~came_back
    held: list[Any] = list(vars(definition).values()) if is_dataclass(definition) else []
    for value in held:
        for part in value if isinstance(value, tuple) else (value,):
            if callable(getattr(part, "endings", None)):
                found |= discharged(part, timeline, moments)
    return found
