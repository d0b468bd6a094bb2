"""Cox regression of one ending, or of any, on stretches of time at risk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from dropout.errors import CallError
from dropout.survival.cox_figures import martingale_figure, ratio_figure, schoenfeld_figure
from dropout.survival.proportional import proportional_hazards_test, scaled_schoenfeld, time_scale
from dropout.survival.ratios import coefficient_table
from dropout.survival.risk_sets import Maximum, Moments, RiskSets, maximise
from dropout.survival.robust import by_cluster, cluster_notes
from dropout.survival.rows import ANY, Rows, read_rows
from dropout.survival.separation import need_convergence, need_estimable, need_within_strata
from dropout.survival.showing import as_html, p_value, with_interval
from dropout.survival.terms import Terms, read_terms

TIES = ("efron", "breslow")

RESIDUALS = ("martingale", "schoenfeld", "score", "dfbeta")

MEANING = "hazard ratios tell who leaves sooner among those still there (why); they are not the risk of leaving (how many)"


@dataclass(frozen=True)
class Cox:
    """A fitted Cox regression.

    Attributes
    ----------
    table : DataFrame
        A row a term: hazard_ratio with its interval (low, high), coefficient, standard_error, robust_error (NaN without
        clusters), z, p. Interval, z and p use the robust error where there is one.
    notes : tuple of str
        Definition, numbers, what was left out, references of categories, ties, warnings.
    cause : str
        The ending, or "any".
    covariance : DataFrame
        Of the coefficients; robust where there are clusters.
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
    unit: str = field(repr=False)
    _rows: Rows = field(repr=False)
    _terms: Terms = field(repr=False)
    _moments: Moments = field(repr=False)
    _spread: np.ndarray = field(repr=False)
    _inverse: np.ndarray = field(repr=False)

    @cached_property
    def proportional(self) -> pd.DataFrame:
        """Test of proportional hazards on the scale of Kaplan-Meier: a row a covariate and one for all together."""
        return self.proportional_hazards("km")

    def proportional_hazards(self, transform: str = "km") -> pd.DataFrame:
        """Test of proportional hazards: covariate, chi_square, df, p (Grambsch and Therneau 1994).

        Parameters
        ----------
        transform : {"km", "identity", "log"}
            Time scale on which a trend of the coefficients is looked for: the share who had left before t, t, or log t.
        """
        scale = time_scale(self._moments.sets, self._rows.start, self._rows.stop, transform)
        found = proportional_hazards_test(self._moments, scale, self._terms.names, self._terms.columns)
        found.attrs["transform"] = transform
        return found

    def residuals(self, kind: str = "martingale") -> pd.DataFrame:
        """Residuals, on the index of the frame that was given.

        Parameters
        ----------
        kind : {"martingale", "schoenfeld", "score", "dfbeta"}
            "martingale": one column, ending less the number expected. "schoenfeld": only rows with the ending, scaled, so that
            the smooth over `stop` shows each coefficient over time. "score": contribution to the gradient. "dfbeta": by how
            much each coefficient would change, about, were the row left out.
        """
        index, names = self._rows.frame.index, list(self._terms.names)
        if kind == "martingale":
            return pd.DataFrame({"martingale": self._rows.event - self._moments.expected()}, index=index)
        if kind == "schoenfeld":
            value = scaled_schoenfeld(self._moments, self.table["coefficient"].to_numpy() * self._spread, self._inverse)
            when = self._rows.stop[self._moments.sets.ended]
            rows = index[self._moments.sets.ended]
            return pd.DataFrame(value / self._spread, index=rows, columns=names).assign(stop=when)
        if kind == "score":
            return pd.DataFrame(self._moments.scores() * self._spread, index=index, columns=names)
        if kind == "dfbeta":
            return pd.DataFrame(self._moments.scores() @ self._inverse / self._spread, index=index, columns=names)
        raise CallError(f"kind is {kind!r}; expected one of: {', '.join(RESIDUALS)}")

    def figure(self) -> Figure:
        """Hazard ratios with their intervals, on a logarithmic axis."""
        return ratio_figure(self.table, "hazard_ratio", f"hazard ratio ({self._title()})")

    def proportional_figure(self) -> Figure:
        """Each coefficient over time: scaled Schoenfeld residuals with a smooth, beside the coefficient."""
        return schoenfeld_figure(self.residuals("schoenfeld"), self.table, self.proportional, self._terms.columns, self.unit)

    def martingale_figure(self, covariate: str) -> Figure:
        """Martingale residuals against one covariate with a smooth: a bend says that its effect is no straight line."""
        if covariate not in self._terms.names:
            raise CallError(f"there is no term '{covariate}'; expected one of: {', '.join(self._terms.names)}")
        values = self._terms.matrix[:, self._terms.names.index(covariate)]
        return martingale_figure(values, self.residuals("martingale")["martingale"].to_numpy(), covariate)

    def readable(self) -> pd.DataFrame:
        """The table for reading: ratio with its interval in one column."""
        shown = pd.DataFrame({"term": self.table["term"], "hazard ratio (95% interval)": with_interval(
            self.table["hazard_ratio"], self.table["low"], self.table["high"]), "p": p_value(self.table["p"])})
        test = self.proportional.set_index("covariate")["p"]
        return shown.assign(**{"p, proportional hazards": p_value(test.reindex(list(self._terms.columns)))})

    def _title(self) -> str:
        return "any ending" if self.cause == ANY else self.cause

    def __repr__(self) -> str:
        return (f"Cox({self._title()}: {self.n_events:,} endings in {self.n_rows:,} rows, "
                f"{len(self.table)} {'term' if len(self.table) == 1 else 'terms'})")

    def _repr_html_(self) -> str:
        overall = self.proportional.iloc[-1]
        said = (f"proportional hazards, all together: p {p_value([overall['p']])[0]} (Grambsch and Therneau 1994, time as the "
                "share who had left; a small p says that a ratio changes over time)")
        return as_html(f"Cox regression, {self._title()}", self.readable(), (*self.notes, said, MEANING))


def cox(
    frame: pd.DataFrame, covariates: Sequence[str], *, cause: str = ANY, start: str | None = "start", stop: str = "stop",
    ending: str = "ending", censored: str = "ongoing", strata: str | None = None, cluster: str | None = None,
    ties: str = "efron", penalty: float = 0.0,
) -> Cox:
    """Return hazard ratios of an ending, with the test of what they suppose (Cox 1972).

    Parameters
    ----------
    frame : DataFrame
        A row for each time at risk, as `at_risk` gives it. Covariates may change from row to row of an episode.
    covariates : names of columns
        Numbers, true or false, or categories (a reference level is named in the notes).
    cause : str
        Which ending; the others count as censoring, which makes the hazard cause-specific. "any" for all of them.
    start, stop, ending : names of columns
        At risk after `start` (None: everybody from 0) up to and with `stop`; how it ended there.
    censored : str
        Value of `ending` where it did not end.
    strata : name of a column, optional
        Each value has a baseline hazard of its own.
    cluster : name of a column, optional
        Rows of one cluster may be alike: robust errors (Lin and Wei 1989), as with "therapist_id".
    ties : {"efron", "breslow"}
    penalty : float
        Ridge: half of it times each squared coefficient, per standard deviation of the column, is taken off the log likelihood.

    Raises
    ------
    CallError
        If a column is absent or can't be used.
    ModelError
        If nobody left, or a column makes a coefficient impossible; it says which and what to do.
    """
    if ties not in TIES:
        raise CallError(f"ties is {ties!r}; expected one of: {', '.join(TIES)}")
    rows = read_rows(frame, covariates, cause=cause, start=start, stop=stop, ending=ending, censored=censored,
                     others=(strata, cluster))
    terms = read_terms(rows.frame, covariates)
    if not len(terms):
        raise CallError("covariates is empty; name at least one column. For the share who left, ask for the cumulative incidence")
    warnings = need_estimable(terms.matrix, terms.names, rows.event, penalty, by_row=False)
    if strata is not None:
        need_within_strata(terms.matrix, terms.names, rows.codes(strata), strata)
    centre, spread = terms.matrix.mean(axis=0), terms.matrix.std(axis=0)
    sets = RiskSets.of((terms.matrix - centre) / spread, rows.start, rows.stop, rows.event, rows.codes(strata), ties)
    best = maximise(sets, np.full(len(terms), float(penalty)))
    need_convergence(best.converged, best.coefficient, np.diag(best.covariance), terms.names)
    groups = None if cluster is None else rows.codes(cluster)
    robust = None if groups is None else by_cluster(best.moments.scores() @ best.covariance, groups)
    notes = (*rows.notes, *terms.notes, *_told(strata, ties, penalty), *cluster_notes(cluster, groups), *warnings)
    covariance = (best.covariance if robust is None else robust) / np.outer(spread, spread)
    return Cox(
        table=_table(best, spread, terms.names, robust), notes=notes, cause=cause,
        covariance=pd.DataFrame(covariance, terms.names, terms.names),
        log_likelihood=(Moments.at(sets, np.zeros(len(terms))).log_likelihood, best.moments.log_likelihood),
        n_rows=len(rows), n_events=rows.n_events, unit=rows.unit, _rows=rows, _terms=terms, _moments=best.moments,
        _spread=spread, _inverse=best.covariance)


def _told(strata: str | None, ties: str, penalty: float) -> list[str]:
    notes = [f"ties by {ties.capitalize()}"]
    if strata is not None:
        notes.append(f"a baseline of its own for each value of {strata}")
    if penalty:
        notes.append(f"ridge penalty {penalty:g}: coefficients are drawn towards none, and their intervals don't know of it")
    return notes


def _table(best: Maximum, spread: np.ndarray, names: tuple[str, ...], robust: np.ndarray | None) -> pd.DataFrame:
    coefficient = best.coefficient / spread
    naive = np.sqrt(np.diag(best.covariance)) / spread
    sandwich = np.full(len(names), np.nan) if robust is None else np.sqrt(np.diag(robust)) / spread
    return coefficient_table(names, coefficient, naive, sandwich, "hazard_ratio")
