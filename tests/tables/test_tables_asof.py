"""Tables as of a time: against the slow twin, cut twice, and the rules one by one."""

import os

import numpy as np
import pandas as pd
import pytest
from as_of_twin import extraction_slowly, histories, known_by_slowly, past
from hypothesis import given, settings
from pandas.testing import assert_frame_equal
from small_histories import TODAY, VALID, sessions

from dropout.errors import CallError
from dropout.tables import Tables, booking_known_at, known_by, outcome_known_at, read_tables

EXAMPLES = int(os.environ.get("AS_OF_EXAMPLES", "80"))


def assert_same(one: Tables, other: Tables) -> None:
    assert list(one.present()) == list(other.present())
    for name, frame in one.present().items():
        assert_frame_equal(frame, other.present()[name], obj=name)
        assert one.rows[name].tolist() == other.rows[name].tolist(), name


@settings(max_examples=EXAMPLES, deadline=None)
@given(histories(), past)
def test_the_fast_way_is_the_slow_way(tables, t):
    cut = known_by(tables, t)
    assert_same(cut, known_by_slowly(tables, t))
    for held in (tables, cut):
        end, slow = held.extraction_at(), extraction_slowly(held)
        assert np.isnat(end) if slow is None else end == np.datetime64(slow, "s")
    assert np.isnat(end) or end <= np.datetime64(t)


@settings(max_examples=EXAMPLES, deadline=None)
@given(histories(), past, past)
def test_cutting_twice_is_cutting_once(tables, s, t):
    early, late = sorted((s, t))
    once = known_by(tables, early)
    assert_same(known_by(known_by(tables, late), early), once)
    assert_same(known_by(once, early), once)
    assert_same(known_by(once, late), once)


@settings(max_examples=EXAMPLES // 2, deadline=None)
@given(histories())
def test_everything_is_known_at_the_extraction_date(tables):
    end = tables.extraction_at()
    if not np.isnat(end):
        cut = known_by(tables, end)
        assert len(cut.sessions) == len(tables.sessions)
        assert_frame_equal(
            cut.sessions.sort_values("client_id", ignore_index=True).filter(["client_id"]),
            tables.sessions[["client_id"]],
        )
        for name in ("messages", "measures", "episodes", "clients"):
            assert (getattr(cut, name) is None) == (getattr(tables, name) is None)


@pytest.fixture
def valid(folder):
    return read_tables(folder(**VALID), today=TODAY)


def test_a_booking_a_cancellation_an_outcome(valid):
    def statuses(t):
        held = known_by(valid, t).sessions
        return dict(zip(held["session_id"], held["status"], strict=True))

    assert statuses("2025-01-02") == {}
    assert statuses("2025-01-02T09:00") == {"s4": "scheduled"}
    assert statuses("2025-01-10T13:59:59") == {"s1": "scheduled", "s4": "scheduled"}
    assert statuses("2025-01-10T14:00") == {"s1": "attended", "s4": "scheduled"}
    assert statuses("2025-01-24T07:59:59")["s3"] == "scheduled"
    assert statuses("2025-01-24T08:00")["s3"] == "late_cancel", "before it would have started"
    assert known_by(valid, "2025-01-24T07:59:59").sessions["cancelled_at"].isna().all()


def test_what_is_owed_is_known_on_the_day(valid):
    def owed(t):
        held = known_by(valid, t).sessions
        return held.set_index("session_id")["fee_owed"].to_dict()

    assert np.isnan(owed("2025-01-17T13:59:59")["s2"])
    assert owed("2025-01-17T14:00")["s2"] == 12.5
    assert np.isnan(owed("2025-01-24T08:00")["s3"]), "cancelled, but the day of the balance has not come"


def test_a_bare_date_is_its_beginning_and_a_date_is_known_at_its_end(valid):
    assert known_by(valid, "2025-01-02").episodes is None
    assert known_by(valid, "2025-01-02T23:59:58").episodes is None
    assert len(known_by(valid, "2025-01-03").episodes) == 2


def test_absent_when_nothing_was_known(valid):
    cut = known_by(valid, "2024-12-31")
    assert list(cut.present()) == ["sessions"]
    assert len(cut.sessions) == 0
    assert cut.sessions.dtypes.equals(valid.sessions.dtypes)
    assert np.isnat(cut.extraction_at())


def test_messages_before_the_first_known_session_are_those_of_an_unknown_client():
    history = sessions(("1", "2025-01-10T10:00", "attended"), ("2", "2025-01-01T10:00", "attended"))
    history["messages"] = pd.DataFrame({"client_id": ["1"], "sent_at": ["2025-01-02"], "text": ["hello"]})
    tables = read_tables(history, today=TODAY)
    assert known_by(tables, "2025-01-05").messages is None
    assert len(known_by(tables, "2025-01-10T10:00").messages) == 1


def test_undated_bookings_are_known_with_their_outcome():
    tables = read_tables(
        sessions(
            ("1", "2025-01-01T10:00", "attended"),
            ("1", "2025-01-08T10:00", "client_cancel"),
            ("1", "2025-01-20T10:00", "scheduled"),
        ),
        today=TODAY,
    )
    end = tables.extraction_at()
    assert end == np.datetime64("2025-01-08T10:00")
    assert known_by(tables, "2025-01-08T09:59:59").sessions["status"].tolist() == ["attended"]
    assert known_by(tables, end).sessions["status"].tolist() == ["attended", "client_cancel", "scheduled"]
    assert outcome_known_at(tables.sessions, end).astype(str).tolist() == [
        "2025-01-01T10:00:00",
        "2025-01-08T10:00:00",
        "NaT",
    ]
    assert booking_known_at(tables.sessions, end).astype(str).tolist()[2] == "2025-01-08T10:00:00"


def test_a_reason_without_a_date_is_known_at_the_end(folder):
    episodes = "client_id,episode_id,opened_at,closure_reason\n007,e1,2025-01-02,moved\n12,e1,2025-01-02,\n"
    tables = read_tables(folder(**VALID | {"episodes": episodes}), today=TODAY)
    assert known_by(tables, "2025-01-24T07:59:59").episodes["closure_reason"].isna().all()
    assert known_by(tables, "2025-01-24T08:00").episodes["closure_reason"].tolist()[0] == "moved"


def test_a_later_word_does_not_change_how_earlier_numbers_are_read(folder):
    clients = "client_id,age\n007,44\n12,unknown\n"
    late = VALID["sessions"].replace("12,2025-01-13T09:00,attended,s4,e1,2025-01-02T09:00,,in_person,\n", "")
    tables = read_tables(folder(sessions=late, clients=clients), today=TODAY)
    assert tables.clients["age"].tolist() == ["44", "unknown"]
    early = known_by(tables, "2025-01-12")
    assert early.clients["age"].tolist() == [44.0]


@pytest.mark.parametrize("moment", ["soon", None, "2025-01-01T00:00Z", float("nan")])
def test_wrong_moments(valid, moment):
    with pytest.raises(CallError, match="local date"):
        known_by(valid, moment)
