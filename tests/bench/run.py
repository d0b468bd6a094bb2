"""How long reading, fitting and scoring take on simulated clinics, and how much memory, as a table.

    python tests/bench/run.py [--clients 4000] [--score-clients 10000] [--seed 1]

Each step runs in a process of its own, so that its peak of memory is its own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

TARGETS = {"fit": 60.0, "score": 20.0}


def simulate(folder: Path, clients: int, seed: int) -> str:
    """What was written: the tables of so many simulated clients."""
    from dropout.simulate import simulate, write_tables

    world = simulate(clients, seed=seed)
    write_tables(world.tables, folder)
    return f"{clients:,} clients, {len(world.tables['sessions']):,} sessions"


def read(folder: Path) -> str:
    """What was read."""
    from dropout.history import read_history

    return f"{sum(len(frame) for frame in read_history(folder).tables.present().values()):,} rows"


def fit(folder: Path, model: Path) -> str:
    """What was learnt from, reading included."""
    from dropout.history import read_history
    from dropout.models.model import DropoutModel

    fitted = DropoutModel().fit(read_history(folder))
    model.write_bytes(fitted.to_bytes())
    return f"{fitted.training['n_clients']:,} clients, {fitted.training['n_sessions']:,} sessions"


def score(folder: Path, model: Path, out: Path) -> str:
    """What was scored, reading and writing included."""
    from dropout.batch.score import score_folder

    rows = score_folder(folder, model, out).manifest["rows_out"]
    return f"{rows['dropout_risk']:,} open episodes, {rows['reschedule']:,} open cancellations"


def timed(name: str, work: Callable[..., str], *arguments: object) -> None:
    """Print one row of the table: the step, its seconds, its peak of memory, and what it did."""
    fresh = multiprocessing.get_context("spawn")  # a forked process would begin with this one's memory
    queue = fresh.Queue()
    process = fresh.Process(target=_in_process, args=(queue, work, arguments))
    process.start()
    process.join()
    if process.exitcode:
        sys.exit(f"{name} failed")
    seconds, megabytes, said = queue.get()
    target = f"{TARGETS[name]:.0f}" if name in TARGETS else ""
    print(f"{name:<14} {seconds:>8.1f} {target:>7} {megabytes:>9,.0f}   {said}", flush=True)


def _in_process(queue: multiprocessing.Queue, work: Callable[..., str], arguments: tuple) -> None:
    begun = time.perf_counter()
    said = work(*arguments)
    # Linux counts kilobytes, macOS bytes.
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    queue.put((time.perf_counter() - begun, megabytes, said))


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--clients", type=int, default=4000, help="to learn from (default: %(default)s)")
    options.add_argument("--score-clients", type=int, default=10_000, help="to score (default: %(default)s)")
    options.add_argument("--seed", type=int, default=1)
    args = options.parse_args()
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}\n")
    print(f"{'step':<14} {'seconds':>8} {'target':>7} {'peak MB':>9}   of what")
    with tempfile.TemporaryDirectory() as made:
        learn, apply, model = Path(made, "learn"), Path(made, "apply"), Path(made, "model.dropout")
        timed("simulate", simulate, learn, args.clients, args.seed)
        timed("read", read, learn)
        timed("fit", fit, learn, model)
        timed("simulate", simulate, apply, args.score_clients, args.seed + 1)
        timed("score", score, apply, model, Path(made, "scores"))


if __name__ == "__main__":
    main()
