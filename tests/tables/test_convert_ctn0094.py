"""The CTN-0094 converter on invented people, one trap each."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dropout.errors import CallError, HistoryError
from dropout.tables import read_tables
from dropout.tables.convert import convert, ctn0094, write_conversion
from dropout.tables.convert.ctn0094.losses import FATES
from dropout.tables.convert.ctn0094.source import REASONS

ORIGIN = pd.Timestamp("2000-01-03")


def write_source(folder, visits, *, project=27, randomised=((1, 5),), **tables):
    """Write a source in which person 1 is in a trial; a visit is (label, disposition, day, reasons...)."""
    folder.mkdir(exist_ok=True)
    rows = []
    for label, what, when, *reasons in visits:
        rows.append({"who": 1, "visit": label, "what": what, "when": when, **{f"is_{name}": 1 for name in reasons}})
    held = {
        "everybody": pd.DataFrame({"who": [1], "project": [project]}),
        "randomization": pd.DataFrame([{"who": 1, "treatment": "arm", "which": n, "when": d} for n, d in randomised]),
        "visit": pd.DataFrame(rows, columns=["who", "visit", "what", "when", *(f"is_{name}" for name in REASONS)]),
        **tables,
    }
    for name, frame in held.items():
        frame.to_csv(folder / f"{name}.csv", index=False)
    return folder


@pytest.fixture
def turn(tmp_path):
    """Convert visits of one person; the sessions come back as (label, status, day since consent)."""

    def turned(visits, **about):
        conversion = ctn0094.convert(write_source(tmp_path / "source", visits, **about), entry_weeks=1)
        kept = conversion.tables["sessions"]
        days = (kept["starts_at"] - ORIGIN).dt.days
        rows = list(zip(kept["visit_label"], kept["status"], days.tolist(), strict=True))
        return rows, conversion

    return turned


def losses(conversion, table=None):
    return {loss.what: loss.rows for loss in conversion.losses if table in (None, loss.table)}


def closure(conversion, episode=0):
    row = conversion.tables["episodes"].iloc[episode]
    day = None if pd.isna(row["closed_at"]) else (row["closed_at"] - ORIGIN).days
    return row["closure_reason"] if day is not None else None, day


def weekly(first, last, offset=5):
    """Attended visits of weeks first to last, each on its day."""
    return [(f"WK{week}", "visit", offset + 7 * week) for week in range(first, last + 1)]


def test_visits_become_sessions_and_missed_ones_go_where_their_week_is(turn):
    rows, conversion = turn(
        [
            ("BASELINE", "visit", 0),
            ("WK0", "visit", 5),
            ("WK1", "visit", 14),  # two days late
            ("WK2", "no visit", None, "no_show"),
            ("WK3", "MISSING", None),
            ("WK4", "visit", 34),
            ("WK28", "visit", 201),
        ]
    )
    assert rows == [
        ("WK0", "attended", 5),
        ("WK1", "attended", 14),
        ("WK2", "no_show", 21),
        ("WK3", "no_show", 28),
        ("WK4", "attended", 34),
    ]
    sessions = conversion.tables["sessions"]
    assert sessions["missed_reason"].fillna("").tolist() == ["", "", "no_show", "", ""]
    assert sessions["disposition"].tolist() == ["visit", "visit", "no visit", "MISSING", "visit"]
    assert "booked_at" not in sessions and "cancelled_at" not in sessions
    assert losses(conversion)["missed visits without a date"] == 2
    assert losses(conversion)["the visit at consent"] == 1


def test_a_missed_visit_before_any_attended_one_counts_from_randomisation(turn):
    rows, _ = turn([("WK0", "no visit", None), ("WK2", "no visit", None), ("WK3", "visit", 27)])
    assert rows == [("WK0", "no_show", 5), ("WK2", "no_show", 19), ("WK3", "attended", 27)]


def test_a_missed_visit_stays_before_the_next_attended_one(turn):
    rows, _ = turn([("WK4", "visit", 40), ("WK5", "no visit", None), ("WK6", "visit", 44)])
    assert rows[1] == ("WK5", "no_show", 43)
    rows, conversion = turn([("WK4", "visit", 40), ("WK5", "no visit", None), ("WK6", "visit", 41)])
    assert [label for label, _, _ in rows] == ["WK4", "WK6"]
    assert losses(conversion)[FATES["no_room"][0]] == 1


def test_a_person_has_one_session_a_day(turn):
    rows, conversion = turn(
        [
            ("WK7", "visit", 61),
            ("WK8", "visit", 61),
            ("EOT", "visit", 61),
            ("WK9", "no visit", 61),
            ("WK10", "no visit", 75),
            ("WK10", "no visit", 75),
        ]
    )
    assert rows == [("WK7", "attended", 61), ("WK10", "no_show", 75)]
    assert losses(conversion)[FATES["same_day"][0]] == 4


def test_a_date_is_believed_before_its_label(turn):
    rows, conversion = turn([*weekly(0, 3), ("WK24", "visit", 33), ("WK9", "visit", 40), ("WK2", "visit", 3)])
    assert rows[-2:] == [("WK24", "attended", 33), ("WK9", "attended", 40)]
    assert losses(conversion)["attended weekly visits dated more than 10 days from the week of their label"] == 1
    assert losses(conversion)[FATES["before_start"][0]] == 1


@pytest.mark.parametrize(("last_seen", "kept"), [(145, True), (144, False)])
def test_the_last_assessment_after_a_long_silence_is_no_return_to_treatment(turn, last_seen, kept):
    rows, conversion = turn([*weekly(0, 2), ("WK20", "visit", last_seen), ("WK24", "visit", 173)])
    assert (rows[-1] == ("WK24", "attended", 173)) == kept
    assert (losses(conversion).get(FATES["after_silence"][0], 0) == 1) != kept
    assert closure(conversion) == (("completed", 173) if kept else (None, None))


def test_a_weekly_visit_after_a_long_silence_is_a_return(turn):
    rows, _ = turn([*weekly(0, 2), ("WK12", "visit", 89)])
    assert rows[-1] == ("WK12", "attended", 89)


@pytest.mark.parametrize("day", [187, 188])
def test_late_visits_count_for_a_fortnight(turn, day):
    rows, conversion = turn([*weekly(0, 23), ("WK24", "visit", day)])
    assert (rows[-1][2] == day) == (day == 187)
    assert closure(conversion) == ("completed", 187 if day == 187 else 173)


def test_follow_up_is_no_treatment(turn):
    rows, conversion = turn(
        [*weekly(0, 24), ("WK28", "visit", 180), ("WK32", "no visit", None), ("M1F", "MISSING", None)]
    )
    assert len(rows) == 25
    assert losses(conversion)[FATES["follow_up"][0]] == 3


def test_the_end_of_treatment_visit_counts_where_it_follows_treatment(turn):
    rows, _ = turn([*weekly(0, 5), ("EOT", "visit", 60)], project=51)
    assert rows[-1] == ("EOT", "attended", 60)
    rows, conversion = turn([*weekly(0, 2), ("EOT", "visit", 60), ("EOT", "no visit", None)], project=51)
    assert rows[-1] == ("WK2", "attended", 19)
    assert losses(conversion)[FATES["after_silence"][0]] == losses(conversion)[FATES["undatable"][0]] == 1


def test_rows_that_do_not_say_whether_anybody_came_are_left_out(turn):
    rows, conversion = turn(
        [("P1Wk1A", None, 5), ("P1Unsc", None, 9), ("Cross Active Study", None, 12), ("P1Wk2", "final", 19)], project=30
    )
    assert rows == [("P1Wk2", "attended", 19)]
    assert losses(conversion)[FATES["no_disposition"][0]] == 1
    assert losses(conversion)[FATES["unscheduled"][0]] == 2
    assert losses(conversion)["attended visits called final, without the word visit"] == 1


def test_attended_visits_without_a_date_and_unknown_labels_are_left_out(turn):
    rows, conversion = turn([("WK0", "visit", 5), ("WK1", "visit", None), ("Week two", "visit", 19)])
    assert rows == [("WK0", "attended", 5)]
    assert losses(conversion)[FATES["undated"][0]] == losses(conversion)[FATES["unknown_label"][0]] == 1


def test_reasons_are_joined_and_an_attended_visit_has_none(turn):
    _, conversion = turn(
        [
            ("P1Wk1A", "visit", 5, "no_show"),
            ("P1Wk2", "no visit", 19, "in_jail", "no_show"),
            ("P1Wk3", "no visit", 26, "left_study"),
        ],
        project=30,
    )
    sessions = conversion.tables["sessions"]
    assert sessions["status"].tolist() == ["attended", "no_show", "no_show"]
    assert sessions["missed_reason"].fillna("").tolist() == ["", "no_show+in_jail", "left_study"]
    found = losses(conversion)
    assert found["people of these whose missed visits say that they left the study or were withdrawn"] == 1
    assert found["people of these whose missed visits say jail or hospital"] == 1
    assert closure(conversion) == (None, None)


def test_completed_needs_one_of_the_last_two_planned_weeks(turn):
    _, conversion = turn([*weekly(0, 22), ("WK23", "visit", 163)])
    assert closure(conversion) == ("completed", 173)
    _, conversion = turn([*weekly(0, 22), ("WK23", "no visit", None), ("WK24", "no visit", None)])
    assert closure(conversion) == (None, None)
    _, conversion = turn([*weekly(0, 22), ("WK23", "visit", 168), ("WK24", "no visit", None)])
    # The missed last visit is placed a week after the late one: the episode closes with it.
    assert closure(conversion) == ("completed", 175)


def test_a_death_and_a_move_close_the_episode_unless_the_person_came_back(turn):
    rows, conversion = turn([*weekly(0, 3), ("WK4", "no visit", None, "dead"), ("WK5", "MISSING", None)], project=51)
    assert rows[-1] == ("WK4", "no_show", 33)
    assert closure(conversion) == ("died", 33)
    assert losses(conversion)[FATES["after_end"][0]] == 1
    _, conversion = turn([("WK0", "visit", 5), ("WK1", "no visit", None, "moved"), ("WK2", "visit", 19)], project=51)
    assert closure(conversion) == (None, None)
    # Without a date or a week the reason is known at the planned end at the latest.
    _, conversion = turn([*weekly(0, 3), ("EOT", "no visit", None, "moved")], project=51)
    assert closure(conversion) == ("moved", 173)


PHASE_ONE = [("P1Wk1A", "visit", 5), ("P1Wk1B", "visit", 12), ("P1Wk2", "visit", 19)]


def test_two_phases_are_two_episodes(turn):
    rows, conversion = turn(
        [
            *PHASE_ONE,
            ("P1Wk3", "visit", 26),
            ("P1Wk4", "visit", 33),
            ("P1Wk6", "visit", 45),
            ("P1Finl", "visit", 60),
            ("P2Wk1A", "visit", 61),
            ("P2Wk16", "visit", 173),
            ("P2Wk20", "visit", 200),
        ],
        project=30,
        randomised=((1, 5), (2, 61)),
    )
    episodes = conversion.tables["episodes"]
    assert [label for label, _, _ in rows] == ["P1Wk1A", "P1Wk1B", "P1Wk2", "P1Wk3", "P1Wk4", "P2Wk1A", "P2Wk16"]
    assert conversion.tables["sessions"]["episode_id"].tolist() == ["1-1"] * 5 + ["1-2"] * 2
    assert episodes["episode_id"].tolist() == ["1-1", "1-2"]
    assert (episodes["opened_at"] - ORIGIN).dt.days.tolist() == [5, 61]
    assert episodes["planned_sessions"].tolist() == [5, 17]
    assert closure(conversion, 0) == ("completed", 33)
    assert closure(conversion, 1) == ("completed", 173)


@pytest.mark.parametrize("second", [23, 50])
def test_a_phase_that_passes_into_the_next_is_no_dropout(turn, second):
    _, conversion = turn([*PHASE_ONE, ("P2Wk1A", "visit", second)], project=30, randomised=((1, 5), (2, second)))
    assert closure(conversion, 0) == ("referred_on", second)
    assert closure(conversion, 1) == (None, None)


def test_the_second_randomisation_is_a_copy_in_the_other_trials(turn):
    _, conversion = turn(weekly(0, 3), randomised=((1, 5), (2, 5)))
    assert conversion.tables["episodes"]["planned_sessions"].tolist() == [25]


def test_people_who_were_never_randomised_are_left_out(turn):
    _, conversion = turn(
        weekly(0, 3),
        everybody=pd.DataFrame({"who": [1, 2], "project": [27, 27]}),
        visit=pd.DataFrame({"who": [1, 2], "visit": ["WK0", "BASELINE"], "what": ["visit", "visit"], "when": [5, 0]}),
        uds=pd.DataFrame({"who": [2], "what": ["Opioid"], "when": [0]}),
    )
    assert conversion.tables["clients"]["client_id"].tolist() == ["1"]
    found = losses(conversion)
    assert found["people who consented and were never randomised"] == 1
    assert found[FATES["not_randomised"][0]] == 1
    assert found["scores of people who were never randomised"] == 2


def test_measures_stop_where_treatment_does(turn):
    _, conversion = turn(
        [*weekly(0, 2), ("WK24", "visit", 173)],
        withdrawal=pd.DataFrame({"who": 1, "withdrawal": [3, 1, None, 2, 0], "when": [0, 12, 19, 173, 220]}),
        uds=pd.DataFrame({"who": 1, "what": ["Opioid", "Cocaine", "Methadone", "Methadone"], "when": [12, 12, 12, 19]}),
    )
    measures = conversion.tables["measures"]
    days = (measures["measured_at"] - ORIGIN).dt.days
    assert list(zip(days, measures["measure"], measures["score"], strict=True)) == [
        (0, "withdrawal", 3.0),
        (12, "uds_drugs", 2.0),
        (12, "uds_opioid", 1.0),
        (12, "withdrawal", 1.0),
        (19, "uds_drugs", 0.0),
        (19, "uds_opioid", 0.0),
    ]
    found = losses(conversion, "measures")
    assert found["scores from assessments after a long silence"] == 1
    assert found["scores from after the planned treatment"] == 1
    assert found["scores without a value or a date"] == 1


def test_clients_keep_what_the_source_says_of_them(turn):
    _, conversion = turn(
        weekly(0, 1),
        demographics=pd.DataFrame({"who": [1], "age": [30], "race": ["Refused/missing"], "is_male": ["Yes"]}),
        psychiatric=pd.DataFrame({"who": [1], "anxiety": ["Not answered"], "has_epilepsy": ["No"]}),
        site_masked=pd.DataFrame({"who": [1], "site_masked": [24]}),
    )
    client = conversion.tables["clients"].iloc[0]
    assert client[["client_id", "birth_year", "trial", "is_male", "has_epilepsy"]].tolist() == [
        "1", 1970, "CTN-0027", "Yes", "No",
    ]  # fmt: skip
    assert pd.isna(client["race"]) and pd.isna(client["anxiety"])
    assert conversion.tables["sessions"]["clinic_id"].tolist() == ["site-24"] * 2
    assert conversion.tables["episodes"]["arm"].tolist() == ["arm"]


def many(folder, n=40):
    """Write a source of `n` people of two sites, each seen in weeks 0 to 3, some rows missed."""
    people = np.arange(1, n + 1)
    visits = [
        (who, f"WK{week}", "visit" if (who + week) % 3 else "no visit", who % 6 + 7 * week)
        for who in people
        for week in range(4)
    ]
    frame = pd.DataFrame(visits, columns=["who", "visit", "what", "when"])
    frame["when"] = frame["when"].where(frame["what"] == "visit")
    return write_source(
        folder,
        [],
        everybody=pd.DataFrame({"who": people, "project": 27}),
        randomization=pd.DataFrame({"who": people, "treatment": "arm", "which": 1, "when": people % 6}),
        site_masked=pd.DataFrame({"who": people, "site_masked": people % 2}),
        visit=frame,
    )


def test_entry_is_spread_over_invented_mondays_and_changes_no_interval(tmp_path):
    source = many(tmp_path / "source")
    at_once, spread = (ctn0094.convert(source, entry_weeks=weeks).tables for weeks in (1, 20))
    shift = (spread["sessions"]["starts_at"] - at_once["sessions"]["starts_at"]).dt.days
    by_client = shift.groupby(spread["sessions"]["client_id"]).agg(["min", "max"])
    assert (by_client["min"] == by_client["max"]).all()
    assert sorted(by_client["min"].unique()) == [7 * week for week in range(20)]
    # Two sites of twenty people: one of each site every week.
    assert by_client["min"].value_counts().eq(2).all()
    for column in ("status", "session_id", "visit_label"):
        assert spread["sessions"][column].tolist() == at_once["sessions"][column].tolist()
    with pytest.raises(CallError, match="entry_weeks is 0"):
        ctn0094.convert(source, entry_weeks=0)


def test_the_order_of_rows_changes_nothing(tmp_path):
    source = many(tmp_path / "source")
    before = convert("ctn0094", source)
    for name in ("visit", "randomization", "everybody"):
        frame = pd.read_csv(source / f"{name}.csv")
        frame.sample(frac=1, random_state=3).to_csv(source / f"{name}.csv", index=False)
    after = convert("ctn0094", source)
    assert after.to_json() == before.to_json()
    for name, frame in before.tables.items():
        pd.testing.assert_frame_equal(frame, after.tables[name])


def test_a_converted_history_passes_the_check(tmp_path):
    out = write_conversion(convert("ctn0094", many(tmp_path / "source")), tmp_path / "history")
    tables = read_tables(out)
    assert {(p.severity, p.table, p.column) for p in tables.problems} <= {
        ("warning", "sessions", "booked_at"), ("warning", "sessions", "cancelled_at"),
    }  # fmt: skip
    assert len(tables.sessions) == 160


def test_a_source_that_is_not_there_is_a_wrong_call(tmp_path):
    with pytest.raises(CallError, match="there is no folder"):
        convert("ctn0094", tmp_path / "nowhere")


def test_every_problem_of_a_source_is_named_at_once(tmp_path):
    source = write_source(
        tmp_path / "source",
        [("WK0", "visit", 5), ("WK1", "Visit", 12), ("WK2", "visit", "soon")],
        project=28,
        uds=pd.DataFrame({"who": [1], "when": [3]}),
    )
    (source / "randomization.csv").unlink()
    with pytest.raises(HistoryError) as caught:
        convert("ctn0094", source)
    text = str(caught.value)
    assert caught.value.exit_status == 1
    assert "visit.csv row 3, what 'Visit': the value is not known. Expected one of visit, final, no visit" in text
    assert "visit.csv row 4, when 'soon': this is not a whole number" in text
    assert "everybody.csv row 2, project '28'" in text
    assert "randomization: the table is missing" in text
    assert "uds.csv, what: the column is missing" in text


def test_a_source_without_anybody_randomised_or_unreadable_says_so(tmp_path):
    source = write_source(tmp_path / "source", weekly(0, 1), randomised=((2, 5),))
    with pytest.raises(HistoryError, match="nobody was randomised"):
        convert("ctn0094", source)
    (source / "visit.csv").unlink()
    (source / "visit.csv.gz").write_bytes(b"\x1f\x8b nothing")
    with pytest.raises(HistoryError, match=r"visit.csv.gz: the file can't be read"):
        convert("ctn0094", source)
