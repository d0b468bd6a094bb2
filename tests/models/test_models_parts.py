"""The parts of the models: splines, ridge regression, trees as arrays, the chain."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from dropout.features.feature import Feature
from dropout.models.boosting import Boosted
from dropout.models.design import Design, restricted_cubic
from dropout.models.learner import (
    Learner,
    Question,
    Task,
    chain,
    choose,
    clearly_better,
    client_fold,
    log_loss,
    losses_of,
    mean_by_owner,
    mean_unless_better,
)
from dropout.models.logistic import Logistic, expit


def test_a_restricted_cubic_spline_is_linear_beyond_its_outer_knots_and_smooth_at_each():
    knots = [1.0, 2.0, 4.0, 7.0, 9.0]
    below, above = np.linspace(-5, 1, 20), np.linspace(9, 30, 20)
    for x in (below, above):
        assert np.allclose(np.diff(restricted_cubic(x, knots), 2, axis=0), 0, atol=1e-9)
    step = 1e-4
    for knot in knots:
        x = knot + step * np.arange(-2, 3)
        second = np.diff(restricted_cubic(x, knots), 2, axis=0) / step**2
        # A cubic that is twice continuously differentiable: the second difference changes by third derivative x step.
        assert np.abs(np.diff(second, axis=0)).max() < 0.05


def test_a_spline_of_the_design_spans_the_natural_splines_of_patsy():
    patsy = pytest.importorskip("patsy")
    x = np.random.default_rng(0).uniform(0, 10, 200)
    knots = [1.0, 3.0, 5.0, 7.0, 9.0]
    mine = np.column_stack([np.ones(200), restricted_cubic(x, knots)])
    theirs = np.asarray(patsy.dmatrix("cr(x, knots=k, lower_bound=1, upper_bound=9, constraints=None) - 1",
                                      {"x": np.clip(x, 1, 9), "k": knots[1:-1]}))
    inside = (x >= 1) & (x <= 9)
    fitted, *_ = np.linalg.lstsq(mine[inside], theirs[inside], rcond=None)
    assert np.allclose(mine[inside] @ fitted, theirs[inside], atol=1e-8)


def test_the_design_marks_what_is_unknown_and_survives_a_column_that_went():
    rng = np.random.default_rng(1)
    values = pd.DataFrame({"a": rng.normal(size=400), "b": rng.integers(0, 2, 400).astype(float)})
    values.loc[::4, "a"] = np.nan
    features = {"a": Feature("a", "", "", ""), "b": Feature("b", "", "", "", "flag")}
    design = Design.fit(values, features, [("a", "b")])
    x = design.matrix(values)
    assert x.shape == (400, design.width) and np.isfinite(x).all()
    assert np.allclose(x.mean(axis=0), 0, atol=1e-9)
    again = Design.from_json(design.to_json())
    assert np.array_equal(again.matrix(values), x)
    without = design.matrix(values.drop(columns="a"))
    assert np.isfinite(without).all()
    assert np.array_equal(without[0, : design.terms[0].width], x[0, : design.terms[0].width])  # row 0 of a is unknown


def test_ridge_logistic_regression_equals_scikit_learns_other_solver():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(500, 6))
    y = rng.random(500) < 1 / (1 + np.exp(-x[:, 0]))
    mine = Logistic.fit(x, y, strength=10.0)
    theirs = LogisticRegression(C=0.1, tol=1e-10, max_iter=1000).fit(x, y)
    assert np.allclose(mine.coefficients, theirs.coef_[0], atol=1e-4)
    assert np.allclose(mine.logit(x), theirs.decision_function(x), atol=1e-3)


@pytest.mark.parametrize("answer", [True, False])
def test_an_answer_that_never_varies_gives_a_finite_probability(answer: bool):
    x, y = np.zeros((40, 3)), np.full(40, answer)
    for logit in (Logistic.fit(x, y, 1.0).logit(x), Boosted.fit(x, y, seed=0).logit(x)):
        assert np.isfinite(logit).all() and (logit > 0).all() == answer


def test_trees_kept_as_arrays_give_the_log_odds_of_the_fitted_estimator():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(3000, 8))
    x[rng.random(x.shape) < 0.15] = np.nan
    y = rng.random(3000) < 1 / (1 + np.exp(-np.nan_to_num(x[:, 0] * 2 + x[:, 1])))
    model = HistGradientBoostingClassifier(max_iter=30, random_state=0).fit(x, y)
    new = rng.normal(size=(500, 8))
    new[rng.random(new.shape) < 0.3] = np.nan
    assert np.allclose(Boosted.of(model).logit(new), model.decision_function(new), atol=1e-10)


def test_trees_take_a_column_that_is_known_nowhere():
    rng = np.random.default_rng(4)
    x = np.column_stack([rng.normal(size=600), np.full(600, np.nan)])
    y = x[:, 0] > 0
    assert np.isfinite(Boosted.fit(x, y, seed=0).logit(x)).all()


@given(st.lists(st.lists(st.floats(-30, 30), min_size=4, max_size=4), min_size=1, max_size=20))
def test_a_chain_gives_probabilities_that_rise_with_the_horizon(logits: list[list[float]]):
    p = chain(np.array(logits))
    assert ((p >= 0) & (p <= 1)).all() and (np.diff(p, axis=1) >= 0).all()
    slow = [[1 - np.prod([1 - 1 / (1 + np.exp(-v)) for v in row[: k + 1]]) for k in range(4)] for row in logits]
    assert np.allclose(p, slow)


def test_folds_keep_clients_together_and_are_about_even():
    client = np.repeat(np.arange(3000), 3)
    fold = client_fold(client, 3)
    assert (fold.reshape(-1, 3) == fold.reshape(-1, 3)[:, :1]).all()
    assert np.bincount(fold, minlength=3).min() > 2700


def test_log_loss_is_clipped_and_weighted():
    p, y = np.array([0.0, 1.0, 0.5]), np.array([True, False, True])
    clipped = -np.log(0.005)
    assert np.isclose(log_loss(p, y), (2 * clipped + np.log(2)) / 3)
    assert np.isclose(log_loss(p, y, np.array([0, 0, 2.0])), np.log(2))


def test_contributions_add_up_to_the_additive_log_odds():
    rng = np.random.default_rng(5)
    values = pd.DataFrame(rng.normal(size=(800, 3)), columns=["a", "b", "c"])
    features = {name: Feature(name, "", "", "") for name in values}
    y = rng.random(800) < 1 / (1 + np.exp(-values["a"]))
    everything = np.ones(800, dtype=bool)
    task = Task(values, features, [Question("q", everything, y.to_numpy())], np.arange(800), np.arange(800))
    learner = Learner.fit(task, "additive", 10.0, seed=0)
    total = learner.contributions(values, 0).sum(axis=1) + learner.additive[0].intercept
    assert np.allclose(total, learner.logits(values)[:, 0])


def test_trees_never_let_a_yes_become_less_likely_with_a_rising_feature():
    rng = np.random.default_rng(8)
    x = rng.normal(size=(3_000, 3))
    y = rng.random(3_000) < expit(np.sin(3 * x[:, 0]) + x[:, 1])  # up and down with the first
    free, held = Boosted.fit(x, y, 0), Boosted.fit(x, y, 0, rising=(0,))
    along = np.column_stack([np.linspace(-2, 2, 200), np.zeros(200), np.zeros(200)])
    assert (np.diff(held.logit(along)) >= -1e-12).all()
    assert (np.diff(free.logit(along)) < -0.01).any()


def test_rows_of_one_owner_count_together():
    chance = np.random.default_rng(4)
    owner, weight = chance.integers(0, 40, 300), chance.uniform(0.5, 2, 300)
    value = chance.normal(0.1, 1, 300)
    mean, error = mean_by_owner(value, owner, weight)
    assert mean == pytest.approx(np.average(value, weights=weight))
    total = sum(weight[owner == k] @ (value[owner == k] - mean) for k in range(40))
    spread = sum((weight[owner == k] @ (value[owner == k] - mean)) ** 2 for k in range(40)) ** 0.5 / weight.sum()
    assert total == pytest.approx(0, abs=1e-9) and error == pytest.approx(spread)
    # The same rows written down ten times tell no more.
    again = mean_by_owner(np.tile(value, 10), np.tile(owner, 10), np.tile(weight, 10))
    assert again == pytest.approx((mean, error))


def test_one_opinion_answers_alone_only_if_it_is_better_by_more_than_chance():
    chance = np.random.default_rng(5)
    mean = chance.uniform(0, 1, 400)
    owner = np.arange(400) // 4
    a_little = {"one": mean - 0.001 + chance.normal(0, 0.5, 400), "other": mean + 0.1, "both": mean}
    assert not clearly_better(a_little["one"], mean, owner) and mean_unless_better(a_little, "both", owner) == "both"
    clear = {"one": mean - 0.05, "other": mean - 0.1, "both": mean}
    assert mean_unless_better(clear, "both", owner) == "other"


def curved(n: int, kind: str, seed: int) -> Task:
    """Moments of clients of whom a straight line, or a step in two features at once, tells who says yes."""
    chance = np.random.default_rng(seed)
    values = pd.DataFrame(chance.normal(0, 1, (n, 3)), columns=list("abc"))
    logit = 2.0 * values["a"] if kind == "line" else np.where((values["a"] > 0) == (values["b"] > 0), 2.0, -2.0)
    answer = chance.random(n) < expit(np.asarray(logit, dtype=float) - 1)
    features = {name: Feature(name, "", "", "sessions", "linear") for name in values}
    return Task(values, features, [Question("q", np.ones(n, dtype=bool), answer)], np.arange(n) * 1_000, np.arange(n) // 3)


@pytest.mark.parametrize("kind", ["line", "step"])
def test_later_moments_decide_which_kind_answers(kind):
    task = curved(6_000, kind, 6)
    embargo = 200_000
    choice = choose(task, lambda logits, later: losses_of(chain(logits)[:, 0], later.questions[0].answer), embargo, 0)
    cut = np.sort(task.at)[4_500]
    earlier, later = task.take(task.at < cut - embargo), task.take(task.at >= cut)
    fitted = Learner.fit(earlier, "average", None, 0)
    for name in ("additive", "boosting", "average"):
        expected = log_loss(chain(fitted.logits(later.values, name))[:, 0], later.questions[0].answer)
        assert choice.losses[name] == pytest.approx(expected)
    assert choice.n_later == 1_500 and choice.notes == ()
    assert choice.kind == ("boosting" if kind == "step" else choice.kind)
    assert choice.kind != ("boosting" if kind == "line" else "additive")
