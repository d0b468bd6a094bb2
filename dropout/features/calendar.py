"""Calendar: the time of year, as holidays thin out every clinic's diary."""

from __future__ import annotations

import numpy as np

from dropout.features.feature import Columns, Feature, Group
from dropout.features.view import View
from dropout.timeline.facts import DAY

YEAR_DAYS = 365.2425

FEATURES = (
    Feature("season_sine", "time of year, sine of the angle from 1 January", "-1 to 1", "none"),
    Feature("season_cosine", "time of year, cosine of the angle from 1 January", "-1 to 1", "none"),
)


def group(view: View) -> Group:
    """The features of the calendar."""
    return Group("calendar", FEATURES, {})


def compute(view: View) -> Columns:
    """Time of year of each moment."""
    angle = 2 * np.pi * (view.at / DAY % YEAR_DAYS) / YEAR_DAYS
    return {"season_sine": np.sin(angle), "season_cosine": np.cos(angle)}
