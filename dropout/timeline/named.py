"""Replacements that the tables themselves name: a booking that says what it replaces, a cancellation that says by what.

Booking systems export such columns under several names. A value is the `session_id` of the other appointment, or the time
at which that one starts; in both cases of the same client, in the same episode.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dropout.timeline.facts import seconds
from dropout.timeline.timeline import CANCELLED, Timeline

NAME_THE_CANCELLED = ("replaces", "replaces_session_id", "rescheduled_from", "rescheduled_from_session_id", "moved_from")
"""Columns in which a booking names the appointment that it replaces."""

NAME_THE_BOOKING = ("rescheduled_to", "rescheduled_to_session_id", "replaced_by", "replaced_by_session_id", "moved_to")
"""Columns in which a cancelled appointment names the one that replaces it."""


@dataclass(frozen=True)
class Named:
    """Replacements by name, a row each; no session is in two on the same side.

    Attributes
    ----------
    cancelled, booked : int64 arrays
        Rows of `sessions`.
    known : int64 array
        Second at which both the cancellation and the booking were known.
    unresolved : dict of str to int
        For each column that names anything, how many of its names lead to no replacement: the session is missing (as
        where an appointment was moved in place, and its old time written over), was not cancelled, or is taken.
    """

    cancelled: np.ndarray
    booked: np.ndarray
    known: np.ndarray
    unresolved: dict[str, int]


def named_replacements(timeline: Timeline) -> Named:
    """Replacements that the tables name, each known once both sides were."""
    sessions, times = timeline.tables.sessions, timeline.sessions
    parts, given = [], {}
    for name in (*NAME_THE_CANCELLED, *NAME_THE_BOOKING):
        if name not in sessions or not sessions[name].notna().any():
            continue
        naming, meant = _named_rows(timeline, sessions[name])
        given[name] = int(sessions[name].notna().sum())
        parts.append((meant, naming) if name in NAME_THE_CANCELLED else (naming, meant))
    nothing = np.array([], dtype=np.int64)
    if not parts:
        return Named(nothing, nothing, nothing, {})
    cancelled = np.concatenate([part[0] for part in parts])
    booked = np.concatenate([part[1] for part in parts])
    column = np.repeat(np.arange(len(parts)), [len(part[0]) for part in parts])

    known = np.maximum(times.outcome[cancelled], times.first_known[booked])
    fits = np.isin(times.status[cancelled], CANCELLED) & (known <= timeline.extraction)
    # Along a chain each cancellation is later than the one before, so that no chain bites its own tail.
    fits &= ~(np.isin(times.status[booked], CANCELLED) & (times.outcome[booked] <= times.outcome[cancelled]))
    cancelled, booked, known, column = cancelled[fits], booked[fits], known[fits], column[fits]
    names = session_names(timeline)
    order = np.lexsort((
        booked, cancelled, times.status[booked], times.outcome[booked], names[booked], names[cancelled], times.start[booked],
        times.first_known[booked], times.start[cancelled], times.outcome[cancelled], known))
    cancelled, booked, known, column = cancelled[order], booked[order], known[order], column[order]
    kept = _one_to_one(cancelled, booked)
    pairs = pd.MultiIndex.from_arrays([cancelled, booked])
    served = pairs.isin(pairs[kept])
    # Both sides may name each other, and one time may lead to several rows: a name counts once.
    names_it = np.where(np.isin(column, _on_the_booking(given)), booked, cancelled)
    led = pd.Series(names_it[served]).groupby(column[served]).nunique()
    unresolved = {name: n - int(led.get(k, 0)) for k, (name, n) in enumerate(given.items())}
    return Named(cancelled[kept], booked[kept], known[kept], {name: n for name, n in unresolved.items() if n})


def session_names(timeline: Timeline) -> np.ndarray:
    """Rank of each row's `session_id`, -1 where there is none: it decides between bookings that are alike till then."""
    sessions = timeline.tables.sessions
    if "session_id" not in sessions:
        return np.full(len(sessions), -1, dtype=np.int64)
    return pd.factorize(sessions["session_id"], sort=True)[0].astype(np.int64)


def _on_the_booking(given: dict[str, int]) -> list[int]:
    return [k for k, name in enumerate(given) if name in NAME_THE_CANCELLED]


def _named_rows(timeline: Timeline, column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Rows that name another row of their episode, and the row named; a time may lead to several."""
    sessions, episode = timeline.tables.sessions, timeline.belongs.session
    rows = np.flatnonzero(column.notna().to_numpy() & (episode >= 0))
    values = column.iloc[rows]
    is_time = pd.api.types.is_datetime64_any_dtype(values.dtype)
    meant = np.full(len(rows), -1, dtype=np.int64)
    if "session_id" in sessions and not is_time:
        there = np.flatnonzero((sessions["session_id"].notna() & ~sessions["session_id"].duplicated(keep=False)).to_numpy())
        found = pd.Index(sessions["session_id"].iloc[there].astype(object)).get_indexer(_as_names(values))
        meant[found >= 0] = there[found[found >= 0]]
    by_name = (meant >= 0) & (meant != rows) & (episode[np.maximum(meant, 0)] == episode[rows])

    left = np.flatnonzero(meant < 0)
    if not len(left) or pd.api.types.is_numeric_dtype(values.dtype):
        return rows[by_name], meant[by_name]
    read = pd.to_datetime(values.iloc[left], errors="coerce", format=None if is_time else "ISO8601", utc=not is_time)
    read = read if is_time else read.dt.tz_localize(None)
    asked = pd.DataFrame({"row": rows[left], "episode": episode[rows[left]], "start": seconds(read.to_numpy())})
    asked = asked[read.notna().to_numpy()]
    starts = pd.DataFrame({"meant": np.arange(len(sessions)), "episode": episode, "start": timeline.sessions.start})
    starts = starts[starts["episode"].isin(asked["episode"])]
    both = asked.merge(starts, on=["episode", "start"])
    both = both[both["row"] != both["meant"]]
    return (np.concatenate([rows[by_name], both["row"].to_numpy(np.int64)]),
            np.concatenate([meant[by_name], both["meant"].to_numpy(np.int64)]))


def _as_names(values: pd.Series) -> pd.Index:
    """Values as `session_id` writes them: whole numbers without a decimal point."""
    if pd.api.types.is_numeric_dtype(values.dtype):
        return pd.Index([str(int(value)) if float(value).is_integer() else str(value) for value in values], dtype=object)
    return pd.Index(values.astype("str").str.strip().astype(object))


def _one_to_one(cancelled: np.ndarray, booked: np.ndarray) -> np.ndarray:
    """Positions of the pairs that hold when each, in order, takes its two rows unless one of them is taken already."""
    left = np.arange(len(cancelled))
    kept: list[np.ndarray] = []
    while len(left):
        first = ~pd.Series(cancelled[left]).duplicated().to_numpy() & ~pd.Series(booked[left]).duplicated().to_numpy()
        kept.append(left[first])
        taken = np.isin(cancelled[left], cancelled[left[first]]) | np.isin(booked[left], booked[left[first]])
        left = left[~taken]
    return np.sort(np.concatenate(kept)) if kept else left
