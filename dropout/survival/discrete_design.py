"""Sessions at risk as a binary regression reads them: counts of endings among sessions that look the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dropout.errors import CallError, ModelError
from dropout.survival.person_period import PersonPeriods, person_periods
from dropout.survival.rows import Rows, read_rows
from dropout.survival.separation import need_estimable
from dropout.survival.session_baseline import SessionBaseline
from dropout.survival.terms import Terms, read_terms

LINKS = {"logit": "odds_ratio", "cloglog": "hazard_ratio"}
"""Links, and what the exponential of a coefficient is called: with the complementary log-log the hazards are proportional."""


@dataclass(frozen=True)
class DiscreteDesign:
    """Groups of sessions at risk with the same covariates, of the same cluster.

    Attributes
    ----------
    matrix : float array, groups by columns
        Baseline, then terms less their mean and by their standard deviation.
    endings, sessions : float arrays
        Endings in question among so many sessions at risk.
    cluster : int array
        Number of the cluster, in order; all zero without one.
    n_baseline : int
        Columns of the baseline.
    spread : float array
        Standard deviation of each term.
    """

    rows: Rows
    terms: Terms
    periods: PersonPeriods
    baseline: SessionBaseline
    matrix: np.ndarray
    endings: np.ndarray
    sessions: np.ndarray
    cluster: np.ndarray
    n_baseline: int
    spread: np.ndarray
    notes: tuple[str, ...]

    @classmethod
    def of(
        cls, frame: pd.DataFrame, covariates: Sequence[str], *, cause: str, link: str, baseline: str, min_endings: int,
        start: str | None, stop: str, ending: str, censored: str, cluster: str | None, penalty: float,
    ) -> DiscreteDesign:
        """From a frame as `at_risk(clock="sessions")` gives it; raises what `read_rows` and `need_estimable` raise."""
        if link not in LINKS:
            raise CallError(f"link is {link!r}; expected one of: {', '.join(LINKS)}")
        rows = read_rows(frame, covariates, cause=cause, start=start, stop=stop, ending=ending, censored=censored,
                         others=(cluster,))
        terms = read_terms(rows.frame, covariates)
        periods = person_periods(rows)
        if periods.event.all():
            raise ModelError("everybody ended at the first session at which they were at risk, so nothing tells one session from "
                             "another; take those in care for longer as well")
        shape = SessionBaseline.of(periods, baseline, min_endings)
        by_period = terms.matrix[periods.row]
        warnings = need_estimable(by_period, terms.names, periods.event, penalty, by_row=True)
        centre, spread = by_period.mean(axis=0), by_period.std(axis=0)
        first, at, group, endings, sessions = _collapse(periods, terms.matrix, rows.codes(cluster), shape)
        base = shape.matrix(at)
        matrix = np.column_stack([base, (terms.matrix[first] - centre) / spread])
        notes = (*rows.notes, f"{len(periods):,} sessions at risk", *terms.notes, shape.note(), *warnings)
        return cls(rows, terms, periods, shape, matrix, endings, sessions, group, base.shape[1], spread, notes)

    def course(self, coefficient: np.ndarray, covariance: np.ndarray, link: str) -> pd.DataFrame:
        """The hazard of each step with its 95% interval, where all covariates are at their mean.

        Columns: from_session, to_session, at_risk (sessions), endings, hazard, low, high.
        """
        at = self.baseline.ends if self.baseline.kind == "each" else self.baseline.edges
        base = self.baseline.matrix(at)
        eta = base @ coefficient[: self.n_baseline]
        variance = np.einsum("ij,jk,ik->i", base, covariance[: self.n_baseline, : self.n_baseline], base)
        error = np.sqrt(np.where(variance >= 0, variance, np.nan))
        step = self.baseline.step(self.periods.period)
        low, mid, high = (inverse(eta + z * error, link) for z in (-1.959964, 0.0, 1.959964))
        return pd.DataFrame({
            "from_session": self.baseline.edges, "to_session": self.baseline.ends,
            "at_risk": np.bincount(step, minlength=len(at)), "endings": np.bincount(step[self.periods.event], minlength=len(at)),
            "hazard": mid, "low": low, "high": high})


def inverse(eta: np.ndarray, link: str) -> np.ndarray:
    """Probability of the ending at a linear predictor."""
    return 1 / (1 + np.exp(-eta)) if link == "logit" else -np.expm1(-np.exp(eta))


def _collapse(
    periods: PersonPeriods, terms: np.ndarray, cluster: np.ndarray, shape: SessionBaseline
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Groups of the same cluster, step and terms, in order of the cluster.

    Returns
    -------
    first : row of the frame that stands for each group
    at : session of each
    group : cluster of each
    endings, sessions : sums
    """
    alike = np.zeros(len(terms), dtype=np.int64)
    for column in terms.T:
        values = np.unique(column, return_inverse=True)[1]
        alike = np.unique(alike * (values.max() + 1) + values, return_inverse=True)[1]
    step = shape.step(periods.period)
    key = (cluster[periods.row] * (step.max() + 1) + step) * (alike.max() + 1) + alike[periods.row]
    _, first, which = np.unique(key, return_index=True, return_inverse=True)
    at = shape.ends[step[first]] if shape.kind == "each" else periods.period[first]
    return (periods.row[first], at, cluster[periods.row[first]],
            np.bincount(which, periods.event), np.bincount(which).astype(float))
