"""Facts: every read against a plain loop over the facts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dropout.timeline.facts import DAY, FOREVER, NEVER, Facts, Moments
from dropout.timeline.runs import median_of_last_gaps, running_count, running_maximum, runs_of

OWNERS = 4
fact = st.tuples(st.integers(0, OWNERS - 1), st.integers(-3, 12), st.integers(-5, 5), st.booleans())
facts_lists = st.lists(fact, max_size=20)
reads = st.tuples(st.integers(-1, OWNERS - 1), st.sampled_from([-4, *range(-3, 14), int(FOREVER), -int(FOREVER), int(NEVER)]))


def made(rows: list[tuple]) -> Facts:
    owner, at, value, flag = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True)) if rows else (
        np.zeros(0, dtype=np.int64) for _ in range(4))
    return Facts.sorted(owner, at, OWNERS, {"value": value, "flag": flag.astype(bool)}, value, flag)


def known(rows: list[tuple], owner: int, at: int) -> list[tuple]:
    """Facts of the owner known at the time, in the order in which they became known."""
    return sorted((row for row in rows if row[0] == owner and row[1] <= at), key=lambda row: row[1:])


@settings(deadline=None)
@given(facts_lists, st.lists(reads, min_size=1, max_size=6), st.integers(0, 3))
def test_reads_are_plain_loops(rows, asked, back):
    facts = made(rows)
    owner, at = (np.array(column, dtype=np.int64) for column in zip(*asked, strict=True))
    slow = [known(rows, *read) for read in asked]
    assert facts.count(owner, at).tolist() == [len(held) for held in slow]
    assert facts.total("value", owner, at).tolist() == [sum(row[2] for row in held) for held in slow]
    assert facts.total("flag", owner, at).tolist() == [sum(row[3] for row in held) for held in slow]
    last = [held[-1 - back] if len(held) > back else None for held in slow]
    values = [np.nan if row is None else row[2] for row in last]
    np.testing.assert_array_equal(facts.last("value", owner, at, back), values)
    np.testing.assert_array_equal(facts.last("at", owner, at, back), [np.nan if r is None else r[1] for r in last])
    assert facts.last("value", owner, at, back, missing=-9).tolist() == [-9 if row is None else row[2] for row in last]
    assert facts.last_at(owner, at, back).tolist() == [NEVER if row is None else row[1] for row in last]


@settings(deadline=None)
@given(facts_lists, st.randoms())
def test_the_order_of_rows_never_matters(rows, random):
    shuffled = list(rows)
    random.shuffle(shuffled)
    one, other = made(rows), made(shuffled)
    assert one.at.tolist() == other.at.tolist() and one.owner.tolist() == other.owner.tolist()
    for name in ("value", "flag"):
        assert one.values[name].tolist() == other.values[name].tolist()


@settings(deadline=None)
@given(facts_lists)
def test_what_was_before(rows):
    facts = made(rows)
    expected = []
    for position, owner in enumerate(facts.owner):
        mine = [p for p in range(position) if facts.owner[p] == owner]
        expected.append(facts.values["value"][mine[-1]] if mine else np.nan)
    np.testing.assert_array_equal(facts.before("value"), expected)


@settings(deadline=None)
@given(facts_lists)
def test_running_reads_are_plain_loops(rows):
    facts = made(rows)
    flag, value, code = facts.values["flag"], facts.values["value"], np.maximum(facts.values["value"], -1)
    until = value > 2
    changes, in_a_row = runs_of(facts.with_values(code=code), "code")
    counts, highest = running_count(flag, until, facts.first), running_maximum(value, facts.owner)
    for position, owner in enumerate(facts.owner):
        mine = [p for p in range(position + 1) if facts.owner[p] == owner]
        count = 0
        for p in mine:
            count = 0 if until[p] else count + int(flag[p])
        assert counts[position] == count
        assert highest[position] == max(value[p] for p in mine)
        n_changes, length, present = 0, 0, -1
        for p in mine:
            changed = code[p] >= 0 and present >= 0 and code[p] != present
            present = code[p] if code[p] >= 0 else present
            n_changes, length = n_changes + changed, 1 if changed else length + 1
        assert (changes[position], in_a_row[position]) == (n_changes, length)


@settings(deadline=None)
@given(facts_lists)
def test_the_median_of_the_last_gaps_is_a_plain_loop(rows):
    facts = made(rows)
    before = facts.before("at", missing=NEVER)
    facts = facts.with_values(gap=np.where(before == NEVER, -1, facts.at - before))
    expected = []
    for position, owner in enumerate(facts.owner):
        mine = [facts.at[p] for p in range(position + 1) if facts.owner[p] == owner]
        expected.append(np.median(np.diff(mine)[-5:] / DAY) if len(mine) > 1 else np.nan)
    np.testing.assert_array_equal(median_of_last_gaps(facts), expected)


def test_sums_are_of_whole_numbers():
    facts = made([(0, 1, 2, True)]).with_values(score=np.array([0.5]))
    with pytest.raises(TypeError, match="'score' holds float64"):
        facts.total("score", np.array([0]), np.array([5]))


def test_values_added_later_leave_the_facts_as_they_were():
    facts = made([(0, 1, 2, True)])
    more = facts.with_values(value=np.array([7]))
    one = np.array([0]), np.array([5])
    assert (facts.total("value", *one), more.total("value", *one)) == (2, 7)
    assert facts != more and len({facts, more}) == 2, "facts are told apart by who they are"


def test_moments_can_be_taken_by_mask_or_position():
    moments = Moments(np.array([3, 4, 5]), np.array([10, 20, 30]))
    assert moments.take(np.array([True, False, True])).at.tolist() == [10, 30]
    assert moments.take(np.array([2])).episode.tolist() == [5]
