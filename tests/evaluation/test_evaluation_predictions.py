"""`evaluate_predictions`: what comes out, with and without a history, and what is said of bad input."""

from __future__ import annotations

import time as clock

import numpy as np
import pandas as pd
import pytest
from fake_model import FakeModel

import dropout
from dropout.endings import DEFAULT, Gap
from dropout.endings.labels import HORIZONS, risk_labels, time_to_ending
from dropout.errors import CallError
from dropout.evaluation import evaluate, metrics
from dropout.evaluation.baselines import names
from dropout.evaluation.censoring import by_horizon
from dropout.evaluation.evaluate_predictions import evaluate_predictions
from dropout.evaluation.horizon_tables import TABLES, TREAT_ALL, TREAT_NONE
from dropout.features.moments import weekly

DAYS = np.timedelta64(1, "D")
P = [f"p_dropout_{h}d" for h in (30, 60, 90)]


def given(n: int = 600, seed: int = 0, *, rate: float = 1.0) -> pd.DataFrame:
    """Predictions with outcomes of their own: two rows a client, two sites, censoring."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    gone, other, lost = rng.exponential(150 / np.exp(x) / rate), rng.exponential(180, n), rng.uniform(20, 250, n)
    frame = pd.DataFrame({
        "client_id": [f"c{k // 2}" for k in range(n)],
        "as_of": np.datetime64("2025-01-06") + 7 * (np.arange(n) % 2) * DAYS,
        "clinic_id": np.where(rng.random(n) < 0.6, "north", "south"),
        "days_since_attended": np.round(20 * np.exp(x / 2), 1),
        "time": np.minimum(np.minimum(gone, other), lost),
        "event": np.where(lost < np.minimum(gone, other), 0, np.where(gone < other, 1, 2)),
    })
    for name, shift in zip(P, (-1.8, -1.2, -0.8), strict=True):
        frame[name] = 1 / (1 + np.exp(-(x + shift)))
        frame[name.replace("dropout", "other")] = 1 / (1 + np.exp(-(0.5 * x + rng.normal(0, 0.5, n) + shift)))
    return frame


@pytest.fixture(scope="module")
def result():
    """Return the evaluation of two predictors of the same rows."""
    frame = given().assign(age=np.where(np.arange(600) % 3 == 0, "young", "old"))
    frame.loc[:3, "age"] = "unheard of"
    return evaluate_predictions(frame, by="age", drawings=60, predictors={"mine": "p_dropout_{}d", "other": "p_other_{}d"})


def at(table: pd.DataFrame, horizon: float = 60, by: str = "all", group: str = "all") -> pd.DataFrame:
    return table[(table["horizon"] == horizon) & (table["by"] == by) & (table["group"] == group)].set_index("predictor")


def test_every_table_has_the_baselines_groups_and_sizes(result):
    assert set(result.tables) == {*TABLES, "capacity"}
    accuracy = result.tables["accuracy"]
    assert set(accuracy["predictor"]) == {"mine", "other", "base rate", "days since seen"}
    assert set(zip(accuracy["by"], accuracy["group"], strict=True)) == {
        ("all", "all"), ("clinic_id", "north"), ("clinic_id", "south"), ("age", "young"), ("age", "old"),
        ("age", "unheard of")}
    for name in ("accuracy", "discrimination", "calibration_measures", "integrated", "differences", "net_benefit"):
        assert {"basis", "n", "clients", "events", "other_endings", "censored", "base_rate"} <= set(
            result.tables[name].columns), name
    assert {TREAT_ALL, TREAT_NONE} < set(result.tables["net_benefit"]["predictor"])


def test_the_figures_are_those_of_the_plain_functions(result):
    frame = given()
    y, weight = by_horizon(frame["time"].to_numpy(), frame["event"].to_numpy(), 60.0)
    p = frame[P[1]].to_numpy()
    mine = at(result.tables["accuracy"]).loc["mine"]
    assert mine["log_loss"] == pytest.approx(metrics.log_loss(y, p, weight), abs=1e-9)
    assert mine["brier"] == pytest.approx(metrics.brier(y, p, weight), abs=1e-9)
    assert mine["brier_low"] < mine["brier"] < mine["brier_high"]
    assert mine["events"] == y.sum() and mine["censored"] == ((frame["event"] == 0) & (frame["time"] <= 60)).sum()
    assert at(result.tables["discrimination"]).loc["mine", "auc"] == pytest.approx(metrics.auc(y, p, weight), abs=1e-9)
    measures = at(result.tables["calibration_measures"])
    assert measures.loc["mine", "slope"] == pytest.approx(metrics.calibration_slope(y, p, weight), abs=1e-7)
    assert measures.loc["mine", "observed"] == pytest.approx(np.average(y, weights=weight), abs=1e-9)
    # The base rate predicts what was observed, and no constant is better.
    assert measures.loc["base rate", "observed_expected"] == pytest.approx(1.0)
    assert at(result.tables["accuracy"]).loc["base rate", "scaled_brier"] == pytest.approx(0.0, abs=1e-9)


def test_differences_are_paired_and_integrated_over_horizons(result):
    table = result.tables["differences"]
    row = at(table[(table["measure"] == "brier") & (table["against"] == "other")]).loc["mine"]
    accuracy = at(result.tables["accuracy"])
    assert row["difference"] == pytest.approx(accuracy.loc["mine", "brier"] - accuracy.loc["other", "brier"], abs=1e-12)
    # Paired: narrower than if the two were drawn apart.
    widths = accuracy.loc[["mine", "other"], "brier_high"] - accuracy.loc[["mine", "other"], "brier_low"]
    assert row["difference_high"] - row["difference_low"] < np.sqrt((widths**2).sum())
    assert not ((table["predictor"] == "other") & (table["against"] == "mine")).any()
    whole = result.tables["integrated"]
    whole = whole[whole["by"] == "all"].set_index("predictor")
    brier = [at(result.tables["accuracy"], h).loc["mine", "brier"] for h in (30, 60, 90)]
    assert whole.loc["mine", "integrated_brier"] == pytest.approx(np.trapezoid(brier, [30, 60, 90]) / 60)
    assert whole.loc["base rate", "scaled"] == pytest.approx(0.0, abs=1e-9)


def test_small_groups_are_counted_and_not_measured(result):
    few = at(result.tables["accuracy"], by="age", group="unheard of")
    assert few["log_loss"].isna().all() and few["log_loss_low"].isna().all()
    assert few["remark"].str.contains("too few to measure|cannot be told").all() and (few["n"] == 4).all()
    assert any("are counted but not measured" in note for note in result.notes)
    rough = at(result.tables["accuracy"], by="age", group="young")
    assert rough["remark"].str.fullmatch(r"only \d+ events: rough").all() and rough["log_loss"].notna().all()
    assert not len(at(result.tables["net_benefit"], by="age", group="young"))


def test_notes_begin_with_what_matters(result):
    assert result.notes[0].startswith("mine, within 60 days, all: log loss") and "AUC" in result.notes[0]
    assert "Calling the 10 with the highest probability finds" in result.notes[2]
    assert any(note.startswith("mine less other, log loss") for note in result.notes)
    assert any(note.startswith("Outcomes not known (censored)") for note in result.notes)
    assert "mine, within 60 days" in repr(result) and "calibration slope" in result._repr_html_()
    assert result.readable("discrimination")["AUC"].str.contains(" to ").any()


def test_it_is_written_and_drawn(result, tmp_path):
    folder = result.write(tmp_path / "out")
    assert {path.name for path in folder.iterdir()} == {
        "evaluation.json", *(f"{name}.csv" for name in result.tables), "calibration_curves.png", "decision_curves.png",
        "over_horizons.png"}
    for name in ("calibration_curves", "decision_curves", "over_horizons"):
        assert all("(" in ax.get_xlabel() for ax in result.figure(name).axes)
    with pytest.raises(CallError, match="no picture 'roc'"):
        result.figure("roc")
    with pytest.raises(CallError, match="no table 'metrics'"):
        result.readable("metrics")


def test_outcomes_may_stand_in_a_frame_of_their_own():
    frame = given(200)
    outcomes = frame[["client_id", "as_of", "time", "event"]].sample(frac=1, random_state=1)
    one = evaluate_predictions(frame, drawings=20)
    other = evaluate_predictions(frame.drop(columns=["time", "event"]), outcomes=outcomes, drawings=20)
    pd.testing.assert_frame_equal(one.tables["accuracy"], other.tables["accuracy"])


def test_horizons_may_be_anything():
    frame = given(200).rename(columns={P[0]: "week", P[1]: "half"})
    found = evaluate_predictions(frame, horizons=(7, 182.5), predictors={"mine": ["week", "half"]}, drawings=20)
    assert set(found.tables["accuracy"]["horizon"]) == {7.0, 182.5}
    one = evaluate_predictions(frame, horizons=(50,), predictors={"mine": "half"}, drawings=20)
    assert not len(one.tables["integrated"]) and len(one.tables["discrimination"])


@pytest.mark.parametrize(("event", "time", "said"), [
    (2, 10.0, "none: cannot be told|0 events: cannot be told"), (1, 10.0, "cannot be told"), (0, 200.0, "cannot be told")])
def test_where_nobody_or_everybody_left_it_is_said(event, time, said):
    found = evaluate_predictions(given(60).assign(event=event, time=time), drawings=20)
    accuracy = found.tables["accuracy"]
    assert accuracy["log_loss"].isna().all() and accuracy["remark"].str.contains(said).all()
    assert "nothing can be measured" in found.notes[0]
    found._repr_html_()


def test_one_client_gets_figures_without_intervals():
    frame = given(80).assign(client_id="c").drop(columns="as_of")
    found = evaluate_predictions(frame, drawings=20, horizons=(60,), predictors={"p": P[1]})
    row = at(found.tables["accuracy"]).loc["p"]
    assert np.isfinite(row["log_loss"]) and np.isnan(row["log_loss_low"])


def test_a_frame_is_not_changed():
    frame = given(60)
    before = frame.copy()
    evaluate_predictions(frame, drawings=20)
    pd.testing.assert_frame_equal(frame, before)


# -- with a history --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scores(history):
    """Return scores of a model on three dates."""
    model = FakeModel().fit(history, as_of=history.known_until - 270 * DAYS)
    dates = [history.known_until.astype("datetime64[D]") - k * DAYS for k in (210, 180, 150)]
    return model, pd.concat([model.score(history, as_of=date).dropout_risk for date in dates], ignore_index=True)


@pytest.mark.parametrize("definition", [DEFAULT, Gap(30)])
def test_times_to_an_ending_say_what_the_labels_say(history, definition):
    """By every horizon an outcome is known exactly where the label is, and is the same."""
    timeline = history.timeline
    moments = weekly(timeline, timeline.extraction, 20.0)
    labels = risk_labels(timeline, definition, moments)
    time, event = time_to_ending(timeline, definition, moments)
    started = timeline.took_place.count(moments.episode, moments.at) > 0
    followed = ~np.isnan(time) & started
    assert 0.5 < followed[started].mean() < 1
    seen = 0
    for k, horizon in enumerate(HORIZONS):
        known = (time > horizon) | (event > 0)
        label_known = labels.known[:, k]
        # Labels leave out a horizon beyond the last day that counts, even where the ending came before it.
        assert not (label_known & ~known)[followed].any()
        both = label_known & known & followed
        assert np.array_equal(((event == 1) & (time <= horizon))[both], (labels.interval <= k)[both])
        seen += int(both.sum())
    assert seen > 1000 and {0, 1} <= set(event[followed])


def test_predictions_are_judged_as_those_of_a_model(history, scores):
    """The same scores, through `evaluate` and as a frame: the same figures."""
    model, _ = scores
    judged = evaluate(history, model, drawings=20)
    dates = np.array(judged.settings["dates"], dtype="datetime64[s]")
    frame = pd.concat([model.score(history, as_of=date).dropout_risk for date in dates], ignore_index=True)
    found = evaluate_predictions(frame, history, drawings=20)
    for name in ("accuracy", "discrimination", "calibration_measures"):
        theirs = judged.tables[name]
        theirs = theirs[(theirs["group"] == "all open") & (theirs["predictor"] == "model")].reset_index(drop=True)
        mine = found.tables[name]
        mine = mine[(mine["group"] == "all") & (mine["predictor"] == "predictions")].reset_index(drop=True)
        apart = ["basis", "by", "group", "predictor"]
        pd.testing.assert_frame_equal(mine.drop(columns=apart), theirs.drop(columns=apart))
    assert set(found.tables["accuracy"]["predictor"]) == {"predictions", *names(False)}


def test_without_an_episode_the_one_open_then_is_meant(history, scores):
    _, frame = scores
    whole = evaluate_predictions(frame, history, drawings=20)
    shorter = evaluate_predictions(frame.drop(columns="episode_id"), history, drawings=20)
    n = [r.tables["accuracy"]["n"].max() for r in (whole, shorter)]
    assert n[0] == n[1] and any(note.startswith("Left out:") for note in whole.notes)


@pytest.mark.parametrize(("change", "said"), [
    (lambda f: f.assign(**{P[1]: f[P[1]] * 100}), "lie outside 0 to 1 .*divide by 100"),
    (lambda f: f.assign(**{P[1]: f[P[1]] - 1}), r"600 of 600 values of 'p_dropout_60d' lie outside 0 to 1 \(first in row 1"),
    (lambda f: f.assign(**{P[0]: f[P[0]].where(f.index != 4)}), r"1 of 600 values of 'p_dropout_30d' are missing .* row 5"),
    (lambda f: f.assign(**{P[0]: "high"}), "missing or no numbers"),
    (lambda f: f.drop(columns=P[2]), "no column 'p_dropout_90d'"),
    (lambda f: f.drop(columns="client_id"), "need a column 'client_id'"),
    (lambda f: f.assign(client_id=f["client_id"].where(f.index > 1)), "2 rows have no client_id"),
    (lambda f: pd.concat([f, f.iloc[:2]]), "2 rows repeat the as_of, client_id"),
    (lambda f: f.assign(as_of="soon"), "no dates"),
    (lambda f: f.assign(as_of=pd.NaT), "are missing"),
    (lambda f: f.assign(as_of=pd.Timestamp("2025-01-01", tz="UTC"), client_id=range(600)), "time zone"),
    (lambda f: f.iloc[:0], "no rows"),
    (lambda f: f.drop(columns="event"), "no column 'event', and there is no history"),
    (lambda f: f.assign(event=7), "none of 0"),
    (lambda f: f.assign(time=-1.0), "below 0"),
    (lambda f: f.assign(event=0, time=5.0), "all 600 rows are censored before the shortest horizon"),
    (lambda f: f.to_dict(), "predictions are a DataFrame"),
    (lambda f: pd.concat([f, f[[P[1]]]], axis=1), "several columns called 'p_dropout_60d'"),
    (lambda f: f.assign(**{P[0]: f["as_of"]}), "missing or no numbers"),
    (lambda f: f.assign(**{P[0]: f[P[0]].astype(complex)}), "missing or no numbers"),
    (lambda f: f.assign(**{P[0]: np.inf}), r"first in row 1: inf\)\. Give"),
    (lambda f: f.assign(as_of=20250602, client_id=range(600)), "'as_of' holds numbers"),
])
def test_bad_predictions_are_named(change, said):
    with pytest.raises(CallError, match=said):
        evaluate_predictions(change(given()), drawings=20)


@pytest.mark.parametrize(("options", "said"), [
    ({"horizons": (90, 30)}, "the shortest first"),
    ({"horizons": "all"}, "horizons are numbers of days"),
    ({"horizons": ()}, "different numbers above 0"),
    ({"drawings": 5}, "too few for an interval"),
    ({"by": "age"}, "'age' is not a column"),
    ({"by": "time"}, "different values"),
    ({"predictors": {}}, "name at least one"),
    ({"predictors": {"base rate": "p_dropout_{}d"}}, "the name of a baseline"),
    ({"predictors": {"mine": P[:2]}}, "2 columns for 3 horizons"),
    ({"predictors": {"treat all": P}}, "the name of a baseline"),
    ({"predictors": P}, "expected names with columns"),
    ({"predictors": {"mine": 60}}, "the columns of predictor 'mine' are 60"),
    ({"predictors": {"mine": "p_{}_{}"}}, "no column 'p_30_30'"),
    ({"by": 5}, "by is 5"),
    ({"drawings": 20.5}, "drawings is 20.5"),
    ({"seed": -1}, "seed is -1"),
    ({"thresholds": "many"}, "thresholds are probabilities"),
    ({"history": "a folder"}, "expected a History"),
    ({"outcomes": [1, 2]}, "outcomes are a DataFrame"),
    ({"outcomes": pd.DataFrame({"client_id": [None], "time": [1.0], "event": [1]})}, "1 rows have no client_id"),
    ({"thresholds": (1.5,)}, "thresholds are probabilities"),
    ({"outcomes": pd.DataFrame({"client_id": ["c0"], "time": [1.0]})}, "missing: event"),
    ({"outcomes": pd.DataFrame({"client_id": ["c0"], "time": [1.0], "event": [1]})}, "598 of 600 predictions have no row"),
    ({"outcomes": pd.DataFrame({"client_id": ["c0", "c0"], "time": [1.0, 2], "event": [1, 1]})}, "outcomes repeat"),
])
def test_wrong_calls_are_named(options, said):
    with pytest.raises(CallError, match=said):
        evaluate_predictions(given(), **{"drawings": 20} | options)


def test_rows_that_the_history_cannot_judge(history, scores):
    _, frame = scores
    with pytest.raises(CallError, match=r"2 of .* rows have a client_id and episode_id that the history does not have"):
        evaluate_predictions(pd.concat([frame, frame.iloc[:2].assign(client_id="nobody")]), history)
    with pytest.raises(CallError, match="client_id that the history does not have"):
        evaluate_predictions(frame.drop(columns="episode_id").assign(client_id="nobody").iloc[:1], history)
    with pytest.raises(CallError, match="need a column 'as_of'"):
        evaluate_predictions(frame.drop(columns="as_of"), history)
    with pytest.raises(CallError, match="check the dates"):
        evaluate_predictions(frame.iloc[:5].assign(as_of="1999-01-01"), history)
    with pytest.raises(CallError, match="expected a definition of dropout"):
        evaluate_predictions(frame, history, definition="gap:60")
    with pytest.raises(CallError, match="by the end of the history"):
        evaluate_predictions(frame.iloc[:5].assign(as_of="2050-01-01"), history)
    late = frame.drop_duplicates("episode_id").assign(as_of=history.known_until - 3 * DAYS)
    with pytest.raises(CallError, match="nothing is known yet"):
        evaluate_predictions(late, history)
    with pytest.raises(CallError, match="not both"):
        evaluate_predictions(frame, history, outcomes=given())


def test_rows_made_after_the_history_ends_are_left_out_with_a_count(history, scores):
    _, frame = scores
    later = frame.drop_duplicates("client_id").head(7).assign(as_of=history.known_until + 900 * DAYS)
    found = evaluate_predictions(pd.concat([frame, later]), history, drawings=20)
    alone = evaluate_predictions(frame, history, drawings=20)
    pd.testing.assert_frame_equal(found.tables["accuracy"], alone.tables["accuracy"])
    assert any(note.startswith(f"Left out: 7 of {len(frame) + 7:,} rows, made after the history ends") for note in found.notes)


def test_a_column_that_can_be_no_baseline_is_none():
    frame = given(200).assign(days_since_attended=-5.0, own_return_rate=3.0)
    assert set(evaluate_predictions(frame, drawings=20).tables["accuracy"]["predictor"]) == {"predictions", "base rate"}


def test_observed_over_expected_of_nothing_expected_is_not_told():
    found = evaluate_predictions(given(200).assign(**dict.fromkeys(P, 0.0)), drawings=20)
    assert at(found.tables["calibration_measures"])["observed_expected"].isna()["predictions"]
    assert "Observed over expected not to be told" in found.notes[0]


@pytest.mark.slow
def test_a_hundred_thousand_predictions_in_time():
    """The whole evaluation: three horizons, 200 drawings, all four baselines, lists of calls. It took about 30 s of processor
    time on a busy machine.
    """
    n = 100_000
    frame = given(n).drop(columns="clinic_id")
    rng = np.random.default_rng(1)
    frame = frame.assign(last_missed=rng.integers(0, 2, n).astype(float), own_return_rate=rng.beta(5, 1, n))
    begin = clock.process_time()
    found = evaluate_predictions(frame, drawings=200)
    assert clock.process_time() - begin < 60
    assert set(found.tables["accuracy"]["predictor"]) == {"predictions", *names(False)} and "capacity" in found.tables


def test_it_is_handed_on():
    assert dropout.evaluate_predictions is evaluate_predictions
