"""What the words were worth here, in sentences: who wrote what, how many of them came back, and how many of others like them.

Counts below five are not shown. Their sum could be found from an exact total, so none is given beside these rows
(`trust.model_facts` rounds its own).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dropout.clinic.phrases import INTENT_WORDS, NO_MESSAGE, NOT_READ, listed, percent, percent_of
from dropout.disclosure import SMALLEST_SHOWN

ALL = "all"

WHO = {
    "ends_therapy": "whose message read like an ending",
    "vague_deferral": "who wrote that they would be in touch, without a date",
    "concrete_reschedule": "who asked for or named another time",
    "cancel_only": "who cancelled and wrote nothing about coming back",
    "other": "who wrote about something else",
    "no message": "who sent no message",
    "not read": "whose message couldn't be read (no words, or another language)",
}
"""Those whose silence began so."""

SHORT = INTENT_WORDS | {"no message": NO_MESSAGE, "not read": NOT_READ}


@dataclass(frozen=True)
class Wrote:
    """What one kind of message was followed by.

    Attributes
    ----------
    name : str
        What was written, in words.
    told : str
        How many wrote so, how many came back, and how many of others like them did.
    verdict : str
        Whether that is more or less than of others like them.
    ratio : str
        How many times as often it came from those who never came again as from those who did; empty where that is not known.
    ratio_range : str
        Its 95% interval.
    """

    name: str
    told: str
    verdict: str
    ratio: str
    ratio_range: str


@dataclass(frozen=True)
class WordsHere:
    """What the words were worth where the model learnt.

    Attributes
    ----------
    tells : bool
        Words tell something that the history does not.
    verdict : tuple of two str
        The same in a sentence, and the figures that say so.
    rows : tuple of Wrote
    kept_back : str
        Kinds of message that too few wrote to be shown; empty where there are none.
    """

    tells: bool
    verdict: tuple[str, str]
    rows: tuple[Wrote, ...]
    kept_back: str


def words_here(model: Any) -> WordsHere | None:
    """What the words were worth, in sentences; None without a model that has learnt from words.

    Parameters
    ----------
    model : DropoutModel or None
        Its `words` are read (see `dropout.models.words`).
    """
    words = getattr(model, "words", None)
    if words is None or ALL not in words.index:
        return None
    kinds = [str(name) for name in words.index if name != ALL and name in WHO]
    rows = tuple(_wrote(name, words.loc[name]) for name in kinds if words.at[name, "n"] >= SMALLEST_SHOWN)
    if not rows:
        return None
    gain, low, high = (float(words.at[ALL, name]) for name in ("gain", "gain_low", "gain_high"))
    return WordsHere(low > 0, _verdict(gain, low, high), rows, listed([SHORT[name] for name in few_wrote(words)]))


def few_wrote(words: pd.DataFrame) -> list[str]:
    """Kinds of message that somebody wrote, but fewer than five times.

    Parameters
    ----------
    words : DataFrame
        Of the model (see `dropout.models.words`).
    """
    n = words["n"].reindex([str(name) for name in words.index if name != ALL and name in WHO])
    return list(n.index[~(n >= SMALLEST_SHOWN)]) if n.sum() < words.loc[[ALL], "n"].sum() else []


def _wrote(name: str, row: pd.Series) -> Wrote:
    n, back = int(row["n"]), int(row["back"])
    others = f"of others like them {percent(float(row['expected']))} did."
    if back < SMALLEST_SHOWN:
        came = f"fewer than {SMALLEST_SHOWN} came back within 30 days"
    elif n - back < SMALLEST_SHOWN:
        came = f"all but fewer than {SMALLEST_SHOWN} came back within 30 days"
    else:
        came = (f"{back:,} came back within 30 days ({percent(float(row['share']))}, "
                f"{percent_of(float(row['low']))} to {percent_of(float(row['high']))})")
    has_ratio = np.isfinite(row["ratio"])
    return Wrote(SHORT[name], f"Of {n:,} {WHO[name]}, {came}; {others}", str(row["meaning"]),
                 _times(row["ratio"]) if has_ratio else "",
                 f"{_times(row['ratio_low'])} to {_times(row['ratio_high'])}" if has_ratio else "")


def _verdict(gain: float, low: float, high: float) -> tuple[str, str]:
    if np.isnan(gain):
        return "Whether the words tell anything that the history doesn't could not be tried.", ""
    by = (f"Knowing them lowers the log loss of \u201cback within 30 days\u201d by {_signed(gain)} thousandths "
          f"(95% interval {_signed(low)} to {_signed(high)}), tried on clients that were not learnt from.")
    if low > 0:
        return "The words tell something here that the history doesn't.", by
    return ("The words tell nothing here that the history doesn't. Don't read a return, or a goodbye, out of a message alone.",
            by)


def _times(ratio: float) -> str:
    return f"{ratio:.0f}" if ratio >= 9.95 else f"{ratio:.1f}" if ratio >= 0.995 else f"{ratio:.2f}"


def _signed(value: float) -> str:
    text = f"{value:.0f}" if abs(value) >= 9.5 else f"{value:.1f}"
    return text.replace("-", "\u2212")
