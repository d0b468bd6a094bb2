"""What regressions say to data from which little or nothing can be told."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from dropout.errors import CallError, ModelError
from dropout.survival import cause_specific, cox, discrete_time, log_rank, random_intercept


def people(n: int = 200, seed: int = 1) -> pd.DataFrame:
    """One row a client: 20 therapists, ties everywhere, about half of them leave."""
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=n), rng.integers(0, 2, n)
    time = np.ceil(rng.exponential(8 * np.exp(-0.5 * x))).clip(1, 12)
    return pd.DataFrame({
        "client_id": [f"c{i}" for i in range(n)], "episode_id": [f"e{i}" for i in range(n)],
        "therapist_id": [f"t{i % 20}" for i in range(n)], "start": 0, "stop": time.astype(int),
        "ending": np.where(time < 12, np.where(rng.random(n) < 0.7, "dropout", "completed"), "ongoing"), "x": x, "z": z})


def mixed(frame: pd.DataFrame, covariates: list[str], **options):
    """`random_intercept` called like the others."""
    return random_intercept(frame, covariates, **options)


FITS: dict[str, Callable] = {"cox": cox, "cause_specific": cause_specific, "discrete_time": discrete_time, "mixed": mixed}
each = pytest.mark.parametrize("fit", FITS.values(), ids=FITS.keys())
one_model = pytest.mark.parametrize("fit", [cox, discrete_time, mixed], ids=["cox", "discrete_time", "mixed"])


@each
def test_nobody_left(fit):
    with pytest.raises(ModelError, match="nobody left"):
        fit(people().assign(ending="ongoing"), ["x"])


@one_model
def test_nobody_left_in_this_way(fit):
    with pytest.raises(ModelError, match="nobody ended with 'moved'; there is: completed, dropout"):
        fit(people(), ["x"], cause="moved")
    with pytest.raises(CallError, match="it has not ended"):
        fit(people(), ["x"], cause="ongoing")


@each
def test_everybody_left(fit):
    frame = people()
    frame["ending"] = "dropout"
    model = fit(frame, ["x", "z"], **({} if fit is cause_specific else {"cause": "dropout"}))
    table = model.table
    assert np.isfinite(table[["coefficient", "low", "high"]]).all().all()
    assert table["coefficient"][0] > 0.2


@pytest.mark.parametrize("fit", [discrete_time, mixed], ids=["discrete_time", "mixed"])
def test_everybody_left_at_once(fit):
    with pytest.raises(ModelError, match="everybody ended at the first session at which they were at risk"):
        fit(people().assign(stop=1, ending="dropout"), ["x"])


def test_a_session_after_which_nobody_is_left_joins_the_one_before():
    frame = people().assign(ending="dropout")
    hazard = discrete_time(frame).hazard
    assert hazard["to_session"].max() == 12 and (hazard["hazard"] < 1).all() and (hazard["high"] < 1).all()


@each
def test_one_client(fit):
    with pytest.raises(ModelError, match="one client alone"):
        fit(people().head(1).assign(ending="dropout"), ["x"])
    long = pd.DataFrame({"client_id": "c", "episode_id": "e", "therapist_id": "t", "start": range(9), "stop": range(1, 10),
                         "ending": ["ongoing"] * 8 + ["dropout"], "x": range(9)})
    with pytest.raises(ModelError, match="one client alone"):
        fit(long, ["x"])


@each
def test_nobody_at_all(fit):
    with pytest.raises(ModelError, match="no rows"):
        fit(people().head(0), ["x"])


@each
def test_a_constant_column(fit):
    with pytest.raises(ModelError, match="covariate 'one' is the same in every row.*leave it out"):
        fit(people().assign(one=1), ["x", "one"])
    with pytest.raises(ModelError, match="covariate 'kind' is the same in every row"):
        fit(people().assign(kind="video"), ["x", "kind"])
    with pytest.raises(ModelError, match="covariates 'one', 'two' are the same"):
        fit(people().assign(one=1, two=2.0), ["one", "two"])


@one_model
def test_a_level_without_endings_is_named(fit):
    frame = people()
    stay = frame.index[:30]
    frame.loc[stay, "ending"] = "ongoing"
    frame["mode"] = np.where(frame.index < 30, "letter", np.where(frame.index % 2, "video", "phone"))
    with pytest.raises(ModelError, match="'mode: letter' parts the endings: none of .* rows where it is 1 has one.*penalty=1"):
        fit(frame, ["x", "mode"])
    model = fit(frame, ["x", "mode"], penalty=1)
    assert np.isfinite(model.table[["low", "high"]]).all().all()
    assert any("'mode: letter' parts the endings" in note for note in model.notes)


@pytest.mark.parametrize("fit", [discrete_time, mixed], ids=["discrete_time", "mixed"])
def test_a_number_that_parts_the_endings_is_named(fit):
    frame = people().assign(stop=1, ending="ongoing")
    frame.loc[:49, "ending"] = "dropout"
    frame["score"] = np.where(frame.index < 50, 10.0, 0.0) + frame["x"].clip(-2, 2)
    with pytest.raises(ModelError, match="'score' parts the endings: it is at least"):
        fit(frame, ["score", "z"])


def test_a_number_that_orders_who_leaves_first_is_named():
    frame = people().assign(stop=lambda d: d.index + 1, ending="dropout")
    with pytest.raises(ModelError, match="without end as the coefficients of 'rank' grow"):
        cox(frame.assign(rank=-frame["stop"]), ["rank"])


def test_columns_that_order_who_leaves_first_together_are_named():
    frame = people().assign(y=np.random.default_rng(3).normal(size=200), ending="dropout")
    frame["stop"] = (-(frame["x"] + frame["y"])).rank()
    with pytest.raises(ModelError, match="coefficients of 'x', 'y'.* grow: together these columns part"):
        cox(frame, ["x", "y", "z"])
    assert (cox(frame, ["x", "y", "z"], penalty=1).table["low"][:2] > 1).all()


@pytest.mark.parametrize("fit", [discrete_time, mixed], ids=["discrete_time", "mixed"])
def test_columns_that_part_the_endings_together_are_named(fit):
    """Who leaves at the first session has x + y above 0, and nobody else: neither column does it alone."""
    frame = people().assign(stop=1, y=np.random.default_rng(3).normal(size=200))
    frame["ending"] = np.where(frame["x"] + frame["y"] > 0, "dropout", "ongoing")
    with pytest.raises(ModelError, match="coefficients of 'x', 'y'.* grow: together these columns part"):
        fit(frame, ["x", "y", "z"])
    held = fit(frame, ["x", "y", "z"], penalty=1)
    assert (held.table["low"][:2] > 1).all()


@each
def test_collinear_columns_are_named_with_those_they_follow_from(fit):
    frame = people().assign(years=lambda d: d["x"] * 2 + 3, total=lambda d: d["x"] + d["z"])
    with pytest.raises(ModelError, match="'(years|x)' follows from '(x|years)'"):
        fit(frame, ["x", "years"])
    with pytest.raises(ModelError, match="follows from '.*' and '.*' \\(the columns are collinear\\)"):
        fit(frame, ["x", "z", "total"])
    with pytest.raises(ModelError, match="follows from"):
        fit(frame.assign(same=frame["z"] == 1), ["z", "same"])


@one_model
def test_ten_columns_for_eight_endings(fit):
    rng = np.random.default_rng(0)
    frame = people(120).assign(ending="ongoing")
    frame.loc[rng.choice(120, 8, replace=False), "ending"] = "dropout"
    names = [f"q{i}" for i in range(10)]
    frame[names] = rng.normal(size=(120, 10))
    with pytest.raises(ModelError, match="10 coefficients for 8 endings"):
        fit(frame, names)
    assert any("few endings: 8 for 2 coefficients (4.0 each" in note for note in fit(frame, names[:2]).notes)
    held = fit(frame, names, penalty=5)
    assert any("10 coefficients for 8 endings" in note for note in held.notes)
    assert np.isfinite(held.table["coefficient"]).all()


@each
def test_therapists_with_one_client(fit):
    frame = people().assign(therapist_id=lambda d: d["client_id"].str.replace("c", "t"))
    if fit is mixed:
        with pytest.raises(ModelError, match="each of 200 values of therapist_id has one client"):
            fit(frame, ["x"])
        return
    model = fit(frame, ["x"], cluster="therapist_id")
    assert any("robust errors by therapist_id: 200 of them" in note for note in model.notes)
    assert np.isfinite(model.table["robust_error"]).all()


@each
def test_negative_and_no_durations(fit):
    frame = people()
    frame.loc[5, "stop"] = 0
    with pytest.raises(CallError, match="row 5: start is 0 and stop is 0 \\(1 such rows\\).*longer than nothing"):
        fit(frame, ["x"])
    frame.loc[5, "stop"] = -3
    with pytest.raises(CallError, match="stop is -3"):
        fit(frame, ["x"], start=None)
    frame["stop"] = frame["stop"].astype(float)
    frame.loc[5, "stop"] = np.inf
    with pytest.raises(CallError, match="stop has infinite values"):
        fit(frame, ["x"])


@each
def test_ties_everywhere(fit):
    """All end, or are last seen, at session 3: the one risk set there is still says who leaves rather."""
    frame = people().assign(stop=3)
    model = fit(frame, ["x"], **({} if fit is cause_specific else {"cause": "dropout"}))
    assert np.isfinite(model.table[["coefficient", "low", "high"]]).all().all()


@each
def test_missing_values_are_left_out_and_counted(fit):
    frame = people()
    frame.loc[:9, "x"] = np.nan
    frame.loc[5:14, "mode"] = None
    frame["mode"] = frame["mode"].astype(object)
    frame.loc[15:, "mode"] = np.where(frame.index[15:] % 2, "video", "phone")
    frame.loc[:4, "mode"] = "video"
    model, clean = fit(frame, ["x", "mode"]), fit(frame.iloc[15:], ["x", "mode"])
    assert model.table["coefficient"].to_numpy() == pytest.approx(clean.table["coefficient"].to_numpy(), rel=1e-6)
    (note,) = (note for note in model.notes if note.startswith("left out: 15 of 200 rows"))
    assert "x 10, mode 10" in note or "mode 10, x 10" in note
    assert "15 clients altogether" in note
    with pytest.raises(ModelError, match="every one of 200 rows has a missing value \\(x 200\\)"):
        fit(frame.assign(x=np.nan), ["x"])


@each
def test_unknown_columns(fit):
    with pytest.raises(CallError, match="no column 'xx'"):
        fit(people(), ["xx"])
    with pytest.raises(CallError, match="did you mean .*start"):
        fit(people(), ["x"], start="strat")
    with pytest.raises(CallError, match="like \\['x'\\]"):
        fit(people(), "x")
    with pytest.raises(CallError, match="would tell the ending"):
        fit(people(), ["stop"])
    with pytest.raises(CallError, match="expected a data frame"):
        fit(people().to_numpy(), ["x"])


@each
def test_columns_that_are_no_covariates(fit):
    frame = people().assign(since=pd.Timestamp("2025-01-01"), wide=lambda d: d["x"].replace(d["x"][3], np.inf))
    with pytest.raises(CallError, match="'client_id' has 200 different texts"):
        fit(frame, ["client_id"])
    with pytest.raises(CallError, match="'since' is datetime.*days from something"):
        fit(frame, ["since"])
    with pytest.raises(CallError, match="'wide' has infinite values"):
        fit(frame, ["wide"])


@each
def test_rows_of_an_episode_that_overlap(fit):
    frame = people()
    with pytest.raises(CallError, match="begin before the row before them"):
        fit(pd.concat([frame, frame.head(3)], ignore_index=True), ["x"])


def test_no_covariate_for_cox():
    with pytest.raises(CallError, match="covariates is empty"):
        cox(people(), [])
    with pytest.raises(CallError, match="efron, breslow"):
        cox(people(), ["x"], ties="exact")
    with pytest.raises(CallError, match="expected a list of endings"):
        cause_specific(people(), ["x"], causes="dropout")
    with pytest.raises(ModelError, match="nobody ended with 'moved'"):
        cause_specific(people(), ["x"], causes=["dropout", "moved"])


@pytest.mark.parametrize(("name", "label", "options"), [
    ("ties", "logrank", {}), ("ties", "logrank_peto", {"rho": 1}), ("ties", "logrank_stratified", {"strata": "x2"}),
    ("ties", "logrank_dropout", {"cause": "dropout"}), ("heart", "logrank", {}),
])
def test_the_log_rank_test_is_that_of_r(r_tables, r_says, name, label, options):
    found = log_rank(r_tables[name], "group", start=None, **options)
    assert found.statistic == pytest.approx(r_says(name, label, "statistic")[0], rel=1e-6)
    assert found.df == r_says(name, label, "df")[0]
    assert found.p == pytest.approx(r_says(name, label, "p")[0], rel=1e-6)


def test_the_log_rank_test_with_late_entry_is_that_written_out(r_tables):
    frame = r_tables["delayed"]
    frame = frame[frame["group"] != "phone"]
    difference = variance = 0.0
    for time, gone in frame[frame["ending"] != "ongoing"].groupby("stop"):
        there = frame[(frame["start"] < time) & (frame["stop"] >= time)]
        n, m, d = len(there), (there["group"] == "video").sum(), len(gone)
        difference += (gone["group"] == "video").sum() - d * m / n
        variance += d * m / n * (1 - m / n) * (n - d) / (n - 1) if n > 1 else 0
    found = log_rank(frame, "group")
    assert found.statistic == pytest.approx(difference**2 / variance, rel=1e-9)
    assert found.df == 1
    assert list(found.groups.columns) == ["group", "rows", "endings"]


def test_the_log_rank_test_says_what_it_compares():
    assert "cause-specific hazards, not risks" in log_rank(people(), "z", cause="dropout")._repr_html_()
    with pytest.raises(ModelError, match="nothing to compare"):
        log_rank(people().assign(z=1), "z")
    with pytest.raises(ModelError, match="nobody left"):
        log_rank(people().assign(ending="ongoing"), "z")
