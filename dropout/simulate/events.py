"""What an event does to the visible state: a session, a miss, a return, a closure, a therapist who leaves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dropout.simulate import calendar as cal
from dropout.simulate import record as rec
from dropout.simulate.calendar import DAY, NEVER
from dropout.simulate.hazards import (
    ATTEND,
    BOOKED,
    CLIENT_CANCEL,
    CLIENT_DROPOUT,
    CLINIC_CANCEL,
    CLOSE,
    COMPLETED,
    GONE_UNCLOSED,
    LEAVE,
    NO_SHOW,
    NOTHING_MORE,
    REFERRED_ON,
    RETURN,
    SERVICE_ENDED,
    SILENT,
    THERAPIST_LEFT,
    State,
    disengagement,
    gone_after_miss,
    take,
)
from dropout.simulate.record import Record
from dropout.simulate.rules import ENDS, FEE, FEE_LIMIT, NO_WORDS, Rules, chance

LONG_SILENT_DAYS = 60


@dataclass
class Next:
    """What happens next: kind of event, the minute it is seen, and for a closure its reason."""

    kind: np.ndarray
    at: np.ndarray
    reason: np.ndarray


def apply(state: State, coming: Next, rules: Rules, rng: np.random.Generator, words: np.ndarray,
          record: Record | None) -> None:
    """Let each episode's next event happen: `state` is changed in place, and the event taken down."""
    happens = coming.kind != NOTHING_MORE
    state["ending"][~happens] = GONE_UNCLOSED
    state["t"][happens] = coming.at[happens]
    u = rng.random((6, len(happens)))
    handlers = ((ATTEND, _attend), (NO_SHOW, _no_show), (CLIENT_CANCEL, _client_cancel),
                (CLINIC_CANCEL, _clinic_cancel), (RETURN, _return), (LEAVE, _therapist_leaves))
    for kind, handle in handlers:
        who = np.flatnonzero(coming.kind == kind)
        if len(who):
            handle(state, who, rules, u[:, who], rng, words, record)
    who = np.flatnonzero(coming.kind == CLOSE)
    _close(state, who, coming.at[who], coming.reason[who], record)


def _attend(state: State, who: np.ndarray, rules: Rules, u: np.ndarray, rng: np.random.Generator,
            words: np.ndarray, record: Record | None) -> None:
    at = state["t"][who]
    _take_down(state, who, rec.ATTENDED, at, record)
    state["n_attended"][who] += 1
    state["missed"][who] = 0
    state["last_kind"][who] = ATTEND
    state["cancelled_start"][who] = -1
    state["last_attended"][who] = at
    state["newly_covered"][who] = np.maximum(state["newly_covered"][who] - 1, 0)
    _change_within(state, who, u, rng)
    if record is not None:
        record.add("measures", state["row"][who], at, state["alliance"][who], state["distress"][who])
    _pop(state, who)
    state["since"][who] = at + 50

    service = rules.conflict + rules.fee_ending * (state["owed"][who] > FEE_LIMIT)
    other = np.full(len(who), rules.administrative)
    last_booked = state["n_pending"][who] == 0
    final = np.where(state["talked"][who], rules.final_after_talk, rules.final_untalked)
    final = np.where(last_booked & ((state["n_attended"][who] >= 6) | (not rules.history)), final, 0.0)
    ends = u[0] < service + other + final
    stays = ~ends
    _talk(state, who[stays], u[1, stays], rules, record)

    # Whoever ends with sessions still booked: the clinic takes them out of the diary at once.
    booked = ends & ~last_booked
    _remove_pending(state, who[booked], 60, record)
    state["since"][who[booked]] += 10
    unbooked, gone, told = _unbooked_chances(state, who, rules)
    goes_home = stays & last_booked & (u[2] < unbooked)
    says_so = goes_home & (u[3] < told)
    silent = goes_home & ~says_so
    _book(state, who[stays & last_booked & ~goes_home], at[stays & last_booked & ~goes_home] + 50)

    if rules.closing_lag_days <= 0:
        place = u[0] / np.maximum(service + other + final, 1e-12)
        edges = np.array([service, service + other]) / np.maximum(service + other + final, 1e-12)
        reason = np.array([SERVICE_ENDED, REFERRED_ON, COMPLETED])[(place >= edges).sum(axis=0)]
        _close(state, who[ends], at[ends] + 120, reason[ends], record)
    else:
        # A silence that may be any of these; which one is not known until something is seen.
        stay = 1.0 - service - other - final
        quiet = stay * unbooked * (1.0 - told)
        total = np.where(last_booked, service + other + final + quiet, service + other)
        waiting = silent | ends
        leaving = np.where(last_booked, quiet * gone, 0.0) / total
        _fall_silent(state, who[waiting], leaving[waiting], rules.median_days_session * _pace(state, who[waiting]))
        for name, part in (("w_completed", final), ("w_service", service), ("w_other", other)):
            state[name][who[waiting]] = (part / total)[waiting]
        silent = np.zeros_like(silent)
    _fall_silent(state, who[silent], gone[silent], rules.median_days_session * _pace(state, who[silent]))
    if says_so.any():
        speaker = who[says_so]
        at_goodbye = at[says_so] + 70
        state["since"][speaker] = at_goodbye
        leaves = chance(rules.gone_told_logit + disengagement(take(state, speaker), rules))
        _fall_silent(state, speaker, leaves, rules.median_days[ENDS] * _pace(state, speaker))
        state["said_end"][speaker] = True
        if record is not None:
            record.add("messages", state["row"][speaker], at_goodbye, ENDS, -1)


def _unbooked_chances(state: State, who: np.ndarray, rules: Rules) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Chances of going home unbooked, of being gone then, and of saying so."""
    d = disengagement(take(state, who), rules)
    unbooked = chance(rules.unbooked_logit + 0.6 * d * rules.history)
    gone = chance(rules.gone_after_session_logit + rules.gone_per_disengagement * d)
    return unbooked, gone, np.full(len(who), rules.told_share)


def _change_within(state: State, who: np.ndarray, u: np.ndarray, rng: np.random.Generator) -> None:
    """Alliance and distress move from session to session; what is owed grows for those who do not pay."""
    step = rng.standard_normal((2, len(who)))
    before = state["alliance"][who]
    after = 0.88 * before + 0.12 * state["liking"][who] + 0.3 * step[0]
    state["alliance"][who] = after
    state["alliance_drop"][who] = before - after
    state["distress"][who] += -0.045 - 0.03 * after + 0.2 * step[1]
    unpaid = state["charged"][who] & (u[5] >= state["pays"][who])
    state["owed"][who] = np.where(unpaid, state["owed"][who] + FEE, 0.0)


def _talk(state: State, who: np.ndarray, u: np.ndarray, rules: Rules, record: Record | None) -> None:
    planned, n = state["planned"][who], state["n_attended"][who]
    near = (planned > 0) & (n >= planned - 3)
    likely = np.where(near, rules.talk_near_plan, np.where(n >= 6, rules.talk_otherwise, 0.0))
    likely = likely * np.where(state["distress"][who] < -0.5, 1.5, 1.0)
    talks = (u < likely) & ~state["talked"][who]
    state["talked"][who[talks]] = True
    if record is not None:
        record.add("talks", state["row"][who[talks]], state["t"][who[talks]] + 50)


def _no_show(state: State, who: np.ndarray, rules: Rules, u: np.ndarray, rng: np.random.Generator,
             words: np.ndarray, record: Record | None) -> None:
    at = state["t"][who]
    _take_down(state, who, rec.NO_SHOW, at, record)
    state["missed"][who] += 1
    state["last_kind"][who] = NO_SHOW
    _pop(state, who)
    state["since"][who] = at + 90
    kept = (u[0] < rules.series_kept_after_no_show) & ((state["missed"][who] < 2) | (not rules.history))
    _remove_pending(state, who[~kept], 60, record)
    unbooked = state["n_pending"][who] == 0
    called = unbooked & (u[1] < rules.rebook_after_no_show)
    _rebook(state, who[called], at[called] + 90, u[2, called])
    silent = who[unbooked & ~called]
    gone = gone_after_miss(take(state, silent), rules, rules.gone_after_no_show_logit)
    _fall_silent(state, silent, gone, rules.median_days_no_show * _pace(state, silent))


def _client_cancel(state: State, who: np.ndarray, rules: Rules, u: np.ndarray, rng: np.random.Generator,
                   words: np.ndarray, record: Record | None) -> None:
    at, start = state["t"][who], state["next_at"][who]
    late = start - at < DAY
    _take_down(state, who, np.where(late, rec.LATE_CANCEL, rec.CLIENT_CANCEL), at, record)
    d = disengagement(take(state, who), rules)
    odds = np.exp(np.array(rules.intent_logits)[:, None] + np.array(rules.intent_tilt)[:, None] * d)
    edges = np.cumsum(odds, axis=0)
    intent = np.minimum((u[0] * edges[-1] >= edges[:-1]).sum(axis=0), NO_WORDS)
    if record is not None:
        record.add("messages", state["row"][who], at, intent, start)
    state["missed"][who] += 1
    state["last_kind"][who] = CLIENT_CANCEL
    state["cancelled_start"][who] = start
    state["cancelled_at"][who] = at
    _pop(state, who)
    state["since"][who] = at

    # Another time is agreed at once: in place of the only booking, or squeezed in before the rest of the series.
    agreed = u[1] < np.array(rules.rebook_at_once)[intent]
    more = state["n_pending"][who] > 0
    fits = np.where(more, state["next_at"][who] // DAY - at // DAY > 4, True)
    moved = agreed & fits
    kept = ~moved & more & (u[2] < np.array(rules.series_kept)[intent])
    _squeeze_in(state, who[moved & more], at[moved & more] + 3, u[3, moved & more])
    _rebook(state, who[moved & ~more], at[moved & ~more] + 3, u[3, moved & ~more])
    quiet = ~moved & ~kept
    silent, meant = who[quiet], intent[quiet]
    _remove_pending(state, silent, 12, record)
    state["since"][silent] += 12
    part = take(state, silent)
    logit = np.array(rules.gone_logit)[meant] + words[part["clinic"], meant]
    gone = gone_after_miss(part, rules, logit)
    _fall_silent(state, silent, gone, np.array(rules.median_days)[meant] * _pace(state, silent))
    state["said_end"][silent] = meant == ENDS


def _clinic_cancel(state: State, who: np.ndarray, rules: Rules, u: np.ndarray, rng: np.random.Generator,
                   words: np.ndarray, record: Record | None) -> None:
    at = state["t"][who]
    _take_down(state, who, rec.CLINIC_CANCEL, at, record)
    state["last_kind"][who] = CLINIC_CANCEL
    _pop(state, who)
    state["since"][who] = at
    unbooked = state["n_pending"][who] == 0
    offered = unbooked & (u[0] < 0.92)
    _rebook(state, who[offered], at[offered] + 3, u[1, offered])
    silent = who[unbooked & ~offered]
    d = disengagement(take(state, silent), rules)
    gone = chance(rules.gone_after_session_logit + rules.gone_per_disengagement * d)
    _fall_silent(state, silent, gone, rules.median_days_session * _pace(state, silent))


def _return(state: State, who: np.ndarray, rules: Rules, u: np.ndarray, rng: np.random.Generator,
            words: np.ndarray, record: Record | None) -> None:
    _rebook(state, who, state["t"][who], u[0])


def _therapist_leaves(state: State, who: np.ndarray, rules: Rules, u: np.ndarray, rng: np.random.Generator,
                      words: np.ndarray, record: Record | None) -> None:
    at = state["t"][who]
    booked = state["phase"][who] == BOOKED
    _remove_pending(state, who[booked], 0, record)
    covered = state["covered"][who]
    quiet_days = (at - np.maximum(state["since"][who], state["last_attended"][who])) / DAY
    reason = np.where(~booked & (quiet_days > LONG_SILENT_DAYS), CLIENT_DROPOUT, THERAPIST_LEFT)
    _close(state, who[~covered], at[~covered], reason[~covered], record)
    follows = who[covered]
    state["therapist"][follows] = state["successor"][follows]
    state["effect"][follows] = state["successor_effect"][follows]
    state["leaves_at"][follows] = NEVER
    state["newly_covered"][follows] = 3
    state["alliance"][follows] -= 0.4
    handed_on = covered & booked
    _rebook(state, who[handed_on], at[handed_on], u[0, handed_on])


def _pace(state: State, who: np.ndarray) -> np.ndarray:
    """How slowly a client returns, against a weekly client of average slowness."""
    return state["slowness"][who] * np.sqrt(state["cadence"][who] / 7.0)


def _fall_silent(state: State, who: np.ndarray, gone: np.ndarray, median: np.ndarray) -> None:
    state["phase"][who] = SILENT
    state["n_pending"][who] = 0
    state["w_gone"][who] = gone
    state["median"][who] = median
    state["said_end"][who] = False
    for name in ("w_completed", "w_service", "w_other"):
        state[name][who] = 0.0


def _book(state: State, who: np.ndarray, at: np.ndarray) -> None:
    """Book the client's next block of regular sessions."""
    start = cal.next_regular(state["last_attended"][who], state["cadence"][who], state["weekday"][who],
                             state["slot"][who])
    one = (state["n_attended"][who] < 3) | state["talked"][who]
    _set_bookings(state, who, at, start, np.where(one, 1, state["block"][who]))


def _rebook(state: State, who: np.ndarray, at: np.ndarray, u: np.ndarray) -> None:
    """Book one session within the next ten days, in another slot than before."""
    state["slot"][who] = _fresh_slot(state, who)
    day = cal.on_weekday(at // DAY + 1 + np.floor(9 * u * u).astype(np.int64))
    _set_bookings(state, who, at, cal.start_of(day, state["slot"][who]), np.ones(len(who), np.int64))


def _fresh_slot(state: State, who: np.ndarray) -> np.ndarray:
    """A slot not used in the last twenty changes, so that no cancelled session is booked once more to the minute."""
    state["moves"][who] += 1
    return (state["first_slot"][who] + 8 * state["moves"][who]) % cal.SLOTS


def _squeeze_in(state: State, who: np.ndarray, at: np.ndarray, u: np.ndarray) -> None:
    """Book one session before the next of the series, in another slot."""
    slot = _fresh_slot(state, who)
    room = np.minimum(state["next_at"][who] // DAY - at // DAY - 3, 7)
    day = cal.on_weekday(at // DAY + 1 + np.floor(u * room).astype(np.int64))
    state["rest_at"][who], state["rest_booked"][who] = state["next_at"][who], state["next_booked"][who]
    state["next_at"][who], state["next_booked"][who] = cal.start_of(day, slot), at
    state["n_pending"][who] += 1
    state["since"][who] = at


def _set_bookings(state: State, who: np.ndarray, at: np.ndarray, start: np.ndarray, n: np.ndarray) -> None:
    state["phase"][who] = BOOKED
    state["n_pending"][who] = n
    state["next_at"][who], state["next_booked"][who] = start, at
    state["rest_at"][who] = start + state["cadence"][who] * DAY
    state["rest_booked"][who] = at
    state["since"][who] = at


def _pop(state: State, who: np.ndarray) -> None:
    state["n_pending"][who] -= 1
    state["next_at"][who], state["next_booked"][who] = state["rest_at"][who], state["rest_booked"][who]
    state["rest_at"][who] += state["cadence"][who] * DAY


def pending(state: State, who: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sessions booked ahead: position of the episode, start and time of booking, one row each."""
    n = state["n_pending"][who]
    owner = np.repeat(who, n)
    nth = np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n)
    later = state["rest_at"][owner] + (nth - 1) * state["cadence"][owner] * DAY
    start = np.where(nth == 0, state["next_at"][owner], later)
    return owner, start, np.where(nth == 0, state["next_booked"][owner], state["rest_booked"][owner])


def _remove_pending(state: State, who: np.ndarray, after_minutes: int, record: Record | None) -> None:
    if record is not None:
        owner, start, booked = pending(state, who)
        record.add("sessions", state["row"][owner], start, booked, rec.CLINIC_CANCEL,
                   state["t"][owner] + after_minutes, state["therapist"][owner], state["owed"][owner])
    state["n_pending"][who] = 0


def _take_down(state: State, who: np.ndarray, status: np.ndarray | int, at: np.ndarray,
               record: Record | None) -> None:
    if record is not None:
        record.add("sessions", state["row"][who], state["next_at"][who], state["next_booked"][who], status, at,
                   state["therapist"][who], state["owed"][who])


def _close(state: State, who: np.ndarray, at: np.ndarray, reason: np.ndarray, record: Record | None) -> None:
    state["ending"][who] = reason
    state["t"][who] = at
    if record is not None:
        record.add("closures", state["row"][who], at, reason)
