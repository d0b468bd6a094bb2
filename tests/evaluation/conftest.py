"""A small simulated history with its truth, made once."""

from __future__ import annotations

import pytest

from dropout.history import History, read_history
from dropout.simulate import World, simulate, write_truth


@pytest.fixture(scope="session")
def world() -> World:
    """Return a simulated world of 300 clients with a truth of few roll-outs."""
    return simulate(300, seed=11, truth=True, rollouts=60, extraction="2026-03-31")


@pytest.fixture(scope="session")
def history(world: World) -> History:
    """Return its history."""
    return read_history(world.tables)


@pytest.fixture(scope="session")
def truth_folder(world: World, tmp_path_factory: pytest.TempPathFactory):
    """Return the folder of its truth."""
    folder = tmp_path_factory.mktemp("truth")
    write_truth(world.truth, folder)
    return folder
