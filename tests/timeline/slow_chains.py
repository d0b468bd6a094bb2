"""The slow, obvious way to link cancellations to bookings: one event after another, client by client."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from dropout.timeline import DAY, NEVER, Timeline

CANCELLED = ("late_cancel", "client_cancel", "clinic_cancel")
WITHIN, ONE_CALL = 14 * DAY, 15 * 60


@dataclass
class Link:
    """A replacement; `until` is None while it holds."""

    cancelled: int
    booked: int
    known: int
    until: int | None = None
    named: bool = False


def named_slowly(timeline: Timeline) -> list[Link]:
    """Replacements by `session_id` in `replaces` (of a booking) and `moved_to` (of a cancellation), in order of knowing."""
    sessions, times = timeline.tables.sessions, timeline.sessions
    if "session_id" not in sessions:
        return []
    row_of = {name: row for row, name in enumerate(sessions["session_id"])}
    pairs = set()
    for column, turned in (("replaces", False), ("moved_to", True)):
        if column in sessions:
            for row, name in enumerate(sessions[column]):
                if name in row_of:
                    pairs.add((row, row_of[name]) if turned else (row_of[name], row))
    rank = {name: k for k, name in enumerate(sorted(row_of))}
    found = []
    for old, new in pairs:
        status = sessions["status"]
        known = max(times.outcome[old], times.first_known[new])
        same = old != new and timeline.belongs.session[old] == timeline.belongs.session[new]
        backwards = status[new] in CANCELLED and times.outcome[new] <= times.outcome[old]
        if same and status[old] in CANCELLED and not backwards and known <= timeline.extraction:
            found.append((known, times.outcome[old], times.start[old], times.first_known[new], times.start[new],
                          rank[sessions["session_id"][old]], rank[sessions["session_id"][new]], old, new))
    links: list[Link] = []
    for known, *_, old, new in sorted(found):
        if all(link.cancelled != old and link.booked != new for link in links):
            links.append(Link(old, new, int(known), named=True))
    return links


def links_slowly(timeline: Timeline) -> list[Link]:
    """Every replacement, those named first."""
    sessions, times = timeline.tables.sessions, timeline.sessions
    links = named_slowly(timeline)
    named_old = {link.cancelled: link.known for link in links}
    named_new = {link.booked: link.known for link in links}
    names = sessions["session_id"] if "session_id" in sessions else pd.Series([None] * len(sessions))
    rank = {name: k for k, name in enumerate(sorted(names.dropna()))}
    for episode in range(len(timeline)):
        mine = [row for row in range(len(sessions)) if timeline.belongs.session[row] == episode]
        events = []
        for row in mine:
            start, name = int(times.start[row]), rank.get(names[row], -1)
            if sessions["status"][row] in CANCELLED and times.outcome[row] <= timeline.extraction:
                events.append((int(times.outcome[row]), 0, -start, -name, 0, -int(times.status[row]), -row, row))
            dated = "booked_at" in sessions and pd.notna(sessions["booked_at"][row])
            if dated and times.booked[row] != NEVER and times.booked[row] <= timeline.extraction:
                events.append((int(times.booked[row]), 1, start, name, int(times.outcome[row]), int(times.status[row]), row, row))

        def seen(at: int, mine: list[int] = mine) -> int:
            return max((int(times.start[row]) for row in mine
                        if sessions["status"][row] == "attended" and times.outcome[row] <= at), default=NEVER)

        waiting: list[int] = []
        spare: list[int] = []
        for at, is_booking, *_, row in sorted(events):
            if is_booking and named_new.get(row, at + 1) > at:
                waiting = [old for old in waiting if named_old.get(old, at + 1) > at and times.start[old] > seen(at)]
                if waiting and times.outcome[waiting[-1]] >= at - WITHIN:
                    links.append(Link(waiting.pop(), row, at))
                else:
                    spare.append(row)
            elif not is_booking and named_old.get(row, at + 1) > at:
                spare = [new for new in spare if named_new.get(new, at + 1) > at
                         and not (sessions["status"][new] in CANCELLED and times.outcome[new] <= at)]
                reach = DAY - 1 if at % DAY == DAY - 1 else ONE_CALL
                if spare and times.booked[spare[-1]] >= at - reach and times.start[row] > seen(int(times.booked[spare[-1]])):
                    links.append(Link(row, spare.pop(), at))
                else:
                    waiting.append(row)
    for link in links:
        if not link.named:
            later = [known[row] for known, row in ((named_old, link.cancelled), (named_new, link.booked)) if row in known]
            link.until = min(later, default=None)
    return links


def before_slowly(links: list[Link], row: int, at: int) -> Link | None:
    """The replacement by which a row was booked, as known at a second; what is named stands above what was supposed."""
    held = [link for link in links if link.booked == row and link.known <= at and (link.until is None or link.until > at)]
    return max(held, key=lambda link: link.named, default=None)


def chain_slowly(links: list[Link], link: Link | None, at: int | None = None) -> list[int]:
    """Rows cancelled in the chain up to a replacement, the first one first: each step as known when it was known, or `at`."""
    rows: list[int] = []
    while link is not None:
        rows.insert(0, link.cancelled)
        link = before_slowly(links, link.cancelled, link.known if at is None else at)
    return rows
