"""Trivial baselines: what anybody could predict without a model. They stand beside it in every table.

Each is fitted on earlier cases and applied to later ones, within the group that is measured, which makes
them as hard to beat as they can be.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dropout.evaluation.metrics import log_odds, logistic_line
from dropout.evaluation.splits import FOLDS, client_folds

FEWEST_ROWS = 20
"""Training rows below which a baseline is not fitted."""


@dataclass(frozen=True)
class Baseline:
    """A trivial way to predict.

    Attributes
    ----------
    name : str
        As in the tables.
    column : str or None
        What it reads of a case; None for nothing.
    read : function or None
        How the column enters a logistic regression; None for one rate a value of the column.
    of_cancellation : bool
        Only for open cancellations.
    """

    name: str
    column: str | None
    read: Callable[[np.ndarray], np.ndarray] | None
    of_cancellation: bool = False


BASELINES = (
    Baseline("base rate", None, None),
    Baseline("last session missed", "last_missed", None),
    Baseline("days since seen", "days_since_attended", np.log1p),
    Baseline("days silent", "days_silent", np.log1p, of_cancellation=True),
    Baseline("own return rate", "own_return_rate", log_odds),
)


def names(of_cancellation: bool) -> list[str]:
    """Names of the baselines for risk, or for open cancellations."""
    return [one.name for one in BASELINES if of_cancellation or not one.of_cancellation]


def baseline_predictions(
    train: pd.DataFrame, happened: str, test: pd.DataFrame, wanted: Sequence[str], *, weight: str | None = None
) -> pd.DataFrame | None:
    """Probabilities for the test rows, one column a baseline; None where there is too little to fit them on.

    Parameters
    ----------
    train, test : cases
    happened : str
        Column of `train` with what happened; rows where it is NaN are not used.
    wanted : names of baselines
    weight : str, optional
        Column of `train` with the weight of each row.
    """
    train = train[train[happened].notna().to_numpy()]
    if len(train) < FEWEST_ROWS:
        return None
    y = train[happened].to_numpy(float)
    w = np.ones(len(y)) if weight is None else train[weight].to_numpy(float)
    return pd.DataFrame({one.name: _predict(one, train, y, w, test) for one in BASELINES if one.name in wanted},
                        index=test.index)


def baselines_by_fold(
    cases: pd.DataFrame, happened: str, wanted: Sequence[str], seed: int = 0, *, weight: str | None = None
) -> pd.DataFrame:
    """Baselines for each third of the clients from the cases of the others, where nothing earlier is there to learn from.

    The base rate is that of all of them, as it is wherever there is too little for another baseline. That favours them.
    """
    fold = client_folds(cases["client_id"], FOLDS, seed).reindex(cases["client_id"].astype(str)).to_numpy()
    known = cases[happened].notna().to_numpy()
    w = None if weight is None else cases.loc[known, weight].to_numpy(float)
    rate = np.average(cases.loc[known, happened], weights=w) if known.any() else np.nan
    result = pd.DataFrame(rate, index=cases.index, columns=list(wanted))
    for k in range(FOLDS):
        mine = fold == k
        p = baseline_predictions(cases[~mine], happened, cases[mine], wanted, weight=weight)
        if p is not None:
            result.loc[mine] = p
    return result.assign(**{BASELINES[0].name: rate})


def _predict(
    baseline: Baseline, train: pd.DataFrame, y: np.ndarray, weight: np.ndarray, test: pd.DataFrame
) -> np.ndarray:
    rate = np.full(len(test), np.average(y, weights=weight))
    if baseline.column is None:
        return rate
    x, new = train[baseline.column].to_numpy(float), test[baseline.column].to_numpy(float)
    if baseline.read is None:
        for value in np.unique(x):
            rate[new == value] = np.average(y[x == value], weights=weight[x == value])
        return rate
    intercept, slope = logistic_line(baseline.read(x), y, weight)
    if np.isnan(slope):
        return rate
    return 1.0 / (1.0 + np.exp(-(intercept + slope * baseline.read(new))))
