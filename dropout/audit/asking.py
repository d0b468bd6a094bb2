"""Asking for features: a user's function or frame in its three forms, and what is wrong with an answer."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dropout.errors import CallError
from dropout.features.baseline import Covariates
from dropout.features.sessions import SHOWN, session_features
from dropout.features.table import feature_table
from dropout.features.view import Evidence
from dropout.history import History
from dropout.tables import TABLES
from dropout.timeline import Moments, seconds

AT_MOMENTS, OF_HISTORY, FRAME = "features(history, moments)", "features(history)", "a fixed frame"
KEYS = ("client_id", "episode_id", "session_id", "as_of")
OUR_COLUMNS = {name for table in TABLES.values() for name in table.names}
MISSING = -1


class OwnFeatures:
    """The package's own features at given moments, with the questionnaires and covariates of one history."""

    def __init__(self, history: History) -> None:
        evidence = Evidence.of(history.timeline)
        self.measures: tuple[str, ...] = evidence.measures
        self.covariates: Covariates = evidence.covariates

    def __call__(self, history: History, moments: pd.DataFrame) -> pd.DataFrame:
        """One row per moment, one column per feature (see `features.table.feature_table`)."""
        evidence = Evidence(history.timeline, self.measures, self.covariates)
        asked = positions(history, moments)
        values = feature_table(evidence, asked).values
        values.loc[asked.episode == MISSING] = np.nan
        return values


@dataclass(frozen=True)
class Answers:
    """What features said: `rows` with client_id, as_of and, where known, episode_id and session_id; `values` beside it."""

    rows: pd.DataFrame
    values: pd.DataFrame

    def take(self, which: np.ndarray) -> Answers:
        """The answers at these positions (or where this mask is true)."""
        return Answers(self.rows.iloc[which] if which.dtype != bool else self.rows[which],
                       self.values.iloc[which] if which.dtype != bool else self.values[which])

    def index(self) -> pd.MultiIndex:
        """The keys of each row."""
        return pd.MultiIndex.from_frame(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Asking:
    """Features that can be asked about a history.

    Attributes
    ----------
    form : one of `AT_MOMENTS`, `OF_HISTORY`, `FRAME`
    name : str
        What the report calls them.
    """

    form: str
    name: str
    source: Any
    time: str
    ignore: tuple[str, ...]

    def of(self, history: History, moments: pd.DataFrame | None, which: str) -> Answers:
        """What the features say of a history.

        Parameters
        ----------
        history : History
        moments : DataFrame or None
            client_id, episode_id, as_of; needed where the function takes moments.
        which : str
            The history in words, for errors: "the whole history".

        Raises
        ------
        CallError
            If the function raises, or what it returns is no frame with one row per moment.
        """
        if self.form == AT_MOMENTS:
            assert moments is not None
            found = self._called(which, history, moments.copy())
            return _at_moments(_checked(found, which), moments, self.time, self.ignore)
        found = self.source if self.form == FRAME else self._called(which, history)
        return _of_history(_checked(found, which), self.time, self.ignore)

    def _called(self, which: str, *arguments: Any) -> Any:
        try:
            return self.source(*arguments)
        except (Exception, SystemExit) as wrong:
            # The last line of the function's own file: what lies beneath it is a library's.
            frames = list(traceback.extract_tb(wrong.__traceback__))[1:]
            own = [frame for frame in frames if frame.filename == frames[0].filename]
            place = f" (line {own[-1].lineno})" if own else ""
            # Of what it says only the name of a column of ours: the rest may hold anything.
            if isinstance(wrong, KeyError) and str(wrong.args[0] if wrong.args else "") in OUR_COLUMNS:
                place += f" for want of a column '{wrong.args[0]}'"
            raise CallError(
                f"features raised {type(wrong).__name__}{place} on {which}. It is called with the "
                "history as it was at several dates, in which later rows, and tables that were still empty, are absent: it must "
                "work there too") from wrong


def asking(features: Any, history: History, time: str, ignore: Collection[str]) -> Asking:
    """How to ask for these features: the package's own where None is given.

    Raises
    ------
    CallError
        If `features` is neither a function of (history) or (history, moments) nor a frame.
    """
    ignored = (ignore,) if isinstance(ignore, str) else tuple(ignore)
    if features is None:
        return Asking(AT_MOMENTS, "the package's own features", OwnFeatures(history), time, ignored)
    if isinstance(features, pd.DataFrame):
        return Asking(FRAME, f"a frame of {features.shape[1]:,} columns", features, time, ignored)
    if not callable(features):
        raise CallError(f"features is a {type(features).__name__}; expected a function features(history, moments) or "
                        "features(history), or a data frame with client_id and as_of")
    name = str(getattr(getattr(features, "func", features), "__name__", type(features).__name__))
    if getattr(features, "func", features) is session_features:
        # Shown beside its features for reading: what became of a session is what the features don't know.
        ignored += SHOWN[1:]
    return Asking(AT_MOMENTS if _takes_moments(features) else OF_HISTORY, name, features, time, ignored)


def _takes_moments(function: Callable[..., Any]) -> bool:
    """Whether a second argument must be given, or is called `moments`."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return True
    placed = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = [p for p in placed if p.default is p.empty]
    if len(needed) > 2 or not (placed or any(p.kind is p.VAR_POSITIONAL for p in parameters)):
        raise CallError(f"features needs {len(needed)} arguments; expected features(history, moments) or features(history)")
    return len(needed) == 2 or (len(placed) > 1 and placed[1].name == "moments")


def _checked(found: Any, which: str) -> pd.DataFrame:
    if not isinstance(found, pd.DataFrame):
        raise CallError(f"features returned a {type(found).__name__} on {which}; expected a data frame with one row per moment")
    repeated = sorted({str(name) for name in found.columns[found.columns.duplicated()]})
    if repeated:
        raise CallError(f"features returned several columns called {', '.join(repeated)}; give each a name of its own")
    return found.set_axis([str(name) for name in found.columns], axis=1)


def _at_moments(found: pd.DataFrame, moments: pd.DataFrame, time: str, ignore: Collection[str]) -> Answers:
    """Answers in the order of the moments: by keys where they are given back, else by position."""
    keys = [name for name in ("client_id", "episode_id", "as_of") if name in moments]
    named = _with_times(found.rename(columns={time: "as_of"}), time)
    given = [name for name in keys if name in named]
    if {"client_id", "as_of"} <= set(given):
        wanted = pd.MultiIndex.from_frame(_keys(moments, given))
        there = pd.MultiIndex.from_frame(_keys(named, given))
        if there.has_duplicates:
            raise CallError("features returned several rows for one moment; expected one row per moment")
        place = there.get_indexer(wanted)
        lost = int((place == MISSING).sum())
        if lost:
            raise CallError(f"features returned no row for {lost:,} of {len(moments):,} moments; expected one row per moment, "
                            "with missing values where nothing is known")
        named = named.iloc[place]
    elif len(named) != len(moments):
        raise CallError(f"features returned {len(named):,} rows for {len(moments):,} moments; expected one row per moment, "
                        "in the same order or with client_id and as_of")
    rows = _keys(moments, keys)
    return Answers(rows, _values(named.reset_index(drop=True), rows["as_of"], ignore))


def _of_history(found: pd.DataFrame, time: str, ignore: Collection[str]) -> Answers:
    missing = [name for name in ("client_id", time) if name not in found]
    if missing:
        raise CallError(f"the features have no column {' and no column '.join(missing)}; expected client_id, the moment of each "
                        "row (as_of, or time=...), episode_id where a client may have several, and the features")
    named = _with_times(found.rename(columns={time: "as_of"}), time)
    named = named[named["as_of"].notna().to_numpy()]
    rows = _keys(named, [name for name in KEYS if name in named])
    single = ~rows.duplicated(keep=False).to_numpy()
    rows = rows[single].reset_index(drop=True)
    if not len(rows):
        raise CallError("the features have no rows that differ in client_id and as_of")
    return Answers(rows, _values(named[single].reset_index(drop=True), rows["as_of"], ignore))


def _with_times(named: pd.DataFrame, time: str) -> pd.DataFrame:
    """The frame with `as_of`, where it has one, as times; CallError where that holds none."""
    if "as_of" not in named:
        return named
    try:
        at = pd.to_datetime(named["as_of"])
    except (ValueError, TypeError) as wrong:
        raise CallError(f"the column {time} does not hold times") from wrong
    if not pd.api.types.is_datetime64_dtype(at):
        raise CallError(f"the column {time} does not hold the clinic's local time (it has a time zone); use tz_localize(None)")
    return named.assign(as_of=at)


def _keys(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    keys = {name: frame[name].astype("datetime64[s]") if name == "as_of" else frame[name].astype(object).astype(str)
            for name in names}
    return pd.DataFrame(keys).reset_index(drop=True)


def _values(found: pd.DataFrame, at: pd.Series, ignore: Collection[str]) -> pd.DataFrame:
    """Features as float64 or text; a time becomes the days from it to the moment."""
    values = {}
    for name in found.columns:
        if name not in KEYS and name not in ignore:
            values[name] = _as_values(found[name], at)
    if not values:
        raise CallError("there is no column left beside client_id, episode_id, session_id and as_of: nothing to audit")
    return pd.DataFrame(values)


def _as_values(column: pd.Series, at: pd.Series) -> pd.Series:
    if pd.api.types.is_complex_dtype(column):
        raise CallError(f"the column {column.name} holds complex numbers; an audit compares real numbers, times and texts")
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return column.astype("Float64").astype("float64")
    if pd.api.types.is_datetime64_dtype(column):
        return (at - column).dt.total_seconds() / 86_400
    if pd.api.types.is_timedelta64_dtype(column):
        return column.dt.total_seconds() / 86_400
    as_numbers = pd.to_numeric(column.astype(object), errors="coerce")
    if (as_numbers.notna() | column.isna()).all():
        return as_numbers.astype("float64")
    text = column.astype(object)
    return text.where(text.isna(), text.astype(str))


def positions(history: History, rows: pd.DataFrame) -> Moments:
    """The moments of rows in the history's timeline; episode -1 where it has no such episode.

    Without `episode_id`, a row is of the client's episode that had begun last by then, else of the first.
    """
    timeline = history.timeline
    at = seconds(rows["as_of"].to_numpy())
    if "episode_id" in rows:
        there = pd.MultiIndex.from_frame(timeline.episodes[["client_id", "episode_id"]].astype(str))
        return Moments(there.get_indexer(pd.MultiIndex.from_frame(rows[["client_id", "episode_id"]].astype(str))), at)
    asked = pd.DataFrame({"client_id": rows["client_id"].astype(str).to_numpy(), "at": at, "row": np.arange(len(rows))})
    begun = pd.DataFrame({"client_id": timeline.episodes["client_id"].astype(str).to_numpy(), "at": timeline.begins,
                          "episode": np.arange(len(timeline))}).sort_values("at")
    found = pd.merge_asof(asked.sort_values("at"), begun, on="at", by="client_id").sort_values("row")["episode"]
    first = begun.drop_duplicates("client_id").set_index("client_id")["episode"]
    filled = found.fillna(asked["client_id"].map(first).set_axis(found.index)).fillna(MISSING)
    return Moments(filled.to_numpy(np.int64), at)
