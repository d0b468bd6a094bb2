"""Clock: which local time is meant, decided over all tables at once.

One history must not hold times of two clocks. Times with an offset go to the clinic's time zone when it is given; when
every time of every table carries an offset, UTC will do; a mixture without a time zone cannot be told apart.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from dropout.tables import times
from dropout.tables.problems import Problems

MEND = "Give the clinic's time zone with --tz, such as --tz Europe/London"


def place_times(
    frames: dict[str, pd.DataFrame],
    parsed: dict[str, dict[str, times.Parsed]],
    rows: dict[str, np.ndarray],
    tz: ZoneInfo | None,
    problems: Problems,
) -> None:
    """Write the parsed times into `frames`, as clinic local time, and say what is doubtful about them."""
    columns = [(table, column, read) for table, held in parsed.items() for column, read in held.items()]
    n_offset = sum(int((read.form == times.OFFSET).sum()) for _, _, read in columns)
    n_local = sum(int((read.form == times.LOCAL).sum()) for _, _, read in columns)
    if n_offset and tz is None:
        for table, column, read in columns:
            _say_offsets(table, column, read, rows[table], n_local, problems)
    for table, column, read in columns:
        frames[table][column] = times.place(read, tz)
        if tz is not None:
            _say_odd_hours(table, column, read, rows[table], tz, problems)


def _say_offsets(
    table: str, column: str, read: times.Parsed, rows: np.ndarray, n_local: int, problems: Problems
) -> None:
    where = np.flatnonzero(read.form == times.OFFSET)
    if not len(where):
        return
    first = where[np.argmin(rows[where])]
    value = f"{pd.Timestamp(read.seconds[first]).isoformat()} UTC"
    count = f"{len(where):,} time{'s carry' if len(where) > 1 else ' carries'} an offset from UTC"
    if n_local:
        said = f"{count} while {n_local:,} in the tables carry none"
        problems.error(table, column, said, MEND, row=int(rows[first]), value=value)
    else:
        problems.warning(table, column, f"{count}; taken as UTC", MEND, row=int(rows[first]), value=value)


def _say_odd_hours(
    table: str, column: str, read: times.Parsed, rows: np.ndarray, tz: ZoneInfo, problems: Problems
) -> None:
    skipped, twice = times.odd_hours(read, tz)
    for mask, said in (
        (skipped, "this hour does not exist: daylight saving begins"),
        (twice, "this hour happens twice: daylight saving ends"),
    ):
        where = np.flatnonzero(mask)
        mend = "Check it, or write times with their offset"
        problems.rows("warning", table, column, rows[where], read.seconds[where], f"{said} in {tz.key}", mend)
