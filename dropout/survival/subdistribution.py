"""Fine and Gray's regression: how covariates go together with the cumulative incidence of one ending."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from dropout.errors import CallError
from dropout.survival.cox_figures import ratio_figure
from dropout.survival.ratios import coefficient_table
from dropout.survival.robust import by_cluster, cluster_notes
from dropout.survival.rows import Rows, read_rows
from dropout.survival.separation import need_convergence, need_estimable
from dropout.survival.showing import as_html, p_value, with_interval
from dropout.survival.terms import read_terms

STEPS = 50
CLOSE = 1e-10

MEANING = (
    "for association, not prediction: a ratio tells the direction in which a covariate goes together with the share who end so, "
    "through this hazard and the others alike; risks of several endings worked out from such models can add up to more than "
    "one, so none are given (Austin and others 2021). Hazards of each ending, by cause_specific, tell why")


@dataclass(frozen=True)
class FineGray:
    """A fitted Fine-Gray regression.

    Attributes
    ----------
    table : DataFrame
        A row a term: subdistribution_ratio with its interval (low, high), coefficient, standard_error (from the
        information), robust_error (which interval, z and p use), z, p.
    notes : tuple of str
        Definition, numbers, what was left out, references of categories, what it can't tell.
    cause : str
    covariance : DataFrame
        Of the coefficients.
    log_likelihood : tuple of float
        Without covariates, and with them.
    n_rows, n_events : int
    """

    table: pd.DataFrame = field(repr=False)
    notes: tuple[str, ...] = field(repr=False)
    cause: str
    covariance: pd.DataFrame = field(repr=False)
    log_likelihood: tuple[float, float]
    n_rows: int
    n_events: int

    def plot(self) -> Figure:
        """Subdistribution hazard ratios with their intervals, on a logarithmic axis."""
        return ratio_figure(self.table, "subdistribution_ratio", f"subdistribution hazard ratio ({self.cause})")

    def readable(self) -> pd.DataFrame:
        """The table for reading: ratio with its interval in one column."""
        return pd.DataFrame({"term": self.table["term"], "subdistribution hazard ratio (95% interval)": with_interval(
            self.table["subdistribution_ratio"], self.table["low"], self.table["high"]), "p": p_value(self.table["p"])})

    def __repr__(self) -> str:
        return (f"FineGray({self.cause}: {self.n_events:,} endings in {self.n_rows:,} rows, {len(self.table)} "
                f"{'term' if len(self.table) == 1 else 'terms'}; for association, not prediction)")

    def _repr_html_(self) -> str:
        return as_html(f"Fine-Gray regression, {self.cause}", self.readable(), self.notes)


def fine_gray(
    frame: pd.DataFrame, covariates: Sequence[str], *, cause: str = "dropout", start: str | None = "start",
    stop: str = "stop", ending: str = "ending", censored: str = "ongoing", cluster: str | None = None,
) -> FineGray:
    """Return subdistribution hazard ratios of one ending (Fine and Gray 1999). For association, not prediction.

    Errors allow for the censoring weights having been estimated. Ties as Breslow treats them.

    Parameters
    ----------
    frame : DataFrame
        One row a person, as `at_risk` gives it without features: covariates are fixed from the start.
    covariates : names of columns
        Numbers, true or false, or categories (a reference level is named in the notes).
    cause : str
        Which ending.
    start, stop, ending : names of columns
        At risk after `start` (None: everybody from 0) up to and with `stop`; how it ended there.
    censored : str
        Value of `ending` where it did not end.
    cluster : name of a column, optional
        Rows of one cluster may be alike (Zhou and others 2012), as with "therapist_id".

    Raises
    ------
    CallError
        If a column is absent, a person has several rows, or anybody enters late.
    ModelError
        If nobody ended so, or a column makes a coefficient impossible.
    """
    rows = read_rows(frame, covariates, cause=cause, start=start, stop=stop, ending=ending, censored=censored, others=(cluster,))
    _need_whole_episodes(rows, cause)
    terms = read_terms(rows.frame, covariates)
    if not len(terms):
        raise CallError("covariates is empty; name at least one column. For the share who end so, ask aalen_johansen")
    warnings = need_estimable(terms.matrix, terms.names, rows.event, 0.0, by_row=False)
    centre, spread = terms.matrix.mean(axis=0), terms.matrix.std(axis=0)
    weighted = Weighted.of((terms.matrix - centre) / spread, rows.stop, rows.event, rows.ended & ~rows.event)
    beta, path, settled = _maximise(weighted)
    inverse = np.linalg.pinv(weighted.at(beta)[2])
    need_convergence(settled, beta, np.diag(inverse), terms.names)
    groups = None if cluster is None else rows.codes(cluster)
    robust = by_cluster(weighted.influence(beta) @ inverse, np.arange(len(rows)) if groups is None else groups)
    notes = (*rows.notes, *terms.notes, "ties by Breslow; censoring weights by Kaplan-Meier, the same for all; errors allow for "
             "their estimation", *cluster_notes(cluster, groups), *warnings, MEANING)
    table = coefficient_table(terms.names, beta / spread, np.sqrt(np.diag(inverse)) / spread, np.sqrt(np.diag(robust)) / spread,
                              "subdistribution_ratio")
    covariance = pd.DataFrame(robust / np.outer(spread, spread), terms.names, terms.names)
    return FineGray(table, notes, cause, covariance, (path[0], path[-1]), len(rows), rows.n_events)


def _need_whole_episodes(rows: Rows, cause: str) -> None:
    if cause == "any":
        raise CallError("cause is 'any': where all endings count none competes, and cox is the regression to use")
    if (rows.start > 0).any():
        raise CallError(f"{(rows.start > 0).sum():,} rows begin later than at 0 (late entry, or stretches of one episode). "
                        "Fine-Gray counts people who have ended otherwise among those at risk, whose covariates can't go on "
                        "changing, and is offered here for those followed from the start: use cause_specific")


@dataclass(frozen=True)
class Weighted:
    """People in order of exit, and the sums over those at risk of the ending, at each time it happened.

    Who ended otherwise stays at risk with the weight G(t-) / G(exit-), G being the share not yet censored.

    Attributes
    ----------
    x : float array, people by columns
    event, other : bool arrays
    order : int64 array
        Rows of the frame in this order.
    stays : float array
        1 / G(exit-) of those who ended otherwise, else 0.
    times, tied, g : float arrays
        When the ending in question happened, how often, and G just before it.
    exits, at_risk, censored : float arrays
        Distinct times of exit, who had not left before each, and how many were censored at it.
    position : int64 array
        Position in `exits` of each person's exit.
    """

    x: np.ndarray
    exit: np.ndarray
    event: np.ndarray
    other: np.ndarray
    order: np.ndarray
    stays: np.ndarray
    times: np.ndarray
    tied: np.ndarray
    g: np.ndarray
    exits: np.ndarray
    at_risk: np.ndarray
    censored: np.ndarray
    position: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray, leaves: np.ndarray, event: np.ndarray, other: np.ndarray) -> Weighted:
        """From rows in any order."""
        order = np.argsort(leaves, kind="stable")
        x, leaves, event, other = x[order], leaves[order], event[order], other[order]
        exits, position = np.unique(leaves, return_inverse=True)
        censored = np.bincount(position[~event & ~other], minlength=len(exits)).astype(float)
        left = np.bincount(position, minlength=len(exits))
        at_risk = len(leaves) - np.concatenate([[0], np.cumsum(left)[:-1]]).astype(float)
        # Whoever ends at t counts as at risk of being censored at t, as in cmprsk.
        uncensored = np.concatenate([[1.0], np.cumprod(1.0 - censored / at_risk)])[:-1]
        times, tied = np.unique(leaves[event], return_counts=True)
        g = uncensored[np.searchsorted(exits, times)]
        with np.errstate(divide="ignore"):
            stays = np.where(other, 1.0 / uncensored[position], 0.0)
        return cls(x, leaves, event, other, order, stays, times, tied.astype(float), g, exits, at_risk, censored, position)

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Weighted sum of `values` (people by columns) over those at risk at each time of the ending."""
        begin = np.searchsorted(self.position, np.arange(len(self.exits)))
        leaving = np.add.reduceat(values, begin, axis=0)
        staying = np.add.reduceat(values * self.stays[:, None], begin, axis=0)
        at = np.searchsorted(self.exits, self.times)
        there = np.cumsum(leaving[::-1], axis=0)[::-1][at]
        return there + self.g[:, None] * _from_zero(staying)[at]

    def hazard(self, total: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Increments of the baseline hazard at each time, and its sum over the times at which each person counts as at risk."""
        step = self.tied / total
        whole, thinned = _from_zero(step), _from_zero(self.g * step)
        until = np.searchsorted(self.times, self.exit, side="right")
        return step, whole[until] + self.stays * (thinned[-1] - thinned[until])

    def at(self, beta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Log partial likelihood, its gradient and its information."""
        eta = self.x @ beta
        top = eta.max()
        risk = np.exp(eta - top)
        total = self.sums(risk[:, None])[:, 0]
        mean = self.sums(self.x * risk[:, None]) / total[:, None]
        value = float(eta[self.event].sum() - (self.tied * (np.log(total) + top)).sum())
        gradient = self.x[self.event].sum(axis=0) - self.tied @ mean
        # The sum over times of squares weighted over people is a sum over people weighted over times.
        information = self.x.T @ (self.x * (risk * self.hazard(total)[1])[:, None]) - mean.T @ (self.tied[:, None] * mean)
        return value, gradient, information

    def influence(self, beta: np.ndarray) -> np.ndarray:
        """Each row's part of the gradient, the estimation of the censoring weights included, in the order of the frame.

        The two parts are eta and psi of Fine and Gray (1999), section 3.3.
        """
        eta = self.x @ beta
        risk = np.exp(eta - eta.max())
        total = self.sums(risk[:, None])[:, 0]
        mean = self.sums(self.x * risk[:, None]) / total[:, None]
        step, expected = self.hazard(total)
        # The hazard times the mean, summed over the times at which a person counts as at risk.
        whole, thinned = _from_zero(step[:, None] * mean), _from_zero((self.g * step)[:, None] * mean)
        until = np.searchsorted(self.times, self.exit, side="right")
        met = whole[until] + self.stays[:, None] * (thinned[-1] - thinned[until])
        eta_part = -risk[:, None] * (self.x * expected[:, None] - met)
        eta_part[self.event] += self.x[self.event] - mean[np.searchsorted(self.times, self.exit[self.event])]
        result = np.empty_like(eta_part)
        result[self.order] = eta_part + self._censoring(risk, _from_zero(self.g * step), thinned)
        return result

    def _censoring(self, risk: np.ndarray, thinned: np.ndarray, thinned_mean: np.ndarray) -> np.ndarray:
        """What each row adds by its part in the estimated share not yet censored.

        A censoring at u moves the weights of those who ended otherwise before u, at the times from u on (as in cmprsk).
        """
        n = len(self.exits)
        weight = risk * self.stays
        gone = _from_zero(np.bincount(self.position, weight, n))[:-1]
        gone_x = _from_zero(np.column_stack([np.bincount(self.position, weight * column, n) for column in self.x.T]))[:-1]
        after = np.searchsorted(self.times, self.exits, side="left")
        pull = gone_x * (thinned[-1] - thinned[after])[:, None] - gone[:, None] * (thinned_mean[-1] - thinned_mean[after])
        share = pull / self.at_risk[:, None]
        expected = np.cumsum(share * (self.censored / self.at_risk)[:, None], axis=0)
        mine = ~self.event & ~self.other
        return mine[:, None] * share[self.position] - expected[self.position]


def _from_zero(values: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])


def _maximise(weighted: Weighted) -> tuple[np.ndarray, list[float], bool]:
    """Coefficients by Newton's method with halved steps, the log likelihood on the way, and whether it settled."""
    beta = np.zeros(weighted.x.shape[1])
    value, gradient, information = weighted.at(beta)
    path = [value]
    for _ in range(STEPS):
        step = np.linalg.lstsq(information, gradient, rcond=None)[0]
        size = 1.0
        while True:
            found = weighted.at(beta + size * step)
            if found[0] >= value - CLOSE * abs(value) or size < 1e-4:
                break
            size /= 2
        beta = beta + size * step
        value, gradient, information = found
        path.append(value)
        if np.abs(step).max() < CLOSE:
            return beta, path, True
    return beta, path, False
