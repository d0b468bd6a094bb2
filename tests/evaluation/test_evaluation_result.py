"""The folder appears whole or not at all, holds the same bytes each time, and the page shows what was found."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fake_model import FakeModel

from dropout.errors import CallError
from dropout.evaluation import Evaluation, evaluate
from dropout.evaluation.figures import calibration_figure, capacity_figure
from dropout.evaluation.horizon_tables import TABLES

FILES = {"metrics.csv", "calibration.csv", "capacity.csv", "optimism.csv", "evaluation.json", "calibration.png", "capacity.png",
         *(f"{name}.csv" for name in TABLES), "calibration_curves.png", "decision_curves.png", "over_horizons.png"}


@pytest.fixture(scope="module")
def result(history) -> Evaluation:
    """Return a small evaluation."""
    return evaluate(history, FakeModel().fit(history, as_of="2025-07-01"), drawings=20)


def test_writes_everything(result, tmp_path):
    folder = result.write(tmp_path / "new" / "evaluation")
    assert {path.name for path in folder.iterdir()} == FILES
    assert [path.name for path in folder.parent.iterdir()] == ["evaluation"]
    back = pd.read_csv(folder / "metrics.csv", keep_default_na=False, na_values=[""])
    assert np.allclose(back["log_loss"], result.tables["metrics"]["log_loss"], rtol=1e-5)
    assert (folder / "calibration.png").read_bytes().startswith(b"\x89PNG")


def test_nobody_is_in_the_folder(result, history, tmp_path):
    folder = result.write(tmp_path / "out")
    text = "".join((folder / name).read_text(encoding="utf-8") for name in FILES if not name.endswith(".png"))
    for column in ("client_id", "episode_id"):
        assert not any(name in text for name in history.sessions[column].unique())


def test_the_same_bytes_each_time(result, tmp_path):
    one, other = result.write(tmp_path / "one"), result.write(tmp_path / "other")
    for name in FILES:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


def test_an_earlier_evaluation_is_replaced_and_nothing_else_is(result, tmp_path):
    folder = tmp_path / "evaluation"
    folder.mkdir()
    result.write(folder)
    (folder / "truth.csv").write_text("from an earlier run")
    result.write(folder)
    assert {path.name for path in folder.iterdir()} == FILES
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "chapter.txt").write_text("dear to somebody")
    with pytest.raises(CallError, match="is not an evaluation"):
        result.write(other)
    with pytest.raises(CallError, match="is not an evaluation"):
        result.write(other / "chapter.txt")
    assert (other / "chapter.txt").read_text() == "dear to somebody"


def test_a_failure_leaves_nothing(result, tmp_path, monkeypatch):
    earlier = result.write(tmp_path / "evaluation")
    before = (earlier / "metrics.csv").read_bytes()

    def broken(*_):
        raise RuntimeError("no paint left")

    monkeypatch.setattr("dropout.evaluation.result.capacity_figure", broken)
    with pytest.raises(RuntimeError):
        result.write(tmp_path / "evaluation")
    with pytest.raises(RuntimeError):
        result.write(tmp_path / "fresh")
    assert [path.name for path in tmp_path.iterdir()] == ["evaluation"]
    assert (earlier / "metrics.csv").read_bytes() == before


def test_page_and_line(result):
    page = result._repr_html_()
    assert "as it is, on later dates" in page and "days since seen" in page and " to " in page
    assert all(note.split("<")[0][:30] in page for note in result.notes[:2])
    assert repr(result).startswith("Evaluation (as it is, on later dates): Dropout within 60 days, all open: log loss")
    readable = result.readable()
    assert len(readable) == len(result.tables["metrics"])
    assert readable["log loss"].str.contains(r"^\d\.\d{3} \(\d\.\d{3} to \d\.\d{3}\)$").all()


def test_pictures_name_units_and_sizes(result):
    one = calibration_figure(result.tables["calibration"], result.basis)
    assert all("(%)" in ax.get_xlabel() and "(%)" in ax.get_ylabel() for ax in one.axes)
    assert all("n " in ax.get_title() for ax in one.axes)
    two = capacity_figure(result.tables["capacity"], result.basis)
    assert all("(clients)" in ax.get_xlabel() and "(clients)" in ax.get_ylabel() for ax in two.axes)


def test_empty_tables_are_written_and_drawn(tmp_path):
    tables = {name: pd.DataFrame() for name in ("metrics", "calibration", "capacity")}
    nothing = Evaluation("refitted", tables, ["none"])
    folder = nothing.write(tmp_path / "out")
    assert {path.name for path in folder.iterdir()} == {
        "metrics.csv", "calibration.csv", "capacity.csv", "evaluation.json", "calibration.png", "capacity.png"}
    assert all(len(pd.read_csv(path)) == 0 for path in folder.glob("*.csv"))
    assert "none" in nothing._repr_html_() and len(nothing.readable()) == 0
