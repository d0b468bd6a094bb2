"""How well messages are read: macro-F1, the two intents that matter most told apart, calibration."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.metrics import f1_score

from dropout.messages.reader import INTENTS

BINS = 10


def quality(messages: pd.DataFrame, probability: np.ndarray) -> pd.DataFrame:
    """Quality over all messages, those hard and not hard, and by round.

    Parameters
    ----------
    messages : DataFrame
        With `intent`, `hard` and `round`.
    probability : array, messages by five

    Returns
    -------
    DataFrame
        One row a group: `messages`, `macro_f1`, `told_apart` (balanced accuracy of vague deferrals against concrete
        reschedules), `calibration_error`.
    """
    label = pd.Categorical(messages["intent"], categories=INTENTS).codes.astype(int)
    hard = messages["hard"].to_numpy() == 1
    groups = {"all": np.ones(len(label), dtype=bool), "hard": hard, "not hard": ~hard}
    groups |= {str(name): (messages["round"] == name).to_numpy() for name in sorted(messages["round"].unique())}
    rows = {name: {
        "messages": int(mask.sum()),
        "macro_f1": f1_score(label[mask], probability[mask].argmax(axis=1), average="macro", labels=np.unique(label[mask])),
        "told_apart": told_apart(probability[mask], label[mask]),
        "calibration_error": calibration_error(probability[mask], label[mask]),
    } for name, mask in groups.items() if mask.any()}
    return pd.DataFrame.from_dict(rows, orient="index")


def told_apart(probability: np.ndarray, label: np.ndarray) -> float:
    """Balanced accuracy of vague deferrals against concrete reschedules, by which of the two is likelier."""
    vague, concrete = INTENTS.index("vague_deferral"), INTENTS.index("concrete_reschedule")
    says_vague = probability[:, vague] >= probability[:, concrete]
    if not ((label == vague).any() and (label == concrete).any()):
        return float("nan")
    return float((says_vague[label == vague].mean() + (~says_vague)[label == concrete].mean()) / 2)


def calibration_error(probability: np.ndarray, label: np.ndarray) -> float:
    """Mean distance of the first choice's probability to how often it is right, over ten bins of that probability."""
    first = probability.max(axis=1)
    right = probability.argmax(axis=1) == label
    bin_of = np.minimum((first * BINS).astype(int), BINS - 1)
    gap = np.bincount(bin_of, weights=first - right, minlength=BINS)
    return float(np.abs(gap).sum() / len(label))
