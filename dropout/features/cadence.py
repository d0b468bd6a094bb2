"""Cadence: this client's own rhythm, and the silence measured against it."""

from __future__ import annotations

import numpy as np

from dropout.features.feature import Columns, Feature, Group
from dropout.features.view import View
from dropout.timeline.facts import DAY

USUAL_GAP_DAYS = 7.0
"""Gap assumed until a client has shown a rhythm of their own: weekly, the commonest."""

FEATURES = (
    Feature("days_since_attended", "days since the last attended session, or since the episode began", "days",
            "sessions", "log", "not seen for {value:.0f} days", least=10),
    Feature("usual_gap_days", "median of the last five gaps between attended sessions", "days", "sessions", "log"),
    Feature("silence_ratio", "days since last seen divided by the usual gap", "times the usual gap", "sessions", "log",
            "not seen for {value:.1f} times their usual gap", least=1.5),
    Feature("overdue_days", "days since last seen beyond the usual gap, 0 if not yet overdue", "days", "sessions",
            "log", "{value:.0f} days beyond their usual gap", least=3),
    Feature("last_gap_ratio", "the latest gap between attended sessions divided by the usual one",
            "times the usual gap", "sessions", "log", "sessions have become further apart", least=1.3),
    Feature("episode_days", "days since the episode began", "days", "episodes, sessions", "log"),
    Feature("attended_per_week", "sessions attended per week of the episode", "sessions a week", "sessions", "linear"),
    Feature("days_since_contact", "days since the client was last seen, cancelled, booked or wrote", "days",
            "sessions, messages", "log", "no word for {value:.0f} days", least=10),
)


def group(view: View) -> Group:
    """The features of cadence; any tables can give them."""
    return Group("cadence", FEATURES, {})


def compute(view: View) -> Columns:
    """Cadence at each moment."""
    attended = view.timeline.attended
    episode_days = view.episode_days
    since = view.days_since(attended, "seen")
    since = np.where(np.isnan(since), episode_days, since)
    usual = view.last_of(attended, view.evidence.usual_gap)
    usual = np.where(np.isnan(usual), USUAL_GAP_DAYS, usual)
    gap = view.last(attended, "gap")
    gap = np.where(np.isnan(gap) | (gap < 0), np.nan, gap / DAY)
    contact = np.nanmin(np.stack([
        since, view.days_since(view.timeline.bookings), view.days_since(view.evidence.spells.cancellations),
        view.days_since(view.evidence.messages, "sent"),
    ]), axis=0) if len(view) else since
    floor = np.maximum(usual, 1.0)
    return {
        "days_since_attended": since,
        "usual_gap_days": usual,
        "silence_ratio": since / floor,
        "overdue_days": np.maximum(since - usual, 0.0),
        "last_gap_ratio": np.where(np.isnan(gap), 1.0, gap / floor),
        "episode_days": episode_days,
        "attended_per_week": view.count(attended) / np.maximum(episode_days / 7.0, 1.0),
        "days_since_contact": contact,
    }
