"""Anybody's predictions: read from a frame and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from pandas.api.types import is_complex_dtype, is_datetime64_any_dtype, is_numeric_dtype, is_timedelta64_dtype

from dropout.errors import CallError
from dropout.evaluation.baselines import BASELINES
from dropout.evaluation.cases import KEY
from dropout.evaluation.horizon_tables import TREAT_ALL, TREAT_NONE

TAKEN = {one.name for one in BASELINES} | {TREAT_ALL, TREAT_NONE}
"""Names that stand in the tables already."""

PREDICTIONS = "predictions"
"""Name of the one predictor of a frame that names none."""

Columns = str | Sequence[str]


@dataclass(frozen=True)
class Read:
    """Checked predictions.

    Attributes
    ----------
    frame : DataFrame
        One row a prediction: `client_id` and whatever else is there; `time` and `event` once outcomes are known.
    p : dict of str to array
        Probabilities of each predictor, rows by horizons.
    notes : list of str
        What was left out, and what is odd.
    """

    frame: pd.DataFrame
    p: dict[str, np.ndarray]
    notes: list[str]

    def take(self, rows: np.ndarray) -> Read:
        """These rows alone (positions)."""
        return replace(self, frame=self.frame.iloc[rows].reset_index(drop=True),
                       p={name: p[rows] for name, p in self.p.items()})


def read_predictions(
    predictions: pd.DataFrame, predictors: Mapping[str, Columns] | None, horizons: Sequence[float]
) -> Read:
    """The probabilities of a frame, checked; outcomes are still to come.

    Raises
    ------
    CallError
        Naming column, count and first row, if a column is missing, a probability is missing or outside 0 to 1, a
        client is missing, or the same client, episode and date stand in it twice.
    """
    if not isinstance(predictions, pd.DataFrame):
        raise CallError(f"predictions are a DataFrame, one row a prediction; this is a {type(predictions).__name__}")
    horizons = checked_horizons(horizons)
    if not len(predictions):
        raise CallError("there are no predictions to evaluate: the frame has no rows")
    no_name_twice(predictions, "predictions")
    if "client_id" not in predictions:
        raise CallError("predictions need a column 'client_id': intervals are drawn by client. If every row is another "
                        "client, number them: predictions.assign(client_id=range(len(predictions)))")
    none_missing(predictions, "client_id")
    frame = predictions.reset_index(drop=True)
    key = [name for name in KEY if name in frame]
    if "as_of" in frame:
        frame["as_of"] = dates(frame["as_of"])
    for name in ("client_id", "episode_id"):
        if name in frame:
            none_missing(frame, name)
            frame[name] = frame[name].astype(str)
    if "as_of" in frame and frame.duplicated(key).any():
        twice = frame.duplicated(key).to_numpy()
        raise CallError(f"{int(twice.sum()):,} rows repeat the {', '.join(key)} of an earlier one (first: row "
                        f"{int(np.argmax(twice)) + 1}); give one prediction for each")
    columns = _columns(frame, predictors, horizons)
    p = {name: np.column_stack([_probabilities(frame, column) for column in chosen])
         for name, chosen in columns.items()}
    notes = []
    for name, values in p.items():
        order = np.argsort(horizons)
        falls = int((np.diff(values[:, order], axis=1) < -1e-9).any(axis=1).sum())
        if falls:
            notes.append(f"{name}: in {falls:,} of {len(values):,} rows the probability falls from one horizon to a longer "
                         "one, which no risk can do.")
    return Read(frame, p, notes)


def checked_horizons(horizons: Sequence[float]) -> tuple[float, ...]:
    """Horizons as rising floats; CallError if they are not different numbers above 0."""
    try:
        found = tuple(float(horizon) for horizon in horizons)
    except (TypeError, ValueError) as wrong:
        raise CallError(f"horizons are numbers of days, such as (30, 60, 90); this is {horizons!r}") from wrong
    if not found or not all(np.isfinite(h) and h > 0 for h in found) or list(found) != sorted(set(found)):
        raise CallError(f"horizons are different numbers above 0, the shortest first; this is {horizons!r}")
    return found


def _columns(
    frame: pd.DataFrame, predictors: Mapping[str, Columns] | None, horizons: tuple[float, ...]
) -> dict[str, list[str]]:
    """Columns of each predictor, one a horizon."""
    wanted: Mapping[str, Columns] = {PREDICTIONS: "p_dropout_{}d"} if predictors is None else predictors
    if not wanted:
        raise CallError("name at least one predictor, as in predictors={'mine': 'p_mine_{}d'}")
    if not isinstance(wanted, Mapping):
        raise CallError(f"predictors is {wanted!r}; expected names with columns, as in predictors={{'mine': 'p_mine_{{}}d'}}")
    taken = TAKEN & set(wanted)
    if taken:
        raise CallError(f"'{sorted(taken)[0]}' is the name of a baseline; give your predictor another")
    chosen = {}
    for name, columns in wanted.items():
        if isinstance(columns, str):
            columns = [columns.replace("{}", f"{h:g}") for h in horizons] if "{}" in columns else [columns]
        if not isinstance(columns, Sequence):
            raise CallError(f"the columns of predictor '{name}' are {columns!r}; expected a list of names, one a horizon, or a "
                            "pattern such as 'p_mine_{}d'")
        if len(columns) != len(horizons):
            raise CallError(f"predictor '{name}' has {len(columns)} columns for {len(horizons)} horizons; give one for "
                            "each, or a pattern such as 'p_mine_{}d'")
        missing = [column for column in columns if column not in frame]
        if missing:
            raise CallError(f"predictions have no column '{missing[0]}'. Columns are named p_dropout_30d for a horizon "
                            "of 30, or given: predictors={'mine': ['risk30', 'risk60', 'risk90']}")
        chosen[str(name)] = list(columns)
    return chosen


def _probabilities(frame: pd.DataFrame, column: str) -> np.ndarray:
    given = frame[column]
    # A date or a complex number would be read as a number, and is none between 0 and 1.
    is_number = not (is_datetime64_any_dtype(given) or is_timedelta64_dtype(given) or is_complex_dtype(given))
    values = pd.to_numeric(given, errors="coerce").to_numpy(float) if is_number else np.full(len(given), np.nan)
    missing = np.isnan(values)
    if missing.any():
        raise CallError(f"{int(missing.sum()):,} of {len(values):,} values of '{column}' are missing or no numbers (first "
                        f"in row {int(np.argmax(missing)) + 1}); leave those rows out, and say how many")
    outside = (values < 0) | (values > 1)
    if outside.any():
        hint = "; they look like percentages: divide by 100" if 1 < values.max() <= 100 and values.min() >= 0 else ""
        raise CallError(f"{int(outside.sum()):,} of {len(values):,} values of '{column}' lie outside 0 to 1 (first in row "
                        f"{int(np.argmax(outside)) + 1}: {values[np.argmax(outside)]:g}){hint}. Give probabilities")
    return values


def no_name_twice(frame: pd.DataFrame, what: str) -> None:
    """CallError where two columns have one name."""
    if frame.columns.has_duplicates:
        name = frame.columns[frame.columns.duplicated()][0]
        raise CallError(f"{what} have several columns called '{name}'; give each a name of its own")


def none_missing(frame: pd.DataFrame, column: str) -> None:
    """CallError where a column has missing values."""
    missing = frame[column].isna().to_numpy()
    if missing.any():
        raise CallError(f"{int(missing.sum()):,} rows have no {column} (first: row {int(np.argmax(missing)) + 1})")


def dates(values: pd.Series) -> pd.Series:
    """Dates as `datetime64[s]`; CallError where they are none, are missing or have a time zone."""
    if is_numeric_dtype(values):
        raise CallError("'as_of' holds numbers; write dates like 2026-06-30")
    try:
        found = pd.to_datetime(values)
        if getattr(found.dtype, "tz", None) is not None:
            raise CallError("'as_of' has a time zone; give the clinic's local time, as the history has it")
        found = found.astype("datetime64[s]")
    except (TypeError, ValueError) as wrong:
        raise CallError("'as_of' holds values that are no dates; write them like 2026-06-30") from wrong
    if found.isna().any():
        raise CallError(f"{int(found.isna().sum()):,} values of 'as_of' are missing")
    return found
