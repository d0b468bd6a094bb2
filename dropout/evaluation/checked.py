"""What a caller gives besides predictions, checked before anything is worked out."""

from __future__ import annotations

from typing import Any

from dropout.endings import Definition
from dropout.errors import CallError
from dropout.history import History

FEWEST_DRAWINGS = 20


def checked_history(history: Any) -> History:
    """The history; CallError where it is something else."""
    if not isinstance(history, History):
        raise CallError(f"history is a {type(history).__name__}; expected a History, such as dropout.read_history(folder) "
                        "gives, also of a dict of data frames")
    return history


def checked_definition(definition: Any) -> Definition:
    """The definition of dropout; CallError where it is none."""
    if isinstance(definition, type) or not all(hasattr(definition, part) for part in ("name", "maturity_days", "endings")):
        raise CallError(f"definition is {definition!r}; expected a definition of dropout, such as "
                        "dropout.definitions.Gap(60), or dropout.definitions.parse('gap:60')")
    found: Definition = definition
    return found


def checked_drawings(drawings: Any) -> int:
    """How many drawings of clients; CallError where it is no whole number, or too few for an interval."""
    if not _is_whole(drawings):
        raise CallError(f"drawings is {drawings!r}; expected a whole number, 200 as a rule")
    if drawings < FEWEST_DRAWINGS:
        raise CallError(f"{drawings} drawings are too few for an interval; use {FEWEST_DRAWINGS} or more, 200 as a rule")
    return int(drawings)


def checked_seed(seed: Any) -> int:
    """The seed of what is drawn; CallError where it is no whole number from 0 on."""
    if not _is_whole(seed) or seed < 0:
        raise CallError(f"seed is {seed!r}; expected a whole number, 0 or more")
    return int(seed)


def _is_whole(value: Any) -> bool:
    return not isinstance(value, bool) and hasattr(value, "__index__")
