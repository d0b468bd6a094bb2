"""Errors that reach a user, each with the exit status of the command line.

Everything raised on purpose derives from :class:`DropoutError`, so that one handler turns it into a message
without a traceback.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

SHOWN_PER_KIND = 20


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, or odd, in a history: what, where, and how to mend it.

    Parameters
    ----------
    severity : {"error", "warning"}
        An error stops; a warning does not.
    table : str
        Name of the table, such as ``sessions``.
    column : str or None
        Column, or None when the whole row or table is meant.
    row : int or None
        Row as a person sees it: in a CSV file the header is row 1; elsewhere the first row is 1.
    value : str or None
        The value found, shortened; None for free text, which is never shown.
    problem, mend : str
        What is wrong and how to put it right.
    source : str
        File name, where the table came from a file.
    """

    severity: str
    table: str
    column: str | None
    row: int | None
    value: str | None
    problem: str
    mend: str
    source: str = ""

    def as_dict(self) -> dict[str, str | int | None]:
        """Return the seven public fields, ready for JSON."""
        return {
            "severity": self.severity,
            "table": self.table,
            "column": self.column,
            "row": self.row,
            "value": self.value,
            "problem": self.problem,
            "mend": self.mend,
        }

    def __str__(self) -> str:
        where = self.source or self.table
        if self.row is not None:
            where += f" row {self.row}"
        if self.column is not None:
            where += f", {self.column}"
        if self.value is not None:
            where += f" '{self.value}'"
        text = f"{where}: {self.problem}." if where else f"{self.problem}."
        return f"{text} {self.mend}." if self.mend else text


class DropoutError(Exception):
    """An error meant for the person at the keyboard; `exit_status` is what the command line ends with."""

    exit_status = 1


class HistoryError(DropoutError):
    """The history is wrong; `problems` holds every problem found, errors and warnings."""

    exit_status = 1

    def __init__(self, problems: Iterable[Problem]):
        self.problems: list[Problem] = list(problems)
        super().__init__(describe([p for p in self.problems if p.severity == "error"]))


class CallError(DropoutError):
    """The call is wrong: an argument or option that cannot be used."""

    exit_status = 2


class ModelError(DropoutError):
    """A model cannot be fitted or read: too little to learn from, or an unreadable model file."""

    exit_status = 1


def describe(problems: list[Problem], per_kind: int = SHOWN_PER_KIND) -> str:
    """Return one line per problem: the first `per_kind` of each kind, then how many more there are.

    Problems are of one kind when they concern the same table and column in the same words.
    """
    kinds = Counter(_kind(problem) for problem in problems)
    shown: Counter = Counter()
    lines = []
    for problem in problems:
        kind = _kind(problem)
        shown[kind] += 1
        if shown[kind] <= per_kind:
            lines.append(str(problem))
        if shown[kind] == kinds[kind] and kinds[kind] > per_kind:
            where = problem.source or problem.table
            column = f", {problem.column}" if problem.column else ""
            lines.append(f"{where}{column}: and {kinds[kind] - per_kind:,} more like the last.")
    return "\n".join(lines)


def _kind(problem: Problem) -> tuple[str, str, str | None, str]:
    return problem.severity, problem.table, problem.column, problem.problem
