"""Splits by time, with an embargo, and by client: what may be learnt from, and when it is put to the test.

A model that learnt until a cut is tested on dates that lie at least an embargo after it: as long as the definition of
dropout needs, so that no test label was already a training label. And a test date counts only where its labels
are mature: date + horizon + that same time must have passed by the extraction date.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from dropout.history import History
from dropout.timeline import DAY, seconds, times

STEP_DAYS = 28
"""Days between test dates: four weeks, so that all fall on one weekday and months weigh alike."""

MOST_DATES = 4

DECIDING_DAYS = (60, 30)
"""Horizons by which the latest test date is chosen; the second where the history is too short for the first."""

LEARNING_SHARE = 0.4
"""Share of the history that a refitted model learns from at least."""

FOLDS = 3


@dataclass(frozen=True)
class Split:
    """What is learnt from and when it is tested.

    Attributes
    ----------
    cut : numpy.datetime64
        Nothing known later is learnt from.
    dates : datetime64[s] array
        When predictions are asked, rising.
    folds : int
        Groups of clients, each tested by a model of the others; 1 where clients are not parted.
    """

    cut: np.datetime64
    dates: np.ndarray
    folds: int = 1


def test_dates(
    extraction: np.datetime64, maturity_days: int, earliest: np.datetime64, *, most: int = MOST_DATES
) -> np.ndarray:
    """Midnights, four weeks apart, not before `earliest`, whose labels are mature by the extraction date.

    The latest is the last midnight that lies 60 days (failing that 30) and the maturity before extraction. Longer
    horizons have labels on the earlier dates alone.

    Returns
    -------
    datetime64[s] array, rising; empty where there is none
    """
    end, first = int(seconds(np.array([extraction]))[0]), int(seconds(np.array([earliest]))[0])
    for horizon in DECIDING_DAYS:
        latest = (end - (horizon + maturity_days) * DAY) // DAY * DAY
        dates = latest - np.arange(most)[::-1] * STEP_DAYS * DAY
        if (dates >= first).any():
            return times(dates[dates >= first])
    return times(np.zeros(0, dtype=np.int64))


def after_training(history: History, trained_until: np.datetime64, maturity_days: int) -> np.ndarray:
    """Test dates on which a model that learnt until `trained_until` can be tested as it is, on the same clients."""
    return test_dates(history.known_until, maturity_days, trained_until + np.timedelta64(maturity_days, "D"))


def temporal_splits(history: History, maturity_days: int) -> list[Split]:
    """Splits of this history for a model fitted again, the one to be preferred first.

    Three groups of clients and several dates; then fewer dates, which leaves more to learn from; then the same
    without parting clients, for a clinic too small for that. All tests lie at least the embargo after the cut.
    """
    begin = times(np.array([history.timeline.begins.min()]))[0]
    span = history.known_until - begin
    earliest = begin + np.timedelta64(int(span.astype(np.int64) * LEARNING_SHARE), "s")
    embargo = np.timedelta64(maturity_days, "D")
    splits = []
    for folds in (FOLDS, 1):
        for most in (MOST_DATES, 2, 1):
            dates = test_dates(history.known_until, maturity_days, earliest + embargo, most=most)
            if len(dates):
                splits.append(Split(dates[0] - embargo, dates, folds))
    return splits


def client_folds(clients: Iterable[str], folds: int, seed: int = 0) -> pd.Series:
    """Fold of each client (index: client), 0 to folds - 1, of sizes that differ by one at most.

    A client's place is decided by a hash of the id and the seed, so the order of the rows does not matter.
    """
    names = sorted({str(client) for client in clients})
    mixed = sorted(names, key=lambda name: hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).digest())
    return pd.Series(np.arange(len(mixed)) % folds, index=pd.Index(mixed, dtype="str"), dtype=np.int64)


def of_clients(history: History, clients: Collection[str]) -> History:
    """The history of these clients alone, known until the same date."""
    wanted = pd.Index(list(clients))
    frames: dict[str, Any] = {}
    rows = dict(history.tables.rows)
    for name, frame in history.tables.present().items():
        kept = frame["client_id"].isin(wanted).to_numpy()
        frames[name] = frame[kept].reset_index(drop=True) if kept.any() or name == "sessions" else None
        if name in rows:
            rows[name] = rows[name][kept]
    return History(replace(history.tables, **frames, rows=rows), history.known_until)
