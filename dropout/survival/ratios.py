"""Coefficients as ratios with intervals: the table that every regression of this room gives."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd
from scipy.special import ndtri
from scipy.stats import norm


def coefficient_table(
    names: Collection[str], coefficient: np.ndarray, naive: np.ndarray, robust: np.ndarray, ratio: str
) -> pd.DataFrame:
    """A row a term: the ratio with its 95% interval (low, high), coefficient, standard_error, robust_error, z, p.

    Interval, z and p use the robust error where it is not NaN.
    """
    error = np.where(np.isnan(robust), naive, robust)
    wide = ndtri(0.975) * error
    z = coefficient / error
    with np.errstate(over="ignore"):  # of a column in odd units the ratio may be beyond all numbers
        value, low, high = np.exp(coefficient), np.exp(coefficient - wide), np.exp(coefficient + wide)
    return pd.DataFrame({
        "term": list(names), ratio: value, "low": low, "high": high,
        "coefficient": coefficient, "standard_error": naive, "robust_error": robust, "z": z, "p": 2 * norm.sf(np.abs(z))})
