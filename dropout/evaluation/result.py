"""`Evaluation`: the tables, what has to be said beside them, and the folder they are written to."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from dropout.errors import CallError
from dropout.evaluation.comparison import MODEL
from dropout.evaluation.figures import calibration_figure, capacity_figure
from dropout.evaluation.horizon_figures import curves_figure, decision_figure, over_horizons_figure
from dropout.evaluation.horizon_tables import IN_TABLE

SHOWN = {
    "log_loss": "log loss", "brier": "Brier score", "scaled_brier": "scaled Brier score", "auc": "AUC",
    "predicted": "predicted", "observed": "observed", "in_the_large": "predicted less observed",
    "observed_expected": "observed over expected", "slope": "calibration slope", "ici": "ICI", "e50": "E50", "e90": "E90",
    "calibration_error": "calibration error", "integrated_brier": "integrated Brier score", "scaled": "scaled",
    "difference": "difference", "net_benefit": "net benefit",
}
SHOWN_OF_TRUTH = {"share": "share of attainable gain", "distance": "distance to true probability",
                  "calibration_error": "calibration error against truth"}
ABOUT = ("basis", "question", "horizon", "by", "group", "predictor", "against", "measure", "n", "clients", "events",
         "other_endings", "censored", "base_rate", "threshold")

IN_JUPYTER = ("metrics", "truth")
IN_JUPYTER_BY_HORIZON = tuple(IN_TABLE)
MOST_ROWS_IN_JUPYTER = 60
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
        Of a model `metrics`, `calibration`, `capacity`, and `truth` where the truth was given. By horizon, with
        censoring weights, of a model as of any predictions: `accuracy`, `discrimination`, `calibration_measures`,
        `integrated`, `differences`, `calibration_curves`, `net_benefit` (see `horizon_tables`).
    notes : list of str
        What has to be said beside the tables, the figures that matter most first.
    settings : dict
        Dates, definition, drawings, seed and versions.
    """

    basis: str
    tables: dict[str, pd.DataFrame] = field(repr=False)
    notes: list[str] = field(repr=False)
    settings: dict[str, Any] = field(repr=False, default_factory=dict)

    def readable(self, table: str | None = None) -> pd.DataFrame:
        """A table for reading: one column a measure, with its interval in brackets.

        Parameters
        ----------
        table : str, optional
            Default: `metrics`, or `accuracy` where there is none.
        """
        table = table or ("metrics" if "metrics" in self.tables else "accuracy")
        if table not in self.tables:
            raise CallError(f"there is no table '{table}' here; there are {', '.join(self.tables)}")
        frame = self.tables[table]
        if not len(frame):
            return frame
        titles = SHOWN_OF_TRUTH if table == "truth" else SHOWN
        result = frame[[name for name in ABOUT if name in frame]]
        result = result.assign(base_rate=frame["base_rate"].map("{:.3f}".format))
        for name, title in titles.items():
            if f"{name}_low" in frame:
                result[title] = [_with_interval(*row) for row in
                                 frame[[name, f"{name}_low", f"{name}_high"]].itertuples(index=False)]
        return result.assign(remark=frame["remark"])

    def figure(self, name: str) -> Figure:
        """A picture: `calibration` or `capacity` (of a model), `calibration_curves`, `decision_curves`, `over_horizons`.

        Raises
        ------
        CallError
            If there is no picture of that name, or not the table it is drawn from.
        """
        drawn = self._pictures()
        if name not in drawn:
            raise CallError(f"there is no picture '{name}' here; there are {', '.join(drawn)}")
        return drawn[name]()

    def _pictures(self) -> dict[str, Callable[[], Figure]]:
        tables, judged = self.tables, self.settings.get("predictors", [MODEL])
        drawn: dict[str, Callable[[], Figure]] = {}
        if "metrics" in tables:
            drawn["calibration"] = lambda: calibration_figure(tables["calibration"], self.basis)
            drawn["capacity"] = lambda: capacity_figure(tables["capacity"], self.basis)
        if "calibration_curves" in tables:
            drawn["calibration_curves"] = lambda: curves_figure(tables["calibration_curves"], judged, self.basis)
            drawn["decision_curves"] = lambda: decision_figure(tables["net_benefit"], judged, self.basis)
            drawn["over_horizons"] = lambda: over_horizons_figure(tables, judged, self.basis)
        return drawn

    def __repr__(self) -> str:
        return f"Evaluation ({self.basis}): " + (self.notes[0] if self.notes else "nothing could be measured")

    def _repr_html_(self) -> str:
        parts = [f"<div><p><b>Evaluation</b>, {escape(self.basis)}</p><ul>",
                 *(f"<li>{escape(note)}</li>" for note in self.notes), "</ul>"]
        for name in IN_JUPYTER if "metrics" in self.tables else IN_JUPYTER_BY_HORIZON:
            if name in self.tables and len(self.tables[name]):
                title = name.replace("_", " ").capitalize()
                shown = self.readable(name).drop(columns="basis")
                parts.append(f"<h4>{title}</h4>{shown.head(MOST_ROWS_IN_JUPYTER).to_html(index=False)}")
                if len(shown) > MOST_ROWS_IN_JUPYTER:
                    parts.append(f"<p>The first {MOST_ROWS_IN_JUPYTER} of {len(shown):,} rows; all are in "
                                 f"<code>.tables['{name}']</code>.</p>")
        return "".join(parts) + "</div>"

    def write(self, folder: str | Path) -> Path:
        """Write the tables, `evaluation.json` and the pictures to a folder, which appears whole or not at all.

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
            if not len(table.columns):
                table = pd.DataFrame(columns=["remark"])  # without a column the file could not be read as a table
            table.to_csv(folder / f"{name}.csv", index=False, float_format=FORMAT, lineterminator="\n")
        card = {"basis": self.basis, "settings": self.settings, "notes": self.notes,
                "tables": {name: _plain(table) for name, table in self.tables.items()}}
        text = json.dumps(card, indent=1, ensure_ascii=False, allow_nan=False)
        (folder / CARD).write_text(text + "\n", encoding="utf-8")
        for name, draw in self._pictures().items():
            # Without the version of matplotlib in it, the same figures give the same bytes.
            draw().savefig(folder / f"{name}.png", dpi=150, metadata={"Software": None})


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
