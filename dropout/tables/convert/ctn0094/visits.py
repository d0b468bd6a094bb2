"""Visits: each row of the source's `visit` table becomes a session or is set aside, with one reason."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dropout.tables.convert.ctn0094.episodes import close_episodes
from dropout.tables.convert.ctn0094.plans import FIT_DAYS, GRACE_DAYS, read_labels
from dropout.tables.convert.ctn0094.source import ATTENDED, reasons_of

KEY = ["who", "phase"]


def place_visits(visit: pd.DataFrame, episodes: pd.DataFrame) -> pd.DataFrame:
    """Return every row of `visit`, in its order, with its day and why it was set aside, if it was.

    A date is believed before a label: a visit belongs to the episode in which its date falls, whatever its
    week is called. Whether an attended visit is kept never depends on a later one. The day implied for a
    missed visit without a date must fall before the next attended one, and visits missed after a death or a
    move are left out where nothing was attended since.

    Returns
    -------
    DataFrame
        `who`, `visit`, `what`, `when`, `kind`, `week`, `phase` (of the episode), `attended`, `reasons`,
        `opened`, `plan_end`, `until`, `silence_days`, `day` (since consent), `dated` (False where the day is
        implied by the week), `misfit` (a weekly visit whose date is far from its week) and `fate`: empty for
        a session, else why the row was set aside, a key of `dropout.tables.convert.ctn0094.losses.FATES`.
    """
    rows = visit[["who", "visit", "what", "when"]].reset_index(drop=True)
    rows = rows.join(read_labels(rows["visit"].astype(object)))
    rows["attended"] = rows["what"].isin(ATTENDED)
    rows["reasons"] = reasons_of(visit.reset_index(drop=True))
    rows["day"], rows["dated"], rows["fate"] = rows["when"], rows["when"].notna(), ""
    _sort_out_labels(rows, episodes)
    rows = _find_episode(rows, episodes)
    _keep_one_a_day(rows, rows["attended"])
    _end_at_silence(rows)
    rows["misfit"] = rows["attended"] & (rows["kind"] == "weekly") & ~_fits(rows)
    _imply_days(rows)
    _keep_one_a_day(rows, rows["attended"] | rows["dated"])
    _keep_one_a_day(rows, pd.Series(True, index=rows.index))
    closed = close_episodes(episodes, rows)
    ends = rows[KEY].join(closed[closed["closed"].notna()].set_index(KEY)["closed"], on=KEY)["closed"]
    _set_aside(rows, rows["day"] > ends, "after_end")
    return rows


def _set_aside(rows: pd.DataFrame, which: pd.Series | np.ndarray, fate: str) -> None:
    rows.loc[which & (rows["fate"] == ""), "fate"] = fate


def _sort_out_labels(rows: pd.DataFrame, episodes: pd.DataFrame) -> None:
    missed = ~rows["attended"]
    _set_aside(rows, ~rows["who"].isin(episodes["who"]), "not_randomised")
    _set_aside(rows, rows["kind"] == "unknown", "unknown_label")
    _set_aside(rows, rows["kind"] == "baseline", "baseline")
    _set_aside(rows, rows["what"].isna() & (rows["kind"] == "unscheduled"), "unscheduled")
    _set_aside(rows, rows["what"].isna(), "no_disposition")
    _set_aside(rows, (rows["kind"] == "follow_up") & ~rows["dated"], "follow_up")
    _set_aside(rows, rows["attended"] & ~rows["dated"], "undated")
    _set_aside(rows, missed & ~rows["dated"] & (rows["week"] < 0), "undatable")


def _find_episode(rows: pd.DataFrame, episodes: pd.DataFrame) -> pd.DataFrame:
    """Return `rows` with the phase and opening day of the episode of each, by date, or else by label."""
    starts = episodes[["who", "opened", "phase"]].set_axis(["who", "begins", "in_phase"], axis=1)
    dated = rows[rows["dated"]].sort_values("day", kind="stable")
    by_date = pd.merge_asof(dated, starts.sort_values("begins"), left_on="day", right_on="begins", by="who")
    in_phase = pd.Series(by_date["in_phase"].to_numpy(), index=dated.index).reindex(rows.index)
    before = rows["dated"] & in_phase.isna()
    rows["phase"] = in_phase.fillna(rows["phase"]).astype("int64")
    about = episodes.set_index(KEY)[["opened", "plan_end", "until", "silence_days"]]
    rows = rows.join(about, on=KEY)
    _set_aside(rows, before, "before_start")
    late = (rows["day"] > rows["plan_end"] + GRACE_DAYS) | (
        (rows["day"] > rows["plan_end"]) & (rows["kind"] == "follow_up")
    )
    _set_aside(rows, late, "follow_up")
    _set_aside(rows, rows["opened"].isna(), "undatable")
    return rows


def _keep_one_a_day(rows: pd.DataFrame, among: pd.Series) -> None:
    """Set aside all but one of a person's rows on a day.

    Attended goes before missed, dated before implied, weekly before other kinds, an early week before a late
    one.
    """
    kept = rows[(rows["fate"] == "") & among & rows["day"].notna()]
    order = kept.assign(
        missed=~kept["attended"], implied=~kept["dated"], other=kept["kind"] != "weekly", at=kept.index
    ).sort_values(["who", "day", "missed", "implied", "other", "week", "visit", "at"])
    _set_aside(rows, rows.index.isin(order.index[order.duplicated(["who", "day"])]), "same_day")


def _end_at_silence(rows: pd.DataFrame) -> None:
    """Set aside visits that are not weekly and follow a long silence: assessments of those who had left."""
    kept = rows[(rows["fate"] == "") & rows["attended"]].sort_values(["who", "day"], kind="stable")
    weekly_day = kept["day"].where(kept["kind"] == "weekly")
    seen = weekly_day.groupby([kept["who"], kept["phase"]]).ffill().fillna(kept["opened"])
    silent = (kept["kind"] != "weekly") & (kept["day"] - seen > kept["silence_days"])
    _set_aside(rows, rows.index.isin(kept.index[silent]), "after_silence")


def _fits(rows: pd.DataFrame) -> pd.Series:
    return (rows["day"] - rows["opened"] - 7 * rows["week"]).abs() <= FIT_DAYS


def _imply_days(rows: pd.DataFrame) -> None:
    """Put a day on each missed visit without a date: its week counted from the attended visit before it.

    With no attended visit before it, the weeks count from randomisation. It never falls on or after the day
    of the next attended visit.
    """
    wanted = (rows["fate"] == "") & ~rows["dated"]
    anchors = rows[(rows["fate"] == "") & rows["attended"] & (rows["week"] >= 0) & _fits(rows)]
    anchors = anchors[[*KEY, "week", "day"]].sort_values(["week", "day"])
    gaps = rows.loc[wanted, [*KEY, "week", "opened"]].sort_values("week", kind="stable")
    near = {
        direction: pd.merge_asof(
            gaps,
            anchors.assign(anchor_week=anchors["week"], anchor_day=anchors["day"]).drop(columns="day"),
            on="week",
            by=KEY,
            direction=direction,
            allow_exact_matches=False,
        ).set_index(gaps.index)
        for direction in ("backward", "forward")
    }
    before = near["backward"]
    from_day = before["anchor_day"].fillna(gaps["opened"])
    day = from_day + 7 * (gaps["week"] - before["anchor_week"].fillna(0))
    latest = near["forward"]["anchor_day"] - 1
    day = day.where(~(day > latest), latest)
    no_room = (day < from_day) | (before["anchor_day"].notna() & (day <= from_day))
    rows.loc[gaps.index, "day"] = day
    no_room |= day > rows.loc[gaps.index, "until"]
    _set_aside(rows, rows.index.isin(gaps.index[no_room]), "no_room")


def sessions_of(rows: pd.DataFrame, entry: pd.Series, clinic: pd.Series) -> pd.DataFrame:
    """Return the table of sessions: the rows that were kept, as dates of the invented calendar.

    Parameters
    ----------
    entry : Series of datetime64
        Invented day of consent, by `who`.
    clinic : Series of str
        Masked site, by `who`.
    """
    kept = rows[rows["fate"] == ""].sort_values(["who", "day"], kind="stable")
    told = ~kept["attended"] & (kept["reasons"] != "")
    who = kept["who"].astype(str)
    name = who + "-" + kept["visit"].astype(str)
    again = name.groupby(name).cumcount()
    return pd.DataFrame(
        {
            "client_id": who,
            "starts_at": on_calendar(kept["who"], kept["day"], entry),
            "status": np.where(kept["attended"], "attended", "no_show"),
            "session_id": name.where(again == 0, name + "-" + (again + 1).astype(str)),
            "episode_id": who + "-" + kept["phase"].astype(str),
            "clinic_id": kept["who"].map(clinic).to_numpy(),
            "visit_label": kept["visit"].to_numpy(),
            "disposition": kept["what"].to_numpy(),
            "missed_reason": kept["reasons"].where(told, None).to_numpy(),
        }
    ).reset_index(drop=True)


def on_calendar(who: pd.Series, day: pd.Series, entry: pd.Series) -> pd.Series:
    """Return days since consent as dates of the invented calendar, by second; missing days stay missing."""
    return who.map(entry) + pd.to_timedelta(day, unit="D").astype("timedelta64[s]")
