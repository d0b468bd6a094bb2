"""`Audit`: the verdict on each column, the suspects in the tables, and what has to be said beside them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd

from dropout.audit.mechanisms import KINDS, MECHANISMS
from dropout.audit.verdicts import CALENDAR, CLEAN, LEAK, LOOK, UNCHECKED
from dropout.errors import CallError

FILE = "audit.json"
WIDTH = 110
FOUND = {
    LEAK: "They know the future, or rows that they must not know",
    LOOK: "Worth a look: not proven, but odd",
}


@dataclass(frozen=True)
class Audit:
    """Which features know too much, and what in the tables looks as if it was written with knowledge of the ending.

    Attributes
    ----------
    features : str
        What was audited.
    columns : DataFrame
        One row per column: column, `verdict` ("leak", "look", "calendar", "clean" or "unchecked"), `mechanism`, `kind` (of
        Kapoor and Narayanan 2023), `severity` ("high", "medium", "low"), `evidence` in counts of rows, `what_to_do`.
    suspects : DataFrame
        One row per suspect in the tables: suspect, table, count, of, kind, why, what_to_do, share.
    notes : list of str
        How it was done, and what could not be checked.
    settings : dict
        Dates, clients, seed and definition.
    """

    features: str
    columns: pd.DataFrame = field(repr=False)
    suspects: pd.DataFrame = field(repr=False)
    notes: list[str] = field(repr=False)
    settings: dict[str, Any] = field(repr=False, default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether no column is a leak. Suspects in the tables, and columns to look at, are for a person to judge."""
        return not self.leaks

    @property
    def leaks(self) -> list[str]:
        """The columns that are leaks."""
        return list(self.columns.loc[self.columns["verdict"] == LEAK, "column"])

    def __repr__(self) -> str:
        return f"Audit of {self.features}: {self.sentence()}"

    def sentence(self) -> str:
        """The result in one sentence."""
        counts = self.columns["verdict"].value_counts()
        n, leaks = len(self.columns), int(counts.get(LEAK, 0))
        if leaks:
            said = f"{leaks:,} of {n:,} columns leak: {_names(self.leaks)}"
        elif counts.get(UNCHECKED, 0) == n:
            said = f"none of {n:,} columns could be checked by asking again, and none agrees with the future"
        else:
            said = f"none of {n:,} columns leaks"
        if counts.get(LOOK, 0):
            said += f"; {counts[LOOK]:,} to look at: {_names(self.columns.loc[self.columns['verdict'] == LOOK, 'column'])}"
        suspects = len(self.suspects)
        return said + f"; {suspects:,} suspect{'s' if suspects != 1 else ''} in the tables"

    def text(self) -> str:
        """The whole report as plain text."""
        parts = [f"Audit of {self.features}", _wrapped(self.sentence()[0].upper() + self.sentence()[1:] + ".")]
        for verdict, title in FOUND.items():
            rows = self.columns[self.columns["verdict"] == verdict]
            if len(rows):
                parts.append("\n".join([title, *(_about_column(row) for row in rows.to_dict("records"))]))
        calendar = self.columns.loc[self.columns["verdict"] == CALENDAR, "column"]
        if len(calendar):
            parts.append("\n".join(["They change with the date itself, which is no leak",
                                    _wrapped(", ".join(calendar), "  ")]))
        clean, unchecked = (int((self.columns["verdict"] == verdict).sum()) for verdict in (CLEAN, UNCHECKED))
        parts.append("Others: " + ", ".join([f"{clean:,} clean"] * bool(clean) + [f"{unchecked:,} not checked"] * bool(unchecked))
                     if clean or unchecked else "Others: none")
        suspects = [_about_suspect(row) for row in self.suspects.to_dict("records")]
        parts.append("\n".join(["Suspects in the tables", *suspects]) if suspects else "Suspects in the tables: none")
        parts.append("\n".join(["Notes", *(_wrapped(note, "- ") for note in self.notes)]))
        return "\n\n".join(parts)

    def as_dict(self) -> dict[str, Any]:
        """All of it as plain values, for JSON."""
        return {
            "ok": self.ok, "features": self.features, "summary": self.sentence(), "columns": _plain(self.columns),
            "suspects": _plain(self.suspects), "notes": self.notes, "settings": self.settings, "kinds": KINDS,
        }

    def write(self, path: str | Path) -> Path:
        """Write the audit to a file ending in `.json`, or as `audit.json`, two tables and a text into a folder.

        Raises
        ------
        CallError
            If it cannot be written.
        """
        path = Path(path)
        whole = json.dumps(self.as_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        try:
            if path.suffix.lower() == ".json":
                path.write_text(whole, encoding="utf-8")
                return path
            path.mkdir(parents=True, exist_ok=True)
            (path / FILE).write_text(whole, encoding="utf-8")
            (path / "audit.txt").write_text(self.text() + "\n", encoding="utf-8")
            for name, table in (("columns", self.columns), ("suspects", self.suspects)):
                table.to_csv(path / f"{name}.csv", index=False, lineterminator="\n", float_format="%.6g")
        except OSError as wrong:
            raise CallError(f"'{path}' cannot be written: {wrong.strerror}") from wrong
        return path

    def _repr_html_(self) -> str:
        shown = self.columns[self.columns["verdict"].isin([LEAK, LOOK])]
        parts = [f"<div><p><b>Audit</b> of {escape(self.features)}: {escape(self.sentence())}</p>"]
        if len(shown):
            parts.append(shown.drop(columns=["severity"]).to_html(index=False))
        if len(self.suspects):
            suspects = self.suspects.assign(share=self.suspects["share"].map("{:.0%}".format))
            parts.append("<h4>Suspects in the tables</h4>"
                         + suspects[["suspect", "table", "count", "of", "share", "why", "what_to_do"]].to_html(index=False))
        parts.append("<ul>" + "".join(f"<li>{escape(note)}</li>" for note in self.notes) + "</ul>")
        return "".join(parts) + "</div>"


def _names(columns: Any, most: int = 6) -> str:
    names = list(columns)
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def _wrapped(text: str, first: str = "") -> str:
    return fill(text, WIDTH, initial_indent=first, subsequent_indent=" " * len(first), break_on_hyphens=False,
                break_long_words=False)


def _about_column(row: dict[Any, Any]) -> str:
    one = MECHANISMS[row["mechanism"]]
    kind = f" [{row['kind']}]" if row["kind"] else ""
    lines = [_wrapped(f"{row['column']}: {one.what}{kind}, {row['severity']}", "  ")]
    if row["evidence"]:
        lines.append(_wrapped(f"seen: {row['evidence']}", "      "))
    return "\n".join([*lines, _wrapped(f"do: {row['what_to_do']}", "      ")])


def _about_suspect(row: dict[Any, Any]) -> str:
    return "\n".join([_wrapped(f"{row['suspect']} ({row['table']}): {row['count']:,} of {row['of']:,}, {row['share']:.0%}", "  "),
                      _wrapped(f"why: {row['why']}", "      "), _wrapped(f"do: {row['what_to_do']}", "      ")])


def _plain(table: pd.DataFrame) -> list[dict[str, Any]]:
    def value(x: Any) -> Any:
        if isinstance(x, (float, np.floating)):
            return float(f"{x:.6g}") if np.isfinite(x) else None
        return int(x) if isinstance(x, (int, np.integer)) else str(x)

    return [{str(name): value(x) for name, x in row.items()} for row in table.to_dict("records")]
