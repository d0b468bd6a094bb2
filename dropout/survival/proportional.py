"""Whether hazards stay proportional: scaled residuals against time and the score test of a trend in them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import chi2

from dropout.errors import CallError
from dropout.survival.risk_sets import Moments, RiskSets

TRANSFORMS = ("km", "identity", "log")
"""Time scales on which a trend is looked for: share who have left by then (Kaplan-Meier), time itself, its logarithm."""

GLOBAL = "all together"


def time_scale(sets: RiskSets, start: np.ndarray, stop: np.ndarray, transform: str) -> np.ndarray:
    """g(t) at each distinct time of `sets`.

    "km" is one minus the Kaplan-Meier estimate just before t over all strata, so that few late endings don't decide.
    """
    if transform == "identity":
        return sets.at
    if transform == "log":
        return np.log(sets.at)
    if transform != "km":
        raise CallError(f"transform is {transform!r}; expected one of: {', '.join(TRANSFORMS)}")
    pooled = RiskSets.of(np.zeros((len(stop), 0)), start, stop, sets.event, np.zeros(len(stop), dtype=np.int64), "breslow")
    left = pooled.tied / pooled.over_times(np.ones(len(stop)))
    gone = 1 - np.concatenate([[1.0], np.cumprod(1 - left)[:-1]])
    return gone[np.searchsorted(pooled.at, sets.at)]


def proportional_hazards_test(
    moments: Moments, scale: np.ndarray, names: tuple[str, ...], columns: tuple[str, ...]
) -> pd.DataFrame:
    """A row a covariate and one for all together: chi_square, df, p (Grambsch and Therneau 1994).

    The score test of adding covariate times g(t) to the model, with the variance as it is at each time rather than its
    mean, as in R's survival from version 3 on. The indicators of one category are tested together.

    Parameters
    ----------
    moments : Moments
        At the estimate.
    scale : array
        g(t) at each distinct time.
    names, columns : tuples of str
        Terms, and the covariates they come from.
    """
    sets = moments.sets
    g = scale[sets.step_time] - np.average(scale, weights=sets.tied)
    score = (scale[sets.last[sets.ended]] - np.average(scale, weights=sets.tied)) @ moments.schoenfeld()
    plain, once, twice = (moments.information(g**power) for power in (0, 1, 2))
    variance = twice - once @ np.linalg.pinv(plain, hermitian=True) @ once
    rows = []
    for label in [*dict.fromkeys(columns), GLOBAL]:
        which = np.array([label in (GLOBAL, column) for column in columns])
        statistic = float(score[which] @ np.linalg.pinv(variance[np.ix_(which, which)], hermitian=True) @ score[which])
        rows.append((label, statistic, int(which.sum()), float(chi2.sf(statistic, which.sum()))))
    return pd.DataFrame(rows, columns=["covariate", "chi_square", "df", "p"])


def scaled_schoenfeld(moments: Moments, coefficient: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Coefficients as they look at each ending, endings by columns: their smooth over time shows how b moves with t."""
    residual = moments.schoenfeld()
    return coefficient + len(residual) * residual @ covariance
