"""Words and letters of messages as buckets: what the readers of intents and of language weigh.

A gram is hashed as soon as it is formed, so nothing here or in a file of weights can give a word back.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from scipy import sparse

_TOKEN = re.compile(r"[\w']+|[^\w\s]")

_SPELT = {
    word: " ".join(usual.split("_"))
    for usual, variants in {
        "you": "u ya", "your": "ur", "are": "r", "can't": "cant", "won't": "wont", "don't": "dont", "didn't": "didnt",
        "i'm": "im", "i've": "ive", "i'll": "ill", "that's": "thats", "it's": "its", "isn't": "isnt", "doesn't": "doesnt",
        "couldn't": "couldnt", "wouldn't": "wouldnt", "haven't": "havent", "i'd": "id", "you've": "youve",
        "you're": "youre", "because": "cuz cos coz bc cause", "tomorrow": "tmrw tmr tmw tomoz tomorow",
        "thanks": "thx ty thnx tnx cheers ta", "please": "pls plz", "appointment": "appt apt appts appointments",
        "session": "sesh sess sessions", "week": "wk", "next": "nxt", "going_to": "gonna", "want_to": "wanna",
        "have_to": "gotta", "message": "msg", "about": "abt", "before": "b4", "with": "w", "i_don't_know": "idk dunno",
        "to_be_honest": "tbh", "right_now": "rn", "could": "cud", "would": "wud", "should": "shud shd", "ok": "k okay",
        "know": "kno", "doctor": "dr doc", "sorry": "sry srry soz", "cancel": "cancelled canceled cancelling canceling",
        "reschedule": "resched rebook rescheduled rescheduling rebooked rebooking",
    }.items()
    for word in variants.split()
}
"""Ways to write a word, each read as its usual form."""

_ALIKE = {
    word: name
    for name, words in {
        "wkday": "monday tuesday wednesday thursday friday saturday sunday mon tue tues wed weds thu thur thurs fri sat "
                 "sun mondays tuesdays wednesdays thursdays fridays saturdays sundays",
        "month": "january february march april june july august september october november december jan feb mar apr jun "
                 "jul aug sept oct nov dec",
        "numw": "one two three four five six seven eight nine ten eleven twelve half",
        "person": "mum mom dad son daughter husband wife partner kid kids sister brother grandson granddaughter mother "
                  "father boyfriend girlfriend hubby child children baby",
        "partday": "morning afternoon evening night lunchtime noon tonight",
    }.items()
    for word in words.split()
}
"""Words that stand for one another where an intent is concerned: any weekday tells as much as any other."""

_NOT = set("not no never nothing can't won't don't didn't isn't doesn't couldn't wouldn't haven't cannot without nor "
           "neither hardly".split())
_TURN = set(". , ; : ! ? but and".split())
_REACH = 4
"""Words after a negation that it is taken to reach, unless the sentence turns before."""

_MARK = 0x5BD1E995
_MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Block:
    """One kind of gram: where its buckets begin, how many there are, its lengths, and how much it weighs."""

    begin: int
    buckets: int
    lengths: tuple[int, ...]
    weight: float


WORDS = Block(0, 2**17, (1, 2, 3), 1.0)
DENIED = Block(2**17, 2**17, (1, 2), 1.0)
LETTERS = Block(2**18, 2**18, (3, 4, 5, 6), 1.5)
BLOCKS = (WORDS, DENIED, LETTERS)
BUCKETS = 2**19


def tokens(plain: str) -> list[str]:
    """The words of a message already made plain, in usual spelling, with weekdays, months and the like as one word."""
    out = []
    for word in _TOKEN.findall(plain):
        if word in _SPELT:
            out.extend(_SPELT[word].split())
        else:
            out.append(_ALIKE.get(word, word))
    return out


def denied(words: Sequence[str]) -> list[bool]:
    """Which words stand within reach of a negation before them."""
    out, left = [], 0
    for word in words:
        left = 0 if word in _TURN else left
        out.append(left > 0)
        left = _REACH if word in _NOT else left - 1
    return out


def counts(plain: Sequence[str]) -> list[sparse.csr_matrix]:
    """Hashed grams of messages, one matrix (messages by BUCKETS) for each of `BLOCKS`.

    A gram that occurs twice in a message stands twice in its row: sums over a row are right, single entries are not.
    """
    hashes, marked, sizes = [], [], []
    known: dict[str, int] = {}
    for text in plain:
        words = tokens(text)
        sizes.append(len(words))
        for word, reached in zip(words, denied(words), strict=True):
            value = known.get(word)
            if value is None:
                value = known[word] = crc32(word.encode("utf-8", "replace"))
            hashes.append(value)
            marked.append(value ^ _MARK if reached else value)
    of_letters, n_letters = _letters(plain)
    return [
        _matrix(np.array(hashes, dtype=np.uint64), np.array(sizes, dtype=np.int64), WORDS),
        _matrix(np.array(marked, dtype=np.uint64), np.array(sizes, dtype=np.int64), DENIED),
        _matrix(of_letters, n_letters, LETTERS),
    ]


def letter_grams(plain: Sequence[str], block: Block) -> sparse.csr_matrix:
    """Hashed letter grams alone, messages by `block.begin + block.buckets`."""
    return _matrix(*_letters(plain), block)


def _letters(plain: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Code points of all messages, one after another with a space at either end, and how many each has."""
    padded = [f" {text} " for text in plain]
    sizes = np.array([len(text) for text in padded], dtype=np.int64)
    points = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    return points.astype(np.uint64), sizes


def _matrix(units: np.ndarray, sizes: np.ndarray, block: Block) -> sparse.csr_matrix:
    """Grams of all lengths of a block: each is hashed from its units from left to right."""
    owner = np.repeat(np.arange(len(sizes)), sizes)
    ends = np.cumsum(sizes)
    found, whose = [], []
    value = np.zeros(len(units), dtype=np.uint64)
    for length in range(1, max(block.lengths) + 1):
        whole = len(units) - length + 1
        if whole <= 0:
            break
        value = (value[:whole] * _MIX) ^ (units[length - 1 :] + np.uint64(length))
        value ^= value >> np.uint64(29)
        if length in block.lengths:
            inside = np.arange(whole) + length <= ends[owner[:whole]]
            mixed = value[inside] * _MIX
            found.append(((mixed >> np.uint64(40)) % np.uint64(block.buckets)).astype(np.int32))
            whose.append(owner[:whole][inside])
    shape = (len(sizes), block.begin + block.buckets if block not in BLOCKS else BUCKETS)
    if not found:
        return sparse.csr_matrix(shape, dtype=np.float32)
    bucket, row = np.concatenate(found), np.concatenate(whose)
    order = np.argsort(row, kind="stable")
    begins = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=len(sizes)))])
    data = np.ones(len(bucket), dtype=np.float32)
    return sparse.csr_matrix((data, bucket[order] + np.int32(block.begin), begins), shape=shape)
