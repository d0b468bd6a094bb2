"""Simulated histories and invented scores with the columns of the real ones, for the tests of the page."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pandas as pd

from dropout.clinic.cancellations import open_cancellations_of
from dropout.features.moments import open_at
from dropout.history import History, read_history
from dropout.simulate import simulate
from dropout.timeline import times

REASONS = ["no session booked", "silent for 3.1 times their usual gap", "not seen for 21 days", "owes fees"]


@dataclass(frozen=True)
class InventedScores:
    """What the page reads of scores."""

    as_of: np.datetime64
    dropout_risk: pd.DataFrame
    reschedule: pd.DataFrame
    notes: list[str] = field(default_factory=list)
    set_aside: dict[str, int] = field(default_factory=dict)


class InventedModel:
    """What the page reads of a model."""

    definition_name = "no attended session for 60 days and none booked ahead"
    trained_until = np.datetime64("2026-01-31T00:00:00", "s")
    training = {"n_clients": 400, "n_sessions": 6800, "n_dropouts": 130, "n_cancellations": 450,
                "left_out": {"fee_owed": "sessions has no fee_owed", "fee_owed_change": "sessions has no fee_owed"}}

    def summary(self) -> pd.DataFrame:
        return pd.DataFrame({"prediction": ["dropout risk", "dropout risk", "reschedule"],
                             "candidate": ["additive 1000", "boosting", "average"],
                             "log_loss": [0.31, 0.35, 0.5], "chosen": [True, False, True]})


@cache
def simulated(n_clients: int = 400) -> History:
    """A simulated history."""
    return read_history(simulate(n_clients, seed=1).tables)


def invented_scores(history: History, seed: int = 0) -> InventedScores:
    """Scores of every open episode and open cancellation, drawn at random."""
    rng = np.random.default_rng(seed)
    timeline = history.timeline
    moments = open_at(timeline, timeline.extraction)
    episodes = timeline.episodes.iloc[moments.episode].reset_index(drop=True)
    n = len(episodes)
    p = np.sort(rng.uniform(size=(n, 3)), axis=1)
    seen = times(timeline.attended.last_at(moments.episode, moments.at))
    risk = pd.DataFrame({
        "client_id": episodes["client_id"], "episode_id": episodes["episode_id"],
        "therapist_id": [f"T{i % 7}" for i in range(n)], "clinic_id": "K1", "as_of": history.known_until,
        "sessions_attended": timeline.attended.count(moments.episode, moments.at), "last_attended_at": seen,
        "p_dropout_30d": p[:, 0], "p_dropout_60d": p[:, 1], "p_dropout_90d": p[:, 2],
        "reasons": [REASONS[: i % 5] for i in range(n)]})
    reschedule = open_cancellations_of(history)
    p_gone = rng.uniform(size=len(reschedule))
    back = np.sort(rng.uniform(size=(len(reschedule), 3)), axis=1) * (1 - p_gone[:, None])
    reschedule = reschedule.assign(
        as_of=history.known_until, p_dropout=p_gone, p_return_7d=back[:, 0], p_return_14d=back[:, 1],
        p_return_30d=back[:, 2], reasons=[REASONS[: i % 3] for i in range(len(reschedule))])
    return InventedScores(history.known_until, risk, reschedule, ["a clinic not seen in training: K9"],
                          {"status not known": 3})


def as_tables(history: History) -> dict[str, pd.DataFrame]:
    """Copies of the tables that a history holds."""
    return {name: frame.copy() for name, frame in history.tables.present().items()}


def small_history(rows: list[tuple[str, str, str]], **tables: pd.DataFrame) -> History:
    """A history of (client, time, status) rows, the extraction being the last time; bookings a week ahead."""
    sessions = pd.DataFrame(rows, columns=["client_id", "starts_at", "status"])
    sessions["starts_at"] = pd.to_datetime(sessions["starts_at"])
    sessions["booked_at"] = sessions["starts_at"] - pd.Timedelta(days=7)
    return read_history({"sessions": sessions} | tables)
