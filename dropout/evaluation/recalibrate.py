"""`recalibrate`: a model whose probabilities fit a clinic, learnt from outcomes that the model has not learnt from.

The layer is learnt as sparingly as the data ask for: by closed testing (Vergouwe et al. 2017) between the model as it is,
another intercept, and another intercept and slope (Cox 1958), with errors that allow for a client who is asked about on
several dates; steps (isotonic regression) only where there is a great deal to learn from. Whether it helps is decided on
clients and dates that had no part in it. Where it doesn't, the model stays as it is.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from dropout.disclosure import SMALLEST_SHOWN
from dropout.endings.labels import HORIZONS
from dropout.errors import CallError, ModelError
from dropout.evaluation import metrics
from dropout.evaluation.cases import ALL_OPEN, CANCELLED, KEY, QUESTIONS, RECENT, Question, cases, in_group, with_scores
from dropout.evaluation.checked import checked_history, checked_seed
from dropout.evaluation.correction import AUTO, FEWEST, counts, fit_correction, learn_correction
from dropout.evaluation.intervals import TIMES, Resamples, metric_interval
from dropout.evaluation.saying import day
from dropout.evaluation.splits import FOLDS, client_folds, test_dates
from dropout.evaluation.trial import LEARNING_DATES, beginning, trained_until
from dropout.history import History
from dropout.models.learner import clearly_better, losses_of
from dropout.models.model import DropoutModel
from dropout.models.recalibration import METHODS, Correction, Listener, Recalibration, agreed
from dropout.timeline import DAY, seconds

RISK, GONE = QUESTIONS[:3], QUESTIONS[3]
DECIDING = 1
"""Position in `RISK` of the horizon by which the method is chosen: 60 days."""

LATER_SHARE = 1 / 3
"""Share of the dates, the latest ones, on which the layer is checked."""

SHOWN = (*((question, ALL_OPEN) for question in RISK), (RISK[DECIDING], RECENT), (RISK[DECIDING], CANCELLED),
         (GONE, CANCELLED))
MEASURES: dict[str, Callable[..., float]] = {
    "in_the_large": metrics.calibration_in_the_large, "slope": metrics.calibration_slope,
    "log_loss": metrics.log_loss, "calibration_error": metrics.calibration_error}

Progress = Callable[[str, int, int], None]


def recalibrate(
    model: DropoutModel,
    history: History,
    *,
    as_of: str | np.datetime64 | None = None,
    method: str = AUTO,
    new_clients: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> DropoutModel:
    """The model with a layer that makes its probabilities fit this clinic, and a table of before and after.

    The model given is left as it was. Of one that has been recalibrated before, the earlier layer is replaced.

    Parameters
    ----------
    model : DropoutModel
        Fitted.
    history : History
        Of the clinic that the model is to fit.
    as_of : date, optional
        Learn from what was known by then. Default: all that the history knows.
    method : {"auto", "intercept", "slope", "isotonic"}
        `auto` takes the simplest that the data don't speak against.
    new_clients : bool
        The model learnt from none of these clients (another clinic's, say). Otherwise only dates count that lie at
        least as long after its training as the definition of dropout needs.
    seed : int
        Of the groups of clients.
    progress : function of (stage, done, total), optional

    Returns
    -------
    DropoutModel
        Its `recalibration` holds what was changed, the table and the notes. Where the layer did harm on
        clients and dates left out, nothing is changed, and the notes say so.

    Raises
    ------
    CallError
        If the model is not a fitted `DropoutModel` or there is no such method.
    ModelError
        If the model has learnt from all outcomes in this history, or too few are left.
    """
    if not isinstance(model, DropoutModel):
        raise CallError(f"recalibrate works on a fitted DropoutModel, not on {type(model).__name__}")
    if method != AUTO and method not in METHODS[1:]:
        raise CallError(f"there is no method '{method}'; expected one of {', '.join((AUTO, *METHODS[1:]))}")
    trained_until(model)
    history, seed = checked_history(history), checked_seed(seed)
    history = history if as_of is None else history.as_of(as_of)
    dates = _dates(model, history, new_clients)
    # On one thread a sum has one order, whatever the machine: the same history gives the same bytes.
    with threadpool_limits(1):
        frame = _asked(model, history, dates, progress)
        layer = _layer(model, history, dates, frame, method, new_clients, seed)
    result = copy.copy(model)
    result.recalibration_ = layer
    return result


def _layer(model: DropoutModel, history: History, dates: np.ndarray, frame: pd.DataFrame, method: str, new_clients: bool,
           seed: int) -> Recalibration:
    layer, notes = _learn(frame, method, seed)
    methods = [one.method for one in layer]
    checked = _checked(frame, dates, model.definition.maturity_days, methods, seed)
    risk_harmed, gone_harmed = _harms(checked, RISK), _harms(checked, [GONE])
    if risk_harmed or gone_harmed:
        # What is left alone is not mended in the table either.
        harmed = [risk_harmed] * len(RISK) + [gone_harmed]
        methods = [METHODS[0] if worse else one for one, worse in zip(methods, harmed, strict=True)]
        checked = _checked(frame, dates, model.definition.maturity_days, methods, seed)
    kept = [one if method != METHODS[0] else Correction() for one, method in zip(layer, methods, strict=True)]
    notes = [*_how(history, model, dates, frame, checked, new_clients), *notes,
             *_verdict("Risk of dropout", layer[DECIDING], risk_harmed), *_verdict("Never again", layer[-1], gone_harmed),
             CAUTION]
    return Recalibration(tuple(kept[:-1]), kept[-1], history.known_until, _before_and_after(checked, seed), tuple(notes))


CAUTION = ("A layer moves all probabilities of a kind alike. It can't mend who is ranked before whom, nor what differs "
           "between sites or groups, and it fits the time that it was learnt in: look again after a year, or when "
           "`dropout evaluate` names a shift.")


def _dates(model: DropoutModel, history: History, new_clients: bool) -> np.ndarray:
    maturity = model.definition.maturity_days
    until = model.trained_until_
    earliest = beginning(history) if new_clients else until + np.timedelta64(maturity, "D")
    dates = test_dates(history.known_until, maturity, earliest, most=LEARNING_DATES)
    if not len(dates) and new_clients:
        raise ModelError(
            f"nothing to recalibrate on: this history runs from {day(beginning(history))} to {day(history.known_until)}, where "
            f"at least {2 * maturity + 30} days are needed for outcomes to be known. Come back when that time has passed.")
    if not len(dates):
        raise ModelError(
            f"nothing to recalibrate on: the model has learnt until {day(until)}, and outcomes of this history are known "
            f"until {day(history.known_until)}, where at least {2 * maturity + 30} days more are needed. On what a model has "
            "learnt from, it looks better than it is. Come back when that time has passed; or fit it on an earlier part "
            "(--as-of); or, if it learnt from none of these clients, say so (new_clients=True, --new-clients).")
    return dates


def _asked(model: DropoutModel, history: History, dates: np.ndarray, progress: Progress | None) -> pd.DataFrame:
    """Cases with known outcomes, what the model says of them without any layer, and `otherwise`."""
    bare = copy.copy(model)
    listener = Listener()
    bare.recalibration_ = listener  # type: ignore[assignment]
    risk, reschedule = [], []
    for k, date in enumerate(dates):
        scores = bare.score(history, as_of=date)
        risk.append(scores.dropout_risk.assign(otherwise=listener.otherwise))
        reschedule.append(scores.reschedule)
        if progress is not None:
            progress("recalibrate", k + 1, len(dates))
    together = pd.concat(risk, ignore_index=True)
    frame = with_scores(cases(history, model.definition, dates), together, pd.concat(reschedule, ignore_index=True))
    return frame.merge(together[[*KEY, "otherwise"]].astype({"as_of": "datetime64[s]"}), how="left", on=KEY)


def _learn(frame: pd.DataFrame, method: str, seed: int) -> tuple[list[Correction], list[str]]:
    """Corrections of the three risks and of never again, and what has to be said; ModelError where there is too little."""
    decided, gone = (learn_correction(*_known(frame, question), method, seed) for question in (RISK[DECIDING], GONE))
    about = [(RISK[DECIDING].name.capitalize(), decided.why), (GONE.name.capitalize(), gone.why)]
    if decided.why and gone.why:
        raise ModelError("too little to recalibrate on. " + " ".join(f"{name}: {why}." for name, why in about)
                         + " The model can be used as it is; `dropout evaluate` shows how far its probabilities can be trusted.")
    # One method for all horizons, chosen by the middle one.
    return (_corrections(frame, [decided.correction.method] * len(RISK) + [gone.correction.method]),
            [f"{name} is left as it is: {why}." for name, why in about if why])


def _corrections(frame: pd.DataFrame, methods: list[str]) -> list[Correction]:
    """Corrections of known kinds; a horizon of which too little is known takes that of the middle one."""
    found = []
    for question, method in zip((*RISK, GONE), methods, strict=True):
        enough = question not in RISK or counts(*_known(frame, question)[::2]) >= FEWEST
        found.append(fit_correction(*_known(frame, question if enough else RISK[DECIDING])[:2], method))
    return found


def _known(frame: pd.DataFrame, question: Question) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What happened, what was predicted, and whose case it is, where all is known."""
    rows = frame[frame[question.happened].notna() & frame[question.p].notna()]
    return rows[question.happened].to_numpy(float), rows[question.p].to_numpy(float), rows["client_id"].to_numpy(object)


def _checked(frame: pd.DataFrame, dates: np.ndarray, maturity_days: int, methods: list[str], seed: int) -> pd.DataFrame:
    """Cases with `mended_...` columns by corrections learnt from other clients, and earlier where there is enough of that.

    In `.attrs["later"]` whether they were learnt from earlier outcomes alone.
    """
    fold = client_folds(frame["client_id"], FOLDS, seed).reindex(frame["client_id"]).to_numpy()
    second = seconds(frame["as_of"].to_numpy("datetime64[s]"))
    first = seconds(dates)[-max(1, int(np.ceil(len(dates) * LATER_SHARE)))]
    tested = second >= first
    # What was known of these when the first of the later dates came.
    earlier = second + (HORIZONS[1 + DECIDING] + maturity_days) * DAY <= first
    known_then = frame.assign(**{
        question.happened: frame[question.happened].where(second + (days + maturity_days) * DAY <= first)
        for question, days in zip(RISK, HORIZONS[1:], strict=True)})
    asked = [question for question, method in ((RISK[DECIDING], methods[DECIDING]), (GONE, methods[-1]))
             if method != METHODS[0]]
    later = all(counts(*_known(known_then[earlier & (fold != k)], question)[::2]) >= FEWEST
                for question in asked for k in range(FOLDS))
    if not later:
        tested = earlier = np.ones(len(frame), dtype=bool)
        known_then = frame
    parts = []
    for k in range(FOLDS):
        mine = frame[tested & (fold == k)]
        corrections = _corrections(known_then[earlier & (fold != k)], methods)
        gone = corrections[-1](mine[GONE.p].to_numpy(float))
        risk = agreed(corrections[:-1], mine[[question.p for question in RISK]].to_numpy(float), gone,
                      mine["otherwise"].to_numpy(float))
        parts.append(mine.assign(**{f"mended_{GONE.p}": gone},
                                 **{f"mended_{question.p}": risk[:, i] for i, question in enumerate(RISK)}))
    result = pd.concat(parts, ignore_index=True)
    result.attrs["later"] = later
    return result


def _harms(checked: pd.DataFrame, questions: Sequence[Question]) -> bool:
    """Whether the log loss on cases left out rises by more than its standard error, over all of these questions.

    That the model is off has been tested before a layer was learnt. To ask for proof once more, of a smaller part of the
    cases, would leave many a real shift as it is: an intercept that is off by 0.4 costs only 0.01 nats.
    """
    before, after, client = [], [], []
    for question in questions:
        y, p, who = _known(checked, question)
        before.append(losses_of(p, y == 1))
        after.append(losses_of(_known(checked.assign(**{question.p: checked[f"mended_{question.p}"]}), question)[1], y == 1))
        client.append(who)
    if not sum(map(len, before)):
        return False
    return clearly_better(np.concatenate(before), np.concatenate(after), np.concatenate(client))


def _before_and_after(checked: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Two rows a question and group, before and after, each measure with its interval by drawing clients again.

    Columns: `question`, `group`, `when`, `n`, `clients`, `events`, `base_rate`, `predicted`; each of `MEASURES` and
    `gain` (log loss before less log loss now, paired) with `_low` and `_high`; `remark`.
    """
    rows = []
    for question, group in SHOWN:
        mine = checked[in_group(checked, group) & checked[question.happened].notna().to_numpy()
                       & checked[question.p].notna().to_numpy()]
        y, client = mine[question.happened].to_numpy(float), mine["client_id"]
        few = counts(y, client.to_numpy(object))
        if few < SMALLEST_SHOWN:
            continue  # the table goes where the model goes
        resamples = Resamples.of(client, TIMES, seed)
        before = mine[question.p].to_numpy(float)
        for when, p in (("before", before), ("after", mine[f"mended_{question.p}"].to_numpy(float))):
            gain = losses_of(before, y == 1) - losses_of(p, y == 1)
            row: dict[str, Any] = {"question": question.name, "group": group, "when": when, "n": len(y),
                                   "clients": resamples.counts.shape[1], "events": int(y.sum()), "base_rate": float(y.mean()),
                                   "predicted": float(p.mean())}
            for name, measure in MEASURES.items():
                low, high = metric_interval(measure, y, p, resamples)
                row |= {name: measure(y, p), f"{name}_low": low, f"{name}_high": high}
            low, high = resamples.mean_interval(gain)
            rows.append(row | {"gain": float(gain.mean()), "gain_low": low, "gain_high": high,
                               "remark": "" if few >= 100 else f"only {few} clients of the rarer kind: rough"})
    return pd.DataFrame(rows)


def _how(history: History, model: DropoutModel, dates: np.ndarray, frame: pd.DataFrame, checked: pd.DataFrame,
         new_clients: bool) -> list[str]:
    when = f"{len(dates)} dates from {day(dates[0])} to {day(dates[-1])}" if len(dates) > 1 else f"one date, {day(dates[0])}"
    said = [f"Learnt from {frame['client_id'].nunique():,} clients on {when}, whose outcomes were known by "
            f"{day(history.known_until)}; the model itself had learnt until {day(model.trained_until_)}."]
    if new_clients:
        said.append("The model is said to have learnt from none of these clients. If it did, the layer is too timid.")
    said.append("Before and after show layers of the same kind on clients who had no part in them, "
                + ("learnt from what was known before the dates of the table." if checked.attrs["later"] else
                   "on the same dates: there is too little to set later dates apart, so this can't tell whether the layer "
                   "lasts."))
    return said


def _verdict(name: str, correction: Correction, harmed: bool) -> list[str]:
    if correction.method == METHODS[0]:
        return [f"{name}: what was seen does not speak against the model as it is; nothing is changed."]
    if harmed:
        return [f"{name}: a layer ({correction}) was learnt, but it does harm on cases left out; nothing is changed."]
    return [f"{name}: recalibrated ({correction.method}: {correction})."]
