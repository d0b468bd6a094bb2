"""A shift of the base rate is named, with figures and with what to do; a model that fits is left in peace."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fake_model import FakeModel

from dropout.evaluation import evaluate
from dropout.evaluation.shift import shift_notes
from dropout.evaluation.trial import AS_IT_IS, REFITTED, Trial
from dropout.models.logistic import expit

DAYS = np.timedelta64(1, "D")


def row(**changed) -> pd.DataFrame:
    """A table of metrics with one row of the model."""
    fits = {"question": "dropout within 60 days", "group": "all open", "predictor": "model", "base_rate": 0.18,
            "in_the_large": 0.01, "in_the_large_low": -0.01, "in_the_large_high": 0.03, "slope": 1.05, "slope_low": 0.9,
            "slope_high": 1.2, "remark": ""}
    return pd.DataFrame([fits | changed])


def trial(basis: str = AS_IT_IS) -> Trial:
    """A trial of which only the basis matters."""
    return Trial(basis, (), None)


def test_a_model_that_fits_is_not_spoken_of():
    assert shift_notes(row(), trial(), None) == []
    assert shift_notes(pd.DataFrame(), trial(), None) == []


@pytest.mark.parametrize("changed", [
    {"in_the_large": 0.02, "in_the_large_low": 0.01},  # no chance, but small
    {"in_the_large": 0.12, "in_the_large_low": -0.01, "in_the_large_high": 0.25},  # large, but may be chance
    {"slope": 1.1, "slope_low": 1.02}, {"slope": 0.5, "slope_low": np.nan, "slope_high": np.nan}, {"slope": np.nan}])
def test_what_is_small_or_may_be_chance_is_not_named(changed):
    assert shift_notes(row(**changed), trial(), None) == []


def test_a_shift_is_named_with_its_figures_and_what_to_do():
    said = shift_notes(row(in_the_large=0.12, in_the_large_low=0.10, in_the_large_high=0.14), trial(), None)
    assert said[0] == ("Shift, dropout within 60 days, all open: the model predicts 30% on average where it happened to 18% "
                       "(difference +0.120, +0.100 to +0.140).")
    assert "dropout recalibrate" in said[-1] and len(said) == 2
    (slope, _) = shift_notes(row(slope=0.6, slope_low=0.4, slope_high=0.8, remark="only 60 events: rough"), trial(), None)
    assert "too extreme (calibration slope 0.60, 0.40 to 0.80); only 60 events: rough" in slope
    assert "too timid" in shift_notes(row(slope=1.6, slope_low=1.4, slope_high=1.8), trial(), None)[0]
    refitted = shift_notes(row(slope=0.6, slope_low=0.4, slope_high=0.8), trial(REFITTED), None)
    assert "before the cut did not hold" in refitted[-1] and "recalibrate" not in refitted[-1]


def test_evaluate_names_the_shift_of_a_model_that_says_too_much(history):
    class Gloomy(FakeModel):
        def score(self, history, as_of=None, progress=None):
            scores = super().score(history, as_of)
            for name in ("p_dropout_30d", "p_dropout_60d", "p_dropout_90d"):
                p = scores.dropout_risk[name]
                scores.dropout_risk[name] = expit(np.log(p / (1 - p)) + 1.5)
            return scores

    model = Gloomy().fit(history, as_of=history.known_until - 270 * DAYS)
    notes = evaluate(history, model, drawings=40).notes
    named = [note for note in notes if note.startswith("Shift, dropout within 60 days")]
    assert named and "Recalibrate it on outcomes" in " ".join(notes)
    assert notes.index(named[0]) < 6
