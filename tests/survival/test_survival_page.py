"""The page of this room: its Python runs as written, one block after the other."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_python_of_the_page_runs(monkeypatch):
    monkeypatch.chdir(ROOT)
    page = (ROOT / "docs" / "survival.md").read_text(encoding="utf-8")
    found = re.findall(r"^```python\n(.*?)^```$", page, flags=re.M | re.S)
    names: dict = {}
    for code in found:
        exec(compile(code, "docs/survival.md", "exec"), names)
    assert len(found) >= 2 and "not prediction" in names["found"].notes[-1]
