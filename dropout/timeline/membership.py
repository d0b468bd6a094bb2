"""Which episode of care a row belongs to.

Where sessions name their episode they are believed. A session that names none goes to the client's episode that had
begun last when the session first became known; if that one is closed by then, to the next, provided it is opened by
the day of the session. Sessions known before any episode had begun make episodes of their own, a new one after
every 90 days in which the client had nothing booked, a break that Erekson and colleagues treat as a new course; the last of
these is the beginning of the first episode on record, unless such a break lies between them.

Each of these rules looks only at what was known before the row, so that later rows cannot move earlier ones: rows that
are together in one episode are together in the tables as they stood at any time before, though the episode
may not have had its name yet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dropout.tables import Tables
from dropout.timeline.facts import DAY, FOREVER, NEVER, seconds, sort_key

NEW_EPISODE_AFTER_DAYS = 90
"""Days with nothing booked after which a return counts as a new episode, where no `episodes` table says otherwise."""

EPISODE_COLUMNS = ["client_id", "episode_id", "opened_at", "closed_at", "closure_reason", "planned_sessions",
                   "ending_discussed_at"]


@dataclass(frozen=True)
class Membership:
    """Episodes in order of client and beginning, and the episode of every row.

    Attributes
    ----------
    episodes : DataFrame
        One row per episode: the columns of the `episodes` table (missing ones filled with missing values), any extra
        columns of it, `client` (position of the client in `clients`), `recorded` (False for a derived one), and
        `begins_at`, the opening on record or the first session known of it, whichever came first.
    clients : array of str
        The clients, sorted.
    session, message, measure : int64 arrays
        Position in `episodes` for each row of the tables; -1 where a row belongs to nobody who has an episode.
    recorded_at : int64 array
        Second at which the row of each episode in the table of episodes became known; `FOREVER` for a derived one.
    """

    episodes: pd.DataFrame
    clients: np.ndarray
    session: np.ndarray
    message: np.ndarray
    measure: np.ndarray
    recorded_at: np.ndarray


@dataclass(frozen=True)
class _Known:
    """Rows of `sessions`: their client, when they became known, when they start, the episode they name or None."""

    client: np.ndarray
    at: np.ndarray
    start: np.ndarray
    named: np.ndarray


def membership(tables: Tables, session_known: np.ndarray, extracted: int) -> Membership:
    """The episodes of these tables, and which one each row belongs to.

    Parameters
    ----------
    tables : Tables
    session_known : int64 array
        Second at which each row of `sessions` first became known (`SessionTimes.first_known`).
    extracted : int
        Second by which all that is in the tables was known.
    """
    recorded = tables.episodes if tables.episodes is not None else pd.DataFrame({"client_id": pd.Series(dtype="str")})
    clients, (session_client, recorded_client) = _client_codes(tables.sessions["client_id"], recorded["client_id"])
    rows = _Known(session_client, session_known, seconds(tables.sessions["starts_at"]), _names(tables))
    recorded = _complete(recorded, recorded_client)
    recorded_at = _recorded_at(recorded, rows, extracted)

    episodes, session = _named(recorded, rows, clients)
    recorded_at = np.concatenate([recorded_at, np.full(len(episodes) - len(recorded), FOREVER)])
    order = _Order.of(episodes, _begins(recorded_at, session, rows.at))
    loose = np.flatnonzero(session < 0)
    session[loose] = order.under_way(rows.client[loose], rows.at[loose], rows.start[loose])
    derived, session = _derived(rows, session, order, clients)
    if len(derived):
        episodes = pd.concat([episodes, derived], ignore_index=True) if len(episodes) else derived
        recorded_at = np.concatenate([recorded_at, np.full(len(derived), FOREVER)])

    begins = _begins(recorded_at, session, rows.at)
    episodes = _with_names(episodes.assign(begins_at=begins.astype("datetime64[s]")), begins)
    order = _Order.of(episodes, begins)
    place = np.empty(len(episodes), dtype=np.int64)
    place[order.order] = np.arange(len(episodes))
    episodes = episodes.iloc[order.order].reset_index(drop=True)
    session = np.where(session >= 0, place[session], -1)

    order = _Order.of(episodes, begins[order.order])
    message = _of_other(tables.messages, "sent_at", clients, order, tables.sessions, session, rows)
    measure = _of_other(tables.measures, "measured_at", clients, order, tables.sessions, session, rows)
    return Membership(episodes, clients, session, message, measure, recorded_at[np.argsort(place)])


@dataclass(frozen=True)
class _Order:
    """Episodes in order of client and beginning: `order` holds their positions, the rest is sorted by it."""

    order: np.ndarray
    client: np.ndarray
    begins: np.ndarray
    closed: np.ndarray

    @classmethod
    def of(cls, episodes: pd.DataFrame, begins: np.ndarray) -> _Order:
        client = episodes["client"].to_numpy(np.int64)
        name = episodes["episode_id"].to_numpy(object).astype(str)
        order = np.lexsort((name, begins, client))
        return cls(order, client[order], begins[order], _seconds_or(episodes["closed_at"], FOREVER)[order])

    def under_way(self, client: np.ndarray, at: np.ndarray, start: np.ndarray) -> np.ndarray:
        """The episode of each client that had begun last by `at`, -1 if none had.

        One that is closed by then gives way to the next, if that is opened by the day of `start`: what is booked after a
        closure is booked for what comes.
        """
        found = np.searchsorted(sort_key(self.client, self.begins), sort_key(client, at), side="right") - 1
        there = (found >= 0) & (self.client[found] == client) if len(self.client) else np.zeros(len(found), dtype=bool)
        here, following = found[there], np.minimum(found[there] + 1, len(self.client) - 1)
        opens = self.begins[following]
        opens = np.where(opens % DAY == DAY - 1, opens - (DAY - 1), opens)
        moves = ((self.closed[here] <= at[there]) & (self.client[following] == client[there]) & (following > here)
                 & (opens <= start[there]))
        result = np.full(len(client), -1, dtype=np.int64)
        result[there] = self.order[np.where(moves, following, here)]
        return result

    def first(self, client: np.ndarray) -> np.ndarray:
        """The first episode of each client, -1 for a client without one."""
        position = np.searchsorted(self.client, client, side="left")
        there = position < np.searchsorted(self.client, client, side="right")
        return np.where(there, np.append(self.order, -1)[np.minimum(position, len(self.order))], -1)


def _client_codes(*columns: pd.Series) -> tuple[np.ndarray, list[np.ndarray]]:
    codes, clients = pd.factorize(pd.concat(columns, ignore_index=True), sort=True)
    cuts = np.cumsum([len(column) for column in columns])[:-1]
    return np.asarray(clients, dtype=object), np.split(codes.astype(np.int64), cuts)


def _names(tables: Tables) -> np.ndarray:
    """The episode that each session names, None where it names none.

    Where `episodes` has no names at all, those in `sessions` cannot be matched to it, and dates decide.
    """
    unknown = tables.episodes is not None and "episode_id" not in tables.episodes
    if unknown or "episode_id" not in tables.sessions:
        return np.full(len(tables.sessions), None, dtype=object)
    names = tables.sessions["episode_id"]
    return names.astype(object).where(names.notna(), None).to_numpy()


def _complete(episodes: pd.DataFrame, client: np.ndarray) -> pd.DataFrame:
    episodes = episodes.drop(columns="row", errors="ignore").reset_index(drop=True).assign(client=client, recorded=True)
    for column in EPISODE_COLUMNS:
        if column not in episodes:
            kind = "datetime64[s]" if column.endswith("_at") else "float64" if column == "planned_sessions" else "str"
            episodes[column] = pd.Series(pd.NaT if column.endswith("_at") else np.nan, index=episodes.index, dtype=kind)
    return episodes


def _recorded_at(recorded: pd.DataFrame, rows: _Known, extracted: int) -> np.ndarray:
    """Second at which each row of `episodes` became known: its opening; without one, the latest it could have been.

    That is the first session that may belong to it, or its closure, or at the latest the extraction date.
    """
    opened = _seconds_or(recorded["opened_at"], FOREVER)
    undated = np.flatnonzero(opened == FOREVER)
    if not len(undated):
        return opened
    known = np.minimum(_seconds_or(recorded["closed_at"], FOREVER), extracted)
    loose, anyone = (np.full(recorded["client"].max() + 1, FOREVER) for _ in range(2))
    mine = rows.client < len(anyone)
    np.minimum.at(anyone, rows.client[mine], rows.at[mine])
    mine &= rows.named == None  # noqa: E711 (an array, compared one by one)
    np.minimum.at(loose, rows.client[mine], rows.at[mine])
    named = pd.Series(rows.at).groupby([rows.client, rows.named]).min()
    client, name = recorded["client"].to_numpy(), recorded["episode_id"].astype(object)
    its_own = named.reindex(pd.MultiIndex.from_arrays([client, name])).fillna(FOREVER).to_numpy(np.int64)
    session = np.where(name.isna(), anyone[client], np.minimum(loose[client], its_own))
    opened[undated] = np.minimum(known, session)[undated]
    return opened


def _named(recorded: pd.DataFrame, rows: _Known, clients: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
    """Episodes on record and those that only sessions name, and for each session the one it names or -1."""
    session = np.full(len(rows.client), -1, dtype=np.int64)
    naming = np.flatnonzero(rows.named != None)  # noqa: E711
    asked = pd.MultiIndex.from_arrays([rows.client[naming], rows.named[naming]])
    known = pd.MultiIndex.from_arrays([recorded["client"], recorded["episode_id"].astype(object)])
    found = known.get_indexer(asked) if known.is_unique else known.drop_duplicates().get_indexer(asked)
    if not known.is_unique:
        found = np.where(found >= 0, np.flatnonzero(~known.duplicated())[found], -1)
    new, unique = pd.factorize(asked[found < 0])
    session[naming] = found
    session[naming[found < 0]] = len(recorded) + new
    if not len(unique):
        return recorded, session
    client = np.array([pair[0] for pair in unique], dtype=np.int64)
    named = pd.DataFrame({"client_id": pd.Series(clients[client]).astype("str"),
                          "episode_id": pd.Series([pair[1] for pair in unique], dtype="str")})
    named = _complete(named, client).assign(recorded=False)
    return (pd.concat([recorded, named], ignore_index=True) if len(recorded) else named), session


def _derived(rows: _Known, session: np.ndarray, order: _Order, clients: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
    """Nameless episodes made of the sessions that have none yet, and the episode of every session."""
    left = np.flatnonzero(session < 0)
    if not len(left):
        return pd.DataFrame(), session
    left = left[np.lexsort((rows.start[left], rows.at[left], rows.client[left]))]
    client = rows.client[left]
    latest = pd.Series(rows.start[left]).groupby(client).cummax().to_numpy()
    begins = np.r_[True, client[1:] != client[:-1]]
    begins[1:] |= rows.at[left][1:] - latest[:-1] >= NEW_EPISODE_AFTER_DAYS * DAY
    chain = np.cumsum(begins) - 1
    ends = np.r_[np.flatnonzero(begins)[1:] - 1, len(left) - 1]
    whose = client[ends]
    is_last = np.r_[whose[1:] != whose[:-1], True]
    following = order.first(whose)
    opens = np.append(order.begins[np.argsort(order.order)], FOREVER)[following]
    joins = is_last & (following >= 0) & (opens - latest[ends] < NEW_EPISODE_AFTER_DAYS * DAY)
    place = np.where(joins, following, len(order.order) + np.cumsum(~joins) - 1)
    session[left] = place[chain]
    alone = whose[~joins]
    frame = pd.DataFrame({"client_id": pd.Series(clients[alone]).astype("str")})
    return _complete(frame, alone).assign(recorded=False), session


def _with_names(episodes: pd.DataFrame, begins: np.ndarray) -> pd.DataFrame:
    """The episodes, nameless ones named after their client and their rank among the nameless (`7-e1`)."""
    nameless = np.flatnonzero(episodes["episode_id"].isna().to_numpy())
    if not len(nameless):
        return episodes
    client = episodes["client"].to_numpy(np.int64)
    order = nameless[np.lexsort((begins[nameless], client[nameless]))]
    rank = pd.Series(client[order]).groupby(client[order]).cumcount().to_numpy() + 1
    names = episodes["episode_id"].astype(object).to_numpy(copy=True)
    names[order] = episodes["client_id"].to_numpy(object)[order] + "-e" + rank.astype(str).astype(object)
    return episodes.assign(episode_id=pd.Series(names, index=episodes.index).astype("str"))


def _of_other(
    table: pd.DataFrame | None, at: str, clients: np.ndarray, order: _Order, sessions: pd.DataFrame,
    session_episode: np.ndarray, rows: _Known,
) -> np.ndarray:
    """Episode of messages or measures: the session's where one is named that was known, else the one under way."""
    if table is None or not len(table):
        return np.array([], dtype=np.int64)
    client = pd.Index(clients).get_indexer(table["client_id"].astype(object))
    known = seconds(table[at])
    result = order.under_way(client, known, known)
    result = np.where(result >= 0, result, order.first(client))
    if "session_id" in table and "session_id" in sessions:
        named = sessions["session_id"].notna().to_numpy() & ~sessions["session_id"].duplicated().to_numpy()
        found = pd.Index(sessions["session_id"].astype(object)[named]).get_indexer(table["session_id"].astype(object))
        row = np.flatnonzero(named)[found] if named.any() else np.zeros(len(found), dtype=np.int64)
        mine = (found >= 0) & (rows.client[row] == client) & (rows.at[row] <= known)
        result = np.where(mine, session_episode[row], result)
    return result


def _begins(recorded_at: np.ndarray, session: np.ndarray, known: np.ndarray) -> np.ndarray:
    """When each episode began: it was recorded, or the first session of it known, whichever came first."""
    first = recorded_at.copy()
    mine = session >= 0
    np.minimum.at(first, session[mine], known[mine])
    return first


def _seconds_or(column: pd.Series, missing: np.int64) -> np.ndarray:
    values = seconds(pd.to_datetime(column).to_numpy())
    return np.where(values == NEVER, missing, values)
