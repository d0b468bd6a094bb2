"""The process: what happens next to each episode, drawn from what could be seen so far.

Between two visible events (a booking, a session, a cancellation, a closure) nothing of an episode changes. At each
event the *visible state* is updated: outcomes so far, what is booked, since when there has been silence; traits are
fixed. Whether a silent client is gone, will return, or has ended and only awaits the paperwork is never stored: it is
drawn anew whenever it is needed, conditional on nothing having been seen from the beginning of the silence until
now. That makes the process Markov in the visible state and the fixed traits, and the probabilities of `truth` well
defined: they are the chances given everything an observer of the past could know, and no secret.

Silence. Let `s` be the days of silence, and `w` the weights of gone, returning, and of planned and other endings at
its beginning (they sum to 1). Nothing having been seen for `s` days,

    P(gone | s) = w_gone / (w_gone + w_return S_return(s) + w_ending S_ending(s)),

with `S_return` log-logistic and `S_ending` uniform over `closing_lag_days` (the mixture cure model of Boag 1949 and
Farewell 1982).

A booked session. Its outcome is drawn with the time at which it becomes known: at the session, or earlier for a
cancellation, whose notice has the distribution function `(notice / lead) ** (1/3)` for clients and `notice / lead`
for clinics.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from dropout.simulate import calendar as cal
from dropout.simulate import events
from dropout.simulate.calendar import DAY, NEVER
from dropout.simulate.events import Next
from dropout.simulate.hazards import (
    ATTEND,
    BOOKED,
    CLIENT_CANCEL,
    CLIENT_DECLINED,
    CLIENT_DROPOUT,
    CLINIC_CANCEL,
    CLOSE,
    COMPLETED,
    DIED,
    LEAVE,
    MOVED,
    NO_SHOW,
    NOTHING_MORE,
    ONGOING,
    OTHER,
    REFERRED_ON,
    RETURN,
    SERVICE_ENDED,
    SILENT,
    State,
    outcome_chances,
    take,
)
from dropout.simulate.rules import Rules


def draw_next(state: State, rules: Rules, rng: np.random.Generator, first: np.ndarray | None = None) -> Next:
    """Next visible event of each episode, conditional on nothing seen until `t`.

    `first`, uniform numbers, take the place of the draw of what kind of future it is.
    """
    n = len(state["t"])
    u = rng.random((5, n))
    if first is not None:
        u[0] = first
    coming = Next(np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n, np.int64))
    for phase, draw in ((BOOKED, _draw_booked), (SILENT, _draw_silent)):
        which = np.flatnonzero(state["phase"] == phase)
        if len(which):
            part = draw(take(state, which), rules, u[:, which])
            coming.kind[which], coming.at[which], coming.reason[which] = part.kind, part.at, part.reason
    # A therapist leaves before opening hours, so that the day itself is still entirely unseen.
    leaving = (state["leaves_at"] < coming.at) & (state["leaves_at"] >= state["t"])
    coming.kind[leaving] = LEAVE
    coming.at[leaving] = state["leaves_at"][leaving] + 390
    return coming


def _draw_booked(state: State, rules: Rules, u: np.ndarray) -> Next:
    no_show, cancel = outcome_chances(state, rules)
    start, since = state["next_at"], state["since"]
    lead = np.maximum(start - since, 1)
    left = np.clip((start - state["t"]) / lead, 0.0, 1.0)
    reach = np.cbrt(left)
    attend = 1.0 - no_show - cancel - rules.clinic_cancel
    steps = np.cumsum([cancel * reach, rules.clinic_cancel * left, no_show, attend], axis=0)
    place = u[0] * steps[3]
    kind = np.array([CLIENT_CANCEL, CLINIC_CANCEL, NO_SHOW, ATTEND])[(place >= steps[:3]).sum(axis=0)]
    notice = lead * np.where(kind == CLIENT_CANCEL, (reach * u[1]) ** 3, left * u[1])
    seen = cal.in_hours(start - notice, since, start)
    at = np.where(kind <= NO_SHOW, start, seen)
    return Next(kind, at, np.zeros(len(at), np.int64))


def _draw_silent(state: State, rules: Rules, u: np.ndarray) -> Next:
    since = state["since"]
    # Counted to the last midnight: later the same day nothing has been seen yet.
    days = np.maximum((state["t"] // DAY * DAY - since) / DAY, 0.0)
    stays_away = 1.0 / (1.0 + (days / state["median"]) ** rules.return_shape)
    unclosed = np.clip(1.0 - days / max(rules.closing_lag_days, 1e-9), 0.0, 1.0)
    returns = 1.0 - state["w_gone"] - state["w_completed"] - state["w_service"] - state["w_other"]
    steps = np.cumsum([state["w_completed"] * unclosed, state["w_service"] * unclosed, state["w_other"] * unclosed,
                       returns * stays_away, state["w_gone"]], axis=0)
    future = (u[0] * steps[4] >= steps[:4]).sum(axis=0)
    surviving = np.maximum(stays_away * u[1], 1e-12)
    delay = state["median"] * ((1.0 - surviving) / surviving) ** (1.0 / rules.return_shape)
    lag = rules.closing_lag_days * (1.0 - unclosed * u[1])
    raw = since + DAY * np.where(future == 3, delay, lag)
    at = np.where(future == 4, NEVER, cal.in_hours(np.minimum(raw, 1e9), since, np.full(len(raw), NEVER)))
    other = np.array([REFERRED_ON, MOVED, OTHER, DIED])[(u[2] >= np.array([[0.5], [0.85], [0.97]])).sum(axis=0)]
    reason = np.select([future == 0, future == 1, future == 2], [COMPLETED, SERVICE_ENDED, other], ONGOING)
    kind = np.select([future <= 2, future == 3], [CLOSE, RETURN], NOTHING_MORE)
    closed_at, closed_as = _closure_of_silent(state, rules, days, u[3], u[4])
    bulk = closed_at < at
    return Next(np.where(bulk, CLOSE, kind), np.where(bulk, closed_at, at), np.where(bulk, closed_as, reason))


def _closure_of_silent(state: State, rules: Rules, days: np.ndarray, u: np.ndarray,
                       v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """When the clinic would close a silent episode as the client's leaving, and as what.

    The clinic does not know whether the client is gone, so this tells nothing about it.
    """
    told = state["said_end"] * rules.told_closed_share
    open_still = np.clip((rules.told_closed_days - days) / (rules.told_closed_days - 2.0), 0.0, 1.0)
    weight = told * open_still
    processed = u * (weight + 1.0 - told) < weight
    lag = rules.told_closed_days - (rules.told_closed_days - 2.0) * open_still * v
    early = cal.in_hours(state["since"] + DAY * lag, state["since"], np.full(len(u), NEVER))
    earliest = np.maximum(state["since"] + rules.bulk_after_days * DAY, state["t"])
    month = np.searchsorted(cal.MONTH_ENDS, earliest, side="right")
    rounds = np.floor(np.log1p(-v) / np.log1p(-state["closing"])).astype(np.int64)
    bulk = cal.MONTH_ENDS[np.minimum(month + rounds, len(cal.MONTH_ENDS) - 1)]
    late = np.where(state["forgotten"], NEVER, bulk)
    reason = np.where(processed | (state["said_end"] & (rules.told_closed_share > 0)), CLIENT_DECLINED, CLIENT_DROPOUT)
    return np.where(processed, early, late), reason


@dataclass
class Watch:
    """State of each episode at one midnight: `state` with a row per episode, `there` where it was open."""

    at: int
    state: State
    there: np.ndarray

    @classmethod
    def empty(cls, at: int, state: State) -> Watch:
        """A watch that has seen nothing yet, shaped like `state`."""
        return cls(at, {name: np.zeros_like(values) for name, values in state.items()},
                   np.zeros(len(state["t"]), dtype=bool))

    def joined(self, other: Watch) -> Watch:
        """This watch with the episodes of another after its own."""
        state = {name: np.concatenate([values, other.state[name]]) for name, values in self.state.items()}
        return Watch(self.at, state, np.concatenate([self.there, other.there]))

    def look(self, state: State, until: np.ndarray) -> None:
        """Keep the episodes whose state was this at the watched midnight."""
        now = np.flatnonzero((state["t"] <= self.at) & (until > self.at))
        if len(now):
            rows = state["row"][now]
            self.there[rows] = True
            for name, values in state.items():
                self.state[name][rows] = values[now]


@dataclass
class Course:
    """How each episode went: its ending, last attended session, and first one after the beginning; NEVER if none."""

    ending: np.ndarray
    ended_at: np.ndarray
    last_attended: np.ndarray
    first_attended: np.ndarray

    def joined(self, other: Course) -> Course:
        """This course with the episodes of another after its own."""
        return Course(*(np.concatenate([getattr(self, field.name), getattr(other, field.name)])
                        for field in fields(self)))


def advance(state: State, rules: Rules, rng: np.random.Generator, stop: int, words: np.ndarray,
            record: events.Record | None = None, watches: tuple[Watch, ...] = (),
            first: np.ndarray | None = None) -> Course:
    """Course of each episode, from its state to its ending, or to the first session attended after `stop`.

    Parameters
    ----------
    state : dict of arrays of length n
        See `world.opening`; `row` numbers the episodes from 0 to n - 1. Left unchanged.
    stop : int
        Minute after which an attended session settles that the client was still there.
    words : float array, shape (clinics, intents)
    record : Record, optional
        Takes down all that is seen.
    watches : tuple of Watch
        Midnights at which to keep the state.
    first : float array of length n, optional
        Uniform numbers for the first draw (stratified over roll-outs of one episode).
    """
    n = len(state["t"])
    course = Course(np.zeros(n, np.int64), np.full(n, NEVER), state["last_attended"].copy(), np.full(n, NEVER))
    state = {name: values.copy() for name, values in state.items()}
    while len(state["t"]):
        coming = draw_next(state, rules, rng, first)
        first = None
        for watch in watches:
            watch.look(state, coming.at)
        row = state["row"]
        events.apply(state, coming, rules, rng, words, record)

        attended = coming.kind == ATTEND
        seen = row[attended]
        course.last_attended[seen] = coming.at[attended]
        course.first_attended[seen] = np.minimum(course.first_attended[seen], coming.at[attended])
        ended = state["ending"] != ONGOING
        course.ending[row[ended]] = state["ending"][ended]
        course.ended_at[row[ended]] = state["t"][ended]
        goes_on = np.flatnonzero(~ended & ~(attended & (coming.at > stop)))
        if len(goes_on) < len(row):
            state = take(state, goes_on)
    return course
