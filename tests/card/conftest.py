"""An evaluation of the small model, and a second model and evaluation that differ from the first in everything."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest

from dropout.card.known import Known
from dropout.endings import Gap
from dropout.evaluation import Evaluation, evaluate
from dropout.evaluation.trial import AS_IT_IS
from dropout.features.baseline import Covariates
from dropout.history import History
from dropout.models.model import DropoutModel


@pytest.fixture(scope="session")
def evaluation(history: History, model: DropoutModel) -> Evaluation:
    """Of the model, on its own clients; few drawings, as no interval is looked at."""
    return evaluate(history, model, new_clients=True, synthetic=True, drawings=20)


@pytest.fixture(scope="session")
def other_model(model: DropoutModel) -> DropoutModel:
    """The model with other facts in every place that a card reads."""
    other = copy.deepcopy(model)
    other.definition, other.exclude, other.seed = Gap(90), ("faith",), 11
    other.trained_until_ = np.datetime64("2019-05-04T00:00:00", "s")
    other.measures_ = ("core10",)
    other.covariates_ = Covariates((("clients", "debts"),), {}, {"faith": "excluded", "notes": "neither a number nor a category"})
    other.training_ = model.training_ | {
        "n_clients": 2_468, "n_sessions": 97_531, "n_dropouts": 777, "n_moments": 31_313, "n_cancellations": 1_212,
        "left_out": {"fee_owed": "no column fee_owed in sessions"},
        "versions": {name: f"9.{number}" for name, number in model.training_["versions"].items()}}
    learner = replace(other.risk_.learner, columns=("n_attended", "clients.debts"))
    choice = replace(other.risk_.choice, losses={"additive 300": 0.1234}, kind="additive", strength=300.0, n_later=4_321)
    other.risk_ = replace(other.risk_, learner=learner, choice=choice)
    other.reschedule_ = None
    return other


@pytest.fixture(scope="session")
def other_evaluation(evaluation: Evaluation, other_model: DropoutModel) -> Evaluation:
    """The evaluation with other figures, on another basis."""
    metrics = evaluation.tables["metrics"]
    metrics = metrics.assign(n=metrics["n"] + 1_000, events=metrics["events"] + 100, clients=metrics["clients"] + 500,
                             log_loss=metrics["log_loss"] + 0.001)
    settings = evaluation.settings | {
        "definition": other_model.definition_name, "trained_until": str(other_model.trained_until), "cut": "2019-05-04T00:00:00",
        "dates": ["2019-09-01T00:00:00"], "known_until": "2020-02-02T00:00:00", "version": "9.1", "new_clients": False,
        "left_out": "therapist", "synthetic": False, "seed": 5,
        "intervals": {"drawings": 321, "level": 0.95, "drawn": "clients"}}
    return Evaluation(AS_IT_IS, evaluation.tables | {"metrics": metrics, "one_more": metrics}, [], settings)


@pytest.fixture(scope="session")
def known(model: DropoutModel, evaluation: Evaluation) -> Known:
    """What is known of both."""
    return Known.of(model, evaluation)


@pytest.fixture(scope="session")
def other(other_model: DropoutModel, other_evaluation: Evaluation) -> Known:
    """What is known of the others."""
    return Known.of(other_model, other_evaluation)
