"""What a feature is: a name, a sentence, a unit, where it comes from, and whether anyone can act on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

Columns = dict[str, np.ndarray]
"""Feature values by name: float64, one per moment, NaN where unknown."""


@dataclass(frozen=True)
class Feature:
    """One feature.

    Attributes
    ----------
    name : str
        Column name.
    sentence : str
        What it is, in a sentence without a subject ("sessions attended so far").
    unit : str
        Unit of its values.
    table : str
        Table (or tables) it is read from.
    scale : {"linear", "log", "flag"}
        How additive models read it: as it is, by its logarithm (counts, days), or as 0 or 1.
    reason : str or None
        What to tell a clinician when it raises a risk, with `{value}` where the value goes. None where there is
        nothing to be done about it, or where it must not be shown (who somebody is).
    least : float
        Smallest value that is worth telling.
    direction : {1, -1}
        -1 where it is a low value that is worth telling (at most `-least`).
    """

    name: str
    sentence: str
    unit: str
    table: str
    scale: Literal["linear", "log", "flag"] = "linear"
    reason: str | None = None
    least: float = 0.0
    direction: Literal[1, -1] = 1


@dataclass(frozen=True)
class Group:
    """Features that answer one question, and the function that computes them.

    Attributes
    ----------
    name : str
        What the field asks ("attendance").
    features : tuple of Feature
        The features of the group, in order.
    left_out : mapping
        Name of each feature that these tables cannot give, and why.
    """

    name: str
    features: tuple[Feature, ...]
    left_out: Mapping[str, str]
