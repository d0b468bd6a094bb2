"""Calibration curves: of those given a probability, to what share did it happen?

The curve is a weighted logistic regression of what happened on a restricted cubic spline of the predicted log odds, so
that it bends where it must and needs no bins. Its distances from the diagonal are the integrated calibration index
(mean), E50 (median) and E90 (90th percentile) of Austin and Steyerberg (2019). They fitted a loess or a proportional
hazards model; with censoring and competing endings the weights of `censoring` take their place.
"""

from __future__ import annotations

import numpy as np

from dropout.evaluation.metrics import checked, log_odds
from dropout.evaluation.smooth import bent, expit, fitted, knots_of
from dropout.evaluation.tied import Tied

FEW_VALUES = 6
"""With no more distinct predictions than this there is no curve to fit: the share of each is what it is."""

QUANTILES = (0.5, 0.9)

FAR = 20.0
"""Coefficients beyond this come of a curve that runs into 0 or 1, and no other should begin from there."""


def smooth_curve(
    y: np.ndarray, p: np.ndarray, weight: np.ndarray | None = None, *, at: np.ndarray | None = None
) -> np.ndarray:
    """Share to whom it happens, at each prediction, as a smooth curve.

    Parameters
    ----------
    y, p, weight : arrays
        As for the other measures; with censoring, from `censoring.by_horizon`.
    at : array, optional
        Predictions at which the curve is read. Default: those given.

    Returns
    -------
    array, one a prediction
        NaN where it happened to all or to none.
    """
    y, p, weight = checked(y, p, weight)
    tied = Tied(p)
    curve = Curve(tied.values, tied.sums(np.ones(len(p))))
    fit = curve.fit(tied.sums(weight * y)[None], tied.sums(weight * (1.0 - y))[None])
    if at is None:
        return curve.observed(fit)[0][tied.place]
    return curve.read(np.asarray(at, dtype=float), fit)[0]


def calibration_distances(
    y: np.ndarray, p: np.ndarray, weight: np.ndarray | None = None, *, everybody: np.ndarray | None = None
) -> dict[str, float]:
    """`ici`, `e50` and `e90`: mean, median and 90th percentile of the distance between prediction and curve.

    Parameters
    ----------
    y, p, weight : arrays
    everybody : array, optional
        How often each row counts in the mean, if that is not its weight: a client who is censored has a prediction too,
        though the curve cannot learn from them.
    """
    y, p, weight = checked(y, p, weight)
    observed = smooth_curve(y, p, weight)
    everybody = weight if everybody is None else everybody
    found = distances(observed[None], p, everybody[None])
    return {name: float(value[0]) for name, value in found.items()}


class Curve:
    """The design of a calibration curve over cells of the predictions, fitted for as many drawings as wanted.

    Parameters
    ----------
    values : array of distinct predictions, rising
    n : array
        Weight of each.
    cells : int array, optional
        Where each cell begins among the values, to fit on their means: for intervals, where a log odds rounded to a
        hundredth of its spread is exact enough. Default: every value by itself.
    """

    def __init__(self, values: np.ndarray, n: np.ndarray, cells: np.ndarray | None = None) -> None:
        x = log_odds(values)
        self.middle = float(np.average(x, weights=n))
        self.spread = float(np.sqrt(np.average((x - self.middle) ** 2, weights=n))) or 1.0
        self.knots = knots_of((x - self.middle) / self.spread, n)
        self.starts = np.arange(len(values)) if cells is None else cells
        size = np.add.reduceat(n, self.starts)
        self.p = np.add.reduceat(n * values, self.starts) / size
        self.z = (np.add.reduceat(n * x, self.starts) / size - self.middle) / self.spread
        self.few = len(values) <= FEW_VALUES

    def slope(self, happened: np.ndarray, spared: np.ndarray) -> np.ndarray:
        """Calibration slope (Cox 1958) of each drawing; NaN where predictions do not differ."""
        if len(self.z) < 2:
            return np.full(len(happened), np.nan)
        line = np.column_stack([np.ones(len(self.z)), self.z])
        return fitted(line, happened, spared)[:, 1] / self.spread

    def fit(self, happened: np.ndarray, spared: np.ndarray, start: np.ndarray | None = None) -> np.ndarray:
        """Coefficients of the curve, one row a drawing; of few values, the share of each."""
        if self.few:
            with np.errstate(invalid="ignore", divide="ignore"):
                return happened / (happened + spared)
        if start is not None and not (np.abs(start) < FAR).all():
            start = None
        return fitted(bent(self.z, self.knots), happened, spared, start, last=True)

    def observed(self, fit: np.ndarray) -> np.ndarray:
        """The curve at each cell, one row a drawing."""
        return fit if self.few else expit(fit @ bent(self.z, self.knots).T)

    def read(self, at: np.ndarray, fit: np.ndarray) -> np.ndarray:
        """The curve at these predictions, one row a drawing; between few values, along straight lines."""
        if self.few:
            return np.array([np.interp(at, self.p, row) for row in fit])
        z = (log_odds(at) - self.middle) / self.spread
        return expit(fit @ bent(z, self.knots).T)


def distances(observed: np.ndarray, p: np.ndarray, everybody: np.ndarray) -> dict[str, np.ndarray]:
    """`ici`, `e50` and `e90` of each drawing.

    Parameters
    ----------
    observed : array, drawings by cells
    p : array, one a cell
    everybody : array, drawings by cells
        Weight of each cell.
    """
    # A cell of which nothing is known has no distance, and takes no part.
    known = np.isfinite(observed) & (everybody > 0)
    off = np.where(known, np.abs(observed - p), 0.0)
    weight = np.where(known, everybody, 0.0)
    total = weight.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = {"ici": (off * weight).sum(axis=1) / total}
    order = np.argsort(off, axis=1)
    up_to = np.cumsum(np.take_along_axis(weight, order, axis=1), axis=1)
    for quantile in QUANTILES:
        place = (up_to < quantile * total[:, None] * (1 - 1e-12)).sum(axis=1)
        place = np.minimum(place, off.shape[1] - 1)[:, None]
        value = np.take_along_axis(off, np.take_along_axis(order, place, axis=1), axis=1)[:, 0]
        found[f"e{100 * quantile:.0f}"] = np.where(total > 0, value, np.nan)
    return found
