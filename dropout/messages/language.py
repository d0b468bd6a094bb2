"""Is a message in English, and are there words in it at all? What is not read is said, never guessed.

Hashed letter n-grams and the share of words that English messages use go into a logistic regression of English against
every other language; scripts other than Latin are told by their letters. Languages that it was never shown are told
mainly by the words that they do not share with English.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from zlib import crc32

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from dropout.messages.grams import Block, letter_grams

READ = "read"
EMPTY = "empty"
NO_WORDS = "no words"
NOT_ENGLISH = "not English"
READABLE = [READ, EMPTY, NO_WORDS, NOT_ENGLISH]
"""What can be said of a message before its intent is asked for."""

LETTERS = Block(0, 2**15, (1, 2, 3, 4), 1.0)

SURE = 0.5
"""A message is not English where its probability of another language is above this; higher the fewer its words."""

FEW = 4
"""Words below which more certainty is asked for."""

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_TEXTED = {crc32(word.encode()) for word in "aargh btw eta hmm k lol nah nope np omw sry tbc thx ty tyvm yep".split()}
"""Hashes of English of text messages that two rounds may not happen to use."""

_PLACE_HOLDERS = {"attime", "nthday", "num", "addr"}


def words(plain: str) -> list[str]:
    """Words of a message already made plain, without the place holders of numbers, times and addresses."""
    return [word for word in _WORD.findall(plain) if word not in _PLACE_HOLDERS]


def foreign_script(plain: str) -> bool:
    """Whether most letters of a message are of another script than Latin."""
    if plain.isascii():
        return False
    letters = [letter for letter in plain if letter.isalpha()]
    other = sum(letter > "\u024f" and not unicodedata.name(letter, "").startswith("LATIN") for letter in letters)
    return 2 * other > len(letters)


def fit_language(english: Sequence[str], rounds: Sequence[str], other: Sequence[str]) -> dict[str, np.ndarray]:
    """Weights of the detector.

    Parameters
    ----------
    english, other : messages already made plain
    rounds : round of each English message
        A word counts as English in a message only if two other rounds use it, so that the share of words known is as
        low in training as it will be in messages never seen.

    Returns
    -------
    dict
        `language_words` (sorted hashes of words that two rounds use), `language_letters` (a weight for each bucket),
        `language_rest` (weights of the share of words known and of there being none known, and the intercept).
    """
    used: dict[int, set[str]] = {}
    for text, name in zip(english, rounds, strict=True):
        for word in words(text):
            used.setdefault(crc32(word.encode()), set()).add(name)
    known = np.array(sorted(word for word, names in used.items() if len(names) >= 2 or word in _TEXTED),
                     dtype=np.uint32)
    in_any = set(known.tolist())
    share = np.vstack([_shares(text, _elsewhere(used, name)) for text, name in zip(english, rounds, strict=True)]
                      + [_shares(text, in_any.__contains__) for text in other])
    foreign = np.r_[np.zeros(len(english)), np.ones(len(other))]
    grams = _unit(letter_grams([*english, *other], LETTERS))
    with threadpool_limits(1):
        model = LogisticRegression(C=4.0, max_iter=300).fit(
            sparse.hstack([grams * 3.0, sparse.csr_matrix(share * 3.0)], format="csr"), foreign)
    weight = model.coef_[0] * 3.0
    return {
        "language_words": known,
        "language_letters": weight[: LETTERS.buckets].astype(np.float16),
        "language_rest": np.r_[weight[LETTERS.buckets :], model.intercept_].astype(np.float32),
    }


def p_foreign(plain: Sequence[str], weights: dict[str, np.ndarray]) -> np.ndarray:
    """Probability that each message (already made plain) is not English."""
    known = set(weights["language_words"].tolist())
    share = np.vstack([_shares(text, known.__contains__) for text in plain]
                      or [np.zeros((0, 2))])
    score = _unit(letter_grams(plain, LETTERS)) @ weights["language_letters"].astype(np.float32)
    score = score + share @ weights["language_rest"][:-1] + weights["language_rest"][-1]
    result = 1 / (1 + np.exp(-np.asarray(score, dtype=float)))
    for i, text in enumerate(plain):
        if foreign_script(text):
            result[i] = 1.0
    return result


def what_can_be_read(plain: Sequence[str], weights: dict[str, np.ndarray]) -> pd.Categorical[str]:
    """Which of `READABLE` each message (already made plain) is."""
    code = np.full(len(plain), READABLE.index(READ), dtype=np.int8)
    n_words = np.array([len(words(text)) for text in plain], dtype=int)
    foreign = p_foreign(plain, weights)
    code[foreign > np.where(n_words < FEW, 1 - (1 - SURE) / 2, SURE)] = READABLE.index(NOT_ENGLISH)
    code[n_words == 0] = READABLE.index(NO_WORDS)
    code[[not text for text in plain]] = READABLE.index(EMPTY)
    return pd.Categorical.from_codes(code, categories=pd.Index(READABLE))


def _elsewhere(used: dict[int, set[str]], name: str) -> Callable[[int], bool]:
    """Whether a word (as its hash) is used in two rounds other than this one."""
    return lambda word: word in _TEXTED or len(used.get(word, set()) - {name}) >= 2


def _shares(plain: str, known: Callable[[int], bool]) -> np.ndarray:
    """Share of words known, as if one more were known at 0.9; and, where none is known, how many there are (4: one)."""
    found = [known(crc32(word.encode())) for word in words(plain)]
    return np.array([(sum(found) + 0.9) / (len(found) + 1), (not any(found)) * min(len(found), 4) / 4])


def _unit(grams: sparse.csr_matrix) -> sparse.csr_matrix:
    length = np.sqrt(np.maximum(np.asarray(grams.sum(axis=1)).ravel(), 1))
    return (sparse.diags(1 / length) @ grams).tocsr()
