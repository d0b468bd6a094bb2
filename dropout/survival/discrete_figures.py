"""The hazard from session to session, with intervals and the number at risk."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from dropout.survival.cox_figures import MAIN, QUIET, blank


def hazard_figure(hazard: pd.DataFrame, title: str) -> Figure:
    """Hazard of a session in percent, with 95% intervals; steps of joined sessions are drawn as wide as they are."""
    figure, axes = blank(1, 1, 7.0, 4.0)
    ax = axes[0]
    left, right = hazard["from_session"].to_numpy() - 0.5, hazard["to_session"].to_numpy() + 0.5
    middle = (left + right) / 2
    low, value, high = (100 * hazard[name].to_numpy() for name in ("low", "hazard", "high"))
    ax.hlines(value, left, right, color=MAIN, linewidth=2)
    ax.errorbar(middle, value, yerr=[value - low, high - value], fmt="none", color=MAIN, capsize=2, linewidth=1,
                label="95% interval")
    top = float(np.max(np.where(high > 4 * value.max(), value, high))) * 1.1
    ax.set(xlabel="attended sessions", ylabel=f"hazard of a session (%): {title}", ylim=(0, top), xlim=(0.5, right.max()))
    free = -np.inf
    for x, n in zip(middle, hazard["at_risk"], strict=True):
        if x >= free:
            ax.annotate(f"{n:,}", (x, 0), xytext=(0, -30), textcoords="offset points", ha="center", fontsize=7, color=QUIET,
                        annotation_clip=False)
            free = x + right.max() / 14
    ax.annotate("sessions at risk", (0, 0), xycoords="axes fraction", xytext=(-8, -30), textcoords="offset points", ha="right",
                fontsize=7, color=QUIET)
    ax.xaxis.labelpad = 18
    ax.legend(fontsize=7, frameon=False)
    return figure
