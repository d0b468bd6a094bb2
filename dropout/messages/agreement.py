"""How far a second, blind labelling of part of the corpus agrees with the first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

DRAWS = 1_000
SEED = 20


def second_labels(folder: Path) -> pd.DataFrame | None:
    """The second labels under the corpus (round, row, intent; row counts from 0 in the round's file), if there are any."""
    path = folder / "second-labels" / "labels.csv"
    return pd.read_csv(path) if path.is_file() else None


def kappa(first: np.ndarray, second: np.ndarray) -> float:
    """Agreement beyond chance of two labellings of the same things (Cohen, 1960); NaN if both use one same label only."""
    names, code = np.unique(np.concatenate([first, second]), return_inverse=True)
    pair = code[: len(first)] * len(names) + code[len(first) :]
    table = np.bincount(pair, minlength=len(names) ** 2).reshape(len(names), len(names)) / len(first)
    by_chance = float(table.sum(axis=1) @ table.sum(axis=0))
    return (float(np.trace(table)) - by_chance) / (1 - by_chance) if by_chance < 1 else float("nan")


def agreement(messages: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Agreement over all messages labelled twice, by hard or not, and by intent of the first labelling.

    Parameters
    ----------
    messages : DataFrame
        The corpus, rounds whole and in the order of their files: `intent`, `round`, `hard`.
    second : DataFrame
        `round`, `row`, `intent`.

    Returns
    -------
    DataFrame
        One row a group: `messages`, `same` (share labelled alike), `kappa` with its 95% interval `kappa_low`,
        `kappa_high` (messages drawn again 1,000 times, seed 20). By intent only `messages` and `same`: kappa means
        nothing where the first label is always the same.

    Raises
    ------
    ValueError
        A second label is of a row that the corpus does not have, or stands twice.
    """
    rows = messages.assign(row=messages.groupby("round").cumcount())[["round", "row", "intent", "hard"]]
    if second.duplicated(["round", "row"]).any():
        raise ValueError("second-labels/labels.csv: a row of a round is labelled twice; keep one")
    both = second.merge(rows, on=["round", "row"], how="left", suffixes=("_second", ""))
    if both["intent"].isna().any():
        lost = both.loc[both["intent"].isna()].iloc[0]
        raise ValueError(f"second-labels/labels.csv: round '{lost['round']}' has no row {lost['row']} in the corpus; "
                         "rows count from 0 in the round's file")
    groups = {"all": both, "hard": both[both["hard"] == 1], "not hard": both[both["hard"] == 0]}
    result = {name: _row(group) for name, group in groups.items() if len(group)}
    for intent, group in both.groupby("intent"):
        result[str(intent)] = {"messages": len(group), "same": float((group["intent"] == group["intent_second"]).mean())}
    return pd.DataFrame.from_dict(result, orient="index")


def _row(both: pd.DataFrame) -> dict[str, float]:
    _, code = np.unique(np.concatenate([both["intent"], both["intent_second"]]).astype(str), return_inverse=True)
    first, second = code[: len(both)], code[len(both) :]
    random = np.random.default_rng(SEED)
    drawn = [kappa(first[again], second[again]) for again in random.integers(0, len(first), (DRAWS, len(first)))]
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return {"messages": len(first), "same": float((first == second).mean()), "kappa": kappa(first, second),
            "kappa_low": float(low), "kappa_high": float(high)}
