"""Truth: how near predictions come to the true probabilities of a simulated world, and what was there to be known.

The measure is the share of the attainable gain: (L(base rate) - L(model)) / (L(base rate) - L(true probabilities)),
L the mean log loss. 1 is a model that knows what the world knows; 0 one that knows the base rate of the test cases.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from dropout.errors import CallError, DropoutError
from dropout.evaluation import metrics
from dropout.evaluation.cases import KEY, QUESTIONS
from dropout.evaluation.comparison import Part, answers, remark
from dropout.evaluation.intervals import Resamples, metric_interval

LEAST_ATTAINABLE = 0.003
"""Log loss in nats below which there is next to nothing to know, and no share of it is given."""

HAPPENED = {"p_dropout": "happened"} | {f"p_dropout_{d}d": f"dropout_{d}d" for d in (30, 60, 90)} | {
    f"p_return_{d}d": f"returned_{d}d" for d in (7, 14, 30)}
"""For each true probability, the column with what happened."""


def read_truth(folder: str | Path) -> dict[str, pd.DataFrame]:
    """`risk` and `reschedule` of a truth folder, as `dropout simulate --truth` writes it.

    Returns
    -------
    dict of DataFrame
        With `as_of` as datetime64[s] and the ids as text; `reschedule` is left out where there is no such file.

    Raises
    ------
    CallError
        If the folder or its `risk.csv` is missing.
    DropoutError
        If a file cannot be read, lacks a column, repeats a row, or holds what is no probability.
    """
    folder = Path(folder)
    if not (folder / "risk.csv").is_file():
        raise CallError(f"'{folder}' is not a truth folder: it holds no risk.csv. "
                        "Make one: dropout simulate --out HISTORY --truth DIR")
    found = {name: _read(folder / f"{name}.csv", [q.p for q in QUESTIONS if q.of_cancellation == (name != "risk")])
             for name in ("risk", "reschedule") if (folder / f"{name}.csv").is_file()}
    return found


def _read(path: Path, probabilities: list[str]) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path, dtype={"client_id": "str", "episode_id": "str"})
        needed = [*KEY, *probabilities, *(HAPPENED[p] for p in probabilities)]
        lacking = [name for name in needed if name not in frame]
        if lacking:
            raise DropoutError(f"{path.name} of the truth lacks {', '.join(lacking)}; simulate it again")
        frame["as_of"] = pd.to_datetime(frame["as_of"]).astype("datetime64[s]")
        values = frame[needed[len(KEY):]].to_numpy(float)
    except (ValueError, OSError) as wrong:
        raise DropoutError(f"{path.name} of the truth cannot be read as a table of dates, ids and numbers; "
                           "simulate it again") from wrong
    if not ((values >= 0) & (values <= 1)).all():
        raise DropoutError(f"{path.name} of the truth holds values that are missing or not between 0 and 1")
    if frame.duplicated(KEY).any():
        raise DropoutError(f"{path.name} of the truth has {int(frame.duplicated(KEY).sum()):,} repeated rows")
    return frame[needed]


def truth_dates(truth: dict[str, pd.DataFrame]) -> np.ndarray:
    """The dates of a truth, rising (datetime64[s])."""
    return np.unique(truth["risk"]["as_of"].to_numpy("datetime64[s]"))


def with_truth(frame: pd.DataFrame, truth: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The cases with the true probabilities, and what really happened in the place of what the tables know.

    A case that the truth does not hold has no answer and is in no figure.
    """
    for question in QUESTIONS:
        source = truth.get("reschedule" if question.of_cancellation else "risk")
        frame = frame.drop(columns=question.happened)
        if source is None:
            frame = frame.assign(**{question.happened: np.nan, f"true_{question.p}": np.nan})
            continue
        renamed = source[[*KEY, question.p, HAPPENED[question.p]]].rename(
            columns={question.p: f"true_{question.p}", HAPPENED[question.p]: question.happened})
        frame = frame.merge(renamed, how="left", on=KEY, validate="one_to_one")
    return frame


def truth_table(parts: Sequence[Part], basis: str, *, times: int, seed: int) -> pd.DataFrame:
    """One row per question, group and predictor: how near it comes to the truth.

    Returns
    -------
    DataFrame
        `basis`, `question`, `group`, `predictor`, `n`, `clients`, `events`, `base_rate`, `mean_true`, `mean_predicted`;
        `loss_base`, `loss`, `loss_true` (mean log loss on what happened); `share`, `share_low`, `share_high` of the
        attainable gain; `share_expected`, the same with the true probabilities in the place of what happened, which
        is less noisy; `attainable`, the expected gain of the truth in nats; `distance`, mean distance to the true
        probability, and `calibration_error`, both with `_low` and `_high`; `remark`.
    """
    rows = []
    for question in QUESTIONS:
        for group in question.groups:
            found = answers(parts, question, group, seed)
            if not len(found.frame):
                continue
            y, true = found.frame["y"].to_numpy(float), found.frame["true"].to_numpy(float)
            resamples = Resamples.of(found.frame["client_id"], times, seed)
            about = {"basis": basis, "question": question.name, "group": group}
            size = {"n": len(y), "clients": resamples.counts.shape[1], "events": int(y.sum()), "base_rate": y.mean(),
                    "mean_true": true.mean()}
            for name in found.predictors:
                p = found.frame[name].to_numpy(float)
                rows.append(about | {"predictor": name} | size | _against(y, p, true, resamples)
                            | {"remark": remark(y)})
    return pd.DataFrame(rows)


def attainable_share(y: np.ndarray, p: np.ndarray, true: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Share of the attainable log-loss gain of `p`; NaN where less than `LEAST_ATTAINABLE` is attainable.

    The base rate is that of these rows themselves: no constant does better. `y` may be the true probabilities.
    """
    base = np.full(len(y), np.clip(np.average(y, weights=weight), 0.0, 1.0))
    at_base, at_true = metrics.log_loss(y, base, weight), metrics.log_loss(y, true, weight)
    if at_base - at_true < LEAST_ATTAINABLE:
        return np.nan
    return (at_base - metrics.log_loss(y, p, weight)) / (at_base - at_true)


def _against(y: np.ndarray, p: np.ndarray, true: np.ndarray, resamples: Resamples) -> dict[str, float]:
    low, high = resamples.interval(lambda weight: attainable_share(y, p, true, weight))
    away = np.abs(p - true)
    away_low, away_high = resamples.mean_interval(away)
    off_low, off_high = metric_interval(metrics.calibration_error, true, p, resamples)
    constant = np.full(len(y), true.mean())
    return {
        "mean_predicted": p.mean(),
        "loss_base": metrics.log_loss(y, np.full(len(y), y.mean())),
        "loss": metrics.log_loss(y, p),
        "loss_true": metrics.log_loss(y, true),
        "share": attainable_share(y, p, true), "share_low": low, "share_high": high,
        "share_expected": attainable_share(true, p, true),
        "attainable": metrics.log_loss(true, constant) - metrics.log_loss(true, true),
        "distance": away.mean(), "distance_low": away_low, "distance_high": away_high,
        "calibration_error": metrics.calibration_error(true, p),
        "calibration_error_low": off_low, "calibration_error_high": off_high,
    }
