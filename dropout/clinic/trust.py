"""How far to trust the page: what the model learnt from, how it did where the answer was known, what was left out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pandas as pd

from dropout.clinic.phrases import counted, day_in_words, listed, sentence
from dropout.clinic.track_record import Trial
from dropout.clinic.words_here import few_wrote
from dropout.evaluation.saying import FEWEST_CLIENTS
from dropout.history import History

KIND_WORDS = {
    "additive": "a weighted sum of what is known about the client",
    "boosting": "boosted decision trees",
    "average": "the average of a weighted sum and boosted decision trees",
}

CLOCK_WORDS = {"cure": "mixture cure model", "boosting": "boosted trees", "stack": "mean of both"}
"""Ways of predicting cancellations, in plain words."""

PREDICTION_WORDS = {
    "dropout risk": "the chance of leaving",
    "reschedule": "whether a client who cancelled comes back",
}


@dataclass(frozen=True)
class Trust:
    """What speaks for the chances on the page, and against.

    Attributes
    ----------
    facts : tuple of str
        Sentences about the model; empty without one.
    left_out : tuple of str
        Sentences about what was left out, or could not be used.
    trials : tuple of Trial
        How the model did on dates whose outcome was known; empty where nobody tried.
    """

    facts: tuple[str, ...]
    left_out: tuple[str, ...]
    trials: tuple[Trial, ...]


def model_facts(model: Any) -> tuple[str, ...]:
    """Sentences about what a model learnt from and what won; empty without a model.

    Parameters
    ----------
    model : DropoutModel or None
    """
    if model is None:
        return ()
    training = model.training
    facts = [
        f"The model learnt from {counted(training['n_clients'], 'client')}, "
        f"{counted(training['n_sessions'], 'session')} and {counted(training['n_dropouts'], 'dropout')}, as known by "
        f"{day_in_words(getattr(model, 'trained_until_', model.trained_until))}",
        f"A dropout is: {model.definition_name}",
    ]
    layer = getattr(model, "recalibration", None)
    if layer is not None and layer.changes:
        facts.append("Its chances were then fitted to what happened at a clinic (recalibrated), as known by "
                     f"{day_in_words(layer.until)}")
    if training["n_clients"] < FEWEST_CLIENTS:
        facts.append(f"With fewer than {FEWEST_CLIENTS} clients to learn from, chances are less certain than they look")
    if training.get("n_cancellations"):
        facts.append(f"For cancellations it learnt from {_past_cancellations(model)} and how they turned out")
    reschedule = getattr(model, "reschedule_", None)
    facts += _kept(model.summary(), set() if reschedule is None else {"reschedule"})
    if reschedule is not None:
        facts += clock_facts(reschedule.choice)
    return tuple(sentence(fact) for fact in facts)


def left_out(model: Any, scores: Any, history: History) -> tuple[str, ...]:
    """Sentences about what was left out of the model, the scores and the tables."""
    found: list[str] = []
    if model is not None:
        reasons = Counter(model.training.get("left_out", {}).values())
        found += [f"{counted(n, 'thing')} the model could have used {'is' if n == 1 else 'are'} left out: {reason}"
                  for reason, n in sorted(reasons.items())]
    if scores is not None:
        found += list(scores.notes)
        found += [f"{counted(n, 'row')} set aside: {why}" for why, n in sorted(scores.set_aside.items())]
    missing = [name for name in ("messages", "measures", "episodes", "clients") if getattr(history, name) is None]
    if missing:
        found.append(f"there is no table of {listed(missing)}, so nothing could be read from "
                     f"{'it' if len(missing) == 1 else 'them'}")
    if history.problems:
        found.append(f"the check of the tables gave {counted(len(history.problems), 'warning')}; "
                     "`dropout check` names each one")
    return tuple(sentence(text) for text in found)


def clock_facts(choice: Any) -> list[str]:
    """Which way of predicting cancellations was chosen, and by what log loss.

    Parameters
    ----------
    choice : Choice
        Of the reschedule model: its kind ("cure", "boosting" or "stack"), the log loss of each, and notes.
    """
    chosen = CLOCK_WORDS.get(choice.kind, choice.kind)
    losses = {kind: choice.losses[name] for kind in CLOCK_WORDS
              for name in (kind, f"{kind} {choice.strength:g}") if name in choice.losses}
    facts = []
    if losses:
        told = listed([f"{CLOCK_WORDS[kind]} {loss:.3f}" for kind, loss in losses.items()])
        facts.append(f"For whether a client who cancelled comes back, the {chosen} is used. On {choice.n_later:,} past "
                     f"cancellations set apart, the log loss (lower is better) was: {told}. The mean is kept unless one of "
                     "the two is better by more than chance")
    else:
        facts.append(f"For whether a client who cancelled comes back, the {chosen} is used, without a comparison")
    facts.append("The mixture cure model works out together who will never come again and when the others are heard of; boosted "
                 "trees are many small decision trees that each mend what is left to mend")
    return facts + [f"How it was compared: {note}" for note in choice.notes]


def _past_cancellations(model: Any) -> str:
    """How many; rounded where the exact sum would give away a count of fewer than five beside it."""
    n = model.training["n_cancellations"]
    words = getattr(model, "words", None)
    if words is not None and few_wrote(words):
        return f"about {counted(10 * ((n + 5) // 10), 'past cancellation')}"
    return counted(n, "past cancellation")


def _kept(summary: pd.DataFrame, told_apart: set[str]) -> list[str]:
    """Which kind of model won the validation, for each prediction but those told elsewhere."""
    kept = []
    for row in summary[summary["chosen"].astype(bool) & ~summary["prediction"].isin(told_apart)].to_dict("records"):
        kind = str(row["candidate"]).split(" ")[0]
        tried = int((summary["prediction"] == row["prediction"]).sum())
        what = PREDICTION_WORDS.get(row["prediction"], row["prediction"])
        kept.append(f"For {what}, {tried} ways of predicting were tried on later months than they had learnt from; "
                    f"the best, used here: {KIND_WORDS.get(kind, kind)}")
    return kept
