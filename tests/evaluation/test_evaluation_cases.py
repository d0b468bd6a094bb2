"""Cases: against a slow twin that reads the tables row by row, and a small history worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dropout.endings import DEFAULT
from dropout.evaluation.cases import ALL_OPEN, CANCELLED, KEY, RECENT, cases, in_group, with_scores
from dropout.history import read_history

DAYS = np.timedelta64(1, "D")


@pytest.fixture(scope="module")
def dates(history):
    end = history.known_until.astype("datetime64[D]").astype("datetime64[s]")
    return end - np.array([240, 160, 125, 95, 40]) * DAYS


def slow_row(history, episodes, case):
    """What happened after a case, from the sessions of its episode alone."""
    sessions = history.sessions[history.sessions["episode_id"] == case.episode_id]
    attended = sessions.loc[sessions["status"] == "attended", "starts_at"]
    at, end = case.as_of, pd.Timestamp(history.known_until)
    ending = episodes.loc[case.episode_id, "ending"]
    row = {}
    for days in (30, 60, 90):
        reach = at + pd.Timedelta(days=days)
        known = reach + pd.Timedelta(days=60) <= end and (ending != "ongoing" or attended.max() > reach)
        row[f"dropout_{days}d"] = float(ending == "dropout" and attended.max() <= reach) if known else np.nan
    again = (attended > at).any()
    known = at + pd.Timedelta(days=120) <= end and (again or ending != "ongoing")
    row["never_again"] = float(not again) if known else np.nan
    soon = ((attended > at) & (attended <= at + pd.Timedelta(days=14))).any()
    row["returned_14d"] = float(soon) if at + pd.Timedelta(days=14) <= end else np.nan
    row["days_since_attended"] = (at - attended[attended <= at].max()) / pd.Timedelta(days=1)
    return row


def test_as_a_slow_twin_has_them(history, dates):
    found = cases(history, DEFAULT, dates)
    episodes = history.episodes().set_index("episode_id")
    assert len(found) > 200 and found.groupby("as_of").size().min() > 20
    slow = pd.DataFrame([slow_row(history, episodes, case) for case in found.itertuples()])
    pd.testing.assert_frame_equal(found[slow.columns], slow, check_exact=False, atol=1e-9)
    # Nothing is written down as "no" that is not yet known: 40 days before the end only short returns are.
    latest = found[found["as_of"] == dates.max()]
    assert latest[["dropout_30d", "dropout_60d", "dropout_90d", "never_again"]].isna().all(axis=None)
    assert latest["returned_14d"].notna().all()


def test_who_is_asked_about(history, dates):
    found = cases(history, DEFAULT, dates)
    for date, rows in found.groupby("as_of"):
        then = history.as_of(date).episodes()
        known = then[(then["ending"] == "ongoing") & ~then["never_started"]
                     & ~(then["closed_at"] <= date)]
        assert set(rows["episode_id"]) == set(known["episode_id"])
    assert in_group(found, ALL_OPEN).all()
    assert (found[in_group(found, RECENT)]["days_since_attended"] <= 14).all()
    silent = found[in_group(found, CANCELLED)]["days_silent"]
    assert len(silent) and (silent >= 0).all()


def test_cases_do_not_change_when_later_rows_go(history, dates):
    date = dates[1]
    whole = cases(history, DEFAULT, np.array([date]))
    cut = cases(history.as_of(date), DEFAULT, np.array([date]))
    seen = [*KEY, "days_since_attended", "last_missed", "own_return_rate", "days_silent"]
    pd.testing.assert_frame_equal(whole[seen], cut[seen])


def small():
    rows = []

    def add(client, *sessions):
        rows.extend({"client_id": client, "episode_id": f"E{client}", "starts_at": f"2025-{day}T10:00",
                     "status": status, "booked_at": f"2025-{booked}T10:00", "cancelled_at": cancelled}
                    for day, status, booked, cancelled in sessions)

    add("gone", ("01-06", "attended", "01-02", None), ("01-13", "client_cancel", "01-06", "2025-01-11T09:00"))
    add("back", ("01-06", "attended", "01-02", None), ("01-13", "client_cancel", "01-06", "2025-01-11T09:00"),
        ("01-24", "attended", "01-20", None), ("09-01", "attended", "08-20", None))
    add("stays", ("01-06", "attended", "01-02", None), ("01-14", "attended", "01-06", None),
        ("09-01", "attended", "08-20", None))
    add("missed", ("01-06", "attended", "01-02", None), ("01-13", "no_show", "01-06", None))
    add("later", ("03-03", "attended", "01-10", None))
    return read_history({"sessions": pd.DataFrame(rows)})


def test_by_hand():
    history = small()
    found = cases(history, DEFAULT, np.array([np.datetime64("2025-01-15T00:00:00", "s")])).set_index("client_id")
    assert list(found.index) == ["back", "gone", "missed", "stays"]
    assert found.attrs["left_out"] == {"with nothing attended yet": 1, "silent beyond the gap of the definition": 0}
    assert found.loc["gone", "dropout_60d"] == 1 and found.loc["gone", "never_again"] == 1
    assert found.loc["back", "returned_14d"] == 1 and found.loc["back", "never_again"] == 0
    assert found.loc["back", "days_silent"] == pytest.approx(3.625) and np.isnan(found.loc["stays", "days_silent"])
    assert list(found["last_missed"]) == [1, 1, 1, 0]
    assert found.loc["stays", "dropout_60d"] == 0 and found.loc["missed", "dropout_90d"] == 1


def test_no_dates_no_cases():
    none = cases(small(), DEFAULT, np.zeros(0, dtype="datetime64[s]"))
    assert len(none) == 0 and {"last_missed", "never_again"} <= set(none.columns)


def test_scores_find_their_cases():
    frame = cases(small(), DEFAULT, np.array([np.datetime64("2025-01-15T00:00:00", "s")]))
    risk = frame[KEY].assign(p_dropout_30d=0.1, p_dropout_60d=0.2, p_dropout_90d=0.3).iloc[::-1].iloc[:3]
    twice = frame.loc[frame["client_id"] == "gone", KEY]
    reschedule = pd.concat([twice.assign(p_dropout=0.5), twice.assign(p_dropout=0.6)])
    scored = with_scores(frame, risk, reschedule).set_index("client_id")
    assert scored["p_dropout_60d"].isna().sum() == 1
    assert scored.loc["gone", "p_dropout"] == 0.6 and scored["p_return_14d"].isna().all()
