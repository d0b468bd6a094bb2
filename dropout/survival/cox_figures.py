"""Pictures of a Cox regression: ratios, coefficients over time, and residuals against a covariate."""

from __future__ import annotations

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from statsmodels.nonparametric.smoothers_lowess import lowess

from dropout.endings.picture import Picture

PALETTE = sns.color_palette("colorblind")
MAIN, SMOOTH, QUIET = PALETTE[0], PALETTE[1], PALETTE[7]

TICKS = ((100, (0.001, 0.01, 0.1, 1, 10, 100, 1000)), (6, (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20)),
         (1.6, (0.2, 0.3, 0.5, 0.7, 1, 1.4, 2, 3, 5)), (0, (0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.3)))
"""Marks of an axis of ratios, by how many times its right end is its left."""

FARTHEST = 1000.0
"""Ratios beyond this (and below one over it) are cut off."""

MOST_DOTS = 5_000
"""More residuals than this are drawn as every so manieth; the smooth uses the same."""


def ratio_figure(table: pd.DataFrame, ratio: str, label: str) -> Figure:
    """Ratios with intervals, a row a term, on a logarithmic axis."""
    figure, axes = blank(1, 1, 6.4, 1.2 + 0.35 * len(table))
    ax = axes[0]
    y = np.arange(len(table))[::-1]
    low, value, high = (table[name].to_numpy() for name in ("low", ratio, "high"))
    ax.errorbar(value, y, xerr=[value - low, high - value], fmt="o", color=MAIN, capsize=2, markersize=5)
    ax.axvline(1, color=QUIET, linestyle="--", linewidth=1)
    ax.set_xscale("log")
    ax.set_yticks(y, table["term"])
    ax.set_xlabel(f"{label}, 95% interval")
    ax.set_ylim(-0.6, len(table) - 0.4)
    left, right = max(low.min(), 1 / FARTHEST) / 1.2, min(high.max(), FARTHEST) * 1.2
    marks = next((marks for wide, marks in TICKS if right / left > wide), TICKS[-1][1])
    ticks = [tick for tick in marks if left <= tick <= right]
    ax.set_xlim(left, right)
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.minorticks_off()
    return figure


def schoenfeld_figure(
    residual: pd.DataFrame, table: pd.DataFrame, test: pd.DataFrame, columns: tuple[str, ...], unit: str
) -> Figure:
    """Scaled Schoenfeld residuals of each term against time, with a smooth and the coefficient."""
    across = min(len(table), 3)
    figure, axes = blank(-(-len(table) // across), across, 3.6 * across, 3.2 * -(-len(table) // across))
    p = test.set_index("covariate")["p"]
    for ax, term, column, coefficient in zip(axes, table["term"], columns, table["coefficient"], strict=False):
        x, y = thinned(residual["stop"].to_numpy(), residual[term].to_numpy())
        ax.scatter(x, y, s=6, color=QUIET, alpha=0.5, linewidth=0)
        _smooth(ax, x, y)
        ax.axhline(coefficient, color=MAIN, linewidth=1, linestyle="--", label="proportional: one coefficient")
        low, high = np.percentile(y, [2, 98])
        ax.set_ylim(low - 0.1 * (high - low + 1e-9), high + 0.1 * (high - low + 1e-9))
        ax.set(xlabel=unit, ylabel="log hazard ratio at the time")
        ax.set_title(f"{term}\ntest of proportional hazards: p {p[column]:.3f}", fontsize=9)
    for ax in axes[len(table):]:
        ax.set_axis_off()
    axes[0].legend(fontsize=7, frameon=False)
    return figure


def martingale_figure(values: np.ndarray, residual: np.ndarray, name: str) -> Figure:
    """Martingale residuals against a covariate, with a smooth."""
    figure, axes = blank(1, 1, 4.8, 3.6)
    x, y = thinned(values, residual)
    axes[0].scatter(x, y, s=6, color=QUIET, alpha=0.5, linewidth=0)
    _smooth(axes[0], x, y)
    axes[0].axhline(0, color=MAIN, linewidth=1, linestyle="--", label="as the model supposes")
    axes[0].set(xlabel=name, ylabel="endings less those expected")
    axes[0].legend(fontsize=7, frameon=False)
    return figure


def blank(rows: int, across: int, width: float, height: float) -> tuple[Figure, list]:
    """A figure of so many panels, and the panels in one list."""
    with sns.axes_style("whitegrid"):
        figure = Picture(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        return figure, list(figure.subplots(rows, across, squeeze=False).ravel())


def thinned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At most `MOST_DOTS` pairs, evenly over x."""
    if len(x) <= MOST_DOTS:
        return x, y
    order = np.argsort(x, kind="stable")[np.linspace(0, len(x) - 1, MOST_DOTS).astype(np.int64)]
    return x[order], y[order]


def _smooth(ax, x: np.ndarray, y: np.ndarray) -> None:
    """A lowess line, where there are enough different values to smooth over."""
    if len(np.unique(x)) > 5:
        line = lowess(y, x, frac=0.6, it=0, delta=0.01 * np.ptp(x))
        ax.plot(line[:, 0], line[:, 1], color=SMOOTH, linewidth=1.8, label="smooth")
