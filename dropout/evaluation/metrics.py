"""Measures of how good probabilities are, as plain functions of what happened and what was predicted.

Every function takes `y` (what happened, 0 or 1), `p` (predicted probabilities) and, if wanted, a weight a row, in this
order. Where a measure has a meaning for true probabilities in the place of outcomes, `y` may lie anywhere between 0
and 1. What cannot be told (a rank measure without events, a slope without spread) is NaN, never a guess.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import norm

from dropout.errors import CallError
from dropout.evaluation.smooth import fitted
from dropout.evaluation.tied import Tied

CLIP = (0.005, 0.995)
"""Probabilities are clipped to these in a log loss, so that one certain mistake does not decide everything."""

SMALLEST = 1e-6
"""Probabilities are kept this far from 0 and 1 where their log odds are needed."""

BINS = 10


def log_loss(y: np.ndarray, p: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Mean log loss in nats, probabilities clipped to `CLIP`. `y` may be true probabilities."""
    y, p, weight = checked(y, p, weight)
    return _mean(losses(y, p), weight)


def losses(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Log loss of each row in nats, probabilities clipped to `CLIP`."""
    p = np.clip(p, *CLIP)
    return -(y * np.log(p) + (1.0 - y) * np.log1p(-p))


def brier(y: np.ndarray, p: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Mean squared distance between what happened and what was predicted (Brier 1950)."""
    y, p, weight = checked(y, p, weight)
    return _mean((y - p) ** 2, weight)


def auc(y: np.ndarray, p: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Chance that one to whom it happened was given a higher probability than one to whom it did not.

    Ties count half. NaN where it happened to all or to none.
    """
    y, p, weight = checked(y, p, weight)
    groups = Tied(p)
    return float(rank_chance(groups.sums(weight * y), groups.sums(weight * (1.0 - y))))


def rank_chance(happened: np.ndarray, spared: np.ndarray) -> np.ndarray:
    """The AUC from weights by distinct prediction, rising: of those to whom it happened, and of the others.

    With censoring weights it is the cumulative/dynamic AUC by a horizon, those with another ending among the others
    (Blanche, Dartigues and Jacqmin-Gadda 2013, their second definition).

    Parameters
    ----------
    happened, spared : arrays, one a prediction, or drawings by predictions
    """
    pairs = happened.sum(axis=-1) * spared.sum(axis=-1)
    ahead = (happened * (np.cumsum(spared, axis=-1) - spared / 2)).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(pairs > 0, ahead / pairs, np.nan)


def calibration_in_the_large(y: np.ndarray, p: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Mean prediction less the share to whom it happened: above 0 where too much is predicted."""
    y, p, weight = checked(y, p, weight)
    return _mean(p - y, weight)


def calibration_slope(y: np.ndarray, p: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Slope of a logistic regression of what happened on the log odds predicted (Cox 1958).

    1 is right; below 1 predictions are too extreme; above 1 they are too timid. NaN where predictions are all the
    same, or where it happened to all, to none, or exactly to those with the highest predictions.
    """
    y, p, weight = checked(y, p, weight)
    return logistic_line(log_odds(p), y, weight)[1]


def calibration_error(y: np.ndarray, p: np.ndarray, weight: np.ndarray | None = None, *, bins: int = BINS) -> float:
    """Weighted mean of |mean prediction - share to whom it happened| over bins of equal count.

    With true probabilities for `y` it is the calibration error against the truth. Rows with the same prediction are
    never parted, so that the order of the rows does not matter; a constant prediction is one bin.
    """
    y, p, weight = checked(y, p, weight)
    bin_of = _bins(p, weight, bins)
    off = np.bincount(bin_of, weights=weight * (p - y), minlength=bins)
    return float(np.abs(off).sum() / weight.sum())


def calibration_curve(y: np.ndarray, p: np.ndarray, *, bins: int = BINS, level: float = 0.95) -> pd.DataFrame:
    """One row a bin of equal count: `bin`, `n`, `events`, `predicted`, `observed`, `low`, `high`.

    `low` and `high` are Wilson's interval for the share observed. It takes rows for independent, so where a client
    is asked about on several dates it is somewhat too narrow.
    """
    y, p, weight = checked(y, p, None)
    bin_of = _bins(p, weight, bins)
    n = np.bincount(bin_of, minlength=bins)
    there = n > 0
    events = np.bincount(bin_of, weights=y, minlength=bins)[there]
    predicted = np.bincount(bin_of, weights=p, minlength=bins)[there] / n[there]
    low, high = wilson(events, n[there], level)
    return pd.DataFrame({
        "bin": np.arange(1, there.sum() + 1), "n": n[there], "events": events.astype(np.int64),
        "predicted": predicted, "observed": events / n[there], "low": low, "high": high,
    })


def wilson(events: np.ndarray, n: np.ndarray, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper end of Wilson's interval for a share (Wilson 1927); NaN where there are no rows."""
    events, n = np.asarray(events, dtype=float), np.asarray(n, dtype=float)
    z = norm.ppf(0.5 + level / 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = events / n
        middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)


def log_odds(p: np.ndarray) -> np.ndarray:
    """Log odds of probabilities, kept finite."""
    p = np.clip(p, SMALLEST, 1.0 - SMALLEST)
    return np.log(p) - np.log1p(-p)


def logistic_line(x: np.ndarray, y: np.ndarray, weight: np.ndarray | None = None) -> tuple[float, float]:
    """Intercept and slope of the logistic regression of y on one variable, by maximum likelihood.

    (NaN, NaN) where there is no finite answer: x does not vary, y does not vary, or x parts the two kinds of y.
    """
    w = np.ones(len(x)) if weight is None else weight
    used = w > 0
    x, y, w = x[used], y[used], w[used]
    if not len(x) or np.ptp(x) < 1e-12 or np.ptp(y) == 0:
        return np.nan, np.nan
    mean, spread = float(np.average(x, weights=w)), float(np.std(x))
    line = np.column_stack([np.ones(len(x)), (x - mean) / spread])
    intercept, slope = fitted(line, (w * y)[None], (w * (1.0 - y))[None])[0]
    return float(intercept - slope * mean / spread), float(slope / spread)


def checked(y: np.ndarray, p: np.ndarray, weight: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The three as float arrays of one length, with weights of 1 where none are given.

    Raises
    ------
    CallError
        If lengths differ, there are no rows, something is missing, or a value lies outside 0 to 1.
    """
    y, p = np.asarray(y, dtype=float), np.asarray(p, dtype=float)
    weight = np.ones(len(p)) if weight is None else np.asarray(weight, dtype=float)
    if not len(y) == len(p) == len(weight):
        raise CallError(f"{len(y):,} outcomes, {len(p):,} predictions and {len(weight):,} weights; "
                        "give as many of each")
    if not len(p):
        raise CallError("there are no predictions to measure; give at least one")
    for name, values in (("predictions", p), ("outcomes", y)):
        if not (values.min() >= 0.0 and values.max() <= 1.0):
            wrong = int((~((values >= 0.0) & (values <= 1.0))).sum())
            raise CallError(f"{wrong:,} of {len(values):,} {name} are missing or not between 0 and 1; "
                            "leave those rows out and say how many, or mend them")
    return y, p, weight


def _bins(p: np.ndarray, weight: np.ndarray, bins: int) -> np.ndarray:
    """Bin of each row, 0 to bins - 1, by the middle rank of the rows that share its prediction."""
    groups = Tied(p)
    count = groups.sums(weight)
    middle = (np.cumsum(count) - count / 2) / count.sum()
    bin_of = np.empty(len(p), dtype=np.int64)
    bin_of[groups.order] = np.minimum((middle * bins).astype(np.int64), bins - 1)[groups.group_of]
    return bin_of


def _mean(values: np.ndarray, weight: np.ndarray) -> float:
    return float((values * weight).sum() / weight.sum())
