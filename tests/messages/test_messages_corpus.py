"""The corpus: whole, labelled, and without messages that stand twice or nearly so."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from dropout.messages.agreement import agreement, kappa, second_labels
from dropout.messages.plain_text import plain_text
from dropout.messages.reader import INTENTS
from dropout.messages.train import corpus, folder, other_languages

COLUMNS = ["text", "intent", "round", "language", "channel", "hard"]
LEAST_WORDS = 6
"""Words below which two people may well write the same thing but for a sign."""
ALIKE = 0.6


@pytest.fixture(scope="module")
def messages() -> pd.DataFrame:
    """The corpus with each message's row in its file, and its plain text."""
    found = corpus()
    return found.assign(row=found.groupby("round").cumcount(), plain=found["text"].map(plain_text))


def near_duplicates(plain: list[str]) -> list[tuple[int, int]]:
    """Pairs of messages of six words or more that share 60% of all their runs of three words (Jaccard)."""
    shingles: dict[tuple[str, ...], int] = {}
    row, column = [], []
    for i, text in enumerate(plain):
        words = text.split()
        if len(words) >= LEAST_WORDS:
            for run in set(zip(words, words[1:], words[2:], strict=False)):
                row.append(i)
                column.append(shingles.setdefault(run, len(shingles)))
    has = sparse.csr_matrix((np.ones(len(row)), (row, column)), shape=(len(plain), max(len(shingles), 1)))
    shared = sparse.triu(has @ has.T, k=1).tocoo()
    size = np.asarray(has.sum(axis=1)).ravel()
    close = shared.data / (size[shared.row] + size[shared.col] - shared.data) > ALIKE
    return [(int(a), int(b)) for a, b in zip(shared.row[close], shared.col[close], strict=True)]


def slow_near_duplicates(plain: list[str]) -> list[tuple[int, int]]:
    """The same, pair by pair."""
    runs = [set(zip(w, w[1:], w[2:], strict=False)) if len(w := text.split()) >= LEAST_WORDS else set() for text in plain]
    return [(a, b) for a in range(len(runs)) for b in range(a + 1, len(runs))
            if runs[a] and runs[b] and len(runs[a] & runs[b]) / len(runs[a] | runs[b]) > ALIKE]


def test_every_round_is_whole(messages: pd.DataFrame):
    for path in sorted(folder().glob("*.csv")):
        found = pd.read_csv(path, keep_default_na=False)
        assert list(found.columns) == COLUMNS, path.name
        assert (found["round"] == path.stem).all(), path.name
        assert len(found) >= 200, f"{path.name} has {len(found)} messages; a round has 200 or more"
        assert set(found["intent"]) == set(INTENTS), path.name
        assert set(found["hard"]) <= {0, 1}, path.name
        assert set(found["channel"]) <= {"sms", "email", "portal", "voicemail"}, path.name
        assert set(found["language"]) == {"en"}, path.name
    assert len(messages) >= 6_000 and messages["round"].nunique() >= 12


def test_no_message_is_empty_or_stands_twice(messages: pd.DataFrame):
    empty = messages.loc[messages["text"].str.strip() == ""]
    twice = messages.loc[(messages["plain"] != "") & messages["plain"].duplicated(keep=False)].sort_values("plain")
    assert empty.empty, list(zip(empty["round"] + ".csv", empty["row"], strict=True))
    assert twice.empty, list(zip(twice["round"] + ".csv", twice["row"], strict=True))


def test_no_message_is_nearly_another(messages: pd.DataFrame):
    found = [f"{messages['round'][a]}.csv row {messages['row'][a]} and {messages['round'][b]}.csv row {messages['row'][b]}"
             for a, b in near_duplicates(messages["plain"].tolist())]
    assert not found, "\n".join(found)


def test_near_duplicates_are_those_that_a_look_at_every_pair_finds(messages: pd.DataFrame):
    plain = messages["plain"].head(300).tolist()
    plain += [plain[7] + " now", "so " + plain[30], plain[11]]
    assert near_duplicates(plain) == slow_near_duplicates(plain) != []


def test_other_languages_are_named_and_no_text_stands_twice():
    found = other_languages()
    assert list(found.columns) == ["text", "language"] and len(found) >= 600
    assert found["language"].str.fullmatch(r"[a-z]{2}(-[a-zA-Z]{2,4})?").all()
    assert found["language"].str[:2].nunique() >= 15 and "en" not in set(found["language"])
    assert not found["text"].map(plain_text).duplicated().any()


def test_kappa_is_that_of_the_textbook():
    # 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: (0.7 - 0.5) / (1 - 0.5), by hand.
    first = np.array(["yes"] * 25 + ["no"] * 25)
    second = np.array(["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15)
    assert kappa(first, second) == pytest.approx(0.4)
    assert kappa(first, first) == 1 and np.isnan(kappa(first[:5], first[:5]))


def test_agreement_by_hard_and_by_intent():
    first = pd.DataFrame({"round": ["a"] * 4 + ["b"] * 2, "hard": [0, 0, 1, 1, 0, 1],
                          "intent": ["other", "cancel_only", "other", "cancel_only", "other", "other"]})
    second = pd.DataFrame({"round": ["a", "a", "a", "b"], "row": [0, 1, 2, 1],
                           "intent": ["other", "cancel_only", "cancel_only", "other"]})
    found = agreement(first, second)
    assert found["messages"].to_dict() == {"all": 4, "hard": 2, "not hard": 2, "cancel_only": 1, "other": 3}
    assert found.at["all", "same"] == 0.75 and found.at["hard", "same"] == 0.5 and found.at["not hard", "kappa"] == 1
    assert found.at["other", "same"] == pytest.approx(2 / 3)
    assert found.at["all", "kappa"] == pytest.approx((0.75 - 0.5) / 0.5)  # first 3:1, second 2:2, so 0.5 by chance
    assert found.at["all", "kappa_low"] <= found.at["all", "kappa"] <= found.at["all", "kappa_high"]


def test_second_labels_of_rows_that_are_not_there_are_refused():
    first = pd.DataFrame({"round": ["a"], "hard": [0], "intent": ["other"]})
    with pytest.raises(ValueError, match="has no row 5"):
        agreement(first, pd.DataFrame({"round": ["a"], "row": [5], "intent": ["other"]}))
    with pytest.raises(ValueError, match="labelled twice"):
        agreement(first, pd.DataFrame({"round": ["a", "a"], "row": [0, 0], "intent": ["other", "other"]}))


def test_the_second_labelling_is_of_rows_that_exist(messages: pd.DataFrame):
    second = second_labels(folder())
    if second is None:
        pytest.skip("nobody has labelled a part a second time")
    assert set(second["intent"]) <= set(INTENTS)
    assert agreement(messages, second).at["all", "messages"] == len(second)
