"""Clinics drawn from the very model of `random_intercept`: sessions at risk, each therapist with a hazard of their own."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dropout.survival.random_effects import WITHIN


def clinic(
    rng: np.random.Generator, share: float, link: str = "logit", n_therapists: int = 40, clients: int = 25, sessions: int = 12
) -> pd.DataFrame:
    """One row a client: therapists of unequal size, a hazard that falls with sessions, and `share` of the variance between."""
    sigma = np.sqrt(share / (1 - share) * WITHIN[link])
    size = 1 + rng.poisson(clients - 1, n_therapists)
    therapist = np.repeat(np.arange(n_therapists), size)
    eta = (-2.0 + sigma * rng.normal(size=n_therapists))[therapist, None] - 0.3 * np.log(np.arange(1, sessions + 1))
    hazard = 1 / (1 + np.exp(-eta)) if link == "logit" else 1 - np.exp(-np.exp(eta))
    leaves = rng.random(hazard.shape) < hazard
    limit = rng.integers(3, sessions + 1, len(therapist))
    at = np.where(leaves.any(axis=1), leaves.argmax(axis=1) + 1, sessions + 1)
    return pd.DataFrame({
        "client_id": [f"c{i}" for i in range(len(therapist))], "therapist_id": [f"t{i}" for i in therapist],
        "start": 0.0, "stop": np.minimum(at, limit).astype(float), "ending": np.where(at <= limit, "dropout", "ongoing")})
