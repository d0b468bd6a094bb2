"""Curves against slow obvious twins, what they say of poor data, and how they are read and shown."""

from __future__ import annotations

import time as clock

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dropout.errors import CallError, ModelError
from dropout.survival import aalen_johansen, fine_gray, gray_test, kaplan_meier

ENDINGS = ["dropout", "completed", "administrative"]

people = st.lists(st.tuples(st.integers(0, 4), st.integers(1, 6), st.sampled_from([*ENDINGS, "ongoing", "ongoing"])),
                  min_size=1, max_size=14)


def frame_of(rows: list[tuple]) -> pd.DataFrame:
    """Rows of (entry, length, ending)."""
    return pd.DataFrame([{"start": a, "stop": a + b, "ending": c} for a, b, c in rows])


def slow(frame: pd.DataFrame, weight: np.ndarray | None = None) -> tuple[np.ndarray, list[float], dict[str, list[float]]]:
    """Times, share in care and incidence of each ending, by loops over people; each person may count more or less than once."""
    weight = np.ones(len(frame)) if weight is None else weight
    times, alive = np.unique(frame["stop"]), 1.0
    in_care, share = [], {ending: [] for ending in ENDINGS}
    so_far = dict.fromkeys(ENDINGS, 0.0)
    for time in times:
        there = sum(w for w, a, b in zip(weight, frame["start"], frame["stop"], strict=True) if a < time <= b)
        ended = {e: sum(w for w, b, how in zip(weight, frame["stop"], frame["ending"], strict=True) if b == time and how == e)
                 for e in ENDINGS}
        for ending in ENDINGS:
            so_far[ending] += alive * ended[ending] / there
            share[ending].append(so_far[ending])
        alive *= 1 - sum(ended.values()) / there
        in_care.append(alive)
    return times, in_care, share


@settings(max_examples=80, deadline=None)
@given(people)
def test_estimates_are_those_of_loops(rows):
    frame = frame_of(rows)
    times, in_care, share = slow(frame)
    found = kaplan_meier(frame)
    np.testing.assert_array_equal(found.table["time"], times)
    np.testing.assert_allclose(found.table["estimate"], in_care, atol=1e-12)
    if (frame["ending"] == "ongoing").all():
        with pytest.raises(ModelError, match="nobody was seen to end"):
            aalen_johansen(frame)
        return
    found = aalen_johansen(frame)
    for ending in found.endings:
        np.testing.assert_allclose(found.table.loc[found.table["ending"] == ending, "estimate"], share[ending], atol=1e-12)
    total = found.table.groupby("time")["estimate"].sum().to_numpy()
    np.testing.assert_allclose(total + in_care, 1.0, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(people)
def test_the_jackknife_is_the_change_when_one_person_counts_a_little_more(rows):
    frame = frame_of(rows)
    if (frame["ending"] == "ongoing").all():
        return
    found = aalen_johansen(frame)
    times, in_care, share = slow(frame)
    # Once the share in care is 0, weighting one person more does not move it, but rounding may.
    alive = np.array([1.0, *in_care[:-1]]) > 1e-9
    step = 1e-5
    for ending in found.endings:
        influence = []
        for i in range(len(frame)):
            nudge = np.where(np.arange(len(frame)) == i, step, 0.0)
            more, less = (np.array(slow(frame, 1 + sign * nudge)[2][ending]) for sign in (1, -1))
            influence.append((more - less) / (2 * step))
        expected = np.sqrt((np.array(influence) ** 2).sum(axis=0))
        error = found.table.loc[found.table["ending"] == ending, "std_err"].to_numpy()
        np.testing.assert_allclose(error[alive], expected[alive], atol=1e-7)


@settings(max_examples=30, deadline=None)
@given(people, st.integers(0, 10_000))
def test_stretches_of_an_episode_give_the_same_as_the_whole(rows, seed):
    whole = frame_of(rows).assign(client_id="c", episode_id=lambda frame: [f"e{i}" for i in range(len(frame))], group="g")
    rng = np.random.default_rng(seed)
    parts = []
    for row in whole.to_dict("records"):
        cuts = [row["start"], *[t for t in range(row["start"] + 1, row["stop"]) if rng.random() < 0.5], row["stop"]]
        parts += [row | {"start": a, "stop": b, "ending": row["ending"] if b == row["stop"] else "ongoing"}
                  for a, b in zip(cuts[:-1], cuts[1:], strict=True)]
    parts = pd.DataFrame(parts).sample(frac=1, random_state=seed)
    assert kaplan_meier(parts, by="group").table.equals(kaplan_meier(whole, by="group").table)
    if not (whole["ending"] == "ongoing").all():
        pd.testing.assert_frame_equal(aalen_johansen(parts).table, aalen_johansen(whole).table)


def some(n: int = 120, seed: int = 3) -> pd.DataFrame:
    """People with ties, three endings and two groups."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"start": 0, "stop": rng.integers(1, 12, n), "ending": rng.choice([*ENDINGS, "ongoing"], n),
                         "group": rng.choice(["video", "phone"], n), "x": rng.normal(size=n)})


def test_row_order_tells_nothing():
    frame = some()
    other = frame.sample(frac=1, random_state=1)
    for ask in (lambda f: kaplan_meier(f, by="group").table, lambda f: aalen_johansen(f, by="group").table,
                lambda f: gray_test(f, "group").table, lambda f: fine_gray(f, ["x"]).table):
        pd.testing.assert_frame_equal(ask(frame), ask(other), rtol=1e-12)


def test_one_ending_among_others_is_refused_and_the_right_one_named():
    with pytest.raises(CallError, match="aalen_johansen") as refused:
        kaplan_meier(some(), cause="dropout")
    assert "more than the share who do" in str(refused.value) and "cause='any'" in str(refused.value)
    alone = some()[lambda frame: frame["ending"].isin(["dropout", "ongoing"])]
    assert kaplan_meier(alone, cause="dropout").table["estimate"].is_monotonic_decreasing


def test_one_less_kaplan_meier_is_more_than_the_share_who_leave():
    """Why it is refused: with every other ending called censoring, the curve passes the incidence."""
    frame = some(2_000)
    alone = frame.assign(ending=frame["ending"].where(frame["ending"] == "dropout", "ongoing"))
    wrong = 1 - kaplan_meier(alone).at(10)["estimate"][0]
    right = aalen_johansen(frame).at(10).set_index("ending").loc["dropout", "estimate"]
    assert wrong > right + 0.1


def test_values_at_chosen_times():
    frame = pd.DataFrame({"start": [0, 0, 0, 2], "stop": [1, 3, 3, 5], "ending": ["dropout", "completed", "ongoing", "ongoing"]})
    found = aalen_johansen(frame).at([0, 1, 2.5, 3, 9]).set_index(["ending", "time"])["estimate"]
    assert found["dropout"].tolist()[:4] == pytest.approx([0, 1 / 3, 1 / 3, 1 / 3])
    assert found["completed"].tolist()[:4] == pytest.approx([0, 0, 0, 2 / 9])
    assert found.xs(9, level="time").isna().all(), "nobody was followed so long"
    at_risk = kaplan_meier(frame).at([0, 1, 2, 2.5, 4]).at_risk
    assert at_risk.tolist() == [3, 3, 2, 3, 1], "who enters at 2 is at risk after 2"
    for wrong in ([], [-1], [np.nan]):
        with pytest.raises(CallError, match="expected times"):
            kaplan_meier(frame).at(wrong)


def test_nobody_left_and_everybody_left():
    nobody = some().assign(ending="ongoing")
    found = kaplan_meier(nobody)
    assert (found.table["estimate"] == 1).all() and found.table["low"].isna().all() and np.isnan(found.median()["median"][0])
    assert any("nobody was seen to end" in note for note in found.notes)
    for ask in (aalen_johansen, lambda f: gray_test(f, "group"), lambda f: fine_gray(f, ["x"])):
        with pytest.raises(ModelError, match="nobody"):
            ask(nobody)
    everybody = some().assign(ending="dropout")
    assert kaplan_meier(everybody).table["estimate"].iloc[-1] == 0
    assert any("everybody was seen to end" in note for note in aalen_johansen(everybody).notes)


def test_one_client():
    one = pd.DataFrame({"start": [0], "stop": [3], "ending": ["dropout"]})
    found = aalen_johansen(one)
    assert found.table["estimate"].tolist() == [1] and found.table[["low", "high"]].isna().all().all()
    assert "everybody" in " ".join(found.notes) and found.plot() is not None and found._repr_html_()
    with pytest.raises(ModelError, match="one client|is 'a' for everybody"):
        gray_test(one.assign(group="a"), "group")


def test_all_at_one_time():
    frame = some().assign(stop=1)
    found = aalen_johansen(frame)
    shares = frame["ending"].value_counts(normalize=True)
    assert found.table.set_index("ending")["estimate"].to_dict() == pytest.approx(shares[ENDINGS].to_dict())
    # A share of n: the error is that of a binomial.
    p, n = shares["dropout"], len(frame)
    assert found.table.set_index("ending")["std_err"]["dropout"] == pytest.approx(np.sqrt(p * (1 - p) / n))
    assert np.isfinite(gray_test(frame, "group").table["chi_square"]).all()


def test_a_risk_set_that_empties_is_told():
    frame = pd.DataFrame({"start": [0, 0, 4], "stop": [2, 3, 6], "ending": ["dropout", "dropout", "completed"]})
    for found in (kaplan_meier(frame), aalen_johansen(frame)):
        assert any("at 3 all who were at risk ended" in note for note in found.notes)


@pytest.mark.parametrize(("change", "options", "message"), [
    ({"stop": 0}, {}, "longer than nothing"),
    ({"stop": -3}, {}, "longer than nothing"),
    ({"start": -1}, {}, "the clock begins at 0"),
    ({"stop": "soon"}, {}, "expected numbers"),
    ({"stop": np.inf}, {}, "infinite"),
    ({}, {"stop": "days"}, "no column 'days'"),
    ({}, {"start": "begin"}, "start=None"),
    ({}, {"by": "groop"}, "did you mean group"),
    ({}, {"by": "x"}, "at most 20 groups"),
    ({}, {"interval": "wald"}, "expected one of: log-log"),
    ({}, {"level": 95}, "between 0 and 1"),
    ({"ending": [f"e{i}" for i in range(120)]}, {}, "different values"),
])
def test_bad_input_says_how_to_mend_it(change, options, message):
    for ask in (kaplan_meier, aalen_johansen):
        with pytest.raises(CallError, match=message):
            ask(some().assign(**change), **options)


@pytest.mark.parametrize(("rows", "message"), [
    ([(0, 2, "ongoing", "a"), (3, 4, "dropout", "a")], "without a break"),
    ([(0, 2, "dropout", "a"), (2, 4, "dropout", "a")], "comes after the ending"),
    ([(0, 2, "ongoing", "a"), (2, 4, "dropout", "b")], "has another group"),
])
def test_rows_of_an_episode_must_fit_together(rows, message):
    frame = pd.DataFrame(rows, columns=["start", "stop", "ending", "group"]).assign(client_id="1", episode_id="1")
    with pytest.raises(CallError, match=message):
        aalen_johansen(frame, by="group")


def test_no_error_names_a_client():
    frame = some().set_axis([f"client {i}" for i in range(120)])
    frame.iloc[7, frame.columns.get_loc("stop")] = 0
    with pytest.raises(CallError, match="row 7: ") as wrong:
        aalen_johansen(frame)
    assert "client" not in str(wrong.value)


def test_missing_values_are_left_out_and_counted():
    frame = some()
    frame.loc[:9, "group"] = None
    frame.loc[5:14, "ending"] = None
    found = aalen_johansen(frame, by="group")
    assert len(found.people) == 105 and any("left out: 15 of 120 rows" in note for note in found.notes)
    with pytest.raises(ModelError, match="every one of"):
        kaplan_meier(frame.assign(stop=np.nan))
    with pytest.raises(ModelError, match="no rows"):
        kaplan_meier(frame.head(0))
    with pytest.raises(CallError, match="expected a data frame"):
        kaplan_meier([1, 2])


def test_gray_and_fine_gray_say_what_they_cannot_do():
    late = some().assign(start=lambda frame: (frame["stop"] > 3) * 2)
    with pytest.raises(CallError, match="enter late"):
        gray_test(late, "group")
    with pytest.raises(CallError, match="use cause_specific"):
        fine_gray(late, ["x"])
    with pytest.raises(CallError, match="cox is the regression"):
        fine_gray(some(), ["x"], cause="any")
    found = fine_gray(some(), ["x", "group"])
    assert "association, not prediction" in repr(found) and "more than one" in found._repr_html_()
    assert not hasattr(found, "predict")
    with pytest.raises(ModelError, match="same in every row|constant"):
        fine_gray(some().assign(x=1.0), ["x"])
    frame = some()
    with pytest.raises(ModelError, match="separation|part"):
        fine_gray(frame.assign(x=(frame["ending"] == "dropout") * 1.0), ["x"])


def test_gray_with_groups_that_cannot_be_told_apart():
    frame = some()
    frame["twin"] = "a"
    frame = pd.concat([frame, frame.assign(twin="b")])
    table = gray_test(frame, "twin").table
    np.testing.assert_allclose(table["chi_square"], 0, atol=1e-20)
    np.testing.assert_allclose(table["p"], 1)


@pytest.mark.slow
def test_gray_keeps_its_size():
    """Seed 8; 400 tests of groups that are alike: at 5%, between 2.9 and 7.3% reject in 95 of 100 such studies; some more is
    allowed, as the statistic is chi-square only in large samples."""
    rng = np.random.default_rng(8)
    rejected = sum(gray_test(some(150, int(seed)), "group").table["p"][0] < 0.05 for seed in rng.integers(0, 10**6, 400))
    assert 0.015 < rejected / 400 < 0.095


@pytest.mark.slow
def test_intervals_cover():
    """Seed 5; 400 samples of 100: a 95% interval holds the true incidence in 92.9 to 97.1% of such studies."""
    rng = np.random.default_rng(5)
    covered = 0
    truth = 0.02 / 0.05 * (1 - 0.95**10)
    for _ in range(400):
        time = rng.geometric(0.05, 100)
        ending = np.where(rng.random(100) < 0.4, "dropout", "completed")
        until = rng.integers(5, 30, 100)
        frame = pd.DataFrame({"stop": np.minimum(time, until), "ending": np.where(time <= until, ending, "ongoing")})
        row = aalen_johansen(frame, start=None).at(10).set_index("ending").loc["dropout"]
        covered += row["low"] <= truth <= row["high"]
    assert 0.92 < covered / 400 < 0.98


def test_results_are_read_and_shown():
    frame = some()
    frame.attrs |= {"definition": "no session for 60 days", "unit": "attended sessions"}
    for found in (aalen_johansen(frame), aalen_johansen(frame, by="group"), kaplan_meier(frame, by="group")):
        page = found._repr_html_()
        assert "no session for 60 days" in page and "attended sessions" in page and "95%" in page
        assert "\n" not in repr(found) and "120 at risk" in repr(found)
        figure = found.plot(until=8)
        assert figure._repr_png_().startswith(b"\x89PNG")
        assert figure.axes[0].get_xlabel() == "attended sessions" and "%" in figure.axes[0].get_ylabel()
        words = [text.get_text() for text in figure.axes[0].texts]
        assert "at risk" in words and str(found.at_risk(found.groups[0], np.array([0.0]))[0]) in words
    stacked = aalen_johansen(frame, by="group").plot(stacked=True)
    assert [ax.get_title() for ax in stacked.axes] == ["phone", "video"]
    assert {text.get_text() for text in stacked.axes[0].get_legend().get_texts()} == set(ENDINGS)
    with pytest.raises(CallError, match="can be stacked"):
        kaplan_meier(frame).plot(stacked=True)
    hazard = aalen_johansen(frame).hazard(until=5)
    assert (hazard["hazard"] == hazard["ended"] / hazard["at_risk"]).all() and hazard["time"].max() == 5
    assert (hazard["low"] <= hazard["hazard"]).all() and (hazard["hazard"] <= hazard["high"]).all()
    with pytest.raises(CallError, match="there is no ending 'moved'"):
        aalen_johansen(frame).plot(endings=["moved"])


def test_time_lost_to_an_ending_is_the_area_under_its_curve():
    frame = pd.DataFrame({"start": 0, "stop": [2, 4, 6, 6], "ending": ["dropout", "completed", "ongoing", "ongoing"]})
    lost = aalen_johansen(frame).mean(6).set_index("ending")["mean"]
    assert lost["dropout"] == pytest.approx(0.25 * 4) and lost["completed"] == pytest.approx(0.25 * 2)
    assert kaplan_meier(frame).mean(6)["mean"][0] == pytest.approx(6 - lost.sum())
    assert aalen_johansen(frame).mean(60)["mean"].isna().all()
    with pytest.raises(CallError, match="until"):
        kaplan_meier(frame).mean(0)


@pytest.mark.slow
@pytest.mark.parametrize("ask", [kaplan_meier, aalen_johansen])
def test_a_million_episodes(ask):
    """Whole days, four endings, a third entering late: well under 2 s of one processor. The bound is for slow machines."""
    rng = np.random.default_rng(1)
    n = 1_000_000
    start = np.where(rng.random(n) < 0.3, rng.integers(0, 100, n), 0)
    frame = pd.DataFrame({"client_id": np.arange(n).astype(str), "episode_id": "1",
                          "start": start, "stop": start + rng.integers(1, 700, n),
                          "ending": rng.choice([*ENDINGS, "service_ended", "ongoing"], n)})
    began = clock.process_time()
    found = ask(frame)
    assert clock.process_time() - began < 4
    assert found.table["at_risk"].iloc[0] == (start < 1).sum()
