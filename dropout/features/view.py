"""What is asked, and of what: a timeline with what its messages say, and the moments at which features are read."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from dropout.features.baseline import Covariates, covariates
from dropout.messages.reader import INTENTS, read_all
from dropout.timeline import DAY, NEVER, Facts, Moments, Timeline, seconds
from dropout.timeline.cancellations import Spells, spells
from dropout.timeline.chains import Chains, chains
from dropout.timeline.runs import median_of_last_gaps, running_count, runs_of

MOST_MEASURES = 6
"""Questionnaires read at most: the ones with the most scores in the tables."""


@dataclass(frozen=True)
class Evidence:
    """A timeline and what can be worked out from it once, for all moments."""

    timeline: Timeline
    measures: tuple[str, ...] = ()
    """Questionnaires that are read."""
    covariates: Covariates = field(default_factory=Covariates)
    """Baseline covariates that are read."""
    gap_days: int = 60
    """Days without an attended session after which a client is counted as gone in the rates of therapists."""

    @classmethod
    def of(cls, timeline: Timeline, exclude: Collection[str] = (), gap_days: int = 60) -> Evidence:
        """Evidence with all the questionnaires and covariates that the tables offer."""
        return cls(timeline, tuple(timeline.measure_names[:MOST_MEASURES]), covariates(timeline, exclude), gap_days)

    rates: dict[str, Facts] = field(default_factory=dict, repr=False)
    """Facts about owners other than episodes, kept once worked out (see `features.therapist`)."""
    _measures: dict[str, Facts] = field(default_factory=dict, repr=False)

    def measure(self, name: str) -> Facts:
        """Scores of one questionnaire."""
        if name not in self._measures:
            self._measures[name] = self.timeline.measure(name)
        return self._measures[name]

    @cached_property
    def therapist_runs(self) -> tuple[np.ndarray, np.ndarray]:
        """For each attended session, changes of therapist so far and sessions in a row with the present one."""
        return runs_of(self.timeline.attended, "therapist")

    @cached_property
    def missed_run(self) -> np.ndarray:
        """For each outcome, sessions missed or cancelled by the client since the last attended one."""
        return self._since_attended("missed")

    @cached_property
    def no_show_run(self) -> np.ndarray:
        """For each outcome, sessions missed without a word since the last attended one."""
        return self._since_attended("no_show")

    def _since_attended(self, name: str) -> np.ndarray:
        outcomes = self.timeline.outcomes
        return running_count(outcomes.values[name], outcomes.values["attended"], outcomes.first)

    @cached_property
    def usual_gap(self) -> np.ndarray:
        """For each attended session, median in days of the last five gaps up to it; NaN at the first."""
        return median_of_last_gaps(self.timeline.attended)

    @cached_property
    def spells(self) -> Spells:
        """Spells of cancelling."""
        return spells(self.timeline)

    @cached_property
    def chains(self) -> Chains:
        """Cancellations and the bookings that replace them."""
        return chains(self.timeline)

    @cached_property
    def messages(self) -> Facts:
        """Messages from clients."""
        return self.timeline.messages("client")

    @cached_property
    def clinic_messages(self) -> Facts:
        """Messages from the clinic."""
        return self.timeline.messages("clinic")

    @cached_property
    def intents(self) -> np.ndarray:
        """Probability of each intent for every row of `messages` (rows by five)."""
        return self._read[0]

    @cached_property
    def unread(self) -> np.ndarray:
        """Which rows of `messages` hold nothing that can be read: empty, without words, in another language."""
        return self._read[1]

    @cached_property
    def _read(self) -> tuple[np.ndarray, np.ndarray]:
        table = self.timeline.tables.messages
        n = 0 if table is None else len(table)
        intents, unread = np.zeros((n, len(INTENTS))), np.zeros(n, dtype=bool)
        intents[:, INTENTS.index("other")] = 1.0
        if table is not None and n:
            mine = table["sender"].to_numpy(object) == "client"
            intents[mine], could = read_all(table.loc[mine, "text"])
            unread[mine] = ~could
        return intents, unread

    @cached_property
    def tells(self) -> np.ndarray:
        """Which rows of `messages` can be read and say something else than `other`."""
        return (self.intents[:, INTENTS.index("other")] < 0.5) & ~self.unread


@dataclass(frozen=True)
class View:
    """Evidence as seen at some moments.

    Every read goes through the moments: `count`, `last`, `days_since` and so on look only at what was known by then.
    """

    evidence: Evidence
    moments: Moments
    _positions: dict[Facts, np.ndarray] = field(default_factory=dict, repr=False)

    @property
    def timeline(self) -> Timeline:
        """The timeline under the evidence."""
        return self.evidence.timeline

    @property
    def episode(self) -> np.ndarray:
        """Episode of each moment."""
        return self.moments.episode

    @property
    def at(self) -> np.ndarray:
        """Second of each moment."""
        return self.moments.at

    def __len__(self) -> int:
        return len(self.moments)

    def position(self, facts: Facts) -> np.ndarray:
        """Position just after the last fact known at each moment (remembered, as many features ask for it)."""
        if facts not in self._positions:
            self._positions[facts] = facts.position(self.episode, self.at)
        return self._positions[facts]

    def begin(self, facts: Facts) -> np.ndarray:
        """Position of the first fact of each moment's episode."""
        return facts.begin(self.episode)

    def count(self, facts: Facts) -> np.ndarray:
        """Number of facts known at each moment, as float."""
        return (self.position(facts) - self.begin(facts)).astype(float)

    def total(self, facts: Facts, name: str) -> np.ndarray:
        """Sum of a value over the facts known at each moment, as float."""
        return facts.total_between(name, self.begin(facts), self.position(facts)).astype(float)

    def recent_total(self, facts: Facts, name: str, last: int) -> np.ndarray:
        """Sum of a value over the last few facts known at each moment."""
        stop = self.position(facts)
        return facts.total_between(name, np.maximum(stop - last, self.begin(facts)), stop).astype(float)

    def window_total(self, facts: Facts, name: str, days: float) -> np.ndarray:
        """Sum of a value over the facts of the last `days` days before each moment."""
        earlier = facts.position(self.episode, self.at - int(days * DAY))
        return facts.total_between(name, np.minimum(earlier, self.position(facts)), self.position(facts)).astype(float)

    def last(self, facts: Facts, name: str, back: int = 0) -> np.ndarray:
        """Value of the last fact known at each moment, or the one `back` before it; NaN where there is none."""
        return self.last_of(facts, facts.at if name == "at" else facts.values[name], back)

    def last_of(self, facts: Facts, values: np.ndarray, back: int = 0) -> np.ndarray:
        """Of values one per fact, that of the last fact known at each moment, or the one `back` before it; else NaN."""
        position = self.position(facts) - 1 - back
        there = position >= self.begin(facts)
        result = np.full(len(self), np.nan)
        result[there] = values[position[there]]
        return result

    def first(self, facts: Facts, name: str) -> np.ndarray:
        """Value of the first fact known at each moment; NaN where there is none."""
        there = self.position(facts) > self.begin(facts)
        result = np.full(len(self), np.nan)
        result[there] = facts.values[name][self.begin(facts)[there]]
        return result

    def days_since(self, facts: Facts, name: str = "at") -> np.ndarray:
        """Days from the time of the last fact known (when it became known, or another) to the moment, else NaN."""
        return (self.at - self.last(facts, name)) / DAY

    @cached_property
    def episode_days(self) -> np.ndarray:
        """Days since the episode began; 0 at a moment before that."""
        return np.maximum(self.at - self.timeline.begins[self.episode], 0) / DAY

    def since(self, seconds: np.ndarray) -> np.ndarray:
        """Days from each of these times to the moment; NaN where the time is missing or still to come."""
        seconds = np.asarray(seconds)
        return np.where((seconds == NEVER) | (seconds > self.at), np.nan, (self.at - seconds) / DAY)

    def sent_at(self, message: np.ndarray) -> np.ndarray:
        """Second at which each of these rows of `messages` was sent; `NEVER` for -1."""
        table = self.timeline.tables.messages
        if table is None or not len(table):
            return np.full(len(message), NEVER)
        return np.where(message >= 0, seconds(table["sent_at"])[message], NEVER)

    def of_episode(self, column: str) -> pd.Series:
        """A column of the episodes, one value per moment."""
        return self.timeline.episodes[column].iloc[self.episode]
