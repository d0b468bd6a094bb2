"""What the tables by horizon come to, in sentences."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from dropout.evaluation.baselines import BASELINES
from dropout.evaluation.horizon_tables import FEWEST_DRAWN, FEWEST_MEASURED

BASE_RATE = BASELINES[0].name


def main_horizon(horizons: Sequence[float]) -> float:
    """The horizon that is spoken of first: 60 days, or else the middle one."""
    return 60.0 if 60.0 in horizons else sorted(horizons)[(len(horizons) - 1) // 2]


def verdicts(tables: dict[str, pd.DataFrame], judged: Sequence[str], horizon: float, by: str, group: str) -> list[str]:
    """A sentence on each judged predictor: accuracy beside the baselines, discrimination, calibration."""
    rows = {name: _at(tables[name], horizon, by, group) for name in ("accuracy", "discrimination", "calibration_measures")}
    accuracy = rows["accuracy"]
    if not len(accuracy):
        return []
    first = accuracy.iloc[0]
    where = f"Within {horizon:g} days, {group}"
    if np.isnan(first["log_loss"]):
        return [f"{where}: nothing can be measured: {first['remark']} (n {first['n']:,})."]
    others = accuracy[~accuracy.index.isin(judged)]
    best = str(others["log_loss"].idxmin())
    losses = accuracy["log_loss"].to_dict()
    said = []
    for name in judged:
        one_each: list[dict[Hashable, Any]] = [rows[table].loc[[name]].to_dict("records")[0] for table in rows]
        ours, ranks, calibrated = one_each
        text = (f"{name}, {where[0].lower()}{where[1:]}: log loss {_with(ours, 'log_loss')}; base rate "
                f"{losses[BASE_RATE]:.3f}")
        if best != BASE_RATE:
            text += f", best baseline ({best}) {losses[best]:.3f}"
        text += (f". AUC {_with(ranks, 'auc')}. Observed over expected {_with(calibrated, 'observed_expected', 2)}, "
                 f"calibration slope {_with(calibrated, 'slope', 2)}, mean distance from the calibration curve "
                 f"{_with(calibrated, 'ici')}. n {ours['n']:,}, events {ours['events']:,}, another ending "
                 f"{ours['other_endings']:,}, not known {ours['censored']:,}.")
        said.append(text + _against(tables["differences"], name, best, horizon, by, group))
    return said


def comparisons(tables: dict[str, pd.DataFrame], judged: Sequence[str], horizon: float, by: str, group: str) -> list[str]:
    """A sentence on each pair of judged predictors."""
    table = tables["differences"]
    if len(judged) < 2 or not len(table):
        return []
    rows = _at(table, horizon, by, group)
    rows = rows[rows["against"].isin(judged) & (rows["measure"] == "log_loss")]
    said = []
    for name, row in rows.iterrows():
        low, high = row["difference_low"], row["difference_high"]
        which = ("may be chance" if not (high < 0 or low > 0) else
                 f"is beyond noise: {name if high < 0 else row['against']} is better")
        said.append(f"{name} less {row['against']}, log loss within {horizon:g} days: {row['difference']:+.4f} "
                    f"({low:+.4f} to {high:+.4f}), which {which}.")
    return said


def small_groups(tables: dict[str, pd.DataFrame]) -> list[str]:
    """How many groups were too small to be measured, and what "rough" means."""
    table = tables["accuracy"]
    if not len(table):
        return []
    one_each = table.drop_duplicates(["horizon", "by", "group"])
    unmeasured = one_each[one_each["log_loss"].isna()]
    said = []
    if len(unmeasured):
        said.append(f"{len(unmeasured)} of {len(one_each)} groups and horizons are counted but not measured: fewer than "
                    f"{FEWEST_MEASURED} events, or without an event, or followed by nobody.")
    if one_each["remark"].str.endswith("rough").any():
        said.append(f"Rows with fewer than {FEWEST_DRAWN} events are marked rough (Collins et al. 2016).")
    return said


def censored(tables: dict[str, pd.DataFrame]) -> list[str]:
    """How many outcomes were not known, and what is taken for granted about them."""
    table = tables["accuracy"]
    if not len(table):
        return []
    first = table[(table["by"] == table["by"].iloc[0]) & (table["group"] == table["group"].iloc[0])]
    by_horizon = first.drop_duplicates("horizon")
    if not by_horizon["censored"].any():
        return []
    counts = ", ".join(f"{row['censored']:,} of {row['n']:,} by {row['horizon']:g}" for _, row in by_horizon.iterrows())
    return [f"Outcomes not known (censored): {counts}. The others stand for them by inverse probability of censoring, which "
            "takes for granted that being followed long enough has nothing to do with the risk."]


def _at(table: pd.DataFrame, horizon: float, by: str, group: str) -> pd.DataFrame:
    if not len(table):
        return table
    return table[(table["horizon"] == horizon) & (table["by"] == by) & (table["group"] == group)].set_index("predictor")


def _with(row: Mapping[Hashable, Any], name: str, digits: int = 3) -> str:
    value, low, high = row[name], row[f"{name}_low"], row[f"{name}_high"]
    if np.isnan(value):
        return "not to be told"
    return f"{value:.{digits}f}" + ("" if np.isnan(low) else f" ({low:.{digits}f} to {high:.{digits}f})")


def _against(differences: pd.DataFrame, name: str, best: str, horizon: float, by: str, group: str) -> str:
    rows = _at(differences, horizon, by, group)
    rows = rows[(rows.index == name) & (rows["against"] == best) & (rows["measure"] == "log_loss")]
    if not len(rows):
        return ""
    row = rows.iloc[0]
    if row["difference"] >= 0:
        return f" It is no better than the baseline '{best}' here."
    return "" if row["difference_high"] < 0 else f" Its lead over the baseline '{best}' may be chance."
