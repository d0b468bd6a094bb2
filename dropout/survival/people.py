"""People at risk: entry, exit and ending of each person, read from a frame of their own or put together from its stretches."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from dropout.endings import ENDINGS
from dropout.errors import CallError, ModelError
from dropout.survival.rows import (
    CENSORED,
    complete_rows,
    distinct,
    ending_codes,
    need_columns,
    need_order,
    row_names,
    time_values,
    told_before,
)

EVERYBODY = "everybody"
"""Name of the one group where no groups are asked for."""

MOST_GROUPS = 20
"""More groups than this are a code, not groups to compare."""


@dataclass(frozen=True)
class People:
    """One entry per person (or episode).

    Attributes
    ----------
    entry, exit : float arrays
        At risk after `entry`, up to and with `exit`.
    ending : int64 array
        Position in `endings`; `CENSORED` where the person was not seen to end.
    group : int64 array
        Position in `groups`.
    endings, groups : tuples of str
    by : str or None
        The column that the groups come from.
    stratum : int64 array
        Numbers from 0; all 0 where no strata are asked for.
    notes : tuple of str
        Definition, numbers, what was left out.
    unit, definition : str
        What the clock counts and what a dropout is, where the frame says so.
    """

    entry: np.ndarray
    exit: np.ndarray
    ending: np.ndarray
    group: np.ndarray
    endings: tuple[str, ...]
    groups: tuple[str, ...]
    by: str | None
    stratum: np.ndarray
    notes: tuple[str, ...]
    unit: str
    definition: str

    def __len__(self) -> int:
        return len(self.exit)

    @property
    def enters_late(self) -> bool:
        """Whether anybody enters later than at 0."""
        return bool((self.entry > 0).any())

    def of_group(self, group: int) -> People:
        """The people of one group."""
        mine = self.group == group
        return self._take(mine) if len(self.groups) > 1 else self

    def of_stratum(self, stratum: int) -> People:
        """The people of one stratum."""
        return self._take(self.stratum == stratum)

    def _take(self, mine: np.ndarray) -> People:
        return replace(self, entry=self.entry[mine], exit=self.exit[mine], ending=self.ending[mine], group=self.group[mine],
                       stratum=self.stratum[mine])


def read_people(
    frame: pd.DataFrame, *, by: str | None, start: str | None, stop: str, ending: str, censored: str,
    strata: str | None = None,
) -> People:
    """Return the people of a frame, checked.

    Several rows of one episode (the columns client_id and episode_id say which) are put together: they must follow each
    other without a break, only the last may end, and the group may not change on the way.

    Raises
    ------
    CallError
        If a column is absent, a time is no number, a row ends before it began, or rows of one episode do not fit together.
    ModelError
        If there are no rows that can be used.
    """
    if not isinstance(frame, pd.DataFrame):
        raise CallError(f"frame is a {type(frame).__name__}; expected a data frame as `at_risk` gives it: start, stop and ending")
    names = [name for name in (start, stop, ending, by, strata) if name is not None]
    need_columns(frame, names, start)
    names = list(dict.fromkeys(names))
    if not len(frame):
        raise ModelError("the frame has no rows, so nobody was at risk; look at the notes of `at_risk` for what was left out")
    kept, notes = complete_rows(frame, names)
    kept = kept.set_axis(row_names(kept))
    begins = np.zeros(len(kept)) if start is None else time_values(kept[start], start)
    ends = time_values(kept[stop], stop)
    need_order(begins, ends, start, stop, kept.index)
    code, endings = _endings(kept[ending], censored)
    group, groups = _groups(kept, by)
    stratum = _groups(kept, strata)[0]
    people = People(begins, ends, code, group, endings, groups, by, stratum, (), str(frame.attrs.get("unit", "time")),
                    str(frame.attrs.get("definition", "")))
    people = _put_together(kept, people, by)
    counts = np.bincount(people.ending + 1, minlength=len(endings) + 1)
    said = ", ".join(f"{name} {n:,}" for name, n in zip(endings, counts[1:], strict=True)) or "none"
    late = f"; {int((people.entry > 0).sum()):,} entered late" if people.enters_late else ""
    about = f"{len(people):,} at risk; endings: {said}; not seen to end: {counts[0]:,}{late}"
    return replace(people, notes=(*told_before(frame), about, *notes))


def _endings(values: pd.Series, censored: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Position of each ending among those that occur, in the order of `ENDINGS` and then of the alphabet."""
    codes, names = ending_codes(values, censored)
    if len(names) > MOST_GROUPS:
        raise CallError(f"'{values.name}' has {len(names):,} different values; expected a few endings and '{censored}'")
    order = sorted(names, key=lambda name: (ENDINGS.index(name) if name in ENDINGS else len(ENDINGS), name))
    # The last place is read by those who did not end, whose code is -1.
    place = np.array([*(order.index(name) for name in names), CENSORED], dtype=np.int64)
    return place[codes], tuple(order)


def _groups(kept: pd.DataFrame, by: str | None) -> tuple[np.ndarray, tuple[str, ...]]:
    if by is None:
        return np.zeros(len(kept), dtype=np.int64), (EVERYBODY,)
    values = kept[by]
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.cat.remove_unused_categories()
        codes, found = values.cat.codes.to_numpy(np.int64), values.cat.categories
    else:
        codes, found = distinct(values, sort=True)
    if len(found) > MOST_GROUPS:
        raise CallError(f"'{by}' has {len(found):,} different values; expected at most {MOST_GROUPS} groups. Cut numbers into "
                        "ranges (pandas.cut), or use a regression")
    return codes.astype(np.int64), tuple(str(name) for name in found)


def _put_together(kept: pd.DataFrame, people: People, by: str | None) -> People:
    """One entry per episode, where the frame says which rows belong to one."""
    who = [name for name in ("client_id", "episode_id") if name in kept.columns]
    if "episode_id" not in who or not kept.duplicated(who).any():
        return people
    episode = kept.groupby(who, observed=True, sort=False, dropna=False).ngroup().to_numpy()
    order = np.lexsort((people.entry, episode))
    episode, entry, leave = episode[order], people.entry[order], people.exit[order]
    ending, group, stratum = people.ending[order], people.group[order], people.stratum[order]
    same = episode[1:] == episode[:-1]
    row = kept.index[order[1:]]
    for wrong, what in (
        (same & (entry[1:] != leave[:-1]), "does not begin where the row before it of the same episode ends; the rows of an "
                                           "episode must follow each other without a break"),
        (same & (ending[:-1] != CENSORED), "comes after the ending of its episode; only the last row of an episode may end"),
        (same & ((group[1:] != group[:-1]) | (stratum[1:] != stratum[:-1])),
         f"has another {by or 'stratum'} than the row before it of the same episode; a group is what was so from the start "
         "(take the first value of each episode), and what changes is for a regression"),
    ):
        if wrong.any():
            raise CallError(f"row {row[wrong][0]} {what} ({wrong.sum():,} such rows)")
    first, last = np.r_[True, ~same], np.r_[~same, True]
    return replace(people, entry=entry[first], exit=leave[last], ending=ending[last], group=group[first], stratum=stratum[first])
