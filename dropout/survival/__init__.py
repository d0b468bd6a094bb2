"""A history, or any frame of start, stop and ending, comes in; when people leave, by which ending, and why, goes out.

Every result is a table with intervals and says by which definition, of how many, and what was left out.
This room must never give the chance of one ending as if the others did not exist, nor tell ties apart by chance.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dropout.survival.time_at_risk import at_risk

if TYPE_CHECKING:
    from dropout.survival.competing_hazards import cause_specific as cause_specific
    from dropout.survival.cox_regression import cox as cox
    from dropout.survival.discrete_hazard import discrete_time as discrete_time
    from dropout.survival.gray import gray_test as gray_test
    from dropout.survival.incidence import aalen_johansen as aalen_johansen
    from dropout.survival.log_rank_test import log_rank as log_rank
    from dropout.survival.product_limit import kaplan_meier as kaplan_meier
    from dropout.survival.random_effects import random_intercept as random_intercept
    from dropout.survival.subdistribution import fine_gray as fine_gray

_HOME = {
    "kaplan_meier": "product_limit",
    "aalen_johansen": "incidence",
    "gray_test": "gray",
    "fine_gray": "subdistribution",
    "cox": "cox_regression",
    "cause_specific": "competing_hazards",
    "discrete_time": "discrete_hazard",
    "random_intercept": "random_effects",
    "log_rank": "log_rank_test",
}
"""Names and the modules they live in, imported when first asked for, since regression and drawing load slowly. No module is
called like a function: the one would hide the other."""

__all__ = ["at_risk", *_HOME]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(import_module(f"dropout.survival.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'dropout.survival' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
