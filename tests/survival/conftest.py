"""The tables that R was asked about, and what it answered (see `fixtures/make.R`)."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "timeline"))  # random histories

FIXTURES = Path(__file__).parent / "fixtures"


def _inputs():
    spec = importlib.util.spec_from_file_location("survival_fixture_inputs", FIXTURES / "inputs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def r_tables() -> dict[str, pd.DataFrame]:
    """`ties`, `delayed`, `stretches` and `heart`."""
    found = {name: pd.read_csv(FIXTURES / f"{name}.csv") for name in ("ties", "delayed", "stretches")}
    return found | {"heart": _inputs().public()}


@pytest.fixture(scope="session")
def r_answers() -> pd.DataFrame:
    """All answers: dataset, estimator, group, term ('' where there is none), time, quantity, value."""
    return pd.read_csv(FIXTURES / "answers.csv", keep_default_na=False, na_values={"time": [""], "value": [""]})


@pytest.fixture(scope="session")
def r_says(r_answers: pd.DataFrame) -> Callable[..., np.ndarray]:
    """`r_says(dataset, estimator, quantity, group=..., term=...)`: the values, in the order in which R gave them."""
    def ask(dataset: str, estimator: str, quantity: str, group: str = "", term: str = "") -> np.ndarray:
        rows = r_answers[(r_answers["dataset"] == dataset) & (r_answers["estimator"] == estimator)
                         & (r_answers["quantity"] == quantity) & (r_answers["group"] == group) & (r_answers["term"] == term)]
        assert len(rows), f"R was not asked for {quantity} of {estimator} on {dataset}"
        return rows["value"].to_numpy(float)
    return ask
