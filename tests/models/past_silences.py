"""Past silences of a history, as a model learns from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dropout.features.view import Evidence
from dropout.models.clock import Days, SilenceClock, days_of, fit_clock
from dropout.models.leaving import Leaving
from dropout.models.model import DropoutModel
from dropout.models.silences import Outcomes, Silences, all_silences, outcomes, silences_at
from dropout.timeline import Timeline


@dataclass(frozen=True)
class Past:
    """All silences of a timeline, and what became of them."""

    evidence: Evidence
    leaving: Leaving
    silences: Silences
    found: Outcomes
    days: Days
    client: np.ndarray

    def clock(self, kind: str) -> SilenceClock:
        """A clock learnt from them."""
        return fit_clock(self.silences, self.found, self.days, self.client, kind, 100.0, seed=3)

    @classmethod
    def of(cls, timeline: Timeline, model: DropoutModel) -> Past:
        """Those known by the extraction date, with what the model says of when each client was last seen."""
        assert model.leaving_ is not None
        evidence = Evidence(timeline, model.measures_, model.covariates_, model.definition.maturity_days)
        silences = silences_at(evidence, all_silences(evidence), model.leaving_)[1]
        found = outcomes(evidence, model.definition, silences.start)
        client = timeline.episodes["client"].to_numpy(np.int64)[silences.start.episode]
        return cls(evidence, model.leaving_, silences, found, days_of(found, model.definition.maturity_days), client)
