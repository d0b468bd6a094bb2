"""Shift: the clients tested leave more, or less, often than the model says. It is named, with what to do about it."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dropout.evaluation.comparison import LISTS, MODEL
from dropout.evaluation.trial import AS_IT_IS, NEW_CLIENTS, Trial

FAR_OFF = 0.03
"""Mean prediction less share observed, beyond which a misfit that is no chance is named."""

FAR_FROM_ONE = 0.15
"""The same for the calibration slope less 1."""


def shift_notes(metrics: pd.DataFrame, trial: Trial, model: Any) -> list[str]:
    """Where the model's probabilities do not fit those tested, by more than chance and by enough to matter.

    Parameters
    ----------
    metrics : DataFrame
        The table of metrics.
    trial : Trial
    model : fitted model
    """
    said = []
    for name, group in LISTS if len(metrics) else ():
        rows = metrics[(metrics["question"] == name) & (metrics["group"] == group) & (metrics["predictor"] == MODEL)]
        for row in rows.to_dict("records"):
            few = f"; {row['remark']}" if row["remark"] else ""
            off, low, high = row["in_the_large"], row["in_the_large_low"], row["in_the_large_high"]
            if abs(off) > FAR_OFF and low * high > 0:
                said.append(f"Shift, {name}, {group}: the model predicts {row['base_rate'] + off:.0%} on average where it "
                            f"happened to {row['base_rate']:.0%} (difference {off:+.3f}, {low:+.3f} to {high:+.3f}){few}.")
            slope, low, high = row["slope"], row["slope_low"], row["slope_high"]
            if abs(slope - 1) > FAR_FROM_ONE and (low - 1) * (high - 1) > 0:
                kind = "too extreme" if slope < 1 else "too timid"
                said.append(f"Shift, {name}, {group}: the probabilities are {kind} (calibration slope {slope:.2f}, {low:.2f} to "
                            f"{high:.2f}){few}.")
    if not said:
        return []
    if trial.basis not in (AS_IT_IS, NEW_CLIENTS):
        return [*said, "What had been learnt before the cut did not hold as well for those tested after it. Expect the same of a "
                       "model learnt from all of it, and look again when later outcomes are known."]
    how = "Recalibrate it" if getattr(model, "recalibration", None) is None else "Recalibrate it again"
    return [*said, f"{how} on outcomes that it has not learnt from (dropout.recalibrate, or `dropout recalibrate HISTORY --model "
                   "MODEL --out MODEL2`); until then, read its probabilities as an order and no more."]
