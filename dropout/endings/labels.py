"""What happened after a moment, as far as it was known at the extraction date.

Nothing is written down as "no" that is only "not yet known": with a definition that needs G days, everything is censored
at the extraction date less G.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dropout.endings.definitions import DROPOUT, ONGOING, Definition
from dropout.timeline import DAY, NEVER, Moments, Timeline

HORIZONS = (0, 30, 60, 90)
"""Days after a moment by which a dropout may have attended for the last time; 0 is "already has"."""


@dataclass(frozen=True)
class RiskLabels:
    """Dropout after moments, in the intervals between `HORIZONS`.

    Attributes
    ----------
    interval : int64 array
        0: the client drops out and had already attended their last session; 1, 2, 3: they drop out and attend it in
        the 1st, 2nd or 3rd interval after; 4: none of these.
    known : bool array, moments by four
        Whether it is known that the last session falls into an interval or not.
    """

    interval: np.ndarray
    known: np.ndarray


def risk_labels(timeline: Timeline, definition: Definition, moments: Moments) -> RiskLabels:
    """In which interval after each moment a dropout attended for the last time, and which intervals are known."""
    found = definition.endings(timeline)
    end = np.full(len(timeline), timeline.extraction)
    last = timeline.took_place.last_at(np.arange(len(timeline)), end)[moments.episode]
    last = np.where(last == NEVER, moments.at - 1, last)
    ending = found.ending[moments.episode]
    interval = np.full(len(moments), len(HORIZONS))
    for k in reversed(range(len(HORIZONS))):
        interval[(ending == DROPOUT) & (last <= moments.at + HORIZONS[k] * DAY)] = k
    censored = timeline.extraction - definition.maturity_days * DAY
    reach = moments.at[:, None] + np.array(HORIZONS) * DAY
    known = (reach <= censored) & ((ending != ONGOING)[:, None] | (reach < last[:, None]))
    return RiskLabels(interval, known)


def never_again(timeline: Timeline, definition: Definition, moments: Moments) -> tuple[np.ndarray, np.ndarray]:
    """Whether the client never attended again in the episode after each moment, and whether that is known.

    Returns
    -------
    gone : bool array
        No session of the episode was attended after the moment, whatever its ending is called.
    known : bool array
        The client did attend again, or the episode had ended by the definition; in either case only where the moment
        lies at least as long before the extraction date as the definition needs, so that a return and its absence had
        the same time to show.
    """
    end = np.full(len(moments), timeline.extraction)
    gone = timeline.took_place.last_at(moments.episode, end) <= moments.at
    ended = definition.endings(timeline).ending[moments.episode] != ONGOING
    mature = moments.at <= timeline.extraction - definition.maturity_days * DAY
    return gone, mature & (~gone | ended)


def days_to_return(timeline: Timeline, moments: Moments) -> np.ndarray:
    """Days from each moment to the next attended session of the episode; infinite where there is none on record."""
    position = timeline.took_place.position(moments.episode, moments.at)
    there = position < timeline.took_place.first[moments.episode + 1]
    result = np.full(len(moments), np.inf)
    result[there] = (timeline.took_place.at[position[there]] - moments.at[there]) / DAY
    return result
