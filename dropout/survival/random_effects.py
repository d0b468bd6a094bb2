"""How much of who leaves lies between therapists: a random intercept in the discrete-time model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import chi2, norm

from dropout.errors import CallError, ModelError
from dropout.survival.discrete_design import LINKS, DiscreteDesign
from dropout.survival.discrete_hazard import readable_course
from dropout.survival.quadrature import NODES, Grouped, Highest, climb
from dropout.survival.ratios import coefficient_table
from dropout.survival.rows import ANY
from dropout.survival.separation import need_convergence
from dropout.survival.showing import as_html, p_value, with_interval

WITHIN = {"logit": np.pi**2 / 3, "cloglog": np.pi**2 / 6}
"""Variance of one session's outcome on the scale of the link (Goldstein, Browne and Rasbash 2002)."""

PUBLISHED = ("published shares between therapists, of dropout by the end of treatment: 5.7% (Zimmermann et al. 2017), 9.5% "
             "(Xiao et al. 2017), 12.6% (Saxon et al. 2017)")

FEW_GROUPS = 30
"""With fewer groups the variance between them is hardly known (Maas and Hox 2005)."""

DROP = float(chi2.ppf(0.95, 1)) / 2
"""Fall of the log likelihood at the ends of a 95% interval."""


@dataclass(frozen=True)
class RandomIntercept:
    """A fitted discrete-time model with a random intercept.

    Attributes
    ----------
    between : DataFrame
        One row a quantity, with estimate, low and high (95%, profile likelihood; low is 0 where no variance can't be ruled
        out): "standard deviation" of the intercepts on the scale of the link, their "variance", the "share of variance"
        that lies between groups, and the "median ratio" of two clients alike whose groups differ (Larsen and Merlo 2005).
    p_none : float
        Of no variance between groups at all: half the chi-square p value, because a variance can't be below 0 (Self and
        Liang 1987).
    table : DataFrame
        A row a term: ratio within a group, with its interval, as in `DiscreteTime`.
    hazard : DataFrame
        Hazard by session in a group in the middle (intercept 0), where covariates are at their mean.
    notes : tuple of str
    cause, link, group : str
    log_likelihood : float
    n_groups, n_sessions, n_endings : int
    """

    between: pd.DataFrame = field(repr=False)
    p_none: float
    table: pd.DataFrame = field(repr=False)
    hazard: pd.DataFrame = field(repr=False)
    notes: tuple[str, ...] = field(repr=False)
    cause: str
    link: str
    group: str
    log_likelihood: float
    n_groups: int
    n_sessions: int
    n_endings: int

    @property
    def share(self) -> tuple[float, float, float]:
        """Share of variance between groups: estimate, low, high."""
        return tuple(self.between.set_index("quantity").loc["share of variance", ["estimate", "low", "high"]])  # type: ignore[return-value]

    def _title(self) -> str:
        return "any ending" if self.cause == ANY else self.cause

    def __repr__(self) -> str:
        share, low, high = (100 * value for value in self.share)
        return (f"RandomIntercept({self._title()}, {self.link}, {self.n_groups:,} x {self.group}: {share:.1f}% of variance "
                f"between, {low:.1f} to {high:.1f}%)")

    def _repr_html_(self) -> str:
        is_share = self.between["quantity"] == "share of variance"
        size = np.where(is_share, 100, 1)
        shown = pd.DataFrame({f"between ({self.group})": self.between["quantity"] + np.where(is_share, ", %", ""),
                              "estimate (95% interval)": with_interval(
                                  *(self.between[part] * size for part in ("estimate", "low", "high")))})
        name = LINKS[self.link]
        terms = pd.DataFrame({"term": self.table["term"], f"{name.replace('_', ' ')} (95% interval)": with_interval(
            self.table[name], self.table["low"], self.table["high"]), "p": p_value(self.table["p"])})
        chance = f"that there is no difference between groups at all: p {p_value([self.p_none])[0]}"
        return as_html(f"Random intercept of {self.group} ({self.link}), {self._title()}", shown, (chance, *self.notes), terms,
                       readable_course(self.hazard))


def random_intercept(
    frame: pd.DataFrame, covariates: Sequence[str] = (), *, group: str = "therapist_id", cause: str = ANY, link: str = "logit",
    baseline: str = "each", min_endings: int = 5, start: str | None = "start", stop: str = "stop", ending: str = "ending",
    censored: str = "ongoing", nodes: int = NODES, penalty: float = 0.0,
) -> RandomIntercept:
    """Return the share of variance that lies between therapists (or clinics), with its interval.

    A discrete-time model of the sessions at risk with an intercept for each group, drawn from a normal distribution
    (Barber et al. 2000), by maximum likelihood with adaptive quadrature. No group is named, estimated or ranked.

    Parameters
    ----------
    frame : DataFrame
        As `at_risk(history, clock="sessions")` gives it.
    group : name of a column
        Whose intercept: "therapist_id" or "clinic_id".
    covariates, cause, link, baseline, min_endings, start, stop, ending, censored, penalty
        As for `discrete_time`.
    nodes : int
        Nodes of the quadrature.

    Raises
    ------
    CallError
        If a column is absent or can't be used.
    ModelError
        If nobody left, there are fewer than three groups or none has two clients, or a column makes a coefficient
        impossible.
    """
    if not isinstance(nodes, int | np.integer) or nodes < 1:
        raise CallError(f"nodes is {nodes!r}; expected a whole number of 1 or more, such as {NODES}")
    design = DiscreteDesign.of(frame, covariates, cause=cause, link=link, baseline=baseline, min_endings=min_endings, start=start,
                               stop=stop, ending=ending, censored=censored, cluster=group, penalty=penalty)
    warnings = _need_groups(design, group)
    data = Grouped(design.matrix, design.endings, design.sessions, design.cluster, link)
    ridge = np.append(np.zeros(design.n_baseline), np.full(len(design.terms), float(penalty)))
    middle = np.log(design.rows.n_events / max(len(design.periods) - design.rows.n_events, 1))
    begin = np.append(np.full(design.n_baseline if baseline == "each" else 1, middle),
                      np.zeros(design.matrix.shape[1] - (design.n_baseline if baseline == "each" else 1)))
    plain = climb(data, begin, 0.0, fixed=True, nodes=nodes, ridge=ridge)
    slopes = slice(design.n_baseline, design.matrix.shape[1])
    need_convergence(plain.converged, plain.coefficient[slopes], np.diag(_covariance(plain, ridge))[slopes], design.terms.names)
    best = climb(data, plain.coefficient, 0.5, nodes=nodes, ridge=ridge)
    if best.at.value < plain.at.value:
        best = plain
    low, high, profiled = _interval(data, plain, best, ridge, nodes)
    chance = 0.5 * float(chi2.sf(max(2 * (best.at.value - plain.at.value), 0.0), 1))
    covariance = _covariance(best, ridge)
    errors = _roots(np.diag(covariance))[slopes]
    notes = (*design.notes, *_told(design, group, link), *warnings, *profiled)
    return RandomIntercept(
        between=_between(best.sigma, low, high, link), p_none=chance,
        table=coefficient_table(design.terms.names, best.coefficient[slopes] / design.spread, errors / design.spread,
                                np.full(len(design.terms), np.nan), LINKS[link]),
        hazard=design.course(best.coefficient, covariance, link), notes=notes, cause=cause, link=link, group=group,
        log_likelihood=best.at.value, n_groups=len(data.first), n_sessions=len(design.periods), n_endings=design.rows.n_events)


def share_between(sigma: float, link: str) -> float:
    """Share of the variance on the scale of the link that lies between groups, at a standard deviation between them."""
    return 1.0 if np.isinf(sigma) else float(sigma**2 / (sigma**2 + WITHIN[link]))


def _between(sigma: float, low: float, high: float, link: str) -> pd.DataFrame:
    rows = {"standard deviation": lambda s: s, "variance": lambda s: s**2, "share of variance": lambda s: share_between(s, link),
            "median ratio": lambda s: float(np.exp(np.sqrt(2) * norm.ppf(0.75) * s))}
    return pd.DataFrame([(name, *(value(s) for s in (sigma, low, high))) for name, value in rows.items()],
                        columns=["quantity", "estimate", "low", "high"])


def _covariance(found: Highest, ridge: np.ndarray) -> np.ndarray:
    """Of the coefficients, from the observed information (with sigma, where it is not 0)."""
    k = len(found.coefficient)
    information = -found.at.hessian
    information[np.arange(k), np.arange(k)] += ridge
    if found.sigma == 0 or information[k, k] <= 0:
        return np.linalg.pinv(information[:k, :k], hermitian=True)
    return np.linalg.pinv(information, hermitian=True)[:k, :k]


def _roots(variances: np.ndarray) -> np.ndarray:
    """Standard errors; NaN where the likelihood is no hill, as where the variance between groups runs away."""
    return np.sqrt(np.where(variances >= 0, variances, np.nan))


def _interval(
    data: Grouped, plain: Highest, best: Highest, ridge: np.ndarray, nodes: int
) -> tuple[float, float, list[str]]:
    """Where the log likelihood, highest in all else, has fallen by `DROP`: low and high end of sigma, and notes."""
    last = {"coefficient": best.coefficient}

    def fall(sigma: float) -> float:
        found = climb(data, last["coefficient"], sigma, fixed=True, nodes=nodes, ridge=ridge, tol=1e-6)
        last["coefficient"] = found.coefficient
        return best.at.value - found.at.value - DROP

    low = 0.0
    if best.at.value - plain.at.value > DROP:
        low = float(brentq(fall, 1e-6, best.sigma, xtol=1e-4))
    inner, step = best.sigma, max(0.3 * best.sigma, 0.2)
    last["coefficient"] = best.coefficient
    while fall(inner + step) < 0:
        inner, step = inner + step, 2 * step
        if inner > 50:
            return low, np.inf, ["the variance between groups has no upper bound that these data could tell"]
    return low, float(brentq(fall, inner, inner + step, xtol=1e-4)), []


def _need_groups(design: DiscreteDesign, group: str) -> list[str]:
    """Notes on the sizes of groups; refuse where nothing can be told of a variance between them."""
    frame = design.rows.frame
    who = frame["client_id"] if "client_id" in frame.columns else pd.Series(np.arange(len(frame)), index=frame.index)
    clients = who.groupby(frame[group], observed=True).nunique()
    if len(clients) < 3:
        raise ModelError(f"{group} has {len(clients)} {'value' if len(clients) == 1 else 'values'} in the rows that are left; a "
                         f"variance between groups needs three at least, and {FEW_GROUPS} to be worth much")
    alone = int((clients == 1).sum())
    if alone == len(clients):
        raise ModelError(f"each of {len(clients):,} values of {group} has one client, so what lies between groups can't be told "
                         "from what lies between clients; take a wider group, such as clinic_id")
    notes = []
    if alone:
        notes.append(f"{alone:,} of {len(clients):,} groups have one client; they tell next to nothing of what lies between")
    if len(clients) < FEW_GROUPS:
        notes.append(f"few groups: {len(clients)}; with fewer than {FEW_GROUPS} the variance between them is hardly known")
    return notes


def _told(design: DiscreteDesign, group: str, link: str) -> list[str]:
    ratios, one = LINKS[link].replace("_", " "), group.removesuffix("_id")
    notes = [f"share of variance: on the scale of the link, at one session, with {'π²/3' if link == 'logit' else 'π²/6'} within; "
             "intervals by profile likelihood", PUBLISHED,
             f"no {one} is estimated or ranked: who sees whom is not drawn by lot, and few clients each make ranks chance"]
    if len(design.terms):
        notes.append(f"{ratios}s compare clients of the same {one}; hazards are for one in the middle")
    return notes
