"""What the words were worth, and which way of predicting cancellations was chosen: sentences, and counts kept back."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from clinic_frames import InventedModel
from clinic_silences import InventedClock, choice, invented_words
from test_clinic_page import HOSTILE, Page, full

from dropout.clinic import render
from dropout.clinic.trust import clock_facts, model_facts
from dropout.clinic.words_here import SHORT, WHO, few_wrote, words_here
from dropout.messages.reader import INTENTS
from dropout.models.clock import KINDS
from dropout.models.words import NO_MESSAGE, NOT_READ


def page(words) -> Page:
    return Page(render(replace(full(), words=words_here(InventedClock(words)))))


def test_every_kind_of_message_has_words() -> None:
    assert set(WHO) == set(SHORT) == {*INTENTS, NO_MESSAGE, NOT_READ}


def test_rows_are_sentences() -> None:
    text = page(invented_words()).text
    assert ("Of 214 who wrote that they would be in touch, without a date, 61 came back within 30 days (29%, 24 to 36); "
            "of others like them 45% did.") in text
    assert "came back less than others like them" in text
    assert "reads like an ending 5.9 4.4 to 7.9" in text and "about something else 12 8.2 to 18" in text
    assert "asked for or named another time 0.40 0.31 to 0.51" in text
    assert text.index("What the words were worth here") < text.index("likelihood ratios")


def test_small_counts_are_in_no_row() -> None:
    found = words_here(InventedClock(invented_words(not_read=2)))
    assert found is not None and len(found.rows) == 6
    told = " ".join(row.told for row in found.rows)
    assert "Of 30 who cancelled and wrote nothing about coming back, fewer than 5 came back within 30 days; of others" in told
    assert "Of 60 who asked for or named another time, all but fewer than 5 came back within 30 days; of others" in told
    assert all(int(n) >= 5 for n in re.findall(r"(?:Of|,) (\d+) ", told))
    assert "couldn't be read" not in told and found.kept_back == SHORT[NOT_READ]
    assert "Written fewer than 5 times, or never, and so not shown: a message that can't be read here." in page(
        invented_words(not_read=2)).text


def test_no_total_gives_a_small_count_away() -> None:
    words = invented_words(not_read=2)
    total = int(words.loc["all", "n"])
    assert str(total) not in page(words).text
    model = InventedClock(words)
    model.training = InventedModel.training | {"n_cancellations": total}
    fact = next(fact for fact in model_facts(model) if "past cancellations and how" in fact)
    assert "about 790 past cancellations" in fact and total == 793
    model.words = invented_words()
    assert "from 793 past cancellations" in " ".join(model_facts(model))


def test_what_nobody_wrote_is_not_spoken_of() -> None:
    assert few_wrote(invented_words()) == []
    found = words_here(InventedClock(invented_words()))
    assert found is not None and found.kept_back == ""
    assert "and so not shown" not in page(invented_words()).text


def test_the_verdict_says_whether_words_tell() -> None:
    text = page(invented_words()).text
    assert "The words tell something here that the history doesn't." in text
    assert "by 51 thousandths (95% interval 37 to 66)" in text


@pytest.mark.parametrize("gain", [(1.2, -3.0, 5.0), (-2.0, -4.0, -0.5), (0.0, 0.0, 0.0)])
def test_words_that_tell_nothing_are_called_so(gain: tuple[float, float, float]) -> None:
    found = words_here(InventedClock(invented_words(gain)))
    assert found is not None and not found.tells
    text = page(invented_words(gain)).text
    assert "The words tell nothing here that the history doesn't. Don't read a return, or a goodbye" in text
    assert "tell something" not in text
    assert f"interval {gain[1]:.1f}".replace("-", "\u2212") in text


def test_what_could_not_be_tried_is_not_claimed() -> None:
    found = words_here(InventedClock(invented_words((np.nan, np.nan, np.nan))))
    assert found is not None and not found.tells and "could not be tried" in found.verdict[0]


@pytest.mark.parametrize("model", [None, InventedModel(), InventedClock()])
def test_without_words_there_is_no_section(model: object) -> None:
    assert words_here(model) is None
    words = invented_words()
    words["n"] = np.nan
    assert words_here(InventedClock(words)) is None
    assert "words" not in {section["id"] for section in Page(render(full())).all("section")}


def test_the_section_can_be_reached_and_read_aloud() -> None:
    found = page(invented_words())
    assert {"href": "#words"} in found.all("a")
    assert len(found.all("caption")) == len(found.all("table"))
    assert len(found.all("details")) == len(found.all("summary")) == 1


def test_a_model_file_cannot_write_into_the_page() -> None:
    words = invented_words()
    words["meaning"] = HOSTILE
    found = page(words)
    assert not {"script", "img"} & {tag for tag, _ in found.tags}
    assert HOSTILE in found.text


def test_the_clock_chosen_is_named_with_its_losses() -> None:
    facts = " ".join(clock_facts(choice()))
    assert "the mean of both is used" in facts and "On 1,585 past cancellations set apart" in facts
    assert "mixture cure model 0.553, boosted trees 0.575 and mean of both 0.550" in facts
    assert "0.555" not in facts, "only the strength chosen is told"
    assert {kind for kind in KINDS if any(kind in name for name in choice().losses)} == set(KINDS)


@pytest.mark.parametrize(("kind", "name"), [("cure", "mixture cure model"), ("boosting", "boosted trees")])
def test_each_kind_has_a_plain_name(kind: str, name: str) -> None:
    assert f"the {name} is used" in clock_facts(choice(kind=kind))[0]


def test_notes_of_the_comparison_are_told() -> None:
    alone = clock_facts(choice(kind="cure", losses={}, n_later=0, notes=("too few past silences to compare kinds",)))
    assert "without a comparison" in alone[0]
    assert alone[-1] == "How it was compared: too few past silences to compare kinds"


def test_trust_tells_the_clock_in_place_of_the_summary() -> None:
    facts = model_facts(InventedClock())
    assert sum("a client who cancelled comes back" in fact for fact in facts) == 1
    assert sum("a client who cancelled comes back" in fact for fact in model_facts(InventedModel())) == 1
    assert all(fact[-1] == "." for fact in facts)
