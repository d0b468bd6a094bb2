"""Leaving: what it learns from, and what it says between one attended session and the next, session by session."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from past_silences import Past
from random_histories import histories, moments, second

from dropout.endings import DEFAULT, ENDINGS, Gap
from dropout.features.table import feature_table
from dropout.features.view import Evidence
from dropout.models import leaving as module
from dropout.models.learner import client_fold
from dropout.models.leaving import FOLDS, Leaving
from dropout.timeline import DAY, Moments
from dropout.timeline.timeline import ATTENDED

ONGOING = ENDINGS.index("ongoing")


class Echo:
    """A learner that remembers what it was given and answers with one of the features."""

    tasks: list = []

    def logits(self, values: pd.DataFrame) -> np.ndarray:
        return values[["n_attended"]].to_numpy(float)


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> list:
    """Tasks that learners are asked to fit."""
    held: list = []

    class Recorder:
        @staticmethod
        def fit(task, kind, strength, seed):
            held.append(task)
            return Echo()

    monkeypatch.setattr(module, "Learner", Recorder)
    return held


def test_sessions_learnt_from_and_what_came_of_them(past: Past, tasks: list):
    Leaving.fit(past.evidence, DEFAULT, seed=0)
    timeline, times = past.evidence.timeline, past.evidence.timeline.sessions
    ending = DEFAULT.endings(timeline).ending
    expected: dict[tuple[int, int], bool] = {}
    for episode in range(len(timeline)):
        seen = sorted(times.outcome[row] for row in np.flatnonzero(timeline.belongs.session == episode)
                      if times.status[row] == ATTENDED and times.outcome[row] <= timeline.extraction)
        for at, following in zip(seen, [*seen[1:], None], strict=False):
            mature = at + DEFAULT.maturity_days * DAY <= timeline.extraction
            if mature and (following is not None or ending[episode] != ONGOING):
                expected[(episode, at)] = following is None
    whole = tasks[0]
    client = timeline.episodes["client"].to_numpy()
    found = sorted(zip(whole.client.tolist(), whole.at.tolist(), whole.questions[0].answer.tolist(), strict=True))
    assert found == sorted((int(client[episode]), int(at), left) for (episode, at), left in expected.items())
    assert whole.questions[0].rows.all() and 100 < sum(expected.values()) < len(expected) / 3


def test_each_part_has_not_seen_a_third_of_the_clients(past: Past, tasks: list):
    Leaving.fit(past.evidence, DEFAULT, seed=0)
    whole, *parts = tasks
    assert len(parts) == FOLDS
    for k, part in enumerate(parts):
        assert (client_fold(part.client, FOLDS) != k).all()
        assert len(part.client) + (client_fold(whole.client, FOLDS) == k).sum() == len(whole.client)


@settings(max_examples=25, deadline=None)
@given(histories, st.lists(moments, min_size=1, max_size=4))
def test_what_is_said_at_a_moment_is_what_was_known_when_last_seen(history, asked):
    """The slow way: for each moment, the features of that one session."""
    timeline, times = history.timeline, history.timeline.sessions
    evidence = Evidence(timeline)
    at = np.repeat([second(one) for one in asked], len(timeline))
    where = Moments(np.tile(np.arange(len(timeline)), len(asked)), at)
    found = Leaving(Echo()).log_odds(evidence, where)
    for value, episode, moment in zip(found, where.episode, where.at, strict=True):
        seen = [times.outcome[row] for row in np.flatnonzero(timeline.belongs.session == episode)
                if times.status[row] == ATTENDED and times.outcome[row] <= moment]
        if not seen:
            assert np.isnan(value)
        else:
            there = feature_table(evidence, Moments(np.array([episode]), np.array([max(seen)]))).values
            assert value == there["n_attended"].iloc[0]


def test_it_stays_as_it_is_until_the_next_session(past: Past):
    timeline = past.evidence.timeline
    attended = timeline.attended
    same = np.flatnonzero(attended.owner[1:] == attended.owner[:-1])[:300]
    begin, until = attended.at[same], attended.at[same + 1] - 1
    held = [past.leaving.log_odds(past.evidence, Moments(attended.owner[same], at))
            for at in (begin, (begin + until) // 2, until)]
    assert np.isfinite(held[0]).all() and len(np.unique(held[0])) > 200
    assert np.array_equal(held[0], held[1]) and np.array_equal(held[0], held[2])


def test_out_of_fold_each_client_is_judged_by_the_part_that_has_not_seen_them(past: Past):
    fitted = Leaving.fit(past.evidence, DEFAULT, seed=0)
    assert fitted is not None
    attended, timeline = past.evidence.timeline.attended, past.evidence.timeline
    where = Moments(attended.owner[::40], attended.at[::40])
    found = fitted.log_odds(past.evidence, where, out_of_fold=True)
    fold = client_fold(timeline.episodes["client"].to_numpy(np.int64)[where.episode], FOLDS)
    values = feature_table(past.evidence, where).values
    for k, part in enumerate(fitted.parts):
        np.testing.assert_allclose(found[fold == k], part.logits(values[fold == k])[:, 0], rtol=1e-9)
    assert not np.allclose(found, fitted.log_odds(past.evidence, where))


def test_it_tells_who_left(past: Past):
    """Out of fold, on sessions whose outcome is known: those who left stood higher (0.5 would be chance)."""
    fitted = Leaving.fit(past.evidence, DEFAULT, seed=0)
    assert fitted is not None
    attended = past.evidence.timeline.attended
    last = np.append(attended.owner[1:] != attended.owner[:-1], True)
    mature = attended.at <= past.evidence.timeline.extraction - 60 * DAY
    where = Moments(attended.owner[mature], attended.at[mature])
    said = fitted.log_odds(past.evidence, where, out_of_fold=True)
    rank = pd.Series(said).rank().to_numpy()
    left = last[mature]
    n, m = left.sum(), (~left).sum()
    assert (rank[left].sum() - n * (n + 1) / 2) / (n * m) > 0.6


def test_where_nobody_is_known_to_have_left_there_is_no_model(past: Past, tasks: list):
    assert Leaving.fit(past.evidence, Gap(days=100_000), seed=0) is None
    assert tasks == []


def test_nobody_asked_and_nobody_seen(past: Past):
    nothing = np.array([], dtype=np.int64)
    assert past.leaving.log_odds(past.evidence, Moments(nothing, nothing)).shape == (0,)
    long_ago = Moments(np.arange(3), np.full(3, second(pd.Timestamp("1999-01-01"))))
    assert np.isnan(past.leaving.log_odds(past.evidence, long_ago)).all()
