"""Who is on which list, and how many are expected to leave."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from clinic_frames import invented_scores, simulated, small_history
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from dropout.clinic.cancellations import (
    LIKELY_BACK,
    LIKELY_GONE,
    cancelled_and_not_back,
    group_keys,
    latest_therapists,
    open_cancellations_of,
)
from dropout.clinic.lists import call_list, expected_number, open_episodes
from dropout.clinic.phrases import INTENT_WORDS, NO_MESSAGE
from dropout.endings import DEFAULT
from dropout.errors import CallError
from dropout.messages.reader import INTENTS


def lists(top: int = 25):
    history = simulated()
    scores = invented_scores(history)
    still = open_episodes(history, DEFAULT)
    return scores, still, call_list(scores.dropout_risk, still, scores.reschedule, top=top)


def test_the_call_list_is_in_order_and_holds_the_highest_chances_of_clients_in_care() -> None:
    scores, still, calls = lists()
    shown = [row.p_60 for row in calls.first]
    assert len(shown) == 25 and shown == sorted(shown, reverse=True)
    left = set(zip(still["client_id"][still["left"]], still["episode_id"][still["left"]], strict=True))
    in_care = [row for row in scores.dropout_risk.to_dict("records")
               if (row["client_id"], row["episode_id"]) not in left]
    assert calls.n_in_care == len(in_care)
    assert shown == sorted((row["p_dropout_60d"] for row in in_care), reverse=True)[:25]
    assert calls.n_in_care + calls.n_on_paper == len(scores.dropout_risk)


def test_files_open_on_paper_are_those_whose_client_has_left_by_the_definition() -> None:
    history = simulated()
    episodes = history.episodes()
    expected = episodes[(episodes["ending"] == "dropout") & episodes["closed_at"].isna()]
    _, _, calls = lists(top=1000)
    assert calls.n_on_paper == len(expected) > 0
    assert {row.client_id for row in calls.on_paper} <= set(expected["client_id"])


def test_a_client_on_both_lists_is_marked() -> None:
    scores, _, calls = lists(top=1000)
    open_ones = set(zip(scores.reschedule["client_id"], scores.reschedule["episode_id"], strict=True))
    assert any(row.cancelled for row in calls.first)
    assert all(row.cancelled == ((row.client_id, row.episode_id) in open_ones) for row in calls.first)


def test_at_most_three_reasons_the_strongest_first() -> None:
    _, _, calls = lists()
    assert max(len(row.reasons) for row in calls.first) == 3
    assert all(row.reasons[:1] in ((), ("no session booked",)) for row in calls.first)


def test_row_order_does_not_matter() -> None:
    scores, still, calls = lists()
    shuffled = scores.dropout_risk.sample(frac=1, random_state=1)
    assert call_list(shuffled, still.sample(frac=1, random_state=2), scores.reschedule, top=25) == calls


def test_a_missing_column_is_named() -> None:
    scores, still, _ = lists()
    with pytest.raises(CallError, match="dropout_risk lacks p_dropout_60d"):
        call_list(scores.dropout_risk.drop(columns="p_dropout_60d"), still, scores.reschedule, top=25)


def test_equal_chances_give_the_binomial_interval() -> None:
    mean, low, high = expected_number(np.full(50, 0.2))
    assert mean == pytest.approx(10)
    assert (low, high) == (binom.ppf(0.025, 50, 0.2), binom.ppf(0.975, 50, 0.2))


@given(st.lists(st.floats(0, 1), max_size=30))
def test_the_interval_holds_95_percent_and_the_mean(chances: list[float]) -> None:
    mean, low, high = expected_number(np.array(chances))
    draws = np.random.default_rng(0).uniform(size=(2000, len(chances))) < np.array(chances)
    inside = np.mean((draws.sum(axis=1) >= low) & (draws.sum(axis=1) <= high))
    # 2,000 draws: the share inside lies within 0.02 of its expectation (four standard errors at 0.95).
    assert inside > 0.93
    assert low <= mean + 1 and mean - 1 <= high and 0 <= low <= high <= len(chances)


def test_many_chances_are_counted_by_the_normal_distribution() -> None:
    mean, low, high = expected_number(np.full(5000, 0.1))
    assert mean == pytest.approx(500)
    assert (low, high) == pytest.approx((binom.ppf(0.025, 5000, 0.1), binom.ppf(0.975, 5000, 0.1)), abs=1.5)


def test_groups_meet_at_their_bounds() -> None:
    p = np.array([0.0, LIKELY_BACK - 1e-9, LIKELY_BACK, 0.5, LIKELY_GONE, LIKELY_GONE + 1e-9, 1.0, np.nan])
    assert group_keys(p).tolist() == ["back", "back", "uncertain", "uncertain", "uncertain", "gone", "gone", "unknown"]


def test_every_open_cancellation_of_a_client_in_care_is_counted_once() -> None:
    scores, still, _ = lists()
    found = cancelled_and_not_back(scores.reschedule, still, scores.dropout_risk, top=1000)
    assert sum(group.n for group in found.groups) == found.n == sum(len(group.rows) for group in found.groups)
    assert found.n + found.n_on_paper == len(scores.reschedule)
    for group in found.groups:
        chances = [row.p_gone for row in group.rows]
        assert chances == sorted(chances, reverse=True)
    assert {row.therapist_id for group in found.groups for row in group.rows} <= {f"T{i}" for i in range(7)}


def test_without_a_model_the_therapist_is_that_of_the_session_last_attended() -> None:
    history = simulated()
    found = latest_therapists(history)
    assert found is not None and not found.duplicated(["client_id", "episode_id"]).any()
    sessions = history.sessions
    for row in found.head(40).to_dict("records"):
        mine = sessions[(sessions["episode_id"] == row["episode_id"])].sort_values("starts_at")
        attended = mine[mine["status"] == "attended"]
        assert row["therapist_id"] == (attended if len(attended) else mine)["therapist_id"].iloc[-1]
    nobody = latest_therapists(small_history([("a", "2026-05-01 10:00", "attended")]))
    assert nobody is None


def test_every_intent_has_words() -> None:
    assert set(INTENT_WORDS) == set(INTENTS)


def test_open_cancellations_are_found_without_a_model() -> None:
    texts = pd.DataFrame({
        "client_id": ["wrote", "wrote_and_came"], "sender": "client",
        "sent_at": pd.to_datetime(["2026-05-10 09:00", "2026-05-10 09:00"]),
        "text": ["Can't make it. I'll call you to find another time, not sure when yet."] * 2})
    history = small_history([
        ("wrote", "2026-05-01 10:00", "attended"), ("wrote", "2026-05-11 10:00", "client_cancel"),
        ("silent", "2026-05-01 10:00", "attended"), ("silent", "2026-05-11 10:00", "late_cancel"),
        ("clinic", "2026-05-01 10:00", "attended"), ("clinic", "2026-05-11 10:00", "clinic_cancel"),
        ("wrote_and_came", "2026-05-11 10:00", "client_cancel"), ("wrote_and_came", "2026-05-20 10:00", "attended"),
        ("here", "2026-05-20 10:00", "attended"),
    ], messages=texts)
    table = open_cancellations_of(history)
    assert sorted(table["client_id"]) == ["silent", "wrote"]
    found = cancelled_and_not_back(table, open_episodes(history, DEFAULT), None, top=25)
    assert [group.key for group in found.groups] == ["unknown"]
    words = {row.client_id: row.message for row in found.groups[0].rows}
    assert words == {"wrote": INTENT_WORDS["vague_deferral"], "silent": NO_MESSAGE}
    assert found.n_said_back == 1
