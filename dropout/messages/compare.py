"""Kinds of reader side by side on rounds that they have not seen: `python -m dropout.messages.compare`.

This is how the reader was chosen. The static word vectors are those of the `wordllama` package, which is needed for
nothing else: where it is not installed, its rows are left out.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from dropout.messages.grams import BUCKETS, counts, tokens
from dropout.messages.plain_text import plain_text
from dropout.messages.quality import quality
from dropout.messages.reader import INTENTS, probabilities, unpacked
from dropout.messages.train import corpus, crossed_sharpness, fit, folds, labels

Guess = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From rows to learn from and rows to read, probabilities of the latter (rows by five)."""

VECTOR = 256
ENDS = 8
"""Words at the beginning and at the end of a message that are pooled on their own."""


def compare(messages: pd.DataFrame) -> pd.DataFrame:
    """One row for each kind of reader.

    Returns
    -------
    DataFrame
        `all`, `hard`, `not_hard` (macro-F1), `told_apart` (balanced accuracy of vague deferrals against concrete
        reschedules), `calibration_error` (after sharpening by the other folds), `megabytes` (weights in half precision),
        `a_second` (messages made into features and weighed in a second, from plain text).
    """
    plain = [plain_text(text) for text in messages["text"]]
    label = labels(messages["intent"])
    rows = {}
    for name, (make, learn) in kinds().items():
        begun = time.perf_counter()
        features = make(plain)
        if isinstance(features, list):
            counts(features)
        seconds = time.perf_counter() - begun
        read = crossed_sharpness(_held_out(partial(learn, features, label), messages), label, folds(messages["round"]))
        found = quality(messages, read)
        width = features.shape[1] if hasattr(features, "shape") else BUCKETS * 6 / 5
        rows[name] = {
            "all": found.at["all", "macro_f1"],
            "hard": found.at["hard", "macro_f1"],
            "not_hard": found.at["not hard", "macro_f1"],
            "told_apart": found.at["all", "told_apart"], "calibration_error": found.at["all", "calibration_error"],
            "megabytes": width * len(INTENTS) * 2 / 1e6 + (8.2 if "vectors" in name else 0),
            "a_second": len(plain) / seconds,
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def kinds() -> dict[str, tuple[Callable, Callable]]:
    """Each kind: what makes features from plain messages, and what learns from them and guesses."""
    made: dict[str, tuple[Callable, Callable]] = {
        "words, 1 to 3": (_words, _linear),
        "letters within words, 2 to 5": (_letters, _linear),
        "words and letters": (_both, _linear),
        "words and letters, naive Bayes weights": (_both, partial(_linear, naive_bayes=True)),
        "shipped: usual spelling, denial, letters across words": (list, _shipped),
    }
    if find_spec("wordllama"):
        made |= {
            "static word vectors, linear": (_pooled, _dense),
            "static word vectors, small network": (_pooled, partial(_dense, network=True)),
            "static word vectors and words and letters": (_vectors_and_grams, _linear),
            "shipped and static word vectors": (_shipped_grams_and_vectors, _linear),
        }
    return made


def _held_out(guess: Guess, messages: pd.DataFrame) -> np.ndarray:
    fold = folds(messages["round"])
    result = np.zeros((len(messages), len(INTENTS)))
    with threadpool_limits(1):
        for k in np.unique(fold):
            kept_out = np.flatnonzero(fold == k)
            result[kept_out] = guess(np.flatnonzero(fold != k), kept_out)
    return result


def _words(plain: list[str]) -> sparse.csr_matrix:
    return HashingVectorizer(n_features=2**17, ngram_range=(1, 3), token_pattern=r"(?u)[\w']+|[^\w\s]", lowercase=False,
                             alternate_sign=False).transform(plain)


def _letters(plain: list[str]) -> sparse.csr_matrix:
    return HashingVectorizer(n_features=2**17, ngram_range=(2, 5), analyzer="char_wb", lowercase=False,
                             alternate_sign=False).transform(plain)


def _both(plain: list[str]) -> sparse.csr_matrix:
    return sparse.hstack([_words(plain), _letters(plain)], format="csr")


def _pooled(plain: list[str]) -> np.ndarray:
    """Mean and greatest of the vectors of a message's words, and means over its first and last eight words."""
    folder = os.path.dirname(str(find_spec("wordllama").origin))  # type: ignore[union-attr]
    model = import_module("wordllama").WordLlama.load(cache_dir=folder, disable_download=True)
    known: dict[str, np.ndarray] = {}
    pooled = np.zeros((len(plain), 4 * VECTOR), dtype=np.float32)
    for i, text in enumerate(plain):
        words = tokens(text)
        new = [word for word in set(words) if word not in known]
        if new:
            known.update(zip(new, model.embed(new), strict=True))
        if words:
            found = np.stack([known[word] for word in words])
            pooled[i] = np.concatenate([found.mean(0), found.max(0), found[:ENDS].mean(0), found[-ENDS:].mean(0)])
    return StandardScaler().fit_transform(pooled)


def _vectors_and_grams(plain: list[str]) -> sparse.csr_matrix:
    return sparse.hstack([_both(plain), sparse.csr_matrix(0.03 * _pooled(plain))], format="csr")


def _shipped_grams_and_vectors(plain: list[str]) -> sparse.csr_matrix:
    blocks = []
    for grams in counts(plain):
        length = np.sqrt(np.maximum(np.asarray(grams.sum(axis=1)).ravel(), 1))
        blocks.append(sparse.diags(1.5 / length) @ grams)
    return sparse.hstack([sum(blocks), sparse.csr_matrix(0.03 * _pooled(plain))], format="csr")


def _linear(features: sparse.csr_matrix, label: np.ndarray, learnt: np.ndarray, kept_out: np.ndarray,
            naive_bayes: bool = False) -> np.ndarray:
    """Logistic regression on rarity-weighted grams; with naive Bayes weights (Wang and Manning, 2012) one for each intent."""
    train, test = features[learnt], features[kept_out]
    seen = np.bincount(train.nonzero()[1], minlength=features.shape[1])
    keep = np.flatnonzero(seen >= 2)
    train, test = train[:, keep], test[:, keep]
    rarity = TfidfTransformer().fit(train).idf_ / 4
    train, test = train @ sparse.diags(rarity), test @ sparse.diags(rarity)
    if not naive_bayes:
        return LogisticRegression(C=8.0, max_iter=300, tol=1e-3).fit(train, label[learnt]).predict_proba(test)
    odds = []
    for intent in range(len(INTENTS)):
        is_it = label[learnt] == intent
        inside, outside = (np.asarray(train[mask].sum(axis=0)).ravel() + 0.5 for mask in (is_it, ~is_it))
        ratio = sparse.diags(np.log((inside / inside.sum()) / (outside / outside.sum())))
        model = LogisticRegression(C=8.0, max_iter=300, tol=1e-3).fit(train @ ratio, is_it)
        odds.append(model.predict_proba(test @ ratio)[:, 1])
    return np.column_stack(odds) / np.sum(odds, axis=0)[:, None]


def _dense(features: np.ndarray, label: np.ndarray, learnt: np.ndarray, kept_out: np.ndarray,
           network: bool = False) -> np.ndarray:
    model = (MLPClassifier((128,), alpha=1.0, max_iter=15, random_state=0, batch_size=128) if network
             else LogisticRegression(C=0.001, max_iter=300, tol=1e-3))
    return model.fit(features[learnt], label[learnt]).predict_proba(features[kept_out])


def _shipped(plain: list[str], label: np.ndarray, learnt: np.ndarray, kept_out: np.ndarray) -> np.ndarray:
    return probabilities([plain[i] for i in kept_out], unpacked(fit([plain[i] for i in learnt], label[learnt])))


if __name__ == "__main__":
    print(compare(corpus()).to_string(float_format="{:.3f}".format))
