"""The entry point of the converters, and writing what they hand over."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from dropout.errors import CallError
from dropout.tables import read_tables
from dropout.tables.convert import FORMATS, Conversion, Format, Loss, convert, write_conversion


@pytest.fixture
def conversion() -> Conversion:
    sessions = pd.DataFrame(
        {
            "client_id": ["a", "a", "b"],
            "starts_at": pd.to_datetime(["2000-01-03", "2000-01-10", "2000-01-04"]).as_unit("s"),
            "status": ["attended", "no_show", "attended"],
        }
    )
    episodes = pd.DataFrame({"client_id": ["a", "b"], "closure_reason": ["completed", None]})
    losses = (Loss("sessions", "the hour: the source has days", 3, "dates without a time", "the hour"),)
    return Conversion("toy", {"sessions": sessions, "episodes": episodes}, losses)


def test_every_format_is_described_in_one_line():
    assert "ctn0094" in FORMATS
    for name, form in FORMATS.items():
        assert name == name.lower()
        assert form.description and "\n" not in form.description


def test_convert_calls_the_function_of_the_format(monkeypatch, conversion):
    asked = []

    def toy(source):
        asked.append(source)
        return conversion

    monkeypatch.setitem(FORMATS, "toy", Format(toy, "three rows"))
    assert convert("toy", "somewhere") is conversion
    assert asked == ["somewhere"]


def test_an_unknown_format_names_the_known_ones():
    with pytest.raises(CallError, match=r"no format 'CTN'.*Known: ctn0094 \(planned visits") as caught:
        convert("CTN", "somewhere")
    assert caught.value.exit_status == 2


def test_the_folder_holds_the_tables_and_the_loss_report(tmp_path, conversion):
    out = write_conversion(conversion, tmp_path / "new" / "history")
    assert out == tmp_path / "new" / "history"
    assert sorted(path.name for path in out.iterdir()) == ["episodes.csv", "losses.json", "losses.md", "sessions.csv"]
    assert list(out.parent.iterdir()) == [out]
    assert (out / "sessions.csv").read_text() == (
        "client_id,starts_at,status\na,2000-01-03,attended\na,2000-01-10,no_show\nb,2000-01-04,attended\n"
    )


def test_what_was_written_reads_like_the_data_frames(tmp_path, conversion):
    read = read_tables(write_conversion(conversion, tmp_path / "history"))
    held = read_tables(conversion.tables)
    pd.testing.assert_frame_equal(read.sessions, held.sessions)
    # Dates without a time are known at the end of their day, from a file and from a frame.
    assert read.sessions["starts_at"].iloc[0] == pd.Timestamp("2000-01-03 23:59:59")


def test_the_report_counts_rows_statuses_and_closures(tmp_path, conversion):
    out = write_conversion(conversion, tmp_path / "history")
    report = json.loads((out / "losses.json").read_text())
    assert report["format"] == "toy"
    assert report["rows"] == {"sessions": 3, "episodes": 2}
    assert report["sessions_by_status"] == {"attended": 2, "no_show": 1}
    assert report["episodes_by_closure_reason"] == {"completed": 1, "none recorded": 1}
    assert report["losses"] == [
        {
            "table": "sessions",
            "what": "the hour: the source has days",
            "rows": 3,
            "done": "dates without a time",
            "cannot_tell": "the hour",
        }
    ]
    page = (out / "losses.md").read_text()
    assert "sessions by status: attended 2, no_show 1" in page
    assert "## sessions: the hour: the source has days" in page


def test_an_empty_folder_is_filled_and_a_full_one_refused(tmp_path, conversion):
    empty = tmp_path / "empty"
    empty.mkdir()
    write_conversion(conversion, empty)
    before = {path.name: path.read_bytes() for path in empty.iterdir()}
    with pytest.raises(CallError, match="is not empty"):
        write_conversion(conversion, empty)
    assert {path.name: path.read_bytes() for path in empty.iterdir()} == before
    assert list(tmp_path.iterdir()) == [empty]


def test_a_file_is_no_folder(tmp_path, conversion):
    taken = tmp_path / "history"
    taken.write_text("mine")
    with pytest.raises(CallError, match="is a file"):
        write_conversion(conversion, taken)
    with pytest.raises(CallError, match="can't be written"):
        write_conversion(conversion, taken / "inside")
    assert taken.read_text() == "mine"


def test_a_failure_half_way_leaves_nothing_behind(tmp_path, conversion, monkeypatch):
    def fail(self, *args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", fail)
    with pytest.raises(CallError, match="No space left on device"):
        write_conversion(conversion, tmp_path / "history")
    assert list(tmp_path.iterdir()) == []


def test_the_same_conversion_gives_the_same_bytes(tmp_path, conversion):
    one, two = (write_conversion(conversion, tmp_path / name) for name in ("one", "two"))
    assert {p.name: p.read_bytes() for p in one.iterdir()} == {p.name: p.read_bytes() for p in two.iterdir()}
