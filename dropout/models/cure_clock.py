"""What a fitted mixture cure model says of clients at any day of silence: plain arrays in, probabilities out."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, ndtri

from dropout.errors import CallError
from dropout.models.cure_diagnostics import FollowUpWarning
from dropout.models.cure_input import placed
from dropout.models.cure_likelihood import LARGEST, days_spent, summed_hazard
from dropout.models.cure_part import Part


@dataclass(frozen=True)
class Clock:
    """Fitted parameters, and the curves that follow from them.

    Attributes
    ----------
    parts : tuple of Part
        Incidence and latency.
    edges : array
        Days between which the baseline hazard is constant; the last is the end of the day of the last return.
    theta : array
        Parameters on standardised columns: intercept and coefficients of the incidence, log hazard per day of each step,
        coefficients of the latency.
    covariance : array
        Of `theta`.
    longest : float
        Days for which the longest watched client was watched.
    """

    parts: tuple[Part, Part]
    edges: np.ndarray
    theta: np.ndarray
    covariance: np.ndarray
    longest: float

    @property
    def end(self) -> float:
        """Days by which all who return have done so, by convention."""
        return float(self.edges[-1])

    @property
    def penalty(self) -> np.ndarray:
        """Ridge penalty of each parameter, in rows."""
        return np.concatenate([[0.0], self.parts[0].penalty, np.zeros(len(self.edges) - 1), self.parts[1].penalty])

    @property
    def log_hazard(self) -> np.ndarray:
        """Log hazard per day of each step, where every column is at its mean."""
        start = 1 + len(self.parts[0].columns)
        return self.theta[start : start + len(self.edges) - 1]

    def linear(self, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log odds of never returning, and hazard ratio of return, for each row of X."""
        x, z = (part.matrix(matrix) for part in self.parts)
        eta = self.theta[0] + x @ self.theta[1 : 1 + x.shape[1]]
        return eta, np.exp(np.clip(z @ self.theta[len(self.theta) - z.shape[1] :], -LARGEST, LARGEST))

    def summed(self, ratio: np.ndarray, days: np.ndarray) -> np.ndarray:
        """Hazard of each row summed over the days before each time (rows by times); infinite from the end on."""
        baseline = summed_hazard(self.log_hazard, np.diff(self.edges), *placed(days, self.edges))
        return np.where(days >= self.end, np.inf, baseline * ratio[:, None])

    def survival(self, ratio: np.ndarray, days: np.ndarray) -> np.ndarray:
        """Probability of being still away after so many days, of those who return: rows by times."""
        return np.exp(-self.summed(ratio, days))

    def gone(self, matrix: np.ndarray, silent: np.ndarray) -> np.ndarray:
        """Probability of never returning after so many silent days: pi / (pi + (1 - pi) S), whose log odds are a sum."""
        eta, ratio = self.linear(matrix)
        return expit(eta[:, None] + self.summed(ratio, silent))

    def back(self, matrix: np.ndarray, silent: np.ndarray, days: np.ndarray) -> np.ndarray:
        """Probability of a return within so many days more, after so many silent days: rows by times."""
        ratio = self.linear(matrix)[1]
        now = np.where(silent >= self.end, 0.0, self.summed(ratio, silent))
        return (1 - self.gone(matrix, silent)) * -np.expm1(now - self.summed(ratio, silent + days))

    def gone_interval(self, matrix: np.ndarray, silent: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
        """Ends of the interval of `gone` by the delta method on its log odds: rows by times, each."""
        x, z = (part.matrix(matrix) for part in self.parts)
        eta, ratio = self.linear(matrix)
        ends = np.empty((2, *silent.shape))
        for j in range(silent.shape[1]):
            spent = days_spent(np.diff(self.edges), *placed(silent[:, j], self.edges))
            hazard = spent * np.exp(self.log_hazard) * ratio[:, None]
            slope = np.hstack([np.ones((len(x), 1)), x, hazard, z * hazard.sum(axis=1, keepdims=True)])
            error = np.sqrt(np.maximum(((slope @ self.covariance) * slope).sum(axis=1), 0))
            spread = ndtri((1 + level) / 2) * error
            over = silent[:, j] >= self.end
            for i, sign in enumerate((-1, 1)):
                ends[i, :, j] = np.where(over, 1.0, expit(eta + hazard.sum(axis=1) + sign * spread))
        return ends[0], ends[1]

    def warn_beyond(self, days: np.ndarray, name: str) -> None:
        """Warn where a time is asked about that nobody was watched for."""
        if days.size and days.max() > self.longest:
            warnings.warn(f"{name} reaches day {days.max():g}, and nobody was watched for longer than {self.longest:g} days: "
                          "what is said of later days is convention, not evidence.", FollowUpWarning, stacklevel=4)

    def times(self, times: Any) -> np.ndarray:
        """A grid of days (1 by m); CallError beyond follow-up."""
        grid = np.atleast_1d(np.asarray(times, dtype=float))
        if grid.ndim != 1 or not np.isfinite(grid).all() or (grid < 0).any():
            raise CallError("times must be a list of days from 0.")
        if grid.size and grid.max() > self.longest:
            raise CallError(f"times reach day {grid.max():g}, and nobody was watched for longer than {self.longest:g} days. "
                            f"A tail cannot be tested: ask for times up to {self.longest:g}.")
        return grid[None, :]


def days_for(days: Any, n: int, name: str) -> np.ndarray:
    """Days as given for n rows (one for all, one a row, or a grid), as rows by times."""
    given = np.asarray(days, dtype=float)
    if given.size and (not np.isfinite(given).all() or given.min() < 0):
        raise CallError(f"{name} has missing, infinite or negative values; expected days from 0.")
    if given.ndim == 1 and len(given) != n:
        raise CallError(f"{name} has {len(given)} values for {n:,} rows. For a grid of days for each row give two dimensions, "
                        f"as in {name}=np.arange(91)[None, :].")
    if given.ndim > 2 or (given.ndim == 2 and given.shape[0] not in (1, n)):
        raise CallError(f"{name} has shape {given.shape}; expected a number, {n:,} values, or a grid of (1, m) or ({n:,}, m).")
    grid = given if given.ndim == 2 else given.reshape(-1, 1)
    return np.broadcast_to(grid, (n, grid.shape[1]))


def as_asked(values: np.ndarray, *asked: Any) -> np.ndarray:
    """Rows by times where a grid was asked for, else one value a row."""
    return values if max(np.ndim(one) for one in asked) == 2 else values[:, 0]
