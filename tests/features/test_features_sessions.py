"""Session features: one row per session, as of just before it or at it."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_histories import histories, known_rows, read

import dropout
from dropout.errors import CallError
from dropout.features.sessions import session_features
from dropout.features.table import feature_table
from dropout.features.view import Evidence
from dropout.timeline import Moments

EXAMPLES = int(os.environ.get("TWIN_EXAMPLES", "60"))
NAMES = ["client_id", "episode_id", "session_id", "starts_at", "status", "as_of"]


@pytest.fixture
def history():
    return read({"sessions": pd.DataFrame(
        [("7", "2024-01-08T10:00", "attended", "s1", "2024-01-02T10:00", None, "T1"),
         ("7", "2024-01-15T10:00", "client_cancel", "s2", "2024-01-08T11:00", "2024-01-14T10:00", "T1"),
         ("7", "2024-01-22T10:00", "no_show", "s3", "2024-01-15T10:00", None, "T1"),
         ("7", "2024-02-05T10:00", "scheduled", "s4", "2024-01-23T10:00", None, "T1")],
        columns=["client_id", "starts_at", "status", "session_id", "booked_at", "cancelled_at", "therapist_id"])})


def test_before_tells_nothing_of_the_session_and_after_tells_it(history):
    before, after = session_features(history), session_features(history, when="after")
    assert before.columns[:6].tolist() == after.columns[:6].tolist() == NAMES
    assert before["session_id"].tolist() == ["s1", "s2", "s3", "s4"]
    assert before["as_of"].astype(str).tolist() == [
        "2024-01-08 09:59:59", "2024-01-14 09:59:59", "2024-01-22 09:59:59", "2024-01-23 10:00:00"]
    assert after["as_of"].astype(str).tolist() == [
        "2024-01-08 10:00:00", "2024-01-14 10:00:00", "2024-01-22 10:00:00", "2024-01-23 10:00:00"]
    assert before["n_attended"].tolist() == [0, 1, 1, 1] and after["n_attended"].tolist() == [1, 1, 1, 1]
    assert before["n_no_show"].tolist() == [0, 0, 0, 1] and after["n_no_show"].tolist() == [0, 0, 1, 1]
    assert before["booked_ahead"].tolist() == [1, 1, 1, 1] and after["booked_ahead"].tolist() == [0, 0, 0, 1]
    assert before["in_spell"].tolist() == [0, 0, 1, 1] and after["in_spell"].tolist() == [0, 1, 1, 1]
    assert (before[before.columns[6:]].dtypes == np.float64).all()
    assert before.attrs["left_out"]["fee_owed"] == "sessions has no fee_owed"
    assert "fee_owed" not in before


def test_what_is_not_wanted_and_what_is_not_there():
    history = read({
        "sessions": pd.DataFrame([("7", "2024-01-08T10:00", "attended")], columns=["client_id", "starts_at", "status"]),
        "clients": pd.DataFrame([("7", "1"), ("8", "2")], columns=["client_id", "extra"])})
    assert "clients.extra" in session_features(history)
    found = session_features(history, exclude=["extra"])
    assert "clients.extra" not in found and found.attrs["left_out"]["extra"] == "excluded"
    assert found.columns[:5].tolist() == [name for name in NAMES if name != "session_id"]


@pytest.mark.parametrize("when", ["during", "", None])
def test_a_wrong_when(history, when):
    with pytest.raises(CallError, match="expected 'before' or 'after'"):
        session_features(history, when=when)


def test_it_is_handed_on_by_the_package(history):
    pd.testing.assert_frame_equal(dropout.session_features(history), session_features(history))


@settings(max_examples=EXAMPLES, deadline=None)
@given(histories, st.sampled_from(["before", "after"]), st.data())
def test_each_row_is_a_read_of_the_history_cut_there(history, when, data):
    found = session_features(history, when)
    assert len(found) == len(history.sessions)
    row = data.draw(st.integers(0, len(found) - 1))
    as_of = found["as_of"].iloc[row]
    at = int(as_of.timestamp())
    episode = history.timeline.belongs.session[row]
    if at < history.timeline.sessions.first_known.min():
        return
    cut = history.as_of(as_of)
    whose = known_rows(history, at)[episode]
    there = [k for k, other in enumerate(known_rows(cut, at)) if other == whose]
    if history.timeline.begins[episode] > at or not there:
        return
    evidence = Evidence(cut.timeline, tuple(history.timeline.measure_names), Evidence.of(history.timeline).covariates)
    values = feature_table(evidence, Moments(np.array(there), np.array([at]))).values
    np.testing.assert_array_equal(found[values.columns].iloc[row].to_numpy(float), values.iloc[0].to_numpy(float))
