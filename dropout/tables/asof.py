"""As of: the tables exactly as they stood at an earlier time.

Every rule here is about one row and one time, so cutting twice is the same as cutting once at the earlier time.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pandas as pd

from dropout.errors import CallError
from dropout.tables.columns import TABLES
from dropout.tables.extract import Tables
from dropout.tables.kinds import as_covariate
from dropout.tables.known import NEVER, booking_known_at, outcome_known_at
from dropout.tables.order import in_order


def known_by(tables: Tables, t: object) -> Tables:
    """Return the tables as they were known at time `t`, that very second included.

    Parameters
    ----------
    tables : Tables
        Left untouched.
    t : datetime64, Timestamp or text
        A naive local time; a bare date means midnight at its beginning. Raises CallError for anything else.

    Returns
    -------
    Tables
        Without bookings, messages, scores and episodes that came later. Later outcomes and cancellations are turned
        back into ``scheduled``, later closures and ending talks into nulls, and what is owed at a later session is
        not known. An optional table of which nothing was known is None.
    """
    moment = _moment(t)
    extraction_at = tables.extraction_at()
    whole = bool(np.isnat(extraction_at) or moment >= extraction_at)
    sessions, kept_sessions = _sessions(tables.sessions, moment, extraction_at, whole)
    cut: dict[str, tuple[pd.DataFrame, np.ndarray]] = {"sessions": (sessions, kept_sessions)}
    for name, column in (("messages", "sent_at"), ("measures", "measured_at")):
        frame = getattr(tables, name)
        if frame is not None:
            # Before a client's first session is known, what they wrote is that of an unknown client: set aside.
            kept = (frame[column] <= moment).to_numpy() & frame["client_id"].isin(sessions["client_id"]).to_numpy()
            cut[name] = frame[kept], kept
    if tables.episodes is not None:
        cut["episodes"] = _episodes(tables.episodes, sessions, moment, whole)
    if tables.clients is not None:
        known = np.unique(np.concatenate([frame["client_id"].to_numpy(dtype=object) for frame, _ in cut.values()]))
        kept = tables.clients["client_id"].isin(known).to_numpy() | whole
        cut["clients"] = _extras_retyped(tables.clients[kept]), kept
    frames: dict[str, Any] = dict.fromkeys(("messages", "measures", "episodes", "clients"))
    rows = {}
    for name, (frame, kept) in cut.items():
        if len(frame) or name == "sessions":
            frames[name], rows[name] = in_order(name, frame, tables.rows[name][kept])
    return replace(tables, **frames, rows=rows)


def _moment(t: object) -> np.datetime64:
    try:
        stamp = pd.to_datetime(cast(Any, t))
        if isinstance(stamp, pd.Timestamp) and stamp.tzinfo is None:
            return np.datetime64(stamp.floor("s"), "s")
    except (ValueError, TypeError):
        pass
    raise CallError(f"'{t}' is not a local date or time. Give one such as 2026-06-30 or 2026-06-30T12:00.")


def _sessions(
    sessions: pd.DataFrame, t: np.datetime64, extraction_at: np.datetime64, whole: bool
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the sessions booked by `t`, later outcomes undone, and the mask of rows kept."""
    outcome = outcome_known_at(sessions, extraction_at)
    kept = (booking_known_at(sessions, extraction_at) <= t) | whole
    later = outcome[kept] > t
    frame = sessions[kept].copy()
    if later.any():
        frame["status"] = frame["status"].mask(later, "scheduled")
    if "cancelled_at" in frame:
        frame["cancelled_at"] = frame["cancelled_at"].mask((frame["cancelled_at"] > t).to_numpy())
    if "fee_owed" in frame:
        frame["fee_owed"] = frame["fee_owed"].mask((frame["starts_at"] > t).to_numpy())
    return frame, kept


def _episodes(
    episodes: pd.DataFrame, sessions: pd.DataFrame, t: np.datetime64, whole: bool
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the episodes opened by `t`, later closures and ending talks undone, and the mask of rows kept.

    One without `opened_at` is known from its first session known by `t`, or its closure; at the latest, at extraction.
    """
    opened = episodes["opened_at"].to_numpy() if "opened_at" in episodes else np.full(len(episodes), NEVER)
    closed = episodes["closed_at"].to_numpy() if "closed_at" in episodes else np.full(len(episodes), NEVER)
    undated = np.isnat(opened)
    kept = (opened <= t) | (undated & ((closed <= t) | whole))
    if undated.any():
        kept |= undated & _has_session(episodes, sessions)
    frame = episodes[kept].copy()
    open_still = ~(closed[kept] <= t)
    if whole:
        # A reason without a date stands in the tables, so it was known when they were extracted.
        open_still &= ~np.isnat(closed[kept])
    if "closed_at" in frame:
        frame["closed_at"] = frame["closed_at"].mask(open_still)
    if "closure_reason" in frame:
        frame["closure_reason"] = frame["closure_reason"].mask(open_still)
    if "ending_discussed_at" in frame:
        frame["ending_discussed_at"] = frame["ending_discussed_at"].mask((frame["ending_discussed_at"] > t).to_numpy())
    return _extras_retyped(frame), kept


def _has_session(episodes: pd.DataFrame, sessions: pd.DataFrame) -> np.ndarray:
    """Return for each episode whether one of `sessions` is of its client and may belong to it."""
    client = episodes["client_id"].isin(sessions["client_id"]).to_numpy()
    if "episode_id" not in episodes or "episode_id" not in sessions:
        return client
    loose = sessions.loc[sessions["episode_id"].isna(), "client_id"]
    pairs = pd.MultiIndex.from_frame(episodes[["client_id", "episode_id"]])
    named = sessions.loc[sessions["episode_id"].notna(), ["client_id", "episode_id"]].drop_duplicates()
    same = pairs.isin(pd.MultiIndex.from_frame(named))
    return client & (same | episodes["episode_id"].isna().to_numpy() | episodes["client_id"].isin(loose).to_numpy())


def _extras_retyped(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with each text covariate that now holds numbers alone, or nothing, as numbers.

    A word that only a later row has must not decide how the rows before it are read.
    """
    specified = {name for table in ("clients", "episodes") for name in TABLES[table].names}
    changed = frame.copy(deep=False)
    for name in frame.columns.difference(list(specified)):
        if isinstance(frame[name].dtype, pd.StringDtype):
            changed[name] = as_covariate(frame[name].reset_index(drop=True)).set_axis(frame.index)
    return changed
