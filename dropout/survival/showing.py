"""Results of regressions as they are read: ratios with intervals, p values, and the block that a notebook shows."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

import numpy as np
import pandas as pd


def with_interval(value: Iterable[float], low: Iterable[float], high: Iterable[float]) -> list[str]:
    """Values with their intervals in brackets, to three significant figures."""
    return [f"{_short(v)} ({_short(a)} to {_short(b)})" if np.isfinite(v) else "–"
            for v, a, b in zip(value, low, high, strict=True)]


def p_value(values: Iterable[float]) -> list[str]:
    """p to three decimals, or "<0.001"."""
    return ["–" if np.isnan(p) else "<0.001" if p < 0.001 else f"{p:.3f}" for p in values]


def as_html(title: str, table: pd.DataFrame, notes: Iterable[str], *more: pd.DataFrame) -> str:
    """A title, tables (empty ones left out) and the notes beneath them."""
    tables = "".join(shown.to_html(index=False, escape=True) for shown in (table, *more) if len(shown))
    lines = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f"<div><p><b>{escape(title)}</b></p>{tables}<ul>{lines}</ul></div>"


def _short(value: float) -> str:
    if not np.isfinite(value):
        return "–" if np.isnan(value) else "∞"
    if value and (abs(value) >= 1000 or abs(value) < 0.001):
        return f"{value:.1e}"
    return f"{value:#.3g}".rstrip(".") if value else "0"
