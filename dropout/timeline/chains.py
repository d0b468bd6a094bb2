"""Chains: one appointment that is cancelled, booked again, cancelled again, and so on, counted once.

A chain begins with a cancellation; every booking that replaces one carries it on. Each step is known when it happens:
the cancellation when it is made, the replacement once both the cancellation and the booking are known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dropout.timeline.facts import DAY, FOREVER, NEVER, Facts, seconds, times
from dropout.timeline.replacements import ONE_CALL_SECONDS, REBOOKED_WITHIN_DAYS, Replacements, replacements
from dropout.timeline.timeline import ATTENDED, CANCELLED, CLINIC_CANCEL, SCHEDULED, Timeline


@dataclass(frozen=True)
class Chains:
    """Facts about chains, by episode.

    Attributes
    ----------
    steps : Facts
        Cancellations, and bookings that replace one: `length`, how often the appointment has been cancelled so far, by
        whomever; `by_clinic`, how often by the clinic; `pushed`, seconds from its first start to its present one (of a
        cancellation: to the start that was cancelled).
    settled : Facts
        What became known of the client's own cancellations: `settled` (replaced, or `REBOOKED_WITHIN_DAYS` have gone
        by) and `replaced`, each 1 as it becomes known and -1 where it is taken back.
    delays : Facts
        Replacements of the client's own cancellations: `n` (1, or -1 where it is taken back) and `delay`, the seconds by
        which they put the appointment off, 0 where they brought it forward, with the same sign.
    """

    steps: Facts
    settled: Facts
    delays: Facts


def chains(timeline: Timeline) -> Chains:
    """What was known of chains, and when."""
    found = replacements(timeline)
    sessions, n = timeline.sessions, len(timeline)
    outs = cancelled_rows(timeline)
    walk = Walk.of(timeline, found, _before(found, found.cancelled, found.known, len(sessions.start)))
    before = _before(found, outs, sessions.outcome[outs], len(sessions.start))
    earlier = np.maximum(before, 0)
    has = (before >= 0) & (len(found) > 0)
    by_clinic = (sessions.status[outs] == CLINIC_CANCEL).astype(np.int64)
    first_start = sessions.start[outs].copy()
    length = np.ones(len(outs), dtype=np.int64)
    if len(found):
        first_start = np.where(has, walk.first_start[earlier], first_start)
        length += np.where(has, walk.length[earlier], 0)
        by_clinic += np.where(has, walk.by_clinic[earlier], 0)
    row = np.concatenate([outs, found.booked])
    at = np.concatenate([sessions.outcome[outs], found.known])
    kind = np.arange(len(row)) >= len(outs)
    values = {
        "length": np.concatenate([length, walk.length]),
        "by_clinic": np.concatenate([by_clinic, walk.by_clinic]),
        "pushed": sessions.start[row] - np.concatenate([first_start, walk.first_start]),
    }
    steps = Facts.sorted(timeline.belongs.session[row], at, n, values, kind, sessions.start[row], *values.values())
    own = sessions.status[found.cancelled] != CLINIC_CANCEL
    return Chains(steps, _settled(timeline, found, outs), _delays(timeline, found, own))


def cancelled_rows(timeline: Timeline) -> np.ndarray:
    """Rows of `sessions` that are known to be cancelled, by whomever."""
    sessions = timeline.sessions
    known = np.isin(sessions.status, CANCELLED) & (sessions.outcome <= timeline.extraction)
    return np.flatnonzero(known & (timeline.belongs.session >= 0))


@dataclass(frozen=True)
class Walk:
    """For each replacement, what lies between it and the beginning of its chain, itself included.

    Attributes
    ----------
    length, by_clinic : int64 arrays
        Cancellations, and those by the clinic.
    first : int64 array
        Row of the first appointment of the chain.
    first_start : int64 array
        When that would have started.
    """

    length: np.ndarray
    by_clinic: np.ndarray
    first: np.ndarray
    first_start: np.ndarray

    @classmethod
    def of(cls, timeline: Timeline, found: Replacements, before: np.ndarray) -> Walk:
        """The walk back from each replacement, where `before` is the position of the one it follows, or -1."""
        length = np.ones(len(found), dtype=np.int64)
        by_clinic = (timeline.sessions.status[found.cancelled] == CLINIC_CANCEL).astype(np.int64)
        root, jump = np.arange(len(found)), before.copy()
        # Each round doubles how far back a replacement has looked.
        while (looking := np.flatnonzero(jump >= 0)).size:
            back = jump[looking]
            length[looking] += length[back]
            by_clinic[looking] += by_clinic[back]
            root[looking] = np.where(jump[back] < 0, root[back], root[looking])
            jump[looking] = jump[back]
        first = found.cancelled[root] if len(found) else root
        return cls(length, by_clinic, first, timeline.sessions.start[first])


def _before(found: Replacements, row: np.ndarray, at: np.ndarray, n_rows: int) -> np.ndarray:
    """Position of the replacement by which each row was booked, as known at a second; -1 where it was none."""
    result = np.full(len(row), -1, dtype=np.int64)
    for named in (False, True):  # what is named stands above what was supposed
        of_row = np.full(n_rows, -1, dtype=np.int64)
        mine = np.flatnonzero(found.named == named)
        of_row[found.booked[mine]] = mine
        position = of_row[row]
        there = np.flatnonzero(position >= 0)
        there = there[(found.known[position[there]] <= at[there]) & (found.until[position[there]] > at[there])]
        result[there] = position[there]
    return result


def _settled(timeline: Timeline, found: Replacements, outs: np.ndarray) -> Facts:
    sessions = timeline.sessions
    outs = outs[sessions.status[outs] != CLINIC_CANCEL]
    own = sessions.status[found.cancelled] != CLINIC_CANCEL
    row, known, until = found.cancelled[own], found.known[own], found.until[own]
    first_known = np.full(len(sessions.start), FOREVER)
    np.minimum.at(first_known, row, known)
    settled_at = np.minimum(first_known[outs], sessions.outcome[outs] + REBOOKED_WITHIN_DAYS * DAY)
    back = until < FOREVER
    rows = np.concatenate([outs, row, row[back]])
    at = np.concatenate([settled_at, known, until[back]])
    kind = np.repeat([0, 1, -1], [len(outs), len(row), int(back.sum())])
    reached = at <= timeline.extraction
    return Facts.sorted(timeline.belongs.session[rows[reached]], at[reached], len(timeline), {
        "settled": (kind[reached] == 0).astype(np.int64), "replaced": kind[reached]})


def _delays(timeline: Timeline, found: Replacements, own: np.ndarray) -> Facts:
    start = timeline.sessions.start
    delay = np.maximum(start[found.booked] - start[found.cancelled], 0)
    back = own & (found.until < FOREVER)
    episode = timeline.belongs.session[np.concatenate([found.cancelled[own], found.cancelled[back]])]
    return Facts.sorted(episode, np.concatenate([found.known[own], found.until[back]]), len(timeline), {
        "delay": np.concatenate([delay[own], -delay[back]]),
        "n": np.repeat(np.array([1, -1]), [int(own.sum()), int(back.sum())])})


# -- the table that people read ----------------------------------------------------------------------------


def chains_table(timeline: Timeline) -> pd.DataFrame:
    """One row per cancellation, with the booking that replaced it and its place in the chain, as known by the end.

    Returns
    -------
    DataFrame
        In the order of the chains: client_id, episode_id, session_id (where sessions has it), starts_at, cancelled_at (when
        it became known), `by` (client or clinic); of the booking that replaced it, missing where none did: replaced_by
        (its session_id), rebooked_for (its start), booked_at, days_later (days from the start that was cancelled to the new
        one, negative where it was brought forward), matched_by ("name": the tables say so; "call": booked within a
        quarter of an hour; "day": on the same day; "days": within `REBOOKED_WITHIN_DAYS`); and of the chain: `chain`, its
        number, `position` in it from 1, chain_length (cancellations), chain_days (days from its first start to its latest),
        chain_ending: `attended`, `lost` (missed in the end, or not booked again in time) or `open`.
    """
    found, times_of = replacements(timeline), timeline.sessions
    rows = cancelled_rows(timeline)
    n_rows = len(times_of.start)
    holds = np.flatnonzero(found.until > timeline.extraction)
    by = np.full(n_rows, -1, dtype=np.int64)
    by[found.cancelled[holds]] = holds
    link = by[rows]
    end = np.full(max(len(rows), len(found)), timeline.extraction)
    walk = Walk.of(timeline, found, _before(found, found.cancelled, end[:len(found)], n_rows))
    before = _before(found, rows, end[:len(rows)], n_rows)
    first, position = rows.copy(), np.ones(len(rows), dtype=np.int64)
    later = before >= 0
    first[later] = walk.first[before[later]]
    position[later] += walk.length[before[later]]

    order = np.lexsort((position, first, times_of.start[first], times_of.outcome[first], timeline.belongs.session[first]))
    rows, link, first, position = rows[order], link[order], first[order], position[order]
    number = pd.factorize(first)[0].astype(np.int64)

    new = np.where(link >= 0, found.booked[link] if len(found) else -1, -1)
    sessions = timeline.tables.sessions
    last = np.r_[number[1:] != number[:-1], True] if len(rows) else np.zeros(0, dtype=bool)
    length = position[last][number] if len(rows) else position
    latest = np.where(new >= 0, times_of.start[new], times_of.start[rows])
    frame = timeline.episodes[["client_id", "episode_id"]].iloc[timeline.belongs.session[rows]].reset_index(drop=True)
    if "session_id" in sessions:
        frame["session_id"] = sessions["session_id"].iloc[rows].to_numpy()
    days = (times_of.start[new] - times_of.start[rows]) / DAY
    frame = frame.assign(
        starts_at=times(times_of.start[rows]), cancelled_at=times(times_of.outcome[rows]),
        by=np.where(times_of.status[rows] == CLINIC_CANCEL, "clinic", "client"))
    frame["replaced_by"] = _taken(sessions["session_id"], new) if "session_id" in sessions else pd.Series(
        np.nan, index=frame.index, dtype="str")
    frame["rebooked_for"] = times(np.where(new >= 0, times_of.start[new], NEVER))
    booked = seconds(sessions["booked_at"]) if "booked_at" in sessions else np.full(n_rows, NEVER)
    frame["booked_at"] = times(np.where(new >= 0, booked[new], NEVER))
    return frame.assign(
        days_later=np.where(new >= 0, days, np.nan),
        matched_by=_matched_by(found, link, times_of.outcome[rows], booked[new]),
        chain=number + 1, position=position, chain_length=length,
        chain_days=(latest[last] - times_of.start[first[last]])[number] / DAY if len(rows) else np.zeros(0),
        chain_ending=_ending(timeline, rows[last], new[last])[number] if len(rows) else pd.Series([], dtype="str"))


def _taken(column: pd.Series, row: np.ndarray) -> pd.Series:
    return pd.Series(column.array.take(row, allow_fill=True))


def _matched_by(found: Replacements, link: np.ndarray, cancelled: np.ndarray, booked: np.ndarray) -> pd.Series:
    how = np.full(len(link), None, dtype=object)
    there = link >= 0
    if there.any():
        between = np.abs(booked - cancelled)
        how[there] = "days"
        how[there & (booked // DAY == cancelled // DAY)] = "day"
        how[there & (between <= ONE_CALL_SECONDS)] = "call"
        how[np.flatnonzero(there)[found.named[link[there]]]] = "name"
    return pd.Series(how, dtype="str")


def _ending(timeline: Timeline, row: np.ndarray, new: np.ndarray) -> np.ndarray:
    """How chains ended whose last cancellation is `row` and whose last booking is `new`, or -1."""
    sessions = timeline.sessions
    waits = sessions.outcome[row] + REBOOKED_WITHIN_DAYS * DAY > timeline.extraction
    status = np.where(new >= 0, sessions.status[new], -1)
    return np.select([status == ATTENDED, status == SCHEDULED, (status == -1) & waits], ["attended", "open", "open"], "lost")
