"""The silence clock: it never goes back, it is the odds that it says it is, and the days that it learns from."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from past_silences import Past

from dropout.cli import main
from dropout.errors import ModelError
from dropout.history import History, read_history
from dropout.models.clock import (
    DAYS,
    DAYS_ASKED,
    FARTHEST,
    FEWEST_IN_STEP,
    KINDS,
    SilenceClock,
    _busy,
    days_of,
    on_day,
)
from dropout.models.logistic import expit
from dropout.models.model import DropoutModel
from dropout.models.silences import Outcomes
from dropout.simulate import write_tables

EVERY_DAY = np.arange(0, 91.0)


def outcomes_of(over: list[float], followed: list[float], known: list[bool]) -> Outcomes:
    n, never = len(over), np.full(len(over), np.inf)
    return Outcomes(np.zeros(n, dtype=bool), np.array(known, dtype=bool), never, never, np.array(over, dtype=float), never,
                    np.array(followed, dtype=float))


@given(st.lists(st.tuples(st.floats(-5, 400), st.lists(st.floats(-6, 6), min_size=len(DAYS), max_size=len(DAYS))), max_size=8))
def test_a_day_between_lies_on_a_straight_line(asked):
    days = np.array([day for day, _ in asked])
    curves = np.array([curve for _, curve in asked]).reshape(len(asked), len(DAYS))
    found = on_day(curves, days)
    assert found.shape == (len(asked),)
    for value, day, curve in zip(found, days, curves, strict=True):
        assert np.isclose(value, np.interp(day, DAYS, curve), rtol=1e-12, atol=1e-12)


def test_a_day_of_the_grid_is_itself_to_the_last_bit():
    curves = np.random.default_rng(0).normal(size=(len(DAYS), len(DAYS)))
    assert np.array_equal(on_day(curves, DAYS), np.diag(curves))
    assert np.array_equal(on_day(curves[:2], np.array([301.0, 9e9])), curves[:2, -1]), "level after the last"


row = st.tuples(st.sampled_from([0.0, 0.5, 3.0, 10.0, 45.5, 120.0, 500.0, np.inf]),
                st.sampled_from([0.0, 59.0, 60.0, 60.5, 74.0, 119.9, 180.0, 700.0]), st.booleans())


@given(st.lists(row, max_size=12), st.sampled_from([0, 30, 60]))
def test_the_days_of_past_silences(rows, maturity):
    found = outcomes_of(*(list(column) for column in zip(*rows, strict=True))) if rows else outcomes_of([], [], [])
    days = days_of(found, maturity)
    expected = [(k, day) for k, (over, followed, known) in enumerate(rows) for day in DAYS_ASKED
                if known and day < over and followed - day >= maturity and followed >= maturity]
    assert list(zip(days.which.tolist(), days.days.tolist(), strict=True)) == expected


def test_each_day_asked_stands_for_the_nights_around_it():
    days = days_of(outcomes_of([np.inf], [1000.0], [True]), 60)
    assert days.days.tolist() == DAYS_ASKED.tolist()
    nights = np.arange(0.25, 135, 0.5)
    # Twice as many half nights lie nearest to a day as it counts for (the last stands for those up to the 135th).
    nearest = np.abs(nights[:, None] - DAYS_ASKED).argmin(axis=1)
    np.testing.assert_allclose(days.weight, np.bincount(nearest, minlength=len(DAYS_ASKED)) / 2, atol=0.51)
    assert days.weight.sum() == 135


@pytest.mark.parametrize("kind", KINDS)
def test_a_day_of_silence_never_lowers_the_odds(clock: SilenceClock, past: Past, kind: str):
    curves = clock.log_odds(past.silences.values, kind)
    assert len(curves) > 300 and np.isfinite(curves).all() and (np.abs(curves) <= FARTHEST).all()
    assert (np.diff(curves, axis=1) >= 0).all()
    assert (curves[:, -1] > curves[:, 0] + 0.5).mean() > 0.5, "and it does rise"
    p = np.stack([expit(on_day(curves, np.full(len(curves), day))) for day in np.arange(0, 320, 0.25)], axis=1)
    assert (np.diff(p, axis=1) >= -1e-15).all()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**20), kind=st.sampled_from(KINDS), unknown=st.floats(0, 1))
def test_nor_for_clients_like_nobody_before(clock: SilenceClock, past: Past, seed: int, kind: str, unknown: float):
    """Values mixed over clients, made larger, and left unknown at random."""
    rng, values = np.random.default_rng(seed), past.silences.values
    mixed = pd.DataFrame({name: rng.choice(values[name].to_numpy(), 30) * rng.choice([1, 1, -3, 40], 30) for name in values})
    mixed = mixed.mask(rng.random(mixed.shape) < unknown)
    curves = clock.log_odds(mixed, kind)
    assert np.isfinite(curves).all() and (np.diff(curves, axis=1) >= 0).all()
    assert (np.diff(clock.spread(mixed), axis=1) >= 0).all()


def test_trees_alone_never_fall_with_days(clock: SilenceClock, past: Past):
    """Not only on the days of the curve, where a running maximum would hide it."""
    assert clock.trees is not None
    raw = past.silences.values.to_numpy(float)[:200]
    nights = [clock.trees.logit(np.column_stack([np.full(len(raw), np.log1p(day)), raw])) for day in np.arange(0, 140, 0.5)]
    assert (np.diff(np.stack(nights, axis=1), axis=1) >= 0).all()


def test_the_stack_is_the_mean_of_both(clock: SilenceClock, past: Past):
    """As it was when the kinds were compared: an opinion without bounds would outweigh the other."""
    values = past.silences.values
    both = (clock.log_odds(values, "cure") + clock.log_odds(values, "boosting")) / 2
    np.testing.assert_allclose(clock.log_odds(values, "stack"), both, atol=1e-12)


def test_the_odds_are_those_of_the_two_clocks(clock: SilenceClock, past: Past):
    """odds = pi / (1 - pi) * G(t) / S(t), worked out from probabilities for one silence and day at a time."""
    values = past.silences.values.iloc[:40]
    curves, x = clock.log_odds(values, "cure"), clock.design.matrix(values)
    heard = clock.heard_within(values, DAYS)
    pi = expit(clock.cure.linear(x)[0])
    for i in range(len(values)):
        highest = -np.inf
        for j in range(len(DAYS)):
            open_of_gone = 1.0
            if clock.files is not None:
                never, speed = clock.files.linear(x[i : i + 1])
                p = 1 / (1 + np.exp(-never[0]))
                open_of_gone = p + (1 - p) * clock.files.survival(speed, DAYS[None, j : j + 1])[0, 0]
            away = 1 - heard[i, j]
            odds = np.inf if away <= 0 else pi[i] / (1 - pi[i]) * open_of_gone / away
            highest = max(highest, odds)
            if abs(np.log(highest)) < FARTHEST:
                assert np.isclose(curves[i, j], np.log(highest), rtol=1e-6, atol=1e-6)
            else:
                assert abs(curves[i, j]) > FARTHEST - 1e-6


def test_who_returns_has_been_heard_of_by_and_by(clock: SilenceClock, past: Past):
    heard = clock.heard_within(past.silences.values, EVERY_DAY)
    assert (heard[:, 0] == 0).all() and (np.diff(heard, axis=1) >= 0).all() and (heard <= 1).all()


def test_contributions_add_up_to_the_odds_of_never_coming_again(clock: SilenceClock, past: Past):
    values = past.silences.values
    added = clock.contributions(values)
    eta = clock.cure.linear(clock.design.matrix(values))[0]
    np.testing.assert_allclose(added.sum(axis=1) + clock.cure.theta[0], eta, atol=1e-9)
    assert set(added) <= set(values)


@given(st.lists(st.integers(0, 40), max_size=60), st.lists(st.integers(1, 40), min_size=1, max_size=6, unique=True).map(sorted))
def test_steps_in_which_little_happened_are_joined(days, later):
    found = _busy(np.array(days, dtype=float), (0, *later))
    edges = [*found, np.inf]
    counts = [sum(low <= day < high for day in days) for low, high in zip(edges, edges[1:], strict=False)]
    assert found[0] == 0 and set(found) <= {0, *later}
    assert len(found) == 1 or min(counts) >= FEWEST_IN_STEP


def test_the_same_silences_give_the_same_clock(past: Past, clock: SilenceClock):
    again = past.clock("stack")
    for kind in KINDS:
        assert np.array_equal(again.log_odds(past.silences.values, kind), clock.log_odds(past.silences.values, kind))
    assert np.array_equal(again.spread(past.silences.values), clock.spread(past.silences.values))


def test_a_clock_without_trees_says_so(clock: SilenceClock, past: Past):
    bare = SilenceClock("cure", clock.design, clock.cure, clock.files, clock.columns, None)
    assert np.array_equal(bare.log_odds(past.silences.values), clock.log_odds(past.silences.values, "cure"))
    with pytest.raises(ModelError, match="no trees"):
        bare._tree_log_odds(past.silences.values)


def untouched(history: History, one: str, other: str) -> set[tuple]:
    """Clients of whom the tables say the same at two dates."""
    early, late = history.as_of(one).tables.present(), history.as_of(other).tables.present()
    changed: set[str] = set()
    for name in early:
        rows = [set(frame[name].astype("str").itertuples(index=False, name=None)) for frame in (early, late)]
        at = list(early[name]).index("client_id")
        changed |= {line[at] for line in rows[0] ^ rows[1]}
    return set(early["sessions"]["client_id"]) - changed


@pytest.mark.parametrize("kind", KINDS)
def test_scored_night_after_night_the_silent_never_look_likelier_to_return(
    model: DropoutModel, history: History, clock: SilenceClock, kind: str
):
    """Through the whole of scoring: those of whom nothing new is known, five nights in a row."""
    assert model.reschedule_ is not None
    nights = [f"2026-05-{day}" for day in (20, 21, 22, 25)]
    whole = DropoutModel.__new__(DropoutModel)
    whole.__dict__.update(model.__dict__)
    chosen = SilenceClock(kind, clock.design, clock.cure, clock.files, clock.columns, clock.trees)
    whole.reschedule_ = type(model.reschedule_)(**{**model.reschedule_.__dict__, "clock": chosen})
    scored = [whole.score(history, as_of=night).reschedule.set_index(["client_id", "episode_id"]) for night in nights]
    n = 0
    for one, other, before, after in zip(nights, nights[1:], scored, scored[1:], strict=False):
        silent = untouched(history, one, other)
        both = before.join(after.add_suffix("_after"), how="inner")
        both = both[[client in silent for client, _ in both.index]]
        assert (both["cancelled_at"] == both["cancelled_at_after"]).all()
        assert (both["days_silent_after"] > both["days_silent"]).all()
        assert (both["p_dropout_after"] >= both["p_dropout"] - 1e-6).all()
        n += len(both)
    assert n > 50


def test_rows_in_another_order_and_a_second_night_give_the_same_scores(model: DropoutModel, history: History, simulated: dict):
    shuffled = read_history({name: table.sample(frac=1, random_state=5) for name, table in simulated.items()})
    first, again, other = (model.score(one, as_of="2026-05-20") for one in (history, history, shuffled))
    for second in (again, other):
        pd.testing.assert_frame_equal(first.reschedule, second.reschedule, check_exact=True)
        pd.testing.assert_frame_equal(first.dropout_risk, second.dropout_risk, check_exact=True)


def test_the_command_run_twice_and_on_shuffled_rows_writes_the_same_bytes(model: DropoutModel, simulated: dict, tmp_path):
    model.save(tmp_path / "model")
    for name, seed in (("one", None), ("shuffled", 4)):
        write_tables({table: frame if seed is None else frame.sample(frac=1, random_state=seed)
                      for table, frame in simulated.items()}, tmp_path / name)
    made = []
    for history, out in (("one", "first"), ("one", "second"), ("shuffled", "third")):
        assert main(["score", str(tmp_path / history), "--model", str(tmp_path / "model"), "--as-of", "2026-05-20", "--out",
                     str(tmp_path / out)]) == 0
        made.append({path.name: path.read_bytes() for path in sorted((tmp_path / out).glob("*.parquet"))})
    assert set(made[0]) == {"dropout_risk.parquet", "reschedule.parquet"}
    assert made[0] == made[1] == made[2]


def few_cancellations(n_gone: int, n_back: int) -> dict[str, pd.DataFrame]:
    """240 clients alike but for how long they stay; some cancel their last session, some of those are back in days."""
    rows, messages = [], []
    for k in range(240):
        name, begin, n = f"c{k:03d}", pd.Timestamp("2025-01-06T10:00") + pd.Timedelta(days=k % 90), 4 + k % 5
        weeks = list(range(n)) + ([n + j + 0.5 for j in range(1, 4)] if n_gone <= k < n_gone + n_back else [])
        weeks += list(range(n, n + 40)) if k >= n_gone + n_back and k % 2 else []
        rows += [(name, begin + pd.Timedelta(weeks=week), "attended", None) for week in weeks]
        if k < n_gone + n_back:
            due = begin + pd.Timedelta(weeks=n)
            rows.append((name, due, "client_cancel", due - pd.Timedelta(days=1 + k % 3)))
            messages.append((name, due - pd.Timedelta(days=1 + k % 3), "I'll call to reschedule"))
    return {"sessions": pd.DataFrame(rows, columns=["client_id", "starts_at", "status", "cancelled_at"]),
            "messages": pd.DataFrame(messages, columns=["client_id", "sent_at", "text"])}


@pytest.mark.parametrize(("n_gone", "n_back"), [(20, 20), (40, 40)])
def test_barely_enough_cancellations_all_back_within_days(n_gone: int, n_back: int):
    """Nobody is away for a week and returns then, few features are known often enough: there is a model all the same."""
    history = read_history(few_cancellations(n_gone, n_back))
    fitted = DropoutModel().fit(history)
    assert fitted.reschedule_ is not None and fitted.reschedule_.n_gone >= n_gone
    found = fitted.score(history, as_of="2025-04-20").reschedule
    assert len(found) > 10 and found["p_dropout"].between(0, 1).all()
    assert found.loc[found["days_silent"] > 30, "p_dropout"].min() > 0.6


def test_with_fewer_there_is_none_and_it_is_said():
    history = read_history(few_cancellations(19, 25))
    fitted = DropoutModel().fit(history)
    assert fitted.reschedule_ is None
    scores = fitted.score(history, as_of="2025-04-20")
    assert len(scores.reschedule) > 5 and scores.reschedule["p_dropout"].isna().all()
    assert any("too few past cancellations" in note for note in scores.notes)
