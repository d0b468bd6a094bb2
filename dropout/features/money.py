"""Money: what is owed on the day of a session."""

from __future__ import annotations

import numpy as np

from dropout.features.feature import Columns, Feature, Group
from dropout.features.view import View
from dropout.timeline.facts import FIXED_POINT

FEATURES = (
    Feature("fee_owed", "balance owed on the day of the latest session", "currency", "sessions", "log",
            "owes fees"),
    Feature("fee_owed_change", "balance owed less that of the session before", "currency", "sessions", "linear"),
)


def group(view: View) -> Group:
    """The features of money, where the tables say what is owed."""
    if "fee_owed" in view.timeline.tables.sessions:
        return Group("money", FEATURES, {})
    return Group("money", (), {f.name: "sessions has no fee_owed" for f in FEATURES})


def compute(view: View) -> Columns:
    """What was owed at each moment."""
    fees = view.timeline.fees
    owed = view.last(fees, "owed") / FIXED_POINT
    return {
        "fee_owed": np.maximum(owed, 0.0),
        "fee_owed_change": owed - view.last(fees, "owed", back=1) / FIXED_POINT,
    }
