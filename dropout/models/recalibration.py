"""Recalibration: a thin layer over a fitted model that makes its probabilities fit a clinic with data of its own.

Ranks stay as they are, or are tied: each probability is read off the model's by a line, or by steps, that never falls.
So the probability of being gone still never falls with silence; and the two predictions still agree, since the risk is
held at the chance that somebody is gone and has not ended otherwise. How the layer is learnt and checked stands in
`dropout.evaluation.recalibrate`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from dropout.errors import ModelError
from dropout.models.logistic import expit, to_logit
from dropout.models.reschedule import Predictions

METHODS = ("as it is", "intercept", "slope", "isotonic")
"""How much is corrected: nothing; the odds by one factor; the odds by a factor and a power (Cox 1958); any shape that
never falls."""

_TEXT = ("question", "group", "when", "remark")


@dataclass(frozen=True)
class Correction:
    """What is done to one probability.

    Attributes
    ----------
    method : one of `METHODS`
    intercept, slope : float
        New log odds are intercept + slope x log odds.
    knots : array, two by k
        Log odds of the model, rising, and new ones, never falling; straight lines between and level beyond. Empty but
        for "isotonic", where they stand in the place of intercept and slope.
    """

    method: str = METHODS[0]
    intercept: float = 0.0
    slope: float = 1.0
    knots: np.ndarray = field(default_factory=lambda: np.zeros((2, 0)), repr=False)

    def __call__(self, p: np.ndarray) -> np.ndarray:
        """The probabilities put right; NaN stays NaN, and so does everything where nothing is corrected."""
        p = np.asarray(p, dtype=float)
        if self.method == METHODS[0]:
            return p
        odds = to_logit(p)
        if self.knots.shape[1]:
            return np.where(np.isnan(odds), np.nan, expit(np.interp(odds, *self.knots)))
        return expit(self.intercept + self.slope * odds)

    def __str__(self) -> str:
        if self.method == "intercept":
            return f"odds times {np.exp(self.intercept):.2f}"
        if self.method == "slope":
            return f"log odds {self.intercept:+.2f} {self.slope:+.2f} x log odds of the model"
        return "steps" if self.method == "isotonic" else self.method


@dataclass(frozen=True)
class Recalibration:
    """What was corrected, on what grounds, and how it did on data that had no part in it.

    Attributes
    ----------
    risk : tuple of Correction
        Of the risk within 30, 60 and 90 days.
    gone : Correction
        Of the probability that the client of an open cancellation never attends again.
    until : numpy.datetime64
        Nothing known later was learnt from.
    table : DataFrame
        Before and after, on cases left out (see `dropout.evaluation.recalibrate`).
    notes : tuple of str
        How it was learnt and checked, and what it can't tell.
    """

    risk: tuple[Correction, ...]
    gone: Correction
    until: np.datetime64
    table: pd.DataFrame = field(repr=False)
    notes: tuple[str, ...] = field(repr=False, default=())

    @property
    def changes(self) -> bool:
        """Whether anything is corrected at all."""
        return any(one.method != METHODS[0] for one in (*self.risk, self.gone))

    @property
    def compared(self) -> list[str]:
        """Before and after in sentences, a question and group each."""
        said = []
        for (question, group), rows in self.table.groupby(["question", "group"], sort=False) if len(self.table) else ():
            before, after = rows.to_dict("records")
            error, loss = (f"{before[name]:.3f}, then {after[name]:.3f}" for name in ("calibration_error", "log_loss"))
            said.append(f"{question}, {group} (n {before['n']:,}): predicted {before['predicted']:.0%}, then "
                        f"{after['predicted']:.0%}, seen {before['base_rate']:.0%}; calibration error {error}; log loss {loss}.")
        return said

    def apply(self, p: np.ndarray, said: Predictions | None, is_open: np.ndarray) -> tuple[np.ndarray, Predictions | None]:
        """Both predictions put right.

        Parameters
        ----------
        p : array, moments by four
            As `RiskModel.probabilities` gives them; the first column (already gone) is left alone.
        said : Predictions or None
            Of the moments that find a cancellation open.
        is_open : bool array
            Which moments those are.
        """
        gone, otherwise = np.full(len(p), np.nan), np.full(len(p), np.nan)
        if said is not None:
            gone[is_open], otherwise[is_open] = self.gone(said.gone), said.otherwise
            back = (1.0 - gone[is_open]) / np.maximum(1.0 - said.gone, 1e-6)
            said = replace(said, gone=gone[is_open],
                           back={days: value * back for days, value in said.back.items()})
        return np.column_stack([p[:, 0], agreed(self.risk, p[:, 1:], gone, otherwise)]), said

    def __repr__(self) -> str:
        what = f"risk within 60 days: {self.risk[1]}; never again: {self.gone}" if self.changes else "nothing is changed"
        return f"Recalibration on what was known by {self.until}: {what}"

    def _repr_html_(self) -> str:
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        return f"<p><b>{escape(repr(self))}</b></p><ul>{notes}</ul>{readable(self.table).to_html(index=False)}"


def agreed(corrections: Sequence[Correction], p: np.ndarray, gone: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    """Risk put right at each horizon, never falling with the horizon, and in agreement with the other prediction.

    Parameters
    ----------
    corrections : sequence of Correction
        One a column of `p`.
    p : array, moments by horizons
    gone : array, NaN where no cancellation is open
        Put right already.
    otherwise : array
        Chance that one who is gone has not dropped out.
    """
    each = np.column_stack([correction(p[:, k]) for k, correction in enumerate(corrections)])
    floor = np.nan_to_num(gone * (1.0 - otherwise))
    return np.maximum.accumulate(np.maximum(each, floor[:, None]), axis=1)


@dataclass
class Listener:
    """Stands in the place of a recalibration, changes nothing, and keeps what passes: what one can be learnt from.

    Attributes
    ----------
    otherwise : array
        Of the moments scored last: chance that one who is gone has not dropped out; NaN where no cancellation is open.
    """

    changes = False
    otherwise: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def apply(self, p: np.ndarray, said: Predictions | None, is_open: np.ndarray) -> tuple[np.ndarray, Predictions | None]:
        """Both predictions as they came."""
        self.otherwise = np.full(len(p), np.nan)
        if said is not None:
            self.otherwise[is_open] = said.otherwise
        return p, said


def readable(table: pd.DataFrame) -> pd.DataFrame:
    """The table of before and after for reading: one column a measure, with its interval in brackets."""
    measures = {"in_the_large": "predicted less observed", "slope": "calibration slope", "log_loss": "log loss",
                "calibration_error": "calibration error", "gain": "log loss gained"}
    if not len(table):
        return table
    shown = table[["question", "group", "when", "n", "clients", "events"]].assign(
        observed=table["base_rate"].map("{:.3f}".format), predicted=table["predicted"].map("{:.3f}".format))
    for name, title in measures.items():
        shown[title] = ["–" if np.isnan(value) else f"{value:.3f}" if np.isnan(low) else f"{value:.3f} ({low:.3f} to {high:.3f})"
                        for value, low, high in table[[name, f"{name}_low", f"{name}_high"]].itertuples(index=False)]
    return shown.assign(remark=table["remark"])


def to_plain(layer: Recalibration | None) -> dict[str, Any] | None:
    """The layer as plain values that JSON can hold."""
    if layer is None:
        return None
    rows = [{name: value if isinstance(value, (str, int)) else None if np.isnan(value) else float(value)
             for name, value in row.items()} for row in layer.table.to_dict("records")]
    parts = {name: {"method": one.method, "line": [one.intercept, one.slope], "knots": one.knots.tolist()}
             for name, one in zip(("30d", "60d", "90d", "gone"), (*layer.risk, layer.gone), strict=True)}
    return {"parts": parts, "until": str(layer.until), "columns": list(layer.table.columns), "table": rows,
            "notes": list(layer.notes)}


def from_plain(stored: dict[str, Any] | None) -> Recalibration | None:
    """The layer that `to_plain` gave.

    Raises
    ------
    ModelError
        If it holds what no recalibration can be.
    """
    if stored is None:
        return None
    parts = []
    for name in ("30d", "60d", "90d", "gone"):
        one = stored["parts"][name]
        knots = np.array(one["knots"], dtype=float).reshape(2, -1)
        if one["method"] not in METHODS or one["line"][1] <= 0 or (np.diff(knots) < 0).any():
            raise ModelError("the model's recalibration is damaged: it would let a probability fall where the model's rises. "
                             "Recalibrate it again.")
        parts.append(Correction(one["method"], one["line"][0], one["line"][1], knots))
    table = pd.DataFrame(stored["table"], columns=stored["columns"])
    table = table.astype({name: float for name in table if name not in (*_TEXT, "n", "clients", "events")})
    return Recalibration(tuple(parts[:3]), parts[3], np.datetime64(stored["until"], "s"), table, tuple(stored["notes"]))
