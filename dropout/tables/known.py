"""Known when: the time at which each fact of a session became known.

A session row is two facts. The *booking* is known at `booked_at`; without one, at the latest time it could have been
known: when the outcome was, or, while there is none, at the extraction date. The *outcome* of an attended or missed
session is known at `starts_at`, of a cancelled one at `cancelled_at`, else at `starts_at`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from dropout.tables.columns import CANCELLED

NEVER = np.datetime64("NaT", "s")


def outcome_known_at(sessions: pd.DataFrame, extraction_at: np.datetime64 | None = None) -> np.ndarray:
    """Return when the outcome of each session became known, datetime64[s], shape (n_sessions,); NaT while scheduled.

    An outcome is never known before its booking. A cancellation without `cancelled_at` whose start lies past
    `extraction_at` is in the tables all the same, so it was known by then.
    """
    known = sessions["starts_at"].to_numpy().astype("datetime64[s]").copy()
    status = sessions["status"]
    cancelled = status.isin(CANCELLED).to_numpy(dtype=bool)
    if "cancelled_at" in sessions:
        at = sessions["cancelled_at"].to_numpy()
        dated = cancelled & ~np.isnat(at)
        known[dated] = at[dated]
    else:
        dated = np.zeros(len(sessions), dtype=bool)
    if extraction_at is not None:
        undated = cancelled & ~dated
        known[undated] = np.fmin(known[undated], extraction_at)
    if "booked_at" in sessions:
        known = np.fmax(known, sessions["booked_at"].to_numpy())
    known[(status == "scheduled").to_numpy(dtype=bool)] = NEVER
    return known


def booking_known_at(sessions: pd.DataFrame, extraction_at: np.datetime64) -> np.ndarray:
    """Return when each booking became known, datetime64[s], shape (n_sessions,)."""
    outcome = outcome_known_at(sessions, extraction_at)
    latest = np.where(np.isnat(outcome), extraction_at, outcome)
    if "booked_at" not in sessions:
        return latest
    booked = sessions["booked_at"].to_numpy()
    return np.where(np.isnat(booked), latest, booked)
