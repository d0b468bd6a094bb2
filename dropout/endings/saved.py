"""Definitions as plain values, for model files and cards: the class and its settings, parts within parts."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from dropout.endings.cadence import CadenceGap
from dropout.endings.change import NoReliableChange
from dropout.endings.combine import AllOf, AnyOf
from dropout.endings.definitions import ClosureReason, Gap, UnlessRecorded
from dropout.endings.ending import Definition
from dropout.endings.judged import FewerThan, MissedLast, PlannedNotReached
from dropout.endings.policy import DischargePolicy
from dropout.errors import ModelError

KINDS: dict[str, type] = {kind.__name__: kind for kind in (
    ClosureReason, Gap, UnlessRecorded, CadenceGap, MissedLast, FewerThan, PlannedNotReached, NoReliableChange,
    DischargePolicy, AnyOf, AllOf)}
"""The package's own definitions by name."""


def to_json(definition: Definition) -> dict[str, Any]:
    """The definition as values that JSON can hold.

    Raises
    ------
    ModelError
        If it, or a part of it, is not one of the package's own.
    """
    if type(definition) not in KINDS.values() or not is_dataclass(definition):
        raise ModelError(f"a model with the definition '{getattr(definition, 'name', definition)}' cannot be saved: "
                         f"{type(definition).__name__} is not one of the package's own ({', '.join(KINDS)})")
    return {"kind": type(definition).__name__} | {
        field.name: _plain(getattr(definition, field.name)) for field in fields(definition)}


def from_json(stored: dict[str, Any]) -> Any:
    """The definition that `to_json` wrote.

    Raises
    ------
    ModelError
        If it is of a kind that this version doesn't know.
    """
    values = dict(stored)
    kind = values.pop("kind", None)
    if kind not in KINDS or not set(values) <= {field.name for field in fields(KINDS[kind])}:
        raise ModelError(f"the definition of dropout '{kind}' is not one that this version knows; fit the model again")
    return KINDS[kind](**{name: _rich(value) for name, value in values.items()})


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, bool | int | float | str) else to_json(value)


def _rich(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_rich(one) for one in value)
    return from_json(value) if isinstance(value, dict) else value
