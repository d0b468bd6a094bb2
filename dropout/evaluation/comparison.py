"""The model beside trivial baselines: what each predicted, what happened, and every measure with its interval."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dropout.errors import CallError
from dropout.evaluation import metrics
from dropout.evaluation.baselines import baseline_predictions, baselines_by_fold, names
from dropout.evaluation.capacity import capacity_table
from dropout.evaluation.cases import ALL_OPEN, CANCELLED, KEY, QUESTIONS, Question, in_group
from dropout.evaluation.intervals import Resamples, metric_interval

MODEL = "model"
BASE_RATE = names(True)[0]

METRICS: dict[str, Callable[..., float]] = {
    "log_loss": metrics.log_loss,
    "brier": metrics.brier,
    "auc": metrics.auc,
    "in_the_large": metrics.calibration_in_the_large,
    "slope": metrics.calibration_slope,
    "calibration_error": metrics.calibration_error,
}

FEWEST_EVENTS = 100
"""Events, and rows without one, below which figures are called rough (Collins et al. 2016)."""

ROWS_A_BIN = 20

LISTS = (("dropout within 60 days", ALL_OPEN), ("never again", CANCELLED))
"""Questions and groups for which lists of calls are drawn up."""


@dataclass(frozen=True)
class Part:
    """Cases put to one model, and the cases from which baselines may learn.

    Attributes
    ----------
    train : DataFrame
        Cases known by the time until which the model learnt.
    test : DataFrame
        Cases with the model's probabilities (`cases.with_scores`), and `true_...` columns where the truth is known.
    """

    train: pd.DataFrame
    test: pd.DataFrame


@dataclass(frozen=True)
class Answers:
    """What was predicted for one question and group, and what happened.

    Attributes
    ----------
    frame : DataFrame
        `as_of`, `client_id`, `episode_id`, `clinic_id`, `y`, `model`, a column for each baseline, and `true` where it
        is known.
    n_without_score : int
        Cases with a known answer to which the model gave no probability; they are in none of the figures.
    baselines_by_fold : bool
        Whether too little had gone before, so that baselines were fitted on the test cases of other clients.
    """

    frame: pd.DataFrame
    n_without_score: int
    baselines_by_fold: bool

    @property
    def predictors(self) -> list[str]:
        """The model and the baselines."""
        return [name for name in self.frame.columns if name not in (*KEY, "clinic_id", "y", "true")]


def answers(
    parts: Sequence[Part], question: Question, group: str, seed: int = 0, *, only_known: bool = True
) -> Answers:
    """What the model and the baselines answer to one question in one group of cases.

    Where `only_known` is false, cases whose answer is not known are there too, with `y` NaN.
    """
    found, missing, by_fold = [], 0, False
    for part in parts:
        asked = in_group(part.test, group)
        test = part.test[asked & part.test[question.happened].notna().to_numpy() if only_known else asked]
        scored = test[question.p].notna().to_numpy()
        missing += int((~scored).sum())
        test = test[scored].reset_index(drop=True)
        p = test[question.p].to_numpy(float)
        if len(p) and not (p.min() >= 0 and p.max() <= 1):
            raise CallError(f"the model's {question.p} holds values outside 0 to 1; it must give probabilities")
        train = part.train[in_group(part.train, group)]
        wanted = names(question.of_cancellation)
        others = baseline_predictions(train, question.happened, test, wanted)
        if others is None:
            others, by_fold = baselines_by_fold(test, question.happened, wanted, seed), True
        frame = test[[*KEY, "clinic_id"]].assign(y=test[question.happened].to_numpy(float), **{MODEL: p})
        if f"true_{question.p}" in test:
            frame["true"] = test[f"true_{question.p}"].to_numpy(float)
        found.append(pd.concat([frame, others], axis=1))
    together = pd.concat(found, ignore_index=True).sort_values(KEY, ignore_index=True)
    return Answers(together, missing, by_fold and len(together) > 0)


def metrics_table(parts: Sequence[Part], basis: str, *, times: int, seed: int) -> tuple[pd.DataFrame, list[str]]:
    """One row per question, group and predictor, each measure with its interval; and what has to be said of it.

    Columns: `basis`, `question`, `group`, `predictor`, `n`, `clients`, `events`, `base_rate`; each of `METRICS` with
    `_low` and `_high`; `gain`, the log loss of the base rate less that of the predictor, paired, with `_low` and
    `_high`; `remark`.
    """
    rows, notes, nothing = [], [], []
    for question in QUESTIONS:
        for group in question.groups:
            found = answers(parts, question, group, seed)
            where = f"{question.name}, {group}"
            notes += _notes(found, where)
            nothing += [] if len(found.frame) else [where]
            rows += [{"basis": basis, "question": question.name, "group": group, **row}
                     for row in _measured(found, times, seed)]
    if nothing:
        notes.append(f"No case with a known answer and a score, so nothing is measured: {'; '.join(nothing)}.")
    return pd.DataFrame(rows), notes


def _measured(found: Answers, times: int, seed: int) -> list[dict[str, object]]:
    frame = found.frame
    if not len(frame):
        return []
    y = frame["y"].to_numpy(float)
    resamples = Resamples.of(frame["client_id"], times, seed)
    about = {"n": len(y), "clients": resamples.counts.shape[1], "events": int(y.sum()), "base_rate": y.mean()}
    fallback = frame[BASE_RATE].to_numpy(float)
    rows: list[dict[str, object]] = []
    for name in found.predictors:
        p = frame[name].to_numpy(float)
        row: dict[str, object] = {"predictor": name, **about}
        for metric, function in METRICS.items():
            row[metric] = function(y, p)
            row[f"{metric}_low"], row[f"{metric}_high"] = metric_interval(function, y, p, resamples)
        gain = metrics.losses(y, fallback) - metrics.losses(y, p)
        row["gain"] = gain.mean()
        row["gain_low"], row["gain_high"] = resamples.mean_interval(gain)
        row["remark"] = remark(y)
        rows.append(row)
    return rows


def calibration_table(parts: Sequence[Part], basis: str, *, seed: int) -> pd.DataFrame:
    """Bins of equal count of the probabilities of each predictor, for each question and group.

    One row a bin, with Wilson's interval for the share observed. Ten bins, or fewer where
    they would hold fewer than `ROWS_A_BIN` rows each.
    """
    frames = []
    for question in QUESTIONS:
        for group in question.groups:
            found = answers(parts, question, group, seed)
            y = found.frame["y"].to_numpy(float)
            bins = int(np.clip(len(y) // ROWS_A_BIN, 1, metrics.BINS))
            about = {"basis": basis, "question": question.name, "group": group}
            for name in found.predictors if len(y) else ():
                curve = metrics.calibration_curve(y, found.frame[name].to_numpy(float), bins=bins)
                frames.append(curve.assign(**about, predictor=name, n_all=len(y), events_all=int(y.sum()),
                                           base_rate=y.mean(), remark=remark(y)))
    if not frames:
        return pd.DataFrame()
    together = pd.concat(frames, ignore_index=True)
    first = ["basis", "question", "group", "predictor"]
    return together[first + [name for name in together.columns if name not in first]]


def capacity_tables(parts: Sequence[Part], basis: str, *, times: int, seed: int) -> pd.DataFrame:
    """Lists of calls for each of `LISTS` (see `capacity.capacity_table`)."""
    frames = []
    for question in QUESTIONS:
        for name, group in LISTS:
            if question.name == name:
                found = answers(parts, question, group, seed)
                resamples = Resamples.of(found.frame["client_id"], times, seed)
                ranking = [predictor for predictor in found.predictors if predictor != BASE_RATE]
                table = capacity_table(found.frame, ranking, resamples)
                if len(table):
                    table.insert(0, "group", group)
                    table.insert(0, "question", name)
                    table.insert(0, "basis", basis)
                    frames.append(table.assign(remark=remark(found.frame["y"].to_numpy(float))))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def remark(y: np.ndarray) -> str:
    """What has to be said about figures from so few events; nothing where there are enough."""
    rarer = int(min(y.sum(), len(y) - y.sum()))
    if rarer == 0:
        return "it happened to all" if y.sum() else "no events"
    return f"only {rarer} {'events' if y.mean() <= 0.5 else 'without an event'}: rough" if rarer < FEWEST_EVENTS else ""


def _notes(found: Answers, where: str) -> list[str]:
    said = []
    if found.n_without_score:
        said.append(f"{where}: the model gave no probability for {found.n_without_score:,} cases; they are left out.")
    if found.baselines_by_fold:
        said.append(f"{where}: too few earlier cases for the baselines; they were fitted on the test cases of other "
                    "clients, which favours them.")
    return said
