"""Attendance: who came, who did not, and how it has gone lately."""

from __future__ import annotations

import numpy as np

from dropout.features.feature import Columns, Feature, Group
from dropout.features.view import View
from dropout.timeline.facts import DAY

PRIOR_SESSIONS = 4.0
"""Weight, in sessions, of the usual rate in a client's own rate, so that one missed first session is not 100%."""

USUAL_NO_SHOW, USUAL_CANCEL = 0.08, 0.12
"""Rates that a client's own are drawn towards. They only set the scale; models learn what a rate means."""

FEATURES = (
    Feature("n_attended", "sessions attended so far", "sessions", "sessions", "log"),
    Feature("n_no_show", "sessions missed without a word", "sessions", "sessions", "log"),
    Feature("n_client_cancelled", "sessions the client cancelled", "sessions", "sessions", "log"),
    Feature("n_late_cancel", "of those, sessions cancelled late", "sessions", "sessions", "log"),
    Feature("n_clinic_cancel", "sessions the clinic cancelled", "sessions", "sessions", "log",
            "the clinic cancelled {value:.0f} of their sessions", least=2),
    Feature("no_show_rate", "share of due sessions missed without a word, drawn towards the usual rate",
            "share", "sessions", "linear", "tends to miss sessions without a word", least=0.12),
    Feature("cancel_rate", "share of due sessions the client cancelled, drawn towards the usual rate",
            "share", "sessions", "linear", "tends to cancel", least=0.2),
    Feature("missed_run", "sessions missed or cancelled by the client since the last attended one",
            "sessions", "sessions", "log", "{value:.0f} sessions missed in a row", least=2),
    Feature("no_show_run", "sessions missed without a word since the last attended one", "sessions", "sessions", "log",
            "{value:.0f} missed without a word since last seen", least=2),
    Feature("missed_last_5", "of the last five sessions, those missed or cancelled by the client", "sessions",
            "sessions", "linear", "missed {value:.0f} of the last five sessions", least=2),
    Feature("attended_28d", "sessions attended in the last 28 days", "sessions", "sessions", "linear"),
    Feature("missed_28d", "sessions missed or cancelled by the client in the last 28 days", "sessions", "sessions",
            "linear", "{value:.0f} sessions missed in the last four weeks", least=2),
    Feature("last_no_show", "the latest session was missed without a word", "0 or 1", "sessions", "flag",
            "missed the latest session without a word"),
    Feature("last_client_cancelled", "the latest outcome is a cancellation by the client", "0 or 1", "sessions",
            "flag", "cancelled the latest session"),
    Feature("last_late_cancel", "the latest outcome is a late cancellation", "0 or 1", "sessions", "flag",
            "cancelled the latest session late"),
    Feature("last_clinic_cancel", "the latest outcome is a cancellation by the clinic", "0 or 1", "sessions", "flag",
            "the clinic cancelled the latest session"),
    Feature("notice_hours", "hours of notice of the client's latest cancellation", "hours", "sessions", "log"),
)


def group(view: View) -> Group:
    """The features of attendance that these tables can give."""
    left_out = {}
    if "cancelled_at" not in view.timeline.tables.sessions:
        left_out["notice_hours"] = "sessions has no cancelled_at"
    return Group("attendance", tuple(f for f in FEATURES if f.name not in left_out), left_out)


def compute(view: View) -> Columns:
    """Attendance at each moment."""
    outcomes = view.timeline.outcomes
    attended, no_show = view.total(outcomes, "attended"), view.total(outcomes, "no_show")
    cancelled = view.total(outcomes, "cancelled_by_client")
    due = attended + no_show + cancelled
    last = view.last(outcomes, "status")
    notice = view.last(view.evidence.spells.cancellations, "notice")
    return {
        "n_attended": attended,
        "n_no_show": no_show,
        "n_client_cancelled": cancelled,
        "n_late_cancel": view.total(outcomes, "late_cancel"),
        "n_clinic_cancel": view.total(outcomes, "clinic_cancel"),
        "no_show_rate": (no_show + PRIOR_SESSIONS * USUAL_NO_SHOW) / (due + PRIOR_SESSIONS),
        "cancel_rate": (cancelled + PRIOR_SESSIONS * USUAL_CANCEL) / (due + PRIOR_SESSIONS),
        "missed_run": np.nan_to_num(view.last_of(outcomes, view.evidence.missed_run)),
        "no_show_run": np.nan_to_num(view.last_of(outcomes, view.evidence.no_show_run)),
        "missed_last_5": view.recent_total(outcomes, "missed", 5),
        "attended_28d": view.window_total(outcomes, "attended", 28),
        "missed_28d": view.window_total(outcomes, "missed", 28),
        "last_no_show": (last == 1).astype(float),
        "last_client_cancelled": ((last == 2) | (last == 3)).astype(float),
        "last_late_cancel": (last == 2).astype(float),
        "last_clinic_cancel": (last == 4).astype(float),
        "notice_hours": np.where(notice < 0, np.nan, notice / (DAY / 24)),
    }
