"""The hazard's course over sessions: a step for each session (neighbours joined where endings are few), or a curve."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real

import numpy as np

from dropout.errors import CallError
from dropout.survival.person_period import PersonPeriods

BASELINES = ("each", "spline", "log", "linear")
"""A step a session; a restricted cubic spline in the logarithm of the session number; straight in it; straight in the number."""

KNOTS = (0.05, 0.35, 0.65, 0.95)
"""Shares of the endings at which the knots lie (Harrell 2001)."""


@dataclass(frozen=True)
class SessionBaseline:
    """How the hazard runs where no covariate changes it.

    Attributes
    ----------
    kind : str
        One of `BASELINES`.
    edges : int array
        First session of each step, for "each"; otherwise every session at which anyone was at risk.
    last : int
        Last session at which anyone was at risk.
    """

    kind: str
    edges: np.ndarray
    last: int
    knots: np.ndarray | None = None

    @classmethod
    def of(cls, periods: PersonPeriods, kind: str, min_endings: int) -> SessionBaseline:
        """For these sessions at risk; steps are joined from the left until each holds `min_endings` endings."""
        if kind not in BASELINES:
            raise CallError(f"baseline is {kind!r}; expected one of: {', '.join(BASELINES)}")
        if not isinstance(min_endings, Real) or min_endings < 1:
            raise CallError(f"min_endings is {min_endings!r}; expected 1 or more: a step without an ending has no hazard")
        last = int(periods.period.max())
        if kind == "each":
            endings = np.bincount(periods.period[periods.event], minlength=last + 1)
            return cls(kind, _edges(endings, np.bincount(periods.period), min_endings, int(periods.period.min())), last)
        there = np.unique(periods.period)
        if len(there) < 2:
            raise CallError(f"everybody was at risk at session {last} alone, so there is no course over sessions; "
                            "use baseline=\"each\"")
        knots = np.unique(np.log(np.quantile(periods.period[periods.event], KNOTS)))
        if kind != "spline":
            return cls(kind, there, last)
        # Endings at one or two sessions alone bend nothing.
        return cls(kind, there, last, knots) if len(knots) > 2 else cls("log", there, last)

    def matrix(self, period: np.ndarray) -> np.ndarray:
        """Columns of the design at these sessions; they hold the intercept."""
        one = np.ones((len(period), 1))
        if self.kind == "each":
            return np.eye(len(self.edges))[self.step(period)]
        if self.knots is not None:
            return np.column_stack([one, _restricted_cubic(np.log(period), self.knots)])
        return np.column_stack([one, np.log(period) if self.kind == "log" else period / self.last])

    def step(self, period: np.ndarray) -> np.ndarray:
        """Position of the step (a row of the table) of each session."""
        return np.searchsorted(self.edges, period, side="right") - 1

    @property
    def ends(self) -> np.ndarray:
        """Last session of each step."""
        return np.append(self.edges[1:] - 1, self.last)

    def note(self) -> str:
        """What was supposed of the hazard's course."""
        if self.kind != "each":
            return {"spline": "hazard over sessions: a restricted cubic spline in the logarithm of the session number",
                    "log": "hazard over sessions: straight in the logarithm of the session number",
                    "linear": "hazard over sessions: straight in the session number"}[self.kind]
        joined = self.ends > self.edges
        if not joined.any():
            return "hazard over sessions: a step of its own for each"
        some = ", ".join(f"{a} to {b}" for a, b in zip(self.edges[joined], self.ends[joined], strict=True))
        return f"hazard over sessions: a step for each; joined for want of endings: {some}"


def _restricted_cubic(x: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Columns of a cubic spline that is straight beyond its outer knots (Durrleman and Simon 1989)."""
    last, before = knots[-1], knots[-2]

    def cube(knot: float) -> np.ndarray:
        return np.maximum(x - knot, 0) ** 3

    bent = [cube(knot) - cube(before) * (last - knot) / (last - before) + cube(last) * (before - knot) / (last - before)
            for knot in knots[:-2]]
    return np.column_stack([x, *bent]) / np.append(1.0, np.full(len(bent), (last - knots[0]) ** 2))


def _edges(endings: np.ndarray, at_risk: np.ndarray, least: int, first: int) -> np.ndarray:
    """First session of each step; what is left over at the end joins the last step.

    A step needs so many endings, and somebody who did not end: after both can a hazard be told.
    """
    edges, ended, there = [first], 0, 0
    for session in range(first, len(endings) - 1):
        ended, there = ended + int(endings[session]), there + int(at_risk[session])
        rest = slice(session + 1, None)
        if ended >= least and there > ended and endings[rest].sum() >= least and at_risk[rest].sum() > endings[rest].sum():
            edges.append(session + 1)
            ended, there = 0, 0
    return np.array(edges)
