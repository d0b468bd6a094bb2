"""Forecasts: probabilities by one or more horizons, from several predictors, and what became of each client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dropout.evaluation.censoring import CENSORED, DROPOUT, OTHER


@dataclass(frozen=True)
class Forecasts:
    """What several predictors said of the same rows.

    Attributes
    ----------
    client : array
        Of each row; a client may have several.
    time, event : arrays
        See `censoring.by_horizon`.
    horizons : tuple of float
    predictors : mapping of str to array
        Probabilities, rows by horizons.
    """

    client: np.ndarray
    time: np.ndarray
    event: np.ndarray
    horizons: tuple[float, ...]
    predictors: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.client)

    def take(self, rows: np.ndarray) -> Forecasts:
        """These rows alone (positions or mask)."""
        return Forecasts(self.client[rows], self.time[rows], self.event[rows], self.horizons,
                         {name: p[rows] for name, p in self.predictors.items()})

    def counts(self, horizon: float) -> dict[str, int]:
        """`events`, `other_endings` and `censored` by a horizon, and `followed` beyond it."""
        early = self.time <= horizon
        return {"events": int((early & (self.event == DROPOUT)).sum()),
                "other_endings": int((early & (self.event == OTHER)).sum()),
                "censored": int((early & (self.event == CENSORED)).sum()),
                "followed": int((~early).sum())}
