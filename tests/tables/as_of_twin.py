"""The slow and obvious twin of `known_by`: one row and one rule at a time, on plain dictionaries.

Beside it, random histories of every shape on a small calendar, so that times often coincide.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from dropout.tables import TABLES, Tables
from dropout.tables.columns import CANCELLED
from dropout.tables.order import in_order

TODAY = np.datetime64("2025-01-20T23:59:59")
CLIENTS = ("a", "b", "c")


def day(number: int, hour: int) -> pd.Timestamp:
    """Return an hour of a day in January 2025; hour 24 is a date without a time."""
    if hour == 24:
        return pd.Timestamp(2025, 1, number, 23, 59, 59)
    return pd.Timestamp(2025, 1, number, hour)


past = st.builds(day, st.integers(1, 20), st.sampled_from([9, 10, 24]))
ahead = st.builds(day, st.integers(1, 28), st.sampled_from([9, 10, 24]))
maybe_past = st.none() | past
client = st.sampled_from(CLIENTS)
number = st.none() | st.integers(0, 3).map(float)


@st.composite
def session(draw) -> dict:
    status = draw(st.sampled_from(TABLES["sessions"].column("status").values))
    happened = status in ("attended", "no_show")
    return {
        "client_id": draw(client),
        "starts_at": draw(past if happened else ahead),
        "status": status,
        "session_id": draw(st.sampled_from(["s1", "s2"]) | st.none()),
        "episode_id": draw(st.sampled_from(["e1", "e2"]) | st.none()),
        "booked_at": draw(maybe_past),
        "cancelled_at": draw(maybe_past) if status in CANCELLED else None,
        "fee_owed": draw(number),
    }


message = st.fixed_dictionaries({"client_id": client, "sent_at": past, "text": st.sampled_from(["x", "y"])})
measure = st.fixed_dictionaries(
    {"client_id": client, "measured_at": past, "measure": st.sampled_from(["phq9", "ors"]), "score": number}
)
episode = st.fixed_dictionaries(
    {
        "client_id": client,
        "episode_id": st.sampled_from(["e1", "e2"]) | st.none(),
        "opened_at": maybe_past,
        "closed_at": maybe_past,
        "closure_reason": st.sampled_from(["completed", "moved"]) | st.none(),
        "planned_sessions": number,
        "ending_discussed_at": maybe_past,
        "extra": st.sampled_from(["1", "2", "x"]) | st.none(),
    }
)
person = st.fixed_dictionaries({"client_id": client, "birth_year": number, "extra": st.sampled_from(["1", "x"])})

OPTIONAL = ["session_id", "episode_id", "booked_at", "cancelled_at", "fee_owed", "opened_at", "closed_at"]
OPTIONAL += ["closure_reason", "ending_discussed_at"]


@st.composite
def histories(draw) -> Tables:
    """Return tables as reading would leave them: any optional table or column may be absent."""
    dropped = draw(st.sets(st.sampled_from(OPTIONAL)))
    rows = {
        "sessions": draw(st.lists(session(), min_size=1, max_size=8)),
        "messages": draw(st.lists(message, max_size=4)),
        "measures": draw(st.lists(measure, max_size=4)),
        "episodes": draw(st.lists(episode, max_size=4)),
        "clients": draw(st.lists(person, max_size=3, unique_by=lambda row: row["client_id"])),
    }
    present = {row["client_id"] for row in rows["sessions"]}
    for name in ("messages", "measures"):
        rows[name] = [row for row in rows[name] if row["client_id"] in present]
    return as_tables(rows, dropped)


def as_tables(rows: dict[str, list[dict]], dropped: set[str] = frozenset(), numbers: dict | None = None) -> Tables:
    """Return plain rows as tables in canonical types and order."""
    frames, where = {}, {}
    for name, held in rows.items():
        if not held and name != "sessions":
            continue
        columns = [column for column in (held[0] if held else SESSION_COLUMNS) if column not in dropped]
        frame = pd.DataFrame({column: typed(column, [row[column] for row in held]) for column in columns})
        if name in ("episodes", "clients") and "extra" in frame:
            frame["extra"] = covariate(frame["extra"])
        given = np.array(numbers[name], dtype=np.int64) if numbers else np.arange(1, len(frame) + 1)
        frames[name], where[name] = in_order(name, frame, given)
    return Tables(**frames, rows=where, today=TODAY)


SESSION_COLUMNS = (
    "client_id",
    "starts_at",
    "status",
    "session_id",
    "episode_id",
    "booked_at",
    "cancelled_at",
    "fee_owed",
)


def typed(column: str, values: list) -> pd.Series:
    if column.endswith("_at"):
        return pd.Series(pd.to_datetime(values)).astype("datetime64[s]")
    if column in ("fee_owed", "score", "planned_sessions", "birth_year"):
        return pd.Series(values, dtype="float64")
    return pd.Series(values, dtype="str")


def covariate(values: pd.Series) -> pd.Series:
    known = values.dropna()
    return values.astype("float64") if all(value.isdigit() for value in known) else values


def known_by_slowly(tables: Tables, t: pd.Timestamp) -> Tables:
    """Return what `known_by` should return, one row at a time."""
    end = extraction_slowly(tables)
    rows: dict[str, list[dict]] = {name: [] for name in TABLES}
    numbers: dict[str, list[int]] = {name: [] for name in TABLES}

    def keep(name: str, row: dict) -> None:
        numbers[name].append(row.pop("row"))
        rows[name].append(row)

    for row in plain(tables, "sessions"):
        outcome = outcome_slowly(row, end)
        booked = row.get("booked_at")
        if booked is None:
            booked = outcome if outcome is not None else end
        if booked is not None and booked > t and not (end is None or t >= end):
            continue
        if outcome is not None and outcome > t:
            row["status"] = "scheduled"
            if "cancelled_at" in row:
                row["cancelled_at"] = None
        if "fee_owed" in row and row["starts_at"] > t:
            row["fee_owed"] = None
        keep("sessions", row)
    seen = {row["client_id"] for row in rows["sessions"]}
    for name, column in (("messages", "sent_at"), ("measures", "measured_at")):
        for row in plain(tables, name):
            if row[column] <= t and row["client_id"] in seen:
                keep(name, row)
    for row in plain(tables, "episodes"):
        opened, closed = row.get("opened_at"), row.get("closed_at")
        at_the_end = end is None or t >= end
        if opened is not None:
            known = opened <= t
        else:
            known = (
                at_the_end
                or (closed is not None and closed <= t)
                or any(
                    session["client_id"] == row["client_id"]
                    and (
                        session.get("episode_id") is None
                        or row.get("episode_id") is None
                        or session["episode_id"] == row["episode_id"]
                    )
                    for session in rows["sessions"]
                )
            )
        if not known:
            continue
        if (closed is not None and closed > t) or (closed is None and not at_the_end):
            for column in ("closed_at", "closure_reason"):
                if column in row:
                    row[column] = None
        if row.get("ending_discussed_at") is not None and row["ending_discussed_at"] > t:
            row["ending_discussed_at"] = None
        keep("episodes", row)
    seen = {row["client_id"] for held in rows.values() for row in held}
    for row in plain(tables, "clients"):
        if row["client_id"] in seen or end is None or t >= end:
            keep("clients", row)
    absent = set() if tables.sessions is None else set(SESSION_COLUMNS) - set(tables.sessions.columns)
    return as_tables(rows, absent if not rows["sessions"] else set(), numbers)


def plain(tables: Tables, name: str) -> list[dict]:
    """Return the rows of a table as dictionaries, None for null, with their number as `row`."""
    frame = getattr(tables, name)
    if frame is None:
        return []
    found = []
    for number, values in zip(tables.rows[name], frame.itertuples(index=False), strict=True):
        row = {column: None if pd.isna(value) else value for column, value in zip(frame, values, strict=True)}
        if "extra" in row and isinstance(row["extra"], float):
            row["extra"] = str(int(row["extra"]))
        found.append(row | {"row": int(number)})
    return found


def outcome_slowly(row: dict, end: pd.Timestamp | None = None) -> pd.Timestamp | None:
    if row["status"] == "scheduled":
        return None
    known = row["starts_at"]
    if row["status"] in CANCELLED:
        if row.get("cancelled_at") is not None:
            known = row["cancelled_at"]
        elif end is not None:
            known = min(known, end)
    booked = row.get("booked_at")
    return known if booked is None else max(known, booked)


def extraction_slowly(tables: Tables) -> pd.Timestamp | None:
    facts = []
    for row in plain(tables, "sessions"):
        facts.append(row.get("booked_at"))
        undated = row["status"] in CANCELLED and row.get("cancelled_at") is None
        if not (undated and row["starts_at"] > TODAY):
            facts.append(outcome_slowly(row))
    for name, columns in (
        ("messages", ["sent_at"]),
        ("measures", ["measured_at"]),
        ("episodes", ["opened_at", "closed_at", "ending_discussed_at"]),
    ):
        facts += [row.get(column) for row in plain(tables, name) for column in columns]
    return max((fact for fact in facts if fact is not None), default=None)
