"""`Scores`: both predictions at one date, as they leave the model."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Scores:
    """Both predictions at one date, as in the files of `dropout score`.

    Attributes
    ----------
    as_of : numpy.datetime64
    dropout_risk : DataFrame
        One row per open episode.
    reschedule : DataFrame
        One row per open cancellation.
    notes : list of str
        What was absent or new: features of training that these tables lack, and the like.
    set_aside : dict of str to int
        Rows of the tables left out, by reason.
    """

    as_of: np.datetime64
    dropout_risk: pd.DataFrame
    reschedule: pd.DataFrame
    notes: list[str] = field(default_factory=list)
    set_aside: dict[str, int] = field(default_factory=dict)

    def __repr__(self) -> str:
        return (f"Scores as of {self.as_of}: {len(self.dropout_risk):,} open episodes, "
                f"{len(self.reschedule):,} open cancellations")

    def _repr_html_(self) -> str:
        top = self.dropout_risk.sort_values("p_dropout_60d", ascending=False).head(5)
        return f"<p><b>{escape(repr(self))}</b>; the five likeliest to leave within 60 days:</p>{top.to_html(index=False)}"
