"""Does the mixture cure model find the truth it was given, and do its intervals cover it? Notebook 03 in small."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from simulated_cure import cancellations

from dropout import MixtureCure
from dropout.models.cure_diagnostics import FollowUpWarning

TRUTH = np.array([0.8, -0.6, 0.5, -0.4, 0.3])
LATENCY = (-0.4, 0.3, 0.0, 0.2, -0.2)


def study(runs: int, n: int, **world) -> tuple[np.ndarray, np.ndarray]:
    """Estimates of the incidence coefficients (runs by columns), and whether their 95% intervals cover the truth."""
    estimates, covered = [], []
    for seed in range(runs):
        model = MixtureCure().fit(*cancellations(n, seed, incidence=tuple(TRUTH), latency=LATENCY, **world))
        table = model.summary().loc["incidence"].iloc[1:]
        estimates.append(table["coefficient"])
        covered.append((table["low"] <= TRUTH) & (table["high"] >= TRUTH))
    return np.array(estimates), np.array(covered)


def test_a_few_runs_find_the_truth_and_cover_it():
    estimates, covered = study(60, 1000)
    # Four standard errors of a mean of 60, and of a share of 300 intervals of which 95% should cover.
    assert (abs(estimates.mean(axis=0) - TRUTH) < 4 * estimates.std(axis=0) / np.sqrt(60)).all()
    assert abs(covered.mean() - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 300)


def test_two_hundred_cancellations_are_few_but_enough_for_a_fit():
    estimates, covered = study(60, 200)
    assert np.isfinite(estimates).all()
    assert (abs(estimates.mean(axis=0) - TRUTH) < 4 * estimates.std(axis=0) / np.sqrt(60) + 0.1 * abs(TRUTH)).all()
    assert covered.mean() > 0.90


def test_where_everybody_returns_in_the_end_short_follow_up_invents_the_gone_and_is_refused():
    x, y = cancellations(2000, 0, intercept=-30.0, watched=(20, 40))
    with pytest.warns(FollowUpWarning, match="can't be told"):
        model = MixtureCure().fit(x, y)
    assert model.predict_gone(x).mean() > 0.05  # what would have been reported
    assert np.isnan(model.cured_fraction_)


@pytest.mark.parametrize(("watched", "refused"), [((20, 40), 1.0), ((30, 60), 1.0), ((150, 365), 0.0)])
def test_refusals_come_when_follow_up_is_short_and_not_when_it_is_long(watched, refused):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FollowUpWarning)
        fits = [MixtureCure().fit(*cancellations(2000, seed, watched=watched)) for seed in range(10)]
    assert np.mean([bool(fit.follow_up_.reason) for fit in fits]) == refused


def test_intervals_of_the_probability_of_being_gone_cover_the_true_one():
    x = np.array([[0.0, 0.0, 0.0], [1.0, -1.0, 1.0], [-1.0, 1.0, 0.5]])
    silent = np.array([[0.0, 7.0, 21.0, 45.0]])
    eta = -0.8 + x @ [0.8, -0.6, 0.5]
    truth = 1 / (1 + np.exp(-(eta[:, None] + silent / 20 * np.exp(x @ [-0.4, 0.3, 0.0])[:, None])))
    inside = []
    for seed in range(60):
        data, y = cancellations(1500, seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FollowUpWarning)
            low, high = MixtureCure().fit(data.to_numpy(), y).predict_gone_interval(x, silent)
        inside.append((low <= truth) & (truth <= high))
    # Twelve intervals of one fit are nearly one: four standard errors of a share of 60.
    assert abs(np.mean(inside) - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 60)


@pytest.mark.slow
def test_five_hundred_runs_of_five_thousand_cancellations():
    estimates, covered = study(500, 5000)
    assert (abs(estimates.mean(axis=0) / TRUTH - 1) < 0.05).all()
    # A coverage of 95% seen in 500 runs has a standard error of 1 percentage point.
    assert 0.93 < covered.mean() < 0.97
    assert (abs(covered.mean(axis=0) - 0.95) < 0.03).all()
