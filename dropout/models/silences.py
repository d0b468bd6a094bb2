"""Silences: from a client's last word until they are heard of again, and what became of each.

A silence begins with the latest cancellation, message or lapsed booking after which nothing attended and nothing booked
stands. Everything known is read at its beginning; from then on only days go by. So the nightly answer for one who says
nothing moves with the clock alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dropout.endings import Definition
from dropout.endings.labels import days_to_return, never_again
from dropout.features import open_cancellations as opened
from dropout.features.feature import Feature
from dropout.features.open_cancellations import OpenCancellations, open_cancellations
from dropout.features.table import feature_table
from dropout.features.view import Evidence, View
from dropout.messages.reader import INTENTS
from dropout.models.leaving import FEATURE, Leaving
from dropout.timeline import DAY, NEVER, Moments

SINCE_SEEN = (
    "missed_run", "no_show_run", "last_no_show", "last_late_cancel", "n_clinic_cancel", "notice_hours",
    "no_show_rate", "cancel_rate", "days_since_attended", "silence_ratio", "overdue_days",
    "unbooked_days", "days_to_book", "lead_days", "days_since_booking", "booked_since_attended",
    "own_return_rate", "own_return_days", "spell_cancellations", "days_since_cancelled",
    "chain_length", "chain_pushed_days", "own_replaced_rate",
    "messages_since_attended", "words_here", "also_said_ends_therapy",
    "also_said_vague_deferral", *(f"says_{intent}" for intent in INTENTS), "therapist_dropout_ratio",
)
"""Features read at the beginning of a silence: what has happened since the client was last seen, and how they used to come
back. What was known before that is summed up in `left_log_odds`. (With all features the cure model did worse.)"""

OF_THE_SILENCE = ("silent_days", "no_message", "message_days", *(f"log_odds_{intent}" for intent in INTENTS))
"""Features of the open cancellation itself."""


@dataclass(frozen=True)
class Silences:
    """Open cancellations at some moments, and the beginning of the silence that each stands in.

    Attributes
    ----------
    asked : Moments
        Moments that find a cancellation open.
    state : OpenCancellations
        Of those moments.
    days : array
        Days of silence at each moment.
    which : int array
        Row of `values` that each moment belongs to.
    start : Moments
        Beginnings of silences.
    values : DataFrame
        Features at the beginnings.
    features : what each column is
    group_of : group of each column
    """

    asked: Moments
    state: OpenCancellations
    days: np.ndarray
    which: np.ndarray
    start: Moments
    values: pd.DataFrame
    features: dict[str, Feature]
    group_of: dict[str, str]


def silences_at(
    evidence: Evidence, moments: Moments, leaving: Leaving | None, out_of_fold: bool = False
) -> tuple[np.ndarray, Silences]:
    """Which moments find a cancellation open (mask), and the silences that those stand in.

    Parameters
    ----------
    evidence : Evidence
    moments : Moments
    leaving : Leaving or None
        Gives `left_log_odds`.
    out_of_fold : bool
        Whether it is to be by models that have not seen the client.
    """
    view = View(evidence, moments)
    state = open_cancellations(view)
    mask = state.is_open
    asked, state = moments.take(mask), state.take(mask)
    began = _began(View(evidence, asked))
    pairs, which = np.unique(np.stack([asked.episode, began]), axis=1, return_inverse=True)
    start = Moments(pairs[0], pairs[1])
    values, features, group_of = _read(evidence, start, leaving, out_of_fold)
    return mask, Silences(asked, state, (asked.at - began) / DAY, which.ravel(), start, values, features, group_of)


def all_silences(evidence: Evidence) -> Moments:
    """Beginnings of all silences of a history, while the episode was not closed."""
    timeline = evidence.timeline
    facts = [evidence.spells.cancellations, timeline.releases, evidence.messages]
    owner = np.concatenate([f.owner for f in facts])
    at = np.concatenate([f.at for f in facts])
    owner, at = np.unique(np.stack([owner, at]), axis=1)
    alive = (at <= timeline.extraction) & (at < timeline.closed[owner])
    moments = Moments(owner[alive], at[alive])
    return moments.take(open_cancellations(View(evidence, moments)).is_open)


@dataclass(frozen=True)
class Outcomes:
    """What became of silences, in days from their beginning.

    Attributes
    ----------
    gone : bool array
        The client never attended again in the episode.
    known : bool array
        Whether that is known (see `dropout.endings.labels.never_again`).
    heard : array
        Days to the next booking or attended session; infinite where there is none.
    returned : array
        Days to the next attended session; infinite where there is none.
    over : array
        Days to the end of the open cancellation however it came: booked, attended, closed, or the client wrote again.
    closed : array
        Days to the closure of the episode; infinite where there is none.
    followed : array
        Days to the extraction date.
    """

    gone: np.ndarray
    known: np.ndarray
    heard: np.ndarray
    returned: np.ndarray
    over: np.ndarray
    closed: np.ndarray
    followed: np.ndarray


def outcomes(evidence: Evidence, definition: Definition, start: Moments) -> Outcomes:
    """What became of the silences that began at these moments (sorted by episode and time)."""
    timeline = evidence.timeline
    gone, known = never_again(timeline, definition, start)
    returned = days_to_return(timeline, start)
    bookings = timeline.bookings
    position = bookings.position(start.episode, start.at)
    booked = np.full(len(start), np.inf)
    there = position < bookings.first[start.episode + 1]
    booked[there] = (bookings.at[position[there]] - start.at[there]) / DAY
    heard = np.minimum(booked, returned)
    closed_at = timeline.closed[start.episode]
    closed = np.where(closed_at <= timeline.extraction, np.maximum(closed_at - start.at, 0) / DAY, np.inf)
    again = np.full(len(start), np.inf)
    if len(start) > 1:
        same = start.episode[1:] == start.episode[:-1]
        again[:-1][same] = np.diff(start.at)[same] / DAY
    return Outcomes(gone, known, heard, returned, np.minimum(np.minimum(heard, closed), again), closed,
                    (timeline.extraction - start.at) / DAY)


def _began(view: View) -> np.ndarray:
    """Second at which the silence began that each moment (with an open cancellation) stands in."""
    spells, releases, messages = view.evidence.spells, view.timeline.releases, view.evidence.messages
    latest = np.full(len(view), NEVER)
    for facts in (spells.cancellations, releases, messages):
        latest = np.maximum(latest, facts.last_at(view.episode, view.at))
    latest = np.where(latest == NEVER, view.at, latest)
    was_open = open_cancellations(View(view.evidence, Moments(view.episode, latest))).is_open
    return np.where(was_open, latest, view.at)


def _read(
    evidence: Evidence, start: Moments, leaving: Leaving | None, out_of_fold: bool
) -> tuple[pd.DataFrame, dict[str, Feature], dict[str, str]]:
    table = feature_table(evidence, start)
    view = View(evidence, start)
    state = open_cancellations(view)
    own = opened.compute(view, state, {str(name): table.values[name].to_numpy() for name in table.values})
    kept = [name for name in SINCE_SEEN if name in table.values]
    values = table.values[kept].assign(**{name: own[name] for name in OF_THE_SILENCE})
    features = {name: table.features[name] for name in kept} | {f.name: f for f in opened.FEATURES}
    if leaving is not None:
        values[FEATURE.name] = leaving.log_odds(evidence, start, out_of_fold)
        features[FEATURE.name] = FEATURE
    return values, features, dict(table.group_of)
