"""Reads the features of a worked example: what client 7 shows at a moment."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
from examples import EXAMPLES, Case

from dropout.features import open_cancellations as opened
from dropout.features.feature import Feature
from dropout.features.moments import open_at
from dropout.features.table import feature_table
from dropout.features.view import Evidence, View
from dropout.history import History, read_history

CLIENT = "7"


@cache
def history_of(group: str) -> History:
    """The history of a group's case."""
    return read_history(EXAMPLES[group][0].frames())


def features_of(history: History, case: Case, moment: str) -> tuple[dict[str, float], dict[str, Feature], dict[str, str]]:
    """Values, features and groups of client 7's open episode at a moment, those of an open cancellation if it is one."""
    timeline = history.timeline
    evidence = Evidence(timeline, tuple(timeline.measure_names), case.covariates)
    at = int(pd.Timestamp(moment).timestamp())
    asked = open_at(timeline, at)
    mine = (timeline.episodes["client_id"].iloc[asked.episode] == CLIENT).to_numpy(bool)
    asked = asked.take(np.flatnonzero(mine))
    assert len(asked) == 1, f"client {CLIENT} has {len(asked)} open episodes at {moment}"
    table = feature_table(evidence, asked)
    values = {name: table.values[name].to_numpy() for name in table.values}
    features, groups = dict(table.features), dict(table.group_of)
    view = View(evidence, asked)
    found = opened.open_cancellations(view)
    if found.is_open[0]:
        values |= opened.compute(view, found, values)
        features |= {feature.name: feature for feature in opened.FEATURES}
        groups |= {feature.name: "open cancellation" for feature in opened.FEATURES}
    return {name: float(value[0]) for name, value in values.items()}, features, groups
