"""The rules one by one: hand-made cases, the plain loops, and when each could first have been known."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest
from another_future import with_another_future
from hypothesis import given, settings
from hypothesis import strategies as st
from random_histories import histories, known_rows, moments
from slow_endings import Episode, slowly
from small_endings import LAST, history_of, judged, said

from dropout.endings import (
    COMPLETED,
    DEFAULT,
    DROPOUT,
    CadenceGap,
    ClosureReason,
    DischargePolicy,
    FewerThan,
    Gap,
    MissedLast,
    NoReliableChange,
    PlannedNotReached,
    UnlessRecorded,
)
from dropout.endings.policy import discharged
from dropout.errors import CallError
from dropout.timeline import FOREVER, NEVER, Moments

EXAMPLES = int(os.environ.get("ENDINGS_EXAMPLES", "40"))

SHARP = [Gap(30), CadenceGap(2, 14, 60), MissedLast(Gap(30)), FewerThan(2, Gap(30)), PlannedNotReached(Gap(30)),
         NoReliableChange(("phq9",), ended=Gap(30)), DischargePolicy(Gap(30), 2)]
"""Known to the second."""

RECORDS = [ClosureReason(), DEFAULT, UnlessRecorded(Gap(60)), UnlessRecorded(CadenceGap(2, 14, 60)), MissedLast(), FewerThan(3),
           PlannedNotReached(), NoReliableChange(("phq9",)), NoReliableChange(("phq9",), clinical=True),
           DischargePolicy(DEFAULT, 2), DischargePolicy(ClosureReason(), 1, ("no_show", "client_cancel"))]

JOINED = [ClosureReason() | UnlessRecorded(Gap(60)), ClosureReason() & Gap(30), MissedLast() | FewerThan(2) | Gap(90),
          MissedLast(Gap(30)) & (PlannedNotReached() | NoReliableChange(("phq9",))),
          DischargePolicy(DEFAULT | CadenceGap(2, 14, 60), 2)]


def weekly(*days: str, episode: str = ".") -> list[str]:
    """Attended sessions of May 2024, booked a week ahead."""
    return [f"2024-05-{day}T10:00 attended 2024-04-{day}T10:00 {episode}" for day in days]


# -- examples ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sessions", "definition", "expected", "why"),
    [
        (weekly("01", "08", "15"), CadenceGap(3, 14, 120), ("dropout", "2024-05-15T10:00", "2024-06-05T10:00"),
         "a weekly client: three weeks"),
        (weekly("01", "08", "15"), CadenceGap(3), ("dropout", "2024-05-15T10:00", "2024-06-14T10:00"), "never under 30 days"),
        (weekly("01", "08", "15"), CadenceGap(7), ("ongoing", None, None), "49 days are not over yet"),
        (["2024-04-01T10:00 attended . .", "2024-05-01T10:00 attended . ."], CadenceGap(3), ("ongoing", None, None),
         "a monthly client may be silent for 90 days"),
        (["2024-04-01T10:00 attended . ."], CadenceGap(3, 30, 80), ("dropout", "2024-04-01T10:00", "2024-06-20T10:00"),
         "no interval yet: the longest silence"),
        ([*weekly("01", "08"), "2024-07-05T10:00 scheduled 2024-05-08T10:00 ."], CadenceGap(3), ("ongoing", None, None),
         "booked ahead"),
    ])
def test_cadence(sessions, definition, expected, why):
    assert said(history_of(sessions), definition) == [expected], why


def test_cadence_is_certain_after_the_longest_silence():
    assert CadenceGap(3, 20, 100).maturity_days == 100
    assert "3 times the client's usual interval" in CadenceGap().name


MISS = "2024-05-08T10:00 no_show 2024-05-01T10:00 e1"
CLOSED = "e1 2024-04-01T10:00 2024-06-10T10:00"


@pytest.mark.parametrize(
    ("sessions", "reason", "expected", "why"),
    [
        ([MISS], "client_dropout", "dropout", "the last appointment was missed"),
        ([], "client_dropout", "completed", "the clinician's word counts for nothing: the last appointment was attended"),
        ([MISS], "completed", "dropout", "nor does it here"),
        ([MISS], "moved", "administrative", "an ending that others made stands"),
        ([MISS], "service_ended", "service_ended", "so does the service's"),
        (["2024-05-08T10:00 client_cancel 2024-05-01T10:00 e1 2024-05-07T10:00"], "other", "administrative", ""),
        (["2024-05-08T10:00 client_cancel 2024-05-01T10:00 e1 2024-05-07T10:00"], ".", "dropout",
         "closed without a reason: silence says that it has ended"),
        (["2024-05-08T10:00 late_cancel 2024-05-01T10:00 e1 2024-05-08T08:00"], "completed", "dropout", "cancelled late"),
        (["2024-05-08T10:00 clinic_cancel 2024-05-01T10:00 e1 2024-05-07T10:00"], "completed", "completed",
         "the clinic's cancellation never counts against the client"),
        ([MISS, "2024-05-15T10:00 clinic_cancel 2024-05-09T10:00 e1 2024-05-10T10:00"], "completed", "dropout",
         "nor does it wipe out a miss"),
        ([MISS, "2024-05-15T10:00 attended 2024-05-09T10:00 e1"], "completed", "completed", "attended after the miss"),
    ])
def test_the_last_appointment(sessions, reason, expected, why):
    history = history_of(["2024-05-01T10:00 attended 2024-04-24T10:00 e1", *sessions], [f"{CLOSED} {reason}"])
    assert [ending for ending, *_ in said(history, MissedLast())] == [expected], why


def test_the_last_appointment_is_known_when_the_ending_is():
    history = history_of(["2024-05-01T10:00 attended 2024-04-24T10:00 e1", MISS], [f"{CLOSED} completed"])
    assert said(history, MissedLast()) == [("dropout", "2024-05-01T10:00", "2024-06-10T10:00")]
    assert said(history, MissedLast(Gap(30))) == [("dropout", "2024-05-01T10:00", "2024-05-31T10:00")]


def test_fewer_than_n_sessions():
    history = history_of(weekly("01", "08", "15", episode="e1"), [f"{CLOSED} completed"])
    assert said(history, FewerThan(4)) == [("dropout", "2024-05-15T10:00", "2024-06-10T10:00")]
    assert said(history, FewerThan(3)) == [("completed", "2024-06-10T10:00", "2024-06-10T10:00")]
    assert said(history, FewerThan(4, Gap(60))) == [("ongoing", None, None)]
    left = history_of(weekly("01", "08", "15", episode="e1"), [f"{CLOSED} client_dropout"])
    assert said(left, FewerThan(3)) == [("completed", "2024-05-15T10:00", "2024-06-10T10:00")]


def test_the_plan():
    rows = weekly("01", "08", "15", episode="e1")
    assert said(history_of(rows, [f"{CLOSED} completed 4"]), PlannedNotReached())[0][0] == "dropout"
    assert said(history_of(rows, [f"{CLOSED} client_dropout 3"]), PlannedNotReached())[0][0] == "completed"
    two = [*rows, *weekly("20", episode="e2")]
    history = history_of(two, [f"{CLOSED} client_dropout .", "e2 2024-04-02T10:00 2024-06-10T10:00 client_dropout 9"])
    assert judged(history, PlannedNotReached()) == [False, True], "an episode without a plan is not judged"
    assert [ending for ending, *_ in said(history, PlannedNotReached())] == ["ongoing", "dropout"]


@pytest.mark.parametrize(
    ("scores", "definition", "expected", "why"),
    [
        ("phq9 16 10", NoReliableChange(), "completed", "fell by 6"),
        ("phq9 16 11", NoReliableChange(), "dropout", "fell by 5: by chance alone it might"),
        ("gad7 12 8", NoReliableChange(), "completed", "fell by 4"),
        ("oq45 80 66", NoReliableChange(), "completed", "fell by 14"),
        ("oq45 80 67", NoReliableChange(), "dropout", "fell by 13"),
        ("phq9 16 10", NoReliableChange(clinical=True), "dropout", "still in the clinical range"),
        ("phq9 16 9", NoReliableChange(clinical=True), "completed", "below the cutoff of 10"),
        ("oq45 80 63", NoReliableChange(clinical=True), "completed", "below the cutoff of 64"),
        ("phq9 9 1", NoReliableChange(clinical=True), None, "began below the cutoff: can't tell"),
        ("phq9 16 10 gad7 8 12", NoReliableChange(), "dropout", "one better, the other reliably worse"),
        ("phq9 16 10 gad7 8 11", NoReliableChange(), "completed", "one better, the other much the same"),
        ("phq9 16", NoReliableChange(), None, "one score tells no change"),
        ("srs 10 39", NoReliableChange(), None, "alliance is no symptom"),
        ("gad7 12 8", NoReliableChange(("phq9",)), None, "not the one asked for"),
    ])
def test_change(scores, definition, expected, why):
    words, rows, name, day = scores.split(), [], "", 0
    for word in words:
        name, day = (word, 1) if word.isalpha() or word[:2] in ("ph", "ga", "oq") else (name, day + 1)
        if word != name:
            rows.append(f"2024-05-{day:02d}T09:50 {name} {word}")
    history = history_of(weekly("01", "08", "15", episode="e1"), [f"{CLOSED} client_dropout"], rows)
    assert said(history, definition)[0][0] == (expected or "ongoing"), why
    assert judged(history, definition) == [expected is not None], why


def test_scores_after_the_end_are_not_looked_at():
    rows = ["2024-05-01T09:50 phq9 16", "2024-05-15T09:50 phq9 15", "2024-06-20T10:00 phq9 3"]
    history = history_of(weekly("01", "08", "15", episode="e1"), [f"{CLOSED} completed"], rows)
    assert said(history, NoReliableChange())[0][0] == "dropout"


def test_the_clinics_own_rule_ends_what_no_client_ended():
    misses = [f"2024-05-{day}T10:00 no_show 2024-04-{day}T10:00 e1" for day in ("08", "15", "22")]
    rows = ["2024-05-01T10:00 attended 2024-04-24T10:00 e1", *misses]
    policy = DischargePolicy(DEFAULT)
    ended = ("service_ended", "2024-05-22T10:00", "2024-05-22T10:00")
    assert said(history_of(rows, [f"{CLOSED} client_dropout"]), policy) == [ended]
    assert said(history_of(rows, [f"{CLOSED} service_ended"]), policy) == [ended], "on record later, by the rule already then"
    assert said(history_of(rows), policy) == [ended], "before silence could have told"
    assert said(history_of(rows, [f"{CLOSED} completed"]), policy)[0][0] == "completed", "a planned ending on record stands"
    assert said(history_of(rows, ["e1 2024-04-01T10:00 2024-05-16T10:00 client_dropout"]), policy) == [
        ("dropout", "2024-05-01T10:00", "2024-05-16T10:00")], "they had left before the third miss"
    assert said(history_of(rows[:-1], [f"{CLOSED} client_dropout"]), policy)[0][0] == "dropout", "two are not three"
    back = [*rows, "2024-06-05T10:00 attended 2024-05-23T10:00 e1"]
    assert said(history_of(back, [f"{CLOSED} client_dropout"]), policy)[0][0] == "dropout", "seen again: it was not applied"
    broken = [rows[0], *misses[:2], "2024-05-16T10:00 attended 2024-05-15T12:00 e1", misses[2]]
    assert said(history_of(broken, [f"{CLOSED} client_dropout"]), policy)[0][0] == "dropout", "not in a row"
    late = [row.replace("no_show", "client_cancel") for row in rows]
    assert said(history_of(late, [f"{CLOSED} client_dropout"]), policy)[0][0] == "dropout", "cancelled in time"
    assert said(history_of(late, [f"{CLOSED} client_dropout"]), DischargePolicy(DEFAULT, 3, ("client_cancel",))) == [
        ("service_ended", "2024-05-22T10:00", "2024-05-22T10:00")], "unless that counts too"


def test_silence_after_a_planned_ending_is_no_dropout():
    history = history_of(["2024-02-01T10:00 attended . e1"], ["e1 2024-01-01T10:00 2024-02-02T10:00 completed"])
    assert said(history, Gap(60))[0][0] == "dropout"
    assert said(history, UnlessRecorded(Gap(60))) == [("completed", "2024-02-02T10:00", "2024-02-02T10:00")]
    left = history_of(["2024-05-20T10:00 attended . e1"], ["e1 2024-01-01T10:00 2024-05-22T10:00 client_dropout"])
    assert said(left, DEFAULT)[0][0] == "dropout"
    assert said(left, UnlessRecorded(Gap(60)))[0][0] == "ongoing", "silence decides, not the clinician"


def test_never_started_stays_as_it_was():
    history = history_of(["2024-03-01T10:00 no_show 2024-02-01T10:00 e1", "2024-04-02T10:00 attended . e2"],
                         ["e1 2024-01-01T10:00 . . 5", "e2 2024-04-01T10:00 . . 5"], ["2024-04-02T10:00 phq9 9"])
    for definition in (MissedLast(), FewerThan(4), PlannedNotReached(), NoReliableChange()):
        assert said(history, definition)[0] == said(history, DEFAULT)[0] == ("dropout", None, "2024-03-01T10:00")


@pytest.mark.parametrize(
    ("definition", "missing"),
    [(ClosureReason(), "episodes.closure_reason"), (PlannedNotReached(), "episodes.planned_sessions"),
     (NoReliableChange(), "measures.score"), (ClosureReason() | Gap(60), "episodes.closure_reason"),
     (DischargePolicy(FewerThan(4, ClosureReason())), "episodes.closure_reason")])
def test_what_is_absent_is_named(definition, missing):
    with pytest.raises(CallError, match=rf"needs {missing}, and the history has no table '{missing.split('.')[0]}'.* or "):
        definition.endings(history_of(weekly("01")).timeline)


@pytest.mark.parametrize(
    "make",
    [lambda: Gap(0), lambda: Gap(2.5), lambda: CadenceGap(0), lambda: CadenceGap(3, 60, 30), lambda: FewerThan(0),
     lambda: NoReliableChange(("wai_sr",)), lambda: NoReliableChange(()), lambda: DischargePolicy(DEFAULT, 0),
     lambda: DischargePolicy(DEFAULT, 3, ("attended",))])
def test_settings_that_mean_nothing_are_refused(make):
    with pytest.raises(CallError, match="expected"):
        make()


# -- random histories ----------------------------------------------------------------------------------------


def endings_of(definition, history):
    """Endings, None where the history lacks what the definition needs."""
    try:
        return definition.endings(history.timeline)
    except CallError:
        return None


@settings(max_examples=EXAMPLES)
@given(histories, st.sampled_from([*SHARP, *RECORDS, *JOINED]))
def test_definitions_are_plain_loops(history, definition):
    found = endings_of(definition, history)
    for number in range(0 if found is None else len(history.timeline)):
        fast = tuple(int(part[number]) for part in (found.ending, found.at, found.known, found.can_tell))
        assert fast == tuple(map(int, slowly(definition, Episode(history, number))))


@settings(max_examples=EXAMPLES)
@given(histories, st.sampled_from([*SHARP, *RECORDS, *JOINED]))
def test_an_ending_is_seen_when_it_is_said_to_be_known(history, definition):
    found = endings_of(definition, history)
    for number in np.flatnonzero(found.known != FOREVER) if found is not None else []:
        known = int(found.known[number])
        assert known <= history.timeline.extraction
        whose, late = known_rows(history, known)[number], any(
            known > start for known, start in Episode(history, number).attended)
        if known < history.timeline.sessions.first_known.min() or isinstance(whose[1], str):
            continue  # no session was known: there is no history to look at, or nothing by which to find the episode in it
        if endings_of(definition, history.as_of(np.datetime64(known, "s"))) is None:
            # Nothing was known yet of the table that the rule reads, so it can't be asked. It then decides nothing of this
            # episode either: nothing was attended, or others made the ending.
            assert definition in JOINED or found.at[number] == NEVER or found.ending[number] not in (DROPOUT, COMPLETED)
            continue
        assert (found.ending[number], found.at[number]) in seen_at(history, definition, known, whose)
        earlier = known - 1 >= history.timeline.sessions.first_known.min()
        if definition in SHARP and earlier and not late:
            # (A session written down after it took place may have changed the reckoning without changing its end.)
            assert (found.ending[number], found.at[number]) not in seen_at(history, definition, known - 1, whose)


def seen_at(history, definition, at: int, whose: tuple) -> list[tuple]:
    """(ending, at) of an episode in the history cut at a second."""
    cut = history.as_of(np.datetime64(at, "s"))
    found = endings_of(definition, cut)
    rows = known_rows(cut, at)
    return [] if found is None else [(found.ending[k], found.at[k]) for k, row in enumerate(rows) if row == whose]


@settings(max_examples=EXAMPLES // 2)
@given(histories, moments, st.sampled_from([1, 2]))
def test_who_is_discharged_at_a_moment_is_read_from_what_was_known_then(history, moment, missed):
    timeline, at = history.timeline, int(moment.timestamp())
    there = np.flatnonzero(timeline.begins <= at)
    policy = DischargePolicy(Gap(60), missed)
    found = discharged(DEFAULT | (policy & Gap(30)), timeline, Moments(there, np.full(len(there), at)))
    assert not discharged(DEFAULT, timeline, Moments(there, np.full(len(there), at))).any()
    if at < timeline.sessions.first_known.min():
        return
    cut = history.as_of(np.datetime64(at, "s"))
    everybody = Moments(np.arange(len(cut.timeline)), np.full(len(cut.timeline), at))
    then = dict(zip(known_rows(cut, at), discharged(policy, cut.timeline, everybody), strict=True))
    whose = known_rows(history, at)
    for number, gone in zip(there, found, strict=True):
        assert gone == then[whose[number]]


@settings(max_examples=EXAMPLES // 2)
@given(histories, moments, st.integers(0, 99), st.sampled_from([*SHARP, *RECORDS, *JOINED]))
def test_what_was_known_does_not_depend_on_what_came_later(history, moment, seed, definition):
    if not history.timeline.sessions.first_known.min() <= moment.timestamp() < history.timeline.extraction:
        return
    one, other = history.as_of(moment), with_another_future(history, moment, seed).as_of(moment)
    found, again = endings_of(definition, one), endings_of(definition, other)
    assert (found is None) == (again is None)
    if found is not None:
        pd.testing.assert_frame_equal(one.episodes(definition), other.episodes(definition))


@settings(max_examples=EXAMPLES // 2)
@given(histories, st.sampled_from([*SHARP, *RECORDS, *JOINED]))
def test_every_ending_has_a_time_and_every_dropout_its_last_session(history, definition):
    found = endings_of(definition, history)
    if found is None:
        return
    table = history.episodes(definition)
    assert (table["known_at"].isna() == (table["ending"] == "ongoing")).all()
    assert (table.loc[(found.ending == DROPOUT) & table["ended_at"].notna(), "n_attended"] > 0).all()
    assert table.attrs["definition"] == definition.name


def test_the_extraction_date_of_the_examples():
    assert str(history_of(weekly("01")).known_until) == f"{LAST}:00"
