"""Additive models that learn from the data how much each of their terms may say.

Every feature enters by a straight line and by its curvature, and each of the two has a ridge penalty of its own, found by
empirical Bayes: a penalty is right when the squared coefficients are as large as their prior says (MacKay 1992; Wood and
Fasiolo 2017). What tells nothing is drawn to zero, what tells much is hardly held back, and no one strength has to suit
all features, all clinics and all sample sizes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.linalg import cho_factor, cho_solve, lapack

from dropout.models.logistic import EXTREME_LOGIT, Logistic, expit

ROUNDS = 12
"""Times that the penalties are found anew. Few terms move after that, and by little."""

LEARNING_ROWS = 30_000
"""Rows from which penalties are learnt at most; the coefficients are then learnt from all."""

FIRST, LEAST, MOST = 300.0, 5.0, 1e6
"""Penalty that all terms begin with, and the ends of what it may become."""

LONGEST_STEP = 5.0
"""Change of a log odds in one step of Newton's method at most."""

MOST_STEPS, SMALL_STEP = 8, 1e-4


def fit_adaptive(
    x: np.ndarray, y: np.ndarray, parts: Sequence[tuple[int, int, bool]], sharing: float, seed: int,
    weight: np.ndarray | None = None,
) -> Logistic:
    """Logistic regression of y on x, each part of x with a ridge penalty of its own.

    Parameters
    ----------
    x : array, rows by columns, standardised
    y : bool array
    parts : sequence of (first column, end, curve)
        Columns that share a penalty; a part that is a curve has the straight line of its feature in the column before it.
    sharing : float
        How many rows tell as much as one row would that stood alone: rows of one client are alike.
    seed : int
        Of the rows from which penalties are learnt, where there are more than `LEARNING_ROWS`.
    weight : array, optional
        Weight of each row.
    """
    weight = np.ones(len(y)) if weight is None else weight
    rate = float(np.average(y, weights=weight))
    if rate in (0.0, 1.0):
        return Logistic.fit(x, y, FIRST, weight)
    w, y = weight / sharing, y.astype(float)
    rows = np.arange(len(y))
    if len(y) > LEARNING_ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(len(y), LEARNING_ROWS, replace=False))
    turned = _turned(x[rows], parts)
    z = x @ turned
    newton = _Newton(z[rows], y[rows], w[rows] * len(y) / len(rows), np.log(rate / (1.0 - rate)))
    owner = np.repeat(np.arange(len(parts)), [end - first for first, end, _ in parts])
    size = np.bincount(owner)
    penalty = np.full(len(parts), FIRST)
    newton.run(penalty[owner])
    for _ in range(ROUNDS):
        spread = np.bincount(owner, weights=newton.variances(), minlength=len(parts))
        # Free coefficients of a part, against the room that they take up.
        free = np.maximum(size - penalty * spread, 1e-3)
        taken = np.maximum(np.bincount(owner, weights=newton.coefficients**2, minlength=len(parts)), 1e-8)
        penalty = np.clip(np.sqrt(penalty * free / taken), LEAST, MOST)  # half the way, on the scale of logarithms
        newton.step(penalty[owner])
    final = _Newton(z, y, w, newton.intercept, newton.coefficients)
    final.run(penalty[owner])
    return Logistic(turned @ final.coefficients, float(final.intercept))


class _Newton:
    """Newton's method for a penalised logistic regression, its intercept free."""

    def __init__(self, x: np.ndarray, y: np.ndarray, weight: np.ndarray, intercept: float,
                 coefficients: np.ndarray | None = None) -> None:
        self.x, self.y, self.weight = x, y, weight
        self.intercept = intercept
        self.coefficients = np.zeros(x.shape[1]) if coefficients is None else coefficients
        self.factor: np.ndarray = np.eye(x.shape[1])

    def run(self, penalty: np.ndarray) -> None:
        """Steps until they are small."""
        for _ in range(MOST_STEPS):
            if self.step(penalty) < SMALL_STEP:
                return

    def step(self, penalty: np.ndarray) -> float:
        """One step; the largest change of a log odds that it made."""
        p = expit(np.clip(self.x @ self.coefficients + self.intercept, -EXTREME_LOGIT, EXTREME_LOGIT))
        curvature = np.maximum(p * (1.0 - p), 1e-4) * self.weight
        left = (self.y - p) * self.weight
        across, total = self.x.T @ curvature, curvature.sum()
        hessian = (self.x * curvature[:, None]).T @ self.x - np.outer(across, across) / total
        hessian[np.diag_indices(len(penalty))] += penalty
        self.factor = cho_factor(hessian, lower=True, check_finite=False)[0]
        gradient = self.x.T @ left - penalty * self.coefficients
        change = cho_solve((self.factor, True), gradient - across * left.sum() / total, check_finite=False)
        level = (left.sum() - across @ change) / total
        longest = float(np.abs(self.x @ change + level).max())
        shorter = min(1.0, LONGEST_STEP / max(longest, 1e-300))
        self.coefficients = self.coefficients + shorter * change
        self.intercept += shorter * level
        return longest

    def variances(self) -> np.ndarray:
        """Posterior variance of each coefficient as of the last step."""
        return lapack.dpotri(self.factor, lower=1)[0].diagonal()


def _turned(x: np.ndarray, parts: Sequence[tuple[int, int, bool]]) -> np.ndarray:
    """Matrix by which the columns of curves come to say only what the straight line does not, each in one unit."""
    turned = np.eye(x.shape[1])
    for first, end, curve in parts:
        if not curve:
            continue
        line, bent = x[:, first - 1], x[:, first:end]
        slope = line @ bent / max(line @ line, 1e-12)
        rest = bent - np.outer(line, slope)
        size, axes = np.linalg.eigh(rest.T @ rest / len(x))
        axes = axes / np.sqrt(np.maximum(size, max(1e-6 * size[-1], 1e-12)))
        turned[first - 1, first:end] = -(slope @ axes)
        turned[first:end, first:end] = axes
    return turned
