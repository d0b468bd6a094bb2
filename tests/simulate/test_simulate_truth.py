"""The truth: calibrated against what happened, the same as the tables say, and equal to its slow twin."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dropout.simulate import SCENARIOS, simulate
from dropout.simulate.calendar import DAY, NEVER, minute
from dropout.simulate.hazards import CLOSE, NOTHING_MORE, RETURN, SILENT, take
from dropout.simulate.people import draw_clients, draw_clinics
from dropout.simulate.process import Watch, advance, draw_next
from dropout.simulate.rules import rules_of
from dropout.simulate.world import opening

AS_OF = "2026-03-31"
RISKS = [(f"p_dropout_{days}d", f"dropout_{days}d") for days in (30, 60, 90)]
RETURNS = [("p_dropout", "happened")] + [(f"p_return_{days}d", f"returned_{days}d") for days in (7, 14, 30)]


@pytest.fixture(scope="module", params=SCENARIOS)
def world(request):
    return simulate(3000, seed=22, scenario=request.param, truth=True, rollouts=150, as_of_dates=[AS_OF])


def by_group(p: pd.Series, happened: pd.Series) -> np.ndarray:
    """z of what happened against what was to be expected, in at most ten groups of rows ordered by probability.

    Groups are as uncertain as each other, and each has a variance of 5 or more: with less, the tails are those of a
    Poisson count, and z would mislead.
    """
    order = np.argsort(p.to_numpy(), kind="stable")
    p, happened = p.to_numpy()[order], happened.to_numpy()[order]
    variance = np.cumsum(p * (1 - p))
    n = int(np.clip(variance[-1] // 5, 1, 10))
    group = np.minimum((n * variance / variance[-1]).astype(int), n - 1)
    excess = np.bincount(group, weights=happened - p)
    return excess / np.sqrt(np.bincount(group, weights=p * (1 - p)))


def test_calibrated(world):
    """One row a client and one date, so rows are independent given their probabilities (but for shared therapists).

    At most 70 groups for each of four scenarios, seed 22: |z| above 4 in any of 280 has a chance of 2% if all is
    well; the overall z, 28 of them, beyond 3.5 of 1.3%.
    """
    for frame, pairs in (("risk", RISKS), ("reschedule", RETURNS)):
        table = world.truth[frame]
        for p, happened in pairs:
            z = by_group(table[p], table[happened])
            assert np.abs(z).max() < 4, (frame, p, z.round(1))
            spread = np.sqrt((table[p] * (1 - table[p])).sum())
            assert abs(table[happened].sum() - table[p].sum()) < 3.5 * spread, (frame, p)


def test_truth_is_worth_something(world):
    """The truth beats the base rate clearly in each scenario: silence alone tells a lot."""
    table = world.truth["risk"]
    y, p = table["dropout_60d"], table["p_dropout_60d"].clip(0.005, 0.995)
    loss = -np.where(y == 1, np.log(p), np.log(1 - p)).mean()
    base = -(y.mean() * np.log(y.mean()) + (1 - y.mean()) * np.log(1 - y.mean()))
    assert base - loss > 0.15


def test_probabilities_are_ordered(world):
    risk, reschedule = world.truth["risk"], world.truth["reschedule"]
    assert (risk["p_dropout_30d"] <= risk["p_dropout_60d"]).all()
    assert (risk["p_dropout_60d"] <= risk["p_dropout_90d"]).all()
    assert (reschedule["p_return_7d"] <= reschedule["p_return_14d"]).all()
    assert (reschedule["p_return_14d"] <= reschedule["p_return_30d"]).all()
    assert (reschedule["p_dropout"] + reschedule["p_return_30d"] <= 1 + 1e-9).all()
    for frame in (risk, reschedule):
        p = frame.filter(regex="^p_").to_numpy()
        assert ((p >= 0) & (p <= 1)).all()
        assert (frame.filter(regex="^se(_|$)").to_numpy() > 0).all()


def test_both_predictions_agree(world):
    """Never coming back is a dropout, but for therapists who leave and other endings, which are rare."""
    both = world.truth["reschedule"].merge(world.truth["risk"], on=["as_of", "client_id", "episode_id"])
    assert len(both) == len(world.truth["reschedule"])
    assert (both["p_dropout_30d"] >= both["p_dropout"] - 0.3).all()
    assert (both["p_dropout"] - both["p_dropout_30d"]).mean() < 0.02


def known(sessions: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
    """Rows booked before `at`, with their status as it was known then."""
    seen = sessions[sessions["booked_at"] < at].copy()
    known_at = seen["cancelled_at"].fillna(seen["starts_at"])
    seen["then"] = seen["status"].where(known_at < at, "scheduled")
    return seen.assign(known_at=known_at)


def test_rows_are_what_the_tables_say(world):
    """Open episodes and open cancellations, found once more from the tables, slowly and by the definitions."""
    at = pd.Timestamp(AS_OF)
    episodes = world.tables["episodes"]
    is_open = episodes[(episodes["opened_at"] < at) & ~(episodes["closed_at"] < at)]
    risk, reschedule = world.truth["risk"], world.truth["reschedule"]
    assert list(risk["episode_id"].sort_values()) == list(is_open["episode_id"].sort_values())

    found, attended_before = {}, {}
    sessions = world.tables["sessions"]
    sessions = sessions[sessions["episode_id"].isin(is_open["episode_id"])]
    for episode, rows in known(sessions, at).groupby("episode_id"):
        attended = rows[rows["then"] == "attended"]
        attended_before[episode] = len(attended)
        if (rows["then"] == "scheduled").any():
            continue
        mine = rows[rows["then"].isin(["client_cancel", "late_cancel"])]
        since = mine[mine["known_at"] > attended["starts_at"].max()] if len(attended) else mine
        if len(since):
            found[episode] = since.sort_values("known_at")["session_id"].iloc[-1]
    assert dict(zip(reschedule["episode_id"], reschedule["session_id"], strict=True)) == found
    assert (risk["episode_id"].map(attended_before) == risk["n_attended"]).all()


def test_what_happened_is_what_the_tables_show(world):
    """Three months later the tables show who came back within 30 days, and nobody coming back who never does."""
    at = pd.Timestamp(AS_OF)
    sessions = world.tables["sessions"]
    later = sessions[(sessions["status"] == "attended") & (sessions["starts_at"] > at)]
    first = later.groupby("episode_id")["starts_at"].min()
    table = world.truth["reschedule"].set_index("episode_id")
    days = (first.reindex(table.index) - at) / pd.Timedelta(days=1)
    for limit in (7, 14, 30):
        assert ((days <= limit) == (table[f"returned_{limit}d"] == 1)).all()
    assert not (days.notna() & (table["happened"] == 1)).any()
    risk = world.truth["risk"].set_index("episode_id")
    last = later.groupby("episode_id")["starts_at"].max().reindex(risk.index)
    assert not ((last > at + pd.Timedelta(days=30)) & (risk["dropout_30d"] == 1)).any()
    assert not ((last > at + pd.Timedelta(days=60)) & (risk["dropout_60d"] == 1)).any()
    closed = world.tables["episodes"].set_index("episode_id")["closure_reason"].reindex(risk.index).dropna()
    left = closed.isin(["client_dropout", "client_declined"])
    assert ((risk["ending"].reindex(closed.index) == "dropout") == left).all()


def test_standard_errors_are_honest():
    """Two independent sets of roll-outs (seed 8; 150 and 151 of them) differ as their standard errors say.

    The spread of z over some 600 episodes with probabilities between 0.05 and 0.95 is known to 3%. It is below 1, since
    roll-outs are stratified, and above 0.5.
    """
    one, two = (simulate(1200, seed=8, truth=True, rollouts=n, as_of_dates=[AS_OF]).truth["risk"] for n in (150, 151))
    inside = one["p_dropout_60d"].between(0.05, 0.95)
    z = (one["p_dropout_60d"] - two["p_dropout_60d"]) / np.hypot(one["se_60d"], two["se_60d"])
    assert inside.sum() > 150
    assert 0.5 < z[inside].std() < 1.1
    assert abs(z[inside].mean()) < 4 / np.sqrt(inside.sum())


def states_at(days_before: int, n: int = 400, seed: int = 31):
    """States of open episodes of a small plain world at one midnight."""
    rules, end = rules_of("plain"), minute("2026-06-30")
    rng = np.random.Generator(np.random.PCG64(seed))
    clinics = draw_clinics(n, end, rules, rng)
    traits = draw_clients(n, clinics, end, rules, rng)
    first = opening(traits, clinics, np.arange(n), traits["opened_at"], rules, rng)
    watch = Watch.empty(end - days_before * DAY, first)
    advance(first, rules, rng, end, clinics.words, watches=(watch,))
    return take(watch.state, np.flatnonzero(watch.there)), watch.at, rules, rng


@pytest.mark.parametrize("phase", ["booked", "silent"])
def test_next_event_given_silence_equals_its_slow_twin(phase):
    """What is drawn given that nothing was seen until now is what is left of plain draws when the seen are taken out.

    The twin draws from the beginning of the silence (or of the wait for a session) and throws away what would
    have been seen. At most 40 episodes, 20,000 draws each; seed 31. Compared are the share of each kind of event and
    the mean day of the event; a z beyond 4.5 in 40 x 5 comparisons has a chance of 0.1%.
    """
    states, at, rules, rng = states_at(100)
    is_silent = states["phase"] == SILENT
    wait = at - states["since"]
    states["leaves_at"][:] = NEVER
    usable = np.flatnonzero((is_silent == (phase == "silent")) & (wait > DAY) & (wait < 60 * DAY))[:40]
    assert len(usable) >= 15
    draws = 20_000
    for episode in usable:
        state = take(states, np.full(draws, episode))
        state["t"] = np.full(draws, at)
        fast = draw_next(state, rules, rng)
        assert (fast.at > at).all()
        state["t"] = state["since"].copy()
        slow = draw_next(state, rules, rng)
        unseen = slow.at > at
        n = unseen.sum()
        if n < 200:
            continue
        for kind in np.unique(fast.kind):
            one, two = (fast.kind == kind).mean(), (slow.kind[unseen] == kind).mean()
            pooled = (one * draws + two * n) / (draws + n)
            assert abs(one - two) < 4.5 * np.sqrt(pooled * (1 - pooled) * (1 / draws + 1 / n)) + 1e-9, (episode, kind)
        quick, late = np.minimum(fast.at, at + 200 * DAY) / DAY, np.minimum(slow.at[unseen], at + 200 * DAY) / DAY
        error = np.sqrt(quick.var() / draws + late.var() / n)
        assert abs(quick.mean() - late.mean()) < 4.5 * error + 1e-6


def test_chance_of_being_gone_grows_with_silence():
    """The formula of `process`, by hand: half gone at the beginning, median of the return 10 days, no closures."""
    states, _, rules, rng = states_at(100)
    one = np.flatnonzero(states["phase"] == SILENT)[:1]
    for days in (0, 10, 40):
        state = take(states, np.repeat(one, 50_000))
        state["since"] = np.full(50_000, minute("2026-01-05"))
        state["t"] = state["since"] + days * DAY
        state |= {"w_gone": np.full(50_000, 0.5), "median": np.full(50_000, 10.0), "forgotten": np.ones(50_000, bool),
                  "said_end": np.zeros(50_000, bool), "leaves_at": np.full(50_000, NEVER)}
        for name in ("w_completed", "w_service", "w_other"):
            state[name] = np.zeros(50_000)
        coming = draw_next(state, rules, rng)
        away = 1 / (1 + (days / 10) ** rules.return_shape)
        expected = 0.5 / (0.5 + 0.5 * away)
        # 50,000 draws: five standard errors are 0.011 at most
        assert abs((coming.kind == NOTHING_MORE).mean() - expected) < 0.011
        assert set(np.unique(coming.kind)) <= {RETURN, CLOSE, NOTHING_MORE}


def test_as_of_dates():
    world = simulate(300, seed=2, truth=True, rollouts=5)
    assert sorted(world.truth["risk"]["as_of"].unique()) == ["2025-12-30", "2026-03-31", "2026-06-30"]
    chosen = simulate(300, seed=2, truth=True, rollouts=5, as_of_dates=["2026-06-01", "2025-01-15", "2025-01-15"])
    assert sorted(chosen.truth["risk"]["as_of"].unique()) == ["2025-01-15", "2026-06-01"]
    meant = chosen.truth["intents"]
    mine = chosen.tables["messages"].query("sender == 'client'")["message_id"]
    assert sorted(meant["message_id"]) == sorted(mine)
