"""Episodes: from randomisation to the planned end of treatment, one for each phase of a trial."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dropout.tables.convert.ctn0094.plans import PLANS

HALF_WEEK = 3


def open_episodes(randomization: pd.DataFrame, project: pd.Series) -> pd.DataFrame:
    """Return one row per person and phase of treatment, in days since consent.

    Treatment begins at randomisation: in the days between consent and randomisation nobody could leave it,
    since only those who were randomised are taken. The second randomisation opens an episode of its own in
    CTN-0030 alone; in the other trials the source repeats the first.

    Returns
    -------
    DataFrame
        `who`, `phase`, `project`, `arm`, `opened`, `plan_end`, `until` (the day before the next episode, or
        infinity), `weeks`, `planned_sessions`, `silence_days`; sorted by who and phase.
    """
    rows = randomization.dropna(subset=["when", "which"]).drop_duplicates(["who", "which"])
    rows = rows.assign(project=rows["who"].map(project)).dropna(subset=["project"])
    rows = rows.astype({"project": "int64", "which": "int64"})
    first = rows["who"].isin(rows.loc[rows["which"] == 1, "who"])
    rows = rows[first & ((rows["which"] == 1) | (rows["project"] == 30))].sort_values(["who", "which"])
    plans = [PLANS[key] for key in zip(rows["project"], rows["which"], strict=True)]
    episodes = pd.DataFrame(
        {
            "who": rows["who"].to_numpy(),
            "phase": rows["which"].to_numpy(),
            "project": rows["project"].to_numpy(),
            "arm": rows["treatment"].to_numpy(),
            "opened": rows["when"].to_numpy(dtype="float64"),
            "weeks": [plan.weeks for plan in plans],
            "planned_sessions": [plan.sessions for plan in plans],
            "silence_days": [plan.silence_days for plan in plans],
        }
    )
    episodes["plan_end"] = episodes["opened"] + 7.0 * episodes["weeks"]
    episodes["until"] = (episodes.groupby("who")["opened"].shift(-1) - 1).fillna(np.inf)
    return episodes


def close_episodes(episodes: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Return `episodes` with `closed` (day, NaN while open) and `reason`, by four rules in this order.

    1. The second phase began before the first was over: `referred_on` on the day it began.
    2. Attended in one of the last two planned weeks: `completed`, on the planned last day, or on the day of
    the
       last session if that is later.
    3. A visit missed after the last attended one says that the person died or moved: that reason, on that day
       (on the planned last day where the row can't be dated: the latest on which it could have been known).
    4. The second phase began after a first that was neither: `referred_on` on the day it began.

    What is left has no reason and no closing day: the source does not say how it ended.

    Parameters
    ----------
    rows : DataFrame
        Visits as `dropout.tables.convert.ctn0094.visits.place_visits` leaves them.
    """
    keys = ["who", "phase"]
    kept = rows[rows["fate"] == ""]
    last_attended = kept[kept["attended"]].groupby(keys)["day"].max().rename("last_attended")
    last_row = kept.groupby(keys)["day"].max().rename("last_row")
    for column in (last_attended, last_row, _recorded_ends(rows)):
        episodes = episodes.join(column, on=keys)
    followed = np.isfinite(episodes["until"])
    cut_short = followed & (episodes["until"] < episodes["plan_end"])
    late_enough = episodes["opened"] + 7.0 * (episodes["weeks"] - 1) - HALF_WEEK
    completed = episodes["last_attended"] >= late_enough
    recorded = episodes["end_day"] > episodes["last_attended"].fillna(-np.inf)
    moments = {
        "referred_on": episodes["until"] + 1,
        "completed": episodes[["plan_end", "last_row"]].max(axis=1),
        "recorded": episodes["end_day"],
    }
    rules = [cut_short, completed, recorded, followed]
    names = ["referred_on", "completed", "recorded", "referred_on"]
    episodes["closed"] = np.select(rules, [moments[name] for name in names], default=np.nan)
    episodes["reason"] = np.select(rules, names, default="")
    said = episodes["reason"] == "recorded"
    episodes.loc[said, "reason"] = episodes.loc[said, "end_reason"]
    return episodes


def _recorded_ends(rows: pd.DataFrame) -> pd.DataFrame:
    """Return, by person and phase, the first note of a death or a move after the last attended visit."""
    keys = ["who", "phase"]
    noted = rows[rows["fate"].isin(["", "undatable"]) & ~rows["attended"]]
    words = noted["reasons"].str.split("+")
    noted = noted.assign(
        end_reason=[
            "died" if "dead" in said else "moved" if "moved" in said else "" for said in words
        ]
    )
    noted = noted[noted["end_reason"] != ""]
    attended = rows[(rows["fate"] == "") & rows["attended"]].groupby(keys)["day"].max()
    noted = noted.join(attended.rename("last"), on=keys)
    noted["end_day"] = noted["day"].fillna(noted["plan_end"])
    noted = noted[noted["end_day"] > noted["last"].fillna(-np.inf)]
    # A death outranks a move on the same day: `died` sorts before `moved`.
    first = noted.sort_values([*keys, "end_day", "end_reason"]).drop_duplicates(keys)
    return first.set_index(keys)[["end_day", "end_reason"]]
