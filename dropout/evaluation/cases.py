"""Cases: what was asked on which dates, what trivial baselines would read, and what happened.

A case is an episode that was open on a date, with at least one session attended, and not silent for longer than the
definition of dropout allows: about the others there is nothing left to predict, or nothing known yet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dropout.endings import Definition
from dropout.endings.labels import HORIZONS, days_to_return, never_again, risk_labels, time_to_ending
from dropout.endings.policy import discharged
from dropout.features.booking import n_ahead
from dropout.features.moments import open_at
from dropout.features.open_cancellations import open_cancellations
from dropout.features.table import feature_table
from dropout.features.view import Evidence, View
from dropout.history import History
from dropout.timeline import DAY, Moments, seconds, times

KEY = ["as_of", "client_id", "episode_id"]

RECENT_DAYS = 14
RETURN_DAYS = 14

FOLLOW_UP_DAYS = 60
"""Days, besides what the definition needs, that must follow before "never again" is believed."""

ALL_OPEN = "all open"
RECENT = f"seen in the last {RECENT_DAYS} days"
CANCELLED = "open cancellations"


@dataclass(frozen=True)
class Question:
    """One question that a model answers.

    Attributes
    ----------
    name : str
        Short name, as in the tables.
    sentence : str
        What those do to whom it happens ("never attend again").
    p : str
        Column of the scores.
    happened : str
        Column of the cases: 1 if it happened, 0 if not, NaN where that is not known.
    of_cancellation : bool
        Asked about open cancellations alone.
    groups : tuple of str
        Groups of cases for which it is measured.
    """

    name: str
    sentence: str
    p: str
    happened: str
    of_cancellation: bool
    groups: tuple[str, ...]


QUESTIONS = (
    *(Question(f"dropout within {days} days", f"leave within {days} days or have left already", f"p_dropout_{days}d",
               f"dropout_{days}d", False, (ALL_OPEN, RECENT, CANCELLED)) for days in HORIZONS[1:]),
    Question("never again", "never attend again", "p_dropout", "never_again", True, (CANCELLED,)),
    Question(f"back within {RETURN_DAYS} days", f"attend within {RETURN_DAYS} days",
             f"p_return_{RETURN_DAYS}d", f"returned_{RETURN_DAYS}d", True, (CANCELLED,)),
)
"""What is measured."""


def cases(history: History, definition: Definition, dates: np.ndarray) -> pd.DataFrame:
    """One row per open episode and date, with what happened as far as this history knows it.

    Parameters
    ----------
    history : History
        Everything in it may be used to say what happened; what baselines read stops at each date.
    definition : Definition
    dates : datetime64 array

    Returns
    -------
    DataFrame
        `as_of`, `client_id`, `episode_id`, `clinic_id` and `therapist_id` (of the latest session attended by then, empty
        where unknown),
        `days_since_attended`, `last_missed`, `own_return_rate`, `days_silent`
        (NaN unless a cancellation is open), the `happened` column of each question, and `time` and `event`
        (`endings.labels.time_to_ending`). In `.attrs["left_out"]` how
        many open episodes were left out because nothing had been attended, or for their silence; in `"undecided"`
        how many have no answer within 60 days although the time for it has passed.
    """
    asked = [open_at(history.timeline, int(second)) for second in np.sort(seconds(np.asarray(dates)))]
    return cases_at(history, definition, Moments(
        *(np.concatenate([getattr(one, name) for one in asked] or [np.zeros(0, dtype=np.int64)])
          for name in ("episode", "at"))))


def cases_at(history: History, definition: Definition, moments: Moments) -> pd.DataFrame:
    """The cases (see `cases`) among these moments, at each of which the episode must be open."""
    timeline = history.timeline
    evidence = Evidence(timeline, gap_days=definition.maturity_days)
    view = View(evidence, moments)
    started = view.count(timeline.attended) > 0
    silent = (view.days_since(timeline.attended) >= definition.maturity_days) & (n_ahead(view) == 0)
    silent &= started & (definition.maturity_days > 0)
    gone = started & ~silent & discharged(definition, timeline, moments)
    kept = moments.take(started & ~silent & ~gone)
    frame = _seen(evidence, kept).assign(**_happened(history, definition, kept))
    frame.attrs["left_out"] = {"with nothing attended yet": int((~started).sum()),
                               "silent beyond the gap of the definition": int(silent.sum())}
    if gone.any():
        frame.attrs["left_out"]["discharged by the clinic's policy already"] = int(gone.sum())
    due = kept.at + (FOLLOW_UP_DAYS + definition.maturity_days) * DAY <= timeline.extraction
    frame.attrs["undecided"] = int((due & frame[f"dropout_{FOLLOW_UP_DAYS}d"].isna().to_numpy()).sum())
    return frame.sort_values(KEY, ignore_index=True)


def in_group(frame: pd.DataFrame, group: str) -> np.ndarray:
    """Which cases belong to a group (mask)."""
    if group == RECENT:
        return (frame["days_since_attended"] <= RECENT_DAYS).to_numpy()
    if group == CANCELLED:
        return frame["days_silent"].notna().to_numpy()
    return np.ones(len(frame), dtype=bool)


def with_scores(frame: pd.DataFrame, dropout_risk: pd.DataFrame, reschedule: pd.DataFrame) -> pd.DataFrame:
    """The cases with the model's probabilities, NaN where it gave none.

    Parameters
    ----------
    frame : cases
    dropout_risk, reschedule : DataFrame
        As `score` gives them. Of two open cancellations of an episode the later counts.
    """
    for question in QUESTIONS:
        scores = reschedule if question.of_cancellation else dropout_risk
        if question.p not in scores:
            frame = frame.assign(**{question.p: np.nan})
            continue
        one_each = scores[[*KEY, question.p]].drop_duplicates(KEY, keep="last")
        one_each = one_each.astype({"client_id": "str", "episode_id": "str", "as_of": "datetime64[s]"})
        frame = frame.merge(one_each, how="left", on=KEY, validate="one_to_one")
    return frame


def _seen(evidence: Evidence, moments: Moments) -> pd.DataFrame:
    episodes = evidence.timeline.episodes.iloc[moments.episode]
    values = feature_table(evidence, moments).values
    state = open_cancellations(View(evidence, moments))
    attended = View(evidence, moments).last(evidence.timeline.attended, "row").astype(np.int64)
    sessions = evidence.timeline.tables.sessions
    whose = {name: sessions[name].fillna("").to_numpy(object)[attended] if name in sessions
             else np.full(len(moments), "", dtype=object) for name in ("clinic_id", "therapist_id")}
    silent = (moments.at - np.where(state.is_open, state.cancelled_at, moments.at)) / DAY
    missed = (values["last_no_show"] > 0) | (values["last_client_cancelled"] > 0)
    return pd.DataFrame({
        "as_of": times(moments.at),
        "client_id": episodes["client_id"].to_numpy(object),
        "episode_id": episodes["episode_id"].to_numpy(object),
        **whose,
        "days_since_attended": values["days_since_attended"].to_numpy(),
        "last_missed": missed.to_numpy().astype(float),
        "own_return_rate": values["own_return_rate"].to_numpy(),
        "days_silent": np.where(state.is_open, silent, np.nan),
    }).astype(dict.fromkeys(("client_id", "episode_id", *whose), "str"))


def _happened(history: History, definition: Definition, moments: Moments) -> dict[str, np.ndarray]:
    timeline = history.timeline
    risk = risk_labels(timeline, definition, moments)
    found = {f"dropout_{days}d": np.where(risk.known[:, k], risk.interval <= k, np.nan)
             for k, days in enumerate(HORIZONS) if days}
    gone, known = never_again(timeline, definition, moments)
    mature = moments.at + (FOLLOW_UP_DAYS + definition.maturity_days) * DAY <= timeline.extraction
    back = days_to_return(timeline, moments) <= RETURN_DAYS
    seen = moments.at + RETURN_DAYS * DAY <= timeline.extraction
    time, event = time_to_ending(timeline, definition, moments)
    return found | {
        "time": time,
        "event": event,
        "never_again": np.where(known & mature, gone, np.nan).astype(float),
        f"returned_{RETURN_DAYS}d": np.where(seen, back, np.nan).astype(float),
    }
