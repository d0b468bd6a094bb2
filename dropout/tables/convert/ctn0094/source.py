"""The source: tables of public.ctn0094data as CSV, read and checked."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from dropout.errors import CallError, HistoryError, Problem

REASONS = (
    "dead", "no_show", "no_funding", "left_study", "in_jail", "forgot", "in_hospital", "illness", "moved",
    "missing_14_consecutive", "window", "unable", "on_vacation", "other",
)
"""Reasons for a missed visit, as the source calls them; each is a column `is_...` that holds 1 or nothing.
`is_no_note` is left out: the source says of it that its meaning is unknown."""

UNSAID = ("Missing", "Not answered", "Refused/missing")
"""Answers that say that there is no answer."""

NEEDED = {
    "everybody": ("who", "project"),
    "randomization": ("who", "treatment", "which", "when"),
    "visit": ("who", "visit", "what", "when"),
}
OPTIONAL = {
    "site_masked": ("who", "site_masked"),
    "demographics": ("who", "age"),
    "psychiatric": ("who",),
    "withdrawal": ("who", "withdrawal", "when"),
    "uds": ("who", "what", "when"),
    "treatment": ("who",),
}
NUMBERS = ("who", "when", "which", "project", "age", "withdrawal")
ATTENDED = ("visit", "final")
MISSED = ("no visit", "MISSING")
ALLOWED = {
    ("everybody", "project"): (27, 30, 51),
    ("randomization", "which"): (1, 2),
    ("visit", "what"): (*ATTENDED, *MISSED),
}


def read_source(folder: str | os.PathLike) -> dict[str, pd.DataFrame]:
    """Return the tables of the source by name; `who` is a whole number, days since consent are floats.

    Files are called NAME.csv or NAME.csv.gz. Tables of `OPTIONAL` that are not there are left out. In a
    table of one row a person, a second row of the person is dropped.

    Raises
    ------
    CallError
        When there is no such folder.
    HistoryError
        When a needed table or column is absent, or a value can't be used; with all of them.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise CallError(f"there is no folder '{folder}'. Give the one that holds visit.csv.gz and the rest.")
    tables: dict[str, pd.DataFrame] = {}
    problems: list[Problem] = []
    for name, columns in {**NEEDED, **OPTIONAL}.items():
        file = next((f for f in (folder / f"{name}.csv.gz", folder / f"{name}.csv") if f.is_file()), None)
        if file is None:
            if name in NEEDED:
                mend = f"Put {name}.csv or {name}.csv.gz into the folder"
                problems.append(_problem(name, "the table is missing", mend))
            continue
        table = _read(file, name, columns, problems)
        if table is not None:
            tables[name] = table
    if problems:
        raise HistoryError(problems)
    for name in ("everybody", "site_masked", "demographics", "psychiatric"):
        if name in tables:
            tables[name] = tables[name].drop_duplicates("who").set_index("who")
    for name in ("demographics", "psychiatric"):
        tables.setdefault(name, pd.DataFrame(index=pd.Index([], dtype="int64", name="who")))
    return tables


def _read(file: Path, name: str, columns: Iterable[str], problems: list[Problem]) -> pd.DataFrame | None:
    try:
        table = pd.read_csv(file, dtype=object, keep_default_na=False, na_values=["", "NA"])
    except (OSError, EOFError, ValueError, zlib.error) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        problems.append(_problem(name, f"the file can't be read ({reason})", "Export it again", file))
        return None
    table.columns = [str(column).strip() for column in table.columns]
    absent = [column for column in columns if column not in table.columns]
    for column in absent:
        mend = f"Export the table again with it; it has {', '.join(table.columns)}"
        problems.append(_problem(name, "the column is missing", mend, file, column=column))
    if absent:
        return None
    written = table.copy(deep=False)
    for column in [column for column in NUMBERS if column in table.columns]:
        numbers = pd.to_numeric(table[column], errors="coerce").astype("float64")
        whole = np.isfinite(numbers) & (numbers == numbers.round())
        wrong = (table[column].notna() | (column == "who")) & ~whole
        mend = "Export the table again"
        _name(problems, written[column], wrong, name, file, "this is not a whole number", mend)
        table[column] = numbers
    for (of, column), allowed in ALLOWED.items():
        if of == name:
            wrong = table[column].notna() & ~table[column].isin(allowed)
            expected = ", ".join(str(value) for value in allowed)
            mend = f"Expected one of {expected}"
            _name(problems, written[column], wrong, name, file, "the value is not known", mend)
    if not problems:
        table["who"] = table["who"].astype("int64")
    return table


def _name(
    problems: list[Problem], values: pd.Series, wrong: pd.Series, table: str, file: Path, what: str, mend: str
) -> None:
    for row in np.flatnonzero(wrong.to_numpy()):
        shown = "" if pd.isna(values.iloc[row]) else str(values.iloc[row])[:40]
        column, number = str(values.name), int(row) + 2
        problems.append(_problem(table, what, mend, file, column=column, row=number, value=shown))


def _problem(
    table: str,
    problem: str,
    mend: str,
    file: Path | None = None,
    *,
    column: str | None = None,
    row: int | None = None,
    value: str | None = None,
) -> Problem:
    return Problem("error", table, column, row, value, problem, mend, "" if file is None else file.name)


def covariates_of(raw: dict[str, pd.DataFrame], people: pd.Index) -> pd.DataFrame:
    """Return what `demographics` and `psychiatric` say of each of `people`, in the source's words."""
    demographics, psychiatric = raw["demographics"], raw["psychiatric"]
    new = [column for column in psychiatric.columns if column not in demographics.columns]
    return demographics.reindex(people).join(psychiatric[new].reindex(people))


def reasons_of(visit: pd.DataFrame) -> pd.Series:
    """Return the reasons given on each row of `visit`, joined by "+"; empty where there is none."""
    said = pd.Series("", index=visit.index, dtype=object)
    for reason in REASONS:
        column = f"is_{reason}"
        if column in visit.columns:
            marked = visit[column].notna() & ~visit[column].isin(["0", "0.0", "No"])
            said = said.where(~marked, said.where(said == "", said + "+") + reason)
    return said
