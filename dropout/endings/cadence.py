"""Silence measured against the client's own pace: a month means one thing to a weekly client, another to a monthly one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dropout.endings.combine import all_of, any_of
from dropout.endings.definitions import silent_for
from dropout.endings.ending import Endings, whole_number
from dropout.errors import CallError
from dropout.timeline import DAY, Timeline
from dropout.timeline.runs import median_of_last_gaps


@dataclass(frozen=True)
class CadenceGap:
    """Nothing attended for `times` the client's own usual interval, and no session booked ahead.

    The usual interval is the median of the last five between attended sessions of the episode. The silence asked for is
    never shorter than `at_least` days nor longer than `at_most`; who was seen fewer than two times has no interval yet, and
    `at_most` days are asked for. The calendar alone is looked at, as by `Gap`: where closures are recorded, use
    `UnlessRecorded(CadenceGap())`.
    """

    times: float = 3.0
    at_least: int = 30
    at_most: int = 120

    __or__ = any_of
    __and__ = all_of

    def __post_init__(self) -> None:
        whole_number(self.at_least, 1, "at_least of a CadenceGap")
        whole_number(self.at_most, self.at_least, "at_most of a CadenceGap")
        if isinstance(self.times, bool) or not (isinstance(self.times, int | float) and 0 < self.times < np.inf):
            raise CallError(f"times of a CadenceGap is {self.times!r}; expected a number above 0")

    @property
    def name(self) -> str:
        """The definition in words."""
        return (f"no attended session for {self.times:g} times the client's usual interval (at least {self.at_least} days, at "
                f"most {self.at_most}, and as many where no interval is known) and none booked ahead")

    @property
    def maturity_days(self) -> int:
        """The longest silence that is ever asked for."""
        return self.at_most

    def endings(self, timeline: Timeline) -> Endings:
        """Endings by the silence alone: `dropout` or `ongoing`."""
        return silent_for(timeline, self.silence(timeline))

    def silence(self, timeline: Timeline) -> np.ndarray:
        """Seconds of silence asked for in each episode, by what was attended until the extraction date."""
        attended = timeline.attended
        episode = np.arange(len(timeline))
        position = attended.position(episode, np.full(len(timeline), timeline.extraction)) - 1
        seen = position >= attended.begin(episode)
        usual = np.full(len(timeline), np.nan)
        usual[seen] = median_of_last_gaps(attended)[position[seen]]
        days = np.clip(np.where(np.isnan(usual), np.inf, self.times * usual), self.at_least, self.at_most)
        return np.ceil(days * DAY - 1e-6).astype(np.int64)
