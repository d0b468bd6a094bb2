"""Steps: how many are at risk, and how many end and how, at each time at which anybody leaves the risk set."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dropout.survival.people import People


@dataclass(frozen=True)
class Steps:
    """Counts at the distinct times of exit, in order of time. Endings and censorings of one time: the endings came first.

    Attributes
    ----------
    time : float array
    at_risk : float array
        Who had entered before the time and not left before it.
    ended : float array, times by endings
    position : int64 array
        Position in `time` of each person's exit, the people in order of it.
    entered : int64 array
        Position of the first time later than each person's entry, in the same order.
    ending : int64 array
        Position of each person's ending, in the same order.
    """

    time: np.ndarray
    at_risk: np.ndarray
    ended: np.ndarray
    position: np.ndarray
    entered: np.ndarray
    ending: np.ndarray

    @classmethod
    def of(cls, people: People) -> Steps:
        """Counts of these people, whatever their groups."""
        # In order of exit, what is read by position lies side by side.
        order = np.argsort(people.exit)
        leaves, ending = people.exit[order], people.ending[order]
        new = np.concatenate([[True], leaves[1:] > leaves[:-1]])
        time, position = leaves[new], np.cumsum(new) - 1
        n, n_endings = len(time), len(people.endings)
        entered = (np.searchsorted(time, people.entry[order], side="right") if people.enters_late
                   else np.zeros(len(people), dtype=np.int64))
        left = np.bincount(position, minlength=n)
        came = np.bincount(entered, minlength=n)[:n]
        at_risk = np.cumsum(came) - np.concatenate([[0], np.cumsum(left)[:-1]])
        cell = position * (n_endings + 1) + ending + 1
        ended = np.bincount(cell, minlength=n * (n_endings + 1)).reshape(n, n_endings + 1)[:, 1:]
        return cls(time, at_risk.astype(float), ended.astype(float), position, entered, ending)

    @cached_property
    def all_ended(self) -> np.ndarray:
        """Endings of any kind at each time."""
        return self.ended.sum(axis=1)

    @cached_property
    def in_care(self) -> np.ndarray:
        """Product-limit share still in care after each time (Kaplan and Meier 1958)."""
        return np.cumprod(1.0 - self.all_ended / self.at_risk)

    @cached_property
    def in_care_before(self) -> np.ndarray:
        """The same just before each time."""
        return before(self.in_care, 1.0)

    def emptied(self) -> float | None:
        """The first time, if there is one, at which all at risk ended though others were at risk later."""
        gone = (self.all_ended == self.at_risk) & (np.arange(len(self.time)) < len(self.time) - 1)
        return float(self.time[np.argmax(gone)]) if gone.any() else None


def before(values: np.ndarray, first: float) -> np.ndarray:
    """Each value moved to the next time: what held just before it."""
    return np.concatenate([np.full((1, *values.shape[1:]), first), values[:-1]])
