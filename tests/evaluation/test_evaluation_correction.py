"""What is learnt from predictions and outcomes: how much to correct, and when to leave them alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dropout.evaluation.correction import (
    AUTO,
    CLIENTS_FOR_STEPS,
    FEWEST,
    FEWEST_FOR_SLOPE,
    FEWEST_FOR_STEPS,
    counts,
    fit_correction,
    learn_correction,
)
from dropout.evaluation.metrics import calibration_in_the_large, log_odds, logistic_line
from dropout.models.logistic import expit


def clients(n: int) -> np.ndarray:
    return np.array([f"C{i:05d}" for i in range(n)])


def world(n: int, intercept: float, slope: float, seed: int = 0, rows: int = 1):
    """What happened, what was predicted, and whose row it is: log odds of the truth are a line in those predicted."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(-1.0, 1.3, n)
    y = (rng.random(n) < expit(intercept + slope * odds)).astype(float)
    return np.repeat(y, rows), np.repeat(expit(odds), rows), np.repeat(clients(n), rows)


def test_an_intercept_makes_the_mean_right_and_keeps_the_order():
    y, p, who = world(3000, -0.8, 1.0)
    learnt = learn_correction(y, p, who, "intercept")
    mended = learnt.correction(p)
    assert calibration_in_the_large(y, mended) == pytest.approx(0, abs=1e-6)
    # Two standard errors of an intercept of 3,000 independent rows are below 0.1.
    assert learnt.correction.intercept == pytest.approx(-0.8, abs=0.15)
    assert (np.argsort(p, kind="stable") == np.argsort(mended, kind="stable")).all()


def test_a_line_is_the_logistic_regression_on_the_log_odds():
    y, p, who = world(3000, -0.5, 0.6)
    learnt = learn_correction(y, p, who, "slope").correction
    assert (learnt.intercept, learnt.slope) == pytest.approx(logistic_line(log_odds(p), y))
    assert logistic_line(log_odds(learnt(p)), y) == pytest.approx((0, 1), abs=1e-6)


@pytest.mark.parametrize(("intercept", "slope", "expected"), [
    (0.0, 1.0, "as it is"), (-0.7, 1.0, "intercept"), (0.3, 0.5, "slope"), (-0.3, 1.7, "slope")])
def test_the_least_that_the_data_ask_for_is_taken(intercept, slope, expected):
    """Misfits of five standard errors and more at 900 clients; too few clients for steps."""
    assert learn_correction(*world(900, intercept, slope, seed=4), AUTO).correction.method == expected


def test_a_model_that_is_right_is_left_alone_about_as_often_as_the_test_says():
    """300 worlds of 500 clients on three dates each: 5% refused in expectation, standard error 1.3 points."""
    refused = [learn_correction(*world(500, 0.0, 1.0, seed=seed, rows=3)).correction.method != "as it is" for seed in range(300)]
    assert 0.01 <= np.mean(refused) <= 0.10


def test_rows_of_one_client_are_no_new_evidence():
    """Every row fivefold is the same evidence; taken for independent it would refuse what is left alone here."""
    once = [learn_correction(*world(400, 0.15, 1.0, seed=seed)).correction.method for seed in range(20)]
    fivefold = [learn_correction(*world(400, 0.15, 1.0, seed=seed, rows=5)).correction.method for seed in range(20)]
    assert once == fivefold and "as it is" in once


def test_steps_are_taken_where_no_line_fits_and_there_is_a_great_deal():
    rng = np.random.default_rng(2)
    odds = rng.normal(-1.0, 1.3, 6000)
    true = np.where(odds < -1, 0.05, np.where(odds < 0, 0.45, 0.5))
    y = (rng.random(6000) < true).astype(float)
    learnt = learn_correction(y, expit(odds), clients(6000))
    assert learnt.correction.method == "isotonic"
    assert np.abs(learnt.correction(expit(odds)) - true).mean() < 0.03
    few = slice(0, CLIENTS_FOR_STEPS - 1)
    assert learn_correction(y[few], expit(odds[few]), clients(6000)[few]).correction.method != "isotonic"


def test_steps_never_say_certain():
    p = np.linspace(0.05, 0.95, 40)
    mended = fit_correction((p > 0.5).astype(float), p, "isotonic")(p)
    assert mended.min() > 0 and mended.max() < 1 and (np.diff(mended) >= 0).all()


@given(st.sampled_from(["intercept", "slope", "isotonic"]), st.integers(0, 40), st.integers(20, 200))
def test_no_correction_ever_falls(method, seed, n):
    y, p, _ = world(n, 0.4, 0.7, seed=seed)
    mended = fit_correction(y, p, method)(np.linspace(0, 1, 300))
    assert (np.diff(mended) >= -1e-15).all() and mended.min() >= 0 and mended.max() <= 1


@pytest.mark.parametrize(("events", "method"), [
    (3, AUTO), (FEWEST - 1, "intercept"), (FEWEST_FOR_SLOPE - 1, "slope"), (FEWEST_FOR_STEPS - 1, "isotonic")])
def test_too_few_of_a_kind_is_said(events, method):
    p = np.linspace(0.1, 0.9, 1500)
    y = (np.arange(1500) >= 1500 - events).astype(float)
    for happened in (y, 1 - y):
        found = learn_correction(happened, p, clients(1500), method)
        assert found.correction.method == "as it is" and found.why.startswith(
            "fewer than 5 clients of the rarer kind" if events < 5 else f"{events} clients of the rarer kind")


def test_amounts_are_counted_in_clients():
    y = np.array([1, 1, 1, 0, 0, 1.0])
    assert counts(y, np.array(["a", "a", "a", "a", "b", "b"], dtype=object)) == 2
    assert counts(np.ones(6), clients(6)) == 0


def test_predictions_that_are_all_the_same():
    y, _, who = world(400, 0.0, 1.0)
    same = np.full(400, 0.1)
    found = learn_correction(y, same, who)
    assert found.correction.method == "intercept" and found.correction(same).mean() == pytest.approx(y.mean())
    assert "all the same" in learn_correction(y, same, who, "slope").why


def test_predictions_in_the_wrong_order_are_left_to_a_new_model():
    y, p, who = world(1000, 0.0, -0.5)
    found = learn_correction(y, p, who)
    assert found.correction.method == "as it is" and "fit a model on this clinic's own history" in found.why


def test_predictions_that_part_the_outcomes():
    p = np.linspace(0.01, 0.99, 400)
    found = learn_correction((p > 0.5).astype(float), p, clients(400))
    assert found.correction.method == "as it is" and "no line is finite" in found.why
