"""Cancellations from a mixture cure model whose parameters are known, for tests and for the study in notebook 03."""

from __future__ import annotations

import numpy as np
import pandas as pd


def cancellations(
    n: int, seed: int, incidence: tuple = (0.8, -0.6, 0.5), latency: tuple = (-0.4, 0.3, 0.0), intercept: float = -0.8,
    mean_days: float = 20.0, watched: tuple[float, float] = (150.0, 365.0), competing: float = 0.0,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """X (standard normal columns) and y of n simulated cancellations.

    Parameters
    ----------
    incidence, latency : tuples
        Log odds ratios of never returning and log hazard ratios of return, a column each.
    intercept : float
        Log odds of never returning at the mean.
    mean_days : float
        Mean wait of those who return, at the mean (an exponential wait, cut to whole days).
    watched : (float, float)
        Days of follow-up are drawn evenly between these.
    competing : float
        Hazard per day of another ending (event 2).
    """
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, len(incidence)))
    gone = rng.random(n) < 1 / (1 + np.exp(-(intercept + x @ np.array(incidence))))
    wait = np.where(gone, np.inf, rng.exponential(size=n) * mean_days * np.exp(-(x @ np.array(latency))))
    seen = rng.uniform(*watched, size=n)
    other = rng.exponential(size=n) / competing if competing else np.full(n, np.inf)
    ends = np.minimum(seen, other)
    event = np.where(wait <= ends, 1, np.where(other < seen, 2, 0))
    names = [f"x{i}" for i in range(len(incidence))]
    return pd.DataFrame(x, columns=names), pd.DataFrame({"event": event, "duration": np.floor(np.minimum(wait, ends))})
