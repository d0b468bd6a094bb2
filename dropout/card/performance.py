"""What an evaluation measured, as far as it may leave the clinic: counts below five are kept back, and what tells them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from dropout.card.document import Table
from dropout.disclosure import SMALLEST_SHOWN
from dropout.evaluation import Evaluation
from dropout.evaluation.cases import ALL_OPEN
from dropout.evaluation.comparison import BASE_RATE, FEWEST_EVENTS, LISTS, MODEL
from dropout.evaluation.result import SHOWN

LOSS = "log_loss"
TEN = 10


@dataclass(frozen=True)
class Measured:
    """How a model did at one question in one group.

    Attributes
    ----------
    where : str
        Question and group.
    n, clients, events : int
        Cases (an episode on a date), clients, and cases to whom it happened; each of them five or more.
    ours : dict
        The model's row of the metrics.
    base_rate_loss : float
        Log loss of the same probability for everybody.
    rule, rule_loss : str, float
        The simple rule with the lowest log loss.
    headline : bool
        One of the two questions for which lists of calls are drawn up.
    """

    where: str
    n: int
    clients: int
    events: int
    ours: dict[str, Any]
    base_rate_loss: float
    rule: str
    rule_loss: float
    headline: bool

    @property
    def title(self) -> str:
        """Question and group, to begin a sentence with."""
        return self.where[0].upper() + self.where[1:]

    @property
    def rough(self) -> bool:
        """Too few cases with, or without, the event to judge by (Collins et al. 2016)."""
        return min(self.events, self.n - self.events) < FEWEST_EVENTS

    @property
    def verdict(self) -> str:
        """Whether the model does better than the best simple rule."""
        if not self.ours[LOSS] < self.rule_loss:
            return f"no better than the rule \u201c{self.rule}\u201d"
        sure = self.ours["gain_low"] > self.base_rate_loss - self.rule_loss
        return f"better than the best rule, \u201c{self.rule}\u201d" + ("" if sure else ", but that may be chance")


def measured(evaluation: Evaluation) -> tuple[tuple[Measured, ...], tuple[str, ...]]:
    """What was measured for each question and group, and the names of those that are kept back."""
    table = evaluation.tables["metrics"]
    shown: list[Measured] = []
    hidden: list[str] = []
    if not len(table):
        return (), ()
    for (question, group), rows in table.groupby(["question", "group"], sort=False):
        ours = rows[rows["predictor"] == MODEL]
        if not len(ours):
            continue
        whole = table[(table["question"] == question) & (table["group"] == ALL_OPEN) & (table["predictor"] == MODEL)]
        row: dict[str, Any] = ours.to_dict("records")[0]  # type: ignore[assignment]
        where = f"{question}, {group}"
        if not _may_be_shown(row, None if group == ALL_OPEN or not len(whole) else whole.to_dict("records")[0]):
            hidden.append(where)
            continue
        others = rows[rows["predictor"] != MODEL].sort_values(LOSS, kind="stable")
        best = others.iloc[0]
        base = others.loc[others["predictor"] == BASE_RATE, LOSS]
        shown.append(Measured(where, int(row["n"]), int(row["clients"]), int(row["events"]), row, float(base.iloc[0]),
                              str(best["predictor"]), float(best[LOSS]), (question, group) in LISTS))
    return tuple(shown), tuple(hidden)


def _may_be_shown(row: dict[str, Any], whole: dict[Any, Any] | None) -> bool:
    """Whether no count of this group, nor of those outside it, is of one to four."""
    counts = [row["n"], row["clients"], row["events"], row["n"] - row["events"]]
    if min(counts) < SMALLEST_SHOWN:
        return False
    if whole is None:
        return True
    outside = [whole["events"] - row["events"], (whole["n"] - whole["events"]) - (row["n"] - row["events"])]
    return not any(0 < count < SMALLEST_SHOWN for count in outside)


def against_rules(found: tuple[Measured, ...]) -> Table:
    """The model's log loss beside those of simple rules."""
    rows = tuple((one.where, f"{one.n:,}", f"{one.clients:,}", f"{one.events:,}", _with_interval(one.ours, LOSS),
                  f"{one.base_rate_loss:.3f}", f"{one.rule_loss:.3f} ({one.rule})",
                  one.verdict + ("; rough" if one.rough else "")) for one in found)
    return Table("Log loss (lower is better), with 95% intervals, beside simple rules",
                 ("question and group", "cases", "clients", "events", "model", "base rate", "best rule", "the model is"), rows)


def other_measures(found: tuple[Measured, ...]) -> Table:
    """Every other measure of the model."""
    names = [name for name in SHOWN if name != LOSS and any(name in one.ours for one in found)]
    rows = tuple((one.where, *(_with_interval(one.ours, name) for name in names)) for one in found)
    return Table("Other measures of the model, with 95% intervals", ("question and group", *map(SHOWN.__getitem__, names)), rows)


def headline(one: Measured) -> str:
    """The figures of one question in a sentence."""
    return (f"{one.title}: log loss {_with_interval(one.ours, LOSS)}, base rate {one.base_rate_loss:.3f}; AUC "
            f"{_with_interval(one.ours, 'auc')}; calibration slope {_with_interval(one.ours, 'slope')} "
            f"({one.n:,} cases, {one.clients:,} clients, {one.events:,} events). The model is {one.verdict}.")


def ten_calls(evaluation: Evaluation) -> tuple[str, ...]:
    """What ten calls find, where the numbers are not too small to be shown."""
    table = evaluation.tables["capacity"]
    if not len(table):
        return ()
    ten = table[(table["predictor"] == MODEL) & (table["calls"] == TEN)]
    return tuple(
        f"{str(row['question']).capitalize()}, {row['group']}: of {row['n_per_list']:.0f} clients on an average date, calling "
        f"the {TEN} with the highest probability finds {interval(row['found'], row['found_low'], row['found_high'], 1)} of "
        f"those to whom it happens, calling {TEN} at random {row['random']:.1f}."
        for row in ten.to_dict("records")
        if row["n_per_list"] > TEN and min(row["found"], row["events_per_list"]) >= SMALLEST_SHOWN
        and row["n_per_list"] - row["events_per_list"] >= SMALLEST_SHOWN)


def further_tables(evaluation: Evaluation) -> tuple[str, ...]:
    """Names of tables in the evaluation that are not told here."""
    return tuple(name for name, table in evaluation.tables.items()
                 if name not in ("metrics", "capacity") and isinstance(table, pd.DataFrame) and len(table))


def _with_interval(row: dict[str, Any], name: str) -> str:
    return interval(*(row.get(one, float("nan")) for one in (name, f"{name}_low", f"{name}_high")))


def interval(value: float, low: float, high: float, digits: int = 3) -> str:
    """A figure with its interval in brackets; a dash where it is not known."""
    if pd.isna(value):
        return "\u2013"
    # Spaces that don't break keep the interval in one piece.
    return f"{value:.{digits}f}" + ("" if pd.isna(low) else f" ({low:.{digits}f}\u00a0to\u00a0{high:.{digits}f})")
