"""One Cox regression for each ending, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from dropout.errors import CallError, ModelError
from dropout.survival.cox_regression import MEANING, Cox, cox
from dropout.survival.rows import CENSORED, ending_codes
from dropout.survival.showing import as_html, with_interval


@dataclass(frozen=True)
class CauseSpecific:
    """Cox regressions of the endings that compete.

    Attributes
    ----------
    models : dict of str to Cox
        By ending, those with most endings first.
    table : DataFrame
        The tables of all models, one under the other, with the ending in `cause`.
    notes : tuple of str
        What is said of all, then what could not be fitted and why.
    """

    models: dict[str, Cox] = field(repr=False)
    table: pd.DataFrame = field(repr=False)
    notes: tuple[str, ...] = field(repr=False)

    def readable(self) -> pd.DataFrame:
        """Hazard ratios with 95% intervals, a column an ending."""
        shown = {f"{cause} ({model.n_events:,})": with_interval(*(model.table[name] for name in ("hazard_ratio", "low", "high")))
                 for cause, model in self.models.items()}
        term = next(iter(self.models.values())).table["term"]
        return pd.DataFrame({"hazard ratio (95% interval) of": term, **shown})

    def __repr__(self) -> str:
        return "CauseSpecific(" + ", ".join(f"{cause}: {model.n_events:,} endings" for cause, model in self.models.items()) + ")"

    def _repr_html_(self) -> str:
        return as_html("Cause-specific hazards (Cox)", self.readable(), self.notes)


def cause_specific(
    frame: pd.DataFrame, covariates: Sequence[str], *, causes: Sequence[str] | None = None, start: str | None = "start",
    stop: str = "stop", ending: str = "ending", censored: str = "ongoing", strata: str | None = None, cluster: str | None = None,
    ties: str = "efron", penalty: float = 0.0,
) -> CauseSpecific:
    """Return hazard ratios of each ending, every other counted as censoring (Prentice et al. 1978).

    Parameters
    ----------
    frame, covariates, start, stop, ending, censored, strata, cluster, ties, penalty
        As for `cox`.
    causes : endings, optional
        All that happened, by default. Of these, one from which no regression can be made is left out with the reason in
        the notes; one that was named is an error.

    Raises
    ------
    CallError, ModelError
        As `cox` does, or if no ending gives a regression.
    """
    if isinstance(causes, str):
        raise CallError(f"causes is the text {causes!r}; expected a list of endings, like [{causes!r}]")
    wanted = _happened(frame, ending, censored) if causes is None else list(dict.fromkeys(causes))
    models, refused = {}, []
    for cause in wanted:
        try:
            models[cause] = cox(frame, covariates, cause=cause, start=start, stop=stop, ending=ending, censored=censored,
                                strata=strata, cluster=cluster, ties=ties, penalty=penalty)
        except ModelError as wrong:
            if causes is not None or len(wanted) == 1:
                raise
            refused.append(f"no regression of '{cause}': {wrong}")
    if not wanted:
        cox(frame, covariates, start=start, stop=stop, ending=ending, censored=censored)  # says what is wrong
    if not models:
        raise ModelError("; ".join(refused) or f"no row has an ending other than '{censored}': nobody left, so nothing tells "
                         "why they do")
    table = pd.concat([model.table.assign(cause=cause) for cause, model in models.items()], ignore_index=True)
    table.insert(0, "cause", table.pop("cause"))
    return CauseSpecific(models, table, (*_shared(models), *_own(models), *refused, MEANING,
                                         "for the risk of each ending ask for the cumulative incidence: a covariate can raise "
                                         "one risk merely by lowering the hazard of another ending"))


def _happened(frame: pd.DataFrame, ending: str, censored: str) -> list[str]:
    """Endings that happened, the most frequent first; empty where the frame is not one, which `cox` then says."""
    if not isinstance(frame, pd.DataFrame) or ending not in frame.columns:
        return ["any"]
    codes, names = ending_codes(frame[ending].dropna(), censored)
    often = np.bincount(codes[codes != CENSORED], minlength=len(names))
    return [names[k] for k in np.argsort(-often, kind="stable")]


def _shared(models: dict[str, Cox]) -> list[str]:
    """Notes that all models have."""
    first = next(iter(models.values()))
    return [note for note in first.notes if all(note in model.notes for model in models.values())]


def _own(models: dict[str, Cox]) -> list[str]:
    shared = _shared(models)
    return [f"{cause}: {note}" for cause, model in models.items() for note in model.notes if note not in shared]
