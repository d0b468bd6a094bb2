"""Which messages are evidence: undated ones, later ones, the clinic's own, those that disagree, about another session."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dropout.features.open_cancellations import open_cancellations
from dropout.features.view import Evidence, View
from dropout.features.wording import compute, telling_message
from dropout.history import read_history
from dropout.messages.reader import INTENTS
from dropout.timeline import Moments

GOODBYE = "I have decided to stop therapy, thank you for everything"
LATER = "I can't come, I'll call to reschedule"
FEES = "Please send me the receipt for last month"
SPANISH = "No puedo ir el jueves, le llamo para cambiar la cita"
SEEN = "2024-01-08T10:00"
COLUMNS = ["client_id", "sent_at", "text", "sender", "session_id"]


def history_of(messages: list[tuple]):
    """Client a attends on 8 January 2024 and writes; b holds the extraction date in February."""
    sessions = pd.DataFrame([("s1", "a", SEEN, "attended"), ("s2", "b", "2024-02-25T10:00", "attended")],
                            columns=["session_id", "client_id", "starts_at", "status"])
    return read_history({"sessions": sessions, "messages": pd.DataFrame(messages, columns=COLUMNS)})


def view_of(messages: list[tuple], moment: str) -> View:
    """Client a at a moment."""
    timeline = history_of(messages).timeline
    at = int(np.datetime64(moment, "s").astype(np.int64))
    return View(Evidence(timeline), Moments(np.array([0]), np.array([at])))


def says(view: View) -> str:
    """What the message that tells most says."""
    found = compute(view)
    return INTENTS[int(np.argmax([found[f"says_{intent}"][0] for intent in INTENTS]))]


def client(sent_at: object, text: object, session: str | None = None) -> tuple:
    return ("a", sent_at, text, "client", session)


def test_a_message_without_a_date_is_set_aside():
    history = history_of([client(None, GOODBYE), client("2024-01-10T10:00", LATER)])
    assert len(history.tables.messages) == 1


def test_a_message_is_known_from_the_second_it_was_sent_and_not_before():
    messages = [client("2024-01-10T10:00", GOODBYE)]
    assert telling_message(view_of(messages, "2024-01-10T09:59:59"))[0] == -1
    assert telling_message(view_of(messages, "2024-01-10T10:00"))[0] == 0


def test_what_the_clinic_writes_is_no_evidence_of_intent():
    view = view_of([("a", "2024-01-10T10:00", GOODBYE, "clinic", None)], "2024-02-01")
    assert telling_message(view)[0] == -1 and not open_cancellations(view).is_open[0]


def test_of_two_messages_that_disagree_the_later_counts():
    first, second = client("2024-01-10T10:00", GOODBYE), client("2024-01-11T10:00", LATER)
    assert says(view_of([first, second], "2024-01-10T12:00")) == "ends_therapy"
    assert says(view_of([first, second], "2024-02-01")) == "vague_deferral"


def test_a_later_message_about_something_else_does_not_hide_an_earlier_one():
    assert says(view_of([client("2024-01-10T10:00", GOODBYE), client("2024-01-11T10:00", FEES)], "2024-02-01")) == "ends_therapy"


def test_a_message_before_the_client_was_last_seen_tells_nothing():
    assert telling_message(view_of([client("2024-01-07T10:00", GOODBYE)], "2024-02-01"))[0] == -1


@pytest.mark.parametrize("text", [SPANISH, "\U0001f44d", "", "10:30", "\x00", "<p></p>"])
def test_what_cannot_be_read_gives_no_confident_intent_and_stops_nothing(text: str):
    view = view_of([client("2024-01-10T10:00", text)], "2024-02-01")
    assert compute(view)["n_messages"][0] == 1
    assert view.evidence.intents.max() <= 1.0 and np.allclose(view.evidence.intents.sum(axis=1), 1)
    assert not (view.evidence.intents[0, : INTENTS.index("other")] > 0.5).any()


def test_a_message_that_names_no_session_of_the_client_is_kept_with_the_episode_under_way():
    view = view_of([client("2024-01-10T10:00", LATER, "s2"), client("2024-01-11T10:00", FEES, "nowhere")], "2024-02-01")
    assert compute(view)["n_messages"][0] == 2 and says(view) == "vague_deferral"


def test_a_message_quoting_the_clinic_is_read_by_its_own_words():
    text = f"{LATER}\n\nOn 9 Jan 2024, Clinic <c@example.org> wrote:\n> {GOODBYE}\n> Thursday at 3 instead?"
    assert says(view_of([client("2024-01-10T10:00", text)], "2024-02-01")) == "vague_deferral"
