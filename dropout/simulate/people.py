"""Clinics, therapists and clients of the simulated world, before anything happens to them.

All traits are fixed for the whole of a client's care: they are drawn once, at the door.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dropout.simulate.calendar import DAY, NEVER, weekday
from dropout.simulate.rules import INTENTS, Rules

YEARS_BACK_DAYS = 910
CLIENTS_PER_THERAPIST = 22
PLANS = np.array([12, 16, 20, 24, 30, 40])
EMPLOYMENT = np.array(["employed", "unemployed", "student", "retired", "carer"])
REFERRAL = np.array(["self", "gp", "employer", "hospital"])
MEASURES_OF_CLINIC = (("phq9", "gad7", "srs"), ("oq45", "srs"), ("phq9", "gad7", "wai_sr"), ("phq9", "srs"),
                      ("oq45", "wai_sr"), ("gad7", "srs"))


@dataclass(frozen=True)
class Clinics:
    """Clinics and their therapists.

    Attributes
    ----------
    words : float array, shape (clinics, intents)
        What the same words mean at this clinic: added to the logit of never coming back.
    closing : float array, shape (clinics,)
        Chance at each month's end that a silent episode is closed.
    therapist_clinic, therapist_effect, leaves_at, covered : arrays, one per therapist
        The second half are the successors, who never leave: therapist `j` is followed by `j + successors`.
    """

    words: np.ndarray
    closing: np.ndarray
    charges: np.ndarray
    reminds: np.ndarray
    therapist_clinic: np.ndarray
    therapist_effect: np.ndarray
    leaves_at: np.ndarray
    covered: np.ndarray
    successors: int


def draw_clinics(n_clients: int, extraction: int, rules: Rules, rng: np.random.Generator) -> Clinics:
    """Clinics and therapists for so many clients; one therapist for about 22 of them."""
    n = 4 if n_clients < 300 else 5 if n_clients < 3000 else 6
    first = max(n, round(n_clients / CLIENTS_PER_THERAPIST))
    clinic = np.concatenate([np.arange(n), _below(rng, n, first - n)])
    effect = rules.therapist_sd * rng.standard_normal(2 * first)
    rate = max(rules.leave_per_year, 1e-9) / 365.25
    stays = np.ceil(-np.log1p(-rng.random(first)) / rate).astype(np.int64)
    leaves = np.full(2 * first, NEVER, dtype=np.int64)
    begin = extraction // DAY - YEARS_BACK_DAYS
    leaves[:first] = np.minimum((begin + np.minimum(stays, 200_000)) * DAY, NEVER)
    covered = np.concatenate([rng.random(first) < rules.cover_share, np.ones(first, dtype=bool)])
    return Clinics(
        words=rules.clinic_words_sd * rng.standard_normal((n, len(INTENTS))),
        closing=0.2 + 0.4 * rng.random(n),
        charges=np.arange(n) % 3 != 2,
        reminds=np.arange(n) % 2 == 0,
        therapist_clinic=np.concatenate([clinic, clinic]),
        therapist_effect=effect,
        leaves_at=leaves,
        covered=covered,
        successors=first,
    )


def _below(rng: np.random.Generator, limit: int, n: int) -> np.ndarray:
    """Whole numbers from 0 to `limit` - 1, from uniform draws, whose stream is the same in every NumPy."""
    return np.floor(limit * rng.random(n)).astype(np.int64)


def draw_clients(n: int, clinics: Clinics, extraction: int, rules: Rules,
                 rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Traits of `n` clients as arrays of length `n`, with the minute at which their first episode opens."""
    opened = (extraction // DAY - 1 - np.floor(YEARS_BACK_DAYS * rng.random(n)).astype(np.int64))
    opened -= np.maximum(weekday(opened) - 4, 0)
    opened_at = opened * DAY + 540 + 5 * _below(rng, 84, n)
    therapist = _below(rng, clinics.successors, n)
    therapist = np.where(clinics.leaves_at[therapist] <= opened_at, therapist + clinics.successors, therapist)
    cadence = np.array([7, 14, 28])[np.searchsorted([0.68, 0.93], rng.random(n))]
    several = rng.random(n)
    weekly = np.array([1, 2, 4])[np.searchsorted([0.5, 0.75], several)]
    block = np.where(cadence == 7, weekly, np.where((cadence == 14) & (several > 0.7), 2, 1))
    year = 2026 - np.clip(np.round(38 + 13 * rng.standard_normal(n)), 17, 84).astype(np.int64)
    job = np.searchsorted([0.56, 0.7, 0.84, 0.92], rng.random(n))
    traits = {
        "opened_at": opened_at,
        "therapist": therapist,
        "clinic": clinics.therapist_clinic[therapist],
        "cadence": cadence,
        "block": block,
        "weekday": _below(rng, 5, n),
        "slot": _below(rng, 21, n),
        "engagement": rules.engagement_sd * rng.standard_normal(n),
        "unreliable": 0.6 * rng.standard_normal(n),
        "slowness": np.exp(0.35 * rng.standard_normal(n)),
        "planned": np.where(rng.random(n) < 0.55, PLANS[_below(rng, len(PLANS), n)], 0),
        "forgotten": rng.random(n) < 0.1,
        "pays": np.where(rng.random(n) < 0.06, 0.25, 0.97),
        "birth_year": year,
        "employment": job,
        "referral": _below(rng, len(REFERRAL), n),
        "mode": np.searchsorted([0.6, 0.93], rng.random(n)),
        "channel": np.searchsorted([0.5, 0.72, 0.88], rng.random(n)),
        "measured": 0.25 + 0.75 * rng.random(n),
        "liking": 0.75 * rng.standard_normal(n),
        "distress": rng.standard_normal(n),
    }
    traits["burden"] = 0.45 * (year > 1998) + 0.45 * (job == 1)
    traits["closing"] = clinics.closing[traits["clinic"]]
    traits["charged"] = clinics.charges[traits["clinic"]]
    if not rules.history:
        everybody = {"cadence": 7, "block": 1, "unreliable": 0.0, "slowness": 1.0, "burden": 0.0, "closing": 0.4}
        for name, value in everybody.items():
            traits[name] = np.full(n, value, dtype=traits[name].dtype)
    return traits
