"""Histories that several tests look at. Made once, by the package's own simulator, and never changed."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

from dropout.history import History, read_history
from dropout.models.model import DropoutModel
from dropout.simulate import simulate

# The same examples at every run, so that what passed once passes again; HYPOTHESIS_PROFILE=searching looks further.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("searching", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

CANARIES = ("Zebulonia Quackenbush", "555-0147", "zorbflangular")
"""A name, a number and a rare word, planted in messages. They must be in nothing that the package writes."""


@pytest.fixture(scope="session")
def simulated() -> dict:
    """Tables of 500 simulated clients (seed 7), with the canaries in every message of 100 of them."""
    tables = dict(simulate(500, seed=7).tables)
    messages = tables["messages"].copy()
    some = messages["client_id"].isin(sorted(messages["client_id"].unique())[:100])
    messages.loc[some, "text"] = messages.loc[some, "text"] + " " + " ".join(CANARIES)
    return tables | {"messages": messages}


@pytest.fixture(scope="session")
def canaries() -> tuple[str, ...]:
    """What must be found nowhere."""
    return CANARIES


@pytest.fixture(scope="session")
def history(simulated: dict) -> History:
    """The same, read."""
    return read_history(simulated)


@pytest.fixture(scope="session")
def model(history: History) -> DropoutModel:
    """A model of them as of three months before the extraction date."""
    return DropoutModel(seed=3).fit(history, as_of="2026-03-31")
