"""Trials: who is put to the test, on which clients and dates, and what they may have learnt from.

A model that learnt until a date is tested as it is on later ones. One that has seen everything cannot be; then its
recipe is fitted again on two thirds of the clients up to a cut, and tested on the others after it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from dropout.errors import CallError, ModelError
from dropout.evaluation.cases import cases, with_scores
from dropout.evaluation.comparison import Part
from dropout.evaluation.splits import Split, after_training, client_folds, of_clients, temporal_splits, test_dates
from dropout.history import History
from dropout.timeline import times

AS_IT_IS = "as it is, on later dates"
NEW_CLIENTS = "as it is, on clients it has not learnt from"
REFITTED = "refitted, temporal and client-grouped"
REFITTED_TOGETHER = "refitted, temporal"

LEARNING_DATES = 13
"""Earlier dates, four weeks apart, from which baselines learn: a year."""

Tick = Callable[[], None]


@dataclass(frozen=True)
class Candidate:
    """A fitted model, the cases that baselines may learn from beside it, and the clients it is tested on.

    `clients` is None for all of them.
    """

    model: Any
    train: pd.DataFrame = field(repr=False)
    clients: pd.Index | None = None


@dataclass(frozen=True)
class Trial:
    """Candidates and the dates on which they are tested; `basis` is said in every table."""

    basis: str
    candidates: tuple[Candidate, ...]
    split: Split
    notes: tuple[str, ...] = ()

    def parts(self, history: History, frame: pd.DataFrame, tick: Tick) -> list[Part]:
        """The cases with each candidate's probabilities, each candidate on its own clients.

        Parameters
        ----------
        history : History
        frame : cases
            At the dates to be scored.
        tick : function
            Called after each scoring.
        """
        dates = np.unique(frame["as_of"].to_numpy("datetime64[s]"))
        result = []
        for candidate in self.candidates:
            mine = frame if candidate.clients is None else frame[frame["client_id"].isin(candidate.clients)]
            scored = []
            for date in dates:
                scored.append(candidate.model.score(history, as_of=date))
                tick()
            risk = [one.dropout_risk for one in scored]
            reschedule = [one.reschedule for one in scored]
            result.append(Part(candidate.train, with_scores(mine, _together(risk), _together(reschedule))))
        return result


def plan(history: History, model: Any, new_clients: bool, seed: int, tick: Tick) -> Trial:
    """The trial that fits this model and history.

    Raises
    ------
    CallError
        If the model has not been fitted.
    ModelError
        If the history is too short or too small for any trial.
    """
    until = trained_until(model)
    if new_clients:
        dates = test_dates(history.known_until, model.definition.maturity_days, beginning(history))
        if len(dates):
            return as_it_is(history, model, NEW_CLIENTS, Split(dates[0], dates))
    dates = after_training(history, until, model.definition.maturity_days)
    if len(dates):
        return as_it_is(history, model, NEW_CLIENTS if new_clients else AS_IT_IS, Split(until, dates))
    return _refitted(history, model, seed, tick)


def as_it_is(history: History, model: Any, basis: str, split: Split) -> Trial:
    """A trial of the model itself."""
    return Trial(basis, (Candidate(model, learning_cases(history, model, split.cut)),), split)


def _refitted(history: History, model: Any, seed: int, tick: Tick) -> Trial:
    splits = temporal_splits(history, model.definition.maturity_days)
    if not splits:
        raise ModelError(
            f"this history is too short to evaluate: it runs from {beginning(history)} to {history.known_until}, and "
            f"the model has learnt from it until {trained_until(model)}. Fit the model on an earlier part "
            "(--as-of), or evaluate it when some months have passed.")
    why: ModelError | None = None
    for split in splits:
        try:
            candidates = _fit_again(history, model, split, seed, tick)
        except ModelError as too_little:
            why = too_little
            continue
        together = split.folds == 1
        notes = () if not together else (
            "There are too few clients to learn from two thirds of them, so clients were not parted: those tested "
            "were also learnt from, though only from what was known before the cut.",)
        return Trial(REFITTED_TOGETHER if together else REFITTED, candidates, split, notes)
    raise ModelError(f"this history is too small to evaluate a model that has learnt from all of it: {why}") from why


def _fit_again(history: History, model: Any, split: Split, seed: int, tick: Tick) -> tuple[Candidate, ...]:
    past = history.as_of(split.cut)
    train = learning_cases(history, model, split.cut)
    if split.folds == 1:
        fitted = again(model).fit(past)
        tick()
        return (Candidate(fitted, train),)
    fold = client_folds(history.timeline.episodes["client_id"], split.folds, seed)
    candidates = []
    for k in range(split.folds):
        tested = fold.index[fold == k]
        others = of_clients(past, fold.index[fold != k])
        candidates.append(Candidate(again(model).fit(others), train, tested))
        tick()
    return tuple(candidates)


def again(model: Any) -> Any:
    """A model of the same class and settings that has not been fitted.

    Settings are the arguments of the constructor, kept as attributes of the same names.
    """
    settings = [name for name, parameter in inspect.signature(type(model)).parameters.items()
                if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)]
    return type(model)(**{name: getattr(model, name) for name in settings})


def learning_cases(history: History, model: Any, cut: np.datetime64) -> pd.DataFrame:
    """Cases of up to a year before the cut, with what was known by the cut of what happened."""
    nothing = times(np.zeros(0, dtype=np.int64))
    if cut <= beginning(history):
        return cases(history, model.definition, nothing)
    past = history.as_of(cut)
    dates = test_dates(past.known_until, model.definition.maturity_days, beginning(past), most=LEARNING_DATES)
    return cases(past, model.definition, dates)


def beginning(history: History) -> np.datetime64:
    """When the first episode of the history began (datetime64[s])."""
    return times(np.array([history.timeline.begins.min()]))[0]


def trained_until(model: Any) -> np.datetime64:
    """The date after which the model learnt nothing; CallError if it has not been fitted."""
    until = getattr(model, "trained_until", None)
    if until is None:
        raise CallError("this model has not been fitted yet; call fit first, or load a fitted one")
    return np.datetime64(until, "s")


def _together(frames: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else frames[0] if frames else pd.DataFrame()
