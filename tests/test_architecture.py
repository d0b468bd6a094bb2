"""The house rules that a machine can see: which way imports run, how long modules are, what is never imported."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "dropout"
MODULES = sorted(ROOT.rglob("*.py"))
NAMES = [str(path.relative_to(ROOT)) for path in MODULES]

ORDER = [
    "errors", "progress", "disclosure", "sayable", "tables", "timeline", "endings", "definitions", "history", "messages",
    "features", "survival", "models", "evaluation", "audit", "card", "clinic", "batch", "arguments", "demo", "commands",
    "cli", "__main__",
]
"""Rooms from left to right: each imports itself and rooms to its left."""

ALONE = ("simulate",)
"""Rooms that import nothing else of the package; `batch` and what is right of it may import them."""

LONGEST = 400

NO_NAME = {"utils", "util", "helpers", "helper", "common", "base", "misc", "core"}

RUNS_CODE = {"pickle", "cPickle", "_pickle", "joblib", "dill", "cloudpickle", "shelve", "marshal"}

NETWORK = {
    "socket", "ssl", "http", "urllib", "ftplib", "smtplib", "poplib", "imaplib", "telnetlib", "xmlrpc", "socketserver",
    "requests", "httpx", "aiohttp", "urllib3", "websockets", "websocket", "boto3", "paramiko", "webbrowser",
}


def imported(path: Path) -> set[str]:
    """Full names of everything that a module imports, wherever in it the import stands."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import hides where it leads"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("import_module", "__import__"):
            found |= {argument.value for argument in node.args if isinstance(argument, ast.Constant)}
    return found


def room(name: str) -> str:
    """The room of a module by its full name: `dropout.tables.read` is in `tables`."""
    return name.split(".")[1]


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_imports_run_one_way(path: Path) -> None:
    parts = path.relative_to(ROOT).with_suffix("").parts
    here = parts[0]
    if here == "__init__":
        return  # hands names on from everywhere
    inside = {name for name in imported(path) if name.startswith("dropout.")}
    if here in ALONE:
        assert {room(name) for name in inside} <= {here}
        return
    assert here in ORDER, f"the room '{here}' has no place in the order"
    allowed = set(ORDER[: ORDER.index(here) + 1])
    if ORDER.index(here) >= ORDER.index("batch"):
        allowed |= {*ALONE, "__version__"}
    wrong = sorted(name for name in inside if room(name) not in allowed)
    assert not wrong, f"{here} imports rooms to its right: {wrong}"


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_nothing_that_runs_code_or_reaches_a_network_is_imported(path: Path) -> None:
    roots = {name.split(".")[0] for name in imported(path)}
    assert not roots & RUNS_CODE
    assert not roots & NETWORK
    # Ways around an import: these load pickles when told to, or run text.
    text = path.read_text(encoding="utf-8")
    for forbidden in ("allow_pickle=True", "read_pickle", "to_pickle", "torch.load"):
        assert forbidden not in text


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_no_module_is_too_long_or_without_a_name(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST
    assert not NO_NAME & set(path.relative_to(ROOT).with_suffix("").parts)


@pytest.mark.parametrize("room", sorted(path.name for path in ROOT.iterdir() if (path / "__init__.py").is_file()))
def test_every_room_says_what_it_is_for(room: str) -> None:
    said = ast.get_docstring(ast.parse((ROOT / room / "__init__.py").read_text(encoding="utf-8")))
    assert said, f"dropout/{room}/__init__.py says nothing"


def test_the_package_hands_on_a_few_names() -> None:
    import dropout

    names = [name for name in dropout.__all__ if not name.startswith("_")]
    assert 10 <= len(names) <= 24
    for name in names:
        assert getattr(dropout, name) is not None, name
    assert dropout.__version__
    with pytest.raises(AttributeError, match="no attribute 'misspelt'"):
        _ = dropout.misspelt
