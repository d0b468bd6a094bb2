"""Columns from which no coefficient can be had, by name: constant, sums of others, parting the endings, too many of them.

Where a column parts those who left from those who did not, the likelihood rises for ever as its coefficient grows (Albert
and Anderson 1984; for Cox, Bryson and Johnson 1981), and what a program prints then is where it gave up.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real

import numpy as np
from scipy.linalg import qr

from dropout.errors import CallError, ModelError

FEW = 10
"""Endings for each coefficient below which coefficients are biased and intervals too narrow (Peduzzi et al. 1995)."""

DEPENDS = 1e-9
"""Share of a column's length, after the others are taken out, below which it is a sum of them."""

ROUNDING = 1e-12
"""Numbers that differ by less than this share of their size are the same."""

RUNAWAY, UNKNOWN = 12.0, 10.0
"""A coefficient this large for one standard deviation of its column (a ratio of 160,000) has run away, and one with a
standard error as large as the other is not known at all."""

REMEDY = "leave the column out, merge its levels with others, or give a penalty (`penalty=1`)"


def need_estimable(
    matrix: np.ndarray, names: Sequence[str], event: np.ndarray, penalty: float, *, by_row: bool
) -> list[str]:
    """Return notes on columns that tell little; refuse those from which nothing can be estimated.

    Parameters
    ----------
    matrix : float array, rows by columns
        Without an intercept.
    event : bool array
    penalty : float
        With a ridge penalty above 0, all but constant columns can be estimated; they are then noted.
    by_row : bool
        Whether each row is set against all others (a regression of rows), or the rows with the ending against those at
        risk at the same time (Cox).

    Raises
    ------
    CallError
        If the penalty is negative.
    ModelError
        With the names of the columns that cause it.
    """
    if not isinstance(penalty, Real) or not 0 <= penalty < np.inf:
        raise CallError(f"penalty is {penalty!r}; expected 0 (none) or more")
    same = np.ptp(matrix, axis=0) <= ROUNDING * np.abs(matrix).max(axis=0, initial=0)
    constant = [name for name, is_same in zip(names, same, strict=True) if is_same]
    if constant:
        raise ModelError(f"{_named(constant)} the same in every row that is left, so nothing can be told of "
                         f"{'it' if len(constant) == 1 else 'them'}; leave {'it' if len(constant) == 1 else 'them'} out")
    found = [*_sums(matrix, names), *_too_many(matrix.shape[1], int(event.sum())), *parting(matrix, names, event, by_row)]
    if found and not penalty:
        raise ModelError("; ".join(found) + f". To mend it: {REMEDY}")
    few = int(event.sum()) / matrix.shape[1] if matrix.shape[1] else np.inf
    if few < FEW:
        found.append(f"few endings: {event.sum():,} for {matrix.shape[1]} coefficients ({few:.1f} each; {FEW} or more are "
                     "wanted): expect coefficients too far from none and intervals too narrow")
    return found


def need_within_strata(matrix: np.ndarray, names: Sequence[str], stratum: np.ndarray, strata: str) -> None:
    """Refuse columns that are the same throughout each stratum: rows are compared within these alone (ModelError)."""
    first = np.unique(stratum, return_index=True)[1]
    same = np.ptp(matrix - matrix[first][stratum], axis=0) == 0
    if same.any():
        named = _named([name for name, is_same in zip(names, same, strict=True) if is_same])
        raise ModelError(f"{named} the same throughout each value of {strata}, and rows are compared within these alone; leave "
                         f"out {'it' if same.sum() == 1 else 'them'}, or the strata")


def parting(matrix: np.ndarray, names: Sequence[str], event: np.ndarray, by_row: bool) -> list[str]:
    """Columns that alone part the rows with the ending from those without, in words.

    Of two values, one that no row with the ending has; and where each row is set against all others, also one that every
    row with it has the ending, and columns of numbers with the endings on one side only.
    """
    found = []
    for name, column in zip(names, matrix.T, strict=True):
        left, stayed = column[event], column[~event]
        if not len(stayed) or not len(left):
            continue
        low, high = column.min(), column.max()
        if ((column == low) | (column == high)).all():
            for value in (low, high):
                n = int((column == value).sum())
                if not (left == value).any():
                    found.append(f"'{name}' parts the endings: none of {n:,} rows where it is {value:g} has one")
                elif by_row and not (stayed == value).any():
                    found.append(f"'{name}' parts the endings: all of {n:,} rows where it is {value:g} have one")
        elif by_row and (left.min() >= stayed.max() or left.max() <= stayed.min()):
            side, bound = (("at least", stayed.max()) if left.min() >= stayed.max() else ("at most", stayed.min()))
            found.append(f"'{name}' parts the endings: it is {side} {bound:g} in all rows with one, and in no others beyond it")
    return found


def need_convergence(converged: bool, coefficient: np.ndarray, variance: np.ndarray, names: Sequence[str]) -> None:
    """Refuse a fit that ran away, with the names of the columns that together part the endings (ModelError).

    Parameters
    ----------
    coefficient, variance : arrays
        Coefficients and their variances, for one standard deviation of each column.
    """
    known = np.isfinite(coefficient) & (variance >= 0) & (variance <= UNKNOWN**2)
    gone = ~known | (np.abs(coefficient) > RUNAWAY)
    if gone.any():
        which = ", ".join(f"'{name}'" for name, is_gone in zip(names, gone, strict=True) if is_gone)
        raise ModelError(f"the likelihood rises without end as the coefficients of {which} grow: together these columns part "
                         f"those who left from those who did not (separation). To mend it: {REMEDY}")
    if not converged:
        raise ModelError("the likelihood found no highest point; look for columns of very different sizes or nearly the same "
                         f"content, or give a penalty. Columns: {', '.join(names)}")


def _sums(matrix: np.ndarray, names: Sequence[str]) -> list[str]:
    """Columns that are sums of others (or of others and a constant), each with those that it is made of."""
    if matrix.shape[1] < 2:
        return []
    centred = matrix - matrix.mean(axis=0)
    scaled = centred / np.sqrt((centred**2).sum(axis=0))
    _, r, order = qr(scaled, mode="economic", pivoting=True)
    size = np.zeros(matrix.shape[1])
    size[: len(r)] = np.abs(np.diag(r))
    free, tied = order[size > DEPENDS], order[size <= DEPENDS]
    found = []
    for j in sorted(tied):
        share = np.linalg.lstsq(scaled[:, free], scaled[:, j], rcond=None)[0]
        of = sorted(free[np.abs(share) > 1e-6])
        found.append(f"'{names[j]}' follows from {' and '.join(repr(names[i]) for i in of)} (the columns are collinear)")
    return found


def _too_many(n_columns: int, n_events: int) -> list[str]:
    if n_columns < n_events or not n_columns:
        return []
    return [f"there are {n_columns} coefficients for {n_events:,} endings, so any answer could be had; keep "
            f"{max(n_events // FEW, 1)} at most"]


def _named(names: list[str]) -> str:
    return f"covariate '{names[0]}' is" if len(names) == 1 else f"covariates {', '.join(repr(name) for name in names)} are"
