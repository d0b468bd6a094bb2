"""Metrics against scikit-learn, statsmodels, slow twins and numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.metrics import log_loss as sklearn_log_loss

from dropout.errors import CallError
from dropout.evaluation import metrics

EVERY = [metrics.log_loss, metrics.brier, metrics.auc, metrics.calibration_in_the_large, metrics.calibration_slope,
         metrics.calibration_error]


def drawn(n: int = 400, seed: int = 1, levels: int | None = None):
    rng = np.random.default_rng(seed)
    p = rng.beta(1.2, 3, n)
    if levels:
        p = np.round(p * levels) / levels
    y = (rng.random(n) < p).astype(float)
    return y, p, rng.integers(0, 4, n).astype(float)


@pytest.mark.parametrize("levels", [None, 10])
def test_as_scikit_learn_has_them(levels):
    y, p, weight = drawn(levels=levels)
    clipped = np.clip(p, 0.005, 0.995)
    for w in (None, weight):
        assert metrics.log_loss(y, p, w) == pytest.approx(sklearn_log_loss(y, clipped, sample_weight=w), abs=1e-12)
        assert metrics.brier(y, p, w) == pytest.approx(brier_score_loss(y, p, sample_weight=w), abs=1e-12)
        assert metrics.auc(y, p, w) == pytest.approx(roc_auc_score(y, p, sample_weight=w), abs=1e-12)


def test_slope_as_statsmodels_has_it():
    y, p, weight = drawn(600, 2)
    x = np.log(p / (1 - p))
    for w in (np.ones(len(y)), weight):
        fitted = sm.GLM(y, sm.add_constant(x), family=sm.families.Binomial(), freq_weights=w).fit(tol=1e-12)
        assert metrics.calibration_slope(y, p, w) == pytest.approx(fitted.params[1], abs=1e-7)
        assert metrics.logistic_line(x, y, w) == pytest.approx(tuple(fitted.params), abs=1e-7)


def test_slope_tells_timid_from_bold():
    rng = np.random.default_rng(3)
    odds = rng.normal(-1, 1.5, 40_000)
    y = (rng.random(len(odds)) < 1 / (1 + np.exp(-odds))).astype(float)

    def told(factor):
        return metrics.calibration_slope(y, 1 / (1 + np.exp(-factor * odds)))

    # 40,000 rows: the standard error of the slope is 0.013.
    assert told(1.0) == pytest.approx(1.0, abs=0.05)
    assert told(2.0) == pytest.approx(0.5, abs=0.025)
    assert told(0.5) == pytest.approx(2.0, abs=0.1)


def test_by_hand():
    y, p = np.array([0.0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])
    assert metrics.auc(y, p) == 0.75
    assert metrics.brier(y, p) == pytest.approx((0.01 + 0.16 + 0.4225 + 0.04) / 4)
    assert metrics.calibration_in_the_large(y, p) == pytest.approx(0.4125 - 0.5)
    assert metrics.calibration_error(y, p, bins=2) == pytest.approx((abs(0.45 - 1) + abs(1.2 - 1)) / 4)
    assert metrics.log_loss(np.array([1.0]), np.array([0.0])) == pytest.approx(-np.log(0.005))


def test_calibration_error_as_a_slow_twin_has_it():
    y, p, _ = drawn(1000, 4)
    off = [len(i) * abs(p[i].mean() - y[i].mean()) for i in np.array_split(np.argsort(p), 10)]
    assert metrics.calibration_error(y, p) == pytest.approx(sum(off) / 1000, abs=1e-12)
    q = np.clip(p * 0.8, 0, 1)
    assert metrics.calibration_error(q, p) == pytest.approx((p - q).mean(), abs=1e-12)


def test_a_constant_prediction_is_one_bin_in_any_order():
    y = np.r_[np.ones(30), np.zeros(70)]
    for order in (slice(None), slice(None, None, -1)):
        assert metrics.calibration_error(y[order], np.full(100, 0.4)) == pytest.approx(0.1)
    assert len(metrics.calibration_curve(y, np.full(100, 0.4))) == 1


def test_nothing_parts_rows_of_one_prediction():
    y, p, _ = drawn(500, 5, levels=6)
    mixed = np.random.default_rng(6).permutation(500)
    assert metrics.calibration_error(y, p) == pytest.approx(metrics.calibration_error(y[mixed], p[mixed]), abs=1e-12)


def test_calibration_curve_counts_everybody_once():
    y, p, _ = drawn(1000, 7)
    curve = metrics.calibration_curve(y, p)
    assert list(curve["n"]) == [100] * 10
    assert curve["events"].sum() == y.sum()
    assert (curve["predicted"].diff().dropna() > 0).all()
    assert (curve["low"] <= curve["observed"]).all() and (curve["observed"] <= curve["high"]).all()


def test_wilson_as_published():
    # Newcombe (1998), table I, method 3: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    for events, n, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611),
                                 (1, 29, 0.0061, 0.1718)):
        assert metrics.wilson(events, n)[0] == pytest.approx(low, abs=5e-5)
        assert metrics.wilson(events, n)[1] == pytest.approx(high, abs=5e-5)


def test_wilson_stays_within_0_and_1():
    low, high = metrics.wilson(np.array([0, 5, 0]), np.array([5, 5, 0]))
    assert low[0] == 0 and high[1] == 1 and np.isnan(low[2])


@pytest.mark.parametrize("happened", [0.0, 1.0])
def test_nobody_or_everybody(happened):
    y, p = np.full(50, happened), np.linspace(0.1, 0.6, 50)
    assert np.isnan(metrics.auc(y, p)) and np.isnan(metrics.calibration_slope(y, p))
    assert metrics.log_loss(y, p) > 0
    assert metrics.calibration_in_the_large(y, p) == pytest.approx(0.35 - happened)


def test_a_slope_that_is_infinite_is_not_told():
    p = np.linspace(0.05, 0.95, 40)
    assert np.isnan(metrics.calibration_slope((p > 0.5).astype(float), p))
    assert np.isnan(metrics.calibration_slope(np.array([0.0, 1, 0]), np.full(3, 0.2)))


@pytest.mark.parametrize("metric", EVERY, ids=lambda m: m.__name__)
@pytest.mark.parametrize(("y", "p", "says"), [
    ([0, 1], [0.2, np.nan], "1 of 2 predictions"),
    ([0, 1], [0.2, 1.2], "1 of 2 predictions"),
    ([0, np.nan], [0.2, 0.3], "1 of 2 outcomes"),
    ([0, 1, 1], [0.2, 0.3], "3 outcomes, 2 predictions"),
    ([], [], "no predictions"),
])
def test_what_cannot_be_measured_is_refused(metric, y, p, says):
    with pytest.raises(CallError, match=says):
        metric(np.array(y), np.array(p))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), st.integers(0, 3)),
                min_size=2, max_size=25))
def test_a_weight_is_that_many_rows(rows):
    y, p, w = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    if w.sum() == 0:
        return
    again = np.repeat(np.arange(len(y)), w.astype(int))
    for metric in EVERY:
        one, other = metric(y, p, w), metric(y[again], p[again])
        assert one == pytest.approx(other, abs=1e-6, nan_ok=True), metric.__name__


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5)), min_size=1, max_size=25))
def test_auc_is_the_share_of_pairs_in_order(rows):
    y, p = np.array([r[0] for r in rows], dtype=float), np.array([r[1] / 5 for r in rows])
    pairs = [(a > b) + 0.5 * (a == b) for a in p[y == 1] for b in p[y == 0]]
    assert metrics.auc(y, p) == pytest.approx(np.mean(pairs) if pairs else np.nan, abs=1e-12, nan_ok=True)
