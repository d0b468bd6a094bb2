"""Ending talk: whether an ending was agreed, and how much of the plan is left."""

from __future__ import annotations

import numpy as np

from dropout.features.feature import Columns, Feature, Group
from dropout.features.view import View

FEATURES = (
    Feature("planned_left", "planned sessions less those attended", "sessions", "episodes, sessions"),
    Feature("plan_share", "share of the planned sessions attended", "share", "episodes, sessions"),
    Feature("ending_discussed", "the ending has been talked about", "0 or 1", "episodes", "flag"),
    Feature("days_since_discussed", "days since the ending was talked about", "days", "episodes", "log"),
)
PLAN, TALK = FEATURES[:2], FEATURES[2:]


def group(view: View) -> Group:
    """The features of ending talk for which `episodes` has the columns."""
    episodes = view.timeline.tables.episodes
    features: tuple[Feature, ...] = ()
    left_out: dict[str, str] = {}
    for column, those in (("planned_sessions", PLAN), ("ending_discussed_at", TALK)):
        if episodes is not None and column in episodes:
            features += those
        else:
            left_out |= {f.name: f"episodes has no {column}" for f in those}
    return Group("ending talk", features, left_out)


def compute(view: View) -> Columns:
    """Plan and talk as known at each moment."""
    on_record = view.timeline.recorded_at[view.episode] <= view.at
    planned = np.where(on_record, view.of_episode("planned_sessions").to_numpy(float), np.nan)
    attended = view.count(view.timeline.attended)
    discussed = view.timeline.ending_discussed[view.episode]
    said = on_record & (discussed <= view.at)
    return {
        "planned_left": planned - attended,
        "plan_share": attended / np.maximum(planned, 1.0),
        "ending_discussed": said.astype(float),
        "days_since_discussed": np.where(said, view.since(discussed), np.nan),
    }
