"""History: what a user holds: checked tables, their timeline, and the episodes they tell of."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd

from dropout.endings import DEFAULT, Definition, episodes_table
from dropout.errors import CallError, Problem
from dropout.tables import TABLES, Tables, known_by, read_tables
from dropout.timeline import Timeline
from dropout.timeline.chains import chains_table


class History:
    """Session histories, checked, as known at one date.

    Made by `read_history`. It does not change: `as_of` gives another one.

    Attributes
    ----------
    tables : Tables
        The tables themselves; `sessions`, `messages`, `measures`, `episodes` and `clients` are also attributes here
        (None where a table is absent).
    known_until : numpy.datetime64
        The date up to which things are known: the extraction date, or the date given to `as_of`.
    """

    def __init__(self, tables: Tables, known_until: np.datetime64 | None = None) -> None:
        self.tables = tables
        self.known_until = tables.extraction_at() if known_until is None else known_until
        if np.isnat(self.known_until):
            raise CallError("nothing in the tables was known by any date: every session is still scheduled")

    @property
    def sessions(self) -> pd.DataFrame:
        """Scheduled appointments, one row each."""
        return self.tables.sessions

    @property
    def messages(self) -> pd.DataFrame | None:
        """Messages between client and clinic."""
        return self.tables.messages

    @property
    def measures(self) -> pd.DataFrame | None:
        """Questionnaire scores."""
        return self.tables.measures

    @property
    def clients(self) -> pd.DataFrame | None:
        """Clients and their covariates."""
        return self.tables.clients

    @property
    def problems(self) -> list[Problem]:
        """Warnings of the check. Errors never get this far."""
        return self.tables.problems

    @cached_property
    def timeline(self) -> Timeline:
        """Every fact with the time at which it became known."""
        return Timeline.of(self.tables, self.known_until)

    def as_of(self, date: str | np.datetime64 | pd.Timestamp) -> History:
        """The history exactly as it was at a date; nothing that became known later is in it.

        Parameters
        ----------
        date : ISO date or time
            A bare date means midnight at its beginning; what was known at that very instant counts.

        Raises
        ------
        CallError
            If the date cannot be read or nothing was known by then.
        """
        at = read_date(date)
        tables = known_by(self.tables, at)
        if not len(tables.sessions):
            raise CallError(f"nothing was known by {date}: the first booking or session in the tables is later. Give a later "
                            f"date, up to {self.known_until}.")
        return History(tables, at)

    def episodes(self, definition: Definition = DEFAULT) -> pd.DataFrame:
        """One row per episode of care, with its ending by this definition (see `endings.episodes_table`)."""
        return episodes_table(self.timeline, definition)

    def chains(self) -> pd.DataFrame:
        """One row per cancellation, with the booking that replaced it and its chain (see `timeline.chains.chains_table`)."""
        return chains_table(self.timeline)

    def __repr__(self) -> str:
        return (f"History of {self.sessions['client_id'].nunique():,} clients, known until {self.known_until}: "
                + ", ".join(f"{name} {rows:,}" for name, rows in self._sizes().items()))

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{name}</th><td>{rows:,}</td>"
            f"<td style='text-align:left'>{escape(TABLES[name].one_row_per)}</td></tr>"
            for name, rows in self._sizes().items())
        endings = self.episodes()["ending"].value_counts()
        counts = ", ".join(f"{escape(str(name))} {n:,}" for name, n in endings.items())
        warned = f"<p>{len(self.problems)} kinds of warning; see <code>.problems</code></p>" if self.problems else ""
        return (
            f"<div><p><b>History</b> of {self.sessions['client_id'].nunique():,} clients, known until "
            f"{self.known_until}</p><table><thead><tr><th style='text-align:left'>table</th><th>rows</th>"
            f"<th style='text-align:left'>one row per</th></tr></thead><tbody>{rows}</tbody></table>"
            f"<p>{len(self.timeline):,} episodes: {counts}</p>{warned}</div>")

    def _sizes(self) -> dict[str, int]:
        return {name: len(frame) for name, frame in self.tables.present().items()}


def read_history(
    source: str | Path | Mapping[str, pd.DataFrame], *, tz: str | None = None, day_first: bool = False
) -> History:
    """A history from a folder of CSV or Parquet files, or from data frames by table name.

    Parameters
    ----------
    source : path or mapping
        Only the table `sessions` is required.
    tz : str, optional
        The clinic's time zone ("Europe/London"), to which times with an offset are converted.
    day_first : bool
        Read 31/12/2025 as the last day of December.

    Raises
    ------
    HistoryError
        With every problem that makes the tables unusable, each with table, row, column and value.
    """
    return History(read_tables(source, tz=tz, day_first=day_first))


def read_date(date: str | np.datetime64 | pd.Timestamp) -> np.datetime64:
    """A date or time as `datetime64[s]`; a bare date means midnight at its beginning."""
    try:
        stamp = pd.Timestamp(date)
    except (ValueError, TypeError) as wrong:
        raise CallError(f"'{date}' is not a date; write it like 2026-06-30 or 2026-06-30T18:00") from wrong
    if stamp is pd.NaT or stamp.tzinfo is not None:
        raise CallError(f"'{date}' is not a date in the clinic's local time; write it like 2026-06-30T18:00")
    return stamp.to_datetime64().astype("datetime64[s]")
