"""How far off the coefficients of a mixture cure model may be: from the information, the profile, or the bootstrap."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.linalg import eigh
from scipy.stats import chi2
from sklearn.base import clone

from dropout.errors import CallError, ModelError
from dropout.models.cure_likelihood import Maximum, Waits, maximise, scores

if TYPE_CHECKING:
    from dropout.models.cure import MixtureCure
    from dropout.models.cure_clock import Clock

WEAKEST = 1e-11
"""Information in a direction, as a share of the largest, below which nothing is known of it."""

WIDEST = 25.0
"""Standard error of a log ratio over the whole range of a column, beyond which the data leave it open."""

FEWEST_USABLE = 0.9
"""Share of bootstrap fits that must succeed."""


def covariance(rows: Waits, best: Maximum, group: np.ndarray | None) -> np.ndarray:
    """Covariance of the parameters: the inverse of the information, or the sandwich around the sums of scores by group.

    Parameters that are not determined by the data get NaN.
    """
    size = np.sqrt(np.maximum(np.abs(np.diag(best.information)), 1e-300))
    values, vectors = eigh(best.information / np.outer(size, size))
    known = values > WEAKEST * values.max()
    inverse = (vectors[:, known] / values[known]) @ vectors[:, known].T / np.outer(size, size)
    if group is not None:
        n_groups = int(group.max()) + 1
        sums = np.zeros((n_groups, len(best.theta)))
        np.add.at(sums, group, scores(rows, best.theta))
        inverse = inverse @ (sums.T @ sums * (n_groups / (n_groups - 1))) @ inverse
    lost = (np.abs(vectors[:, ~known]) > 1e-3).any(axis=1)
    inverse[lost, :] = inverse[:, lost] = np.nan
    return inverse


def unsettled(coefficient_error: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Which columns (standardised) have a coefficient that the data leave open, as where a column separates completely."""
    spread = np.ptp(x, axis=0) if len(x) else np.zeros(x.shape[1])
    return ~(coefficient_error * spread < WIDEST) & (spread > 0)


def profiled(
    clock: Clock, rows: Waits, wanted: np.ndarray, level: float, max_iter: int, tol: float
) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the profile likelihood intervals, for the wanted entries of the coefficients; NaN for all others.

    Raises
    ------
    CallError
        If these are not the rows that the model was fitted to.
    """
    penalty = clock.penalty
    best = maximise(rows, clock.theta, penalty, max_iter, tol)
    if np.abs(best.theta - clock.theta).max() > 1e-3 * (1 + np.abs(clock.theta).max()):
        raise CallError("these are not the rows that the model was fitted to. Give intervals() the same X, y and weights.")
    drop = chi2.ppf(level, 1) / 2
    first, steps, _ = rows.shape
    parameter = np.concatenate([np.arange(first), np.arange(first + steps, len(best.theta))])
    scale = np.concatenate([[1.0], *(part.scale for part in clock.parts)])
    low, high = np.full(len(parameter), np.nan), np.full(len(parameter), np.nan)
    for i in np.flatnonzero(wanted & np.isfinite(scale)):
        error = np.sqrt(clock.covariance[parameter[i], parameter[i]])
        if np.isfinite(error):
            low[i], high[i] = (
                _profile_end(rows, best, penalty, int(parameter[i]), sign * error, drop, max_iter) / scale[i]
                for sign in (-1.0, 1.0))
    return low, high


def _profile_end(
    rows: Waits, best: Maximum, penalty: np.ndarray, held: int, error: float, drop: float, max_iter: int
) -> float:
    """Where the profile of one parameter has fallen by `drop`, looked for on the side of `error`; infinite if it never has.

    The signed root of the fall is nearly a straight line, so that a few secant steps are enough.
    """
    goal = np.sqrt(drop)
    moved, fallen, theta = [0.0], [0.0], best.theta
    at = error * np.sqrt(2.0) * goal
    for _ in range(12):
        start = theta.copy()
        start[held] = best.theta[held] + at
        reached = maximise(rows, start, penalty, max_iter, 1e-6, held)
        theta = reached.theta
        root = float(np.sqrt(max(reached.objective - best.objective, 0.0)))
        if abs(root - goal) < 1e-3:
            return float(best.theta[held] + at)
        moved.append(at)
        fallen.append(root)
        order = np.argsort(fallen)
        below = [j for j in order if fallen[j] < goal]
        above = [j for j in order if fallen[j] >= goal]
        near, far = (below[-1], above[0]) if above else (below[-2], below[-1])
        gap = max(fallen[far] - fallen[near], 1e-9)
        at = moved[near] + min((goal - fallen[near]) / gap, 4.0) * (moved[far] - moved[near])
        if abs(at) > 200 * abs(error):
            return float(np.sign(error) * np.inf)
    return float(best.theta[held] + at) if above else float(np.sign(error) * np.inf)


def bootstrapped(
    model: MixtureCure, x: Any, y: Any, weight: np.ndarray, groups: Any, times: int, seed: int, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Percentiles of the coefficients over fits to rows, or whole groups, drawn with replacement."""
    code = np.arange(len(weight)) if groups is None else pd.factorize(np.asarray(groups))[0]
    n = int(code.max()) + 1
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(times):
        again = weight * rng.multinomial(n, np.full(n, 1 / n))[code]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                drawn.append(clone(model).fit(x, y, sample_weight=again)._coefficients())
        except (CallError, ModelError):  # such as a drawing in which nobody returned
            continue
    if len(drawn) < FEWEST_USABLE * times:
        nothing = np.full(len(model._coefficients()), np.nan)
        return nothing, nothing
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high
