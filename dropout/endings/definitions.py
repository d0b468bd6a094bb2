"""What counts as a dropout, as small named objects.

There is no one definition: by three common ones fewer than 1% of clients were dropouts by all (Xiao et al. 2023). So a
definition is an object with a name that is printed into every result, and any object with the attributes of
`Definition` may take its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from dropout.timeline import DAY, FOREVER, NEVER, Timeline, times

ENDINGS = ["dropout", "completed", "service_ended", "administrative", "ongoing"]
DROPOUT, COMPLETED, SERVICE_ENDED, ADMINISTRATIVE, ONGOING = range(len(ENDINGS))

ENDING_OF_REASON = {
    "completed": COMPLETED,
    "client_dropout": DROPOUT,
    "client_declined": DROPOUT,
    "service_ended": SERVICE_ENDED,
    "referred_on": ADMINISTRATIVE,
    "therapist_left": ADMINISTRATIVE,
    "moved": ADMINISTRATIVE,
    "died": ADMINISTRATIVE,
    "other": ADMINISTRATIVE,
}


@dataclass(frozen=True)
class Endings:
    """How each episode ended, as far as was known at the extraction date.

    Attributes
    ----------
    ending : int64 array
        Position in `ENDINGS`.
    at : int64 array
        Second at which it ended: the last attended session of a dropout, the closure of any other. `NEVER` for an
        ongoing episode and for a dropout who attended nothing.
    known : int64 array
        Second at which that became known; `FOREVER` for an ongoing episode.
    """

    ending: np.ndarray
    at: np.ndarray
    known: np.ndarray


class Definition(Protocol):
    """A definition of dropout."""

    @property
    def name(self) -> str:
        """A sentence that can be printed under a result."""

    @property
    def maturity_days(self) -> int:
        """Days after the last attended session before an ending by this definition is known for certain."""

    def endings(self, timeline: Timeline) -> Endings:
        """How each episode of the timeline ended, seen from its extraction date."""


@dataclass(frozen=True)
class Gap:
    """Nothing attended for `days` days before the extraction date, and no session booked ahead.

    For an episode in which nothing was attended, the days count from its beginning.
    """

    days: int = 60

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
        now = np.full(len(timeline), timeline.extraction)
        episode = np.arange(len(timeline))
        last = timeline.took_place.last_at(episode, now)
        silent_from = np.where(last == NEVER, timeline.begins, last)
        due = silent_from + self.days * DAY
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
class ClosureReason:
    """The closure reason where one is recorded; elsewhere whatever `otherwise` says."""

    otherwise: Definition | None = None

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
        nobody = np.full(len(timeline), NEVER)
        rest = (Endings(np.full(len(timeline), ONGOING), nobody, np.full(len(timeline), FOREVER))
                if self.otherwise is None else self.otherwise.endings(timeline))
        reason = timeline.episodes["closure_reason"].map(ENDING_OF_REASON).to_numpy(float)
        recorded = ~np.isnan(reason) & (timeline.closed <= timeline.extraction)
        ending = np.where(recorded, np.nan_to_num(reason).astype(np.int64), rest.ending)
        last = timeline.took_place.last_at(np.arange(len(timeline)), np.full(len(timeline), timeline.extraction))
        at = np.where(recorded, np.where(ending == DROPOUT, last, timeline.closed), rest.at)
        return Endings(ending, at, np.where(recorded, timeline.closed, rest.known))


DEFAULT = ClosureReason(otherwise=Gap(days=60))
"""The closure reason where one is recorded; otherwise nothing attended for 60 days and nothing booked ahead."""


def episodes_table(timeline: Timeline, definition: Definition = DEFAULT) -> pd.DataFrame:
    """One row per episode, with its ending by this definition.

    Returns
    -------
    DataFrame
        client_id, episode_id, opened_at, closed_at, closure_reason, `ending` (one of `ENDINGS`), `ended_at`,
        `known_at`, `never_started` (nothing attended: to be kept apart from dropout in any rate), `n_attended`,
        `first_attended_at`, `last_attended_at`. The name of the definition is in `.attrs["definition"]`.
    """
    found = definition.endings(timeline)
    episode = np.arange(len(timeline))
    now = np.full(len(timeline), timeline.extraction)
    n_attended = timeline.took_place.count(episode, now)
    begin = timeline.took_place.begin(episode)
    first = np.full(len(timeline), NEVER)
    first[n_attended > 0] = timeline.took_place.at[begin[n_attended > 0]]
    table = timeline.episodes[["client_id", "episode_id", "opened_at", "closed_at", "closure_reason"]].copy()
    table["opened_at"] = table["opened_at"].where(table["opened_at"].notna(), timeline.episodes["begins_at"])
    table["ending"] = np.array(ENDINGS)[found.ending]
    table["ended_at"] = times(found.at)
    table["known_at"] = times(np.where(found.known == FOREVER, NEVER, found.known))
    table["never_started"] = n_attended == 0
    table["n_attended"] = n_attended
    table["first_attended_at"] = times(first)
    table["last_attended_at"] = times(timeline.took_place.last_at(episode, now))
    table.attrs["definition"] = definition.name
    return table
