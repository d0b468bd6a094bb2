"""Leaving: the log odds, as a session ends, that it was the last that the client attends.

Whoever cancels, falls silent or writes has been seen before, and what was known then (how therapy went, with whom, how
far along) is summed up in one number. It is learnt from every attended session, of which there are many more than
cancellations, so that the models of what came after need to learn only what came after.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from dropout.endings import ONGOING, Definition
from dropout.features.feature import Feature
from dropout.features.table import feature_table
from dropout.features.view import Evidence
from dropout.models.learner import Learner, Question, Task, client_fold
from dropout.timeline import DAY, Moments

STRENGTH = 1_000.0
"""Ridge penalty, in sessions. On simulated clinics 300 and 3,000 did alike."""

FOLDS = 3
"""Groups of clients for log odds that a client's own future had no part in."""

FEATURE = Feature("left_log_odds", "log odds, by what was known when the client was last seen, that they would not come again",
                  "log odds", "all tables")


@dataclass(frozen=True)
class Leaving:
    """The fitted model, and one for each group of clients that has not seen them.

    Attributes
    ----------
    learner : Learner
        One question: did the client leave after this session?
    parts : tuple of Learner
        Empty in a model read from a file.
    """

    learner: Learner
    parts: tuple[Learner, ...] = ()

    @classmethod
    def fit(cls, evidence: Evidence, definition: Definition, seed: int) -> Leaving | None:
        """The model learnt from attended sessions that lie long enough back; None where nobody or everybody left."""
        timeline = evidence.timeline
        attended = timeline.attended
        is_last = np.append(attended.owner[1:] != attended.owner[:-1], True)[: len(attended)]
        mature = attended.at <= timeline.extraction - definition.maturity_days * DAY
        ended = definition.endings(timeline).ending[attended.owner] != ONGOING
        known = mature & (~is_last | ended)
        moments = Moments(attended.owner[known], attended.at[known])
        left = is_last[known]
        if left.sum() < FOLDS or (~left).sum() < FOLDS:
            return None
        table = feature_table(evidence, moments)
        client = timeline.episodes["client"].to_numpy(np.int64)[moments.episode]
        task = Task(table.values, table.features, [Question("left", np.ones(len(left), dtype=bool), left)], moments.at, client)
        fold = client_fold(client, FOLDS)
        return cls(Learner.fit(task, "additive", STRENGTH, seed),
                   tuple(Learner.fit(task.take(fold != k), "additive", STRENGTH, seed) for k in range(FOLDS)))

    def log_odds(self, evidence: Evidence, moments: Moments, out_of_fold: bool = False) -> np.ndarray:
        """Log odds at the latest session attended by each moment; NaN where none was.

        Parameters
        ----------
        evidence : Evidence
        moments : Moments
        out_of_fold : bool
            Whether each client is judged by a model that has not seen them; only right after `fit`.
        """
        attended = evidence.timeline.attended
        position = attended.position(moments.episode, moments.at) - 1
        seen = position >= attended.begin(moments.episode)
        asked, where = np.unique(position[seen], return_inverse=True)
        result = np.full(len(moments), np.nan)
        if not len(asked):
            return result
        there = Moments(attended.owner[asked], attended.at[asked])
        values = feature_table(evidence, there).values
        with threadpool_limits(1):  # sums to the last bit whatever the number of cores: other models learn from them
            if not out_of_fold:
                found = self.learner.logits(values)[:, 0]
            else:
                client = evidence.timeline.episodes["client"].to_numpy(np.int64)[there.episode]
                fold, found = client_fold(client, FOLDS), np.zeros(len(there))
                for k, part in enumerate(self.parts):
                    found[fold == k] = part.logits(values[fold == k])[:, 0]
        result[seen] = found[where]
        return result
