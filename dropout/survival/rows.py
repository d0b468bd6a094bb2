"""What a regression reads of a frame: complete rows of (start, stop] and whether the ending in question happened at stop."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_any_real_numeric_dtype, is_bool_dtype

from dropout.errors import CallError, ModelError

ANY = "any"
"""Cause that stands for every ending together."""

CENSORED = -1
"""Code of a row that was not seen to end."""


@dataclass(frozen=True)
class Rows:
    """Rows that can be used, in the order of the frame.

    Attributes
    ----------
    frame : DataFrame
        The rows that are left, with the columns that were asked for.
    start, stop : float arrays
        At risk after `start`, up to and with `stop`.
    event : bool array
        Whether the ending in question happened at `stop`.
    ended : bool array
        Whether any ending happened at `stop`.
    cause : str
        Which ending, or "any".
    notes : tuple of str
        Definition, numbers, other endings, and what was left out.
    unit : str
        What the clock counts, where the frame says so.
    """

    frame: pd.DataFrame
    start: np.ndarray
    stop: np.ndarray
    event: np.ndarray
    ended: np.ndarray
    cause: str
    notes: tuple[str, ...]
    unit: str

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def n_events(self) -> int:
        """Endings in question."""
        return int(self.event.sum())

    def codes(self, column: str | None) -> np.ndarray:
        """A number for each value of a column, from 0; zeros where no column is given."""
        return np.zeros(len(self), dtype=np.int64) if column is None else distinct(self.frame[column])[0]


def read_rows(
    frame: pd.DataFrame, covariates: Sequence[str], *, cause: str, start: str | None, stop: str, ending: str, censored: str,
    others: Sequence[str | None] = (),
) -> Rows:
    """Return the complete rows of a frame, checked.

    Parameters
    ----------
    covariates : names of columns
    cause : str
        An ending, or "any" for all that is not `censored`.
    start : str or None
        Column with the beginning of the time at risk; None where everybody is at risk from 0.
    others : names of further columns that have to be known (strata, clusters, groups); None is skipped.

    Raises
    ------
    CallError
        If the frame lacks a column, a row ends before it began, or the rows of one episode overlap.
    ModelError
        If no row is left, there is one client alone, or the ending in question happened to nobody.
    """
    if not isinstance(frame, pd.DataFrame):
        raise CallError(f"frame is a {type(frame).__name__}; expected a data frame as `at_risk` gives it: a row for each time "
                        "at risk, with start, stop and ending")
    if isinstance(covariates, str):
        raise CallError(f"covariates is the text {covariates!r}; expected a list of names, like [{covariates!r}]")
    if not isinstance(covariates, Collection):
        raise CallError(f"covariates is {covariates!r}; expected a list of names, like ['no_show_rate']")
    wanted = [*(name for name in (start, stop, ending, *others) if name is not None), *covariates]
    need_columns(frame, wanted, start)
    wanted = list(dict.fromkeys(wanted))
    clashes = [name for name in covariates if name in (start, stop, ending)]
    if clashes:
        raise CallError(f"'{clashes[0]}' says when or how the time at risk ended; as a covariate it would tell the ending")
    if not len(frame):
        raise ModelError("the frame has no rows, so nobody was at risk; look at the notes of `at_risk` for what was left out")
    kept, notes = complete_rows(frame, wanted)
    begins = np.zeros(len(kept)) if start is None else time_values(kept[start], start)
    ends = time_values(kept[stop], stop)
    need_order(begins, ends, start, stop, row_names(kept))
    _need_no_overlap(kept, begins, ends, start)
    code, names = ending_codes(kept[ending], censored)
    ended = code != CENSORED
    cause = as_text(cause)
    if cause not in (ANY, *names):
        _need_cause(cause, names, as_text(censored), ending)
    event = ended if cause == ANY else code == names.index(cause)
    if not event.any():
        raise ModelError(f"none of {len(kept):,} rows ended ({ending} is '{censored}' in all): nobody left, so nothing tells "
                         "when or why they do. Follow them longer, or take more clients")
    if (n_clients := _n_clients(kept)) < 2:
        raise ModelError("there is one client alone, and nobody to compare with; take more clients")
    said = (*told_before(frame), _counted(cause, event, ended), *_numbers(kept, n_clients), *notes)
    return Rows(kept, begins, ends, event, ended, cause, said, str(frame.attrs.get("unit", "time")))


def need_columns(frame: pd.DataFrame, names: list[str], start: str | None) -> None:
    """Raise CallError where the frame lacks a column."""
    for name in names:
        if not isinstance(name, str | int):
            raise CallError(f"{name!r} is a {type(name).__name__}; expected the name of one column")
        if (frame.columns == name).sum() > 1:
            raise CallError(f"the frame has several columns called '{name}'; rename them, or keep one")
        if name not in frame.columns:
            near = get_close_matches(str(name), [str(column) for column in frame.columns], n=3)
            hint = (f"did you mean {' or '.join(near)}?" if near
                    else f"it has: {', '.join(str(column) for column in frame.columns[:20]) or 'none'}")
            if name == start:
                hint += ". Give start=None if everybody is at risk from 0"
            raise CallError(f"the frame has no column '{name}'; {hint}")


def complete_rows(frame: pd.DataFrame, names: list[str]) -> tuple[pd.DataFrame, list[str]]:
    """Rows without a missing value, with who they belong to, and a note of what went."""
    missing = frame[names].isna()
    gone = missing.any(axis=1).to_numpy()
    who = [name for name in ("client_id", "episode_id") if name in frame.columns and name not in names]
    kept = frame.loc[~gone, [*who, *names]]
    if not gone.any():
        return kept, []
    by_column = missing.sum().loc[lambda n: n > 0].sort_values(ascending=False)
    which = ", ".join(f"{name} {n:,}" for name, n in by_column.items())
    if not len(kept):
        raise ModelError(f"every one of {len(frame):,} rows has a missing value ({which}); leave these columns out, or fill them")
    note = f"left out: {gone.sum():,} of {len(frame):,} rows with a missing value ({which})"
    if "client_id" in frame.columns:
        lost = frame["client_id"].nunique() - kept["client_id"].nunique()
        note += f"; with them {lost:,} {'client' if lost == 1 else 'clients'} altogether"
    return kept, [note]


def row_names(kept: pd.DataFrame) -> pd.Index:
    """What errors call the rows: an index of numbers as it is, else the position, since an index of texts may name a client."""
    return kept.index if pd.api.types.is_integer_dtype(kept.index) else pd.RangeIndex(len(kept))


def time_values(values: pd.Series, name: str) -> np.ndarray:
    """Return times as finite floats, else raise CallError: dates would be read as billions of something, texts as luck has it."""
    held = [] if values.dtype != object else [value for value in values if not isinstance(value, Real)]
    if held or not (values.dtype == object or is_any_real_numeric_dtype(values) or is_bool_dtype(values)):
        seen = f"a {type(held[0]).__name__}" if held else values.dtype
        raise CallError(f"{name} is {seen}; expected numbers, such as days in care or sessions (of dates, the days from the "
                        "beginning to each)")
    found = values.to_numpy(dtype=float)
    if not np.isfinite(found).all():
        raise CallError(f"{name} has infinite values; expected numbers, such as days in care or sessions")
    return found


def need_order(begins: np.ndarray, ends: np.ndarray, start: str | None, stop: str, index: pd.Index) -> None:
    """Raise CallError where a row ends before, or when, it begins, or begins before the clock."""
    wrong = ends <= begins
    if wrong.any():
        i = int(np.flatnonzero(wrong)[0])
        since = f"{start} is {begins[i]:g} and " if start is not None else ""
        raise CallError(f"row {index[i]}: {since}{stop} is {ends[i]:g} ({wrong.sum():,} such rows); a time at risk must be "
                        "longer than nothing. Count the first day as day 1, as `at_risk` does, and look for exchanged dates")
    if (begins < 0).any():
        raise CallError(f"{start} is below 0 in {(begins < 0).sum():,} rows; the clock begins at 0")


def as_text(value: Any) -> str:
    """An ending as text: whole numbers without a point, whatever type the column has."""
    return f"{value:g}" if isinstance(value, float | np.floating) else str(value)


def distinct(values: pd.Series, *, sort: bool = False) -> tuple[np.ndarray, pd.Index]:
    """Return a number from 0 for each value of a column, and the different values; CallError where they can't be compared."""
    try:
        codes, found = pd.factorize(values, sort=sort)
    except TypeError:
        raise CallError(f"'{values.name}' holds lists or the like; expected a text, a number or a category in each row") from None
    return codes.astype(np.int64), pd.Index(found)


def ending_codes(values: pd.Series, censored: Any) -> tuple[np.ndarray, list[str]]:
    """Return a number for the ending of each row, `CENSORED` where it did not end, and the names in order of the alphabet.

    Raises
    ------
    CallError
        If the column holds zeros (or False) that nobody said stand for "did not end".
    """
    codes, found = distinct(values)
    ongoing = np.array([bool(value == censored) or as_text(value) == as_text(censored) for value in found], dtype=bool)
    zeros = [value for value in found if isinstance(value, bool | int | float | np.number | np.bool_) and value == 0]
    if zeros and not ongoing.any():
        raise CallError(f"'{values.name}' has the value {zeros[0]} and never '{censored}', so it would count as an ending; say "
                        f"what stands for not having ended, as in censored={zeros[0]}")
    names = sorted({as_text(value) for value, not_ended in zip(found, ongoing, strict=True) if not not_ended})
    place = np.array([CENSORED if not_ended else names.index(as_text(value))
                      for value, not_ended in zip(found, ongoing, strict=True)], dtype=np.int64)
    return place[codes], names


def _need_no_overlap(kept: pd.DataFrame, begins: np.ndarray, ends: np.ndarray, start: str | None) -> None:
    """Rows of one episode must follow each other; only where the frame says which episode a row belongs to."""
    if start is None or "episode_id" not in kept.columns:
        return
    by = ["client_id", "episode_id"] if "client_id" in kept.columns else ["episode_id"]
    episode = kept[by].reset_index(drop=True).groupby(by, observed=True, sort=False, dropna=False).ngroup().to_numpy()
    order = np.lexsort((begins, episode))
    same = episode[order][1:] == episode[order][:-1]
    wrong = same & (begins[order][1:] < ends[order][:-1])
    if wrong.any():
        raise CallError(f"{wrong.sum():,} rows begin before the row before them, of the same episode, has ended (first at row "
                        f"{row_names(kept)[order[1:][wrong][0]]}); the rows of an episode must follow each other")


def _need_cause(cause: str, found: list[str], censored: str, ending: str) -> None:
    if cause == censored:
        raise CallError(f"cause is '{cause}', which means that it has not ended; expected one of: {ANY}, {', '.join(found)}")
    if not found:
        raise ModelError(f"every {ending} is '{censored}': nobody left, so nothing tells when or why they do. Follow them "
                         "longer, or take more clients")
    raise ModelError(f"nobody ended with '{cause}'; there is: {', '.join(found)} (or '{ANY}' for all together)")


def told_before(frame: pd.DataFrame) -> list[str]:
    """What `at_risk` had to say of the frame, or the definition alone."""
    if notes := frame.attrs.get("notes"):
        return list(notes)
    return [f"dropout: {name}"] if (name := frame.attrs.get("definition")) else []


def _counted(cause: str, event: np.ndarray, ended: np.ndarray) -> str:
    if cause == ANY:
        return f"any ending counts: {event.sum():,}"
    rest = int((ended & ~event).sum())
    told = f", {rest:,} other endings count as censoring" if rest else ""
    return f"endings that count: {event.sum():,} '{cause}'{told}"


def _numbers(kept: pd.DataFrame, n_clients: int) -> list[str]:
    if "client_id" not in kept.columns:
        return [f"{len(kept):,} rows"]
    told = [f"{len(kept):,} rows of {n_clients:,} clients"]
    if "episode_id" in kept.columns:
        n_episodes = len(kept[["client_id", "episode_id"]].drop_duplicates())
        if n_episodes > n_clients:
            told.append(f"{n_episodes:,} episodes: some clients have several; robust errors by client_id allow for that")
    return told


def _n_clients(kept: pd.DataFrame) -> int:
    """Clients; a row that doesn't say whose it is counts as a client's own."""
    return int(kept["client_id"].nunique() + kept["client_id"].isna().sum()) if "client_id" in kept.columns else len(kept)
