"""Messages: what the client wrote lately, read as evidence of intent, and whether anyone answered."""

from __future__ import annotations

import numpy as np

from dropout.features.feature import Columns, Feature, Group
from dropout.features.view import View
from dropout.messages.reader import INTENTS
from dropout.timeline.facts import DAY, FOREVER, NEVER, sort_key

OTHER = INTENTS.index("other")

LOOK_BACK = 3
"""Messages since last seen among which the one that tells most is looked for."""

MORE_LIKELY_THAN_NOT = 0.5
"""Below this a message isn't said to read like anything: the scores may name another intent for it."""

FEATURES = (
    Feature("n_messages", "messages from the client so far", "messages", "messages", "log"),
    Feature("days_since_message", "days since the client's latest message", "days", "messages", "log"),
    Feature("messages_since_attended", "messages from the client since they were last seen", "messages", "messages",
            "log"),
    Feature("unanswered", "the client's latest message since last seen has had no reply for a day or more", "0 or 1",
            "messages", "flag", "their latest message has had no reply"),
    *(Feature(f"says_{intent}", f"probability that the telling message since last seen says '{intent}'",
              "probability", "messages", "linear",
              {"ends_therapy": "their message reads like an ending",
               "vague_deferral": "said they would be in touch, without a date"}.get(intent), least=MORE_LIKELY_THAN_NOT)
      for intent in INTENTS),
    *(Feature(f"also_said_{intent}", f"highest probability that another of the latest messages since last seen says '{intent}'",
              "probability", "messages") for intent in ("ends_therapy", "vague_deferral")),
)


def group(view: View) -> Group:
    """The features of messages, where there are any."""
    messages = view.timeline.tables.messages
    if messages is None:
        return Group("messages", (), {f.name: "no messages table" for f in FEATURES})
    if not len(view.evidence.clinic_messages):
        return Group("messages", tuple(f for f in FEATURES if f.name != "unanswered"),
                     {"unanswered": "messages holds none from the clinic"})
    return Group("messages", FEATURES, {})


def compute(view: View) -> Columns:
    """Messages as known at each moment."""
    messages = view.evidence.messages
    in_order_sent = sort_key(messages.owner, messages.values["sent"])
    earlier = np.searchsorted(in_order_sent, sort_key(view.episode, seen_at(view)), side="right")
    count_since = view.position(messages) - np.maximum(earlier, view.begin(messages))
    lately = count_since > 0
    sent = view.last(messages, "sent")
    replied = view.evidence.clinic_messages.last_at(view.episode, view.at)
    waiting = ~np.isnan(sent) & (np.nan_to_num(sent) > np.where(replied == NEVER, -np.inf, replied))
    telling = telling_message(view)
    there = telling >= 0
    intents = np.zeros((len(view), len(INTENTS)))
    intents[there] = view.evidence.intents[telling[there]]
    return {
        "n_messages": view.count(messages),
        "days_since_message": view.days_since(messages, "sent"),
        "messages_since_attended": count_since.astype(float),
        "unanswered": (lately & waiting & ((view.at - np.nan_to_num(sent)) >= DAY)).astype(float),
    } | {f"says_{name}": intents[:, i] for i, name in enumerate(INTENTS)} | _also_said(view, telling)


def _also_said(view: View, telling: np.ndarray) -> Columns:
    """What the other messages since last seen say: when two disagree the later counts, and both are evidence."""
    messages, seen = view.evidence.messages, seen_at(view)
    said = {name: np.zeros(len(view)) for name in ("ends_therapy", "vague_deferral")}
    for back in range(LOOK_BACK):
        row, sent = view.last(messages, "row", back), view.last(messages, "sent", back)
        there = np.flatnonzero(~np.isnan(row) & (np.nan_to_num(sent) > seen) & (row != telling))
        rows = row[there].astype(np.int64)
        there, rows = there[view.evidence.tells[rows]], rows[view.evidence.tells[rows]]
        for name, column in said.items():
            column[there] = np.maximum(column[there], view.evidence.intents[rows, INTENTS.index(name)])
    return {f"also_said_{name}": column for name, column in said.items()}


def seen_at(view: View) -> np.ndarray:
    """Second at which the client was last seen by each moment; long ago where they never were."""
    seen = view.last(view.timeline.attended, "seen")
    return np.where(np.isnan(seen), -FOREVER, np.nan_to_num(seen)).astype(np.int64)


def telling_message(view: View) -> np.ndarray:
    """Row of the message since last seen that tells most at each moment, -1 where there is none.

    The latest one that can be read and does not read as `other`; if none does, the latest. When two disagree, the later one
    counts.
    """
    messages = view.evidence.messages
    seen = seen_at(view)
    result = np.full(len(view), -1, dtype=np.int64)
    for back in reversed(range(LOOK_BACK)):
        row, sent = view.last(messages, "row", back), view.last(messages, "sent", back)
        since = ~np.isnan(row) & (np.nan_to_num(sent) > seen)
        row = np.nan_to_num(row, nan=-1).astype(np.int64)
        tells = since & view.evidence.tells[row] if len(view.evidence.tells) else since
        older_tells = (result >= 0) & view.evidence.tells[result] if len(view.evidence.tells) else since
        result = np.where(tells | (since & ~older_tells), row, result)
    return result
