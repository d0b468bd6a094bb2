"""The silence curve, the outlook, and the day of the call, against a loop over days."""

from __future__ import annotations

import dataclasses

import matplotlib
import numpy as np
import pandas as pd
import pytest

import dropout
from dropout.errors import CallError, ModelError
from dropout.features.moments import open_at
from dropout.features.view import Evidence
from dropout.history import History, read_history
from dropout.models.clock import DAYS as GRID
from dropout.models.model import DropoutModel
from dropout.models.outlook import (
    LIKELY_BACK,
    LIKELY_GONE,
    LONGEST,
    NEARLY,
    OUTLOOKS,
    WIDEST,
    Call,
    _outlooks,
    outlook,
    silence_curve,
)
from dropout.models.silences import silences_at

AS_OF = "2026-05-31T12:00"
DAYS = ["p_return_7d", "p_return_14d", "p_return_30d"]


@pytest.fixture(scope="module")
def curves(model: DropoutModel, history: History):
    return silence_curve(model, history, AS_OF)


@pytest.fixture(scope="module")
def scores(model: DropoutModel, history: History):
    return model.score(history, as_of=AS_OF).reschedule


@pytest.fixture(scope="module")
def seen(model: DropoutModel, history: History):
    return outlook(model, history, AS_OF)


def test_a_curve_for_each_open_cancellation_from_day_0_to_90(curves, scores):
    table = curves.table
    assert list(table) == ["client_id", "episode_id", "silent_day", "p_gone", "low", "high", "today"]
    assert len(table) == len(scores) * (LONGEST + 1) and len(scores) > 15
    for _, one in table.groupby(["client_id", "episode_id"]):
        assert one["silent_day"].tolist() == list(range(LONGEST + 1))
        assert (one["p_gone"].diff().dropna() >= 0).all()
        assert one["today"].sum() == 1
    assert ((table["low"] <= table["p_gone"]) & (table["p_gone"] <= table["high"])).all()
    assert table[["low", "p_gone", "high"]].stack().between(0, 1).all()
    assert "open cancellations" in repr(curves) and "<table" in curves._repr_html_()


def test_the_curve_passes_through_the_score_of_tonight(curves, scores, seen):
    for frame in (seen, scores):
        assert set(zip(frame["client_id"], frame["episode_id"], strict=True)) == \
            set(zip(curves.table["client_id"], curves.table["episode_id"], strict=True))
    both = seen.merge(scores, on=["client_id", "episode_id"])
    np.testing.assert_allclose(both["p_gone"], both["p_dropout"], atol=1e-6)
    assert (both["cancelled_at_x"] == both["cancelled_at_y"]).all()
    assert (both["silent_days"] <= both["days_silent"]).all(), "last heard of at or after the cancellation"
    for row in seen[seen["silent_days"] < LONGEST].itertuples():
        mine = curves.table[(curves.table["client_id"] == row.client_id) & (curves.table["episode_id"] == row.episode_id)]
        there = mine.set_index("silent_day")["p_gone"]
        assert there[row.silent_days] - 1e-6 <= row.p_gone <= there[row.silent_days + 1] + 1e-6
        assert mine.loc[mine["today"], "silent_day"].item() == row.silent_days


def test_returns_and_leaving_fit_into_one(scores):
    assert scores["p_dropout"].between(0, 1).all()
    steps = [0.0, *(scores[name] for name in DAYS), 1 - scores["p_dropout"]]
    for less, more in zip(steps, steps[1:], strict=False):
        assert (less <= more + 1e-6).all()


def test_the_table_says_what_it_must_and_the_likeliest_gone_come_first(seen):
    assert list(seen) == ["client_id", "episode_id", "cancelled_at", "silent_days", "p_gone", "low", "high", "outlook",
                          "lost_by_waiting", "call_on", "worth"]
    assert seen["p_gone"].is_monotonic_decreasing
    assert ((seen["low"] <= seen["p_gone"]) & (seen["p_gone"] <= seen["high"])).all()
    for row in seen.itertuples():
        expected = "likely gone" if row.p_gone > 2 / 3 else "likely returning" if row.p_gone < 1 / 3 else "uncertain"
        assert row.outlook == ("too few like them" if row.high - row.low > WIDEST else expected)
    assert {"likely gone", "likely returning"} <= set(seen["outlook"])


def test_at_the_thresholds():
    p = np.array([LIKELY_BACK, LIKELY_BACK - 1e-9, LIKELY_GONE, LIKELY_GONE + 1e-9, 0.9, 0.1])
    low, high = p - 0.1, p + 0.1
    low[4], high[4], low[5], high[5] = 0.45, 0.96, 0.05, 0.55
    assert _outlooks(p, low, high).tolist() == [
        "uncertain", "likely returning", "uncertain", "likely gone", "too few like them", "likely returning"]
    assert len(OUTLOOKS) == 4


@pytest.fixture(scope="module")
def at_midnight(model: DropoutModel, history: History) -> dict[tuple[str, str], tuple[float, np.ndarray]]:
    """Days of silence and log odds on the days of the clock, by client and episode, at the beginning of 31 May."""
    timeline = history.as_of("2026-05-31").timeline
    evidence = Evidence(timeline, model.measures_, model.covariates_, model.definition.maturity_days)
    _, silences = silences_at(evidence, open_at(timeline, timeline.extraction), model.leaving_)
    names = timeline.episodes.iloc[silences.asked.episode][["client_id", "episode_id"]].itertuples(index=False, name=None)
    assert model.reschedule_ is not None
    curves = model.reschedule_.clock.log_odds(silences.values)[silences.which]
    return dict(zip(names, zip(silences.days.tolist(), curves, strict=True), strict=True))


@pytest.mark.parametrize("call", [
    Call(), Call(0.4, 60.0, 0.05), Call(0.05, 3.0, 0.04), Call(0.3, 400.0, 0.25), Call(1.0, 1.0, 0.0)])
def test_the_day_of_the_call_and_what_waiting_loses(model: DropoutModel, history: History, at_midnight: dict, call: Call):
    """A loop over the days on which a call may be planned, with the curve between its days as straight log odds."""
    at = pd.Timestamp("2026-05-31T00:00")
    found = outlook(model, history, "2026-05-31", call=call)
    assert len(found) == len(at_midnight)
    for row in found.itertuples():
        silent, curve = at_midnight[(row.client_id, row.episode_id)]
        gone = [float(1 / (1 + np.exp(-np.interp(silent + k, GRID, curve)))) for k in range(LONGEST + 1)]
        assert np.isclose(row.p_gone, gone[0], atol=1e-6)
        kept = [call.brings_back * 2 ** (-(silent + k) / call.half_life) for k in range(LONGEST + 1)]
        assert np.isclose(row.lost_by_waiting, gone[0] * (kept[0] - kept[1]), atol=1e-6)
        worth = [gone[0] * kept[k] - call.cost * gone[0] / gone[k] for k in range(LONGEST + 1)]
        if max(worth) <= 0:
            assert pd.isna(row.call_on) and row.worth == 0
            continue
        # The first day that is about as good as the best.
        day = next(k for k in range(LONGEST + 1) if worth[k] >= NEARLY * max(worth) - 1e-12)
        assert np.isclose(row.worth, worth[day], atol=1e-6)
        assert row.call_on == at + pd.Timedelta(days=day)
    if call == Call():
        assert found["call_on"].notna().any() and found["call_on"].isna().any()


def test_a_call_that_costs_nothing_is_worth_most_today(model: DropoutModel, history: History):
    free = outlook(model, history, AS_OF, call=Call(cost=0.0))
    assert (free["call_on"] == pd.Timestamp("2026-05-31")).all()
    assert (free.loc[free["silent_days"] < 100, "worth"] > 0).all()
    useless = outlook(model, history, AS_OF, call=Call(brings_back=0.0))
    assert useless["call_on"].isna().all() and (useless["worth"] == 0).all() and (useless["lost_by_waiting"] == 0).all()
    dear = outlook(model, history, AS_OF, call=Call(cost=10.0))
    assert dear["call_on"].isna().all()
    assert free["call_on"].dtype == useless["call_on"].dtype


@pytest.mark.parametrize(("wrong", "said"), [
    ({"brings_back": -0.1}, "brings_back is -0.1; expected a share from 0 to 1"),
    ({"brings_back": 1.5}, "brings_back is 1.5"), ({"brings_back": float("nan")}, "brings_back is nan"),
    ({"half_life": 0}, "half_life is 0; expected a number of days above 0"), ({"half_life": float("nan")}, "half_life"),
    ({"cost": -1}, "cost is -1; expected 0 or more"), ({"cost": float("nan")}, "cost is nan"),
])
def test_an_impossible_call_is_refused(wrong: dict, said: str):
    with pytest.raises(CallError, match=said):
        Call(**wrong)


def test_what_a_call_is_taken_to_do():
    call = Call(0.2, 10.0, 0.01)
    np.testing.assert_allclose(call.keeps(np.array([0, 10, 20])), [0.2, 0.1, 0.05])
    assert str(call) == ("a call on the first silent day brings back 20% of those who would never have come again, half as many "
                         "every 10 days, and costs 0.01 of a client kept")


def test_only_the_clients_asked_for(model: DropoutModel, history: History, curves):
    some = curves.table["client_id"].unique()[[3, 1]]
    found = silence_curve(model, history, AS_OF, clients=list(some)).table
    expected = curves.table[curves.table["client_id"].isin(some)].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, expected)
    alone = silence_curve(model, history, AS_OF, clients=str(some[0])).table
    assert set(alone["client_id"]) == {some[0]}


def test_clients_who_are_not_there_are_counted_and_not_named(model: DropoutModel, history: History, curves):
    known = curves.table["client_id"].iloc[0]
    with pytest.raises(CallError) as raised:
        silence_curve(model, history, AS_OF, clients=[known, "Zebulonia", "Quackenbush"])
    said = str(raised.value)
    assert said.startswith("2 of the clients asked for have no open episode at 2026-05-31")
    assert "Zebulonia" not in said and "Quackenbush" not in said and str(known) not in said


def test_no_open_cancellation_gives_empty_tables(model: DropoutModel):
    quiet = read_history({"sessions": pd.DataFrame([("a", "2026-05-01T10:00", "attended")],
                                                   columns=["client_id", "starts_at", "status"])})
    found = silence_curve(model, quiet, "2026-05-02")
    assert len(found.table) == 0 and "0 open cancellations" in repr(found) and "<p>" in found._repr_html_()
    assert len(outlook(model, quiet, "2026-05-02")) == 0
    assert len(silence_curve(model, quiet, "2026-05-02", clients=[]).table) == 0


def test_a_model_that_knows_nothing_of_silence_says_so(model: DropoutModel, history: History):
    bare = DropoutModel.__new__(DropoutModel)
    bare.__dict__.update(model.__dict__)
    bare.reschedule_ = None
    for ask in (silence_curve, outlook):
        with pytest.raises(ModelError, match="too few past cancellations.*longer history"):
            ask(bare, history, AS_OF)
    assert bare.words is None


def test_the_future_and_the_order_of_rows_change_nothing(model: DropoutModel, history: History, simulated: dict, curves, seen):
    cut = history.as_of(AS_OF)
    shuffled = read_history({name: table.sample(frac=1, random_state=2) for name, table in simulated.items()})
    for other in (cut, shuffled):
        pd.testing.assert_frame_equal(silence_curve(model, other, AS_OF).table, curves.table, check_exact=True)
        pd.testing.assert_frame_equal(outlook(model, other, AS_OF), seen, check_exact=True)


def test_a_model_read_back_says_the_same_of_silence(model: DropoutModel, history: History, curves, seen, tmp_path):
    model.save(tmp_path / "model")
    stored = DropoutModel.load(tmp_path / "model")
    pd.testing.assert_frame_equal(silence_curve(stored, history, AS_OF).table, curves.table, check_exact=True)
    pd.testing.assert_frame_equal(outlook(stored, history, AS_OF), seen, check_exact=True)
    pd.testing.assert_frame_equal(stored.words, model.words, check_exact=True)


def test_the_picture(curves, model: DropoutModel, history: History):
    matplotlib.use("Agg")
    axes = curves.plot(most=3)
    assert len(axes.get_legend().get_texts()) == 3
    assert "days of silence" in axes.get_xlabel() and "never coming again" in axes.get_ylabel()
    empty = dataclasses.replace(curves, table=curves.table.iloc[:0])
    assert empty.plot().get_legend() is None
    matplotlib.pyplot.close("all")


def test_the_names_of_the_package():
    assert dropout.silence_curve is silence_curve and dropout.outlook is outlook and dropout.Call is Call
