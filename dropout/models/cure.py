"""A mixture cure model: who never returns, and how long the others take.

Two answers from one likelihood (Boag 1949; Farewell 1982; in discrete time Steele 2003): the incidence, a ridge
logistic regression for never returning, and the latency, a discrete-time hazard of return for those who do. From both
follows the silence clock: after t silent days a client is gone with probability pi / (pi + (1 - pi) S(t)).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
import pandas as pd
from scipy.special import expit, ndtri
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from dropout.errors import CallError
from dropout.models.cure_clock import Clock, as_asked, days_for
from dropout.models.cure_diagnostics import FollowUpWarning, follow_up
from dropout.models.cure_input import Outcomes, grouping, need_both, numbers, outcomes, positions, step_edges, waits, weights
from dropout.models.cure_intervals import bootstrapped, covariance, profiled, unsettled
from dropout.models.cure_likelihood import LARGEST, Waits, log_likelihoods, maximise, starting_point
from dropout.models.cure_part import Part

FLOOR = 1e-4
"""Least probability that `score` gives to what happened: a return later than any before is not impossible."""


class MixtureCure(BaseEstimator):
    """Mixture cure model for cancellations: never again, or back after how many days.

    Parameters
    ----------
    l2_incidence, l2_latency : float, default 1.0
        Ridge penalty on the squared coefficients of the standardised columns of each part, in rows: the weight of that
        many rows' worth of log likelihood. Intercept and baseline are not penalised. With 0 there is none.
    period : int, default 1
        Days in the periods from which the steps of the baseline hazard are made: 1 or 7.
    min_returns : float, default 20
        Neighbouring periods are joined until each step of the baseline holds so many returns.
    edges : sequence of int, optional
        Days between the steps, in place of `period` and `min_returns`.
    incidence_columns, latency_columns : sequence of str or int, optional
        Columns of X that enter each part; all by default.
    max_iter : int, default 100
        Most Newton steps.
    tol : float, default 1e-8
        The fit ends when this little of the log likelihood is still to be gained.

    Attributes
    ----------
    incidence_intercept_ : float
        Log odds of never returning where every column is 0.
    incidence_coef_, latency_coef_ : arrays
        Log odds ratios of never returning, and log hazard ratios of return, in the units of the columns.
    incidence_columns_, latency_columns_ : lists of str
        Names that belong to them.
    baseline_ : DataFrame
        A row a step: from_day, to_day (not included), returns, and the chance of a return on a day of it (with a 95%
        interval), given that one comes and not before, where every column is at its mean.
    last_return_ : float
        Days by which all who return have done so, by convention: the end of the day of the last return.
    follow_up_ : FollowUp
        Whether clients were watched long enough; see `dropout.models.cure_diagnostics`.
    cured_fraction_ : float
        Mean probability of never returning, NaN where `follow_up_.reason` says why it can't be told.
    clock_ : Clock
        Parameters as they were fitted, on standardised columns, and the curves that follow from them.
    log_likelihood_ : float
        Of the rows (without the penalty).
    covariance_ : DataFrame
        Of the intercept and the coefficients.
    converged_ : bool
    n_iter_, n_features_in_ : int
    feature_names_in_ : array of str, where X had names

    Notes
    -----
    Returns are known to their day. The latency has proportional hazards (the complementary log-log link), so that its
    coefficients mean the same by day and by week. Durations that are all whole count days, and a client censored on day d was
    silent through it: returns come before censoring in a tie. Where one has a fraction, all are time that went by.

    *Another ending* (event 2 and above: the therapist left while they were away) counts as censoring of the return on that
    day: what they would have done had nothing else ended it. That supposes that such endings do not come to the likelier
    leavers first. `follow_up_` counts them.

    *The tail.* Clients silent beyond the last return are taken as gone (Taylor 1995): without such a convention nothing
    parts the gone from the very slow. So predictions hold for as long as clients were watched; what is asked of a later
    time is refused, or answered with a `FollowUpWarning`. A tail cannot be tested.
    """

    def __init__(
        self, *, l2_incidence: float = 1.0, l2_latency: float = 1.0, period: int = 1, min_returns: float = 20,
        edges: Sequence[int] | None = None, incidence_columns: Sequence[Any] | None = None,
        latency_columns: Sequence[Any] | None = None, max_iter: int = 100, tol: float = 1e-8,
    ):
        self.l2_incidence = l2_incidence
        self.l2_latency = l2_latency
        self.period = period
        self.min_returns = min_returns
        self.edges = edges
        self.incidence_columns = incidence_columns
        self.latency_columns = latency_columns
        self.max_iter = max_iter
        self.tol = tol

    def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> Self:  # noqa: N803
        """Fit both parts to cancellations and what became of them.

        Parameters
        ----------
        X : DataFrame or array, rows by columns
            Finite numbers, known at the cancellation.
        y : DataFrame, mapping or structured array
            `event`: 1 returned, 0 still silent when last seen, 2 and above another ending. `duration`: days from the
            cancellation to that, 0 for the same day.
        sample_weight : array, optional
            As how many rows each row counts.
        groups : array, optional
            Whose row it is (client, therapist, clinic): standard errors then allow for rows of one group being alike
            (Liang and Zeger 1986).

        Raises
        ------
        CallError
            If X, y, weights or parameters can't be used.
        ModelError
            If nobody returned or everybody did, or columns depend on each other and there is no ridge.
        """
        if min(self.l2_incidence, self.l2_latency) < 0:
            raise CallError("l2_incidence and l2_latency can't be negative; 0 means no ridge.")
        matrix, names = numbers(X)
        found, weight = outcomes(y, len(matrix)), weights(sample_weight, len(matrix))
        need_both(found, weight)
        kept = weight > 0
        matrix, found, weight = matrix[kept], found.take(kept), weight[kept]
        self._learn_names(names, matrix.shape[1])
        parts = tuple(
            Part.learn(name, matrix, positions(columns, names, matrix.shape[1], f"{name}_columns"), names, weight, strength)
            for name, columns, strength in (("incidence", self.incidence_columns, self.l2_incidence),
                                            ("latency", self.latency_columns, self.l2_latency)))
        edges = step_edges(found, weight, self.period, self.min_returns, self.edges)
        self.follow_up_ = follow_up(found.duration, found.event, weight)
        rows = waits(parts[0].matrix(matrix), parts[1].matrix(matrix), found, weight, edges)
        first = Clock((parts[0], parts[1]), edges, starting_point(rows, self.follow_up_.plateau), np.zeros((0, 0)),
                      float(max(found.silent.max(), edges[-1])))
        best = maximise(rows, first.theta, first.penalty, self.max_iter, self.tol)
        self.converged_, self.n_iter_ = best.converged, best.n_iter
        self.clock_ = replace(first, theta=best.theta, covariance=covariance(
            rows, best, None if groups is None else grouping(groups, kept)))
        self.log_likelihood_ = float(weight @ log_likelihoods(rows, best.theta))
        self._describe(rows)
        self._warn()
        return self

    def predict_gone(self, X: Any, silent_days: Any = 0) -> np.ndarray:  # noqa: N803
        """Probability that a client who has been silent for so many days never returns.

        Parameters
        ----------
        X : DataFrame or array, n rows by columns
        silent_days : float, array of n, or array of (1, m) or (n, m)
            Whole days of silence so far, one for all or one a row; or, with two dimensions, a grid of days for each row:
            `np.arange(91)[None, :]` gives the clock from day 0 to 90. Fractions of a day are allowed.

        Returns
        -------
        array of n, or of (n, m) for a grid
            Never falls as the days go by; 1 from `last_return_` on, by convention.
        """
        matrix, silent = self._asked(X, silent_days)
        return as_asked(self.clock_.gone(matrix, silent), silent_days)

    def predict_gone_interval(
        self, X: Any, silent_days: Any = 0, level: float = 0.95,  # noqa: N803
    ) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper end of the interval of `predict_gone`, shaped like it.

        From the covariance of all parameters, on the scale of log odds, where P(gone) is the linear predictor of the
        incidence plus the summed hazard of the latency (the delta method). It tells what the data leave open if the model
        holds, not whether it does.
        """
        matrix, silent = self._asked(X, silent_days)
        low, high = self.clock_.gone_interval(matrix, silent, level)
        return as_asked(low, silent_days), as_asked(high, silent_days)

    def predict_return(self, X: Any, days: Any, silent_days: Any = 0) -> np.ndarray:  # noqa: N803
        """Probability of a return within `days` more, given the silence so far.

        Parameters
        ----------
        X : DataFrame or array, n rows by columns
        days : float or array, shaped as `silent_days` may be
        silent_days : float or array
            As for `predict_gone`; both are broadcast against each other.

        Returns
        -------
        array of n, or of (n, m) where either is a grid
        """
        matrix, silent = self._asked(X, silent_days)
        more = days_for(days, len(matrix), "days")
        self.clock_.warn_beyond(silent + more, "the time asked about")
        return as_asked(self.clock_.back(matrix, silent, more), silent_days, days)

    def predict_cumulative_incidence(self, X: Any, times: Any) -> np.ndarray:  # noqa: N803
        """Probability of a return within each number of days from the cancellation: (1 - pi) (1 - S(t)).

        Parameters
        ----------
        X : DataFrame or array, n rows by columns
        times : array of m days

        Returns
        -------
        array of (n, m)

        Raises
        ------
        CallError
            If a time lies beyond the longest follow-up: a tail cannot be tested.
        """
        matrix = self._matrix(X)
        eta, ratio = self.clock_.linear(matrix)
        return expit(-eta)[:, None] * (1 - self.clock_.survival(ratio, self.clock_.times(times)))

    def predict_survival(self, X: Any, times: Any) -> np.ndarray:  # noqa: N803
        """Probability of being still away after each number of days, among those who return: S(t), array of (n, m).

        Days begin at 0: S(7) is the chance that days 0 to 6 bring no return. It is 0 from `last_return_` on. Raises
        CallError beyond the longest follow-up.
        """
        matrix = self._matrix(X)
        return self.clock_.survival(self.clock_.linear(matrix)[1], self.clock_.times(times))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:  # noqa: N803
        """Mean log likelihood a row, no row counted as less likely than one in 10,000; higher is better."""
        weight = weights(sample_weight, len(self._matrix(X)))
        rows, found = self._rows(X, y, weight)
        late = found.returned & (found.day >= self.clock_.end)
        log = np.where(late, -np.inf, log_likelihoods(rows, self.clock_.theta))
        return float(np.average(np.maximum(log, np.log(FLOOR)), weights=weight))

    def summary(self, level: float = 0.95) -> pd.DataFrame:
        """Coefficients of both parts with standard errors and intervals, indexed by part and column.

        `ratio` is the odds ratio of never returning, or the hazard ratio of return, for one unit more of the column, with
        its interval `ratio low` to `ratio high`. Standard errors come from the observed information (with the ridge in it, so
        that they do not know of its bias), or are robust where `fit` was given groups. Where a remark stands, no interval does.
        """
        check_is_fitted(self)
        coefficient, error = self._coefficients(), np.sqrt(np.diag(self.covariance_))
        spread = ndtri((1 + level) / 2) * error
        frame = pd.DataFrame({"coefficient": coefficient, "standard error": error, "low": coefficient - spread,
                              "high": coefficient + spread}, index=self.covariance_.index)
        for name, column in (("ratio", "coefficient"), ("ratio low", "low"), ("ratio high", "high")):
            frame[name] = np.exp(frame[column].clip(-700, 700))
        remarks = ["", *(remark for part in self.clock_.parts for remark in part.remarks)]
        return frame.assign(remark=remarks)

    def intervals(
        self, X: Any, y: Any, method: str = "profile", *, sample_weight: Any = None, groups: Any = None,  # noqa: N803
        columns: Sequence[str] | None = None, n_bootstrap: int = 200, seed: int = 0, level: float = 0.95,
    ) -> pd.DataFrame:
        """Intervals that do not suppose a likelihood shaped like a bell: coefficient, low and high, by part and column.

        Parameters
        ----------
        X, y, sample_weight :
            The rows that the model was fitted to. They are asked for again, since a fitted model keeps no row.
        method : {"profile", "bootstrap"}
            Profile likelihood (Venzon and Moolgavkar 1988), for coefficients alone; or percentiles over `n_bootstrap` fits to
            rows drawn again (Efron 1979), or to groups drawn again where `groups` is given.
        columns : sequence of str, optional
            Only the coefficients of these columns.
        """
        check_is_fitted(self)
        index = self.covariance_.index
        wanted = np.array([columns is None or term in columns for _, term in index])
        if method == "profile":
            wanted[0] = False  # the intercept is a sum of several parameters as they were fitted
            rows, _ = self._rows(X, y, weights(sample_weight, len(self._matrix(X))))
            low, high = profiled(self.clock_, rows, wanted, level, self.max_iter, self.tol)
        elif method == "bootstrap":
            low, high = bootstrapped(self, X, y, weights(sample_weight, len(numbers(X)[0])), groups, n_bootstrap, seed, level)
        else:
            raise CallError(f"method is '{method}'; expected 'profile' or 'bootstrap'. For Wald intervals: summary().")
        frame = pd.DataFrame({"coefficient": self._coefficients(), "low": low, "high": high}, index=index)
        return frame[wanted]

    def _learn_names(self, names: list[str] | None, width: int) -> None:
        self.n_features_in_ = width
        if names is not None:
            self.feature_names_in_ = np.array(names, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_

    def _matrix(self, x: Any) -> np.ndarray:
        """X as numbers with the columns of the fit, in their order."""
        check_is_fitted(self)
        known = getattr(self, "feature_names_in_", None)
        if isinstance(x, pd.DataFrame) and known is not None:
            absent = [name for name in known if name not in x.columns]
            if absent:
                raise CallError(f"X lacks the columns {', '.join(map(repr, absent[:5]))}, which the model was fitted with.")
            x = x[list(known)]
        matrix, _ = numbers(x)
        if matrix.shape[1] != self.n_features_in_:
            raise CallError(f"X has {matrix.shape[1]} columns; the model was fitted with {self.n_features_in_}.")
        return matrix

    def _rows(self, X: Any, y: Any, weight: np.ndarray) -> tuple[Waits, Outcomes]:  # noqa: N803
        """Rows as the likelihood reads them, with the columns and steps of the fit; and what became of them."""
        matrix = self._matrix(X)
        found = outcomes(y, len(matrix))
        first, last = self.clock_.parts
        return waits(first.matrix(matrix), last.matrix(matrix), found, weight, self.clock_.edges), found

    def _asked(self, X: Any, silent_days: Any) -> tuple[np.ndarray, np.ndarray]:  # noqa: N803
        """X as numbers, and the days of silence asked about as rows by times."""
        matrix = self._matrix(X)
        silent = days_for(silent_days, len(matrix), "silent_days")
        self.clock_.warn_beyond(silent, "silent_days")
        return matrix, silent

    def _coefficients(self) -> np.ndarray:
        return np.concatenate([[self.incidence_intercept_], self.incidence_coef_, self.latency_coef_])

    def _describe(self, rows: Waits) -> None:
        """Public attributes from the parameters as they were fitted, on standardised columns."""
        clock = self.clock_
        first, last = clock.parts
        self.last_return_ = clock.end
        n_first, n_steps, n_last = rows.shape
        a, _, c = rows.parts(clock.theta)
        error = np.sqrt(np.maximum(np.diag(clock.covariance), 0))
        for part, x, errors in ((first, rows.incidence[:, 1:], error[1:n_first]),
                                (last, rows.latency, error[n_first + n_steps :])):
            part.remarks = [old or ("not determined" if odd else "")
                            for old, odd in zip(part.remarks, unsettled(errors, x), strict=True)]
        self.incidence_columns_, self.latency_columns_ = first.columns, last.columns
        self.incidence_coef_, self.latency_coef_ = a[1:] / first.scale, c / last.scale
        self.incidence_intercept_ = float(a[0] - self.incidence_coef_ @ first.mean)
        turn = np.zeros((n_first + n_last, len(clock.theta)))
        turn[0, 0], turn[0, 1:n_first] = 1.0, -first.mean / first.scale
        turn[np.arange(1, n_first), np.arange(1, n_first)] = 1 / first.scale
        turn[n_first + np.arange(n_last), n_first + n_steps + np.arange(n_last)] = 1 / last.scale
        index = pd.MultiIndex.from_tuples(
            [("incidence", "intercept"), *(("incidence", name) for name in first.columns),
             *(("latency", name) for name in last.columns)], names=["part", "column"])
        known = np.nan_to_num(clock.covariance)
        covariance = turn @ known @ turn.T
        lost = np.array([bool(np.isnan(clock.covariance[0, 0])), *(bool(remark) for remark in first.remarks + last.remarks)])
        covariance[lost, :] = covariance[:, lost] = np.nan
        self.covariance_ = pd.DataFrame(covariance, index=index, columns=index)
        hazard, spread = clock.log_hazard, ndtri(0.975) * error[n_first : n_first + n_steps]
        chance = [-np.expm1(-np.exp(np.minimum(one, LARGEST))) for one in (hazard, hazard - spread, hazard + spread)]
        self.baseline_ = pd.DataFrame({
            "from_day": clock.edges[:-1], "to_day": clock.edges[1:],
            "returns": np.bincount(rows.step[rows.returned], rows.weight[rows.returned], n_steps),
            "hazard": chance[0], "low": chance[1], "high": chance[2]})
        gone = float(rows.weight @ expit(rows.incidence @ a) / rows.weight.sum())
        self.cured_fraction_ = np.nan if self.follow_up_.reason else gone

    def _warn(self) -> None:
        if not self.converged_:
            warnings.warn(f"the fit did not settle in {self.n_iter_} steps. Raise max_iter, or the ridge (l2_incidence, "
                          "l2_latency), or leave out columns with few clients in them.", ConvergenceWarning, stacklevel=3)
        for part in self.clock_.parts:
            for remark, meaning in (("constant", "the same in every row, so they get no coefficient"),
                                    ("not determined", f"left open by the data, as where all with a value return, or none: set "
                                                       f"l2_{part.name} above 0 or leave them out")):
                if named := [name for name, said in zip(part.columns, part.remarks, strict=True) if said == remark]:
                    warnings.warn(f"in the {part.name}, columns {', '.join(map(repr, named))} are {meaning}.", UserWarning,
                                  stacklevel=3)
        if self.follow_up_.reason:
            warnings.warn(self.follow_up_.verdict + " Use the model for times within follow-up alone.", FollowUpWarning,
                          stacklevel=3)
