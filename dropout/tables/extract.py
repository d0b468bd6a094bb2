"""Tables: what was read, in canonical types and order, and the date at which it was extracted."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from dropout.errors import Problem
from dropout.tables.columns import CANCELLED, TABLES
from dropout.tables.known import NEVER, outcome_known_at

BEGINNING = np.datetime64("0001-01-01", "s")
DATED = {
    "messages": ("sent_at",),
    "measures": ("measured_at",),
    "episodes": ("opened_at", "closed_at", "ending_discussed_at"),
}


@dataclass(repr=False)
class Tables:
    """The tables of a history: frames in canonical types and order, absent ones None.

    Text and category columns have dtype ``str``, numbers ``float64``, times ``datetime64[s]`` (clinic local time).
    Columns of the specification come first, in its order, then extra ones by name; the index is 0 to n-1.

    Parameters
    ----------
    sessions, messages, measures, episodes, clients : DataFrame or None
        Only `sessions` is always there.
    problems : list of Problem
        Warnings. Errors never get this far: reading raises them.
    set_aside : dict of str to int
        Rows left out, counted by reason.
    sources : dict of str to str
        File name of each table read from a folder.
    rows : dict of str to array of int
        For each table, the number of each row as a person sees it in the source.
    today : datetime64[s]
        The last second of the day on which the tables were read.
    """

    sessions: pd.DataFrame
    messages: pd.DataFrame | None = None
    measures: pd.DataFrame | None = None
    episodes: pd.DataFrame | None = None
    clients: pd.DataFrame | None = None
    problems: list[Problem] = field(default_factory=list)
    set_aside: dict[str, int] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    rows: dict[str, np.ndarray] = field(default_factory=dict)
    today: np.datetime64 = NEVER

    def present(self) -> dict[str, pd.DataFrame]:
        """Return the frames that are there, by name, in the specification's order."""
        return {name: getattr(self, name) for name in TABLES if getattr(self, name) is not None}

    def extraction_at(self) -> np.datetime64:
        """Return the latest time at which anything in the tables was known, datetime64[s]; NaT when nothing was.

        The start of a session still scheduled does not count, nor that of a cancelled one without `cancelled_at`
        which lies past today.
        """
        latest = [known[~np.isnat(known)].max(initial=BEGINNING) for _, _, known in self.facts()]
        return max(latest) if max(latest) > BEGINNING else NEVER

    def facts(self) -> list[tuple[str, str, np.ndarray]]:
        """Return (table, column, times): for each row when that fact of it became known, NaT where it has none."""
        sessions = self.sessions
        outcome = outcome_known_at(sessions)
        cancelled = sessions["status"].isin(CANCELLED).to_numpy(dtype=bool)
        undated = cancelled & (sessions["cancelled_at"].isna().to_numpy() if "cancelled_at" in sessions else True)
        outcome[undated & (outcome > self.today)] = NEVER
        found = [
            ("sessions", "starts_at", np.where(cancelled, NEVER, outcome)),
            ("sessions", "cancelled_at", np.where(cancelled, outcome, NEVER)),
        ]
        if "booked_at" in sessions:
            found.append(("sessions", "booked_at", sessions["booked_at"].to_numpy()))
        for name, columns in DATED.items():
            frame = getattr(self, name)
            if frame is not None:
                found += [(name, column, frame[column].to_numpy()) for column in columns if column in frame]
        return found

    def __repr__(self) -> str:
        counts = ", ".join(f"{name} {len(frame):,}" for name, frame in self.present().items())
        return f"<Tables: {counts}; extracted {self.extraction_at()}>"
