"""`--definition`: what it teaches, what it refuses, and that the model and the page keep it."""

from __future__ import annotations

import pytest

from dropout.cli import main
from dropout.endings import parse
from dropout.models.model import DropoutModel
from dropout.sayable import SAYABLE
from dropout.simulate import write_tables


@pytest.fixture(scope="module")
def folder(simulated, tmp_path_factory):
    """The simulated tables as files."""
    place = tmp_path_factory.mktemp("history")
    write_tables(simulated, place)
    return place


def status(*argv) -> int:
    """Exit status, also of what argparse refuses."""
    try:
        return main([str(word) for word in argv])
    except SystemExit as left:
        return int(left.code or 0)


@pytest.mark.parametrize("command", ["fit", "report"])
def test_the_help_lists_what_may_be_said(command, capsys):
    assert status(command, "--help") == 0
    shown = capsys.readouterr().out
    assert "--definition TEXT" in shown and all(name in shown for name in SAYABLE)


def test_what_is_not_understood_is_a_wrong_call(folder, tmp_path, capsys):
    assert status("fit", folder, "--out", tmp_path / "model", "--definition", "gap:sixty") == 2
    said = capsys.readouterr().err
    assert "'gap:sixty' wants a whole number" in said and "missed-last" in said
    assert not list(tmp_path.iterdir())


def test_the_page_without_a_model_is_by_the_definition(folder, tmp_path):
    text = "fewer-than:4 | no-change"
    assert status("report", folder, "--out", tmp_path / "page.html", "--definition", text) == 0
    assert parse(text).name in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_a_definition_that_needs_an_absent_table_says_so(simulated, tmp_path, capsys):
    write_tables({"sessions": simulated["sessions"].drop(columns="episode_id")}, tmp_path / "bare")
    assert status("report", tmp_path / "bare", "--out", tmp_path / "page.html", "--definition", "no-change") == 2
    assert "needs measures.score" in capsys.readouterr().err
    assert not (tmp_path / "page.html").exists()


def test_a_model_has_its_own_definition(folder, model, tmp_path, capsys):
    model.save(tmp_path / "model")
    assert status("report", folder, "--model", tmp_path / "model", "--out", tmp_path / "page.html", "--definition", "plan") == 2
    assert model.definition_name in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("text", ["cadence:3", "closure | missed-last", "closure & gap:60", "default with policy:2"])
def test_a_model_by_any_definition_is_fitted_saved_and_evaluated(folder, history, text, tmp_path, capsys):
    assert status("fit", folder, "--as-of", "2026-02-28", "--out", tmp_path / "model", "--definition", text) == 0
    assert f"dropout: {parse(text).name}" in capsys.readouterr().out
    assert DropoutModel.load(tmp_path / "model").definition == parse(text)
    assert status("evaluate", folder, "--model", tmp_path / "model", "--out", tmp_path / "evaluation") == 0
    assert parse(text).name in (tmp_path / "evaluation" / "evaluation.json").read_text(encoding="utf-8")
    assert status("report", folder, "--model", tmp_path / "model", "--evaluation", tmp_path / "evaluation",
                  "--out", tmp_path / "page.html") == 0
    assert parse(text).name in (tmp_path / "page.html").read_text(encoding="utf-8").replace("&#39;", "'")
