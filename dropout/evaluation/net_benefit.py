"""Net benefit: what acting on everybody above a threshold is worth, in true positives (Vickers and Elkin 2006).

A threshold t says how many calls in vain one is ready to make for each client found: (1 - t) / t. The net benefit is the
share found less the share called in vain, the latter weighted by t / (1 - t). It stands beside calling everybody and
calling nobody. With censoring and competing endings the shares are weighted (see `censoring`): a client with another
ending is called in vain. Where nothing is censored it is that of 2006. Vickers, Cronin, Elkin and Gonen (2008) take
the cumulative incidence among those above the threshold instead, which is the same in expectation unless censoring
depends on the prediction.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dropout.errors import CallError
from dropout.evaluation.metrics import checked
from dropout.evaluation.tied import Tied

THRESHOLDS = tuple(round(0.02 * k, 2) for k in range(1, 31))
"""2% to 60% in steps of 2%."""


def net_benefit(
    y: np.ndarray, p: np.ndarray, weight: np.ndarray | None = None, *, thresholds: tuple[float, ...] = THRESHOLDS
) -> np.ndarray:
    """Net benefit of acting on those with a probability of at least each threshold, in true positives a client.

    Parameters
    ----------
    y, p, weight : arrays
        As for the other measures; with censoring, from `censoring.by_horizon`.
    thresholds : probabilities above 0 and below 1

    Returns
    -------
    array, one a threshold
    """
    y, p, weight = checked(y, p, weight)
    tied = Tied(p)
    return from_sums(tied.values, tied.sums(weight * y), tied.sums(weight * (1.0 - y)), checked_thresholds(thresholds))


def treat_all(share: np.ndarray | float, thresholds: tuple[float, ...] = THRESHOLDS) -> np.ndarray:
    """Net benefit of acting on everybody, where this share drops out; that of acting on nobody is 0."""
    at = checked_thresholds(thresholds)
    share = np.asarray(share, dtype=float)[..., None]
    return share - (1.0 - share) * at / (1.0 - at)


def from_sums(values: np.ndarray, happened: np.ndarray, spared: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """The same from weights by distinct prediction.

    Parameters
    ----------
    values : array of distinct predictions, rising
    happened, spared : arrays, one a prediction, or drawings by predictions
    """
    below = np.searchsorted(values, thresholds, side="left")
    total = happened.sum(axis=-1, keepdims=True) + spared.sum(axis=-1, keepdims=True)
    true, false = (_from(counts, below) for counts in (happened, spared))
    return (true - false * thresholds / (1.0 - thresholds)) / total


def checked_thresholds(thresholds: Sequence[float]) -> np.ndarray:
    """Thresholds as an array; CallError where one is not a probability between 0 and 1."""
    try:
        at = np.asarray(thresholds, dtype=float)
    except (TypeError, ValueError):
        at = np.zeros(0)
    if at.ndim != 1 or not len(at) or not ((at > 0) & (at < 1)).all():
        raise CallError("thresholds are probabilities above 0 and below 1, such as (0.1, 0.2, 0.3)")
    return at


def _from(counts: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Sums over the predictions from each position on."""
    up_to = np.cumsum(counts, axis=-1)
    nothing = np.zeros_like(up_to[..., :1])
    return up_to[..., -1:] - np.concatenate([nothing, up_to], axis=-1)[..., first]
