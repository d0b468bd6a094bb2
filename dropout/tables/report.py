"""The report of a check, for a person and for a program."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dropout.errors import Problem, describe
from dropout.tables.extract import Tables
from dropout.tables.problems import written


@dataclass(repr=False)
class Report:
    """What was found in a history: `problems`, and `tables` when they could be read well enough to be typed.

    `counts` holds the rows and the names of the columns of each table that was read.
    """

    problems: list[Problem]
    tables: Tables | None = None
    counts: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def errors(self) -> list[Problem]:
        """The errors among the problems."""
        return [problem for problem in self.problems if problem.severity == "error"]

    @property
    def warnings(self) -> list[Problem]:
        """The warnings among the problems."""
        return [problem for problem in self.problems if problem.severity == "warning"]

    @property
    def ok(self) -> bool:
        """Whether the history can be used: no problem is an error."""
        return not self.errors

    def extraction_at(self) -> np.datetime64:
        """Return the extraction date, NaT when the tables could not be read or hold an error."""
        return self.tables.extraction_at() if self.tables is not None and self.ok else np.datetime64("NaT", "s")

    def __repr__(self) -> str:
        return f"<Report: {len(self.errors)} errors, {len(self.warnings)} warnings>"


def report_text(report: Report) -> str:
    """Return the report for a person: tables, errors, warnings, and what comes of it."""
    lines = []
    width = max((len(name) for name in report.counts), default=0)
    for name, counts in report.counts.items():
        lines.append(f"{name:<{width}}  {counts['rows']:>9,} rows, {len(counts['columns'])} columns")
    if not np.isnat(report.extraction_at()):
        lines.append(f"Extraction date: {written(report.extraction_at())}")
    for reason, count in (report.tables.set_aside if report.tables else {}).items():
        lines.append(f"Set aside: {count:,} {reason}")
    for title, problems in (("Errors", report.errors), ("Warnings", report.warnings)):
        if problems:
            lines += ["", f"{title} ({len(problems):,}):"]
            lines += [f"  {line}" for line in describe(problems).splitlines()]
    lines += ["", "The history can be used." if report.ok else "The history cannot be used as it is."]
    return "\n".join(lines).lstrip("\n")


def report_json(report: Report) -> dict[str, object]:
    """Return the report for a program, ready for JSON."""
    extraction_at = report.extraction_at()
    return {
        "ok": report.ok,
        "errors": [problem.as_dict() for problem in report.errors],
        "warnings": [problem.as_dict() for problem in report.warnings],
        "tables": report.counts,
        "extraction_date": None if np.isnat(extraction_at) else written(extraction_at),
        "set_aside": dict(report.tables.set_aside) if report.tables else {},
    }
