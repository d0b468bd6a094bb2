"""Simulated clinics with a known truth, for teaching and for tests.

In goes a number of clients, a seed and a scenario; out come the five tables of a history as known at the
extraction date and, if asked for, the true probabilities and what happened. It stands alone: it knows the columns of
the tables and imports nothing else of the package, and nothing learnt here says anything about real clients.
"""

from dropout.simulate.rules import SCENARIOS
from dropout.simulate.world import World, simulate
from dropout.simulate.write import write_tables, write_truth

__all__ = ["SCENARIOS", "World", "simulate", "write_tables", "write_truth"]
