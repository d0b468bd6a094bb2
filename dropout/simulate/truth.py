"""The truth: probabilities given all that could be seen by a date, by roll-outs from the state at that date.

Each roll-out continues an open episode from the visible state at midnight, with the client's and therapist's fixed
traits, by the process that made the world. Whether a silent client is already gone is not part of that state: it is
drawn in each roll-out, conditional on the silence so far (see `process`). What is fixed but unseen, such as a
client's engagement, is known to the truth and not to a model: a model can come near the truth, not reach it. When a
therapist will leave is not known to the truth; it is drawn from the rate at which they do.

`risk` has a row for each episode open on record. A client who has not attended anything yet and never will counts as a
dropout here, as in the default definition; `n_attended` tells them apart. `reschedule` has a row for each open
cancellation, named after the latest session that the client cancelled since they last attended; a goodbye that cancels
no session is not in it. To return is to attend: `p_return_7d` is the chance of a session attended within 7 days.

Monte Carlo error. A probability is the share of `rollouts`; its standard error is the binomial one with half a success
and half a failure added. Roll-outs of one episode are stratified in their first draw, so the error is a little smaller
than stated.

What happened is the course of the same episode in the world, which is simulated past the extraction date until it has
ended or the client has been seen more than 90 days after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dropout.simulate import calendar as cal
from dropout.simulate.calendar import DAY, NEVER
from dropout.simulate.hazards import DROPOUTS, SILENT, State, take
from dropout.simulate.people import Clinics
from dropout.simulate.process import Course, Watch, advance
from dropout.simulate.rules import Rules

if TYPE_CHECKING:
    from dropout.simulate.tables import Names
    from dropout.simulate.world import Episodes

HORIZONS = (30, 60, 90)
RETURN_DAYS = (7, 14, 30)
PARTICLES_AT_ONCE = 100_000
_STREAM = 100


def make_truth(episodes: Episodes, names: Names, clinics: Clinics, rules: Rules, dates: tuple[int, ...],
               rollouts: int, seed: int) -> dict[str, pd.DataFrame]:
    """True probabilities, standard errors and what happened, for the dates given.

    Returns
    -------
    dict of DataFrame
        `risk`, `reschedule`, and `intents`: what the writer of each message meant.
    """
    risk, reschedule = [], []
    for watch in episodes.watches:
        if watch.at not in dates:
            continue
        rng = np.random.Generator(np.random.PCG64([seed, _STREAM, watch.at // DAY]))
        who = np.flatnonzero(watch.there)
        state = take(watch.state, who)
        shares = roll_out(state, watch.at, clinics, rules, rollouts, rng)
        one, two = _frames(episodes, names, watch, who, state, shares, rollouts)
        risk.append(one)
        reschedule.append(two)
    if not risk:
        raise ValueError("no as-of date; expected at least one")
    keys = ["as_of", "client_id", "episode_id"]
    return {
        "risk": pd.concat(risk, ignore_index=True).sort_values(keys, ignore_index=True),
        "reschedule": pd.concat(reschedule, ignore_index=True).sort_values(keys, ignore_index=True),
        "intents": names.intents,
    }


def roll_out(state: State, at: int, clinics: Clinics, rules: Rules, rollouts: int,
             rng: np.random.Generator) -> np.ndarray:
    """Shares of roll-outs, shape (episodes, 7): dropout by 30, 60, 90 days; never again; back by 7, 14, 30 days."""
    n = len(state["t"])
    shares = np.zeros((n, 7))
    size = max(1, PARTICLES_AT_ONCE // rollouts)
    for begin in range(0, n, size):
        some = np.arange(begin, min(begin + size, n))
        particles = take(state, np.repeat(some, rollouts))
        stratum = (np.tile(np.arange(rollouts), len(some)) + rng.random(len(some) * rollouts)) / rollouts
        _forget_the_future(particles, at, clinics, rules, rng)
        course = advance(particles, rules, rng, at + 91 * DAY, clinics.words, first=stratum)
        seen = np.stack(_outcomes(course, at), axis=1)
        shares[some] = seen.reshape(len(some), rollouts, 7).mean(axis=1)
    return shares


def _forget_the_future(state: State, at: int, clinics: Clinics, rules: Rules, rng: np.random.Generator) -> None:
    """Begin at midnight `at`, with the therapist's leaving still to be drawn."""
    n = len(state["t"])
    state["row"] = np.arange(n)
    state["t"] = np.maximum(state["t"], at)
    regular = state["therapist"] < clinics.successors
    days = np.floor(-np.log1p(-rng.random(n)) / max(rules.leave_per_year, 1e-9) * 365.25).astype(np.int64)
    state["leaves_at"] = np.where(regular, np.minimum(at + days * DAY, NEVER), NEVER)
    state["covered"] = rng.random(n) < rules.cover_share
    state["successor_effect"] = np.where(regular, rules.therapist_sd * rng.standard_normal(n), state["effect"])


def _outcomes(course: Course, at: int) -> list[np.ndarray]:
    """What the truth is about, from a course that begins at `at` or before: 7 arrays of 0 and 1."""
    left = np.isin(course.ending, DROPOUTS)
    gone = [left & (course.last_attended <= at + days * DAY) for days in HORIZONS]
    back = [course.first_attended <= at + days * DAY for days in RETURN_DAYS]
    return [*gone, course.first_attended == NEVER, *back]


def _frames(episodes: Episodes, names: Names, watch: Watch, who: np.ndarray, state: State, shares: np.ndarray,
            rollouts: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    course = Course(episodes.course.ending[who], episodes.course.ended_at[who], episodes.course.last_attended[who],
                    _first_attended_after(episodes, who, watch.at))
    happened = [values.astype(int) for values in _outcomes(course, watch.at)]
    as_of = str(cal.times(np.array([watch.at]))[0].astype("datetime64[D]"))
    error = np.sqrt((shares * rollouts + 0.5) * (rollouts * (1.0 - shares) + 0.5)) / (rollouts + 1) / np.sqrt(rollouts)
    key = {"as_of": as_of, "client_id": names.client[episodes.client[who]], "episode_id": names.episode[who]}
    risk = dict(key) | {"n_attended": state["n_attended"]}
    risk |= {f"p_dropout_{days}d": shares[:, i] for i, days in enumerate(HORIZONS)}
    risk |= {f"se_{days}d": error[:, i].round(6) for i, days in enumerate(HORIZONS)}
    risk |= {f"dropout_{days}d": happened[i] for i, days in enumerate(HORIZONS)}
    risk |= {"last_attended_at": cal.times(np.where(course.last_attended < 0, NEVER, course.last_attended))}
    risk |= {"ending": _ending_names(course.ending)}

    cancelled = (state["phase"] == SILENT) & (state["cancelled_start"] >= 0)
    session = names.session_of(who[cancelled], state["cancelled_start"][cancelled])
    reschedule = {name: (value if isinstance(value, str) else value[cancelled]) for name, value in key.items()}
    reschedule |= {"session_id": session, "p_dropout": shares[cancelled, 3], "se": error[cancelled, 3].round(6)}
    reschedule |= {f"p_return_{days}d": shares[cancelled, 4 + i] for i, days in enumerate(RETURN_DAYS)}
    reschedule |= {"happened": happened[3][cancelled]}
    reschedule |= {f"returned_{days}d": happened[4 + i][cancelled] for i, days in enumerate(RETURN_DAYS)}
    return pd.DataFrame(risk), pd.DataFrame(reschedule)


def _first_attended_after(episodes: Episodes, who: np.ndarray, at: int) -> np.ndarray:
    rows = episodes.record.columns("sessions")
    later = (rows["status"] == 0) & (rows["starts_at"] > at)
    first = np.full(len(episodes.client), NEVER, dtype=np.int64)
    np.minimum.at(first, rows["row"][later], rows["starts_at"][later])
    return first[who]


def _ending_names(ending: np.ndarray) -> np.ndarray:
    """Ending, of the five that there are, for each code; `ongoing` for those still seen 90 days after the extraction."""
    kinds = np.array(["ongoing", "completed", "dropout", "dropout", "service_ended", "administrative", "administrative",
                      "administrative", "administrative", "administrative", "dropout"], dtype=object)
    return kinds[ending] if len(ending) else np.zeros(0, dtype=object)
