"""Weighted logistic regressions of what happened on predicted log odds, straight and bent, for many drawings at once."""

from __future__ import annotations

import numpy as np

MOST_ROUNDS = 50
LONGEST_STEP = 4.0
LARGEST = 200.0
"""A coefficient beyond this has no finite answer: the predictions part those to whom it happened from the others."""

KNOTS = (0.05, 0.35, 0.65, 0.95)
"""Quantiles at which a curve may bend (Harrell 2015, table 2.3)."""


def fitted(
    design: np.ndarray, happened: np.ndarray, spared: np.ndarray, start: np.ndarray | None = None, *,
    last: bool = False,
) -> np.ndarray:
    """Coefficients of a logistic regression by maximum likelihood (Newton's method), one row a drawing.

    Parameters
    ----------
    design : array, cells by columns
    happened, spared : arrays, drawings by cells
        Weight of those in a cell to whom it happened, and to whom it did not.
    start : array, optional
        Coefficients to begin from.
    last : bool
        Where there is no finite answer, give what the last round came to: a curve that runs into 0 or 1 at one end is
        still a curve.

    Returns
    -------
    array, drawings by columns
        NaN where there is no finite answer, and always where it happened to all or to none.
    """
    n, columns = len(happened), design.shape[1]
    beta = np.zeros((n, columns)) if start is None else np.broadcast_to(start, (n, columns)).copy()
    products = (design[:, :, None] * design[:, None, :]).reshape(len(design), columns * columns)
    total = happened + spared
    usable = (happened.sum(axis=1) > 0) & (spared.sum(axis=1) > 0)
    beta[~usable] = np.nan
    going = np.flatnonzero(usable)
    for _ in range(MOST_ROUNDS):
        if not len(going):
            return beta
        q = expit(beta[going] @ design.T)
        mass = total[going]
        slope = (happened[going] - mass * q) @ design
        bend = ((mass * q * (1.0 - q)) @ products).reshape(-1, columns, columns)
        # Scaled to a diagonal of ones, a determinant near zero means columns that cannot be told apart.
        size = np.sqrt(np.maximum(np.einsum("...ii->...i", bend), 1e-300))
        scaled = bend / (size[:, :, None] * size[:, None, :])
        flat = ~(np.linalg.det(scaled) > 1e-12)
        scaled[flat] = np.eye(columns)
        step = np.linalg.solve(scaled, (slope / size)[..., None])[..., 0] / size
        longest = np.abs(step).max(axis=1, keepdims=True)
        moved = beta[going] + step * np.minimum(1.0, LONGEST_STEP / np.maximum(longest, 1e-300))
        endless = flat | (np.abs(moved) > LARGEST).any(axis=1)
        beta[going[~endless]] = moved[~endless]
        if not last:
            beta[going[endless]] = np.nan
        going = going[(longest[:, 0] > 1e-9) & ~endless]
    if not last:
        beta[going] = np.nan
    return beta


def expit(x: np.ndarray) -> np.ndarray:
    """Probability of log odds, without overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * x))


def bent(x: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Columns of a restricted cubic spline: a constant, x, and one column fewer than there are inner knots plus one.

    The curve is straight beyond the outer knots (Stone and Koo 1985; Harrell 2015, equation 2.24). With fewer than
    three knots it is a straight line.
    """
    columns = [np.ones(len(x)), x]
    if len(knots) >= 3:
        last, before = knots[-1], knots[-2]
        for knot in knots[:-2]:
            cube = _cube(x - knot) - _cube(x - before) * (last - knot) / (last - before)
            cube += _cube(x - last) * (before - knot) / (last - before)
            columns.append(cube / (last - knots[0]) ** 2)
    return np.column_stack(columns)


def knots_of(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Distinct knots at the quantiles `KNOTS` of rising values, each standing for a weight."""
    place = np.searchsorted(np.cumsum(weight), np.array(KNOTS) * weight.sum())
    return np.unique(x[np.minimum(place, len(x) - 1)])


def _cube(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0.0) ** 3
