"""The likelihood of the mixture cure model, its first and second derivatives, and the Newton steps that maximise it.

A client never returns with probability expit(eta). One who does return does so with the hazard exp(alpha + xi) per day,
where alpha is constant within each step of the baseline: proportional hazards observed to a day, which is the
complementary log-log link of Prentice and Gloeckler (1978). With this link the probability of the days that went by is
a closed form of their summed baseline hazard, so no row is ever repeated per day, and a coefficient is a log hazard
ratio whatever the width of the steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.sparse import csr_matrix
from scipy.special import expit

HALVINGS = 30
"""A step that gains nothing even when halved this often is no way up."""

LARGEST = 30.0
"""Log hazard ratios are held within this, so that their exponential stays a number."""


@dataclass(frozen=True)
class Waits:
    """Cancellations as the likelihood reads them.

    Attributes
    ----------
    incidence : array, rows by columns
        First column 1; the others standardised.
    latency : array, rows by columns
        Standardised, without a column of ones: the baseline takes its place.
    step : int array, rows
        Step of the baseline in which the silence before the end of the row lies.
    into : array, rows
        Days of that step that went by in silence, not counting the day of a return.
    returned : bool array, rows
    beyond : bool array, rows
        Still silent when the last return was over: gone, by the convention that all who return have done so by then.
    weight : array, rows
    width : array, steps
        Days in each step.
    """

    incidence: np.ndarray
    latency: np.ndarray
    step: np.ndarray
    into: np.ndarray
    returned: np.ndarray
    beyond: np.ndarray
    weight: np.ndarray
    width: np.ndarray

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of parameters of the incidence (with its intercept), the baseline and the latency."""
        return self.incidence.shape[1], len(self.width), self.latency.shape[1]

    @property
    def by_step(self) -> csr_matrix:
        """Steps by rows, 1 where the row ends in the step: a product with it adds rows up by step."""
        n = len(self.step)
        return csr_matrix((np.ones(n), (self.step, np.arange(n))), shape=(len(self.width), n))

    def parts(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Parameters of the incidence, the baseline (log hazard per day) and the latency."""
        first, second, _ = self.shape
        return theta[:first], theta[first : first + second], theta[first + second :]


@dataclass(frozen=True)
class _State:
    """What a value of the parameters makes of each row; `returns` is the probability of a return still to come (or come)."""

    gone: np.ndarray
    returns: np.ndarray
    ratio: np.ndarray
    silence: np.ndarray
    day: np.ndarray
    slope: np.ndarray
    log: np.ndarray


def summed_hazard(log_hazard: np.ndarray, width: np.ndarray, step: np.ndarray, into: np.ndarray) -> np.ndarray:
    """Baseline hazard summed over the days before a point that lies `into` days into `step`."""
    hazard = np.exp(log_hazard)
    before = np.concatenate([[0.0], np.cumsum(hazard * width)])
    return before[step] + hazard[step] * into


def _state(waits: Waits, theta: np.ndarray) -> _State:
    a, alpha, c = waits.parts(theta)
    eta = waits.incidence @ a
    ratio = np.exp(np.clip(waits.latency @ c, -LARGEST, LARGEST))
    silence = ratio * summed_hazard(alpha, waits.width, waits.step, waits.into)
    day = ratio * np.exp(alpha)[waits.step]
    never = -np.logaddexp(0.0, -eta)  # log P(never returns)
    ever = -np.logaddexp(0.0, eta)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        back = ever - silence + np.log(-np.expm1(-day))
        slope = np.where(day > 1e-12, day / np.expm1(day), 1.0)
    still = np.logaddexp(never, ever - silence)
    log = np.where(waits.returned, back, np.where(waits.beyond, never, still))
    returns = np.where(waits.returned, 1.0, np.where(waits.beyond, 0.0, expit(-eta - silence)))
    return _State(expit(eta), returns, ratio, silence, day, slope, log)


def log_likelihoods(waits: Waits, theta: np.ndarray) -> np.ndarray:
    """Log likelihood of each row, before its weight."""
    return _state(waits, theta).log


def objective(waits: Waits, theta: np.ndarray, penalty: np.ndarray) -> float:
    """What is minimised: minus the weighted log likelihood, plus half the penalised squares."""
    return float(0.5 * (penalty * theta) @ theta - waits.weight @ _state(waits, theta).log)


def derivatives(waits: Waits, theta: np.ndarray, penalty: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gradient and Hessian of the objective.

    The derivatives by the baseline need, for each row, the days that it spent in every step: all of the steps before its
    own, and a part of its own. Sums over rows therefore follow from sums within each step, added up from the last.
    """
    now = _state(waits, theta)
    hazard = np.exp(waits.parts(theta)[1])
    w, u, v = waits.weight, now.returns, now.returns * (1 - now.returns)
    back = w * waits.returned
    x, z, steps = waits.incidence, waits.latency, waits.by_step
    bend = back * now.slope * (1 - now.day - now.slope)
    twice = v * now.silence - u

    def spent(row: np.ndarray) -> np.ndarray:
        """Sum over rows of a value times the days spent in each step; rows may have columns."""
        here = steps @ row
        later = here.sum(axis=0) - np.cumsum(here, axis=0)
        into = waits.into if row.ndim == 1 else waits.into[:, None]
        width = waits.width if row.ndim == 1 else waits.width[:, None]
        return width * later + steps @ (row * into)

    exposed = hazard * spent(w * u * now.ratio)
    gradient = np.concatenate([
        x.T @ (w * (1 - u - now.gone)),
        steps @ (back * now.slope) - exposed,
        z.T @ (back * now.slope - w * u * now.silence)])

    e_e = (x * (w * (v - now.gone * (1 - now.gone)))[:, None]).T @ x
    e_l = (x * (w * v * now.silence)[:, None]).T @ z
    l_l = (z * (w * twice * now.silence + bend)[:, None]).T @ z
    e_a = hazard[:, None] * spent(x * (w * v * now.ratio)[:, None])
    l_a = hazard[:, None] * spent(z * (w * twice * now.ratio)[:, None]) + steps @ (z * bend[:, None])
    square = w * v * now.ratio**2
    a_a = np.triu(waits.width[:, None] * spent(square)[None, :], 1)
    a_a = a_a + a_a.T
    here = steps @ square
    a_a[np.diag_indices_from(a_a)] = waits.width**2 * (here.sum() - np.cumsum(here)) + steps @ (square * waits.into**2)
    a_a *= hazard[:, None] * hazard[None, :]
    a_a[np.diag_indices_from(a_a)] += steps @ bend - exposed
    hessian = np.block([[e_e, e_a.T, e_l], [e_a, a_a, l_a], [e_l.T, l_a.T, l_l]])
    return penalty * theta - gradient, np.diag(penalty) - hessian


def scores(waits: Waits, theta: np.ndarray) -> np.ndarray:
    """Weighted gradient of the log likelihood of each row: rows by parameters."""
    now = _state(waits, theta)
    hazard = np.exp(waits.parts(theta)[1])
    w, back = waits.weight, waits.weight * waits.returned
    baseline = days_spent(waits.width, waits.step, waits.into) * hazard * -(w * now.returns * now.ratio)[:, None]
    baseline[np.arange(len(w)), waits.step] += back * now.slope
    return np.hstack([
        waits.incidence * (w * (1 - now.returns - now.gone))[:, None],
        baseline,
        waits.latency * (back * now.slope - w * now.returns * now.silence)[:, None]])


def days_spent(width: np.ndarray, step: np.ndarray, into: np.ndarray) -> np.ndarray:
    """Days spent in every step before a point that lies `into` days into `step`: rows by steps."""
    return np.where(np.arange(len(width)) < step[:, None], width, 0.0) + (
        np.arange(len(width)) == step[:, None]) * into[:, None]


def starting_point(waits: Waits, plateau: float) -> np.ndarray:
    """Parameters to begin at: no effect of any column, the plateau as the share gone, the hazard of those seen to return."""
    back = waits.returned
    spent = waits.weight[back] @ days_spent(waits.width, waits.step[back], waits.into[back] + 0.5)
    returns = np.bincount(waits.step[back], waits.weight[back], len(waits.width))
    share = np.clip(plateau, 0.02, 0.98)
    first, _, last = waits.shape
    return np.concatenate([[np.log(share / (1 - share))], np.zeros(first - 1), np.log(returns / spent), np.zeros(last)])


@dataclass(frozen=True)
class Maximum:
    """Where the Newton steps ended.

    Attributes
    ----------
    theta : array
        Parameters.
    objective : float
    information : array
        Hessian of the objective at `theta`.
    n_iter : int
    converged : bool
        Whether a further step promises less than the tolerance in log likelihood.
    """

    theta: np.ndarray
    objective: float
    information: np.ndarray
    n_iter: int
    converged: bool


def maximise(
    waits: Waits, start: np.ndarray, penalty: np.ndarray, max_iter: int, tol: float, held: int | None = None
) -> Maximum:
    """The maximum of the penalised likelihood near `start`.

    Parameters
    ----------
    waits : Waits
    start : array
        Parameters to begin at.
    penalty : array
        Ridge penalty of each parameter, in rows.
    max_iter : int
        Most Newton steps.
    tol : float
        The steps end when half of the Newton decrement, the log likelihood still to be gained, is below this.
    held : int, optional
        Parameter that stays where `start` has it, for a profile likelihood.

    Notes
    -----
    The likelihood of a mixture is not concave everywhere. Where the Hessian is not positive definite, a multiple of its
    diagonal is added until it is (Levenberg and Marquardt), and every step is halved until it gains.
    """
    theta = start.astype(float).copy()
    free = np.arange(len(theta)) != (-1 if held is None else held)
    value = objective(waits, theta, penalty)
    damping = 0.0
    for iteration in range(1, max_iter + 1):
        gradient, hessian = derivatives(waits, theta, penalty)
        step, damping = _newton(hessian[np.ix_(free, free)], gradient[free], damping)
        promised = 0.5 * float(step @ gradient[free])
        if promised < tol and damping == 0.0:
            return Maximum(theta, value, hessian, iteration, True)
        size = 1.0
        for _ in range(HALVINGS):
            tried = theta.copy()
            tried[free] -= size * step
            reached = objective(waits, tried, penalty)
            if reached <= value - 1e-4 * size * 2 * promised:
                break
            size /= 2
        else:
            # Rounding is all that is left to gain.
            return Maximum(theta, value, hessian, iteration, damping == 0.0 and promised < 1e3 * tol)
        theta, value = tried, reached
    return Maximum(theta, value, derivatives(waits, theta, penalty)[1], max_iter, False)


def _newton(hessian: np.ndarray, gradient: np.ndarray, damping: float) -> tuple[np.ndarray, float]:
    """Newton step and the damping that it took: a quarter of the last one is tried first, none before that."""
    scale = np.maximum(np.abs(np.diag(hessian)), 1e-8 * max(1.0, float(np.abs(np.diag(hessian)).max())))
    for strength in (0.0, *(max(damping / 4, 1e-4) * 4.0**np.arange(24))):
        try:
            return cho_solve(cho_factor(hessian + np.diag(strength * scale)), gradient), float(strength)
        except LinAlgError:
            continue
    return gradient / scale, 1.0
