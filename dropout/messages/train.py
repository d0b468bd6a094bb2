"""Training the reader of intents from the corpus: `python -m dropout.messages.train`.

Whole rounds of the corpus are held out in turn, since messages of one round share a voice; what is printed is how well
the reader does on rounds that it has not seen.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import save
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from threadpoolctl import threadpool_limits

from dropout.messages.plain_text import plain_text
from dropout.messages.reader import BUCKETS, INTENTS, WEIGHTS, n_grams

STRENGTH = 8.0
"""Inverse of the ridge penalty, chosen on held-out rounds."""

FOLDS = 5


def corpus() -> pd.DataFrame:
    """The labelled messages: text, intent, round, language, channel, hard."""
    folder = Path(str(files("dropout.messages") / "corpus"))
    rounds = [pd.read_csv(path, keep_default_na=False) for path in sorted(folder.glob("*.csv"))]
    return pd.concat(rounds, ignore_index=True)


def fit(texts: pd.Series, intents: pd.Series) -> dict[str, np.ndarray]:
    """Weights of a reader trained on these messages: `weight` (buckets by intents), `intercept`, `shares`."""
    grams = n_grams([plain_text(text) for text in texts])
    seen = np.asarray((grams != 0).sum(axis=0)).ravel()
    idf = TfidfTransformer().fit(grams).idf_ * (seen > 1)
    label = pd.Categorical(intents, categories=INTENTS).codes
    with threadpool_limits(1):
        model = LogisticRegression(C=STRENGTH, max_iter=300).fit(_scaled(grams, idf), label)
    return {
        "weight": np.ascontiguousarray((model.coef_ * idf / SCALE).T.astype(np.float16)),
        "intercept": model.intercept_.astype(np.float32),
        "shares": np.bincount(label, minlength=len(INTENTS)) / len(label),
    }


SCALE = 4.0
"""Divides the weighted n-grams, so that the penalty acts on values around one."""


def _scaled(grams: sparse.csr_matrix, idf: np.ndarray) -> sparse.csr_matrix:
    return (grams @ sparse.diags(idf / SCALE)).tocsr()


def read_with(weights: dict[str, np.ndarray], texts: pd.Series) -> np.ndarray:
    """Probabilities that these weights give to messages (messages by five)."""
    score = n_grams([plain_text(text) for text in texts]) @ weights["weight"].astype(np.float32) + weights["intercept"]
    score = np.exp(score - score.max(axis=1, keepdims=True))
    return score / score.sum(axis=1, keepdims=True)


def held_out(messages: pd.DataFrame) -> pd.DataFrame:
    """Probabilities for every message by a reader that has not seen its round."""
    rounds = np.array(sorted(messages["round"].unique()))
    fold = messages["round"].map({name: i % FOLDS for i, name in enumerate(rounds)}).to_numpy()
    result = np.zeros((len(messages), len(INTENTS)))
    for k in sorted(set(fold)):
        train, test = messages[fold != k], messages[fold == k]
        result[fold == k] = read_with(fit(train["text"], train["intent"]), test["text"])
    return pd.DataFrame(result, columns=INTENTS, index=messages.index)


def main() -> None:
    """Print held-out quality by round, then train on everything and write the reader's file."""
    messages = corpus()
    read = held_out(messages)
    best = read.idxmax(axis=1)
    print(f"{len(messages)} messages in {messages['round'].nunique()} rounds; {BUCKETS} buckets")
    for name, group in messages.groupby("round"):
        print(f"  {name:36s} macro-F1 {f1_score(group['intent'], best[group.index], average='macro'):.3f}")
    for name, mask in (("hard", messages["hard"] == 1), ("not hard", messages["hard"] == 0), ("all", messages["hard"] >= 0)):
        print(f"{name:10s} {f1_score(messages['intent'][mask], best[mask], average='macro'):.3f}")
    stored = Path(str(files("dropout.messages") / WEIGHTS))
    stored.write_bytes(save(fit(messages["text"], messages["intent"])))


if __name__ == "__main__":
    main()
