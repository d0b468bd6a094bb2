"""Penalties learnt from the data: what they find, and that the arithmetic is that of a plain ridge."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from dropout.features.feature import Feature
from dropout.models import adaptive
from dropout.models.adaptive import fit_adaptive
from dropout.models.design import Design
from dropout.models.logistic import Logistic, expit

N, COLUMNS = 4_000, 40
TOLD = np.array([1.0, -0.7, 0.5])


@pytest.fixture(scope="module")
def told() -> tuple[np.ndarray, np.ndarray]:
    """Forty columns of which three tell anything."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(N, COLUMNS))
    return x, rng.random(N) < expit(x[:, :3] @ TOLD - 1.0)


def each(n: int) -> list[tuple[int, int, bool]]:
    return [(j, j + 1, False) for j in range(n)]


def test_given_penalties_the_answer_is_that_of_a_plain_ridge(told) -> None:
    x, y = told
    penalty = np.linspace(5.0, 400.0, COLUMNS)
    newton = adaptive._Newton(x, y.astype(float), np.ones(N), 0.0)
    newton.run(penalty)
    # A ridge of 1 on columns divided by the root of their penalty is the same problem.
    twin = LogisticRegression(C=1.0, tol=1e-10, max_iter=1_000).fit(x / np.sqrt(penalty), y)
    np.testing.assert_allclose(newton.coefficients, twin.coef_[0] / np.sqrt(penalty), atol=1e-5)
    assert newton.intercept == pytest.approx(twin.intercept_[0], abs=1e-5)


def test_variances_are_the_inverse_of_the_curvature(told) -> None:
    x, y = told
    newton = adaptive._Newton(x, y.astype(float), np.ones(N), 0.0)
    newton.run(np.full(COLUMNS, 10.0))
    p = expit(x @ newton.coefficients + newton.intercept)
    both = np.column_stack([np.ones(N), x])
    hessian = (both * (p * (1 - p))[:, None]).T @ both + np.diag([0.0] + [10.0] * COLUMNS)
    np.testing.assert_allclose(newton.variances(), np.linalg.inv(hessian).diagonal()[1:], rtol=1e-3)


def test_what_tells_is_kept_and_what_does_not_is_drawn_to_zero(told) -> None:
    x, y = told
    found = fit_adaptive(x, y, each(COLUMNS), 1.0, 0).coefficients
    # Standard errors are about 0.045, so tolerances of three of them; most idle columns vanish, one in twenty looks busy.
    np.testing.assert_allclose(found[:3], TOLD, atol=0.15)
    assert np.median(np.abs(found[3:])) < 0.01
    unheld = LogisticRegression(C=np.inf, max_iter=1_000).fit(x, y).coef_[0]
    assert (found[3:] ** 2).sum() < 0.4 * (unheld[3:] ** 2).sum()


def test_it_comes_nearer_to_the_truth_than_any_one_ridge(told) -> None:
    x, y = told
    truth = np.zeros(COLUMNS)
    truth[:3] = TOLD
    away = ((fit_adaptive(x, y, each(COLUMNS), 1.0, 0).coefficients - truth) ** 2).sum()
    ridges = [((Logistic.fit(x, y, strength).coefficients - truth) ** 2).sum() for strength in (1.0, 10.0, 30.0, 100.0, 300.0)]
    assert away < min(ridges)


def test_rows_that_stand_for_one_count_as_one(told) -> None:
    x, y = told
    once = fit_adaptive(x[:2_000], y[:2_000], each(COLUMNS), 1.0, 0)
    thrice = fit_adaptive(np.repeat(x[:2_000], 3, axis=0), np.repeat(y[:2_000], 3), each(COLUMNS), 3.0, 0)
    np.testing.assert_allclose(once.coefficients, thrice.coefficients, atol=1e-6)
    weighted = fit_adaptive(x[:2_000], y[:2_000], each(COLUMNS), 3.0, 0, np.full(2_000, 3.0))
    np.testing.assert_allclose(once.coefficients, weighted.coefficients, atol=1e-6)


def test_the_order_of_rows_does_not_matter(told) -> None:
    x, y = told
    mixed = np.random.default_rng(1).permutation(N)
    one, other = fit_adaptive(x, y, each(COLUMNS), 2.0, 0), fit_adaptive(x[mixed], y[mixed], each(COLUMNS), 2.0, 0)
    np.testing.assert_allclose(one.coefficients, other.coefficients, atol=1e-6)


def test_penalties_learnt_from_some_of_the_rows_serve_all(told, monkeypatch) -> None:
    x, y = told
    whole = fit_adaptive(x, y, each(COLUMNS), 1.0, 0).coefficients
    monkeypatch.setattr(adaptive, "LEARNING_ROWS", 1_500)
    some = fit_adaptive(x, y, each(COLUMNS), 1.0, 0).coefficients
    assert np.array_equal(some, fit_adaptive(x, y, each(COLUMNS), 1.0, 0).coefficients)
    assert np.abs(some - whole).max() < 0.1


@pytest.mark.parametrize("answer", [True, False])
def test_where_all_answer_alike_there_is_only_a_level(answer: bool) -> None:
    x = np.random.default_rng(0).normal(size=(50, 3))
    found = fit_adaptive(x, np.full(50, answer), each(3), 1.0, 0)
    assert not found.coefficients.any()
    assert (found.intercept > 3) == answer


def test_columns_that_part_the_answers_stay_finite() -> None:
    x = np.random.default_rng(0).normal(size=(300, 3))
    found = fit_adaptive(x, x[:, 0] > 0, each(3), 1.0, 0)
    assert np.isfinite(found.coefficients).all()
    assert ((found.logit(x) > 0) == (x[:, 0] > 0)).mean() > 0.97


def test_parts_of_a_design_cover_each_column_once_and_a_curve_follows_its_line() -> None:
    rng = np.random.default_rng(3)
    n = 500
    values = pd.DataFrame({"days": rng.exponential(20, n), "flag": (rng.random(n) < 0.4).astype(float),
                           "score": np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n))})
    features = {name: Feature(name, name, "", "sessions", scale)
                for name, scale in (("days", "log"), ("flag", "flag"), ("score", "linear"))}
    design = Design.fit(values, features, [("days", "flag")])
    parts = design.parts
    assert [column for first, end, _ in parts for column in range(first, end)] == list(range(design.width))
    owner = design.owner
    for first, end, curve in parts:
        assert len(set(owner[first:end])) == 1
        if curve:
            assert owner[first - 1] == owner[first] and (first - 1, first, False) in parts
    assert sum(curve for _, _, curve in parts) == 3  # days, score, and days where flagged


def test_a_curve_turned_aside_from_its_line_gives_the_same_predictions_when_nothing_is_held_back() -> None:
    rng = np.random.default_rng(4)
    line = rng.normal(size=2_000)
    x = np.column_stack([line, line**3 / 4, np.maximum(line, 0) ** 3])
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    turned = adaptive._turned(x, [(0, 1, False), (1, 3, True)])
    z = x @ turned
    np.testing.assert_allclose(z[:, 0], x[:, 0])
    np.testing.assert_allclose(z.T @ z / len(z), np.eye(3), atol=1e-6)
    assert abs(np.linalg.det(turned)) > 0
