"""An evaluation made earlier, read from its folder, so that nobody need wait for a new one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from dropout.errors import CallError
from dropout.evaluation.result import CARD, Evaluation
from dropout.models.model import DropoutModel

_TABLES = ("metrics", "calibration", "capacity")


def read_evaluation(folder: str | Path, model: DropoutModel) -> Evaluation:
    """The evaluation of this model in a folder that `dropout evaluate` made.

    Raises
    ------
    CallError
        If the folder holds none, or what it holds cannot be read, or it is of another model.
    """
    card = Path(folder) / CARD
    if not card.is_file():
        raise CallError(f"'{folder}' holds no evaluation. "
                        f"Make one: dropout evaluate HISTORY --model MODEL --out {folder}")
    try:
        held = json.loads(card.read_text(encoding="utf-8"))
        tables = {name: _table(rows) for name, rows in held["tables"].items()}
        lacking = [name for name in _TABLES if name not in tables]
        if lacking:
            raise KeyError(lacking[0])
        found = Evaluation(str(held["basis"]), tables, [str(note) for note in held["notes"]], dict(held["settings"]))
        _of(found)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as wrong:
        raise CallError(f"'{card}' cannot be read as an evaluation of this version. Make it again with "
                        "`dropout evaluate`.") from wrong
    check_same_model(found, model, f"the evaluation in '{folder}'", "leave --evaluation out")
    return found


def check_same_model(evaluation: Evaluation, model: DropoutModel, what: str, otherwise: str) -> None:
    """Raise CallError when an evaluation is of another model than this one.

    Parameters
    ----------
    evaluation : Evaluation
    model : DropoutModel
    what : str
        What the evaluation is called in the error.
    otherwise : str
        What can be done instead of evaluating this model.
    """
    of = _of(evaluation)
    if of != (str(model.trained_until), model.definition_name):
        raise CallError(f"{what} is of another model: that had learnt until {of[0]} ({of[1]}), this one until "
                        f"{model.trained_until} ({model.definition_name}). Evaluate this model, or {otherwise}.")


def _of(evaluation: Evaluation) -> tuple[str, str]:
    return str(evaluation.settings["trained_until"]), str(evaluation.settings["definition"])


def _table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows)
    for name in frame:
        if frame[name].isna().all():  # numbers of which none was known
            frame[name] = frame[name].astype(float)
    return frame
