"""Other futures: the same past up to a time, and after it another course, kind by kind, with a value planted in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from dropout.history import History
from dropout.tables import TABLES, Tables
from dropout.tables.columns import CLOSURE_REASONS
from dropout.tables.known import booking_known_at, outcome_known_at
from dropout.tables.order import in_order

PLANTED = 987_654.25
"""A score and a balance that nobody has: where it surfaces, a column has read them."""

PLANTED_TEXT = "I have decided to stop coming, planted9876"
NO_TIME = np.datetime64("NaT", "s")
HOUR = np.timedelta64(3600, "s")

Change = Callable[[Tables, np.datetime64, np.datetime64, np.random.Generator], Tables]


def changed(history: History, at: np.datetime64, kinds: tuple[str, ...], seed: int) -> History:
    """The history with everything known by `at` as it was, and later rows of these kinds (keys of `CHANGES`) changed."""
    rng = np.random.default_rng(seed)
    tables = history.tables
    for kind in kinds:
        tables = CHANGES[kind](tables, at, history.known_until, rng)
    return History(tables, history.known_until)


def _put(tables: Tables, name: str, frame: pd.DataFrame, new: pd.DataFrame | None = None) -> Tables:
    """The tables with one replaced, in order; `new` rows get numbers that were not there before."""
    numbers = tables.rows[name][frame.index.to_numpy()] if name in tables.rows else np.arange(len(frame))
    if new is not None and len(new):
        numbers = np.concatenate([numbers, numbers.max(initial=0) + 1_000_000 + np.arange(len(new))])
        frame = pd.concat([frame, new], ignore_index=True)
    frame = frame.astype(getattr(tables, name).dtypes.to_dict())
    frame, numbers = in_order(name, frame.reset_index(drop=True), numbers)
    put: dict[str, Any] = {name: frame}
    return replace(tables, **put, rows=tables.rows | {name: numbers})


def _after(at: np.datetime64, end: np.datetime64, n: int, rng: np.random.Generator) -> np.ndarray:
    """Seconds after `at`, none after `end`."""
    span = max(int((end - at).astype(np.int64)), 1)
    return at + rng.integers(1, span + 1, n).astype("timedelta64[s]")


def _some_known(frame: pd.DataFrame, known: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """The last row known of about half of the clients."""
    last = frame[known].drop_duplicates("client_id", keep="last")
    return last[rng.random(len(last)) < 0.5]


def _another(values: pd.Series, among: pd.Series) -> np.ndarray:
    """For each value the next one of those there are; the same where there is only one."""
    there = np.sort(among.dropna().unique().astype(object))
    if not len(there):
        return values.to_numpy(object)
    return there[(np.searchsorted(there, values.fillna(there[0]).to_numpy(object)) + 1) % len(there)]


def outcomes(tables: Tables, at: np.datetime64, end: np.datetime64, rng: np.random.Generator) -> Tables:
    """Attended sessions become missed ones, and missed or cancelled ones attended."""
    frame = tables.sessions.copy()
    later = outcome_known_at(frame, end) > at
    attended = later & (frame["status"] == "attended").to_numpy()
    missed = later & ~attended
    ahead = (frame["starts_at"] > end).to_numpy()
    frame.loc[attended, "status"] = "no_show"
    frame.loc[missed & ~ahead, "status"] = "attended"
    frame.loc[missed & ahead, "status"] = "scheduled"
    if "cancelled_at" in frame:
        frame.loc[missed, "cancelled_at"] = NO_TIME
    return _put(tables, "sessions", frame)


def bookings(tables: Tables, at: np.datetime64, end: np.datetime64, rng: np.random.Generator) -> Tables:
    """Half of what was booked later is gone, the other half is with others elsewhere, and half of the clients have booked, and
    attended, something else.
    """
    frame = tables.sessions
    known = booking_known_at(frame, end) <= at
    new = _some_known(frame, known, rng).copy()
    new = new.assign(starts_at=_after(at, end, len(new), rng), status="attended")
    if "booked_at" in frame:
        new["booked_at"] = np.minimum(at + HOUR, new["starts_at"].to_numpy())
    if "cancelled_at" in frame:
        new["cancelled_at"] = NO_TIME
    if "session_id" in frame:
        new["session_id"] = [f"planted{k}" for k in range(len(new))]
    frame = frame.copy()
    for column in [name for name in ("therapist_id", "clinic_id", "mode") if name in frame]:
        for rows, where in ((frame, ~known), (new, np.ones(len(new), dtype=bool))):
            rows.loc[where, column] = _another(rows.loc[where, column], tables.sessions[column])
    return _put(tables, "sessions", frame[known | (rng.random(len(frame)) < 0.5)], new)


def messages(tables: Tables, at: np.datetime64, end: np.datetime64, rng: np.random.Generator) -> Tables:
    """Later messages say something else, and half of the clients write one more."""
    frame = tables.messages
    if frame is None:
        return tables
    frame = frame.copy()
    later = (frame["sent_at"] > at).to_numpy()
    frame.loc[later, "text"] = PLANTED_TEXT
    new = _some_known(frame, ~later, rng).copy()
    new = new.assign(sent_at=_after(at, end, len(new), rng), text=PLANTED_TEXT, sender="client")
    for column in {"message_id", "session_id"} & set(frame):
        new[column] = pd.Series(None, index=new.index, dtype=frame[column].dtype)
    return _put(tables, "messages", frame, new)


def scores(tables: Tables, at: np.datetime64, end: np.datetime64, rng: np.random.Generator) -> Tables:
    """Later scores and balances are the planted value, and half of the clients have one more score."""
    if "fee_owed" in tables.sessions:
        sessions = tables.sessions.copy()
        sessions.loc[(sessions["starts_at"] > at).to_numpy(), "fee_owed"] = PLANTED
        tables = _put(tables, "sessions", sessions)
    frame = tables.measures
    if frame is None:
        return tables
    frame = frame.copy()
    later = (frame["measured_at"] > at).to_numpy()
    frame.loc[later, "score"] = PLANTED
    new = _some_known(frame, ~later, rng).copy()
    new = new.assign(measured_at=_after(at, end, len(new), rng), score=PLANTED)
    return _put(tables, "measures", frame, new)


def closures(tables: Tables, at: np.datetime64, end: np.datetime64, rng: np.random.Generator) -> Tables:
    """Later closures have other dates and reasons drawn at random, open episodes are closed, endings discussed at other times."""
    frame = tables.episodes
    if frame is None:
        return tables
    frame = frame.copy()
    if "closed_at" in frame:
        open_then = ~(frame["closed_at"] <= at).to_numpy()
        begun = (frame["opened_at"] <= at).to_numpy() if "opened_at" in frame else np.ones(len(frame), dtype=bool)
        moved = open_then & (frame["closed_at"].notna().to_numpy() | (begun & (rng.random(len(frame)) < 0.5)))
        frame.loc[moved, "closed_at"] = _after(at, end, int(moved.sum()), rng)
        if "closure_reason" in frame:
            frame.loc[moved, "closure_reason"] = rng.choice(CLOSURE_REASONS, int(moved.sum()))
    if "ending_discussed_at" in frame:
        later = ~(frame["ending_discussed_at"] <= at).to_numpy()
        moved = later & (rng.random(len(frame)) < 0.5)
        frame.loc[moved, "ending_discussed_at"] = _after(at, end, int(moved.sum()), rng)
        frame.loc[later & ~moved, "ending_discussed_at"] = NO_TIME
    return _put(tables, "episodes", frame)


def extras(tables: Tables, at: np.datetime64, end: np.datetime64, rng: np.random.Generator) -> Tables:
    """Extra columns of sessions whose outcome came later are empty where they were filled, and filled where empty."""
    frame = tables.sessions.copy()
    outcome = outcome_known_at(frame, end)
    later = np.isnat(outcome) | (outcome > at)
    for column in extra_columns(tables):
        filled = frame[column].notna().to_numpy()
        if not filled.any():
            continue
        anything = frame[column].dropna().iloc[0]
        frame[column] = frame[column].mask(later & filled)
        frame.loc[later & ~filled, column] = anything
    return _put(tables, "sessions", frame)


def extra_columns(tables: Tables) -> list[str]:
    """Columns of `sessions` that the specification does not know."""
    return [name for name in tables.sessions.columns if name not in TABLES["sessions"].names]


CHANGES: dict[str, Change] = {
    "outcomes": outcomes, "bookings": bookings, "messages": messages, "scores": scores, "closures": closures,
    "extras": extras,
}
DATED = ("outcomes", "bookings", "messages", "scores", "closures")
"""Kinds of change of what has a time of its own."""


def of_clients(history: History, kept: set[str]) -> History:
    """The history of some clients alone, known until the same date."""
    return History(_of_clients(history.tables, kept), history.known_until)


def _of_clients(tables: Tables, kept: set[str]) -> Tables:
    frames: dict[str, Any] = {}
    rows = {}
    for name in TABLES:
        frame = getattr(tables, name)
        frames[name] = None
        if frame is not None:
            mask = frame["client_id"].isin(kept).to_numpy()
            if mask.any() or name == "sessions":
                frames[name], rows[name] = frame[mask].reset_index(drop=True), tables.rows[name][mask]
    return replace(tables, **frames, rows=rows)


def others_cut(history: History, at: np.datetime64, kept: set[str]) -> History:
    """The history with some clients whole, and all others as they were known at a time."""
    whole, early = _of_clients(history.tables, kept), history.as_of(at).tables
    frames: dict[str, Any] = {}
    rows = {}
    for name, frame in whole.present().items():
        part = getattr(early, name)
        frames[name], rows[name] = frame, whole.rows[name]
        if part is not None:
            mask = ~part["client_id"].isin(kept).to_numpy()
            both = pd.concat([frame, part[mask].astype(frame.dtypes.to_dict())], ignore_index=True)
            frames[name], rows[name] = in_order(name, both, np.concatenate([whole.rows[name], early.rows[name][mask]]))
    return History(replace(whole, **frames, rows=rows), history.known_until)


def shifted(history: History, days: int) -> History:
    """The history with every date moved by the same number of days."""
    by = np.timedelta64(days * 86_400, "s")
    frames: dict[str, Any] = {}
    for name, frame in history.tables.present().items():
        dates = [str(column) for column in frame if pd.api.types.is_datetime64_any_dtype(frame[column])]
        frames[name] = frame.assign(**{column: frame[column] + by for column in dates})
    return History(replace(history.tables, **frames), history.known_until + by)


def other_names(history: History, seed: int) -> tuple[History, dict[str, dict[str, str]]]:
    """The history with clients, episodes, sessions and messages under one another's identifiers, and the new name of each."""
    rng = np.random.default_rng(seed)
    tables = history.tables
    new_name: dict[str, dict[str, str]] = {}
    for column in ("client_id", "episode_id", "session_id", "message_id"):
        there = sorted({value for frame in tables.present().values() if column in frame
                        for value in frame[column].dropna().unique()})
        new_name[column] = dict(zip(there, rng.permutation(np.array(there, dtype=object)), strict=True))
    frames: dict[str, Any] = {}
    rows = {}
    for name, frame in tables.present().items():
        mapped = {column: frame[column].map(names, na_action="ignore").astype(frame[column].dtype)
                  for column, names in new_name.items() if column in frame}
        frames[name], rows[name] = in_order(name, frame.assign(**mapped), tables.rows[name])
    return History(replace(tables, **frames, rows=rows), history.known_until), new_name
