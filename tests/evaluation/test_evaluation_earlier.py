"""Evaluations read again from their folders."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from dropout.errors import CallError
from dropout.evaluation.earlier import read_evaluation
from dropout.evaluation.result import CARD

MODEL = SimpleNamespace(trained_until=np.datetime64("2026-01-31T00:00:00"), definition_name="gone for 60 days")
HELD = {
    "basis": "as it is",
    "settings": {"trained_until": "2026-01-31T00:00:00", "definition": "gone for 60 days"},
    "notes": ["one"],
    "tables": {
        "metrics": [{"predictor": "model", "n": 3, "auc": None, "remark": ""},
                    {"predictor": "base rate", "n": 3, "auc": None, "remark": "rough"}],
        "calibration": [{"mean": 0.5}, {"mean": None}],
        "capacity": [],
    },
}


def held(folder: Path, content: object) -> Path:
    (folder / CARD).write_text(json.dumps(content))
    return folder


def test_tables_come_back_with_their_types(tmp_path: Path) -> None:
    found = read_evaluation(held(tmp_path, HELD), MODEL)
    assert found.basis == "as it is" and found.notes == ["one"]
    metrics = found.tables["metrics"]
    assert metrics["n"].dtype == np.int64 and metrics["auc"].dtype == np.float64 and metrics["auc"].isna().all()
    assert metrics["remark"].tolist() == ["", "rough"]
    assert found.tables["calibration"]["mean"].isna().tolist() == [False, True]
    assert len(found.tables["capacity"]) == 0


def test_the_evaluation_of_another_model_is_refused(tmp_path: Path) -> None:
    other = HELD | {"settings": HELD["settings"] | {"trained_until": "2025-01-31T00:00:00"}}
    with pytest.raises(CallError, match="of another model: that had learnt until 2025-01-31"):
        read_evaluation(held(tmp_path, other), MODEL)


@pytest.mark.parametrize("content", [[], {}, {"basis": 1}, HELD | {"tables": {}}, HELD | {"tables": {"metrics": 3}}])
def test_anything_else_is_refused(tmp_path: Path, content: object) -> None:
    with pytest.raises(CallError, match="cannot be read as an evaluation"):
        read_evaluation(held(tmp_path, content), MODEL)


def test_a_folder_without_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(CallError, match="holds no evaluation. Make one: dropout evaluate"):
        read_evaluation(tmp_path, MODEL)
