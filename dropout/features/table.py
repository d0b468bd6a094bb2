"""The feature table: every group's columns side by side, for any moments.

Training and scoring call this one function.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dropout.features import (
    attendance,
    baseline,
    booking,
    cadence,
    calendar,
    chains,
    ending_talk,
    money,
    outcomes,
    returns,
    therapist,
    wording,
    words_here,
)
from dropout.features.feature import Feature, Group
from dropout.features.view import Evidence, View
from dropout.timeline import Moments

GROUPS = (attendance, cadence, booking, returns, chains, outcomes, therapist, money, ending_talk, wording, words_here, calendar)


@dataclass(frozen=True)
class FeatureTable:
    """Features at some moments.

    Attributes
    ----------
    values : DataFrame
        One row per moment, one float column per feature, NaN where unknown.
    features : dict of str to Feature
        What each column is, in the order of the columns.
    left_out : dict of str to str
        Features that these tables cannot give, and why.
    group_of : dict of str to str
        Group of each column.
    """

    values: pd.DataFrame
    features: dict[str, Feature]
    left_out: dict[str, str]
    group_of: dict[str, str]


def feature_table(evidence: Evidence, moments: Moments) -> FeatureTable:
    """All features that the tables can give, at these moments.

    Parameters
    ----------
    evidence : Evidence
    moments : Moments
    """
    view = View(evidence, moments)
    parts: list[tuple[Group, dict[str, np.ndarray]]] = []
    for module in GROUPS:
        offered = module.group(view)
        parts.append((offered, module.compute(view) if offered.features else {}))
    chosen = evidence.covariates
    parts.append((baseline.group(chosen), baseline.compute(evidence.timeline, moments, chosen)))
    features = {f.name: f for offered, _ in parts for f in offered.features}
    values = {f.name: columns[f.name] for offered, columns in parts for f in offered.features}
    return FeatureTable(
        values=pd.DataFrame(values, index=pd.RangeIndex(len(moments)), dtype=float),
        features=features,
        left_out={name: why for offered, _ in parts for name, why in offered.left_out.items()},
        group_of={f.name: offered.name for offered, _ in parts for f in offered.features},
    )
