"""How episodes ended: what is counted where, and what is not yet known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from clinic_frames import simulated, small_history
from statsmodels.stats.proportion import proportion_confint

from dropout.clinic.phrases import ENDING_WORDS
from dropout.clinic.shares import how_they_ended
from dropout.endings import DEFAULT, ENDINGS, Gap


def test_every_ending_has_words() -> None:
    assert set(ENDING_WORDS) == set(ENDINGS) - {"ongoing"}


def test_shares_of_kinds_add_up_and_have_wilson_intervals() -> None:
    ended = how_they_ended(simulated(), DEFAULT)
    assert sum(int(line.count) for line in ended.kinds) == ended.n_ended
    for line in ended.kinds:
        low, high = proportion_confint(int(line.count), ended.n_ended, method="wilson")
        assert (line.low, line.high) == pytest.approx((low, high), abs=1e-9)
        assert line.share == int(line.count) / ended.n_ended


def test_kinds_agree_with_a_count_by_hand() -> None:
    history = simulated()
    cutoff = pd.Timestamp(history.known_until) - pd.Timedelta(days=60)
    counted = dict.fromkeys(ENDING_WORDS, 0)
    for row in history.episodes().to_dict("records"):
        if row["ending"] != "ongoing" and row["n_attended"] > 0 and row["ended_at"] <= cutoff:
            counted[row["ending"]] += 1
    ended = how_they_ended(history, DEFAULT)
    assert [int(line.count) for line in ended.kinds] == list(counted.values())


def test_never_started_is_kept_apart() -> None:
    history = simulated()
    episodes = history.episodes()
    ended = how_they_ended(history, DEFAULT)
    old = episodes[episodes["opened_at"] <= history.known_until - np.timedelta64(60, "D")]
    never = old["never_started"] & (old["ending"] != "ongoing")
    assert ended.never_started is not None
    assert int(ended.never_started.count) == int(never.sum())
    assert ended.n_ended <= int((~episodes["never_started"]).sum())


def test_periods_are_whole_and_the_recent_ones_marked() -> None:
    history = simulated()
    ended = how_they_ended(history, DEFAULT)
    assert ended.period == "quarter"
    assert ended.periods[-1].label == "Apr to Jun 2026" and not ended.periods[-1].mature
    assert ended.periods[-2].label == "Jan to Mar 2026" and ended.periods[-2].mature
    assert [line.mature for line in ended.periods] == sorted((line.mature for line in ended.periods), reverse=True)


def test_few_endings_are_shown_by_year() -> None:
    rows = [(f"c{i}", f"{2022 + i % 3}-03-0{1 + i % 5} 10:00", "attended") for i in range(45)]
    last = [("y", "2025-02-20 10:00", "attended"), ("z", "2025-03-01 10:00", "attended")]
    ended = how_they_ended(small_history([*rows, *last]), Gap(60))
    assert ended.period == "year"
    assert [line.label for line in ended.periods] == ["2022", "2023", "2024"]


def test_small_counts_are_hidden_with_their_shares() -> None:
    reasons = ["completed"] * 20 + ["client_dropout"] * 3 + ["service_ended"] * 9
    closed = [(f"c{i}", "2024-02-01 10:00", "attended") for i in range(len(reasons))]
    episodes = pd.DataFrame({"client_id": [row[0] for row in closed], "opened_at": pd.Timestamp("2024-01-01"),
                             "closed_at": pd.Timestamp("2024-03-01"), "closure_reason": reasons})
    history = small_history([*closed, ("z", "2025-03-01 10:00", "attended")], episodes=pd.concat(
        [episodes, pd.DataFrame({"client_id": ["z"], "opened_at": [pd.Timestamp("2025-02-01")]})]))
    lines = {line.label: line for line in how_they_ended(history, DEFAULT).kinds}
    left, other = lines[ENDING_WORDS["dropout"]], lines[ENDING_WORDS["administrative"]]
    assert (left.count, other.count) == ("<5", "<5")
    assert not left.is_shown and np.isnan(left.low)
    assert lines[ENDING_WORDS["completed"]].count == "20"


def test_a_history_without_endings_has_no_tables() -> None:
    ended = how_they_ended(small_history([("a", "2025-03-01 10:00", "attended")]), DEFAULT)
    assert ended.n_ended == 0 and ended.periods == () and ended.never_started is None
