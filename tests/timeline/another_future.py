"""The same past with another future: everything known by a moment stays, what came later is changed at random."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dropout.history import History
from dropout.tables import TABLES, Tables
from dropout.tables.columns import CANCELLED, CLOSURE_REASONS
from dropout.tables.kinds import as_covariate
from dropout.tables.known import booking_known_at, outcome_known_at
from dropout.tables.order import in_order

ANCHOR = "z"
"""The client who is left alone, so that the extraction date stays where it is."""

NEW = 1_000_000
"""Numbers of rows that were not there before begin here."""


def with_another_future(history: History, moment: pd.Timestamp, seed: int) -> History:
    """The history with all that was known by a moment, before its extraction date, and the rest changed."""
    tables, end = history.tables, history.tables.extraction_at()
    t = np.datetime64(moment, "s")
    assert t < end
    rng = np.random.default_rng(seed)
    parts = {"sessions": _sessions(tables, t, end, rng)}
    for name, column in (("messages", "sent_at"), ("measures", "measured_at")):
        if getattr(tables, name) is not None:
            parts[name] = _dated(tables, name, column, t, end, rng)
    if tables.episodes is not None:
        parts["episodes"] = _episodes(tables, t, end, rng)
    if tables.clients is not None:
        parts["clients"] = _clients(tables, t, rng)
    seen = set(parts["sessions"][0]["client_id"])
    frames, rows = {}, {}
    for name, (frame, numbers) in parts.items():
        if name in ("messages", "measures"):
            kept = frame["client_id"].isin(seen).to_numpy()
            frame, numbers = frame[kept], numbers[kept]
        if len(frame):
            frame = frame.reset_index(drop=True).astype({c: getattr(tables, name)[c].dtype for c in frame if c != "extra"})
            frames[name], rows[name] = in_order(name, frame, numbers)
    return History(Tables(**frames, rows=rows, today=tables.today))


def _after(t: np.datetime64, end: np.datetime64, n: int, rng: np.random.Generator) -> np.ndarray:
    """Random seconds after `t`, none after `end`."""
    span = int((end - t).astype(np.int64))
    return t + rng.integers(1, span + 1, n).astype("timedelta64[s]")


def _some(rng: np.random.Generator, mask: np.ndarray, share: float = 0.4) -> np.ndarray:
    return mask & (rng.random(len(mask)) < share)


def _sessions(tables: Tables, t: np.datetime64, end: np.datetime64, rng: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray]:
    frame, numbers = tables.sessions.copy(), tables.rows["sessions"]
    mine = (frame["client_id"] != ANCHOR).to_numpy()
    unknown = mine & (booking_known_at(frame, end) > t)
    outcome = outcome_known_at(frame, end)
    pending = mine & ~unknown & (np.isnat(outcome) | (outcome > t))

    # Rows nobody knew of: any of them may be another session, or none at all.
    moved = _some(rng, unknown)
    frame.loc[moved, "starts_at"] = _after(t, end, int(moved.sum()), rng)
    frame.loc[moved, "status"] = rng.choice(["attended", "no_show", "clinic_cancel"], int(moved.sum()))
    for column in {"booked_at", "cancelled_at"} & set(frame):
        frame.loc[moved, column] = np.datetime64("NaT")
    for column, values in (("therapist_id", ["T1", "T9"]), ("episode_id", ["e1", "e9"]), ("fee_owed", [0.0, 99.0])):
        if column in frame:
            frame.loc[moved, column] = rng.choice(values, int(moved.sum()))

    # Rows of which the booking alone was known: they may end in any way that was not known yet.
    changed = np.flatnonzero(_some(rng, pending, 0.7))
    start = frame["starts_at"].to_numpy()[changed]
    ahead = start > t
    happens = ahead & (start <= end) & (rng.random(len(changed)) < 0.5)
    frame.loc[changed, "status"] = np.where(
        happens, rng.choice(["attended", "no_show"], len(changed)), rng.choice(["scheduled", *CANCELLED], len(changed)))
    cancelled = frame["status"].iloc[changed].isin(CANCELLED).to_numpy()
    if "cancelled_at" in frame:
        frame.loc[changed, "cancelled_at"] = np.where(
            cancelled, _after(t, end, len(changed), rng), np.datetime64("NaT", "s"))
    else:
        # Without a date a cancellation is known at the start, so it cannot be of a session whose time is past.
        frame.loc[changed[cancelled & ~ahead], "status"] = "scheduled"
    if "fee_owed" in frame:
        frame.loc[changed[ahead], "fee_owed"] = rng.choice([0.0, 55.0], int(ahead.sum()))

    kept = ~_some(rng, unknown, 0.3)
    new = tables.sessions[mine].sample(min(3, int(mine.sum())), random_state=int(rng.integers(1 << 30)))
    new = new.assign(starts_at=_after(t, end, len(new), rng), status="attended")
    for column in {"booked_at", "cancelled_at", "session_id"} & set(new):
        new[column] = pd.Series(None, index=new.index, dtype=new[column].dtype)
    if len(new):
        new.iloc[0, new.columns.get_loc("client_id")] = "newcomer"
    return pd.concat([frame[kept], new], ignore_index=True), np.r_[numbers[kept], NEW + np.arange(len(new))]


def _dated(
    tables: Tables, name: str, column: str, t: np.datetime64, end: np.datetime64, rng: np.random.Generator
) -> tuple[pd.DataFrame, np.ndarray]:
    frame, numbers = getattr(tables, name).copy(), tables.rows[name]
    later = (frame[column] > t).to_numpy() & (frame["client_id"] != ANCHOR).to_numpy()
    if name == "messages":
        frame.loc[_some(rng, later), "text"] = "I am done, do not call again"
    else:
        frame.loc[_some(rng, later), "score"] = 1.0
    kept = ~_some(rng, later)
    new = frame.sample(2, replace=True, random_state=int(rng.integers(1 << 30))).assign(**{column: _after(t, end, 2, rng)})
    for name_column in {"message_id", "session_id"} & set(new):
        new[name_column] = pd.Series(None, index=new.index, dtype="str")
    return pd.concat([frame[kept], new], ignore_index=True), np.r_[numbers[kept], NEW + np.arange(2)]


def _episodes(tables: Tables, t: np.datetime64, end: np.datetime64, rng: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray]:
    assert tables.episodes is not None
    frame, numbers = tables.episodes.copy(), tables.rows["episodes"]
    nat = np.full(len(frame), np.datetime64("NaT", "s"))
    opened = frame["opened_at"].to_numpy() if "opened_at" in frame else nat
    closed = frame["closed_at"].to_numpy() if "closed_at" in frame else nat
    mine = (frame["client_id"] != ANCHOR).to_numpy()
    unknown = mine & (opened > t)
    open_still = mine & ~(closed <= t) & ~unknown
    if "closed_at" in frame:
        changed = _some(rng, open_still)
        frame.loc[changed, "closed_at"] = _after(t, end, int(changed.sum()), rng)
        changed = _some(rng, open_still, 0.2)
        frame.loc[changed, "closed_at"] = np.datetime64("NaT")
    if "closure_reason" in frame:
        changed = _some(rng, open_still)
        frame.loc[changed, "closure_reason"] = rng.choice(CLOSURE_REASONS, int(changed.sum()))
    if "ending_discussed_at" in frame:
        later = mine & ~(frame["ending_discussed_at"] <= t).to_numpy()
        changed = _some(rng, later)
        frame.loc[changed, "ending_discussed_at"] = _after(t, end, int(changed.sum()), rng)
    if "planned_sessions" in frame:
        frame.loc[_some(rng, unknown), "planned_sessions"] = 99.0
    kept = ~_some(rng, unknown)
    new = pd.DataFrame()
    if {"opened_at", "episode_id"} <= set(frame):
        new = frame[mine].sample(min(2, int(mine.sum())), random_state=int(rng.integers(1 << 30)))
        new = new.assign(opened_at=_after(t, end, len(new), rng), episode_id=[f"later{k}" for k in range(len(new))])
        for column in {"closed_at", "closure_reason", "ending_discussed_at"} & set(new):
            new[column] = pd.Series(None, index=new.index, dtype=new[column].dtype)
    frame = pd.concat([frame[kept], new], ignore_index=True) if len(new) else frame[kept]
    return frame, np.r_[numbers[kept], NEW + np.arange(len(new))]


def _clients(tables: Tables, t: np.datetime64, rng: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray]:
    assert tables.clients is not None
    frame, numbers = tables.clients, tables.rows["clients"]
    new = frame.iloc[:1].assign(client_id="newcomer")
    extra = [column for column in frame if TABLES["clients"].column(column) is None]
    for column in extra:
        # A word where there were numbers: how the others are read must not depend on it.
        text = frame[column].map(lambda value: f"{value:g}" if isinstance(value, float) else value)
        if column == "extra":
            frame = frame.assign(extra=text.astype("str"))
            new = new.assign(extra="a word")
    frame = pd.concat([frame, new], ignore_index=True)
    if "extra" in extra:
        frame["extra"] = as_covariate(frame["extra"])
    return frame, np.r_[numbers, NEW]
