"""How episodes ended: counts and shares with their intervals, and how they went from quarter to quarter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dropout.clinic.phrases import ENDING_WORDS, MONTHS, day_in_words
from dropout.disclosure import SHOWN, SMALL, SMALLEST_SHOWN, WITH_IT, count_words, small_counts
from dropout.endings import Definition
from dropout.evaluation.metrics import wilson
from dropout.history import History

MOST_PERIODS = 12
ENOUGH_A_QUARTER = 20
"""Median number of endings a quarter from which quarters are shown; below, years."""


@dataclass(frozen=True)
class Share:
    """One line of a table of shares.

    Attributes
    ----------
    label : str
    of, count : str
        How many there were in all and how many of them counted, as they may be shown ("<5" for small ones).
    share, low, high : float
        The share and its 95% interval (Wilson 1927); NaN where the count is kept back.
    mature : bool
        False where the period is too recent for its share to be known.
    """

    label: str
    of: str
    count: str
    share: float
    low: float
    high: float
    mature: bool = True

    @property
    def is_shown(self) -> bool:
        """Whether there is a share to show."""
        return not np.isnan(self.share)


@dataclass(frozen=True)
class HowTheyEnded:
    """Endings up to a date from which nothing more can change by the passing of time.

    Attributes
    ----------
    definition : str
        What counts as a dropout here.
    mature_until : str
        The date, in words, up to which endings are complete.
    wait_days : int
        Days that the definition has to wait before it can call a silence a dropout.
    n_ended : int
        Episodes with at least one attended session that ended by `mature_until`.
    kinds : tuple of Share
        One for each kind of ending.
    never_started : Share or None
        Episodes that ended before a first session; None where no episode is old enough.
    period : {"quarter", "year"}
    periods : tuple of Share
        Share of dropouts among the episodes that ended in each period, in order of time.
    """

    definition: str
    mature_until: str
    wait_days: int
    n_ended: int
    kinds: tuple[Share, ...]
    never_started: Share | None
    period: str
    periods: tuple[Share, ...]


def how_they_ended(history: History, definition: Definition) -> HowTheyEnded:
    """Endings of a history by a definition, never-started ones kept apart.

    Silence becomes a dropout only after some time, while other endings are written down at once. So shares are taken
    over the endings up to that many days before the date of the history, and later periods are marked.
    """
    episodes = history.episodes(definition)
    mature_until = history.known_until - np.timedelta64(definition.maturity_days, "D")
    ended = episodes[(episodes["ending"] != "ongoing") & ~episodes["never_started"] & episodes["ended_at"].notna()]
    mature = ended[ended["ended_at"] <= mature_until]
    period, periods = _by_period(ended, mature_until)
    return HowTheyEnded(
        definition=definition.name,
        mature_until=day_in_words(mature_until),
        wait_days=definition.maturity_days,
        n_ended=len(mature),
        kinds=_kinds(mature),
        never_started=_never_started(episodes, mature_until),
        period=period,
        periods=periods,
    )


def _kinds(ended: pd.DataFrame) -> tuple[Share, ...]:
    counts = [int((ended["ending"] == kind).sum()) for kind in ENDING_WORDS]
    marks = small_counts(counts)
    words = count_words(counts, marks)
    return tuple(_share(label, count, len(ended), word, mark == SHOWN)
                 for label, count, word, mark in zip(ENDING_WORDS.values(), counts, words, marks, strict=True))


def _never_started(episodes: pd.DataFrame, mature_until: np.datetime64) -> Share | None:
    """Episodes that ended before a first session, among those opened long enough ago that are not still waiting."""
    begun = episodes[episodes["opened_at"] <= mature_until]
    decided = begun[~(begun["never_started"] & (begun["ending"] == "ongoing"))]
    if not len(decided):
        return None
    count = int(decided["never_started"].sum())
    shown = min(count, len(decided) - count) >= SMALLEST_SHOWN
    word = f"{count:,}" if shown else SMALL if count < SMALLEST_SHOWN else WITH_IT
    return _share("Never started", count, len(decided), word, shown)


def _by_period(ended: pd.DataFrame, mature_until: np.datetime64) -> tuple[str, tuple[Share, ...]]:
    if not len(ended):
        return "quarter", ()
    period = "quarter" if _enough_for_quarters(ended) else "year"
    begins = ended["ended_at"].dt.to_period(period[0].upper())
    table = pd.DataFrame({"ended": begins.value_counts(),
                          "left": begins[ended["ending"] == "dropout"].value_counts()})
    every = pd.period_range(begins.min(), begins.max(), freq=begins.dt.freq)
    every = every[-MOST_PERIODS:]
    table = table.reindex(every).fillna(0).astype(int)
    mature = every.end_time.to_numpy("datetime64[s]") <= mature_until
    n_ended, n_left = table["ended"].tolist(), table["left"].tolist()
    ended_marks = small_counts(n_ended)
    # Where nearly everybody left, the count of those who left gives away the few who did not.
    few_others = [ended - left < SMALLEST_SHOWN for ended, left in zip(n_ended, n_left, strict=True)]
    left_marks = small_counts(n_left, also=[few or mark != SHOWN
                                            for few, mark in zip(few_others, ended_marks, strict=True)])
    rows = zip(every, n_ended, n_left, count_words(n_ended, ended_marks), count_words(n_left, left_marks),
               ended_marks, left_marks, mature, strict=True)
    return period, tuple(
        _share(_period_name(when), left, of, left_word, of_mark == SHOWN and left_mark == SHOWN, of_word, bool(done))
        for when, of, left, of_word, left_word, of_mark, left_mark, done in rows)


def _enough_for_quarters(ended: pd.DataFrame) -> bool:
    by_quarter = ended["ended_at"].dt.to_period("Q").value_counts()
    return bool(by_quarter.median() >= ENOUGH_A_QUARTER)


def _period_name(period: pd.Period) -> str:
    if period.freqstr.startswith("Y"):
        return str(period.year)
    first = 3 * (period.quarter - 1)
    return f"{MONTHS[first][:3]} to {MONTHS[first + 2][:3]} {period.year}"


def _share(label: str, count: int, of: int, word: str, shown: bool, of_word: str | None = None,
           mature: bool = True) -> Share:
    if not shown or of == 0:
        return Share(label, of_word or f"{of:,}", word, np.nan, np.nan, np.nan, mature)
    low, high = wilson(np.array(count), np.array(of))
    return Share(label, of_word or f"{of:,}", word, count / of, float(low), float(high), mature)
