"""Small counts are kept back, so that a table says nothing about one person.

A count below five is hidden. Where the total is shown too, a single hidden count could be found by subtraction, so the
next smallest is hidden with it, until the rest can no longer be worked out.
"""

from __future__ import annotations

from collections.abc import Sequence

SMALLEST_SHOWN = 5
"""Counts below this are not shown in a table of sums."""

SMALL = "<5"
WITH_IT = "hidden"
"""A count of five or more that is kept back because it would give a smaller one away."""

SHOWN = "shown"


def small_counts(counts: Sequence[int], also: Sequence[bool] | None = None) -> list[str]:
    """For each count whose total is known: `SHOWN`, `SMALL` or `WITH_IT`.

    Parameters
    ----------
    counts : sequence of int
        Counts that add up to a total which readers know.
    also : sequence of bool, optional
        Counts to be hidden for another reason.
    """
    marks = [SMALL if count < SMALLEST_SHOWN else WITH_IT if also is not None and also[i] else SHOWN
             for i, count in enumerate(counts)]
    while SMALL in marks or WITH_IT in marks:
        if not _gives_away(counts, marks):
            break
        smallest = min((count, i) for i, count in enumerate(counts) if marks[i] == SHOWN)
        marks[smallest[1]] = WITH_IT
    return marks


def count_words(counts: Sequence[int], marks: Sequence[str]) -> list[str]:
    """The counts as they may be shown."""
    return [f"{count:,}" if mark == SHOWN else mark for count, mark in zip(counts, marks, strict=True)]


def _gives_away(counts: Sequence[int], marks: Sequence[str]) -> bool:
    """Whether a hidden count follows from the total and the counts shown, and there is still one to hide with it."""
    if SHOWN not in marks:
        return False
    hidden = [count for count, mark in zip(counts, marks, strict=True) if mark != SHOWN]
    n_small, n_large = marks.count(SMALL), marks.count(WITH_IT)
    if len(hidden) == 1:
        return True
    if n_small == 0:
        return False
    # Readers know the sum of what is hidden, that n_small of it are 0 to 4, and that the others are 5 or more.
    spare = sum(hidden) - n_large * SMALLEST_SHOWN
    largest = n_small * (SMALLEST_SHOWN - 1)
    return spare == 0 or (n_large == 0 and spare == largest)
