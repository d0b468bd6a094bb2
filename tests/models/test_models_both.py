"""Both predictions, from a history to scores."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from dropout.endings import ClosureReason, Gap
from dropout.errors import ModelError
from dropout.history import History, read_history
from dropout.messages.reader import INTENTS
from dropout.models.model import DropoutModel
from dropout.simulate import simulate

AS_OF = "2026-05-31"
P = ["p_dropout_30d", "p_dropout_60d", "p_dropout_90d"]


@pytest.fixture(scope="module")
def scores(model: DropoutModel, history: History):
    return model.score(history, as_of=AS_OF)


def test_scores_have_the_columns_that_other_programs_rely_on(scores):
    assert list(scores.dropout_risk) == [
        "client_id", "episode_id", "therapist_id", "clinic_id", "as_of", "sessions_attended", "last_attended_at",
        *P, "reasons"]
    assert list(scores.reschedule) == [
        "client_id", "episode_id", "session_id", "message_id", "cancelled_at", "as_of", "days_silent", "intent",
        "p_dropout", "p_return_7d", "p_return_14d", "p_return_30d", "reasons"]
    assert len(scores.dropout_risk) > 50 and len(scores.reschedule) > 10


def test_one_row_for_every_episode_that_was_open(scores, history: History):
    episodes = history.as_of(AS_OF).episodes()
    is_open = episodes["closed_at"].isna()
    expected = set(zip(episodes["client_id"][is_open], episodes["episode_id"][is_open], strict=True))
    found = list(zip(scores.dropout_risk["client_id"], scores.dropout_risk["episode_id"], strict=True))
    assert len(found) == len(set(found)) and set(found) == expected


def test_what_is_said_of_an_open_cancellation_is_so(scores, history: History):
    """Seen against the tables, row by row: the client cancelled or wrote, was not seen since, has nothing booked."""
    at = pd.Timestamp(AS_OF)
    tables = history.as_of(AS_OF).tables
    for row in scores.reschedule.itertuples():
        sessions = tables.sessions[(tables.sessions["client_id"] == row.client_id)
                                   & (tables.sessions["episode_id"] == row.episode_id)]
        seen = sessions["starts_at"][sessions["status"] == "attended"]
        assert not (seen > row.cancelled_at).any()
        assert not ((sessions["status"] == "scheduled") & (sessions["starts_at"] > at)).any()
        assert row.days_silent == (at - row.cancelled_at).days
        if isinstance(row.session_id, str):
            status = sessions.set_index("session_id")["status"][row.session_id]
            assert status in ("client_cancel", "late_cancel")
        else:
            assert isinstance(row.message_id, str)
        assert (row.intent in INTENTS) == isinstance(row.message_id, str)


def test_probabilities_are_ordered_and_the_two_predictions_agree(scores, model: DropoutModel):
    risk = scores.dropout_risk
    assert ((risk[P] >= 0) & (risk[P] <= 1)).all(axis=None)
    assert (risk["p_dropout_30d"] <= risk["p_dropout_60d"]).all()
    assert (risk["p_dropout_60d"] <= risk["p_dropout_90d"]).all()
    back = scores.reschedule
    assert (back["p_return_7d"] <= back["p_return_14d"]).all() and (back["p_return_14d"] <= back["p_return_30d"]).all()
    assert (back["p_return_30d"] <= 1 - back["p_dropout"] + 1e-6).all()
    both = back.merge(risk, on=["client_id", "episode_id"])
    assert len(both) == len(back)
    # 'Ended otherwise' is rare in this history, and never above one half for anybody.
    assert (both["p_dropout_30d"] >= both["p_dropout"] * 0.5).all()
    assert (both["p_dropout"] - both["p_dropout_30d"]).mean() < 0.1


def test_silence_raises_the_risk_and_a_booking_lowers_it(model: DropoutModel, history: History):
    risk = model.score(history, as_of=AS_OF).dropout_risk
    silent = (pd.Timestamp(AS_OF) - risk["last_attended_at"]).dt.days
    assert risk["p_dropout_60d"][silent > 45].mean() > 2 * risk["p_dropout_60d"][silent < 8].mean()


def test_reasons_agree_with_the_columns_beside_them(scores):
    said = scores.reschedule.explode("reasons").dropna(subset=["reasons"])
    for sentence, intent in (("their message reads like an ending", "ends_therapy"),
                             ("said they would be in touch, without a date", "vague_deferral")):
        intents = set(said.loc[said["reasons"] == sentence, "intent"])
        assert intents == {intent}
    days = said.reset_index(drop=True)["reasons"].str.extract(r"^silent for (\d+) days since cancelling$")[0].dropna().astype(int)
    gone_by = (said["as_of"] - said["cancelled_at"]).dt.days.reset_index(drop=True)
    assert len(days) > 5 and (days == gone_by[days.index]).all()


def test_reasons_never_say_who_somebody_is(scores):
    said = {sentence for frame in (scores.dropout_risk, scores.reschedule) for row in frame["reasons"] for sentence in row}
    assert len(said) > 20
    words = {word for sentence in said for word in sentence.replace("=", " ").split()}
    assert not words & {"age", "birth_year", "employment", "referral", "season"}
    assert max(len(row) for row in scores.dropout_risk["reasons"]) <= 4


def test_the_same_history_and_seed_give_the_same_bytes_and_row_order_does_not_matter(simulated, model: DropoutModel):
    shuffled = {name: table.sample(frac=1, random_state=11) for name, table in simulated.items()}
    again = DropoutModel(seed=3).fit(read_history(shuffled), as_of="2026-03-31")
    assert again.to_bytes() == model.to_bytes()


def test_a_model_read_back_scores_the_same(scores, model: DropoutModel, history: History, tmp_path):
    model.save(tmp_path / "model")
    stored = DropoutModel.load(tmp_path / "model")
    assert stored.to_bytes() == model.to_bytes()
    again = stored.score(history, as_of=AS_OF)
    pd.testing.assert_frame_equal(again.dropout_risk, scores.dropout_risk)
    pd.testing.assert_frame_equal(again.reschedule, scores.reschedule)
    assert "dropouts" in repr(stored) and "log_loss" in stored._repr_html_()


def test_a_model_and_its_scores_hold_nothing_that_anybody_wrote_and_the_model_nobodys_name(
    simulated, model: DropoutModel, scores, canaries
):
    stored = model.to_bytes()
    for table, column in (("sessions", "client_id"), ("sessions", "session_id"), ("sessions", "therapist_id"),
                          ("messages", "message_id")):
        for value in simulated[table][column].dropna().unique():
            assert str(value).encode() not in stored
    written = (scores.dropout_risk.to_csv() + scores.reschedule.to_csv() + str(scores.notes) + str(model.training_)).lower()
    for canary in canaries:
        for part in canary.lower().split():
            assert part not in written and part.encode() not in stored.lower()


@pytest.mark.parametrize("damage", [b"", b"not a model", None])
def test_a_file_that_is_no_model_is_named(tmp_path, damage):
    path = tmp_path / "model"
    if damage is not None:
        path.write_bytes(damage)
    with pytest.raises(ModelError, match="model"):
        DropoutModel.load(path)


def test_a_model_of_another_format_is_refused(tmp_path, model: DropoutModel):
    stored = model.to_bytes()
    size = int.from_bytes(stored[:8], "little")
    head = json.loads(stored[8 : 8 + size])
    plain = json.loads(head["__metadata__"]["dropout"]) | {"format": 99}
    head["__metadata__"]["dropout"] = json.dumps(plain)
    text = json.dumps(head).encode()
    path = tmp_path / "model"
    path.write_bytes(len(text).to_bytes(8, "little") + text + stored[8 + size :])
    with pytest.raises(ModelError, match="format 99"):
        DropoutModel.load(path)


def test_too_little_to_learn_from_says_what_is_still_possible():
    history = read_history(simulate(60, seed=1).tables)
    with pytest.raises(ModelError, match="too little to learn from: 60 clients.*Still possible"):
        DropoutModel().fit(history)


def test_sessions_alone_are_enough(simulated):
    sessions = simulated["sessions"][["client_id", "starts_at", "status"]]
    bare = DropoutModel().fit(read_history({"sessions": sessions}))
    found = bare.score(read_history({"sessions": sessions}), as_of=AS_OF)
    assert len(found.dropout_risk) > 50 and found.dropout_risk[P].notna().all(axis=None)
    assert found.dropout_risk["therapist_id"].isna().all()
    assert "booked_ahead" in bare.training_["left_out"]


def test_what_came_or_went_since_training_is_scored_and_said(simulated, model: DropoutModel):
    changed = {name: table.copy() for name, table in simulated.items() if name != "measures"}
    changed["clients"] = changed["clients"].drop(columns=changed["clients"].columns[-1]).assign(shoe_size=40.0)
    changed["sessions"]["clinic_id"] = "a clinic never seen"
    found = model.score(read_history(changed), as_of=AS_OF)
    assert found.dropout_risk[P].notna().all(axis=None) and len(found.dropout_risk) > 50
    said = " ".join(found.notes)
    assert "shoe_size" in said and "_last" in said
    alone = model.score(read_history({"sessions": simulated["sessions"]}), as_of=AS_OF)
    assert alone.dropout_risk[P].notna().all(axis=None)


def test_any_definition_can_be_learnt_and_is_kept_with_the_model(history: History, tmp_path):
    other = DropoutModel(ClosureReason(otherwise=Gap(days=45))).fit(history)
    other.save(tmp_path / "model")
    assert DropoutModel.load(tmp_path / "model").definition == ClosureReason(otherwise=Gap(days=45))


def test_excluded_covariates_are_not_used(history: History):
    without = DropoutModel(exclude=["birth_year"]).fit(history)
    assert "age" not in without.risk_.learner.columns


@pytest.mark.slow
def test_one_core_or_two_give_the_same_bytes(tmp_path):
    """Fit and score in fresh processes, one allowed one processor and one thread, the other all."""
    script = (
        "import sys, hashlib\n"
        "from dropout.history import read_history\n"
        "from dropout.models.model import DropoutModel\n"
        "from dropout.simulate import simulate\n"
        "history = read_history(simulate(400, seed=5).tables)\n"
        "model = DropoutModel().fit(history)\n"
        "risk = model.score(history).dropout_risk\n"
        "print(hashlib.sha256(model.to_bytes() + risk.to_csv().encode()).hexdigest())\n")
    found = set()
    for processors in (1, None):
        environment = os.environ | ({"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"} if processors else {})
        if not processors:
            environment = {k: v for k, v in environment.items() if not k.endswith("_NUM_THREADS")}
        confine = (lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})) if processors else None
        done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True,
                              check=True, preexec_fn=confine)
        found.add(done.stdout.strip())
    assert len(found) == 1


def test_scores_show_themselves(scores):
    assert "open episodes" in repr(scores) and "<table" in scores._repr_html_()
    assert np.isin(scores.dropout_risk["as_of"].unique(), [np.datetime64(AS_OF)]).all()
