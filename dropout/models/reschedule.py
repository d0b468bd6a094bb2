"""Reschedule or dropout: for an open cancellation, the probability that the client never attends again.

History, silence and the wording of the message in one chain of questions: gone for good? If not, back within 7, 14,
30 days? A last question, whether somebody gone for good had ended otherwise than by dropping out, ties this model to the
one of dropout risk.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dropout.endings import DROPOUT, Definition
from dropout.endings.labels import days_to_return, never_again
from dropout.features import open_cancellations as opened
from dropout.features.feature import Feature
from dropout.features.open_cancellations import OpenCancellations, open_cancellations
from dropout.features.table import FeatureTable, feature_table
from dropout.features.view import Evidence, View
from dropout.models.learner import Choice, Learner, Question, Task, choose, client_fold, log_loss
from dropout.models.logistic import expit
from dropout.timeline import DAY, Moments

RETURN_DAYS = (7, 14, 30)
"""Days within which a return is predicted."""

SILENT_DAYS_ASKED = np.array([0.5, 2, 4, 6.5, 10, 14, 19, 26, 34, 44, 60, 85, 120])
"""Days of silence at which each past cancellation is asked about while it is open: a thinned nightly grid."""

FOLDS = 3
"""Groups of clients for probabilities that a client's own future had no part in."""

INTERACTIONS = [(f"log_odds_{intent}", flag) for intent in
                ("ends_therapy", "vague_deferral", "concrete_reschedule", "cancel_only")
                for flag in ("long_silent",)] + [("silent_days", "no_message"), ("silent_days", "says_stop")]


@dataclass(frozen=True)
class Rows:
    """Open cancellations at some moments, with their features.

    Attributes
    ----------
    moments : Moments
        Moments that find a cancellation open.
    state : OpenCancellations
        Of those moments.
    values : DataFrame
        Features: those of every moment and those of the open cancellation.
    """

    moments: Moments
    state: OpenCancellations
    values: pd.DataFrame
    features: dict[str, Feature]


def rows_at(evidence: Evidence, moments: Moments, table: FeatureTable | None = None) -> tuple[np.ndarray, Rows]:
    """Which moments find a cancellation open (mask), and those moments with their features.

    Parameters
    ----------
    evidence : Evidence
    moments : Moments
    table : FeatureTable, optional
        Features of the same moments, if they are there already.
    """
    state = open_cancellations(View(evidence, moments))
    mask = state.is_open
    here = moments.take(mask)
    view = View(evidence, here)
    state = OpenCancellations(*(part[mask] for part in (state.is_open, state.cancelled_at, state.session, state.message)))
    if table is None:
        table = feature_table(evidence, here)
        values = table.values
    else:
        values = table.values[mask].reset_index(drop=True)
    own = opened.compute(view, state, {name: values[name].to_numpy() for name in values.columns})
    values = values.assign(**own)
    values["long_silent"] = (values["silent_days"] > 10).astype(float)
    stop = values["says_ends_therapy"] if "says_ends_therapy" in values else pd.Series(0.0, index=values.index)
    values["says_stop"] = (stop > 0.5).astype(float)
    flags = {name: Feature(name, name.replace("_", " "), "0 or 1", "messages", "flag")
             for name in ("long_silent", "says_stop")}
    features = table.features | {f.name: f for f in opened.FEATURES} | flags
    return mask, Rows(here, state, values, features)


def training_moments(evidence: Evidence) -> tuple[Moments, np.ndarray]:
    """Moments during the silence after each past cancellation or message to cancel, and the days each stands for."""
    facts = [evidence.spells.cancellations]
    if len(evidence.intents):
        facts.append(evidence.messages)
    owner = np.concatenate([f.owner for f in facts])
    at = np.concatenate([f.at for f in facts])
    owner, at = np.unique(np.stack([owner, at]), axis=1)
    n = len(SILENT_DAYS_ASKED)
    moments = Moments(np.repeat(owner, n), (at[:, None] + (SILENT_DAYS_ASKED * DAY).astype(np.int64)).ravel())
    edges = np.concatenate([[0.0], (SILENT_DAYS_ASKED[1:] + SILENT_DAYS_ASKED[:-1]) / 2, [135.0]])
    weight = np.tile(np.diff(edges), len(at))
    origin = np.repeat(at, n)
    timeline = evidence.timeline
    alive = (moments.at <= timeline.extraction) & (moments.at < timeline.closed[moments.episode])
    moments, weight, origin = moments.take(alive), weight[alive], origin[alive]
    state = open_cancellations(View(evidence, moments))
    mine = state.is_open & (state.cancelled_at == origin)
    return moments.take(mine), weight[mine]


@dataclass(frozen=True)
class RescheduleModel:
    """What was learnt from who came back.

    Attributes
    ----------
    learner : Learner
        Answers to `gone`, `back within 7`, `14` and `30` days, and `ended otherwise`.
    choice : Choice
        How the kind was chosen.
    n_cancellations, n_gone : int
        Past cancellations learnt from, and how many of their clients never came again.
    """

    learner: Learner
    choice: Choice
    n_cancellations: int
    n_gone: int

    def probabilities(self, values: pd.DataFrame) -> dict[str, np.ndarray]:
        """Probabilities for open cancellations: `gone`, `return_7d`, `return_14d`, `return_30d`, `otherwise`.

        `otherwise` is the chance that one who never comes again has not dropped out: a therapist who left, a planned
        ending.
        """
        p = expit(self.learner.logits(values))
        stays = 1.0 - p[:, 0]
        back = stays[:, None] * (1.0 - np.cumprod(1.0 - p[:, 1:4], axis=1))
        return {"gone": p[:, 0], "otherwise": p[:, 4]} | {
            f"return_{days}d": back[:, i] for i, days in enumerate(RETURN_DAYS)}


def task_of(evidence: Evidence, definition: Definition) -> tuple[Task, Rows]:
    """What there is to learn from past cancellations."""
    moments, weight = training_moments(evidence)
    mask, rows = rows_at(evidence, moments)
    weight = weight[mask]
    timeline = evidence.timeline
    gone, known = never_again(timeline, definition, rows.moments)
    back_in = days_to_return(timeline, rows.moments)
    ending = definition.endings(timeline).ending[rows.moments.episode]
    questions = [Question("gone", known, gone)]
    not_yet = known & ~gone
    for days in RETURN_DAYS:
        questions.append(Question(f"back within {days} days", not_yet, back_in <= days))
        not_yet = not_yet & (back_in > days)
    questions.append(Question("ended otherwise", known & gone, ending != DROPOUT))
    client = timeline.episodes["client"].to_numpy(np.int64)[rows.moments.episode]
    return Task(rows.values, rows.features, questions, rows.moments.at, client, weight, INTERACTIONS), rows


def fit_reschedule(
    evidence: Evidence, definition: Definition, seed: int, tick: Callable[[], None]
) -> tuple[RescheduleModel | None, Callable[[Rows], np.ndarray]]:
    """The model, and a function that gives cross-fitted log odds of being gone.

    Returns
    -------
    model : RescheduleModel or None
        None where there are too few past cancellations to learn from.
    out_of_fold : function
        For rows of the same evidence: log odds by a model that has not seen the row's client.
    """
    task, rows = task_of(evidence, definition)
    gone = task.questions[0]
    spells = pd.DataFrame({"episode": rows.moments.episode, "at": rows.state.cancelled_at, "gone": gone.answer})[gone.rows]
    last_word = spells.groupby(["episode", "at"])["gone"].last().to_numpy(bool)
    n, n_gone = len(last_word), int(last_word.sum())
    if n_gone < 20 or n - n_gone < 20:
        return None, lambda asked: np.full(len(asked.moments), 0.0)

    def loss(logits: np.ndarray, later: Task) -> float:
        question = later.questions[0]
        return log_loss(expit(logits[:, 0])[question.rows], question.answer[question.rows],
                        None if later.weight is None else later.weight[question.rows])

    choice = choose(task.ask(1), loss, definition.maturity_days * DAY, seed)
    tick()
    learner = Learner.fit(task, choice.kind, choice.strength, seed)
    tick()
    fold = client_fold(task.client, FOLDS)
    parts = [Learner.fit(task.ask(1).take(fold != k), choice.kind, choice.strength, seed) for k in range(FOLDS)]
    tick()

    def out_of_fold(asked: Rows) -> np.ndarray:
        client = evidence.timeline.episodes["client"].to_numpy(np.int64)[asked.moments.episode]
        which = client_fold(client, FOLDS)
        result = np.zeros(len(asked.moments))
        for k in range(FOLDS):
            result[which == k] = parts[k].logits(asked.values[which == k])[:, 0]
        return result

    return RescheduleModel(learner, choice, n, n_gone), out_of_fold


