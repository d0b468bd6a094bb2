"""How far definitions agree about the same episodes: rates, pairs and overlap, each with its interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from dropout.endings.ending import DROPOUT, ONGOING, Definition, Endings


@dataclass(frozen=True)
class Verdicts:
    """What each definition says of the same episodes: episodes by definitions.

    Attributes
    ----------
    labels : list of str
    left : bool array
        Whether an episode is a dropout by a definition.
    ended : bool array
        Whether it has ended by it at all.
    judged : bool array
        Whether the definition could say yes or no.
    """

    labels: list[str]
    left: np.ndarray
    ended: np.ndarray
    judged: np.ndarray

    @classmethod
    def of(cls, found: Mapping[str, Endings], which: np.ndarray) -> Verdicts:
        """The verdicts on the episodes where the mask `which` is true."""
        ending = np.stack([one.ending[which] for one in found.values()], axis=1)
        judged = np.stack([one.can_tell[which] for one in found.values()], axis=1)
        return cls(list(found), (ending == DROPOUT) & judged, (ending != ONGOING) & judged, judged)


def share(count: int, of: int) -> dict[str, float]:
    """A share with its 95% interval (Wilson 1927); NaN of nothing."""
    if of == 0:
        return {"rate": np.nan, "low": np.nan, "high": np.nan}
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(count, of, method="wilson")
    return {"rate": count / of, "low": float(low), "high": float(high)}


def rates(verdicts: Verdicts, definitions: Mapping[str, Definition]) -> pd.DataFrame:
    """One row a definition: dropouts over the episodes that it judges, and over those that ended by it.

    Returns
    -------
    DataFrame
        definition, dropouts, n (episodes judged), rate, low, high (Wilson 1927), ended, rate_of_ended with its interval,
        ongoing, not_judged, maturity_days, rule (the definition in words).
    """
    rows = []
    for k, (label, definition) in enumerate(definitions.items()):
        n, left, ended = (int(part[:, k].sum()) for part in (verdicts.judged, verdicts.left, verdicts.ended))
        rows.append({"definition": label, "dropouts": left, "n": n, **share(left, n), "ended": ended}
                    | {f"{name}_of_ended": value for name, value in share(left, ended).items()}
                    | {"ongoing": n - ended, "not_judged": len(verdicts.judged) - n,
                       "maturity_days": definition.maturity_days, "rule": definition.name})
    return pd.DataFrame(rows)


def pairs(verdicts: Verdicts) -> pd.DataFrame:
    """One row a pair of definitions: how often they agree, and kappa (Cohen 1960) with its 95% interval.

    Returns
    -------
    DataFrame
        first, second, n (episodes that both judge), both, first_only, second_only, neither, agreement (share), kappa, low,
        high (Fleiss, Cohen and Everitt 1969). Kappa is NaN where one of them says the same of all.
    """
    rows = []
    for i, j in combinations(range(len(verdicts.labels)), 2):
        asked = verdicts.judged[:, i] & verdicts.judged[:, j]
        a, b = verdicts.left[asked, i], verdicts.left[asked, j]
        counts = [int(cell.sum()) for cell in (a & b, a & ~b, ~a & b, ~a & ~b)]
        n = sum(counts)
        rows.append({"first": verdicts.labels[i], "second": verdicts.labels[j], "n": n}
                    | dict(zip(("both", "first_only", "second_only", "neither"), counts, strict=True))
                    | {"agreement": (counts[0] + counts[3]) / n if n else np.nan} | _kappa(*counts))
    columns = ["first", "second", "n", "both", "first_only", "second_only", "neither", "agreement", "kappa", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def _kappa(both: int, first: int, second: int, neither: int) -> dict[str, float]:
    if 0 in (both + first, second + neither, both + second, first + neither):
        return {"kappa": np.nan, "low": np.nan, "high": np.nan}
    from statsmodels.stats.inter_rater import cohens_kappa

    found = cohens_kappa(np.array([[both, first], [second, neither]]))
    return {"kappa": float(found.kappa), "low": max(-1.0, float(found.kappa_low)), "high": min(1.0, float(found.kappa_upp))}


def kappa_matrix(agreement: pd.DataFrame, labels: list[str]) -> pd.DataFrame:
    """Kappa of every pair as a square table, 1 on the diagonal."""
    square = np.eye(len(labels))
    i, j = (pd.Index(labels).get_indexer(pd.Index(agreement[name])) for name in ("first", "second"))
    square[i, j] = square[j, i] = agreement["kappa"]
    return pd.DataFrame(square, index=labels, columns=labels)


def overlap(verdicts: Verdicts) -> pd.DataFrame:
    """How many of the definitions an episode meets, among those that all of them judge.

    Returns
    -------
    DataFrame
        definitions_met (0 to all), episodes, n, rate, low, high (Wilson 1927).
    """
    everyone = verdicts.judged.all(axis=1)
    met = verdicts.left[everyone].sum(axis=1)
    n = int(everyone.sum())
    counts = np.bincount(met, minlength=len(verdicts.labels) + 1)
    return pd.DataFrame([{"definitions_met": k, "episodes": int(count), "n": n, **share(int(count), n)}
                         for k, count in enumerate(counts)])


def patterns(verdicts: Verdicts) -> pd.DataFrame:
    """Which definitions are met together, the commonest first, among the episodes that all of them judge.

    Returns
    -------
    DataFrame
        A bool column a definition, then episodes, n, rate, low, high (Wilson 1927).
    """
    everyone = verdicts.judged.all(axis=1)
    n = int(everyone.sum())
    seen, counts = np.unique(verdicts.left[everyone], axis=0, return_counts=True)
    shares = pd.DataFrame([{"episodes": int(count), "n": n, **share(int(count), n)} for count in counts],
                          columns=["episodes", "n", "rate", "low", "high"])
    table = pd.concat([pd.DataFrame(seen, columns=verdicts.labels), shares], axis=1)
    # Of patterns met by equally many, the one that meets the definitions named first.
    return table.iloc[np.lexsort((*(-seen[:, ::-1].T.astype(int)), -counts))].reset_index(drop=True)
