"""Outcome tracking and alliance: levels and changes of the questionnaires that a clinic uses.

Scores keep their own units; whether up means better or worse is left to the model to learn, because the effect of change
on staying is not even of one sign (fast improvers leave too: Krishnamurthy et al. 2015).
"""

from __future__ import annotations

import numpy as np

from dropout.features.feature import Columns, Feature, Group
from dropout.features.view import MOST_MEASURES, View
from dropout.tables.columns import MEASURES
from dropout.timeline.facts import FIXED_POINT

RECENT = 3
"""Measurements over which recent change is taken."""


def features_of(measure: str) -> tuple[Feature, ...]:
    """The features of one questionnaire."""
    known = MEASURES.get(measure)
    title = measure if known is None else known.title.partition(",")[0]
    worse = None if known is None else f"{title} has {'fallen' if known.higher_is == 'better' else 'risen'} since last time"
    return (
        Feature(f"{measure}_last", f"latest {measure} score", "points", "measures"),
        Feature(f"{measure}_change", f"latest {measure} score less the first", "points", "measures"),
        Feature(f"{measure}_drop", f"latest {measure} score less the one before", "points", "measures",
                reason=worse, least=1, direction=-1 if known is not None and known.higher_is == "better" else 1),
        Feature(f"{measure}_recent", f"latest {measure} score less the one {RECENT} measurements earlier", "points",
                "measures"),
        Feature(f"{measure}_n", f"{measure} scores so far", "scores", "measures", "log"),
        Feature(f"{measure}_days", f"days since {measure} was last measured", "days", "measures", "log",
                f"{title} not measured for " + "{value:.0f} days", least=28),
        Feature(f"{measure}_sessions_since", f"sessions attended since {measure} was last measured", "sessions",
                "measures, sessions", "log"),
    )


def group(view: View) -> Group:
    """The features of each questionnaire in the tables."""
    names = view.evidence.measures
    left_out = {f"{name}_last": f"only the {MOST_MEASURES} commonest questionnaires are read"
                for name in view.timeline.measure_names if name not in names}
    if not names:
        left_out = {"outcome and alliance scores": "no scores in measures"}
    return Group("outcome tracking", tuple(f for name in names for f in features_of(name)), left_out)


def compute(view: View) -> Columns:
    """Questionnaires as known at each moment."""
    columns: Columns = {}
    for measure in view.evidence.measures:
        facts = view.evidence.measure(measure)
        score = [view.last(facts, "score", back) / FIXED_POINT for back in (0, 1, RECENT)]
        first = view.first(facts, "score") / FIXED_POINT
        count = view.count(facts)
        measured = view.last(facts, "measured")
        seen_then = view.timeline.attended.count(
            view.episode, np.where(np.isnan(measured), view.at, measured).astype(np.int64))
        columns |= {
            f"{measure}_last": score[0],
            f"{measure}_change": score[0] - first,
            f"{measure}_drop": score[0] - score[1],
            f"{measure}_recent": score[0] - np.where(np.isnan(score[2]), first, score[2]),
            f"{measure}_n": count,
            f"{measure}_days": view.days_since(facts, "measured"),
            f"{measure}_sessions_since": view.count(view.timeline.attended) - np.where(np.isnan(measured), 0, seen_then),
        }
    return columns
