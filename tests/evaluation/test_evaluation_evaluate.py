"""`evaluate`: who is tested when, that nobody is tested on what was learnt, and what is said."""

from __future__ import annotations

import json
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
from fake_model import FakeModel

from dropout.endings import Gap
from dropout.errors import CallError, ModelError
from dropout.evaluation import comparison, evaluate
from dropout.evaluation.cases import QUESTIONS
from dropout.evaluation.splits import of_clients
from dropout.evaluation.trial import AS_IT_IS, NEW_CLIENTS, REFITTED, REFITTED_TOGETHER, again
from dropout.models.model import DropoutModel

DAYS = np.timedelta64(1, "D")


@pytest.fixture(scope="module")
def later(history):
    """Return the evaluation of a model that learnt until 270 days before the end."""
    model = FakeModel().fit(history, as_of=history.known_until - 270 * DAYS)
    return evaluate(history, model, drawings=40, seed=1)


@pytest.fixture(scope="module")
def refitted(history):
    """Return the evaluation of a model that learnt from everything, and what was asked of its copies."""
    log: list = []
    model = FakeModel(log=log).fit(history)
    log.clear()
    return evaluate(history, model, drawings=40, seed=1, synthetic=True), log


def test_a_model_is_tested_as_it_is_on_later_dates(history, later):
    assert later.basis == AS_IT_IS
    dates = np.array(later.settings["dates"], dtype="datetime64[s]")
    assert len(dates) == 4 and (dates >= history.known_until - 210 * DAYS).all()
    assert (dates + 120 * DAYS <= history.known_until).all()
    table = later.tables["metrics"]
    assert (table["basis"] == AS_IT_IS).all()
    assert set(later.tables["calibration"]["predictor"]) == set(table["predictor"])
    assert set(table["question"]) == {question.name for question in QUESTIONS}
    assert table.groupby(["question", "group"]).ngroups == 11
    assert any("was tested on 4 dates" in note and "at least 60 days later" in note for note in later.notes)


def test_every_row_has_its_size_and_its_intervals(later):
    for name in ("metrics", "capacity"):
        assert {"basis", "n", "clients", "events", "base_rate"} <= set(later.tables[name].columns)
    table = later.tables["metrics"]
    for measure in ("log_loss", "brier", "in_the_large", "calibration_error"):
        assert (table[f"{measure}_low"] <= table[f"{measure}_high"]).all(), measure
    rows = table.set_index(["question", "group", "predictor"])
    base = rows.xs("base rate", level="predictor")
    assert np.allclose(base["gain"], 0) and np.allclose(base["auc"], 0.5) and base["slope"].isna().all()
    for who in ("model", "days since seen"):
        each = rows.xs(who, level="predictor")
        assert np.allclose(each["gain"], base["log_loss"] - each["log_loss"], atol=1e-12)
    assert set(table.loc[table["question"] == "never again", "predictor"]) == {
        "model", "base rate", "last session missed", "days since seen", "days silent", "own return rate"}
    assert "days silent" not in set(table.loc[table["question"] == "dropout within 60 days", "predictor"])


def test_the_figures_are_those_of_the_scores(history, later):
    """A slow twin: score each date, look up what happened in the finished episodes, average."""
    model = FakeModel().fit(history, as_of=history.known_until - 270 * DAYS)
    episodes = history.episodes().set_index("episode_id")
    y, p = [], []
    for date in np.array(later.settings["dates"], dtype="datetime64[s]"):
        then = history.as_of(date).episodes().set_index("episode_id")
        for row in model.score(history, as_of=date).dropout_risk.itertuples():
            if then.loc[row.episode_id, "ending"] != "ongoing" or then.loc[row.episode_id, "never_started"]:
                continue
            last, ending = episodes.loc[row.episode_id, ["last_attended_at", "ending"]]
            if ending == "ongoing" and last <= pd.Timestamp(date + 60 * DAYS):
                continue
            y.append(ending == "dropout" and last <= pd.Timestamp(date + 60 * DAYS))
            p.append(row.p_dropout_60d)
    table = later.tables["metrics"]
    row = table[(table["question"] == "dropout within 60 days") & (table["group"] == "all open")
                & (table["predictor"] == "model")].iloc[0]
    p, y = np.clip(p, 0.005, 0.995), np.array(y, dtype=float)
    assert row["n"] == len(y) and row["events"] == y.sum()
    assert row["log_loss"] == pytest.approx(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)), abs=1e-12)


def test_a_model_that_has_seen_everything_is_refitted(history, refitted):
    result, log = refitted
    assert result.basis == REFITTED and (result.tables["metrics"]["basis"] == REFITTED).all()
    cut = np.datetime64(result.settings["cut"])
    fits = [entry for entry in log if entry[0] == "fit"]
    assert len(fits) == 3 and all(until == cut for _, until, _ in fits)
    everybody = set(history.as_of(cut).timeline.episodes["client_id"])
    for _, _, clients in fits:
        assert 0.6 < len(clients) / len(everybody) < 0.73
    scored = np.array([until for kind, until, _ in log if kind == "score"])
    # Tested after the embargo; and scored again on dates whose outcomes were known by the cut, for the optimism.
    assert ((scored >= cut + 60 * DAYS) | (scored <= cut - 90 * DAYS)).all()
    assert (scored >= cut + 60 * DAYS).sum() == 12 and (scored < cut).sum() == 6
    assert any("less to learn from" in note for note in result.notes)


def test_nobody_is_tested_by_a_model_that_learnt_from_them(history, monkeypatch):
    seen = []
    whole = comparison.metrics_table

    def watch(parts, *args, **kwargs):
        seen.extend(parts)
        return whole(parts, *args, **kwargs)

    monkeypatch.setattr(import_module("dropout.evaluation.evaluate"), "metrics_table", watch)
    log: list = []
    model = FakeModel(log=log).fit(history)
    log.clear()
    evaluate(history, model, drawings=20)
    fits = [clients for kind, _, clients in log if kind == "fit"]
    assert len(seen) == len(fits) == 3
    tested = [set(part.test["client_id"]) for part in seen]
    for learnt, asked in zip(fits, tested, strict=True):
        assert asked and not learnt & asked
    assert not tested[0] & tested[1] and not tested[0] & tested[2] and not tested[1] & tested[2]


def test_a_small_clinic_is_tested_without_parting_clients(history):
    n = history.as_of(history.known_until - 264 * DAYS).timeline.episodes["client_id"].nunique()
    model = FakeModel(fewest_clients=int(n * 0.95)).fit(history)
    result = evaluate(history, model, drawings=20)
    assert result.basis == REFITTED_TOGETHER
    assert any("clients were not parted" in note for note in result.notes)


def test_too_small_or_too_short_is_said(history):
    with pytest.raises(ModelError, match="too small to evaluate.*too little to learn from"):
        evaluate(history, FakeModel(fewest_clients=299).fit(history), drawings=20)
    early = history.as_of(history.timeline.begins.min().astype("datetime64[s]") + 120 * DAYS)
    with pytest.raises(ModelError, match="too short to evaluate"):
        evaluate(early, FakeModel(fewest_clients=1).fit(early), drawings=20)


def test_new_clients_are_tested_by_the_model_itself(history):
    clients = sorted(set(history.sessions["client_id"]))
    model = FakeModel().fit(of_clients(history, clients[::2]))
    result = evaluate(of_clients(history, clients[1::2]), model, new_clients=True, drawings=20)
    assert result.basis == NEW_CLIENTS
    assert any("cannot be checked" in note for note in result.notes)
    unsaid = evaluate(of_clients(history, clients[1::2]), model, drawings=20)
    assert unsaid.basis == REFITTED and any("new_clients=True" in note for note in unsaid.notes)


def test_as_of_hides_what_came_later(history):
    model = FakeModel().fit(history, as_of="2025-03-01")
    result = evaluate(history, model, as_of="2026-01-01", drawings=20)
    same = evaluate(history.as_of("2026-01-01"), model, drawings=20)
    pd.testing.assert_frame_equal(result.tables["metrics"], same.tables["metrics"])
    assert result.settings["known_until"] == "2026-01-01T00:00:00"


def test_same_seed_same_tables(history, later):
    model = FakeModel().fit(history, as_of=history.known_until - 270 * DAYS)
    again_ = evaluate(history, model, drawings=40, seed=1)
    for name, table in later.tables.items():
        pd.testing.assert_frame_equal(table, again_.tables[name])


def test_cautions_are_said(refitted):
    notes = " ".join(refitted[0].notes)
    assert "Zantvoort et al. 2024" in notes and "say nothing about people" in notes
    assert "None of this says what a call does" in notes
    table = refitted[0].tables["metrics"]
    few = np.minimum(table["events"], table["n"] - table["events"]) < 100
    assert few.any() and (table.loc[few, "remark"] != "").all() and (table.loc[~few, "remark"] == "").all()
    assert "Calling the 10 with the highest probability finds" in notes


def test_a_real_history_is_not_called_simulated(later):
    assert "simulated" not in " ".join(later.notes)


def test_a_model_without_scores_for_some(history):
    class Silent(FakeModel):
        def score(self, history, as_of=None, progress=None):
            scores = super().score(history, as_of)
            scores.dropout_risk = scores.dropout_risk.iloc[1:]
            scores.reschedule = scores.reschedule.drop(columns="p_return_14d").assign(p_dropout=np.nan)
            return scores

    result = evaluate(history, Silent().fit(history, as_of=history.known_until - 270 * DAYS), drawings=20)
    assert "never again" not in set(result.tables["metrics"]["question"])
    notes = " ".join(result.notes)
    assert "gave no probability for" in notes and "nothing is measured: never again, open cancellations" in notes


def test_what_is_no_probability_is_refused(history):
    class Wild(FakeModel):
        def score(self, history, as_of=None, progress=None):
            scores = super().score(history, as_of)
            return type(scores)(scores.dropout_risk.assign(p_dropout_60d=1.2), scores.reschedule)

    with pytest.raises(CallError, match="p_dropout_60d"):
        evaluate(history, Wild().fit(history, as_of=history.known_until - 270 * DAYS), drawings=20)


def test_wrong_calls(history):
    with pytest.raises(CallError, match="not been fitted"):
        evaluate(history, FakeModel())
    with pytest.raises(CallError, match="too few for an interval"):
        evaluate(history, FakeModel().fit(history), drawings=3)
    with pytest.raises(CallError, match="truth"):
        evaluate(history, FakeModel().fit(history), truth="/nowhere")


def test_again_has_the_settings_and_nothing_learnt(history):
    model = FakeModel(fewest_clients=7).fit(history)
    copy = again(model)
    assert copy is not model and copy.fewest_clients == 7 and not hasattr(copy, "trained_until")
    ours = again(DropoutModel(Gap(45), exclude=("income",), seed=3))
    assert (ours.definition, tuple(ours.exclude), ours.seed) == (Gap(45), ("income",), 3)


def test_progress_ends_at_the_end(history):
    told = []
    model = FakeModel().fit(history, as_of=history.known_until - 270 * DAYS)
    evaluate(history, model, drawings=20, progress=lambda stage, done, total: told.append((stage, done, total)))
    assert {stage for stage, _, _ in told} == {"evaluate"}
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)
    assert told[-1][1] == told[-1][2]


def test_the_card_is_plain_json(later, tmp_path):
    later.write(tmp_path / "out")
    card = json.loads((tmp_path / "out" / "evaluation.json").read_text(encoding="utf-8"))
    assert card["basis"] == AS_IT_IS and len(card["tables"]["metrics"]) == len(later.tables["metrics"])
