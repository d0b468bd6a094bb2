"""A row for each session at which an episode was at risk: time counted in sessions, one after the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dropout.errors import CallError
from dropout.survival.rows import Rows

MOST_PERIODS = 20_000_000


@dataclass(frozen=True)
class PersonPeriods:
    """Sessions at risk, by row of the frame and in order within it.

    Attributes
    ----------
    row : int array
        Position of the row that each comes from.
    period : int array
        Number of the session, from 1.
    event : bool array
        Whether the ending in question came after this session.
    """

    row: np.ndarray
    period: np.ndarray
    event: np.ndarray

    def __len__(self) -> int:
        return len(self.row)


def person_periods(rows: Rows) -> PersonPeriods:
    """Return the sessions start + 1, ..., stop of each row; the ending, where there is one, comes at the last of them.

    Raises
    ------
    CallError
        If start or stop is no whole number, or there would be more than `MOST_PERIODS`.
    """
    for name, values in (("start", rows.start), ("stop", rows.stop)):
        wrong = values != np.floor(values)
        if wrong.any():
            raise CallError(f"{name} is {values[wrong][0]:g} in a row ({wrong.sum():,} such rows); sessions are counted in whole "
                            "numbers. Use `at_risk(history, clock=\"sessions\")`, or round up to whole periods")
    many = float((rows.stop - rows.start).sum())
    if many > MOST_PERIODS:
        raise CallError(f"the frame has {many:,.0f} periods at risk, more than {MOST_PERIODS:,}; count in sessions or weeks "
                        "(`at_risk(history, clock=\"sessions\")`), not in days")
    n = (rows.stop - rows.start).astype(np.int64)
    row = np.repeat(np.arange(len(n)), n)
    nth = np.arange(len(row)) - np.repeat(np.cumsum(n) - n, n)
    last = np.cumsum(n) - 1
    event = np.zeros(len(row), dtype=bool)
    event[last] = rows.event
    return PersonPeriods(row, rows.start.astype(np.int64)[row] + nth + 1, event)
