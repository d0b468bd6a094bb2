"""Baseline covariates: what is one, how it is read, and from when it is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
from random_histories import read

from dropout.features.baseline import FEWEST_CLIENTS, MOST_LEVELS, Covariates, compute, covariates, group, not_learnt
from dropout.history import read_history
from dropout.timeline import Moments, Timeline


def clinic(clients: dict[str, list], n: int, episodes: dict[str, list] | None = None) -> Timeline:
    """A clinic of n clients with one session each."""
    ids = [f"c{k:03d}" for k in range(n)]
    frames = {
        "sessions": pd.DataFrame({"client_id": ids, "starts_at": "2024-01-08T10:00", "status": "attended"}),
        "clients": pd.DataFrame({"client_id": ids, **clients})}
    if episodes:
        frames["episodes"] = pd.DataFrame({"client_id": ids, "episode_id": "e1", "opened_at": "2024-01-05T10:00", **episodes})
    return read_history(frames).timeline


def values_at(timeline: Timeline, chosen: Covariates, moment: str = "2024-01-08T10:00") -> dict[str, list]:
    moments = Moments(np.arange(len(timeline)), np.full(len(timeline), int(pd.Timestamp(moment).timestamp())))
    return {name: value.tolist() for name, value in compute(timeline, moments, chosen).items()}


def test_numbers_booleans_and_levels():
    n = 2 * FEWEST_CLIENTS + 2
    timeline = clinic({
        "income": [1000.0 + k for k in range(n)],
        "employed": [True, False] * (n // 2),
        "referred_by": ["doctor", "self"] * FEWEST_CLIENTS + ["court", None],
        "born": pd.date_range("1980-01-01", periods=n),
        "nickname": [f"name {k}" for k in range(n)],
        "birth_year": [1980] * n,
    }, n)
    found = covariates(timeline, exclude=["nothing"])
    assert found.numbers == (("clients", "birth_year"), ("clients", "employed"), ("clients", "income"))
    assert found.levels == {("clients", "referred_by"): ("doctor", "self")}, "one client alone makes no level"
    assert set(found.left_out) == {"born", "nickname"}
    assert "is a time" in found.left_out["born"] and str(MOST_LEVELS) in found.left_out["nickname"]
    names = [feature.name for feature in group(found).features]
    values = values_at(timeline, found)
    assert names == list(values) == ["age", "clients.employed", "clients.income", "clients.referred_by = doctor",
                                     "clients.referred_by = self"]
    assert values["age"] == [44.0] * n and values["clients.employed"] == [1.0, 0.0] * (n // 2)
    assert values["clients.referred_by = doctor"][:4] == [1.0, 0.0, 1.0, 0.0]
    assert values["clients.referred_by = doctor"][-2] == 0.0 and np.isnan(values["clients.referred_by = doctor"][-1])
    assert all(feature.reason is None for feature in group(found).features), "who somebody is is never a reason"
    assert covariates(timeline, exclude=["income"]).left_out["income"] == "excluded"


def test_a_column_of_both_tables_is_two_features():
    timeline = clinic({"distance": [1.0] * 3}, 3, {"distance": [2.0] * 3})
    found = covariates(timeline)
    assert values_at(timeline, found) == {"clients.distance": [1.0] * 3, "episodes.distance": [2.0] * 3}


def test_a_column_of_episodes_is_known_from_the_opening():
    timeline = read({
        "sessions": pd.DataFrame([("a", "2024-01-08T10:00", "attended", "2024-01-02T10:00")],
                                 columns=["client_id", "starts_at", "status", "booked_at"]),
        "episodes": pd.DataFrame([("a", "2024-01-05T10:00", "1", 6.0)],
                                 columns=["client_id", "opened_at", "extra", "planned_sessions"])}).timeline
    chosen = Covariates((("episodes", "extra"),), {("episodes", "extra"): ("1",)})
    assert timeline.begins.tolist() == [int(pd.Timestamp("2024-01-02T10:00").timestamp())]
    for moment, known in (("2024-01-05T09:59:59", False), ("2024-01-05T10:00", True)):
        for value in values_at(timeline, chosen, moment).values():
            assert value == [1.0] if known else np.isnan(value).all()


def test_levels_are_read_alike_whether_a_word_stands_among_them_or_not():
    """A column of 1, 2 and x is text; once the x is not known yet, it comes as numbers."""
    chosen = Covariates((), {("clients", "ward"): ("1", "2.5", "x"), ("clients", "code"): ("007", "x")})
    words = clinic({"ward": ["1", "2.5", "x"], "code": ["007", "7", "x"]}, 3)
    assert values_at(words, chosen) == {
        "clients.ward = 1": [1, 0, 0], "clients.ward = 2.5": [0, 1, 0], "clients.ward = x": [0, 0, 1],
        "clients.code = 007": [1, 0, 0], "clients.code = x": [0, 0, 1]}
    numbers = clinic({"ward": ["1", "2.5"], "code": ["7", "8"]}, 2)
    assert numbers.tables.clients["ward"].dtype == np.float64
    assert values_at(numbers, chosen) == {
        "clients.ward = 1": [1, 0], "clients.ward = 2.5": [0, 1], "clients.ward = x": [0, 0],
        "clients.code = 007": [0, 0], "clients.code = x": [0, 0]}
    as_number = Covariates((("clients", "ward"),))
    np.testing.assert_array_equal(values_at(words, as_number)["clients.ward"], [1.0, 2.5, np.nan])


def test_absent_tables_columns_and_clients_are_unknown():
    chosen = Covariates((("clients", "birth_year"), ("clients", "income"), ("episodes", "cost")),
                        {("clients", "ward"): ("a",)})
    sessions = pd.DataFrame({"client_id": ["a", "b"], "starts_at": "2024-01-08T10:00", "status": "attended"})
    for frames in ({}, {"clients": pd.DataFrame({"client_id": ["b"], "income": [5.0]})}):
        timeline = read_history({"sessions": sessions} | frames).timeline
        values = values_at(timeline, chosen)
        assert list(values) == ["age", "clients.income", "episodes.cost", "clients.ward = a"]
        income = values.pop("clients.income")
        np.testing.assert_array_equal(income, [np.nan, 5.0] if frames else [np.nan, np.nan])
        assert all(np.isnan(value).all() for value in values.values())


def test_what_a_model_does_not_know_is_said():
    timeline = clinic({"ward": ["1", "2", "y"], "shoe_size": [40.0, 41.0, 42.0], "note": ["a", "b", "c"]}, 3)
    chosen = Covariates((), {("clients", "ward"): ("1", "2.0", "x")}, {"note": "excluded"})
    assert not_learnt(timeline, chosen) == [
        "clients.shoe_size was not in training and is not used",
        "clients.ward has levels that training did not have, or too rarely, in 1 episodes"]
