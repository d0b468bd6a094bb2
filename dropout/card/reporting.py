"""What the package knows for each line of TRIPOD+AI, one small function a line.

Each takes what is known and gives sentences, or nothing where the model can't know. Statements of method hold for the
version that fitted the model, and say so.
"""

from __future__ import annotations

from collections.abc import Callable

from dropout.card.known import KINDS, Known, shown
from dropout.card.performance import headline
from dropout.card.sections import by_reason, limits, recalibrated

NOT_EVALUATED = "No evaluation was given, so this is not known here."


def title(known: Known) -> str:
    """What a title can say."""
    what = "development" if known.evaluated is None else "development and evaluation"
    return (f"For example: \u201cDropout from psychotherapy within {known.horizons} ({known.definition}): {what} of a "
            f"prediction model\u201d.")


def purpose(known: Known) -> str:
    """For whom the model is, and at which moment."""
    return (f"For clients in an open episode of psychotherapy, on any date, in a service like the one whose "
            f"{shown(known.n_clients)} clients it learnt from; to decide whom to contact first. Not for denying care, "
            "overbooking or judging therapists.")


def objectives(known: Known) -> str:
    """Development, or evaluation as well."""
    if known.evaluated is None:
        return f"Development of a model of dropout ({known.definition}); no evaluation was given."
    what = "its evaluation" if known.evaluated.of_the_model else "evaluation of the same recipe, fitted again on less"
    return f"Development of a model of dropout ({known.definition}), and {what}: {known.evaluated.basis}."


def sources(known: Known) -> str:
    """Which tables were read."""
    read = [f"{shown(known.n_sessions)} appointments"]
    if known.words is not None:
        read.append("messages of clients")
    if known.measures:
        read.append(f"questionnaires ({', '.join(known.measures)})")
    if known.covariates:
        read.append("tables of clients and episodes")
    said = f"Tables of {', '.join(read)}."
    simulated = known.evaluated is not None and known.evaluated.synthetic
    return said + (" The evaluation was made on simulated clients." if simulated else "")


def dates(known: Known) -> str:
    """Until when facts were known."""
    said = f"Learnt from what was known by {known.trained_until}."
    if known.evaluated is not None:
        said += (f" Evaluated on {known.evaluated.asked_on}, with outcomes known by {known.evaluated.known_until}.")
    return said


def eligibility(known: Known) -> str:
    """Who was learnt from and asked about."""
    kept_out = f" Columns kept out: {', '.join(known.excluded)}." if known.excluded else ""
    return (f"Every client with an open episode: {shown(known.n_clients)} clients, asked about on many dates "
            f"({shown(known.n_moments)} moments). {known.by_the_rules} nobody is left out for who they are; moments whose "
            f"outcome was not yet known are left out.{kept_out}")


def preparation(known: Known) -> str:
    """How the data were prepared."""
    return (f"{known.by_the_rules} the tables are checked and every problem is named (`dropout check`); every fact has the "
            "time at which it became known, and nothing known later is read; the same code reads all clients, in training and "
            "after.")


def outcome(known: Known) -> str:
    """The definition of dropout and its times."""
    return (f"Dropout: {known.definition}. It happens at the last attended session, within {known.horizons} of the date asked "
            f"about (or before it), and is known for certain {known.maturity_days} days later. Endings of other kinds compete; "
            "those who never attended are kept apart. For open cancellations: whether the client ever attends again in the "
            "episode.")


def outcome_blinding(known: Known) -> str:
    """How outcomes were found."""
    return (f"Outcomes are computed from the tables by rule ({known.definition}), without the predictors' values. The dates of "
            "sessions are in both: predictors read only those known before the date asked about, outcomes those after it.")


def predictor_choice(known: Known) -> str:
    """How predictors were chosen."""
    said = (f"{known.by_the_rules} there is one fixed list, set before any of these data were seen, and every further column of "
            f"clients and episodes that can be read: {len(known.predictors)} here. None was chosen by its relation to the "
            "outcome.")
    if known.left_out:
        said += f" The tables could not give {len(known.left_out)} more."
    return said + (f" Kept out by the user: {', '.join(known.excluded)}." if known.excluded else "")


def predictor_definitions(known: Known) -> str:
    """The predictors by name."""
    return f"As known at the moment of prediction: {', '.join(known.predictors)}."


def predictor_assessors(known: Known) -> str:
    """Whether predictors need judgement."""
    if known.words is None:
        return f"{known.by_the_rules} predictors are counted from dates and states of sessions; no messages were read."
    return (f"{known.by_the_rules} predictors are counted from dates and states of sessions; what messages say is read by one "
            "fixed reader (five intents, English only), the same for all clients.")


def sample_size(known: Known) -> str:
    """How much there was to learn from."""
    said = (f"All that the tables held: {shown(known.n_clients)} clients, {shown(known.n_dropouts)} dropouts, "
            f"{len(known.predictors)} predictors ({known.n_dropouts / max(len(known.predictors), 1):.1f} dropouts a predictor; "
            "the penalty, not this number, holds the model back).")
    return said + (" That is few: figures tend to flatter models of so few clients (Zantvoort et al. 2024)."
                   if known.few_clients else "")


def missing_data(known: Known) -> str:
    """How missing values were dealt with."""
    said = (f"{known.by_the_rules} nobody is left out for a missing value and nothing is imputed from other clients' outcomes: "
            "additive models get a flag for \u201cunknown\u201d, trees send it its own way. Outcomes not yet known are left "
            "out, never counted as \u201cno\u201d.")
    parts = [f"{len(names)} predictors because {why}" for why, names in by_reason(known.left_out).items()]
    return said + (f" Left out altogether: {'; '.join(parts)}." if parts else "")


def use_of_data(known: Known) -> str:
    """How the data were parted."""
    decided = [f"{one.prediction}: {shown(one.n_later)} later ones" + "".join(f" ({note})" for note in one.notes)
               for one in known.chosen if one.n_later]
    said = (f"The final model learnt from everything known by {known.trained_until}. What kind of model to use was decided on "
            f"later moments than were learnt from ({'; '.join(decided) or 'number not kept'}).")
    return said + (f" Evaluation: {known.evaluated.basis}." if known.evaluated is not None else "")


def predictor_handling(known: Known) -> str:
    """In which form predictors enter."""
    return (f"{known.by_the_rules} nothing is cut into classes: additive models use restricted cubic splines (Harrell 2015), "
            "counts and days by their logarithm, all standardised; trees read values as they are. Rates of therapists are "
            "drawn towards the mean, as known then.")


def model_building(known: Known) -> str:
    """What was tried and what won."""
    told = []
    for one in known.chosen:
        kind = one.kind.partition(" ")[0]
        losses = ", ".join(f"{name} {loss:.4f}" for name, loss in one.losses)
        told.append(f"{one.prediction}: {KINDS.get(kind, kind)} (log loss on later moments: {losses})")
    return f"{'; '.join(told)}. Seed {known.seed}."


def clusters(known: Known) -> str:
    """What was done about clusters."""
    said = f"{known.by_the_rules} all moments of a client stay together, and intervals are drawn by client, not by row."
    if known.evaluated is not None:
        said += f" {known.evaluated.drawings:,} drawings."
        if known.evaluated.left_out:
            said += f" {known.evaluated.left_out.capitalize()}s were left out of learning in turn and tested on."
    return said


def measures(known: Known) -> str:
    """Which measures were used."""
    if known.evaluated is None:
        return ""
    further = known.evaluated.further
    return (f"Log loss, Brier score, AUC, predicted less observed, calibration slope, calibration error, and what ten calls "
            f"find; 95% intervals from {known.evaluated.drawings:,} drawings of clients; always beside simple rules."
            + (f" Also in the evaluation: {', '.join(name.replace('_', ' ') for name in further)}." if further else ""))


def updating(known: Known) -> str:
    """Whether the model was recalibrated."""
    return f"Recalibrated: {recalibrated(known)}. (Model of {known.trained_until}.)"


def predictions_made(known: Known) -> str:
    """How the evaluation got its predictions."""
    if known.evaluated is None:
        return ""
    return (f"{known.evaluated.basis.capitalize()}: scores as of each date, by the same code as in use, from what was known by "
            f"that date ({known.evaluated.asked_on}).")


def imbalance(known: Known) -> str:
    """What was done about rare outcomes."""
    return (f"{known.by_the_rules} nothing: classes are neither weighted nor resampled, since that spoils probabilities "
            "(van den Goorbergh et al. 2022).")


def fairness(known: Known) -> str:
    """Which columns about people are read."""
    read = ", ".join(known.covariates) or "none"
    out = ", ".join(known.excluded) or "none"
    return (f"Columns about clients that are read: {read}; kept out: {out}. Reasons shown to users never name who somebody is. "
            "Whether it works alike for all groups is not known from the model.")


def output(known: Known) -> str:
    """What the model gives."""
    return (f"Probabilities of dropout within {known.horizons}, and for open cancellations of never attending again and of "
            "being back within 7, 14 and 30 days, with intervals for the silence. No classes: a list is as long as there is "
            f"time for calls. ({known.by_the_rules}.)")


def differences(known: Known) -> str:
    """How training and evaluation differ, as far as the package knows."""
    one = known.evaluated
    if one is None:
        return ""
    asked = f"evaluated on {one.asked_on}"
    if one.on_trust:
        return (f"Learnt until {known.trained_until}; {asked}, on clients from whom it is said not to have learnt, which can't "
                f"be checked here. Same definition: {known.definition}.")
    return f"Learnt until {one.cut}; {asked}. Same definition: {known.definition}."


def code(known: Known) -> str:
    """With which code it was made."""
    return (f"Fitted with dropout {known.version} ({known.libraries}), seed {known.seed}. The same tables and seed give the "
            "same file, byte for byte.")


def flow(known: Known) -> str:
    """How many there were."""
    return (f"{shown(known.n_clients)} clients with {shown(known.n_sessions)} appointments; {shown(known.n_dropouts)} dropouts "
            f"known by {known.trained_until}; {known.n_cancellations} past cancellations.")


def numbers(known: Known) -> str:
    """Participants and events in each analysis."""
    said = (f"Training: {shown(known.n_clients)} clients, {shown(known.n_moments)} moments, {shown(known.n_dropouts)} "
            f"dropouts, {known.n_cancellations} cancellations.")
    if known.evaluated is None:
        return said
    told = [f"{one.where}: {one.n:,} cases of {one.clients:,} clients, {one.events:,} events" for one in known.evaluated.figures]
    return f"{said} Evaluation: {'; '.join(told) or 'too few to be shown'}."


def specification(known: Known) -> str:
    """How others can predict with the model."""
    file = f"SHA-256 {known.fingerprint}" if known.fingerprint else "none: the definition of dropout is the user's own"
    return (f"The model file holds all weights and no data of clients, and predicts with `dropout score` (file: {file}). It "
            "has too many coefficients to be printed.")


def performance(known: Known) -> str:
    """The main figures."""
    if known.evaluated is None:
        return ""
    told = [headline(one) for one in known.evaluated.figures if one.headline]
    return " ".join(told) + (" " if told else "") + ("All figures: Quantitative analyses in the model card "
                                                     f"({len(known.evaluated.figures)} questions and groups; "
                                                     f"{len(known.evaluated.kept_back)} kept back as too small).")


def between_clusters(known: Known) -> str:
    """Whether performance was looked at between clusters."""
    one = known.evaluated
    if one is None or not one.left_out:
        return ""
    return (f"The figures are those of {one.left_out}s from whose clients the recipe, fitted again until {one.cut}, had not "
            "learnt, taken together. How they differ from one another is not told here.")


def updated(known: Known) -> str:
    """What recalibration gave."""
    if known.recalibration is None:
        return f"The model learnt until {known.trained_until} was not updated, so there is nothing to report."
    return f"Recalibrated: {recalibrated(known)}. Before and after are under Quantitative analyses in the model card."


def limitations(known: Known) -> str:
    """What is known to be weak."""
    return " ".join(limits(known))


def poor_input(known: Known) -> str:
    """What happens where input is absent."""
    return (f"{known.by_the_rules} a column that is absent counts as unknown, and the scores say so; of the "
            f"{len(known.predictors)} predictors any may be. Wrong rows are refused or set aside with a reason. The "
            "probability is then nearer to that of an average client, and nobody has checked how good it still is.")


def expertise(known: Known) -> str:
    """What users must know."""
    return (f"{known.by_the_rules} nothing is typed in: tables are exported and read as they are. Reading a list needs no "
            "statistics; deciding what to do needs somebody who knows the client.")


ANSWERS: dict[str, Callable[[Known], str]] = {answer.__name__: answer for answer in (
    title, purpose, objectives, sources, dates, eligibility, preparation, outcome, outcome_blinding, predictor_choice,
    predictor_definitions, predictor_assessors, sample_size, missing_data, use_of_data, predictor_handling, model_building,
    clusters, measures, updating, predictions_made, imbalance, fairness, output, differences, code, flow, numbers,
    specification, performance, between_clusters, updated, limitations, poor_input, expertise)}
"""By name, as the checklist's data call them."""
