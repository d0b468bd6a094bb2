"""Small histories from rows of words, and what definitions say of them."""

from __future__ import annotations

import pandas as pd
from random_histories import read

from dropout.endings import DEFAULT, episodes_table
from dropout.history import History

LAST = "2024-06-30T10:00"
"""The extraction date of the hand-made cases: another client's session."""

EPISODE = "client_id episode_id opened_at closed_at closure_reason planned_sessions"


def history_of(sessions: list[str], episodes: list[str] | None = None, measures: list[str] | None = None) -> History:
    """A history of client 7 from rows of words; `.` is a missing value.

    Sessions: start, status, booked_at, episode_id[, cancelled_at]. Episodes: episode_id, opened_at, closed_at,
    closure_reason[, planned_sessions]. Measures: measured_at, measure, score.
    """

    def table(rows: list[str], columns: str) -> pd.DataFrame:
        words = [[None if word == "." else word for word in row.split()] for row in rows]
        width = max(map(len, words))
        words = [row + [None] * (width - len(row)) for row in words]
        return pd.DataFrame(words, columns=columns.split()[:width])

    frames = {"sessions": table([*(f"7 {row}" for row in sessions), f"8 {LAST} attended {LAST} ."],
                                "client_id starts_at status booked_at episode_id cancelled_at").dropna(axis=1, how="all")}
    if episodes:
        frames["episodes"] = table([f"7 {row}" for row in episodes], EPISODE)
    if measures:
        frames["measures"] = table([f"7 {row}" for row in measures], "client_id measured_at measure score")
    return read(frames)


def said(history: History, definition=DEFAULT) -> list[tuple]:
    """(ending, when it ended, when that was known) of client 7's episodes."""
    table = episodes_table(history.timeline, definition)
    table = table[table["client_id"] == "7"]

    def day(at: pd.Timestamp) -> str | None:
        return None if pd.isna(at) else at.isoformat(timespec="minutes")

    return [(row.ending, day(row.ended_at), day(row.known_at)) for row in table.itertuples()]


def judged(history: History, definition) -> list[bool]:
    """Whether a definition can tell, of client 7's episodes."""
    mine = (history.timeline.episodes["client_id"] == "7").to_numpy()
    return definition.endings(history.timeline).can_tell[mine].tolist()
