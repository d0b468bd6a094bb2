"""Reading intents: what a message says its sender will do, as five probabilities.

The reader is a penalised multinomial logistic regression on hashed words, word pairs and character n-grams, trained on
the corpus in this folder (`python -m dropout.messages.train`). It needs no network, and its file holds weights only:
no vocabulary and no message.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.resources import files

import numpy as np
import pandas as pd
from safetensors.numpy import load_file
from scipy import sparse
from sklearn.feature_extraction.text import HashingVectorizer

from dropout.messages.plain_text import plain_text

INTENTS = ["ends_therapy", "vague_deferral", "concrete_reschedule", "cancel_only", "other"]
"""What a message may mean to say, in the order of the columns of `read_intents`."""

BUCKETS = 2**17
"""Hash buckets for words, and as many again for character n-grams."""

BATCH = 20_000
"""Messages read at a time, so that a column of millions needs little memory."""

WEIGHTS = "reader.safetensors"


def read_intents(texts: Iterable[str]) -> pd.DataFrame:
    """Probability of each intent for each message.

    Parameters
    ----------
    texts : iterable of str
        Messages. A Series keeps its index. Missing or empty texts, and texts without a letter, tell nothing: they get
        the shares of the corpus, not a guess.

    Returns
    -------
    DataFrame
        One row per message; columns `INTENTS`, summing to 1.
    """
    index = texts.index if isinstance(texts, pd.Series) else None
    plain = [plain_text(text) for text in texts]
    weights = _weights()
    parts = [_probabilities(plain[i : i + BATCH], weights) for i in range(0, len(plain), BATCH)]
    values = np.vstack(parts) if parts else np.zeros((0, len(INTENTS)))
    return pd.DataFrame(values, columns=INTENTS, index=index)


def n_grams(plain: list[str]) -> sparse.csr_matrix:
    """Hashed words and word pairs, and hashed character n-grams within words, of messages already made plain.

    Returns
    -------
    sparse matrix, messages by 2 * BUCKETS
        Each half has rows of unit length (or zero).
    """
    return sparse.hstack([vectorizer.transform(plain) for vectorizer in _vectorizers()], format="csr")


@cache
def _vectorizers() -> tuple[HashingVectorizer, HashingVectorizer]:
    words = HashingVectorizer(n_features=BUCKETS, ngram_range=(1, 3), token_pattern=r"(?u)[\w']+|[^\w\s]",
                              lowercase=False, alternate_sign=False, norm="l2")
    letters = HashingVectorizer(n_features=BUCKETS, ngram_range=(2, 5), analyzer="char_wb", lowercase=False,
                                alternate_sign=False, norm="l2")
    return words, letters


@cache
def _weights() -> dict[str, np.ndarray]:
    stored = load_file(str(files("dropout.messages") / WEIGHTS))
    return {name: value.astype(np.float32) if value.dtype == np.float16 else value for name, value in stored.items()}


def _probabilities(plain: list[str], weights: dict[str, np.ndarray]) -> np.ndarray:
    raw = n_grams(plain).astype(np.float32)
    score = np.asarray(raw @ weights["weight"]) + weights["intercept"]
    score -= score.max(axis=1, keepdims=True)
    probability = np.exp(score, dtype=np.float64)
    probability /= probability.sum(axis=1, keepdims=True)
    silent = np.array([not any(letter.isalpha() for letter in text) for text in plain], dtype=bool)
    probability[silent] = weights["shares"]
    return probability
