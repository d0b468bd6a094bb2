"""The slow and obvious twin of `membership`: one client at a time, one thing after another as it became known."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from dropout.tables import Tables
from dropout.tables.known import booking_known_at

BREAK = pd.Timedelta(days=90)


@dataclass(eq=False)
class Episode:
    """One episode: when it began, until when it was open, its name if it has one, the rows that belong to it."""

    begins: pd.Timestamp
    name: str | None = None
    closed: pd.Timestamp | None = None
    recorded_at: pd.Timestamp | None = None
    latest_start: pd.Timestamp | None = None
    sessions: list[int] = field(default_factory=list)
    messages: list[int] = field(default_factory=list)
    measures: list[int] = field(default_factory=list)


def episodes_slowly(tables: Tables) -> dict[str, list[Episode]]:
    """Episodes of each client, in order of beginning, nameless ones named at last."""
    known = pd.Series(booking_known_at(tables.sessions, tables.extraction_at()))
    clients = set(tables.sessions["client_id"]) | (set() if tables.episodes is None else set(tables.episodes["client_id"]))
    return {client: _of_client(tables, client, known) for client in sorted(clients)}


def value(row, column: str):
    """A value of a row; None where it is missing or the table has no such column."""
    found = getattr(row, column, None)
    return None if found is None or pd.isna(found) else found


def _of_client(tables: Tables, client: str, known: pd.Series) -> list[Episode]:
    sessions = [(known[row.Index], row) for row in tables.sessions.itertuples() if row.client_id == client]
    recorded = [] if tables.episodes is None else [
        row for row in tables.episodes.itertuples() if row.client_id == client]
    believed = tables.episodes is None or "episode_id" in tables.episodes

    def name_of(row) -> str | None:
        return value(row, "episode_id") if believed else None

    def recorded_at(row) -> pd.Timestamp:
        if value(row, "opened_at") is not None:
            return value(row, "opened_at")
        its_own = [at for at, session in sessions
                   if value(row, "episode_id") is None or name_of(session) in (None, value(row, "episode_id"))]
        closed = value(row, "closed_at")
        return min([*its_own, *([closed] if closed is not None else []), pd.Timestamp(tables.extraction_at())])

    steps = [(recorded_at(row), 0, row.Index, row) for row in recorded]
    steps += [(at, 1 if name_of(row) else 2, row.starts_at, row) for at, row in sessions]
    steps.sort(key=lambda step: step[:3])
    episodes: list[Episode] = []
    chains: list[Episode] = []

    def begin(at: pd.Timestamp, name: str | None) -> Episode:
        episode = Episode(at, name)
        if not episodes and chains and at - chains[-1].latest_start < BREAK:
            first = chains.pop()
            first.name = name
            episode = first
        episodes.append(episode)
        return episode

    waiting: list[tuple[pd.Timestamp, pd.Timestamp, int]] = []
    for at, kind, _, row in steps:
        if kind == 0:
            name = value(row, "episode_id")
            episode = next((e for e in episodes if name is not None and e.name == name), None) or begin(at, name)
            episode.recorded_at, episode.closed = at, value(row, "closed_at")
        elif kind == 1:
            episode = next((e for e in episodes if e.name == name_of(row)), None) or begin(at, name_of(row))
            episode.sessions.append(row.Index)
        elif episodes:
            waiting.append((at, row.starts_at, row.Index))
        else:
            if not chains or at - chains[-1].latest_start >= BREAK:
                chains.append(Episode(at))
            latest = chains[-1].latest_start
            chains[-1].latest_start = row.starts_at if latest is None else max(latest, row.starts_at)
            chains[-1].sessions.append(row.Index)
    _give(waiting, episodes)
    everything = sorted([*episodes, *chains], key=lambda e: e.begins)
    nameless = [e for e in everything if e.name is None]
    for rank, episode in enumerate(nameless, start=1):
        episode.name = f"{client}-e{rank}"
    everything.sort(key=lambda e: (e.begins, e.name))
    _give_others(tables, client, known, everything)
    return everything


def _under_way(episodes: list[tuple[pd.Timestamp, Episode]], at: pd.Timestamp, start: pd.Timestamp) -> Episode | None:
    """The episode that had begun last, or the next where that is closed and the next opens by the day of `start`."""
    begun = [episode for begins, episode in episodes if begins <= at]
    if not begun:
        return None
    found, later = begun[-1], episodes[len(begun):]
    if found.closed is not None and found.closed <= at and later:
        opens = later[0][0]
        if opens == opens.normalize() + pd.Timedelta("23:59:59"):
            opens = opens.normalize()
        if opens <= start:
            return later[0][1]
    return found


def _give(waiting: list[tuple[pd.Timestamp, pd.Timestamp, int]], episodes: list[Episode]) -> None:
    in_order = sorted(((e.begins, e) for e in episodes), key=lambda pair: (pair[0], str(pair[1].name or np.nan)))
    for at, start, row in waiting:
        found = _under_way(in_order, at, start)
        assert found is not None
        found.sessions.append(row)
        found.begins = min(found.begins, at)


def _give_others(tables: Tables, client: str, known: pd.Series, episodes: list[Episode]) -> None:
    for name, column, of in (("messages", "sent_at", "messages"), ("measures", "measured_at", "measures")):
        table = getattr(tables, name)
        for row in () if table is None else table.itertuples():
            if row.client_id != client:
                continue
            at = getattr(row, column)
            found = _under_way([(e.begins, e) for e in episodes], at, at) or episodes[0]
            about = value(row, "session_id")
            if about is not None and "session_id" in tables.sessions:
                for session in tables.sessions.itertuples():
                    if value(session, "session_id") == about and session.client_id == client and known[session.Index] <= at:
                        found = next(e for e in episodes if session.Index in e.sessions)
            getattr(found, of).append(row.Index)
