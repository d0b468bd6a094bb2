"""Pictures of curves: steps with their bands, endings on top of one another, and numbers at risk under the axis."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from dropout.endings import ENDINGS
from dropout.endings.picture import Picture

if TYPE_CHECKING:
    from dropout.survival.curves import Curves

PALETTE = sns.color_palette("colorblind")

OF_ENDING = dict(zip(ENDINGS, (PALETTE[3], PALETTE[0], PALETTE[1], PALETTE[7]), strict=False))
"""A colour an ending, the same in every picture."""

DASHES = ("solid", "dashed", "dotted", "dashdot")

PANEL_WIDTH = 4.4


def curves_figure(curves: Curves, endings: Sequence[str], until: float | None) -> Figure:
    """A panel an ending, a line a group; or, where there are no groups, one panel with a line an ending."""
    by_group = len(curves.groups) > 1
    panels = [[ending] for ending in endings] if by_group else [list(endings)]
    figure, axes = _panels(curves, len(panels))
    for ax, shown in zip(axes, panels, strict=True):
        lines = [(group, ending) for ending in shown for group in curves.groups]
        for i, (group, ending) in enumerate(lines):
            color = PALETTE[i % len(PALETTE)] if by_group else OF_ENDING.get(ending, PALETTE[(i + 4) % len(PALETTE)])
            _line(ax, _part(curves, group, ending), 1.0 if curves.kind == "kaplan_meier" else 0.0, color,
                  DASHES[i % len(DASHES)], group if by_group else ending, until)
        _finish(ax, curves, until)
        ax.set_title(shown[0] if by_group else "", fontsize=9)
        ax.set_ylabel("still in care (%)" if curves.kind == "kaplan_meier" else "ended so (%)")
        if len(lines) > 1:
            ax.legend(fontsize=7, frameon=False, loc="best")
    return figure


def stacked_figure(curves: Curves, until: float | None) -> Figure:
    """All endings on top of one another, a panel a group; the white above is the share still in care."""
    figure, axes = _panels(curves, len(curves.groups))
    for ax, group in zip(axes, curves.groups, strict=True):
        below: np.ndarray | None = None
        for i, ending in enumerate(curves.endings):
            time, share = _steps(_part(curves, group, ending), 0.0, "estimate", until)
            below = np.zeros_like(share) if below is None else below
            color = OF_ENDING.get(ending, PALETTE[(i + 4) % len(PALETTE)])
            ax.fill_between(time, 100 * below, 100 * (below + share), step="post", color=color, alpha=0.75, linewidth=0.6,
                            edgecolor="white", label=ending)
            below = below + share
        _finish(ax, curves, until)
        ax.set(ylim=(0, 100), ylabel="ended so, added up (%)")
        ax.set_title(group if curves.by else "", fontsize=9)
        handles, labels = ax.get_legend_handles_labels()
        ax.legend(handles[::-1], labels[::-1], fontsize=7, frameon=True, loc="upper left", title="white: still in care",
                  title_fontsize=7)
    return figure


def _panels(curves: Curves, n: int) -> tuple[Figure, list]:
    across = min(n, 3)
    down = -(-n // across)
    under = 0.35 + 0.17 * len(curves.groups)
    with sns.axes_style("whitegrid"):
        # Between panels, room for the names of the groups beside the numbers at risk.
        size = (max(PANEL_WIDTH * across, 6.0), (3.3 + under) * down)
        figure = Picture(figsize=size, layout=ConstrainedLayoutEngine(wspace=0.14))
        FigureCanvasAgg(figure)
        axes = list(figure.subplots(down, across, squeeze=False, sharey=True).ravel())
    for ax in axes[n:]:
        ax.set_axis_off()
    if curves.people.definition:
        width = int(figure.get_figwidth() * 15)
        figure.suptitle(fill(f"Dropout: {curves.people.definition}", width), fontsize=8)
    return figure, axes[:n]


def _part(curves: Curves, group: str, ending: str) -> pd.DataFrame:
    return curves.table[(curves.table["group"] == group) & (curves.table["ending"] == ending)]


def _steps(part: pd.DataFrame, first: float, column: str, until: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Times and values with the beginning put before them."""
    time = np.concatenate([[0.0], part["time"].to_numpy()])
    value = np.concatenate([[first], part[column].to_numpy()])
    if until is None:
        return time, value
    there = time <= until
    # The last step goes on to the end of the axis where anybody was followed beyond it.
    goes_on = bool((~there).any())
    return (np.append(time[there], until) if goes_on else time[there],
            np.append(value[there], value[there][-1]) if goes_on else value[there])


def _line(ax, part: pd.DataFrame, first: float, color, dash: str, label: str, until: float | None) -> None:
    time, value = _steps(part, first, "estimate", until)
    ax.step(time, 100 * value, where="post", color=color, linestyle=dash, linewidth=1.6, label=label)
    low, high = (_steps(part, np.nan, name, until)[1] for name in ("low", "high"))
    ax.fill_between(time, 100 * low, 100 * high, step="post", color=color, alpha=0.15, linewidth=0)


def _finish(ax, curves: Curves, until: float | None) -> None:
    """Axis, and how many are at risk at each tick, a row a group."""
    from dropout.survival.curves import round_step

    last = float(curves.table["time"].max()) if until is None else until
    ticks = np.arange(0, last + 1e-9, round_step(last))
    ax.set_xlim(0, last)
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.set_ylim(bottom=0)
    if curves.kind == "kaplan_meier":
        ax.set_ylim(0, 100)
    ax.set_xlabel(curves.unit, fontsize=9)
    under = [("at risk", None)] if len(curves.groups) == 1 else [("at risk", None), *((g, g) for g in curves.groups)]
    for row, (label, group) in enumerate(under):
        y = -38 - 11 * row
        ax.annotate(label, (0, 0), xytext=(-22, y), xycoords="axes fraction", textcoords="offset points", ha="right", va="center",
                    fontsize=7, fontweight="bold" if group is None else "normal", annotation_clip=False)
        if group is None and len(curves.groups) > 1:
            continue
        for tick, n in zip(ticks, curves.at_risk(group or curves.groups[0], ticks), strict=True):
            ax.annotate(f"{n:,}", (tick, 0), xytext=(0, y), xycoords=("data", "axes fraction"), textcoords="offset points",
                        ha="center", va="center", fontsize=7, annotation_clip=False)
