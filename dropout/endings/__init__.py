"""A timeline comes in; how and when each episode ended, and when that became known, goes out.

What counts as a dropout is a named definition that can be swapped, put together and compared with others.
This room must never call an ending known before its definition could have seen it.
"""

from dropout.endings.cadence import CadenceGap
from dropout.endings.change import NoReliableChange
from dropout.endings.combine import AllOf, AnyOf
from dropout.endings.comparison import Comparison, compare
from dropout.endings.definitions import DEFAULT, ClosureReason, Gap, UnlessRecorded
from dropout.endings.ending import (
    ADMINISTRATIVE,
    COMPLETED,
    DROPOUT,
    ENDINGS,
    ONGOING,
    SERVICE_ENDED,
    Definition,
    Endings,
)
from dropout.endings.episodes import episodes_table
from dropout.endings.judged import FewerThan, MissedLast, PlannedNotReached
from dropout.endings.policy import DischargePolicy
from dropout.endings.spelling import parse, spell

__all__ = [
    "ADMINISTRATIVE", "COMPLETED", "DEFAULT", "DROPOUT", "ENDINGS", "ONGOING", "SERVICE_ENDED",
    "AllOf", "AnyOf", "CadenceGap", "ClosureReason", "Comparison", "Definition", "DischargePolicy", "Endings", "FewerThan",
    "Gap", "MissedLast", "NoReliableChange", "PlannedNotReached", "UnlessRecorded", "compare", "episodes_table", "parse",
    "spell",
]
