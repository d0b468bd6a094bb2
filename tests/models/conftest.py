"""Past silences of the simulated history, and a clock of both kinds fitted on them, for the tests of what is read off it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from past_silences import Past

from dropout.history import History
from dropout.models.clock import SilenceClock
from dropout.models.model import DropoutModel

# The random histories of the timeline's tests.
sys.path.insert(0, str(Path(__file__).parents[1] / "timeline"))


@pytest.fixture(scope="session")
def past(history: History, model: DropoutModel) -> Past:
    """Silences known by the extraction date."""
    return Past.of(history.timeline, model)


@pytest.fixture(scope="session")
def clock(past: Past) -> SilenceClock:
    """A clock of cure model and trees."""
    return past.clock("stack")
