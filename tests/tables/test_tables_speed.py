"""Reading and checking a million sessions."""

import time

import numpy as np
import pandas as pd
import pytest

from dropout.tables import known_by, read_tables


@pytest.mark.slow
def test_a_million_sessions(tmp_path):
    count, rng = 1_000_000, np.random.default_rng(0)
    starts = np.datetime64("2020-01-01", "s") + rng.integers(0, 5 * 365 * 96, count) * np.timedelta64(900, "s")
    status = rng.choice(["attended", "no_show", "client_cancel"], count)
    frame = pd.DataFrame(
        {
            "client_id": rng.integers(0, 50_000, count),
            "starts_at": starts,
            "status": status,
            "session_id": np.arange(count),
            "booked_at": starts - rng.integers(86_400, 2_000_000, count).astype("timedelta64[s]"),
            "cancelled_at": np.where(
                status == "client_cancel", starts - np.timedelta64(7200, "s"), np.datetime64("NaT")
            ),
        }
    )
    frame.to_csv(tmp_path / "sessions.csv", index=False)
    began = time.process_time()
    tables = read_tables(tmp_path, today="2026-01-01")
    assert time.process_time() - began < 15
    assert len(tables.sessions) == count
    began = time.process_time()
    known_by(tables, "2023-01-01")
    assert time.process_time() - began < 3
