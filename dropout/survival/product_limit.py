"""Kaplan-Meier: the share still in care, where one ending exists or all are taken together."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dropout.errors import CallError, ModelError
from dropout.survival.curves import Curves, curve, curve_table
from dropout.survival.people import People, read_people
from dropout.survival.rows import ANY, CENSORED, as_text
from dropout.survival.steps import Steps

IN_CARE = "still in care"


def kaplan_meier(
    frame: pd.DataFrame, *, cause: str = ANY, by: str | None = None, start: str | None = "start", stop: str = "stop",
    ending: str = "ending", censored: str = "ongoing", interval: str = "log-log", level: float = 0.95,
) -> Curves:
    """Return the share still in care over time, with intervals (Kaplan and Meier 1958, errors by Greenwood 1926).

    Parameters
    ----------
    frame : DataFrame
        A row for each time at risk, as `at_risk` gives it, or the stretches of it.
    cause : str
        "any" takes all endings together. One ending is accepted only where there is no other.
    by : name of a column, optional
        A curve for each of its values.
    start, stop, ending : names of columns
        At risk after `start` (None: everybody from 0) up to and with `stop`; how it ended there.
    censored : str
        Value of `ending` where it did not end.
    interval : {"log-log", "log", "plain"}
    level : float

    Raises
    ------
    CallError
        If one ending is asked for while others occur: 1 - Kaplan-Meier would be the share who leave in a world in which
        nobody ever completes, which is more than do. `aalen_johansen` gives the share who do.
    ModelError
        If no row can be used, or nobody ended as asked.
    """
    people = read_people(frame, by=by, start=start, stop=stop, ending=ending, censored=censored)
    _need_one_ending(people, as_text(cause), as_text(censored))
    parts, notes = [], []
    for group, name in enumerate(people.groups):
        steps = Steps.of(people.of_group(group))
        share = steps.in_care
        error = share * np.sqrt(greenwood(steps))
        parts.append(curve(steps, group, 0, steps.all_ended, share, error, interval, level))
        notes += emptied_note(steps, name if people.by else None)
    what = "any ending" if cause == ANY and len(people.endings) != 1 else (people.endings[0] if people.endings else "any ending")
    said = (f"share without {what}: Kaplan-Meier, errors by Greenwood, {100 * level:g}% intervals on the {interval} scale",)
    return Curves(table=curve_table(parts, people.groups, (IN_CARE,)), kind="kaplan_meier", by=people.by,
                  notes=(*people.notes, *said, *notes, *nobody_ended(people)), unit=people.unit, level=level,
                  people=people)


def greenwood(steps: Steps) -> np.ndarray:
    """Variance of the log of the product-limit estimate; NaN once the estimate is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.cumsum(steps.all_ended / (steps.at_risk * (steps.at_risk - steps.all_ended)))
    return np.where(np.isfinite(variance), variance, np.nan)


def emptied_note(steps: Steps, group: str | None) -> list[str]:
    """What has to be said where everybody at risk ended while others were still to enter."""
    when = steps.emptied()
    if when is None:
        return []
    where = "" if group is None else f"{group}: "
    return [f"{where}at {when:g} all who were at risk ended, though others entered later: from there on the curve cannot move "
            "and means nothing. Begin the clock later, where more are at risk"]


def nobody_ended(people: People) -> list[str]:
    """What has to be said where nobody, or everybody, was seen to end."""
    if not people.endings:
        return ["nobody was seen to end: this tells how long they were followed, not how long they stay"]
    if not (people.ending == CENSORED).any():
        return ["everybody was seen to end: make sure that clients still in care are not missing from the frame"]
    return []


def _need_one_ending(people: People, cause: str, censored: str) -> None:
    if cause == ANY:
        return
    if cause == censored:
        raise CallError(f"cause is '{cause}', which means that the ending is not known yet")
    if cause not in people.endings:
        there = ", ".join(people.endings) or "none, as nobody ended"
        raise ModelError(f"nobody ended with '{cause}'; the endings are: {there}")
    others = [name for name in people.endings if name != cause]
    if others:
        raise CallError(
            f"Kaplan-Meier of '{cause}' alone would treat {', '.join(others)} as if these clients might still end with "
            f"'{cause}': 1 - Kaplan-Meier is then more than the share who do. Use aalen_johansen, which gives that share, or "
            f"cause='{ANY}' for the time to any ending")
