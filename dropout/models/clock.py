"""The silence clock: how the probability that a client is gone rises with every day of silence.

Two clocks run in a silence. Those who will come back are heard of sooner or later: the mixture cure model. Those who will not
leave the picture too, because their file is closed or they book once more in vain; so an open cancellation that is still open
tells of both. With pi the probability of never coming again, S the chance that one who returns has not been heard of yet and G
the chance that the file of one who does not is still open,

    odds(gone | open after t silent days) = pi / (1 - pi) * G(t) / S(t).

Boosted trees, which learn the same from every silent day of past cancellations, are a second opinion; which of the two
answers, or their mean, is decided by later data. The odds never fall with a day of silence: G alone could let them, and a
client does not become likelier to return because their file has lain open for long.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import ndtri

from dropout.errors import ModelError
from dropout.models.boosting import Boosted
from dropout.models.cure import MixtureCure
from dropout.models.cure_clock import Clock
from dropout.models.design import Design
from dropout.models.learner import TREE_ROWS, side_by_side
from dropout.models.logistic import expit
from dropout.models.silences import Outcomes, Silences

KINDS = ("cure", "boosting", "stack")

STEPS = (0, 1, 2, 3, 5, 7, 10, 14, 21, 28, 42, 60, 90, 120)
"""Days at which the daily chance of being heard of again may change."""

FILE_STEPS = (0, 1, 3, 7, 14, 28, 42, 60, 75, 90, 105, 120, 150, 200, 300)
"""Days at which the daily chance of a file's closing may change."""

DAYS = np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 17, 21, 24, 28, 35, 42, 50, 60, 75, 90, 120, 150, 200, 300], dtype=float)
"""Silent days at which the curve is worked out; log odds between them lie on straight lines, and stay after the last."""

FARTHEST = 6.0
"""Log odds of being gone beyond which nobody is believed to be: silence of any length leaves one in 400."""

DAYS_ASKED = np.array([0.02, 0.4, 1, 2, 4, 6.5, 10, 14, 19, 26, 34, 44, 60, 85, 120])
"""Days of silence at which trees are asked about each past cancellation while it is open: a thinned nightly grid, from
half an hour on, since many silences end on the day on which they begin."""

FEWEST_CLOSED = 30
"""Files of the gone that must have been closed, or left open, for their closing to be learnt."""

FEWEST_IN_STEP = 5
"""Returns in a step of the daily chance at least; neighbouring steps are joined until there are."""

ROUNDS, RATE = 120, 0.05
"""Trees, and how far each one goes."""

Z95 = float(ndtri(0.975))


@dataclass(frozen=True)
class Days:
    """Past silences as they stood on some of their days.

    Attributes
    ----------
    which : int array
        Silence of each row.
    days : array
        Days of silence.
    weight : array
        Nights that each row stands for.
    """

    which: np.ndarray
    days: np.ndarray
    weight: np.ndarray


def days_of(found: Outcomes, maturity_days: int) -> Days:
    """The days of past silences on which the cancellation was still open and it is known what became of it."""
    edges = np.concatenate([[0.0], (DAYS_ASKED[1:] + DAYS_ASKED[:-1]) / 2, [135.0]])
    still = (DAYS_ASKED < found.over[:, None]) & (found.known & (found.followed >= maturity_days))[:, None]
    still &= found.followed[:, None] - DAYS_ASKED >= maturity_days
    which, k = np.nonzero(still)
    return Days(which, DAYS_ASKED[k], np.diff(edges)[k])


@dataclass(frozen=True)
class SilenceClock:
    """What was learnt about silences.

    Attributes
    ----------
    kind : one of `KINDS`
    design : Design
        Columns of the cure model from features.
    cure : Clock
        Who never comes again, and when the others are heard of.
    files : Clock or None
        When files of the gone are closed ("returns" of that clock); None where too few were.
    columns : tuple of str
        Features that trees read, after the days of silence.
    trees : Boosted or None
    """

    kind: str
    design: Design
    cure: Clock
    files: Clock | None
    columns: tuple[str, ...]
    trees: Boosted | None

    def log_odds(self, values: pd.DataFrame, kind: str | None = None) -> np.ndarray:
        """Log odds of being gone for each silence on each of `DAYS` (silences by days); they never fall along a row."""
        kind = self.kind if kind is None else kind
        parts = []
        if kind != "boosting":
            parts.append(self._cure_log_odds(values))
        if kind != "cure" and self.trees is not None:
            parts.append(self._tree_log_odds(values))
        # Each opinion is held within bounds before they are averaged, as they were when the kinds were compared.
        return np.mean([np.clip(part, -FARTHEST, FARTHEST) for part in parts], axis=0)

    def spread(self, values: pd.DataFrame) -> np.ndarray:
        """Standard error of the log odds, by the delta method from the cure model, on each of `DAYS` (silences by days).

        What the data leave open about the coefficients if the model holds; not whether it does. A curve stays as uncertain as
        it was once all who return have done so.
        """
        x = self.design.matrix(values)
        days = np.broadcast_to(np.minimum(DAYS, self.cure.end - 1.0), (len(x), len(DAYS)))
        low, high = self.cure.gone_interval(x, days, 0.95)
        with np.errstate(divide="ignore", invalid="ignore"):
            width = (np.log(high) - np.log1p(-high)) - (np.log(low) - np.log1p(-low))
        width = np.where(np.isfinite(width), width, 2 * FARTHEST)
        return np.maximum.accumulate(width, axis=1) / (2 * Z95)

    def heard_within(self, values: pd.DataFrame, days: np.ndarray) -> np.ndarray:
        """Chance that one who returns has been heard of within so many days (silences by days)."""
        x = self.design.matrix(values)
        ratio = self.cure.linear(x)[1]
        return 1.0 - self.cure.survival(ratio, np.broadcast_to(days, (len(x), len(days))))

    def contributions(self, values: pd.DataFrame) -> pd.DataFrame:
        """What each feature adds to the log odds of never coming again, against the average silence of training."""
        x = self.cure.parts[0].matrix(self.design.matrix(values))
        added = x * self.cure.theta[1 : 1 + x.shape[1]]
        owner = np.array(self.design.owner)
        return pd.DataFrame({name: added[:, owner == name].sum(axis=1) for name in dict.fromkeys(self.design.owner)},
                            index=values.index)

    def _cure_log_odds(self, values: pd.DataFrame) -> np.ndarray:
        x = self.design.matrix(values)
        days = np.broadcast_to(DAYS, (len(x), len(DAYS)))
        eta, ratio = self.cure.linear(x)
        odds = np.minimum(eta[:, None] + self.cure.summed(ratio, days), 2 * FARTHEST)
        if self.files is not None:
            never, speed = self.files.linear(x)
            p = expit(never)[:, None]
            odds = odds + np.log(np.maximum(p + (1 - p) * self.files.survival(speed, days), 1e-6))
        return np.maximum.accumulate(odds, axis=1)

    def _tree_log_odds(self, values: pd.DataFrame) -> np.ndarray:
        if self.trees is None:
            raise ModelError("this clock has no trees")
        raw = values.reindex(columns=list(self.columns)).to_numpy(float)
        odds = np.empty((len(raw), len(DAYS)))
        for j, day in enumerate(DAYS):
            odds[:, j] = self.trees.logit(np.column_stack([np.full(len(raw), np.log1p(day)), raw]))
        return np.maximum.accumulate(odds, axis=1)


def on_day(curves: np.ndarray, days: np.ndarray) -> np.ndarray:
    """Value of each curve (silences by `DAYS`) on a day of its own: straight lines between, level after the last."""
    days = np.clip(days, DAYS[0], DAYS[-1])
    j = np.minimum(np.searchsorted(DAYS, days, side="right") - 1, len(DAYS) - 2)
    share = (days - DAYS[j]) / (DAYS[j + 1] - DAYS[j])
    row = np.arange(len(days))
    return curves[row, j] * (1 - share) + curves[row, j + 1] * share


def fit_clock(silences: Silences, found: Outcomes, past: Days, client: np.ndarray, kind: str, strength: float, seed: int,
              rows: np.ndarray | None = None) -> SilenceClock:
    """The clock learnt from past silences whose outcome is known.

    Parameters
    ----------
    silences : Silences
    found : Outcomes
    past : Days
        Days of those silences, for trees.
    client : int array
        Whose silence it is; standard errors allow for silences of one client being alike.
    kind : one of `KINDS`
    strength : float
        Ridge penalty of the cure model, in silences.
    seed : int
    rows : bool array, optional
        Silences that may be learnt from; all by default.
    """
    known = found.known if rows is None else found.known & rows
    values = silences.values[known].reset_index(drop=True)
    design = Design.fit(values, silences.features)
    x = design.matrix(values)
    returns = ~found.gone[known] & np.isfinite(found.heard[known])
    jobs: list[Callable] = [
        lambda: _cure(x, returns, np.where(returns, found.heard[known], found.followed[known]), STEPS, strength, client[known])]
    gone = found.gone[known]
    shut = np.minimum(found.closed, np.where(np.isfinite(found.heard), found.heard, np.inf))[known]
    closed = shut <= found.followed[known]
    enough = min(int((gone & closed).sum()), int((gone & ~closed).sum())) >= FEWEST_CLOSED
    if enough:
        left_open = np.where(closed, shut, found.followed[known])[gone]
        jobs.append(lambda: _cure(x[gone], closed[gone], left_open, FILE_STEPS, strength, None))
    columns = tuple(silences.values.columns)
    if kind != "cure":
        mine = known[past.which]
        jobs.append(lambda: _trees(silences.values.to_numpy(float), found.gone, past, np.flatnonzero(mine), seed))
    done = side_by_side(jobs)
    files = done[1] if enough else None
    return SilenceClock(kind, design, done[0], files, columns, done[-1] if kind != "cure" else None)


def _cure(x: np.ndarray, returned: np.ndarray, days: np.ndarray, steps: tuple[int, ...], strength: float,
          groups: np.ndarray | None) -> Clock:
    with warnings.catch_warnings():
        # What these warn of (a short follow-up, columns left open by the data) is settled by the ridge and the steps.
        warnings.simplefilter("ignore")
        model = MixtureCure(l2_incidence=strength, l2_latency=strength, edges=_busy(days[returned], steps)).fit(
            x, {"event": returned.astype(int), "duration": days}, groups=groups)
    # What is stored is single precision, so that a model read back gives the same intervals to the last bit.
    return replace(model.clock_, covariance=np.nan_to_num(model.clock_.covariance).astype(np.float32).astype(float))


def _busy(days: np.ndarray, steps: tuple[int, ...]) -> list[int]:
    """The steps between which, and after the last of which, enough happened for a chance of their own."""
    kept = [0]
    for step in steps[1:]:
        if ((days >= kept[-1]) & (days < step)).sum() >= FEWEST_IN_STEP and (days >= step).sum() >= FEWEST_IN_STEP:
            kept.append(step)
    return kept


def _trees(raw: np.ndarray, gone: np.ndarray, past: Days, rows: np.ndarray, seed: int) -> Boosted:
    if len(rows) > TREE_ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, TREE_ROWS, replace=False))
    which = past.which[rows]
    x = np.column_stack([np.log1p(past.days[rows]), raw[which]])
    return Boosted.fit(x, gone[which], seed, past.weight[rows], rounds=ROUNDS, rate=RATE, rising=(0,))
