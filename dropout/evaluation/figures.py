"""Two pictures: predicted against observed, and what a list of calls finds."""

from __future__ import annotations

import pandas as pd
import seaborn as sns
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dropout.evaluation.cases import ALL_OPEN, CANCELLED, QUESTIONS, RECENT
from dropout.evaluation.comparison import MODEL

PALETTE = sns.color_palette("colorblind")
OURS, OTHER, RANDOM = PALETTE[0], PALETTE[1], PALETTE[7]

PANELS = (("dropout within 60 days", ALL_OPEN), ("dropout within 60 days", RECENT),
          ("dropout within 60 days", CANCELLED), ("never again", CANCELLED))


def calibration_figure(table: pd.DataFrame, basis: str) -> Figure:
    """Observed share against mean prediction, bins of equal count, with Wilson's intervals, a panel a group."""
    ours = table[table["predictor"] == MODEL] if len(table) else table
    panels = [(name, group, _of(ours, name, group)) for name, group in PANELS]
    figure, axes = new_figure(len(panels), basis)
    for ax, (name, group, rows) in zip(axes, panels, strict=True):
        ax.plot([0, 100], [0, 100], color=RANDOM, linestyle="--", linewidth=1, label="as predicted")
        if len(rows):
            observed = 100 * rows["observed"]
            error = [(observed - 100 * rows["low"]).clip(lower=0), (100 * rows["high"] - observed).clip(lower=0)]
            ax.errorbar(100 * rows["predicted"], observed, yerr=error, fmt="o", color=OURS, markersize=5,
                        capsize=2, linewidth=1, label="groups of equal size, 95% interval")
            n, events = rows["n_all"].iloc[0], rows["events_all"].iloc[0]
            ax.set_title(f"{name}\n{group}, n {n:,}, events {events:,}", fontsize=9)
        else:
            empty(ax, name, group)
        ax.set(xlim=(0, 100), ylim=(0, 100), xlabel=f"predicted to {_sentence(name)} (%)", ylabel="observed (%)")
        ax.xaxis.label.set_fontsize(8)
        ax.set_aspect("equal")
    axes[0].legend(loc="upper left", fontsize=7, frameon=False)
    return figure


def capacity_figure(table: pd.DataFrame, basis: str) -> Figure:
    """Clients found who leave, by length of the list: the model, the best baseline, and calling at random."""
    panels = [(name, group, _of(table, name, group)) for name, group in (PANELS[0], PANELS[3])]
    figure, axes = new_figure(len(panels), basis, 4.6)
    for ax, (name, group, rows) in zip(axes, panels, strict=True):
        if not len(rows):
            empty(ax, name, group)
            continue
        rows = rows[rows["calls"] <= max(rows["n_per_list"].max(), rows["calls"].min())]
        others = rows[rows["predictor"] != MODEL]
        best = others.groupby("predictor")["found"].sum().idxmax()
        for who, label, color, style in ((MODEL, MODEL, OURS, "o-"), (best, f"best baseline: {best}", OTHER, "s--")):
            ours = rows[rows["predictor"] == who].sort_values("calls")
            _band(ax, ours, "found", label, color, style)
        _band(ax, rows[rows["predictor"] == MODEL].sort_values("calls"), "random", "at random", RANDOM, "^:")
        first = rows.iloc[0]
        top = 1.1 * max(rows["found_high"].max(), rows["found"].max(), 1.0)
        if first["events_per_list"] < top:
            ax.axhline(first["events_per_list"], color=RANDOM, linewidth=0.8)
            ax.annotate("all of them", (1.0, first["events_per_list"]), xycoords=("axes fraction", "data"), ha="right",
                        va="bottom", fontsize=7)
        ax.set_title(f"{name}, {group}\n{first['lists']} lists, {first['n_per_list']:.0f} clients and "
                     f"{first['events_per_list']:.1f} events each", fontsize=9)
        ax.set(xlabel="calls in a week (clients)", ylabel=f"found who {_sentence(name)} (clients)")
        ax.yaxis.label.set_fontsize(8)
        ax.set_xlim(left=0)
        ax.set_ylim(0, top)
        ax.legend(fontsize=7, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3)
    return figure


def new_figure(panels: int, basis: str, width: float = 3.6) -> tuple[Figure, list]:
    """A figure of panels side by side under the basis as its title, and its axes."""
    with sns.axes_style("whitegrid"):
        figure = Figure(figsize=(width * panels, 4.2), layout="constrained")
        FigureCanvasAgg(figure)
        axes = list(figure.subplots(1, panels, squeeze=False)[0])
    figure.suptitle(basis.capitalize(), fontsize=10)
    return figure, axes


def _band(ax, rows: pd.DataFrame, name: str, label: str, color, style: str) -> None:
    ax.plot(rows["calls"], rows[name], style, color=color, label=label, markersize=4, linewidth=1.2)
    ax.fill_between(rows["calls"], rows[f"{name}_low"], rows[f"{name}_high"], color=color, alpha=0.15, linewidth=0)


def empty(ax, name: str, group: str) -> None:
    """Say in a panel that there was nothing to measure."""
    ax.set_title(f"{name}\n{group}", fontsize=9)
    ax.text(0.5, 0.5, "nothing to measure", transform=ax.transAxes, ha="center", va="center", fontsize=8)


def _of(table: pd.DataFrame, name: str, group: str) -> pd.DataFrame:
    return table[(table["question"] == name) & (table["group"] == group)] if len(table) else table


def _sentence(name: str) -> str:
    return next(question.sentence for question in QUESTIONS if question.name == name)
