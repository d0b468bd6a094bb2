"""Measures: withdrawal scores and drug screens, as far as they belong to treatment."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dropout.tables.convert.ctn0094.plans import GRACE_DAYS

MEDICINES = ("Buprenorphine", "Methadone")
"""Found in urine because they were prescribed, or although they were not: a screen can't say which."""


def place_measures(raw: dict[str, pd.DataFrame], episodes: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Return every score that can be made, with why it was set aside, if it was.

    `withdrawal` is the source's grade (0 none, 1 mild, 2 moderate, 3 severe). `uds_drugs` counts the kinds of
    drug that a day's urine screen found, the two medicines apart; `uds_opioid` is 1 where opioids were among
    them, else 0. Only screens that found something (a medicine counts) are in the source.

    A score after a long silence belongs, like its visit, to an assessment of somebody who had left.

    Returns
    -------
    DataFrame
        `who`, `day`, `measure`, `score`, `fate` (empty, `not_randomised`, `no_session`, `no_score`,
        `follow_up` or `after_silence`).
    """
    scores = _scores(raw)
    scores["fate"] = ""
    _set_aside(scores, ~scores["who"].isin(episodes["who"]), "not_randomised")
    _set_aside(scores, ~scores["who"].isin(rows.loc[rows["fate"] == "", "who"]), "no_session")
    _set_aside(scores, scores["score"].isna() | scores["day"].isna(), "no_score")
    dated = scores[scores["day"].notna()].sort_values("day", kind="stable")
    starts = episodes[["who", "opened", "plan_end", "silence_days"]].sort_values("opened")
    # No match means before the first episode: a score taken at entry, which is kept.
    at = pd.merge_asof(dated, starts, left_on="day", right_on="opened", by="who").set_index(dated.index)
    attended = rows[(rows["fate"] == "") & rows["attended"]][["who", "day"]].sort_values("day")
    attended["seen"] = attended["day"]
    seen = pd.merge_asof(dated, attended, on="day", by="who").set_index(dated.index)["seen"]
    # A visit of an earlier phase is no sign of life in this one: silence counts from the opening.
    since = np.maximum(seen.fillna(-np.inf), at["opened"])
    late = at["day"] > at["plan_end"] + GRACE_DAYS
    silent = at["day"] - since > at["silence_days"]
    _set_aside(scores, scores.index.isin(at.index[late]), "follow_up")
    _set_aside(scores, scores.index.isin(at.index[silent]), "after_silence")
    return scores


def _scores(raw: dict[str, pd.DataFrame]) -> pd.DataFrame:
    parts = [_part(pd.Series(dtype="int64"), pd.Series(dtype="float64"), "", pd.Series(dtype="float64"))]
    if "withdrawal" in raw:
        told = raw["withdrawal"].drop_duplicates(["who", "when"])
        parts.append(_part(told["who"], told["when"], "withdrawal", told["withdrawal"]))
    if "uds" in raw:
        found = raw["uds"].drop_duplicates(["who", "when", "what"])
        found = found.assign(drug=~found["what"].isin(MEDICINES), opioid=found["what"] == "Opioid")
        screens = found.groupby(["who", "when"], dropna=False)[["drug", "opioid"]].sum().reset_index()
        parts.append(_part(screens["who"], screens["when"], "uds_drugs", screens["drug"]))
        parts.append(_part(screens["who"], screens["when"], "uds_opioid", screens["opioid"]))
    return pd.concat(parts, ignore_index=True)


def _part(who: pd.Series, day: pd.Series, measure: str, score: pd.Series) -> pd.DataFrame:
    numbers = {"who": who.astype("int64"), "day": day.astype("float64")}
    return pd.DataFrame({**numbers, "measure": measure, "score": score.astype("float64")})


def _set_aside(scores: pd.DataFrame, which: pd.Series | np.ndarray, fate: str) -> None:
    scores.loc[which & (scores["fate"] == ""), "fate"] = fate
