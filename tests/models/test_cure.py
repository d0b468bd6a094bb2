"""The mixture cure model against slow and obvious twins, the way scikit-learn uses it, and input that can't be used."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime, minimize
from simulated_cure import cancellations
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dropout import MixtureCure
from dropout.errors import CallError, DropoutError, ModelError
from dropout.models import cure_likelihood
from dropout.models.cure_diagnostics import FollowUpWarning, follow_up

COLUMNS = ["x0", "x1", "x2"]


@pytest.fixture(scope="module")
def data():
    return cancellations(1500, seed=1)


@pytest.fixture(scope="module")
def fitted(data):
    return MixtureCure().fit(*data)


def waits_of(n: int = 60, seed: int = 0) -> cure_likelihood.Waits:
    """Rows with every kind of ending, with weights and parts of days."""
    rng = np.random.default_rng(seed)
    width = np.array([2.0, 3.0, 7.0, 9.0])
    step = rng.integers(0, 4, n)
    kind = np.concatenate([[0, 1, 2], rng.integers(0, 3, n - 3)])
    into = np.where(kind == 0, rng.integers(0, 2, n), rng.uniform(0, 2, n))
    x = np.column_stack([np.ones(n), rng.normal(size=(n, 2))])
    return cure_likelihood.Waits(x, rng.normal(size=(n, 3)), step, into.astype(float), kind == 0, kind == 2,
                                 rng.uniform(0.5, 2, n), width)


@pytest.mark.parametrize("seed", range(4))
def test_gradient_and_hessian_are_those_of_finite_differences(seed: int):
    waits = waits_of(seed=seed)
    rng = np.random.default_rng(seed)
    theta = rng.normal(size=sum(waits.shape)) * 0.4
    theta[3:7] -= 2.5
    penalty = rng.uniform(0, 2, len(theta))
    gradient, hessian = cure_likelihood.derivatives(waits, theta, penalty)
    expected = approx_fprime(theta, lambda at: cure_likelihood.objective(waits, at, penalty), 1e-7)
    assert np.allclose(gradient, expected, rtol=1e-4, atol=1e-4)
    step = 1e-6
    for i in range(len(theta)):
        up, down = theta.copy(), theta.copy()
        up[i] += step
        down[i] -= step
        slope = (cure_likelihood.derivatives(waits, up, penalty)[0] - cure_likelihood.derivatives(waits, down, penalty)[0])
        assert np.allclose(hessian[:, i], slope / (2 * step), rtol=1e-5, atol=1e-5)
    assert np.allclose(-cure_likelihood.scores(waits, theta).sum(axis=0) + penalty * theta, gradient)


def slow_log_likelihood(parameters, x, event, duration, edges) -> float:
    """The likelihood, one client and one day at a time, as a textbook has it. Columns as they are, no ridge."""
    k = x.shape[1]
    intercept, b, c = parameters[0], parameters[1 : 1 + k], parameters[1 + k : 1 + 2 * k]
    level = parameters[1 + 2 * k :]
    total = 0.0
    for row, what, days in zip(x, event, duration, strict=True):
        gone = 1 / (1 + math.exp(-(intercept + row @ b)))
        away = 1.0
        for day in range(int(days) + 1):
            if day >= edges[-1]:
                away = 0.0  # all who return have returned
                break
            step = next(i for i in range(len(level)) if edges[i] <= day < edges[i + 1])
            chance = 1 - math.exp(-math.exp(level[step] + row @ c))
            if what == 1 and day == days:
                total += math.log(max((1 - gone) * away * chance, 1e-300))
            away *= 1 - chance
        if what != 1:
            if days + 1 >= edges[-1]:
                away = 0.0
            total += math.log(gone + (1 - gone) * away)
    return total


def test_coefficients_and_errors_are_those_of_a_likelihood_written_a_day_at_a_time():
    x, y = cancellations(220, seed=5, incidence=(0.8, -0.6), latency=(-0.4, 0.3), mean_days=6, watched=(10, 45), competing=0.005)
    x["x1"] = 40 + 10 * x["x1"]  # a scale of its own
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FollowUpWarning)
        model = MixtureCure(l2_incidence=0, l2_latency=0, edges=[3, 8, 15]).fit(x, y)
    edges = [*model.baseline_["from_day"], model.last_return_]
    assert edges[:-1] == [0, 3, 8, 15] and (y["event"] == 2).any()
    event, duration = y["event"].to_numpy(), y["duration"].to_numpy()
    centred = (x - [0, 40]).to_numpy() / [1, 10]

    def loss(at):
        return -slow_log_likelihood(at, centred, event, duration, edges)

    start = np.concatenate([np.zeros(5), np.full(4, -2.5)])
    best = minimize(loss, start, method="BFGS", options={"gtol": 1e-4})
    mine = model._coefficients() * [1, 1, 10, 1, 10]
    mine[0] += model.incidence_coef_[1] * 40
    assert np.allclose(mine, best.x[:5], atol=2e-4)
    assert model.log_likelihood_ == pytest.approx(-best.fun, abs=1e-6)
    step, n = 1e-3, len(best.x)
    hessian = np.empty((n, n))
    for i in range(n):
        for j in range(i, n):
            e = np.zeros((2, n))
            e[0, i], e[1, j] = step, step
            hessian[i, j] = hessian[j, i] = (
                loss(best.x + e[0] + e[1]) - loss(best.x + e[0] - e[1])
                - loss(best.x - e[0] + e[1]) + loss(best.x - e[0] - e[1])) / (4 * step**2)
    error = np.sqrt(np.diag(np.linalg.inv(hessian)))[1:5] / [1, 10, 1, 10]
    assert np.allclose(model.summary()["standard error"].iloc[1:], error, rtol=2e-3)


def test_a_profile_ends_where_a_likelihood_with_that_coefficient_held_has_fallen_by_the_quantile():
    x, y = cancellations(400, seed=3, incidence=(0.8,), latency=(-0.4,))
    model = MixtureCure(l2_incidence=0, l2_latency=0, min_returns=60).fit(x, y)
    found = model.intervals(x, y, "profile")
    assert list(found.index) == [("incidence", "x0"), ("latency", "x0")]
    edges = model.clock_.edges
    row = found.loc[("incidence", "x0")]
    for end in (row["low"], row["high"]):
        # The twin holds the coefficient by entering x0 times it as a known offset of the incidence.
        def loss(at, end=end):
            return -slow_log_likelihood(np.r_[at[0], end, at[1], at[2:]], x.to_numpy(), y["event"], y["duration"], edges)

        rest = minimize(loss, np.r_[model.incidence_intercept_, model.latency_coef_, model.clock_.log_hazard], method="L-BFGS-B")
        assert 2 * (rest.fun + model.log_likelihood_) == pytest.approx(3.841, abs=0.03)
    wald = model.summary().loc[("incidence", "x0")]
    assert abs(row["low"] - wald["low"]) < 0.3 * wald["standard error"]


def test_without_columns_it_gives_the_plateau_of_kaplan_and_meier():
    x, y = cancellations(4000, seed=2, incidence=(0.0,), latency=(0.0,))
    model = MixtureCure(incidence_columns=[], latency_columns=[], min_returns=1).fit(x, y)
    assert list(model.summary().index) == [("incidence", "intercept")]
    assert model.cured_fraction_ == pytest.approx(model.follow_up_.plateau, abs=2e-3)
    # Every day a step: the survival of all is Kaplan and Meier's on every day.
    event, duration = y["event"].to_numpy(), y["duration"].to_numpy()
    away, mine = 1.0, 1 - model.predict_cumulative_incidence(x[:1], np.arange(1, 61))[0]
    for day in range(60):
        away *= 1 - ((duration == day) & (event == 1)).sum() / (duration >= day).sum()
        assert mine[day] == pytest.approx(away, abs=3e-3)


def test_weights_are_repeated_rows_and_the_order_of_rows_does_not_matter(data):
    x, y = data[0][:300], data[1][:300]
    weight = np.random.default_rng(0).integers(0, 4, 300)
    times = np.repeat(np.arange(300), weight)
    weighted = MixtureCure().fit(x, y, sample_weight=weight)
    repeated = MixtureCure().fit(x.iloc[times], y.iloc[times])
    shuffled = np.random.default_rng(1).permutation(times)
    again = MixtureCure().fit(x.iloc[shuffled], y.iloc[shuffled])
    for other in (repeated, again):
        numbers = weighted.summary().drop(columns="remark")
        assert np.allclose(numbers, other.summary().drop(columns="remark"), rtol=1e-6, atol=1e-8)
        assert weighted.log_likelihood_ == pytest.approx(other.log_likelihood_)
        assert weighted.follow_up_.table().equals(other.follow_up_.table())


def test_robust_errors_of_doubled_rows_are_those_of_single_ones(data):
    x, y = data[0][:600], data[1][:600]
    twice = np.repeat(np.arange(600), 2)
    plain = MixtureCure(l2_incidence=0, l2_latency=0, min_returns=40)
    alone = clone(plain).fit(x, y, groups=np.arange(600)).summary()["standard error"]
    doubled = clone(plain).set_params(min_returns=80).fit(x.iloc[twice], y.iloc[twice], groups=twice).summary()["standard error"]
    naive = clone(plain).set_params(min_returns=80).fit(x.iloc[twice], y.iloc[twice]).summary()["standard error"]
    assert np.allclose(alone, doubled, rtol=1e-3)
    assert (naive < 0.8 * doubled).all()


@given(seed=st.integers(0, 10_000), silent=st.lists(st.floats(0, 500, allow_nan=False), min_size=2, max_size=20))
@settings(max_examples=60)
def test_another_day_of_silence_never_lowers_the_probability_of_being_gone(fitted, seed, silent):
    x = pd.DataFrame(np.random.default_rng(seed).normal(size=(4, 3)) * 3, columns=COLUMNS)
    grid = np.sort(silent)[None, :]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FollowUpWarning)
        gone = fitted.predict_gone(x, grid)
        back = fitted.predict_return(x, np.array([[7.0]]), np.full((1, 1), silent[0]))
        low, high = fitted.predict_gone_interval(x, grid)
    assert ((gone >= 0) & (gone <= 1)).all() and (np.diff(gone, axis=1) >= 0).all()
    assert (low <= gone + 1e-12).all() and (gone <= high + 1e-12).all()
    assert ((back >= 0) & (back <= 1 - gone[:, [list(np.sort(silent)).index(silent[0])]] + 1e-12)).all()


def test_probabilities_fit_together(fitted, data):
    x = data[0][:5]
    pi = fitted.predict_gone(x)
    assert pi.shape == (5,)
    eta = fitted.incidence_intercept_ + x.to_numpy() @ fitted.incidence_coef_
    assert np.allclose(pi, 1 / (1 + np.exp(-eta)))
    survival = fitted.predict_survival(x, [0, 10, 30])
    assert survival.shape == (5, 3) and (survival[:, 0] == 1).all()
    assert np.allclose(fitted.predict_gone(x, 10), pi / (pi + (1 - pi) * survival[:, 1]))
    assert np.allclose(fitted.predict_gone(x, [0, 10, 30, 10, 0])[1], fitted.predict_gone(x[1:2], 10))
    assert np.allclose(fitted.predict_gone(x, np.array([[0, 10, 30]]))[:, 1], fitted.predict_gone(x, 10))
    assert np.allclose(fitted.predict_cumulative_incidence(x, [30])[:, 0], fitted.predict_return(x, 30))
    back = fitted.predict_return(x, 20, silent_days=10)
    assert np.allclose(back, (1 - fitted.predict_gone(x, 10)) * (1 - survival[:, 2] / survival[:, 1]))
    end = fitted.last_return_
    assert (fitted.predict_survival(x, [end]) == 0).all() and (fitted.predict_gone(x, end) == 1).all()
    assert (fitted.predict_return(x, 5, end) == 0).all()


def test_by_day_and_by_week_the_coefficients_mean_the_same(data):
    day, week = MixtureCure(period=1).fit(*data), MixtureCure(period=7).fit(*data)
    assert np.allclose(day.incidence_coef_, week.incidence_coef_, atol=0.03)
    assert np.allclose(day.latency_coef_, week.latency_coef_, atol=0.03)
    assert (week.baseline_["from_day"] % 7 == 0).all()
    assert (week.baseline_["returns"] >= 20).all() and week.baseline_["returns"].sum() == (data[1]["event"] == 1).sum()


def test_columns_of_each_part_can_differ(data):
    model = MixtureCure(incidence_columns=["x0"], latency_columns=["x2", "x1"]).fit(*data)
    assert model.incidence_columns_ == ["x0"] and model.latency_columns_ == ["x2", "x1"]
    x = data[0][:4]
    assert np.array_equal(model.predict_gone(x, 9), model.predict_gone(x[["x2", "x1", "x0"]], 9))
    by_number = MixtureCure(incidence_columns=[0], latency_columns=[2, 1]).fit(data[0].to_numpy(), data[1])
    assert np.array_equal(by_number.predict_gone(x.to_numpy(), 9), model.predict_gone(x, 9))
    with pytest.raises(CallError, match="latency_columns names 'age', which X doesn't have"):
        MixtureCure(latency_columns=["age"]).fit(*data)


def test_a_column_of_another_scale_gives_the_same_probabilities(fitted, data):
    scaled = data[0] * [1, 1000, 0.01] + [0, 5000, 0]
    other = MixtureCure().fit(scaled, data[1])
    assert np.allclose(other.incidence_coef_ * [1, 1000, 0.01], fitted.incidence_coef_)
    assert np.allclose(other.predict_gone(scaled[:9], 12), fitted.predict_gone(data[0][:9], 12))


def test_scikit_learn_can_copy_tune_and_chain_it(data):
    x, y = data
    model = MixtureCure(l2_incidence=3.0, period=7)
    assert clone(model).get_params() == model.get_params()
    assert model.set_params(period=1).period == 1
    scores = cross_val_score(MixtureCure(), x, y, cv=3)
    assert (scores > cross_val_score(MixtureCure(incidence_columns=[], latency_columns=[]), x, y, cv=3)).all()
    search = GridSearchCV(MixtureCure(period=7), {"l2_incidence": [1.0, 3000.0]}, cv=2).fit(x, y)
    assert search.best_params_ == {"l2_incidence": 1.0}
    chain = make_pipeline(StandardScaler(), MixtureCure()).fit(x, y)
    assert np.allclose(chain[-1].predict_gone(chain[0].transform(x[:5]), 4), MixtureCure().fit(x, y).predict_gone(x[:5], 4))
    assert chain.score(x, y) == pytest.approx(MixtureCure().fit(x, y).score(x, y))
    with pytest.raises(NotFittedError):
        MixtureCure().predict_gone(x)
    assert "MixtureCure" in model._repr_html_()


@pytest.mark.parametrize("shape", [dict, "structured"], ids=["dict", "structured array"])
def test_outcomes_come_in_several_shapes(fitted, data, shape):
    x, y = data
    if shape is dict:
        other = {name: y[name].tolist() for name in ("event", "duration")}
    else:
        other = np.array(list(y[["event", "duration"]].itertuples(index=False, name=None)),
                         dtype=[("event", "i8"), ("duration", "f8")])
    assert np.array_equal(MixtureCure().fit(x, other).incidence_coef_, fitted.incidence_coef_)


def test_parts_of_days_are_time_that_went_by():
    rng = np.random.default_rng(4)
    wait = np.where(rng.random(3000) < 0.3, np.inf, rng.exponential(5.0, 3000))
    seen = rng.uniform(0, 60, 3000)  # many are censored within the first days
    y = {"event": (wait <= seen).astype(int), "duration": np.minimum(wait, seen)}
    model = MixtureCure(edges=[1, 2, 5, 10]).fit(np.zeros((3000, 0)), y)
    expected = 1 - np.exp(-np.array([1, 2, 7, 20]) / 5.0)
    # Standard error of the return curve with 3,000 clients is at most 0.012.
    assert np.allclose(model.predict_cumulative_incidence(np.zeros((1, 0)), [1, 2, 7, 20])[0], 0.7 * expected, atol=0.035)


def test_another_ending_counts_as_censoring_and_is_shown():
    x, y = cancellations(2000, seed=6, competing=0.01)
    model = MixtureCure().fit(x, y)
    censored = MixtureCure().fit(x, y.assign(event=y["event"].where(y["event"] == 1, 0)))
    assert np.array_equal(model.incidence_coef_, censored.incidence_coef_)
    assert model.follow_up_.n_competing == (y["event"] == 2).sum() > 100
    assert "another ending" in model.follow_up_.table().index[2]


def test_the_summary_reads_and_says_what_it_cannot_tell(fitted):
    table = fitted.summary()
    assert list(table.columns) == ["coefficient", "standard error", "low", "high", "ratio", "ratio low", "ratio high", "remark"]
    assert list(table.loc["incidence"].index) == ["intercept", *COLUMNS] and list(table.loc["latency"].index) == COLUMNS
    assert np.allclose(np.log(table["ratio low"]), table["low"])
    assert "x0" in table._repr_html_()
    wider = fitted.summary(level=0.99)
    assert (wider["low"] < table["low"]).all()


def test_bootstrap_intervals_are_near_those_of_the_information_and_repeat(fitted, data):
    found = fitted.intervals(*data, "bootstrap", n_bootstrap=200, seed=1)
    wald = fitted.summary()
    # The end of an interval from 200 drawings is off by about a fifth of a standard error.
    assert (abs(found["low"] - wald["low"]) < 0.8 * wald["standard error"]).all()
    assert (abs(found["high"] - wald["high"]) < 0.8 * wald["standard error"]).all()
    assert found.equals(fitted.intervals(*data, "bootstrap", n_bootstrap=200, seed=1))
    clients = np.arange(len(data[0])) // 2
    assert len(fitted.intervals(*data, "bootstrap", n_bootstrap=5, groups=clients, columns=["x1"])) == 2
    with pytest.raises(CallError, match="not the rows that the model was fitted to"):
        fitted.intervals(data[0][:200], data[1][:200])
    with pytest.raises(CallError, match="expected 'profile' or 'bootstrap'"):
        fitted.intervals(*data, "guess")


def bad(**change):
    """Two hundred cancellations with something wrong."""
    x, y = cancellations(200, seed=8)
    y = y.astype(float)
    for place, (row, value) in change.items():
        (y if place in y else x).loc[row, place] = value
    return x, y


@pytest.mark.parametrize(("given", "error", "says"), [
    (bad(x1=(3, np.nan)), CallError, "missing or infinite values, in 'x1'"),
    (bad(x1=(3, np.inf)), CallError, "missing or infinite"),
    (bad(duration=(7, -2.0)), CallError, "duration is -2 days in row 7"),
    (bad(duration=(7, np.nan)), CallError, "duration is missing or infinite in 1 rows, first in row 7"),
    (bad(event=(5, 0.5)), CallError, "event is 0.5 in row 5"),
    (bad(event=(slice(None), 0.0)), ModelError, "none of 200 cancellations was followed by a return"),
    (bad(event=(slice(None), 1.0)), ModelError, "all of 200 cancellations were followed by a return"),
    ((bad()[0][:-1], bad()[1]), CallError, "shape \\(200,\\), and X has 199 rows"),
    ((bad()[0].assign(who="a"), bad()[1]), CallError, "no numbers \\('who'\\)"),
    ((bad()[0]["x0"], bad()[1]), CallError, "1 dimensions"),
    ((bad()[0], bad()[1][["event"]]), CallError, "y has no duration"),
    ((bad()[0], bad()[1]["event"]), CallError, "y has no event and no duration"),
    ((bad()[0], bad()[1], np.full(200, -1.0)), CallError, "sample_weight has negative"),
    ((bad()[0], bad()[1], None, ["one"] * 200), CallError, "at least two groups"),
    ((bad()[0], bad()[1], None, ["one", "two"]), CallError, "one value a row"),
])
def test_input_that_cannot_be_used_is_refused_with_how_to_mend_it(given, error, says):
    with pytest.raises(error, match=says):
        MixtureCure().fit(*given)


@pytest.mark.parametrize(("parameters", "says"), [
    ({"l2_incidence": -1}, "can't be negative"), ({"period": 0}, "expected whole days"), ({"period": 1.5}, "expected whole days"),
    ({"edges": [3.5]}, "whole days"), ({"edges": [1000, -1]}, "whole days from 0"),
])
def test_parameters_that_cannot_be_used_are_refused(parameters, says):
    with pytest.raises(CallError, match=says):
        MixtureCure(**parameters).fit(*bad())


def test_a_step_without_a_return_is_refused():
    x, y = bad()
    y.loc[y["duration"] < 2, "duration"] = 2
    with pytest.raises(CallError, match="nobody returned from day 0 to 2"):
        MixtureCure(edges=[2, 10]).fit(x, y)


def test_questions_that_cannot_be_answered_are_refused_or_warned_about(fitted, data):
    x = data[0][:6]
    with pytest.raises(CallError, match=r"6 rows. For a grid of days"):
        fitted.predict_gone(x, np.arange(91))
    with pytest.raises(CallError, match="expected days from 0"):
        fitted.predict_gone(x, -1)
    with pytest.raises(CallError, match="A tail cannot be tested"):
        fitted.predict_cumulative_incidence(x, [10, 5000])
    with pytest.warns(FollowUpWarning, match="convention, not evidence"):
        assert (fitted.predict_gone(x, 5000) == 1).all()
    with pytest.raises(CallError, match="lacks the columns 'x1'"):
        fitted.predict_gone(x.drop(columns="x1"))
    with pytest.raises(CallError, match="2 columns; the model was fitted with 3"):
        fitted.predict_gone(x.to_numpy()[:, :2])


def test_a_constant_column_gets_no_coefficient_and_says_so(data, fitted):
    with pytest.warns(UserWarning, match="columns 'same' are the same in every row"):
        model = MixtureCure(l2_incidence=0, l2_latency=0).fit(data[0].assign(same=7.0), data[1])
    row = model.summary().loc[("incidence", "same")]
    assert row["coefficient"] == 0 and np.isnan(row["low"]) and row["remark"] == "constant"
    assert np.isfinite(model.summary().loc[("incidence", "x0"), "low"])
    assert np.allclose(model.incidence_coef_[:3], fitted.incidence_coef_, atol=0.02)


def test_columns_that_follow_from_others_need_a_ridge(data):
    x = data[0].assign(double=2 * data[0]["x0"])
    with pytest.raises(ModelError, match="follow from the other columns"):
        MixtureCure(l2_incidence=0).fit(x, data[1])
    with pytest.raises(ModelError, match="set l2_latency above 0"):
        MixtureCure(l2_latency=0, latency_columns=["x0", "double"]).fit(x, data[1])
    assert MixtureCure().fit(x, data[1]).converged_


def test_complete_separation_is_named_without_a_ridge_and_harmless_with_one(data):
    told = (data[1]["event"] == 0) & (np.arange(len(data[1])) % 5 == 0)
    x = data[0].assign(told=told.astype(float))
    with pytest.warns(UserWarning, match="in the incidence, columns 'told' are left open by the data"):
        model = MixtureCure(l2_incidence=0, latency_columns=COLUMNS).fit(x, data[1])
    row = model.summary().loc[("incidence", "told")]
    assert row["remark"] == "not determined" and np.isnan(row["low"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = MixtureCure(latency_columns=COLUMNS).fit(x, data[1])
    assert np.isfinite(model.summary()["low"]).all() and (model.predict_gone(x[x["told"] == 1]) > 0.9).all()


def test_a_fit_that_did_not_settle_says_what_to_do(data):
    with pytest.warns(ConvergenceWarning, match="did not settle in 2 steps. Raise max_iter"):
        assert not MixtureCure(max_iter=2).fit(*data).converged_


def test_follow_up_statistics_are_those_of_maller_and_zhou_counted_by_hand():
    # Last return after 10 of 16 days: the stretch before it as long as the one after is (4, 10], with 3 of the 5 returns.
    duration = np.array([1, 4, 5, 8, 10, 3, 10, 12, 16, 16], dtype=float)
    event = np.array([1, 1, 1, 1, 1, 0, 0, 2, 0, 0])
    found = follow_up(duration, event)
    assert found.q_n == 0.3 and found.alpha_n == pytest.approx(0.7**10)
    at_risk = {1: 10, 4: 8, 5: 7, 8: 6, 10: 5}
    plateau = math.prod(1 - 1 / n for n in at_risk.values())
    assert found.plateau == pytest.approx(plateau)
    greenwood = math.sqrt(sum(1 / (n * (n - 1)) for n in at_risk.values()))
    spread = 1.959964 * greenwood / abs(math.log(plateau))
    assert found.plateau_low == pytest.approx(plateau ** math.exp(spread), rel=1e-5)
    assert (found.n, found.n_returned, found.n_competing, found.n_censored, found.n_beyond) == (10, 5, 1, 4, 3)
    assert "only 3 cancellations were watched beyond" in found.reason and not found.long_enough


@pytest.mark.parametrize("days", [14, 30, 45])
def test_a_cured_fraction_is_refused_while_returns_are_still_coming_in(days):
    x, y = cancellations(3000, seed=9)
    late = (y["duration"] >= days) | (y["event"] == 0)
    y = pd.DataFrame({"event": np.where(late, 0, 1), "duration": np.where(late, days, y["duration"])})
    with pytest.warns(FollowUpWarning, match="still coming in"):
        model = MixtureCure().fit(x, y)
    assert np.isnan(model.cured_fraction_) and "still coming in" in model.follow_up_.verdict
    # With everybody watched equally long, the test of Maller and Zhou alone would have been satisfied.
    assert model.follow_up_.alpha_n < 0.05 and model.follow_up_.n_beyond > 1000


def test_a_cured_fraction_is_refused_where_nobody_was_watched_beyond_the_last_return(data):
    x, y = data
    until = float(y.loc[y["event"] == 1, "duration"].max())
    with pytest.warns(FollowUpWarning, match="nobody was watched beyond the last return"):
        model = MixtureCure().fit(x, y.assign(duration=y["duration"].clip(upper=until)))
    assert np.isnan(model.cured_fraction_)


def test_a_long_follow_up_is_said_to_look_long_enough(fitted):
    assert fitted.follow_up_.long_enough and "looks long enough" in fitted.follow_up_.verdict
    assert 0.3 < fitted.cured_fraction_ < 0.4


def test_errors_are_those_of_the_package():
    assert issubclass(CallError, DropoutError) and issubclass(ModelError, DropoutError)


@pytest.mark.slow
def test_twenty_thousand_cancellations_with_thirty_columns_are_fitted_in_far_less_than_a_minute():
    from time import process_time

    x, y = cancellations(20_000, seed=0, incidence=(0.8, -0.6, *[0.05] * 28), latency=(-0.4, *[0.02] * 29))
    start = process_time()
    model = MixtureCure().fit(x, y)
    assert process_time() - start < 15 and model.converged_
