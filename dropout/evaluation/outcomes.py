"""What became of those for whom something was predicted: as the history knows it, or as the user says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from dropout.endings import Definition
from dropout.errors import CallError
from dropout.evaluation.baselines import BASELINES, baselines_by_fold
from dropout.evaluation.cases import KEY, cases_at
from dropout.evaluation.censoring import by_horizon, checked_outcomes
from dropout.evaluation.forecasts import Forecasts
from dropout.evaluation.predictions import Read, dates, no_name_twice, none_missing
from dropout.history import History
from dropout.timeline import Moments, seconds
from dropout.timeline.facts import sort_key

SITE = "clinic_id"

READ_BY_BASELINES = [one.column for one in BASELINES if one.column is not None and not one.of_cancellation]


def with_given_outcomes(read: Read, outcomes: pd.DataFrame | None) -> Read:
    """The predictions with `time` and `event` from their own columns, or from a frame of outcomes with the same keys."""
    frame = read.frame
    if outcomes is not None:
        if not isinstance(outcomes, pd.DataFrame):
            raise CallError(f"outcomes are a DataFrame with client_id, 'time' and 'event'; this is a {type(outcomes).__name__}")
        no_name_twice(outcomes, "outcomes")
        key = [name for name in KEY if name in outcomes and name in frame]
        missing = [name for name in ("time", "event") if name not in outcomes]
        if missing or "client_id" not in key:
            raise CallError("outcomes are a frame with client_id (and episode_id, as_of where predictions have them), "
                            f"'time' and 'event'; missing: {', '.join([*missing, *({'client_id'} - set(key))])}")
        given = outcomes[[*key, "time", "event"]].copy()
        for name in key:
            none_missing(given, name)
            given[name] = dates(given[name]) if name == "as_of" else given[name].astype(str)
        if given.duplicated(key).any():
            raise CallError(f"outcomes repeat the same {', '.join(key)} in {int(given.duplicated(key).sum()):,} rows; "
                            "give one outcome for each")
        frame = frame.drop(columns=[name for name in ("time", "event") if name in frame])
        frame = frame.merge(given, how="left", on=key, validate="many_to_one")
        without = int(frame["event"].isna().sum())
        if without:
            raise CallError(f"{without:,} of {len(frame):,} predictions have no row in outcomes (joined on "
                            f"{', '.join(key)}); leave them out, or give them time and event (event 0: censored)")
    missing = [name for name in ("time", "event") if name not in frame]
    if missing:
        raise CallError(f"predictions have no column '{missing[0]}', and there is no history to tell what became of "
                        "them. Give the history, or columns 'time' (days to the ending, or for as long as they were "
                        "followed) and 'event' (0 censored, 1 dropout, 2 another ending)")
    time, event = checked_outcomes(frame["time"].to_numpy(), frame["event"].to_numpy())
    return replace(read, frame=frame.assign(time=time, event=event))


def with_known_outcomes(read: Read, history: History, definition: Definition) -> Read:
    """The predictions with what the history knows of their outcomes, and what trivial baselines would read.

    Rows about which there is nothing to predict are left out, and the notes say how many.

    Raises
    ------
    CallError
        If there is no `as_of`, the history does not have a client or an episode, or no row is left.
    """
    if "as_of" not in read.frame:
        raise CallError("predictions need a column 'as_of', the date or time at which each was made: outcomes are "
                        "counted from there")
    episode = _episodes(read.frame, history)
    timeline = history.timeline
    at = seconds(read.frame["as_of"].to_numpy("datetime64[s]"))
    beyond = at > timeline.extraction
    is_open = (episode >= 0) & (timeline.begins[episode] <= at) & (timeline.closed[episode] > at)
    notes = [*read.notes]
    _say(notes, int(beyond.sum()), len(read.frame), f"made after the history ends ({history.known_until})")
    _say(notes, int((~is_open & ~beyond).sum()), len(read.frame), "the episode had not begun or was already closed then")
    rows = np.flatnonzero(is_open & ~beyond)
    if not len(rows):
        raise CallError(f"in none of {len(read.frame):,} rows was an episode of the client open at 'as_of', by the end of the "
                        f"history ({history.known_until}); check the dates")
    found = cases_at(history, definition, Moments(episode[rows], at[rows]))
    names = timeline.episodes["episode_id"].to_numpy(object)[episode[rows]]
    mine = read.take(rows)
    keys = mine.frame[["as_of", "client_id"]].assign(episode_id=pd.array(names, dtype="str"), row=np.arange(len(rows)))
    keys = keys.astype({"client_id": "str", "as_of": "datetime64[s]"})
    joined = keys.merge(found, on=KEY, how="inner", validate="one_to_one").sort_values("row", ignore_index=True)
    for why, n in found.attrs["left_out"].items():
        _say(notes, n, len(read.frame), why)
    followed = joined["time"].notna().to_numpy()
    _say(notes, int((~followed).sum()), len(read.frame),
         f"made less than {definition.maturity_days} days before the history ends, too late for any outcome")
    joined = joined[followed]
    if not len(joined):
        raise CallError(f"nothing is known yet of what became of any of the {len(read.frame):,} predictions: "
                        f"{' '.join(notes)}")
    kept = mine.take(joined["row"].to_numpy())
    own = [name for name in ("clinic_id", *READ_BY_BASELINES) if name not in kept.frame]
    columns = ["time", "event", *own]
    frame = kept.frame.drop(columns=["time", "event"], errors="ignore").assign(
        **{name: joined[name].to_numpy() for name in columns})
    return replace(kept, frame=frame, notes=notes)


def forecasts_of(read: Read, horizons: tuple[float, ...], seed: int) -> Forecasts:
    """The predictors and, beside them, the trivial baselines whose columns are there, for these rows.

    Each third of the clients gets baselines fitted on the outcomes of the others, weighted for censoring.
    """
    frame = read.frame
    wanted = [BASELINES[0].name, *(one.name for one in BASELINES[1:] if one.column in usable_columns(frame))]
    baselines: dict[str, list[np.ndarray]] = {name: [] for name in wanted}
    for horizon in horizons:
        y, weight = by_horizon(frame["time"].to_numpy(), frame["event"].to_numpy(), horizon)
        known = np.nan_to_num(weight) > 0
        answers = frame[["client_id", *usable_columns(frame)]].assign(y=np.where(known, y, np.nan), weight=weight)
        p = baselines_by_fold(answers, "y", wanted, seed, weight="weight")
        for name in wanted:
            # Where nothing is known by a horizon it is not measured either, whatever stands here.
            baselines[name].append(p[name].fillna(0.5).to_numpy())
    return Forecasts(frame["client_id"].to_numpy(object), frame["time"].to_numpy(), frame["event"].to_numpy(),
                     horizons, read.p | {name: np.column_stack(columns) for name, columns in baselines.items()})


def usable_columns(frame: pd.DataFrame) -> list[str]:
    """Columns that baselines read and that have a number that can be theirs in every row."""
    return [name for name in READ_BY_BASELINES if name in frame and pd.api.types.is_numeric_dtype(frame[name])
            and frame[name].between(0.0, np.inf if name.startswith("days_") else 1.0, inclusive="both").all()
            and np.isfinite(frame[name].to_numpy(float)).all()]


def sites(frame: pd.DataFrame, column: str = SITE) -> list[tuple[str, np.ndarray]]:
    """Each site, or value of another column, with the positions of its rows; none where all rows share one value."""
    if column not in frame:
        return []
    names = frame[column].astype("str").fillna("").replace("", "not known").to_numpy(object)
    found = [(str(name), np.flatnonzero(names == name)) for name in sorted(set(names))]
    return found if len(found) > 1 else []


def _episodes(frame: pd.DataFrame, history: History) -> np.ndarray:
    """Position of the episode of each row; without `episode_id` the latest that had begun by then, -1 for none."""
    episodes = history.timeline.episodes
    known = pd.Index(episodes["client_id"].astype(str).unique())
    unknown = ~frame["client_id"].isin(known).to_numpy()
    if "episode_id" in frame:
        pairs = pd.MultiIndex.from_arrays([episodes["client_id"].astype(str), episodes["episode_id"].astype(str)])
        place = pairs.get_indexer(pd.MultiIndex.from_arrays([frame["client_id"], frame["episode_id"]]))
        unknown = place < 0
    if unknown.any():
        what = "client_id and episode_id" if "episode_id" in frame else "client_id"
        raise CallError(f"{int(unknown.sum()):,} of {len(frame):,} rows have a {what} that the history does not have "
                        f"(first: row {int(np.argmax(unknown)) + 1}). Write the ids as the tables have them, or leave "
                        "those rows out")
    if "episode_id" in frame:
        return place.astype(np.int64)
    client = known.get_indexer(pd.Index(episodes["client_id"].astype(str))).astype(np.int64)
    begins = history.timeline.begins
    order = np.lexsort((begins, client))
    mine = known.get_indexer(pd.Index(frame["client_id"])).astype(np.int64)
    at = seconds(frame["as_of"].to_numpy("datetime64[s]"))
    position = np.searchsorted(sort_key(client, begins)[order], sort_key(mine, at), side="right") - 1
    found = order[np.maximum(position, 0)]
    return np.where((position >= 0) & (client[found] == mine), found, -1)


def _say(notes: list[str], n: int, of: int, why: str) -> None:
    if n:
        notes.append(f"Left out: {n:,} of {of:,} rows, {why}.")
