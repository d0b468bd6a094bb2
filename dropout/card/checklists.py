"""The two checklists: their lines, read from data, with what the package knows and what is left to the authors."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import groupby

from dropout.card import appraisal, reporting
from dropout.card.document import FILLED, OPEN, PARTLY, Entry, Paragraph, Section
from dropout.card.known import Known

ANSWERED = "answered"

ABOUT = {"D": "development", "E": "evaluation", "DE": "development and evaluation"}

NUMBERING = ("The subjects are in words of this package's own, and numbers were compared with secondary sources: check both "
             "against the paper before you submit.")

CHOICES = "yes, probably yes, probably no, no, or no information"


@dataclass(frozen=True)
class Line:
    """One line of TRIPOD+AI.

    Attributes
    ----------
    number, section, topic, asks : str
    about : {"D", "E", "DE"}
        Development, evaluation, or both.
    answer : str
        Name of the function that answers; empty where the package can't know.
    open : str
        What is left to the authors; empty where nothing is.
    """

    number: str
    section: str
    topic: str
    about: str
    asks: str
    answer: str = ""
    open: str = ""


@dataclass(frozen=True)
class Question:
    """One signalling question of PROBAST+AI.

    Attributes
    ----------
    part : {"development", "evaluation"}
    number, domain, topic, asks : str
    does : str
        Name of the function that says what the package does.
    check : str
        What to look at oneself.
    judged : str
        Name of the function that answers; empty where people must.
    """

    part: str
    number: str
    domain: str
    topic: str
    asks: str
    does: str
    check: str
    judged: str = ""


@cache
def lines() -> tuple[Line, ...]:
    """The lines of TRIPOD+AI, in order."""
    return tuple(Line(**item) for item in _items("tripod_ai.toml"))


@cache
def questions() -> tuple[Question, ...]:
    """The questions of PROBAST+AI, in order."""
    return tuple(Question(**item) for item in _items("probast_ai.toml"))


def tripod_ai(known: Known) -> tuple[Section, ...]:
    """TRIPOD+AI as far as it can be filled in."""
    sections = [Section(name, tuple(_entry(line, known) for line in some))
                for name, some in groupby(lines(), lambda line: line.section)]
    entries = [block for section in sections for block in section.blocks if isinstance(block, Entry)]
    said = f"Of {len(entries)} lines, {_counted(entries, FILLED)} are filled, {_counted(entries, PARTLY)} partly filled, and " \
           f"{_counted(entries, OPEN)} left open to the authors. {NUMBERING}"
    return (Section("How far it is filled in", (Paragraph(said),)), *sections)


def probast_ai(known: Known) -> tuple[Section, ...]:
    """PROBAST+AI's questions, with what the package does, and the answer open but where it truly knows."""
    sections = [Section(f"{part.capitalize()}: {domain[0].lower()}{domain[1:]}", tuple(_asked(one, known) for one in some))
                for (part, domain), some in groupby(questions(), lambda one: (one.part, one.domain))]
    entries = [block for section in sections for block in section.blocks if isinstance(block, Entry)]
    return (Section("How to use it", (
        Paragraph("The first part asks about the quality of development, the second about the risk of bias in evaluation. "
                  f"Write your answer ({CHOICES}) and its reason beside each question, then judge each domain: low, high or "
                  "unclear concern. What the package does says nothing about your tables, so it judges no domain."),
        Paragraph(f"Of {len(entries)} questions, {_counted(entries, ANSWERED)} are answered and {_counted(entries, OPEN)} left "
                  f"open. {NUMBERING}"),
        Paragraph("Judge, too, whether participants, predictors and outcome are those of the use that you have in mind "
                  "(applicability)."))), *sections)


def _entry(line: Line, known: Known) -> Entry:
    answer = reporting.ANSWERS[line.answer](known) if line.answer else ""
    parts = [("What the package knows", answer)] if answer else []
    if line.answer and not answer:
        parts.append(("What the package knows", reporting.NOT_EVALUATED))
    if line.open:
        parts.append(("For the authors", line.open))
    state = (PARTLY if line.open else FILLED) if answer else OPEN
    return Entry(line.number, line.topic, ABOUT[line.about], line.asks, state, tuple(parts))


def _asked(question: Question, known: Known) -> Entry:
    judged = appraisal.JUDGED[question.judged](known) if question.judged else ""
    parts = (("What this package does", appraisal.DOES[question.does](known)), ("What to check yourself", question.check),
             ("Answer", f"{judged}." if judged else f"left open: {CHOICES}."))
    return Entry(question.number, question.topic, question.part, question.asks, ANSWERED if judged else OPEN, parts)


def _items(name: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = tomllib.loads(files("dropout.card").joinpath(name).read_text("utf-8"))["item"]
    return found


def _counted(entries: Iterable[Entry], state: str) -> int:
    return sum(entry.state == state for entry in entries)
