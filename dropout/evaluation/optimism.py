"""Optimism: how much better a model looks on what it learnt from than on what came later.

Apparent figures are those of the cases that a model has learnt from, labels as they were known then. What separates them
from the tested ones is optimism together with whatever has changed since (Steyerberg et al. 2001 call the first part
optimism); so the difference is an upper bound where nothing has changed, and no correction is made with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from dropout.evaluation import metrics
from dropout.evaluation.cases import QUESTIONS, Question
from dropout.evaluation.comparison import LISTS, MODEL, Part, answers, remark
from dropout.evaluation.intervals import Resamples
from dropout.evaluation.trial import AS_IT_IS, NEW_CLIENTS, Candidate, Tick, Trial, scored
from dropout.history import History

DATES = 2
"""Latest dates of training on which a model is scored again."""

HIGHER_IS_BETTER = ("auc",)
MEASURES: dict[str, Callable[..., float]] = {"log_loss": metrics.log_loss, "brier": metrics.brier, "auc": metrics.auc}


def apparent(history: History, candidate: Candidate, tick: Tick) -> Part:
    """Cases of the latest dates that a candidate has learnt from, with its probabilities.

    What happened is what was known when it learnt.
    """
    learnt = candidate.train if candidate.learnt is None else candidate.train[candidate.train["client_id"].isin(candidate.learnt)]
    latest = np.unique(learnt["as_of"].to_numpy("datetime64[s]"))[-DATES:]
    return Part(candidate.train, scored(history, candidate.model, learnt[learnt["as_of"].isin(latest)], tick))


def optimism_table(
    history: History, trial: Trial, parts: Sequence[Part], tick: Tick, *, times: int, seed: int
) -> tuple[pd.DataFrame, list[str]]:
    """One row per question, predictor and measure: apparent, tested, and by how much the first is better, with intervals.

    Parameters
    ----------
    history : History
    trial : Trial
    parts : sequence of Part
        What the trial gave.
    tick : function
        Called after each scoring.
    times, seed : int
        Drawings of clients, and their seed.

    Returns
    -------
    table : DataFrame
        `basis`, `question`, `group`, `predictor` (the model and the baselines), `measure`, `n_apparent`, `n`, `clients`,
        `events`, `base_rate`,
        `apparent`, `tested`, `optimism` (above 0: it looks better on what it learnt from), `optimism_low`,
        `optimism_high`, `remark`. Empty where the model has not learnt from these clients, or it is not known.
    notes : list of str
    """
    if trial.basis == NEW_CLIENTS:
        return pd.DataFrame(), []
    if trial.basis == AS_IT_IS and not _learnt_from_this(history, trial):
        return pd.DataFrame(), ["Optimism can't be told: the model did not learn from this very history, as known then."]
    before = [apparent(history, candidate, tick) for candidate in trial.candidates]
    rows: list[dict[str, Any]] = []
    for question in QUESTIONS:
        for name, group in LISTS:
            if question.name == name:
                rows += [{"basis": trial.basis, "question": name, "group": group, **row}
                         for row in _compared(before, parts, question, group, times, seed)]
    return pd.DataFrame(rows), [_sentence(row) for row in rows
                                if (row["predictor"], row["measure"]) == (MODEL, "log_loss")]


def _learnt_from_this(history: History, trial: Trial) -> bool:
    """Whether the model learnt from as many clients and sessions as this history held then."""
    training = getattr(trial.candidates[0].model, "training", None) or {}
    until = trial.split.cut
    if not len(trial.candidates[0].train):
        return False
    then = history.as_of(until)
    held = {"n_clients": then.timeline.episodes["client_id"].nunique(), "n_sessions": len(then.sessions)}
    return all(training.get(name, n) == n for name, n in held.items())


def _compared(
    before: Sequence[Part], parts: Sequence[Part], question: Question, group: str, times: int, seed: int
) -> list[dict[str, Any]]:
    found, later = (answers(one, question, group, seed) for one in (before, parts))
    learnt, tested = found.frame, later.frame
    if not len(learnt) or not len(tested):
        return []
    resamples = Resamples.of(pd.concat([learnt["client_id"], tested["client_id"]], ignore_index=True), times, seed)
    # Baselines that were fitted on the cases of other clients have nothing that they learnt from.
    told = [MODEL] if found.baselines_by_fold or later.baselines_by_fold else later.predictors
    return [{"predictor": predictor, **row} for predictor in told
            for row in _apart(learnt, tested, predictor, resamples)]


def _apart(learnt: pd.DataFrame, tested: pd.DataFrame, predictor: str, resamples: Resamples) -> list[dict[str, Any]]:
    """Each measure of one predictor on what was learnt from and on what was tested."""
    (y0, p0), (y, p) = ((one["y"].to_numpy(float), one[predictor].to_numpy(float)) for one in (learnt, tested))
    rows = []
    for name, measure in MEASURES.items():
        better = 1.0 if name in HIGHER_IS_BETTER else -1.0

        def away(weight: np.ndarray, measure: Callable[..., float] = measure, better: float = better) -> float:
            first, second = weight[: len(y0)], weight[len(y0):]
            if not first.any() or not second.any():
                return np.nan
            return better * (measure(y0, p0, first) - measure(y, p, second))

        low, high = resamples.interval(away)
        rows.append({"measure": name, "n_apparent": len(y0), "n": len(y), "clients": resamples.counts.shape[1],
                     "events": int(y.sum()), "base_rate": float(y.mean()), "apparent": measure(y0, p0), "tested": measure(y, p),
                     "optimism": away(np.ones(len(y0) + len(y))), "optimism_low": low, "optimism_high": high,
                     "remark": remark(y)})
    return rows


def _sentence(row: dict[str, Any]) -> str:
    within = "" if np.isnan(row["optimism_low"]) else f" ({row['optimism_low']:.3f} to {row['optimism_high']:.3f})"
    return (f"Optimism, {row['question']}, {row['group']}: log loss {row['apparent']:.3f} on what was learnt from, "
            f"{row['tested']:.3f} when tested, {row['optimism']:.3f} apart{within}. Part of that may be change over time.")
