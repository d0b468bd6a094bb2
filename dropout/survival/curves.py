"""`Curves`: shares over time with intervals, read at chosen times, shown as a table or a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from numbers import Real

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.special import ndtri
from statsmodels.stats.proportion import proportion_confint

from dropout.errors import CallError
from dropout.survival.bounds import bounds
from dropout.survival.people import People
from dropout.survival.showing import as_html, with_interval
from dropout.survival.steps import Steps

TITLES = {"kaplan_meier": "Share still in care", "aalen_johansen": "Cumulative incidence of endings"}

SMALL = 20
"""With fewer people at risk than this a curve rests on few, and tables for reading stop."""


def curve(
    steps: Steps, group: int, ending: int, ended: np.ndarray, estimate: np.ndarray, error: np.ndarray, scale: str, level: float
) -> dict[str, np.ndarray]:
    """The columns of one curve, with the positions of its group and ending in place of their names."""
    low, high = bounds(estimate, error, scale, level)
    n = len(steps.time)
    return {"group": np.full(n, group), "ending": np.full(n, ending), "time": steps.time,
            "at_risk": steps.at_risk.astype(np.int64), "ended": ended.astype(np.int64), "estimate": estimate, "std_err": error,
            "low": low, "high": high}


def curve_table(parts: Sequence[dict[str, np.ndarray]], groups: Sequence[str], endings: Sequence[str]) -> pd.DataFrame:
    """One table of several curves; groups and endings are categories in their order."""
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    named = {name: pd.Categorical.from_codes(columns[name].astype(np.int64), pd.Index(names))
             for name, names in (("group", groups), ("ending", endings))}
    return pd.DataFrame(columns | named)


@dataclass(frozen=True)
class Curves:
    """Step curves over time.

    Attributes
    ----------
    table : DataFrame
        In order of group, ending and time, at every time at which anybody left: group, ending, time, at_risk (just before
        it), ended (at it), estimate, std_err, low, high (NaN where nothing can be said).
    kind : {"kaplan_meier", "aalen_johansen"}
    by : str or None
        The column that the groups come from.
    notes : tuple of str
        Definition, numbers, method, what was left out and what cannot be told.
    unit : str
        What the clock counts.
    level : float
        Of the intervals.
    """

    table: pd.DataFrame = field(repr=False)
    kind: str
    by: str | None
    notes: tuple[str, ...] = field(repr=False)
    unit: str
    level: float
    people: People = field(repr=False)

    @property
    def endings(self) -> list[str]:
        """What the curves are of."""
        return list(self.table["ending"].cat.categories)

    @property
    def groups(self) -> list[str]:
        """Groups, in order."""
        return list(self.people.groups)

    def at(self, times: Sequence[float] | float) -> pd.DataFrame:
        """Values at chosen times: a row for each group, ending and time, NaN beyond the last time at which anybody was followed.

        Columns as in `table`, with `at_risk` at the time itself and `ended` up to it.
        """
        try:
            asked = np.sort(np.atleast_1d(np.asarray(times, dtype=float)))
        except (TypeError, ValueError):
            asked = np.full(1, np.nan)
        if not len(asked) or np.isnan(asked).any() or (asked < 0).any():
            raise CallError(f"times is {times!r}; expected times of 0 or more ({self.unit})")
        start = 1.0 if self.kind == "kaplan_meier" else 0.0
        found = [self._read(part, group, ending, asked, start) for group, ending, part in self.parts()]
        return pd.concat(found, ignore_index=True)

    def parts(self) -> Iterator[tuple[str, str, pd.DataFrame]]:
        """Group, ending and rows of each curve."""
        for group in self.groups:
            mine = self.table[self.table["group"] == group]
            for ending in self.endings:
                yield group, ending, mine[mine["ending"] == ending]

    def _read(self, part: pd.DataFrame, group: str, ending: str, asked: np.ndarray, start: float) -> pd.DataFrame:
        time = part["time"].to_numpy()
        place = np.searchsorted(time, asked, side="right")
        there = asked <= time[-1]
        values = {"group": group, "ending": ending, "time": asked, "at_risk": self.at_risk(group, asked),
                  "ended": np.concatenate([[0], np.cumsum(part["ended"].to_numpy())])[place]}
        for column, first in (("estimate", start), ("std_err", 0.0), ("low", np.nan), ("high", np.nan)):
            values[column] = np.where(there, np.concatenate([[first], part[column].to_numpy()])[place], np.nan)
        return pd.DataFrame(values)

    def at_risk(self, group: str, times: np.ndarray) -> np.ndarray:
        """How many of a group were at risk at each time: entered before it and not out before it (at 0: from the start)."""
        mine = self.people.of_group(self.groups.index(group))
        asked = np.asarray(times, dtype=float)
        entered = np.where(asked > 0, np.searchsorted(np.sort(mine.entry), asked, side="left"), (mine.entry == 0).sum())
        return entered - np.searchsorted(np.sort(mine.exit), asked, side="left")

    def hazard(self, until: float | None = None) -> pd.DataFrame:
        """Share of those at risk who ended at each time, with intervals by Wilson (1927): group, ending, time, at_risk, ended,
        hazard, low, high. On a clock of sessions: of those who came to a session, how many ended after it.
        """
        table = self.table if until is None else self.table[self.table["time"] <= until]
        found = table[["group", "ending", "time", "at_risk", "ended"]].reset_index(drop=True)
        share = found["ended"] / found["at_risk"]
        low, high = proportion_confint(found["ended"], found["at_risk"], alpha=1 - self.level, method="wilson")
        # Rounding may put an end of the interval a hair on the other side of a share of 0 or 1.
        return found.assign(hazard=share, low=np.minimum(low, share), high=np.maximum(high, share))

    def median(self) -> pd.DataFrame:
        """Time by which half have ended, for each group and ending, with its interval; NaN where a curve does not get there.

        The interval holds the times at which the interval of the curve holds one half (Brookmeyer and Crowley 1982).
        """
        rows = []
        for group, ending, part in self.parts():
            reached = (lambda values: values <= 0.5 + 1e-12) if self.kind == "kaplan_meier" else (
                lambda values: values >= 0.5 - 1e-12)
            near, far = ("low", "high") if self.kind == "kaplan_meier" else ("high", "low")
            rows.append({"group": group, "ending": ending, "median": _first(part, reached(part["estimate"])),
                         "low": _first(part, reached(part[near])), "high": _first(part, reached(part[far]))})
        return pd.DataFrame(rows)

    def mean(self, until: float) -> pd.DataFrame:
        """Mean time up to `until`, for each group: still in care, or (for incidences) lost to each ending.

        The area under a curve, or, of an incidence, the time by which that ending shortens care on average (Andersen 2013).
        Columns: group, ending, until, mean, std_err, low, high. Of an incidence the error is not worked out (NaN). NaN
        throughout where nobody was followed so long.
        """
        if not isinstance(until, Real) or not 0 < until < np.inf:
            raise CallError(f"until is {until!r}; expected a time above 0 ({self.unit})")
        start = 1.0 if self.kind == "kaplan_meier" else 0.0
        rows = []
        for group, ending, part in self.parts():
            area, error = _area(part[part["time"] <= until], start, until)
            if self.kind != "kaplan_meier":
                error = np.nan
            if part["time"].max() < until:
                area = error = np.nan
            wide = ndtri(0.5 + self.level / 2) * error
            rows.append({"group": group, "ending": ending, "until": until, "mean": area, "std_err": error, "low": area - wide,
                         "high": area + wide})
        return pd.DataFrame(rows)

    def plot(self, *, endings: Sequence[str] | None = None, stacked: bool = False, until: float | None = None) -> Figure:
        """The curves with their intervals, and the numbers at risk under the axis.

        Parameters
        ----------
        endings : names, optional
            Which endings to draw; all by default.
        stacked : bool
            Endings on top of one another, so that what is left white is the share still in care. One panel a group.
        until : float, optional
            Where the axis ends.
        """
        from dropout.survival.figures import curves_figure, stacked_figure

        if until is not None and (not isinstance(until, Real) or not 0 < until < np.inf):
            raise CallError(f"until is {until!r}; expected a time above 0 ({self.unit})")
        if isinstance(endings, str):
            raise CallError(f"endings is the text {endings!r}; expected a list of endings, like [{endings!r}]")
        wrong = [name for name in endings or () if name not in self.endings]
        if wrong:
            raise CallError(f"there is no ending '{wrong[0]}'; expected one of: {', '.join(self.endings)}")
        if stacked and self.kind != "aalen_johansen":
            raise CallError("only the curves of aalen_johansen can be stacked: they add up to all who have ended")
        return stacked_figure(self, until) if stacked else curves_figure(self, list(endings or self.endings), until)

    def readable(self, times: Sequence[float] | None = None) -> pd.DataFrame:
        """A few times as a table for reading: one row a group and time, one column an ending, in percent with intervals."""
        shown = self.at(self.round_times() if times is None else times)
        shown["share"] = with_interval(*(100 * shown[name] for name in ("estimate", "low", "high")))
        shown["share"] = shown["share"].str.replace(r" \(∞ to ∞\)", "", regex=True)
        wide = shown.pivot_table(index=["group", "time", "at_risk"], columns="ending", values="share", aggfunc="first",
                                 sort=False, observed=True)
        wide = wide.reset_index().rename(columns={"time": self.unit, "at_risk": "at risk", **{
            name: f"{name}, %" for name in self.endings}})
        wide.columns.name = None
        wide[self.unit] = wide[self.unit].map("{:g}".format)
        return wide.rename(columns={"group": self.by}) if self.by else wide.drop(columns="group")

    def round_times(self) -> list[float]:
        """Four or five round times up to where few are at risk."""
        last = max(max((float(part.loc[part["at_risk"] >= SMALL, "time"].max()) for _, part in self.table.groupby("group")
                        if (part["at_risk"] >= SMALL).any()), default=0.0), 1.0) if len(self.table) else 1.0
        step = round_step(last)
        return [step * i for i in range(1, int(last / step + 1e-9) + 1)]

    def __repr__(self) -> str:
        groups = f" by {self.by} ({len(self.groups)} groups)" if self.by else ""
        return f"{TITLES[self.kind]}{groups}: {len(self.people):,} at risk; {self.notes[0]}"

    def _repr_html_(self) -> str:
        return as_html(f"{TITLES[self.kind]}, with {100 * self.level:g}% intervals", self.readable(), self.notes)


def round_step(last: float) -> float:
    """A round distance between times, so that there are three to six up to the last; whole where the last is 3 or more."""
    size = 1.0 if last >= 3 else 0.01
    while True:
        for one in (1, 2, 2.5, 5):
            if last / (one * size) <= 6 and (one * size) % min(size, 1.0) < 1e-9:
                return one * size
        size *= 10


def _area(part: pd.DataFrame, start: float, until: float) -> tuple[float, float]:
    """Area under a curve up to a time, and its error by Greenwood's terms, each weighted by the area that is left."""
    time = np.concatenate([[0.0], part["time"].to_numpy(), [until]])
    piece = np.concatenate([[start], part["estimate"].to_numpy()]) * np.diff(time)
    rest = piece[::-1].cumsum()[::-1][1:]
    at_risk, ended = part["at_risk"].to_numpy(float), part["ended"].to_numpy(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        term = np.where(at_risk > ended, ended / (at_risk * (at_risk - ended)), 0.0)
    return float(piece.sum()), float(np.sqrt((rest ** 2 * term).sum()))


def _first(part: pd.DataFrame, reached: pd.Series) -> float:
    return float(part["time"].to_numpy()[np.argmax(reached.to_numpy())]) if reached.any() else np.nan
