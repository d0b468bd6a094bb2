"""Reading intents."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest

from dropout.messages.plain_text import plain_text
from dropout.messages.reader import INTENTS, read_intents
from dropout.messages.train import corpus, held_out


@pytest.mark.parametrize(("text", "intent"), [
    ("I've decided to stop coming. Thank you for everything you did for me.", "ends_therapy"),
    ("Can't make it today, I'll call to reschedule", "vague_deferral"),
    ("Something came up tomorrow, could we do Thursday at 3 instead?", "concrete_reschedule"),
    ("Have to cancel today's session, I'm down with flu, sorry", "cancel_only"),
    ("Running five minutes late, parking now", "other"),
])
def test_plain_messages_are_read_as_anyone_would(text: str, intent: str):
    assert read_intents([text]).iloc[0].idxmax() == intent


def test_probabilities_sum_to_one_and_keep_the_index():
    texts = pd.Series(["see you", None, "", "\U0001f44d", "x" * 100_000, "\x00\x00 cancel"], index=list("abcdef"))
    read = read_intents(texts)
    assert list(read.columns) == INTENTS and list(read.index) == list("abcdef")
    assert np.allclose(read.sum(axis=1), 1) and ((read >= 0) & (read <= 1)).all(axis=None)
    assert read.loc["b"].equals(read.loc["c"]) or np.allclose(read.loc["b"], read.loc["c"])
    assert read.loc["d"].max() < 0.5


def test_no_messages_give_an_empty_frame():
    assert read_intents([]).shape == (0, 5)


def test_a_message_is_read_the_same_alone_or_among_others():
    texts = list(corpus()["text"].head(200))
    together = read_intents(texts).to_numpy()
    alone = np.vstack([read_intents([text]).to_numpy() for text in texts])
    assert np.array_equal(together, alone)


@pytest.mark.parametrize(("text", "left"), [
    ("Can't come\n\nOn Mon, 3 Mar 2026 at 10:12, Clinic <c@example.org> wrote:\n> please confirm", "can't come"),
    ("<p>Can&rsquo;t <b>come</b></p>", "can't come"),
    ("see you 3:30pm on the 14th, call 555-0123", "see you attime on the nthday , call num - num"),
    ("mail me at a.b@example.org or https://example.org/x", "mail me at addr or addr"),
    ("> quoted\nmine", "mine"),
])
def test_what_is_not_the_message_goes_and_numbers_are_not_kept(text: str, left: str):
    assert plain_text(text) == left


def test_a_message_full_of_angle_brackets_is_read_in_time():
    start = time.perf_counter()
    plain_text("<" * 100_000)
    plain_text("<a " * 40_000)
    plain_text(">\n" * 50_000)
    assert time.perf_counter() - start < 2


def test_the_corpus_is_labelled_in_full_and_no_message_stands_twice():
    messages = corpus()
    assert len(messages) >= 6_000 and messages["round"].nunique() >= 12
    assert set(messages["intent"]) == set(INTENTS) and set(messages["hard"]) == {0, 1}
    plain = messages["text"].map(plain_text)
    assert not plain.duplicated().any(), messages["text"][plain.duplicated(keep=False)].tolist()


@pytest.mark.slow
def test_rounds_that_the_reader_has_not_seen_are_read_well():
    """Macro-F1 on held-out rounds, whole rounds at a time; the present figures are 0.83 over all and 0.73 on hard ones."""
    from sklearn.metrics import f1_score

    messages = corpus()
    best = held_out(messages).idxmax(axis=1)
    hard = messages["hard"] == 1
    assert f1_score(messages["intent"], best, average="macro") > 0.80
    assert f1_score(messages["intent"][hard], best[hard], average="macro") > 0.70
    assert f1_score(messages["intent"][~hard], best[~hard], average="macro") > 0.86
