"""Three pictures of forecasts: calibration curves, decision curves, and measures over horizons."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropout.evaluation.figures import PALETTE, RANDOM, empty, new_figure
from dropout.evaluation.horizon_tables import TREAT_ALL, TREAT_NONE

COLOURS = [PALETTE[k] for k in (0, 1, 2, 4, 3, 8)]
STYLES = ("-", "--", "-.", ":")

MOST_SHOWN = 6
"""Predictors in one panel."""

OVER_HORIZONS = (
    ("discrimination", "auc", "AUC (0.5 knows nothing)"),
    ("accuracy", "scaled_brier", "scaled Brier score (0 is the base rate, 1 perfect)"),
    ("calibration_measures", "observed_expected", "observed over expected (1 is right)"),
)


def curves_figure(table: pd.DataFrame, judged: Sequence[str], basis: str) -> Figure:
    """Calibration curves of the judged predictors with 95% bands, a panel a horizon."""
    rows = _main(table)
    horizons = _horizons(rows)
    figure, axes = new_figure(max(len(horizons), 1), basis)
    if not horizons:
        empty(axes[0], "calibration curves", "")
        return figure
    for ax, horizon in zip(axes, horizons, strict=True):
        here = rows[rows["horizon"] == horizon]
        ax.plot([0, 100], [0, 100], color=RANDOM, linestyle="--", linewidth=1, label="as predicted")
        top = 10.0
        for name, colour, style in _styled([name for name in judged if name in set(here["predictor"])]):
            mine = here[here["predictor"] == name]
            x = 100 * mine["predicted"]
            ax.plot(x, 100 * mine["observed"], style, color=colour, linewidth=1.4, label=name)
            ax.fill_between(x, 100 * mine["low"], 100 * mine["high"], color=colour, alpha=0.15, linewidth=0)
            top = max(top, float(x.max()), 100 * float(mine["high"].fillna(mine["observed"]).max()))
        top = min(100.0, 1.03 * top)
        ax.set(xlim=(0, top), ylim=(0, top), xlabel=f"predicted to drop out within {horizon:g} days (%)",
               ylabel="observed (%)")
        ax.set_title(_title(here), fontsize=9)
        ax.set_aspect("equal")
    axes[0].legend(loc="upper left", fontsize=7, frameon=False)
    return figure


def decision_figure(table: pd.DataFrame, judged: Sequence[str], basis: str) -> Figure:
    """Net benefit by threshold of all predictors, of treating all and of treating none, a panel a horizon."""
    rows = _main(table)
    horizons = _horizons(rows)
    figure, axes = new_figure(max(len(horizons), 1), basis, 4.2)
    if not horizons:
        empty(axes[0], "decision curves", "")
        return figure
    for ax, horizon in zip(axes, horizons, strict=True):
        here = rows[rows["horizon"] == horizon]
        everybody = here[here["predictor"] == TREAT_ALL]
        ax.plot(100 * everybody["threshold"], 100 * everybody["net_benefit"], color=RANDOM, linewidth=1, label=TREAT_ALL)
        ax.axhline(0, color="black", linewidth=1, label=TREAT_NONE)
        for name, colour, style in _styled(_shown(here, judged)):
            mine = here[here["predictor"] == name]
            x = 100 * mine["threshold"]
            ax.plot(x, 100 * mine["net_benefit"], style, color=colour, linewidth=1.4, label=name)
            if name in judged:
                ax.fill_between(x, 100 * mine["net_benefit_low"], 100 * mine["net_benefit_high"], color=colour, alpha=0.15,
                                linewidth=0)
        highest = 100 * float(here["net_benefit"].max())
        ax.set(xlim=(0, None), ylim=(-0.25 * highest, 1.15 * highest) if highest > 0 else (None, None),
               xlabel="threshold probability (%)", ylabel="net benefit (clients found per 100)")
        ax.set_title(_title(here), fontsize=9)
    _legend_below(figure, axes[0])
    return figure


def over_horizons_figure(tables: dict[str, pd.DataFrame], judged: Sequence[str], basis: str) -> Figure:
    """AUC, scaled Brier score and observed over expected by horizon, with 95% intervals."""
    figure, axes = new_figure(len(OVER_HORIZONS), basis, 4.2)
    for ax, (name, measure, label) in zip(axes, OVER_HORIZONS, strict=True):
        rows = _main(tables[name])
        rows = rows[rows[measure].notna()] if len(rows) else rows
        if not len(rows):
            empty(ax, label, "")
            continue
        shown = list(_styled(_shown(rows, judged)))
        horizons = sorted(rows["horizon"].unique())
        # Side by side, so that intervals do not hide one another.
        shift = 0.02 * (max(horizons) - min(horizons) or max(horizons))
        for k, (who, colour, style) in enumerate(shown):
            mine = rows[rows["predictor"] == who].sort_values("horizon")
            x = mine["horizon"] + (k - (len(shown) - 1) / 2) * shift
            error = [(mine[measure] - mine[f"{measure}_low"]).clip(lower=0),
                     (mine[f"{measure}_high"] - mine[measure]).clip(lower=0)]
            ax.errorbar(x, mine[measure], yerr=error, fmt="o", linestyle=style, color=colour, markersize=4, capsize=2,
                        linewidth=1.2, label=who)
        ax.set_xticks(horizons, [f"{horizon:g}" for horizon in horizons])
        ax.set(xlabel="horizon (days)", ylabel=label)
        ax.yaxis.label.set_fontsize(8)
    _legend_below(figure, axes[0])
    return figure


def _legend_below(figure: Figure, ax: Axes) -> None:
    """One legend for all panels, under them."""
    handles, labels = ax.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", fontsize=8, frameon=False, ncols=4)


def _main(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of everybody: of the first group in the table."""
    if not len(table):
        return table
    first = table.iloc[0]
    return table[(table["by"] == first["by"]) & (table["group"] == first["group"])]


def _horizons(rows: pd.DataFrame) -> list[float]:
    return sorted(rows["horizon"].dropna().unique()) if len(rows) else []


def _shown(rows: pd.DataFrame, judged: Sequence[str]) -> list[str]:
    """Judged predictors first, then baselines, at most `MOST_SHOWN`."""
    names = [name for name in rows["predictor"].drop_duplicates() if name not in (TREAT_ALL, TREAT_NONE)]
    return sorted(names, key=lambda name: name not in judged)[:MOST_SHOWN]


def _styled(names: Sequence[str]) -> list[tuple[str, tuple[float, float, float], str]]:
    return list(zip(names[:MOST_SHOWN], cycle(COLOURS), cycle(STYLES), strict=False))


def _title(rows: pd.DataFrame) -> str:
    first = rows.iloc[0]
    text = f"within {first['horizon']:g} days, {first['group']}\nn {first['n']:,}, events {first['events']:,}"
    return text + (f", not known {first['censored']:,}" if first["censored"] else "")
