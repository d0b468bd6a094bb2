"""The report of a check, for a person and for a program, and the message of the error."""

import json

import pytest
from small_histories import TODAY, VALID, sessions

from dropout.errors import CallError, DropoutError, HistoryError, ModelError, Problem
from dropout.tables import examine, known_by, read_tables, report_json, report_text
from dropout.tables.problems import nearest, written

FIELDS = ["severity", "table", "column", "row", "value", "problem", "mend"]


def test_report_of_a_valid_history(folder):
    report = examine(folder(**VALID), today=TODAY)
    got = json.loads(json.dumps(report_json(report)))
    assert list(got) == ["ok", "errors", "warnings", "tables", "extraction_date", "set_aside"]
    assert got["ok"] is True
    assert got["errors"] == got["warnings"] == []
    assert got["tables"]["measures"] == {"rows": 2, "columns": ["client_id", "measured_at", "measure", "score"]}
    assert got["extraction_date"] == "2025-01-24T08:00:00"
    assert got["set_aside"] == {}
    text = report_text(report)
    assert text.splitlines()[0].split() == ["sessions", "5", "rows,", "9", "columns"]
    assert "Extraction date: 2025-01-24T08:00:00" in text
    assert text.endswith("The history can be used.")


def test_report_of_a_wrong_history(spoiled):
    report = spoiled("sessions", "attended,s1", "Attended,s1")
    got = json.loads(json.dumps(report_json(report)))
    assert got["ok"] is False
    assert got["extraction_date"] is None
    assert list(got["errors"][0]) == FIELDS
    assert got["errors"][0]["row"] == 2
    assert got["errors"][0]["value"] == "Attended"
    text = report_text(report)
    assert "Errors (1):\n  sessions.csv row 2, status 'Attended': this is not a known status;" in text
    assert text.endswith("The history cannot be used as it is.")


def test_report_without_tables(folder):
    report = examine(folder(), today=TODAY)
    assert report_json(report)["tables"] == {}
    assert report_text(report).startswith("Errors (1):\n  sessions: the table is missing")


def test_rows_set_aside_are_reported(folder):
    messages = "client_id,sent_at,text\nx,2025-01-11,a\n"
    report = examine(folder(**VALID | {"messages": messages}), today=TODAY)
    assert report_json(report)["set_aside"] == {"messages of clients without a session": 1}
    assert "Set aside: 1 messages of clients without a session" in report_text(report)
    assert report_json(report)["tables"]["messages"]["rows"] == 1, "what the source holds"


def test_dates_are_shown_as_dates():
    report = examine(sessions(("1", "2025-01-01", "attended")), today=TODAY)
    assert report_json(report)["extraction_date"] == "2025-01-01"


def test_the_message_shows_twenty_of_a_kind():
    rows = [("1", f"day {number}", "attended") for number in range(30)]
    with pytest.raises(HistoryError) as caught:
        read_tables(sessions(*rows), today=TODAY)
    lines = str(caught.value).splitlines()
    assert len(lines) == 21
    assert lines[-1] == "sessions, starts_at: and 10 more like the last."
    assert len([problem for problem in caught.value.problems if problem.severity == "error"]) == 30


def test_exit_statuses():
    statuses = [kind.exit_status for kind in (DropoutError, HistoryError, ModelError, CallError)]
    assert statuses == [1, 1, 1, 2]
    assert all(issubclass(kind, DropoutError) for kind in (HistoryError, ModelError, CallError))


def test_a_problem_reads_as_a_sentence():
    problem = Problem("error", "sessions", "status", 17, "Attended", "this is not known", "Write attended")
    assert str(problem) == "sessions row 17, status 'Attended': this is not known. Write attended."
    assert list(problem.as_dict()) == FIELDS


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("Attended", "attended"),
        ("No Show", "no_show"),
        ("no-show", "no_show"),
        ("late cancelled", "late_cancel"),
        ("cancelled", None),
        ("cancel", None),
        ("DNA", None),
    ],
)
def test_nearest(word, expected):
    from dropout.tables.columns import STATUSES

    assert nearest(word, STATUSES) == expected


def test_written():
    assert written(14.0) == "14"
    assert written(14.5) == "14.5"
    assert written("two\nlines\0") == "two lines"
    assert written("x" * 50) == "x" * 39 + "…"


@pytest.mark.parametrize("moment", ["2025-01-03", "2025-01-10T14:00", "2025-01-20", "2025-01-24T07:59", "2025-02-01"])
def test_a_cut_history_on_disk_is_the_history_as_of_then(folder, tmp_path, moment):
    cut = known_by(read_tables(folder(**VALID), today=TODAY), moment)
    for form in ("csv", "parquet"):
        place = tmp_path / form
        place.mkdir()
        for name, frame in cut.present().items():
            getattr(frame, f"to_{form}")(place / f"{name}.{form}", index=False)
        again = known_by(read_tables(place, today=TODAY), moment)
        assert list(again.present()) == list(cut.present())
        for name, frame in cut.present().items():
            assert frame.equals(again.present()[name]), (form, name)
            assert frame.dtypes.equals(again.present()[name].dtypes), (form, name)
