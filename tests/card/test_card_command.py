"""`dropout card`: to a file, a folder or standard output, and never over anything else."""

from __future__ import annotations

from pathlib import Path

import pytest

from dropout.cli import main


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, model, evaluation) -> Path:
    place = tmp_path_factory.mktemp("card")
    model.save(place / "model")
    evaluation.write(place / "evaluation")
    return place


def call(place: Path, *more: str) -> int:
    return main(["card", str(place / "model"), *more])


def test_without_a_place_it_goes_to_standard_output(place: Path, capsys: pytest.CaptureFixture) -> None:
    assert call(place) == 0
    said = capsys.readouterr()
    assert said.out.startswith("<!-- made by dropout card -->") and "# PROBAST+AI" in said.out
    assert "without --evaluation" in said.err
    assert call(place, "--format", "html", "--evaluation", str(place / "evaluation")) == 0
    said = capsys.readouterr()
    assert said.out.startswith("<!DOCTYPE html>") and not said.err


@pytest.mark.parametrize(("name", "begins"), [("a.md", "<!-- made"), ("a.html", "<!DOCTYPE"), ("a.HTM", "<!DOCTYPE")])
def test_a_file_may_be_written_again(place: Path, name: str, begins: str, tmp_path: Path) -> None:
    for _ in range(2):
        assert call(place, "--out", str(tmp_path / name)) == 0
    text = (tmp_path / name).read_text()
    assert text.startswith(begins) and "TRIPOD+AI" in text and "PROBAST+AI" in text
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_folder_holds_three_and_may_be_written_again(place: Path, tmp_path: Path) -> None:
    out = tmp_path / "card"
    assert call(place, "--out", str(out)) == 0
    assert sorted(path.name for path in out.iterdir()) == ["model-card.md", "probast-ai.md", "tripod-ai.md"]
    assert call(place, "--out", str(out), "--format", "html") == 0
    assert sorted(path.name for path in out.iterdir()) == ["model-card.html", "probast-ai.html", "tripod-ai.html"]


@pytest.mark.parametrize(("more", "said"), [
    (["--out", "{}/other.md"], "exists and is no card made earlier"),
    (["--out", "{}/folder"], "holds something other than an earlier card ('diary.txt')"),
    (["--out", "{}/new.html", "--format", "md"], "is a name for html, and the format asked for is md"),
    (["--out", "{}/no/such.md"], "does not exist. Make it first"),
    (["--out", "{}/plain"], "is a file. Give the name of a folder"),
    (["--evaluation", "{}"], "holds no evaluation. Make one"),
])
def test_what_cannot_be_done_is_said_and_nothing_is_touched(
    place: Path, more: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture,
) -> None:
    (tmp_path / "folder").mkdir()
    for name in ("other.md", "plain", "folder/diary.txt"):
        (tmp_path / name).write_text("mine")
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    assert call(place, *[word.format(tmp_path) for word in more]) == 2
    shown = capsys.readouterr()
    assert said in shown.err and not shown.out
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before
    assert (tmp_path / "other.md").read_text() == "mine"


def test_what_is_no_model_is_refused(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "no").write_text("mine")
    assert main(["card", str(tmp_path / "no")]) == 1
    assert "is not a model made by `dropout fit`" in capsys.readouterr().err
    assert main(["card", str(tmp_path / "none"), "--out", str(tmp_path / "a.md")]) == 1
    assert not (tmp_path / "a.md").exists()
