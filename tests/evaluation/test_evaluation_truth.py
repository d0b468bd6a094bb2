"""Truth: the one who knows everything gets 1, the one who knows nothing 0, and folders that are no truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fake_model import TruthTeller

from dropout.errors import CallError, DropoutError
from dropout.evaluation import evaluate, metrics
from dropout.evaluation.truth import attainable_share, read_truth, truth_dates, with_truth


def test_share_by_hand():
    y, true = np.array([1.0, 0, 0, 1]), np.array([0.9, 0.2, 0.1, 0.6])
    base = np.full(4, 0.5)
    p = np.array([0.7, 0.4, 0.3, 0.6])
    expected = ((metrics.log_loss(y, base) - metrics.log_loss(y, p))
                / (metrics.log_loss(y, base) - metrics.log_loss(y, true)))
    assert attainable_share(y, p, true) == pytest.approx(expected)
    assert attainable_share(y, true, true) == 1 and attainable_share(y, base, true) == 0
    assert attainable_share(true, true, true) == pytest.approx(1)


def test_where_nothing_can_be_known_no_share_is_given():
    true = np.full(200, 0.3)
    assert np.isnan(attainable_share(np.r_[np.ones(60), np.zeros(140)], np.full(200, 0.25), true))


def test_reads_what_the_simulator_writes(world, truth_folder):
    truth = read_truth(truth_folder)
    assert list(map(str, truth_dates(truth))) == ["2025-09-30T00:00:00", "2025-12-30T00:00:00", "2026-03-31T00:00:00"]
    assert len(truth["risk"]) == len(world.truth["risk"]) and len(truth["reschedule"]) == len(world.truth["reschedule"])
    # Six decimals are written.
    assert np.allclose(truth["risk"]["p_dropout_60d"], world.truth["risk"]["p_dropout_60d"], atol=1e-6)


@pytest.mark.parametrize("constant", [None, 0.3])
def test_who_knows_the_truth_and_who_knows_nothing(world, history, truth_folder, constant):
    model = TruthTeller(world.truth, constant).fit(history, as_of="2025-09-30")
    # The fit is as of the first date of the truth, so that all three can be used, the last after the last fact.
    table = evaluate(history, model, truth=truth_folder, drawings=20).tables["truth"]
    ours = table[table["predictor"] == "model"].set_index(["question", "group"])
    assert len(ours) == 11 and (ours["n"] > 10).all()
    everybody = ours.loc[("dropout within 60 days", "all open")]
    assert (ours["mean_true"] - ours["base_rate"]).abs().max() < 0.2
    if constant is None:
        assert np.allclose(ours["share"].dropna(), 1, atol=1e-4) and np.allclose(ours["distance"], 0, atol=1e-6)
        assert np.allclose(ours["share_expected"].dropna(), 1, atol=1e-4)
        assert np.allclose(ours["calibration_error"], 0, atol=1e-6)
        assert everybody["loss"] == pytest.approx(everybody["loss_true"])
    else:
        assert (ours["share"].dropna() <= 1e-9).all() and everybody["distance"] > 0.05
        assert everybody["calibration_error"] == pytest.approx(abs(everybody["mean_true"] - 0.3), abs=1e-9)


def test_what_happened_comes_from_the_truth(world, history, truth_folder):
    model = TruthTeller(world.truth).fit(history, as_of="2025-09-30")
    table = evaluate(history, model, truth=truth_folder, drawings=20).tables["truth"]
    row = table[(table["predictor"] == "model") & (table["question"] == "never again")].iloc[0]
    assert row["n"] <= len(world.truth["reschedule"])
    assert row["loss_true"] < row["loss_base"]


def test_a_case_that_is_not_in_the_truth_has_no_answer(truth_folder):
    truth = read_truth(truth_folder)
    frame = truth["risk"][["as_of", "client_id", "episode_id"]].head(3).assign(
        dropout_30d=1.0, dropout_60d=1.0, dropout_90d=1.0, never_again=1.0, returned_14d=1.0)
    frame.loc[2, "episode_id"] = "nobody"
    found = with_truth(frame, truth)
    assert found["dropout_60d"].isna().tolist() == [False, False, True]
    del truth["reschedule"]
    assert with_truth(frame, truth)["never_again"].isna().all()


@pytest.mark.parametrize(("spoil", "says"), [
    (lambda frame: frame.drop(columns="p_dropout_60d"), "lacks p_dropout_60d"),
    (lambda frame: frame.assign(p_dropout_60d=1.5), "not between 0 and 1"),
    (lambda frame: frame.assign(p_dropout_60d=np.nan), "missing or not between"),
    (lambda frame: frame.assign(as_of="soon"), "cannot be read"),
    (lambda frame: frame.assign(p_dropout_30d="much"), "cannot be read"),
    (lambda frame: pd.concat([frame, frame.head(2)]), "2 repeated rows"),
])
def test_a_wrong_truth_is_refused(truth_folder, tmp_path, spoil, says):
    spoil(pd.read_csv(truth_folder / "risk.csv")).to_csv(tmp_path / "risk.csv", index=False)
    with pytest.raises(DropoutError, match=says):
        read_truth(tmp_path)


def test_no_truth_folder(tmp_path):
    with pytest.raises(CallError, match="holds no risk.csv"):
        read_truth(tmp_path / "nowhere")
