"""`evaluate`: how far a model's predictions can be trusted on a history."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dropout.evaluation import saying, verdict
from dropout.evaluation.cases import cases
from dropout.evaluation.checked import checked_drawings, checked_history, checked_seed
from dropout.evaluation.comparison import MODEL, calibration_table, capacity_tables, metrics_table
from dropout.evaluation.horizon_tables import horizon_tables
from dropout.evaluation.intervals import TIMES
from dropout.evaluation.model_forecasts import model_forecasts
from dropout.evaluation.optimism import DATES, optimism_table
from dropout.evaluation.result import Evaluation
from dropout.evaluation.shift import shift_notes
from dropout.evaluation.splits import FOLDS, MOST_DATES, Split
from dropout.evaluation.trial import AS_IT_IS, NEW_CLIENTS, Trial, as_it_is, plan, trained_until
from dropout.evaluation.truth import read_truth, truth_dates, truth_table, with_truth
from dropout.history import History

QUIET_DAYS = 7
"""Days after the last fact in the tables on which a truth may still be asked for."""

Progress = Callable[[str, int, int], None]


def evaluate(
    history: History,
    model: Any,
    *,
    as_of: str | np.datetime64 | None = None,
    truth: str | Path | None = None,
    new_clients: bool = False,
    leave_out: str | None = None,
    synthetic: bool = False,
    seed: int = 0,
    drawings: int = TIMES,
    progress: Progress | None = None,
) -> Evaluation:
    """Tables of how good a model's probabilities are, beside trivial baselines, with intervals.

    A model that learnt until a date is tested as it is on later dates whose outcomes are known. A model that
    has seen the whole history cannot be tested on it; then the same recipe is fitted again on two thirds of the
    clients up to a cut and tested on the other third after it, three times over, and every table says so.

    Parameters
    ----------
    history : History
    model : DropoutModel
        Or anything fitted with `definition`, `trained_until`, and `score(history, as_of=...)` that gives
        `dropout_risk` and `reschedule`; to be fitted again, it keeps the arguments of its constructor as attributes.
    as_of : date, optional
        Evaluate with what was known by then. Default: all that the history knows.
    truth : folder, optional
        True probabilities of a simulated world, as `dropout simulate --truth` writes them; adds a table.
    new_clients : bool
        The model learnt from none of these clients, so it is tested as it is on any date.
    leave_out : {"therapist", "clinic"}, optional
        Fit the recipe again on the clients of the others, and test it on those of therapists, or clinics, left out.
    synthetic : bool
        The clients are simulated, and the result says that it says nothing about people.
    seed : int
        Of the drawings for intervals and of the groups of clients.
    drawings : int
        Drawings of clients for each interval.
    progress : function of (stage, done, total), optional

    Raises
    ------
    CallError
        If the model is not fitted, the truth is no truth folder, or `drawings` is below 20.
    ModelError
        If the history is too short or too small to evaluate this model.
    """
    history, drawings, seed = checked_history(history), checked_drawings(drawings), checked_seed(seed)
    known = None if truth is None else read_truth(truth)
    if as_of is not None:
        history = history.as_of(as_of)
    # The last fact may lie somewhat before the night on which the tables were taken.
    last = history.known_until + np.timedelta64(0 if as_of is not None else QUIET_DAYS, "D")
    until = trained_until(model)
    n_truth = 0 if known is None else len(truth_dates(known))
    tick = _Ticker(progress, FOLDS + FOLDS * MOST_DATES + n_truth + 3)

    trial = plan(history, model, new_clients, leave_out, seed, tick)
    tick.expect(len(trial.candidates) * (len(trial.split.dates) + DATES) + n_truth + 3)
    asked = cases(history, model.definition, trial.split.dates)
    parts = trial.parts(history, asked, tick)
    measured, remarks = metrics_table(parts, trial.basis, times=drawings, seed=seed)
    tick()
    tables = {
        "metrics": measured,
        "calibration": calibration_table(parts, trial.basis, seed=seed),
        "capacity": capacity_tables(parts, trial.basis, times=drawings, seed=seed),
    }
    tables |= horizon_tables(model_forecasts(parts, seed), trial.basis, judged=[MODEL], times=drawings, seed=seed)
    tick()
    optimism, looked_better = optimism_table(history, trial, parts, tick, times=drawings, seed=seed)
    if len(optimism):
        tables["optimism"] = optimism
    notes = [*saying.how(history, model, trial, new_clients), *saying.layer(trial, model), *saying.left_out(asked, trial),
             *remarks, *looked_better, *verdict.censored(tables)]
    if known is not None:
        tables["truth"], said = _against_truth(history, model, trial, known, last, new_clients, drawings, seed,
                                              tick)
        notes += said
    synthetic = synthetic or known is not None
    notes = [*saying.headlines(tables), *shift_notes(measured, trial, model), *notes,
             *saying.cautions(history, trial, tables, synthetic)]
    tick.finish()
    settings = {
        "version": version("dropout"), "definition": model.definition.name, "basis": trial.basis,
        "trained_until": str(until), "known_until": str(history.known_until), "cut": str(trial.split.cut),
        "dates": [str(date) for date in trial.split.dates], "groups_of_clients": trial.split.folds,
        "intervals": {"drawings": drawings, "level": 0.95, "drawn": "clients"}, "seed": seed,
        "new_clients": new_clients, "left_out": leave_out, "synthetic": synthetic, "predictors": [MODEL],
    }
    return Evaluation(trial.basis, tables, notes, settings)


def _against_truth(
    history: History, model: Any, trial: Trial, known: dict[str, pd.DataFrame], last: np.datetime64,
    new_clients: bool, times: int, seed: int, tick: _Ticker,
) -> tuple[pd.DataFrame, list[str]]:
    """The truth table and what has to be said of it.

    The model itself is judged on the dates from its training on; only where there is none, its refitted recipe is. Where
    therapists or clinics are left out, the refitted recipe is judged.
    """
    dates = truth_dates(known)
    until = trained_until(model)
    dates = dates[dates <= last]
    usable = dates if new_clients else dates[dates >= until]
    if trial.left_out is not None:
        usable = dates[dates >= trial.split.cut]
    elif len(usable):
        if trial.basis not in (AS_IT_IS, NEW_CLIENTS):
            trial = as_it_is(history, model, AS_IT_IS, Split(until, usable))
    elif trial.basis != AS_IT_IS:
        usable = dates[dates >= trial.split.cut]
    notes = saying.truth_dates(usable, truth_dates(known), trial)
    if not len(usable):
        return pd.DataFrame(), notes
    frame = with_truth(cases(history, model.definition, usable), known)
    parts = trial.parts(history, frame, tick)
    table = truth_table(parts, trial.basis, times=times, seed=seed)
    return table, notes + saying.truth_missing(parts, known, usable)


class _Ticker:
    """Counts what is done and passes it on."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self.progress, self.total, self.done = progress, total, 0

    def __call__(self) -> None:
        self.done = min(self.done + 1, self.total - 1)
        if self.progress is not None:
            self.progress("evaluate", self.done, self.total)

    def expect(self, more: int) -> None:
        """So much is still to do."""
        self.total = self.done + more + 1

    def finish(self) -> None:
        """Say that all is done."""
        if self.progress is not None:
            self.progress("evaluate", self.total, self.total)
