"""Times: what is read, what is not, which clock is meant."""

import datetime

import numpy as np
import pandas as pd
import pytest
from small_histories import TODAY, VALID, sessions

from dropout.tables import examine, read_tables
from dropout.tables.times import BAD, DATE, EMPTY, LOCAL, OFFSET, end_of_today, parse_text, place, zone

NINE = "2025-01-02T09:05:00"


@pytest.mark.parametrize(
    ("written", "form", "seconds"),
    [
        ("2025-01-02", DATE, "2025-01-02T00:00:00"),
        ("20250102", DATE, "2025-01-02T00:00:00"),
        ("2025-01-02 09:05", LOCAL, NINE),
        ("2025-01-02 9:05", LOCAL, NINE),
        ("2025-01-02T09:05:00", LOCAL, NINE),
        ("2025-01-02T0905", LOCAL, NINE),
        ("2025-01-02T09:05:00.999", LOCAL, NINE),
        ("2025-01-02 09:05:00,999", LOCAL, NINE),
        ("1969-12-31T23:59:58.5", LOCAL, "1969-12-31T23:59:58"),
        ("2025-01-02T00:00:00", LOCAL, "2025-01-02T00:00:00"),
        ("2025-01-02T09:05Z", OFFSET, NINE),
        ("2025-01-02 09:05:00 UTC", OFFSET, NINE),
        ("2025-01-02T10:05+01:00", OFFSET, NINE),
        ("2025-01-02 10:05 +01:00", OFFSET, NINE),
        ("2025-01-02T10:05+01", OFFSET, NINE),
        ("2025-01-02T03:35-0530", OFFSET, NINE),
        ("", EMPTY, "NaT"),
        ("NA", EMPTY, "NaT"),
        ("2025-02-30", BAD, "NaT"),
        ("2025-01", BAD, "NaT"),
        ("31/12/2025", BAD, "NaT"),
        ("2025-01-02 24:00", BAD, "NaT"),
        ("2025-01-02 09:05:61", BAD, "NaT"),
        ("2 Jan 2025", BAD, "NaT"),
        ("45659.5", BAD, "NaT"),
    ],
)
def test_forms(written, form, seconds):
    value = pd.Series([written], dtype="str").replace({"": None, "NA": None})
    parsed = parse_text(value, day_first=False)
    assert parsed.form.tolist() == [form]
    assert parsed.seconds.astype(str).tolist() == [seconds]


@pytest.mark.parametrize(
    ("written", "placed"),
    [
        ("31/12/2025", "2025-12-31T23:59:59"),
        ("31.12.2025 14:00", "2025-12-31T14:00:00"),
        ("1-2-2025, 9:05", "2025-02-01T09:05:00"),
        ("01/02/2025 09:05:30", "2025-02-01T09:05:30"),
        ("2025-02-01", "2025-02-01T23:59:59"),
        ("12/31/2025", "NaT"),
        ("31/12/25", "NaT"),
    ],
)
def test_day_first(written, placed):
    parsed = parse_text(pd.Series([written]), day_first=True)
    assert place(parsed, None).astype(str).tolist() == [placed]


def test_a_date_is_known_at_the_end_of_its_day_value_by_value():
    tables = read_tables(sessions(("1", "2025-01-02", "attended"), ("1", "2025-01-03T00:00", "attended")), today=TODAY)
    assert tables.sessions["starts_at"].astype(str).tolist() == ["2025-01-02 23:59:59", "2025-01-03 00:00:00"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pd.to_datetime(["2025-01-02", "2025-01-03"]), ["2025-01-02 23:59:59", "2025-01-03 23:59:59"]),
        (pd.to_datetime(["2025-01-02T00:00", "2025-01-03T10:00"]), ["2025-01-02 00:00:00", "2025-01-03 10:00:00"]),
        ([datetime.date(2025, 1, 2), datetime.date(2025, 1, 3)], ["2025-01-02 23:59:59", "2025-01-03 23:59:59"]),
        ([datetime.datetime(2025, 1, 2), "2025-01-03"], ["2025-01-02 00:00:00", "2025-01-03 23:59:59"]),
        (
            pd.to_datetime(["2025-01-02T01:00:00.7Z", "2025-01-03T00:00:00Z"], format="ISO8601"),
            ["2025-01-02 02:00:00", "2025-01-03 01:00:00"],
        ),
    ],
    ids=["midnights are dates", "times", "dates", "objects", "with time zone"],
)
def test_typed_columns(values, expected, tmp_path):
    history = {"sessions": pd.DataFrame({"client_id": ["1", "2"], "starts_at": values, "status": ["attended"] * 2})}
    tables = read_tables(history, today=TODAY, tz="Europe/Berlin")
    assert tables.sessions["starts_at"].astype(str).tolist() == expected
    if not isinstance(values, list) or isinstance(values[1], datetime.date):
        history["sessions"].to_parquet(tmp_path / "sessions.parquet")
        tables = read_tables(tmp_path, today=TODAY, tz="Europe/Berlin")
        assert tables.sessions["starts_at"].astype(str).tolist() == expected


def test_offsets_go_to_the_clinic_with_tz(folder):
    text = VALID["sessions"].replace("2025-01-10T14:00", "2025-01-10T14:00+01:00")
    tables = read_tables(folder(sessions=text), today=TODAY, tz="America/New_York")
    assert tables.sessions["starts_at"].astype(str).tolist()[:2] == ["2025-01-10 08:00:00", "2025-01-17 14:00:00"]
    assert tables.problems == []


def test_two_clocks_without_tz_are_an_error(spoiled):
    report = spoiled("messages", "2025-01-20T10:00", "2025-01-20T10:00+01:00")
    (problem,) = report.errors
    assert (problem.table, problem.column, problem.row) == ("messages", "sent_at", 3)
    assert problem.value == "2025-01-20T09:00:00 UTC"
    assert "--tz" in problem.mend


def test_offsets_throughout_are_utc_with_a_warning(folder):
    text = VALID["sessions"].replace("T14:00", "T14:00+01:00").replace("2025-01-10T15:00", "2025-01-10T15:00Z")
    text = text.replace("T09:00", "T09:00Z").replace("T08:00", "T08:00Z").replace("T10:00", "T10:00Z")
    clients_only = {"sessions": text, "episodes": VALID["episodes"]}
    tables = read_tables(folder(**clients_only), today=TODAY)
    assert tables.sessions["starts_at"].astype(str).tolist()[0] == "2025-01-10 13:00:00"
    assert {(problem.table, problem.column) for problem in tables.problems} == {
        ("sessions", "starts_at"),
        ("sessions", "booked_at"),
        ("sessions", "cancelled_at"),
    }, "dates have no clock, so the episodes do not make a mixture"
    assert all("UTC" in problem.problem for problem in tables.problems)


def test_hours_of_daylight_saving():
    history = sessions(
        ("1", "2025-03-30T02:30", "attended"),
        ("2", "2025-10-26T02:30", "attended"),
        ("3", "2025-10-26", "attended"),
        ("3", "2025-10-26T00:30Z", "attended"),
    )
    report = examine(history, today=TODAY, tz="Europe/Berlin")
    found = [(problem.row, problem.value, problem.problem[:18]) for problem in report.problems if problem.value]
    assert found[:2] == [
        (1, "2025-03-30T02:30:00", "this hour does not"),
        (2, "2025-10-26T02:30:00", "this hour happens "),
    ]
    starts = dict(zip(report.tables.rows["sessions"], report.tables.sessions["starts_at"].astype(str), strict=True))
    assert starts == {
        1: "2025-03-30 02:30:00",
        2: "2025-10-26 02:30:00",
        3: "2025-10-26 23:59:59",
        4: "2025-10-26 02:30:00",
    }


def test_today():
    assert end_of_today("2026-01-31", None) == np.datetime64("2026-01-31T23:59:59")
    assert end_of_today(datetime.datetime(2026, 1, 31, 12), None) == np.datetime64("2026-01-31T23:59:59")
    ahead, behind = (end_of_today(None, zone(name)) for name in ("Pacific/Kiritimati", "Pacific/Honolulu"))
    assert ahead - behind == np.timedelta64(1, "D"), "their clocks are 24 hours apart, all year round"
