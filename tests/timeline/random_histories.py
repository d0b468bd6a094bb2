"""Random small histories of every shape, on a calendar where times often coincide and gaps are often 60 or 90 days.

Tables are plain data frames that pass the check; `read` makes a history of them. One more client, of whom nothing is ever
drawn, keeps the extraction date where it is whatever becomes of the others.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from dropout.history import History
from dropout.tables import TABLES, Tables
from dropout.tables.kinds import as_covariate
from dropout.tables.order import in_order
from dropout.timeline import Timeline

TODAY = np.datetime64("2024-08-02T23:59:59")
LAST_DAY = 215
"""Day of the last fact: day 1 is 1 January 2024."""

DAYS = [1, 2, 3, 5, 9, 30, 31, 61, 62, 63, 91, 92, 93, 122, 123, 152, 153, 154, 183, 200, 214]
HOURS = [9, 10, 24]
CANCELLED = ("late_cancel", "client_cancel", "clinic_cancel")
STATUSES = ("attended", "attended", "attended", "no_show", *CANCELLED, "scheduled")
TEXTS = (
    "I have decided to stop therapy, thank you for everything",
    "Sorry, can't come tomorrow. I'll call to reschedule",
    "Can we move Tuesday to Thursday at 3pm?",
    "I need to cancel tomorrow's appointment.",
    "Thanks, here is the form you asked for",
)
OPTIONAL = {
    "sessions": ["session_id", "episode_id", "therapist_id", "clinic_id", "booked_at", "cancelled_at", "fee_owed"],
    "messages": ["sender", "session_id"],
    "episodes": ["episode_id", "opened_at", "closed_at", "closure_reason", "planned_sessions", "ending_discussed_at",
                 "extra"],
    "clients": ["birth_year", "extra"],
}


def moment(day: int, hour: int) -> str:
    """A time in ISO 8601; hour 24 is a date without a time, which is known at the end of its day."""
    date = (pd.Timestamp(2024, 1, 1) + pd.Timedelta(days=day - 1)).strftime("%Y-%m-%d")
    return date if hour == 24 else f"{date}T{hour:02d}:00"


calendar = st.shared(st.lists(st.sampled_from(DAYS), min_size=2, max_size=9, unique=True).map(tuple), key="calendar")
"""The days of one history, few of them, so that its times coincide."""


@cache
def hours_of(days: tuple[int, ...]) -> st.SearchStrategy[str]:
    """Times on these days."""
    return st.builds(moment, st.sampled_from(days), st.sampled_from(HOURS))


times = calendar.flatmap(hours_of)
times_ahead = calendar.flatmap(lambda days: hours_of((*days, 230, 260)))
clients = st.sampled_from(["a", "a", "b", "c"])


@st.composite
def sessions(draw, n: int) -> list[dict]:
    """Rows of `sessions`; names of sessions are never used twice."""
    rows = []
    for number in range(n):
        status = draw(st.sampled_from(STATUSES))
        start = draw(times_ahead if status in (*CANCELLED, "scheduled") else times)
        rows.append({
            "client_id": draw(clients), "starts_at": start, "status": status,
            "session_id": f"s{number}",
            "episode_id": draw(st.sampled_from(["e1", "e2", None])),
            "therapist_id": draw(st.sampled_from(["T1", "T2", "T3", None])),
            "clinic_id": draw(st.sampled_from(["K1", "K2", None])),
            "booked_at": draw(st.one_of(times, times, st.none())),
            "cancelled_at": draw(st.one_of(times, times, st.none())) if status in CANCELLED else None,
            "fee_owed": draw(st.sampled_from([None, 0.0, 12.5, 40.0])),
        })
    return rows


@st.composite
def episodes(draw) -> list[dict]:
    """Rows of `episodes`: unlike names, and nameless ones of one client opened at unlike times."""
    rows: list[dict] = []
    for _ in range(draw(st.integers(0, 4))):
        opened, closed = draw(st.one_of(times, times, st.none())), draw(st.one_of(times, st.none()))
        if opened and closed and pd.Timestamp(closed) < pd.Timestamp(opened):
            opened, closed = closed, opened
        row = {
            "client_id": draw(clients), "episode_id": draw(st.sampled_from(["e1", "e2", "e3", None])),
            "opened_at": opened, "closed_at": closed,
            "closure_reason": draw(st.sampled_from(["completed", "client_dropout", "moved", "service_ended", None])),
            "planned_sessions": draw(st.sampled_from([None, 3.0, 8.0])),
            "ending_discussed_at": draw(st.one_of(st.none(), times)),
            "extra": draw(st.sampled_from(["1", "2", "x", None])),
        }
        whose = [other for other in rows if other["client_id"] == row["client_id"]]
        same = "episode_id" if row["episode_id"] else "opened_at"
        if all(other[same] != row[same] or (same == "opened_at" and other["episode_id"]) for other in whose):
            rows.append(row)
    return rows


@st.composite
def tables(draw, most_sessions: int = 9) -> dict[str, pd.DataFrame]:
    """Tables of a history that passes the check; any optional table or column may be absent."""
    rows = {
        "sessions": draw(sessions(draw(st.integers(1, most_sessions)))),
        "messages": draw(st.lists(st.fixed_dictionaries({
            "client_id": clients, "sent_at": times, "text": st.sampled_from(TEXTS),
            "sender": st.sampled_from(["client", "client", "clinic"]),
            "session_id": st.sampled_from([None, "s0", "s1"]),
        }), max_size=5)),
        "measures": draw(st.lists(st.fixed_dictionaries({
            "client_id": clients, "measured_at": times, "measure": st.sampled_from(["phq9", "ors"]),
            "score": st.sampled_from([3.0, 7.5, 20.0]),
        }), max_size=6)),
        "episodes": draw(episodes()),
        "clients": draw(st.lists(st.fixed_dictionaries({
            "client_id": clients, "birth_year": st.sampled_from([1960, 1999, None]),
            "extra": st.sampled_from(["1", "2", "x"]),
        }), max_size=3, unique_by=lambda row: row["client_id"])),
    }
    rows["sessions"].append(dict.fromkeys(rows["sessions"][0]) | {
        "client_id": "z", "starts_at": moment(LAST_DAY, 10), "status": "attended", "session_id": "last",
        "booked_at": moment(LAST_DAY - 1, 9)})
    frames = {name: pd.DataFrame(held) for name, held in rows.items() if held}
    for name, columns in OPTIONAL.items():
        if name in frames:
            # What is dropped shrinks to nothing, and most of the time little is.
            dropped = draw(st.sets(st.sampled_from(columns), max_size=draw(st.sampled_from([0, 0, 2, len(columns)]))))
            frames[name] = frames[name].drop(columns=list(dropped))
    if "episodes" in frames and "episode_id" not in frames["episodes"]:
        # Names that the table of episodes cannot know are a case of their own; see the test of membership.
        frames["sessions"] = frames["sessions"].drop(columns="episode_id", errors="ignore")
        frames["episodes"] = frames["episodes"].drop_duplicates(["client_id", *frames["episodes"].columns.intersection(
            ["opened_at"])])
    for name, frame in frames.items():
        frames[name] = frame.drop_duplicates(ignore_index=True)
    return frames


def typed(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """A table in the types that reading gives, columns in the order of the specification, extra ones last."""
    columns = {}
    for column in [*(c for c in TABLES[name].names if c in frame), *sorted(set(frame) - set(TABLES[name].names))]:
        values = frame[column]
        if column.endswith("_at"):
            date = values.map(lambda text: isinstance(text, str) and "T" not in text)
            read = pd.Series(pd.to_datetime(values, format="ISO8601")).astype("datetime64[s]")
            columns[column] = read.where(~date, read + pd.Timedelta("23:59:59").as_unit("s"))
        elif column in ("fee_owed", "score", "planned_sessions", "birth_year"):
            columns[column] = values.astype("float64")
        else:
            text = values.astype("str")
            columns[column] = as_covariate(text) if column == "extra" else text
    return pd.DataFrame(columns)


def read(frames: dict[str, pd.DataFrame]) -> History:
    """The history of these tables as reading would leave it, without the cost of the check."""
    held: dict[str, Any] = {}
    rows: dict[str, np.ndarray] = {}
    seen = set(frames["sessions"]["client_id"])
    for name, frame in frames.items():
        if name in ("messages", "measures"):
            frame = frame[frame["client_id"].isin(seen)].reset_index(drop=True)
        if name == "messages" and "sender" not in frame:
            frame = frame.assign(sender="client")
        if len(frame):
            held[name], rows[name] = in_order(name, typed(name, frame), np.arange(1, len(frame) + 1))
    return History(Tables(**held, rows=rows, today=TODAY))


def second(moment: pd.Timestamp) -> int:
    """The moment in seconds since 1970."""
    return int(moment.timestamp())


def known_rows(history: History, at: int, timeline: Timeline | None = None) -> list[tuple]:
    """For each episode, what tells it apart in any cut: its client and the sessions of it known by then, else its name."""
    timeline = history.timeline if timeline is None else timeline
    rows: list[list[int]] = [[] for _ in range(len(timeline))]
    for episode, known, number in zip(
            timeline.belongs.session, timeline.sessions.first_known, history.tables.rows["sessions"], strict=True):
        if known <= at:
            rows[episode].append(int(number))
    names = timeline.episodes["episode_id"]
    return [(client, *(sorted(held) or [name])) for client, held, name in
            zip(timeline.episodes["client_id"], rows, names, strict=True)]


histories = tables().map(read)
moments = (times | times | hours_of(tuple(range(30, LAST_DAY)))).map(
    lambda text: pd.Timestamp(text) if "T" in text else pd.Timestamp(text) + pd.Timedelta("23:59:59"))
"""Moments before the extraction date, mostly on the days of the history; a date without a time is its last second."""
