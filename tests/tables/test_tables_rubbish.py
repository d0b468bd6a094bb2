"""Whatever comes in, a report comes out: no input makes the check itself fail."""

import datetime
import decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_histories import TODAY, VALID, sessions

from dropout.tables import TABLES, examine, known_by, report_json, report_text

ANYTHING = st.sampled_from(
    [
        None, "", " ", "x", "attended", "1", "1.5", 0, 1, -1.5, 1e300, float("nan"), float("inf"), True, "é\0\n\"",
        "2025-01-01", "2025-01-01T10:00", "2025-01-01T10:00Z", "31/12/2025", "9999-12-31", "0001-01-01T00:00",
        datetime.date(2025, 1, 1), datetime.datetime(2025, 1, 1, 10), pd.Timestamp("2025-01-01T10:00Z"), pd.NaT,
        decimal.Decimal("1.50"), b"bytes", [1, 2], {"a": 1}, np.datetime64("2025-01-01"), datetime.time(10),
    ]
)  # fmt: skip


@st.composite
def frames(draw) -> dict[str, pd.DataFrame]:
    history = {}
    for name, table in TABLES.items():
        if name != "sessions" and draw(st.booleans()):
            continue
        columns = draw(st.lists(st.sampled_from([*table.names, "extra", "Client_ID", ""]), max_size=6))
        columns = [*dict.fromkeys([*table.required_names, *columns])] if draw(st.booleans()) else columns
        count = draw(st.integers(0, 4))
        history[name] = pd.DataFrame(
            [[draw(ANYTHING) for _ in columns] for _ in range(count)], columns=columns, dtype=object
        )
        if draw(st.booleans()):
            history[name] = history[name].infer_objects()
    return history


def reported(source, **options):
    report = examine(source, today=TODAY, **options)
    assert report_text(report)
    assert report_json(report)["ok"] == (not report.errors)
    if report.ok:
        known_by(report.tables, "2025-01-01")
    return report


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(frames(), st.booleans())
def test_frames_of_anything(history, day_first):
    reported(history, day_first=day_first)
    reported(history, day_first=day_first, tz="Europe/Berlin")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_spoiled_files(folder, data):
    tables = dict(VALID)
    name = data.draw(st.sampled_from(sorted(tables)))
    content = bytearray(tables[name].encode())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(
            st.sampled_from([b'"', b",", b"\n", b"\r", b"\xff", b"\0", b";", b"9", b"-", b"", b"\xef\xbb\xbf"])
        )
    reported(folder(**tables | {name: bytes(content)}))


@pytest.mark.parametrize(
    "starts",
    [
        pd.Series(["2025-01-01T10:00"], dtype="datetime64[ns]"),
        pd.Series(["2025-01-01T10:00"], dtype="datetime64[ns]").astype("category"),
        pd.Series(["2025-01-01T10:00"], dtype=pd.ArrowDtype(pa.string())),
        pd.Series([pd.Timestamp("2025-01-01T10:00")], dtype=pd.ArrowDtype(pa.timestamp("us"))),
        pd.Series([pd.Timestamp("2025-01-01T10:00Z")], dtype=pd.ArrowDtype(pa.timestamp("us", "UTC"))),
        pd.Series([pd.Timestamp("2025-01-01T10:00Z")]),
        pd.Series(["2025-01-01T10:00"], dtype="string[python]"),
        pd.Series(["2025-01-01T10:00"], dtype="category"),
    ],
    ids=lambda values: str(values.dtype),
)
def test_every_type_of_time(starts):
    history = sessions(("1", None, "attended"))
    history["sessions"]["starts_at"] = starts
    report = reported(history)
    assert report.ok, report.errors
    assert report.tables.sessions["starts_at"].astype(str).tolist() == ["2025-01-01 10:00:00"]


@pytest.mark.parametrize("dtype", ["period[D]", "timedelta64[s]", "interval", "bool", "complex128"])
def test_types_that_are_no_times(dtype):
    history = sessions(("1", None, "attended"))
    odd = {"period[D]": pd.period_range("2025", periods=1), "interval": pd.interval_range(0, 1)}
    history["sessions"]["starts_at"] = odd.get(dtype, pd.Series([1]).astype(dtype if dtype not in odd else "int64"))
    report = reported(history)
    assert not report.ok or report.tables.sessions["starts_at"].notna().all()
