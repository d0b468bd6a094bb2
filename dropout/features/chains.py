"""Chains: an appointment that is put off again and again, and what this client's cancellations usually lead to.

Counts end when the client is seen, and rates are drawn towards the usual, so that nothing here grows with the length of an
episode or of a history.
"""

from __future__ import annotations

import numpy as np

from dropout.features.feature import Columns, Feature, Group
from dropout.features.view import View
from dropout.timeline.facts import DAY
from dropout.timeline.named import NAME_THE_BOOKING, NAME_THE_CANCELLED
from dropout.timeline.replacements import REBOOKED_WITHIN_DAYS

PRIOR_CANCELLATIONS, USUAL_REPLACED = 2.0, 0.6
"""Weight, in cancellations, and share replaced that a client's own record is drawn towards until they have one."""

FEATURES = (
    Feature("chain_length", "how often the latest appointment to be cancelled has been cancelled so far, by whomever, 0 once "
            "the client is seen", "cancellations", "sessions", "log",
            "the same appointment was cancelled {value:.0f} times", least=2),
    Feature("chain_by_clinic", "how often the clinic was the one to cancel it", "cancellations", "sessions", "log"),
    Feature("chain_pushed_days", "days by which it has been put off so far, 0 where it was not", "days", "sessions", "log",
            "the appointment was put off by {value:.0f} days", least=7),
    Feature("own_replaced_rate", "share of this client's cancellations that a booking replaced, drawn towards the usual "
            f"share; one counts once it is replaced or {REBOOKED_WITHIN_DAYS} days old", "share", "sessions"),
    Feature("own_pushed_days", "mean days by which this client's replaced appointments were put off", "days", "sessions",
            "log"),
)


def group(view: View) -> Group:
    """The features of chains, or none where the tables say neither when sessions were booked nor what replaces what."""
    table = view.timeline.tables.sessions
    if any(name in table and table[name].notna().any() for name in ("booked_at", *NAME_THE_CANCELLED, *NAME_THE_BOOKING)):
        return Group("chains", FEATURES, {})
    return Group("chains", (), {f.name: "sessions has no booked_at" for f in FEATURES})


def compute(view: View) -> Columns:
    """Chains as known at each moment."""
    found = view.evidence.chains
    # Seen since, the client has left the chain behind, whether or not its last appointment still stands.
    seen = np.nan_to_num(view.last(view.timeline.attended, "at"), nan=-np.inf)
    under_way = view.last(found.steps, "at") > seen
    settled = view.total(found.settled, "settled")
    n = view.total(found.delays, "n")
    with np.errstate(invalid="ignore", divide="ignore"):
        own_pushed = view.total(found.delays, "delay") / n / DAY
    return {
        "chain_length": np.where(under_way, view.last(found.steps, "length"), 0.0),
        "chain_by_clinic": np.where(under_way, view.last(found.steps, "by_clinic"), 0.0),
        "chain_pushed_days": np.where(under_way, np.maximum(view.last(found.steps, "pushed"), 0.0) / DAY, 0.0),
        "own_replaced_rate": ((view.total(found.settled, "replaced") + PRIOR_CANCELLATIONS * USUAL_REPLACED)
                              / (settled + PRIOR_CANCELLATIONS)),
        "own_pushed_days": own_pushed,
    }
