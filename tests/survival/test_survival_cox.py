"""Cox regression: against R's survival, against statsmodels, and against risk sets written out one by one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from statsmodels.duration.hazard_regression import PHReg

from dropout.errors import CallError
from dropout.survival import cause_specific, cox

CASES = {  # data set: covariates, start
    "ties": (["x1", "x2"], None),
    "delayed": (["x1", "x2"], "start"),
    "heart": (["age"], None),
}

TIES, CAUSES = ("efron", "breslow"), ("dropout", "completed")
OPTIONS = {"robust": {"cluster": "id"}, "cluster": {"cluster": "therapist"}, "strata": {"strata": "group"}}

MODELS: list[tuple] = [(name, f"cox_{ties}", ties, "any", {}) for name in CASES for ties in TIES]
MODELS += [(name, f"cause_{cause}_{ties}", ties, cause, {})
           for name in ("stretches", "ties") for cause in CAUSES for ties in TIES]
MODELS += [("stretches", f"cause_{cause}_cluster_{ties}", ties, cause, OPTIONS["cluster"]) for cause in CAUSES for ties in TIES]
MODELS += [("ties", f"cox_{kind}_{ties}", ties, "any", options) for ties in TIES for kind, options in OPTIONS.items()]
DEEP = [model for model in MODELS if not model[4] and not (model[0] == "ties" and model[3] != "any")]

CLOSE = 1e-6
"""R and this package stop when the likelihood is flat to many digits; what is left is rounding. The tests ask for a hundredth
of what is promised (1e-4)."""


def fitted(r_tables, name, ties, cause, options):
    covariates, start = CASES.get(name, (["x", "missed"], "start"))
    return cox(r_tables[name], covariates, cause=cause, start=start, ties=ties, **options)


def ids(models):
    return [f"{name}-{label}" for name, label, *_ in models]


@pytest.mark.parametrize(("name", "label", "ties", "cause", "options"), MODELS, ids=ids(MODELS))
def test_coefficients_errors_and_likelihood_are_those_of_r(r_tables, r_says, name, label, ties, cause, options):
    model = fitted(r_tables, name, ties, cause, options)
    error = model.table["robust_error" if "cluster" in options else "standard_error"]
    for i, term in enumerate(model.table["term"]):
        assert model.table["coefficient"][i] == pytest.approx(r_says(name, label, "estimate", term=term)[0], rel=CLOSE)
        assert error[i] == pytest.approx(r_says(name, label, "std_err", term=term)[0], rel=CLOSE)
    assert model.log_likelihood[1] == pytest.approx(r_says(name, label, "log_likelihood")[0], rel=1e-9)
    assert model.log_likelihood[0] == pytest.approx(r_says(name, label, "log_likelihood_null")[0], rel=1e-9)
    assert model.covariance.to_numpy().diagonal() == pytest.approx(error**2)


@pytest.mark.parametrize("transform", ["km", "identity", "log"])
@pytest.mark.parametrize(("name", "label", "ties", "cause", "options"), DEEP, ids=ids(DEEP))
def test_the_test_of_proportional_hazards_is_that_of_r(r_tables, r_says, name, label, ties, cause, options, transform):
    found = fitted(r_tables, name, ties, cause, options).proportional_hazards(transform)
    for row in found.itertuples():
        term = "GLOBAL" if row.covariate == "all together" else row.covariate
        for quantity, value in (("statistic", row.chi_square), ("df", row.df), ("p", row.p)):
            assert value == pytest.approx(r_says(name, label, f"zph_{transform}_{quantity}", term=term)[0], rel=1e-5)


@pytest.mark.parametrize(("name", "label", "ties", "cause", "options"), DEEP, ids=ids(DEEP))
def test_residuals_are_those_of_r(r_tables, r_answers, name, label, ties, cause, options):
    model = fitted(r_tables, name, ties, cause, options)
    asked = r_answers[(r_answers["dataset"] == name) & (r_answers["estimator"] == label)]
    told = asked[asked["quantity"] == "martingale"]
    ours = model.residuals("martingale")["martingale"].to_numpy()[told["time"].to_numpy(int) - 1]
    assert ours == pytest.approx(told["value"].to_numpy(float), abs=1e-6)
    for kind in ("score", "dfbeta"):
        for term in model.table["term"]:
            told = asked[(asked["quantity"] == kind) & (asked["term"] == term)]
            ours = model.residuals(kind)[term].to_numpy()[told["time"].to_numpy(int) - 1]
            assert ours == pytest.approx(told["value"].to_numpy(float), abs=1e-6)
    scaled = model.residuals("schoenfeld")
    for term in model.table["term"]:
        told = asked[(asked["quantity"] == "scaledsch") & (asked["term"] == term)]
        theirs = pd.DataFrame({"stop": told["time"].to_numpy(float), "value": told["value"].to_numpy(float)})
        ours = scaled[["stop", term]].sort_values(["stop", term])[term].to_numpy()
        assert ours == pytest.approx(theirs.sort_values(["stop", "value"])["value"].to_numpy(), abs=1e-5)


def test_a_category_becomes_indicators_beside_the_most_frequent_level(r_tables, r_says):
    model = cox(r_tables["ties"], ["x1", "group"], start=None)
    assert list(model.table["term"]) == ["x1", "group: phone", "group: video"]
    assert "group: the reference is 'in_person'" in model.notes
    for i, term in enumerate(("x1", "phone", "video")):
        assert model.table["coefficient"][i] == pytest.approx(r_says("ties", "cox_groups", "estimate", term=term)[0], rel=CLOSE)
        assert model.table["standard_error"][i] == pytest.approx(r_says("ties", "cox_groups", "std_err", term=term)[0], rel=CLOSE)
    for i, term in enumerate(("x1", "group", "GLOBAL")):
        assert model.proportional["chi_square"][i] == pytest.approx(
            r_says("ties", "cox_groups", "zph_km_statistic", term=term)[0], rel=1e-5)
        assert model.proportional["df"][i] == r_says("ties", "cox_groups", "zph_km_df", term=term)[0]


def test_a_category_in_an_order_of_its_own_has_its_first_level_as_reference(r_tables):
    frame = r_tables["ties"].assign(group=lambda d: pd.Categorical(d["group"], ["video", "phone", "in_person", "letter"]))
    model = cox(frame, ["group"], start=None)
    assert list(model.table["term"]) == ["group: phone", "group: in_person"]
    assert "group: the reference is 'video'" in model.notes


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_statsmodels_agrees_where_nobody_enters_as_another_leaves(r_tables, ties):
    frame = r_tables["stretches"]
    event = (frame["ending"] == "dropout").to_numpy(int)
    # PHReg counts a row as at risk at the instant at which it begins: half a session later nobody ends at it.
    theirs = PHReg(frame["stop"].to_numpy(float), frame[["x", "missed"]].to_numpy(float), status=event,
                   entry=frame["start"].to_numpy(float) + 0.5, ties=ties).fit()
    ours = cox(frame, ["x", "missed"], cause="dropout", ties=ties)
    assert ours.table["coefficient"].to_numpy() == pytest.approx(theirs.params, rel=1e-6)
    assert ours.table["standard_error"].to_numpy() == pytest.approx(theirs.bse, rel=1e-6)


def test_the_likelihood_is_that_of_risk_sets_written_out(r_tables):
    """Efron (1977), equation by equation, over 120 rows that enter late and are tied."""
    frame = r_tables["delayed"].head(120)
    model = cox(frame, ["x1", "x2"], strata="group")
    eta = frame[["x1", "x2"]].to_numpy() @ model.table["coefficient"].to_numpy()
    value = 0.0
    for (_, time), gone in frame[frame["ending"] != "ongoing"].groupby(["group", "stop"]):
        there = (frame["group"] == gone["group"].iloc[0]) & (frame["start"] < time) & (frame["stop"] >= time)
        for i in range(len(gone)):
            value += eta[gone.index[i]] - np.log(np.exp(eta[there]).sum() - i / len(gone) * np.exp(eta[gone.index]).sum())
    assert model.log_likelihood[1] == pytest.approx(value, rel=1e-12)


def test_splitting_a_row_into_stretches_changes_nothing(r_tables):
    frame = r_tables["ties"]
    long = frame[frame["stop"] > 2]
    first = long.assign(stop=2, ending="ongoing")
    split = pd.concat([frame[frame["stop"] <= 2], first, long.assign(start=2)])
    whole, parts = cox(frame, ["x1", "x2"], start=None), cox(split, ["x1", "x2"])
    assert parts.table["coefficient"].to_numpy() == pytest.approx(whole.table["coefficient"].to_numpy(), rel=1e-9)
    assert parts.residuals("martingale")["martingale"].groupby(level=0).sum().to_numpy() == pytest.approx(
        whole.residuals("martingale")["martingale"].sort_index().to_numpy(), abs=1e-9)


def test_units_change_ratios_as_they_should(r_tables):
    frame = r_tables["ties"].assign(days=lambda d: d["stop"] * 86400.0, tiny=lambda d: d["x1"] * 1e-6 + 40)
    plain, scaled = cox(frame, ["x1", "x2"], start=None), cox(frame, ["tiny", "x2"], start=None, stop="days")
    assert scaled.table["coefficient"][0] * 1e-6 == pytest.approx(plain.table["coefficient"][0], rel=1e-6)
    assert scaled.table["z"].to_numpy() == pytest.approx(plain.table["z"].to_numpy(), rel=1e-6)


def test_a_penalty_draws_coefficients_to_none_and_says_so(r_tables):
    free, held = (cox(r_tables["ties"], ["x1", "x2"], start=None, penalty=penalty) for penalty in (0, 50))
    assert (held.table["coefficient"].abs() < free.table["coefficient"].abs()).all()
    assert any("ridge penalty 50" in note for note in held.notes)


def test_cause_specific_hazards_stand_side_by_side(r_tables):
    found = cause_specific(r_tables["ties"], ["x1", "x2"], start=None)
    assert set(found.models) == {"dropout", "completed", "administrative"}
    alone = cox(r_tables["ties"], ["x1", "x2"], start=None, cause="completed")
    pd.testing.assert_frame_equal(found.models["completed"].table, alone.table)
    assert found.readable().shape == (2, 4)
    assert "not the risk of leaving" in found._repr_html_()
    assert list(found.table.columns[:2]) == ["cause", "term"]


def test_an_ending_with_too_few_is_left_out_with_the_reason(r_tables):
    frame = r_tables["ties"].copy()
    frame.loc[frame.index[:2], "ending"] = "moved"
    found = cause_specific(frame, ["x1", "x2", "group"], start=None)
    assert "moved" not in found.models
    assert any(note.startswith("no regression of 'moved'") for note in found.notes)


def test_what_is_shown_says_what_it_is(r_tables):
    frame = r_tables["ties"]
    frame.attrs |= {"definition": "gap of 60 days", "unit": "attended sessions"}
    model = cox(frame, ["x1", "group"], start=None, cause="dropout", cluster="therapist")
    shown = model._repr_html_()
    for words in ("gap of 60 days", "other endings count as censoring", "hazard ratio (95% interval)", "Efron",
                  "robust errors by therapist", "fewer than 30", "in_person", "proportional hazards", "not the risk of leaving"):
        assert words in shown, words
    assert repr(model) == f"Cox(dropout: {model.n_events} endings in 400 rows, 3 terms)"
    frame.attrs.clear()


def test_pictures_have_units(r_tables):
    frame = r_tables["ties"].copy()
    frame.attrs["unit"] = "attended sessions"
    model = cox(frame, ["x1", "x2", "group"], start=None)
    assert "95% interval" in model.figure().axes[0].get_xlabel()
    axes = model.proportional_figure().axes
    assert axes[0].get_xlabel() == "attended sessions" and "p 0." in axes[0].get_title()
    assert model.martingale_figure("x1").axes[0].get_ylabel() == "endings less those expected"
    with pytest.raises(CallError, match="no term 'x9'"):
        model.martingale_figure("x9")
    with pytest.raises(CallError, match="martingale, schoenfeld"):
        model.residuals("cox-snell")
    with pytest.raises(CallError, match="km, identity, log"):
        model.proportional_hazards("sqrt")
