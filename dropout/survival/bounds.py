"""Intervals of a share, on the scale on which they are worked out."""

from __future__ import annotations

from numbers import Real

import numpy as np
from scipy.special import ndtri

from dropout.errors import CallError

SCALES = ("log-log", "log", "plain")

ROUNDING = 1e-12


def bounds(share: np.ndarray, error: np.ndarray, scale: str, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper end of the interval of each share; NaN where the share is 0 or 1 and the data give no spread.

    Parameters
    ----------
    share, error : float arrays
        Estimate and standard error.
    scale : {"log-log", "log", "plain"}
        On the log(-log) scale the ends stay between 0 and 1 and cover well in small samples (Borgan and Liestoel 1990).
    level : float
        0.95 for a 95% interval.
    """
    if scale not in SCALES:
        raise CallError(f"interval is {scale!r}; expected one of: {', '.join(SCALES)}")
    if not isinstance(level, Real) or not 0 < level < 1:
        raise CallError(f"level is {level!r}; expected a number between 0 and 1, like 0.95")
    z = ndtri(0.5 + level / 2)
    # A sum of shares may miss 0 or 1 by a hair.
    inside = (share > ROUNDING) & (share < 1 - ROUNDING) & (error > 0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if scale == "plain":
            low, high = share - z * error, share + z * error
        elif scale == "log":
            low, high = (share * np.exp(sign * z * error / share) for sign in (-1, 1))
        else:
            spread = z * error / (share * np.abs(np.log(share)))
            low, high = (share ** np.exp(sign * spread) for sign in (1, -1))
    return np.where(inside, np.clip(low, 0, 1), np.nan), np.where(inside, np.clip(high, 0, 1), np.nan)
