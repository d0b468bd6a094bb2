"""How dates, numbers and intents are put into words for people who run a clinic."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

UNKNOWN = "not known"

INTENT_WORDS = {
    "ends_therapy": "reads like an ending",
    "vague_deferral": "will be in touch, without a date",
    "concrete_reschedule": "asked for or named another time",
    "cancel_only": "cancelled, nothing about coming back",
    "other": "about something else",
}
"""What a message said, by intent. The words of the message itself are never shown."""

NO_MESSAGE = "no message on record"
NOT_READ = "a message that can't be read here"

ENDING_WORDS = {
    "dropout": "Left unplanned (dropout)",
    "completed": "Completed as planned",
    "service_ended": "Ended by the service",
    "administrative": "Moved, referred on, therapist left, other",
}

MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
          "November", "December")


def as_time(value: object) -> np.datetime64:
    """A cell of a table of times as `datetime64[s]`, whatever pandas hands out for a missing one."""
    return pd.Timestamp(value).to_datetime64().astype("datetime64[s]")  # type: ignore[arg-type]


def day_in_words(at: np.datetime64) -> str:
    """The date: "30 June 2026"; "not known" where it is missing."""
    if np.isnat(at):
        return UNKNOWN
    stamp = pd.Timestamp(at)
    return f"{stamp.day} {MONTHS[stamp.month - 1]} {stamp.year}"


def short_day(at: np.datetime64) -> str:
    """The date for a narrow column: "30 Jun 2026"."""
    if np.isnat(at):
        return UNKNOWN
    stamp = pd.Timestamp(at)
    return f"{stamp.day} {MONTHS[stamp.month - 1][:3]} {stamp.year}"


def moment_in_words(at: np.datetime64) -> str:
    """The date with its time of day, where it has one: "29 June 2026, 18:20".

    Midnight is the beginning of a day; the last second of a day stands for the whole day.
    """
    stamp = pd.Timestamp(at)
    clock = (stamp.hour, stamp.minute, stamp.second)
    if clock == (23, 59, 59):
        return f"the end of {day_in_words(at)}"
    if clock == (0, 0, 0):
        return f"the beginning of {day_in_words(at)}"
    return f"{day_in_words(at)}, {stamp.hour:02d}:{stamp.minute:02d}"


def percent(p: float) -> str:
    """A probability as a whole percentage: "34%", "under 1%", "over 99%"."""
    if math.isnan(p):
        return UNKNOWN
    if 0.0 < p < 0.01:
        return "under 1%"
    if 0.99 < p < 1.0:
        return "over 99%"
    return f"{_rounded(100 * p)}%"


def percent_of(p: float) -> str:
    """A probability as a whole number in 100, without its sign: "34"."""
    return f"{_rounded(100 * p)}"


def percent_range(low: float, high: float) -> str:
    """An interval of probabilities: "28% to 41%"."""
    return f"{_rounded(100 * low)}% to {_rounded(100 * high)}%"


def days(n: float) -> str:
    """A number of whole days: "1 day", "23 days", "less than a day"."""
    if math.isnan(n):
        return UNKNOWN
    whole = math.floor(n)
    return "less than a day" if whole <= 0 else "1 day" if whole == 1 else f"{whole:,} days"


def ago(n: float) -> str:
    """How long ago: "today", "1 day ago", "23 days ago"."""
    if n < 1:
        return "today"
    said = days(n)
    return said if said == UNKNOWN else f"{said} ago"


def counted(n: int, one: str, many: str | None = None) -> str:
    """A number with its noun: "1 client", "1,204 clients"."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def listed(words: list[str]) -> str:
    """Words as a list in a sentence: "a, b and c"."""
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1] if words else ""


def sentence(text: str) -> str:
    """The text with a capital at its beginning and a full stop at its end."""
    text = text.strip()
    if not text:
        return ""
    return text[0].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")


def _rounded(value: float) -> int:
    return math.floor(value + 0.5)
