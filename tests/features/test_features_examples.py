"""Every feature has a worked example, and does what it shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from examples import EXAMPLES
from worked import features_of, history_of
from write_docs import features_markdown

from dropout.features import (
    attendance,
    booking,
    cadence,
    calendar,
    chains,
    ending_talk,
    money,
    open_cancellations,
    outcomes,
    returns,
    therapist,
    wording,
    words_here,
)
from dropout.features.table import GROUPS

CASES = [(group, example) for group, (_, examples) in EXAMPLES.items() for example in examples]
IN_CODE = {
    "attendance": attendance.FEATURES,
    "cadence": cadence.FEATURES,
    "booking": booking.FEATURES,
    "returns": returns.FEATURES,
    "chains": chains.FEATURES,
    "outcome tracking": outcomes.features_of("phq9"),
    "therapist": therapist.FEATURES,
    "money": money.FEATURES,
    "ending talk": ending_talk.FEATURES,
    "messages": (*wording.FEATURES, *words_here.FEATURES),
    "calendar": calendar.FEATURES,
    "open cancellation": open_cancellations.FEATURES,
}


@pytest.mark.parametrize(
    ("group", "example"), CASES, ids=[f"{example.feature} at {example.moment}" for _, example in CASES])
def test_example(group, example):
    case, _ = EXAMPLES[group]
    history = history_of(group)
    for known in (history, history.as_of(example.moment)):
        values, _, groups = features_of(known, case, example.moment)
        assert groups[example.feature] == group
        np.testing.assert_allclose(values[example.feature], example.value, rtol=0, atol=example.within)


@pytest.mark.parametrize("group", EXAMPLES)
def test_every_feature_has_an_example(group):
    shown = list(dict.fromkeys(example.feature for example in EXAMPLES[group][1]))
    if group in IN_CODE:
        assert sorted(shown) == sorted(feature.name for feature in IN_CODE[group])
    case, examples = EXAMPLES[group]
    _, _, groups = features_of(history_of(group), case, examples[-1].moment)
    assert sorted(shown) == sorted(name for name, of in groups.items() if of == group)


def test_every_group_has_examples():
    # Those of the table (two modules make up the messages), the covariates, and the open cancellation.
    assert len(EXAMPLES) == len(GROUPS) - 1 + 2


@pytest.mark.parametrize("group", IN_CODE)
def test_what_a_feature_says_of_itself(group):
    for feature in IN_CODE[group]:
        assert feature.sentence and not feature.sentence.endswith("."), feature.name
        assert feature.unit and feature.table, feature.name
        assert (feature.scale == "flag") == (feature.unit == "0 or 1"), feature.name
        if feature.reason:
            assert feature.reason.format(value=3.0)


def test_the_page_of_features_is_up_to_date():
    page = Path(__file__).parents[2] / "docs" / "features.md"
    assert page.read_text(encoding="utf-8") == features_markdown(), "docs/features.md: run `make docs`"
