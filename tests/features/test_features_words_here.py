"""What words have meant here, against a loop over the messages, and cases worked out by hand."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest
from another_future import with_another_future
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from random_histories import histories, moments, read, second
from test_features_prefix import as_of

from dropout.endings.definitions import DROPOUT, ENDING_OF_REASON
from dropout.features.moments import open_at
from dropout.features.therapist import current
from dropout.features.view import Evidence, View
from dropout.features.words_here import (
    PRIOR_BACK,
    PRIOR_GONE,
    WEIGHT_OF_ALL,
    WEIGHT_OF_PRIOR,
    compute,
    settled,
    shares,
)
from dropout.messages.reader import INTENTS
from dropout.timeline import DAY, FOREVER, Moments, Timeline
from dropout.timeline.timeline import ATTENDED

EXAMPLES = int(os.environ.get("TWIN_EXAMPLES", "40"))
OTHER = INTENTS.index("other")
ENDS = INTENTS.index("ends_therapy")
GOODBYE = "I have decided to stop therapy, thank you for everything"
MOVE = "Can we move Tuesday to Thursday at 3pm?"


def settled_slowly(evidence: Evidence, at: int) -> list[tuple[int, int, str]]:
    """(row of the message, episode, "gone" or "back") of each message to cancel of which it was known by a second."""
    timeline, times, found = evidence.timeline, evidence.timeline.sessions, []
    facts = evidence.messages
    for episode, sent, row in zip(facts.owner, facts.at, facts.values["row"], strict=True):
        if sent > at or evidence.intents[row, OTHER] >= 0.5 or evidence.unread[row]:
            continue
        seen = [times.outcome[k] for k in range(len(times.outcome))
                if timeline.belongs.session[k] == episode and times.status[k] == ATTENDED and sent < times.outcome[k] <= at]
        again = min(seen, default=FOREVER)
        reason = timeline.episodes["closure_reason"].iloc[episode]
        closed = max(int(timeline.closed[episode]), sent) if isinstance(reason, str) else FOREVER
        silent = sent + evidence.gap_days * DAY
        if closed < silent:
            given_up = closed if ENDING_OF_REASON[reason] == DROPOUT else FOREVER
        else:
            given_up = silent
        if again < FOREVER and (again <= closed or given_up < FOREVER):
            found.append((row, episode, "back"))
        elif given_up <= at and given_up < again:
            found.append((row, episode, "gone"))
    return found


@settings(max_examples=EXAMPLES, deadline=None)
@given(histories, st.lists(moments, min_size=1, max_size=3), st.sampled_from([30, 60]))
def test_messages_of_those_gone_and_those_back_as_known_then(history, asked, gap_days):
    timeline = history.timeline
    evidence = Evidence(timeline, gap_days=gap_days)
    facts = evidence.messages
    clinic_then = current(View(evidence, Moments(facts.owner, facts.at)), timeline.clinic)
    clinic_of = dict(zip(facts.values["row"].tolist(), clinic_then.tolist(), strict=True))
    for at in map(second, asked):
        known = settled_slowly(evidence, at)
        for of in ("everyone", "clinic"):
            for owner in range(1 if of == "everyone" else int(timeline.clinic.max(initial=0)) + 1):
                for name in ("gone", "back"):
                    mine = [row for row, _, became in known
                            if became == name and (of == "everyone" or clinic_of[row] == owner)]
                    expected = np.rint(evidence.intents[mine] * 1000).sum(axis=0)
                    one = np.array([owner]), np.array([at])
                    got = [settled(evidence, of).total(f"{name}_{intent}", *one)[0] for intent in INTENTS]
                    np.testing.assert_array_equal(got, expected)


@settings(max_examples=EXAMPLES, deadline=None)
@given(histories, moments, st.integers(0, 2**20))
def test_another_future_and_a_cut_change_nothing(history, moment, seed):
    assume(np.datetime64(moment, "s") < history.tables.extraction_at())
    cut = as_of(history, moment)
    assume(cut.tables.messages is not None)

    def read_of(one) -> list[tuple]:
        timeline = one.timeline
        asked = open_at(timeline, second(moment))
        view = View(Evidence(timeline), asked)
        names = timeline.episodes[["client_id", "episode_id"]].iloc[asked.episode].itertuples(index=False, name=None)
        gone, back = shares(view)
        return sorted(zip(names, compute(view)["words_here"].tolist(), gone.tolist(), back.tolist(), strict=True))

    other = with_another_future(history, moment, seed).as_of(moment)
    assert read_of(cut) == read_of(other)


def written(rows: list[tuple], closed: str | None = None, reason: str | None = None) -> Timeline:
    """Client a attends on 8 January 2024 and writes, in clinic K; b holds the extraction date."""
    sessions = [("a", "2024-01-08T10:00", "attended", "K"), ("b", "2024-07-01T10:00", "attended", "K")]
    sessions += [row for row in rows if len(row) == 4]
    frames = {
        "sessions": pd.DataFrame(sessions, columns=["client_id", "starts_at", "status", "clinic_id"]),
        "messages": pd.DataFrame([row for row in rows if len(row) == 3], columns=["client_id", "sent_at", "text"]),
        "episodes": pd.DataFrame([("a", "e1", "2024-01-01T10:00", closed, reason)],
                                 columns=["client_id", "episode_id", "opened_at", "closed_at", "closure_reason"]),
    }
    return read(frames).timeline


def counted(timeline: Timeline, moment: str) -> tuple[int, int]:
    """Messages known by a moment to be of clients gone, and of clients back."""
    found, one = settled(Evidence(timeline), "everyone"), (np.array([0]), np.array([second(pd.Timestamp(moment))]))
    totals = [sum(found.total(f"{name}_{intent}", *one)[0] for intent in INTENTS) for name in ("gone", "back")]
    return round(totals[0] / 1000), round(totals[1] / 1000)


WROTE = ("a", "2024-01-10T10:00", GOODBYE)


@pytest.mark.parametrize(("rows", "closed", "reason", "steps"), [
    ([WROTE], None, None, [("2024-03-10T09:59", 0, 0), ("2024-03-10T10:00", 1, 0)]),
    ([WROTE], "2024-01-20T10:00", "client_dropout", [("2024-01-20T09:59", 0, 0), ("2024-01-20T10:00", 1, 0)]),
    ([WROTE], "2024-01-20T10:00", "moved", [("2024-06-01T10:00", 0, 0)]),
    ([WROTE, ("a", "2024-01-30T10:00", "attended", "K")], None, None, [("2024-01-30T09:59", 0, 0), ("2024-06-01", 0, 1)]),
    ([WROTE, ("a", "2024-05-01T10:00", "attended", "K")], None, None, [("2024-04-01", 1, 0), ("2024-05-01T10:00", 0, 1)]),
    ([("a", "2024-01-10T10:00", "Thanks, here is the form you asked for")], None, None, [("2024-06-01", 0, 0)]),
], ids=["silent for the gap", "closed as a dropout", "closed otherwise", "back", "back after all", "not to cancel"])
def test_when_it_is_known_what_became_of_the_writer(rows, closed, reason, steps):
    timeline = written(rows, closed, reason)
    for moment, gone, back in steps:
        assert counted(timeline, moment) == (gone, back), moment


def test_words_that_cannot_be_read_count_for_nothing():
    timeline = written([("a", "2024-01-10T10:00", "No puedo ir el jueves, le llamo para cambiar la cita")])
    assert counted(timeline, "2024-06-01") == (0, 0)


def test_the_weight_of_words_by_hand():
    """Thirty goodbyes at clinic K of clients who came back: the words mean less there than the prior has it."""
    sessions = [(f"c{k}", day, "attended", "K") for k in range(30) for day in ("2024-01-02T10:00", "2024-01-16T10:00")]
    sessions += [("x", "2024-03-04T10:00", "attended", "K"), ("y", "2024-03-04T10:00", "attended", "L"),
                 ("z", "2024-04-01T10:00", "attended", "K")]
    messages = [(f"c{k}", "2024-01-09T10:00", GOODBYE) for k in range(30)]
    messages += [("x", "2024-03-05T10:00", GOODBYE), ("y", "2024-03-05T10:00", GOODBYE)]
    timeline = read({
        "sessions": pd.DataFrame(sessions, columns=["client_id", "starts_at", "status", "clinic_id"]),
        "messages": pd.DataFrame(messages, columns=["client_id", "sent_at", "text"])}).timeline
    evidence = Evidence(timeline)
    at = second(pd.Timestamp("2024-03-06T10:00"))
    names = timeline.episodes["client_id"]
    asked = [int(np.flatnonzero(names == name)[-1]) for name in ("x", "y")]
    view = View(evidence, Moments(np.array(asked), np.array([at, at])))
    weight, (gone, back) = compute(view)["words_here"], shares(view)

    said = np.rint(evidence.intents[0] * 1000) / 1000
    of_all = (30 * said + WEIGHT_OF_PRIOR * PRIOR_BACK) / (30 * said.sum() + WEIGHT_OF_PRIOR)
    of_k = (30 * said + WEIGHT_OF_ALL * of_all) / (30 * said.sum() + WEIGHT_OF_ALL)
    np.testing.assert_allclose(back, [of_k, of_all], rtol=1e-12)
    np.testing.assert_allclose(gone, [PRIOR_GONE, PRIOR_GONE], rtol=1e-12)
    np.testing.assert_allclose(gone.sum(axis=1), 1)
    told = evidence.intents[0]
    np.testing.assert_allclose(weight, [np.log(told @ PRIOR_GONE / (told @ one)) for one in (of_k, of_all)], rtol=1e-12)
    prior = np.log(PRIOR_GONE[ENDS] / PRIOR_BACK[ENDS])
    assert weight[0] < weight[1] < 0 < prior


def test_no_message_weighs_nothing_and_a_clinic_without_a_name_speaks_for_all():
    sessions = [("a", "2024-01-08T10:00", "attended"), ("b", "2024-07-01T10:00", "attended")]
    timeline = read({
        "sessions": pd.DataFrame(sessions, columns=["client_id", "starts_at", "status"]),
        "messages": pd.DataFrame([("a", "2024-01-10T10:00", MOVE)], columns=["client_id", "sent_at", "text"])}).timeline
    asked = Moments(np.array([0, 0, 1]), np.array([second(pd.Timestamp(m)) for m in ("2024-01-09", "2024-01-11", "2024-06-30")]))
    weight = compute(View(Evidence(timeline), asked))["words_here"]
    assert weight[0] == 0 and weight[2] == 0
    assert weight[1] < -1, "who asks for another time returns more often than not"


def test_the_prior_is_two_sets_of_shares():
    for shares_of in (PRIOR_GONE, PRIOR_BACK):
        assert len(shares_of) == len(INTENTS) and np.isclose(shares_of.sum(), 1) and (shares_of > 0).all()
