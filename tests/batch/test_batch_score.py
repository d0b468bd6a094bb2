"""The folder of scores: what is in it, that it is the same each time, and what it never overwrites."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest

from dropout.batch.folder import FILES, SCHEMAS, check_target
from dropout.batch.manifest import MANIFEST, fingerprint, read_manifest
from dropout.batch.score import score_folder, stale
from dropout.errors import CallError, HistoryError, ModelError
from dropout.history import History
from dropout.models.model import DropoutModel
from dropout.simulate import write_tables

AS_OF = "2026-06-30"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, simulated: dict, model: DropoutModel) -> Path:
    """A folder with `history/` and the file `model`."""
    place = tmp_path_factory.mktemp("place")
    write_tables(simulated, place / "history")
    model.save(place / "model")
    return place


@pytest.fixture(scope="module")
def scores(place: Path) -> Path:
    """Scores made once; not to be changed."""
    return score_folder(place / "history", place / "model", place / "scores", as_of=AS_OF).folder


def test_the_files_are_what_the_model_gives(scores: Path, history: History, model: DropoutModel) -> None:
    expected = model.score(history, as_of=AS_OF)
    assert sorted(path.name for path in scores.iterdir()) == sorted([*FILES, MANIFEST])
    for name in SCHEMAS:
        frame = pd.read_parquet(scores / f"{name}.parquet")
        known = getattr(expected, name)
        assert list(frame.columns) == SCHEMAS[name].names == list(known.columns)
        for column in frame:
            got, wanted = frame[column], known[column]
            if column == "reasons":
                assert [list(reasons) for reasons in got] == [list(reasons) for reasons in wanted]
            elif column.startswith("p_"):
                np.testing.assert_array_equal(got.to_numpy(), wanted.to_numpy())
            else:
                assert got.isna().tolist() == wanted.isna().tolist()
                assert got.dropna().tolist() == wanted.dropna().tolist()


def test_the_schema_is_as_promised(scores: Path) -> None:
    for name, schema in SCHEMAS.items():
        written = pyarrow.parquet.read_schema(scores / f"{name}.parquet")
        assert written.names == schema.names
        for field in schema:
            found = written.field(field.name).type
            assert found == field.type or str(found).startswith("timestamp") and str(field.type).startswith("timestamp")


def test_the_manifest_says_what_was_made_from_what(scores: Path, place: Path, simulated: dict) -> None:
    manifest = json.loads((scores / MANIFEST).read_text())
    assert manifest["as_of"] == "2026-06-30T00:00:00" and manifest["engine"] == "local"
    assert manifest["model"]["sha256"] == fingerprint(place / "model")
    assert set(manifest["inputs"]) == {f"{name}.csv" for name in simulated}
    assert manifest["rows_in"] == {name: len(simulated[name]) for name in manifest["rows_in"]}
    assert manifest["rows_out"] == {name: len(pd.read_parquet(scores / f"{name}.parquet")) for name in SCHEMAS}
    assert manifest["outputs"] == {name: fingerprint(scores / name) for name in FILES}
    assert {"dropout", "python", "pandas"} <= set(manifest["versions"])
    assert all(value >= 0 for value in manifest["seconds"].values())
    assert str(place) not in json.dumps(manifest), "paths are nobody's business"


def test_row_order_and_repetition_do_not_change_a_byte(
    scores: Path, place: Path, simulated: dict, tmp_path: Path
) -> None:
    shuffled = {name: table.sample(frac=1, random_state=5) for name, table in simulated.items()}
    write_tables(shuffled, tmp_path / "shuffled")
    for history, out in ((place / "history", "again"), (tmp_path / "shuffled", "other")):
        made = score_folder(history, place / "model", tmp_path / out, as_of=AS_OF).folder
        for name in FILES:
            assert (made / name).read_bytes() == (scores / name).read_bytes()


def test_rows_known_are_counted_as_of_the_date(place: Path, tmp_path: Path) -> None:
    done = score_folder(place / "history", place / "model", tmp_path / "out", as_of="2026-01-31T18:00")
    manifest = done.manifest
    assert manifest["as_of"] == "2026-01-31T18:00:00"
    assert 0 < manifest["rows_known"]["sessions"] < manifest["rows_in"]["sessions"]
    assert any("learnt from later facts" in note for note in manifest["notes"])


def test_resume_leaves_a_complete_result_and_mends_any_other(place: Path, tmp_path: Path) -> None:
    arguments = (place / "history", place / "model", tmp_path / "out")
    assert not score_folder(*arguments, as_of=AS_OF, resume=True).already_there
    made = (tmp_path / "out" / MANIFEST).stat().st_mtime_ns
    assert score_folder(*arguments, as_of=AS_OF, resume=True).already_there
    assert (tmp_path / "out" / MANIFEST).stat().st_mtime_ns == made
    assert not score_folder(*arguments, as_of="2026-06-29", resume=True).already_there, "another date"
    assert not score_folder(*arguments, resume=True).already_there, "the extraction date"
    assert score_folder(*arguments, resume=True).already_there
    (tmp_path / "out" / FILES[0]).write_bytes(b"damaged")
    assert not score_folder(*arguments, resume=True).already_there
    assert read_manifest(tmp_path / "out") is not None
    assert score_folder(*arguments, resume=True).already_there
    assert not score_folder(*arguments, resume=True, day_first=True).already_there, "read in another way"


def test_a_folder_that_holds_anything_else_is_left_alone(place: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    with pytest.raises(CallError, match=r"'chapter.txt'.*nothing in it will be overwritten"):
        score_folder(place / "history", place / "model", tmp_path / "thesis", as_of=AS_OF)
    assert (tmp_path / "thesis" / "chapter.txt").read_text() == "years of work"
    with pytest.raises(CallError, match="holds something other than earlier scores"):
        score_folder(place / "history", place / "model", place / "history", as_of=AS_OF)
    (tmp_path / "stranger").mkdir()
    (tmp_path / "stranger" / FILES[0]).write_bytes(b"someone else's")
    with pytest.raises(CallError, match=FILES[0]):
        check_target(tmp_path / "stranger")
    (tmp_path / "stranger" / MANIFEST).write_text('{"made_by": "someone else"}')
    with pytest.raises(CallError, match="other than earlier scores"):
        check_target(tmp_path / "stranger")


def test_nothing_is_written_when_the_input_is_wrong(place: Path, tmp_path: Path, simulated: dict) -> None:
    wrong = simulated | {"sessions": simulated["sessions"].assign(status="Attended?")}
    write_tables(wrong, tmp_path / "wrong")
    with pytest.raises(HistoryError, match="status"):
        score_folder(tmp_path / "wrong", place / "model", tmp_path / "out", as_of=AS_OF)
    with pytest.raises(ModelError, match="is not a model"):
        score_folder(place / "history", place / "history" / "clients.csv", tmp_path / "out", as_of=AS_OF)
    with pytest.raises(ModelError, match="there is no model file"):
        score_folder(place / "history", place / "nowhere", tmp_path / "out", as_of=AS_OF)
    with pytest.raises(CallError, match="spark.*not in this version"):
        score_folder(place / "history", place / "model", tmp_path / "out", as_of=AS_OF, engine="spark")
    with pytest.raises(CallError, match="nothing was known by 1999"):
        score_folder(place / "history", place / "model", tmp_path / "out", as_of="1999-01-01")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["wrong"]


def test_earlier_scores_survive_a_failure(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dropout.batch import score

    out = tmp_path / "out"
    score_folder(place / "history", place / "model", out, as_of=AS_OF)
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def fails(folder: Path, tables: dict) -> None:
        (folder / FILES[0]).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(score, "write_scores", fails)
    with pytest.raises(CallError, match="No space left on device"):
        score_folder(place / "history", place / "model", out, as_of="2026-05-01")
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_no_text_of_a_message_gets_into_the_scores(
    place: Path, tmp_path: Path, simulated: dict
) -> None:
    canary = "zxqvyk"
    messages = simulated["messages"].assign(text=simulated["messages"]["text"] + f" {canary}")
    write_tables(simulated | {"messages": messages}, tmp_path / "history")
    out = score_folder(tmp_path / "history", place / "model", tmp_path / "out", as_of=AS_OF).folder
    for path in out.iterdir():
        assert canary.encode() not in path.read_bytes()
    frame = pd.read_parquet(out / "reschedule.parquet")
    assert not frame.astype(str).apply(lambda column: column.str.contains(canary)).to_numpy().any()


def test_a_date_long_after_the_tables_is_remarked_on() -> None:
    extraction = np.datetime64("2026-06-29T21:00", "s")
    assert stale(extraction, np.datetime64("2026-06-30", "s")) == []
    assert "is 30 days after the last fact" in stale(extraction, np.datetime64("2026-07-30", "s"))[0]
