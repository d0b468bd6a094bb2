"""What is said beside the tables: how it was measured, what the figures come to, and how little they may mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from dropout.disclosure import SMALLEST_SHOWN
from dropout.errors import CallError
from dropout.evaluation.capacity import sentence
from dropout.evaluation.cases import KEY, QUESTIONS
from dropout.evaluation.comparison import BASE_RATE, FEWEST_EVENTS, LISTS, MODEL, Part
from dropout.evaluation.leave_out import COLUMN
from dropout.evaluation.trial import AS_IT_IS, NEW_CLIENTS, Trial, trained_until
from dropout.history import History

FEWEST_CLIENTS = 750
"""Clients below which a model's figures tend to flatter it (Zantvoort et al. 2024)."""

TEN = 10


def how(history: History, model: Any, trial: Trial, new_clients: bool) -> list[str]:
    """How it was measured."""
    split = trial.split
    dates = (f"on {len(split.dates)} dates from {day(split.dates[0])} to {day(split.dates[-1])}" if len(split.dates) > 1
             else f"on {day(split.dates[0])}")
    known = f"whose outcomes were known by {day(history.known_until)}"
    definition = f"What counts as a dropout: {model.definition.name}."
    if trial.basis == AS_IT_IS:
        return [f"Scored as it is: the model learnt until {day(split.cut)} and was tested {dates}, at least "
                f"{model.definition.maturity_days} days later, {known}.", definition]
    if trial.basis == NEW_CLIENTS:
        return [f"Scored as it is {dates}, {known}, on clients that it is said not to have learnt from. That cannot "
                "be checked here: if it did learn from some of them, these figures flatter it.", definition]
    if trial.left_out is not None:
        return [f"{trial.basis.capitalize()}: the recipe was fitted again on what was known by {day(split.cut)} of the clients "
                f"of other {trial.left_out}s, and tested {dates}, at least {model.definition.maturity_days} days later, {known}. "
                "The figures are those of the recipe with less to learn from, not of the model itself.", *trial.notes, definition]
    parted = ("on two thirds of the clients, and tested on the other third" if split.folds > 1 else "and tested")
    said = [f"{trial.basis.capitalize()}: the model has learnt until {day(trained_until(model))}, which leaves no "
            "later outcomes to test it on. So the same recipe was fitted again on what was known by "
            f"{day(split.cut)} {parted} {dates}, at least {model.definition.maturity_days} days later, {known}. "
            "The figures are those of the recipe with less to learn from, not of the model itself.",
            *trial.notes, definition]
    if not new_clients:
        said.insert(1, "If the model learnt from none of these clients, say so (new_clients=True, or --new-clients) "
                       "and it is tested as it is.")
    return said


def left_out(asked: pd.DataFrame, trial: Trial) -> list[str]:
    """Which open episodes were not asked about, and how many."""
    counts = [f"{n:,} {why}" for why, n in asked.attrs.get("left_out", {}).items() if n]
    said = [f"Open episodes not asked about, over all dates: {'; '.join(counts)}."] if counts else []
    nobody = 0 if trial.left_out is None else int((asked[COLUMN[trial.left_out]] == "").sum())
    if nobody:
        said.append(f"{nobody:,} of {len(asked):,} cases name no {trial.left_out} and are in none of the figures.")
    undecided = asked.attrs.get("undecided", 0)
    if undecided:
        said.append(f"{undecided:,} of {len(asked):,} cases have no answer for 60 days and are in none of those "
                    "figures: the client had not been seen again, and a session stood booked ahead when the history "
                    "ended.")
    return said


def headlines(tables: dict[str, pd.DataFrame]) -> list[str]:
    """The figures that matter most, in sentences."""
    said = []
    table = tables["metrics"]
    for name, group in LISTS if len(table) else ():
        rows = table[(table["question"] == name) & (table["group"] == group)].set_index("predictor")
        if MODEL in rows.index:
            said.append(_against_baselines(name, group, rows))
    capacity = tables["capacity"]
    sentences = {question.name: question.sentence for question in QUESTIONS}
    if len(capacity):
        ten = capacity[(capacity["predictor"] == MODEL) & (capacity["calls"] == TEN)]
        said += [f"{row['group'].capitalize()}: {sentence(row, sentences[row['question']])}"
                 for _, row in ten.iterrows() if row["events"] and row["n_per_list"] > TEN]
    truth = tables.get("truth")
    if truth is not None and len(truth):
        ours = truth[(truth["predictor"] == MODEL) & truth["question"].isin([name for name, _ in LISTS])]
        for _, row in ours.iterrows():
            share = ("next to nothing could be known beyond the base rate" if np.isnan(row["share"])
                     else f"{row['share']:.2f} of the attainable log-loss gain"
                          + interval(row["share_low"], row["share_high"]))
            said.append(f"Against the truth ({row['basis']}), {row['question']}, {row['group']}: {share}; mean "
                        f"distance to the true probability {row['distance']:.3f}, calibration error "
                        f"{row['calibration_error']:.3f} (n {row['n']:,}).")
    return said


def layer(trial: Trial, model: Any) -> list[str]:
    """Whether what was tested has a recalibration, where the model does."""
    if getattr(model, "recalibration", None) is None:
        return []
    if trial.basis in (AS_IT_IS, NEW_CLIENTS):
        return ["The model is recalibrated, and was tested with its recalibration."]
    return ["The model is recalibrated; the recipe fitted again is not. How the recalibration did on clients left out stands in "
            "the model (model.recalibration)."]


def _against_baselines(name: str, group: str, rows: pd.DataFrame) -> str:
    ours = rows.loc[[MODEL]].to_dict("records")[0]
    others = rows.drop(MODEL)
    best = str(others["log_loss"].idxmin())
    text = (f"{name.capitalize()}, {group}: log loss {ours['log_loss']:.3f}"
            + interval(ours["log_loss_low"], ours["log_loss_high"])
            + f"; base rate {rows['log_loss'][BASE_RATE]:.3f}")
    if best != BASE_RATE:
        text += f", best baseline ({best}) {others['log_loss'][best]:.3f}"
    text += f". n {ours['n']:,}, events {ours['events']:,}."
    if ours["log_loss"] >= others["log_loss"].min():
        text += " The model is no better than that baseline here."
    elif not ours["gain_low"] > others["gain"].max():
        text += " The difference to that baseline may be chance."
    return text


def cautions(history: History, trial: Trial, tables: dict[str, pd.DataFrame], synthetic: bool) -> list[str]:
    """How little the figures may mean."""
    said = ["Intervals (95%) come from drawing clients again, not rows: a client is asked about on several dates. "
            f"Rows with fewer than {FEWEST_EVENTS} events are marked rough (Collins et al. 2016)."]
    n = min(_n_clients(candidate.model) or _known_clients(history, trial) for candidate in trial.candidates)
    if n < FEWEST_CLIENTS:
        said.append(f"Learnt from {n:,} clients. Below {FEWEST_CLIENTS} figures like these tend to be over-optimistic "
                    "(Zantvoort et al. 2024: they settle between 750 and 1,500).")
    said.append("None of this says what a call does: it says who leaves, not who would stay if called.")
    if any((table["events"] < SMALLEST_SHOWN).any() for table in tables.values() if len(table)):
        said.append(f"Some counts are below {SMALLEST_SHOWN}: keep the tables within the clinic.")
    if synthetic:
        said.append("These clients are simulated: the figures show that the code works and say nothing about people.")
    return said


def truth_dates(used: np.ndarray, given: np.ndarray, trial: Trial) -> list[str]:
    """Which dates of the truth were used, and why not the others."""
    if not len(used):
        return [f"None of the dates of the truth ({', '.join(map(day, given))}) can be used: each lies before the "
                "model (or its refitted recipe) had done learning, or after the history ends."]
    said = [f"Truth: dates used {', '.join(map(day, used))} ({trial.basis})."]
    if len(used) < len(given):
        said.append(f"Left out of the dates of the truth: {len(given) - len(used)}, before the end of training, when the model "
                    "already knew what happened, or after the history ends.")
    return said


def truth_missing(parts: Sequence[Part], known: dict[str, pd.DataFrame], used: np.ndarray) -> list[str]:
    """How many rows of the truth and of the cases have no partner."""
    said = []
    tested = pd.concat([part.test for part in parts])
    for name, question in (("risk", QUESTIONS[0]), ("reschedule", QUESTIONS[-1])):
        there = tested if name == "risk" else tested[tested["days_silent"].notna()]
        alone = int(there[f"true_{question.p}"].isna().sum())
        if alone:
            said.append(f"Truth, {name}: {alone:,} of {len(there):,} cases are not in the truth and are left out.")
        if name in known:
            rows = known[name][known[name]["as_of"].isin(used)]
            unmatched = len(rows) - len(rows[KEY].merge(there[KEY], on=KEY))
            if unmatched:
                said.append(f"Truth, {name}: {unmatched:,} of its {len(rows):,} rows are of episodes not asked about "
                            "(nothing attended yet, silent beyond the gap, or not open in the tables).")
    return said


def interval(low: float, high: float, digits: int = 3) -> str:
    """An interval in brackets, or nothing where there is none."""
    return "" if np.isnan(low) else f" ({low:.{digits}f} to {high:.{digits}f})"


def day(date: np.datetime64) -> str:
    """The date without its time, if that is midnight."""
    return str(date).removesuffix("T00:00:00")


def _n_clients(model: Any) -> int | None:
    return (getattr(model, "training", None) or {}).get("n_clients")


def _known_clients(history: History, trial: Trial) -> int:
    try:
        return int(history.as_of(trial.split.cut).timeline.episodes["client_id"].nunique())
    except CallError:
        return int(history.timeline.episodes["client_id"].nunique())
