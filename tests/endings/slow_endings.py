"""What each definition says of one episode, read off its rows by plain loops: the slow obvious twin."""

from __future__ import annotations

from statistics import median

import numpy as np
import pandas as pd

from dropout.endings import (
    ADMINISTRATIVE,
    COMPLETED,
    DROPOUT,
    ONGOING,
    SERVICE_ENDED,
    AllOf,
    AnyOf,
    CadenceGap,
    ClosureReason,
    DischargePolicy,
    FewerThan,
    Gap,
    MissedLast,
    NoReliableChange,
    PlannedNotReached,
    UnlessRecorded,
)
from dropout.history import History
from dropout.timeline import DAY, FOREVER, NEVER
from dropout.timeline.timeline import CLINIC_CANCEL, NO_SHOW, STATUSES

RECORDED = {"completed": COMPLETED, "client_dropout": DROPOUT, "client_declined": DROPOUT, "service_ended": SERVICE_ENDED,
            "referred_on": ADMINISTRATIVE, "therapist_left": ADMINISTRATIVE, "moved": ADMINISTRATIVE, "died": ADMINISTRATIVE,
            "other": ADMINISTRATIVE}
CHANGE = {"phq9": (6, 10), "gad7": (4, 8), "oq45": (14, 64)}


class Episode:
    """The rows of one episode as plain tuples, in order of when each was known."""

    def __init__(self, history: History, number: int) -> None:
        timeline, s = history.timeline, history.timeline.sessions
        self.now, self.begins = int(timeline.extraction), int(timeline.begins[number])
        row = timeline.episodes.iloc[number]
        self.recorded_at = int(timeline.recorded_at[number])
        self.planned = row["planned_sessions"]
        self.code = RECORDED.get(row["closure_reason"]) if isinstance(row["closure_reason"], str) else None
        self.closed = None if pd.isna(row["closed_at"]) else int(row["closed_at"].timestamp())
        if self.closed is None and self.code is not None:
            self.closed = timeline.extracted
        mine = [k for k, owner in enumerate(timeline.belongs.session) if owner == number]
        self.outcomes = sorted((int(s.outcome[k]), int(s.start[k]), int(s.status[k])) for k in mine if s.outcome[k] <= self.now)
        self.attended = [(known, start) for known, start, status in self.outcomes if STATUSES[status] == "attended"]
        self.bookings = [(int(s.booked[k]), int(min(s.start[k], s.outcome[k]))) for k in mine
                         if s.booked[k] != NEVER and s.booked[k] <= self.now]
        self.scores: dict[str, list[tuple[int, float]]] = {}
        measures, first = history.tables.measures, s.first_known
        if measures is not None:
            whose = timeline.episodes["client_id"].iloc[number]
            seen = min((int(known) for known, owner in zip(first, timeline.belongs.session, strict=True)
                        if owner >= 0 and timeline.episodes["client_id"].iloc[owner] == whose), default=FOREVER)
            for k, owner in enumerate(timeline.belongs.measure):
                at = int(measures["measured_at"].iloc[k].timestamp())
                if owner == number and max(at, seen) <= self.now:
                    self.scores.setdefault(measures["measure"].iloc[k], []).append(
                        (max(at, seen), at, float(measures["score"].iloc[k])))
        for scores in self.scores.values():
            scores.sort()

    def last_seen(self, until: int) -> int:
        """Latest start of an attended session known by then."""
        return max((start for known, start in self.attended if known <= until), default=NEVER)

    def usual(self) -> float | None:
        """Median of the last five gaps between attended sessions, in days."""
        latest, gaps = None, []
        for _, start in self.attended:
            if latest is not None:
                gaps.append(max(start - latest, 0) / DAY)
            latest = start if latest is None else max(latest, start)
        return median(gaps[-5:]) if gaps else None


def slowly(definition, episode: Episode) -> tuple[int, int, int, bool]:
    """(ending, at, known, judged) of one episode."""
    kind = type(definition)
    if kind in (Gap, CadenceGap):
        return _silence(definition, episode)
    if kind in (ClosureReason, UnlessRecorded):
        stands = episode.code is not None and (kind is ClosureReason or episode.code != DROPOUT)
        if stands:
            at = episode.last_seen(episode.now) if episode.code == DROPOUT else episode.closed
            return episode.code, at, episode.closed, True
        rest = definition.otherwise if kind is ClosureReason else definition.rule
        return (ONGOING, NEVER, FOREVER, episode.closed is None) if rest is None else slowly(rest, episode)
    if kind is DischargePolicy:
        return _discharged(definition, episode)
    if kind in (AnyOf, AllOf):
        return _joined([slowly(part, episode) for part in definition.parts], any if kind is AnyOf else all, episode)
    return _told_apart(definition, episode)


def _silence(definition, episode: Episode) -> tuple[int, int, int, bool]:
    days = definition.maturity_days
    if isinstance(definition, CadenceGap) and episode.usual() is not None:
        days = min(max(definition.times * episode.usual(), definition.at_least), definition.at_most)
    last = episode.last_seen(episode.now)
    due = (episode.begins if last == NEVER else last) + int(np.ceil(days * DAY - 1e-6))
    if due > episode.now or any(until > episode.now for _, until in episode.bookings):
        return ONGOING, NEVER, FOREVER, True
    known = max([due, *(until for _, until in episode.bookings), *(known for known, _ in episode.attended)])
    return DROPOUT, last, known, True


def _told_apart(definition, episode: Episode) -> tuple[int, int, int, bool]:
    ending, at, known, can = slowly(definition.ended, episode)
    until = episode.now if known == FOREVER else known
    answer: bool | None
    if isinstance(definition, MissedLast):
        last = [status for when, _, status in episode.outcomes if when <= until and status != CLINIC_CANCEL]
        answer = bool(last) and last[-1] in (NO_SHOW, STATUSES.index("late_cancel"), STATUSES.index("client_cancel"))
    elif isinstance(definition, FewerThan):
        answer = sum(when <= until for when, _ in episode.attended) < definition.n
    elif isinstance(definition, PlannedNotReached):
        answer = None
        if not np.isnan(episode.planned):
            until = max(until, episode.recorded_at) if episode.recorded_at < FOREVER else until
            answer = sum(when <= until for when, _ in episode.attended) < episode.planned
    else:
        answer = _unchanged(definition, episode, until)
    seen = episode.last_seen(until)
    if ending not in (DROPOUT, COMPLETED) or seen == NEVER:
        return ending, at, known, can and (answer is not None or seen == NEVER)
    if answer is None:
        return (ONGOING, NEVER, FOREVER, False) if ending == DROPOUT else (ending, at, known, False)
    if answer:
        return DROPOUT, seen, until, can
    return COMPLETED, at if ending == COMPLETED else seen, until, can


def _unchanged(definition: NoReliableChange, episode: Episode, until: int) -> bool | None:
    better, worse, told = False, False, False
    for name in definition.measures:
        scores = [score for known, _, score in episode.scores.get(name, []) if known <= until]
        if len(scores) < 2:
            continue
        reliable, cutoff = CHANGE[name]
        fall = scores[0] - scores[-1]
        worse |= fall <= -reliable
        if definition.clinical and scores[0] < cutoff:
            continue
        told = True
        better |= fall >= reliable and (not definition.clinical or scores[-1] < cutoff)
    return not (better and not worse) if told else None


def _discharged(definition: DischargePolicy, episode: Episode) -> tuple[int, int, int, bool]:
    ending, at, known, can = slowly(definition.definition, episode)
    row, decisive = 0, None
    for when, _, status in episode.outcomes:
        if STATUSES[status] == "attended":
            row = 0
        elif STATUSES[status] in definition.counting:
            row += 1
            if row == definition.missed:
                decisive = when
    if decisive is None:
        return ending, at, known, can
    events = [when for when, _ in episode.attended] + [made for made, _ in episode.bookings]
    if any(when >= decisive for when in events):
        return ending, at, known if ending == ONGOING else max(known, *events), can
    if decisive < known and ending in (DROPOUT, ONGOING, SERVICE_ENDED):
        return SERVICE_ENDED, decisive, decisive, True
    return ending, at, known, can


def _joined(parts: list[tuple[int, int, int, bool]], how, episode: Episode) -> tuple[int, int, int, bool]:
    left = [part for part in parts if part[0] == DROPOUT]
    other = [part for part in parts if part[0] not in (DROPOUT, ONGOING)]
    can_tell = all(part[3] for part in parts) or bool(left if how is any else
                                                      [part for part in parts if part[3] and part[0] != DROPOUT])
    if how(part[0] == DROPOUT for part in parts):
        pick = (min if how is any else max)(left, key=lambda part: part[2])
        return *pick[:3], can_tell
    if other:
        pick = min(other, key=lambda part: part[2])
        events = [when for when, _ in episode.attended] + [made for made, _ in episode.bookings]
        return pick[0], pick[1], max([part[2] for part in other] + events), can_tell
    return ONGOING, NEVER, FOREVER, can_tell
