"""The manifest: what was made from what, in plain JSON, so that a result can be checked and need not be made twice."""

from __future__ import annotations

import hashlib
import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dropout.tables import TABLES

MANIFEST = "manifest.json"
MADE_BY = "dropout score"
FORMAT = 1
"""Version of the layout of the manifest."""

_PACKAGES = ("dropout", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy")
_ENDINGS = (".parquet", ".csv", ".csv.gz")
_DECIDING = ("format", "made_by", "engine", "as_of", "versions", "model", "inputs", "options")
"""What decides the scores: where these agree, so do the results."""


def fingerprint(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprints(history: Path) -> dict[str, str]:
    """SHA-256 of each file of a history that is read, by name."""
    found = {}
    for name in TABLES:
        for ending in _ENDINGS:
            path = history / (name + ending)
            if path.is_file():
                found[path.name] = fingerprint(path)
    return found


def versions() -> dict[str, str]:
    """Versions of the package, of Python and of the libraries that have a part in the scores."""
    return {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES}


def write_manifest(folder: Path, content: dict[str, Any]) -> Path:
    """Path of `manifest.json`, written into a folder with fingerprints of the files beside it."""
    outputs = {path.name: fingerprint(path) for path in sorted(folder.iterdir()) if path.name != MANIFEST}
    path = folder / MANIFEST
    whole = {"format": FORMAT, "made_by": MADE_BY, **content, "outputs": outputs}
    path.write_text(json.dumps(whole, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest in a folder; None where there is none, or it is not one of `dropout score`."""
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) and content.get("made_by") == MADE_BY else None


def is_complete(folder: Path, deciding: dict[str, Any]) -> bool:
    """Whether a folder holds the very result that would be made again: same causes, and files as they were written.

    Parameters
    ----------
    folder : path
    deciding : dict
        The manifest of the result to be made, at least the keys that decide the scores.
    """
    there = read_manifest(folder)
    if there is None:
        return False
    expected = json.loads(json.dumps({"format": FORMAT, "made_by": MADE_BY, **deciding}))
    if any(there.get(key) != expected.get(key) for key in _DECIDING):
        return False
    outputs = there.get("outputs")
    return isinstance(outputs, dict) and bool(outputs) and all(
        (folder / name).is_file() and fingerprint(folder / name) == digest for name, digest in outputs.items())
