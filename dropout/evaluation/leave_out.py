"""Whole therapists, or whole clinics, kept out of what is learnt from: would the recipe hold where it has seen nobody?

Clients of one therapist, and of one clinic, are alike (5.7 to 12.6% of the variance in dropout lies between therapists:
Zimmermann et al. 2017; Xiao et al. 2017; Saxon et al. 2017). Clients parted at random do not show what that is worth.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import pandas as pd

from dropout.errors import CallError, ModelError
from dropout.history import History

COLUMN = {"therapist": "therapist_id", "clinic": "clinic_id"}
"""What can be left out, and the column of the sessions that names it."""

FEWEST = 2

FEWEST_TO_TELL = 10
"""Therapists, or clinics, below which one odd one among them decides the figures."""


@dataclass(frozen=True)
class LeftOut:
    """Groups of whole therapists or clinics.

    Attributes
    ----------
    kind : str
        "therapist" or "clinic".
    group : Series
        Group of each of them, 0 upwards (index: their ids).
    pairs : DataFrame
        `client_id` and `by`: who had a session booked with whom, ever.
    """

    kind: str
    group: pd.Series
    pairs: pd.DataFrame

    @property
    def groups(self) -> int:
        """How many groups there are."""
        return int(self.group.max()) + 1

    def members(self, k: int) -> pd.Index:
        """The therapists, or clinics, of a group."""
        return self.group.index[self.group == k]

    def others(self, k: int) -> pd.Index:
        """Clients who never had a session booked with anybody in a group; those of whom nobody is named among them."""
        theirs = self.pairs.loc[self.pairs["by"].isin(self.members(k)), "client_id"]
        return pd.Index(self.pairs["client_id"].unique()).difference(pd.Index(theirs.unique()))

    @property
    def notes(self) -> list[str]:
        """How many there are, and what so few can't tell."""
        n, whole = len(self.group), f"{self.kind}s"
        said = [f"{n} {whole} in {self.groups} groups, each tested by a model that learnt from no client who ever had a session "
                f"booked with any {self.kind} of the group. What was known of the {whole} themselves by a date, such as who had "
                "left them before, was read as usual."]
        if n < FEWEST_TO_TELL:
            said.append(f"{n} {whole} are few: the intervals come from drawing clients, and say nothing about how differently it "
                        f"would go with other {whole}.")
        return said


def left_out_groups(history: History, kind: str, most: int, seed: int = 0) -> LeftOut:
    """Groups of whole therapists or clinics with about as many clients each.

    The one with most clients goes first, each to the smallest group so far; ties are settled by a hash of the id and the
    seed, so the order of the rows does not matter.

    Parameters
    ----------
    history : History
    kind : {"therapist", "clinic"}
    most : int
        Groups at most.
    seed : int

    Raises
    ------
    CallError
        If there is no such kind, or the sessions do not name them.
    ModelError
        If there are fewer than two.
    """
    if kind not in COLUMN:
        raise CallError(f"leave_out='{kind}' is not known; expected one of {', '.join(COLUMN)}")
    sessions, column = history.sessions, COLUMN[kind]
    if column not in sessions or sessions[column].isna().all():
        raise CallError(f"the sessions have no {column}, so no {kind} can be left out; add that column, or evaluate without "
                        "leave_out (--leave-out)")
    pairs = sessions[["client_id", column]].drop_duplicates().rename(columns={column: "by"})
    sizes = pairs["by"].value_counts()
    if len(sizes) < FEWEST:
        raise ModelError(f"the sessions name {len(sizes)} {kind}, and at least {FEWEST} are needed to leave some out and learn "
                         "from the others; evaluate without leave_out (--leave-out)")
    mixed = {name: hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).digest() for name in sizes.index}
    filled = [0] * min(most, len(sizes))
    group = {}
    for name in sorted(sizes.index, key=lambda name: (-int(sizes[name]), mixed[name])):
        k = filled.index(min(filled))
        group[name], filled[k] = k, filled[k] + int(sizes[name])
    return LeftOut(kind, pd.Series(group, dtype="int64").sort_index(), pairs)
