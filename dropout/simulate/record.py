"""What the clinic takes down: rows as they become known, kept as columns until the tables are made."""

from __future__ import annotations

import numpy as np

COLUMNS = {
    "sessions": ("row", "starts_at", "booked_at", "status", "known_at", "therapist", "owed"),
    "messages": ("row", "sent_at", "intent", "starts_at"),
    "measures": ("row", "measured_at", "alliance", "distress"),
    "talks": ("row", "at"),
    "closures": ("row", "at", "reason"),
}
STATUSES = ("attended", "no_show", "late_cancel", "client_cancel", "clinic_cancel", "scheduled")
ATTENDED, NO_SHOW, LATE_CANCEL, CLIENT_CANCEL, CLINIC_CANCEL, SCHEDULED = range(6)


class Record:
    """Rows taken down so far, by kind; times in minutes, -1 where there is none.

    `first_row` is the number of the first episode of the batch that is being taken down.
    """

    def __init__(self) -> None:
        self.first_row = 0
        self._rows: dict[str, list[tuple[np.ndarray, ...]]] = {kind: [] for kind in COLUMNS}

    def add(self, kind: str, *columns: np.ndarray | float) -> None:
        """Take down rows of a kind; the columns are those of `COLUMNS[kind]`, in order."""
        if len(np.atleast_1d(columns[0])):
            rows = np.broadcast_arrays(np.asarray(columns[0]) + self.first_row, *columns[1:])
            self._rows[kind].append(tuple(np.array(column) for column in rows))

    def columns(self, kind: str) -> dict[str, np.ndarray]:
        """All rows of a kind, as columns, in the order in which they were taken down."""
        rows = self._rows[kind]
        if not rows:
            return {name: np.zeros(0, dtype=np.int64) for name in COLUMNS[kind]}
        return {name: np.concatenate([row[i] for row in rows]) for i, name in enumerate(COLUMNS[kind])}
