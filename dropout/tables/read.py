"""Reading: from a folder or data frames to checked tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dropout.errors import HistoryError
from dropout.tables import files, times
from dropout.tables.aside import leave_out
from dropout.tables.check import check
from dropout.tables.clock import place_times
from dropout.tables.columns import TABLES
from dropout.tables.extract import Tables
from dropout.tables.kinds import convert
from dropout.tables.order import in_order
from dropout.tables.problems import Problems
from dropout.tables.report import Report


def read_tables(source: object, *, tz: str | None = None, day_first: bool = False, today: object = None) -> Tables:
    """Return the tables of a history, checked, in canonical types and order.

    Parameters
    ----------
    source : path or mapping of str to DataFrame
        A folder with ``sessions.csv``, ``.csv.gz`` or ``.parquet`` and so on, or data frames by table name, which
        are left as they are.
    tz : str, optional
        Time zone of the clinic, such as ``Europe/London``; times with an offset are converted to it.
    day_first : bool
        Read ``31/12/2025`` as the last day of December.
    today : date, optional
        No fact may be later; the default is the date now.

    Raises
    ------
    HistoryError
        With every problem found, when any is an error.
    CallError
        When `source` is no folder or mapping, or `tz` or `today` cannot be used.
    """
    report = examine(source, tz=tz, day_first=day_first, today=today)
    if not report.ok or report.tables is None:
        raise HistoryError(report.problems)
    return report.tables


def examine(source: object, *, tz: str | None = None, day_first: bool = False, today: object = None) -> Report:
    """Return the report of everything that is wrong or odd in a history; parameters as for `read_tables`.

    Raises CallError alone: a history that is wrong is what the report is for.
    """
    where = times.zone(tz)
    end_of_today = times.end_of_today(today, where)
    problems = Problems()
    raw = files.load(source, problems)
    frames: dict[str, Any] = {}
    parsed: dict[str, dict[str, times.Parsed]] = {}
    rows: dict[str, np.ndarray] = {}
    counts: dict[str, dict[str, Any]] = {}
    for name in [name for name in TABLES if name in raw]:
        frames[name], parsed[name] = convert(raw[name], TABLES[name], day_first, problems)
        counts[name] = {"rows": len(raw[name].frame), "columns": list(raw[name].frame.columns)}
        rows[name] = raw.pop(name).rows
    place_times(frames, parsed, rows, where, problems)
    if "messages" in frames:
        frames["messages"] = _with_sender(frames["messages"])
    set_aside = leave_out(frames, rows, parsed, end_of_today, problems)
    for name in list(frames):
        if not len(frames[name]):
            del frames[name], rows[name]
        else:
            frames[name], rows[name] = in_order(name, frames[name], rows[name])
    if "sessions" not in frames:
        return Report(problems.found, None, counts)
    tables = Tables(**frames, set_aside=set_aside, sources=dict(problems.sources), rows=rows, today=end_of_today)
    check(tables, problems)
    tables.problems = problems.warnings
    return Report(problems.found, tables, counts)


def _with_sender(messages: pd.DataFrame) -> pd.DataFrame:
    """Return the messages with a sender in each: the client's, where nothing is said."""
    if "sender" in messages:
        return messages.assign(sender=messages["sender"].fillna("client"))
    at = sum(name in messages for name in ("client_id", "sent_at", "text", "message_id"))
    filled = messages.copy(deep=False)
    filled.insert(at, "sender", pd.Series("client", index=messages.index, dtype=files.TEXT))
    return filled
