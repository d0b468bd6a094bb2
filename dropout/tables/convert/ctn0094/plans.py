"""Plans: how long each trial meant to treat, and what the labels of its visits mean.

Treatment means medicine. The weeks after it in which the trials went on seeing people are follow-up: weeks
28 and 32 of CTN-0027, weeks 6 to 12 of the first and 18 to 24 of the second phase of CTN-0030, the months
after CTN-0051.

Sources: Weiss et al. (2010), Contemp Clin Trials 31:189, for the two phases of CTN-0030 (four weeks with the
taper; twelve weeks and a taper of four; eight weeks of follow-up after each); Hser et al. (2014), Addiction
109:79, for the 24 weeks of CTN-0027; the help pages of public.ctn0094data for the labels.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Plan:
    """What was planned for one phase of one trial.

    Attributes
    ----------
    weeks : int
        Weeks of treatment after randomisation.
    sessions : int
        Planned visits in them, the one on the day of randomisation included.
    silence_days : int
        After more days than this without an attended weekly visit, an end-of-study visit is an assessment of
        somebody who had left, not a return to treatment: hardly anybody comes back to a weekly visit after so
        long, and many come to the end-of-study visit.
    """

    weeks: int
    sessions: int
    silence_days: int


PLANS = {
    (27, 1): Plan(weeks=24, sessions=25, silence_days=28),
    (30, 1): Plan(weeks=4, sessions=5, silence_days=14),
    (30, 2): Plan(weeks=16, sessions=17, silence_days=28),
    (51, 1): Plan(weeks=24, sessions=25, silence_days=28),
}
"""By (project, phase)."""

GRACE_DAYS = 14
"""Days after the planned end in which a late treatment visit still counts."""

FIT_DAYS = 10
"""A dated visit further than this from the day of its week has a label that does not fit."""

_WEEKLY = re.compile(r"(?:WK(?P<week>\d+)|P(?P<phase>[12])Wk(?P<of_phase>\d+)(?P<half>[AB]?))")
_LAST_WEEK = {None: 24, "1": 4, "2": 16}
_OTHERS = {
    "BASELINE": ("baseline", 1),
    "EOT": ("final", 1),
    "P1Finl": ("final", 1),
    "P2Finl": ("final", 2),
    "M1F": ("follow_up", 1),
    "M3F": ("follow_up", 1),
    "Cross Active Study": ("unscheduled", 1),
    "P1Unsc": ("unscheduled", 1),
    "P2Unsc": ("unscheduled", 2),
}


def read_labels(labels: pd.Series) -> pd.DataFrame:
    """Return what each visit label means.

    Returns
    -------
    DataFrame
        Index of `labels`; `kind` (`weekly`, `final`: the visit that closes a study, `follow_up`, `baseline`,
        `unscheduled`, `unknown`), `phase` (1 or 2) and `week` after randomisation (-1 where there is none).
    """
    meaning = {label: _read(str(label)) for label in labels.unique()}
    rows = [meaning[label] for label in labels]
    return pd.DataFrame(rows, index=labels.index, columns=["kind", "phase", "week"]).astype(
        {"kind": object, "phase": "int64", "week": "int64"}
    )


def _read(label: str) -> tuple[str, int, int]:
    if label in _OTHERS:
        return (*_OTHERS[label], -1)
    found = _WEEKLY.fullmatch(label)
    if not found:
        return "unknown", 1, -1
    phase = found["phase"]
    week = int(found["week"] or found["of_phase"])
    if found["half"] == "A":
        # Two visits in the first week of a phase: A on the day of randomisation, B seven days later.
        week -= 1
    if week > _LAST_WEEK[phase]:
        return "follow_up", int(phase or 1), week
    # Week 24 of the trials with one phase is also the end-of-study assessment; leavers were asked to it too.
    return ("final" if label == "WK24" else "weekly"), int(phase or 1), week
