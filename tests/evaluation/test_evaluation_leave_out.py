"""Therapists and clinics left out: nobody is tested by a model that has seen a client of their therapist."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fake_model import FakeModel

from dropout.clinic.track_record import how_it_was_tried
from dropout.errors import CallError, ModelError
from dropout.evaluation import evaluate
from dropout.evaluation.leave_out import left_out_groups
from dropout.evaluation.trial import OTHERS
from dropout.history import History, read_history

DAYS = np.timedelta64(1, "D")


def tables(history: History, **changed) -> dict[str, pd.DataFrame]:
    """The tables of a history with columns of the sessions changed."""
    return dict(history.tables.present()) | {"sessions": history.sessions.assign(**changed)}


@pytest.fixture(scope="module")
def logged(history):
    """Return the evaluation with therapists left out, and what was asked of the copies of the model."""
    log: list = []
    model = FakeModel(log=log).fit(history)
    log.clear()
    return evaluate(history, model, leave_out="therapist", drawings=20, seed=1), log


def test_nobody_is_tested_by_a_model_that_has_seen_a_client_of_their_therapist(history, logged):
    """A slow twin: therapist by therapist, over the sessions."""
    result, log = logged
    groups = left_out_groups(history, "therapist", 3, seed=1)
    fits = [(until, clients) for kind, until, clients in log if kind == "fit"]
    assert len(fits) == 3
    for k, (until, learnt) in enumerate(fits):
        assert str(until) == result.settings["cut"]
        for therapist in groups.members(k):
            mine = history.sessions["therapist_id"] == therapist
            assert not learnt & set(history.sessions.loc[mine, "client_id"])
        assert learnt
    assert result.basis == OTHERS["therapist"] == result.tables["metrics"]["basis"].unique().item()
    for name in ("calibration", "capacity", "optimism"):
        assert (result.tables[name]["basis"] == result.basis).all()


def test_every_case_is_tested_once(history, logged):
    result, _ = logged
    plain = evaluate(history, FakeModel().fit(history), drawings=20, seed=1)
    question, group = "dropout within 60 days", "all open"
    n = [table[(table["question"] == question) & (table["group"] == group) & (table["predictor"] == "model")]["n"].item()
         for table in (result.tables["metrics"], plain.tables["metrics"])]
    assert n[0] == n[1]


def test_it_is_said_how_it_was_done(logged):
    result, _ = logged
    said = " ".join(result.notes)
    assert "learnt from no client who ever had a session booked with any therapist of the group" in said
    assert "of the clients of other therapists" in said and "If the model learnt from none" not in said
    assert result.settings["left_out"] == "therapist"
    assert "without the clients of some therapists" in how_it_was_tried(result.settings, result.basis)


def test_truth_is_of_the_refitted_recipe(history, truth_folder):
    model = FakeModel().fit(history, as_of=history.known_until - 400 * DAYS)
    result = evaluate(history, model, leave_out="therapist", truth=truth_folder, drawings=20)
    assert (result.tables["truth"]["basis"] == OTHERS["therapist"]).all() and len(result.tables["truth"])


def test_groups_hold_whole_therapists_and_about_as_many_clients(history):
    groups = left_out_groups(history, "therapist", 3)
    sizes = history.sessions.drop_duplicates(["client_id", "therapist_id"])["therapist_id"].value_counts()
    held = sizes.groupby(groups.group).sum()
    assert set(groups.group.index) == set(history.sessions["therapist_id"].dropna()) and groups.groups == 3
    # Greedy filling leaves groups apart by no more than the largest therapist.
    assert held.max() - held.min() <= sizes.max()
    shuffled = read_history(tables(history) | {"sessions": history.sessions.sample(frac=1, random_state=5)})
    pd.testing.assert_series_equal(left_out_groups(shuffled, "therapist", 3).group, groups.group)
    assert not left_out_groups(history, "therapist", 3, seed=9).group.equals(groups.group)


def test_clinics_are_left_out_too_and_few_of_them_are_remarked_on(history):
    n = history.sessions["clinic_id"].nunique()
    result = evaluate(history, FakeModel().fit(history), leave_out="clinic", drawings=20)
    assert result.basis == OTHERS["clinic"] and result.settings["groups_of_clients"] == min(3, n)
    assert n >= 10 or any(f"{n} clinics are few" in note for note in result.notes)


def test_therapists_with_one_client_each(history):
    alone = read_history(tables(history, therapist_id="T-" + history.sessions["client_id"].astype(str)))
    result = evaluate(alone, FakeModel().fit(alone), leave_out="therapist", drawings=20)
    assert len(result.tables["metrics"])


def test_cases_without_a_therapist_are_counted(history):
    sessions = history.sessions
    some = sessions["client_id"].isin(sorted(sessions["client_id"].unique())[::3])
    thinned = read_history(tables(history, therapist_id=sessions["therapist_id"].mask(some)))
    result = evaluate(thinned, FakeModel().fit(thinned), leave_out="therapist", drawings=20)
    assert any("cases name no therapist" in note for note in result.notes)


def test_too_few_is_an_error(history):
    one = read_history(tables(history, therapist_id="T1"))
    with pytest.raises(ModelError, match="name 1 therapist, and at least 2"):
        evaluate(one, FakeModel().fit(one), leave_out="therapist")
    nobody = read_history({"sessions": history.sessions.drop(columns="therapist_id")})
    with pytest.raises(CallError, match="no therapist_id"):
        evaluate(nobody, FakeModel().fit(nobody), leave_out="therapist")
    with pytest.raises(ModelError, match="too small to leave therapists out.*too little to learn from"):
        evaluate(history, FakeModel(fewest_clients=250).fit(history), leave_out="therapist")


def test_wrong_calls(history):
    model = FakeModel().fit(history)
    with pytest.raises(CallError, match="expected one of therapist, clinic"):
        evaluate(history, model, leave_out="country")
    with pytest.raises(CallError, match="ask for one of them"):
        evaluate(history, model, leave_out="clinic", new_clients=True)
