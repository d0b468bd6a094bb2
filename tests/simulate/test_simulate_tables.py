"""The simulated tables: valid, reproducible, and silent about what came after the extraction date."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dropout.simulate import SCENARIOS, simulate, write_tables, write_truth
from dropout.simulate.tables import COLUMNS, SCORES

EXTRACTION = pd.Timestamp("2026-06-30")
REASONS = {"completed", "client_dropout", "client_declined", "service_ended", "referred_on", "therapist_left", "moved",
           "died", "other"}
STATUSES = {"attended", "no_show", "late_cancel", "client_cancel", "clinic_cancel", "scheduled"}
CANCELLED = ["late_cancel", "client_cancel", "clinic_cancel"]


@pytest.fixture(scope="module", params=SCENARIOS)
def tables(request):
    return simulate(1500, seed=11, scenario=request.param).tables


@pytest.fixture(scope="module")
def plain():
    return simulate(4000, seed=5).tables


def digest(folder: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())}


def test_columns(tables):
    assert {name: list(table.columns) for name, table in tables.items()} == COLUMNS


def test_keys_are_unique(tables):
    sessions = tables["sessions"]
    assert sessions["session_id"].is_unique
    assert not sessions.duplicated(["client_id", "starts_at"]).any()
    assert tables["messages"]["message_id"].is_unique
    assert tables["episodes"]["episode_id"].is_unique
    assert not tables["measures"].duplicated(["client_id", "measured_at", "measure"]).any()


def test_references(tables):
    clients = set(tables["clients"]["client_id"])
    assert set(tables["sessions"]["client_id"]) == clients  # every client has a session row
    assert len(clients) == 1500
    for name in ("messages", "measures", "episodes"):
        assert set(tables[name]["client_id"]) <= clients
    owner = tables["episodes"].set_index("episode_id")["client_id"]
    sessions = tables["sessions"]
    assert (sessions["episode_id"].map(owner) == sessions["client_id"]).all()
    about = tables["messages"].dropna(subset=["session_id"])
    whose = sessions.set_index("session_id")["client_id"]
    assert (about["session_id"].map(whose) == about["client_id"]).all()


def test_order_of_times(tables):
    sessions = tables["sessions"]
    assert set(sessions["status"]) == STATUSES
    assert (sessions["booked_at"] < sessions["starts_at"]).all()
    cancelled = sessions["status"].isin(CANCELLED)
    assert (sessions["cancelled_at"].notna() == cancelled).all()
    gone = sessions[cancelled]
    assert (gone["cancelled_at"] <= gone["starts_at"]).all()
    assert (gone["cancelled_at"] >= gone["booked_at"]).all()
    notice = (gone["starts_at"] - gone["cancelled_at"]) / pd.Timedelta(hours=24)
    assert (notice[gone["status"] == "late_cancel"] < 1).all()
    assert (notice[gone["status"] == "client_cancel"] >= 1).all()
    lead = sessions["starts_at"] - sessions["booked_at"]
    assert lead.max() <= pd.Timedelta(days=40)


def test_working_hours(tables):
    starts = tables["sessions"]["starts_at"]
    assert starts.dt.day_of_week.max() <= 4
    assert starts.dt.hour.between(8, 18).all() and starts.dt.minute.isin((0, 30)).all()
    assert tables["messages"]["sent_at"].dt.hour.between(6, 22).all()


def test_nothing_after_the_extraction(tables):
    sessions, episodes = tables["sessions"], tables["episodes"]
    happened = sessions["status"].isin(["attended", "no_show"])
    assert (sessions.loc[happened, "starts_at"] < EXTRACTION).all()
    assert (sessions["booked_at"] < EXTRACTION).all()
    assert not (sessions["cancelled_at"] >= EXTRACTION).any()
    ahead = sessions["status"] == "scheduled"
    assert (sessions.loc[ahead, "starts_at"] > EXTRACTION).all()
    assert ahead.any() and sessions.loc[ahead, "fee_owed"].isna().all()
    assert (tables["messages"]["sent_at"] < EXTRACTION).all()
    assert (tables["measures"]["measured_at"] < EXTRACTION).all()
    for column in ("opened_at", "closed_at", "ending_discussed_at"):
        assert not (episodes[column] >= EXTRACTION).any()


def test_closed_episodes_are_quiet(tables):
    """After a closure nothing is attended or booked in the episode; a second episode begins after the first's end."""
    episodes = tables["episodes"]
    assert (episodes["closed_at"].notna() == episodes["closure_reason"].notna()).all()
    assert set(episodes["closure_reason"].dropna()) <= REASONS
    sessions = tables["sessions"].merge(episodes[["episode_id", "opened_at", "closed_at"]], on="episode_id")
    assert (sessions["booked_at"] >= sessions["opened_at"]).all()
    closed = sessions.dropna(subset=["closed_at"])
    stands = closed[closed["status"].isin(["attended", "no_show", "scheduled"])]
    assert (stands["starts_at"] < stands["closed_at"]).all()
    assert (closed["booked_at"] <= closed["closed_at"]).all()
    before = episodes.groupby("client_id")["closed_at"].shift()
    again = episodes["client_id"].duplicated()
    assert (episodes.loc[again, "opened_at"] > before[again]).all()


def test_scores_are_possible(tables):
    measures = tables["measures"]
    for measure, scores in measures.groupby("measure")["score"]:
        least, most = SCORES[measure][-2:]
        assert scores.between(least, most).all() and (scores == scores.round()).all()


def test_base_rates(plain):
    """Shares as described, seed 5, 4,000 clients; standard errors are below 0.01, the bands are several times that."""
    sessions, episodes = plain["sessions"], plain["episodes"]
    assert 15 < len(sessions) / 4000 < 24
    share = sessions["status"].value_counts(normalize=True)
    assert 0.75 < share["attended"] < 0.84
    assert 0.02 < share["no_show"] < 0.06
    assert 0.08 < share["late_cancel"] + share["client_cancel"] < 0.16
    assert 1.03 < len(episodes) / 4000 < 1.08  # a few percent of clients have two episodes

    attended = sessions[sessions["status"] == "attended"].groupby("episode_id")["starts_at"].agg(["size", "max"])
    old = episodes[episodes["opened_at"] < EXTRACTION - pd.Timedelta(days=450)].set_index("episode_id")
    n = attended["size"].reindex(old.index).fillna(0)
    silent = (EXTRACTION - attended["max"].reindex(old.index)) > pd.Timedelta(days=60)
    left = old["closure_reason"].isin(["client_dropout", "client_declined"]) | (old["closure_reason"].isna() & silent)
    assert 0.30 < left[n > 0].mean() < 0.42
    assert 0.35 < (old["closure_reason"] == "completed").mean() < 0.5
    for reason in ("service_ended", "therapist_left", "referred_on", "moved", "client_declined"):
        assert (old["closure_reason"] == reason).sum() >= 5
    assert (old["closure_reason"].isna() & silent & left).sum() >= 20  # never closed

    # Leaving is likeliest after the first three sessions.
    hazard = [(left & (n == k)).sum() / (n >= k).sum() for k in (1, 2, 3, 8, 16)]
    assert min(hazard[:3]) > 1.5 * max(hazard[3:])
    assert hazard[0] > 0.04

    # Closures of those who left come late, and in bulk at the end of a month.
    dropped = old[old["closure_reason"] == "client_dropout"]
    lag = (dropped["closed_at"] - attended["max"].reindex(dropped.index)).dt.days
    assert lag.median() > 45
    in_bulk = dropped["closed_at"].dt.hour.eq(17) & (dropped["closed_at"].dt.day >= 26)
    assert in_bulk.mean() > 0.8


def test_return_from_cancelling(plain):
    """Those who cancel come back by a new booking, some the same day, some after months."""
    sessions = plain["sessions"].sort_values(["episode_id", "booked_at"])
    cancelled = sessions[sessions["status"].isin(["client_cancel", "late_cancel"])][["episode_id", "cancelled_at"]]
    merged = pd.merge_asof(cancelled.sort_values("cancelled_at"), sessions[["episode_id", "booked_at"]]
                           .sort_values("booked_at"), left_on="cancelled_at", right_on="booked_at", by="episode_id",
                           direction="forward", allow_exact_matches=True)
    delay = (merged["booked_at"] - merged["cancelled_at"]).dt.days.dropna()
    assert (delay == 0).mean() > 0.2 and delay.between(1, 30).mean() > 0.2 and (delay > 60).sum() > 10


def test_letters_vary(plain):
    mine = plain["messages"][plain["messages"]["sender"] == "client"]
    assert mine["text"].nunique() > 0.6 * len(mine)
    assert not mine["text"].str.contains(r"[{}]").any()
    assert mine["text"].str.len().between(1, 400).all()
    assert set(mine["channel"]) == {"sms", "email", "voicemail", "portal"}
    assert mine["session_id"].isna().any() and (plain["messages"]["sender"] == "clinic").any()


def test_a_cancelling_message_comes_with_its_cancellation(plain):
    """A client's message about a session they cancelled was mostly sent just before; the rest are confirmations."""
    messages = plain["messages"]
    merged = messages[messages["sender"] == "client"].merge(plain["sessions"], on="session_id")
    cancelled = merged[merged["status"].isin(["client_cancel", "late_cancel"])]
    gap = (cancelled["cancelled_at"] - cancelled["sent_at"]) / pd.Timedelta(minutes=1)
    assert (gap >= 0).all()
    assert gap.le(4).mean() > 0.8


def test_same_arguments_same_bytes(tmp_path):
    """Twice in this process, and once in another with other hash seeds and another number of threads."""
    made = {}
    for name in ("one", "two"):
        world = simulate(60, seed=3, truth=True, rollouts=20)
        write_tables(world.tables, tmp_path / name)
        write_truth(world.truth, tmp_path / name)
        made[name] = digest(tmp_path / name)
    script = ("import sys; from dropout.simulate import *; w = simulate(60, seed=3, truth=True, rollouts=20); "
              "write_tables(w.tables, sys.argv[1]); write_truth(w.truth, sys.argv[1])")
    env = os.environ | {"PYTHONHASHSEED": "77", "OMP_NUM_THREADS": "2"}
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "three")], env=env, check=True)
    assert made["one"] == made["two"] == digest(tmp_path / "three")
    assert len(made["one"]) == 8


def test_truth_does_not_touch_the_tables():
    one = simulate(50, seed=4).tables
    two = simulate(50, seed=4, truth=True, rollouts=3, as_of_dates=["2025-03-02"]).tables
    for name in one:
        pd.testing.assert_frame_equal(one[name], two[name])


def test_seeds_and_scenarios_differ():
    texts = {(seed, scenario): simulate(20, seed=seed, scenario=scenario).tables["sessions"].to_csv()
             for seed in (1, 2) for scenario in SCENARIOS}
    assert len(set(texts.values())) == len(texts)


def test_written_files(tmp_path):
    world = simulate(30, seed=9)
    write_tables(world.tables, tmp_path)
    for name, table in world.tables.items():
        raw = (tmp_path / f"{name}.csv").read_bytes()
        assert b"\r" not in raw and raw.endswith(b"\n")
        back = pd.read_csv(tmp_path / f"{name}.csv", dtype={"text": str})
        assert list(back.columns) == list(table.columns) and len(back) == len(table)
    back = pd.read_csv(tmp_path / "sessions.csv")
    assert back["starts_at"].str.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d").all()
    keys = back[["client_id", "starts_at"]].apply(tuple, axis=1)
    assert keys.is_monotonic_increasing


@pytest.mark.parametrize("n_clients", [1, 2, 7])
def test_very_small_worlds(n_clients):
    world = simulate(n_clients, seed=2, truth=True, rollouts=2)
    assert world.tables["clients"]["client_id"].nunique() == n_clients
    assert world.tables["sessions"]["client_id"].nunique() == n_clients


@pytest.mark.parametrize(("arguments", "words"), [
    ({"scenario": "easy"}, "plain, text-only"),
    ({"n_clients": 0}, "n_clients is 0"),
    ({"seed": -1}, "seed is -1"),
    ({"rollouts": 1}, "rollouts is 1"),
    ({"extraction": "soon"}, "expected a date"),
    ({"extraction": "2026-06-30T12:00"}, "without a time"),
    ({"extraction": "1999-01-01"}, "from 2023"),
    ({"truth": True, "as_of_dates": ["2027-01-01"]}, "after the extraction"),
    ({"truth": True, "as_of_dates": []}, "no as-of date"),
])
def test_wrong_arguments_are_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        simulate(**({"n_clients": 5} | arguments))


def test_numbers_as_written():
    from dropout.simulate.write import _number

    assert [_number(x) for x in (0.0, -0.0, 80.0, 0.125, 1 / 3, np.nan)] == ["0", "0", "80", "0.125", "0.333333", ""]
