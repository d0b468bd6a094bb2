"""Something else given where a definition, a number or a history is expected: an error that says how to mend it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dropout import DropoutModel, definitions
from dropout.definitions import (
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
    compare,
    parse,
)
from dropout.endings.saved import from_json, to_json
from dropout.errors import CallError
from dropout.history import read_history
from dropout.survival import at_risk


@pytest.fixture(scope="module")
def history():
    """One client who came six times and was not seen for as long as any definition waits."""
    weeks = [{"client_id": "a", "starts_at": str(when)[:16], "status": "attended"}
             for when in pd.date_range("2024-01-01T10:00", periods=6, freq="7D")]
    return read_history({"sessions": pd.DataFrame(weeks)})


PLACES = {
    "closure": ClosureReason, "unless": UnlessRecorded, "missed": MissedLast, "plan": PlannedNotReached,
    "fewer": lambda rule: FewerThan(4, rule), "change": lambda rule: NoReliableChange(ended=rule),
    "policy": lambda rule: DischargePolicy(rule, 3), "any": lambda rule: AnyOf((Gap(60), rule)),
    "all": lambda rule: Gap(60) & rule,
}


@pytest.mark.parametrize("put", PLACES.values(), ids=PLACES.keys())
@pytest.mark.parametrize(("wrong", "message"), [
    ("gap:60", r"the text 'gap:60'; expected a definition .* or dropout.definitions.parse\('gap:60'\)"),
    (60, "is a int; expected a definition"), (Gap, "is the class Gap; expected a definition"),
])
def test_parts_that_are_no_definitions(put, wrong, message):
    with pytest.raises(CallError, match=message):
        put(wrong)


@pytest.mark.parametrize("ask", [
    lambda history, rule: history.episodes(rule), at_risk, lambda history, rule: compare(history, flow_by=rule),
    lambda history, rule: compare(history, [rule]) if rule != "gap:60" else compare(history, flow_by=rule),
    lambda history, rule: DropoutModel(definition=rule).fit(history),
])
def test_what_takes_a_definition_says_so(history, ask):
    for wrong in ("gap:60", None, Gap):
        with pytest.raises(CallError, match="expected a definition of dropout"):
            ask(history, wrong)


@pytest.mark.parametrize("make", [
    lambda: Gap(10**23), lambda: parse("gap:99999999999999999999"), lambda: FewerThan(10**6), lambda: CadenceGap(True),
    lambda: DischargePolicy(Gap(), 3, ["no_show"]), lambda: NoReliableChange(["phq9"]), lambda: NoReliableChange(None),
    lambda: AnyOf(Gap(60)), lambda: AllOf([Gap(60)]), lambda: AnyOf(()), lambda: parse(None), lambda: parse(60),
    lambda: parse("(" * 5000 + "gap:60"),
])
def test_settings_that_are_none(make):
    with pytest.raises(CallError):
        make()


def test_numbers_of_numpy_can_be_saved():
    rule = UnlessRecorded(Gap(np.int64(60)))
    assert to_json(rule)["rule"]["days"] == 60 and type(to_json(rule)["rule"]["days"]) is int
    assert from_json(to_json(rule)) == rule


@pytest.mark.parametrize("wrong", [None, pd.DataFrame(), "data/synthetic"])
def test_no_history(wrong):
    with pytest.raises(CallError, match="wants a history first"):
        compare(wrong)
    with pytest.raises(CallError, match="wants a history first"):
        at_risk(wrong)


def test_nothing_to_compare(history):
    with pytest.raises(CallError, match="a list, or a mapping"):
        compare(history, 60)


def test_no_episode_old_enough_to_be_compared(history):
    """Nobody is to blame but the calendar: the definitions stay, with no rate, and the notes say why."""
    compared = definitions.compare(history)
    assert "gap:60" in compared.definitions and (compared.tables["rates"]["n"] == 0).all()
    assert compared.tables["rates"]["rate"].isna().all() and compared.notes[0].startswith("0 episodes are compared")
    assert "0 episodes" in compared._repr_html_()
    assert compared.plot()._repr_png_().startswith(b"\x89PNG"), "Jupyter shows it, pyplot or not"


@pytest.mark.parametrize("options", [
    {"covariates": None}, {"covariates": [3]}, {"clock": ["days"]}, {"observed_from": 5}, {"observed_from": float("nan")},
])
def test_at_risk_of_wrong_settings(history, options):
    with pytest.raises(CallError, match="expected|is not a date"):
        at_risk(history, **options)
