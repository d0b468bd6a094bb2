"""How a model did on dates whose outcome is known, in the few figures that people in a clinic can use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dropout.clinic.phrases import counted, day_in_words, percent
from dropout.disclosure import SMALLEST_SHOWN
from dropout.evaluation.comparison import BASE_RATE, FEWEST_EVENTS, LISTS, MODEL
from dropout.evaluation.metrics import wilson
from dropout.evaluation.trial import AS_IT_IS, NEW_CLIENTS

WORDS = (("Tried out: leaving within 60 days", "left within 60 days"),
         ("Tried out: never coming again after cancelling", "never came again"))
"""Title, and what happened, for each of the questions for which lists of calls are drawn up."""

RULE_WORDS = {
    MODEL: "the model",
    BASE_RATE: "the same chance for everyone",
    "last session missed": "missed the last session",
    "days since seen": "longest not seen",
    "days silent": "longest silent",
    "own return rate": "came back least often before",
}
"""Ways of predicting in words."""

NOT_KNOWN_YET = ("What became of these clients is not yet known for certain, so nothing can be said. A model that learnt "
                 "until an earlier date leaves more time to try it.")

AT_RANDOM = "at random"
TEN = 10


@dataclass(frozen=True)
class Group:
    """Predictions of about the same size, and what became of them.

    Attributes
    ----------
    predicted, observed : float
        Mean chance given, and share to whom it happened.
    low, high : float
        95% interval of that share (Wilson 1927).
    n : int
    """

    predicted: float
    observed: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Line:
    """Clients found with so many calls by one way of choosing whom to call."""

    name: str
    calls: tuple[float, ...]
    found: tuple[float, ...]
    is_model: bool


@dataclass(frozen=True)
class Measured:
    """One way of predicting: its log loss with interval (lower is better), and how often it has the right order."""

    name: str
    log_loss: float
    low: float
    high: float
    right_order: float
    is_model: bool


@dataclass(frozen=True)
class Trial:
    """How the chances for one question did on dates whose outcome was known.

    Attributes
    ----------
    title : str
    about : tuple of str
        Sentences: which dates, how many predictions, what ten calls found.
    groups : tuple of Group
        For the calibration figure.
    lines : tuple of Line
        For the figure of calls.
    measured : tuple of Measured
        The model and the trivial ways of predicting beside it.
    """

    title: str
    about: tuple[str, ...]
    groups: tuple[Group, ...]
    lines: tuple[Line, ...]
    measured: tuple[Measured, ...]


def trials_of(evaluation: Any) -> tuple[Trial, ...]:
    """One trial for each question that lists of calls are drawn up for; none without an evaluation.

    Parameters
    ----------
    evaluation : dropout.evaluation.Evaluation or None
    """
    if evaluation is None:
        return ()
    return tuple(_trial(evaluation, question, group, title, happened)
                 for (question, group), (title, happened) in zip(LISTS, WORDS, strict=True))


def how_it_was_tried(settings: dict[str, Any], basis: str) -> str:
    """How the trial was made, in a sentence or two."""
    dates = [np.datetime64(date, "s") for date in settings["dates"]]
    when = (f"on {len(dates)} dates from {day_in_words(dates[0])} to {day_in_words(dates[-1])}" if len(dates) > 1
            else f"on {day_in_words(dates[0])}")
    if basis == AS_IT_IS:
        return f"The model was tried as it is {when}, later than anything it had learnt from."
    if basis == NEW_CLIENTS:
        return f"The model was tried as it is {when}, on clients that it is said not to have learnt from."
    if settings.get("left_out"):
        return (f"The same recipe was fitted again, without the clients of some {settings['left_out']}s, on what was known by "
                f"{day_in_words(np.datetime64(settings['cut'], 's'))}, and tried on those clients {when}.")
    others = (", on two thirds of the clients, and tried on the others" if settings["groups_of_clients"] > 1
              else ", and tried")
    cut = day_in_words(np.datetime64(settings["cut"], "s"))
    return ("The model has learnt from everything that is known, which leaves nothing to try it on. So the same "
            f"recipe was fitted again on what was known by {cut}{others} {when}.")


def joined(curve: pd.DataFrame) -> tuple[Group, ...]:
    """Bins of a calibration curve, small ones joined with the next, so that each has enough of both kinds.

    Parameters
    ----------
    curve : DataFrame
        `predicted`, `n` and `events`, in order of the prediction.

    Returns
    -------
    tuple of Group
        Each of at least five to whom it happened and five to whom it did not; empty where there are not so many.
    """
    bins: list[list[float]] = []
    for row in curve.sort_values("predicted", kind="stable").to_dict("records"):
        new = [row["predicted"] * row["n"], row["n"], row["events"]]
        if bins and not _enough(bins[-1]):
            bins[-1] = [old + more for old, more in zip(bins[-1], new, strict=True)]
        else:
            bins.append(new)
    if len(bins) > 1 and not _enough(bins[-1]):
        last = bins.pop()
        bins[-1] = [old + more for old, more in zip(bins[-1], last, strict=True)]
    groups = []
    for total, n, events in (one for one in bins if _enough(one)):
        low, high = wilson(np.array(events), np.array(n))
        groups.append(Group(total / n, events / n, float(low), float(high), int(n)))
    return tuple(groups)


def _enough(one: list[float]) -> bool:
    _, n, events = one
    return min(events, n - events) >= SMALLEST_SHOWN


def _trial(evaluation: Any, question: str, group: str, title: str, happened: str) -> Trial:
    metrics, calibration, capacity = (
        _of(evaluation.tables[name], question, group) for name in ("metrics", "calibration", "capacity"))
    if len(capacity):
        # A list longer than there are clients tells nothing.
        capacity = capacity[capacity["calls"] < capacity["n_per_list"]]
    ours = metrics[metrics["predictor"] == MODEL] if len(metrics) else metrics
    if not len(ours):
        return Trial(title, (how_it_was_tried(evaluation.settings, evaluation.basis), NOT_KNOWN_YET), (), (), ())
    about = ours.iloc[0]
    events, n = int(about["events"]), int(about["n"])
    if min(events, n - events) < SMALLEST_SHOWN:
        return Trial(title, ("There were too few on the dates tried to say anything.",), (), (), ())
    said = [how_it_was_tried(evaluation.settings, evaluation.basis),
            f"{counted(n, 'chance was', 'chances were')} given to {counted(int(about['clients']), 'client')}; "
            f"{events:,} ({percent(events / n)}) {happened}.",
            *_ten_calls(capacity, happened), _beside_rules(metrics)]
    if min(events, n - events) < FEWEST_EVENTS:
        said.append("That is little to judge by: take these figures as rough.")
    return Trial(title, tuple(said), joined(calibration), _lines(capacity), _measured(metrics))


def _of(table: pd.DataFrame, question: str, group: str) -> pd.DataFrame:
    return table[(table["question"] == question) & (table["group"] == group)] if len(table) else table


def _ten_calls(capacity: pd.DataFrame, happened: str) -> list[str]:
    ten = capacity[(capacity["predictor"] == MODEL) & (capacity["calls"] == TEN)] if len(capacity) else capacity
    return [f"On an average date there were {row['n_per_list']:.0f} clients, of whom {row['events_per_list']:.1f} "
            f"{happened}. The {TEN} with the highest chance held {row['found']:.1f}{_interval(row)} of those; "
            f"{TEN} at random would hold {row['random']:.1f}." for row in ten.to_dict("records")]


def _interval(row: Mapping[Any, Any]) -> str:
    return "" if np.isnan(row["found_low"]) else f" ({row['found_low']:.1f} to {row['found_high']:.1f})"


def _beside_rules(metrics: pd.DataFrame) -> str:
    """Whether the model does better than the best simple rule, as far as that can be told."""
    ours = metrics[metrics["predictor"] == MODEL].iloc[0]
    rules = metrics[metrics["predictor"] != MODEL]
    best = rules.sort_values("log_loss", kind="stable").iloc[0]
    name = RULE_WORDS.get(best["predictor"], best["predictor"])
    if ours["log_loss"] >= best["log_loss"]:
        return f'Here the model does no better than the simple rule "{name}".'
    if ours["gain_low"] > best["gain"]:
        return f'The model does better than the best simple rule, "{name}".'
    return f'The model does better than the best simple rule, "{name}", but that may be chance.'


def _lines(capacity: pd.DataFrame) -> tuple[Line, ...]:
    """Calls against clients found: the model, the rules that order clients at all, and calling at random."""
    lines = []
    names = capacity["predictor"].drop_duplicates() if len(capacity) else ()
    for name in names:
        rows = capacity[capacity["predictor"] == name].sort_values("calls")
        if name != BASE_RATE:
            lines.append(_line(RULE_WORDS.get(name, name), rows, "found", name == MODEL))
        if name == MODEL:
            random = _line(AT_RANDOM, rows, "random", False)
    return (*lines, random) if lines and len(random.calls) > 2 else ()


def _line(name: str, rows: pd.DataFrame, column: str, is_model: bool) -> Line:
    return Line(name, (0.0, *map(float, rows["calls"])), (0.0, *map(float, rows[column])), is_model)


def _measured(metrics: pd.DataFrame) -> tuple[Measured, ...]:
    return tuple(
        Measured(RULE_WORDS.get(row["predictor"], row["predictor"]), float(row["log_loss"]), float(row["log_loss_low"]),
                 float(row["log_loss_high"]), 0.5 if row["predictor"] == BASE_RATE else float(row["auc"]),
                 row["predictor"] == MODEL)
        for row in metrics.to_dict("records"))
