"""`Evaluation`: the tables, what has to be said beside them, and the folder they are written to."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dropout.errors import CallError
from dropout.evaluation.comparison import METRICS
from dropout.evaluation.figures import calibration_figure, capacity_figure

SHOWN = {
    "log_loss": "log loss", "brier": "Brier score", "auc": "AUC", "in_the_large": "predicted less observed",
    "slope": "calibration slope", "calibration_error": "calibration error",
}
CARD = "evaluation.json"
FORMAT = "%.6g"


@dataclass(frozen=True)
class Evaluation:
    """How far a model's predictions can be trusted.

    Attributes
    ----------
    basis : str
        How it was measured, as said in every table: the model as it is, or its recipe refitted.
    tables : dict of DataFrame
        `metrics`, `calibration`, `capacity`, and `truth` where the truth was given.
    notes : list of str
        What has to be said beside the tables, the figures that matter most first.
    settings : dict
        Dates, definition, drawings, seed and versions.
    """

    basis: str
    tables: dict[str, pd.DataFrame] = field(repr=False)
    notes: list[str] = field(repr=False)
    settings: dict[str, Any] = field(repr=False, default_factory=dict)

    def readable(self, table: str = "metrics") -> pd.DataFrame:
        """The metrics or the truth as a table for reading: one column a measure, with its interval in brackets."""
        frame = self.tables[table]
        if not len(frame):
            return frame
        if table == "truth":
            shown = {"share": "share of attainable gain", "distance": "distance to true probability",
                     "calibration_error": "calibration error against truth"}
            about = ["basis", "question", "group", "predictor", "n", "events", "base_rate"]
        else:
            shown = {name: SHOWN[name] for name in METRICS}
            about = ["basis", "question", "group", "predictor", "n", "clients", "events", "base_rate"]
        result = frame[about].assign(base_rate=frame["base_rate"].map("{:.3f}".format))
        for name, title in shown.items():
            result[title] = [_with_interval(*row) for row in
                             frame[[name, f"{name}_low", f"{name}_high"]].itertuples(index=False)]
        return result.assign(remark=frame["remark"])

    def __repr__(self) -> str:
        return f"Evaluation ({self.basis}): " + (self.notes[0] if self.notes else "nothing could be measured")

    def _repr_html_(self) -> str:
        parts = [f"<div><p><b>Evaluation</b>, {escape(self.basis)}</p><ul>",
                 *(f"<li>{escape(note)}</li>" for note in self.notes), "</ul>"]
        for name in ("metrics", "truth"):
            if name in self.tables and len(self.tables[name]):
                parts.append(f"<h4>{name.capitalize()}</h4>{self.readable(name).to_html(index=False)}")
        return "".join(parts) + "</div>"

    def write(self, folder: str | Path) -> Path:
        """Write the tables, `evaluation.json` and two pictures to a folder, which appears whole or not at all.

        An earlier evaluation there is replaced.

        Raises
        ------
        CallError
            If there is a file of that name, a folder that holds something else, or no permission to write.
        """
        folder = Path(folder)
        if folder.exists() and not (folder.is_dir() and _may_be_replaced(folder)):
            raise CallError(f"'{folder}' exists and is not an evaluation; name a new folder, or empty this one")
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
            try:
                self._fill(fresh)
                fresh.chmod(0o755)
                _put(fresh, folder)
            finally:
                shutil.rmtree(fresh, ignore_errors=True)
        except OSError as wrong:
            raise CallError(f"'{folder}' cannot be written: {wrong.strerror}") from wrong
        return folder

    def _fill(self, folder: Path) -> None:
        for name, table in self.tables.items():
            table.to_csv(folder / f"{name}.csv", index=False, float_format=FORMAT, lineterminator="\n")
        card = {"basis": self.basis, "settings": self.settings, "notes": self.notes,
                "tables": {name: _plain(table) for name, table in self.tables.items()}}
        text = json.dumps(card, indent=1, ensure_ascii=False, allow_nan=False)
        (folder / CARD).write_text(text + "\n", encoding="utf-8")
        for name, figure in (("calibration", calibration_figure(self.tables["calibration"], self.basis)),
                             ("capacity", capacity_figure(self.tables["capacity"], self.basis))):
            # Without the version of matplotlib in it, the same figures give the same bytes.
            figure.savefig(folder / f"{name}.png", dpi=150, metadata={"Software": None})


def _may_be_replaced(folder: Path) -> bool:
    return (folder / CARD).is_file() or not any(folder.iterdir())


def _put(fresh: Path, folder: Path) -> None:
    """Rename the finished folder into place; an earlier one is moved aside first and comes back if that fails."""
    if not folder.exists():
        fresh.rename(folder)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.old.", dir=folder.parent))
    earlier = aside / "earlier"
    folder.rename(earlier)
    try:
        fresh.rename(folder)
    except OSError:
        earlier.rename(folder)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _with_interval(value: float, low: float, high: float) -> str:
    if np.isnan(value):
        return "–"
    return f"{value:.3f}" if np.isnan(low) else f"{value:.3f} ({low:.3f} to {high:.3f})"


def _plain(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain values for JSON: NaN as null, six digits."""
    def value(x: Any) -> Any:
        if isinstance(x, (float, np.floating)):
            return float(f"{x:.6g}") if np.isfinite(x) else None
        return int(x) if isinstance(x, (int, np.integer)) else str(x)

    return [{str(name): value(x) for name, x in row.items()} for row in table.to_dict("records")]
