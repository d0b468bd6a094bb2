"""Outcomes by a horizon when not everyone was followed so long: what happened, and the weight that each row then has.

Those whose outcome is not known by the horizon have no weight; each of the others stands for 1 / G of them, G being the
probability of not having been censored until then (inverse probability of censoring; Graf et al. 1999; Gerds and
Schumacher 2006). G is Kaplan-Meier's estimate with censoring as the event. It takes what is known about a row to have
nothing to do with what will happen to it. Where nobody is censored before the horizon every weight is 1.

Another ending than dropout competes: who has ended so by the horizon can no longer drop out, and counts as one to whom
it did not happen (Blanche, Dartigues and Jacqmin-Gadda 2013; Wolbers et al. 2014).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from dropout.errors import CallError
from dropout.evaluation.tied import Tied, sums_by

CENSORED, DROPOUT, OTHER = 0, 1, 2
"""Values of `event`."""


def by_horizon(
    time: np.ndarray, event: np.ndarray, horizon: float, weight: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """What happened by the horizon, and the weight of each row, for every measure that takes `y` and a weight.

    Parameters
    ----------
    time : array
        Until the ending, or until the row was censored.
    event : array
        0 censored, 1 dropout, 2 another ending.
    horizon : float
        In the unit of `time`. What happens at the horizon itself has happened by it.
    weight : array, optional
        How often each row counts.

    Returns
    -------
    y : float array
        1 for a dropout by the horizon, else 0.
    weight : float array
        The rows' weights, 0 where the outcome is not known. They add up to those given. All are NaN where nobody was
        followed beyond the horizon although some were censored before: then there is nothing to weight.

    Raises
    ------
    CallError
        If lengths differ, a time is negative or missing, or an event is none of the three.
    """
    time, event = checked_outcomes(time, event)
    follow_up = FollowUp.of(time, event, (horizon,))
    given = np.ones(len(time)) if weight is None else np.asarray(weight, dtype=float)
    ((happened, spared),) = follow_up.weights(given)
    cases, others = follow_up.cases[0], follow_up.others[0]
    all_lost = not len(cases) and not len(others) and given.any()
    known = np.full(len(time), np.nan if all_lost or np.isnan(happened).any() or np.isnan(spared).any() else 0.0)
    known[cases], known[others] = happened, spared
    y = np.zeros(len(time))
    y[cases] = 1.0
    return y, known


def checked_outcomes(time: np.ndarray, event: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Times as floats and events as whole numbers; CallError where they are neither."""
    try:
        time, event = np.asarray(time, dtype=float), np.asarray(event, dtype=float)
    except (TypeError, ValueError) as wrong:
        raise CallError("'time' and 'event' must be numbers: days, and 0 (censored), 1 (dropout) or 2 (another "
                        "ending)") from wrong
    if len(time) != len(event):
        raise CallError(f"{len(time):,} times and {len(event):,} events; give as many of each")
    if not len(time):
        raise CallError("there are no outcomes; give at least one row")
    off = ~(np.isfinite(time) & (time >= 0))
    if off.any():
        raise CallError(f"{int(off.sum()):,} of {len(time):,} values of 'time' are missing, infinite or below 0 (first "
                        f"in row {int(np.argmax(off)) + 1}). It is the time from the prediction to the ending, or for "
                        "as long as the row was followed; 0 where the last session lies before. Leave rows without "
                        "follow-up out")
    off = ~np.isin(event, (CENSORED, DROPOUT, OTHER))
    if off.any():
        raise CallError(f"{int(off.sum()):,} of {len(event):,} values of 'event' are none of 0 (censored), 1 (dropout), "
                        f"2 (another ending); first in row {int(np.argmax(off)) + 1}")
    return time, event.astype(np.int64)


@dataclass(frozen=True)
class FollowUp:
    """Follow-up sorted once, so that weights for any number of drawings and horizons cost a few sums.

    Attributes
    ----------
    horizons : sequence of float
    time : Tied
        Distinct times.
    place : int array
        Position of each row's time in them.
    event : int array
    cases, others : list of int arrays, one a horizon
        Rows to whom it happened by the horizon; rows of which it is known that it did not.
    n_ended : list of int
        How many of `others` (the first ones) had another ending by the horizon; the rest were followed beyond it.
    """

    horizons: Sequence[float]
    time: Tied
    place: np.ndarray
    event: np.ndarray
    cases: list[np.ndarray]
    others: list[np.ndarray]
    n_ended: list[int]

    @classmethod
    def of(cls, time: np.ndarray, event: np.ndarray, horizons: Sequence[float]) -> FollowUp:
        """Of checked times and events."""
        cases, others, n_ended = [], [], []
        for horizon in horizons:
            early = time <= horizon
            cases.append(np.flatnonzero(early & (event == DROPOUT)))
            ended = np.flatnonzero(early & (event == OTHER))
            others.append(np.concatenate([ended, np.flatnonzero(~early)]))
            n_ended.append(len(ended))
        tied = Tied(time)
        return cls(horizons, tied, tied.place, event, cases, others, n_ended)

    def uncensored(self, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Probability of not having been censored just before each distinct time, and after it (Kaplan-Meier).

        Where an ending and a censoring fall on one time, the ending came first, as everywhere in survival analysis: the
        weights then add up to the number of rows, and the weighted share of dropouts is the Aalen-Johansen estimate.

        Parameters
        ----------
        weight : array, one a row, or drawings by rows
        """
        n = len(self.time.values)
        present = sums_by(self.place, weight, n)
        censored = sums_by(self.place, weight * (self.event == CENSORED), n)
        at_risk = np.flip(np.cumsum(np.flip(present, -1), -1), -1) - (present - censored)
        stay = np.where(censored > 0, 1.0 - censored / np.maximum(at_risk, 1e-300), 1.0)
        # Sums that differ in the last bit must not leave a sliver of probability behind.
        after = np.cumprod(np.where(stay < 1e-12, 0.0, stay), axis=-1)
        before = np.concatenate([np.ones_like(after[..., :1]), after[..., :-1]], axis=-1)
        return before, after

    def weights(self, weight: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """For each horizon the weights of `cases` and of `others`; NaN where the horizon was not reached.

        Parameters
        ----------
        weight : array, one a row, or drawings by rows
        """
        before, after = self.uncensored(weight)
        with np.errstate(divide="ignore", invalid="ignore"):
            for k, horizon in enumerate(self.horizons):
                cases, others, ended = self.cases[k], self.others[k], self.n_ended[k]
                happened = weight[..., cases] / before[..., self.place[cases]]
                last = int(np.searchsorted(self.time.values, horizon, side="right")) - 1
                left = after[..., [last]] if last >= 0 else np.ones((*weight.shape[:-1], 1))
                spared = np.concatenate([weight[..., others[:ended]] / before[..., self.place[others[:ended]]],
                                         weight[..., others[ended:]] / left], axis=-1)
                # A row that was not drawn may stand where nobody drawn was left: 0 / 0.
                happened, spared = (np.where(weight[..., rows] > 0, found, 0.0)
                                    for rows, found in ((cases, happened), (others, spared)))
                lost = left[..., 0] <= 0
                yield np.where(lost[..., None], np.nan, happened), np.where(lost[..., None], np.nan, spared)
