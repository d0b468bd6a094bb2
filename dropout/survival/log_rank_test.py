"""Whether groups leave at the same pace: the log-rank test."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from statsmodels.duration.survfunc import survdiff

from dropout.errors import ModelError
from dropout.survival.rows import ANY, read_rows
from dropout.survival.showing import as_html, p_value


@dataclass(frozen=True)
class LogRank:
    """Result of a log-rank test.

    Attributes
    ----------
    statistic : float
        Chi-square.
    df : int
    p : float
    groups : DataFrame
        A row a group: group, rows, endings.
    notes : tuple of str
    """

    statistic: float
    df: int
    p: float
    groups: pd.DataFrame = field(repr=False)
    notes: tuple[str, ...] = field(repr=False)

    def _repr_html_(self) -> str:
        said = f"chi-square {self.statistic:.2f} on {self.df} degrees of freedom, p {p_value([self.p])[0]}"
        return as_html("Log-rank test", self.groups, (said, *self.notes))


def log_rank(
    frame: pd.DataFrame, group: str, *, cause: str = ANY, start: str | None = "start", stop: str = "stop", ending: str = "ending",
    censored: str = "ongoing", strata: str | None = None, rho: float = 0.0,
) -> LogRank:
    """Return the test that the hazard of an ending is the same in all groups (Mantel 1966; Peto and Peto 1972).

    Parameters
    ----------
    frame : DataFrame
        As `at_risk` gives it.
    group : name of a column
    cause, start, stop, ending, censored
        As for `cox`. With one ending among several the test is of its cause-specific hazard; whether the *risk* differs is
        Gray's test.
    strata : name of a column, optional
        Groups are compared within each of its values.
    rho : float
        Weight of a time is the share still there, to this power (Harrington and Fleming 1982): 0 log-rank, 1 early endings.

    Raises
    ------
    CallError
        If a column is absent or can't be used.
    ModelError
        If nobody left, or there is one group alone.
    """
    rows = read_rows(frame, (), cause=cause, start=start, stop=stop, ending=ending, censored=censored, others=(group, strata))
    code = rows.codes(group)
    if not code.any():
        raise ModelError(f"{group} is the same in every row that is left, so there is nothing to compare")
    weight: dict = {"weight_type": "fh", "fh_p": rho} if rho else {}
    with np.errstate(divide="ignore"):  # the logarithm of nobody left, after the last ending
        statistic, p = survdiff(rows.stop, rows.event.astype(float), code, strata=None if strata is None else rows.codes(strata),
                                entry=None if not rows.start.any() else rows.start, **weight)
    sizes = pd.DataFrame({"group": rows.frame[group].astype(str).to_numpy(), "endings": rows.event}).groupby("group")["endings"]
    groups = sizes.agg(rows="size", endings="sum").reset_index()
    notes = [*rows.notes]
    if cause != ANY:
        notes.append("other endings count as censoring: this compares cause-specific hazards, not risks")
    return LogRank(float(statistic), int(np.max(code)), float(p), groups, tuple(notes))
