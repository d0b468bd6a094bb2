"""Lists of calls: by hand, against all orders of ties, and with clients drawn again."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dropout.evaluation.capacity import capacity_table, found, found_at_random, sentence
from dropout.evaluation.intervals import Resamples


def test_by_hand():
    y, p = np.array([1.0, 0, 1, 0, 0]), np.array([0.9, 0.8, 0.7, 0.2, 0.1])
    assert [float(found(y, p, k)) for k in (0, 1, 2, 3, 5, 9)] == [0, 1, 1, 2, 2, 2]
    assert float(found_at_random(y, 2)) == pytest.approx(0.8)
    assert float(found_at_random(y, 50)) == 2


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 2)), min_size=1, max_size=6), st.integers(1, 7))
def test_ties_are_the_mean_over_all_orders(rows, calls):
    y, p = np.array([r[0] for r in rows], dtype=float), np.array([r[1] / 2 for r in rows])
    every = []
    for order in permutations(range(len(y))):
        ranked = sorted(order, key=lambda i: -p[i])
        every.append(y[ranked[:calls]].sum())
    assert float(found(y, p, calls)) == pytest.approx(np.mean(every))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=12),
       st.integers(1, 10))
def test_a_weight_is_that_many_rows(rows, calls):
    y, p, w = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    again = np.repeat(np.arange(len(y)), w.astype(int))
    assert float(found(y, p, calls, w)) == pytest.approx(float(found(y[again], p[again], calls)))
    assert float(found_at_random(y, calls, w)) == pytest.approx(float(found_at_random(y[again], calls))
                                                               if len(again) else 0.0)


def test_table_is_a_mean_over_dates():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({
        "as_of": np.repeat(np.array(["2026-01-01", "2026-01-29"], dtype="datetime64[s]"), 50),
        "client_id": [f"C{i}" for i in range(50)] * 2,
        "clinic_id": "",
        "y": rng.integers(0, 2, 100).astype(float),
    })
    frame["sure"] = frame["y"]
    frame["blind"] = 0.3
    table = capacity_table(frame, ["sure", "blind"], Resamples.of(frame["client_id"], 100, 1), calls=(10,))
    sure, blind = table.set_index("predictor").loc["sure"], table.set_index("predictor").loc["blind"]
    assert sure["found"] == 10 and sure["share_found"] == pytest.approx(10 / (frame["y"].sum() / 2))
    assert blind["found"] == pytest.approx(blind["random"])
    assert blind["found_low"] < blind["found"] < blind["found_high"]
    assert sure["dates"] == 2 and sure["n_per_list"] == 50 and sure["clients"] == 50
    said = sentence(sure, "leave within 60 days")
    assert "finds 10.0 (10.0 to 10.0) of them" in said and "at random" in said


def test_each_clinic_has_a_list_of_its_own():
    frame = pd.DataFrame({
        "as_of": np.datetime64("2026-01-01", "s"), "client_id": [f"C{i}" for i in range(100)],
        "clinic_id": ["K1"] * 90 + ["K2"] * 10, "y": [1.0] * 90 + [0.0] * 8 + [1.0] * 2,
        "model": [0.9] * 90 + [0.1] * 8 + [0.2] * 2})
    row = capacity_table(frame, ["model"], Resamples.of(frame["client_id"], 50, 1), calls=(5,)).iloc[0]
    # Five of K1's and both of K2's: on one list for both clinics, K2 would have had no call.
    assert row["lists"] == 2 and row["found"] == pytest.approx((5 + 2) / 2)
    assert row["random"] == pytest.approx((5 + 1) / 2)
    assert "of a clinic on a date" in sentence(row, "leave")
    small = frame.iloc[50:]
    row = capacity_table(small, ["model"], Resamples.of(small["client_id"], 50, 1), calls=(5,)).iloc[0]
    assert row["lists"] == 1 and row["found"] == 5 and "of a clinic" not in sentence(row, "leave")


def test_one_client_has_numbers_without_interval():
    frame = pd.DataFrame({"as_of": np.array(["2026-01-01"], dtype="datetime64[s]"), "client_id": ["A"],
                          "clinic_id": ["K"], "y": [1.0], "model": [0.5]})
    row = capacity_table(frame, ["model"], Resamples.of(frame["client_id"], 20), calls=(10,)).iloc[0]
    assert row["found"] == 1 and np.isnan(row["found_low"]) and "(" not in sentence(row, "leave")
