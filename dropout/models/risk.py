"""Dropout risk: the probability that an open episode ends in a dropout whose last session falls within a horizon.

Discrete-time competing risks. The time of a dropout's last session is cut at the horizons: already attended, within 30,
60, 90 days. Each question of the chain asks whether it falls into the next interval, among all who have not
dropped out before it, whichever way they may have ended otherwise; so the chain gives the cumulative incidence with
other endings competing (a subdistribution hazard in discrete time: Berger, Schmid, Welchowski, Schmitz-Valckenberg
and Beyersmann 2020), and it can neither fall with the horizon nor pass 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dropout.endings import Definition
from dropout.endings.labels import HORIZONS, risk_labels
from dropout.features.feature import Feature
from dropout.features.moments import weekly
from dropout.features.table import FeatureTable, feature_table
from dropout.features.view import Evidence
from dropout.models.learner import Choice, Learner, Question, Task, chain, choose, losses_of
from dropout.models.leaving import Leaving
from dropout.models.reschedule import RescheduleModel
from dropout.models.silences import Silences, silences_at
from dropout.timeline import DAY

MOST_MOMENTS = 100_000
"""Weekly moments learnt from at most; longer histories are asked at longer steps."""

SILENCE = ("days_since_attended", "silence_ratio", "days_since_contact", "unbooked_days")
INTERACTIONS = [(name, flag) for name in SILENCE for flag in ("nothing_booked", "in_spell")]
"""Silence means something else when nothing is booked, and when the client has cancelled."""

RISING = ("days_since_contact", "overdue_days", "unbooked_days", "nothing_booked", "missed_run", "no_show_run", "missed_last_5",
          "therapist_dropout_ratio", "clinic_dropout_ratio", "gone_log_odds")
"""Longer silence, more missed, nothing booked, more dropouts around: none of these makes it less likely, all else equal."""

GONE = (
    Feature("open_cancellation", "a cancellation stands open: nothing attended or booked since", "0 or 1",
            "sessions, messages", "flag", "cancelled and has not rebooked"),
    Feature("gone_log_odds", "log odds, by the reschedule model, that the client of an open cancellation never attends "
            "again", "log odds", "sessions, messages", "linear", "cancelled, and others like them did not come back"),
)


def with_gone(
    table: FeatureTable, is_open: np.ndarray, gone: np.ndarray | None
) -> tuple[pd.DataFrame, dict[str, Feature]]:
    """Features of moments with what the reschedule model says of them.

    Parameters
    ----------
    table : FeatureTable
    is_open : bool array
        Which moments find a cancellation open.
    gone : array or None
        Log odds of being gone at those that do.
    """
    values, features = table.values.assign(open_cancellation=is_open.astype(float)), dict(table.features)
    if gone is not None:
        values["gone_log_odds"] = np.nan
        values.loc[is_open, "gone_log_odds"] = gone
    return values, features | {f.name: f for f in GONE}


@dataclass(frozen=True)
class RiskModel:
    """What was learnt from who left.

    Attributes
    ----------
    learner : Learner
        Answers to the questions of the chain, an interval each.
    choice : Choice
        How the kind was chosen.
    n_moments : int
        Weekly moments learnt from.
    """

    learner: Learner
    choice: Choice
    n_moments: int

    def probabilities(self, values: pd.DataFrame, gone: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
        """Probability of a dropout with the last session by each of `HORIZONS` (moments by four).

        Parameters
        ----------
        values : DataFrame
            As `with_gone` gives them.
        gone, otherwise : arrays, NaN where no cancellation is open
            What the reschedule model says. One who is gone and has not ended otherwise is a dropout already, so both
            predictions agree: the first is at least `gone * (1 - otherwise)`.
        """
        p = chain(self.learner.logits(values))
        floor = np.nan_to_num(gone * (1.0 - otherwise))
        # What is added now was going to be added later: the later probabilities keep their odds among those left.
        left = np.where(p[:, 0] < 1, (1.0 - np.maximum(p[:, 0], floor)) / np.maximum(1.0 - p[:, 0], 1e-12), 1.0)
        return 1.0 - (1.0 - p) * left[:, None]


def fit_risk(
    evidence: Evidence,
    definition: Definition,
    leaving: Leaving | None,
    reschedule: RescheduleModel | None,
    out_of_fold: Callable[[Silences], np.ndarray],
    seed: int,
    tick: Callable[[], None],
) -> RiskModel:
    """The model of dropout risk, learnt from weekly moments at which episodes were open."""
    timeline = evidence.timeline
    until = (timeline.extraction - definition.maturity_days * DAY) // DAY * DAY
    moments = weekly(timeline, until)
    if len(moments) > MOST_MOMENTS:
        moments = weekly(timeline, until, 7.0 * np.ceil(len(moments) / MOST_MOMENTS))
    table = feature_table(evidence, moments)
    is_open, silences = silences_at(evidence, moments, leaving, out_of_fold=True)
    values, features = with_gone(table, is_open, None if reschedule is None else out_of_fold(silences))
    tick()
    labels = risk_labels(timeline, definition, moments)
    names = ["already gone", *(f"within {days} days" for days in HORIZONS[1:])]
    questions = [Question(name, labels.known[:, k] & (labels.interval >= k), labels.interval == k)
                 for k, name in enumerate(names)]
    client = timeline.episodes["client"].to_numpy(np.int64)[moments.episode]
    task = Task(values, features, questions, moments.at, client, None, INTERACTIONS, RISING)

    def loss(logits: np.ndarray, later: Task) -> np.ndarray:
        """Of "already gone" and "gone within 60 days" in equal parts, each over the moments of which that is known."""
        p, total = chain(logits), []
        yes = np.array([question.answer & question.rows for question in later.questions])
        for k in (0, 2):
            happened: np.ndarray = np.logical_or.reduce(yes[: k + 1])
            answered = later.questions[k].rows | happened
            if answered.any():
                total.append(np.where(answered, losses_of(p[:, k], happened), 0.0) / answered.mean())
        return np.mean(total, axis=0)

    choice = choose(task.ask(3), loss, (definition.maturity_days + HORIZONS[2]) * DAY, seed)
    tick()
    learner = Learner.fit(task, choice.kind, choice.strength, seed)
    tick()
    return RiskModel(learner, choice, len(moments))


