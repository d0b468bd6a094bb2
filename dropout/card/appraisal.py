"""What the package does about each question of PROBAST+AI, one small function a question, and the few that it can answer.

What the package does says nothing about the tables that it was given; so nearly every answer is left to people.
"""

from __future__ import annotations

from collections.abc import Callable

from dropout.card import reporting
from dropout.card.known import Evaluated, Known, shown

WEIGHTED = ("accuracy", "discrimination", "calibration_measures", "net_benefit")
"""Tables of an evaluation that weight cases for being followed."""

YES, NOT_APPLICABLE = "Yes", "Not applicable"


def of_evaluation(say: Callable[[Known, Evaluated], str]) -> Callable[[Known], str]:
    """The function, for whoever has no evaluation too: it then says that this is not known."""
    def answer(known: Known) -> str:
        return reporting.NOT_EVALUATED if known.evaluated is None else say(known, known.evaluated)

    answer.__name__ = say.__name__
    return answer


def design(known: Known) -> str:
    """How clients were followed."""
    return (f"Clients are followed forward in time, all endings known by {known.trained_until} counted; "
            "other endings compete, and the ongoing are censored.")


def time_between(known: Known) -> str:
    """Times between predictors and outcome."""
    return (f"Predictors are read at a moment; the outcome is a last session within {known.horizons} of it, known "
            f"{known.maturity_days} days later.")


def outcome_alike(known: Known) -> str:
    """Whether one rule is used for all."""
    return f"One rule for all clients: {known.definition}."


def at_hand(known: Known) -> str:
    """Whether predictors are there when needed."""
    return (f"{known.by_the_rules} each of the {len(known.predictors)} predictors is read as known at the moment of "
            "prediction, by the same code in training and in use.")


def overfitting(known: Known) -> str:
    """What holds the model back."""
    kinds = ", ".join(one.kind for one in known.chosen)
    return (f"{known.by_the_rules} a ridge penalty or few, small trees; strength and kind are decided on later data ({kinds}); "
            "what one model hands to the next comes from clients that it has not seen.")


@of_evaluation
def tested_on(known: Known, one: Evaluated) -> str:
    """On whose records it was tested."""
    clients = max((figure.clients for figure in one.figures), default=0)
    return (f"{'Simulated tables' if one.synthetic else 'Tables'} as known by {one.known_until}; {one.basis}; up to "
            f"{shown(clients)} clients in a figure.")


@of_evaluation
def test_design(known: Known, one: Evaluated) -> str:
    """How it was tested."""
    return f"Asked on {one.asked_on} as in use, with what was known then; what happened afterwards decides ({one.basis})."


@of_evaluation
def asked_about(known: Known, one: Evaluated) -> str:
    """Who was asked about."""
    return (f"Every episode open on {one.asked_on} with at least one session attended and not silent for more than "
            f"{known.maturity_days} days; how many were left out is in the notes of the evaluation.")


@of_evaluation
def same_predictors(known: Known, one: Evaluated) -> str:
    """Whether predictors are those of training."""
    return f"The {len(known.predictors)} predictors of training, read by dropout {one.version}."


@of_evaluation
def same_preparation(known: Known, one: Evaluated) -> str:
    """Whether preparation is that of training."""
    return f"The same code as in training (training: {known.version}; evaluation: {one.version})."


@of_evaluation
def test_blind(known: Known, one: Evaluated) -> str:
    """What could be read on each date."""
    return f"Nothing known after {one.asked_on} is read for the predictions of these dates."


@of_evaluation
def test_at_hand(known: Known, one: Evaluated) -> str:
    """Whether predictors were there."""
    return f"Scored as in use, by dropout {one.version}, from what was known by each date."


@of_evaluation
def test_outcome(known: Known, one: Evaluated) -> str:
    """The outcome of the evaluation."""
    return f"As in development: {known.definition}; outcomes known by {one.known_until}."


@of_evaluation
def test_outcome_alike(known: Known, one: Evaluated) -> str:
    """Whether one rule is used."""
    return f"One rule for all cases: {known.definition}."


@of_evaluation
def test_outcome_blind(known: Known, one: Evaluated) -> str:
    """Whether outcomes know the predictions."""
    return f"Computed by rule ({known.definition}) from what happened after {one.dates[0]}, without the predictions."


@of_evaluation
def test_time(known: Known, one: Evaluated) -> str:
    """Which horizons were measured."""
    told = [figure.where for figure in one.figures]
    return (f"Only dates whose outcome is known for certain by {one.known_until} count. Measured: "
            f"{'; '.join(told) or 'nothing that can be shown'}.")


@of_evaluation
def beyond_apparent(known: Known, one: Evaluated) -> str:
    """On what the test was made."""
    if one.on_trust:
        return (f"Learnt until {known.trained_until}, tested on {one.asked_on} on clients from whom it is said not to "
                "have learnt. If it did learn from some of them, this is apparent performance.")
    return f"Tested {one.basis}; learnt until {one.cut}, tested from {one.dates[0]}."


@of_evaluation
def test_size(known: Known, one: Evaluated) -> str:
    """How many events there were."""
    told = [f"{figure.where}: {figure.events:,} events{' (rough)' if figure.rough else ''}" for figure in one.figures]
    return "; ".join(told) + "." if told else f"Too few to be shown ({len(one.kept_back)} questions and groups kept back)."


@of_evaluation
def test_missing(known: Known, one: Evaluated) -> str:
    """What was done about unknown outcomes."""
    weighted = [name.replace("_", " ") for name in one.further if name in WEIGHTED]
    return (f"Cases whose outcome was not known by {one.known_until} are left out of the figures shown here and counted; other "
            "endings compete and are not censored away. Missing predictors count as unknown."
            + (f" In other tables of the evaluation ({', '.join(weighted)}) the cases that were followed stand for those that "
               "were not, by inverse probability of censoring." if weighted else ""))


@of_evaluation
def test_no_imbalance(known: Known, one: Evaluated) -> str:
    """Whether cases were resampled."""
    return (f"Cases stand as they fell on {one.asked_on}; nothing is resampled but for the intervals "
            f"({one.drawings:,} drawings).")


@of_evaluation
def no_leak(known: Known, one: Evaluated) -> str:
    """How the test is kept apart."""
    if one.on_trust:
        return (f"The data were not split: the model, learnt until {known.trained_until}, was tested on clients from whom it is "
                "said not to have learnt, which can't be checked here.")
    parted = f" Clients were parted into {one.groups} groups." if one.groups > 1 else ""
    return (f"Tested on {one.dates[0]} and later, at least {known.maturity_days} days after the end of learning ({one.cut}), "
            f"so that no outcome of the test was known in training.{parted} Scores cut at a date equal those of the whole "
            "history asked as of that date.")


@of_evaluation
def all_steps(known: Known, one: Evaluated) -> str:
    """Whether the whole recipe was repeated."""
    if one.of_the_model:
        return (f"The model itself was tested ({one.basis}); only cases were drawn again, for the intervals "
                f"({one.drawings:,} times).")
    return f"The whole recipe was fitted again, choices included ({one.groups} groups of clients, learnt until {one.cut})."


@of_evaluation
def test_measures(known: Known, one: Evaluated) -> str:
    """Which measures there are."""
    return reporting.measures(known)


def tested_later(known: Known) -> str:
    """Yes, where the evaluation was made on later dates than were learnt from; on trust, it is for people to say."""
    one = known.evaluated
    return f"{YES}: {one.basis}" if one is not None and not one.on_trust else ""


def not_applicable(known: Known) -> str:
    """Not applicable: the package neither weights nor resamples classes."""
    return f"{NOT_APPLICABLE}: dropout {known.version} neither weights nor resamples classes"


_OF_REPORTING = {
    "sources": reporting.sources, "included": reporting.eligibility, "predictors_alike": reporting.predictor_assessors,
    "prepared_alike": reporting.preparation, "predictors_blind": reporting.outcome_blinding, "outcome_defined": reporting.outcome,
    "outcome_blind": reporting.outcome_blinding, "size": reporting.sample_size, "handling": reporting.predictor_handling,
    "missing": reporting.missing_data, "no_imbalance": reporting.imbalance,
}
"""Questions to which a line of the reporting checklist is the answer."""

DOES: dict[str, Callable[[Known], str]] = _OF_REPORTING | {does.__name__: does for does in (
    design, time_between, outcome_alike, at_hand, overfitting, tested_on, test_design, asked_about, same_predictors,
    same_preparation, test_blind, test_at_hand, test_outcome, test_outcome_alike, test_outcome_blind, test_time,
    beyond_apparent, test_size, test_missing, test_no_imbalance, no_leak, all_steps, test_measures)}
"""What the package does, by name, as the checklist's data call them."""

JUDGED: dict[str, Callable[[Known], str]] = {"tested_later": tested_later, "not_applicable": not_applicable}
"""Answers that the package truly knows."""
