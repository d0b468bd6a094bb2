"""The probes: the same features asked of the history cut, changed, moved and renamed, compared value by value."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from dropout.audit.asking import AT_MOMENTS, Answers, Asking
from dropout.audit.futures import (
    DATED,
    PLANTED,
    changed,
    extra_columns,
    other_names,
    others_cut,
    shifted,
)
from dropout.errors import CallError
from dropout.features.moments import open_at
from dropout.history import History
from dropout.timeline import seconds, times

ROWS_AT_ONCE = 400
"""Rows compared at one date: those with the latest moments."""

EPISODES_AT_ONCE = 150
"""Open episodes asked about on one date."""

SHIFT_DAYS = -420
"""Sixty weeks back: week days stay, seasons and years don't, and no date comes to lie in the future."""

CHANGED_DATES = 3
"""Dates at which futures are changed."""

TOLERANCE = 1e-6
"""Relative difference below which two numbers are the same: sums in another order differ in their last digits."""


@dataclass(frozen=True)
class Found:
    """What the probes saw.

    Attributes
    ----------
    answers : Answers
        Of the whole history.
    counts : dict of probe to dict of column to [rows that differ, rows compared]
    surfaced : dict of column to int
        Rows in which the planted value came up.
    pairs : dict of column to list of DataFrame
        For columns that differed when the history was cut: `whole`, `cut` and `at`, one frame a date.
    edge : dict of column to [rows that differ, rows compared]
        Among the rows whose moment is the very time at which the history was cut, where a leak of any reach shows.
    absent : dict of column to int
        Dates at which a column was not there when the history was cut.
    rows : [rows that are not there when the history is cut, rows looked for]
    dates : array of datetime64
        When the history was cut.
    """

    answers: Answers
    dates: np.ndarray
    counts: dict[str, dict[str, list[int]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(lambda: [0, 0])))
    surfaced: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    pairs: dict[str, list[pd.DataFrame]] = field(default_factory=lambda: defaultdict(list))
    edge: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    absent: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    rows: list[int] = field(default_factory=lambda: [0, 0])

    def differs(self, probe: str, column: str) -> int:
        """Rows in which a column differed under a probe."""
        return self.counts[probe][column][0] if column in self.counts.get(probe, {}) else 0

    def compared(self, probe: str, column: str) -> int:
        """Rows of a column compared under a probe."""
        return self.counts[probe][column][1] if column in self.counts.get(probe, {}) else 0


def moments_of(history: History, n_dates: int, seed: int) -> pd.DataFrame:
    """Moments to ask about: episodes open on a few dates, spread over the sessions; client_id, episode_id, as_of."""
    timeline, rng = history.timeline, np.random.default_rng(seed)
    parts = []
    for at in _spread(timeline.outcomes.at, n_dates):
        moments = open_at(timeline, at)
        # A nameless episode may get another name later; one that nothing was heard of is in no table yet.
        known = history.as_of(times(np.array([at]))[0]).timeline.episodes
        there = pd.MultiIndex.from_frame(known[["client_id", "episode_id"]].astype(str))
        named = pd.MultiIndex.from_frame(timeline.episodes[["client_id", "episode_id"]].astype(str))
        moments = moments.take(named.isin(there)[moments.episode])
        if len(moments) > EPISODES_AT_ONCE:
            moments = moments.take(np.sort(rng.choice(len(moments), EPISODES_AT_ONCE, replace=False)))
        episodes = timeline.episodes[["client_id", "episode_id"]].iloc[moments.episode].reset_index(drop=True)
        parts.append(episodes.astype(str).assign(as_of=times(moments.at)))
    found = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["client_id", "episode_id", "as_of"])
    if not len(found):
        raise CallError("the history is too short for an audit: there is no date with an open episode before its end")
    return found


def _spread(at: np.ndarray, n: int) -> list[int]:
    """Up to `n` of these seconds, evenly through their middle and late part, none the last."""
    if not len(at):
        return []
    quantiles = np.quantile(at, np.linspace(0.3, 0.92, n), method="lower")
    return sorted({int(t) for t in quantiles if t < at.max()})


def _busiest(at: np.ndarray, n: int) -> list[int]:
    """As `_spread`, but the seconds near it at which most rows have their moment: only those rows stand at the edge of a cut."""
    kinds, rows = np.unique(at, return_counts=True)
    ends = np.searchsorted(kinds, [*_spread(at, n), at.max()])
    return [int(kinds[begin + rows[begin:end].argmax()]) for begin, end in zip(ends[:-1], ends[1:], strict=True) if begin < end]


def probe(
    history: History, asked: Asking, moments: pd.DataFrame, n_dates: int, seed: int, step: Callable[[str], None]
) -> Found:
    """What each probe does to each column.

    Parameters
    ----------
    history : History
    asked : Asking
    moments : DataFrame
        As `moments_of` gives them; not used where the features bring their own.
    n_dates : int
        Dates at which the history is cut.
    seed : int
    step : function
        Called with the name of each probe before it.

    Raises
    ------
    CallError
        If the features raise, change the tables, or are not the same when they are asked twice.
    """
    step("the whole history")
    before = _fingerprint(history)
    answers = asked.of(history, moments, "the whole history")
    if _fingerprint(history) != before:
        raise CallError("features changed the tables that it was given; let it work on a copy (frame.copy())")
    _check_repeatable(answers, asked.of(history, moments, "the whole history"))
    at = seconds(answers.rows["as_of"].to_numpy())
    dates = times(np.array(_busiest(at, n_dates) if asked.form != AT_MOMENTS else np.unique(at), dtype=np.int64))
    dates = dates[dates < history.known_until]
    if not len(dates):
        raise CallError("all rows of the features have one and the same time: there is nothing to cut between")
    found = Found(answers, dates)
    if asked.form == AT_MOMENTS:
        step("other rows beside them")
        half = moments.iloc[::2].reset_index(drop=True)
        _compare(found, "batch", answers, asked.of(history, half, "half of the moments"))
    for when in dates:
        step("cut at the moment")
        _cut(history, asked, found, when)
    some = dates[np.unique(np.linspace(0, len(dates) - 1, CHANGED_DATES).round().astype(int))]
    clients = np.array(sorted(set(history.sessions["client_id"])))
    for k, when in enumerate(some):
        step("another future")
        _change(history, asked, found, "future", when, DATED, seed + k)
        step("another future of other clients")
        mine = set(np.random.default_rng(seed + k).permutation(clients)[: max(len(clients) // 2, 1)])
        near = _near(found.answers, when, mine)
        if len(near):
            other = asked.of(others_cut(history, when, mine), _moments(near), "a history with changed rows")
            _compare(found, "others", near, other)
        if extra_columns(history.tables):
            step("other extra columns")
            _change(history, asked, found, "extras", when, ("extras",), seed + k)
    if any(found.differs(name, column) for name in ("cut", "future") for column in map(str, answers.values)):
        for kind in DATED:
            for k, when in enumerate(some):
                step(f"other {kind}")
                _change(history, asked, found, kind, when, (kind,), seed + k)
    step("other dates")
    _shift(history, asked, found)
    step("other names")
    _rename(history, asked, found, seed)
    return found


def _moments(answers: Answers) -> pd.DataFrame:
    return answers.rows.reset_index(drop=True)


def _near(answers: Answers, when: np.datetime64, clients: set[str] | None = None) -> Answers:
    """The answers at moments no later than a time: the last ones of them."""
    at = answers.rows["as_of"].to_numpy().astype("datetime64[s]")
    chosen = at <= when
    if clients is not None:
        chosen &= answers.rows["client_id"].isin(clients).to_numpy()
    place = np.flatnonzero(chosen)
    return answers.take(place[np.argsort(at[place], kind="stable")][-ROWS_AT_ONCE:])


def _cut(history: History, asked: Asking, found: Found, when: np.datetime64) -> None:
    near = _near(found.answers, when)
    cut = asked.of(history.as_of(when), _moments(near), "the history as known at an earlier date")
    for column in set(map(str, near.values)) - set(map(str, cut.values)):
        found.absent[column] += 1
    place = cut.index().get_indexer(near.index())
    found.rows[0] += int((place < 0).sum())
    found.rows[1] += len(place)
    whole, early = near.take(place >= 0), cut.take(place[place >= 0])
    at_the_cut = whole.rows["as_of"].to_numpy().astype("datetime64[s]") == when
    for column, differs in _compare(found, "cut", near, cut).items():
        found.edge[column][0] += int((differs & at_the_cut).sum())
        found.edge[column][1] += int(at_the_cut.sum())
        if differs.any():
            found.pairs[column].append(pd.DataFrame({
                "whole": whole.values[column].to_numpy(), "cut": early.values[column].to_numpy(),
                "at": seconds(whole.rows["as_of"].to_numpy())}))


def _change(
    history: History, asked: Asking, found: Found, name: str, when: np.datetime64, kinds: tuple[str, ...], seed: int
) -> None:
    near = _near(found.answers, when)
    other = asked.of(changed(history, when, kinds, seed), _moments(near), "a history with another future")
    _compare(found, name, near, other)
    if name == "future":
        for column, values in other.values.items():
            if values.dtype == object:
                shown = values.astype(str).str.contains("planted9876", regex=False)
            else:
                shown = values.abs().between(PLANTED / 1000, PLANTED * 1000)
                if column in found.answers.values and found.answers.values[column].dtype != object:
                    shown &= found.answers.values[column].abs().max() < PLANTED / 1000
            found.surfaced[str(column)] += int(shown.sum())


def _shift(history: History, asked: Asking, found: Found) -> None:
    near = _near(found.answers, found.dates[-1])
    by = np.timedelta64(SHIFT_DAYS * 86_400, "s")
    rows = near.rows.assign(as_of=near.rows["as_of"] + by).reset_index(drop=True)
    other = asked.of(shifted(history, SHIFT_DAYS), rows, "a history with other dates")
    _compare(found, "dates", Answers(rows, near.values.reset_index(drop=True)), other)


def _rename(history: History, asked: Asking, found: Found, seed: int) -> None:
    near = _near(found.answers, found.dates[-1])
    other, new_name = other_names(history, seed)
    rows = near.rows.reset_index(drop=True)
    mapped = {column: rows[column].map(lambda value, names=names: names.get(value, value))
              for column, names in new_name.items() if column in rows}
    if "episode_id" in rows:
        # An episode that the tables don't name is called after its client.
        mapped["episode_id"] = pd.Series([
            new + old.removeprefix(was) if old.startswith(f"{was}-e") else named
            for old, was, new, named in zip(rows["episode_id"], rows["client_id"], mapped["client_id"], mapped["episode_id"],
                                            strict=True)], index=rows.index, dtype=object)
    rows = rows.assign(**mapped)
    _compare(found, "names", Answers(rows, near.values.reset_index(drop=True)),
             asked.of(other, rows, "a history under other names"))


def _compare(found: Found, name: str, one: Answers, other: Answers) -> dict[str, np.ndarray]:
    """Which rows differ, by column, among those that both have; counted under the probe's name."""
    place = other.index().get_indexer(one.index())
    one, other = one.take(place >= 0), other.take(place[place >= 0])
    result = {}
    for column in one.values.columns.intersection(other.values.columns):
        result[column] = differ(one.values[column], other.values[column])
        count = found.counts[name][column]
        count[0] += int(result[column].sum())
        count[1] += len(result[column])
    return result


def differ(one: pd.Series, other: pd.Series) -> np.ndarray:
    """Where two columns differ: numbers beyond `TOLERANCE`, texts in any letter; missing is like missing alone."""
    missing, missing_too = one.isna().to_numpy(), other.isna().to_numpy()
    if one.dtype == object or other.dtype == object:
        unequal = one.astype(str).to_numpy() != other.astype(str).to_numpy()
    else:
        a, b = one.to_numpy(float), other.to_numpy(float)
        unequal = ~np.isclose(a, b, rtol=TOLERANCE, atol=TOLERANCE)
    return (missing != missing_too) | (~missing & ~missing_too & unequal)


def _check_repeatable(one: Answers, other: Answers) -> None:
    if not one.rows.equals(other.rows) or list(one.values) != list(other.values):
        raise CallError("features gave other rows or columns when it was asked a second time about the same history; an audit "
                        "needs the same answer to the same question")
    unsteady = [str(column) for column in one.values if differ(one.values[column], other.values[column]).any()]
    if unsteady:
        raise CallError(f"features gave other values when it was asked a second time: {', '.join(unsteady[:10])}. Fix the "
                        "seed of what is drawn at random, and read no clock")


def _fingerprint(history: History) -> tuple[tuple[str, tuple[str, ...], int], ...]:
    """What changes when a table does: its columns and a hash of its values."""
    return tuple((name, tuple(map(str, frame.columns)), int(pd.util.hash_pandas_object(frame).to_numpy().sum()))
                 for name, frame in history.tables.present().items())
