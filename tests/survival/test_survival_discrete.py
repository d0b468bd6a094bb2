"""Discrete time: against R's glm, against rows written out one by one, and what is said of the hazard by session."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dropout.errors import CallError
from dropout.survival import discrete_time
from dropout.survival.person_period import person_periods
from dropout.survival.rows import read_rows

LINKS = ["logit", "cloglog"]
CLOSE = 1e-6

NAMES = dict(start="start", stop="stop", ending="ending", censored="ongoing")


def expanded(frame: pd.DataFrame) -> pd.DataFrame:
    """The slow twin of the expansion: a loop over rows and sessions."""
    rows = []
    for i, row in enumerate(frame.itertuples()):
        for session in range(int(row.start) + 1, int(row.stop) + 1):
            rows.append((i, session, row.ending != "ongoing" and session == row.stop))
    return pd.DataFrame(rows, columns=["row", "period", "event"])


@pytest.mark.parametrize("name", ["ties", "delayed", "stretches"])
def test_a_row_for_each_session_at_risk(r_tables, name):
    frame = r_tables[name]
    found = person_periods(read_rows(frame, [], cause="any", **NAMES))
    twin = expanded(frame)
    assert np.array_equal(found.row, twin["row"])
    assert np.array_equal(found.period, twin["period"])
    assert np.array_equal(found.event, twin["event"])


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("shape", ["each", "log"])
@pytest.mark.parametrize("name", ["ties", "delayed"])
def test_as_r_by_session(r_tables, r_says, name, shape, link):
    label = f"by_session_{shape}_{link}"
    frame = r_tables[name]
    model = discrete_time(frame, ["x1", "x2", "group"], link=link, baseline=shape, min_endings=1, cluster="therapist")
    terms = {"x1": "x1", "x2": "x2", "group: phone": "phone", "group: video": "video"}
    assert list(model.table["term"]) == list(terms)
    for i, term in enumerate(terms.values()):
        assert model.table["coefficient"][i] == pytest.approx(r_says(name, label, "estimate", term=term)[0], rel=CLOSE)
        assert model.table["standard_error"][i] == pytest.approx(r_says(name, label, "std_err", term=term)[0], rel=CLOSE)
        assert model.table["robust_error"][i] == pytest.approx(r_says(name, label, "cluster_std_err", term=term)[0], rel=CLOSE)
    assert model.log_likelihood == pytest.approx(r_says(name, label, "log_likelihood")[0], rel=1e-9)
    if shape == "each":
        alone = discrete_time(frame, link=link, min_endings=1)
        assert alone.hazard["hazard"].to_numpy() == pytest.approx(r_says(name, label, "hazard_alone"), rel=CLOSE)


@pytest.mark.parametrize("link", LINKS)
def test_as_r_with_covariates_that_change(r_tables, r_says, link):
    label = f"discrete_{link}"
    model = discrete_time(r_tables["stretches"], ["x", "missed"], cause="dropout", link=link, baseline="linear",
                          cluster="therapist")
    for i, term in enumerate(("x", "missed")):
        for ours, theirs in (("coefficient", "estimate"), ("standard_error", "std_err"), ("robust_error", "cluster_std_err")):
            assert model.table[ours][i] == pytest.approx(r_says("stretches", label, theirs, term=term)[0], rel=CLOSE)
    assert model.log_likelihood == pytest.approx(r_says("stretches", label, "log_likelihood")[0], rel=1e-9)


def test_without_covariates_the_hazard_is_the_share_who_left(r_tables):
    frame = r_tables["ties"]
    model = discrete_time(frame, cause="dropout", min_endings=4)
    raw = expanded(frame.assign(ending=frame["ending"].where(frame["ending"] == "dropout", "ongoing")))
    for row in model.hazard.itertuples():
        mine = raw[raw["period"].between(row.from_session, row.to_session)]
        assert (row.at_risk, row.endings) == (len(mine), mine["event"].sum())
        assert row.endings >= 4
        assert row.hazard == pytest.approx(row.endings / row.at_risk, rel=1e-6)
        assert row.low < row.hazard < row.high
    assert model.hazard["to_session"].max() == frame["stop"].max()


def test_hazards_of_all_endings_add_up(r_tables):
    frame = r_tables["ties"]
    together, *each = (by_session(frame, cause) for cause in ("any", "dropout", "completed", "administrative"))
    assert sum(each) == pytest.approx(together, rel=1e-9)


def by_session(frame: pd.DataFrame, cause: str) -> np.ndarray:
    """The hazard at each of the first four sessions, at which all endings happened."""
    hazard = discrete_time(frame, cause=cause, min_endings=1).hazard[:4]
    assert list(hazard["from_session"]) == list(hazard["to_session"]) == [1, 2, 3, 4]
    return hazard["hazard"].to_numpy()


def test_a_spline_is_smooth_and_close_to_the_steps(r_tables):
    frame = r_tables["stretches"]
    curve, steps = (discrete_time(frame, cause="dropout", baseline=shape, min_endings=15) for shape in ("spline", "each"))
    assert np.abs(np.diff(np.log(curve.hazard["hazard"]), 2)).max() < 0.5
    middle = steps.hazard.iloc[1:-1]
    fitted = np.interp(middle["from_session"], curve.hazard["from_session"], curve.hazard["hazard"])
    assert ((fitted > 0.8 * middle["low"]) & (fitted < 1.2 * middle["high"])).all()


def test_rows_that_look_alike_are_counted_together(r_tables):
    """Numbers that never repeat leave nothing to collapse; the answer is the same."""
    frame = r_tables["ties"]
    jittered = frame.assign(x2=frame["x2"] + np.arange(len(frame)) * 1e-12)
    one, other = (discrete_time(data, ["x2"], min_endings=1) for data in (frame, jittered))
    assert one.table["coefficient"][0] == pytest.approx(other.table["coefficient"][0], rel=1e-6)
    assert one.log_likelihood == pytest.approx(other.log_likelihood, rel=1e-9)


def test_a_penalty_draws_coefficients_to_none(r_tables):
    frame = r_tables["ties"]
    free, barely, held = (discrete_time(frame, ["x1", "x2"], penalty=penalty) for penalty in (0, 1e-6, 100))
    assert barely.table["coefficient"].to_numpy() == pytest.approx(free.table["coefficient"].to_numpy(), rel=1e-3)
    assert (held.table["coefficient"].abs() < free.table["coefficient"].abs()).all()


def test_what_is_shown(r_tables):
    model = discrete_time(r_tables["ties"], ["x1"], cause="dropout", link="cloglog", cluster="therapist")
    shown = model._repr_html_()
    for words in ("hazard ratio (95% interval)", "sessions at risk", "joined for want of endings", "cause-specific",
                  "all covariates are at their mean", "robust errors by therapist"):
        assert words in shown, words
    assert "odds ratio" in discrete_time(r_tables["ties"], ["x1"])._repr_html_()
    assert repr(model).startswith("DiscreteTime(dropout, cloglog: ")
    axes = model.figure().axes[0]
    assert axes.get_xlabel() == "attended sessions" and "%" in axes.get_ylabel()
    assert any(text.get_text() == "sessions at risk" for text in axes.texts)
    assert "hazard ratio" in model.ratio_figure().axes[0].get_xlabel()


@pytest.mark.parametrize(("options", "words"), [
    ({"link": "probit"}, "expected one of: logit, cloglog"), ({"baseline": "steps"}, "each, spline, log, linear"),
    ({"min_endings": 0}, "1 or more"), ({"penalty": -1}, "0 \\(none\\) or more"),
])
def test_a_wrong_call_is_told(r_tables, options, words):
    with pytest.raises(CallError, match=words):
        discrete_time(r_tables["ties"], ["x1"], **options)


def test_days_with_fractions_are_refused(r_tables):
    with pytest.raises(CallError, match="whole numbers"):
        discrete_time(r_tables["ties"].assign(stop=lambda d: d["stop"] + 0.5), ["x1"])
