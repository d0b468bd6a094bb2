"""Invented outlooks, silence curves and tables of words with the columns of the real ones, for the tests of the page."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
from clinic_frames import InventedModel, InventedScores

from dropout.clinic.lists import EPISODE

AS_OF = np.datetime64("2026-06-29T18:20:00", "s")


def invented_outlook(scores: InventedScores) -> pd.DataFrame:
    """An outlook for every open cancellation: intervals of a width of 0.1, or of 0.6 for every fifth."""
    table = scores.reschedule
    n = len(table)
    p = table["p_dropout"].to_numpy()
    half = np.where(np.arange(n) % 5 == 4, 0.3, 0.05)
    named = np.select([p > 2 / 3, p < 1 / 3], ["likely gone", "likely returning"], default="uncertain")
    today = pd.Timestamp(scores.as_of).normalize()
    call_on = pd.Series([today, today + pd.Timedelta(days=3), pd.NaT] * n)[:n]
    return table[EPISODE].assign(
        cancelled_at=table["cancelled_at"], silent_days=table["days_silent"], p_gone=p, low=np.maximum(p - half, 0),
        high=np.minimum(p + half, 1), outlook=np.where(half > 0.25, "too few like them", named), lost_by_waiting=0.0034,
        call_on=call_on.to_numpy(), worth=0.05)


def invented_curves(who: pd.DataFrame) -> pd.DataFrame:
    """Curves of silent days 0 to 90: the i-th client begins at i / 100 and rises by half a point a day."""
    n = len(who)
    day = np.tile(np.arange(91), n)
    p = np.repeat(np.arange(n) / 100, 91) + 0.005 * day
    return who[EPISODE].loc[who.index.repeat(91)].reset_index(drop=True).assign(
        silent_day=day, p_gone=p, low=p - 0.01, high=p + 0.01, today=day == 5)


def invented_words(gain: tuple[float, float, float] = (51.0, 37.0, 66.0), not_read: float = 0) -> pd.DataFrame:
    """What words were worth; fewer than five messages couldn't be read."""
    rows = {
        "ends_therapy": (149, 40, 0.53, 5.93, 4.44, 7.92), "vague_deferral": (214, 61, 0.45, 1.96, 1.4, 2.9),
        "concrete_reschedule": (60, 57, 0.69, 0.40, 0.31, 0.51), "cancel_only": (30, 3, 0.67, 1.04, 0.75, 1.44),
        "other": (12, 6, 0.5, 12.2, 8.2, 18.0), "no message": (326, 225, 0.69, np.nan, np.nan, np.nan),
    }
    table = pd.DataFrame.from_dict(rows, orient="index",
                                   columns=["n", "back", "expected", "ratio", "ratio_low", "ratio_high"]).astype(float)
    table["share"] = table["back"] / table["n"]
    table["low"], table["high"] = table["share"] - 0.05, table["share"] + 0.07
    table["meaning"] = "came back less than others like them"
    table.loc["not read", "meaning"] = "fewer than 5"
    total = table["n"].sum() + not_read
    table.loc["all", ["n", "back", "share", "gain", "gain_low", "gain_high"]] = [total, table["back"].sum(), 0.5, *gain]
    table.loc["all", "meaning"] = "as it is"
    return table


def choice(**changed: object) -> SimpleNamespace:
    """How the kind of clock was chosen."""
    return SimpleNamespace(**{"kind": "stack", "strength": 30.0, "n_later": 1585, "notes": (), "losses": {
        "cure 30": 0.5527, "cure 100": 0.5548, "boosting": 0.5751, "stack": 0.55}} | changed)


class InventedClock(InventedModel):
    """What the page reads of a model that has learnt of silences."""

    def __init__(self, words: pd.DataFrame | None = None, **changed: object) -> None:
        self.words = words
        self.reschedule_ = SimpleNamespace(choice=choice(**changed))
