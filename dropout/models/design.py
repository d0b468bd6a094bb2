"""The design matrix of additive models: restricted cubic splines of every feature, with a flag where it is unknown.

Splines with linear tails as in Harrell (2015), Regression Modeling Strategies, section 2.4.5, five knots at his
quantiles; counts and days enter by their logarithm. Everything is standardised, so that one ridge penalty suits all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dropout.features.feature import Feature

KNOT_QUANTILES = (0.05, 0.275, 0.5, 0.725, 0.95)

FEWEST_KNOWN = 50
"""A feature known at fewer moments than this is left out."""


@dataclass(frozen=True)
class Term:
    """How one feature enters the matrix.

    Attributes
    ----------
    name : feature, or "a:b" for the spline of feature a where flag b is 1
    log : whether its logarithm (of 1 + value) is taken
    fill : value used where it is unknown
    knots : knots of the spline on the transformed scale; fewer than three mean a straight line
    flagged : whether a column says that it is unknown
    mean, scale : of each column of the term
    """

    name: str
    log: bool
    fill: float
    knots: tuple[float, ...]
    flagged: bool
    mean: tuple[float, ...]
    scale: tuple[float, ...]

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.mean)


@dataclass(frozen=True)
class Design:
    """Terms learnt from training moments, in order."""

    terms: tuple[Term, ...]

    @classmethod
    def fit(
        cls, values: pd.DataFrame, features: Mapping[str, Feature], interactions: Sequence[tuple[str, str]] = ()
    ) -> Design:
        """Terms for these features, as they are distributed in these rows.

        Parameters
        ----------
        values : DataFrame, moments by features
        features : what each column is
        interactions : pairs (feature, flag): the feature's spline is entered again, times the flag
        """
        terms = [_learn(name, features[name].scale, values[name].to_numpy(float), None) for name in values.columns]
        for name, flag in interactions:
            if name in values and flag in values:
                terms.append(_learn(f"{name}:{flag}", features[name].scale, values[name].to_numpy(float),
                                    values[flag].to_numpy(float)))
        return cls(tuple(term for term in terms if term is not None))

    def matrix(self, values: pd.DataFrame) -> np.ndarray:
        """The design matrix of these rows (moments by columns), float64. Columns not in `values` count as unknown."""
        nothing = np.full(len(values), np.nan)
        result = np.empty((len(values), self.width))
        at = 0
        for term in self.terms:
            name, _, flag = term.name.partition(":")
            value = values[name].to_numpy(float) if name in values else nothing
            gate = (values[flag].to_numpy(float) if flag in values else np.zeros(len(values))) if flag else None
            columns = _columns(value, term, gate)
            result[:, at : at + term.width] = (columns - np.array(term.mean)) / np.array(term.scale)
            at += term.width
        return result

    @property
    def width(self) -> int:
        """Number of columns of the matrix."""
        return sum(term.width for term in self.terms)

    @property
    def parts(self) -> list[tuple[int, int, bool]]:
        """Columns of the matrix that belong together, as (first, end, curve).

        The straight line of a feature is a part, the curve that follows it another, and so is each flag.
        """
        found, at = [], 0
        for term in self.terms:
            flags = int(term.flagged) + int(":" in term.name)
            end = at + term.width - flags
            found.append((at, at + 1, False))
            if end > at + 1:
                found.append((at + 1, end, True))
            found += [(column, column + 1, False) for column in range(end, end + flags)]
            at += term.width
        return found

    @property
    def owner(self) -> list[str]:
        """Feature to which each column of the matrix belongs (interactions belong to the feature, not the flag)."""
        return [term.name.partition(":")[0] for term in self.terms for _ in range(term.width)]

    def to_json(self) -> list[dict[str, Any]]:
        """The terms as plain values."""
        return [term.__dict__ | {} for term in self.terms]

    @classmethod
    def from_json(cls, stored: list[dict[str, Any]]) -> Design:
        """The design that `to_json` gave."""
        plain: list[dict[str, Any]] = [
            {key: tuple(value) if isinstance(value, list) else value for key, value in term.items()} for term in stored]
        return cls(tuple(Term(**term) for term in plain))


def restricted_cubic(x: np.ndarray, knots: Sequence[float]) -> np.ndarray:
    """Columns of the restricted cubic spline of x: x itself and, with k knots, k - 2 cubic terms."""
    k = np.asarray(knots)
    columns = [x]
    if len(k) >= 3:
        last, before = k[-1], k[-2]
        for knot in k[:-2]:
            cubic = (np.maximum(x - knot, 0) ** 3
                     - np.maximum(x - before, 0) ** 3 * (last - knot) / (last - before)
                     + np.maximum(x - last, 0) ** 3 * (before - knot) / (last - before))
            columns.append(cubic / (last - k[0]) ** 2)
    return np.stack(columns, axis=1)


def _transformed(value: np.ndarray, log: bool) -> np.ndarray:
    return np.sign(value) * np.log1p(np.abs(value)) if log else value


def _learn(name: str, scale: str, value: np.ndarray, gate: np.ndarray | None) -> Term | None:
    known = ~np.isnan(value)
    if gate is not None:
        known &= gate > 0
    if known.sum() < FEWEST_KNOWN:
        return None
    x = _transformed(value[known], scale == "log")
    if x.max() - x.min() < 1e-12 and gate is None and known.all():
        return None
    knots: tuple[float, ...] = ()
    if scale != "flag" and len(np.unique(x[:10_000])) > 4:
        at = np.unique(np.round(np.quantile(x, KNOT_QUANTILES), 6))
        knots = tuple(float(q) for q in at) if len(at) >= 3 else ()
    flagged = gate is None and bool(np.isnan(value).sum() >= FEWEST_KNOWN)
    term = Term(name, scale == "log", float(np.median(x)), knots, flagged, (), ())
    columns = _columns(value, term, gate)
    mean, spread = columns.mean(axis=0), columns.std(axis=0)
    return Term(name, term.log, term.fill, knots, flagged, tuple(map(float, mean)),
                tuple(float(s) if s > 1e-9 else 1.0 for s in spread))


def _columns(value: np.ndarray, term: Term, gate: np.ndarray | None) -> np.ndarray:
    unknown = np.isnan(value)
    x = np.where(unknown, term.fill, _transformed(value, term.log))
    columns = restricted_cubic(x, term.knots)
    if gate is not None:
        open_ = np.nan_to_num(gate)[:, None]
        return np.concatenate([columns * open_, open_], axis=1)
    if term.flagged:
        return np.concatenate([columns, unknown[:, None].astype(float)], axis=1)
    return columns
