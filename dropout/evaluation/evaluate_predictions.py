"""`evaluate_predictions`: how far anybody's predictions can be trusted; a frame of them is enough."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version

import numpy as np
import pandas as pd

from dropout.endings import DEFAULT, Definition
from dropout.errors import CallError
from dropout.evaluation import verdict
from dropout.evaluation.baselines import BASELINES
from dropout.evaluation.capacity import CALLS, capacity_table, sentence
from dropout.evaluation.censoring import by_horizon
from dropout.evaluation.checked import checked_definition, checked_drawings, checked_history, checked_seed
from dropout.evaluation.forecasts import Forecasts
from dropout.evaluation.horizon_tables import GroupOfForecasts, horizon_tables
from dropout.evaluation.intervals import TIMES, Resamples
from dropout.evaluation.net_benefit import THRESHOLDS, checked_thresholds
from dropout.evaluation.outcomes import (
    SITE,
    forecasts_of,
    sites,
    usable_columns,
    with_given_outcomes,
    with_known_outcomes,
)
from dropout.evaluation.predictions import Columns, Read, checked_horizons, read_predictions
from dropout.evaluation.result import Evaluation
from dropout.history import History

AS_GIVEN = "predictions as given"

ALL = "all"

FEWEST_A_LIST = 2 * CALLS[0]
"""Predictions on an average date below which no lists of calls are drawn up."""

MOST_GROUPS = 200

TEN = 10


def evaluate_predictions(
    predictions: pd.DataFrame,
    history: History | None = None,
    *,
    outcomes: pd.DataFrame | None = None,
    definition: Definition = DEFAULT,
    horizons: Sequence[float] = (30, 60, 90),
    predictors: Mapping[str, Columns] | None = None,
    by: str | Sequence[str] = (),
    thresholds: Sequence[float] = THRESHOLDS,
    drawings: int = TIMES,
    seed: int = 0,
    synthetic: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
) -> Evaluation:
    """Tables of how good the probabilities of a frame are, beside trivial baselines, with intervals by client.

    What became of each client comes from the history, by the definition; or from columns `time` and `event` of the
    frame, or of `outcomes`, when there is no history. Who has already attended their last session counts as a dropout by
    every horizon (`time` 0, `event` 1). What is not known yet is censored, never taken for "stayed".

    Parameters
    ----------
    predictions : DataFrame
        `client_id`, `as_of` (needed with a history), `episode_id` (if a client has several), and a column of
        probabilities for each horizon. Columns `last_missed`, `days_since_attended` and `own_return_rate` serve the
        baselines; a history supplies them.
    history : History, optional
        With everything that is known by now.
    outcomes : DataFrame, optional
        `client_id` (and `episode_id`, `as_of`), `time`, `event`.
    definition : Definition
        What counts as a dropout; only with a history.
    horizons : numbers
        In days, or in the unit of `time`; rising.
    predictors : mapping of name to columns, optional
        A list of columns, one a horizon, or a pattern ("p_mine_{}d"). Several are compared in pairs. Default:
        p_dropout_30d and so on.
    by : str or list of str
        Columns whose values part the rows into groups, each measured for itself; `clinic_id`, where there are several,
        comes by itself.
    thresholds : probabilities
        At which net benefit is given.
    drawings : int
        Drawings of clients for each interval.
    seed : int
    synthetic : bool
        The clients are simulated, and the result says so.
    progress : function of (stage, done, total), optional

    Returns
    -------
    Evaluation
        With the tables of `horizon_tables`, and `capacity` where dates have enough clients for lists of calls.

    Raises
    ------
    CallError
        If a prediction is missing, outside 0 to 1, repeated or for a client that the history does not have; if there is
        no way to know what happened; if a column is missing.
    """
    drawings, seed = checked_drawings(drawings), checked_seed(seed)
    if history is not None and outcomes is not None:
        raise CallError("give a history or outcomes, not both: it must be clear which of them says what happened")
    horizons = checked_horizons(horizons)
    thresholds = tuple(checked_thresholds(thresholds).tolist())
    if history is not None:
        history, definition = checked_history(history), checked_definition(definition)
    read = read_predictions(predictions, predictors, horizons)
    read = (with_given_outcomes(read, outcomes) if history is None
            else with_known_outcomes(read, history, definition))
    groups = _groups(read, by, horizons, seed)
    _anything_known(groups[0].forecasts, horizons)
    done = iter(range(1, len(groups) + 1))
    judged = list(read.p)
    tables = horizon_tables(
        groups, AS_GIVEN, judged=judged, times=drawings, seed=seed, thresholds=thresholds,
        tick=lambda: progress("evaluate", next(done), len(groups)) if progress is not None else None)
    main = verdict.main_horizon(horizons)
    capacity, lists = _capacity(read, groups[0].forecasts, main, drawings, seed)
    if len(capacity):
        tables["capacity"] = capacity
    notes = [*verdict.verdicts(tables, judged, main, ALL, ALL), *lists, *verdict.comparisons(tables, judged, main, ALL, ALL),
             *_how(read, history, definition, drawings), *read.notes, *verdict.censored(tables),
             *verdict.small_groups(tables), *_cautions(synthetic)]
    settings = {
        "version": version("dropout"), "definition": _definition(history, definition), "basis": AS_GIVEN,
        "known_until": None if history is None else str(history.known_until), "horizons": list(horizons),
        "predictors": judged, "by": sorted({one.by for one in groups[1:]}), "thresholds": list(thresholds),
        "intervals": {"drawings": drawings, "level": 0.95, "drawn": "clients"}, "seed": seed, "synthetic": synthetic,
    }
    return Evaluation(AS_GIVEN, tables, notes, settings)


def _groups(
    read: Read, by: str | Sequence[str], horizons: tuple[float, ...], seed: int
) -> list[GroupOfForecasts]:
    """All rows, then those of each site and of each value of the columns in `by`."""
    by = [by] if isinstance(by, str) else by
    if not isinstance(by, Sequence):
        raise CallError(f"by is {by!r}; expected the name of a column, or a list of names")
    missing = [column for column in by if column not in read.frame]
    if missing:
        raise CallError(f"'{missing[0]}' is not a column of the predictions, so they cannot be grouped by it")
    groups = [GroupOfForecasts(ALL, ALL, forecasts_of(read, horizons, seed), whole=True)]
    for column in dict.fromkeys([SITE, *by]):
        parted = sites(read.frame, column)
        if len(parted) > MOST_GROUPS:
            raise CallError(f"'{column}' has {len(parted):,} different values; put them into at most {MOST_GROUPS} groups "
                            "first")
        groups += [GroupOfForecasts(column, name, forecasts_of(read.take(rows), horizons, seed)) for name, rows in parted]
    return groups


def _anything_known(forecasts: Forecasts, horizons: tuple[float, ...]) -> None:
    """CallError where no outcome is known at any horizon."""
    counts = forecasts.counts(horizons[0])
    if counts["censored"] == len(forecasts):
        raise CallError(f"all {len(forecasts):,} rows are censored before the shortest horizon ({horizons[0]:g}): nothing is "
                        "known of what became of them. Use shorter horizons, or predictions made earlier")


def _capacity(
    read: Read, forecasts: Forecasts, horizon: float, drawings: int, seed: int
) -> tuple[pd.DataFrame, list[str]]:
    """Lists of calls on each date, from the rows whose outcome is known, and the sentence on ten calls."""
    if "as_of" not in read.frame:
        return pd.DataFrame(), []
    y, weight = by_horizon(forecasts.time, forecasts.event, horizon)
    known = np.nan_to_num(weight) > 0
    frame = read.frame[known]
    if not len(frame) or len(frame) < FEWEST_A_LIST * frame["as_of"].nunique():
        return pd.DataFrame(), []
    place = forecasts.horizons.index(horizon)
    ranking = [name for name in forecasts.predictors if name != verdict.BASE_RATE]
    answers = pd.DataFrame({
        "as_of": frame["as_of"].to_numpy(), "clinic_id": frame[SITE].to_numpy() if SITE in frame else "",
        "y": y[known], **{name: forecasts.predictors[name][known, place] for name in ranking}})
    table = capacity_table(answers, ranking, Resamples.of(frame["client_id"], drawings, seed))
    table.insert(0, "group", ALL)
    table.insert(0, "question", f"dropout within {horizon:g} days")
    table.insert(0, "basis", AS_GIVEN)
    ten = table[(table["calls"] == TEN) & table["predictor"].isin(list(read.p))]
    happens = f"leave within {horizon:g} days or have left already"
    said = [f"{row['predictor']}: {sentence(row, happens)}" for _, row in ten.iterrows()
            if row["events"] and row["n_per_list"] > TEN]
    if said and not known.all():
        said.append(f"These lists hold the {int(known.sum()):,} rows whose outcome is known by then.")
    return table, said


def _how(read: Read, history: History | None, definition: Definition, drawings: int) -> list[str]:
    outcomes = (f"What counts as a dropout: {definition.name}. Outcomes are those known by {history.known_until}."
                if history is not None else "Outcomes are those given with the predictions.")
    fitted = [one.name for one in BASELINES if one.column is None or one.column in usable_columns(read.frame)]
    return [outcomes, f"Baselines ({', '.join(fitted)}) were fitted on the outcomes of other clients among these rows, which "
                      "favours them.",
            f"Intervals (95%) come from drawing clients again {drawings} times, not rows."]


def _definition(history: History | None, definition: Definition) -> str:
    return definition.name if history is not None else "as given with the predictions"


def _cautions(synthetic: bool) -> list[str]:
    said = ["Whether these predictions were made without knowing what came after cannot be seen from them.",
            "None of this says what a call does: it says who leaves, not who would stay if called."]
    if synthetic:
        said.append("These clients are simulated: the figures show that the code works and say nothing about people.")
    return said
