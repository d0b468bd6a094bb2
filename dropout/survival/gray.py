"""Gray's test: whether groups differ in the cumulative incidence of an ending."""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Real

import numpy as np
import pandas as pd
from scipy.stats import chi2

from dropout.errors import CallError, ModelError
from dropout.survival.incidence import incidence
from dropout.survival.people import People, read_people
from dropout.survival.showing import as_html, p_value
from dropout.survival.steps import Steps, before


@dataclass(frozen=True)
class GrayTest:
    """Gray's test, one row an ending.

    Attributes
    ----------
    table : DataFrame
        ending, n, ended, chi_square, df, p (NaN where the test says nothing).
    notes : tuple of str
    by : str
        The column whose values were compared.
    """

    table: pd.DataFrame = field(repr=False)
    notes: tuple[str, ...] = field(repr=False)
    by: str

    def __repr__(self) -> str:
        found = ", ".join(f"{name} p {p}" for name, p in zip(self.table["ending"], p_value(self.table["p"]), strict=True))
        return f"Gray's test by {self.by}: {found}"

    def _repr_html_(self) -> str:
        shown = self.table.assign(chi_square=self.table["chi_square"].map("{:.2f}".format), p=p_value(self.table["p"]))
        return as_html(f"Gray's test by {self.by}", shown.rename(columns={"chi_square": "chi-square"}), self.notes)


def gray_test(
    frame: pd.DataFrame, by: str, *, strata: str | None = None, rho: float = 0.0, start: str | None = "start",
    stop: str = "stop", ending: str = "ending", censored: str = "ongoing",
) -> GrayTest:
    """Return Gray's test of equal cumulative incidence between groups, for every ending (Gray 1988).

    Where endings compete this is the test of how many leave; the log-rank test of one ending is about who leaves sooner
    among those still there, and the two may disagree.

    Parameters
    ----------
    frame : DataFrame
        A row for each time at risk, as `at_risk` gives it.
    by : name of a column
        The groups to compare, fixed from the start.
    strata : name of a column, optional
        Compare within each of its values only.
    rho : float
        Weight (1 - F)^rho, F the incidence of all together: above 0 for differences early on.
    start, stop, ending : names of columns
        At risk after `start` (None: everybody from 0) up to and with `stop`; how it ended there.
    censored : str
        Value of `ending` where it did not end.

    Raises
    ------
    CallError
        If a column is absent, or anybody enters late: the test is for those followed from the start.
    ModelError
        If there are fewer than two groups, or nobody ended.
    """
    if not isinstance(rho, Real) or not np.isfinite(rho):
        raise CallError(f"rho is {rho!r}; expected a number, 0 for equal weights")
    people = read_people(frame, by=by, strata=strata, start=start, stop=stop, ending=ending, censored=censored)
    if people.enters_late:
        raise CallError(f"{int((people.entry > 0).sum()):,} enter late, and Gray's test is for those who are followed from the "
                        f"start; compare those who began while the records were complete, or use cause_specific with '{by}'")
    if len(people.groups) < 2:
        raise ModelError(f"'{by}' is '{people.groups[0]}' for everybody; a test needs two groups")
    if not people.endings:
        raise ModelError(f"every {ending} is '{censored}': nobody was seen to end, so there is nothing to compare")
    rows = []
    notes = [*people.notes, "Gray's test of equal cumulative incidence; a large p is no proof that groups are alike"]
    for k, name in enumerate(people.endings):
        score, covariance = _score(people, k, rho)
        df = int(np.linalg.matrix_rank(covariance)) if covariance.any() else 0
        statistic = float(score @ np.linalg.pinv(covariance) @ score) if df else np.nan
        if df < len(people.groups) - 1:
            notes.append(f"{name}: {'no group' if not df else 'not every group'} can be told apart")
        rows.append({"ending": name, "n": len(people), "ended": int((people.ending == k).sum()), "chi_square": statistic,
                     "df": df, "p": float(chi2.sf(statistic, df)) if df else np.nan})
    if strata is not None:
        notes.append(f"compared within each value of {strata}")
    return GrayTest(pd.DataFrame(rows), tuple(notes), by)


def _score(people: People, k: int, rho: float) -> tuple[np.ndarray, np.ndarray]:
    """Observed less expected endings of every group but the last, and their covariance, summed over strata."""
    n = len(people.groups) - 1
    score, covariance = np.zeros(n), np.zeros((n, n))
    for stratum in np.unique(people.stratum):
        one, other = _score_of_stratum(people.of_stratum(stratum), k, rho)
        score += one
        covariance += other
    return score, covariance


def _score_of_stratum(people: People, k: int, rho: float) -> tuple[np.ndarray, np.ndarray]:
    """The same for one stratum.

    With Y at risk, S in care and F the incidence of the ending, the risk set of group r counts
    R_r = Y_r (1 - F_r(t-)) / S_r(t-): those who ended otherwise stay in it, as far as they would still be followed. The
    score is the sum of d_r - R_r d / R. For its variance the groups are taken to have one incidence F, with
    dF = d / sum(Y / S), and each group's increments act on what follows: an ending of either kind at t changes S, and with
    it the expected numbers of all later times.
    """
    time = np.unique(people.exit)
    at_risk, alive, alive_after, share, d, others = _by_group(people, k, time)
    with np.errstate(divide="ignore", invalid="ignore"):
        followed = np.where((at_risk > 0) & (alive > 0), at_risk / alive, 0.0)
        inverse = np.where(alive_after > 0, 1.0 / alive_after, 0.0)
    total, together = d.sum(axis=1), followed.sum(axis=1)
    counted = followed * (1.0 - share)
    with np.errstate(divide="ignore", invalid="ignore"):
        step = np.where(together > 0, total / together, 0.0)
        part = np.where(counted.sum(axis=1)[:, None] > 0, counted / counted.sum(axis=1)[:, None], 0.0)
        pooled_part = np.where(together[:, None] > 0, followed / together[:, None], 0.0)
    pooled = np.cumsum(step)
    pooled_before = before(pooled, 0.0)
    weight = np.clip(1.0 - pooled_before, 0.0, None) ** rho
    score = (weight[:, None] * (d - part * total[:, None])).sum(axis=0)[:-1]
    # Weight of group r's increments in the score of group i: times by i by r.
    groups = at_risk.shape[1]
    pull = weight[:, None, None] * followed[:, None, :] * (np.eye(groups)[None] - pooled_part[:, :, None])
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.where(pooled_before < 1, step / (1.0 - pooled_before), 0.0)
    reach = np.cumsum(pull * rate[:, None, None], axis=0)
    later = reach[-1] - reach
    lost = (1.0 - pooled[:, None]) * inverse
    own = np.where(alive_after > 0, 1.0 - lost, 1.0)
    expected = np.where(at_risk > 0, alive * step[:, None] / np.maximum(at_risk, 1.0), 0.0)
    expected *= _without_replacement(total[:, None], together[:, None] * alive)
    other = np.where(at_risk > 0, alive ** 2 * others / np.maximum(at_risk, 1.0) ** 2, 0.0)
    other *= _without_replacement(others, at_risk)
    first = pull + own[:, None, :] * later
    second = lost[:, None, :] * later
    covariance = np.einsum("tir,tjr,tr->ij", first, first, expected) + np.einsum("tir,tjr,tr->ij", second, second, other)
    return score, covariance[:-1, :-1]


def _by_group(people: People, k: int, time: np.ndarray) -> tuple[np.ndarray, ...]:
    """Per time and group: at risk, in care before and after, incidence before, endings k, other endings."""
    shape = (len(time), len(people.groups))
    at_risk, d, others, share = (np.zeros(shape) for _ in range(4))
    alive, alive_after = np.ones(shape), np.ones(shape)
    for group in range(len(people.groups)):
        mine = people.of_group(group)
        if not len(mine):
            continue
        steps = Steps.of(mine)
        place = np.searchsorted(time, steps.time)
        at_risk[:, group] = len(mine) - np.searchsorted(np.sort(mine.exit), time, side="left")
        d[place, group] = steps.ended[:, k]
        others[place, group] = steps.all_ended - steps.ended[:, k]
        held = np.searchsorted(steps.time, time, side="right")
        passed = np.searchsorted(steps.time, time, side="left")
        alive_after[:, group] = np.concatenate([[1.0], steps.in_care])[held]
        alive[:, group] = np.concatenate([[1.0], steps.in_care])[passed]
        share[:, group] = np.concatenate([[0.0], incidence(steps)[:, k]])[passed]
    return at_risk, alive, alive_after, share, d, others


def _without_replacement(drawn: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Factor by which ties lessen a variance: (n - d) / (n - 1)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = 1.0 - (drawn - 1.0) / (among - 1.0)
    return np.where((drawn > 1) & (among > 1), factor, 1.0)
