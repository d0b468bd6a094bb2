"""Censoring weights: as riskRegression has them, against loops over rows, and what they add up to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dropout.errors import CallError
from dropout.evaluation import metrics
from dropout.evaluation.censoring import by_horizon
from dropout.evaluation.drawn import measured
from dropout.evaluation.forecasts import Forecasts

FIXTURES = Path(__file__).parent / "fixtures"
HORIZONS = (30.0, 60.0, 90.0)


def scored(endings: str):
    """What riskRegression::Score was given, and its answers by metric, predictor, horizon and quantity."""
    rows = pd.read_csv(FIXTURES / "score_inputs.csv")
    answers = pd.read_csv(FIXTURES / "score_answers.csv")
    answers = answers[answers["endings"] == endings].set_index(["metric", "predictor", "horizon", "quantity"])["value"]
    event = rows["event"].to_numpy()
    if endings != "competing":
        event = (event == 1).astype(int)
    p = {name: rows[[f"{name}_{h:.0f}" for h in HORIZONS]].to_numpy() for name in ("p1", "p2")}
    return Forecasts(np.arange(len(rows)), rows["time"].to_numpy(float), event, HORIZONS, p), answers


KINDS = sorted(pd.read_csv(FIXTURES / "score_answers.csv")["endings"].unique())


@pytest.mark.parametrize("endings", KINDS)
def test_auc_brier_and_scaled_brier_are_those_of_risk_regression(endings):
    forecasts, answers = scored(endings)
    found = measured(forecasts, 20, 0)
    for h, horizon in enumerate(HORIZONS):
        y, weight = by_horizon(forecasts.time, forecasts.event, horizon)
        share = np.average(y, weights=weight)
        assert share * (1 - share) == pytest.approx(answers["brier", "Null model", horizon, "estimate"], abs=1e-9)
        for k, name in enumerate(("p1", "p2")):
            p = forecasts.predictors[name][:, h]
            for measure, answer in (("auc", ("auc", "estimate")), ("brier", ("brier", "estimate")),
                                    ("scaled_brier", ("brier", "IPA"))):
                expected = answers[answer[0], name, horizon, answer[1]]
                assert found.value[measure][h, k] == pytest.approx(expected, abs=1e-9), (measure, name, horizon)
            assert metrics.auc(y, p, weight) == pytest.approx(answers["auc", name, horizon, "estimate"], abs=1e-9)
            assert metrics.brier(y, p, weight) == pytest.approx(answers["brier", name, horizon, "estimate"], abs=1e-9)


@pytest.mark.parametrize("name", ["continuous", "tied", "mgus2"])
def test_with_time_zero_tied_predictions_and_real_data_too(name):
    rows, answers = (pd.read_csv(FIXTURES / f"more_{kind}.csv", keep_default_na=False) for kind in ("inputs", "answers"))
    rows, answers = rows[rows["dataset"] == name], answers[answers["dataset"] == name]
    horizons = tuple(sorted(answers["horizon"].unique().astype(float)))
    p = {who: rows[[f"{who}_{k}" for k in (1, 2, 3)]].to_numpy() for who in ("p1", "p2")}
    of = Forecasts(np.arange(len(rows)), rows["time"].to_numpy(float), rows["event"].to_numpy(), horizons, p)
    found = measured(of, 20, 0)
    assert len(answers) == 21
    for row in answers.itertuples():
        k = 0 if row.predictor == "" else list(p).index(row.predictor)
        mine = found.value[row.measure][horizons.index(row.horizon), k]
        assert mine == pytest.approx(row.value, abs=1e-9), row


def test_the_bootstrap_is_as_wide_as_the_influence_function():
    """Standard errors over 1,000 drawings beside the closed form of riskRegression.

    A standard error from 1,000 drawings has a standard error of 2.2% of itself; the two methods agree up to terms of
    order 1/n besides. 15% holds both.
    """
    forecasts, answers = scored("competing")
    found = measured(forecasts, 1000, 1)
    for h, horizon in enumerate(HORIZONS):
        for measure in ("auc", "brier"):
            drawn = found.drawn[measure][:, h]
            for k, name in enumerate(("p1", "p2")):
                assert drawn[:, k].std() == pytest.approx(answers[measure, name, horizon, "se"], rel=0.15)
            pair = answers[f"{measure}_difference", "p2 less p1", horizon, "se"]
            assert (drawn[:, 1] - drawn[:, 0]).std() == pytest.approx(pair, rel=0.15)


def uncensored_slow(time, event, weight, at, *, before):
    """Kaplan-Meier of not being censored, one time after the other; endings come before censorings of the same time."""
    g = 1.0
    for u in sorted(set(time)):
        if u > at or (before and u >= at):
            break
        at_risk = sum(w for t, e, w in zip(time, event, weight, strict=True) if t > u or (t == u and e == 0))
        lost = sum(w for t, e, w in zip(time, event, weight, strict=True) if t == u and e == 0)
        if lost:
            g *= 1 - lost / at_risk
    return g


def by_horizon_slow(time, event, horizon, weight):
    y, found = [], []
    left = uncensored_slow(time, event, weight, horizon, before=False)
    for t, e, w in zip(time, event, weight, strict=True):
        y.append(float(e == 1 and t <= horizon))
        if w == 0 or (e == 0 and t <= horizon):
            found.append(0.0)
        elif t > horizon:
            found.append(w / left)
        else:
            found.append(w / uncensored_slow(time, event, weight, t, before=True))
    return np.array(y), np.array(found)


def aalen_johansen_slow(time, event, weight, horizon):
    free, share = 1.0, 0.0
    for u in sorted(set(time)):
        if u > horizon:
            break
        at_risk = weight[time >= u].sum()
        if at_risk == 0:
            break
        share += free * weight[(time == u) & (event == 1)].sum() / at_risk
        free *= 1 - weight[(time == u) & (event > 0)].sum() / at_risk
    return share


@st.composite
def follow_ups(draw):
    n = draw(st.integers(2, 25))
    time = np.array(draw(st.lists(st.integers(0, 8), min_size=n, max_size=n)), dtype=float)
    event = np.array(draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)))
    weight = np.array(draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)), dtype=float)
    return time, event, weight, float(draw(st.integers(0, 9)))


@settings(max_examples=200, deadline=None)
@given(follow_ups())
def test_weights_are_those_of_a_loop_over_rows(case):
    time, event, weight, horizon = case
    left = uncensored_slow(time, event, weight, horizon, before=False)
    y, found = by_horizon(time, event, horizon, weight)
    if left <= 1e-12:
        assert np.isnan(found).all()
        return
    expected_y, expected = by_horizon_slow(time, event, horizon, weight)
    assert np.array_equal(y, expected_y) and np.allclose(found, expected, rtol=1e-9)
    # They stand for everybody, and the weighted share is the Aalen-Johansen estimate.
    assert found.sum() == pytest.approx(weight.sum())
    if weight.sum():
        share = aalen_johansen_slow(time, event, weight, horizon)
        assert (found * y).sum() / weight.sum() == pytest.approx(share, abs=1e-9)


def test_auc_is_that_of_a_double_loop():
    rng = np.random.default_rng(4)
    n = 120
    time, event, p = rng.integers(0, 12, n).astype(float), rng.integers(0, 3, n), rng.integers(0, 9, n) / 10
    y, weight = by_horizon(time, event, 6.0)
    won = pairs = 0.0
    for i in range(n):
        for j in range(n):
            if y[i] == 1 and y[j] == 0:
                won += weight[i] * weight[j] * ((p[i] > p[j]) + (p[i] == p[j]) / 2)
                pairs += weight[i] * weight[j]
    assert metrics.auc(y, p, weight) == pytest.approx(won / pairs, abs=1e-12)


def test_without_censoring_every_weight_is_one():
    time, event = np.array([0.0, 3, 5, 9, 9]), np.array([1, 2, 1, 2, 1])
    y, weight = by_horizon(time, event, 5.0)
    assert y.tolist() == [1, 0, 1, 0, 0] and weight.tolist() == [1] * 5


def test_a_horizon_that_nobody_reached_has_no_weights():
    y, weight = by_horizon(np.array([1.0, 2, 3]), np.array([1, 0, 0]), 5.0)
    assert np.isnan(weight).all() and y.tolist() == [1, 0, 0]


@pytest.mark.parametrize(("time", "event", "said"), [
    ([1.0, -2.0], [0, 1], "1 of 2 values of 'time' are missing, infinite or below 0 \\(first in row 2\\)"),
    ([1.0, np.nan], [0, 1], "missing"),
    ([1.0, 2.0], [0, 3], "none of 0 \\(censored\\), 1 \\(dropout\\), 2"),
    ([1.0], [0, 1], "1 times and 2 events"),
    ([], [], "no outcomes"),
    (["soon"], [1], "must be numbers"),
])
def test_wrong_outcomes_are_named(time, event, said):
    with pytest.raises(CallError, match=said):
        by_horizon(np.array(time), np.array(event), 1.0)
