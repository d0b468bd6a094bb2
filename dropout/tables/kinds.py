"""Kinds: from raw columns to text, categories, numbers and parsed times, naming each value that will not go."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from dropout.tables import times
from dropout.tables.columns import Column, Table
from dropout.tables.files import TEXT, RawTable
from dropout.tables.problems import Problems, nearest, plainly

MISSING = ("", "NA", "NaN", "nan", "null", "NULL", "None")
TRUTHS = {"true": 1.0, "false": 0.0}
COVARIATES_IN = ("clients", "episodes")


def convert(
    raw: RawTable, table: Table, day_first: bool, problems: Problems
) -> tuple[pd.DataFrame, dict[str, times.Parsed]]:
    """Return the table in canonical types, and its parsed times, which are NaT in the frame until they are placed.

    Columns come in the specification's order, then the extra ones by name. A required column that is missing is
    named, and stands in the frame without values, so that the checks of the others can go on.
    """
    columns = _columns(raw, table, problems)
    held: dict[str, Any] = {}
    parsed: dict[str, times.Parsed] = {}
    for name in columns.columns:
        values, column = columns[name], table.column(name)
        if column is None:
            held[name] = as_extra(values, raw.decimal_comma, table.name in COVARIATES_IN)
            continue
        bad = np.zeros(len(values), dtype=bool)
        if column.kind == "time":
            parsed[name] = as_times(values, day_first)
            held[name] = np.full(len(values), np.datetime64("NaT", "s"))
            bad, empty = parsed[name].form == times.BAD, parsed[name].form == times.EMPTY
            _name_times(raw, column, values, bad, problems)
        elif column.kind in ("number", "integer"):
            held[name], bad = as_numbers(values, raw.decimal_comma)
            empty = np.isnan(held[name].to_numpy()) & ~bad
            _name_numbers(raw, column, values, held[name], bad, problems)
        else:
            held[name] = as_free_text(values) if column.kind == "free_text" else as_name(values)
            empty = held[name].isna().to_numpy(dtype=bool)
            if column.values is not None:
                _name_strangers(raw, column, column.values, held[name], problems)
        if column.required and not column.lenient and name in raw.frame.columns:
            where = np.flatnonzero(empty)
            mend = f"Give the {name}, or take the row away"
            problems.rows("error", raw.name, name, raw.rows[where], None, "a required value is missing", mend)
    return pd.DataFrame(held), parsed


def _columns(raw: RawTable, table: Table, problems: Problems) -> pd.DataFrame:
    """Return the raw columns in canonical order; say which are missing, there twice, or nearly right."""
    frame = raw.frame.loc[:, raw.frame.columns != ""]
    for name in sorted(set(frame.columns[frame.columns.duplicated()])):
        problems.error(raw.name, name, "two columns have this name", "Keep one of them")
    frame = frame.loc[:, ~frame.columns.duplicated()].copy(deep=False)
    extra = sorted(set(frame.columns) - set(table.names))
    for name in table.names:
        if name in frame:
            continue
        meant = nearest(name, extra)
        if name in table.required_names:
            mend = f"Rename '{meant}' to {name}" if meant else f"Add it; there are {', '.join(frame.columns)}"
            problems.error(raw.name, name, "a required column is missing", mend)
            frame[name] = pd.Series(np.nan, index=frame.index, dtype=TEXT)
        elif meant and plainly(meant) == plainly(name):
            said = f"the name is nearly {name}, but not quite, so the column is an extra one"
            problems.warning(raw.name, meant, said, f"Rename it to {name}")
    return frame[[name for name in table.names if name in frame] + extra]


def each_distinct(values: pd.Series, change: Callable[[pd.Series], pd.Series]) -> pd.Series:
    """Return text `values` changed by `change`, which is shown every different value once, stripped; nulls stay."""
    if values.dtype == object:
        values = values.map(_text, na_action="ignore")
    codes, distinct = pd.factorize(values)
    words = distinct if isinstance(values.dtype, pd.StringDtype) else [_text(value) for value in distinct]
    text = pd.Series(words, dtype=TEXT).str.strip()
    if text.str.contains("\0", regex=False).any():
        text = text.str.replace("\0", "", regex=False).str.strip()
    changed = change(text.mask(text.isin(MISSING)))
    return pd.Series(changed.array.take(codes, allow_fill=True))


def _text(value: object) -> str:
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        value = int(value)
    return str(value)


def as_text(values: pd.Series) -> pd.Series:
    """Return `values` as stripped text, nulls for what is missing; whole numbers are written without '.0'."""
    return each_distinct(values, lambda text: text)


def as_name(values: pd.Series) -> pd.Series:
    """Return a column of names (ids, categories) as text.

    Numbers that went through a table with empty cells come out as ``12.0`` throughout: such endings are taken off.
    """

    def whole(text: pd.Series) -> pd.Series:
        known = text.dropna()
        if len(known) and known.str.fullmatch(r"\d+\.0").all():
            return text.str.removesuffix(".0")
        return text

    return each_distinct(values, whole)


def as_free_text(values: pd.Series) -> pd.Series:
    """Return `values` as text, untouched but for null bytes; text without a visible character is null."""
    text = values if isinstance(values.dtype, pd.StringDtype) else values.map(str, na_action="ignore")
    text = text.astype(TEXT).reset_index(drop=True)
    if text.str.contains("\0", regex=False).any():
        text = text.str.replace("\0", "", regex=False)
    return text.mask(text.str.strip() == "")


def as_numbers(values: pd.Series, decimal_comma: bool = False) -> tuple[pd.Series, np.ndarray]:
    """Return `values` as float64 and the mask of those that are no finite number."""
    if pd.api.types.is_numeric_dtype(values.dtype):
        numbers = pd.Series(values.to_numpy(dtype="float64", na_value=np.nan))
        return numbers, np.isinf(numbers.to_numpy())
    text = as_text(values)
    numbers = each_distinct(text, lambda words: _numbers(words, decimal_comma)).astype("float64")
    wrong = text.notna().to_numpy() & ~np.isfinite(numbers.to_numpy())
    return numbers, wrong


def _numbers(text: pd.Series, decimal_comma: bool) -> pd.Series:
    if decimal_comma:
        both = text.str.contains(".", regex=False) & text.str.contains(",", regex=False)
        text = text.mask(both, text.str.replace(".", "", regex=False)).str.replace(",", ".", regex=False)
    return pd.to_numeric(text, errors="coerce").astype("float64")


def as_times(values: pd.Series, day_first: bool) -> times.Parsed:
    """Return the parsed times of a column of any type."""
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return times.parse_typed(values)
    if not isinstance(values.dtype, pd.StringDtype):
        if set(map(type, values.dropna())) == {date}:
            return times.parse_typed(pd.to_datetime(values, errors="coerce"))
        values = values.map(times.as_written, na_action="ignore")
    codes, distinct = pd.factorize(as_text(values))
    return times.parse_text(pd.Series(distinct, dtype=TEXT), day_first).take(codes)


def as_extra(values: pd.Series, decimal_comma: bool, covariates: bool) -> pd.Series:
    """Return an extra column as times, float64 (numbers and booleans) or text.

    Where extra columns are `covariates`, text that reads as numbers throughout becomes numbers.
    """
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return pd.Series(times.place(times.parse_typed(values), None))
    if pd.api.types.is_numeric_dtype(values.dtype):
        return pd.Series(values.to_numpy(dtype="float64", na_value=np.nan))
    text = as_text(values)
    return as_covariate(text, decimal_comma) if covariates else text


def as_covariate(text: pd.Series, decimal_comma: bool = False) -> pd.Series:
    """Return a text column as float64 if it holds numbers alone, or true and false alone, or nothing; else as it is.

    Numbers written with leading zeros are names, such as ``007``, and stay text.
    """
    words = pd.Series(pd.factorize(text)[1], dtype=TEXT)
    if words.str.lower().isin(TRUTHS).all():
        return each_distinct(text, lambda each: each.str.lower().map(TRUTHS)).astype("float64")
    if words.str.match(r"[+-]?0\d").any() or not np.isfinite(_numbers(words, decimal_comma)).all():
        return text
    return each_distinct(text, lambda each: _numbers(each, decimal_comma)).astype("float64")


def _name_times(raw: RawTable, column: Column, values: pd.Series, bad: np.ndarray, problems: Problems) -> None:
    where = np.flatnonzero(bad)
    shown = values.iloc[where].astype("str").str.strip()
    maybe = shown.str.match(times.DAY_FIRST).to_numpy(dtype=bool)
    iso = "Write times as 2025-12-31T14:00"
    told = f"{iso}; if the day comes first, give --day-first"
    said = "this is not a time that can be read"
    problems.rows("error", raw.name, column.name, raw.rows[where], shown, said, np.where(maybe, told, iso).tolist())


def _name_numbers(
    raw: RawTable, column: Column, values: pd.Series, numbers: pd.Series, bad: np.ndarray, problems: Problems
) -> None:
    where = np.flatnonzero(bad)
    mend = "Write digits alone, with a point before decimals, or leave it empty"
    said = "this is not a finite number"
    problems.rows("error", raw.name, column.name, raw.rows[where], values.iloc[where], said, mend)
    if column.kind == "integer":
        where = np.flatnonzero(~bad & (numbers % 1 > 0).to_numpy())
        said, mend = "this is not a whole number", "Give a whole number, or leave it empty"
        problems.rows("error", raw.name, column.name, raw.rows[where], values.iloc[where], said, mend)


def _name_strangers(
    raw: RawTable, column: Column, known: tuple[str, ...], values: pd.Series, problems: Problems
) -> None:
    where = np.flatnonzero(values.notna() & ~values.isin(known))
    strange = values.iloc[where]
    expected = f"expected one of {', '.join(known)}"
    meant = {word: nearest(word, known) for word in strange.unique()}
    mends = [f"Write {meant[word]}" if meant[word] else "Write one of these" for word in strange]
    said = f"this is not a known {column.name}; {expected}"
    severity = "error" if column.strict else "warning"
    problems.rows(severity, raw.name, column.name, raw.rows[where], strange, said, mends)
