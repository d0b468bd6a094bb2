"""The model card: what the model is, what it is for, how it was measured, and what it can't tell.

Headings after Mitchell et al. (2019), with a section of its own for what the model must not be used for.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from dropout.card import citation
from dropout.card.document import Block, ForAuthors, Paragraph, Points, Section, Table
from dropout.card.known import KINDS, Chosen, Known, shown
from dropout.card.performance import against_rules, headline, interval, other_measures
from dropout.disclosure import SMALLEST_SHOWN
from dropout.evaluation.comparison import FEWEST_EVENTS
from dropout.evaluation.saying import FEWEST_CLIENTS
from dropout.models.recalibration import readable

NO_EVALUATION = ("No evaluation was given, so how far the probabilities can be trusted is not known here. "
                 "Make one: dropout evaluate HISTORY --model MODEL --out DIR, and give its folder with --evaluation DIR.")

MUST_NOT = (
    "Denying, shortening or delaying anyone's care.",
    "Booking two clients into one hour because one may not come.",
    "Ranking, rewarding or judging therapists.",
    "Deciding anything about a client without a person who knows them.",
    "Working out what a call, a reminder or another therapist would change: it says who leaves, not who would stay.",
)


def sections(known: Known) -> tuple[Section, ...]:
    """The sections of the model card, in order."""
    return (details(known), intended_use(known), out_of_scope(), factors(known), metrics(known), evaluation_data(known),
            training_data(known), analyses(known), ethics(known), caveats(known), how_to_cite(known))


def details(known: Known) -> Section:
    """What the model is and who made it."""
    rows = [
        ("Predicts", f"for each open episode of therapy, the probability that the client leaves unplanned and attends their "
                     f"last session within {known.horizons} (or has already); for each open cancellation, the probability that "
                     "they never attend again"),
        ("What counts as a dropout", known.definition),
        ("Learnt until", f"{known.trained_until}; nothing known later was used"),
        ("Fitted by", f"dropout {known.version} ({known.libraries}), seed {known.seed}"),
        ("Fingerprint", known.fingerprint or "none: its definition of dropout is the user's own and has no file"),
        *((f"Chosen for {one.prediction}", _chosen(one)) for one in known.chosen),
        ("Recalibrated", recalibrated(known)),
    ]
    blocks: list[Block] = [Table("The model", ("what", "this model"), tuple(rows)),
                           ForAuthors("who fitted the model, for which service, whom to ask about it, and its version there.")]
    return Section("Model details", tuple(blocks))


def intended_use(known: Known) -> Section:
    """What it is for, and for whom."""
    return Section("Intended use", (
        Points((
            "Deciding whom to ring or write to first, and what to ask about, in the service it learnt from or one much like it.",
            "Looking back at endings, and at how a service answers cancellations.",
            f"Research on dropout as defined here ({known.definition}).",
        )),
        Paragraph("Users are the people who run or give therapy, and researchers. A probability is about many clients like "
                  "this one; what to do about it is for a person to decide."),
    ))


def out_of_scope() -> Section:
    """What it must not be used for."""
    return Section("Out-of-scope use", (Points(MUST_NOT),))


def factors(known: Known) -> Section:
    """What may change how well it works."""
    used = (f"Columns of clients and episodes that it reads: {', '.join(known.covariates)}." if known.covariates
            else "It reads no column about who the clients are.")
    said = [used]
    if known.excluded:
        said.append(f"Kept out by whoever fitted it: {', '.join(known.excluded)}.")
    said += [f"Not read: {column} ({why})." for column, why in known.not_used.items() if column not in known.excluded]
    said.append("Other factors: how a service books and records cancellations, what closure reasons mean there, the time of "
                "year, and whether messages are in English (others are not read).")
    return Section("Factors", (Points(tuple(said)), ForAuthors(
        "groups of clients for whom it may work differently (age, gender, ethnicity, language, deprivation, type of therapy, "
        "in person or by video), and for which of them it was tried.")))


def metrics(known: Known) -> Section:
    """How it is measured."""
    asked = ("log loss, Brier score, AUC, predicted less observed, calibration slope and calibration error, each beside simple "
             "rules, and what ten calls find")
    if known.evaluated is None:
        return Section("Metrics", (Paragraph(NO_EVALUATION), Paragraph(f"An evaluation gives {asked}.")))
    one = known.evaluated
    return Section("Metrics", (
        Paragraph(f"Measured: {asked}. Intervals are 95%, from {one.drawings:,} drawings of clients (not of rows, since a "
                  f"client is asked about on several dates; seed {one.seed})."),
        Paragraph("There is no threshold: a list is as long as there is time for calls."),
    ))


def evaluation_data(known: Known) -> Section:
    """On what it was measured."""
    one = known.evaluated
    if one is None:
        return Section("Evaluation data", (Paragraph(NO_EVALUATION),))
    said = [f"How it was tested: {one.basis}.",
            f"Asked on {one.asked_on}, with outcomes known by {one.known_until}.",
            "Cases are episodes open on a date, with at least one session attended and not yet silent for as long as the "
            "definition of dropout allows."]
    if not one.of_the_model:
        parted = f", in {one.groups} groups of clients, each tested by a model of the others" if one.groups > 1 else ""
        said.insert(1, "The figures are not those of this model: the same recipe was fitted again on what was known by "
                       f"{one.cut}{parted}.")
    if one.new_clients:
        said.append("The model is said to have learnt from none of these clients; that cannot be checked here.")
    if one.further:
        said.append(f"The evaluation also holds: {', '.join(name.replace('_', ' ') for name in one.further)}.")
    return Section("Evaluation data", (Points(tuple(said)), ForAuthors(
        "which services the evaluation comes from, and how they differ from the one that the model is meant for.")))


def training_data(known: Known) -> Section:
    """From what it learnt."""
    rows = [("clients", shown(known.n_clients)), ("sessions", shown(known.n_sessions)), ("dropouts", shown(known.n_dropouts)),
            ("moments of open episodes", shown(known.n_moments)), ("past cancellations", known.n_cancellations),
            ("measures", ", ".join(known.measures) or "none"), ("messages", "read" if known.words is not None else "none read"),
            ("predictors of dropout risk", f"{len(known.predictors):,}")]
    blocks: list[Block] = [Table("What the model learnt from", ("what", "how many"), tuple(rows))]
    if known.left_out:
        blocks.append(Points(tuple(f"Left out, {why}: {', '.join(names)}." for why, names in by_reason(known.left_out).items())))
    if known.words is not None:
        blocks.append(words_table(known.words))
        blocks.append(Paragraph("Messages were read by machine into five intents. No message is in the model, nor a word of "
                                "one."))
    blocks.append(ForAuthors("where the tables come from, the dates they cover, and who is not in them (the model keeps counts "
                             "only). `dropout check HISTORY` lists what was set aside. Say, too, whether the clients are "
                             "real: the model does not record it."))
    return Section("Training data", tuple(blocks))


def analyses(known: Known) -> Section:
    """What was measured."""
    one = known.evaluated
    if one is None:
        return Section("Quantitative analyses", (Paragraph(NO_EVALUATION), losses_table(known)))
    blocks: list[Block] = []
    if one.figures:
        blocks += [Points(tuple(headline(figure) for figure in one.figures if figure.headline) or
                          ("Neither of the two main questions can be told here: too few cases whose outcome is known.",)),
                   against_rules(one.figures), other_measures(one.figures)]
        if any(figure.rough for figure in one.figures):
            blocks.append(Paragraph(f"Rough: fewer than {FEWEST_EVENTS} cases with, or without, the event."))
    else:
        blocks.append(Paragraph("Nothing could be measured, or too little to be shown."))
    if one.kept_back:
        blocks.append(Paragraph(f"Kept back, because a count of fewer than {SMALLEST_SHOWN} is in them or would follow from "
                                f"them: {'; '.join(one.kept_back)}."))
    if one.calls:
        blocks.append(Points(one.calls))
    blocks.append(losses_table(known))
    if known.recalibration is not None:
        blocks += recalibration_blocks(known)
    return Section("Quantitative analyses", tuple(blocks))


def ethics(known: Known) -> Section:
    """What harm it may do, and what stands against that."""
    said = ["A call that nobody wanted is a burden, and a list may become a target. A client may leave for good reasons.",
            "Reasons shown beside a probability name what can be acted on; who somebody is is never given as a reason.",
            "The model file holds weights and counts: no message, no name, and no level of a category that fewer than 20 "
            "clients have."]
    if known.covariates:
        said.append(f"It does read who clients are ({len(known.covariates)} of their columns). Where one of these follows "
                    "deprivation or discrimination, the probabilities follow it too. `dropout fit --exclude COLUMN` keeps a "
                    "column out.")
    return Section("Ethical considerations", (Points(tuple(said)), ForAuthors(
        "whether clients know that such a model is used, what was asked of an ethics committee, and who answers for its use.")))


def caveats(known: Known) -> Section:
    """What it can't tell."""
    return Section("Caveats and recommendations", (Points(limits(known)),))


def how_to_cite(known: Known) -> Section:
    """How the package, the model and the checklists are cited."""
    said = [citation.software(known), citation.this_model(known), citation.MODEL_CARDS, citation.TRIPOD_AI, citation.PROBAST_AI]
    if known.version != known.written_by:
        said.insert(1, f"This card was written by version {known.written_by}.")
    return Section("How to cite", (Points(tuple(said)),))


def limits(known: Known) -> tuple[str, ...]:
    """What is known to be weak about this model and its evaluation."""
    few = f": below {FEWEST_CLIENTS}, figures tend to flatter a model (Zantvoort et al. 2024)" if known.few_clients else ""
    said = [f"Learnt from {shown(known.n_clients)} clients{few}."]
    one = known.evaluated
    if one is None:
        said.append("Not evaluated: use it for nothing but trying it out.")
    else:
        if not one.of_the_model:
            said.append("Its own predictions were never tested on later outcomes; figures are of the recipe, with less to learn "
                        "from.")
        rough = sum(figure.rough for figure in one.figures)
        if rough:
            said.append(f"Fewer than {FEWEST_EVENTS} cases with, or without, the event in {rough} of {len(one.figures)} "
                        "questions and groups: those figures are rough.")
        said += [f"{figure.title}: {figure.verdict}." for figure in one.figures if figure.headline]
        if one.synthetic:
            said.append("The clients of the evaluation are simulated.")
    if known.recalibration is None:
        said.append("Not recalibrated. In another service, or after a change of practice, compare predicted and observed first.")
    said += [f"Of another definition than \u201c{known.definition}\u201d it knows nothing: rates and people differ.",
             "What is not in the tables is not known to it: a word in the corridor, a holiday, an illness."]
    return tuple(said)


def recalibrated(known: Known) -> str:
    """Whether, until when and how the probabilities were corrected."""
    layer = known.recalibration
    if layer is None:
        return "no"
    parts = [*(f"{name}: {one}" for name, one in zip(known.horizons.replace(" days", "").replace(" and ", ", ").split(", "),
                                                     map(str, layer.risk), strict=False)), f"never again: {layer.gone}"]
    return f"yes, on what was known by {str(layer.until).removesuffix('T00:00:00')} (risk within days " + "; ".join(parts) + ")"


def recalibration_blocks(known: Known) -> list[Block]:
    """Before and after the recalibration, where the counts may be shown."""
    table = known.recalibration.table
    if not len(table):
        return []
    n, events = table["n"].to_numpy(float), table["events"].to_numpy(float)
    may = np.minimum.reduce([events, n - events, table["clients"].to_numpy(float)]) >= SMALLEST_SHOWN
    told = readable(table[may]).drop(columns="remark")
    if not len(told):
        return [Paragraph("Before and after the recalibration: too few cases to be shown.")]
    rows = tuple(tuple(f"{cell:,}" if isinstance(cell, (int, np.integer)) else str(cell) for cell in row)
                 for row in told.itertuples(index=False))
    return [Table("Before and after the recalibration, on cases that had no part in it", tuple(map(str, told.columns)), rows)]


def losses_table(known: Known) -> Table:
    """What was tried in training, and its log loss on later moments."""
    rows = tuple((one.prediction, name, f"{loss:.4f}", "chosen" if name == one.kind else "")
                 for one in known.chosen for name, loss in one.losses)
    return Table("What was tried in training, and its log loss on later moments that decided between them",
                 ("prediction", "candidate", "log loss", ""), rows)


def words_table(words: pd.DataFrame) -> Table:
    """What each kind of message was followed by, where five or more clients wrote so."""
    rows = []
    for name, row in words.drop("all", errors="ignore").iterrows():
        n, back = row["n"], row["back"]
        if not n >= SMALLEST_SHOWN:
            rows.append((str(name).replace("_", " "), *("none, or kept back",) * 4))
            continue
        told = min(back, n - back) >= SMALLEST_SHOWN
        rows.append((str(name).replace("_", " "), f"{n:,.0f}",
                     interval(row["share"], row["low"], row["high"], 2) if told else "kept back", f"{row['expected']:.2f}",
                     interval(row["ratio"], row["ratio_low"], row["ratio_high"], 2)))
    return Table(f"What words were followed by in training (nothing of fewer than {SMALLEST_SHOWN} clients)",
                 ("the message", "cancellations", "back within 30 days", "expected of others like them",
                  "times as often from those who never came again"), tuple(rows))


def by_reason(left_out: dict[str, str]) -> dict[str, list[str]]:
    """Names by the reason why they were left out."""
    found: dict[str, list[str]] = {}
    for name, why in left_out.items():
        found.setdefault(why, []).append(name.partition(" = ")[0])
    return found


def _chosen(one: Chosen) -> str:
    kind, _, strength = one.kind.partition(" ")
    penalty = f", ridge penalty {strength}" if strength else ""
    decided = f"; of {len(one.losses)} candidates, by log loss on {shown(one.n_later)} later moments" if one.n_later else ""
    return f"{KINDS.get(kind, kind)}{penalty}{decided}" + "".join(f" ({note})" for note in one.notes)
