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


def time_to_ending(timeline: Timeline, definition: Definition, moments: Moments) -> tuple[np.ndarray, np.ndarray]:
    """Days from each moment to what ended the episode, for methods that can deal with censoring.

    Returns
    -------
    days : float array
        To the last attended session of a dropout, 0 where it lies before the moment; to the closure of another ending;
        else to the first second of which it is not known whether the client had dropped out by then: the extraction
        date less the time that the definition needs has passed, or, where a client was not seen again and is no dropout
        yet (a session stands booked ahead), their last session. NaN where the moment itself lies too late.
    event : int64 array
        0 not known to have ended, 1 dropout, 2 another ending. `risk_labels` says the same of each of its horizons.
    """
    found = definition.endings(timeline)
    ending = found.ending[moments.episode]
    last = timeline.took_place.last_at(moments.episode, np.full(len(moments), timeline.extraction))
    last = np.maximum(last, moments.at)
    seen_until = timeline.extraction - definition.maturity_days * DAY
    at = np.where(np.isin(ending, (DROPOUT, ONGOING)), last, found.at[moments.episode])
    ended = (ending != ONGOING) & (at <= seen_until)
    stop = np.where(ended | (ending == ONGOING), np.minimum(at, seen_until + 1), seen_until + 1)
    event = np.where(ended, np.where(ending == DROPOUT, 1, 2), 0)
    days = np.maximum(stop - moments.at, 0) / DAY
    return np.where(moments.at > seen_until, np.nan, days), np.where(moments.at > seen_until, 0, event)


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
