"""The whole way on simulated clinics, each step announced as the command that a user would type."""

from __future__ import annotations

import shlex
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from dropout.batch.atomic import check_folder_place
from dropout.errors import CallError

MARK = "DEMO.md"
"""A file in the folder of a demo: what lies beside it may be taken away by the next one."""

DATE = "2026-06-30"
"""Extraction date of simulated tables, and the last date of their truth."""

PARTS = ("history", "truth", "model.dropout", "evaluation", "scores", "report.html")

ABOUT = """# A demonstration of dropout

All clients in this folder are simulated; nothing here says anything about real ones.

- `report.html`: the clinic's page. Open it first.
- `evaluation/`: how far the predictions can be trusted, beside trivial ones and beside the truth.
- `scores/`: both predictions, for every open episode and every open cancellation.
- `model.dropout`: what was learnt.
- `history/`: the tables. `truth/`: the probabilities by which the simulated clients behave.

`dropout demo` makes all of it again and replaces what is named here; other files in this folder stay.
"""


def demo(out: Path, *, clients: int, seed: int, run: Callable[[list[str]], int]) -> None:
    """Simulate, check, fit, evaluate, score and report into a folder, and say what to open.

    Parameters
    ----------
    out : path
        A new folder, an empty one, or that of an earlier demo.
    clients, seed : int
        Of the simulation.
    run : function
        Runs one command, given as its words.

    Raises
    ------
    CallError
        If `out` holds something else.
    DropoutError
        Whatever a step raises.
    """
    out = check_folder_place(out)
    if out.is_dir() and any(out.iterdir()) and not (out / MARK).is_file():
        raise CallError(f"the folder '{out}' holds something other than an earlier demo, and nothing in it will be "
                        "overwritten. Give another name with --out, or empty it first.")
    begun = time.monotonic()
    for part in PARTS:
        path = out / part
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    out.mkdir(exist_ok=True)
    (out / MARK).write_text(ABOUT, encoding="utf-8")
    history, truth, model, evaluation, scores, page = (str(out / part) for part in PARTS)
    steps = [
        ["simulate", "--out", history, "--clients", str(clients), "--seed", str(seed), "--truth", truth],
        ["check", history],
        ["fit", history, "--as-of", DATE, "--out", model],
        ["evaluate", history, "--model", model, "--as-of", DATE, "--truth", truth, "--out", evaluation],
        ["score", history, "--model", model, "--as-of", DATE, "--out", scores],
        ["report", history, "--model", model, "--as-of", DATE, "--evaluation", evaluation, "--out", page],
    ]
    for number, step in enumerate(steps, 1):
        print(f"\n[{number}/{len(steps)}] $ dropout {shlex.join(step)}", file=sys.stderr, flush=True)
        since = time.monotonic()
        run(step)
        sys.stdout.flush()
        print(f"      {time.monotonic() - since:.0f} s", file=sys.stderr, flush=True)
    print(f"\nThe demo took {time.monotonic() - begun:.0f} s. Now open:\n"
          f"  {page}  the clinic's page: who to call first, and who won't come back\n"
          f"  {evaluation}  how far to trust it (evaluation.json, calibration.png)\n"
          f"  {scores}  the scores, as a program reads them")
