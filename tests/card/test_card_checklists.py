"""The two checklists: every line is there once, says something true of this model, or is left open."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import pytest

from dropout.card import model_card
from dropout.card.appraisal import DOES, JUDGED
from dropout.card.checklists import ANSWERED, lines, probast_ai, questions, tripod_ai
from dropout.card.document import FILLED, OPEN, PARTLY, Entry
from dropout.card.known import Known
from dropout.card.reporting import ANSWERS, NOT_EVALUATED
from dropout.evaluation.trial import AS_IT_IS, NEW_CLIENTS, REFITTED

TRIPOD = ("1 2 3a 3b 3c 4 5a 5b 6a 6b 6c 7 8a 8b 8c 9a 9b 9c 10 11 12a 12b 12c 12d 12e 12f 12g 13 14 15 16 17 18a 18b 18c 18d "
          "18e 18f 19 20a 20b 20c 21 22 23a 23b 24 25 26 27a 27b 27c").split()
"""The 27 items of Collins et al. (2024) with their parts: 52 lines."""

PROBAST = {"development": (3, 4, 4, 5), "evaluation": (3, 4, 4, 7)}
"""Questions in each of the four domains of Moons et al. (2025): 16 and 18."""


def entries(sections) -> list[Entry]:
    """The lines of a checklist."""
    return [block for section in sections for block in section.blocks if isinstance(block, Entry)]


def test_every_item_of_tripod_ai_is_there_once_and_in_order() -> None:
    assert [line.number for line in lines()] == TRIPOD
    assert len({re.match(r"\d+", number)[0] for number in TRIPOD}) == 27


def test_every_question_of_probast_ai_is_there_once_and_in_order() -> None:
    numbers = [(part, f"{domain}.{k}") for part, counts in PROBAST.items()
               for domain, count in enumerate(counts, start=1) for k in range(1, count + 1)]
    assert [(one.part, one.number) for one in questions()] == numbers
    domains = {one.number[0]: one.domain for one in questions()}
    assert list(domains.values()) == ["Participants and data sources", "Predictors", "Outcome", "Analysis"]
    assert all(one.domain == domains[one.number[0]] for one in questions())


def test_every_line_has_an_answer_or_is_left_to_the_authors() -> None:
    assert all(line.answer or line.open for line in lines())
    assert all(line.about in ("D", "E", "DE") and line.topic and line.asks for line in lines())
    assert {line.answer for line in lines()} - {""} == set(ANSWERS), "each function is asked for by a line, and each is there"
    assert all(question.does and question.check for question in questions())
    assert {question.does for question in questions()} == set(DOES)
    assert {question.judged for question in questions()} - {""} == set(JUDGED)


@pytest.mark.parametrize("name", ANSWERS)
def test_every_answer_changes_with_the_model(name: str, known: Known, other: Known) -> None:
    assert ANSWERS[name](known) != ANSWERS[name](other), "nothing is written that would stand there for any model"


@pytest.mark.parametrize("name", [*DOES, *JUDGED])
def test_every_statement_changes_with_the_model(name: str, known: Known, other: Known) -> None:
    say = (DOES | JUDGED)[name]
    assert say(known) != say(other)


def test_what_needs_an_evaluation_says_so_without_one(known: Known) -> None:
    bare = replace(known, evaluated=None)
    filled, open_ = ({entry.number: entry for entry in entries(tripod_ai(one))} for one in (known, bare))
    for number in ("12e", "12g", "16", "23a"):
        assert filled[number].state in (FILLED, PARTLY)
        assert open_[number].state == OPEN and ("What the package knows", NOT_EVALUATED) in open_[number].parts
    asked = [entry for entry in entries(probast_ai(bare)) if entry.about == "evaluation"]
    unknown = [entry.number for entry in asked if entry.parts[0][1] == NOT_EVALUATED]
    assert len(unknown) == 18
    assert [entry.number for entry in asked if entry.state == ANSWERED] == ["4.4"]


@pytest.mark.parametrize("number", ["2", "3a", "3c", "6a", "17", "18a", "18b", "18c", "18d", "19", "20b", "25"])
def test_what_no_model_can_know_is_left_open(number: str, known: Known) -> None:
    (entry,) = [one for one in entries(tripod_ai(known)) if one.number == number]
    assert entry.state == OPEN and [label for label, _ in entry.parts] == ["For the authors"]


@pytest.mark.parametrize(("basis", "answered"), [(AS_IT_IS, True), (REFITTED, True), (NEW_CLIENTS, False)])
def test_a_yes_rests_on_what_can_be_checked(basis: str, answered: bool, known: Known) -> None:
    told = replace(known, evaluated=replace(known.evaluated, basis=basis))
    (entry,) = [one for one in entries(probast_ai(told)) if (one.about, one.number) == ("evaluation", "4.1")]
    assert (entry.state == ANSWERED) is answered
    assert entry.parts[-1][1].startswith("Yes: " if answered else "left open")


def test_most_of_the_appraisal_is_left_to_people(known: Known) -> None:
    asked = entries(probast_ai(known))
    assert len(asked) == 34 and sum(entry.state == OPEN for entry in asked) >= 30


def test_each_line_is_written_once(model, evaluation) -> None:
    card = model_card(model, evaluation)
    for name, headings in (("tripod-ai.md", TRIPOD), ("probast-ai.md", [question.number for question in questions()])):
        found = re.findall(r"^### (\d+[a-g]?|\d\.\d) ", card.files("md")[name], flags=re.M)
        assert Counter(found) == Counter(headings), name
        page = card.files("html")[name.replace(".md", ".html")]
        assert re.findall(r'<span class="number">([^<]+)</span>', page) == headings


def test_the_count_of_lines_is_that_of_the_lines(known: Known) -> None:
    sections = tripod_ai(known)
    states = Counter(entry.state for entry in entries(sections))
    said = sections[0].blocks[0].text
    assert (f"Of 52 lines, {states[FILLED]} are filled, {states[PARTLY]} partly filled, and {states[OPEN]} left open" in said)
    assert "check both against the paper" in said
