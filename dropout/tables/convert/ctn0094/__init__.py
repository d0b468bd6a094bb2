"""CTN-0094: planned visits of three trials of opioid-use treatment, as a history.

The tables of the R package public.ctn0094data (one CSV each, columns unchanged) go in; sessions, measures,
episodes and clients come out, with every row set aside and all that the source can't tell. The calendar is
invented (the source counts days from consent); the days between two dated facts of one person never are.
"""

from __future__ import annotations

import os

import numpy as np
import pandas as pd

from dropout.errors import CallError, HistoryError, Problem
from dropout.tables.convert.conversion import Conversion
from dropout.tables.convert.ctn0094.episodes import close_episodes, open_episodes
from dropout.tables.convert.ctn0094.losses import losses_of
from dropout.tables.convert.ctn0094.measures import place_measures
from dropout.tables.convert.ctn0094.source import UNSAID, covariates_of, read_source
from dropout.tables.convert.ctn0094.visits import on_calendar, place_visits, sessions_of

ORIGIN = pd.Timestamp("2000-01-03").as_unit("s")
"""The invented Monday on which the first person consents."""

ENTRY_WEEKS = 52
"""Invented weeks over which people enter each site, evenly, in the order of their numbers in the source."""


def convert(source: str | os.PathLike, *, entry_weeks: int = ENTRY_WEEKS) -> Conversion:
    """Return the history in the folder `source`, with its losses.

    Parameters
    ----------
    source : path
        Folder with everybody, randomization and visit, and if there are any, site_masked, demographics,
        psychiatric, withdrawal and uds, each as NAME.csv or NAME.csv.gz.
    entry_weeks : int
        Weeks over which people enter a site; 1 lets everybody consent on the same Monday.

    Raises
    ------
    CallError
        When there is no such folder, or `entry_weeks` is less than 1.
    HistoryError
        When a needed table or column is absent or holds what it can't; all problems at once.
    """
    if entry_weeks < 1:
        raise CallError(f"entry_weeks is {entry_weeks}; expected 1 or more.")
    raw = read_source(source)
    episodes = open_episodes(raw["randomization"], raw["everybody"]["project"])
    if episodes.empty:
        problem = "nobody was randomised"
        mend = "A person needs a row with which = 1 and a day, and a row in everybody"
        raise HistoryError([Problem("error", "randomization", None, None, None, problem, mend)])
    people = pd.Index(episodes["who"].unique(), name="who")
    site = _sites(people, raw)
    clinic = "site-" + site
    entry = enter(people, site, entry_weeks)
    rows = place_visits(raw["visit"], episodes)
    episodes = close_episodes(episodes, rows)
    measures = place_measures(raw, episodes, rows)
    kept = measures[measures["fate"] == ""].sort_values(["who", "day", "measure"], kind="stable")
    tables = {
        "sessions": sessions_of(rows, entry, clinic),
        "measures": pd.DataFrame(
            {
                "client_id": kept["who"].astype(str),
                "measured_at": on_calendar(kept["who"], kept["day"], entry),
                "measure": kept["measure"],
                "score": kept["score"],
            }
        ).reset_index(drop=True),
        "episodes": _episodes_table(episodes, entry),
        "clients": _clients_table(people, raw, entry),
    }
    if tables["measures"].empty:
        del tables["measures"]
    losses = losses_of(raw, people, rows, episodes, measures, in_words(entry_weeks))
    return Conversion("ctn0094", tables, losses)


def enter(people: pd.Index, site: pd.Series, weeks: int) -> pd.Series:
    """Return the invented day of consent of each person: a Monday, each site spread evenly over `weeks`.

    With everybody on one day, the calendar would be nothing but the time in treatment: hardly a dropout
    would be known while others are still being treated, and no clinic would have a past.
    """
    order = pd.Series(people, index=people).groupby(site).rank(method="first") - 1
    size = site.groupby(site).transform("size")
    days = 7 * np.floor(order * weeks / size)
    return pd.Series(ORIGIN, index=people) + pd.to_timedelta(days, unit="D").astype("timedelta64[s]")


def in_words(weeks: int) -> str:
    """Return how `enter` gives dates, in words."""
    if weeks == 1:
        return f"everybody consents on the same invented Monday, {ORIGIN:%Y-%m-%d}"
    return (
        f"people consent on invented Mondays from {ORIGIN:%Y-%m-%d}, those of a site spread evenly over "
        f"{weeks} weeks in the order of their numbers in the source"
    )


def _sites(people: pd.Index, raw: dict[str, pd.DataFrame]) -> pd.Series:
    if "site_masked" not in raw:
        return pd.Series("unknown", index=people, dtype=object)
    return raw["site_masked"]["site_masked"].reindex(people).astype(object).fillna("unknown").astype(str)


def _episodes_table(episodes: pd.DataFrame, entry: pd.Series) -> pd.DataFrame:
    who = episodes["who"]
    return pd.DataFrame(
        {
            "client_id": who.astype(str),
            "episode_id": who.astype(str) + "-" + episodes["phase"].astype(str),
            "opened_at": on_calendar(who, episodes["opened"], entry),
            "closed_at": on_calendar(who, episodes["closed"], entry),
            "closure_reason": episodes["reason"].where(episodes["reason"] != "", None),
            "planned_sessions": episodes["planned_sessions"],
            "phase": episodes["phase"],
            "arm": episodes["arm"],
        }
    )


def _clients_table(people: pd.Index, raw: dict[str, pd.DataFrame], entry: pd.Series) -> pd.DataFrame:
    told = covariates_of(raw, people).astype(object)
    told = told.where(~told.isin(UNSAID), None)
    age = told.pop("age") if "age" in told else pd.Series(np.nan, index=people)
    clients = pd.DataFrame({"client_id": people.astype(str)}, index=people)
    clients["birth_year"] = (entry.dt.year - age.astype("float64")).astype("Int64")
    project = raw["everybody"]["project"].reindex(people)
    clients["trial"] = project.map(lambda number: f"CTN-{int(number):04d}")
    return clients.join(told).reset_index(drop=True)
