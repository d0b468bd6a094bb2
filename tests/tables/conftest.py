"""Ways to write a small history, and to spoil it."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_histories import TODAY, VALID

from dropout.tables import Report, examine


@pytest.fixture
def folder(tmp_path: Path):
    """Return a function that writes tables (CSV texts or bytes, by name or file name) and returns their folder."""

    def write(**tables: str | bytes) -> Path:
        for name, content in tables.items():
            file = tmp_path / (name if "." in name else f"{name}.csv")
            file.write_bytes(content.encode() if isinstance(content, str) else content)
        return tmp_path

    return write


@pytest.fixture
def spoiled(folder):
    """Return a function that writes the valid history with parts replaced, and gives the report on it."""

    def write(table: str, old: str, new: str, today: str = TODAY, **options: object) -> Report:
        tables = dict(VALID)
        assert tables[table].count(old) == 1, f"'{old}' must occur once in {table}"
        tables[table] = tables[table].replace(old, new)
        return examine(folder(**tables), today=today, **options)

    return write
