"""The order of rows in the source never matters."""

import pandas as pd
from as_of_twin import histories
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal
from small_histories import TODAY, sessions

from dropout.errors import HistoryError
from dropout.tables import Tables, read_tables
from dropout.tables.order import in_order


@settings(max_examples=40, deadline=None)
@given(histories(), st.randoms(use_true_random=False))
def test_shuffled_rows_come_out_the_same(tables, random):
    for name, frame in tables.present().items():
        order = list(range(len(frame)))
        random.shuffle(order)
        shuffled, rows = in_order(name, frame.iloc[order], tables.rows[name][order])
        assert_frame_equal(shuffled, frame)
        assert sorted(rows) == sorted(tables.rows[name])


@settings(max_examples=25, deadline=None)
@given(histories(), st.randoms(use_true_random=False))
def test_reading_shuffled_frames(tables, random):
    frames = {"sessions": tables.sessions.drop(columns="session_id", errors="ignore").drop_duplicates()}
    frames |= {name: frame for name, frame in tables.present().items() if name in ("messages", "measures")}
    if "measures" in frames:
        frames["measures"] = frames["measures"].dropna()
    first = read_if_possible(frames)
    if first is None:
        return
    shuffled = {name: frame.sample(frac=1, random_state=random.randrange(1000)) for name, frame in frames.items()}
    second = read_if_possible(shuffled)
    for name, frame in first.present().items():
        assert_frame_equal(frame, second.present()[name])
    assert first.extraction_at() == second.extraction_at()
    assert sorted(p.problem for p in first.problems) == sorted(p.problem for p in second.problems)


def read_if_possible(frames: dict[str, pd.DataFrame]) -> Tables | None:
    if (frames["sessions"]["status"] == "scheduled").all() and "booked_at" not in frames["sessions"]:
        return None
    try:
        return read_tables(frames, today="2025-01-20")
    except HistoryError as error:
        assert {problem.problem[:7] for problem in error.problems if problem.severity == "error"} == {"nothing"}
        return None


def test_ties_are_broken_by_what_the_rows_hold():
    columns = "client_id starts_at status therapist_id"
    rows = [
        ("1", "2025-01-01T10:00", "no_show", "b"),
        ("1", "2025-01-01T10:00", "no_show", None),
        ("1", "2025-01-01T10:00", "attended", "z"),
        ("1", "2025-01-01T10:00", "no_show", "a"),
        ("0", "2025-01-02T10:00", "attended", "a"),
    ]
    for given_rows in (rows, rows[::-1]):
        tables = read_tables(sessions(*given_rows, columns=columns), today=TODAY)
        assert tables.sessions["client_id"].tolist() == ["0", "1", "1", "1", "1"]
        assert tables.sessions["status"].tolist() == ["attended", "attended", "no_show", "no_show", "no_show"]
        assert tables.sessions["therapist_id"].tolist()[:4] == ["a", "z", "a", "b"]
        assert tables.sessions["therapist_id"].isna().tolist()[4]
        back = {number: row for number, row in zip(tables.rows["sessions"], tables.sessions.itertuples(), strict=True)}
        for number, row in enumerate(given_rows, start=1):
            assert back[number].status == row[2]
