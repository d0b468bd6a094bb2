"""When silences begin and what became of them, against loops over the rows of one episode."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest
from another_future import with_another_future
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from past_silences import Past
from random_histories import DAYS, HOURS, histories, moment, moments, read, second

from dropout.endings import DEFAULT
from dropout.errors import CallError
from dropout.features.moments import open_at
from dropout.features.view import Evidence
from dropout.features.wording import LOOK_BACK
from dropout.messages.reader import INTENTS
from dropout.models.silences import SINCE_SEEN, all_silences, outcomes, silences_at
from dropout.timeline import DAY, FOREVER, NEVER, Moments
from dropout.timeline.timeline import ATTENDED, CLIENT_CANCEL, LATE_CANCEL

EXAMPLES = int(os.environ.get("TWIN_EXAMPLES", "30"))
OTHER = INTENTS.index("other")


class Slowly:
    """One episode, asked row by row."""

    def __init__(self, evidence: Evidence, episode: int) -> None:
        self.evidence, self.timeline, self.episode = evidence, evidence.timeline, episode
        self.rows = [row for row, owner in enumerate(self.timeline.belongs.session) if owner == episode]

    def messages(self, at: int) -> list[tuple[int, int]]:
        """(second sent, row) of the client's messages known by a second, in order."""
        facts = self.evidence.messages
        return [(sent, row) for owner, known, sent, row in
                zip(facts.owner, facts.at, facts.values["sent"], facts.values["row"], strict=True)
                if owner == self.episode and known <= at]

    def is_open(self, at: int) -> bool:
        """Whether a cancellation was open: cancelled or wrote to, not seen since, nothing booked ahead."""
        times = self.timeline.sessions
        known = sorted((times.outcome[row], times.start[row], times.status[row]) for row in self.rows if times.outcome[row] <= at)
        cancelled, seen = False, -FOREVER
        for _, start, status in known:
            if status == ATTENDED:
                cancelled, seen = False, max(seen, start)
            elif status in (LATE_CANCEL, CLIENT_CANCEL):
                cancelled = True
        booked = any(times.booked[row] != NEVER and times.booked[row] <= at < times.ahead_until[row] for row in self.rows)
        return (cancelled or self.wrote(at, seen)) and not booked

    def wrote(self, at: int, seen: int) -> bool:
        """Whether a message since last seen says that the client will not come."""
        since = [row for sent, row in self.messages(at)[-LOOK_BACK:] if sent > seen]
        return any(self.evidence.intents[row, OTHER] < 0.5 and not self.evidence.unread[row] for row in since)

    def facts(self, at: int) -> list[int]:
        """Seconds at which the client cancelled or wrote, or a booking of theirs lapsed, up to one."""
        times = self.timeline.sessions
        found = [times.outcome[row] for row in self.rows if times.status[row] in (LATE_CANCEL, CLIENT_CANCEL)]
        found += [times.ahead_until[row] for row in self.rows if times.booked[row] != NEVER]
        messages = self.evidence.messages
        found += [known for owner, known in zip(messages.owner, messages.at, strict=True) if owner == self.episode]
        return [int(one) for one in found if one <= at]


@settings(max_examples=EXAMPLES, deadline=None)
@given(histories, moments)
def test_the_beginning_of_each_silence(history, when):
    timeline, at = history.timeline, second(when)
    evidence = Evidence(timeline)
    asked = open_at(timeline, at)
    mask, found = silences_at(evidence, asked, None)
    begun = []
    for episode, is_open in zip(asked.episode, mask, strict=True):
        slowly = Slowly(evidence, episode)
        assert slowly.is_open(at) == is_open
        if is_open:
            latest = max(slowly.facts(at))
            # Nothing that happened between opened it, so it was open from the last fact on.
            assert slowly.is_open(latest)
            begun.append((episode, latest))
    starts = list(zip(found.start.episode[found.which], found.start.at[found.which], strict=True))
    assert starts == begun
    np.testing.assert_allclose(found.days, [(at - latest) / DAY for _, latest in begun])
    assert found.asked.episode.tolist() == asked.episode[mask].tolist()


@settings(max_examples=EXAMPLES, deadline=None)
@given(histories)
def test_all_silences_and_what_became_of_them(history):
    timeline = history.timeline
    evidence = Evidence(timeline)
    expected = []
    for episode in range(len(timeline)):
        slowly = Slowly(evidence, episode)
        facts = sorted(set(slowly.facts(timeline.extraction)))
        expected += [(episode, at) for at in facts if at < timeline.closed[episode] and slowly.is_open(at)]
    start = all_silences(evidence)
    assert list(zip(start.episode, start.at, strict=True)) == expected

    found, times = outcomes(evidence, DEFAULT, start), timeline.sessions
    for k, (episode, at) in enumerate(expected):
        rows = Slowly(evidence, episode).rows
        attended = [times.start[row] for row in rows if times.status[row] == ATTENDED
                    and times.start[row] > at and times.outcome[row] <= timeline.extraction]
        booked = [times.booked[row] for row in rows if at < times.booked[row] <= timeline.extraction]
        begins_again = [other for owner, other in expected if owner == episode and other > at]
        closing = timeline.closed[episode]
        closed = closing if closing <= timeline.extraction else np.inf

        def days(seconds, at=at):
            return (min(seconds, default=np.inf) - at) / DAY

        assert found.returned[k] == days(attended)
        assert found.heard[k] == days(attended + booked)
        assert found.closed[k] == days([closed])
        assert found.over[k] == days(attended + booked + begins_again + [closed])
        assert found.followed[k] == (timeline.extraction - at) / DAY
        assert found.gone[k] == (not attended)
        if found.known[k]:
            assert at + DEFAULT.maturity_days * DAY <= timeline.extraction


@settings(max_examples=EXAMPLES // 3, deadline=None)
@given(histories, st.tuples(st.sampled_from(DAYS), st.sampled_from(HOURS)), st.integers(0, 2**20))
def test_silences_of_a_cut_and_of_another_future_are_the_same(history, day, seed):
    when = pd.Timestamp(moment(*day)) if day[1] != 24 else pd.Timestamp(moment(*day)) + pd.Timedelta("23:59:59")
    assume(np.datetime64(when, "s") < history.tables.extraction_at())
    try:
        cut = history.as_of(when)
    except CallError:
        assume(False)
    other = with_another_future(history, when, seed).as_of(when)
    held = [silences_at(Evidence(one.timeline), open_at(one.timeline, second(when)), None) for one in (cut, other)]
    (mask, one), (other_mask, two) = held
    assert mask.tolist() == other_mask.tolist() and one.days.tolist() == two.days.tolist()
    assert one.start.at.tolist() == two.start.at.tolist()
    pd.testing.assert_frame_equal(one.values, two.values, check_exact=True)


def test_silences_read_from_the_whole_are_those_of_the_cut(past: Past, history):
    """A model learns from beginnings of silences that lie in the past, and scores with a history that ends there."""
    for when in ("2025-09-10T15:00", "2026-02-01"):
        at = second(pd.Timestamp(when))
        cut = history.as_of(when).timeline
        evidence = Evidence(cut, past.evidence.measures, past.evidence.covariates, past.evidence.gap_days)
        whole = silences_at(past.evidence, open_at(past.evidence.timeline, at), past.leaving)[1]
        mine = silences_at(evidence, open_at(cut, at), past.leaving)[1]
        names = [tuple(zip(one.timeline.episodes["client_id"].iloc[silences.start.episode],
                           one.timeline.episodes["episode_id"].iloc[silences.start.episode], silences.start.at, strict=True))
                 for one, silences in ((past.evidence, whole), (evidence, mine))]
        assert len(names[0]) > 10 and names[0] == names[1]
        assert np.array_equal(whole.days, mine.days)
        pd.testing.assert_frame_equal(whole.values, mine.values, check_exact=True)


def test_nothing_read_of_a_silence_changes_while_it_lasts(past: Past):
    """All is read at its beginning: a night later the same silence has the same values, and a day more."""
    timeline = past.evidence.timeline
    at = second(pd.Timestamp("2026-03-01T12:00"))
    nights = [silences_at(past.evidence, open_at(timeline, at + k * DAY), past.leaving)[1] for k in (0, 1, 5)]
    first = {(e, s): (d, tuple(v)) for e, s, d, v in _each(nights[0])}
    for k, night in zip((1, 5), nights[1:], strict=True):
        same = [(key, d, v) for *key, d, v in _each(night) if tuple(key) in first]
        assert len(same) > 10
        for key, days, values in same:
            then, before = first[tuple(key)]
            assert np.isclose(days, then + k)
            np.testing.assert_array_equal(np.array(before), values)


def _each(silences):
    for row, days in zip(silences.which, silences.days, strict=True):
        yield silences.start.episode[row], silences.start.at[row], days, silences.values.iloc[row].to_numpy()


def test_what_is_read_has_names_and_says_what_it_is(past: Past):
    assert set(past.silences.values) <= set(past.silences.features)
    absent = [name for name in SINCE_SEEN if name not in past.silences.values]
    assert not absent, "the simulated tables offer all of them"
    assert past.silences.values["left_log_odds"].notna().any()


def test_one_cancellation_from_day_to_day():
    timeline = read({"sessions": pd.DataFrame(
        [("a", "2024-01-08T10:00", "attended", "2024-01-01T10:00", None),
         ("a", "2024-01-15T10:00", "client_cancel", "2024-01-08T11:00", "2024-01-13T10:00"),
         ("a", "2024-02-05T10:00", "no_show", "2024-01-20T10:00", None),
         ("z", "2024-06-01T10:00", "attended", "2024-05-01T10:00", None)],
        columns=["client_id", "starts_at", "status", "booked_at", "cancelled_at"])}).timeline
    evidence = Evidence(timeline)
    start = all_silences(evidence)
    # The cancellation; then a booking stands from the 20th until it lapses, missed.
    assert [str(np.datetime64(int(at), "s")) for at in start.at] == ["2024-01-13T10:00:00", "2024-02-05T10:00:00"]
    found = outcomes(evidence, DEFAULT, start)
    assert found.heard.tolist() == [7, np.inf] and found.over.tolist() == [7, np.inf]
    assert found.gone.tolist() == [True, True] and found.known.tolist() == [True, True]
    for day, expected in (("2024-01-13T09:59:59", None), ("2024-01-16T10:00", 3.0), ("2024-01-20T10:00", None),
                          ("2024-02-06T22:00", 1.5)):
        mask, asked = silences_at(evidence, Moments(np.array([0]), np.array([second(pd.Timestamp(day))])), None)
        assert asked.days.tolist() == ([] if expected is None else [expected]) and mask[0] == (expected is not None), day


@pytest.mark.parametrize("text", ["No puedo ir el jueves, le llamo para cambiar la cita", "\U0001f44d", "", "10:30?"])
def test_a_message_that_cannot_be_read_opens_no_cancellation(text: str):
    timeline = read({
        "sessions": pd.DataFrame([("a", "2024-01-08T10:00", "attended"), ("z", "2024-06-01T10:00", "attended")],
                                 columns=["client_id", "starts_at", "status"]),
        "messages": pd.DataFrame([("a", "2024-01-10T10:00", text)], columns=["client_id", "sent_at", "text"])}).timeline
    assert not len(all_silences(Evidence(timeline)))
    mask, _ = silences_at(Evidence(timeline), Moments(np.array([0]), np.array([second(pd.Timestamp("2024-01-20"))])), None)
    assert not mask.any()


def test_a_thumb_after_a_goodbye_takes_nothing_back():
    timeline = read({
        "sessions": pd.DataFrame([("a", "2024-01-08T10:00", "attended"), ("z", "2024-06-01T10:00", "attended")],
                                 columns=["client_id", "starts_at", "status"]),
        "messages": pd.DataFrame([("a", "2024-01-10T10:00", "I have decided to stop therapy, thank you for everything"),
                                  ("a", "2024-01-11T10:00", "\U0001f44d")], columns=["client_id", "sent_at", "text"])}).timeline
    mask, found = silences_at(Evidence(timeline), Moments(np.array([0]), np.array([second(pd.Timestamp("2024-01-20"))])), None)
    assert mask.all() and found.state.message.tolist() == [0] and found.days.tolist() == [8.583333333333334]
