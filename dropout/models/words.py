"""What the words are worth here: of those who wrote so, how many came back, and how many of others like them did.

The likelihood ratio of an intent says how much oftener it came from clients who never came again than from those who did.
Whether words tell anything that history does not is asked of clients that a model has not seen.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import ndtri
from statsmodels.stats.proportion import proportion_confint

from dropout.disclosure import SMALLEST_SHOWN
from dropout.features.view import Evidence
from dropout.features.words_here import PRIOR_BACK, PRIOR_GONE, WEIGHT_OF_PRIOR
from dropout.messages.reader import INTENTS
from dropout.models.design import Design
from dropout.models.learner import Learner, Question, Task, client_fold, losses_of, mean_by_owner
from dropout.models.leaving import FOLDS
from dropout.models.logistic import expit, to_logit
from dropout.models.silences import Outcomes, Silences

BACK_DAYS = 30
"""Days within which a return is counted."""

STRENGTH = 100.0
"""Ridge penalty, in silences, of the models with and without words that are compared."""

OF_WORDS = ("words_here", "message_days", "messages_since_attended", "also_said_ends_therapy",
            "also_said_vague_deferral", *(f"says_{intent}" for intent in INTENTS),
            *(f"log_odds_{intent}" for intent in INTENTS))
"""Features that know what was written."""

NO_MESSAGE, NOT_READ = "no message", "not read"

NUMBERS = ["n", "back", "share", "low", "high", "expected", "ratio", "ratio_low", "ratio_high", "gain", "gain_low", "gain_high"]
"""Columns of the table that hold numbers."""


def words_worth(evidence: Evidence, silences: Silences, found: Outcomes, client: np.ndarray, seed: int) -> pd.DataFrame:
    """What each intent has been followed by, among past silences whose outcome is known.

    Parameters
    ----------
    evidence : Evidence
    silences : Silences
        Asked about at their beginnings.
    found : Outcomes
    client : int array
        Whose silence it is.
    seed : int

    Returns
    -------
    DataFrame, indexed by intent (then `no message`, `not read` and `all`)
        n : past silences that began so.
        back : of those, how many attended within 30 days.
        share, low, high : that share with its 95% interval (Wilson).
        expected : the share among others like them, by a model that knows neither their words nor them.
        ratio, ratio_low, ratio_high : how much oftener the intent came from those who never came again than from those who
        did, drawn towards the prior, with a 95% interval.
        gain, gain_low, gain_high : in the row `all`, by how much the log loss of "back within 30 days" falls when the words are
        known, in thousandths of a nat, with a 95% interval.
        meaning : in words.
    """
    message = silences.state.message
    first = found.known & (found.closed > 0) & (found.followed >= BACK_DAYS)
    rows = np.flatnonzero(first)
    back = found.returned[rows] <= BACK_DAYS
    kind = _kinds(evidence, message[rows])
    values = silences.values.iloc[rows].reset_index(drop=True)
    without = values.drop(columns=[name for name in OF_WORDS if name in values])
    blind = _out_of_fold(without, silences, back, client[rows], seed)
    knowing = _out_of_fold(values, silences, back, client[rows], seed)

    ratio, error = _ratios(evidence, message[rows], found.gone[rows])
    table = []
    for name in [*INTENTS, NO_MESSAGE, NOT_READ]:
        mine = kind == name
        n, k = int(mine.sum()), int(back[mine].sum())
        row: dict[str, object] = {"intent": name}
        enough = len(np.unique(client[rows][mine])) >= SMALLEST_SHOWN
        if enough:
            low, high = proportion_confint(k, n, method="wilson")
            expected = float(blind[mine].mean())
            row |= {"n": n, "back": k, "share": k / n, "low": low, "high": high, "expected": expected,
                    "meaning": _meaning(low, high, expected)}
        else:
            row |= {"meaning": f"fewer than {SMALLEST_SHOWN}"}
        if enough and name in INTENTS:
            i = INTENTS.index(name)
            row |= {"ratio": np.exp(ratio[i]), "ratio_low": np.exp(ratio[i] - 1.96 * error[i]),
                    "ratio_high": np.exp(ratio[i] + 1.96 * error[i])}
        table.append(row)
    gain = losses_of(blind, back) - losses_of(knowing, back)
    mean, low, high = _mean_by_client(gain, client[rows])
    k, n = int(back.sum()), len(back)
    share = proportion_confint(k, n, method="wilson")
    table.append({"intent": "all", "n": n, "back": k, "share": k / n, "low": share[0], "high": share[1],
                  "expected": float(blind.mean()), "gain": 1e3 * mean, "gain_low": 1e3 * low, "gain_high": 1e3 * high,
                  "meaning": "the words tell something that history does not" if low > 0 else
                  "the words tell nothing here that history does not"})
    return pd.DataFrame(table).set_index("intent").reindex(columns=[*NUMBERS, "meaning"]).astype(dict.fromkeys(NUMBERS, float))


def _kinds(evidence: Evidence, message: np.ndarray) -> np.ndarray:
    """The likeliest intent of each message, `no message` or `not read`."""
    kind = np.full(len(message), NO_MESSAGE, dtype=object)
    there = message >= 0
    if there.any():
        kind[there] = np.array(INTENTS, dtype=object)[evidence.intents[message[there]].argmax(axis=1)]
        kind[there] = np.where(evidence.unread[message[there]], NOT_READ, kind[there])
    return kind


def _out_of_fold(values: pd.DataFrame, silences: Silences, back: np.ndarray, client: np.ndarray, seed: int) -> np.ndarray:
    """Probability of being back within 30 days by a model that has not seen the client."""
    question = [Question("back", np.ones(len(back), dtype=bool), back)]
    task = Task(values, silences.features, question, np.zeros(len(back), dtype=np.int64), client)
    fold, odds = client_fold(client, FOLDS), np.zeros(len(back))
    for k in range(FOLDS):
        others = task.take(fold != k)
        if not Design.fit(others.values, others.features).width:  # too few to learn anything but their share from
            odds[fold == k] = to_logit(np.mean(back[fold != k]))
            continue
        odds[fold == k] = Learner.fit(others, "additive", STRENGTH, seed).logits(values[fold == k])[:, 0]
    return expit(odds)


def _ratios(evidence: Evidence, message: np.ndarray, gone: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log likelihood ratio of each intent and its standard error, the reader's uncertainty counted in."""
    read = message >= 0
    said, gone = evidence.intents[message[read]], gone[read]
    said = said[~evidence.unread[message[read]]]
    gone = gone[~evidence.unread[message[read]]]
    of_gone = said[gone].sum(axis=0) + WEIGHT_OF_PRIOR * PRIOR_GONE
    of_back = said[~gone].sum(axis=0) + WEIGHT_OF_PRIOR * PRIOR_BACK
    ratio = np.log(of_gone / of_gone.sum()) - np.log(of_back / of_back.sum())
    return ratio, np.sqrt(1 / of_gone - 1 / of_gone.sum() + 1 / of_back - 1 / of_back.sum())


def _mean_by_client(gain: np.ndarray, client: np.ndarray) -> tuple[float, float, float]:
    mean, error = mean_by_owner(gain, client)
    spread = float(ndtri(0.975)) * error
    return mean, mean - spread, mean + spread


def _meaning(low: float, high: float, expected: float) -> str:
    if low > expected:
        return "came back more than others like them"
    if high < expected:
        return "came back less than others like them"
    return "no more and no less than others like them"


def to_plain(table: pd.DataFrame) -> list[dict[str, object]]:
    """The table as plain values that JSON can hold."""
    rows = table.reset_index().to_dict("records")
    return [{str(name): None if isinstance(value, float) and np.isnan(value) else value for name, value in row.items()}
            for row in rows]


def from_plain(rows: Sequence[dict[str, object]]) -> pd.DataFrame:
    """The table that `to_plain` gave."""
    # JSON with sorted keys forgets the order of the columns.
    return pd.DataFrame(rows).set_index("intent").reindex(columns=[*NUMBERS, "meaning"]).astype(dict.fromkeys(NUMBERS, float))
