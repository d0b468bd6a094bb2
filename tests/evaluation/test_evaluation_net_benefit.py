"""Net benefit by hand, against the formulas of the papers, and what ties and censoring do to it."""

from __future__ import annotations

import numpy as np
import pytest

from dropout.errors import CallError
from dropout.evaluation.censoring import by_horizon
from dropout.evaluation.net_benefit import net_benefit, treat_all


def test_the_formula_of_2006():
    rng = np.random.default_rng(1)
    p = rng.integers(0, 21, 300) / 20
    y = (rng.random(300) < p).astype(float)
    at = (0.05, 0.25, 0.5, 0.9)
    for t, found in zip(at, net_benefit(y, p, thresholds=at), strict=True):
        true = sum(1 for a, b in zip(y, p, strict=True) if b >= t and a == 1)
        false = sum(1 for a, b in zip(y, p, strict=True) if b >= t and a == 0)
        assert found == pytest.approx(true / 300 - false / 300 * t / (1 - t), abs=1e-12)


def test_everybody_and_nobody():
    y, p = np.array([1, 0, 0, 0.0]), np.array([0.9, 0.8, 0.7, 0.6])
    assert net_benefit(y, p, thresholds=(0.2, 0.5)) == pytest.approx(treat_all(0.25, (0.2, 0.5)))
    assert net_benefit(y, p, thresholds=(0.95,)) == pytest.approx([0.0])
    assert treat_all(0.25, (0.25,)) == pytest.approx([0.0])
    assert treat_all(np.array([0.2, 0.4]), (0.1, 0.3)).shape == (2, 2)


def test_with_censoring_it_is_near_that_of_incidence_above_the_threshold():
    """Vickers and others (2008) take the cumulative incidence among those above the threshold, from their own censoring.

    Both estimate the same where censoring does not depend on the prediction. Of 20,000 rows each has a standard error of
    about 0.003, and they share most of it.
    """
    rng = np.random.default_rng(2)
    n = 20_000
    x = rng.normal(size=n)
    gone, other, lost = rng.exponential(60 / np.exp(x)), rng.exponential(150, n), rng.uniform(20, 150, n)
    time = np.ceil(np.minimum(np.minimum(gone, other), lost))
    event = np.where(lost < np.minimum(gone, other), 0, np.where(gone < other, 1, 2))
    p = 1 / (1 + np.exp(-x))
    y, weight = by_horizon(time, event, 60.0)
    for t, found in zip((0.2, 0.4, 0.6), net_benefit(y, p, weight, thresholds=(0.2, 0.4, 0.6)), strict=True):
        high = p >= t
        mine, its = by_horizon(time[high], event[high], 60.0)
        share = np.average(mine, weights=its)
        assert found == pytest.approx(high.mean() * (share - (1 - share) * t / (1 - t)), abs=0.004)


@pytest.mark.parametrize("thresholds", [(), (0.0,), (1.0,), (0.2, np.nan), (20, 30)])
def test_thresholds_are_probabilities(thresholds):
    with pytest.raises(CallError, match="thresholds are probabilities"):
        net_benefit(np.array([0.0, 1.0]), np.array([0.1, 0.2]), thresholds=thresholds)
