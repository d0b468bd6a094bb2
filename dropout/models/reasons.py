"""Reasons for a score: what raises it, in words that someone can act on.

What a feature adds to the additive log odds, against the average moment of training. Only what can be acted on or asked
about is named (a silence, a missing booking, an unanswered message, a drop in the alliance); who somebody is, never.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from dropout.features.feature import Feature
from dropout.models.learner import Learner
from dropout.models.reschedule import Predictions, RescheduleModel
from dropout.models.silences import Silences
from dropout.timeline import DAY

MOST = 4
"""Reasons given at most."""

SMALLEST = 0.05
"""Log odds below which a feature is no reason."""

SILENCE = ("silent_days", "silence_to_own_return")
"""Features of an open cancellation that say the same as those of cadence."""

NEVER_SHOWN = ("baseline", "calendar")
"""Groups that are never given as a reason."""


def reasons(
    learner: Learner, values: pd.DataFrame, features: Mapping[str, Feature], group_of: Mapping[str, str]
) -> list[list[str]]:
    """Up to four reasons for each row, the strongest first.

    Parameters
    ----------
    learner : Learner
        Its first question is explained: for risk whether the client has already left, the part that can be acted on.
    values : DataFrame, rows by features
    features : what each column is
    group_of : group of each column
    """
    return _said(learner.contributions(values, 0), values, features, group_of) if len(values) else []


def why_gone(model: RescheduleModel, silences: Silences, said: Predictions) -> list[list[str]]:
    """Up to four reasons for the probability of each open cancellation, the strongest first.

    Parameters
    ----------
    model : RescheduleModel
    silences : Silences
        The open cancellations, at the moments asked about.
    said : Predictions
        What the model predicts there.
    """
    if not len(silences.asked):
        return []
    which = silences.which
    values = silences.values.iloc[which].reset_index(drop=True)
    added = model.clock.contributions(silences.values).iloc[which].reset_index(drop=True)
    # What the days have added since the silence began is one reason of its own.
    values["silent_days"] = (silences.asked.at - silences.state.cancelled_at) / DAY
    added["silent_days"] = said.since_silent
    return _said(added, values, silences.features, silences.group_of)


def _said(
    added: pd.DataFrame, values: pd.DataFrame, features: Mapping[str, Feature], group_of: Mapping[str, str]
) -> list[list[str]]:
    names = [name for name in added.columns
             if name in features and features[name].reason and group_of.get(name) not in NEVER_SHOWN]
    names = [name for name in names if name in values]
    if not names:
        return [[] for _ in range(len(values))]
    strength = added[names].to_numpy()
    worth = values[names].to_numpy(float)
    # A flag that is not set, or a value that is unknown or small, may move a probability but is no reason.
    toward = worth * np.array([features[name].direction for name in names])
    tells = (toward > 0) & (toward >= np.array([features[name].least for name in names]))
    strength = np.where(tells, strength, 0.0)
    # Days are said as the scores count them: whole ones that have gone by.
    worth = np.where([features[name].unit == "days" for name in names], np.floor(worth), worth)
    themes = ["cadence" if name in SILENCE else group_of.get(name, "returns") for name in names]
    result = []
    for i, columns in enumerate(np.argsort(-strength, axis=1, kind="stable")):
        said: dict[str, str] = {}
        for j in columns:
            if strength[i, j] < SMALLEST or len(said) == MOST:
                break
            # One reason a theme: a long silence shows in several features, and is one thing to say.
            said.setdefault(themes[j], str(features[names[j]].reason).format(value=worth[i, j]))
        result.append(list(said.values()))
    return result
