"""The picture of a comparison: rates, agreement, and which definitions are met together."""

from __future__ import annotations

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dropout.endings.agreement import kappa_matrix
from dropout.endings.picture import Picture

OURS, OTHER, QUIET = (sns.color_palette("colorblind")[k] for k in (0, 1, 7))
MOST_PATTERNS = 12
"""Patterns drawn at most, the commonest first."""


def comparison_figure(tables: dict[str, pd.DataFrame], labels: list[str]) -> Figure:
    """Three panels: rates with Wilson's intervals, kappa of every pair, patterns of definitions met together."""
    height = 1.9 + 0.42 * len(labels)
    with sns.axes_style("whitegrid"):
        figure = Picture(figsize=(15, max(height, 4.2)), layout="constrained")
        FigureCanvasAgg(figure)
        grid = figure.add_gridspec(2, 3, width_ratios=(1.1, 1.25, 1.3), height_ratios=(1, 1))
        left, middle = figure.add_subplot(grid[:, 0]), figure.add_subplot(grid[:, 1])
        above, below = figure.add_subplot(grid[0, 2]), figure.add_subplot(grid[1, 2])
    _rates(left, tables["rates"])
    _kappa(middle, kappa_matrix(tables["agreement"], labels))
    _patterns(above, below, tables["patterns"], labels)
    return figure


def _rates(axes: Axes, rates: pd.DataFrame) -> None:
    place = np.arange(len(rates))
    for column, color, marker, shift, label in (("rate", OURS, "o", -0.12, "of episodes started and mature"),
                                                ("rate_of_ended", OTHER, "s", 0.12, "of those ended by the definition")):
        low, high = (column.replace("rate", bound) for bound in ("low", "high"))
        value = 100 * rates[column]
        axes.errorbar(value, place + shift, xerr=[value - 100 * rates[low], 100 * rates[high] - value], fmt=marker, color=color,
                      capsize=3, markersize=5, linewidth=1.2, label=label)
    axes.set_yticks(place, [f"{row.definition}\n{row.dropouts:,} of {row.n:,}" for row in rates.itertuples()], fontsize=8)
    axes.invert_yaxis()
    axes.set(xlim=(0, 100), xlabel="dropouts (%), with 95% interval", title="Rate by definition")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), fontsize=8, frameon=False)


def _kappa(axes: Axes, kappa: pd.DataFrame) -> None:
    hidden = np.triu(np.ones(kappa.shape, dtype=bool))
    if len(kappa) < 2:
        axes.text(0.5, 0.5, "one definition alone", transform=axes.transAxes, ha="center", va="center")
        axes.set_axis_off()
        return
    shown, hidden = kappa.iloc[1:, :-1], hidden[1:, :-1]
    sns.heatmap(shown, mask=hidden, annot=True, fmt=".2f", cmap="cividis", vmin=0, vmax=1, linewidths=0.5, ax=axes,
                cbar_kws={"label": "kappa (1: the same; 0: as by chance)", "shrink": 0.7}, annot_kws={"fontsize": 9})
    axes.set_title("Agreement of pairs")
    axes.grid(False)
    axes.tick_params(axis="x", rotation=40, labelsize=8)
    axes.tick_params(axis="y", rotation=0, labelsize=8)
    for label in axes.get_xticklabels():
        label.set_horizontalalignment("right")


def _patterns(above: Axes, below: Axes, patterns: pd.DataFrame, labels: list[str]) -> None:
    """Bars over dots: how many episodes meet exactly the definitions marked below."""
    shown = patterns.head(MOST_PATTERNS)
    n = int(patterns["n"].iloc[0]) if len(patterns) else 0
    place = np.arange(len(shown))
    value = 100 * shown["rate"]
    above.bar(place, value, color=OURS, width=0.7)
    above.errorbar(place, value, yerr=[value - 100 * shown["low"], 100 * shown["high"] - value], fmt="none", ecolor="black",
                   capsize=2, linewidth=0.9)
    rest = f";\nthe {MOST_PATTERNS} commonest of {len(patterns)} patterns" if len(patterns) > MOST_PATTERNS else ""
    above.set(title="Definitions met together", ylabel="episodes (%)", xticks=[])
    met = shown[labels].to_numpy(bool) if len(shown) else np.zeros((0, len(labels)), dtype=bool)
    below.set_ylim(len(labels) - 0.5, -0.5)
    for axes in (above, below):
        axes.set_xlim(-0.6, max(len(shown), 1) - 0.4)
    for column in place:
        rows = np.flatnonzero(met[column])
        below.plot(np.full(len(labels), column), np.arange(len(labels)), "o", color=QUIET, alpha=0.35, markersize=5)
        below.plot(np.full(len(rows), column), rows, "o-", color=OURS, markersize=7, linewidth=1.5)
    below.set_yticks(np.arange(len(labels)), labels, fontsize=8)
    below.set_xticks([])
    below.set_xlabel(f"filled: a dropout by this definition\n({n:,} episodes that all of them judge{rest})", fontsize=9)
    below.grid(False)
