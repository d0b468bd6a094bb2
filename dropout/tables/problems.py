"""Collecting problems: many rows at once, values shortened, free text never shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd

from dropout.errors import Problem
from dropout.tables.columns import TABLES

KEPT_PER_KIND = 1000
VALUE_LENGTH = 40


class Problems:
    """A growing list of problems, kept in `found`, with the file name of each table in `sources`."""

    def __init__(self) -> None:
        self.found: list[Problem] = []
        self.sources: dict[str, str] = {}

    def error(self, table: str, column: str | None, problem: str, mend: str, **where: Any) -> None:
        """Add one error; `where` may hold `row` and `value`."""
        self._add("error", table, column, problem, mend, **where)

    def warning(self, table: str, column: str | None, problem: str, mend: str, **where: Any) -> None:
        """Add one warning; `where` may hold `row` and `value`."""
        self._add("warning", table, column, problem, mend, **where)

    def rows(
        self,
        severity: str,
        table: str,
        column: str | None,
        rows: np.ndarray,
        values: Sequence | pd.Series | np.ndarray | None,
        problem: str,
        mend: str | Sequence[str],
    ) -> None:
        """Add one problem for each of `rows`: the first thousand in order of row, then one with how many more.

        `mend` is one text for all, or one for each row. Values of free-text columns are left out.
        """
        if not len(rows):
            return
        for at in np.argsort(rows, kind="stable")[:KEPT_PER_KIND]:
            value = None if values is None else values.iloc[at] if isinstance(values, pd.Series) else values[at]
            text = mend if isinstance(mend, str) else mend[at]
            self._add(severity, table, column, problem, text, row=int(rows[at]), value=value)
        if len(rows) > KEPT_PER_KIND:
            more = f"and in {len(rows) - KEPT_PER_KIND:,} more rows: {problem}"
            self._add(severity, table, column, more, mend if isinstance(mend, str) else "")

    def _add(
        self,
        severity: str,
        table: str,
        column: str | None,
        problem: str,
        mend: str,
        row: int | None = None,
        value: object = None,
    ) -> None:
        shown = None if value is None or _is_free_text(table, column) else written(value)
        if shown is not None and table == "messages" and _may_be_message(shown):
            shown = None
        source = self.sources.get(table, "")
        self.found.append(Problem(severity, table, column, row, shown, problem, mend, source))

    @property
    def errors(self) -> list[Problem]:
        """The errors among what was found."""
        return [problem for problem in self.found if problem.severity == "error"]

    @property
    def warnings(self) -> list[Problem]:
        """The warnings among what was found."""
        return [problem for problem in self.found if problem.severity == "warning"]


def written(value: object) -> str:
    """Return `value` as one line of at most 40 characters; the last second of a day is written as its date."""
    if isinstance(value, (np.datetime64, pd.Timestamp)):
        value = pd.Timestamp(value).isoformat().removesuffix("T23:59:59")
    elif isinstance(value, float) and value.is_integer():
        value = int(value)
    text = " ".join(str(value).replace("\0", "").split())
    return text if len(text) <= VALUE_LENGTH else text[: VALUE_LENGTH - 1] + "…"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the name in `known` that `word` was probably meant to be, or None.

    Case, spaces and hyphens do not count: ``'No Show'`` is near ``no_show``. A word that is part of several names,
    such as ``cancel``, is near none of them.
    """
    plain = {plainly(name): name for name in known}
    short = plainly(word)
    if short in plain:
        return plain[short]
    if sum(short in name for name in plain) > 1:
        return None
    match = get_close_matches(short, plain, n=1, cutoff=0.7)
    return plain[match[0]] if match else None


def plainly(word: str) -> str:
    """Return the letters and digits of `word`, in lower case."""
    return "".join(character for character in word.lower() if character.isalnum())


def _may_be_message(value: str) -> bool:
    """Return whether a value of another column reads like a message: columns that slipped must not show one."""
    letters = sum(character.isalpha() for character in value)
    return letters > 20 or (letters > 5 and len(value.split()) > 2)


def _is_free_text(table: str, column: str | None) -> bool:
    specified = TABLES[table].column(column) if table in TABLES and column is not None else None
    return specified is not None and specified.kind == "free_text"
