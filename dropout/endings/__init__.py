"""A timeline comes in; how and when each episode ended, and when that became known, goes out.

What counts as a dropout is a named definition that can be swapped.
This room must never call an ending known before its definition could have seen it.
"""

from dropout.endings.definitions import (
    ADMINISTRATIVE,
    COMPLETED,
    DEFAULT,
    DROPOUT,
    ENDINGS,
    ONGOING,
    SERVICE_ENDED,
    ClosureReason,
    Definition,
    Endings,
    Gap,
    episodes_table,
)

__all__ = [
    "ADMINISTRATIVE", "COMPLETED", "DEFAULT", "DROPOUT", "ENDINGS", "ONGOING", "SERVICE_ENDED",
    "ClosureReason", "Definition", "Endings", "Gap", "episodes_table",
]
