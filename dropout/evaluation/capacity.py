"""Capacity: a clinic can make so many calls a week. How many who leave would be among those called?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from dropout.evaluation.intervals import Resamples, percentiles

CALLS = (5, 10, 20, 40)
"""Lengths of the lists."""

FEWEST_PER_LIST = 40
"""Clients that a clinic must have on an average date for lists of its own; otherwise all share one list."""


def found(y: np.ndarray, p: np.ndarray, calls: int | np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """Events among the `calls` rows with the highest probability; all of them where there are fewer rows.

    Where the last place is tied, the expected number over all ways to break the tie. With weights, a row stands for
    that many. One number for each of `calls`.
    """
    calls = np.asarray(calls, dtype=float)
    if not len(p):
        return np.zeros(calls.shape)
    return _Ranking(y, p).found(calls, np.ones(len(p)) if weight is None else weight)


class _Ranking:
    """One list, the highest probability first, sorted once for any number of drawings."""

    def __init__(self, y: np.ndarray, p: np.ndarray) -> None:
        self.order = np.argsort(-np.asarray(p, dtype=float), kind="stable")
        ordered = np.asarray(p, dtype=float)[self.order]
        self.y = np.asarray(y, dtype=float)[self.order]
        self.starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])

    def found(self, calls: np.ndarray, weight: np.ndarray) -> np.ndarray:
        weight = weight[self.order]
        rows = np.add.reduceat(weight, self.starts)
        events = np.add.reduceat(weight * self.y, self.starts)
        room = np.clip(calls[..., None] - (np.cumsum(rows) - rows), 0.0, rows)
        return (room * (events / np.maximum(rows, 1e-300))).sum(axis=-1)


def found_at_random(y: np.ndarray, calls: int | np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """Events expected among `calls` rows drawn at random; all events where there are fewer rows."""
    calls = np.asarray(calls, dtype=float)
    weight = np.ones(len(y)) if weight is None else weight
    total = weight.sum()
    return (weight * y).sum() * np.minimum(calls / total, 1.0) if total > 0 else np.zeros(calls.shape)


def capacity_table(
    answers: pd.DataFrame, predictors: list[str], resamples: Resamples, calls: tuple[int, ...] = CALLS
) -> pd.DataFrame:
    """One row per predictor and length of list: events found on an average list, against calling at random.

    There is a list for each date, and for each clinic where those are large enough (`FEWEST_PER_LIST`).

    Parameters
    ----------
    answers : DataFrame
        `as_of`, `clinic_id`, `y` and one column of probabilities a predictor.
    predictors : list of str
    resamples : Resamples
        Of the clients of these rows.
    calls : lengths of the lists

    Returns
    -------
    DataFrame
        `predictor`, `calls`, `dates`, `lists`, `n`, `clients`, `events`, `base_rate` (over all lists), `n_per_list`,
        `events_per_list`, `found`, `found_low`, `found_high`, `random`, `random_low`, `random_high`, `share_found`
        (of those who leave). A list longer than the clients there are has all of them.
    """
    lists = list(answers.groupby(["as_of", "clinic_id"], sort=True).indices.values())
    if len(answers) < FEWEST_PER_LIST * len(lists):
        lists = list(answers.groupby("as_of", sort=True).indices.values())
    y = answers["y"].to_numpy(float)
    if not len(y):
        return pd.DataFrame()
    lengths = np.array(calls, dtype=float)
    columns = [answers[name].to_numpy(float) for name in predictors]
    rankings = [[_Ranking(y[i], p[i]) for p in columns] for i in lists]

    def on_lists(weight: np.ndarray) -> np.ndarray:
        """Mean over lists: the predictors, and calling at random last, by lengths of the list."""
        of_each = [[*(one.found(lengths, weight[i]) for one in ranked), found_at_random(y[i], lengths, weight[i])]
                   for i, ranked in zip(lists, rankings, strict=True)]
        return np.mean(of_each, axis=0)

    number = on_lists(np.ones(len(y)))
    drawn = resamples.drawn(on_lists) if resamples.counts.shape[1] > 1 else np.full((1, *number.shape), np.nan)
    events = y.sum() / len(lists)
    about = {
        "dates": answers["as_of"].nunique(), "lists": len(lists), "n": len(y),
        "clients": resamples.counts.shape[1], "events": int(y.sum()), "base_rate": y.mean(),
        "n_per_list": len(y) / len(lists), "events_per_list": events,
    }
    rows = []
    for k, n_calls in enumerate(calls):
        random = dict(zip(("random", "random_low", "random_high"), (number[-1, k], *percentiles(drawn[:, -1, k])),
                          strict=True))
        for i, name in enumerate(predictors):
            low, high = percentiles(drawn[:, i, k])
            rows.append({"predictor": name, "calls": n_calls, **about, "found": number[i, k], "found_low": low,
                         "found_high": high, **random,
                         "share_found": number[i, k] / events if events else np.nan})
    return pd.DataFrame(rows)


def sentence(row: pd.Series, happens: str) -> str:
    """One row of the capacity table in words.

    Parameters
    ----------
    row : Series
        Row of `capacity_table`.
    happens : str
        What those do who are looked for ("never attend again").
    """
    interval = "" if np.isnan(row["found_low"]) else f" ({row['found_low']:.1f} to {row['found_high']:.1f})"
    whose = "of a clinic " if row["lists"] > row["dates"] else ""
    return (f"Of {row['n_per_list']:,.0f} clients {whose}on a date, {row['events_per_list']:.1f} {happens}. "
            f"Calling the {row['calls']:.0f} with the highest probability finds {row['found']:.1f}{interval} of them, "
            f"calling {row['calls']:.0f} at random {row['random']:.1f}.")
