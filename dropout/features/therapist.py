"""Therapist and clinic: changes of hand, and shrunken rates of past dropout as they were known then.

Therapists account for 5.7 to 12.6% of the variance in dropout (Zimmermann et al. 2017; Xiao et al. 2017; Saxon et al.
2017). What was known at a moment counts an episode as a dropout once the client had been gone for the whole gap, takes
that back if they return, and puts the recorded reason in its place when the closure is written down.

Rates are given relative to the rate of all at that moment: early in any history the episodes that have ended are mostly
short ones, so that every rate drifts with time; and nothing here grows with the number of clients in the tables, so
that a model can be used at a clinic of another size.
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

IDLE_DAYS = 21.0
"""Days without seeing anybody after which a therapist is taken to be away."""

FEATURES = (
    Feature("therapist_dropout_ratio", "share of the therapist's ended episodes that were dropouts, drawn towards that of "
            "all, divided by that of all", "times the share of all", "sessions, episodes", "log"),
    Feature("therapist_away", f"the client's therapist has seen nobody for {IDLE_DAYS:.0f} days", "0 or 1", "sessions",
            "flag", f"their therapist has seen nobody for {IDLE_DAYS:.0f} days or more"),
    Feature("n_therapist_changes", "changes of therapist between attended sessions", "changes", "sessions", "log",
            "has changed therapist"),
    Feature("sessions_with_therapist", "sessions attended since the latest change of therapist", "sessions", "sessions",
            "log"),
    Feature("clinic_dropout_ratio", "share of the clinic's ended episodes that were dropouts, drawn towards that of all, "
            "divided by that of all", "times the share of all", "sessions, episodes", "log"),
)
NEEDS = {"clinic_dropout_ratio": "clinic_id"}


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
            "therapist_dropout_ratio": (dropped / overall + SHRINKAGE) / (ended + SHRINKAGE),
            "therapist_away": (np.nan_to_num(view.since(last_seen)) >= IDLE_DAYS).astype(float),
            "n_therapist_changes": np.nan_to_num(view.last_of(attended, runs[0])),
            "sessions_with_therapist": np.nan_to_num(view.last_of(attended, runs[1])),
        }
    if "clinic_id" in sessions:
        ended, dropped = _totals(rates(view.evidence, "clinic"), current(view, timeline.clinic), view.at)
        columns["clinic_dropout_ratio"] = (dropped / overall + SHRINKAGE) / (ended + SHRINKAGE)
    return columns


def current(view: View, code_of_row: np.ndarray) -> np.ndarray:
    """Therapist (or clinic) of the last session attended by each moment, else of the last booked; -1 if neither says."""
    result = np.full(len(view), -1, dtype=np.int64)
    for facts in (view.timeline.bookings, view.timeline.attended):
        row = view.last(facts, "row")
        code = np.where(np.isnan(row), -1, code_of_row[np.nan_to_num(row).astype(np.int64)])
        result = np.where(code >= 0, code, result)
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
    reason = timeline.episodes["closure_reason"].map(ENDING_OF_REASON).to_numpy(float)
    # A closure without a reason says nothing about the ending: silence decides, as if it were open.
    closing = np.where(np.isnan(reason), FOREVER, timeline.closed)
    closed = closing[attended.owner]
    due = np.maximum(attended.values["seen"] + gap, attended.at)
    lapses = (due < next_at) & (due < closed)
    comes_back = lapses & (next_at <= closed)

    episode = np.flatnonzero(closing <= timeline.extraction)
    last = attended.position(episode, closing[episode]) - 1
    seen = last >= attended.begin(episode)
    episode, last = episode[seen], last[seen]
    was_lapsed = lapses[last].astype(np.int64)
    is_dropout = (reason[episode] == DROPOUT).astype(np.int64)

    at = np.concatenate([due[lapses], next_at[comes_back], closing[episode]])
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
        known = timeline.sessions.outcome[rows]
        rows, known = rows[known <= timeline.extraction], known[known <= timeline.extraction]
        evidence.rates["sessions"] = Facts.sorted(
            timeline.therapist[rows], known, int(timeline.therapist.max(initial=0)) + 1, {})
    return evidence.rates["sessions"]


def _totals(facts: Facts, owner: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return facts.total("ended", owner, at).astype(float), facts.total("dropped", owner, at).astype(float)
