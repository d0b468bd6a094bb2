"""Trials: who is put to the test, on which clients and dates, and what they may have learnt from.

A model that learnt until a date is tested as it is on later ones. One that has seen everything cannot be; then its
recipe is fitted again on two thirds of the clients up to a cut, and tested on the others after it. Where whole therapists
or clinics are to be left out, the recipe is always fitted again, on the clients of the others.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from dropout.errors import CallError, ModelError
from dropout.evaluation.cases import cases, with_scores
from dropout.evaluation.comparison import Part
from dropout.evaluation.leave_out import COLUMN, LeftOut, left_out_groups
from dropout.evaluation.splits import FOLDS, Split, after_training, client_folds, of_clients, temporal_splits, test_dates
from dropout.history import History
from dropout.timeline import times

AS_IT_IS = "as it is, on later dates"
NEW_CLIENTS = "as it is, on clients it has not learnt from"
REFITTED = "refitted, temporal and client-grouped"
REFITTED_TOGETHER = "refitted, temporal"
OTHERS = {kind: f"refitted, temporal, {kind}s left out" for kind in COLUMN}

LEARNING_DATES = 13
"""Earlier dates, four weeks apart, from which baselines learn: a year."""

Tick = Callable[[], None]


@dataclass(frozen=True)
class Candidate:
    """A fitted model, the cases that baselines may learn from beside it, and whom it is tested on.

    `tested` holds values of the cases' column `by`; None for all of them. `learnt` holds the clients it learnt from; None
    for all that were known.
    """

    model: Any
    train: pd.DataFrame = field(repr=False)
    tested: pd.Index | None = None
    by: str = "client_id"
    learnt: pd.Index | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Trial:
    """Candidates and the dates on which they are tested; `basis` is said in every table."""

    basis: str
    candidates: tuple[Candidate, ...]
    split: Split
    notes: tuple[str, ...] = ()
    left_out: str | None = None

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
            mine = frame if candidate.tested is None else frame[frame[candidate.by].isin(candidate.tested)]
            result.append(Part(candidate.train, scored(history, candidate.model, mine, tick, dates)))
        return result


def scored(history: History, model: Any, frame: pd.DataFrame, tick: Tick, dates: np.ndarray | None = None) -> pd.DataFrame:
    """The cases with a model's probabilities.

    Parameters
    ----------
    history : History
    model : fitted model
    frame : cases
    tick : function
        Called after each scoring.
    dates : datetime64 array, optional
        When to score; by default the dates of the cases.
    """
    dates = np.unique(frame["as_of"].to_numpy("datetime64[s]")) if dates is None else dates
    found = []
    for date in dates:
        found.append(model.score(history, as_of=date))
        tick()
    return with_scores(frame, _together([one.dropout_risk for one in found]), _together([one.reschedule for one in found]))


def plan(history: History, model: Any, new_clients: bool, leave_out: str | None, seed: int, tick: Tick) -> Trial:
    """The trial that fits this model and history.

    Raises
    ------
    CallError
        If the model has not been fitted, or what is to be left out is not named in the sessions.
    ModelError
        If the history is too short or too small for any trial.
    """
    until = trained_until(model)
    if leave_out is not None:
        if new_clients:
            raise CallError("leave_out fits the recipe again, and new_clients tests the model as it is; ask for one of them")
        return _others(history, model, left_out_groups(history, leave_out, FOLDS, seed), tick)
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


def refit_splits(history: History, model: Any) -> list[Split]:
    """Splits on which the recipe can be fitted again; ModelError where the history is too short for any."""
    splits = temporal_splits(history, model.definition.maturity_days)
    if not splits:
        raise ModelError(
            f"this history is too short to evaluate: it runs from {beginning(history)} to {history.known_until}, and "
            f"the model has learnt until {trained_until(model)}. Fit the model on an earlier part "
            "(--as-of), or evaluate it when some months have passed.")
    return splits


def _others(history: History, model: Any, groups: LeftOut, tick: Tick) -> Trial:
    why: ModelError | None = None
    for split in refit_splits(history, model):
        if split.folds == 1:
            continue
        past, train = history.as_of(split.cut), learning_cases(history, model, split.cut)
        candidates = []
        try:
            for k in range(groups.groups):
                others = groups.others(k)
                fitted = again(model).fit(of_clients(past, others))
                candidates.append(Candidate(fitted, train[train["client_id"].isin(others)], groups.members(k),
                                            COLUMN[groups.kind], others))
                tick()
        except ModelError as too_little:
            why = too_little
            continue
        return Trial(OTHERS[groups.kind], tuple(candidates), replace(split, folds=groups.groups), tuple(groups.notes),
                     groups.kind)
    raise ModelError(f"this history is too small to leave {groups.kind}s out: {why}") from why


def _refitted(history: History, model: Any, seed: int, tick: Tick) -> Trial:
    why: ModelError | None = None
    for split in refit_splits(history, model):
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
        others = fold.index[fold != k]
        candidates.append(Candidate(again(model).fit(of_clients(past, others)), train, tested, learnt=others))
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
    """The date after which the model learnt nothing; CallError if it is no model, or has not been fitted."""
    if not callable(getattr(model, "score", None)):
        raise CallError(f"model is a {type(model).__name__}; expected a fitted DropoutModel, as DropoutModel.load gives")
    until = getattr(model, "trained_until", None)
    if until is None:
        raise CallError("this model has not been fitted yet; call fit first, or load a fitted one")
    return np.datetime64(until, "s")


def _together(frames: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else frames[0] if frames else pd.DataFrame()
