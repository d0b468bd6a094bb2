"""Which episode of care a row belongs to.

Where the tables say so (an `episode_id`), they are believed. Where they do not, a row goes to the episode that was
open when the row first became known. Where there is no `episodes` table at all, an episode begins with a client's
first row and after every 90 days in which the client had nothing booked, a break that Erekson and colleagues
treat as a new course. Each of these rules looks only at what was known before the row, so that later rows
cannot move earlier ones to another episode.
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
    """Episodes in order of client and opening, and the episode of every row.

    Attributes
    ----------
    episodes : DataFrame
        One row per episode: the columns of the `episodes` table (missing ones filled with missing values), any extra
        columns of it, `client` (position of the client in `clients`), and `recorded` (False for a derived one).
    clients : array of str
        The clients, sorted.
    session, message, measure : int64 arrays
        Position in `episodes` for each row of the tables; -1 where a row belongs to nobody who has an episode.
    """

    episodes: pd.DataFrame
    clients: np.ndarray
    session: np.ndarray
    message: np.ndarray
    measure: np.ndarray


def membership(tables: Tables, session_known: np.ndarray) -> Membership:
    """The episodes of these tables, and which one each row belongs to.

    Parameters
    ----------
    tables : Tables
    session_known : int64 array
        Second at which each row of `sessions` first became known (see `timeline.sessions_known`).
    """
    sessions = tables.sessions
    recorded = tables.episodes if tables.episodes is not None else pd.DataFrame({"client_id": pd.Series(dtype="str")})
    clients, codes = _client_codes(sessions["client_id"], recorded["client_id"])
    session_client, recorded_client = codes
    recorded, recorded_client = _recorded(recorded, recorded_client)

    session = _by_id(sessions, session_client, recorded)
    derived, session_derived = _derived(sessions, session_client, session_known, recorded_client, session)
    session = np.where(session_derived >= 0, session_derived + len(recorded), session)

    episodes = pd.concat([recorded, derived], ignore_index=True) if len(derived) else recorded
    order = np.lexsort((episodes["episode_id"].to_numpy(object).astype(str), _opened(episodes),
                        episodes["client"].to_numpy(np.int64)))
    place = np.empty(len(episodes), dtype=np.int64)
    place[order] = np.arange(len(episodes))
    episodes = episodes.iloc[order].reset_index(drop=True)
    session = np.where(session >= 0, place[session], -1)

    rest = session < 0
    if rest.any():
        session[rest] = _by_time(session_client[rest], session_known[rest], seconds(sessions["starts_at"])[rest],
                                 episodes)
    episodes = _opened_by_first_fact(episodes, session, session_known)

    message = _of_other(tables.messages, "sent_at", clients, episodes, sessions, session)
    measure = _of_other(tables.measures, "measured_at", clients, episodes, sessions, session)
    return Membership(episodes, clients, session, message, measure)


def _client_codes(*columns: pd.Series) -> tuple[np.ndarray, list[np.ndarray]]:
    codes, clients = pd.factorize(pd.concat(columns, ignore_index=True), sort=True)
    cuts = np.cumsum([len(column) for column in columns])[:-1]
    return np.asarray(clients, dtype=object), np.split(codes.astype(np.int64), cuts)


def _recorded(episodes: pd.DataFrame, client: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
    episodes = episodes.drop(columns="row", errors="ignore").reset_index(drop=True).assign(client=client, recorded=True)
    for column in EPISODE_COLUMNS:
        if column not in episodes:
            kind = "datetime64[s]" if column.endswith("_at") else "float64" if column == "planned_sessions" else "str"
            episodes[column] = pd.Series(pd.NaT if column.endswith("_at") else np.nan, index=episodes.index, dtype=kind)
    unnamed = episodes["episode_id"].isna().to_numpy()
    if unnamed.any():
        order = np.lexsort((_opened(episodes), client))
        rank = np.empty(len(episodes), dtype=np.int64)
        rank[order] = pd.Series(client[order]).groupby(client[order]).cumcount().to_numpy() + 1
        names = episodes["client_id"].astype(object) + "-e" + pd.Series(rank, index=episodes.index).astype(str)
        episodes["episode_id"] = episodes["episode_id"].astype(object).where(~unnamed, names).astype("str")
    return episodes, client


def _derived(
    sessions: pd.DataFrame, client: np.ndarray, known: np.ndarray, recorded_client: np.ndarray, found: np.ndarray
) -> tuple[pd.DataFrame, np.ndarray]:
    """Episodes that `episodes` does not have, and for each session the derived episode or -1.

    Those of clients without any row in `episodes`, and those that only sessions name.
    """
    derive = ~np.isin(client, recorded_client)
    if "episode_id" in sessions:
        derive |= (found < 0) & sessions["episode_id"].notna().to_numpy()
    rows = np.flatnonzero(derive)
    result = np.full(len(sessions), -1, dtype=np.int64)
    frame = pd.DataFrame(columns=[*EPISODE_COLUMNS, "client", "recorded"])
    if not len(rows):
        return frame, result
    start = seconds(sessions["starts_at"])
    order = rows[np.lexsort((start[rows], known[rows], client[rows]))]
    latest = pd.Series(start[order]).groupby(client[order]).cummax().to_numpy()
    same = np.r_[False, client[order][1:] == client[order][:-1]]
    begins = ~same
    begins[1:] |= same[1:] & (known[order][1:] - latest[:-1] >= NEW_EPISODE_AFTER_DAYS * DAY)
    number = np.cumsum(begins) - 1
    names: pd.Series = sessions["client_id"].astype(object).iloc[order[begins]].reset_index(drop=True)
    rank = names.groupby(names).cumcount() + 1
    ids = names + "-e" + rank.astype(str)
    if "episode_id" in sessions:
        # Where sessions name their episode, the name is the episode; breaks do not matter.
        given = sessions["episode_id"].astype(object).iloc[order].reset_index(drop=True)
        label = given.where(given.notna(), ids.iloc[number].reset_index(drop=True))
        pair = pd.MultiIndex.from_arrays([client[order], label])
        number, unique = pd.factorize(pair)
        names = pd.Series(sessions["client_id"].astype(object).to_numpy()[order][np.unique(number, return_index=True)[1]])
        ids = pd.Series([second for _, second in unique], dtype=object)
    result[order] = number
    frame = pd.DataFrame({
        "client_id": names.astype("str"), "episode_id": ids.astype("str"),
        "client": client[order][np.unique(number, return_index=True)[1]], "recorded": False,
    })
    return frame, result


def _by_id(sessions: pd.DataFrame, client: np.ndarray, episodes: pd.DataFrame) -> np.ndarray:
    if "episode_id" not in sessions:
        return np.full(len(sessions), -1, dtype=np.int64)
    known = pd.MultiIndex.from_arrays([episodes["client"], episodes["episode_id"].astype(object)])
    asked = pd.MultiIndex.from_arrays([client, sessions["episode_id"].astype(object)])
    found = known.get_indexer(asked) if known.is_unique else known.drop_duplicates().get_indexer(asked)
    return np.where(sessions["episode_id"].isna().to_numpy(), -1, found).astype(np.int64)


def _by_time(client: np.ndarray, known: np.ndarray, start: np.ndarray, episodes: pd.DataFrame) -> np.ndarray:
    """The client's latest episode opened by the time the row was known; a closed one gives way to the next to open."""
    owner, opened = episodes["client"].to_numpy(np.int64), _opened(episodes)
    key = sort_key(owner, opened)
    found = np.searchsorted(key, sort_key(client, known), side="right") - 1
    first = np.searchsorted(owner, client, side="left")
    has_any = first < np.searchsorted(owner, client, side="right")
    found = np.maximum(found, first)
    closed = _seconds_or(episodes["closed_at"], FOREVER)
    following = np.minimum(found + 1, len(episodes) - 1)
    moves = (closed[found] <= known) & (owner[following] == client) & (following > found) & (opened[following] <= start)
    return np.where(has_any, np.where(moves, following, found), -1)


def _of_other(
    table: pd.DataFrame | None, at: str, clients: np.ndarray, episodes: pd.DataFrame, sessions: pd.DataFrame,
    session_episode: np.ndarray,
) -> np.ndarray:
    """Episode of messages or measures: the session's where one is named, else the one under way at the time."""
    if table is None or not len(table):
        return np.array([], dtype=np.int64)
    client = pd.Index(clients).get_indexer(table["client_id"].astype(object))
    known = seconds(table[at])
    result = np.where(client >= 0, _by_time(np.maximum(client, 0), known, known, episodes), -1)
    if "session_id" in table and "session_id" in sessions:
        named = sessions["session_id"].notna().to_numpy() & ~sessions["session_id"].duplicated().to_numpy()
        index = pd.Index(sessions["session_id"].astype(object)[named])
        found = index.get_indexer(table["session_id"].astype(object))
        episode = np.where(found >= 0, session_episode[np.flatnonzero(named)[np.maximum(found, 0)]], -1)
        mine = (episode >= 0) & (episodes["client"].to_numpy(np.int64)[np.maximum(episode, 0)] == client)
        result = np.where(mine, episode, result)
    return result


def _opened(episodes: pd.DataFrame) -> np.ndarray:
    return _seconds_or(episodes["opened_at"], np.int64(-FOREVER))


def _seconds_or(column: pd.Series, missing: np.int64) -> np.ndarray:
    values = seconds(pd.to_datetime(column).to_numpy())
    return np.where(values == NEVER, missing, values)


def _opened_by_first_fact(episodes: pd.DataFrame, session: np.ndarray, known: np.ndarray) -> pd.DataFrame:
    """Add `begins_at`: the opening on record or the first thing known of the episode, whichever came first."""
    first = np.full(len(episodes), FOREVER, dtype=np.int64)
    mine = session >= 0
    np.minimum.at(first, session[mine], known[mine])
    opened = _seconds_or(episodes["opened_at"], FOREVER)
    begins = np.minimum(first, opened)
    return episodes.assign(begins_at=pd.Series(np.where(begins == FOREVER, NEVER, begins).astype("datetime64[s]")))
