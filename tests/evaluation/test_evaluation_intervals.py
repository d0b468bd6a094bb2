"""Drawing clients again: against a slow twin, a known standard error, and at the edges."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dropout.evaluation import metrics
from dropout.evaluation.intervals import Resamples, metric_interval, percentiles


def rows(n_clients: int = 60, each: int = 4, seed: int = 0):
    rng = np.random.default_rng(seed)
    client = np.repeat([f"C{i:03}" for i in range(n_clients)], each)
    p = np.repeat(rng.beta(2, 4, n_clients), each)
    y = np.repeat((rng.random(n_clients) < p[::each]).astype(float), each)
    return client, y, p


def test_as_a_slow_twin_that_copies_rows():
    client, y, p = rows()
    resamples = Resamples.of(client, 50, seed=3)
    codes = pd.factorize(client, sort=True)[0]
    for metric in (metrics.log_loss, metrics.auc, metrics.calibration_error, metrics.calibration_slope):
        values = []
        for count in resamples.counts:
            take = np.concatenate([np.flatnonzero(codes == k) for k in range(60) for _ in range(count[k])])
            values.append(metric(y[take], p[take]))
        low, high = np.quantile(values, [0.025, 0.975])
        assert metric_interval(metric, y, p, resamples) == pytest.approx((low, high), abs=1e-7)


def test_clients_are_drawn_not_rows():
    client, y, p = rows(400, 6)
    low, high = metric_interval(lambda y, p, w: float((w * y).sum() / w.sum()), y, p, Resamples.of(client, 2000, 1))
    # The standard error of a share of 400 clients, not of 2,400 rows. 2,000 drawings tell it to about 3%.
    error = np.sqrt(y.mean() * (1 - y.mean()) / 400)
    assert (high - low) / (2 * 1.96) == pytest.approx(error, rel=0.1)


def test_same_seed_same_interval_in_any_order():
    client, y, p = rows()
    mixed = np.random.default_rng(9).permutation(len(y))
    one = metric_interval(metrics.brier, y, p, Resamples.of(client, 40, 5))
    other = metric_interval(metrics.brier, y[mixed], p[mixed], Resamples.of(client[mixed], 40, 5))
    assert one == pytest.approx(other, abs=1e-12)
    assert one != metric_interval(metrics.brier, y, p, Resamples.of(client, 40, 6))


def test_one_client_has_no_interval():
    one = Resamples.of(np.array(["A", "A", "A"]), 50)
    assert np.isnan(metric_interval(metrics.brier, np.array([0.0, 1, 0]), np.array([0.1, 0.5, 0.2]), one)).all()


def test_nobody_left_has_no_rank_and_no_interval():
    client = np.array([f"C{i}" for i in range(30)])
    resamples = Resamples.of(client, 50)
    p = np.linspace(0.1, 0.5, 30)
    assert np.isnan(metric_interval(metrics.auc, np.zeros(30), p, resamples)).all()
    assert np.isfinite(metric_interval(metrics.log_loss, np.zeros(30), p, resamples)).all()


def test_too_few_usable_drawings_give_no_interval():
    assert np.isnan(percentiles(np.r_[np.full(15, np.nan), np.arange(85)])).all()
    assert np.isfinite(percentiles(np.r_[np.full(5, np.nan), np.arange(95)])).all()
