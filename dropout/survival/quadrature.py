"""Likelihood of binary regressions with a random intercept, by adaptive Gauss-Hermite quadrature.

The intercept of a group is sigma times a standard normal deviate u. For each group the nodes are laid around the u at
which its integrand is highest, as wide as the integrand is there (Liu and Pierce 1994; Pinheiro and Bates 1995), and
first and second derivatives follow from the same sums (Louis 1982). All groups are worked out at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.polynomial.hermite import hermgauss
from scipy.sparse import csr_array
from scipy.special import expit, logsumexp

NODES = 25

NEAR = 1e-10
"""The search for each group's highest point ends when no u moves further."""


@dataclass(frozen=True)
class Grouped:
    """Counts of endings, in order of the group.

    Attributes
    ----------
    matrix : float array, rows by columns
    endings, sessions : float arrays
    group : int array
        Number of the group of each row, from 0, none left out, in order.
    link : {"logit", "cloglog"}
    """

    matrix: np.ndarray
    endings: np.ndarray
    sessions: np.ndarray
    group: np.ndarray
    link: str

    @cached_property
    def first(self) -> np.ndarray:
        """First row of each group."""
        return np.flatnonzero(np.append(True, self.group[1:] != self.group[:-1]))

    @cached_property
    def by_group(self) -> csr_array:
        """Times a value a row it gives the sums of value times column, for each group and, within it, each column."""
        row, column = np.nonzero(self.matrix)
        width = self.matrix.shape[1]
        return csr_array((self.matrix[row, column], (self.group[row] * width + column, row)),
                         shape=(len(self.first) * width, len(self.matrix)))

    def per_group(self, values: np.ndarray) -> np.ndarray:
        """Sums over the rows of each group."""
        return np.add.reduceat(values, self.first, axis=0)

    def derivatives(self, eta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Log likelihood of each row at its linear predictor (rows, or rows by nodes), and its two derivatives."""
        y, n = (values[:, None] if eta.ndim == 2 else values for values in (self.endings, self.sessions))
        if self.link == "logit":
            p = expit(eta)
            return y * eta - n * np.logaddexp(0, eta), y - n * p, -n * p * (1 - p)
        h = np.exp(np.minimum(eta, 700))
        with np.errstate(over="ignore"):
            q = np.where(h > 1e-300, h / np.expm1(h), 1.0)  # h over e^h - 1
        log_p = np.where(h > 1e-300, np.log(-np.expm1(-np.maximum(h, 1e-300))), eta)
        return (np.where(y > 0, y * log_p, 0.0) - (n - y) * h, y * q - (n - y) * h,
                y * q * (1 - h - q) - (n - y) * h)


@dataclass(frozen=True)
class Integrated:
    """Log likelihood with its gradient and second derivatives, for coefficients and then sigma."""

    value: float
    gradient: np.ndarray
    hessian: np.ndarray


def integrated(data: Grouped, coefficient: np.ndarray, sigma: float, nodes: int = NODES) -> Integrated:
    """Log likelihood with the random intercept integrated out; even in `sigma`, so that 0 is no edge."""
    eta = data.matrix @ coefficient
    if sigma == 0:
        return _without(data, eta)
    u, weight, spread = _nodes(data, eta, sigma, nodes)
    at = u[data.group]
    value, first, second = data.derivatives(eta[:, None] + sigma * at)
    joint = data.per_group(value) - 0.5 * u**2 + weight + np.log(spread)[:, None]
    log = logsumexp(joint, axis=1)
    posterior = np.exp(joint - log[:, None])
    mine = posterior[data.group]
    d1, d2, d2_u = ((mine * part).sum(axis=1) for part in (first, second, second * at))
    by_group = data.per_group(first)
    # Score of each group at each node: its columns for the coefficients, the last for sigma.
    score = np.concatenate([(data.by_group @ first).reshape(len(u), -1, nodes).swapaxes(1, 2), (u * by_group)[..., None]], axis=2)
    mean = np.einsum("gq,gqk->gk", posterior, score)
    hessian = np.zeros((score.shape[-1],) * 2)
    x = data.matrix
    hessian[:-1, :-1] = (x * d2[:, None]).T @ x
    hessian[-1, :-1] = hessian[:-1, -1] = x.T @ d2_u
    hessian[-1, -1] = (posterior * u**2 * data.per_group(second)).sum()
    flat = (score * np.sqrt(posterior)[..., None]).reshape(-1, score.shape[-1])
    hessian += flat.T @ flat - mean.T @ mean
    gradient = np.append(x.T @ d1, mean[:, -1].sum())
    return Integrated(float(log.sum()), gradient, hessian)


def _without(data: Grouped, eta: np.ndarray) -> Integrated:
    """At sigma 0: the plain regression; the derivative by sigma is 0, and the second is that of the variance."""
    value, first, second = data.derivatives(eta)
    x = data.matrix
    k = x.shape[1]
    hessian = np.zeros((k + 1, k + 1))
    hessian[:k, :k] = (x * second[:, None]).T @ x
    hessian[k, k] = (data.per_group(second) + data.per_group(first) ** 2).sum()
    return Integrated(float(value.sum()), np.append(x.T @ first, 0.0), hessian)


def _nodes(data: Grouped, eta: np.ndarray, sigma: float, nodes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes of each group (groups by nodes), the logarithm of their weights, and the width of each group's integrand."""
    u = np.zeros(len(data.first))
    for _ in range(100):
        _, first, second = data.derivatives(eta + sigma * u[data.group])
        slope = sigma * data.per_group(first) - u
        bend = 1 - sigma**2 * data.per_group(second)
        step = np.clip(slope / bend, -2, 2)
        u = u + step
        if np.abs(step).max() < NEAR:
            break
    _, _, second = data.derivatives(eta + sigma * u[data.group])
    spread = 1 / np.sqrt(1 - sigma**2 * data.per_group(second))
    z, w = hermgauss(nodes)
    return u[:, None] + np.sqrt(2) * spread[:, None] * z, np.log(w) + z**2 - 0.5 * np.log(np.pi), spread


@dataclass(frozen=True)
class Highest:
    """Where the log likelihood is highest."""

    coefficient: np.ndarray
    sigma: float
    at: Integrated
    converged: bool


def climb(
    data: Grouped, coefficient: np.ndarray, sigma: float, *, fixed: bool = False, nodes: int = NODES,
    ridge: np.ndarray | None = None, max_iter: int = 60, tol: float = 1e-9,
) -> Highest:
    """Newton's steps from a starting point, upwards in every direction, halved where the likelihood would fall.

    Parameters
    ----------
    fixed : bool
        Keep sigma as it is.
    ridge : array, optional
        Penalty on each squared coefficient.
    tol : float
        The step that promises to raise the log likelihood by less than this is the last.
    """
    free = len(coefficient) + (not fixed)
    weight = np.zeros(free) if ridge is None else np.append(ridge, np.zeros(free - len(ridge)))
    point = np.append(coefficient, sigma)

    def penalised(found: Integrated, where: np.ndarray) -> float:
        return found.value - 0.5 * float(weight @ where[:free] ** 2)

    best = integrated(data, point[:-1], float(point[-1]), nodes)
    converged = False
    for _ in range(max_iter):
        gradient = best.gradient[:free] - weight * point[:free]
        step = _uphill(best.hessian[:free, :free] - np.diag(weight), gradient)
        converged = bool(gradient @ step < tol)
        found = None
        for _ in range(25):
            trial = point.copy()
            trial[:free] += step
            found = integrated(data, trial[:-1], float(trial[-1]), nodes)
            if np.isfinite(found.value) and (converged or penalised(found, trial) >= penalised(best, point)):
                break
            step = step / 2
        else:
            break
        point, best = trial, found
        if converged:
            break
    return Highest(point[:-1], abs(float(point[-1])), best, converged)


def _uphill(hessian: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Newton's step with every direction turned uphill, no longer than 5."""
    value, vector = np.linalg.eigh(-hessian)
    size = np.maximum(np.abs(value), 1e-8 * np.abs(value).max())
    step = vector @ ((vector.T @ gradient) / size)
    return step * min(1.0, 5 / max(float(np.abs(step).max()), 1e-300))


