"""Reading intents: what a message says its sender will do, as five probabilities.

The reader is a penalised multinomial logistic regression on hashed grams (`dropout.messages.grams`), trained on the
corpus in this folder (`python -m dropout.messages.train`). It needs no network, and its file holds weights and hashes
only: no word and no message.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.resources import files

import numpy as np
import pandas as pd
from safetensors.numpy import load_file

from dropout.messages.grams import BLOCKS, counts
from dropout.messages.language import READ, READABLE, what_can_be_read
from dropout.messages.plain_text import plain_text

INTENTS = ["ends_therapy", "vague_deferral", "concrete_reschedule", "cancel_only", "other"]
"""What a message may mean to say, in the order of the columns of `read_intents`."""

BATCH = 5_000
"""Messages read at a time, so that a column of millions needs little memory."""

WEIGHTS = "reader.safetensors"


def read_intents(texts: Iterable[object]) -> pd.DataFrame:
    """Probability of each intent for each message.

    Parameters
    ----------
    texts : iterable of str
        Messages. A Series keeps its index. What cannot be read (`readable` says why) tells nothing: it gets the shares
        of the corpus, not a guess.

    Returns
    -------
    DataFrame
        One row per message; columns `INTENTS`, summing to 1.
    """
    index = texts.index if isinstance(texts, pd.Series) else None
    return pd.DataFrame(read_all(texts)[0], columns=INTENTS, index=index)


def readable(texts: Iterable[object]) -> pd.Series:
    """Whether each message can be read, and if not, why: `read`, `empty`, `no words` or `not English`.

    Parameters
    ----------
    texts : iterable of str
        Messages. A Series keeps its index.

    Returns
    -------
    Series of category, named `readable`
    """
    weights = _weights()
    index = texts.index if isinstance(texts, pd.Series) else None
    codes = [what_can_be_read(plain, weights).codes for plain in _batches(texts)]
    joined = np.concatenate(codes) if codes else np.zeros(0, dtype=np.int8)
    return pd.Series(pd.Categorical.from_codes(joined, categories=pd.Index(READABLE)), index=index, name="readable")


def read_all(texts: Iterable[object]) -> tuple[np.ndarray, np.ndarray]:
    """Probability of each intent (messages by five), as `read_intents` gives it, and which messages could be read (bool)."""
    weights = _weights()
    values, could = [np.zeros((0, len(INTENTS)))], [np.zeros(0, dtype=bool)]
    for plain in _batches(texts):
        read = np.asarray(what_can_be_read(plain, weights) == READ)
        probability = np.tile(weights["shares"], (len(plain), 1))
        if read.any():
            probability[read] = probabilities([text for text, can in zip(plain, read, strict=True) if can], weights)
        values.append(probability)
        could.append(read)
    return np.vstack(values), np.concatenate(could)


def probabilities(plain: list[str], weights: dict[str, np.ndarray]) -> np.ndarray:
    """Probability of each intent (messages by five) of messages already made plain, as if each could be read.

    Each kind of gram is scaled to about unit length by the weights of its grams in the message.
    """
    score = np.tile(weights["intercept"], (len(plain), 1)).astype(np.float32)
    for block, grams in zip(BLOCKS, counts(plain), strict=True):
        summed = np.asarray(grams @ weights["gram"])
        length = np.sqrt(summed[:, -1:])
        score += block.weight * summed[:, :-1] / np.where(length > 0, length, 1)
    score -= score.max(axis=1, keepdims=True)
    result = np.exp(score, dtype=np.float64)
    return result / result.sum(axis=1, keepdims=True)


def unpacked(stored: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Weights as they are used, from the half precision that they are stored in."""
    return {name: value.astype(np.float32) if value.dtype == np.float16 else value for name, value in stored.items()}


def _batches(texts: Iterable[object]) -> Iterable[list[str]]:
    part: list[str] = []
    for text in texts:
        part.append(plain_text(text))
        if len(part) == BATCH:
            yield part
            part = []
    if part:
        yield part


@cache
def _weights() -> dict[str, np.ndarray]:
    return unpacked(load_file(str(files("dropout.messages") / WEIGHTS)))
