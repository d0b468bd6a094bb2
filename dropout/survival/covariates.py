"""Covariates of stretches of care: features read as a session starts, and columns of clients and episodes as they are."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from difflib import get_close_matches

import numpy as np
import pandas as pd

from dropout.errors import CallError
from dropout.features.table import feature_table
from dropout.features.view import Evidence
from dropout.timeline import Moments, Timeline
from dropout.timeline.membership import EPISODE_COLUMNS

AFTERWARDS = {"closed_at", "closure_reason", "ending_discussed_at"}
"""Columns of `episodes` that are filled in later than the time at risk begins."""

INTERNAL = {"client_id", "episode_id", "client", "recorded", "begins_at", "row"}


@dataclass(frozen=True)
class Columns:
    """The covariates that were asked for.

    Attributes
    ----------
    features : tuple of str
        Features, which change from session to session.
    given : dict of str to Series
        Columns as they are, one value per episode.
    """

    timeline: Timeline = field(repr=False)
    features: tuple[str, ...]
    given: dict[str, pd.Series]
    order: tuple[str, ...]

    def of_episodes(self, episode: np.ndarray) -> dict[str, pd.Series]:
        """The columns as they are, for these episodes."""
        return {name: values.iloc[episode].reset_index(drop=True) for name, values in self.given.items()}

    def at(self, episode: np.ndarray, at: np.ndarray) -> dict[str, pd.Series]:
        """All covariates at these moments, in the order in which they were asked for."""
        table = feature_table(Evidence.of(self.timeline), Moments(episode, at)).values
        found = self.of_episodes(episode) | {name: table[name] for name in self.features}
        return {name: found[name] for name in self.order}


def covariate_columns(timeline: Timeline, names: Collection[str]) -> Columns:
    """The covariates of these names: a column of clients or episodes where there is one of the name, else a feature.

    Raises
    ------
    CallError
        If there is neither, or the column is only known after the time at risk has begun.
    """
    if isinstance(names, str):
        raise CallError(f"covariates is the text {names!r}; expected a list of names, like [{names!r}]")
    if not isinstance(names, Collection) or not all(isinstance(name, str) for name in names):
        raise CallError(f"covariates is {names!r}; expected a list of names, like ['no_show_rate']")
    names = tuple(dict.fromkeys(names))
    given = {name: _column(timeline, name) for name in names}
    found = {name: values for name, values in given.items() if values is not None}
    others = [name for name in names if name not in found]
    if others:
        # One moment is enough to learn which features these tables give.
        nothing = Moments(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
        table = feature_table(Evidence.of(timeline), nothing)
        for name in others:
            if name in table.left_out:
                raise CallError(f"these tables cannot give the covariate '{name}': {table.left_out[name]}")
            if name not in table.values:
                near = get_close_matches(name, [*table.values, *_offered(timeline)], n=3)
                hint = f"did you mean {' or '.join(near)}?" if near else "docs/features.md lists the features"
                raise CallError(f"'{name}' is neither a feature nor a column of clients or episodes; {hint}")
    return Columns(timeline, tuple(others), found, names)


def _column(timeline: Timeline, name: str) -> pd.Series | None:
    """One value per episode of a column of `clients` or `episodes`, by its name with or without that of its table."""
    table, _, column = name.rpartition(".")
    if table in ("", "episodes") and column in timeline.episodes and column not in INTERNAL:
        if column in AFTERWARDS:
            raise CallError(f"'{name}' is filled in after the time at risk has begun; as a covariate it would tell the "
                            "ending. Use something that was known at the start")
        values = timeline.episodes[column]
        if values.notna().any() or column not in EPISODE_COLUMNS:
            return values.reset_index(drop=True)
    clients = timeline.tables.clients
    if table in ("", "clients") and clients is not None and column in clients and column not in INTERNAL:
        by_client = clients.set_index(clients["client_id"].astype(object))[column].reindex(timeline.belongs.clients)
        return by_client.iloc[timeline.episodes["client"].to_numpy(np.int64)].reset_index(drop=True)
    return None


def _offered(timeline: Timeline) -> list[str]:
    clients = timeline.tables.clients
    return sorted({*timeline.episodes, *(() if clients is None else clients)} - INTERNAL - AFTERWARDS)
