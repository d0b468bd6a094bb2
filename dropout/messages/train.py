"""Training the reader of intents from the corpus: `python -m dropout.messages.train`.

Whole rounds of the corpus are held out in turn, since messages of one round share a voice; what is printed is how well
the reader does on rounds that it has not seen. `python -m dropout.messages.train --dry` prints and writes nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import save
from scipy import sparse
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from dropout.messages.agreement import agreement, second_labels
from dropout.messages.grams import BLOCKS, BUCKETS, counts
from dropout.messages.language import fit_language
from dropout.messages.plain_text import plain_text
from dropout.messages.quality import quality
from dropout.messages.reader import INTENTS, WEIGHTS, probabilities, unpacked

STRENGTH = 4.0
"""Inverse of the ridge penalty, chosen on held-out rounds."""

FOLDS = 5

AT_LEAST = 2
"""Messages that must use a gram before it is given a weight."""


def folder() -> Path:
    """Where the corpus stands."""
    return Path(str(files("dropout.messages") / "corpus"))


def corpus() -> pd.DataFrame:
    """The labelled messages: text, intent, round, language, channel, hard."""
    rounds = [pd.read_csv(path, keep_default_na=False) for path in sorted(folder().glob("*.csv"))]
    return pd.concat(rounds, ignore_index=True)


def other_languages() -> pd.DataFrame:
    """Messages that are not in English: text, language (`es`, `hi-Latn`, `es-en` where two are mixed)."""
    return pd.concat([pd.read_csv(path, keep_default_na=False) for path in sorted((folder() / "languages").glob("*.csv"))],
                     ignore_index=True)


def fit(plain: Sequence[str], label: np.ndarray) -> dict[str, np.ndarray]:
    """Weights of a reader trained on messages already made plain.

    Parameters
    ----------
    plain : n messages
    label : n ints
        Position in `INTENTS`.

    Returns
    -------
    dict
        `gram` (a row for each bucket: a weight for each intent, and what the gram adds to the squared length of its
        message), `intercept`, `shares` (of the intents in the corpus).
    """
    blocks = counts(plain)
    n_messages = sum((_used_by(block) for block in blocks), np.zeros(BUCKETS, dtype=np.int64))
    keep = np.flatnonzero(n_messages >= AT_LEAST)
    rarity = np.zeros(BUCKETS)
    rarity[keep] = np.log((1 + len(plain)) / (1 + n_messages[keep])) + 1
    squared = (rarity**2).astype(np.float16).astype(np.float32)
    scaled = sparse.csr_matrix(blocks[0].shape, dtype=float)
    for block, grams in zip(BLOCKS, blocks, strict=True):
        length = np.sqrt(np.asarray(grams @ squared).ravel())
        scaled = scaled + sparse.diags(block.weight / np.where(length > 0, length, 1)) @ grams @ sparse.diags(rarity)
    with threadpool_limits(1):
        model = LogisticRegression(C=STRENGTH, max_iter=300, tol=1e-3).fit(scaled.tocsr()[:, keep], label)
    gram = np.zeros((BUCKETS, len(INTENTS) + 1), dtype=np.float16)
    gram[keep, :-1] = (model.coef_ * rarity[keep]).T
    gram[:, -1] = squared
    return {"gram": gram, "intercept": model.intercept_.astype(np.float32),
            "shares": np.bincount(label, minlength=len(INTENTS)) / len(label)}


def held_out(messages: pd.DataFrame) -> pd.DataFrame:
    """Probabilities for every message by a reader that has not seen its round."""
    plain = [plain_text(text) for text in messages["text"]]
    label = labels(messages["intent"])
    fold = folds(messages["round"])
    result = np.zeros((len(messages), len(INTENTS)))
    for k in np.unique(fold):
        learnt, kept_out = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        weights = unpacked(fit([plain[i] for i in learnt], label[learnt]))
        result[kept_out] = probabilities([plain[i] for i in kept_out], weights)
    return pd.DataFrame(result, columns=INTENTS, index=messages.index)


def folds(rounds: pd.Series) -> np.ndarray:
    """Which fifth of the rounds each message is in; a round is never divided."""
    return rounds.map({name: i % FOLDS for i, name in enumerate(sorted(rounds.unique()))}).to_numpy(dtype=int)


def labels(intents: pd.Series) -> np.ndarray:
    """Position in `INTENTS` of each label."""
    return pd.Categorical(intents, categories=INTENTS).codes.astype(int)


def sharpness(probability: np.ndarray, label: np.ndarray) -> float:
    """What log probabilities of held-out messages are multiplied by to be best calibrated (Guo et al., 2017)."""
    logs = np.log(np.clip(probability, 1e-9, 1))

    def loss(power: float) -> float:
        return -float(_normed(power * logs)[np.arange(len(label)), label].mean())

    return round(float(minimize_scalar(loss, bounds=(0.5, 3), method="bounded").x), 3)


def sharpened(probability: np.ndarray, power: float) -> np.ndarray:
    """Probabilities raised to a power and made to sum to 1 again."""
    return np.exp(_normed(power * np.log(np.clip(probability, 1e-12, 1))))


def crossed_sharpness(probability: np.ndarray, label: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Probabilities sharpened by what the other folds ask for, so that their calibration is not flattered."""
    result = probability.copy()
    for k in np.unique(fold):
        result[fold == k] = sharpened(probability[fold == k], sharpness(probability[fold != k], label[fold != k]))
    return result


def trained(messages: pd.DataFrame, power: float) -> dict[str, np.ndarray]:
    """Everything that the reader's file holds, from the whole corpus, its probabilities sharpened by `power`."""
    plain = [plain_text(text) for text in messages["text"]]
    weights = fit(plain, labels(messages["intent"]))
    weights["gram"][:, :-1] *= np.float16(power)
    weights["intercept"] = (weights["intercept"] * np.float32(power)).astype(np.float32)
    foreign = [plain_text(text) for text in other_languages()["text"]]
    return weights | fit_language(plain, messages["round"].tolist(), foreign)


def main(arguments: Sequence[str] = ()) -> None:
    """Print held-out quality by round and the agreement of the labels, then write the reader's file."""
    messages = corpus()
    label, raw = labels(messages["intent"]), held_out(messages).to_numpy()
    power = sharpness(raw, label)
    read = crossed_sharpness(raw, label, folds(messages["round"]))
    print(f"{len(messages)} messages in {messages['round'].nunique()} rounds; sharpened by {power}")
    print(quality(messages, read).to_string(float_format="{:.3f}".format))
    second = second_labels(folder())
    if second is not None:
        print(agreement(messages, second).to_string(float_format="{:.3f}".format))
    if "--dry" not in arguments:
        stored = Path(str(files("dropout.messages") / WEIGHTS))
        stored.write_bytes(save(trained(messages, power)))


def _used_by(grams: sparse.csr_matrix) -> np.ndarray:
    once = grams.copy()
    once.sum_duplicates()
    return np.bincount(once.indices, minlength=BUCKETS)


def _normed(logs: np.ndarray) -> np.ndarray:
    logs = logs - logs.max(axis=1, keepdims=True)
    return logs - np.log(np.exp(logs).sum(axis=1, keepdims=True))


if __name__ == "__main__":
    main(sys.argv[1:])
