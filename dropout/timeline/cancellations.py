"""Spells of cancelling: from a client's first cancellation after an attended session until they attend again.

A client who cancels, books again, and cancels again is in one spell; a cancellation by the clinic neither opens nor
ends one. What happened in a spell is known as it happens: its beginning when the cancellation is made, its
return when the client attends.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dropout.timeline.facts import Facts
from dropout.timeline.runs import running_count
from dropout.timeline.timeline import Timeline


@dataclass(frozen=True)
class Spells:
    """Facts about spells of cancelling, by episode.

    Attributes
    ----------
    begun : Facts
        First cancellation of each spell, known when it was made.
    returned : Facts
        Attended sessions that ended a spell: `delay`, seconds since the spell's first cancellation.
    rebooked : Facts
        Bookings made in the spell after a cancellation: `delay`, seconds since the latest cancellation.
    cancellations : Facts
        Every cancellation by the client: `row` of the session, `notice` (seconds, -1 unknown), `start`, `late`,
        `run`: how many cancellations by the client in the spell so far.
    """

    begun: Facts
    returned: Facts
    rebooked: Facts
    cancellations: Facts


def spells(timeline: Timeline) -> Spells:
    """The spells of cancelling in a timeline."""
    outcomes = timeline.outcomes
    by_client = outcomes.values["cancelled_by_client"]
    attended = outcomes.values["attended"]
    run = running_count(by_client, attended, outcomes.first)
    begins = by_client & (run == 1)
    n = len(timeline)

    previous_run = np.zeros(len(outcomes), dtype=np.int64)
    if len(outcomes) > 1:
        same = outcomes.owner[1:] == outcomes.owner[:-1]
        previous_run[1:][same] = run[:-1][same]
    returns = attended & (previous_run > 0)
    latest_begin = np.maximum.accumulate(np.where(begins, np.arange(len(outcomes)), -1)) if len(outcomes) else run
    delay = outcomes.at - outcomes.at[np.maximum(latest_begin, 0)] if len(outcomes) else run

    cancellations = Facts.sorted(outcomes.owner[by_client], outcomes.at[by_client], n, {
        "row": outcomes.values["row"][by_client], "notice": outcomes.values["notice"][by_client],
        "start": outcomes.values["start"][by_client], "run": run[by_client],
        "late": outcomes.values["late_cancel"][by_client],
    }, run[by_client])
    return Spells(
        begun=Facts.sorted(outcomes.owner[begins], outcomes.at[begins], n, {}),
        returned=Facts.sorted(outcomes.owner[returns], outcomes.at[returns], n, {"delay": delay[returns]},
                              delay[returns]),
        rebooked=_rebooked(timeline, cancellations),
        cancellations=cancellations,
    )


def _rebooked(timeline: Timeline, cancellations: Facts) -> Facts:
    """First booking made with or after each cancellation, known when it was made.

    Systems that move an appointment write the cancellation and the new booking down in the same second.
    """
    bookings = timeline.bookings
    position = bookings.position(cancellations.owner, cancellations.at - 1)
    there = position < bookings.first[cancellations.owner + 1]
    made = bookings.at[position[there]]
    delay = made - cancellations.at[there]
    return Facts.sorted(cancellations.owner[there], made, len(timeline), {"delay": delay}, delay)
