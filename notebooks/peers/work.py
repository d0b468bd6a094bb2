"""The same work for every model: which moments are learnt from, which are predicted, what is known at each, what followed.

A moment is an open episode on a day. Its outcome is the time to the last attended session of a dropout (event 1; 0 days
for a client who has attended it already), or to another ending (event 2), or to the last day of which enough is
known (event 0, censored).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dropout.endings import DEFAULT, Definition
from dropout.endings.definitions import DROPOUT, ONGOING
from dropout.evaluation.cases import cases
from dropout.features.booking import n_ahead
from dropout.features.moments import weekly
from dropout.features.table import feature_table
from dropout.features.view import Evidence, View
from dropout.history import History
from dropout.timeline import DAY, NEVER, Moments, Timeline, seconds

HORIZONS = (30, 60, 90)

LAST_DAY = 91
"""Nothing later is asked, so durations are censored here, which spares every model the far tail."""


@dataclass(frozen=True)
class Learning:
    """Moments to learn from.

    Attributes
    ----------
    x : DataFrame
        One row a moment, one float column a feature, NaN where unknown.
    days : float array
        Whole days to the event or to censoring, rounded up; 0 for one who has already left.
    event : int64 array
        1 dropout, 2 another ending, 0 censored.
    client : int64 array
    logged : tuple of str
        Features that are counts or days, skewed to the right.
    """

    x: pd.DataFrame
    days: np.ndarray
    event: np.ndarray
    client: np.ndarray
    logged: tuple[str, ...]

    def take(self, rows: np.ndarray) -> Learning:
        """Some of the moments (mask or positions)."""
        return Learning(self.x.iloc[np.arange(len(self.x))[rows]].reset_index(drop=True), self.days[rows], self.event[rows],
                        self.client[rows], self.logged)

    def known(self, horizon: int) -> np.ndarray:
        """Which moments tell what happened by a horizon (mask)."""
        return (self.event > 0) | (self.days > horizon)

    def left(self, horizon: int) -> np.ndarray:
        """Which moments were followed by a dropout by a horizon (mask; false where it is not known)."""
        return (self.event == 1) & (self.days <= horizon)


@dataclass(frozen=True)
class Work:
    """What every model gets.

    Attributes
    ----------
    past : History
        What may be learnt from.
    later : History
        Of the clients who are predicted.
    learn : Learning
    cases : DataFrame
        What is predicted (`dropout.evaluation.cases.cases`), with what happened.
    x : DataFrame
        The features at those moments.
    definition : Definition
    """

    past: History
    later: History
    learn: Learning
    cases: pd.DataFrame
    x: pd.DataFrame
    definition: Definition


def work(past: History, later: History, dates: np.ndarray, definition: Definition = DEFAULT) -> Work:
    """The work of learning from some clients and predicting the open episodes of others on some dates.

    Parameters
    ----------
    past : History
        What may be learnt from, with nothing in it that was known later than it may be.
    later : History
        Of other clients. Its features are read as of each date; the rest of it says what happened.
    dates : datetime64 array
    definition : Definition
    """
    evidence = Evidence.of(past.timeline, gap_days=definition.maturity_days)
    learn = learning(evidence, definition)
    asked = cases(later, definition, dates)
    same = Evidence(later.timeline, evidence.measures, evidence.covariates, definition.maturity_days)
    x = feature_table(same, moments_of(later.timeline, asked)).values.reindex(columns=learn.x.columns)
    return Work(past, later, learn, asked, x, definition)


def learning(evidence: Evidence, definition: Definition) -> Learning:
    """Weekly moments like those that are predicted: something attended, and not silent for as long as a dropout is."""
    timeline = evidence.timeline
    until = (timeline.extraction - definition.maturity_days * DAY) // DAY * DAY
    moments = weekly(timeline, until)
    view = View(evidence, moments)
    silent = (view.days_since(timeline.attended) >= definition.maturity_days) & (n_ahead(view) == 0)
    moments = moments.take((view.count(timeline.attended) > 0) & ~silent)
    days, event, told = outcomes(timeline, definition, moments)
    moments = moments.take(told)
    table = feature_table(evidence, moments)
    known = table.values.columns[table.values.notna().any() & (table.values.nunique() > 1)]
    client = timeline.episodes["client"].to_numpy(np.int64)[moments.episode]
    logged = tuple(name for name in known if table.features[name].scale == "log")
    return Learning(table.values[known], days[told], event[told], client, logged)


def outcomes(timeline: Timeline, definition: Definition, moments: Moments) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Days, event, and whether anything is told at all, of each moment.

    An episode that is still open is censored as long before the extraction date as the definition needs; one with
    nothing attended since, though a session is booked, tells nothing.
    """
    found = definition.endings(timeline)
    last = timeline.took_place.last_at(np.arange(len(timeline)), np.full(len(timeline), timeline.extraction))
    ending, last = found.ending[moments.episode], last[moments.episode]
    censored = timeline.extraction - definition.maturity_days * DAY
    end = np.where(ending == DROPOUT, last, found.at[moments.episode])
    open_until = np.minimum(last, censored)
    end = np.where(ending == ONGOING, open_until, np.where(end == NEVER, moments.at, end))
    event = np.select([ending == DROPOUT, ending != ONGOING], [1, 2], 0)
    event = np.where(end > censored, 0, event)
    days = np.ceil((np.minimum(end, censored) - moments.at) / DAY)
    told = (event > 0) | (days > 0)
    event = np.where(days > LAST_DAY, 0, event)
    return np.clip(days, 0, LAST_DAY), event, told


def moments_of(timeline: Timeline, asked: pd.DataFrame) -> Moments:
    """The moments of cases."""
    episodes = timeline.episodes[["client_id", "episode_id"]].assign(episode=np.arange(len(timeline)))
    found = asked[["client_id", "episode_id"]].merge(episodes, how="left", on=["client_id", "episode_id"])
    return Moments(found["episode"].to_numpy(np.int64), seconds(asked["as_of"].to_numpy("datetime64[s]")))
