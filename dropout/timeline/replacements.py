"""Which booking replaces which cancelled appointment, and since when that is known.

A replacement that the tables name is believed (see `timeline.named`). Without one, a booking made with or soon after a
cancellation replaces the appointment that was cancelled last and has no other yet; of several cancelled in the same second
the earliest. So a booking replaces one cancellation at most, and of a series taken out at once as many as are booked again.

Everything is decided when it becomes known, by what is known then: at a booking, or at a cancellation. A name that
becomes known later takes the place of what had been supposed, from then on and not before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dropout.timeline.facts import DAY, FOREVER, NEVER, Facts, sort_key
from dropout.timeline.named import named_replacements, session_names
from dropout.timeline.timeline import CANCELLED, Timeline

REBOOKED_WITHIN_DAYS = 14
"""Days after a cancellation within which a booking is taken for its replacement. Two appointments of a weekly client: who has
not booked by then has let the next one go by as well, and a booking after that is a return and not a move."""

ONE_CALL_SECONDS = 15 * 60
"""Some make the new appointment first and take the old one out after: so long before the cancellation a booking may lie and
still belong to the same call."""


@dataclass(frozen=True)
class Replacements:
    """Replacements, a row each.

    Attributes
    ----------
    cancelled, booked : int64 arrays
        Rows of `sessions`: the appointment cancelled, and the one that takes its place.
    known : int64 array
        Second from which this is known: that of the cancellation or the booking, whichever is later.
    until : int64 array
        Second at which it is taken back because the tables name another; `FOREVER` where it holds.
    named : bool array
        The tables say so.
    unresolved : dict of str to int
        Names that lead nowhere, by column (see `timeline.named.Named`).
    """

    cancelled: np.ndarray
    booked: np.ndarray
    known: np.ndarray
    until: np.ndarray
    named: np.ndarray
    unresolved: dict[str, int]

    def __len__(self) -> int:
        return len(self.known)


def replacements(timeline: Timeline) -> Replacements:
    """Which booking replaces which cancellation, and since when that is known."""
    named = named_replacements(timeline)
    n_rows = len(timeline.tables.sessions)
    # A row may be booked as a replacement and cancelled later for another: the two sides have a time each.
    cancelled_named = np.full(n_rows, FOREVER)
    cancelled_named[named.cancelled] = named.known
    booked_named = np.full(n_rows, FOREVER)
    booked_named[named.booked] = named.known
    cancelled, booked = _by_time(timeline, cancelled_named, booked_named)
    known = np.maximum(timeline.sessions.outcome[cancelled], timeline.sessions.booked[booked])
    return Replacements(
        cancelled=np.concatenate([named.cancelled, cancelled]),
        booked=np.concatenate([named.booked, booked]),
        known=np.concatenate([named.known, known]),
        until=np.concatenate([np.full(len(named.known), FOREVER),
                              np.minimum(cancelled_named[cancelled], booked_named[booked])]),
        named=np.arange(len(named.known) + len(known)) < len(named.known),
        unresolved=named.unresolved,
    )


@dataclass(frozen=True)
class _Events:
    """Cancellations, and bookings that may have to do with one, in the order in which they became known.

    `first` and `length` are of stretches that have nothing to do with one another, the longest first.
    """

    row: np.ndarray
    at: np.ndarray
    cancels: np.ndarray
    start: np.ndarray
    named_at: np.ndarray
    seen: np.ndarray  # of bookings: the latest start of a session that the client was known to have attended by then
    reach: np.ndarray  # of cancellations: how long before them a booking may lie
    gone_at: np.ndarray  # of bookings: when the booked session was cancelled
    first: np.ndarray
    length: np.ndarray

    def waiting_gone(self, out: np.ndarray, booking: np.ndarray) -> np.ndarray:
        """Whether a cancellation needs no replacement by the time of a booking: one is named, or its time is past."""
        return (self.named_at[out] <= self.at[booking]) | (self.start[out] <= self.seen[booking])

    def spare_gone(self, booking: np.ndarray, out: np.ndarray) -> np.ndarray:
        """Whether a booking can replace nothing by the time of a cancellation: it is named, or was cancelled itself."""
        return (self.named_at[booking] <= self.at[out]) | (self.gone_at[booking] <= self.at[out])

    def same_call(self, booking: np.ndarray, out: np.ndarray) -> np.ndarray:
        """Whether a booking was made so shortly before a cancellation that it belongs to it."""
        soon = self.at[booking] >= self.at[out] - self.reach[out]
        return soon & (self.start[out] > self.seen[booking])


def _by_time(timeline: Timeline, cancelled_named: np.ndarray, booked_named: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of each pair that the times suggest: what is cancelled, what is booked in its place."""
    events = _events(timeline, cancelled_named, booked_named)
    partner = _matched(events)
    booking = np.flatnonzero(partner >= 0)
    return events.row[partner[booking]], events.row[booking]


def _events(timeline: Timeline, cancelled_named: np.ndarray, booked_named: np.ndarray) -> _Events:
    times, episode, sessions = timeline.sessions, timeline.belongs.session, timeline.tables.sessions
    is_cancelled = np.isin(times.status, CANCELLED)
    outs = np.flatnonzero(is_cancelled & (times.outcome <= timeline.extraction) & (episode >= 0))
    # Only a booking that has a date: one without is known at the latest time possible, which says nothing of a move.
    dated = sessions["booked_at"].notna().to_numpy() if "booked_at" in sessions else np.zeros(len(sessions), dtype=bool)
    ins = np.flatnonzero(dated & (times.booked != NEVER) & (times.booked <= timeline.extraction) & (episode >= 0))
    owner, at = episode[ins], times.booked[ins]
    cancellations = Facts.sorted(episode[outs], times.outcome[outs], len(timeline), {})
    before = cancellations.last_at(owner, at) >= at - REBOOKED_WITHIN_DAYS * DAY
    after = cancellations.count(owner, at + DAY) > cancellations.count(owner, at)
    ins = ins[before | after]

    row = np.concatenate([outs, ins])
    cancels = np.arange(len(row)) < len(outs)
    at = np.where(cancels, times.outcome[row], times.booked[row])
    owner, start, name, status = episode[row], times.start[row], session_names(timeline)[row], times.status[row]
    # In one second cancellations come first, the earliest start last among them: it is the first to be replaced. Ties end in
    # what tells two rows apart in any cut of the tables; rows that only their future tells apart can change places.
    order = _in_order(sort_key(owner, at), lambda k: (
        ~cancels[k], np.where(cancels[k], -start[k], start[k]), np.where(cancels[k], -name[k], name[k]),
        np.where(cancels[k], 0, times.outcome[row[k]]), np.where(cancels[k], -status[k], status[k]),
        np.where(cancels[k], -row[k], row[k])))
    row, cancels, at, owner = row[order], cancels[order], at[order], owner[order]
    begins = np.ones(len(row), dtype=bool)
    begins[1:] = (owner[1:] != owner[:-1]) | (np.diff(at) > REBOOKED_WITHIN_DAYS * DAY)
    first = np.flatnonzero(begins)
    length = np.diff(np.append(first, len(row)))
    longest = np.argsort(-length, kind="stable")
    # A cancellation dated without a time is known at the end of its day: a booking of that day may belong to it.
    reach = np.where(at % DAY == DAY - 1, DAY - 1, ONE_CALL_SECONDS)
    return _Events(
        row=row, at=at, cancels=cancels, start=times.start[row],
        named_at=np.where(cancels, cancelled_named[row], booked_named[row]),
        seen=timeline.attended.last("seen", owner, at, missing=NEVER),
        reach=reach, gone_at=np.where(is_cancelled[row], times.outcome[row], FOREVER),
        first=first[longest], length=length[longest],
    )


def _in_order(key: np.ndarray, ties: Callable[[np.ndarray], tuple[np.ndarray, ...]]) -> np.ndarray:
    """Positions that sort by `key` and, of those that share one, by `ties`, which is asked about no others."""
    order = np.argsort(key, kind="stable")
    same = key[order][1:] == key[order][:-1]
    among = np.flatnonzero(np.r_[False, same] | np.r_[same, False])
    members = order[among]
    order[among] = members[np.lexsort((*reversed(ties(members)), key[members]))]
    return order


def _matched(events: _Events) -> np.ndarray:
    """For each booking the cancellation that it replaces, as positions among the events; -1 where there is none.

    All stretches are gone through side by side, one event of each at a time. Cancellations without a replacement lie on a
    pile, the latest on top, and so do bookings that replace nothing; `below` leads down a pile.
    """
    n, n_stretches = len(events.row), len(events.first)
    partner, below = np.full(n, -1, dtype=np.int64), np.full(n, -1, dtype=np.int64)
    waiting, spare = np.full(n_stretches, -1, dtype=np.int64), np.full(n_stretches, -1, dtype=np.int64)

    def settle(pile: np.ndarray, stretch: np.ndarray, top: np.ndarray, fits: np.ndarray) -> None:
        pile[stretch] = np.where(fits, below[np.maximum(top, 0)], top)

    def lay(pile: np.ndarray, stretch: np.ndarray, event: np.ndarray) -> None:
        below[event] = pile[stretch]
        pile[stretch] = event

    for step in range(int(events.length.max(initial=0))):
        going = int(np.searchsorted(-events.length, -step))
        now = events.first[:going] + step
        unnamed = events.named_at[now] > events.at[now]

        stretch = np.flatnonzero(unnamed & events.cancels[now])
        out = now[stretch]
        top = _down(spare[stretch], out, below, events.spare_gone)
        fits = top >= 0
        fits[fits] = events.same_call(top[fits], out[fits])
        partner[top[fits]] = out[fits]
        settle(spare, stretch, top, fits)
        lay(waiting, stretch[~fits], out[~fits])

        stretch = np.flatnonzero(unnamed & ~events.cancels[now])
        booking = now[stretch]
        top = _down(waiting[stretch], booking, below, events.waiting_gone)
        fits = top >= 0
        fits[fits] = events.at[top[fits]] >= events.at[booking[fits]] - REBOOKED_WITHIN_DAYS * DAY
        partner[booking[fits]] = top[fits]
        settle(waiting, stretch, top, fits)
        lay(spare, stretch[~fits], booking[~fits])
    return partner


def _down(
    top: np.ndarray, event: np.ndarray, below: np.ndarray, gone: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> np.ndarray:
    """The uppermost of each pile that is not gone by the time of an event, -1 where there is none."""
    top = top.copy()
    at = np.flatnonzero(top >= 0)
    while len(at):
        at = at[gone(top[at], event[at])]
        top[at] = below[top[at]]
        at = at[top[at] >= 0]
    return top
