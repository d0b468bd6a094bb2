"""Models as files: weights as tensors and everything else as JSON, in one safetensors file. Nothing in it can run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from dropout.errors import ModelError
from dropout.models.boosting import Boosted
from dropout.models.clock import SilenceClock
from dropout.models.cure_clock import Clock
from dropout.models.cure_part import Part
from dropout.models.design import Design
from dropout.models.learner import Choice, Learner
from dropout.models.logistic import Logistic

FORMAT = 3
"""Version of the layout of the file."""


def to_bytes(head: dict[str, Any], tensors: dict[str, np.ndarray]) -> bytes:
    """The file of a model; the same model gives the same bytes."""
    text = json.dumps({"format": FORMAT, **head}, sort_keys=True, separators=(",", ":"))
    return save({name: np.ascontiguousarray(tensors[name]) for name in sorted(tensors)}, metadata={"dropout": text})


def read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Head and tensors of a model file.

    Raises
    ------
    ModelError
        If there is no such file, or it is not a model of this package, or of a version that cannot be read.
    """
    if path.is_dir():
        raise ModelError(f"'{path}' is a folder. Give the file that `dropout fit` made.")
    if not path.is_file():
        raise ModelError(f"there is no model file '{path}'. Make one: dropout fit HISTORY --out {path}")
    try:
        with safe_open(str(path), framework="np") as stored:
            head = json.loads((stored.metadata() or {})["dropout"])
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}
    except (SafetensorError, KeyError, ValueError, OSError) as wrong:
        raise ModelError(f"'{path}' is not a model made by `dropout fit`, or it is damaged. Fit it again.") from wrong
    if head.get("format") != FORMAT:
        raise ModelError(f"'{path}' has model format {head.get('format')}; this version reads format {FORMAT}. Fit it again.")
    return head, tensors


def learner_to(prefix: str, learner: Learner, tensors: dict[str, np.ndarray]) -> dict[str, Any]:
    """The plain part of a learner; its arrays are put into `tensors` under names that begin with `prefix`."""
    for i, model in enumerate(learner.additive):
        tensors[f"{prefix}.additive.{i}"] = np.append(model.coefficients, model.intercept)
    for i, trees in enumerate(learner.boosted):
        _trees_to(f"{prefix}.boosted.{i}", trees, tensors)
    return {"kind": learner.kind, "names": list(learner.names), "columns": list(learner.columns),
            "design": learner.design.to_json(), "boosted": len(learner.boosted)}


def learner_from(prefix: str, head: dict[str, Any], tensors: dict[str, np.ndarray]) -> Learner:
    """The learner that `learner_to` stored."""
    additive = tuple(
        Logistic(both[:-1].copy(), float(both[-1]))
        for both in (tensors[f"{prefix}.additive.{i}"] for i in range(len(head["names"]))))
    boosted = [_trees_from(f"{prefix}.boosted.{i}", tensors) for i in range(head["boosted"])]
    return Learner(head["kind"], tuple(head["names"]), Design.from_json(head["design"]), additive,
                   tuple(head["columns"]), tuple(boosted))


def clock_to(prefix: str, clock: SilenceClock, tensors: dict[str, np.ndarray]) -> dict[str, Any]:
    """The plain part of a silence clock; its arrays are put into `tensors`."""
    _cure_to(f"{prefix}.cure", clock.cure, tensors)
    if clock.files is not None:
        _cure_to(f"{prefix}.files", clock.files, tensors)
    if clock.trees is not None:
        _trees_to(f"{prefix}.trees", clock.trees, tensors)
    return {"kind": clock.kind, "design": clock.design.to_json(), "columns": list(clock.columns),
            "cure": [clock.cure.longest, clock.cure.parts[0].l2], "trees": clock.trees is not None,
            "files": None if clock.files is None else [clock.files.longest, clock.files.parts[0].l2]}


def clock_from(prefix: str, head: dict[str, Any], tensors: dict[str, np.ndarray]) -> SilenceClock:
    """The silence clock that `clock_to` stored."""
    return SilenceClock(
        head["kind"], Design.from_json(head["design"]), _cure_from(f"{prefix}.cure", head["cure"], tensors),
        None if head["files"] is None else _cure_from(f"{prefix}.files", head["files"], tensors), tuple(head["columns"]),
        _trees_from(f"{prefix}.trees", tensors) if head["trees"] else None)


def _cure_to(prefix: str, clock: Clock, tensors: dict[str, np.ndarray]) -> None:
    tensors |= {f"{prefix}.edges": clock.edges, f"{prefix}.theta": clock.theta,
                f"{prefix}.covariance": clock.covariance.astype(np.float32),
                f"{prefix}.mean": clock.parts[0].mean, f"{prefix}.scale": clock.parts[0].scale}


def _cure_from(prefix: str, numbers: list[float], tensors: dict[str, np.ndarray]) -> Clock:
    longest, l2 = numbers
    mean, scale = tensors[f"{prefix}.mean"], tensors[f"{prefix}.scale"]
    columns = [f"x{i}" for i in range(len(mean))]
    first, last = (Part(name, np.arange(len(mean)), columns, mean, scale, l2) for name in ("incidence", "latency"))
    return Clock((first, last), tensors[f"{prefix}.edges"], tensors[f"{prefix}.theta"],
                 tensors[f"{prefix}.covariance"].astype(float), longest)


def _trees_to(prefix: str, trees: Boosted, tensors: dict[str, np.ndarray]) -> None:
    for name, value in trees.__dict__.items():
        tensors[f"{prefix}.{name}"] = np.atleast_1d(np.asarray(value))


def _trees_from(prefix: str, tensors: dict[str, np.ndarray]) -> Boosted:
    arrays: dict[str, Any] = {name: tensors[f"{prefix}.{name}"] for name in Boosted.__dataclass_fields__}
    return Boosted(**arrays | {"baseline": float(arrays["baseline"][0])})


def choice_to(choice: Choice) -> dict[str, Any]:
    """A choice as plain values."""
    return {"kind": choice.kind, "strength": choice.strength, "losses": choice.losses, "n_later": choice.n_later,
            "notes": list(choice.notes)}


def choice_from(head: dict[str, Any]) -> Choice:
    """The choice that `choice_to` stored."""
    return Choice(head["kind"], head["strength"], head["losses"], head["n_later"], tuple(head["notes"]))
