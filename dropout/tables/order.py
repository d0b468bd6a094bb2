"""Order: the rows of a table sorted by what they hold, so that the order of the source never matters."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dropout.tables.columns import TABLES


def canonical_order(name: str, frame: pd.DataFrame, rows: np.ndarray) -> np.ndarray:
    """Return the positions that sort table `name`: by client, time, then every other column; nulls last.

    Rows that are alike in every column keep the order of their numbers.
    """
    first = [column for column in TABLES[name].order if column in frame]
    keys = [_rank(frame[column]) for column in first]
    order = np.lexsort([rows, *reversed(keys)])
    tied = np.ones(max(len(order) - 1, 0), dtype=bool)
    for key in keys:
        tied &= key[order][1:] == key[order][:-1]
    if not tied.any():
        return order
    # Only rows that share client and time need the remaining columns: sorting all rows by all columns is slow.
    among = np.zeros(len(order), dtype=bool)
    among[1:] |= tied
    among[:-1] |= tied
    group = np.concatenate([[0], np.cumsum(~tied)])[among]
    members = order[among]
    rest = [_rank(frame[column].iloc[members]) for column in frame.columns if column not in first]
    order[among] = members[np.lexsort([rows[members], *reversed(rest), group])]
    return order


def _rank(values: pd.Series) -> np.ndarray:
    """Return integers in the order of `values`, nulls last."""
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        ranks = values.to_numpy().astype("datetime64[s]").astype(np.int64)
        return np.where(values.isna().to_numpy(), np.iinfo(np.int64).max, ranks)
    codes, _ = pd.factorize(values, sort=True)
    return np.where(codes < 0, np.iinfo(np.int64).max, codes)


def in_order(name: str, frame: pd.DataFrame, rows: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the table and its row numbers in canonical order, with the index 0 to n-1."""
    order = canonical_order(name, frame, rows)
    if (np.diff(order) == 1).all() and (not len(order) or order[0] == 0):
        return frame.reset_index(drop=True), rows
    return frame.take(order).reset_index(drop=True), rows[order]
