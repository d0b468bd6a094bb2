"""Therapist and clinic: changes of hand, and shrunken rates of past dropout as they were known then.

Therapists account for 5.7 to 12.6% of the variance in dropout (Zimmermann et al. 2017; Xiao et al. 2017; Saxon et al.
2017). What was known at a moment counts an episode as a dropout once the client had been gone for the whole gap, takes
that back if they return, and puts the recorded reason in its place when the closure is written down.
"""

from __future__ import annotations

import numpy as np

from dropout.endings import DROPOUT
from dropout.endings.definitions import ENDING_OF_REASON
from dropout.features.feature import Columns, Feature, Group
from dropout.features.view import Evidence, View
from dropout.timeline.facts import DAY, FOREVER, Facts
from dropout.timeline.timeline import ATTENDED

SHRINKAGE = 15.0
"""Ended episodes at which a therapist's own rate and the rate of all count alike."""

FEATURES = (
    Feature("therapist_dropout_rate", "share of the therapist's ended episodes that were dropouts, drawn towards the rate "
            "of all", "share", "sessions, episodes", "linear"),
    Feature("therapist_n_ended", "episodes of the therapist that had ended", "episodes", "sessions, episodes", "log"),
    Feature("therapist_idle_days", "days since the therapist last saw anybody", "days", "sessions", "log",
            "their therapist has seen nobody for {value:.0f} days"),
    Feature("n_therapist_changes", "changes of therapist between attended sessions", "changes", "sessions", "log",
            "has changed therapist"),
    Feature("sessions_with_therapist", "sessions attended since the latest change of therapist", "sessions", "sessions",
            "log"),
    Feature("clinic_dropout_rate", "share of the clinic's ended episodes that were dropouts, drawn towards the rate of "
            "all", "share", "sessions, episodes", "linear"),
)
NEEDS = {"clinic_dropout_rate": "clinic_id"}


def group(view: View) -> Group:
    """The features of therapist and clinic for which the tables name them."""
    sessions = view.timeline.tables.sessions
    left_out = {f.name: f"sessions has no {NEEDS.get(f.name, 'therapist_id')}" for f in FEATURES
                if NEEDS.get(f.name, "therapist_id") not in sessions}
    return Group("therapist", tuple(f for f in FEATURES if f.name not in left_out), left_out)


def compute(view: View) -> Columns:
    """Therapist and clinic as known at each moment."""
    timeline, attended = view.timeline, view.timeline.attended
    everyone = np.zeros(len(view), dtype=np.int64)
    ended_all, dropped_all = _totals(rates(view.evidence, "everyone"), everyone, view.at)
    overall = (dropped_all + 1.0) / (ended_all + 3.0)
    sessions = timeline.tables.sessions
    columns: Columns = {}
    if "therapist_id" in sessions:
        therapist = current(view, timeline.therapist)
        ended, dropped = _totals(rates(view.evidence, "therapist"), therapist, view.at)
        seen = therapists_sessions(view.evidence)
        last_seen = seen.last_at(therapist, view.at)
        runs = view.evidence.therapist_runs
        columns |= {
            "therapist_dropout_rate": (dropped + SHRINKAGE * overall) / (ended + SHRINKAGE),
            "therapist_n_ended": ended,
            "therapist_idle_days": view.since(last_seen),
            "n_therapist_changes": np.nan_to_num(_at_last(view, runs[0])),
            "sessions_with_therapist": np.nan_to_num(_at_last(view, runs[1])),
        }
    if "clinic_id" in sessions:
        ended, dropped = _totals(rates(view.evidence, "clinic"), current(view, timeline.clinic), view.at)
        columns["clinic_dropout_rate"] = (dropped + SHRINKAGE * overall) / (ended + SHRINKAGE)
    return columns


def current(view: View, code_of_row: np.ndarray) -> np.ndarray:
    """Therapist (or clinic) of the last session attended by each moment, else of the last booked; -1 if neither says."""
    result = np.full(len(view), -1, dtype=np.int64)
    for facts in (view.timeline.bookings, view.timeline.attended):
        row = view.last(facts, "row")
        there = ~np.isnan(row)
        result[there] = code_of_row[row[there].astype(np.int64)]
    return result


def rates(evidence: Evidence, of: str) -> Facts:
    """What became known about ended episodes: `ended` and `dropped`, each +1 or -1, by therapist, clinic or everyone."""
    if of not in evidence.rates:
        evidence.rates[of] = _rates(evidence, of)
    return evidence.rates[of]


def _rates(evidence: Evidence, of: str) -> Facts:
    timeline, attended = evidence.timeline, evidence.timeline.attended
    gap = evidence.gap_days * DAY
    code_of_row = {"therapist": timeline.therapist, "clinic": timeline.clinic}.get(of)
    owner_of_row = np.zeros(len(timeline.tables.sessions), dtype=np.int64) if code_of_row is None else code_of_row
    owner = owner_of_row[attended.values["row"]]
    next_at = np.full(len(attended), FOREVER)
    if len(attended) > 1:
        same = attended.owner[1:] == attended.owner[:-1]
        next_at[:-1][same] = attended.at[1:][same]
    closed = timeline.closed[attended.owner]
    due = attended.at + gap
    lapses = (due < next_at) & (due < closed)
    comes_back = lapses & (next_at < closed)

    reason = timeline.episodes["closure_reason"].map(ENDING_OF_REASON).to_numpy(float)
    episode = np.flatnonzero((timeline.closed <= timeline.extraction) & ~np.isnan(reason))
    last = attended.position(episode, timeline.closed[episode]) - 1
    seen = last >= attended.begin(episode)
    episode, last = episode[seen], last[seen]
    was_lapsed = (lapses[last] & (due[last] < timeline.closed[episode])).astype(np.int64)
    is_dropout = (reason[episode] == DROPOUT).astype(np.int64)

    at = np.concatenate([due[lapses], next_at[comes_back], timeline.closed[episode]])
    owners = np.concatenate([owner[lapses], owner[comes_back], owner[last]])
    ended = np.concatenate([np.ones(lapses.sum()), -np.ones(comes_back.sum()), 1 - was_lapsed]).astype(np.int64)
    dropped = np.concatenate([np.ones(lapses.sum()), -np.ones(comes_back.sum()), is_dropout - was_lapsed]).astype(np.int64)
    known = (at <= timeline.extraction) & (owners >= 0)
    n_owners = int(owner_of_row.max(initial=0)) + 1
    return Facts.sorted(owners[known], at[known], n_owners, {"ended": ended[known], "dropped": dropped[known]})


def therapists_sessions(evidence: Evidence) -> Facts:
    """Sessions attended with each therapist, by anybody."""
    if "sessions" not in evidence.rates:
        timeline = evidence.timeline
        rows = np.flatnonzero((timeline.sessions.status == ATTENDED) & (timeline.therapist >= 0))
        rows = rows[timeline.sessions.start[rows] <= timeline.extraction]
        evidence.rates["sessions"] = Facts.sorted(
            timeline.therapist[rows], timeline.sessions.start[rows], int(timeline.therapist.max(initial=0)) + 1, {})
    return evidence.rates["sessions"]


def _at_last(view: View, values: np.ndarray) -> np.ndarray:
    """Value at the last attended session of each moment; NaN where there is none."""
    attended = view.timeline.attended
    position = view.position(attended) - 1
    there = position >= view.begin(attended)
    result = np.full(len(view), np.nan)
    result[there] = values[position[there]]
    return result


def _totals(facts: Facts, owner: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return facts.total("ended", owner, at).astype(float), facts.total("dropped", owner, at).astype(float)
