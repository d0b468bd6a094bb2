"""The layer itself: what it may never break, that it is stored, and that every way to the probabilities goes through it."""

from __future__ import annotations

import copy
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dropout.clinic.trust import model_facts
from dropout.errors import ModelError
from dropout.history import History
from dropout.models.logistic import to_logit
from dropout.models.model import DropoutModel
from dropout.models.outlook import outlook, silence_curve
from dropout.models.recalibration import Correction, Recalibration, agreed, from_plain, readable, to_plain

AS_OF = "2026-05-31"
P = ["p_dropout_30d", "p_dropout_60d", "p_dropout_90d"]
STEPS = Correction("isotonic", knots=np.array([[-3.0, -1.0, 1.0, 3.0], [-2.5, -2.5, 0.0, 2.0]]))
ROW = {"question": "dropout within 60 days", "group": "all open", "n": 900, "clients": 300, "events": 200, "base_rate": 0.22,
       "predicted": 0.3} | {f"{name}{end}": 0.1 for name in ("in_the_large", "slope", "log_loss", "calibration_error", "gain")
                            for end in ("", "_low", "_high")} | {"remark": ""}
TABLE = pd.DataFrame([ROW | {"when": "before", "slope": np.nan}, ROW | {"when": "after"}])


def layer(risk=None, gone=None) -> Recalibration:
    risk = Correction("intercept", -0.6) if risk is None else risk
    return Recalibration((risk, risk, Correction("slope", -0.4, 1.2)), Correction("slope", -0.5, 0.8) if gone is None else gone,
                         np.datetime64("2026-06-15T00:00:00"), TABLE, ("Learnt from a few.",))


@pytest.fixture(scope="module")
def recalibrated(model: DropoutModel) -> DropoutModel:
    """Return the model with a layer."""
    result = copy.copy(model)
    result.recalibration_ = layer()
    return result


chances = st.floats(0, 1)
corrections = st.one_of(
    st.just(Correction()), st.just(STEPS), st.floats(-3, 3).map(lambda a: Correction("intercept", a)),
    st.tuples(st.floats(-3, 3), st.floats(0.1, 4)).map(lambda ab: Correction("slope", *ab)))


@given(corrections, arrays(float, st.integers(1, 30), elements=chances))
def test_a_correction_never_turns_the_order_round(correction, p):
    p = np.sort(p)
    mended = correction(p)
    assert (np.diff(mended) >= -1e-15).all() and mended.min() >= 0 and mended.max() <= 1


@given(st.lists(corrections, min_size=3, max_size=3), corrections, arrays(float, (20, 3), elements=chances),
       arrays(float, 20, elements=st.one_of(chances, st.just(np.nan))), arrays(float, 20, elements=chances))
def test_risk_rises_with_the_horizon_and_agrees_with_the_other_prediction(each, of_gone, p, gone, otherwise):
    p, gone = np.sort(p, axis=1), of_gone(gone)
    mended = agreed(each, p, gone, otherwise)
    assert (np.diff(mended, axis=1) >= 0).all() and mended.min() >= 0 and mended.max() <= 1
    is_open = ~np.isnan(gone)
    assert (mended[is_open, 0] >= (gone * (1 - otherwise))[is_open] - 1e-12).all()


def test_corrections_do_what_they_say():
    p = np.array([0.0, 0.1, 0.5, 0.9, 1.0, np.nan])
    assert np.array_equal(Correction()(p), p, equal_nan=True)
    assert Correction("intercept", np.log(2))(p)[1:4] == pytest.approx([2 / 11, 2 / 3, 18 / 19])
    assert to_logit(Correction("slope", 0.3, 0.5)(p)[1:4]) == pytest.approx(0.3 + 0.5 * to_logit(p[1:4]))
    assert to_logit(STEPS(np.array([0.001, 0.5, 0.999]))) == pytest.approx([-2.5, -1.25, 2.0])
    assert np.isnan(STEPS(p)[-1]) and np.isnan(Correction("slope", 0.3, 0.5)(p)[-1])


def test_scores_go_through_the_layer_and_stay_in_agreement(model: DropoutModel, recalibrated: DropoutModel, history: History):
    before, after = model.score(history, as_of=AS_OF), recalibrated.score(history, as_of=AS_OF)
    one, other = before.dropout_risk, after.dropout_risk
    pd.testing.assert_frame_equal(one.drop(columns=P), other.drop(columns=P))
    pd.testing.assert_series_equal(one["reasons"], other["reasons"])
    closed = ~one["episode_id"].isin(before.reschedule["episode_id"])
    odds = to_logit(other["p_dropout_30d"][closed]) - to_logit(one["p_dropout_30d"][closed])
    inside = one["p_dropout_30d"][closed].between(0.01, 0.99)
    assert odds[inside].to_numpy() == pytest.approx(-0.6, abs=1e-3) and inside.sum() > 50
    assert (other["p_dropout_30d"] <= other["p_dropout_60d"]).all() and (other["p_dropout_60d"] <= other["p_dropout_90d"]).all()
    gone, mended = before.reschedule["p_dropout"], after.reschedule["p_dropout"]
    assert mended.to_numpy() == pytest.approx(recalibrated.recalibration.gone(gone.to_numpy()), abs=1e-5)
    back = after.reschedule
    assert (back["p_return_7d"] <= back["p_return_30d"]).all()
    assert (back["p_return_30d"] <= 1 - back["p_dropout"] + 1e-6).all()
    kept = (1 - gone) > 0.01
    ratio = (back["p_return_14d"] / (1 - mended))[kept] - (before.reschedule["p_return_14d"] / (1 - gone))[kept]
    assert ratio.to_numpy() == pytest.approx(0, abs=1e-3)
    both = back.merge(other, on=["client_id", "episode_id"])
    # As without a layer: 'ended otherwise' is never above one half for anybody in this history.
    assert (both["p_dropout_30d"] >= both["p_dropout"] * 0.5).all()


@pytest.mark.parametrize("gone", [Correction("slope", -0.5, 0.8), STEPS], ids=["slope", "isotonic"])
def test_nobody_grows_likelier_to_come_back_by_silence(model: DropoutModel, history: History, gone):
    mended = copy.copy(model)
    mended.recalibration_ = layer(gone=gone)
    curves = silence_curve(mended, history, AS_OF).table
    assert (curves.groupby(["client_id", "episode_id"])["p_gone"].diff().dropna() >= 0).all()
    assert (curves["low"] <= curves["p_gone"]).all() and (curves["p_gone"] <= curves["high"]).all()


def test_the_page_the_curve_and_the_scores_say_the_same(recalibrated: DropoutModel, history: History):
    scores = recalibrated.score(history, as_of=AS_OF).reschedule.set_index(["client_id", "episode_id"])["p_dropout"]
    today = outlook(recalibrated, history, AS_OF).set_index(["client_id", "episode_id"])["p_gone"]
    assert today.sort_index().to_numpy() == pytest.approx(scores.sort_index().to_numpy(), abs=2e-6)
    said = " ".join(model_facts(recalibrated))
    assert "recalibrated" in said and "15 June 2026" in said and "31 March 2026" in said


def test_it_is_stored_with_the_model(recalibrated: DropoutModel, model: DropoutModel, history: History, tmp_path):
    recalibrated.save(tmp_path / "model")
    again = DropoutModel.load(tmp_path / "model")
    assert again.to_bytes() == recalibrated.to_bytes() != model.to_bytes()
    assert repr(again.recalibration) == repr(recalibrated.recalibration) and again.recalibration.notes == ("Learnt from a few.",)
    pd.testing.assert_frame_equal(again.recalibration.table, TABLE, check_dtype=False)
    pd.testing.assert_frame_equal(again.score(history, AS_OF).dropout_risk, recalibrated.score(history, AS_OF).dropout_risk)
    assert model.recalibration is None and "recalibrated" not in repr(model)
    assert "recalibrated on what was known by 2026-06-15" in repr(again) and "calibration slope" in again._repr_html_()


def test_a_recalibrated_model_has_learnt_until_then(recalibrated: DropoutModel, model: DropoutModel, history: History):
    assert recalibrated.trained_until == np.datetime64("2026-06-15") > model.trained_until
    assert any("until 2026-06-15" in note for note in recalibrated.score(history, AS_OF).notes)
    nothing = copy.copy(model)
    nothing.recalibration_ = Recalibration((Correction(),) * 3, Correction(), np.datetime64("2026-06-15", "s"), TABLE)
    assert not nothing.recalibration.changes and nothing.trained_until == model.trained_until
    assert "nothing is changed" in repr(nothing.recalibration)


@pytest.mark.parametrize("damage", [
    lambda parts: parts["gone"].update(method="magic"), lambda parts: parts["60d"].update(line=[0.0, -1.0]),
    lambda parts: parts["30d"].update(method="isotonic", knots=[[0.0, 1.0], [1.0, 0.0]])])
def test_a_layer_that_would_fall_is_refused(damage):
    stored = json.loads(json.dumps(to_plain(layer())))
    damage(stored["parts"])
    with pytest.raises(ModelError, match="damaged"):
        from_plain(stored)


def test_before_and_after_can_be_read():
    shown = readable(TABLE)
    assert list(shown["when"]) == ["before", "after"] and shown["calibration slope"].tolist()[0] == "–"
    (said,) = layer().compared
    assert said.startswith("dropout within 60 days, all open (n 900): predicted 30%, then 30%, seen 22%")
