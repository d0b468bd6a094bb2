"""Codes that appear only after an ending or an outcome: extra columns that are filled in when the answer is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import fisher_exact, rankdata

from dropout.audit.futures import extra_columns
from dropout.audit.knowing import ALARM
from dropout.audit.suspect import Suspect
from dropout.features.baseline import NOT_COVARIATES
from dropout.history import History

FEWEST = 10
"""Episodes (or sessions) on either side below which nothing is said."""

HARDLY_EVER = 0.02
"""Share of the others among whom a code may turn up and still be one of an ending."""

OFTEN = 0.2
"""Share of those concerned among whom it must turn up."""

BY_CHANCE = 1e-4
MOST_LEVELS = 20

DO = ("Find out when the column is filled in. If that is at or after the ending, exclude it (exclude=, --exclude); if it is "
      "filled in for other reasons, say so in the report")


def filled_after_endings(history: History) -> list[Suspect]:
    """Extra columns of clients and episodes, or values of them, that only ended episodes or only dropouts have."""
    episodes = history.episodes()
    ended = episodes["ending"].ne("ongoing").to_numpy()
    dropout = episodes["ending"].eq("dropout").to_numpy()
    found = []
    for table, column, values in _covariates(history, episodes):
        has = values.notna().to_numpy()
        sides = (("episodes that have ended", ended, ~ended), ("dropouts", dropout, ended & ~dropout))
        for whose, those, others in sides:
            if min(those.sum(), others.sum()) < FEWEST:
                continue
            code = _code_of(values, has, those, others)
            if code is not None:
                words, where = code
                found.append(Suspect(
                    f"a code that appears only after an ending: {column}", table, int((where & those).sum()), int(those.sum()),
                    "L2", f"{words} in {(where & those).sum() / those.sum():.0%} of {whose} and in "
                    f"{(where & others).sum() / others.sum():.1%} of the others: it seems to be filled in with the ending", DO))
                break
        else:
            auc = _auc(values, dropout, ended)
            if auc >= ALARM:
                found.append(Suspect(
                    f"a covariate that knows the ending: {column}", table, int((has & ended).sum()), int(ended.sum()), "L2",
                    f"by itself it tells dropouts from other endings with an AUC of {auc:.2f}, better than anything known at the "
                    "beginning of a therapy", DO))
    return found


def filled_by_outcome(history: History) -> list[Suspect]:
    """Extra columns of sessions that are filled only where a session was missed, or only where it was attended."""
    sessions, found = history.sessions, []
    attended = sessions["status"].eq("attended").to_numpy()
    missed = ~attended & sessions["status"].ne("scheduled").to_numpy()
    if min(attended.sum(), missed.sum()) < FEWEST:
        return []
    for column in extra_columns(history.tables):
        values = sessions[column]
        has = values.notna().to_numpy()
        for whose, those, others in (("missed or cancelled sessions", missed, attended), ("attended sessions", attended, missed)):
            code = _code_of(values, has, those, others)
            if code is not None:
                words, where = code
                found.append(Suspect(
                    f"a code of the outcome: {column}", "sessions", int((where & those).sum()), int(those.sum()), "L2",
                    f"{words} in {(where & those).sum() / those.sum():.0%} of {whose} and in "
                    f"{(where & others).sum() / others.sum():.1%} of the others: it says how the session went, and has no "
                    "time of its own",
                    "Never read it of a session that is still to come: it is known when the status is"))
                break
    return found


def _covariates(history: History, episodes: pd.DataFrame) -> list[tuple[str, str, pd.Series]]:
    """Extra columns as (table, column, one value per row of `history.episodes()`)."""
    found: list[tuple[str, str, pd.Series]] = []
    full = history.timeline.episodes
    for column in sorted(set(full.columns) - NOT_COVARIATES):
        found.append(("episodes", str(column), full[column].reset_index(drop=True)))
    if history.clients is not None:
        by_client = history.clients.set_index(history.clients["client_id"].astype(object))
        place = by_client.index.get_indexer(pd.Index(episodes["client_id"].astype(object)))
        for column in sorted(set(by_client.columns) - NOT_COVARIATES):
            values = by_client[column].iloc[place].reset_index(drop=True)
            found.append(("clients", str(column), values.where(place >= 0)))
    return found


def _code_of(
    values: pd.Series, has: np.ndarray, those: np.ndarray, others: np.ndarray
) -> tuple[str, np.ndarray] | None:
    """Whether being filled, or one value, is often seen on one side and hardly ever on the other: in words, and where."""
    candidates = [("filled in", has)]
    if values.nunique() <= MOST_LEVELS and not pd.api.types.is_float_dtype(values):
        text = values.astype(object).astype(str).to_numpy()
        candidates += [(f"'{level}'", has & (text == level)) for level in np.unique(text[has])]
    for words, where in candidates:
        share, elsewhere = where[those].mean(), where[others].mean()
        if share >= OFTEN and elsewhere <= HARDLY_EVER and where[those].sum() >= FEWEST:
            table = [[where[those].sum(), (~where[those]).sum()], [where[others].sum(), (~where[others]).sum()]]
            if fisher_exact(table).pvalue < BY_CHANCE:
                return words, where
    return None


def _auc(values: pd.Series, dropout: np.ndarray, ended: np.ndarray) -> float:
    """AUC of a numeric covariate for dropout among ended episodes (either direction); 0 where too few."""
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        return 0.0
    numbers = values.astype("Float64").to_numpy(float, na_value=np.nan)
    there = ended & ~np.isnan(numbers)
    y = dropout[there]
    if min(y.sum(), (~y).sum()) < 2 * FEWEST:
        return 0.0
    auc = (rankdata(numbers[there])[y].sum() - y.sum() * (y.sum() + 1) / 2) / (y.sum() * (~y).sum())
    return float(max(auc, 1 - auc))
