"""From the opening of a file to its end: how many got how far, and what missing closures leave open."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dropout.endings.agreement import share
from dropout.endings.definitions import DEFAULT, Gap
from dropout.endings.ending import DROPOUT, ENDINGS, ONGOING, Definition, recorded_endings
from dropout.endings.judged import MissedLast
from dropout.timeline import Timeline

LEVELS = ("", "  ", "    ")


def flow(timeline: Timeline, definition: Definition = DEFAULT) -> pd.DataFrame:
    """Episodes on record, who never came, who came, and how those ended.

    Returns
    -------
    DataFrame
        stage (indented under what it is part of), episodes, of (the whole that `share` is a share of), share.
    """
    ending = definition.endings(timeline).ending
    n_attended = timeline.attended.count(np.arange(len(timeline)), np.full(len(timeline), timeline.extraction))
    came = n_attended > 0
    n, started = len(timeline), int(came.sum())
    rows = [(0, "episodes on record", n, n),
            (1, "never attended a session", n - started, n),
            (2, "and ended so", int((~came & (ending != ONGOING)).sum()), n - started),
            (2, "still waiting", int((~came & (ending == ONGOING)).sum()), n - started),
            (1, "attended at least one session", started, n)]
    rows += [(2, "still in care" if code == ONGOING else f"ended: {ENDINGS[code]}", int((came & (ending == code)).sum()),
              started) for code in range(len(ENDINGS))]
    return pd.DataFrame([{"stage": LEVELS[level] + stage, "episodes": count, "of": of, "share": count / of if of else np.nan}
                         for level, stage, count, of in rows])


def bounds(timeline: Timeline, which: np.ndarray) -> pd.DataFrame:
    """The rate of dropout with missing closure reasons counted in different ways.

    Parameters
    ----------
    timeline : Timeline
    which : bool array
        Episodes that count. Of these, the ones that are over are taken: a reason or a closure is on record, or nothing
        was attended for 60 days and nothing is booked.

    Returns
    -------
    DataFrame
        missing_count_as, dropouts, n, rate, low, high (Wilson 1927), missing (episodes without a reason). The true rate lies
        between the lower and the upper bound, the interval of each aside (Manski 1989); the declared one need not.
    """
    reason, silent = recorded_endings(timeline), Gap().endings(timeline).ending == DROPOUT
    over = which & ((reason >= 0) | (timeline.closed <= timeline.extraction) | silent)
    missing = over & (reason < 0)
    declared = int((over & (reason == DROPOUT)).sum())
    n, n_missing = int(over.sum()), int(missing.sum())
    missed = MissedLast().endings(timeline).ending == DROPOUT
    ways = (("left out: declared endings alone", declared, n - n_missing),
            ("no dropout: lower bound", declared, n),
            ("dropout if the last appointment was missed", declared + int((missing & missed).sum()), n),
            ("dropout if silent for 60 days", declared + int((missing & silent).sum()), n),
            ("dropout: upper bound", declared + n_missing, n))
    return pd.DataFrame([{"missing_count_as": way, "dropouts": count, "n": of, **share(count, of), "missing": n_missing}
                         for way, count, of in ways])
