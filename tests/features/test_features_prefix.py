"""What is read from the whole history at a moment is what the history cut at that moment gives, bit for bit."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from random_histories import histories, known_rows, moments, read, second, tables

from dropout.errors import CallError
from dropout.features import open_cancellations as opened
from dropout.features.baseline import Covariates
from dropout.features.moments import open_at
from dropout.features.table import feature_table
from dropout.features.view import Evidence, View
from dropout.history import History
from dropout.timeline import Moments, Timeline

EXAMPLES = int(os.environ.get("PREFIX_EXAMPLES", "50"))

COVARIATES = Covariates(
    numbers=(("clients", "birth_year"), ("episodes", "extra")),
    levels={("clients", "extra"): ("1", "2", "x"), ("episodes", "extra"): ("1", "x")})
"""Fixed, as in a model: which columns are covariates is learnt once. One is read as a number and as levels."""


def evidence_of(timeline: Timeline, measures: tuple[str, ...]) -> Evidence:
    return Evidence(timeline, measures, COVARIATES)


def read_at(history: History, at: int, measures: tuple[str, ...], timeline: Timeline | None = None) -> pd.DataFrame:
    """Every feature of every episode open at a second, those of open cancellations included."""
    timeline = history.timeline if timeline is None else timeline
    evidence = evidence_of(timeline, measures)
    asked = open_at(timeline, at)
    values = feature_table(evidence, asked).values
    view = View(evidence, asked)
    found = opened.open_cancellations(view)
    own = opened.compute(view, found, {name: values[name].to_numpy() for name in values})
    own |= {"cancelled_at": found.cancelled_at.astype(float)}
    values = values.assign(is_open=found.is_open, **{
        f"open {name}": np.where(found.is_open, value, np.nan) for name, value in own.items()})
    rows = known_rows(history, at, timeline)
    values.index = pd.Index([rows[e] for e in asked.episode], tupleize_cols=False)
    # Two episodes of which the same rows are known can't be told apart by them, so there is nothing to compare.
    assume(values.index.is_unique)
    return values


def assert_same_features(whole: pd.DataFrame, cut: pd.DataFrame) -> None:
    assert set(cut.columns) <= set(whole.columns)
    assert set(cut.index) <= set(whole.index)
    np.testing.assert_array_equal(whole.loc[list(cut.index), list(cut.columns)].to_numpy(float), cut.to_numpy(float))


def as_of(history: History, moment: pd.Timestamp) -> History:
    try:
        return history.as_of(moment)
    except CallError:
        assume(False)
        raise


@settings(max_examples=EXAMPLES, deadline=None)
@given(histories, st.lists(moments, min_size=1, max_size=3, unique=True))
def test_a_prefix_read_is_a_read_of_the_cut(history, asked):
    assert_prefix_is_cut(history, asked)


@pytest.mark.slow
@settings(max_examples=4 * EXAMPLES, deadline=None)
@given(tables(most_sessions=20).map(read), st.lists(moments, min_size=1, max_size=4, unique=True))
def test_a_prefix_read_is_a_read_of_the_cut_of_many_histories(history, asked):
    assert_prefix_is_cut(history, asked)


def assert_prefix_is_cut(history: History, asked: list[pd.Timestamp]) -> None:
    measures = tuple(history.timeline.measure_names)
    for moment in asked:
        cut = as_of(history, moment)
        whole, cut_values = read_at(history, second(moment), measures), read_at(cut, second(moment), measures)
        assert_same_features(whole, cut_values)
        for row in set(whole.index) - set(cut_values.index):
            # Booked after a closure for an episode that was not opened yet: nobody could have asked about it.
            named = known_rows(history, second(moment)).index(row)
            assert history.timeline.recorded_at[named] > second(moment)


@settings(max_examples=EXAMPLES // 2, deadline=None)
@given(histories, moments, moments)
def test_a_cut_is_read_like_the_whole_too(history, one, other):
    early, late = sorted((one, other))
    cut = as_of(history, late)
    measures = tuple(history.timeline.measure_names)
    assert_same_features(read_at(cut, second(early), measures), read_at(as_of(cut, early), second(early), measures))


@settings(max_examples=EXAMPLES // 2, deadline=None)
@given(histories, st.integers(0, 90), st.integers(0, 90))
def test_after_the_extraction_date_time_goes_on_and_nothing_else_changes(history, days, more):
    late = history.as_of(history.known_until + np.timedelta64(days + more, "D"))
    at = history.known_until + np.timedelta64(days, "D")
    measures = tuple(history.timeline.measure_names)
    cut = history.as_of(at)
    assert_same_features(read_at(late, int(at.astype(np.int64)), measures), read_at(cut, int(at.astype(np.int64)), measures))


@settings(max_examples=EXAMPLES // 2, deadline=None)
@given(tables(), moments, st.randoms())
def test_the_order_of_rows_never_matters(frames, moment, random):
    shuffled = {}
    for name, frame in frames.items():
        order = list(range(len(frame)))
        random.shuffle(order)
        shuffled[name] = frame.iloc[order].reset_index(drop=True)
    one, other = read(frames), read(shuffled)
    measures = tuple(one.timeline.measure_names)
    assert tuple(other.timeline.measure_names) == measures
    by_name = []
    for history in (one, other):
        asked = open_at(history.timeline, second(moment))
        values = feature_table(evidence_of(history.timeline, measures), asked).values
        by_name.append(values.set_axis(history.timeline.episodes["episode_id"].iloc[asked.episode].to_numpy(object)))
    pd.testing.assert_frame_equal(*by_name, check_exact=True)


@settings(max_examples=EXAMPLES // 2, deadline=None)
@given(histories, moments)
def test_others_asked_at_the_same_time_change_nothing(history, moment):
    timeline, at = history.timeline, second(moment)
    evidence = evidence_of(timeline, tuple(timeline.measure_names))
    asked = open_at(timeline, at)
    together = feature_table(evidence, asked).values
    for k in range(len(asked)):
        alone = feature_table(evidence, asked.take(np.array([k]))).values
        np.testing.assert_array_equal(alone.to_numpy(), together.iloc[[k]].to_numpy())
    everything = Moments(np.arange(len(timeline)), np.full(len(timeline), at))
    np.testing.assert_array_equal(
        feature_table(evidence, everything).values.iloc[asked.episode].to_numpy(), together.to_numpy())


def test_a_model_of_questionnaires_reads_a_history_without_any(history_without_measures):
    timeline = history_without_measures.timeline
    values = feature_table(evidence_of(timeline, ("phq9",)), open_at(timeline, timeline.extraction)).values
    assert values["phq9_n"].tolist() == [0.0] * len(values)
    assert values["phq9_last"].isna().all()


@pytest.fixture
def history_without_measures() -> History:
    return read({"sessions": pd.DataFrame({
        "client_id": ["a", "b"], "starts_at": ["2024-01-01T10:00", "2024-01-08T10:00"], "status": ["attended", "no_show"]})})
