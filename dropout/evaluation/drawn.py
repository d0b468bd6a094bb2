"""Every measure of every predictor at every horizon, for the rows as they are and for all drawings of clients.

Rows are sorted once. A drawing is a number of times that each client counts, so it costs sums, not sorting; drawings are
worked off some at a time, so that memory stays small. Censoring weights are worked out anew in each drawing.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field

import numpy as np

from dropout.evaluation import net_benefit
from dropout.evaluation.calibration_curve import Curve, distances
from dropout.evaluation.censoring import FollowUp
from dropout.evaluation.forecasts import Forecasts
from dropout.evaluation.intervals import Resamples
from dropout.evaluation.metrics import CLIP, log_odds, rank_chance
from dropout.evaluation.tied import Tied, sums_by

MEASURES = ("log_loss", "brier", "scaled_brier", "auc", "predicted", "observed", "in_the_large", "observed_expected",
            "slope", "ici", "e50", "e90")

CELLS_PER_SPREAD = 100
"""For intervals, log odds are rounded to this part of their standard deviation where slopes and curves are fitted."""

CURVE_POINTS = 21

VALUES_AT_ONCE = 2_000_000
"""Rows times drawings that are held in memory at once."""


@dataclass(frozen=True)
class Measured:
    """Measures by horizon and predictor, and their values in every drawing.

    Attributes
    ----------
    predictors : tuple of str
    value : dict of array
        For each of `MEASURES`, horizons by predictors.
    drawn : dict of array
        The same with drawings first; no drawings where there is one client alone.
    benefit, benefit_drawn : arrays
        Net benefit, (drawings by) horizons by predictors by thresholds.
    curve_at, curve, curve_drawn : dict of (horizon, predictor) positions to array
        Predictions at which a calibration curve is read, and the share there, (drawings by) points.
    """

    predictors: tuple[str, ...]
    value: dict[str, np.ndarray]
    drawn: dict[str, np.ndarray]
    benefit: np.ndarray
    benefit_drawn: np.ndarray
    curve_at: dict[tuple[int, int], np.ndarray] = field(repr=False)
    curve: dict[tuple[int, int], np.ndarray] = field(repr=False)
    curve_drawn: dict[tuple[int, int], np.ndarray] = field(repr=False)


def measured(
    forecasts: Forecasts, times: int, seed: int, thresholds: tuple[float, ...] = net_benefit.THRESHOLDS
) -> Measured:
    """Measures of forecasts and `times` drawings of their clients.

    The same clients and seed give the same drawings, in any order of the rows.
    """
    resamples = Resamples.of(forecasts.client, times, seed)
    at = net_benefit.checked_thresholds(thresholds)
    follow_up = FollowUp.of(forecasts.time, forecasts.event, forecasts.horizons)
    names = tuple(forecasts.predictors)
    shape = (len(forecasts.horizons), len(names))
    draws = times if resamples.counts.shape[1] > 1 else 0
    value = {name: np.full(shape, np.nan) for name in MEASURES}
    drawn = {name: np.full((draws, *shape), np.nan) for name in MEASURES}
    benefit, benefit_drawn = np.full((*shape, len(at)), np.nan), np.full((draws, *shape, len(at)), np.nan)
    curve_at, curve, curve_drawn = {}, {}, {}

    whole = np.ones((1, len(forecasts)))
    ranked, first = {}, {}
    for h, weights in enumerate(follow_up.weights(whole)):
        for k, name in enumerate(names):
            exact = _Ranked(forecasts.predictors[name][:, h], follow_up, h)
            found = exact.measures(whole, *weights, at)
            for measure, of_each in found.measures.items():
                value[measure][h, k] = of_each[0]
            benefit[h, k], curve[h, k], curve_at[h, k] = found.benefit[0], found.curve[0], exact.grid
            curve_drawn[h, k] = np.full((draws, len(exact.grid)), np.nan)
            ranked[h, k] = exact.coarser()
            first[h, k] = found.fit
    step = max(1, VALUES_AT_ONCE // len(forecasts))
    for begin in range(0, draws, step):
        some = slice(begin, min(begin + step, draws))
        weight = resamples.counts[some][:, resamples.client].astype(float)
        for h, weights in enumerate(follow_up.weights(weight)):
            for k in range(len(names)):
                found = ranked[h, k].measures(weight, *weights, at, first[h, k])
                for measure, of_each in found.measures.items():
                    drawn[measure][some, h, k] = of_each
                benefit_drawn[some, h, k], curve_drawn[h, k][some] = found.benefit, found.curve
    return Measured(names, value, drawn, benefit, benefit_drawn, curve_at, curve, curve_drawn)


@dataclass(frozen=True)
class _Found:
    measures: dict[str, np.ndarray]
    benefit: np.ndarray
    curve: np.ndarray
    fit: np.ndarray


class _Ranked:
    """One predictor at one horizon, its rows in rising order of prediction."""

    def __init__(self, p: np.ndarray, follow_up: FollowUp, h: int) -> None:
        tied = Tied(p)
        self.p = p
        self.values, self.place = tied.values, tied.place
        self.of_cases, self.of_others = self.place[follow_up.cases[h]], self.place[follow_up.others[h]]
        self.n = sums_by(self.place, np.ones(len(p)), len(self.values))
        clipped = np.clip(self.values, *CLIP)
        self.loss = -np.log(clipped), -np.log1p(-clipped)
        self.curve = Curve(self.values, self.n)
        self.cell = self.place
        up_to = np.cumsum(self.n) / len(p)
        low, high = self.values[np.searchsorted(up_to, [0.005, 0.995])]
        self.grid = self.values if self.curve.few else np.linspace(low, high, CURVE_POINTS)

    def coarser(self) -> _Ranked:
        """The same with slopes and curves fitted on cells of nearly equal predictions."""
        if self.curve.few:
            return self
        cell = np.round(log_odds(self.values) / self.curve.spread * CELLS_PER_SPREAD)
        starts = np.flatnonzero(np.r_[True, cell[1:] != cell[:-1]])
        found = copy(self)
        found.curve = Curve(self.values, self.n, starts)
        found.cell = (np.searchsorted(starts, np.arange(len(self.values)), side="right") - 1)[self.place]
        return found

    def measures(self, weight: np.ndarray, cases: np.ndarray, others: np.ndarray, thresholds: np.ndarray,
                 start: np.ndarray | None = None) -> _Found:
        """All measures of each drawing.

        Parameters
        ----------
        weight : array, drawings by rows
        cases, others : arrays, drawings by rows
            Weights of those to whom it happened and of those to whom it did not, as `FollowUp.weights` gives them.
        """
        size = len(self.values)
        happened, spared = sums_by(self.of_cases, cases, size), sums_by(self.of_others, others, size)
        everybody = sums_by(self.cell, weight, len(self.curve.p))
        total = happened.sum(axis=1) + spared.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            observed = happened.sum(axis=1) / total
            predicted = weight @ self.p / weight.sum(axis=1)
            brier = (happened @ (1.0 - self.values) ** 2 + spared @ self.values**2) / total
            found = {
                "log_loss": (happened @ self.loss[0] + spared @ self.loss[1]) / total,
                "brier": brier,
                "scaled_brier": np.where((observed > 0) & (observed < 1), 1.0 - brier / (observed * (1.0 - observed)),
                                         np.nan),
                "auc": rank_chance(happened, spared),
                "predicted": predicted,
                "observed": observed,
                "in_the_large": predicted - observed,
                "observed_expected": np.where(predicted > 0, observed / predicted, np.nan),
            }
            benefit = net_benefit.from_sums(self.values, happened, spared, thresholds)
        on_cells = (np.add.reduceat(happened, self.curve.starts, axis=1),
                    np.add.reduceat(spared, self.curve.starts, axis=1))
        found["slope"] = self.curve.slope(*on_cells)
        fit = self.curve.fit(*on_cells, start)
        found |= distances(self.curve.observed(fit), self.curve.p, everybody)
        return _Found(found, benefit, self.curve.read(self.grid, fit), fit)
