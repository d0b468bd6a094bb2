"""Sums over those at risk at each ending: the partial likelihood of Cox and everything that is read off it.

One pass of sums over (start, stop] serves the likelihood, the robust errors, the residuals and the test of proportional
hazards, with ties by Efron or Breslow. statsmodels' `PHReg` agrees where nobody enters at the instant at which another
leaves; it counts such a row as at risk at that instant, and its residuals leave out the time of entry and Efron's
weights, so stretches of care need sums of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

FAR = 20.0
"""No step is longer, and none is taken from beyond: columns come standardised, and such a coefficient is on its way to
infinity."""


@dataclass(frozen=True)
class RiskSets:
    """Who was at risk at which ending.

    Rows are numbered as given; *times* are the distinct times of endings, within each stratum, in order; *steps* are the
    endings one by one: of d endings tied at a time, step l counts the tied rows by 1 - l/d (Efron 1977), or fully
    (Breslow 1974).

    Attributes
    ----------
    matrix : float array, rows by columns
    event : bool array
    first, last : int arrays, one value a row
        First and last time at which the row is at risk; `first > last` where it is at none.
    at : float array
        The distinct times.
    step_time, step_less : arrays, one value a step
        Time of the step, and the share by which the tied rows are counted less.
    """

    matrix: np.ndarray
    event: np.ndarray
    first: np.ndarray
    last: np.ndarray
    at: np.ndarray
    step_time: np.ndarray
    step_less: np.ndarray

    @classmethod
    def of(
        cls, matrix: np.ndarray, start: np.ndarray, stop: np.ndarray, event: np.ndarray, stratum: np.ndarray, ties: str
    ) -> RiskSets:
        """From rows that are at risk after `start`, up to and with `stop`, each within its stratum (numbers from 0)."""
        values, rank = np.unique(np.concatenate([start, stop]), return_inverse=True)
        width = len(values) + 1
        begins, ends = (stratum * width + part for part in np.split(rank, 2))
        times = np.unique(ends[event])
        first, last = np.searchsorted(times, begins, "right"), np.searchsorted(times, ends, "right") - 1
        tied = np.bincount(last[event], minlength=len(times))
        step_time = np.repeat(np.arange(len(times)), tied)
        nth = np.arange(len(step_time)) - np.repeat(np.cumsum(tied) - tied, tied)
        less = nth / tied[step_time] if ties == "efron" else np.zeros(len(step_time))
        return cls(matrix, event, first, last, values[times % width], step_time, less)

    @cached_property
    def ended(self) -> np.ndarray:
        """Rows with the ending, in order of time (and as given within a time)."""
        rows = np.flatnonzero(self.event)
        return rows[np.argsort(self.last[rows], kind="stable")]

    @cached_property
    def tied(self) -> np.ndarray:
        """Endings at each time."""
        return np.bincount(self.last[self.event], minlength=len(self.at))

    def over_times(self, values: np.ndarray) -> np.ndarray:
        """Sum of `values` (rows, or rows by columns) over the rows at risk at each time."""
        there = self.first <= self.last
        n = len(self.at)
        flat = values[:, None] if values.ndim == 1 else values
        # From the last time backwards, so that the few who stay longest are not what is left of a difference of large sums.
        latest, before = self._by(self.last[there] + 1, flat[there], n + 1), self._by(self.first[there], flat[there], n + 1)
        total = np.cumsum((latest - before)[::-1], axis=0)[::-1][1:]
        return total[:, 0] if values.ndim == 1 else total

    def at_ends(self, values: np.ndarray) -> np.ndarray:
        """Sum of `values` over the rows with the ending at each time."""
        return self._by(self.last[self.event], values[self.event], len(self.at))

    def by_time(self, steps: np.ndarray) -> np.ndarray:
        """Sum of a value (or row of values) a step over the steps of each time."""
        return self._by(self.step_time, steps, len(self.at))

    def over_rows(self, steps: np.ndarray) -> np.ndarray:
        """Sum of a value (or row of values) a step over all steps at which each row is at risk, tied rows counted less."""
        whole = np.concatenate([np.zeros((1, *steps.shape[1:])), np.cumsum(self.by_time(steps), axis=0)])
        there = self.first <= self.last
        result = np.where(_like(there, steps), whole[self.last + 1] - whole[np.minimum(self.first, self.last + 1)], 0.0)
        less = self.by_time(_like(self.step_less, steps) * steps)
        result[self.event] -= less[self.last[self.event]]
        return result

    @staticmethod
    def _by(position: np.ndarray, values: np.ndarray, n: int) -> np.ndarray:
        if values.ndim == 1:
            return np.bincount(position, values, n)
        return np.column_stack([np.bincount(position, column, n) for column in values.T]) if values.shape[1] else np.zeros((n, 0))


@dataclass(frozen=True)
class Moments:
    """Sums at one value of the coefficients.

    Attributes
    ----------
    risk : array
        exp(x b) of each row, but for a factor that is the same for all.
    total : array, one value a step
        Sum of `risk` over those at risk.
    mean : array, steps by columns
        Mean of the columns over those at risk, weighted by `risk`.
    log_likelihood : float
    """

    sets: RiskSets
    risk: np.ndarray
    total: np.ndarray
    mean: np.ndarray
    log_likelihood: float

    @classmethod
    def at(cls, sets: RiskSets, coefficient: np.ndarray) -> Moments:
        """For coefficients of the columns of `sets`."""
        eta = sets.matrix @ coefficient
        eta = eta - eta.max()
        risk = np.exp(eta)
        weighted = risk[:, None] * sets.matrix
        less, when = sets.step_less, sets.step_time
        total = sets.over_times(risk)[when] - less * sets.at_ends(risk)[when]
        sums = sets.over_times(weighted)[when] - less[:, None] * sets.at_ends(weighted)[when]
        with np.errstate(divide="ignore", invalid="ignore"):
            value = float(eta[sets.event].sum() - np.log(total).sum())
            return cls(sets, risk, total, sums / total[:, None], value)

    def gradient(self) -> np.ndarray:
        """First derivatives of the log likelihood."""
        return self.sets.matrix[self.sets.event].sum(axis=0) - self.mean.sum(axis=0)

    def information(self, weight: np.ndarray | None = None) -> np.ndarray:
        """Minus the second derivatives of the log likelihood, each step counted by `weight`.

        The sum over steps of the weighted second moments is a sum over rows of x x' times the hazard that each row went
        through, so no matrix a step is needed.
        """
        weight = np.ones(len(self.total)) if weight is None else weight
        through = self.risk * self.sets.over_rows(weight / self.total)
        x = self.sets.matrix
        return (x * through[:, None]).T @ x - (self.mean * weight[:, None]).T @ self.mean

    def expected(self) -> np.ndarray:
        """Endings expected of each row: the hazard that it went through."""
        return self.risk * self.sets.over_rows(1 / self.total)

    def schoenfeld(self) -> np.ndarray:
        """Columns of each row with the ending less their mean over those at risk (Schoenfeld 1982), in the order of `ended`.

        With Efron's ties the mean is that over the steps of the time.
        """
        mean = self.sets.by_time(self.mean) / self.sets.tied[:, None]
        return self.sets.matrix[self.sets.ended] - mean[self.sets.last[self.sets.ended]]

    def scores(self) -> np.ndarray:
        """Contribution of each row to the gradient, rows by columns (Therneau, Grambsch and Fleming 1990)."""
        sets = self.sets
        result = sets.over_rows(self.mean / self.total[:, None]) - sets.matrix * sets.over_rows(1 / self.total)[:, None]
        result *= self.risk[:, None]
        result[sets.ended] += self.schoenfeld()
        return result


@dataclass(frozen=True)
class Maximum:
    """Where the penalised partial likelihood is highest."""

    coefficient: np.ndarray
    moments: Moments
    covariance: np.ndarray
    converged: bool


def maximise(sets: RiskSets, penalty: np.ndarray, max_iter: int = 50, tol: float = 1e-10) -> Maximum:
    """Newton's steps, halved where the likelihood would fall.

    Parameters
    ----------
    penalty : array
        Weight of each squared coefficient (half of it is taken off the log likelihood).
    tol : float
        The step that promises to raise the log likelihood by less than this share of it is the last.
    """
    best = np.zeros(sets.matrix.shape[1])
    moments = Moments.at(sets, best)
    value, converged = moments.log_likelihood, False
    for _ in range(max_iter):
        gradient = moments.gradient() - penalty * best
        curvature = moments.information() + np.diag(penalty)
        step = np.linalg.lstsq(curvature, gradient, rcond=1e-14)[0]
        step = step * min(1.0, FAR / max(float(np.abs(step).max()), 1e-300))
        converged = bool(gradient @ step <= tol * (abs(value) + 1))
        for _ in range(20):
            trial = Moments.at(sets, best + step)
            reached = trial.log_likelihood - 0.5 * penalty @ (best + step) ** 2
            if np.isfinite(reached) and (reached >= value or converged):
                break
            step = step / 2
        else:
            break
        best, moments, value = best + step, trial, reached
        if converged or np.abs(best).max() > FAR:
            break
    covariance = np.linalg.pinv(moments.information() + np.diag(penalty), hermitian=True)
    return Maximum(best, moments, covariance, converged)


def _like(values: np.ndarray, other: np.ndarray) -> np.ndarray:
    """One value a row, shaped so that it goes with rows by columns where `other` is that."""
    return values[:, None] if other.ndim == 2 else values
