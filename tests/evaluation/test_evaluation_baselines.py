"""Baselines: rates by hand, logistic regressions against statsmodels, and too little to learn from."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from dropout.evaluation.baselines import baseline_predictions, names


def frame(n: int = 300, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    days = rng.exponential(20, n)
    return pd.DataFrame({
        "days_since_attended": days, "last_missed": rng.integers(0, 2, n).astype(float),
        "days_silent": rng.exponential(15, n), "own_return_rate": rng.uniform(0.4, 0.95, n),
        "never_again": (rng.random(n) < days / (days + 30)).astype(float),
    })


def test_rates_are_those_of_the_training_rows():
    train, test = frame(seed=1), frame(20, seed=2)
    p = baseline_predictions(train, "never_again", test, names(False))
    assert list(p.columns) == names(False) == ["base rate", "last session missed", "days since seen", "own return rate"]
    assert np.allclose(p["base rate"], train["never_again"].mean())
    for value in (0, 1):
        expected = train.loc[train["last_missed"] == value, "never_again"].mean()
        assert np.allclose(p.loc[test["last_missed"] == value, "last session missed"], expected)


def test_days_are_a_logistic_regression_on_their_logarithm():
    train, test = frame(seed=1), frame(20, seed=2)
    p = baseline_predictions(train, "never_again", test, names(True))
    for name, column, read in (("days since seen", "days_since_attended", np.log1p),
                               ("days silent", "days_silent", np.log1p),
                               ("own return rate", "own_return_rate", lambda r: np.log(r / (1 - r)))):
        fitted = sm.Logit(train["never_again"], sm.add_constant(read(train[column]))).fit(disp=0, tol=1e-10)
        assert np.allclose(p[name], fitted.predict(sm.add_constant(read(test[column]))), atol=1e-6)


def test_rows_without_an_answer_are_not_learnt_from():
    train, test = frame(seed=1), frame(10, seed=2)
    spoiled = pd.concat([train, frame(50, seed=3).assign(never_again=np.nan)], ignore_index=True)
    whole = baseline_predictions(train, "never_again", test, names(True))
    pd.testing.assert_frame_equal(whole, baseline_predictions(spoiled, "never_again", test, names(True)))


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_nobody_or_everybody_left(rate):
    p = baseline_predictions(frame().assign(never_again=rate), "never_again", frame(5), names(True))
    assert np.allclose(p, rate)


def test_too_little_to_learn_from_is_said():
    assert baseline_predictions(frame(19), "never_again", frame(5), names(True)) is None
    assert baseline_predictions(frame(0), "never_again", frame(5), names(True)) is None
