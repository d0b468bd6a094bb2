"""The learning curve and the optimism: what is learnt from, that tests stay apart, and what is said."""

from __future__ import annotations

import numpy as np
import pytest
from fake_model import FakeModel

from dropout.errors import CallError, ModelError
from dropout.evaluation import evaluate
from dropout.evaluation.baselines import names
from dropout.evaluation.learning_curve import learning_curve
from dropout.evaluation.splits import of_clients
from dropout.models.logistic import expit

DAYS = np.timedelta64(1, "D")


class Growing(FakeModel):
    """Says the better what it has to say the more clients it has seen; knows by heart those that it has seen."""

    def score(self, history, as_of=None, progress=None):
        scores = super().score(history, as_of)
        far = 4.0 * np.exp(-len(self.clients) / 60)
        noise = np.random.default_rng(len(self.clients)).normal(0, far, len(scores.dropout_risk))
        p = scores.dropout_risk["p_dropout_60d"]
        known = scores.dropout_risk["client_id"].isin(self.clients)
        scores.dropout_risk["p_dropout_60d"] = expit(np.log(p / (1 - p)) + np.where(known, 0, noise))
        return scores


@pytest.fixture(scope="module")
def curve(history):
    """Return the curve, and what was asked of the copies of the model."""
    log: list = []
    model = Growing(log=log).fit(history)
    log.clear()
    return learning_curve(history, model, (0.3, 0.6, 1.0), drawings=40), log


def test_shares_grow_by_adding_clients(curve):
    found, log = curve
    fits = [(until, clients) for kind, until, clients in log if kind == "fit"]
    assert len(fits) == 9 and len({until for until, _ in fits}) == 1
    for k in range(3):
        whole, middle, small = (clients for _, clients in fits[3 * k : 3 * k + 3])
        assert small < middle < whole
        assert len(small) == pytest.approx(0.3 * len(whole), abs=1) and len(middle) == pytest.approx(0.6 * len(whole), abs=1)
    assert list(found.table["share"].unique()) == [0.3, 0.6, 1.0]


def test_every_baseline_stands_beside_it(curve):
    risk = curve[0].table.query("question == 'dropout within 60 days'")
    for name in names(False)[1:]:
        assert risk[f"{name.replace(' ', '_')}_log_loss"].between(0.01, 2.0).all()


def test_it_is_tested_on_the_same_cases_at_every_share(curve):
    table = curve[0].table
    assert (table.groupby("question")["n"].nunique() == 1).all()
    for measure in ("log_loss", "brier", "auc"):
        assert (table[f"{measure}_low"] <= table[measure]).all() and (table[measure] <= table[f"{measure}_high"]).all()
    risk = table[table["question"] == "dropout within 60 days"].set_index("share")
    assert risk["log_loss"].is_monotonic_decreasing and risk["behind_low"][0.3] > 0 and risk["behind"][1.0] == 0
    assert np.allclose(risk["behind"], risk["log_loss"] - risk["log_loss"][1.0], atol=1e-12)
    assert risk["apparent_log_loss"][0.3] < risk["log_loss"][0.3] - 0.1


def test_one_group_is_tested_where_that_is_enough(history, curve):
    log: list = []
    model = FakeModel(log=log).fit(history)
    log.clear()
    one = learning_curve(history, model, (0.5, 1.0), groups=1, drawings=20)
    assert sum(kind == "fit" for kind, _, _ in log) == 2
    assert one.table["clients"].max() < curve[0].table["clients"].max()
    assert any("tested on 1 of 3 groups" in note for note in one.notes)


def test_shares_that_are_too_small_to_learn_from_say_so(history):
    found = learning_curve(history, FakeModel(fewest_clients=80).fit(history), (0.2, 1.0), drawings=20)
    row = found.table[found.table["share"] == 0.2].iloc[0]
    assert row["remark"] == "too few to learn from" and np.isnan(row["log_loss"])
    assert any("no curve" in note for note in found.notes)
    assert found.plot() is not None


def test_what_is_said_and_drawn(curve):
    found = curve[0]
    said = " ".join(found.notes)
    assert "Zantvoort" in said and "more clients still helped" in said and "closure reason where recorded" in said
    assert "LearningCurve: Dropout within 60 days" in repr(found) and "<table" in found._repr_html_()
    for measure in ("log_loss", "brier", "auc"):
        axes = found.plot(measure).axes
        assert len(axes) == 2 and axes[0].get_xlabel() == "learnt from (clients)"
    with pytest.raises(CallError, match="no curve of 'speed'"):
        found.plot("speed")


@pytest.mark.parametrize("shares", [(), (0.5,), (0.5, 0.25, 1.0), (0.0, 1.0), (0.5, 0.5, 1.0), (0.5, 2.0)])
def test_wrong_shares(history, shares):
    with pytest.raises(CallError, match="rise to 1"):
        learning_curve(history, FakeModel().fit(history), shares)


def test_wrong_calls(history):
    with pytest.raises(CallError, match="expected 1 to 3"):
        learning_curve(history, FakeModel().fit(history), groups=4)
    with pytest.raises(CallError, match="not been fitted"):
        learning_curve(history, FakeModel())
    with pytest.raises(ModelError, match="too small for a learning curve"):
        learning_curve(history, FakeModel(fewest_clients=299).fit(history))
    with pytest.raises(ModelError, match="too short"):
        early = history.as_of(history.timeline.begins.min().astype("datetime64[s]") + 120 * DAYS)
        learning_curve(early, FakeModel(fewest_clients=1).fit(early))


def test_optimism_is_apparent_against_tested(history):
    model = Growing().fit(history, as_of=history.known_until - 270 * DAYS)
    result = evaluate(history, model, drawings=40)
    table = result.tables["optimism"]
    assert {"model", *names(False)} <= set(table["predictor"])
    table = table[table["predictor"] == "model"].set_index(["question", "measure"])
    row = table.loc[("dropout within 60 days", "log_loss")]
    metrics = result.tables["metrics"]
    tested = metrics[(metrics["question"] == "dropout within 60 days") & (metrics["group"] == "all open")
                     & (metrics["predictor"] == "model")].iloc[0]
    assert row["tested"] == pytest.approx(tested["log_loss"]) and row["n"] == tested["n"]
    assert row["optimism"] == pytest.approx(row["tested"] - row["apparent"])
    assert row["optimism_low"] <= row["optimism"] <= row["optimism_high"]
    auc = table.loc[("dropout within 60 days", "auc")]
    assert auc["optimism"] == pytest.approx(auc["apparent"] - auc["tested"])
    assert any(note.startswith("Optimism, dropout within 60 days") for note in result.notes)


def test_optimism_of_a_model_of_other_clients_can_t_be_told(history):
    half = of_clients(history, sorted(set(history.sessions["client_id"]))[::2])
    elsewhere = FakeModel().fit(half, as_of=history.known_until - 270 * DAYS)
    result = evaluate(history, elsewhere, drawings=20)
    assert "optimism" not in result.tables and any("Optimism can't be told" in note for note in result.notes)
    assert "optimism" not in evaluate(history, elsewhere, new_clients=True, drawings=20).tables
