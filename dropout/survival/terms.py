"""Covariates as columns of numbers, each with a name that can be read: categories become indicators beside a reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from numbers import Real

import numpy as np
import pandas as pd
from pandas.api.types import is_any_real_numeric_dtype, is_bool_dtype, is_string_dtype

from dropout.errors import CallError, ModelError

MOST_LEVELS = 50
"""More levels than this are a code, not a category."""

LARGEST = 1e100


@dataclass(frozen=True)
class Terms:
    """Columns of a design, without an intercept.

    Attributes
    ----------
    matrix : float array, rows by terms
    names : tuple of str
        Name of each term: the column, or "column: level".
    columns : tuple of str
        Column that each term comes from.
    notes : tuple of str
        Which level is the reference.
    """

    matrix: np.ndarray
    names: tuple[str, ...]
    columns: tuple[str, ...]
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)


def read_terms(frame: pd.DataFrame, covariates: Sequence[str]) -> Terms:
    """Return the covariates of a frame without missing values as terms.

    Numbers stay as they are, true and false become 1 and 0. Text and categories become one indicator a level beside the
    reference: the first level of a category with an order or order of its own, else the most frequent value.

    Raises
    ------
    CallError
        If a column holds dates, lists, infinite numbers or more than `MOST_LEVELS` different texts.
    ModelError
        If a column of text or a category has one level alone.
    """
    blocks: list[np.ndarray] = []
    names: list[str] = []
    columns: list[str] = []
    notes: list[str] = []
    for name in dict.fromkeys(covariates):
        values = frame[name]
        if _are_numbers(values):
            blocks.append(_numbers(values, name))
            names.append(str(name))
            columns.append(str(name))
            continue
        levels = _levels(values, name)
        text = values.astype(str).to_numpy(dtype=object)
        for level in levels[1:]:
            blocks.append((text == level).astype(float))
            names.append(f"{name}: {level}")
            columns.append(str(name))
        notes.append(f"{name}: the reference is '{levels[0]}'")
    matrix = np.column_stack(blocks) if blocks else np.zeros((len(frame), 0))
    return Terms(matrix, tuple(names), tuple(columns), tuple(notes))


def _are_numbers(values: pd.Series) -> bool:
    if values.dtype == object:
        return all(isinstance(value, Real | Decimal) for value in values)
    return is_bool_dtype(values) or is_any_real_numeric_dtype(values)


def _numbers(values: pd.Series, name: str) -> np.ndarray:
    number = values.to_numpy(dtype=float)
    if not np.isfinite(number).all():
        raise CallError(f"covariate '{name}' has infinite values; leave these rows out or bound them")
    # Their squares would be beyond all numbers, or nothing.
    if np.abs(number).max() > LARGEST or 0 < np.ptp(number) < 1 / LARGEST:
        raise CallError(f"covariate '{name}' has numbers about {number[np.abs(number).argmax()]:.0e}, too large or too small to "
                        "reckon with; give it in other units")
    return number


def _levels(values: pd.Series, name: str) -> list[str]:
    """Levels that occur, the reference first."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        there = set(values.astype(str))
        levels = [str(level) for level in values.cat.categories if str(level) in there]
    elif is_string_dtype(values) or (values.dtype == object and all(isinstance(value, str | Real) for value in values)):
        counts = values.astype(str).value_counts().sort_index()
        reference = str(counts.idxmax())
        levels = [reference, *(str(level) for level in counts.index if level != reference)]
    else:
        raise CallError(f"covariate '{name}' is {values.dtype}; expected numbers, true or false, texts or a category. For a "
                        "date, give the days from something to it")
    if len(levels) > MOST_LEVELS:
        raise CallError(f"covariate '{name}' has {len(levels):,} different texts; it looks like a code or free text. Merge "
                        f"levels to {MOST_LEVELS} at most, use it as strata, or as cluster")
    if len(levels) < 2:
        raise ModelError(f"covariate '{name}' is the same in every row that is left, so it can tell nothing; leave it out")
    return levels
