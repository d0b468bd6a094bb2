"""Baseline covariates: every extra column of `clients` and `episodes`, as numbers.

What a person is like when they come. They may inform a probability; they are never given as a reason for it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from dropout.features.feature import Columns, Feature, Group
from dropout.tables.kinds import TRUTHS
from dropout.timeline import Moments, Timeline, times
from dropout.timeline.membership import EPISODE_COLUMNS

NOT_COVARIATES = {"client_id", "row", "client", "recorded", "begins_at", *EPISODE_COLUMNS}

BIRTH_YEAR = ("clients", "birth_year")

MOST_LEVELS = 20
"""A text column with more levels than this is taken for names or notes, not a category."""

FEWEST_CLIENTS = 20
"""A level is learnt only if at least so many clients have it, so that none can point at a person."""


@dataclass(frozen=True)
class Covariates:
    """Which columns are covariates, and how each is read.

    Attributes
    ----------
    numbers : tuple of (table, column)
        Columns read as they are (booleans as 0 and 1).
    levels : dict of (table, column) to tuple of str
        Categories, with the levels that enough clients have. Any other level gives 0 for all of them.
    left_out : dict of str to str
        Columns that are no covariates, and why.
    """

    numbers: tuple[tuple[str, str], ...] = ()
    levels: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def covariates(timeline: Timeline, exclude: Collection[str] = ()) -> Covariates:
    """The covariates that these tables offer.

    Parameters
    ----------
    timeline : Timeline
    exclude : names of columns to leave out
    """
    numbers, levels, left_out = [], {}, {}
    client = timeline.episodes["client"].to_numpy(np.int64)
    for table, column, values in _extra_columns(timeline):
        if column in exclude:
            left_out[column] = "excluded"
        elif _is_number(values):
            numbers.append((table, column))
        elif pd.api.types.is_datetime64_any_dtype(values):
            left_out[column] = f"{table}.{column} is a time; give the days since something instead"
        else:
            found = values.dropna().astype(str)
            clients_of = pd.Series(client[values.notna().to_numpy()]).groupby(found.to_numpy(object)).nunique()
            if not 1 <= len(clients_of) <= MOST_LEVELS:
                left_out[column] = f"{table}.{column} is neither a number nor a category of at most {MOST_LEVELS} levels"
            else:
                levels[table, column] = tuple(sorted(clients_of.index[clients_of >= FEWEST_CLIENTS]))
    return Covariates(tuple(numbers), levels, left_out)


def group(chosen: Covariates) -> Group:
    """The features that these covariates give; a category gives one 0/1 feature a level."""
    features = []
    for table, column in chosen.numbers:
        if (table, column) == BIRTH_YEAR:
            features.append(Feature("age", "age in years, from the year of birth", "years", "clients"))
        else:
            features.append(Feature(f"{table}.{column}", f"`{column}` of {table} as given", "as given", table))
    for (table, column), names in chosen.levels.items():
        features += [Feature(f"{table}.{column} = {level}", f"`{column}` of {table} is '{level}'", "0 or 1", table, "flag")
                     for level in names]
    return Group("baseline", tuple(features), chosen.left_out)


def compute(timeline: Timeline, moments: Moments, chosen: Covariates) -> Columns:
    """Covariates of the client and the episode at each moment; NaN where the tables no longer have a column."""
    there = {(table, column): values for table, column, values in _extra_columns(timeline)}
    nothing = pd.Series(np.nan, index=range(len(timeline)))
    # A row of `episodes` is known from its opening; a client, with anything known of them.
    known = {"clients": np.ones(len(moments), dtype=bool), "episodes": timeline.recorded_at[moments.episode] <= moments.at}
    columns: Columns = {}
    for table, column in chosen.numbers:
        value = np.where(known[table], _as_numbers(there.get((table, column), nothing))[moments.episode], np.nan)
        if (table, column) == BIRTH_YEAR:
            columns["age"] = _year(moments.at) - value
        else:
            columns[f"{table}.{column}"] = value
    for (table, column), names in chosen.levels.items():
        values = there.get((table, column), nothing)
        missing = values.isna().to_numpy()
        codes, found = pd.factorize(values.astype(object))
        keys = np.array([_reading(value) for value in found] + [None], dtype=object)[codes]
        for level in names:
            flag = np.where(missing, np.nan, keys == _reading(level)).astype(float)[moments.episode]
            columns[f"{table}.{column} = {level}"] = np.where(known[table], flag, np.nan)
    return columns


def _year(at: np.ndarray) -> np.ndarray:
    """Calendar year of each second."""
    return times(at).astype("datetime64[Y]").astype(np.int64) + 1970.0


def _reading(value: object) -> object:
    """A value as a number where it can be read as one, else as text.

    A column that holds numbers alone comes as numbers, though in training it may have held words too.
    """
    text = str(value).strip()
    if text.lower() in TRUTHS:
        return TRUTHS[text.lower()]
    if re.match(r"[+-]?0\d", text):
        return text
    try:
        return float(text)
    except ValueError:
        return text


def not_learnt(timeline: Timeline, chosen: Covariates, exclude: Collection[str] = ()) -> list[str]:
    """What these tables have that a model with the chosen covariates does not know, in words."""
    found = []
    used = {*chosen.numbers, *chosen.levels}
    for table, column, values in _extra_columns(timeline):
        if (table, column) in chosen.levels:
            learnt = {_reading(level) for level in chosen.levels[table, column]}
            strangers = ~values.dropna().map(_reading).isin(learnt)
            if strangers.any():
                found.append(f"{table}.{column} has levels that training did not have, or too rarely, in "
                             f"{int(strangers.sum()):,} episodes")
        elif (table, column) not in used and column not in exclude and column not in chosen.left_out:
            found.append(f"{table}.{column} was not in training and is not used")
    return found


def _extra_columns(timeline: Timeline) -> Iterator[tuple[str, str, pd.Series]]:
    """Each candidate column as (table, column, one value per episode)."""
    tables, episodes = timeline.tables, timeline.episodes
    if tables.clients is not None:
        by_client = tables.clients.set_index(tables.clients["client_id"].astype(object))
        by_client = by_client.reindex(timeline.belongs.clients)
        client = episodes["client"].to_numpy(np.int64)
        for column in sorted(set(by_client.columns) - NOT_COVARIATES):
            yield "clients", column, by_client[column].iloc[client].reset_index(drop=True)
    for column in sorted(set(episodes.columns) - NOT_COVARIATES):
        yield "episodes", column, episodes[column].reset_index(drop=True)


def _is_number(values: pd.Series) -> bool:
    if pd.api.types.is_bool_dtype(values) or pd.api.types.is_numeric_dtype(values):
        return True
    text = set(values.dropna().astype(str).str.strip().str.lower().unique())
    return bool(text) and text <= {"true", "false"}


def _as_numbers(values: pd.Series) -> np.ndarray:
    if pd.api.types.is_bool_dtype(values) or pd.api.types.is_numeric_dtype(values):
        return values.to_numpy(float, na_value=np.nan)
    lowered = values.astype(object).astype(str).str.strip().str.lower()
    return pd.to_numeric(lowered.replace({"true": "1", "false": "0"}), errors="coerce").to_numpy(float)
