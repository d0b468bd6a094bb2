"""The simulated clinics as tables, seen at the extraction date, and the state from which the truth is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from dropout.simulate import calendar as cal
from dropout.simulate.calendar import DAY, NEVER
from dropout.simulate.hazards import (
    BOOKED,
    CLIENT_DECLINED,
    CLIENT_DROPOUT,
    COMPLETED,
    ONGOING,
    OTHER,
    SERVICE_ENDED,
    State,
)
from dropout.simulate.people import Clinics, draw_clients, draw_clinics
from dropout.simulate.process import Course, Watch, advance
from dropout.simulate.record import Record
from dropout.simulate.rules import Rules, rules_of
from dropout.simulate.tables import make_tables
from dropout.simulate.truth import make_truth

FOLLOW_UP_DAYS = 91
DEFAULT_AS_OF_DAYS = (182, 91, 0)
AGAIN_SHARE = 0.09
MAX_CLIENTS = 1_000_000
_CARRIED = ("clinic", "therapist", "cadence", "block", "weekday", "slot", "engagement", "unreliable", "slowness",
            "planned", "forgotten", "pays", "burden", "closing", "charged", "liking", "distress")
_MAY_RETURN = (COMPLETED, CLIENT_DROPOUT, CLIENT_DECLINED, SERVICE_ENDED, OTHER)


@dataclass(frozen=True)
class World:
    """A simulated history, and its truth where it was asked for.

    Attributes
    ----------
    tables : dict of DataFrame
        `sessions`, `messages`, `measures`, `episodes`, `clients`, as known at the extraction date.
    truth : dict of DataFrame, or None
        `risk` and `reschedule`: true probabilities, their standard errors, and what happened (see `truth`);
        `intents`: what the writer of each message meant.
    scenario, seed, extraction : str, int, str
        As called.
    """

    tables: dict[str, pd.DataFrame] = field(repr=False)
    truth: dict[str, pd.DataFrame] | None = field(repr=False)
    scenario: str
    seed: int
    extraction: str


@dataclass(frozen=True)
class Episodes:
    """All episodes of a world: who they belong to, how they went, what was taken down, states at the watched dates."""

    client: np.ndarray
    opened_at: np.ndarray
    course: Course
    record: Record
    watches: tuple[Watch, ...]


def simulate(n_clients: int = 400, *, seed: int = 1, scenario: str = "plain",
             as_of_dates: Sequence[str] | None = None, extraction: str = "2026-06-30", truth: bool = False,
             rollouts: int = 400) -> World:
    """Simulated history of `n_clients` clients, with its truth if asked for.

    Parameters
    ----------
    n_clients : int
        Number of clients, 1 to 1,000,000.
    seed : int
        The same arguments give the same world, bit for bit. The tables do not depend on `truth`,
        `as_of_dates` or `rollouts`.
    scenario : str
        `plain`, `text-only`, `history-only` or `nothing` (see `rules`).
    as_of_dates : sequence of str, optional
        Dates of the truth, none after the extraction; 182, 91 and 0 days before it by default.
    extraction : str
        Date at the beginning of which the tables are taken; nothing known later is in them.
    truth : bool
        Compute true probabilities by roll-outs.
    rollouts : int
        Number of roll-outs for each open episode and date, at least 2.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    """
    if not 1 <= n_clients <= MAX_CLIENTS:
        raise ValueError(f"n_clients is {n_clients}; expected 1 to {MAX_CLIENTS:,}")
    if seed < 0:
        raise ValueError(f"seed is {seed}; expected 0 or more")
    if rollouts < 2:
        raise ValueError(f"rollouts is {rollouts}; expected 2 or more")
    rules = rules_of(scenario)
    end = cal.minute(extraction)
    dates = _as_of_minutes(as_of_dates, end) if truth else ()
    people_rng, process_rng, letters_rng = (np.random.Generator(np.random.PCG64([seed, stream])) for stream in range(3))

    clinics = draw_clinics(n_clients, end, rules, people_rng)
    traits = draw_clients(n_clients, clinics, end, rules, people_rng)
    episodes = _run(traits, clinics, rules, end, dates, process_rng)
    tables, names = make_tables(traits, clinics, episodes, end, letters_rng)
    known = make_truth(episodes, names, clinics, rules, dates, rollouts, seed) if truth else None
    return World(tables, known, scenario, seed, extraction)


def _as_of_minutes(as_of_dates: Sequence[str] | None, end: int) -> tuple[int, ...]:
    if as_of_dates is None:
        return tuple(end - days * DAY for days in DEFAULT_AS_OF_DAYS)
    dates = tuple(sorted({cal.minute(date) for date in as_of_dates}))
    if dates and dates[-1] > end:
        raise ValueError("an as-of date lies after the extraction date; expected dates on or before it")
    return dates


def _run(traits: State, clinics: Clinics, rules: Rules, end: int, dates: tuple[int, ...],
         rng: np.random.Generator) -> Episodes:
    """Every client's first episode, and for some whose first has closed a second one."""
    stop = end + FOLLOW_UP_DAYS * DAY
    record = Record()
    n = len(traits["opened_at"])
    moments = tuple(sorted({*dates, end}))

    first = opening(traits, clinics, np.arange(n), traits["opened_at"], rules, rng)
    watches = tuple(Watch.empty(at, first) for at in moments)
    course = advance(first, rules, rng, stop, clinics.words, record, watches)

    pause = np.floor(40 - 100 * np.log1p(-rng.random(n))).astype(np.int64)
    day = cal.on_weekday(np.where(course.ended_at < NEVER, course.ended_at, 0) // DAY + pause)
    reopened = day * DAY + 600
    closed = (course.ended_at < NEVER) & (course.ending != ONGOING) & np.isin(course.ending, _MAY_RETURN)
    again = np.flatnonzero(closed & (rng.random(n) < AGAIN_SHARE) & (reopened < end))
    second = opening(traits, clinics, again, reopened[again], rules, rng)
    later_watches = tuple(Watch.empty(at, second) for at in moments)
    record.first_row = n
    later = advance(second, rules, rng, stop, clinics.words, record, later_watches)
    return Episodes(
        client=np.concatenate([np.arange(n), again]),
        opened_at=np.concatenate([traits["opened_at"], reopened[again]]),
        course=course.joined(later),
        record=record,
        watches=tuple(one.joined(other) for one, other in zip(watches, later_watches, strict=True)),
    )


def opening(traits: State, clinics: Clinics, who: np.ndarray, opened_at: np.ndarray, rules: Rules,
            rng: np.random.Generator) -> State:
    """State of new episodes: the first session is booked, in three days to three weeks."""
    n = len(who)
    state = {name: traits[name][who].copy() for name in _CARRIED}
    therapist = state["therapist"]
    therapist = np.where(clinics.leaves_at[therapist] <= opened_at, therapist + clinics.successors, therapist)
    successor = np.where(therapist < clinics.successors, therapist + clinics.successors, therapist)
    slot = (state["slot"] + np.floor(cal.SLOTS * rng.random(n)).astype(np.int64)) % cal.SLOTS
    day = cal.on_weekday(opened_at // DAY + 3 + np.floor(18 * rng.random(n)).astype(np.int64))
    start = cal.start_of(day, slot)
    zeros, floats, no = np.zeros(n, np.int64), np.zeros(n), np.zeros(n, dtype=bool)
    state |= {
        "row": np.arange(n),
        "t": opened_at.copy(),
        "since": opened_at.copy(),
        "phase": np.full(n, BOOKED),
        "ending": np.full(n, ONGOING),
        "therapist": therapist,
        "successor": successor,
        "effect": clinics.therapist_effect[therapist],
        "successor_effect": clinics.therapist_effect[successor],
        "leaves_at": clinics.leaves_at[therapist],
        "covered": clinics.covered[therapist],
        "slot": slot,
        "first_slot": slot.copy(),
        "moves": zeros.copy(),
        "weekday": cal.weekday(day),
        "next_at": start,
        "next_booked": opened_at.copy(),
        "rest_at": start,
        "rest_booked": opened_at.copy(),
        "n_pending": np.ones(n, np.int64),
        "n_attended": zeros.copy(),
        "last_attended": np.full(n, -1, np.int64),
        "missed": zeros.copy(),
        "last_kind": zeros.copy(),
        "cancelled_start": np.full(n, -1, np.int64),
        "cancelled_at": np.full(n, -1, np.int64),
        "alliance": state["liking"].copy(),
        "alliance_drop": floats.copy(),
        "newly_covered": zeros.copy(),
        "owed": floats.copy(),
        "talked": no.copy(),
        "said_end": no.copy(),
        "median": np.ones(n),
        "w_gone": floats.copy(),
        "w_completed": floats.copy(),
        "w_service": floats.copy(),
        "w_other": floats.copy(),
    }
    return state
