"""Therapist and clinic: changes of hand, and shrunken rates of past dropout as they were known then.

Therapists account for 5.7 to 12.6% of the variance in dropout (Zimmermann et al. 2017; Xiao et al. 2017; Saxon et al.
2017). What was known at a moment counts an episode as a dropout once the client had been gone for the whole gap, takes
that back if they return, and puts the recorded reason in its place when the closure is written down.

What is counted is dropouts observed against dropouts expected, as in standardised ratios: every attended session is a
chance to leave after it, and carries the rate at which all clients left after a session as early or late as it, as
known at the moment. So a therapist with many new clients is not taken for one whose clients leave. Nothing here
grows with the number of clients in the tables or with the age of the history, so that a model can be used at a clinic
of another size.
"""

from __future__ import annotations

import numpy as np

from dropout.endings import DROPOUT
from dropout.endings.definitions import ENDING_OF_REASON
from dropout.features.feature import Columns, Feature, Group
from dropout.features.view import Evidence, View
from dropout.timeline.facts import DAY, FOREVER, Facts
from dropout.timeline.timeline import ATTENDED

SHRINKAGE = 12.0
"""Expected dropouts at which a therapist's own record and that of all count alike; 1 / SHRINKAGE is the variance that is
supposed of the log ratios of therapists, a standard deviation of about 0.3."""

STAGES = (1, 2, 3, 5, 9, 17)
"""Numbers of attended sessions at which stages of an episode begin; the chance of leaving differs between them."""

IDLE_DAYS = 21.0
"""Days without seeing anybody after which a therapist is taken to be away."""

FEATURES = (
    Feature("therapist_dropout_ratio", "dropouts among the therapist's clients, divided by those expected after as many "
            "sessions at the rates of all, drawn towards 1", "times the expected", "sessions, episodes", "log"),
    Feature("therapist_away", f"the client's therapist has seen nobody for {IDLE_DAYS:.0f} days", "0 or 1", "sessions",
            "flag", f"their therapist has seen nobody for {IDLE_DAYS:.0f} days or more"),
    Feature("n_therapist_changes", "changes of therapist between attended sessions", "changes", "sessions", "log",
            "has changed therapist"),
    Feature("sessions_with_therapist", "sessions attended since the latest change of therapist", "sessions", "sessions",
            "log"),
    Feature("clinic_dropout_ratio", "dropouts among the clinic's clients, divided by those expected after as many sessions "
            "at the rates of all, drawn towards 1", "times the expected", "sessions, episodes", "log"),
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
    sessions = timeline.tables.sessions
    columns: Columns = {}
    if "therapist_id" in sessions:
        therapist = current(view, timeline.therapist)
        seen = therapists_sessions(view.evidence)
        last_seen = seen.last_at(therapist, view.at)
        runs = view.evidence.therapist_runs
        columns |= {
            "therapist_dropout_ratio": _ratio(view, "therapist", therapist),
            "therapist_away": (np.nan_to_num(view.since(last_seen)) >= IDLE_DAYS).astype(float),
            "n_therapist_changes": np.nan_to_num(view.last_of(attended, runs[0])),
            "sessions_with_therapist": np.nan_to_num(view.last_of(attended, runs[1])),
        }
    if "clinic_id" in sessions:
        columns["clinic_dropout_ratio"] = _ratio(view, "clinic", current(view, timeline.clinic))
    return columns


def current(view: View, code_of_row: np.ndarray) -> np.ndarray:
    """Therapist (or clinic) of the last session attended by each moment, else of the last booked; -1 if neither says."""
    result = np.full(len(view), -1, dtype=np.int64)
    for facts in (view.timeline.bookings, view.timeline.attended):
        row = view.last(facts, "row")
        code = np.where(np.isnan(row), -1, code_of_row[np.nan_to_num(row).astype(np.int64)])
        result = np.where(code >= 0, code, result)
    return result


def _ratio(view: View, of: str, owner: np.ndarray) -> np.ndarray:
    """Dropouts known at each moment among the clients of an owner, against those expected, drawn towards 1."""
    own, everyone = departures(view.evidence, of), departures(view.evidence, "everyone")
    # Moments share their dates (a calendar's grid), so the rates of all are worked out once a date.
    dates, date = np.unique(view.at, return_inverse=True)
    observed, expected = np.zeros(len(view)), np.zeros(len(view))
    nobody = np.zeros(len(dates), dtype=np.int64)
    for stage in range(len(STAGES)):
        at_risk = everyone.total(f"at_risk_{stage}", nobody, dates)
        rate = everyone.total(f"left_{stage}", nobody, dates) / np.maximum(at_risk, 1)
        expected += own.total(f"at_risk_{stage}", owner, view.at) * rate[date]
        observed += own.total(f"left_{stage}", owner, view.at)
    return (observed + SHRINKAGE) / (expected + SHRINKAGE)


def departures(evidence: Evidence, of: str) -> Facts:
    """What became known of leaving after attended sessions, by therapist, clinic or everyone.

    `at_risk_0`, `left_0` and so on, by stage: sessions after which it is known whether the client left, and how many left
    after them, each +1 or -1 as it becomes known or is taken back.
    """
    if of not in evidence.rates:
        evidence.rates[of] = _departures(evidence, of)
    return evidence.rates[of]


def _departures(evidence: Evidence, of: str) -> Facts:
    timeline, attended = evidence.timeline, evidence.timeline.attended
    gap = evidence.gap_days * DAY
    code_of_row = {"therapist": timeline.therapist, "clinic": timeline.clinic}.get(of)
    owner_of_row = np.zeros(len(timeline.tables.sessions), dtype=np.int64) if code_of_row is None else code_of_row
    owner = owner_of_row[attended.values["row"]]
    number = np.arange(len(attended)) - attended.begin(attended.owner) + 1
    stage = np.searchsorted(STAGES, number, side="right") - 1
    next_at = np.full(len(attended), FOREVER)
    if len(attended) > 1:
        same = attended.owner[1:] == attended.owner[:-1]
        next_at[:-1][same] = attended.at[1:][same]
    reason = timeline.episodes["closure_reason"].map(ENDING_OF_REASON).to_numpy(float)
    # A closure without a reason says nothing about the ending: silence decides, as if it were open.
    closed = np.where(np.isnan(reason), FOREVER, timeline.closed)[attended.owner]
    # Nor does one that was written down before the session: the client was seen after it.
    closed = np.where(closed < attended.at, FOREVER, closed)
    by_closure = (reason == DROPOUT)[attended.owner].astype(np.int64)
    due = np.maximum(attended.values["seen"] + gap, attended.at)

    # A session is settled by the next one, by the closure or by silence, whichever comes first.
    settled = np.minimum(np.minimum(next_at, closed), due)
    lapses = (due < next_at) & (due < closed)
    left = np.where(lapses, 1, np.where((closed < next_at) & (closed <= due), by_closure, 0))
    # After a silence, a return takes the dropout back, and a recorded reason takes its place.
    later = lapses & (np.minimum(next_at, closed) < FOREVER)
    mended = np.where(next_at[later] <= closed[later], 0, by_closure[later]) - 1

    at = np.concatenate([settled, np.minimum(next_at, closed)[later]])
    owners = np.concatenate([owner, owner[later]])
    stages = np.concatenate([stage, stage[later]])
    at_risk = np.concatenate([np.ones(len(settled), dtype=np.int64), np.zeros(later.sum(), dtype=np.int64)])
    dropped = np.concatenate([left, mended])
    known = (at <= timeline.extraction) & (owners >= 0)
    values = {f"at_risk_{k}": at_risk[known] * (stages[known] == k) for k in range(len(STAGES))}
    values |= {f"left_{k}": dropped[known] * (stages[known] == k) for k in range(len(STAGES))}
    return Facts.sorted(owners[known], at[known], int(owner_of_row.max(initial=0)) + 1, values)


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

