"""Checks: each wrong thing is named with its table, column, row and value, and one does not hide another."""

import numpy as np
import pandas as pd
import pytest
from small_histories import TODAY, VALID, sessions

from dropout.errors import HistoryError
from dropout.tables import examine, read_tables


def found(problems):
    return [(problem.table, problem.column, problem.row, problem.value) for problem in problems]


ERRORS = {
    "unknown status": (
        "sessions",
        "attended,s1",
        "Attended,s1",
        ("sessions", "status", 2, "Attended"),
        "Write attended",
    ),
    "unknown status far off": ("sessions", "attended,s1", "DNA,s1", ("sessions", "status", 2, "DNA"), "one of these"),
    "cancel is ambiguous": ("sessions", "no_show", "cancel", ("sessions", "status", 3, "cancel"), "one of these"),
    "empty client": (
        "sessions",
        "12,2025-01-13",
        ",2025-01-13",
        ("sessions", "client_id", 5, None),
        "Give the client_id",
    ),
    "empty start": ("sessions", "2025-01-13T09:00", "", ("sessions", "starts_at", 5, None), "Give the starts_at"),
    "empty status": ("sessions", "attended,s1", "NA,s1", ("sessions", "status", 2, None), "Give the status"),
    "bad time": ("sessions", "2025-01-13T09:00", "soon", ("sessions", "starts_at", 5, "soon"), "Write times as"),
    "day first": (
        "sessions",
        "2025-01-13T09:00",
        "13/1/2025 09:00",
        ("sessions", "starts_at", 5, "13/1/2025 09:00"),
        "--day-first",
    ),
    "bad number": ("sessions", "video,0", "video,£5", ("sessions", "fee_owed", 2, "£5"), "Write digits"),
    "infinite": ("sessions", "video,0", "video,inf", ("sessions", "fee_owed", 2, "inf"), "Write digits"),
    "duplicate session": ("sessions", "s4", "s1", ("sessions", "session_id", 5, "s1"), "Row 2 is the first"),
    "attended after today": (
        "sessions",
        "12,2025-02-03T09:00,scheduled",
        "12,2026-02-01T09:00,attended",
        ("sessions", "starts_at", 6, "2026-02-01T09:00:00"),
        "Write scheduled",
    ),
    "booked after today": (
        "sessions",
        "2025-01-13T10:00",
        "2026-02-01",
        ("sessions", "booked_at", 6, "2026-02-01"),
        "Correct the date",
    ),
    "cancelled after today": (
        "sessions",
        "2025-01-24T08:00",
        "2026-02-01",
        ("sessions", "cancelled_at", 4, "2026-02-01"),
        "Correct the date",
    ),
    "sent after today": (
        "messages",
        "2025-01-20T10:00",
        "2027-01-20T10:00",
        ("messages", "sent_at", 3, "2027-01-20T10:00:00"),
        "Correct",
    ),
    "latest alone": (
        "messages",
        "2025-01-20T10:00",
        "2025-04-20T10:00",
        ("messages", "sent_at", 3, "2025-04-20T10:00:00"),
        "Correct",
    ),
    "a start far ahead": (
        "sessions",
        "2025-02-03T09:00",
        "9999-12-31",
        ("sessions", "starts_at", 6, "9999-12-31"),
        "'unknown'",
    ),
    "a start long ago": (
        "episodes",
        "12,e1,2025-01-02",
        "12,e1,1900-01-01",
        ("episodes", "opened_at", 3, "1900-01-01"),
        "'unknown'",
    ),
    "unknown sender": ("messages", "m2,clinic", "m2,robot", ("messages", "sender", 3, "robot"), "one of these"),
    "duplicate message": ("messages", "m2", "m1", ("messages", "message_id", 3, "m1"), "Row 2 is the first"),
    "bad message time": (
        "messages",
        "2025-01-20T10:00",
        "01/20/2025",
        ("messages", "sent_at", 3, "01/20/2025"),
        "Write",
    ),
    "score too high": ("measures", "phq9,14", "phq9,28", ("measures", "score", 2, "28"), "Correct it"),
    "score too low": ("measures", "ors,21.5", "ors,-1", ("measures", "score", 3, "-1"), "Correct it"),
    "no score": ("measures", "phq9,14", "phq9,", ("measures", "score", 2, None), "Give the score"),
    "not a score": ("measures", "phq9,14", "phq9,1O", ("measures", "score", 2, "1O"), "Write digits"),
    "no measure": ("measures", "phq9,14", ",14", ("measures", "measure", 2, None), "Give the measure"),
    "closed before opened": (
        "episodes",
        "007,e1,2025-01-02,",
        "007,e1,2025-01-02,2025-01-01",
        ("episodes", "closed_at", 2, "2025-01-01"),
        "",
    ),
    "unknown reason": (
        "episodes",
        "12,e1,2025-01-02,,",
        "12,e1,2025-01-02,2025-01-20,drop out",
        ("episodes", "closure_reason", 3, "drop out"),
        "Write client_dropout",
    ),
    "duplicate episode": (
        "episodes",
        "12,e1,",
        "007,e1,",
        ("episodes", "episode_id", 3, "e1"),
        "Row 2 is the first",
    ),
    "half a session": ("episodes", ",12,\n", ",1.5,\n", ("episodes", "planned_sessions", 2, "1.5"), "whole number"),
    "fewer than none": ("episodes", ",12,\n", ",-3,\n", ("episodes", "planned_sessions", 2, "-3"), "Correct it"),
    "duplicate client": ("clients", "12,,m", "007,,m", ("clients", "client_id", 3, "007"), "Row 2 is the first"),
    "no client": ("clients", "12,,m", ",,m", ("clients", "client_id", 3, None), "Give the client_id"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_error(spoiled, case):
    table, old, new, where, mend = ERRORS[case]
    report = spoiled(table, old, new)
    assert found(report.errors) == [where], report.errors
    assert mend in report.errors[0].mend
    assert report.errors[0].source == f"{where[0]}.csv"


WARNINGS = {
    "unknown mode": ("sessions", "in_person,\n12", "zoom,\n12", ("sessions", "mode", 5, "zoom")),
    "unknown channel": ("messages", "client,sms", "client,pigeon", ("messages", "channel", 2, "pigeon")),
    "booked after the session": (
        "sessions",
        "2025-01-02T09:00",
        "2025-01-13T10:00",
        ("sessions", "booked_at", 5, "2025-01-13T10:00:00"),
    ),
    "cancelled after the start": (
        "sessions",
        "2025-01-24T08:00",
        "2025-01-25",
        ("sessions", "cancelled_at", 4, "2025-01-25"),
    ),
    "cancelled yet attended": (
        "sessions",
        "2025-01-03T09:00,,",
        "2025-01-03T09:00,2025-01-05,",
        ("sessions", "cancelled_at", 2, "2025-01-05"),
    ),
    "cancelled before booked": (
        "sessions",
        "15:00,2025-01-24T08:00",
        "15:00,2025-01-05",
        ("sessions", "cancelled_at", 4, "2025-01-05"),
    ),
    "forgotten": ("sessions", "12,2025-02-03", "12,2025-01-20", ("sessions", "status", 6, "scheduled")),
    "no booking time": ("sessions", "2025-01-02T09:00", "", ("sessions", "booked_at", None, None)),
    "no cancellation time": ("sessions", "2025-01-24T08:00", "", ("sessions", "cancelled_at", None, None)),
    "unknown episode": ("sessions", "s4,e1", "s4,e2", ("sessions", "episode_id", 5, "e2")),
    "unknown client writes": ("messages", "12,2025-01-20", "13,2025-01-20", ("messages", "client_id", 3, "13")),
    "nobody writes": ("messages", "12,2025-01-20", ",2025-01-20", ("messages", "client_id", 3, None)),
    "no time": ("messages", "2025-01-20T10:00", "", ("messages", "sent_at", 3, None)),
    "no text": ("messages", "thanks", "", ("messages", "text", 3, None)),
    "unknown client answers": ("measures", "12,2025", "13,2025", ("measures", "client_id", 3, "13")),
    "nearly a measure": ("measures", "phq9", "PHQ-9", ("measures", "measure", 2, "PHQ-9")),
    "reason without closure": (
        "episodes",
        "12,e1,2025-01-02,,",
        "12,e1,2025-01-02,,moved",
        ("episodes", "closure_reason", 3, "moved"),
    ),
    "born too early": ("clients", "1980", "198", ("clients", "birth_year", 2, "198")),
    "born tomorrow": ("clients", "1980", "2027", ("clients", "birth_year", 2, "2027")),
}


@pytest.mark.parametrize("case", WARNINGS)
def test_warning(spoiled, case):
    table, old, new, where = WARNINGS[case]
    report = spoiled(table, old, new)
    assert report.ok, report.errors
    assert found(report.warnings) == [where], report.warnings
    assert report.warnings[0].mend
    assert [str(problem) for problem in report.tables.problems] == [str(problem) for problem in report.warnings]


def test_what_is_right_is_not_named(spoiled):
    for table, old, new in (
        ("sessions", "2025-01-24T08:00", "2025-01-24"),  # cancelled on the day, the hour not known
        ("sessions", "2025-01-03T09:00", "2025-01-10"),  # booked on the day
        ("episodes", "007,e1,2025-01-02,", "007,e1,2025-01-02,2025-01-02T10:00"),
        ("sessions", "12,2025-02-03", "12,2027-02-03"),  # booked far ahead
        ("measures", "phq9,14", "my own,1400"),
        ("measures", "ors,21.5", "ors,40"),
    ):
        assert spoiled(table, old, new).problems == [], (table, new)


def test_set_aside_rows_are_counted_and_gone(folder):
    messages = "client_id,sent_at,text\n007,2025-01-11,a\n007,,b\n,2025-01-11,c\nx,2025-01-11,d\ny,2025-01-11,e\n"
    measures = "client_id,measured_at,measure,score\nx,2025-01-10T13:50,phq9,14\n"
    tables = read_tables(folder(**VALID | {"messages": messages, "measures": measures}), today=TODAY)
    assert tables.set_aside == {
        "messages without time": 1,
        "messages without client": 1,
        "messages of clients without a session": 2,
        "measures of clients without a session": 1,
    }
    assert tables.messages["text"].tolist() == ["a"]
    assert tables.measures is None, "a table of which nothing is left is absent"


def test_left_out_values_are_gone(folder):
    text = VALID["sessions"].replace("2025-01-03T09:00,,", "2025-01-03T09:00,2025-01-05,")
    clients = VALID["clients"].replace("1980", "198")
    tables = read_tables(folder(sessions=text, clients=clients), today=TODAY)
    assert tables.sessions["cancelled_at"].notna().tolist() == [False, False, True, False, False]
    assert tables.clients["birth_year"].isna().all()


def test_all_problems_come_at_once(folder):
    tables = dict(VALID)
    for table, old, new, *_ in (ERRORS["unknown status"], ERRORS["bad message time"], ERRORS["score too high"],
                                ERRORS["closed before opened"], ERRORS["duplicate client"],
                                ERRORS["duplicate session"]):  # fmt: skip
        tables[table] = tables[table].replace(old, new)
    with pytest.raises(HistoryError) as caught:
        read_tables(folder(**tables), today=TODAY)
    assert len([problem for problem in caught.value.problems if problem.severity == "error"]) == 6
    assert caught.value.exit_status == 1
    for word in ("sessions.csv row 2, status 'Attended'", "messages.csv row 3", "measures.csv row 2, score '28'"):
        assert word in str(caught.value)


def test_identical_rows():
    row = ("1", "2025-01-01T10:00", "attended")
    report = examine(sessions(row, ("1", "2025-01-02T10:00", "attended"), row, row), today=TODAY)
    assert found(report.errors) == [("sessions", None, 3, None), ("sessions", None, 4, None)]


def test_two_sessions_at_the_same_time():
    report = examine(
        sessions(
            ("1", "2025-01-01T10:00", "attended"),
            ("1", "2025-01-01T10:00", "no_show"),
            ("1", "2025-01-02T10:00", "attended"),
            ("1", "2025-01-02T10:00", "client_cancel"),
            ("1", "2025-01-03", "attended"),
            ("1", "2025-01-03", "no_show"),
        ),
        today=TODAY,
    )
    assert report.ok
    assert found(p for p in report.warnings if p.row) == [
        ("sessions", "starts_at", 1, "2025-01-01T10:00:00"),
        ("sessions", "starts_at", 2, "2025-01-01T10:00:00"),
    ]


def test_overlapping_episodes(folder):
    episodes = """client_id,episode_id,opened_at,closed_at
007,a,2025-01-01,2025-01-20
007,b,2025-01-10,2025-01-12
007,c,2025-01-15,
007,d,2025-01-16,
12,a,2025-01-01,2025-01-10T12:00
12,b,2025-01-10,
13,a,,
13,b,2025-01-10,
"""
    report = examine(folder(sessions=VALID["sessions"].replace(",e1,", ",,"), episodes=episodes), today=TODAY)
    assert found(report.problems) == [
        ("episodes", "opened_at", 3, "2025-01-10"),
        ("episodes", "opened_at", 4, "2025-01-15"),
        ("episodes", "opened_at", 5, "2025-01-16"),
    ]


def test_absent_columns_are_said():
    report = examine(sessions(("1", "2025-01-01T10:00", "attended"), ("1", "2025-01-02", "no_show")), today=TODAY)
    assert report.ok
    assert found(report.problems) == [("sessions", "booked_at", None, None), ("sessions", "cancelled_at", None, None)]
    assert "left out" in report.problems[0].problem


def test_everybody_attended():
    rows = [("1", f"2025-01-{day:02}", "attended") for day in range(1, 21)]
    report = examine(sessions(*rows), today=TODAY)
    assert [problem.column for problem in report.warnings] == ["status", "booked_at", "cancelled_at"]
    assert "every one of 20" in report.warnings[0].problem
    assert len(examine(sessions(*rows[1:]), today=TODAY).warnings) == 2


def test_the_latest_fact_alone():
    old, late = ("1", "2025-01-01", "attended"), ("1", "2025-03-03", "attended")
    assert found(examine(sessions(old, late), today=TODAY).errors) == [("sessions", "starts_at", 2, "2025-03-03")]
    assert examine(sessions(old, ("1", "2025-03-02", "attended")), today=TODAY).ok, "60 days are not more than 60"
    assert examine(sessions(old, late, ("2", "2025-03-04", "no_show")), today=TODAY).ok, "it is not alone"
    assert examine(sessions(late), today=TODAY).ok, "there is no other"
    columns = "client_id starts_at status booked_at"
    one = sessions((*old, None), (*late, "2025-03-01"), columns=columns)
    assert not examine(one, today=TODAY).ok, "its own booking keeps it no company"
    ahead = sessions((*old, None), ("1", "2025-09-01", "scheduled", "2025-01-02"), columns=columns)
    assert examine(ahead, today=TODAY).ok, "a start still scheduled is no fact"


def test_nothing_has_happened_yet():
    report = examine(sessions(("1", "2026-03-01", "scheduled")), today=TODAY)
    assert found(report.errors) == [("sessions", None, None, None)]
    columns = "client_id starts_at status booked_at"
    assert examine(sessions(("1", "2026-03-01", "scheduled", "2026-01-01"), columns=columns), today=TODAY).ok


def test_undated_cancellations_that_set_the_extraction_date():
    rows = [("1", "2025-01-01T10:00", "attended"), ("1", "2025-01-20T10:00", "client_cancel")]
    report = examine(sessions(*rows), today=TODAY)
    assert report.extraction_at() == np.datetime64("2025-01-20T10:00:00")
    assert any("set the extraction date to 2025-01-20T10:00:00" in problem.problem for problem in report.warnings)
    rows.append(("1", "2026-02-20T10:00", "clinic_cancel"))
    assert examine(sessions(*rows), today=TODAY).extraction_at() == np.datetime64("2025-01-20T10:00:00")


def test_many_rows_of_one_kind_are_counted():
    rows = [("1", f"{2025 + at}", "attended") for at in range(1500)]
    report = examine(sessions(*rows), today=TODAY)
    assert len(report.errors) == 1001
    assert report.errors[999].row == 1000
    assert report.errors[1000].row is None
    assert report.errors[1000].problem.startswith("and in 500 more rows")


def test_no_text_of_a_message_is_ever_shown(folder):
    secret = "I told nobody about the lighthouse"
    messages = f'client_id,sent_at,text,sender\n{secret},{secret},{secret},{secret}\n007,"{secret}","{secret}"\n'
    report = examine(folder(**VALID | {"messages": messages}), today=TODAY)
    assert len(report.errors) == 3
    said = " ".join(map(str, report.problems)) + repr(report) + str(HistoryError(report.problems))
    assert "lighthouse" not in said
    frames = {"sessions": pd.DataFrame({"client_id": ["1"], "starts_at": ["2025-01-01"], "status": ["attended"]})}
    frames["messages"] = pd.DataFrame({"client_id": ["1"], "sent_at": [secret], "text": [secret]})
    assert "lighthouse" not in " ".join(map(str, examine(frames, today=TODAY).problems))


def test_values_are_shortened(spoiled):
    (problem,) = spoiled("sessions", "2025-01-13T09:00", "x" * 100).errors
    assert len(problem.value) == 40
