"""What the documentation says is so: code runs, links lead somewhere, commands exist, the notebook was executed."""

from __future__ import annotations

import ast
import csv
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from test_architecture import ORDER

from dropout.arguments import parser
from dropout.cli import main
from dropout.commands import SYNTHETIC
from dropout.messages.train import corpus
from dropout.simulate import simulate, write_tables

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SAMPLE = ROOT / "data" / "synthetic"
PAGES = [README, ROOT / "CONTRIBUTING.md", SAMPLE / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

REAL_VISITS = "07-real-visits-ctn0094"
COUNTS = {"n", "leaving", "rows", "in treatment"}

LARGEST_EXPORT = 3_000_000
LONGEST_README = 150


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of one language on a page."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), flags=re.M | re.S)


def outputs(cell: dict) -> str:
    """All text that a cell shows."""
    return "".join(json.dumps(output) for output in cell.get("outputs", []))


def code_cells(notebook: Path) -> list[dict]:
    """The cells of a notebook that hold code."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code" and "".join(cell["source"]).strip()]


def shown_rows(cell: dict) -> list[dict[str, str]]:
    """The rows of each table that a cell shows, by column."""
    rows = []
    for output in cell.get("outputs", []):
        for table in re.findall(r"<table.*?</table>", "".join(output.get("data", {}).get("text/html", "")), flags=re.S):
            columns = re.findall(r"<th[^>]*>(.*?)</th>", table, flags=re.S)
            lines = (re.findall(r"<td[^>]*>(.*?)</td>", line, flags=re.S) for line in table.split("</tr>"))
            rows += [dict(zip(columns, line, strict=True)) for line in lines if line]
    return rows


def defined_functions(source: str) -> list[int]:
    """Lines of each function that a cell defines."""
    tree = ast.parse(source)
    return [node.end_lineno - node.lineno + 1 for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def test_the_readme_can_be_read_in_one_go():
    assert len(README.read_text(encoding="utf-8").splitlines()) <= LONGEST_README


def test_the_readme_has_one_python_block_of_ten_lines():
    (code,) = blocks(README, "python")
    assert 5 <= sum(bool(line.strip()) for line in code.splitlines()) <= 10


def test_the_python_of_the_readme_runs_as_written():
    (code,) = blocks(README, "python")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=540,
                          env=os.environ | {"PYTHONWARNINGS": "error::SyntaxWarning"})
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stderr == ""
    assert "ends_therapy" in done.stdout and "p_dropout" in done.stdout


def test_the_sessions_shown_in_the_readme_are_a_history(tmp_path):
    (shown,) = blocks(README, "csv")
    (tmp_path / "sessions.csv").write_text(shown, encoding="utf-8")
    assert main(["check", str(tmp_path)]) == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    relative = [link.split("#")[0] for link in links if not re.match(r"[a-z]+:|#", link)]
    missing = [link for link in relative if not (page.parent / link).exists()]
    assert not missing
    assert page is not README or len(relative) >= 8


def test_the_commands_of_the_readme_are_those_of_the_program():
    named = set(re.findall(r"^\| `dropout ([a-z]+)", README.read_text(encoding="utf-8"), flags=re.M))
    (commands,) = [action.choices for action in parser()._actions if action.dest == "command"]
    assert named == set(commands)


def test_the_calls_in_the_table_of_commands_are_understood():
    calls = re.findall(r"^\| `dropout ([^`]+)`", README.read_text(encoding="utf-8"), flags=re.M)
    values = {"FORMAT": "ctn0094", "N": "400", "S": "1"}
    for call in calls:
        words = [values.get(word, word) for word in call.split()]
        assert parser().parse_args(words).command == words[0]


def test_the_make_targets_of_the_readme_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.M))
    named = set(re.findall(r"make ([a-z]+) +#|`make ([a-z]+)`", README.read_text(encoding="utf-8")))
    named = {one or other for one, other in named}
    assert {"demo", "test"} <= named <= targets


def test_the_order_of_rooms_is_the_one_that_tests_hold():
    drawn = re.search(r"^    errors, .*?(?=^\S)", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), flags=re.M | re.S)
    assert re.findall(r"[a-z]+", drawn[0]) == [room for room in ORDER if room != "__main__"]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_kept_executed_and_without_an_error(notebook):
    cells = code_cells(notebook)
    assert cells and [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    kinds = [(output["output_type"], output.get("name")) for cell in cells for output in cell["outputs"]]
    assert not [kind for kind in kinds if kind[0] == "error" or kind == ("stream", "stderr")]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_define_no_function_longer_than_ten_lines(notebook):
    lengths = [n for cell in code_cells(notebook) for n in defined_functions("".join(cell["source"]))]
    assert not [n for n in lengths if n > 10]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_say_first_and_last_that_simulated_numbers_say_nothing_about_people(notebook):
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    first, last = ("".join(cell["source"]) for cell in (cells[0], cells[-1]))
    assert first.startswith("# ") and "?" in first.splitlines()[0]
    assert "simulated" in first and ("nothing about real people" in first or notebook.stem == REAL_VISITS)
    assert "simulated" in last and "can't tell" in last


def test_the_notebook_on_real_visits_says_who_they_are_and_shows_sums_alone():
    notebook = ROOT / "notebooks" / f"{REAL_VISITS}.ipynb"
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    first, last = ("".join(cell["source"]) for cell in (cells[0], cells[-1]))
    assert "opioid" in first and "not in psychotherapy" in first and "about psychotherapy" in last
    shown = "".join(outputs(cell) for cell in code_cells(notebook))
    assert not re.search(r"client_id|episode_id|\bsite-\w+|ctn0094/", shown)
    counted = [row[name] for cell in code_cells(notebook) for row in shown_rows(cell) for name in COUNTS & set(row)]
    assert len(counted) > 20
    assert not [n for n in counted if n != "&lt;5" and int(n.replace(",", "")) < 5]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_show_no_message_of_the_sample(notebook):
    shown = "".join(outputs(cell) for cell in code_cells(notebook))
    with (SAMPLE / "messages.csv").open(encoding="utf-8", newline="") as file:
        texts = {row["text"] for row in csv.DictReader(file) if len(row["text"]) > 25}
    assert len(texts) > 100
    assert not [text for text in texts if json.dumps(text)[1:-1] in shown]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_exports_are_there_small_and_need_no_network(notebook):
    page = ROOT / "reports" / f"{notebook.stem}.html"
    assert page.stat().st_size < LARGEST_EXPORT
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=[\"']?(?:https?:)?//", text)
    first = json.loads(notebook.read_text(encoding="utf-8"))["cells"][0]["source"]
    assert "".join(first).splitlines()[0].removeprefix("# ") in text


def test_the_picture_of_the_readme_is_the_one_in_the_notebook():
    spec = importlib.util.spec_from_file_location("take_picture", ROOT / "docs" / "take_picture.py")
    take_picture = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(take_picture)
    assert take_picture.PICTURE.read_bytes() == take_picture.picture()
    assert take_picture.PICTURE.stat().st_size < 200_000
    assert f"docs/images/{take_picture.PICTURE.name}" in README.read_text(encoding="utf-8")


def test_the_sample_is_made_again_bit_for_bit(tmp_path):
    paths = write_tables(simulate(400, seed=1, scenario="plain").tables, tmp_path)
    assert {path.name for path in paths} == {path.name for path in SAMPLE.glob("*.csv")}
    for path in paths:
        assert path.read_bytes() == (SAMPLE / path.name).read_bytes(), path.name


def test_the_sample_says_that_its_clients_are_invented(tmp_path):
    assert main(["simulate", "--out", str(tmp_path / "again")]) == 0
    assert (SAMPLE / SYNTHETIC).read_bytes() == (tmp_path / "again" / SYNTHETIC).read_bytes()


def test_the_data_sheet_counts_the_corpus_as_it_is():
    sheet = (ROOT / "docs" / "messages.md").read_text(encoding="utf-8")
    messages = corpus()
    assert f"{len(messages):,} messages in English, in {messages['round'].nunique()} rounds" in sheet
    for name, n in messages["round"].value_counts().items():
        assert re.search(rf"^\| `{name}` \| {n} \|", sheet, flags=re.M), name
    for name, group in messages.groupby("intent"):
        hard = int(group["hard"].sum())
        assert re.search(rf"^\| `{name}` \| {len(group):,} \| {hard:,} \|", sheet, flags=re.M), name
