"""Aalen-Johansen: the share who have ended in each way, every other ending competing."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dropout.errors import CallError, ModelError
from dropout.survival.curves import Curves, curve, curve_table
from dropout.survival.people import read_people
from dropout.survival.product_limit import emptied_note, nobody_ended
from dropout.survival.rows import CENSORED
from dropout.survival.steps import Steps

VARIANCES = {
    "jackknife": "errors by the infinitesimal jackknife over people",
    "aalen": "errors by Aalen (1978)",
}


def aalen_johansen(
    frame: pd.DataFrame, *, by: str | None = None, start: str | None = "start", stop: str = "stop", ending: str = "ending",
    censored: str = "ongoing", interval: str = "log-log", level: float = 0.95, variance: str = "jackknife",
) -> Curves:
    """Return the cumulative incidence of every ending over time, with intervals (Aalen and Johansen 1978).

    At each time the incidences of all endings and the share still in care add up to one.

    Parameters
    ----------
    frame : DataFrame
        A row for each time at risk, as `at_risk` gives it, or the stretches of it.
    by : name of a column, optional
        Curves for each of its values.
    start, stop, ending : names of columns
        At risk after `start` (None: everybody from 0) up to and with `stop`; how it ended there.
    censored : str
        Value of `ending` where it did not end.
    interval : {"log-log", "log", "plain"}
    level : float
    variance : {"jackknife", "aalen"}
        "jackknife": each person's influence on the estimate, squared and summed, as R's survfit gives it. "aalen": the
        increments of the hazards taken as independent, as in Gray's cuminc.

    Raises
    ------
    CallError
        If a column is absent or its values do not fit.
    ModelError
        If no row can be used, or nobody was seen to end.
    """
    if variance not in VARIANCES:
        raise CallError(f"variance is {variance!r}; expected one of: {', '.join(VARIANCES)}")
    people = read_people(frame, by=by, start=start, stop=stop, ending=ending, censored=censored)
    if not people.endings:
        raise ModelError(f"every {ending} is '{censored}': nobody was seen to end, so there is no incidence to give. Follow them "
                         "longer, or ask kaplan_meier how long they were followed")
    parts, notes = [], []
    for group, name in enumerate(people.groups):
        mine = people.of_group(group)
        steps = Steps.of(mine)
        share = incidence(steps)
        spread = _jackknife(steps, share, mine.enters_late) if variance == "jackknife" else _aalen(steps, share)
        # Rounding may leave a variance of nothing a hair below it.
        error = np.sqrt(np.maximum(spread, 0.0))
        parts += [curve(steps, group, k, steps.ended[:, k], share[:, k], error[:, k], interval, level)
                  for k in range(len(people.endings))]
        notes += emptied_note(steps, name if people.by else None)
    said = (f"cumulative incidence: Aalen-Johansen, {VARIANCES[variance]}, {100 * level:g}% intervals on the {interval} scale",)
    return Curves(table=curve_table(parts, people.groups, people.endings), kind="aalen_johansen", by=people.by,
                  notes=(*people.notes, *said, *notes, *nobody_ended(people)), unit=people.unit, level=level, people=people)


def incidence(steps: Steps) -> np.ndarray:
    """Cumulative incidence of each ending after each time (times by endings)."""
    return np.cumsum((steps.in_care_before / steps.at_risk)[:, None] * steps.ended, axis=0)


def _jackknife(steps: Steps, share: np.ndarray, late: bool) -> np.ndarray:
    """Sum over people of the squared influence of each on the incidence of each ending, after each time.

    With F the incidence, S the share in care, Y at risk and m a person's own increment less their part of the pooled one,
    the influence at t is the sum over s <= t of S(s-) m_k(s)/Y(s) - (F(t) - F(s)) m(s) / (Y(s) - d(s)), which is
    F(t) a(t) + b(t). What a and b gather while a person is at risk is the same for all, from entry on; what they hold after
    exit stays. So sums over the people at risk are sums over entries and exits, and no table of people by times is needed.
    """
    at_risk, ended = steps.at_risk, steps.all_ended
    came, went, n = steps.entered, steps.position, len(steps.time)
    here = at_risk - np.bincount(went, minlength=n)
    with np.errstate(divide="ignore"):
        left = np.where(at_risk > ended, 1.0 / (at_risk - ended), 0.0)
    jump = steps.in_care_before / at_risk

    def there(path: np.ndarray) -> np.ndarray:
        """Sum over those at risk after each time of what the path was at their entry."""
        return np.cumsum(np.bincount(came, path[came], n + 1)[:n] - np.bincount(went, path[came], n))

    def gathered(first: np.ndarray, second: np.ndarray, path_1: np.ndarray, path_2: np.ndarray) -> np.ndarray:
        """Sum over people of the product of two such sums: of those who have left, and of those who are there."""
        found = np.cumsum(np.bincount(went, first * second, n)) + here * path_1[1:] * path_2[1:]
        if late:
            found += there(path_1 * path_2) - path_1[1:] * there(path_2) - path_2[1:] * there(path_1)
        return found

    path_a = np.concatenate([[0.0], np.cumsum(left * ended / at_risk)])
    own = steps.ending != CENSORED
    a = path_a[went + 1] - path_a[came] - own * left[went]
    squared_a = gathered(a, a, path_a, path_a)
    variance = np.empty_like(share)
    for k, f in enumerate(share.T):
        path_b = np.concatenate([[0.0], -np.cumsum(jump * steps.ended[:, k] / at_risk + f * left * ended / at_risk)])
        b = path_b[went + 1] - path_b[came] + own * (f * left)[went] + (steps.ending == k) * jump[went]
        variance[:, k] = f ** 2 * squared_a + 2 * f * gathered(a, b, path_a, path_b) + gathered(b, b, path_b, path_b)
    return variance


def _aalen(steps: Steps, share: np.ndarray) -> np.ndarray:
    """Variance of the incidence of each ending after each time, its hazard and that of all others being independent.

    Each increment has the variance of draws without replacement, d (Y - d) / (Y - 1) (Gray 1988).
    """
    at_risk = steps.at_risk[:, None]
    scale = (steps.in_care_before[:, None] / at_risk) ** 2 / np.maximum(at_risk - 1.0, 1.0)
    others = steps.all_ended[:, None] - steps.ended
    own = scale * steps.ended * np.maximum(at_risk - steps.ended, steps.ended <= 1)
    rest = scale * others * np.maximum(at_risk - others, others <= 1)
    with np.errstate(divide="ignore"):
        after = np.where(steps.in_care > 0, 1.0 / steps.in_care, 0.0)[:, None]
    # Sum over s <= t of ((F(s) - F(t)) / S(s) + 1)^2 own(s) + ((F(s) - F(t)) / S(s))^2 rest(s), as a square in F(t).
    past = after * share
    level = 1.0 + past
    zero = np.cumsum(level ** 2 * own + past ** 2 * rest, axis=0)
    first = np.cumsum(after * (level * own + past * rest), axis=0)
    second = np.cumsum(after ** 2 * (own + rest), axis=0)
    return zero - 2 * share * first + share ** 2 * second
