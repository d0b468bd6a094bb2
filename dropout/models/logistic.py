"""Ridge logistic regression on a design matrix.

Fitted by scikit-learn's Newton solver.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

EXTREME_LOGIT = 12.0
"""Beyond this a fitted log odds is not believed: about one in 160,000."""


@dataclass(frozen=True)
class Logistic:
    """Coefficients and intercept of a fitted model."""

    coefficients: np.ndarray
    intercept: float

    @classmethod
    def fit(cls, x: np.ndarray, y: np.ndarray, strength: float, weight: np.ndarray | None = None) -> Logistic:
        """Ridge logistic regression of y on x.

        Parameters
        ----------
        x : array, rows by columns, standardised
        y : bool array
        strength : float
            Penalty on the squared coefficients, in rows: the weight of that many rows' worth of log loss.
        weight : array, optional
            Weight of each row.
        """
        rate = float(np.average(y, weights=weight))
        if rate in (0.0, 1.0):
            odds = (np.sum(y) + 0.5) / (len(y) - np.sum(y) + 0.5)
            return cls(np.zeros(x.shape[1]), float(np.log(odds)))
        model = LogisticRegression(C=1.0 / strength, solver="newton-cholesky", max_iter=60, tol=1e-4)
        model.fit(x, y, sample_weight=weight)
        return cls(model.coef_[0].copy(), float(model.intercept_[0]))

    def logit(self, x: np.ndarray) -> np.ndarray:
        """Log odds for each row of x."""
        return np.clip(x @ self.coefficients + self.intercept, -EXTREME_LOGIT, EXTREME_LOGIT)


def expit(logit: np.ndarray) -> np.ndarray:
    """Probabilities of log odds."""
    return 1.0 / (1.0 + np.exp(-logit))


def to_logit(p: np.ndarray) -> np.ndarray:
    """Log odds of probabilities, kept finite."""
    p = np.clip(p, 1e-6, 1 - 1e-6)
    return np.log(p / (1 - p))
