"""What is given to the cure model, checked: columns as numbers, outcomes as events and days.

Everything that can't be used is refused here, in words that say how to mend it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dropout.errors import CallError, ModelError
from dropout.models.cure_likelihood import Waits

SHOWN = 5
"""Names or rows shown in a message."""


@dataclass(frozen=True)
class Outcomes:
    """What became of each cancellation.

    Attributes
    ----------
    event : int array
        1 returned, 0 still silent when last seen, 2 and above another ending.
    duration : array
        Days as given.
    day : int array
        Day of the return, counted from 0.
    silent : array
        Days that are known to have gone by in silence: up to the day of the return, or to the end of what was seen.
    """

    event: np.ndarray
    duration: np.ndarray
    day: np.ndarray
    silent: np.ndarray

    @property
    def returned(self) -> np.ndarray:
        """Mask of the cancellations that were followed by a return."""
        return self.event == 1

    def take(self, rows: np.ndarray) -> Outcomes:
        """The same for these rows."""
        return Outcomes(self.event[rows], self.duration[rows], self.day[rows], self.silent[rows])


def numbers(x: Any) -> tuple[np.ndarray, list[str] | None]:
    """A matrix of finite numbers (rows by columns), and the names of the columns where it has them.

    Raises
    ------
    CallError
        If it isn't a table of finite numbers.
    """
    names = [str(name) for name in x.columns] if isinstance(x, pd.DataFrame) else None
    try:
        matrix = np.asarray(x, dtype=float)
    except (TypeError, ValueError):
        which = ""
        if isinstance(x, pd.DataFrame):
            which = f" ({_some([str(c) for c in x.columns if not pd.api.types.is_numeric_dtype(x[c])])})"
        raise CallError(f"X has values that are no numbers{which}. Encode categories as columns of 0 and 1.") from None
    if matrix.ndim != 2:
        raise CallError(f"X has {matrix.ndim} dimensions; a table of rows by columns was expected. "
                        "For a single column: X.reshape(-1, 1), or X[['name']].")
    wrong = ~np.isfinite(matrix)
    if wrong.any():
        column = np.flatnonzero(wrong.any(axis=0))
        called = [names[i] if names else f"column {i}" for i in column]
        raise CallError(f"X has {wrong.sum():,} missing or infinite values, in {_some(called)}. "
                        "Fill them before fitting, for example with sklearn.impute.SimpleImputer(add_indicator=True).")
    return matrix, names


def outcomes(y: Any, n: int) -> Outcomes:
    """Events and days of n cancellations.

    Parameters
    ----------
    y : DataFrame, mapping or structured array
        With `event` and `duration`.
    n : int
        Rows of X.

    Raises
    ------
    CallError
        If they are absent, not numbers, negative, or not as many as there are rows.
    ModelError
        If nobody returned, or everybody did.
    """
    given: list[str] = (list(y.columns) if isinstance(y, pd.DataFrame) else list(y) if isinstance(y, Mapping)
                        else list(getattr(getattr(y, "dtype", None), "names", None) or []))
    absent = [name for name in ("event", "duration") if name not in given]
    if absent:
        raise CallError(f"y has no {' and no '.join(absent)}; expected a data frame, dict or structured array with event "
                        "(1 returned, 0 still silent, 2 and above another ending) and duration (days).")
    event, duration = (_column(y[name], name, n) for name in ("event", "duration"))
    if (wrong := (event < 0) | (event != np.floor(event))).any():
        raise CallError(f"event is {event[wrong][0]:g} in row {np.flatnonzero(wrong)[0]} ({wrong.sum():,} such rows); expected "
                        "1 returned, 0 still silent, 2 and above another ending.")
    if (wrong := duration < 0).any():
        raise CallError(f"duration is {duration[wrong][0]:g} days in row {np.flatnonzero(wrong)[0]} ({wrong.sum():,} such rows); "
                        "a wait can't end before it began. Expected days since the cancellation, 0 for the same day.")
    day = np.floor(duration).astype(np.int64)
    whole = bool((day == duration).all())
    silent = np.where(event == 1, day, duration + 1.0 if whole else duration)
    return Outcomes(event.astype(np.int64), duration, day, silent)


def need_both(found: Outcomes, weight: np.ndarray) -> None:
    """Refuse outcomes from which nothing can be learnt: ModelError where nobody returned, or everybody did."""
    rows, back = weight > 0, found.returned[weight > 0]
    if not back.any():
        raise ModelError(f"none of {rows.sum():,} cancellations was followed by a return, so nothing tells how long a return "
                         "takes or who comes back. Expected event 1 where the client returned.")
    if back.all():
        raise ModelError(f"all of {rows.sum():,} cancellations were followed by a return, so nothing tells who never comes back. "
                         "Add those who are still silent, with event 0 and the days watched.")


def weights(sample_weight: Any, n: int) -> np.ndarray:
    """Weights of n rows; ones where none are given."""
    if sample_weight is None:
        return np.ones(n)
    weight = _column(sample_weight, "sample_weight", n)
    if (weight < 0).any() or not weight.any():
        raise CallError("sample_weight has negative values, or nothing but zeros; a weight says how many rows a row stands for.")
    return weight


def positions(columns: Sequence[Any] | None, names: list[str] | None, width: int, parameter: str) -> np.ndarray:
    """Positions of the columns named (or numbered) by a parameter; all where it is None."""
    if columns is None:
        return np.arange(width)
    known: dict[Any, int] = {i: i for i in range(width)} | {name: i for i, name in enumerate(names or [])}
    absent = [str(column) for column in columns if column not in known]
    if absent:
        raise CallError(f"{parameter} names {_some(absent)}, which X doesn't have; it has "
                        f"{_some(names) if names else f'{width} columns, numbered from 0'}.")
    return np.array([known[column] for column in columns], dtype=np.int64)


def step_edges(found: Outcomes, weight: np.ndarray, period: float, min_returns: float, edges: Any) -> np.ndarray:
    """Days between which the baseline hazard is constant, from 0 to the end of the day of the last return.

    Periods are joined from the left until each has `min_returns` returns; what is left over joins the last. `edges`,
    where given, are used as they are, but for those beyond the last return.
    """
    day, count = found.day[found.returned & (weight > 0)], weight[found.returned & (weight > 0)]
    end = float(day.max() + 1)
    if edges is not None:
        inner = np.unique(np.asarray(edges, dtype=float))
        if (inner != np.floor(inner)).any() or (inner < 0).any():
            raise CallError("edges must be whole days from 0; a return is known to its day.")
        inner = inner[(inner > 0) & (inner < end)]
        result = np.concatenate([[0.0], inner, [end]])
        if (empty := np.histogram(day, result)[0] == 0).any():
            at = int(np.flatnonzero(empty)[0])
            raise CallError(f"nobody returned from day {result[at]:g} to {result[at + 1]:g}, so there is no hazard to learn. "
                            "Leave out one of these edges.")
        return result
    if period < 1 or period != int(period):
        raise CallError(f"period is {period}; expected whole days, such as 1 or 7.")
    per = np.bincount((day // int(period)).astype(np.int64), count)
    ends, sofar = [0.0], 0.0
    for i, returns in enumerate(per):
        sofar += returns
        if sofar >= max(min_returns, 1e-12):
            ends.append(min(float((i + 1) * period), end))
            sofar = 0.0
    if ends[-1] < end:
        ends = [*ends[:-1], end] if len(ends) > 1 else [0.0, end]
    return np.array(ends)


def waits(x1: np.ndarray, x2: np.ndarray, found: Outcomes, weight: np.ndarray, edges: np.ndarray) -> Waits:
    """Rows as the likelihood reads them; x1 and x2 are the standardised columns of incidence and latency."""
    beyond = ~found.returned & (found.silent >= edges[-1])
    step, into = placed(np.where(beyond, 0.0, found.silent), edges)
    return Waits(np.column_stack([np.ones(len(x1)), x1]), x2, step, into, found.returned, beyond, weight, np.diff(edges))


def placed(days: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Step in which each number of days ends, and the days spent in it; days beyond the last edge end there."""
    step = np.clip(np.searchsorted(edges, days, side="right") - 1, 0, len(edges) - 2)
    return step, np.minimum(days, edges[-1]) - edges[step]


def grouping(groups: Any, kept: np.ndarray) -> np.ndarray:
    """Number of the group of each kept row, from one label for each row of X."""
    given = np.asarray(groups)
    if given.shape != kept.shape:
        raise CallError(f"groups has shape {given.shape}, and X has {len(kept):,} rows; expected one value a row.")
    code = pd.factorize(given[kept])[0]
    if (code < 0).any() or code.max() < 1:
        raise CallError("groups has missing values or is the same in every row; robust errors need at least two groups.")
    return code


def _column(values: Any, name: str, n: int) -> np.ndarray:
    try:
        column = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise CallError(f"{name} has values that are no numbers.") from None
    if column.shape != (n,):
        raise CallError(f"{name} has shape {column.shape}, and X has {n:,} rows; expected one value a row.")
    if (wrong := ~np.isfinite(column)).any():
        raise CallError(f"{name} is missing or infinite in {wrong.sum():,} rows, first in row {np.flatnonzero(wrong)[0]}.")
    return column


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:SHOWN])
    return shown + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
