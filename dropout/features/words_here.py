"""What words have meant here: how much oftener they came from clients who did not return than from those who did.

The same sentence means different things at different clinics, so the weight of each intent is counted from who came back
at this one, as known at the moment. Until a clinic has many past messages its record is drawn towards that of all, and
that of all towards a prior which ships with the package.
"""

from __future__ import annotations

import numpy as np

from dropout.endings import DROPOUT
from dropout.endings.definitions import ENDING_OF_REASON
from dropout.features.feature import Columns, Feature, Group
from dropout.features.therapist import current
from dropout.features.view import Evidence, View
from dropout.features.wording import telling_message
from dropout.messages.reader import INTENTS
from dropout.timeline import DAY, Moments
from dropout.timeline.facts import FIXED_POINT, FOREVER, Facts

PRIOR_GONE = np.array([0.30, 0.30, 0.08, 0.20, 0.12])
PRIOR_BACK = np.array([0.05, 0.20, 0.35, 0.28, 0.12])
"""Shares of the intents among messages of those who did not return, and of those who did, before anything is known here.
A careful guess in the direction of the words, made without data."""

WEIGHT_OF_PRIOR = 20.0
"""Messages for which the prior counts, in each of the two groups."""

WEIGHT_OF_ALL = 40.0
"""Messages of a clinic in each group at which its own record and that of all count alike."""

FEATURES = (
    Feature("words_here", "log of how much oftener such words came from those who did not return than from those who did, at "
            "this clinic; 0 without a message", "log ratio", "messages, sessions"),
)


def group(view: View) -> Group:
    """The weight of words, where there are messages."""
    if view.timeline.tables.messages is None:
        return Group("messages", (), {f.name: "no messages table" for f in FEATURES})
    return Group("messages", FEATURES, {})


def compute(view: View) -> Columns:
    """The weight of the telling message as known at each moment."""
    telling = telling_message(view)
    result = np.zeros(len(view))
    there = np.flatnonzero(telling >= 0)
    if len(there):
        here = View(view.evidence, view.moments.take(there))
        gone, back = shares(here)
        said = view.evidence.intents[telling[there]]
        result[there] = np.log((said * gone).sum(axis=1)) - np.log((said * back).sum(axis=1))
    return {"words_here": result}


def shares(view: View) -> tuple[np.ndarray, np.ndarray]:
    """Shares of the intents among those gone and those back, at the clinic of each moment (moments by five, each)."""
    at, nobody = view.at, np.zeros(len(view), dtype=np.int64)
    result = []
    clinic = current(view, view.timeline.clinic) if "clinic_id" in view.timeline.tables.sessions else None
    for name, prior in (("gone", PRIOR_GONE), ("back", PRIOR_BACK)):
        everyone = _counts(settled(view.evidence, "everyone"), name, nobody, at)
        share = (everyone + WEIGHT_OF_PRIOR * prior) / (everyone.sum(axis=1, keepdims=True) + WEIGHT_OF_PRIOR)
        if clinic is not None:
            own = _counts(settled(view.evidence, "clinic"), name, clinic, at)
            share = (own + WEIGHT_OF_ALL * share) / (own.sum(axis=1, keepdims=True) + WEIGHT_OF_ALL)
        result.append(share)
    return result[0], result[1]


def _counts(facts: Facts, name: str, owner: np.ndarray, at: np.ndarray) -> np.ndarray:
    # Many moments share an owner and a second (a calendar's grid), so each pair is read once.
    pairs, where = np.unique(np.stack([owner, at]), axis=1, return_inverse=True)
    counts = [facts.total(f"{name}_{intent}", pairs[0], pairs[1]) for intent in INTENTS]
    return np.stack(counts, axis=1)[where.ravel()] / FIXED_POINT


def settled(evidence: Evidence, of: str) -> Facts:
    """What became known of the senders of past messages to cancel, by clinic or everyone.

    `gone_...` and `back_...` of each intent: its probabilities in thousandths, added when it becomes known that the sender
    has been gone for the gap of the definition or came back, and taken back when they return after all.
    """
    key = f"words of {of}"
    if key not in evidence.rates:
        evidence.rates[key] = _settled(evidence, of)
    return evidence.rates[key]


def _settled(evidence: Evidence, of: str) -> Facts:
    timeline, messages = evidence.timeline, evidence.messages
    row = messages.values["row"]
    said = evidence.intents[row] if len(evidence.intents) else np.zeros((0, len(INTENTS)))
    # What cannot be read says nothing, not even that somebody cancels.
    tells = np.flatnonzero(evidence.tells[row]) if len(said) else np.zeros(0, dtype=np.int64)
    said = np.rint(said[tells] * FIXED_POINT).astype(np.int64)
    moments = Moments(messages.owner[tells], messages.at[tells])
    if of == "clinic":
        owner = current(View(evidence, moments), timeline.clinic)
        n_owners = int(timeline.clinic.max(initial=0)) + 1
    else:
        owner, n_owners = np.zeros(len(tells), dtype=np.int64), 1
    attended = timeline.attended
    position = attended.position(moments.episode, moments.at)
    next_at = np.full(len(tells), FOREVER)
    there = position < attended.first[moments.episode + 1]
    next_at[there] = attended.at[position[there]]
    reason = timeline.episodes["closure_reason"].map(ENDING_OF_REASON).to_numpy(float)[moments.episode]
    closed = np.where(np.isnan(reason), FOREVER, np.maximum(timeline.closed[moments.episode], moments.at))
    silent = moments.at + evidence.gap_days * DAY
    # Who ended otherwise tells nothing of the words; who dropped out is gone from the closure on.
    gone_at = np.where(closed < silent, np.where(reason == DROPOUT, closed, FOREVER), silent)
    gone_at = np.where(gone_at < next_at, gone_at, FOREVER)
    back_at = np.where((next_at <= closed) | (gone_at < FOREVER), next_at, FOREVER)

    gone, back = np.flatnonzero(gone_at < FOREVER), np.flatnonzero(back_at < FOREVER)
    after_all = back[gone_at[back] < FOREVER]
    at = np.concatenate([gone_at[gone], back_at[back], back_at[after_all]])
    whose = np.concatenate([owner[gone], owner[back], owner[after_all]])
    nothing = np.zeros_like(said)
    of_gone = np.concatenate([said[gone], nothing[back], -said[after_all]])
    of_back = np.concatenate([nothing[gone], said[back], nothing[after_all]])
    known = (at <= timeline.extraction) & (whose >= 0)
    values = {f"gone_{intent}": of_gone[known, i] for i, intent in enumerate(INTENTS)}
    values |= {f"back_{intent}": of_back[known, i] for i, intent in enumerate(INTENTS)}
    return Facts.sorted(whose[known], at[known], n_owners, values)
