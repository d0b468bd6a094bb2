"""Which clients are leaving therapy, and which only said they would call to reschedule?

    history = dropout.read_history("data/synthetic")
    model = dropout.DropoutModel().fit(history)
    scores = model.score(history)

The names below are handed on from the rooms they live in, each imported when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dropout.audit import audit_leaks as audit_leaks
    from dropout.card import model_card as model_card
    from dropout.clinic import report as report
    from dropout.endings import ClosureReason as ClosureReason
    from dropout.endings import Gap as Gap
    from dropout.errors import DropoutError as DropoutError
    from dropout.errors import HistoryError as HistoryError
    from dropout.evaluation import evaluate as evaluate
    from dropout.evaluation import evaluate_predictions as evaluate_predictions
    from dropout.evaluation.recalibrate import recalibrate as recalibrate
    from dropout.features.sessions import session_features as session_features
    from dropout.history import History as History
    from dropout.history import read_history as read_history
    from dropout.messages.reader import read_intents as read_intents
    from dropout.messages.reader import readable as readable
    from dropout.models.cure import MixtureCure as MixtureCure
    from dropout.models.model import DropoutModel as DropoutModel
    from dropout.models.outlook import Call as Call
    from dropout.models.outlook import outlook as outlook
    from dropout.models.outlook import silence_curve as silence_curve
    from dropout.tables.convert import convert as convert

_HOME = {
    "read_history": "dropout.history",
    "History": "dropout.history",
    "session_features": "dropout.features.sessions",
    "read_intents": "dropout.messages.reader",
    "readable": "dropout.messages.reader",
    "Gap": "dropout.endings",
    "ClosureReason": "dropout.endings",
    "DropoutModel": "dropout.models.model",
    "MixtureCure": "dropout.models.cure",
    "silence_curve": "dropout.models.outlook",
    "outlook": "dropout.models.outlook",
    "Call": "dropout.models.outlook",
    "evaluate": "dropout.evaluation",
    "evaluate_predictions": "dropout.evaluation",
    "recalibrate": "dropout.evaluation.recalibrate",
    "audit_leaks": "dropout.audit",
    "report": "dropout.clinic",
    "model_card": "dropout.card",
    "convert": "dropout.tables.convert",
    "DropoutError": "dropout.errors",
    "HistoryError": "dropout.errors",
}
_ROOMS = ("definitions", "simulate", "survival")

__all__ = [*_HOME, *_ROOMS, "__version__"]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("dropout")
    if name in _HOME:
        value = getattr(import_module(_HOME[name]), name)
        globals()[name] = value
        return value
    if name in _ROOMS:
        return import_module(f"dropout.{name}")
    raise AttributeError(f"module 'dropout' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
