"""Splits: dates that are late enough and mature, groups of clients, histories of some clients."""

from __future__ import annotations

import numpy as np
import pytest

from dropout.evaluation import splits
from dropout.evaluation.splits import client_folds, of_clients, temporal_splits
from dropout.timeline import DAY

DAYS = np.timedelta64(1, "D")


def at(text: str) -> np.datetime64:
    return np.datetime64(text, "s")


@pytest.mark.parametrize(("earliest", "expected"), [
    ("2025-01-01", ["2025-05-25", "2025-06-22", "2025-07-20", "2025-08-17"]),
    ("2025-06-22", ["2025-06-22", "2025-07-20", "2025-08-17"]),
    ("2025-06-22T00:00:01", ["2025-07-20", "2025-08-17"]),
    ("2025-09-01", ["2025-09-16"]),
    ("2025-09-17", []),
])
def test_dates_by_hand(earliest, expected):
    # 60 + 60 days before 15 December, 18:00, is 17 August; 30 + 60 days before is 16 September.
    dates = splits.test_dates(at("2025-12-15T18:00"), 60, at(earliest))
    assert [str(date.astype("datetime64[D]")) for date in dates] == expected
    assert all(str(date).endswith("T00:00:00") for date in dates)


def test_an_embargo_lies_between_learning_and_testing(history):
    until = history.known_until - 200 * DAYS
    dates = splits.after_training(history, until, 60)
    assert len(dates) and (dates >= until + 60 * DAYS).all() and (dates + 120 * DAYS <= history.known_until).all()
    assert not len(splits.after_training(history, history.known_until, 60))


def test_temporal_splits(history):
    offered = temporal_splits(history, 60)
    assert [(split.folds, len(split.dates)) for split in offered] == [(3, 4), (3, 2), (3, 1), (1, 4), (1, 2), (1, 1)]
    for split in offered:
        assert (split.dates - split.cut >= 60 * DAYS).all()
        assert (split.dates + 90 * DAYS <= history.known_until).all()


def test_a_short_history_has_fewer_or_no_splits(history):
    assert temporal_splits(history.as_of(history.timeline.begins.min().astype("datetime64[s]") + 100 * DAYS), 60) == []


def test_groups_of_clients():
    clients = [f"C{i}" for i in range(100)]
    fold = client_folds(clients, 3, seed=1)
    assert sorted(fold.value_counts()) == [33, 33, 34]
    assert fold.sort_index().equals(client_folds(clients[::-1] * 2, 3, seed=1).sort_index())
    assert not fold.sort_index().equals(client_folds(clients, 3, seed=2).sort_index())
    assert list(client_folds(["A"], 3).index) == ["A"]


def test_history_of_some_clients(history):
    some = sorted(set(history.sessions["client_id"]))[::3]
    part = of_clients(history, some)
    assert set(part.timeline.episodes["client_id"]) == set(some)
    assert part.known_until == history.known_until and part.timeline.extraction == history.timeline.extraction
    for name, frame in part.tables.present().items():
        assert set(frame["client_id"]) <= set(some) and len(part.tables.rows[name]) == len(frame)
        assert list(frame.index) == list(range(len(frame)))
    # The episodes of these clients end as they do in the whole history.
    both = part.episodes().merge(history.episodes(), on="episode_id", suffixes=("", "_whole"))
    assert len(both) == len(part.timeline) and (both["ending"] == both["ending_whole"]).all()
    assert (part.timeline.begins % DAY >= 0).all()
