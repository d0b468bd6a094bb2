"""The CTN-0094 converter on the real source, where it lies beside the project; aggregates only."""

from __future__ import annotations

from pathlib import Path

import pytest

from dropout.history import read_history
from dropout.tables.convert import convert

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "ctn0094"


@pytest.fixture(scope="module")
def real():
    if not REAL.is_dir():
        pytest.skip("the CTN-0094 tables are not in ../shared/data/ctn0094, beside the project")
    return convert("ctn0094", REAL)


def test_every_row_of_the_real_visits_is_a_session_or_a_loss(real):
    set_aside = sum(loss.rows for loss in real.losses if loss.table == "visit")
    assert set_aside + len(real.tables["sessions"]) == 39_157
    assert len(real.tables["clients"]) == 1_800
    assert real.counts()["sessions_by_status"] == {"attended": 26_159, "no_show": 6_525}
    assert not real.tables["sessions"].duplicated(["client_id", "starts_at"]).any()


def test_retention_on_the_real_visits_is_the_published_one(real):
    # Hser et al. (2014), Addiction 109:79: 74% of those on methadone and 46% of those on buprenorphine completed the
    # 24 weeks of CTN-0027; of 1,267 people, here 1,022. The standard error of the first is 2 points.
    episodes = real.tables["episodes"]
    completed = (episodes["closure_reason"] == "completed").groupby(episodes["arm"]).mean()
    assert completed["Methadone"] == pytest.approx(0.74, abs=0.03)
    assert completed["Outpatient BUP"] == pytest.approx(0.46, abs=0.03)


def test_the_real_visits_pass_the_check_and_nearly_all_endings_are_mature(real):
    history = read_history(real.tables)
    assert {(p.severity, p.column) for p in history.problems} <= {
        ("warning", "booked_at"), ("warning", "cancelled_at"),
    }  # fmt: skip
    endings = history.episodes()["ending"].value_counts()
    assert endings["completed"] == 1_190
    assert endings["dropout"] > 750
    assert endings["ongoing"] < 10
    # Entry is spread out: half-way through, many have left and many are being treated.
    midway = history.as_of("2000-09-01").episodes()["ending"].value_counts()
    assert midway["dropout"] > 200 and midway["ongoing"] > 400
