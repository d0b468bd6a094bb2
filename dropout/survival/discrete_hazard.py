"""Hazard of an ending from session to session, by regression of the sessions at risk."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.special import xlog1py, xlogy
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.families.links import CLogLog, Logit
from statsmodels.genmod.generalized_linear_model import GLM
from statsmodels.tools.sm_exceptions import PerfectSeparationWarning

from dropout.survival.cox_figures import ratio_figure
from dropout.survival.discrete_design import LINKS, DiscreteDesign, inverse
from dropout.survival.discrete_figures import hazard_figure
from dropout.survival.ratios import coefficient_table
from dropout.survival.robust import by_cluster, cluster_notes
from dropout.survival.rows import ANY
from dropout.survival.separation import need_convergence
from dropout.survival.showing import as_html, p_value, with_interval

LONGEST, FEWEST = 20, 20
"""A longer table of hazards is thinned for reading, and ends where fewer are at risk."""

FAMILIES = {"logit": Logit, "cloglog": CLogLog}


@dataclass(frozen=True)
class DiscreteTime:
    """A fitted discrete-time model.

    Attributes
    ----------
    table : DataFrame
        A row a term: odds_ratio (logit) or hazard_ratio (cloglog) with its interval (low, high), coefficient,
        standard_error, robust_error (NaN without clusters), z, p.
    hazard : DataFrame
        A row a step of sessions: from_session, to_session, at_risk, endings, and the hazard of one session where all
        covariates are at their mean, with its 95% interval (low, high).
    notes : tuple of str
    cause, link : str
    log_likelihood : float
        Of the sessions at risk.
    n_sessions, n_endings : int
    """

    table: pd.DataFrame = field(repr=False)
    hazard: pd.DataFrame = field(repr=False)
    notes: tuple[str, ...] = field(repr=False)
    cause: str
    link: str
    log_likelihood: float
    n_sessions: int
    n_endings: int

    def figure(self) -> Figure:
        """The hazard by session with its intervals, and how many were at risk."""
        return hazard_figure(self.hazard, self._title())

    def ratio_figure(self) -> Figure:
        """Ratios with their intervals, on a logarithmic axis."""
        name = LINKS[self.link]
        return ratio_figure(self.table, name, f"{name.replace('_', ' ')} ({self._title()})")

    def readable(self) -> pd.DataFrame:
        """The table for reading: ratio with its interval in one column."""
        name = LINKS[self.link]
        return pd.DataFrame({"term": self.table["term"], f"{name.replace('_', ' ')} (95% interval)": with_interval(
            self.table[name], self.table["low"], self.table["high"]), "p": p_value(self.table["p"])})

    def _title(self) -> str:
        return "any ending" if self.cause == ANY else self.cause

    def __repr__(self) -> str:
        return (f"DiscreteTime({self._title()}, {self.link}: {self.n_endings:,} endings in {self.n_sessions:,} sessions at risk, "
                f"{len(self.table)} {'term' if len(self.table) == 1 else 'terms'})")

    def _repr_html_(self) -> str:
        course = readable_course(self.hazard)
        return as_html(f"Discrete-time model ({self.link}), {self._title()}", self.readable(), self.notes, course)


def readable_course(hazard: pd.DataFrame) -> pd.DataFrame:
    """The hazard by session for reading, in percent; of a long curve every session to the tenth, then every fifth."""
    if len(hazard) > LONGEST:
        hazard = hazard[(hazard["from_session"] <= 10) | (hazard["from_session"] % 5 == 0) & (hazard["at_risk"] >= FEWEST)]
    session = [f"{a}" if a == b else f"{a} to {b}" for a, b in zip(hazard["from_session"], hazard["to_session"], strict=True)]
    return pd.DataFrame({"session": session, "sessions at risk": hazard["at_risk"], "endings": hazard["endings"],
                         "hazard of a session, % (95% interval)": with_interval(
                             100 * hazard["hazard"], 100 * hazard["low"], 100 * hazard["high"])})


def discrete_time(
    frame: pd.DataFrame, covariates: Sequence[str] = (), *, cause: str = ANY, link: str = "logit", baseline: str = "each",
    min_endings: int = 5, start: str | None = "start", stop: str = "stop", ending: str = "ending", censored: str = "ongoing",
    cluster: str | None = None, penalty: float = 0.0,
) -> DiscreteTime:
    """Return the hazard of an ending by session, and what raises it (Singer and Willett 1993).

    Parameters
    ----------
    frame : DataFrame
        As `at_risk(history, clock="sessions")` gives it, with covariates that may change from session to session.
    covariates : names of columns
    cause : str
        Which ending, or "any". Where endings compete the hazard is cause-specific: a session at which another ending came
        counts as one at which this ending did not come, and the episode is no longer at risk after it. The hazards of all
        endings at a session add up to that of "any".
    link : {"logit", "cloglog"}
        "logit": odds ratios of the ending at a session. "cloglog": hazard ratios, as of Cox, where leaving could come at
        any time between sessions (Prentice and Gloeckler 1978).
    baseline : {"each", "spline", "log", "linear"}
        Course of the hazard over sessions.
    min_endings : int
        With "each", neighbouring sessions are joined until a step holds so many endings.
    start, stop, ending, censored
        As for `cox`, in whole sessions.
    cluster : name of a column, optional
        Robust errors by it (Liang and Zeger 1986).
    penalty : float
        Ridge: half of it times each squared coefficient of a covariate, per standard deviation, is taken off the log likelihood.

    Raises
    ------
    CallError
        If a column is absent or can't be used, or times are no whole numbers.
    ModelError
        If nobody left, or a column makes a coefficient impossible; it says which and what to do.
    """
    design = DiscreteDesign.of(frame, covariates, cause=cause, link=link, baseline=baseline, min_endings=min_endings, start=start,
                               stop=stop, ending=ending, censored=censored, cluster=cluster, penalty=penalty)
    model = GLM(design.endings / design.sessions, design.matrix, family=Binomial(FAMILIES[link]()), var_weights=design.sessions)
    ridge = np.concatenate([np.zeros(design.n_baseline), np.full(len(design.terms), float(penalty))])
    coefficient, covariance, converged = _fitted(model, ridge)
    slopes = slice(design.n_baseline, None)
    need_convergence(converged, coefficient[slopes], np.diag(covariance)[slopes], design.terms.names)
    robust = None if cluster is None else by_cluster(model.score_obs(coefficient) @ covariance, design.cluster)
    error, clustered = (np.full(len(coefficient), np.nan) if c is None else np.sqrt(np.diag(c)) for c in (covariance, robust))
    table = coefficient_table(design.terms.names, coefficient[slopes] / design.spread, error[slopes] / design.spread,
                              clustered[slopes] / design.spread, LINKS[link])
    chance = inverse(design.matrix @ coefficient, link)
    log_likelihood = float((xlogy(design.endings, chance) + xlog1py(design.sessions - design.endings, -chance)).sum())
    notes = (*design.notes, *_told(cause, penalty, design), *cluster_notes(cluster, design.cluster if cluster else None))
    return DiscreteTime(
        table=table, hazard=design.course(coefficient, covariance if robust is None else robust, link), notes=notes, cause=cause,
        link=link, log_likelihood=log_likelihood, n_sessions=len(design.periods), n_endings=design.rows.n_events)


def _fitted(model: GLM, ridge: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
    """Coefficients, their covariance from the expected information, and whether the highest point was reached."""
    # Numbers beyond all bounds, and no degree of freedom to spare, are met on the way to a fit that is refused with the
    # names of its columns, or not at all in the result.
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        warnings.simplefilter("ignore", PerfectSeparationWarning)
        if ridge.any():
            coefficient, converged = np.asarray(model.fit_regularized(alpha=ridge / model.nobs, L1_wt=0.0).params), True
        else:
            found = model.fit(maxiter=50, tol=1e-12)
            coefficient, converged = np.asarray(found.params), bool(found.converged)
        information = np.diag(ridge) - model.hessian(coefficient, observed=False)
    if not np.isfinite(information).all():
        return coefficient, np.full(information.shape, np.nan), False
    return coefficient, np.linalg.pinv(information, hermitian=True), converged


def _told(cause: str, penalty: float, design: DiscreteDesign) -> list[str]:
    notes = []
    if len(design.terms):
        notes.append("hazards are given where all covariates are at their mean over sessions")
    if cause != ANY:
        notes.append("other endings compete: they end the time at risk, so this hazard is cause-specific and sums to no risk "
                     "by itself; for a risk ask for the cumulative incidence")
    if penalty:
        notes.append(f"ridge penalty {penalty:g}: coefficients are drawn towards none, and their intervals don't know of it")
    return notes
