"""What counts as a dropout, as small named objects: the clinician's word, silence, and the default made of both.

There is no one definition: by three common ones fewer than 1% of clients were dropouts by all (Xiao et al. 2023). So a
definition is an object with a name that is printed into every result, and any object with the attributes of
`Definition` may take its place. Definitions are put together with `|` and `&` (see `dropout.endings.combine`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dropout.endings.combine import all_of, any_of
from dropout.endings.ending import (
    DROPOUT,
    ENDING_OF_REASON,
    ONGOING,
    Definition,
    Endings,
    need_column,
    need_definition,
    recorded_endings,
    whole_number,
)
from dropout.timeline import DAY, FOREVER, NEVER, Timeline

__all__ = ["DEFAULT", "DROPOUT", "ENDING_OF_REASON", "ONGOING", "ClosureReason", "Definition", "Gap", "UnlessRecorded",
           "silent_for"]


def silent_for(timeline: Timeline, span: np.ndarray) -> Endings:
    """Endings by silence: nothing attended for `span` seconds (one an episode), and nothing booked ahead.

    For an episode in which nothing was attended, the seconds count from its beginning.
    """
    now = np.full(len(timeline), timeline.extraction)
    episode = np.arange(len(timeline))
    last = timeline.took_place.last_at(episode, now)
    due = np.where(last == NEVER, timeline.begins, last) + span
    ahead = timeline.bookings.count(episode, now) - timeline.releases.count(episode, now)
    lapsed = timeline.releases.last_at(episode, now)
    told = timeline.attended.last_at(episode, now)
    gone = (due <= now) & (ahead == 0)
    return Endings(
        ending=np.where(gone, DROPOUT, ONGOING),
        at=np.where(gone, last, NEVER),
        known=np.where(gone, np.maximum(np.maximum(due, lapsed), told), FOREVER),
    )


@dataclass(frozen=True)
class Gap:
    """Nothing attended for `days` days before the extraction date, and no session booked ahead.

    For an episode in which nothing was attended, the days count from its beginning. The calendar alone is looked at: a
    planned ending is followed by silence too and is a dropout by this rule. Where closures are recorded, use it inside
    another one: `ClosureReason(otherwise=Gap(60))`, which is the default, or `UnlessRecorded(Gap(60))`.
    """

    days: int = 60

    __or__ = any_of
    __and__ = all_of

    def __post_init__(self) -> None:
        whole_number(self.days, 1, "the days of a Gap")

    @property
    def name(self) -> str:
        """The definition in words."""
        return f"no attended session for {self.days} days and none booked ahead"

    @property
    def maturity_days(self) -> int:
        """The gap itself."""
        return self.days

    def endings(self, timeline: Timeline) -> Endings:
        """Endings by the gap alone: `dropout` or `ongoing`."""
        return silent_for(timeline, np.full(len(timeline), self.days * DAY))


@dataclass(frozen=True)
class ClosureReason:
    """The closure reason where one is recorded; elsewhere whatever `otherwise` says.

    Without `otherwise`, an episode whose reason is missing is ongoing, and not judged if its file is closed. Reasons are not
    missing at random: of UK primary-care clients 32% were declared dropouts, 50% when missing endings were counted
    (Connell et al. 2006).
    """

    otherwise: Definition | None = None

    __or__ = any_of
    __and__ = all_of

    def __post_init__(self) -> None:
        if self.otherwise is not None:
            need_definition(self.otherwise, "otherwise of ClosureReason")

    @property
    def name(self) -> str:
        """The definition in words."""
        rest = "ongoing" if self.otherwise is None else self.otherwise.name
        return f"closure reason where recorded; otherwise {rest}"

    @property
    def maturity_days(self) -> int:
        """As long as the definition needs that decides where nothing is recorded."""
        return 0 if self.otherwise is None else self.otherwise.maturity_days

    def endings(self, timeline: Timeline) -> Endings:
        """Endings by the reason on record, else by the other definition."""
        if self.otherwise is None:
            need_column(timeline, "episodes", "closure_reason", "the definition 'closure', ClosureReason(),",
                        "say what counts where no reason is recorded: ClosureReason(otherwise=Gap(60))")
            nobody = np.full(len(timeline), NEVER)
            rest = Endings(np.full(len(timeline), ONGOING), nobody, np.full(len(timeline), FOREVER),
                           timeline.closed > timeline.extraction)
        else:
            rest = self.otherwise.endings(timeline)
        code = recorded_endings(timeline)
        last = timeline.took_place.last_at(np.arange(len(timeline)), np.full(len(timeline), timeline.extraction))
        return _where_recorded(timeline, code >= 0, code, np.where(code == DROPOUT, last, timeline.closed), rest)


@dataclass(frozen=True)
class UnlessRecorded:
    """What `rule` says, unless another ending than dropout is on record: that one stands.

    Silence after a planned ending is no dropout. Unlike `ClosureReason(otherwise=rule)`, the clinician's word that the
    client left counts for nothing here: the rule decides.
    """

    rule: Definition

    __or__ = any_of
    __and__ = all_of

    def __post_init__(self) -> None:
        need_definition(self.rule, "the rule of UnlessRecorded")

    @property
    def name(self) -> str:
        """The definition in words."""
        return f"{self.rule.name}, unless another ending is recorded"

    @property
    def maturity_days(self) -> int:
        """As long as the rule needs."""
        return self.rule.maturity_days

    def endings(self, timeline: Timeline) -> Endings:
        """The completed, service_ended and administrative endings on record, else those of the rule."""
        code = recorded_endings(timeline)
        return _where_recorded(timeline, (code >= 0) & (code != DROPOUT), code, timeline.closed, self.rule.endings(timeline))


def _where_recorded(timeline: Timeline, recorded: np.ndarray, code: np.ndarray, at: np.ndarray, rest: Endings) -> Endings:
    """The ending on record where there is one, known at the closure, else the rest."""
    return Endings(np.where(recorded, code, rest.ending), np.where(recorded, at, rest.at),
                   np.where(recorded, timeline.closed, rest.known),
                   None if rest.judged is None else rest.judged | recorded)


DEFAULT = ClosureReason(otherwise=Gap(days=60))
"""The closure reason where one is recorded; otherwise nothing attended for 60 days and nothing booked ahead."""
