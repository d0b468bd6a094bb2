"""Each scenario does what it says: what is informative, and what is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dropout.simulate import SCENARIOS, simulate
from dropout.simulate.rules import INTENTS

EXTRACTION = pd.Timestamp("2026-06-30")
DATES = ["2025-06-30", "2025-09-30", "2025-12-31", "2026-03-31"]


@pytest.fixture(scope="module")
def worlds():
    return {scenario: simulate(4000, seed=41, scenario=scenario, truth=True, rollouts=2, as_of_dates=DATES)
            for scenario in SCENARIOS}


def cancellations(world) -> pd.DataFrame:
    """Client cancellations at least 120 days old, after which nothing was booked the same day or stood booked.

    Columns: intent ("none" without a message), n (sessions attended before), misses (since the last attended one),
    young, `returned` within 60 days.
    """
    sessions = world.tables["sessions"].sort_values(["episode_id", "starts_at"], ignore_index=True)
    meant = world.tables["messages"].merge(world.truth["intents"], on="message_id").dropna(subset=["session_id"])
    meant = meant.drop_duplicates("session_id", keep="last").set_index("session_id")["intent"]
    intent = sessions["session_id"].map(meant).fillna("none").to_numpy(object)
    year = world.tables["clients"].set_index("client_id")["birth_year"]
    young = (sessions["client_id"].map(year) > 1998).to_numpy()
    status = sessions["status"].to_numpy(object)
    starts, booked = (sessions[name].to_numpy("datetime64[m]").astype(int) for name in ("starts_at", "booked_at"))
    known = sessions["cancelled_at"].fillna(sessions["starts_at"]).to_numpy("datetime64[m]").astype(int)
    attended, by_clinic = status == "attended", status == "clinic_cancel"
    first = np.flatnonzero(np.r_[True, sessions["episode_id"].to_numpy()[1:] != sessions["episode_id"].to_numpy()[:-1]])
    latest = (EXTRACTION.to_datetime64().astype("datetime64[m]").astype(int)) - 120 * 1440
    rows = []
    for begin, end in zip(first, np.r_[first[1:], len(sessions)], strict=True):
        one = slice(begin, end)
        for i in begin + np.flatnonzero(np.isin(status[one], ["client_cancel", "late_cancel"])):
            at = known[i] + 15
            if at > latest or ((booked[one] <= at) & (known[one] > at)).any():
                continue
            back = starts[one][attended[one] & (starts[one] > at)].min(initial=at + 10**7)
            since = starts[one][attended[one] & (starts[one] < at)].max(initial=0)
            missed = ~attended[one] & ~by_clinic[one] & (known[one] <= at) & (known[one] > since)
            rows.append((intent[i], (attended[one] & (known[one] < at)).sum(), missed.sum(), young[i],
                         back <= at + 60 * 1440))
    return pd.DataFrame(rows, columns=["intent", "n", "misses", "young", "returned"])


@pytest.fixture(scope="module")
def cancelled(worlds):
    return {scenario: cancellations(world) for scenario, world in worlds.items()}


def z_of(rows: pd.DataFrame, group: pd.Series, within: str | None) -> float:
    """Mantel-Haenszel z: do those in `group` return more, or less, than the others of the same stratum?"""
    excess, variance = 0.0, 0.0
    for _, part in rows.assign(group=group).groupby(rows[within] if within else np.zeros(len(rows))):
        n, k, m = len(part), part["group"].sum(), part["returned"].sum()
        if n > 1:
            excess += part.loc[part["group"], "returned"].sum() - k * m / n
            variance += k * (n - k) * m * (n - m) / (n * n * (n - 1))
    return excess / np.sqrt(variance)


def chi_of_intents(rows: pd.DataFrame) -> float:
    """Chi-square on five degrees of freedom: does returning depend on the intent?"""
    table = pd.crosstab(rows["intent"], rows["returned"]).to_numpy(float)
    expected = table.sum(1, keepdims=True) * table.sum(0, keepdims=True) / table.sum()
    return ((table - expected) ** 2 / expected).sum()


def test_words_matter_where_they_should(cancelled):
    """Seed 41. With no effect chi-square exceeds 25.7 once in 10,000 worlds; with one it is several hundred."""
    assert all(set(rows["intent"]) == set(INTENTS) for rows in cancelled.values())
    for scenario in ("plain", "text-only"):
        assert chi_of_intents(cancelled[scenario]) > 150, scenario
    for scenario in ("history-only", "nothing"):
        assert chi_of_intents(cancelled[scenario]) < 25.7, scenario


def test_history_matters_where_it_should(cancelled):
    """Seed 41. With no effect |z| exceeds 3.9 once in 10,000; early sessions, repeated misses and youth are tried."""
    for scenario, matters in (("plain", True), ("history-only", True), ("text-only", False), ("nothing", False)):
        rows = cancelled[scenario]
        z = {"early": z_of(rows, rows["n"] <= 3, "intent"), "misses": z_of(rows, rows["misses"] >= 2, "intent"),
             "young": z_of(rows, rows["young"], "intent")}
        for what, value in z.items():
            if matters:
                assert value < -1.5, (scenario, what, value)
            else:
                assert abs(value) < 3.9, (scenario, what, value)
        if matters:
            assert min(z.values()) < -5, (scenario, z)


def test_words_overlap(cancelled):
    """In `plain`, words are evidence and not truth: some who end come back, some who name a day never do."""
    back = cancelled["plain"].groupby("intent")["returned"].mean()
    assert back["ends_therapy"] < back["vague_deferral"] < back["cancel_only"] < back["concrete_reschedule"]
    assert 0.01 < back["ends_therapy"] < 0.4
    assert 0.5 < back["concrete_reschedule"] < 0.95


def open_episodes(world) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """For the as-of dates: what tells of silence, what else is known, who drops out in 60 days, and two halves."""
    sessions = world.tables["sessions"]
    years = world.tables["clients"].set_index("client_id")["birth_year"]
    parts = []
    for date, rows in world.truth["risk"].groupby("as_of"):
        at = pd.Timestamp(date)
        seen = sessions[sessions["booked_at"] < at]
        known_at = seen["cancelled_at"].fillna(seen["starts_at"])
        past = seen[known_at < at].assign(known_at=known_at)
        count = past.groupby(["episode_id", "status"]).size().unstack(fill_value=0).reindex(rows["episode_id"])
        count = count.fillna(0).reindex(columns=["attended", "no_show", "client_cancel", "late_cancel"], fill_value=0)
        ahead = seen[known_at >= at].groupby("episode_id")["starts_at"].min().reindex(rows["episode_id"])
        latest = past.groupby("episode_id")["known_at"].max().reindex(rows["episode_id"])
        last = past[past["status"] == "attended"].groupby("episode_id")["starts_at"].max().reindex(rows["episode_id"])
        quiet = ((at - latest) / pd.Timedelta(days=1)).fillna(0).to_numpy()
        unbooked = ahead.isna().to_numpy()
        silence = {"unbooked": unbooked, "until": ((ahead - at) / pd.Timedelta(days=1)).fillna(0).to_numpy(),
                   "log": unbooked * np.log1p(quiet)}
        silence |= {f"over_{days}": unbooked & (quiet > days) for days in (3, 7, 14, 21, 30, 45, 60, 90)}
        n = count["attended"].to_numpy()
        total = n + count[["no_show", "client_cancel", "late_cancel"]].sum(axis=1).to_numpy() + 3
        history = {
            "n": np.minimum(n, 25), "first": n == 1, "early": n <= 3, "none": n == 0,
            "no_shows": count["no_show"].to_numpy() / total,
            "cancels": count[["client_cancel", "late_cancel"]].sum(axis=1).to_numpy() / total,
            "young": years.loc[rows["client_id"]].to_numpy() > 1998,
            "unseen": ((at - last) / pd.Timedelta(days=1)).clip(upper=120).fillna(0).to_numpy(),
        }
        parts.append((pd.DataFrame(silence), pd.DataFrame(history), rows["dropout_60d"].to_numpy(),
                      rows["client_id"].str[1:].astype(int).to_numpy()))
    client = np.concatenate([part[3] for part in parts])
    order = np.argsort(client % 2, kind="stable")
    silence = pd.concat([part[0] for part in parts]).to_numpy(float)[order]
    history = pd.concat([part[1] for part in parts]).to_numpy(float)[order]
    return silence, history, np.concatenate([part[2] for part in parts])[order], (client % 2)[order]


def loss(x: np.ndarray, y: np.ndarray, half: np.ndarray) -> float:
    """Log loss of ridge logistic regression, fitted on one half of the clients and tried on the other."""
    total = 0.0
    for test in (0, 1):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
        model.fit(x[half != test], y[half != test])
        p = model.predict_proba(x[half == test])[:, 1].clip(0.005, 0.995)
        total -= np.where(y[half == test] == 1, np.log(p), np.log(1 - p)).sum()
    return total / len(y)


def test_history_beyond_silence(worlds):
    """Seed 41, about 4,800 rows on four dates. What more than silence gives: nothing in `nothing`, a lot in `plain`.

    The gain's standard error is about 0.001 where there is none (the difference of two nearly equal predictions);
    eight useless columns cost as much again. The gain is about 0.011 in `plain` and 0.024 in `history-only`.
    """
    gain = {}
    for scenario, world in worlds.items():
        silence, history, y, half = open_episodes(world)
        gain[scenario] = loss(silence, y, half) - loss(np.hstack([silence, history]), y, half)
    assert abs(gain["nothing"]) < 0.004, gain
    assert abs(gain["text-only"]) < 0.004, gain
    assert gain["plain"] > 0.006 and gain["history-only"] > 0.012, gain


def test_constant_hazard_in_nothing(worlds):
    """Seed 41: of those who began 600 days ago or earlier, as many leave after each of the first ten sessions."""
    tables = worlds["nothing"].tables
    episodes = tables["episodes"].set_index("episode_id")
    episodes = episodes[episodes["opened_at"] < EXTRACTION - pd.Timedelta(days=600)]
    sessions = tables["sessions"]
    n = sessions[sessions["status"] == "attended"].groupby("episode_id").size().reindex(episodes.index).fillna(0)
    left = episodes["closure_reason"].isin(["client_dropout"])
    at_risk = np.array([(n >= k).sum() for k in range(1, 11)])
    leaving = np.array([(left & (n == k)).sum() for k in range(1, 11)])
    rate = leaving.sum() / at_risk.sum()
    chi = ((leaving - rate * at_risk) ** 2 / (at_risk * rate * (1 - rate))).sum()
    assert chi < 29.6  # 9 degrees of freedom: once in 2,000 worlds
