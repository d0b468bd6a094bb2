"""Definitions of dropout, and `compare`, which sets them side by side: the names of `dropout.endings` that users need.

    dropout.definitions.compare(history)
    dropout.DropoutModel(definition=dropout.definitions.parse("closure else gap:90"))
"""

from dropout.endings import (
    DEFAULT,
    AllOf,
    AnyOf,
    CadenceGap,
    ClosureReason,
    Comparison,
    Definition,
    DischargePolicy,
    FewerThan,
    Gap,
    MissedLast,
    NoReliableChange,
    PlannedNotReached,
    UnlessRecorded,
    compare,
    parse,
    spell,
)

__all__ = [
    "DEFAULT", "AllOf", "AnyOf", "CadenceGap", "ClosureReason", "Comparison", "Definition", "DischargePolicy", "FewerThan",
    "Gap", "MissedLast", "NoReliableChange", "PlannedNotReached", "UnlessRecorded", "compare", "parse", "spell",
]
