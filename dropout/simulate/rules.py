"""The rules of the simulated clinics: every number that decides who stays, who cancels and who leaves.

A scenario is a set of rules. In `plain`, history and words both matter. In `text-only`, only the words of
the last cancelling message matter. In `history-only`, words are drawn without regard to anything. In
`nothing`, all hazards are constant, so that only the silence itself (is a session booked, and for how long has
nothing been heard) tells anything.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

SCENARIOS = ("plain", "text-only", "history-only", "nothing")
INTENTS = ("ends_therapy", "vague_deferral", "concrete_reschedule", "cancel_only", "other", "none")
ENDS, VAGUE, CONCRETE, CANCEL_ONLY, OTHER, NO_WORDS = range(6)


@dataclass(frozen=True)
class Rules:
    """Numbers of one scenario; probabilities are logits where the name ends in `_logit`."""

    history: bool = True  # do a client's past and traits change the hazards?
    words: bool = True  # do the words of a cancelling message change them?

    # outcome of a booked session
    no_show_logit: float = -3.4
    cancel_logit: float = -1.95
    clinic_cancel: float = 0.03

    # after an attended session with nothing booked beyond it
    unbooked_logit: float = -2.8  # the client goes home without a new booking
    gone_after_session_logit: float = -2.8
    told_share: float = 0.07  # of those unbooked: say on the same day that they stop
    gone_told_logit: float = 2.2

    # after a missed session
    gone_after_no_show_logit: float = -2.7
    series_kept_after_no_show: float = 0.6
    rebook_after_no_show: float = 0.25
    intent_logits: tuple[float, ...] = (-1.9, -0.1, 0.15, 0.5, -1.9, 0.0)
    intent_tilt: tuple[float, ...] = (0.8, 0.4, -0.35, 0.0, 0.0, 0.0)  # change per unit of disengagement
    rebook_at_once: tuple[float, ...] = (0.02, 0.07, 0.65, 0.28, 0.35, 0.25)
    series_kept: tuple[float, ...] = (0.08, 0.35, 0.85, 0.85, 0.8, 0.75)
    gone_logit: tuple[float, ...] = (1.2, -1.5, -3.6, -3.0, -2.8, -2.6)
    clinic_words_sd: float = 0.5  # how much the same words differ between clinics
    median_days: tuple[float, ...] = (35.0, 21.0, 6.0, 12.0, 12.0, 13.0)
    median_days_no_show: float = 11.0
    median_days_session: float = 9.0
    return_shape: float = 1.9  # log-logistic: a heavy tail, some come back after months
    gone_per_disengagement: float = 1.3
    gone_per_miss: float = 0.35

    # endings that are not dropouts
    talk_near_plan: float = 0.4  # a session with at most three planned ones left: the ending is discussed
    talk_otherwise: float = 0.018
    final_after_talk: float = 0.3
    final_untalked: float = 0.002
    conflict: float = 0.002
    fee_ending: float = 0.18  # a session while more than FEE_LIMIT is owed
    administrative: float = 0.0025
    closing_lag_days: float = 21.0

    # closures of the silent, entered in bulk on the last working day of a month
    bulk_after_days: float = 42.0
    told_closed_share: float = 0.55
    told_closed_days: float = 40.0

    # people
    therapist_sd: float = 0.45
    engagement_sd: float = 0.2
    leave_per_year: float = 0.12
    cover_share: float = 0.6


FEE, FEE_LIMIT = 80.0, 390.0


def rules_of(scenario: str) -> Rules:
    """Rules of a named scenario.

    Raises
    ------
    ValueError
        If there is no scenario of that name.
    """
    plain = Rules()
    if scenario == "plain":
        return plain
    if scenario == "history-only":
        return replace(
            plain,
            words=False,
            intent_tilt=(0.0,) * 6,
            rebook_at_once=(0.3,) * 6,
            series_kept=(0.7,) * 6,
            gone_logit=(-1.85,) * 6,
            clinic_words_sd=0.0,
            median_days=(12.0,) * 6,
            told_share=0.0,
            told_closed_share=0.0,
        )
    # Constant hazards: one cadence, one booking ahead, no traits, the same chance of being gone in every silence.
    flat = replace(
        plain,
        history=False,
        unbooked_logit=-2.9,
        gone_after_session_logit=-2.15,
        gone_after_no_show_logit=-2.15,
        told_share=0.0,
        told_closed_share=0.0,
        intent_tilt=(0.0,) * 6,
        median_days=(12.0,) * 6,
        median_days_no_show=12.0,
        median_days_session=12.0,
        gone_per_disengagement=0.0,
        gone_per_miss=0.0,
        talk_near_plan=0.0,
        talk_otherwise=0.0,
        final_untalked=0.022,
        conflict=0.002,
        fee_ending=0.0,
        closing_lag_days=0.0,
        therapist_sd=0.0,
        engagement_sd=0.0,
    )
    if scenario == "text-only":
        return replace(flat, gone_logit=(1.2, -0.8, -3.6, -2.9, -2.7, -2.5), clinic_words_sd=0.3)
    if scenario == "nothing":
        return replace(
            flat,
            words=False,
            rebook_at_once=(0.3,) * 6,
            series_kept=(0.7,) * 6,
            gone_logit=(-2.15,) * 6,
            clinic_words_sd=0.0,
        )
    raise ValueError(f"scenario is '{scenario}'; expected one of {', '.join(SCENARIOS)}")


def chance(logit: np.ndarray | float) -> np.ndarray:
    """Probability of a logit."""
    return 1.0 / (1.0 + np.exp(-np.asarray(logit, dtype=float)))
