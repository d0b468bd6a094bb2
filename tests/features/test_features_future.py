"""Another future changes nothing: neither what is read at a moment nor what a model says of it."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest
from another_future import ANCHOR, with_another_future
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from random_histories import histories, moments, read, second, tables
from test_features_prefix import as_of, assert_same_features, read_at

from dropout.history import History, read_history
from dropout.models.model import DropoutModel
from dropout.simulate import simulate

EXAMPLES = int(os.environ.get("FUTURE_EXAMPLES", "40"))


@settings(max_examples=EXAMPLES, deadline=None)
@given(histories, moments, st.integers(0, 2**20))
def test_another_future_changes_no_feature(history, moment, seed):
    assert_same_whatever_comes(history, moment, seed)


@pytest.mark.slow
@settings(max_examples=4 * EXAMPLES, deadline=None)
@given(tables(most_sessions=20).map(read), moments, st.integers(0, 2**20))
def test_another_future_changes_no_feature_of_many_histories(history, moment, seed):
    assert_same_whatever_comes(history, moment, seed)


def assert_same_whatever_comes(history: History, moment: pd.Timestamp, seed: int) -> None:
    assume(np.datetime64(moment, "s") < history.tables.extraction_at())
    before = as_of(history, moment)
    other = with_another_future(history, moment, seed)
    assert other.tables.extraction_at() == history.tables.extraction_at()
    after = other.as_of(moment)
    for name, frame in before.tables.present().items():
        pd.testing.assert_frame_equal(frame, getattr(after.tables, name), obj=name)
    measures = tuple(history.timeline.measure_names)
    known = read_at(before, second(moment), measures)
    pd.testing.assert_frame_equal(known, read_at(after, second(moment), measures), check_exact=True)
    assert_same_features(read_at(other, second(moment), measures), known)


def simulated(n_clients: int, seed: int) -> History:
    """A simulated history with one more client who holds the extraction date."""
    frames = simulate(n_clients, seed=seed).tables
    last = frames["sessions"].iloc[:1].assign(
        client_id=ANCHOR, session_id="last", episode_id="last", starts_at=pd.Timestamp("2026-06-30T20:00"),
        status="attended", booked_at=pd.Timestamp("2026-06-29T20:00"), cancelled_at=pd.NaT)
    return read_history(frames | {"sessions": pd.concat([frames["sessions"], last], ignore_index=True)})


@pytest.fixture(scope="module")
def model() -> DropoutModel:
    return DropoutModel(seed=1).fit(simulated(300, 5))


@pytest.fixture(scope="module")
def history() -> History:
    return simulated(120, 6)


def assert_same_scores(one, other) -> None:
    assert one.as_of == other.as_of
    pd.testing.assert_frame_equal(one.dropout_risk, other.dropout_risk, check_exact=True)
    pd.testing.assert_frame_equal(one.reschedule, other.reschedule, check_exact=True)


@pytest.mark.parametrize("moment", ["2025-07-01", "2026-01-15T11:30"])
def test_another_future_changes_no_score(model, history, moment):
    scores = model.score(history, as_of=moment)
    assert len(scores.dropout_risk) > 10 and len(scores.reschedule) > 0
    assert_same_scores(scores, model.score(history.as_of(moment)))
    for seed in range(3):
        other = with_another_future(history, pd.Timestamp(moment), seed)
        assert_same_scores(scores, model.score(other, as_of=moment))


def test_the_order_of_rows_changes_no_score(model, history):
    shuffled = read_history({name: frame.sample(frac=1, random_state=3) for name, frame in history.tables.present().items()})
    assert_same_scores(model.score(history, as_of="2026-01-15"), model.score(shuffled, as_of="2026-01-15"))


@pytest.mark.slow
def test_a_model_learns_nothing_from_what_came_later(history):
    moment = "2026-03-01"
    whole = simulated(300, 5)
    one = DropoutModel(seed=1).fit(whole, as_of=moment)
    other = DropoutModel(seed=1).fit(with_another_future(whole, pd.Timestamp(moment), 1), as_of=moment)
    assert one.to_bytes() == other.to_bytes()
    assert_same_scores(one.score(history), other.score(history))
