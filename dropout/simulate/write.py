"""Tables on disk: the same bytes for the same tables, on every machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd


def write_tables(tables: dict[str, pd.DataFrame], out_dir: str | Path) -> list[Path]:
    """Paths of the CSV files written, one a table: UTF-8, line feeds, ISO times, empty where a value is missing."""
    folder = Path(out_dir)
    folder.mkdir(parents=True, exist_ok=True)
    return [_write(table, folder / f"{name}.csv") for name, table in tables.items()]


def write_truth(truth: dict[str, pd.DataFrame], out_dir: str | Path) -> list[Path]:
    """Paths of `risk.csv`, `reschedule.csv` and `intents.csv`, written in the same manner."""
    return write_tables(truth, out_dir)


def _write(table: pd.DataFrame, path: Path) -> Path:
    shown = table.copy()
    for name in shown.columns:
        if pd.api.types.is_datetime64_any_dtype(shown[name]):
            text = np.datetime_as_string(shown[name].to_numpy("datetime64[s]"))
            shown[name] = np.where(text == "NaT", "", text)
        elif pd.api.types.is_float_dtype(shown[name]):
            shown[name] = [_number(value) for value in shown[name]]
    with path.open("w", encoding="utf-8", newline="") as file:
        shown.to_csv(file, index=False, lineterminator="\n")
    return path


def _number(value: float) -> str:
    """A number in at most six decimals, without trailing zeros, empty if missing."""
    if pd.isna(value):
        return ""
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
