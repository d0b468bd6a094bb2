"""Who was at risk of which ending, from when until when: the frame that every estimator of this room reads.

Days are whole calendar days and the day of the first attended session is day 1, so an ending on it lasts one day, not
none, and nothing has to be moved off zero. A client last seen on day d leaves within the stretch from d - 1 to d, which
begins with what that last session showed. By sessions it is the same: who leaves after session k leaves at k.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from numbers import Real

import numpy as np
import pandas as pd

from dropout.endings import DEFAULT, DROPOUT, ENDINGS, ONGOING, Definition
from dropout.endings.ending import need_definition
from dropout.errors import CallError
from dropout.history import History, read_date
from dropout.survival.covariates import Columns, covariate_columns
from dropout.timeline import DAY, NEVER, Timeline, seconds, times
from dropout.timeline.timeline import ATTENDED

CLOCKS = {"days": "days in care", "sessions": "attended sessions"}
"""Clocks and what they count."""


@dataclass(frozen=True)
class _Attended:
    """Attended sessions in order of episode and start: `first` holds the position of each episode's first."""

    episode: np.ndarray
    at: np.ndarray
    row: np.ndarray
    first: np.ndarray

    @classmethod
    def of(cls, timeline: Timeline) -> _Attended:
        known = (timeline.sessions.outcome <= timeline.extraction) & (timeline.belongs.session >= 0)
        rows = np.flatnonzero((timeline.sessions.status == ATTENDED) & known)
        episode, at = timeline.belongs.session[rows], timeline.sessions.start[rows]
        order = np.lexsort((timeline.clinic[rows], timeline.therapist[rows], at, episode))
        counts = np.bincount(episode, minlength=len(timeline))
        return cls(episode[order], at[order], rows[order], np.concatenate([[0], np.cumsum(counts)]))

    def before(self, at: np.ndarray) -> np.ndarray:
        """Sessions of each episode that started before its second in `at`."""
        sooner = self.at < at[self.episode]
        return np.bincount(self.episode[sooner], minlength=len(self.first) - 1)


@dataclass(frozen=True)
class _Risk:
    """One row per episode that was at risk: `entry` and `exit` on the clock, and the position of its ending."""

    episode: np.ndarray
    entry: np.ndarray
    exit: np.ndarray
    ending: np.ndarray


def at_risk(
    history: History, definition: Definition = DEFAULT, *, clock: str = "days",
    observed_from: str | np.datetime64 | pd.Timestamp | None = None, covariates: Collection[str] = (),
) -> pd.DataFrame:
    """When each episode was at risk of ending, and how it ended: one row an episode, or a stretch of it.

    Parameters
    ----------
    history : History
    definition : Definition
        What counts as a dropout, and for how long that is not yet known.
    clock : {"days", "sessions"}
        "days": calendar days in care; the day of the first attended session is day 1. "sessions": attended sessions.
    observed_from : date, optional
        Day from which the clinic's records are complete. Episodes already under way then enter late: they are at risk
        from that day on only, because of those who left before it nothing would be known. Their earlier sessions must be
        in the tables all the same, or their clock starts wrong.
    covariates : names
        Features (`docs/features.md`), read as each attended session starts, or columns of `clients` and `episodes` as
        they are. With at least one feature there is one row for each stretch from an attended session to the next, and
        each row has what was known as it began.

    Returns
    -------
    DataFrame
        client_id, episode_id, therapist_id and clinic_id (of the session with which the row begins: the first attended
        one where an episode is one row), `start` and `stop` on the clock (float; at risk after `start` up to and with
        `stop`), `ending` (how it ended at `stop`, one of `ENDINGS`; "ongoing" where it did not end there), and the
        covariates. `.attrs` has "definition", "clock", "unit", and "notes": what was left out and why.

    Raises
    ------
    CallError
        If the clock or a covariate is unknown, or nothing had happened by `observed_from`.

    Notes
    -----
    A dropout is dated to the last attended session, every other ending to the closure (or to the last attended session,
    if that came later). Nobody is followed beyond the extraction date less the definition's maturity, so that all had
    the same time to show that they had left. An ongoing episode with no session after that day is followed only until
    just before its last session: whether that was the last of all is not known.
    """
    if not isinstance(history, History):
        raise CallError(f"at_risk wants a history first, as read_history gives it; got a {type(history).__name__}")
    need_definition(definition, "definition")
    if isinstance(observed_from, Real):
        raise CallError(f"observed_from is {observed_from}; expected a date, like '2024-01-01'")
    if clock not in tuple(CLOCKS):
        raise CallError(f"clock is {clock!r}; expected one of: {', '.join(CLOCKS)}")
    timeline = history.timeline
    # Days that are wholly past by then count; a day that was cut short shows some of its endings and not others.
    until = (timeline.extraction - int(definition.maturity_days * DAY) + 1) // DAY
    since = None if observed_from is None else int(seconds(np.array([read_date(observed_from)]))[0]) // DAY
    if since is not None and since >= until:
        raise CallError(f"observed_from is {observed_from}, and nothing is known for certain after {_day(until - 1)}; "
                        "name an earlier day")
    attended = _Attended.of(timeline)
    risk, notes = _by_days(timeline, definition, attended, until, since)
    notes = [f"dropout: {definition.name}", f"{CLOCKS[clock]}; followed until {_day(until - 1)}", *notes]
    if clock == "sessions":
        risk, more = _by_sessions(attended, risk, until, since, definition.endings(timeline).ending)
        notes += more
    columns = covariate_columns(timeline, covariates)
    frame = (_stretches(timeline, attended, risk, clock, columns) if columns.features
             else _whole(timeline, attended, risk, columns))
    frame.attrs = {"definition": definition.name, "clock": clock, "unit": CLOCKS[clock], "notes": notes}
    return frame


def _by_days(
    timeline: Timeline, definition: Definition, attended: _Attended, until: int, since: int | None
) -> tuple[_Risk, list[str]]:
    """Entry and exit in days after the day before the first session, and what was left out.

    Parameters
    ----------
    until : int
        First calendar day that is not followed.
    since : int or None
        First calendar day on which the records are complete.
    """
    found = definition.endings(timeline)
    begun = np.diff(attended.first) > 0
    started = np.flatnonzero(begun & found.can_tell)
    first = attended.at[attended.first[started]] // DAY
    last = attended.at[attended.first[started + 1] - 1] // DAY
    ending, at = found.ending[started], found.at[started]
    # Whoever is seen after a closure has not ended yet; a dropout is dated by its definition, which may be a gap that
    # was followed by a return.
    ended = np.where(at == NEVER, last, at // DAY)
    ended = np.where(ending == DROPOUT, np.maximum(ended, first), np.maximum(ended, last))
    happened = (ending != ONGOING) & (ended < until)
    unsure = (ending == ONGOING) & (last < until)
    stop = np.where(happened, ended + 1, np.where(unsure, last, until)) - first
    start = np.zeros(len(first)) if since is None else np.maximum(since - first, 0)
    there = stop > start
    late = first >= until
    notes = [
        *_left_out(int((~begun).sum()), "never attended a session, so their time in care never began"),
        *_left_out(int((begun & ~found.can_tell).sum()), "the definition lacks what it needs to say whether they are dropouts; "
                   "if those stay shorter or longer than others, times are off"),
        *_left_out(int(late.sum()), "began after the last day that is followed"),
        *_left_out(int((happened & ~there).sum()), "ended before the records are complete"),
        *_told(int((there & (start > 0)).sum()), "entered late, being in care already when the records begin"),
        *_told(int((unsure & there).sum()), "followed only until just before the last session: nobody knows yet whether "
                                            "it was the last of all"),
        *_left_out(int((~there & ~late & ~happened).sum()), "nothing is known of what came after the first session, or "
                                                            "after the records are complete"),
    ]
    return _Risk(started[there], start[there].astype(float), stop[there].astype(float),
                 np.where(happened, ending, ONGOING)[there]), notes


def _by_sessions(
    attended: _Attended, by_days: _Risk, until: int, since: int | None, endings: np.ndarray
) -> tuple[_Risk, list[str]]:
    """The same episodes by attended sessions.

    What became of the client after a session is asked of sessions before `until` alone. Where the last of all is among
    them the ending counts, even if the file was closed later; the days clock would wait for the closure.
    """
    n_episodes = len(attended.first) - 1
    everyone = np.full(n_episodes, until * DAY)
    n_until = attended.before(everyone)[by_days.episode]
    n_all = np.diff(attended.first)[by_days.episode]
    # By its definition a dropout may have ended before the last session on record.
    first_day = attended.at[attended.first[by_days.episode]] // DAY
    over = np.full(n_episodes, until * DAY)
    dropped = by_days.ending == DROPOUT
    over[by_days.episode[dropped]] = (first_day + by_days.exit.astype(np.int64))[dropped] * DAY
    n_dropped = attended.before(over)[by_days.episode]
    ending = endings[by_days.episode]
    ends = dropped | ((ending != ONGOING) & (n_all == n_until))
    unsure = (ending == ONGOING) & (n_all == n_until)
    stop = np.where(dropped, n_dropped, np.where(unsure, n_until - 1, n_until))
    start = (np.zeros(len(stop)) if since is None
             else attended.before(np.full(n_episodes, since * DAY))[by_days.episode])
    there = stop > start
    return _Risk(by_days.episode[there], start[there].astype(float), stop[there].astype(float),
                 np.where(ends, ending, ONGOING)[there]), _left_out(
                     int((~there).sum()), "no session while they were at risk")


def _whole(timeline: Timeline, attended: _Attended, risk: _Risk, columns: Columns) -> pd.DataFrame:
    """One row an episode."""
    frame = _who(timeline, risk.episode, attended.row[attended.first[risk.episode]])
    return frame.assign(start=risk.entry, stop=risk.exit, ending=np.array(ENDINGS)[risk.ending],
                        **columns.of_episodes(risk.episode))


def _stretches(timeline: Timeline, attended: _Attended, risk: _Risk, clock: str, columns: Columns) -> pd.DataFrame:
    """One row for each stretch from an attended session to the next, with what was known as it began."""
    place = np.full(len(timeline), -1)
    place[risk.episode] = np.arange(len(risk.episode))
    mine = np.flatnonzero(place[attended.episode] >= 0)
    whose = place[attended.episode[mine]]
    begins = attended.first[attended.episode[mine]]
    on_clock = attended.at[mine] // DAY - attended.at[begins] // DAY if clock == "days" else mine - begins
    # Of several sessions of one day the last has seen the others.
    same = np.append((whose[1:] == whose[:-1]) & (on_clock[1:] == on_clock[:-1]), False)[: len(whose)]
    mine, whose, on_clock = mine[~same], whose[~same], on_clock[~same]
    is_last = np.append(whose[1:] != whose[:-1], True)[: len(whose)]
    following = np.where(is_last, np.inf, np.append(on_clock[1:], 0)[: len(whose)])
    start = np.maximum(on_clock, risk.entry[whose])
    stop = np.minimum(following, risk.exit[whose])
    there = stop > start
    mine, whose, start, stop = mine[there], whose[there], start[there], stop[there]
    ends = stop == risk.exit[whose]
    frame = _who(timeline, attended.episode[mine], attended.row[mine])
    return frame.assign(start=start, stop=stop, ending=np.array(ENDINGS)[np.where(ends, risk.ending[whose], ONGOING)],
                        **columns.at(attended.episode[mine], attended.at[mine]))


def _who(timeline: Timeline, episode: np.ndarray, row: np.ndarray) -> pd.DataFrame:
    sessions = timeline.tables.sessions
    frame = timeline.episodes[["client_id", "episode_id"]].iloc[episode].reset_index(drop=True)
    for name in ("therapist_id", "clinic_id"):
        frame[name] = (sessions[name].iloc[row].reset_index(drop=True) if name in sessions
                       else pd.Series(None, index=frame.index, dtype="str"))
    return frame


def _day(day: int) -> str:
    return str(times(np.array([day * DAY]))[0])[:10]


def _left_out(n: int, why: str) -> list[str]:
    return [f"left out: {n:,} {'episode' if n == 1 else 'episodes'}: {why}"] if n else []


def _told(n: int, what: str) -> list[str]:
    return [f"{n:,} {'episode' if n == 1 else 'episodes'} {what}"] if n else []

