"""Forecasts as tables: accuracy, discrimination, calibration and net benefit by horizon, for all and for each group."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dropout.evaluation.drawn import Measured, measured
from dropout.evaluation.forecasts import Forecasts
from dropout.evaluation.intervals import bands
from dropout.evaluation.net_benefit import THRESHOLDS, treat_all

TREAT_ALL, TREAT_NONE = "treat all", "treat none"

FEWEST_MEASURED = 10
"""Events, and rows known to have none, below which a group is counted and not measured."""

FEWEST_DRAWN = 100
"""Events, and rows without one, below which a subgroup gets no curves and no differences of its own; below it figures
are called rough (Collins et al. 2016)."""

IN_TABLE = {
    "accuracy": ("log_loss", "brier", "scaled_brier"),
    "discrimination": ("auc",),
    "calibration_measures": ("predicted", "observed", "in_the_large", "observed_expected", "slope", "ici", "e50", "e90"),
}
"""Measures in each table; every one with `_low` and `_high`."""

COMPARED = ("log_loss", "brier", "auc")

TABLES = (*IN_TABLE, "integrated", "differences", "calibration_curves", "net_benefit")


@dataclass(frozen=True)
class GroupOfForecasts:
    """Forecasts of one group.

    Attributes
    ----------
    by : str
        What parts the rows ("clinic_id").
    group : str
        The value of this group.
    forecasts : Forecasts
    whole : bool
        Whether this is everybody, or one of the main groups: those get curves and differences even when they are small.
    """

    by: str
    group: str
    forecasts: Forecasts
    whole: bool = False


def horizon_tables(
    groups: Sequence[GroupOfForecasts], basis: str, *, judged: Sequence[str], times: int, seed: int,
    thresholds: tuple[float, ...] = THRESHOLDS, tick: Callable[[], None] = lambda: None,
) -> dict[str, pd.DataFrame]:
    """The tables `TABLES`, each one row per horizon, group and predictor, or more.

    All begin with `basis`, `horizon`, `by`, `group`, `predictor`, `n`, `clients`, `events`, `other_endings`, `censored`
    (the three by the horizon), `base_rate` (the Aalen-Johansen estimate); most end with `remark`.

    Parameters
    ----------
    groups : list of GroupOfForecasts
    basis : str
        How it was measured; said in every row.
    judged : list of str
        Predictors that are set against all others in `differences`.
    times, seed : int
        Drawings of clients, and where they begin.
    thresholds : probabilities
    tick : function
        Called after each group.

    Returns
    -------
    dict of DataFrame
        `accuracy`, `discrimination` and `calibration_measures`: the measures of `IN_TABLE` with `_low` and `_high`.
        `integrated`: Brier score from the first horizon to the last (trapezoids) and its scaled form, `horizon` NaN.
        `differences`: `predictor` less `against`, in each of `COMPARED` and the integrated Brier score, paired by
        drawing: below 0 is better, save for the AUC. `calibration_curves`: the share `observed` at each `predicted`.
        `net_benefit`: at each `threshold`, also of treating all and treating none.
    """
    rows: dict[str, list[dict[str, object]]] = {name: [] for name in TABLES}
    for one in groups:
        if not len(one.forecasts):
            continue
        about = [_about(one, horizon) for horizon in one.forecasts.horizons]
        enough = [_measurable(row) for row in about]
        found = measured(one.forecasts, times if any(enough) else 0, seed, thresholds)
        for h, row in enumerate(about):
            row["base_rate"] = found.value["observed"][h, 0]
            for table, measures in IN_TABLE.items():
                rows[table] += _rows(row, found, h, measures, enough[h])
            if enough[h] and (one.whole or not row["remark"]):
                rows["differences"] += _differences(row, found, h, judged)
                rows["calibration_curves"] += _curves(row, found, h)
                rows["net_benefit"] += _benefits(row, found, h, thresholds)
        if len(about) > 1 and all(enough):
            rows["integrated"] += _integrated(about, found)
            if one.whole or not any(row["remark"] for row in about):
                rows["differences"] += _integrated_differences(about, found, judged)
        tick()
    return {name: pd.DataFrame([{"basis": basis, **row} for row in found]) for name, found in rows.items()}


def _about(one: GroupOfForecasts, horizon: float) -> dict[str, object]:
    counts = one.forecasts.counts(horizon)
    row: dict[str, object] = {
        "horizon": horizon, "by": one.by, "group": one.group, "predictor": "", "n": len(one.forecasts),
        "clients": len(pd.unique(one.forecasts.client)),
        **{name: counts[name] for name in ("events", "other_endings", "censored")}, "base_rate": np.nan,
    }
    return row | {"remark": _remark(counts)}


def _remark(counts: dict[str, int]) -> str:
    events, without = counts["events"], counts["other_endings"] + counts["followed"]
    if not counts["followed"] and counts["censored"]:
        return "nobody was followed beyond this horizon: cannot be told"
    if min(events, without) < FEWEST_MEASURED:
        what = f"{events} event{'' if events == 1 else 's'}" if events <= without else f"{without} without an event"
        return f"only {what}: too few to measure" if min(events, without) else f"{what or 'none'}: cannot be told"
    if min(events, without) < FEWEST_DRAWN:
        return f"only {events} events: rough" if events <= without else f"only {without} without an event: rough"
    return ""


def _measurable(row: dict[str, object]) -> bool:
    remark = str(row["remark"])
    return not remark or remark.endswith("rough")


def _rows(row: dict[str, object], found: Measured, h: int, measures: Sequence[str], enough: bool) -> list[dict]:
    """One row a predictor; of a group too small, the counts and what was predicted alone."""
    result = []
    for k, name in enumerate(found.predictors):
        values: dict[str, object] = {}
        for measure in measures:
            told = enough or measure == "predicted"
            low, high = bands(found.drawn[measure][:, h, k]) if enough else (np.nan, np.nan)
            values |= {measure: found.value[measure][h, k] if told else np.nan,
                       f"{measure}_low": float(low), f"{measure}_high": float(high)}
        result.append(_put(row, name, values))
    return result


def _differences(row: dict[str, object], found: Measured, h: int, judged: Sequence[str]) -> list[dict]:
    return [
        _put(row, found.predictors[a], {"against": found.predictors[b], "measure": measure, **_difference(
            found.value[measure][h], found.drawn[measure][:, h], a, b)})
        for a, b in _pairs(found.predictors, judged) for measure in COMPARED
    ]


def _pairs(predictors: Sequence[str], judged: Sequence[str]) -> list[tuple[int, int]]:
    """Each judged predictor against every other, a pair of judged ones once."""
    place = {name: k for k, name in enumerate(predictors)}
    mine = [place[name] for name in judged]
    return [(a, b) for a in mine for b in range(len(predictors)) if a != b and not (b in mine and b < a)]


def _difference(value: np.ndarray, drawn: np.ndarray, a: int, b: int) -> dict[str, float]:
    low, high = bands(drawn[:, a] - drawn[:, b])
    return {"difference": value[a] - value[b], "difference_low": float(low), "difference_high": float(high)}


def _curves(row: dict[str, object], found: Measured, h: int) -> list[dict]:
    result = []
    for k, name in enumerate(found.predictors):
        low, high = bands(found.curve_drawn[h, k])
        for predicted, observed, lower, upper in zip(found.curve_at[h, k], found.curve[h, k], low, high, strict=True):
            result.append(_put(row, name, {"predicted": predicted, "observed": observed, "low": lower, "high": upper}))
    return result


def _benefits(row: dict[str, object], found: Measured, h: int, thresholds: tuple[float, ...]) -> list[dict]:
    share, shares = found.value["observed"][h, 0], found.drawn["observed"][:, h, 0]
    everybody, drawn = treat_all(share, thresholds), treat_all(shares, thresholds)
    curves = [(name, found.benefit[h, k], found.benefit_drawn[:, h, k]) for k, name in enumerate(found.predictors)]
    curves += [(TREAT_ALL, everybody, drawn), (TREAT_NONE, np.zeros_like(everybody), np.zeros_like(drawn))]
    result = []
    for name, value, values in curves:
        low, high = bands(values)
        for k, threshold in enumerate(thresholds):
            result.append(_put(row, name, {"threshold": threshold, "net_benefit": value[k],
                                           "net_benefit_low": low[k], "net_benefit_high": high[k]}))
    return result


def _integrated(about: Sequence[dict[str, object]], found: Measured) -> list[dict]:
    value, drawn = _over_horizons(found.value["brier"], about), _over_horizons(found.drawn["brier"], about)
    null, nulls = (_over_horizons(rate * (1.0 - rate), about)
                   for rate in (found.value["observed"], found.drawn["observed"]))
    result = []
    for k, name in enumerate(found.predictors):
        with np.errstate(invalid="ignore", divide="ignore"):
            scaled, scales = 1.0 - value[k] / null[k], 1.0 - drawn[:, k] / nulls[:, k]
        (low, high), (scaled_low, scaled_high) = bands(drawn[:, k]), bands(scales)
        result.append(_put(_of_all(about), name, {
            "first_horizon": about[0]["horizon"], "last_horizon": about[-1]["horizon"],
            "integrated_brier": value[k], "integrated_brier_low": float(low), "integrated_brier_high": float(high),
            "scaled": scaled, "scaled_low": float(scaled_low), "scaled_high": float(scaled_high)}))
    return result


def _integrated_differences(about: Sequence[dict[str, object]], found: Measured, judged: Sequence[str]) -> list[dict]:
    value, drawn = _over_horizons(found.value["brier"], about), _over_horizons(found.drawn["brier"], about)
    return [_put(_of_all(about), found.predictors[a], {
        "against": found.predictors[b], "measure": "integrated_brier", **_difference(value, drawn, a, b)})
        for a, b in _pairs(found.predictors, judged)]


def _over_horizons(values: np.ndarray, about: Sequence[dict[str, object]]) -> np.ndarray:
    """Mean over time from the first horizon to the last, by trapezoids; horizons are the last axis but one."""
    at = np.array([row["horizon"] for row in about], dtype=float)
    return np.trapezoid(values, at, axis=-2) / (at[-1] - at[0])


def _of_all(about: Sequence[dict[str, object]]) -> dict[str, object]:
    """What is said of all horizons together: the counts by the last, and whatever had to be remarked on any."""
    remark = next((row["remark"] for row in about if row["remark"]), "")
    return about[-1] | {"horizon": np.nan, "remark": remark}


def _put(row: dict[str, object], predictor: str, values: dict[str, object]) -> dict[str, object]:
    """The row with a predictor and its values, the remark last."""
    head = {name: value for name, value in row.items() if name != "remark"}
    return head | {"predictor": predictor} | values | {"remark": row["remark"]}
