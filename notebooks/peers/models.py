"""The models that are compared, each behind one function: moments to learn from in, probabilities by each horizon out.

Every model gets the same columns. Those that can't read a gap or a skewed count get them filled and flagged, and on a
logarithmic scale. Each has a few settings; the one with the lowest log loss on a third of the clients learnt from is
fitted again on all of them, as a user of that library would do.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from dropout.evaluation.metrics import log_loss
from dropout.models.learner import client_fold
from dropout.models.model import DropoutModel
from peers.work import HORIZONS, LAST_DAY, Learning, Work

Predict = Callable[[pd.DataFrame], np.ndarray]
Fit = Callable[[Learning, Mapping[str, Any]], Predict]

DAYS = np.arange(LAST_DAY + 1)

ALREADY = 0.5
"""Days after which those who have left already count as leaving, for models that refuse a duration of 0."""


@dataclass(frozen=True)
class Peer:
    """A model to compare with.

    Attributes
    ----------
    name, library : str
    fit : function of (moments, settings)
    settings : tuple of mappings
        Those tried.
    most_rows : int or None
        Moments learnt from at most, drawn at random, for what would take too long with all.
    """

    name: str
    library: str
    fit: Fit
    settings: tuple[Mapping[str, Any], ...] = ({},)
    most_rows: int | None = None


@dataclass(frozen=True)
class Answer:
    """Probabilities (cases by horizons), processor seconds to learn (choice of settings included), and the settings."""

    p: np.ndarray
    seconds: float
    settings: Mapping[str, Any]


def answer(peer: Peer, work: Work, seed: int = 0) -> Answer:
    """The peer's probabilities for the cases of the work."""
    begun = time.process_time()
    learn = work.learn
    if peer.most_rows is not None and len(learn.days) > peer.most_rows:
        drawn = np.random.default_rng(seed).choice(len(learn.days), peer.most_rows, replace=False)
        learn = learn.take(np.sort(drawn))
    # On one thread processor time is comparable, and threads don't wait for one another on a busy machine.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        settings = _best(peer, learn)
        predict = peer.fit(learn, settings)
        seconds = time.process_time() - begun
        return Answer(predict(work.x), seconds, settings)


def ours(work: Work, seed: int = 0) -> Answer:
    """`DropoutModel` on the same clients, scored date by date as it would be at a clinic."""
    begun = time.process_time()
    model = DropoutModel(work.definition, seed=seed).fit(work.past)
    seconds = time.process_time() - begun
    scores = [model.score(work.later, as_of).dropout_risk for as_of in np.unique(work.cases["as_of"].to_numpy("datetime64[s]"))]
    key = ["as_of", "client_id", "episode_id"]
    found = work.cases[key].merge(pd.concat(scores), how="left", on=key, validate="one_to_one")
    return Answer(found[[f"p_dropout_{days}d" for days in HORIZONS]].to_numpy(), seconds, {})


def _best(peer: Peer, learn: Learning) -> Mapping[str, Any]:
    if len(peer.settings) == 1:
        return peer.settings[0]
    later = client_fold(learn.client, 3) == 0
    judged = later & learn.known(60)
    losses = [log_loss(learn.left(60)[judged], peer.fit(learn.take(~later), settings)(learn.x[judged])[:, 1])
              for settings in peer.settings]
    return peer.settings[int(np.argmin(losses))]


def aalen_johansen(learn: Learning, settings: Mapping[str, Any]) -> Predict:
    """The same for everybody: cumulative incidence by Aalen and Johansen (1978)."""
    from lifelines import AalenJohansenFitter

    fitted = AalenJohansenFitter(calculate_variance=False, seed=0).fit(_after_zero(learn.days), learn.event, event_of_interest=1)
    curve = fitted.cumulative_density_.iloc[:, 0]
    at = np.array([curve[curve.index <= days + 0.25].iloc[-1] for days in HORIZONS])
    return lambda x: np.tile(at, (len(x), 1))


def cox(learn: Learning, settings: Mapping[str, Any]) -> Predict:
    """Cause-specific proportional hazards (Cox 1972), put together to a cumulative incidence (Benichou and Gail 1990)."""
    from lifelines import CoxPHFitter

    prepare = Filled.of(learn)
    frame = pd.DataFrame(prepare(learn.x)).assign(days=_after_zero(learn.days))
    fitted = [CoxPHFitter(penalizer=settings["penalizer"]).fit(
        frame.assign(event=learn.event == cause), "days", "event") for cause in (1, 2)]

    def predict(x: pd.DataFrame) -> np.ndarray:
        x = pd.DataFrame(prepare(x))
        times = np.concatenate([[ALREADY], DAYS[1:]])
        hazards = [model.predict_cumulative_hazard(x, times=times).to_numpy().T for model in fitted]
        return incidence(hazards[0], hazards[1])

    return predict


def survival_forest(learn: Learning, settings: Mapping[str, Any]) -> Predict:
    """A random survival forest (Ishwaran and others 2008) for each cause, put together in the same way."""
    from sksurv.ensemble import RandomSurvivalForest
    from sksurv.util import Surv

    prepare = Filled.of(learn)
    x = prepare(learn.x)
    fitted = [RandomSurvivalForest(100, random_state=0, **settings).fit(
        x, Surv.from_arrays(learn.event == cause, _after_zero(learn.days))) for cause in (1, 2)]

    def predict(x: pd.DataFrame) -> np.ndarray:
        x = prepare(x)
        times = np.concatenate([[ALREADY], DAYS[1:]])
        hazards = []
        for model in fitted:
            known = np.searchsorted(model.unique_times_, times, side="right") - 1
            found = model.predict_cumulative_hazard_function(x, return_array=True)
            hazards.append(np.where(known < 0, 0.0, found[:, np.maximum(known, 0)]))
        return incidence(hazards[0], hazards[1])

    return predict


def survival_boost(learn: Learning, settings: Mapping[str, Any]) -> Predict:
    """hazardous' boosting of competing incidences (Alberge and others 2025)."""
    from hazardous import SurvivalBoost

    # Each tree bins every column anew with weights, a second a tree with scikit-learn 1.9 unless values are few.
    few = [np.unique(np.nanquantile(column, np.linspace(0, 1, 100))) for column in learn.x.to_numpy(float).T]

    def rounded(x: pd.DataFrame) -> np.ndarray:
        steps = [values[np.searchsorted(values[:-1], column)] for values, column in zip(few, x.to_numpy(float).T, strict=True)]
        return np.where(x.isna(), np.nan, np.stack(steps, axis=1))

    # The model is taught an incidence of 0 at 0 days, so those who have left already leave a moment later.
    y = pd.DataFrame({"event": learn.event, "duration": _after_zero(learn.days)})
    model = SurvivalBoost(show_progressbar=False, random_state=0, ipcw_strategy="kaplan-meier", **settings)
    model.fit(rounded(learn.x), y)
    times = np.array(HORIZONS, dtype=float) + 0.25
    return lambda x: model.predict_cumulative_incidence(rounded(x), times=times)[:, 1, :]


def boosting(learn: Learning, settings: Mapping[str, Any]) -> Predict:
    """scikit-learn's histogram boosting, one classifier a horizon, on the moments that tell what happened by then."""
    fitted = []
    for horizon in HORIZONS:
        known = learn.known(horizon)
        model = HistGradientBoostingClassifier(early_stopping=False, random_state=0, **settings)
        fitted.append(model.fit(learn.x[known].to_numpy(), learn.left(horizon)[known]))
    return lambda x: np.stack([model.predict_proba(x.to_numpy())[:, 1] for model in fitted], axis=1)


PEERS = (
    Peer("Aalen-Johansen", "lifelines", aalen_johansen),
    Peer("Cox, cause-specific", "lifelines", cox, ({"penalizer": 0.01}, {"penalizer": 0.1})),
    Peer("random survival forest", "scikit-survival", survival_forest,
         ({"min_samples_leaf": 20, "max_features": 0.3},), 5_000),
    Peer("SurvivalBoost", "hazardous", survival_boost, (
        {"n_iter": 80, "learning_rate": 0.08, "max_leaf_nodes": 8, "n_horizons_per_observation": 1},), 8_000),
    Peer("boosting per horizon", "scikit-learn", boosting, (
        {"max_iter": 100, "learning_rate": 0.05, "max_leaf_nodes": 31},
        {"max_iter": 100, "learning_rate": 0.05, "max_leaf_nodes": 8, "min_samples_leaf": 100, "l2_regularization": 30.0})),
)


def incidence(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Cumulative incidence of the first cause at `HORIZONS` of two cumulative hazards (rows by the days of `DAYS`).

    The sum of the chances of going on so far, times the chance of leaving on the day (Kalbfleisch and Prentice 2002).
    """
    steps = [np.diff(hazard, axis=1, prepend=0.0) for hazard in (one, other)]
    both = steps[0] + steps[1]
    leaves = 1.0 - np.exp(-both)
    going_on = np.exp(-(np.cumsum(both, axis=1) - both))
    share = np.divide(steps[0], both, out=np.zeros_like(both), where=both > 0)
    return np.cumsum(going_on * leaves * share, axis=1)[:, list(HORIZONS)]


MOST_SPREADS = 6.0
"""Standard deviations from the mean beyond which a value counts as there: one odd value must not rule a linear model."""


@dataclass(frozen=True)
class Filled:
    """Features without gaps, on a common scale: medians with a flag, logarithms of counts and days."""

    columns: tuple[str, ...]
    logged: np.ndarray
    middle: np.ndarray
    flagged: np.ndarray
    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, learn: Learning) -> Filled:
        """What is learnt from the moments learnt from."""
        values = learn.x.to_numpy(float)
        gap = np.isnan(values)
        flagged = (gap.sum(axis=0) >= 50) & ((~gap).sum(axis=0) >= 50)
        # Features that are unknown at the same moments share one flag: the same column twice can't be fitted.
        _, first = np.unique(gap, axis=1, return_index=True)
        flagged &= np.isin(np.arange(values.shape[1]), first)
        logged = np.isin(learn.x.columns, learn.logged)
        middle = np.nan_to_num(np.nanmedian(values, axis=0))
        raw = cls(tuple(learn.x.columns), logged, middle, flagged, np.zeros(1), np.ones(1))
        x = raw._filled(learn.x)
        spread = x.std(axis=0)
        return cls(raw.columns, logged, middle, flagged, x.mean(axis=0), np.where(spread > 1e-9, spread, 1.0))

    def __call__(self, x: pd.DataFrame) -> np.ndarray:
        return np.clip((self._filled(x) - self.mean) / self.scale, -MOST_SPREADS, MOST_SPREADS)

    def _filled(self, x: pd.DataFrame) -> np.ndarray:
        values = x[list(self.columns)].to_numpy(float)
        gap = np.isnan(values)
        values = np.where(gap, self.middle, values)
        values = np.where(self.logged, np.sign(values) * np.log1p(np.abs(values)), values)
        return np.concatenate([values, gap[:, self.flagged].astype(float)], axis=1)


def _after_zero(days: np.ndarray) -> np.ndarray:
    return np.maximum(days, ALREADY)
