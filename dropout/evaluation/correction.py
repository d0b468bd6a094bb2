"""How much to correct one probability, and by what: learnt from what was predicted and what happened.

Amounts are counted in clients, not rows: a client who left is one event on however many dates we asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import statsmodels.api as sm
from scipy.stats import chi2
from sklearn.isotonic import IsotonicRegression

from dropout.disclosure import SMALLEST_SHOWN
from dropout.evaluation.metrics import log_odds, logistic_line
from dropout.evaluation.splits import client_folds
from dropout.models.learner import clearly_better, losses_of
from dropout.models.recalibration import METHODS, Correction

AUTO = "auto"
AS_IT_IS, INTERCEPT, SLOPE, ISOTONIC = METHODS

LEVEL = 0.05
"""Level of the closed test."""

FEWEST = 20
"""Clients to whom it happened, and to whom not, for an intercept of their own: with fewer, its standard error is above
0.2, a fifth of the odds."""

FEWEST_FOR_SLOPE = 100
"""The same for a slope: below 100 of each kind a calibration slope is rough (Collins et al. 2016)."""

FEWEST_FOR_STEPS, CLIENTS_FOR_STEPS = 200, 1_000
"""The same for steps, and clients altogether: flexible calibration curves ask for 200 of each kind (Van Calster et al.
2016), and isotonic regression loses to a line where it has fewer than about 1,000 cases (Niculescu-Mizil and Caruana
2005)."""

FLATTEST = 0.1
"""Slope below which the ranks of the predictions tell next to nothing here, which no layer can mend."""

SAME = 1e-9
"""Spread of log odds below which predictions are all the same."""

GROUPS = 5


@dataclass(frozen=True)
class Learnt:
    """A correction, and why there is none where there is none ("" where the data ask for none)."""

    correction: Correction
    why: str = ""


def counts(y: np.ndarray, client: np.ndarray) -> int:
    """Clients of the rarer kind: those to whom it happened at some date, or those to whom it did not."""
    return min(len(np.unique(client[y == 1])), len(np.unique(client[y == 0])))


def learn_correction(y: np.ndarray, p: np.ndarray, client: np.ndarray, method: str = AUTO, seed: int = 0) -> Learnt:
    """What to do to predictions so that they fit what happened.

    Parameters
    ----------
    y, p : arrays
        What happened (0 or 1) and what was predicted.
    client : array
        Whose row it is; errors allow for rows of one client being alike.
    method : {"auto", "intercept", "slope", "isotonic"}
        `auto`: by closed testing (Vergouwe et al. 2017). An intercept and a slope together are tested against the model
        as it is, then against an intercept alone; the simplest that is not refused is taken, and steps where there is a
        great deal to learn from and they do better than a line on clients left out. Another one is taken as it is named.
    seed : int
        Of the groups of clients on which steps are tried.
    """
    few, n = counts(y, client), len(np.unique(client))
    needed = {SLOPE: FEWEST_FOR_SLOPE, ISOTONIC: FEWEST_FOR_STEPS}.get(method, FEWEST)
    if few < needed:
        # Said in the model too, which may leave the clinic.
        shown = few if few >= SMALLEST_SHOWN else f"fewer than {SMALLEST_SHOWN}"
        return Learnt(Correction(), f"{shown} clients of the rarer kind, where at least {needed} are needed")
    if method == INTERCEPT:
        return Learnt(fit_correction(y, p, INTERCEPT))
    x, group = log_odds(p), np.unique(client, return_inverse=True)[1]
    if np.ptp(x) < SAME:
        if method != AUTO:
            return Learnt(Correction(), "the predictions are all the same, so that only an intercept can be learnt")
        return Learnt(_tested_intercept(x, y, group))
    if few < FEWEST_FOR_SLOPE:
        return Learnt(_tested_intercept(x, y, group))
    if np.isnan(logistic_line(x, y)[1]):
        return Learnt(Correction(), "the predictions part those to whom it happened from the others, so that no line is finite")
    fit = _glm(y, np.column_stack([np.ones(len(x)), x]), group=group)
    line, covariance = np.asarray(fit.params), np.asarray(fit.cov_params())
    if not line[1] >= FLATTEST:
        return Learnt(Correction(), "those given a higher probability fared little otherwise than the rest (slope "
                                    f"{line[1]:.2f}), which no recalibration mends; fit a model on this clinic's own history")
    if method == AUTO:
        if few >= FEWEST_FOR_STEPS and n >= CLIENTS_FOR_STEPS and _steps_are_better(y, p, client, seed):
            method = ISOTONIC
        else:
            away = line - np.array([0.0, 1.0])
            if not _refused(float(away @ np.linalg.solve(covariance, away)), 2):
                return Learnt(Correction())
            method = SLOPE if _refused(float(away[1] ** 2 / covariance[1, 1]), 1) else INTERCEPT
    return Learnt(fit_correction(y, p, method))


def fit_correction(y: np.ndarray, p: np.ndarray, method: str) -> Correction:
    """The correction of one kind, however little there is to learn it from; an intercept where there is no such line."""
    x = log_odds(p)
    if method == AS_IT_IS or not (y == 0).any() or not (y == 1).any():
        return Correction()
    if method == ISOTONIC:
        fit = IsotonicRegression(out_of_bounds="clip").fit(x, y)
        # Nobody is said to leave, or stay, for certain because all of a few did.
        floor = 1.0 / (len(y) + 2.0)
        return Correction(ISOTONIC, knots=np.stack([fit.X_thresholds_,
                                                    log_odds(np.clip(fit.y_thresholds_, floor, 1.0 - floor))]))
    if method == SLOPE:
        intercept, slope = logistic_line(x, y)
        if slope >= FLATTEST:
            return Correction(SLOPE, intercept, slope)
    return Correction(INTERCEPT, float(_glm(y, np.ones((len(x), 1)), x).params[0]))


def _tested_intercept(x: np.ndarray, y: np.ndarray, group: np.ndarray) -> Correction:
    fit = _glm(y, np.ones((len(x), 1)), x, group)
    shift = float(fit.params[0])
    return Correction(INTERCEPT, shift) if _refused((shift / float(fit.bse[0])) ** 2, 1) else Correction()


def _glm(y: np.ndarray, x: np.ndarray, offset: np.ndarray | None = None, group: np.ndarray | None = None) -> Any:
    model = sm.GLM(y, x, sm.families.Binomial(), offset=offset)
    return model.fit() if group is None else model.fit(cov_type="cluster", cov_kwds={"groups": group})


def _refused(statistic: float, freedom: int) -> bool:
    return bool(chi2.sf(statistic, freedom) < LEVEL)


def _steps_are_better(y: np.ndarray, p: np.ndarray, client: np.ndarray, seed: int) -> bool:
    fold = client_folds(client, GROUPS, seed).reindex(client).to_numpy()
    tried = {SLOPE: np.zeros(len(p)), ISOTONIC: np.zeros(len(p))}
    for k in range(GROUPS):
        for method, values in tried.items():
            values[fold == k] = fit_correction(y[fold != k], p[fold != k], method)(p[fold == k])
    return clearly_better(losses_of(tried[ISOTONIC], y == 1), losses_of(tried[SLOPE], y == 1), client)
