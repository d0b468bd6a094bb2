"""Definitions side by side: numbers by hand, kappa as scikit-learn has it, and what cannot be compared."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from random_histories import read
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score

import dropout
from dropout.endings import (
    DEFAULT,
    ClosureReason,
    FewerThan,
    Gap,
    MissedLast,
    NoReliableChange,
    PlannedNotReached,
    UnlessRecorded,
    compare,
)
from dropout.endings.agreement import kappa_matrix, share
from dropout.endings.comparison import USUAL, readable
from dropout.errors import CallError

NOW = "2024-06-30T10:00"


def clinic(kinds: dict[str, int], closure: bool = True) -> dropout.History:
    """So many clients of each kind: `reason/attended/missed`, the last attended in February or, for `open`, last week."""
    sessions, episodes, number = [], [], 0
    for kind, count in kinds.items():
        reason, attended, missed = kind.split("/")
        for _ in range(count):
            client = f"c{number:03d}"
            number += 1
            first = pd.Timestamp("2024-01-08T10:00")
            starts = [first + pd.Timedelta(days=7 * k) for k in range(int(attended))]
            if reason == "open":
                starts[-1] = pd.Timestamp("2024-06-25T10:00")
            rows = [(start, "attended") for start in starts]
            rows += [((starts[-1] if starts else first) + pd.Timedelta(days=7), "no_show")] * (missed == "missed")
            sessions += [(client, start.isoformat(), status, (start - pd.Timedelta(days=3)).isoformat(), "e")
                         for start, status in rows]
            closed = None if reason in ("open", "silent") else (rows[-1][0] + pd.Timedelta(days=20)).isoformat()
            reason_written = None if reason in ("open", "silent", "none") else reason
            episodes.append((client, "e", "2024-01-01T10:00", closed, reason_written))
    sessions.append(("z", NOW, "attended", NOW, "e"))
    frames = {"sessions": pd.DataFrame(sessions, columns=["client_id", "starts_at", "status", "booked_at", "episode_id"])}
    if closure:
        columns = ["client_id", "episode_id", "opened_at", "closed_at", "closure_reason"]
        frames["episodes"] = pd.DataFrame(episodes, columns=columns)
    return read(frames)


KINDS = {"client_dropout/2/missed": 4, "client_dropout/6/kept": 3, "completed/8/kept": 7, "completed/6/missed": 2,
         "moved/5/missed": 1, "none/2/missed": 3, "none/7/kept": 1, "silent/3/kept": 2, "open/3/kept": 6, "silent/0/missed": 5}
"""34 clients: 29 of them started, of whom 6 are in care; 7 declared dropouts, 6 without a reason."""


@pytest.fixture(scope="module")
def found():
    """Four definitions on the clinic above."""
    return compare(clinic(KINDS), ["closure", "gap:60", "missed-last", "fewer-than:4"])


def test_rates_by_hand(found):
    rates = found.tables["rates"].set_index("definition")
    assert rates["dropouts"].to_dict() == {"closure": 7, "gap:60": 7 + 4 + 2, "missed-last": 4 + 2 + 3, "fewer-than:4": 4 + 3 + 2}
    # (By the clinician's word four files closed without a reason can't be judged; two silent ones are open still.)
    assert rates["n"].to_dict() == {"closure": 25, "gap:60": 29, "missed-last": 29, "fewer-than:4": 29}
    assert rates["not_judged"].tolist() == [4, 0, 0, 0]
    assert rates["ended"].tolist() == [17, 23, 23, 23] and rates["ongoing"].tolist() == [8, 6, 6, 6]
    for row in rates.itertuples():
        for count, of, low, high in ((row.dropouts, row.n, row.low, row.high),
                                     (row.dropouts, row.ended, row.low_of_ended, row.high_of_ended)):
            exact = binomtest(count, of).proportion_ci(method="wilson")
            assert (low, high) == pytest.approx((exact.low, exact.high))
    assert rates["rule"]["missed-last"] == MissedLast().name and rates["maturity_days"].tolist() == [0, 60, 60, 60]


def test_pairs_by_hand_and_kappa_as_scikit_learn_has_it(found):
    pairs = found.tables["agreement"].set_index(["first", "second"])
    row = pairs.loc[("gap:60", "missed-last")]
    assert row[["both", "first_only", "second_only", "neither"]].tolist() == [7, 6, 2, 14]
    assert pairs.loc[("closure", "gap:60"), "n"] == 25
    for (first, second), row in pairs.iterrows():
        both = found.verdicts[[first, second]].dropna().astype(bool)
        assert row["n"] == len(both) and row["agreement"] == pytest.approx((both[first] == both[second]).mean())
        assert row["kappa"] == pytest.approx(cohen_kappa_score(both[first], both[second]))
        assert row["low"] < row["kappa"] < row["high"]
    square = kappa_matrix(found.tables["agreement"], list(found.definitions))
    assert (square.to_numpy() == square.to_numpy().T).all() and (np.diag(square) == 1).all()


def test_overlap_by_hand(found):
    met = found.tables["overlap"].set_index("definitions_met")["episodes"]
    # None: completed and seen to the end, moved, and those in care.
    assert met.to_dict() == {0: 7 + 1 + 6, 1: 2, 2: 3 + 2, 3: 0, 4: 4}
    assert (found.tables["overlap"]["n"] == 25).all()
    patterns = found.tables["patterns"]
    assert patterns["episodes"].tolist() == sorted(patterns["episodes"], reverse=True) and patterns["episodes"].sum() == 25
    assert patterns.iloc[0][["closure", "gap:60", "missed-last", "fewer-than:4"]].tolist() == [False] * 4


def test_the_flow_adds_up(found):
    flow = found.tables["flow"]
    n = dict(zip(flow["stage"].str.strip(), flow["episodes"], strict=True))
    assert n["episodes on record"] == 35 and n["never attended a session"] == n["and ended so"] == 5
    assert n["attended at least one session"] == 30, "with the one whose session makes the extraction date"
    assert n["ended: dropout"] == 7 + 4 + 2 and n["ended: completed"] == 9 and n["ended: administrative"] == 1
    assert n["still in care"] == 7
    assert sum(n[name] for name in n if name.startswith("ended:") or name == "still in care") == 30


def test_bounds_for_missing_reasons(found):
    bounds = found.tables["bounds"]
    assert list(zip(bounds["dropouts"], bounds["n"], strict=True)) == [(7, 17), (7, 23), (7 + 3, 23), (7 + 6, 23), (7 + 6, 23)]
    assert (bounds["missing"] == 6).all()
    lower, upper = bounds["rate"].iloc[1], bounds["rate"].iloc[-1]
    assert bounds["rate"].iloc[1:].between(lower, upper).all()
    assert any("lies between 30% and 57%, declared endings alone give 41%" in note for note in found.notes)


def test_with_nothing_missing_the_bounds_meet():
    bounds = compare(clinic({"client_dropout/2/kept": 3, "completed/4/kept": 5}), [DEFAULT]).tables["bounds"]
    assert (bounds["rate"] == 3 / 8).all()


def test_what_is_absent_is_left_out_and_said():
    found = compare(clinic(KINDS, closure=False))
    assert set(found.left_out) == {"closure", "plan", "no-change"}
    assert "episodes.closure_reason" in found.left_out["closure"] and "no table 'measures'" in found.left_out["no-change"]
    assert "bounds" not in found.tables and "three" not in found.tables
    assert sum(note.startswith("Left out: ") for note in found.notes) == 3
    with pytest.raises(CallError, match="needs measures.score"):
        compare(clinic(KINDS, closure=False), [NoReliableChange()])


def test_a_plan_that_nobody_has_is_left_out_too():
    history = clinic(KINDS)
    history.tables.episodes["planned_sessions"] = np.nan
    assert "can't tell of any episode" in compare(history).left_out["plan"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [([], "no definition"), ([Gap(60), Gap(60)], "called 'silence:60'"), ("gap:60", "wants several"), (Gap(60), "wants several"),
     ([60], "is a int; expected a definition"), (["gap"], "not understood")])
def test_calls_that_mean_nothing(wrong, message):
    with pytest.raises(CallError, match=message):
        compare(clinic(KINDS), wrong)


def test_names_may_be_given():
    found = compare(clinic(KINDS), {"short": Gap(30), "long": "silence:90"})
    assert list(found.definitions) == ["short", "long"] and found.tables["rates"]["definition"].tolist() == ["short", "long"]
    assert "short" in repr(found)


@pytest.mark.parametrize(
    "kinds", [{"open/3/kept": 5}, {"client_dropout/2/missed": 5}, {"completed/9/kept": 1}, {"silent/0/missed": 4}])
def test_nobody_or_everybody_left(kinds):
    found = compare(clinic(kinds), ["closure", "gap:60", "missed-last"])
    assert found.tables["agreement"]["kappa"].isna().all(), "kappa of definitions that say the same of all is undefined"
    assert found.tables["rates"]["rate"].isin([0.0, 1.0]).all() or not len(found.verdicts)
    assert any("are few" in note for note in found.notes)
    assert "–" in found._repr_html_() and found.plot() is not None


def test_nothing_old_enough_says_so():
    history = read({"sessions": pd.DataFrame([("a", NOW, "attended")], columns=["client_id", "starts_at", "status"])})
    found = compare(history, ["gap:60", "missed-last"])
    assert not len(found.verdicts) and found.notes[0].startswith("0 episodes are compared")
    assert found.tables["rates"]["rate"].isna().all() and found.plot() is not None and "–" in found._repr_html_()


def test_shares_of_nothing_are_missing():
    assert np.isnan(share(0, 0)["rate"]) and share(3, 10)["rate"] == 0.3


def test_the_simulated_clinics(history):
    found = dropout.definitions.compare(history)
    assert list(found.definitions.values()) == list(USUAL) and not found.left_out
    (three,) = [note for note in found.notes if "All three" in note]
    assert "Xiao et al. (2023) found fewer than 1%" in three
    for definition, row in zip(USUAL, found.tables["rates"].itertuples(), strict=True):
        assert row.dropouts == int(found.verdicts[row.definition].sum()) and row.n == found.verdicts[row.definition].count()
        table = history.episodes(definition).merge(found.verdicts[["client_id", "episode_id"]])
        assert row.dropouts == (table["ending"] == "dropout").sum()
    shown = found._repr_html_()
    assert all(title in shown for title in ("Rates", "Agreement of pairs", "What missing closure reasons leave open"))
    assert "not to leave" in shown or "hold them back" in shown
    assert readable(found.tables["agreement"]).columns.tolist()[-2:] == ["agreement", "kappa"]
    figure = found.plot()
    assert {axes.get_title() for axes in figure.axes} >= {"Rate by definition", "Agreement of pairs", "Definitions met together"}
    assert all("%" in axes.get_xlabel() + axes.get_ylabel() for axes in figure.axes[:1])


def test_every_result_prints_the_definition(history):
    for definition in (FewerThan(3), PlannedNotReached(), UnlessRecorded(Gap(45)), ClosureReason() & Gap(60)):
        assert history.episodes(definition).attrs["definition"] == definition.name
        assert definition.name in dropout.report(history, definition=definition)._repr_html_().replace("&amp;", "&")
