"""Columns that hold something else than was expected: endings as numbers, times as dates, groups that were never at risk."""

from __future__ import annotations

import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from test_survival_trouble import people

from dropout.errors import CallError, ModelError
from dropout.survival import (
    aalen_johansen,
    cause_specific,
    cox,
    discrete_time,
    fine_gray,
    gray_test,
    kaplan_meier,
    log_rank,
    random_intercept,
)

ASKED = {
    "kaplan_meier": lambda frame, **options: kaplan_meier(frame, **options),
    "aalen_johansen": lambda frame, **options: aalen_johansen(frame, **options),
    "gray_test": lambda frame, **options: gray_test(frame, "z", **options),
    "log_rank": lambda frame, **options: log_rank(frame, "z", **options),
    "cox": lambda frame, **options: cox(frame, ["x"], **options),
    "cause_specific": lambda frame, **options: cause_specific(frame, ["x"], **options),
    "discrete_time": lambda frame, **options: discrete_time(frame, ["x"], **options),
    "random_intercept": lambda frame, **options: random_intercept(frame, ["x"], **options),
}
each = pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED.keys())


def of_one_ending(**changes) -> pd.DataFrame:
    """Clients who dropped out or did not."""
    frame = people()
    return frame.assign(ending=np.where(frame["ending"] == "ongoing", "ongoing", "dropout"), **changes)


@each
@pytest.mark.parametrize("kind", [int, float, bool, "category"])
def test_endings_as_numbers_count_as_those_in_words(ask, kind):
    frame = of_one_ending()
    numbers = frame.assign(ending=(frame["ending"] == "dropout").astype(int).astype(kind))
    told, expected = ask(numbers, censored=0), ask(frame)
    if ask in (ASKED["cause_specific"], ASKED["gray_test"], ASKED["aalen_johansen"]):
        name = next(column for column in ("cause", "ending") if column in told.table)
        assert set(told.table[name]) == {"True" if kind is bool else "1"}
    if hasattr(told, "table"):
        numeric = expected.table.select_dtypes("number").columns
        pd.testing.assert_frame_equal(told.table[numeric], expected.table[numeric])
    else:
        assert told.statistic == expected.statistic


def test_an_ending_that_is_a_number_can_be_asked_for():
    frame = people()
    numbers = frame.assign(ending=frame["ending"].map({"ongoing": 0.0, "dropout": 1.0, "completed": 2.0}))
    assert cox(numbers, ["x"], cause=1, censored=0).table.equals(cox(frame, ["x"], cause="dropout").table)
    assert fine_gray(numbers, ["x"], cause=1, censored=0).table.equals(fine_gray(frame, ["x"]).table)
    with pytest.raises(CallError, match="Kaplan-Meier of '1' alone would treat 2"):
        kaplan_meier(numbers, cause=1, censored=0)


@each
@pytest.mark.parametrize("kind", [int, float, bool])
def test_zeros_that_nobody_explained_are_no_endings(ask, kind):
    frame = people()
    with pytest.raises(CallError, match="'ending' has the value (0|0.0|False) and never 'ongoing'.*censored="):
        ask(frame.assign(ending=(frame["ending"] == "dropout").astype(kind)))


@each
@pytest.mark.parametrize(("values", "seen"), [
    (lambda stop: pd.Timestamp("2025-01-01") + pd.to_timedelta(stop, unit="D"), "datetime"),
    (lambda stop: pd.to_timedelta(stop, unit="D"), "timedelta"),
    (lambda stop: stop.astype(str), "str"),
    (lambda stop: stop.astype(object).where(stop.index > 0, "7"), "a str"),
    (lambda stop: stop + 1j, "complex"),
    (lambda stop: stop.astype("category"), "category"),
])
def test_times_that_are_no_numbers(ask, values, seen):
    with pytest.raises(CallError, match=f"stop is {seen}.*; expected numbers"):
        ask(people().assign(stop=lambda frame: values(frame["stop"])))


@each
def test_time_before_the_clock_begins(ask):
    with pytest.raises(CallError, match="start is below 0 in 200 rows"):
        ask(people().assign(start=-1))


@each
def test_two_columns_of_one_name(ask):
    frame = people()
    with pytest.raises(CallError, match="several columns called 'stop'"):
        ask(pd.concat([frame, frame[["stop"]]], axis=1))


def test_endings_that_are_lists():
    with pytest.raises(CallError, match="'ending' holds lists"):
        kaplan_meier(people().assign(ending=pd.Series([["dropout"]] * 200)))


def test_a_group_that_was_at_risk_at_no_ending_is_left_aside():
    frame = people().assign(mode=lambda d: np.where(d.index % 2, "video", "phone"))
    gone = frame.head(5).assign(mode="letter", ending="ongoing", stop=0.5, client_id=list("vwxyz"))
    found, expected = log_rank(pd.concat([frame, gone]), "mode"), log_rank(frame, "mode")
    assert (found.statistic, found.df, found.p) == pytest.approx((expected.statistic, 1, expected.p))
    assert any("not every value of mode can be told apart" in note for note in found.notes)


def test_the_log_rank_test_where_all_end_at_once():
    with pytest.raises(ModelError, match="nothing to compare"):
        log_rank(people().assign(stop=3, ending="dropout"), "z")
    with pytest.raises(ModelError, match="within the values of mode"):
        log_rank(people().assign(mode=lambda d: d["z"]), "z", strata="mode")


def test_a_share_that_misses_one_by_rounding_has_no_interval():
    """Three groups of whom all leave: at the end nothing is left to be unsure of."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"start": 0.0, "stop": rng.integers(1, 15, 200).astype(float), "ending": "dropout",
                          "mode": rng.choice(["a", "b", "c"], 200)})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        last = aalen_johansen(frame, by="mode").table.groupby("group", observed=True).tail(1)
    assert last["estimate"].to_numpy() == pytest.approx(1) and last[["low", "high"]].isna().all().all()


REGRESSIONS = {"cox": cox, "fine_gray": fine_gray, "cause_specific": cause_specific, "discrete_time": discrete_time,
               "random_intercept": random_intercept}
each_regression = pytest.mark.parametrize("fit", REGRESSIONS.values(), ids=REGRESSIONS.keys())


@each_regression
@pytest.mark.parametrize(("change", "error", "message"), [
    (lambda x: x + 1j, CallError, "'x' is complex"),
    (lambda x: pd.Series([[v] for v in x], index=x.index), CallError, "'x' is object"),
    (lambda x: x * 1e200, CallError, "'x' has numbers about .*e\\+200, too large or too small.*other units"),
    (lambda x: x * 1e-200, CallError, "'x' has numbers about .*e-200, too large or too small"),
    (lambda x: 5 + x * 1e-14, ModelError, "'x' is the same in every row"),
])
def test_covariates_that_cannot_be_reckoned_with(fit, change, error, message):
    with warnings.catch_warnings(), pytest.raises(error, match=message):
        warnings.simplefilter("error")
        fit(people().assign(x=lambda frame: change(frame["x"])), ["x", "z"])


@each_regression
def test_numbers_and_truths_held_as_objects_are_numbers(fit):
    frame = people().assign(x=lambda frame: (8 * frame["x"]).round() / 8)
    held = frame.assign(x=frame["x"].map(lambda value: Decimal(str(value))), z=(frame["z"] == 1).astype(object))
    pd.testing.assert_frame_equal(fit(held, ["x", "z"]).table, fit(frame, ["x", "z"]).table)


@each
@pytest.mark.parametrize("index", ["client_id", ["client_id", "z"]])
def test_an_index_named_like_a_column(ask, index):
    frame = people()
    named = frame.set_index(index, drop=False)
    assert ask(named)._repr_html_() == ask(frame)._repr_html_()
    named.iloc[3, named.columns.get_loc("stop")] = -1
    with pytest.raises(CallError, match="^row 3: start is 0"):
        ask(named)


@pytest.mark.parametrize("ask", [
    lambda frame: kaplan_meier(frame, by="mode"), lambda frame: gray_test(frame, "mode"), lambda frame: log_rank(frame, "mode"),
    lambda frame: cox(frame, ["x"], strata="mode"), lambda frame: cox(frame, ["x"], cluster="mode"),
    lambda frame: random_intercept(frame, group="mode"),
])
def test_groups_that_are_lists(ask):
    with pytest.raises(CallError, match="'mode' holds lists"):
        ask(people().assign(mode=pd.Series([["phone"]] * 200)))


@each
def test_rows_that_do_not_say_whose_they_are(ask):
    frame = people()
    assert ask(frame.assign(client_id=None)) is not None
    few = frame.assign(client_id=frame["client_id"].where(frame.index % 2 == 0))
    assert ask(few) is not None


def test_a_column_that_is_the_same_throughout_each_stratum():
    with pytest.raises(ModelError, match="'z' is the same throughout each value of mode"):
        cox(people().assign(mode=lambda frame: frame["z"].map({0: "phone", 1: "video"})), ["x", "z"], strata="mode")
    with pytest.raises(ModelError, match="'x', 'z' are the same throughout each value of client_id"):
        cox(people(), ["x", "z"], strata="client_id")


def test_times_beyond_all_sessions():
    with pytest.raises(CallError, match="periods at risk, more than"):
        discrete_time(people().assign(stop=lambda frame: frame["stop"] * 1e300), ["x"])


@pytest.mark.parametrize("ask", [
    lambda frame: cox(frame, None), lambda frame: cox(frame, [["x"]]), lambda frame: cox(frame, ["x"], penalty="1"),
    lambda frame: cox(frame, ["x"], penalty=np.inf), lambda frame: cox(frame, ["x"], strata=["z"]),
    lambda frame: kaplan_meier(frame, by=["z"]), lambda frame: kaplan_meier(frame, level="95"),
    lambda frame: gray_test(frame, "z", rho="1"), lambda frame: log_rank(frame, "z", rho=np.nan),
    lambda frame: discrete_time(frame, ["x"], min_endings="5"), lambda frame: random_intercept(frame, nodes=2.5),
    lambda frame: kaplan_meier(frame).at("soon"), lambda frame: kaplan_meier(frame).mean("12"),
    lambda frame: kaplan_meier(frame).plot(until="12"), lambda frame: kaplan_meier(frame).plot(until=0),
    lambda frame: aalen_johansen(frame).plot(endings="dropout"),
])
def test_settings_of_a_wrong_kind(ask):
    with pytest.raises(CallError, match="expected"):
        ask(people())
