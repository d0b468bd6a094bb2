"""What a column knows by itself: how well it tells the ending, and whether it agrees with what lies after the moment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from dropout.audit.asking import MISSING, Answers, OwnFeatures, positions
from dropout.endings import DROPOUT, ONGOING, Definition
from dropout.endings.labels import HORIZONS, days_to_return, risk_labels
from dropout.history import History
from dropout.timeline import DAY, FOREVER, Moments, seconds, times

ALARM = 0.85
"""AUC of a single column from which on it is looked at. A rule of thumb, no published threshold: all that is known at intake
together explained 6% (Lutz et al. 2018) and 11% (Muetze et al. 2022) of the variance of dropout."""

RECENT_DAYS = 14.0
"""Days since the last attended session up to which a client counts as seen: silence tells the ending, and may."""

FEWEST = 10
"""Clients with the ending, and without it, below which nothing is said of an AUC."""

SHUFFLES = 200

SAME = 0.98
"""Rank correlation with something of the future at which a column is taken for it."""

FEWEST_ROWS = 50

MOST_LEVELS = 20
"""Levels of a text that are compared with the future, each as a flag."""


@dataclass(frozen=True)
class Knowing:
    """What single columns know.

    Attributes
    ----------
    auc : dict of str to float
        AUC of each column against dropout, the larger of both directions; NaN where there are too few clients.
    chance : float
        The largest AUC of any column when endings are shuffled among clients; NaN likewise.
    agrees : dict of str to str
        What of the future a column agrees with, in words.
    constant : frozenset of str
        Columns that are the same at all moments of an episode.
    n, events : int
        Clients behind the AUC, and how many of them dropped out.
    """

    auc: dict[str, float]
    chance: float
    agrees: dict[str, str]
    constant: frozenset[str]
    n: int
    events: int

    def alarms(self, column: str) -> bool:
        """Whether a column tells the ending better than `ALARM`, and than chance could."""
        return self.auc.get(column, np.nan) >= max(ALARM, self.chance)


def knowing(history: History, answers: Answers, definition: Definition, seed: int) -> Knowing:
    """What the columns of these answers know about the endings of the history.

    Parameters
    ----------
    history : History
        Whole, with all that is known of endings.
    answers : Answers
    definition : Definition
        What counts as a dropout.
    seed : int
        Seed of the moments drawn, one a client, and of the shuffles.
    """
    moments = positions(history, answers.rows)
    there = moments.episode != MISSING
    answers, moments = answers.take(there), moments.take(there)
    values = answers.values.reset_index(drop=True)
    constant = _constant(values, moments.episode)
    auc, chance, n, events = _strengths(history, values, moments, definition, constant, seed)
    return Knowing(auc, chance, _agreeing(history, answers, values, moments), constant, n, events)


def _constant(values: pd.DataFrame, episode: np.ndarray) -> frozenset[str]:
    """Columns that hardly ever change within an episode, as far as episodes have several moments."""
    several = pd.Series(episode).groupby(episode).transform("size").to_numpy() > 1
    if several.sum() < 10:
        return frozenset()
    found = set()
    for column in map(str, values):
        kinds = values.loc[several, column].groupby(episode[several]).nunique(dropna=False)
        if (kinds == 1).mean() >= 0.98 and values[column].nunique(dropna=False) > 1:
            found.add(column)
    return frozenset(found)


def _strengths(
    history: History, values: pd.DataFrame, moments: Moments, definition: Definition, constant: frozenset[str], seed: int
) -> tuple[dict[str, float], float, int, int]:
    """AUC of every column at one moment a client, what chance gives, and how many clients there were."""
    timeline = history.timeline
    labels = risk_labels(timeline, definition, moments)
    within = HORIZONS.index(60)
    ending = definition.endings(timeline).ending[moments.episode]
    last = timeline.took_place.last_at(moments.episode, moments.at)
    seen = (moments.at - last <= RECENT_DAYS * DAY) & (last > 0)
    soon, soon_known = labels.interval <= within, labels.known[:, : within + 1].all(axis=1) & seen
    ever, ever_known = ending == DROPOUT, (ending != ONGOING) & seen
    client = timeline.episodes["client"].to_numpy(np.int64)[moments.episode]
    rng = np.random.default_rng(seed)
    auc: dict[str, float] = {}
    chance, n, events = np.nan, 0, 0
    for y, known in ((soon, soon_known), (ever, ever_known)):
        drawn = _one_a_client(np.flatnonzero(known), client, rng)
        happened = y[drawn]
        if min(happened.sum(), (~happened).sum()) < FEWEST:
            continue
        ranks = _ranks(values.iloc[drawn], happened, client[drawn])
        found = _auc(ranks, happened[:, None].astype(float))[:, 0]
        shuffled = np.column_stack([rng.permutation(happened) for _ in range(SHUFFLES)]).astype(float)
        chance = np.nanmax([chance, _auc(ranks, shuffled).max()])
        for column, value in zip(np.repeat(values.columns, 2), found, strict=True):
            auc[str(column)] = max(auc.get(str(column), 0.0), float(value))
        n, events = max(n, len(drawn)), max(events, int(happened.sum()))
    return auc, float(chance), n, events


def _one_a_client(rows: np.ndarray, client: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    shuffled = rng.permutation(rows)
    _, first = np.unique(client[shuffled], return_index=True)
    return shuffled[first]


def _ranks(values: pd.DataFrame, happened: np.ndarray, client: np.ndarray) -> np.ndarray:
    """Ranks of every column, twice: missing values below all others, and above. Texts count as their rate elsewhere."""
    columns = []
    for name in values:
        column = values[name]
        numbers = _rates(column, happened, client) if column.dtype == object else column.to_numpy(float)
        columns += [np.where(np.isnan(numbers), -np.inf, numbers), np.where(np.isnan(numbers), np.inf, numbers)]
    return np.column_stack([rankdata(column) for column in columns])


def _rates(column: pd.Series, happened: np.ndarray, client: np.ndarray) -> np.ndarray:
    """For each text, the share of dropouts with it in the other half of the clients, drawn towards the rate of all."""
    text = column.fillna("").to_numpy(str)
    half = client % 2
    result = np.full(len(text), happened.mean())
    for part in (0, 1):
        there = half != part
        rate = pd.Series(happened[there].astype(float)).groupby(text[there]).agg(["sum", "size"])
        shrunken = (rate["sum"] + happened.mean()) / (rate["size"] + 1.0)
        result[~there] = pd.Series(text[~there]).map(shrunken).fillna(happened.mean()).to_numpy()
    return result


def _auc(ranks: np.ndarray, y: np.ndarray) -> np.ndarray:
    """AUC by column of ranks (rows) and drawing of y (columns), the larger of both directions (Hanley and McNeil 1982)."""
    events = y.sum(axis=0)
    rest = len(y) - events
    auc = (ranks.T @ y - events * (events + 1) / 2) / (events * rest)
    return np.maximum(auc, 1.0 - auc)


def future_of(history: History, moments: Moments) -> dict[str, np.ndarray]:
    """What lies after each moment, by what it is in words: float64, NaN where there is nothing."""
    timeline, end = history.timeline, np.full(len(moments), history.timeline.extraction)
    total = timeline.took_place.count(moments.episode, end).astype(float)
    so_far = timeline.took_place.count(moments.episode, moments.at)
    client = timeline.episodes["client"].to_numpy(np.int64)
    sessions_of = np.bincount(client[timeline.belongs.session[timeline.belongs.session >= 0]], minlength=client.max() + 1)
    every = np.arange(len(timeline))
    attended_of = np.bincount(client, timeline.took_place.count(every, np.full(len(every), timeline.extraction)))
    closed = timeline.closed[moments.episode]
    last = timeline.took_place.last_at(moments.episode, end)
    ahead = _first_after(timeline.outcomes.position(moments.episode, moments.at), timeline.outcomes, "attended", moments)
    returns = days_to_return(timeline, moments)
    found = {
        "sessions attended in the whole episode": total,
        "sessions attended after the moment": total - so_far,
        "sessions that the client attended in all": attended_of[client[moments.episode]],
        "rows of the client in the table of sessions": sessions_of[client[moments.episode]].astype(float),
        "whether the next session was attended": ahead,
        "days to the next attended session": np.where(np.isinf(returns), np.nan, returns),
        "days to the last attended session": np.where(last > 0, (last - moments.at) / DAY, np.nan),
        "days to the closure": np.where(closed < FOREVER, (closed - moments.at) / DAY, np.nan),
        "days to the end of the tables": (end - moments.at) / DAY,
    }
    for name in timeline.measure_names:
        found[f"the next score of {name}"] = _first_after(
            timeline.measure(name).position(moments.episode, moments.at), timeline.measure(name), "score", moments)
    return found


def _first_after(position: np.ndarray, facts: object, value: str, moments: Moments) -> np.ndarray:
    first, values = facts.first, facts.values  # type: ignore[attr-defined]
    there = position < first[moments.episode + 1]
    result = np.full(len(moments), np.nan)
    if value in values:
        result[there] = values[value][position[there]]
    return result


def _agreeing(history: History, answers: Answers, values: pd.DataFrame, moments: Moments) -> dict[str, str]:
    """Columns that agree with something of the future better than with anything known at the moment."""
    numbers, source = _numbers(values)
    if len(numbers) < FEWEST_ROWS or not len(numbers.columns):
        return {}
    future = future_of(history, moments)
    found: dict[str, tuple[str, float, str]] = {}
    for words, target in future.items():
        for name in map(str, numbers):
            same = _same_order(numbers[name].to_numpy(float), target)
            if same >= SAME and same > found.get(source[name], ("", 0.0, ""))[1]:
                found[source[name]] = (words, same, name)
    if not found:
        return {}
    frame = answers.rows.assign(as_of=times(seconds(answers.rows["as_of"].to_numpy())))
    episodes = history.timeline.episodes[["client_id", "episode_id"]].astype(str).iloc[moments.episode]
    known = OwnFeatures(history)(history, frame.assign(episode_id=episodes["episode_id"].to_numpy()))
    result = {}
    for column, (words, same, name) in found.items():
        mine = numbers[name].to_numpy(float)
        if max(_same_order(mine, known[feature].to_numpy(float)) for feature in known) < same:
            result[column] = words
    return result


def _numbers(values: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
    """Columns as numbers, a text as a flag for each of its levels, and the column that each is made from."""
    columns: dict[str, pd.Series] = {}
    source: dict[str, str] = {}
    for name in map(str, values):
        column = values[name]
        parts = {name: column}
        if column.dtype == object:
            levels = column.dropna().unique()[:MOST_LEVELS]
            parts = {f"{name} = {level}": column.eq(level).astype(float).where(column.notna()) for level in levels}
        columns |= parts
        source |= dict.fromkeys(parts, name)
    return pd.DataFrame(columns, index=values.index), source


def _same_order(one: np.ndarray, other: np.ndarray) -> float:
    """Absolute rank correlation where both are there (Spearman 1904); 0 where that is seldom, or one of them is constant."""
    both = ~np.isnan(one) & ~np.isnan(other)
    if both.sum() < max(FEWEST_ROWS, 0.8 * (~np.isnan(one)).sum()):
        return 0.0
    a, b = rankdata(one[both]), rankdata(other[both])
    if a.std() == 0 or b.std() == 0:
        return 0.0
    return float(abs(np.corrcoef(a, b)[0, 1]))
