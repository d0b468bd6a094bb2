"""The risks of a model on trial as forecasts by horizon, censored where the outcome is not known, with its baselines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from dropout.evaluation.cases import ALL_OPEN, KEY, QUESTIONS
from dropout.evaluation.comparison import Part, answers
from dropout.evaluation.forecasts import Forecasts
from dropout.evaluation.horizon_tables import GroupOfForecasts
from dropout.evaluation.outcomes import SITE, sites

CASES = "cases"
"""What parts the main groups: which cases are looked at."""

RISKS = {float(q.p.removeprefix("p_dropout_").removesuffix("d")): q for q in QUESTIONS if not q.of_cancellation}
"""The question about dropout within each horizon."""


def model_forecasts(parts: Sequence[Part], seed: int) -> list[GroupOfForecasts]:
    """All cases, each group of them, and each site where there are several.

    Baselines are those of `comparison.answers`, learnt from earlier cases of the group; at a site, from those of all.
    Cases too late for any outcome, or without a score, are in none.
    """
    tested = pd.concat([part.test for part in parts], ignore_index=True)
    followed = tested.loc[tested["time"].notna(), [*KEY, "clinic_id", "time", "event"]]
    result = []
    for group in next(iter(RISKS.values())).groups:
        frame, forecasts = _of_group(parts, followed, group, seed)
        result.append(GroupOfForecasts(CASES, group, forecasts, whole=True))
        if group == ALL_OPEN:
            by_site = [GroupOfForecasts(SITE, name, forecasts.take(rows)) for name, rows in sites(frame)]
    return result + by_site


def _of_group(
    parts: Sequence[Part], followed: pd.DataFrame, group: str, seed: int
) -> tuple[pd.DataFrame, Forecasts]:
    """The cases of a group with a score for every horizon that the model gives, and the forecasts of them."""
    found = {horizon: answers(parts, question, group, seed, only_known=False) for horizon, question in RISKS.items()}
    found = {horizon: one for horizon, one in found.items() if len(one.frame)}
    frame = followed.iloc[:0]
    predictors: dict[str, None] = {}
    for horizon, one in found.items():
        of_this = one.frame[[*KEY, *one.predictors]].rename(columns={name: (name, horizon) for name in one.predictors})
        frame = (followed if not predictors else frame).merge(of_this, on=KEY, validate="one_to_one")
        predictors = dict.fromkeys(one.predictors)  # in their order
    frame = frame.sort_values(KEY, ignore_index=True)
    p = {name: np.column_stack([frame[(name, horizon)].to_numpy(float) for horizon in found]) for name in predictors}
    return frame, Forecasts(frame["client_id"].to_numpy(object), frame["time"].to_numpy(float),
                            frame["event"].to_numpy(np.int64), tuple(found), p)
