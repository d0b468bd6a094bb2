"""Definitions put together: dropout by any of them, or by all.

`a | b` and `a & b` are sets of dropouts joined and crossed. What is known by one part is not unknown to the whole: an
episode is a dropout by any as soon as one says so, by all once the last has.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dropout.endings.ending import DROPOUT, ONGOING, Definition, Endings, last_activity, need_definition
from dropout.errors import CallError
from dropout.timeline import FOREVER, NEVER, Timeline


def any_of(first: Definition, second: Definition) -> AnyOf:
    """Dropout by either: what `first | second` gives."""
    return AnyOf((*_parts(first, AnyOf), *_parts(second, AnyOf)))


def all_of(first: Definition, second: Definition) -> AllOf:
    """Dropout by both: what `first & second` gives."""
    return AllOf((*_parts(first, AllOf), *_parts(second, AllOf)))


@dataclass(frozen=True)
class AnyOf:
    """Dropout by any of its parts, known when the first of them knows.

    Where none says dropout, the ending that a part knew first stands (of two known at once, the part named first), known once
    all parts that know one do; where no part knows an ending, the episode is ongoing.
    """

    parts: tuple[Definition, ...]

    __or__ = any_of
    __and__ = all_of

    def __post_init__(self) -> None:
        _check(self.parts, "AnyOf")

    @property
    def name(self) -> str:
        """The definition in words."""
        return "any of: " + "; ".join(f"({part.name})" for part in self.parts)

    @property
    def maturity_days(self) -> int:
        """As long as the slowest part needs: until then one may still say dropout."""
        return max(part.maturity_days for part in self.parts)

    def endings(self, timeline: Timeline) -> Endings:
        """Endings by the union."""
        ending, at, known, judged = _stacked(self.parts, timeline)
        left = ending == DROPOUT
        other = ~left & (ending != ONGOING)
        is_left = left.any(axis=0)
        pick = np.where(is_left, np.where(left, known, FOREVER).argmin(axis=0), _first_known(other, known))
        known = np.where(is_left, known, _settled(timeline, other, known))
        return _picked(ending, at, known, pick, is_left | other.any(axis=0), is_left | judged.all(axis=0))


@dataclass(frozen=True)
class AllOf:
    """Dropout by all of its parts, known when the last of them knows.

    Where one knows another ending, that stands (the one known first); where some part has not decided, the episode is
    ongoing.
    """

    parts: tuple[Definition, ...]

    __or__ = any_of
    __and__ = all_of

    def __post_init__(self) -> None:
        _check(self.parts, "AllOf")

    @property
    def name(self) -> str:
        """The definition in words."""
        return "all of: " + "; ".join(f"({part.name})" for part in self.parts)

    @property
    def maturity_days(self) -> int:
        """As long as the slowest part needs."""
        return max(part.maturity_days for part in self.parts)

    def endings(self, timeline: Timeline) -> Endings:
        """Endings by the intersection."""
        ending, at, known, judged = _stacked(self.parts, timeline)
        left = ending == DROPOUT
        other = ~left & (ending != ONGOING)
        is_left = left.all(axis=0)
        pick = np.where(is_left, known.argmax(axis=0), _first_known(other, known))
        known = np.where(is_left, known, _settled(timeline, other, known))
        denied = (judged & ~left).any(axis=0)
        return _picked(ending, at, known, pick, is_left | other.any(axis=0), denied | judged.all(axis=0))


def _parts(definition: Definition, kind: type[AnyOf] | type[AllOf]) -> tuple[Definition, ...]:
    return definition.parts if isinstance(definition, kind) else (definition,)


def _check(parts: tuple[Definition, ...], kind: str) -> None:
    if not isinstance(parts, tuple) or not parts:
        got = "none" if isinstance(parts, tuple) else f"a {type(parts).__name__}"
        raise CallError(f"{kind} joins definitions of dropout in a tuple, as {kind}((Gap(60), MissedLast())); it was given {got}")
    for part in parts:
        need_definition(part, f"a part of {kind}")


def _stacked(parts: tuple[Definition, ...], timeline: Timeline) -> tuple[np.ndarray, ...]:
    """Ending, at, known and judged of every part: parts by episodes."""
    found = [part.endings(timeline) for part in parts]
    return (np.stack([one.ending for one in found]), np.stack([one.at for one in found]),
            np.stack([one.known for one in found]), np.stack([one.can_tell for one in found]))


def _first_known(other: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The part that knew another ending first, the one named first of several."""
    return np.where(other, known, FOREVER).argmin(axis=0)


def _settled(timeline: Timeline, other: np.ndarray, known: np.ndarray) -> np.ndarray:
    """When the parts that know another ending all knew it, and no silence could be called off any more."""
    return np.maximum(np.where(other, known, NEVER).max(axis=0), last_activity(timeline))


def _picked(ending: np.ndarray, at: np.ndarray, known: np.ndarray, pick: np.ndarray, ended: np.ndarray,
            judged: np.ndarray) -> Endings:
    episode = np.arange(ending.shape[1])
    return Endings(np.where(ended, ending[pick, episode], ONGOING), np.where(ended, at[pick, episode], NEVER),
                   np.where(ended, known[pick, episode], FOREVER), judged)
