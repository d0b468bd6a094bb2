"""The nightly job: a model file and a history folder in, a folder of scores out."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from dropout.batch.atomic import whole_folder
from dropout.batch.folder import SCHEMAS, check_target, write_scores
from dropout.batch.manifest import fingerprint, fingerprints, is_complete, read_manifest, versions, write_manifest
from dropout.errors import CallError, Problem
from dropout.history import History, read_date, read_history
from dropout.models.model import DropoutModel
from dropout.progress import Progress

STALE_DAYS = 7
"""A date later than the extraction by more than this is remarked on: the silence since then is not the clients'."""


@dataclass(frozen=True)
class Scored:
    """What came of a scoring.

    Attributes
    ----------
    folder : Path
        Where the scores are.
    manifest : dict
        What `manifest.json` holds.
    already_there : bool
        Whether the same result was found complete and left as it is.
    warnings : list of Problem
        Warnings of the check of the history; empty where nothing was read.
    """

    folder: Path
    manifest: dict[str, Any]
    already_there: bool
    warnings: list[Problem] = field(default_factory=list)


def score_folder(
    history: str | Path, model: str | Path, out: str | Path, *, as_of: str | None = None, engine: str = "local",
    resume: bool = False, tz: str | None = None, day_first: bool = False, progress: Progress | None = None,
) -> Scored:
    """Scores of everybody in a history folder, now in the folder `out`, which appears whole or not at all.

    Parameters
    ----------
    history, model, out : path
        Folder of tables, file of a model, folder to make. Scores made earlier are replaced.
    as_of : date, optional
        Default: the extraction date.
    engine : {"local", "spark"}
        `spark` is not in this version.
    resume : bool
        Leave `out` as it is when it already holds this very result, complete.
    tz, day_first
        As for `read_history`.
    progress : function of (stage, done, total), optional

    Raises
    ------
    CallError
        If the call cannot be carried out: no such folder, a target that holds something else, no such engine.
    HistoryError
        If the history is wrong, with every problem.
    ModelError
        If the model cannot be read.
    """
    begun = time.monotonic()
    if engine != "local":
        raise CallError(f"the engine '{engine}' is not in this version; 'local' is, and needs nothing else. "
                        "Leave --engine out, or give --engine local.")
    out = check_target(out)
    at = None if as_of is None else read_date(as_of)
    source = Path(history)
    learnt = DropoutModel.load(model)
    deciding = {
        "engine": engine,
        "as_of": None if at is None else str(at),
        "versions": versions(),
        "model": {"sha256": fingerprint(Path(model)), "trained_until": str(learnt.trained_until),
                  "definition": learnt.definition_name, "recalibrated": _recalibrated(learnt)},
        "inputs": fingerprints(source) if source.is_dir() else {},
        "options": {"tz": tz, "day_first": day_first},
    }
    # Without a date the scores are as of the extraction, which only the tables tell.
    if resume and at is not None and is_complete(out, deciding):
        return Scored(out, read_manifest(out) or {}, already_there=True)
    known = read_history(source, tz=tz, day_first=day_first)
    read_in = time.monotonic() - begun
    deciding["as_of"] = str(known.known_until if at is None else at)
    if resume and is_complete(out, deciding):
        return Scored(out, read_manifest(out) or {}, already_there=True, warnings=known.problems)
    scores = learnt.score(known, as_of=at, progress=progress)
    scored_in = time.monotonic() - begun - read_in
    tables = {"dropout_risk": scores.dropout_risk, "reschedule": scores.reschedule}
    with whole_folder(out) as folder:
        write_scores(folder, tables)
        seconds = {"read": read_in, "score": scored_in, "write": time.monotonic() - begun - read_in - scored_in}
        write_manifest(folder, {
            **deciding,
            "extraction_date": str(known.known_until),
            "rows_in": {name: len(frame) for name, frame in known.tables.present().items()},
            "rows_known": rows_known(known, scores.as_of),
            "rows_out": {name: len(tables[name]) for name in SCHEMAS},
            "set_aside": scores.set_aside,
            "warnings": len(known.problems),
            "notes": [*stale(known.known_until, scores.as_of), *scores.notes],
            "seconds": {name: round(value, 2) for name, value in seconds.items()},
            "finished_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        })
    return Scored(out, read_manifest(out) or {}, already_there=False, warnings=known.problems)


def _recalibrated(model: DropoutModel) -> dict[str, Any] | None:
    """What a recalibration changed, for the manifest; None in a model as it was fitted."""
    layer = model.recalibration
    return None if layer is None or not layer.changes else {
        "until": str(layer.until), "dropout_60d": str(layer.risk[1]), "never_again": str(layer.gone)}


def rows_known(history: History, as_of: np.datetime64) -> dict[str, int]:
    """Rows of each table of which something was known by a date: those that the scores rest on."""
    return {name: len(frame) for name, frame in history.as_of(as_of).tables.present().items()}


def stale(extraction: np.datetime64, as_of: np.datetime64) -> list[str]:
    """A remark when the scores are asked for long after the tables end, else nothing."""
    days = int((as_of - extraction) / np.timedelta64(1, "D"))
    if days <= STALE_DAYS:
        return []
    return [f"the date asked for, {as_of}, is {days} days after the last fact in the tables ({extraction}): every "
            "client looks silent since then. Export the tables again"]
