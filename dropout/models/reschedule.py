"""Reschedule or dropout: for an open cancellation, the probability that the client never attends again.

What was known when the client was last seen, what came after, the wording of the message and the days of silence meet in
the silence clock. For those who are not gone a chain of questions says whether they are back within 7, 14 and 30 days;
a last one, whether somebody gone for good had ended otherwise than by dropping out, ties this model to the one of dropout
risk.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from dropout.endings import DROPOUT, Definition
from dropout.features.feature import Feature
from dropout.features.view import Evidence
from dropout.models.clock import DAYS, Days, SilenceClock, days_of, fit_clock, on_day
from dropout.models.learner import (
    LATER_SHARE,
    Choice,
    Learner,
    Question,
    Task,
    client_fold,
    log_loss,
    losses_of,
    mean_unless_better,
)
from dropout.models.leaving import FOLDS, Leaving
from dropout.models.logistic import expit
from dropout.models.silences import Outcomes, Silences, all_silences, outcomes, silences_at
from dropout.models.words import words_worth
from dropout.timeline import DAY

RETURN_DAYS = (7, 14, 30)
"""Days within which a return is predicted."""

STRENGTHS = (30.0, 100.0, 300.0, 1_000.0)
"""Ridge penalties of the cure model that are tried, in silences."""

RETURN_STRENGTH = 1_000.0
"""Ridge penalty of the chain of returns, in days of silence."""

FEWEST = 20
"""Past silences that must have ended each way for there to be a model."""

SILENT = Feature("days_of_silence", "days since the client was last heard of", "days", "sessions, messages", "log")


@dataclass(frozen=True)
class Predictions:
    """What is predicted for open cancellations, one value each.

    Attributes
    ----------
    gone : array
        Probability that they never attend again in the episode.
    otherwise : array
        The chance that one who never comes again has not dropped out: a therapist who left, a planned ending.
    back : dict of int to array
        Probability of being back within so many days.
    since_silent : array
        Log odds of being gone that the days of silence have added.
    """

    gone: np.ndarray
    otherwise: np.ndarray
    back: dict[int, np.ndarray]
    since_silent: np.ndarray


@dataclass(frozen=True)
class RescheduleModel:
    """What was learnt from who came back.

    Attributes
    ----------
    leaving : Leaving or None
    clock : SilenceClock
    returns : Learner
        Answers, of those not gone, whether they are back within 7, 14 and 30 days; and of those gone, whether they had ended
        otherwise.
    choice : Choice
        How the kind of the clock was chosen.
    n_cancellations, n_gone : int
        Past silences learnt from, and how many of their clients never came again.
    words : DataFrame or None
        What the words were worth (see `dropout.models.words`); None without messages.
    """

    leaving: Leaving | None
    clock: SilenceClock
    returns: Learner
    choice: Choice
    n_cancellations: int
    n_gone: int
    words: pd.DataFrame | None = None

    def predict(self, silences: Silences) -> Predictions:
        """What is predicted at each moment asked about."""
        curves = self.clock.log_odds(silences.values)[silences.which]
        odds = on_day(curves, silences.days)
        p = expit(self.returns.logits(_with_days(silences.values, silences.which, silences.days)))
        gone = expit(odds)
        back = (1.0 - gone)[:, None] * (1.0 - np.cumprod(1.0 - p[:, :3], axis=1))
        return Predictions(gone, p[:, 3], {days: back[:, i] for i, days in enumerate(RETURN_DAYS)}, odds - curves[:, 0])


def _with_days(values: pd.DataFrame, which: np.ndarray, days: np.ndarray) -> pd.DataFrame:
    return values.iloc[which].reset_index(drop=True).assign(**{SILENT.name: days})


def fit_reschedule(
    evidence: Evidence, definition: Definition, leaving: Leaving | None, seed: int, tick: Callable[[], None]
) -> tuple[RescheduleModel | None, Callable[[Silences], np.ndarray]]:
    """The model, and a function that gives cross-fitted log odds of being gone.

    Returns
    -------
    model : RescheduleModel or None
        None where there are too few past silences to learn from.
    out_of_fold : function
        For silences of the same evidence: log odds by a model that has not seen the client.
    """
    _, silences = silences_at(evidence, all_silences(evidence), leaving, out_of_fold=True)
    found = outcomes(evidence, definition, silences.start)
    n, n_gone = int(found.known.sum()), int((found.known & found.gone).sum())
    n_heard = int((found.known & ~found.gone & np.isfinite(found.heard)).sum())
    past = days_of(found, max(definition.maturity_days, RETURN_DAYS[-1]))  # so that returns had the time to show
    if min(n_gone, n_heard) < FEWEST or not len(past.which):
        return None, lambda asked: np.zeros(len(asked.asked))
    client = evidence.timeline.episodes["client"].to_numpy(np.int64)[silences.start.episode]
    choice = _choose(silences, found, past, client, definition, seed)
    assert choice.strength is not None  # the cure model always has one
    tick()
    clock = fit_clock(silences, found, past, client, choice.kind, choice.strength, seed)
    tick()
    fold = client_fold(client, FOLDS)
    parts = [fit_clock(silences, found, past, client, choice.kind, choice.strength, seed, fold != k) for k in range(FOLDS)]
    returns = _fit_returns(evidence, definition, silences, found, past, client, seed)
    tick()

    def out_of_fold(asked: Silences) -> np.ndarray:
        whose = evidence.timeline.episodes["client"].to_numpy(np.int64)[asked.start.episode]
        which, curves = client_fold(whose, FOLDS), np.zeros((len(asked.start), len(DAYS)))
        for k, part in enumerate(parts):
            with threadpool_limits(1):  # see `Leaving.log_odds`
                curves[which == k] = part.log_odds(asked.values[which == k])
        return on_day(curves[asked.which], asked.days)

    words = words_worth(evidence, silences, found, client, seed) if len(evidence.intents) else None
    return RescheduleModel(leaving, clock, returns, choice, n, n_gone, words), out_of_fold


def _choose(
    silences: Silences, found: Outcomes, past: Days, client: np.ndarray, definition: Definition, seed: int
) -> Choice:
    """The kind of clock for the nights of later silences, learnt from silences an embargo earlier."""
    at = silences.start.at
    cut = np.sort(at[found.known])[int(found.known.sum() * (1 - LATER_SHARE))]
    later, earlier = found.known & (at >= cut), found.known & (at < cut - definition.maturity_days * DAY)
    notes: tuple[str, ...] = ()
    if min((found.gone & earlier).sum(), (~found.gone & earlier).sum()) < 2 * FEWEST or (found.gone & later).sum() < FEWEST:
        fold = client_fold(client, 4)
        earlier, later = found.known & (fold > 0), found.known & (fold == 0)
        notes = ("history too short for a split by time; clients were split instead",)
    rows = later[past.which]
    if min((found.gone & earlier).sum(), (~found.gone & earlier & np.isfinite(found.heard)).sum()) < FEWEST or not rows.any():
        return Choice("cure", STRENGTHS[-1], {}, 0, ("too few past silences to compare kinds",))
    which, days, weight = past.which[rows], past.days[rows], past.weight[rows]

    def curve(clock: SilenceClock, kind: str) -> np.ndarray:
        asked, where = np.unique(which, return_inverse=True)
        return on_day(clock.log_odds(silences.values.iloc[asked], kind)[where], days)

    clocks = [fit_clock(silences, found, past, client, "stack" if i == 0 else "cure", strength, seed, earlier)
              for i, strength in enumerate(STRENGTHS)]
    odds = {f"cure {strength:g}": curve(clock, "cure") for strength, clock in zip(STRENGTHS, clocks, strict=True)}
    losses = {name: log_loss(expit(one), found.gone[which], weight) for name, one in odds.items()}
    strength = min(STRENGTHS, key=lambda one: losses[f"cure {one:g}"])
    final = {"cure": odds[f"cure {strength:g}"], "boosting": curve(clocks[0], "boosting")}
    final["stack"] = (final["cure"] + final["boosting"]) / 2
    losses |= {kind: log_loss(expit(final[kind]), found.gone[which], weight) for kind in ("boosting", "stack")}
    each = {kind: losses_of(expit(one), found.gone[which]) for kind, one in final.items()}
    kind = mean_unless_better(each, "stack", client[which], weight)
    return Choice(kind, strength, losses, int(later.sum()), notes)


def _any_of(*rows: np.ndarray) -> np.ndarray:
    """The first of these masks that holds anybody; everybody where none does."""
    return next((mask for mask in rows if mask.any()), np.ones(len(rows[0]), dtype=bool))


def _fit_returns(evidence: Evidence, definition: Definition, silences: Silences, found: Outcomes, past: Days,
                 client: np.ndarray, seed: int) -> Learner:
    """The chain of returns, learnt from the days of past silences."""
    values = _with_days(silences.values, past.which, past.days)
    gone, returned = found.gone[past.which], found.returned[past.which] - past.days
    questions, left = [], ~gone
    for days in RETURN_DAYS:
        # Where nobody was still away by then, what is known of all who returned has to do.
        questions.append(Question(f"back within {days} days", _any_of(left, ~gone), returned <= days))
        left = left & (returned > days)
    ending = definition.endings(evidence.timeline).ending[silences.start.episode[past.which]]
    questions.append(Question("ended otherwise", _any_of(gone), gone & (ending != DROPOUT)))
    at = silences.start.at[past.which] + (past.days * DAY).astype(np.int64)
    task = Task(values, silences.features | {SILENT.name: SILENT}, questions, at, client[past.which], past.weight)
    return Learner.fit(task, "additive", RETURN_STRENGTH, seed)
