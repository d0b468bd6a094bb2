"""Endings, and what a definition of dropout has to give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from dropout.errors import CallError
from dropout.timeline import FOREVER, Timeline

ENDINGS = ["dropout", "completed", "service_ended", "administrative", "ongoing"]
DROPOUT, COMPLETED, SERVICE_ENDED, ADMINISTRATIVE, ONGOING = range(len(ENDINGS))

ENDING_OF_REASON = {
    "completed": COMPLETED,
    "client_dropout": DROPOUT,
    "client_declined": DROPOUT,
    "service_ended": SERVICE_ENDED,
    "referred_on": ADMINISTRATIVE,
    "therapist_left": ADMINISTRATIVE,
    "moved": ADMINISTRATIVE,
    "died": ADMINISTRATIVE,
    "other": ADMINISTRATIVE,
}


MOST = 100_000
"""No setting of a definition is a larger number: of days it is longer than anybody lives."""


@dataclass(frozen=True)
class Endings:
    """How each episode ended, as far as was known at the extraction date.

    Attributes
    ----------
    ending : int64 array
        Position in `ENDINGS`.
    at : int64 array
        Second at which it ended: the last attended session of a dropout, the closure of any other. `NEVER` for an
        ongoing episode and for a dropout who attended nothing.
    known : int64 array
        Second at which that became known; `FOREVER` for an ongoing episode.
    judged : bool array or None
        False where the definition lacks what it needs to say yes or no (no plan, no scores, no reason on record). Such
        an episode is never a dropout by it, and belongs in no rate. None: all are judged.
    """

    ending: np.ndarray
    at: np.ndarray
    known: np.ndarray
    judged: np.ndarray | None = None

    @property
    def can_tell(self) -> np.ndarray:
        """`judged`, written out."""
        return np.ones(len(self.ending), dtype=bool) if self.judged is None else self.judged


class Definition(Protocol):
    """A definition of dropout."""

    @property
    def name(self) -> str:
        """A sentence that can be printed under a result."""

    @property
    def maturity_days(self) -> int:
        """Days after the last attended session before an ending by this definition is known for certain."""

    def endings(self, timeline: Timeline) -> Endings:
        """How each episode of the timeline ended, seen from its extraction date."""


def last_known(timeline: Timeline, found: Endings) -> np.ndarray:
    """Second up to which each episode may be judged: when its ending became known, else the extraction date."""
    return np.where(found.known == FOREVER, timeline.extraction, found.known)


def last_activity(timeline: Timeline) -> np.ndarray:
    """Second at which the last attended session or booking of each episode became known; `NEVER` where there is none.

    Silence is called off by these alone, so that what a definition says after it can't have been otherwise since.
    """
    episode, now = np.arange(len(timeline)), np.full(len(timeline), timeline.extraction)
    return np.maximum(timeline.attended.last_at(episode, now), timeline.bookings.last_at(episode, now))


def recorded_endings(timeline: Timeline) -> np.ndarray:
    """The ending that each episode's closure reason stands for, -1 where no reason is on record."""
    reason = timeline.episodes["closure_reason"].map(ENDING_OF_REASON).to_numpy(float)
    recorded = ~np.isnan(reason) & (timeline.closed <= timeline.extraction)
    return np.where(recorded, np.nan_to_num(reason), -1).astype(np.int64)


def need_column(timeline: Timeline, table: str, column: str, what: str, instead: str) -> None:
    """Raise CallError where a definition needs a table or column that is absent.

    Parameters
    ----------
    what : str
        The definition, as it is called.
    instead : str
        What can be done about it.
    """
    held = getattr(timeline.tables, table)
    if held is None or column not in held:
        missing = f"no table '{table}'" if held is None else f"no column '{column}' in the table '{table}'"
        raise CallError(f"{what} needs {table}.{column}, and the history has {missing} (or nothing was known of it by its "
                        f"date). Add it, or {instead}.")


def whole_number(value: int, least: int, what: str) -> None:
    """Raise CallError where a setting of a definition is not a whole number from `least` to `MOST`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise CallError(f"{what} is {value!r}; expected a whole number of {least} or more")
    if value > MOST:
        raise CallError(f"{what} is {value}; expected {MOST:,} at most")


def need_definition(value: Any, what: str) -> None:
    """Raise CallError where something else than a definition was given.

    Parameters
    ----------
    what : str
        What it was given as, for the message.
    """
    if isinstance(value, str):
        raise CallError(f"{what} is the text {value!r}; expected a definition of dropout, such as Gap(60), or "
                        f"dropout.definitions.parse({value!r})")
    if isinstance(value, type) or not callable(getattr(value, "endings", None)):
        got = f"the class {value.__name__}" if isinstance(value, type) else f"a {type(value).__name__}"
        raise CallError(f"{what} is {got}; expected a definition of dropout, such as Gap(60)")
