"""Models that are quick to fit and simple to foresee, for tests of how models are tested."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from dropout.endings import DEFAULT
from dropout.errors import ModelError
from dropout.features.moments import open_at
from dropout.features.open_cancellations import open_cancellations
from dropout.features.view import Evidence, View
from dropout.timeline import times


@dataclass
class FakeScores:
    dropout_risk: pd.DataFrame
    reschedule: pd.DataFrame
    notes: list[str] = field(default_factory=list)


class FakeModel:
    """Says that silence is dangerous; learns one number, the share of episodes closed."""

    def __init__(self, definition=DEFAULT, *, fewest_clients: int = 20, log: list | None = None) -> None:
        self.definition = definition
        self.fewest_clients = fewest_clients
        self.log = log

    def fit(self, history, as_of=None, progress=None):
        history = history if as_of is None else history.as_of(as_of)
        clients = set(history.timeline.episodes["client_id"])
        if len(clients) < self.fewest_clients:
            raise ModelError(f"too little to learn from: {len(clients)} clients")
        self.trained_until = history.known_until
        self.training = {"n_clients": len(clients)}
        self.clients = clients
        if self.log is not None:
            self.log.append(("fit", history.known_until, clients))
        return self

    def score(self, history, as_of=None, progress=None):
        history = history.as_of(history.known_until if as_of is None else as_of)
        if self.log is not None:
            self.log.append(("score", history.known_until, self.clients))
        timeline = history.timeline
        moments = open_at(timeline, timeline.extraction)
        view = View(Evidence(timeline), moments)
        episodes = timeline.episodes.iloc[moments.episode]
        key = pd.DataFrame({"client_id": episodes["client_id"].to_numpy(object),
                            "episode_id": episodes["episode_id"].to_numpy(object),
                            "as_of": times(moments.at)})
        since = np.nan_to_num(view.days_since(timeline.attended), nan=30.0)
        p = {f"p_dropout_{days}d": 1 / (1 + np.exp(2.2 - 0.05 * since - days / 90)) for days in (30, 60, 90)}
        is_open = open_cancellations(view).is_open
        gone = 1 / (1 + np.exp(1.5 - 0.08 * since))
        reschedule = key.assign(p_dropout=gone, p_return_14d=0.7 * (1 - gone))[is_open].reset_index(drop=True)
        return FakeScores(key.assign(**p), reschedule)


class TruthTeller(FakeModel):
    """Knows the truth of a simulated world, or says a constant."""

    def __init__(self, truth, constant: float | None = None, definition=DEFAULT) -> None:
        super().__init__(definition)
        self.truth, self.constant = truth, constant

    def score(self, history, as_of=None, progress=None):
        date = np.datetime64(history.known_until if as_of is None else as_of, "s")
        found = []
        for name in ("risk", "reschedule"):
            frame = self.truth[name].assign(as_of=pd.to_datetime(self.truth[name]["as_of"]).astype("datetime64[s]"))
            frame = frame[frame["as_of"] == date].reset_index(drop=True)
            if self.constant is not None:
                frame = frame.assign(**{c: self.constant for c in frame.columns if c.startswith("p_")})
            found.append(frame)
        return FakeScores(*found)
