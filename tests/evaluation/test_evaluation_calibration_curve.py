"""Calibration curves against statsmodels on a spline written out, distances by hand, and a known miscalibration."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from dropout.evaluation import metrics
from dropout.evaluation.calibration_curve import calibration_distances, distances, smooth_curve
from dropout.evaluation.smooth import bent, expit, fitted, knots_of


def drawn(n: int = 800, seed: int = 1):
    rng = np.random.default_rng(seed)
    x = rng.normal(-1, 1.2, n)
    y = (rng.random(n) < expit(0.3 + 0.7 * x + 0.15 * x**2)).astype(float)
    return y, expit(x), rng.uniform(0.5, 2, n), x


def spline_slow(x, knots):
    """Harrell's restricted cubic spline (2015, equation 2.24), one value and knot after the other."""
    rows = []
    a, b = knots[-2], knots[-1]
    for value in x:
        row = [1.0, value]
        for knot in knots[:-2]:
            row.append((max(value - knot, 0) ** 3 - max(value - a, 0) ** 3 * (b - knot) / (b - a)
                        + max(value - b, 0) ** 3 * (a - knot) / (b - a)) / (b - knots[0]) ** 2)
        rows.append(row)
    return np.array(rows)


def test_the_spline_is_as_written_and_straight_outside():
    x, knots = np.linspace(-3, 3, 50), np.array([-1.5, -0.5, 0.5, 1.5])
    assert np.allclose(bent(x, knots), spline_slow(x, knots), atol=1e-12)
    outside = bent(np.array([1.5, 2.0, 2.5, 3.0]), knots)
    assert np.allclose(np.diff(outside, 2, axis=0), 0, atol=1e-9)
    assert bent(x, knots[:2]).shape[1] == 2


def test_the_curve_is_a_logistic_regression_on_the_spline():
    y, p, weight, x = drawn()
    # As the code does it: knots at weighted quantiles of the distinct log odds, here each standing once.
    knots = np.sort(x)[np.searchsorted(np.arange(1, len(x) + 1), np.array([0.05, 0.35, 0.65, 0.95]) * len(x))]
    design = spline_slow(x, knots)
    expected = sm.GLM(y, design, family=sm.families.Binomial(), freq_weights=weight).fit(tol=1e-13).fittedvalues
    assert np.allclose(smooth_curve(y, p, weight), expected, atol=1e-6)
    at = np.array([0.05, 0.3, 0.7])
    there = np.interp(np.log(at / (1 - at)), np.sort(x), expected[np.argsort(x)])
    assert np.allclose(smooth_curve(y, p, weight, at=at), there, atol=2e-3)


def test_many_drawings_are_as_one_after_the_other():
    y, p, _, x = drawn(300)
    order = np.argsort(p)
    y, x = y[order], x[order]
    rng = np.random.default_rng(3)
    weight = rng.multinomial(len(y), np.full(len(y), 1 / len(y)), size=5).astype(float)
    design = bent(x, knots_of(x, np.ones(len(x))))
    together = fitted(design, weight * y, weight * (1 - y))
    for k in range(5):
        slow = sm.GLM(y, design, family=sm.families.Binomial(), freq_weights=weight[k]).fit(tol=1e-13).params
        assert np.allclose(together[k], slow, rtol=1e-5, atol=1e-5)


def test_distances_by_hand():
    observed, p = np.array([[0.1, 0.5, 0.8, np.nan]]), np.array([0.2, 0.3, 0.9, 0.5])
    found = distances(observed, p, np.array([[6.0, 3.0, 1.0, 5.0]]))
    assert found["ici"][0] == pytest.approx((6 * 0.1 + 3 * 0.2 + 1 * 0.1) / 10)
    assert found["e50"][0] == pytest.approx(0.1) and found["e90"][0] == pytest.approx(0.2)


def test_a_known_miscalibration_is_found():
    """Predictions of half the log odds: the true curve is known, so is the mean distance from it.

    With 60,000 rows the curve is off by less than 0.01 everywhere.
    """
    rng = np.random.default_rng(5)
    x = rng.normal(-1, 1.5, 60_000)
    y = (rng.random(len(x)) < expit(x)).astype(float)
    p = expit(x / 2)
    off = np.abs(expit(x) - p)
    found = calibration_distances(y, p)
    assert found["ici"] == pytest.approx(off.mean(), abs=0.005)
    assert found["e50"] == pytest.approx(np.median(off), abs=0.01)
    assert found["e90"] == pytest.approx(np.quantile(off, 0.9), abs=0.01)
    assert calibration_distances(y, expit(x))["ici"] < 0.006


def test_few_values_are_shares_and_nothing_is_smoothed():
    y = np.array([0, 1, 0, 0, 1, 1, 1, 0.0])
    p = np.array([0.2, 0.2, 0.2, 0.2, 0.7, 0.7, 0.7, 0.7])
    assert np.allclose(smooth_curve(y, p), [0.25] * 4 + [0.75] * 4)
    assert calibration_distances(y, p)["ici"] == pytest.approx(0.05)


def test_one_kind_alone_has_no_curve_and_parted_kinds_have_one():
    y, p, _, x = drawn(100)
    assert np.isnan(smooth_curve(np.zeros(100), p)).all()
    assert np.isnan(calibration_distances(np.ones(100), p)["ici"])
    parted = smooth_curve((x > 0).astype(float), p)
    assert parted[x > 0.5].min() > 0.95 and parted[x < -0.5].max() < 0.05
    assert np.isnan(metrics.calibration_slope((x > 0).astype(float), p))
