"""Facts in the order in which they became known, and reads that stop at a moment.

A fact belongs to an owner (an episode, a therapist, a clinic) and has the second at which it became known.
`Facts` keeps those of one kind sorted by owner and time. A read at a moment is a position in that order
(one `searchsorted`), and what is read lies before it: a count, a difference of two prefix sums, or the value
of one of the last facts. There is no way to ask for what comes after.

Sums are kept as integers (fixed point), so that a sum for one owner does not depend, not even in its last bit,
on who else is in the tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike

SECONDS_BITS = 36
"""Bits of a sort key given to the time: 2**36 seconds are 2,177 years, leaving owners up to 2**27."""

EPOCH_SHIFT = 1 << 35
"""Added to seconds since 1970 so that keys stay positive for any date in use."""

FIXED_POINT = 1_000
"""Prefix sums of scores and money are kept in thousandths."""

DAY = 86_400


def seconds(times: ArrayLike) -> np.ndarray:
    """Whole seconds since 1970 of `datetime64` times, as int64; missing times become the smallest int64."""
    return np.asarray(times, dtype="datetime64[s]").astype(np.int64)


def times(values: np.ndarray) -> np.ndarray:
    """The `datetime64[s]` times of seconds since 1970."""
    return np.asarray(values, dtype=np.int64).astype("datetime64[s]")


NEVER = np.iinfo(np.int64).min
"""A missing time, as `seconds` gives it."""

FOREVER = np.int64(1 << 34)
"""A time later than all others (the year 2514), in seconds."""


def sort_key(owner: np.ndarray, at: np.ndarray) -> np.ndarray:
    """One integer per (owner, second), in the order owner first, then time; `NEVER` comes before all times."""
    since = np.maximum(np.asarray(at, dtype=np.int64), -EPOCH_SHIFT) + EPOCH_SHIFT
    return (np.asarray(owner, dtype=np.int64) << SECONDS_BITS) + since


@dataclass(frozen=True)
class Moments:
    """When something is asked about which episode: two arrays of one length.

    Attributes
    ----------
    episode : int64 array
        Position of the episode in `Timeline.episodes`.
    at : int64 array
        Seconds since 1970. What was known at that very second counts.
    """

    episode: np.ndarray
    at: np.ndarray

    def __len__(self) -> int:
        return len(self.episode)

    def take(self, which: np.ndarray) -> Moments:
        """The moments at these positions (or where this mask is true)."""
        return Moments(self.episode[which], self.at[which])


@dataclass(frozen=True, eq=False)
class Facts:
    """Facts of one kind, sorted by owner and by the second at which each became known.

    Attributes
    ----------
    owner, at : int64 arrays
        Whose fact it is, and when it became known (seconds since 1970).
    values : mapping of name to array
        What is known about each fact from then on.
    first : int64 array, one longer than the number of owners
        Position of each owner's first fact.
    """

    owner: np.ndarray
    at: np.ndarray
    values: Mapping[str, np.ndarray]
    first: np.ndarray
    key: np.ndarray = field(repr=False)
    sums: dict[str, np.ndarray] = field(default_factory=dict, repr=False)

    @classmethod
    def sorted(
        cls, owner: np.ndarray, at: np.ndarray, n_owners: int, values: Mapping[str, np.ndarray], *ties: np.ndarray
    ) -> Facts:
        """Facts put in order; facts of one second are ordered by `ties`, never by the order of the rows."""
        owner = np.asarray(owner, dtype=np.int64)
        at = np.asarray(at, dtype=np.int64)
        key = sort_key(owner, at)
        order = np.lexsort((*reversed(ties), key)) if ties else np.argsort(key, kind="stable")
        counts = np.bincount(owner, minlength=n_owners)
        return cls(
            owner=owner[order],
            at=at[order],
            values={name: np.asarray(value)[order] for name, value in values.items()},
            first=np.concatenate([[0], np.cumsum(counts)]),
            key=key[order],
        )

    def with_values(self, **values: np.ndarray) -> Facts:
        """The same facts with more values, one per fact, in the order of the facts."""
        return replace(self, values={**self.values, **values}, sums={})

    def __len__(self) -> int:
        return len(self.at)

    def position(self, owner: np.ndarray, at: np.ndarray) -> np.ndarray:
        """How far each read may go: the position just after the last fact of `owner` known at `at`.

        An owner of -1 (nobody) has position 0 and no facts.
        """
        return np.searchsorted(self.key, sort_key(owner, at), side="right") * (np.asarray(owner) >= 0)

    def begin(self, owner: np.ndarray) -> np.ndarray:
        """Position of the first fact of each owner; 0 for owner -1."""
        return np.where(np.asarray(owner) >= 0, self.first[np.maximum(owner, 0)], 0)

    def count(self, owner: np.ndarray, at: np.ndarray) -> np.ndarray:
        """How many facts of each owner were known at each time."""
        return self.position(owner, at) - self.begin(owner)

    def total(self, name: str, owner: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Sum of an integer or boolean value over the facts of each owner known at each time (int64)."""
        sums = self._prefix(name)
        return sums[self.position(owner, at)] - sums[self.begin(owner)]

    def total_between(self, name: str, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
        """Sum of an integer or boolean value over positions `start` up to, not including, `stop`."""
        sums = self._prefix(name)
        return sums[stop] - sums[start]

    def last(self, name: str, owner: np.ndarray, at: np.ndarray, back: int = 0, missing: float = np.nan) -> np.ndarray:
        """Value of the last fact known (`back=0`), the one before it (`back=1`), and so on; else `missing`."""
        position = self.position(owner, at) - 1 - back
        there = position >= self.begin(owner)
        values = self.at if name == "at" else self.values[name]
        result = np.full(len(position), missing, dtype=np.result_type(values.dtype, type(missing)))
        result[there] = values[position[there]]
        return result

    def last_at(self, owner: np.ndarray, at: np.ndarray, back: int = 0) -> np.ndarray:
        """Second at which the last fact (or the one `back` before it) became known; `NEVER` where there is none."""
        position = self.position(owner, at) - 1 - back
        there = position >= self.begin(owner)
        result = np.full(len(position), NEVER, dtype=np.int64)
        result[there] = self.at[position[there]]
        return result

    def before(self, name: str, missing: float = np.nan) -> np.ndarray:
        """For each fact, the same owner's previous value; `missing` for the first."""
        values = self.at if name == "at" else self.values[name]
        result = np.full(len(self), missing, dtype=np.result_type(values.dtype, type(missing)))
        if len(self) > 1:
            same = self.owner[1:] == self.owner[:-1]
            result[1:][same] = values[:-1][same]
        return result

    def _prefix(self, name: str) -> np.ndarray:
        if name not in self.sums:
            values = self.values[name]
            if values.dtype.kind not in "biu":
                raise TypeError(f"prefix sums are of integers; '{name}' holds {values.dtype}")
            self.sums[name] = np.concatenate([[0], np.cumsum(values.astype(np.int64))])
        return self.sums[name]
