"""The simulated clock: minutes since the beginning of 2020, working hours, month ends.

Whatever becomes known on a day becomes known after 06:00 and before 23:00, and what is drawn for a day stays on
that day. So what is known at midnight does not depend on the hour that was chosen, and a state can be continued
from any midnight exactly.
"""

from __future__ import annotations

import numpy as np

DAY = 1440
ORIGIN = np.datetime64("2020-01-01T00:00:00", "s")
NEVER = np.int64(10_000_000_000)
OPENS, CLOSES = 7 * 60, 22 * 60
SLOTS = 21  # every half hour from 08:00 to 18:00


def minute(when: str) -> int:
    """Minutes from the origin to midnight at the beginning of a date.

    Raises
    ------
    ValueError
        If `when` is no date, or a date with a time of day, or before 2023 or after 2100.
    """
    try:
        seconds = (np.datetime64(when, "s") - ORIGIN).astype(np.int64)
    except ValueError:
        raise ValueError(f"date is '{when}'; expected a date such as 2026-06-30") from None
    if seconds % (DAY * 60):
        raise ValueError(f"date is '{when}'; expected a date without a time of day")
    day = int(seconds // (DAY * 60))
    if not 3 * 365 <= day <= 80 * 366:
        raise ValueError(f"date is '{when}'; expected a date from 2023 to 2099")
    return day * DAY


def times(minutes: np.ndarray) -> np.ndarray:
    """Times as datetime64[s]; NEVER and anything later becomes NaT."""
    minutes = np.asarray(minutes, dtype=np.int64)
    known = ORIGIN + (np.minimum(minutes, NEVER) * 60).astype("timedelta64[s]")
    return np.where(minutes < NEVER, known, np.datetime64("NaT", "s"))


def weekday(day: np.ndarray) -> np.ndarray:
    """Weekday of a day number, Monday 0 (the first of January 2020 was a Wednesday)."""
    return (day + 2) % 7


def in_hours(raw: np.ndarray, after: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Minute in waking hours on the day of `raw`, later than `after` and earlier than `before`.

    `raw` lies between the two; its place within the part of its day that they leave is kept.
    """
    day = np.floor(raw / DAY).astype(np.int64) * DAY
    low, high = np.maximum(day, after), np.minimum(day + DAY, before)
    begin = np.maximum(day + OPENS, after + 5)
    end = np.minimum(day + CLOSES, before - 10)
    place = np.clip((raw - low) / np.maximum(high - low, 1), 0.0, 1.0)
    inside = begin + np.floor(place * np.maximum(end - begin, 0)).astype(np.int64)
    return np.where(end > begin, inside, np.minimum(np.maximum(after + 1, day + OPENS), day + DAY - 1))


def next_regular(start: np.ndarray, cadence: np.ndarray, day_of_week: np.ndarray,
                 slot: np.ndarray) -> np.ndarray:
    """Start of the session one cadence after `start`, on the client's own weekday and slot."""
    day = start // DAY + cadence
    day = day + (day_of_week - weekday(day) + 3) % 7 - 3
    return start_of(day, slot)


def start_of(day: np.ndarray, slot: np.ndarray) -> np.ndarray:
    """Minute at which a slot begins on a day."""
    return day * DAY + 480 + 30 * slot


def on_weekday(day: np.ndarray) -> np.ndarray:
    """The day itself, or the Monday after a weekend."""
    return day + np.where(weekday(day) == 5, 2, np.where(weekday(day) == 6, 1, 0))


def _month_ends() -> np.ndarray:
    months = np.arange(np.datetime64("2020-02"), np.datetime64("2110-01"))
    day = (months.astype("datetime64[D]") - np.datetime64("2020-01-01")).astype(np.int64) - 1
    return (day - np.maximum(weekday(day) - 4, 0)) * DAY + 17 * 60


MONTH_ENDS = _month_ends()
