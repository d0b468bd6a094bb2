"""Returns: this client's own past cancellations, and how they came back."""

from __future__ import annotations

import numpy as np

from dropout.features.feature import Columns, Feature, Group
from dropout.features.view import View
from dropout.timeline.facts import DAY

PRIOR_SPELLS, USUAL_RETURN = 2.0, 0.7
"""Weight, in spells, and share returning that a client's own record is drawn towards until they have one."""

FEATURES = (
    Feature("n_past_spells", "earlier spells of cancelling that ended with the client back", "spells", "sessions",
            "log"),
    Feature("own_return_rate", "share of this client's spells of cancelling that ended with them back, drawn towards "
            "the usual share", "share", "sessions", "linear"),
    Feature("own_return_days", "mean days until this client came back after cancelling", "days", "sessions", "log"),
    Feature("own_rebook_days", "mean days until this client booked again after cancelling", "days", "sessions", "log"),
    Feature("in_spell", "the client has cancelled since they were last seen", "0 or 1", "sessions", "flag",
            "has cancelled and not been seen since"),
    Feature("days_since_cancelled", "days since the client's latest cancellation in this spell, 0 if in none", "days",
            "sessions", "log", "cancelled {value:.0f} days ago", least=2),
    Feature("spell_cancellations", "cancellations by the client in this spell", "sessions", "sessions", "log",
            "cancelled {value:.0f} times in a row", least=2),
    Feature("spell_late", "the latest cancellation of this spell was late", "0 or 1", "sessions", "flag"),
)


def group(view: View) -> Group:
    """The features of returning; any tables can give them."""
    if "booked_at" in view.timeline.tables.sessions:
        return Group("returns", FEATURES, {})
    return Group("returns", tuple(f for f in FEATURES if f.name != "own_rebook_days"),
                 {"own_rebook_days": "sessions has no booked_at"})


def compute(view: View) -> Columns:
    """Past and present spells of cancelling at each moment."""
    spells = view.evidence.spells
    begun, returned = view.count(spells.begun), view.count(spells.returned)
    rebooked = view.count(spells.rebooked)
    in_spell = begun > returned
    closed = begun - in_spell
    with np.errstate(invalid="ignore", divide="ignore"):
        return_days = view.total(spells.returned, "delay") / returned / DAY
        rebook_days = view.total(spells.rebooked, "delay") / rebooked / DAY
    run = view.last(spells.cancellations, "run")
    return {
        "n_past_spells": returned,
        "own_return_rate": (returned + PRIOR_SPELLS * USUAL_RETURN) / (closed + PRIOR_SPELLS),
        "own_return_days": return_days,
        "own_rebook_days": rebook_days,
        "in_spell": in_spell.astype(float),
        "days_since_cancelled": np.where(in_spell, view.days_since(spells.cancellations), 0.0),
        "spell_cancellations": np.where(in_spell, run, 0.0),
        "spell_late": (in_spell & (view.last(spells.cancellations, "late") == 1)).astype(float),
    }
