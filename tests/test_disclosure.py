"""Small counts stay hidden, also from somebody who subtracts."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dropout.disclosure import SHOWN, SMALL, WITH_IT, count_words, small_counts


def test_counts_of_five_or_more_are_shown() -> None:
    assert count_words([5, 1200], small_counts([5, 1200])) == ["5", "1,200"]


def test_a_single_small_count_takes_the_next_smallest_with_it() -> None:
    assert small_counts([3, 40, 12]) == [SMALL, SHOWN, WITH_IT]


def test_two_small_counts_need_no_third() -> None:
    assert small_counts([3, 40, 2]) == [SMALL, SHOWN, SMALL]


def test_two_zeros_would_be_given_away_by_their_sum() -> None:
    assert small_counts([0, 0, 9, 40]) == [SMALL, SMALL, WITH_IT, SHOWN]


def test_a_count_hidden_for_another_reason_is_not_left_alone() -> None:
    assert small_counts([30, 20, 10], also=[True, False, False]) == [WITH_IT, SHOWN, WITH_IT]


def test_one_count_that_is_the_total_is_only_hidden_if_small() -> None:
    assert small_counts([4]) == [SMALL]
    assert small_counts([7]) == [SHOWN]


def consistent(counts: list[int], marks: list[str]) -> list[tuple[int, ...]]:
    """The slow obvious twin: every way to fill in the hidden counts that a reader cannot rule out."""
    hidden = [i for i, mark in enumerate(marks) if mark != SHOWN]
    total = sum(counts[i] for i in hidden)
    spans = [range(0, 5) if marks[i] == SMALL else range(5, total + 1) for i in hidden]
    return [values for values in product(*spans) if sum(values) == total]


@given(st.lists(st.integers(0, 14), min_size=1, max_size=4))
def test_no_small_count_can_be_worked_out_while_anything_is_shown(counts: list[int]) -> None:
    marks = small_counts(counts)
    assert all(mark == SMALL for count, mark in zip(counts, marks, strict=True) if count < 5)
    if SMALL not in marks or SHOWN not in marks:
        return
    ways = consistent(counts, marks)
    for position, i in enumerate(i for i, mark in enumerate(marks) if mark != SHOWN):
        if marks[i] == SMALL:
            assert len({way[position] for way in ways}) > 1


@pytest.mark.parametrize("counts", [[], [8, 9]])
def test_nothing_small_hides_nothing(counts: list[int]) -> None:
    assert small_counts(counts) == [SHOWN] * len(counts)
