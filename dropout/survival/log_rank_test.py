"""Whether groups leave at the same pace: the log-rank test."""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Real

import numpy as np
import pandas as pd
from scipy.stats import chi2

from dropout.errors import CallError, ModelError
from dropout.survival.risk_sets import RiskSets
from dropout.survival.rows import ANY, Rows, read_rows
from dropout.survival.showing import as_html, p_value
from dropout.survival.steps import before


@dataclass(frozen=True)
class LogRank:
    """Result of a log-rank test.

    Attributes
    ----------
    statistic : float
        Chi-square.
    df : int
        Groups less one; fewer where some can't be told apart.
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
    if not isinstance(rho, Real) or not np.isfinite(rho):
        raise CallError(f"rho is {rho!r}; expected a number, 0 for equal weights")
    rows = read_rows(frame, (), cause=cause, start=start, stop=stop, ending=ending, censored=censored, others=(group, strata))
    code, stratum = rows.codes(group), rows.codes(strata)
    if not code.any():
        raise ModelError(f"{group} is the same in every row that is left, so there is nothing to compare")
    parts = [_score(rows, code, stratum == one, rho) for one in np.unique(stratum)]
    score, covariance = (np.sum(part, axis=0) for part in zip(*parts, strict=True))
    df = int(np.linalg.matrix_rank(covariance)) if covariance.any() else 0
    if not df:
        raise ModelError(f"at no ending were rows of two values of {group} at risk together with any that stayed, so there is "
                         "nothing to compare" + ("" if strata is None else f" within the values of {strata}"))
    statistic = float(score @ np.linalg.pinv(covariance, hermitian=True) @ score)
    sizes = pd.DataFrame({"group": rows.frame[group].astype(str).to_numpy(), "endings": rows.event}).groupby("group")["endings"]
    groups = sizes.agg(rows="size", endings="sum").reset_index()
    notes = [*rows.notes]
    if cause != ANY:
        notes.append("other endings count as censoring: this compares cause-specific hazards, not risks")
    if df < code.max():
        notes.append(f"not every value of {group} can be told apart: some were at risk at no ending, or with no others")
    return LogRank(statistic, df, float(chi2.sf(statistic, df)), groups, tuple(notes))


def _score(rows: Rows, code: np.ndarray, mine: np.ndarray, rho: float) -> tuple[np.ndarray, np.ndarray]:
    """Endings of every group less those expected, and their covariance, for the rows of one stratum (a mask).

    The endings of a time are draws without replacement from those at risk, d (Y - d) / (Y - 1) (Mantel 1966). statsmodels'
    `survdiff` gives the same where each group can be told from the others, and fails where one can't.
    """
    member = np.eye(code.max() + 1)[code[mine]]
    start, stop, event = (part[mine] for part in (rows.start, rows.stop, rows.event))
    sets = RiskSets.of(member, start, stop, event, np.zeros(len(stop), dtype=np.int64), "breslow")
    there, ended = sets.over_times(member), sets.at_ends(member)
    at_risk, d = there.sum(axis=1), ended.sum(axis=1)
    share = there / at_risk[:, None]
    weight = before(np.cumprod(1 - d / at_risk), 1.0) ** rho
    score = weight @ (ended - share * d[:, None])
    spread = weight**2 * d * (at_risk - d) / np.maximum(at_risk - 1, 1)
    covariance = -share.T @ (share * spread[:, None])
    # Each row adds up to 0; written so, a group that is alone at every ending has a variance of 0 and not of a rounding error.
    np.fill_diagonal(covariance, 0.0)
    np.fill_diagonal(covariance, -covariance.sum(axis=1))
    return score, covariance
