"""Intervals by drawing clients again: a client who is asked about on several dates comes or goes as a whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

TIMES = 200
LEVEL = 0.95

FEWEST_USABLE = 0.9
"""Share of the drawings that must give a number; with fewer there is no interval."""

Metric = Callable[[np.ndarray, np.ndarray, np.ndarray], float]


@dataclass(frozen=True)
class Resamples:
    """Drawings of clients with replacement (bootstrap by cluster; Field and Welsh 2007).

    Attributes
    ----------
    counts : int array, drawings by clients
        How often each client was drawn.
    client : int64 array, one a row
        Position of the row's client in `counts`.
    """

    counts: np.ndarray
    client: np.ndarray

    @classmethod
    def of(cls, client: pd.Series | np.ndarray, times: int = TIMES, seed: int = 0) -> Resamples:
        """Drawings for rows of these clients. The same clients and seed give the same drawings, in any row order."""
        codes, names = pd.factorize(np.asarray(client, dtype=object), sort=True)
        n = len(names)
        rng = np.random.Generator(np.random.PCG64([seed, n]))
        counts = rng.multinomial(n, np.full(n, 1.0 / n), size=times) if n else np.zeros((times, 0), dtype=np.int64)
        return cls(counts.astype(np.int32), codes.astype(np.int64))

    def take(self, rows: np.ndarray) -> Resamples:
        """The same drawings, for these rows (positions or mask)."""
        return Resamples(self.counts, self.client[rows])

    def drawn(self, statistic: Callable[[np.ndarray], float | np.ndarray]) -> np.ndarray:
        """The statistic (a number or an array) of the rows' weights in each drawing, NaN where none of them came."""
        values = []
        for count in self.counts:
            weight = count[self.client].astype(float)
            values.append(statistic(weight) if weight.sum() > 0 else np.nan)
        shape = np.broadcast_shapes(*(np.shape(value) for value in values)) if values else ()
        return np.array([np.broadcast_to(value, shape) for value in values], dtype=float)

    def interval(self, statistic: Callable[[np.ndarray], float], level: float = LEVEL) -> tuple[float, float]:
        """Percentile interval of a statistic of the rows' weights.

        (NaN, NaN) for one client, and where too many drawings leave the statistic undefined.
        """
        if self.counts.shape[1] < 2:
            return np.nan, np.nan
        return percentiles(self.drawn(statistic), level)

    def mean_interval(self, values: np.ndarray) -> tuple[float, float]:
        """Interval of the mean of a value of each row."""
        return self.interval(lambda weight: float(weight @ values / weight.sum()))


def percentiles(drawn: np.ndarray, level: float = LEVEL) -> tuple[float, float]:
    """Percentile interval of drawn values, (NaN, NaN) where fewer than `FEWEST_USABLE` of them are numbers."""
    low, high = bands(drawn, level)
    return float(low), float(high)


def bands(drawn: np.ndarray, level: float = LEVEL) -> tuple[np.ndarray, np.ndarray]:
    """Percentile intervals of many values at once, drawings first; NaN as in `percentiles`."""
    if not len(drawn):
        return np.full(drawn.shape[1:], np.nan), np.full(drawn.shape[1:], np.nan)
    usable = np.isfinite(drawn)
    n = usable.sum(axis=0)
    enough = n >= max(FEWEST_USABLE * len(drawn), 1)
    # What is no number sorts to the end, and quantiles are read off the numbers before it.
    rising = np.sort(np.where(usable, drawn, np.nan), axis=0)
    ends = []
    for share in ((1 - level) / 2, (1 + level) / 2):
        place = share * np.maximum(n - 1, 0)
        below = np.floor(place).astype(np.int64)
        above = np.minimum(below + 1, np.maximum(n - 1, 0))
        left, right = (np.take_along_axis(rising, at[None], axis=0)[0] for at in (below, above))
        ends.append(np.where(enough, left + (place - below) * (right - left), np.nan))
    return ends[0], ends[1]


def metric_interval(
    metric: Metric, y: np.ndarray, p: np.ndarray, resamples: Resamples, level: float = LEVEL
) -> tuple[float, float]:
    """Interval of a metric of `dropout.evaluation.metrics` by drawing clients again.

    Parameters
    ----------
    metric : function of (y, p, weight)
    y, p : arrays
    resamples : Resamples
        For the same rows.
    """
    # In the order of p, which saves the metrics most of their sorting.
    order = np.argsort(p, kind="stable")
    y, p = np.asarray(y, dtype=float)[order], np.asarray(p, dtype=float)[order]
    return resamples.take(order).interval(lambda weight: metric(y, p, weight), level)
