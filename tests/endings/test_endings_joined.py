"""Definitions joined by | and &, written down and read again."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_histories import histories
from small_endings import history_of, judged, said

from dropout.endings import (
    DEFAULT,
    DROPOUT,
    AllOf,
    AnyOf,
    CadenceGap,
    ClosureReason,
    DischargePolicy,
    FewerThan,
    Gap,
    MissedLast,
    NoReliableChange,
    PlannedNotReached,
    UnlessRecorded,
    parse,
    spell,
)
from dropout.endings.saved import KINDS, from_json, to_json
from dropout.errors import CallError, ModelError
from dropout.sayable import SAYABLE, sayable
from dropout.timeline import FOREVER

SINGLE = [Gap(45), ClosureReason(Gap(30)), DEFAULT, CadenceGap(2.5, 10, 90), UnlessRecorded(Gap(60)), MissedLast(Gap(30)),
          FewerThan(2), DischargePolicy(DEFAULT, 2)]
definitions = st.sampled_from(SINGLE)


def left(definition, history) -> np.ndarray:
    """Who is a dropout."""
    return definition.endings(history.timeline).ending == DROPOUT


# -- sets ----------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(histories, definitions, definitions, definitions)
def test_any_and_all_are_sets_of_dropouts(history, a, b, c):
    assert (left(a | b, history) == (left(a, history) | left(b, history))).all()
    assert (left(a & b, history) == (left(a, history) & left(b, history))).all()
    assert (left(a | (b & c), history) == left((a | b) & (a | c), history)).all()
    assert (left((a | b) | c, history) == left(a | (b | c), history)).all()
    assert (left(a & b, history) == left(b & a, history)).all()
    assert (left(a | a, history) == left(a, history)).all()


@settings(max_examples=40)
@given(histories, definitions, definitions)
def test_any_knows_with_the_first_and_all_with_the_last(history, a, b):
    one, other = a.endings(history.timeline), b.endings(history.timeline)
    either, both = (a | b).endings(history.timeline), (a & b).endings(history.timeline)
    known = np.stack([np.where(part.ending == DROPOUT, part.known, FOREVER) for part in (one, other)])
    assert (either.known[either.ending == DROPOUT] == known.min(axis=0)[either.ending == DROPOUT]).all()
    assert (both.known[both.ending == DROPOUT] == known.max(axis=0)[both.ending == DROPOUT]).all()


def test_an_example_of_each():
    rows = ["2024-04-20T10:00 attended 2024-04-13T10:00 e1", "2024-04-27T10:00 no_show 2024-04-20T10:00 e1"]
    history = history_of(rows, ["e1 2024-04-01T10:00 2024-06-10T10:00 client_dropout"])
    clinician, silence = ClosureReason(), Gap(60)
    assert said(history, clinician | silence) == [("dropout", "2024-04-20T10:00", "2024-06-10T10:00")]
    assert said(history, clinician & silence) == [("dropout", "2024-04-20T10:00", "2024-06-19T10:00")]
    done = history_of(rows, ["e1 2024-04-01T10:00 2024-06-10T10:00 completed"])
    assert said(done, clinician & silence) == [("completed", "2024-06-10T10:00", "2024-06-10T10:00")]
    assert said(done, clinician | silence)[0][0] == "dropout", "silence alone knows of no planned ending"
    assert said(done, clinician | UnlessRecorded(silence)) == [("completed", "2024-06-10T10:00", "2024-06-10T10:00")]
    assert said(history, clinician & Gap(90)) == [("ongoing", None, None)]


def test_what_one_part_cannot_tell_the_other_may():
    history = history_of(["2024-04-20T10:00 attended . e1"], ["e1 2024-04-01T10:00 2024-06-10T10:00 client_dropout ."])
    plan, few = PlannedNotReached(), FewerThan(4)
    history.tables.episodes["planned_sessions"] = np.nan
    assert judged(history, plan) == [False] and judged(history, few) == [True]
    assert judged(history, plan | few) == [True], "a dropout by one is a dropout by any"
    assert judged(history, plan & few) == [False]
    assert judged(history, plan & FewerThan(1)) == [True], "no dropout by one is no dropout by all"
    assert judged(history, plan | FewerThan(1)) == [False]


def test_joined_definitions_are_flat_and_say_their_parts():
    joined = Gap(30) | MissedLast() | FewerThan(4)
    assert isinstance(joined, AnyOf) and len(joined.parts) == 3
    assert isinstance(Gap(30) & Gap(60) & Gap(90), AllOf)
    assert all(part.name in joined.name for part in joined.parts)
    assert joined.maturity_days == 60 and (Gap(30) & Gap(90)).maturity_days == 90
    with pytest.raises(CallError, match=r"a part of AnyOf is the text 'missed'; expected a definition.*parse\('missed'\)"):
        Gap(30) | "missed"
    with pytest.raises(CallError, match="given none"):
        AnyOf(())


# -- written down --------------------------------------------------------------------------------------------

EVERY = [*SINGLE, ClosureReason(), PlannedNotReached(), NoReliableChange(), NoReliableChange(("gad7", "phq9"), clinical=True),
         NoReliableChange(ended=Gap(90)), DischargePolicy(MissedLast() | Gap(90), 3, ("no_show", "client_cancel")),
         ClosureReason(MissedLast() & FewerThan(3)), (Gap(30) | Gap(60)) & FewerThan(3, UnlessRecorded(CadenceGap())),
         FewerThan(2, Gap(30) | MissedLast()), DischargePolicy(Gap(30)) & MissedLast(), UnlessRecorded(CadenceGap(2, 10, 90))]


@pytest.mark.parametrize("definition", EVERY, ids=spell)
def test_every_definition_can_be_saved(definition):
    stored = json.loads(json.dumps(to_json(definition)))
    assert from_json(stored) == definition
    assert from_json(stored).name == definition.name


def test_all_kinds_are_among_those_that_were_saved():
    assert {type(definition) for definition in EVERY} | {AnyOf, AllOf} == set(KINDS.values())


def test_a_definition_of_somebody_elses_cannot_be_saved():
    class Mine:
        name, maturity_days = "mine", 3

        def endings(self, timeline):
            return Gap(3).endings(timeline)

    for definition in (Mine(), Gap(3) | Mine(), ClosureReason(Mine())):
        with pytest.raises(ModelError, match="cannot be saved: Mine"):
            to_json(definition)
    assert spell(Mine()) == "mine"


@pytest.mark.parametrize("stored", [{"kind": "System", "name": "x"}, {}, {"kind": "Gap", "weeks": 3}])
def test_what_is_not_known_is_not_loaded(stored):
    with pytest.raises(ModelError, match="fit the model again"):
        from_json(stored)


SPELLED = [definition for definition in EVERY if not isinstance(definition, CadenceGap)]


@pytest.mark.parametrize("definition", SPELLED, ids=spell)
def test_a_line_of_text_gives_the_definition_again(definition):
    assert parse(spell(definition)) == definition


@pytest.mark.parametrize(
    ("text", "definition"),
    [("default", DEFAULT), ("closure else gap:60", DEFAULT), ("closure else silence:60", DEFAULT), ("closure", ClosureReason()),
     (" GAP:90 ", UnlessRecorded(Gap(90))), ("silence:90", Gap(90)), ("cadence:3", UnlessRecorded(CadenceGap())),
     ("cadence:2.5,10,90", UnlessRecorded(CadenceGap(2.5, 10, 90))), ("missed-last", MissedLast()),
     ("missed-last after silence:30", MissedLast(Gap(30))), ("fewer-than:4", FewerThan(4)), ("plan", PlannedNotReached()),
     ("no-change", NoReliableChange()), ("no-recovery:phq9", NoReliableChange(("phq9",), clinical=True)),
     ("closure|gap:60", ClosureReason() | UnlessRecorded(Gap(60))),
     ("silence:60&missed-last|plan", (Gap(60) & MissedLast()) | PlannedNotReached()),
     ("silence:60&(missed-last|plan)", Gap(60) & (MissedLast() | PlannedNotReached())),
     ("closure else (missed-last | plan)", ClosureReason(MissedLast() | PlannedNotReached())),
     ("gap:60 with policy:3", DischargePolicy(UnlessRecorded(Gap(60)))),
     ("default | plan with policy:2,no_show", DischargePolicy(DEFAULT | PlannedNotReached(), 2, ("no_show",)))])
def test_what_may_be_said(text, definition):
    assert parse(text) == definition


@pytest.mark.parametrize(
    ("text", "why"),
    [("", "a definition is missing"), ("gap", "'gap' is no definition"), ("gap:", "is no definition"),
     ("gap:sixty", "'gap:sixty' wants a whole number"), ("cadence:x", "wants a number"), ("cadence:3,4", "is no definition"),
     ("gap:60 gap:90", "'gap:90' can't stand there"), ("(gap:60", "a bracket is not closed"), ("gap:60)", "can't stand there"),
     ("gap:60 |", "a definition is missing at the end"), ("closure else", "a definition is missing"),
     ("gap:60 + plan", "nothing here"),
     ("gap:60 with", "a policy"), ("gap:60 with rule:3", "is no policy"), ("gap:60 with policy:x", "wants a whole number")])
def test_what_is_not_understood_says_what_may_be_said(text, why):
    with pytest.raises(CallError) as wrong:
        parse(text)
    assert why in str(wrong.value) and sayable() in str(wrong.value)


@pytest.mark.parametrize("text", ["gap:0", "no-change:ors", "cadence:3,60,30", "fewer-than:0", "default with policy:0"])
def test_settings_that_mean_nothing_are_refused_in_text_too(text):
    with pytest.raises(CallError, match="expected"):
        parse(text)


@pytest.mark.parametrize("name", list(SAYABLE))
def test_all_that_may_be_said_is_understood(name):
    text = name.replace("DAYS", "60").replace("TIMES", "3").replace("N", "4")
    assert callable(parse(text).endings)
