"""Rows grouped by equal value, so that ties are handled exactly and sorting happens once."""

from __future__ import annotations

import numpy as np


class Tied:
    """Rows grouped by equal value, in rising order.

    Attributes
    ----------
    order : int array
        Rows in rising order of value.
    starts : int array
        Where in `order` each group begins.
    values : array
        The distinct values, rising.
    """

    def __init__(self, values: np.ndarray) -> None:
        self.order = np.argsort(values, kind="stable")
        ordered = values[self.order]
        new = np.ones(len(values), dtype=bool)
        new[1:] = ordered[1:] != ordered[:-1]
        self.starts = np.flatnonzero(new)
        self.group_of = np.cumsum(new) - 1
        self.values = ordered[self.starts]

    @property
    def place(self) -> np.ndarray:
        """Group of each row, in the order in which the rows came."""
        found = np.empty(len(self.order), dtype=np.int64)
        found[self.order] = self.group_of
        return found

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Sum of a value over the rows of each group."""
        return np.add.reduceat(values[self.order], self.starts)


def sums_by(place: np.ndarray, values: np.ndarray, groups: int) -> np.ndarray:
    """Sum of values over the rows of each group.

    Parameters
    ----------
    place : int array, one a row
    values : array, one a row, or drawings by rows
    groups : int

    Returns
    -------
    array of `groups`, or drawings by groups
    """
    if values.ndim == 1:
        return np.bincount(place, weights=values, minlength=groups)
    found = np.empty((len(values), groups))
    for k, row in enumerate(values):
        found[k] = np.bincount(place, weights=row, minlength=groups)
    return found
