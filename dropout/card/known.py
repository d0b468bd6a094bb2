"""What is known of a model and of its evaluation, as plain facts that may leave the clinic."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import pandas as pd

from dropout.card.performance import Measured, further_tables, measured, ten_calls
from dropout.disclosure import SMALLEST_SHOWN
from dropout.endings.labels import HORIZONS
from dropout.errors import CallError, ModelError
from dropout.evaluation import Evaluation
from dropout.evaluation.saying import FEWEST_CLIENTS
from dropout.evaluation.trial import AS_IT_IS, NEW_CLIENTS
from dropout.models.model import DropoutModel

HORIZON_DAYS = HORIZONS[1:]

KINDS = {
    "additive": "ridge-penalised logistic regression on restricted cubic splines",
    "boosting": "gradient-boosted trees",
    "average": "the mean of ridge-penalised logistic regression on splines and gradient-boosted trees",
    "cure": "a mixture cure model",
    "stack": "the mean of a mixture cure model and gradient-boosted trees",
}
"""What was chosen, in the words of a methods section; a kind that is not here is called by its own name."""


@dataclass(frozen=True)
class Chosen:
    """What was tried for one prediction, and what won.

    Attributes
    ----------
    prediction, kind : str
    losses : tuple of (candidate, log loss on later moments)
    n_later : int
        Later moments, or cancellations, that decided.
    notes : tuple of str
    """

    prediction: str
    kind: str
    losses: tuple[tuple[str, float], ...]
    n_later: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Evaluated:
    """What an evaluation measured, and how.

    Attributes
    ----------
    basis, version, cut, known_until : str
    dates : tuple of str
    groups : int
        Groups of clients, each tested by a model of the others; 1 where clients were not parted.
    drawings, seed : int
    new_clients, synthetic : bool
    figures : tuple of Measured
    kept_back : tuple of str
        Questions and groups that are too small to be shown.
    calls : tuple of str
        What ten calls find.
    further : tuple of str
        Tables of the evaluation that are not told here.
    left_out : str
        "therapist" or "clinic" where these were left out in turn; empty where they were not.
    """

    basis: str
    version: str
    cut: str
    known_until: str
    dates: tuple[str, ...]
    groups: int
    drawings: int
    seed: int
    new_clients: bool
    synthetic: bool
    figures: tuple[Measured, ...]
    kept_back: tuple[str, ...]
    calls: tuple[str, ...]
    further: tuple[str, ...]
    left_out: str = ""

    @property
    def asked_on(self) -> str:
        """The dates in words."""
        return " and ".join(part for part in (", ".join(self.dates[:-1]), self.dates[-1]) if part)

    @property
    def of_the_model(self) -> bool:
        """The model itself was tested, and not its recipe fitted again on less."""
        return self.basis in (AS_IT_IS, NEW_CLIENTS)

    @property
    def on_trust(self) -> bool:
        """That the model had not learnt from what it was tested on rests on the word of whoever evaluated it."""
        return self.basis == NEW_CLIENTS

    @classmethod
    def of(cls, evaluation: Evaluation) -> Evaluated:
        """The facts of an evaluation."""
        said = evaluation.settings
        figures, kept_back = measured(evaluation)
        return cls(
            evaluation.basis, str(said["version"]), day(said["cut"]), day(said["known_until"]),
            tuple(day(date) for date in said["dates"]), int(said["groups_of_clients"]), int(said["intervals"]["drawings"]),
            int(said["seed"]), bool(said["new_clients"]), bool(said["synthetic"]), figures, kept_back, ten_calls(evaluation),
            further_tables(evaluation), str(said.get("left_out") or ""))


@dataclass(frozen=True)
class Known:
    """All that a card can say of a model.

    Attributes
    ----------
    version, written_by : str
        Version of the package that fitted the model, and of the one that writes the card.
    libraries : str
    fingerprint : str
        SHA-256 of the model file; empty where the model cannot be saved.
    seed, maturity_days : int
    definition, trained_until : str
    n_clients, n_sessions, n_dropouts, n_moments : int
    n_cancellations : str
        Rounded where the exact sum would tell a count of fewer than five.
    covariates, excluded, measures : tuple of str
    not_used : dict of str to str
        Columns of clients and episodes that are no covariates, and why.
    left_out : dict of str to str
        Predictors that the tables could not give, and why.
    predictors : tuple of str
        What the risk model reads.
    chosen : tuple of Chosen
    words : DataFrame or None
        What the words were worth (see `dropout.models.words`).
    recalibration : Recalibration or None
    evaluated : Evaluated or None
    """

    version: str
    written_by: str
    libraries: str
    fingerprint: str
    seed: int
    maturity_days: int
    definition: str
    trained_until: str
    n_clients: int
    n_sessions: int
    n_dropouts: int
    n_moments: int
    n_cancellations: str
    covariates: tuple[str, ...]
    excluded: tuple[str, ...]
    measures: tuple[str, ...]
    not_used: dict[str, str]
    left_out: dict[str, str]
    predictors: tuple[str, ...]
    chosen: tuple[Chosen, ...]
    words: pd.DataFrame | None
    recalibration: Any
    evaluated: Evaluated | None

    @property
    def few_clients(self) -> bool:
        """Learnt from fewer clients than figures need to settle (Zantvoort et al. 2024)."""
        return self.n_clients < FEWEST_CLIENTS

    @property
    def horizons(self) -> str:
        """The horizons in words."""
        return f"{', '.join(str(days) for days in HORIZON_DAYS[:-1])} and {HORIZON_DAYS[-1]} days"

    @property
    def by_the_rules(self) -> str:
        """Whose rules a statement of method describes."""
        return f"By the rules of dropout {self.version}"

    @classmethod
    def of(cls, model: DropoutModel, evaluation: Evaluation | None) -> Known:
        """The facts of a fitted model and its evaluation.

        Raises
        ------
        CallError
            If it is no `DropoutModel`, or not fitted.
        """
        if not isinstance(model, DropoutModel):
            raise CallError(f"a model card is of a DropoutModel, and this is {_a(type(model).__name__)}. "
                            "Give a fitted model, or the one that DropoutModel.load(path) reads from its file.")
        if not hasattr(model, "risk_"):
            raise CallError("the model is not fitted, so there is nothing to write a card of. Fit it first: model.fit(history)")
        training, covariates = model.training, model.covariates_
        used = [(table, column, "number") for table, column in covariates.numbers]
        used += [(table, column, f"category, {len(levels)} levels") for (table, column), levels in covariates.levels.items()]
        return cls(
            version=training["versions"]["dropout"], written_by=version("dropout"),
            libraries=", ".join(f"{name} {number}" for name, number in sorted(training["versions"].items()) if name != "dropout"),
            fingerprint=_fingerprint(model), seed=int(model.seed), maturity_days=int(model.definition.maturity_days),
            definition=model.definition_name, trained_until=day(model.trained_until), n_clients=int(training["n_clients"]),
            n_sessions=int(training["n_sessions"]), n_dropouts=int(training["n_dropouts"]),
            n_moments=int(training["n_moments"]), n_cancellations=_cancellations(int(training["n_cancellations"]), model.words),
            covariates=tuple(f"{table}.{column} ({what})" for table, column, what in used),
            excluded=tuple(sorted(model.exclude)), measures=tuple(model.measures_), not_used=dict(covariates.left_out),
            left_out=dict(training["left_out"]), predictors=_without_levels(model.risk_.learner.columns),
            chosen=_chosen(model), words=model.words, recalibration=getattr(model, "recalibration_", None),
            evaluated=None if evaluation is None else Evaluated.of(evaluation))


def day(at: object) -> str:
    """The date; with its time where that is not midnight, and seconds where there are any."""
    return str(at).removesuffix("T00:00:00").removesuffix(":00").replace("T", " ")


def shown(n: int) -> str:
    """A count as it may be shown."""
    return f"{n:,}" if n >= SMALLEST_SHOWN or n == 0 else f"fewer than {SMALLEST_SHOWN}"


def _a(name: str) -> str:
    return f"an {name}" if name[:1].lower() in "aeiou" else f"a {name}"


def _fingerprint(model: DropoutModel) -> str:
    try:
        return hashlib.sha256(model.to_bytes()).hexdigest()
    except ModelError:  # a definition of the user's own has no file
        return ""


def _without_levels(columns: tuple[str, ...]) -> tuple[str, ...]:
    """Names of predictors; a category is named once, without its levels, which are the clinic's own words."""
    return tuple(dict.fromkeys(name.partition(" = ")[0] for name in columns))


def _cancellations(n: int, words: pd.DataFrame | None) -> str:
    # Beside the rows of what was written, an exact sum would give away the one row that is kept back.
    if words is not None and words["n"].drop("all", errors="ignore").isna().any():
        return f"about {10 * ((n + 5) // 10):,}"
    return shown(n)


def _chosen(model: DropoutModel) -> tuple[Chosen, ...]:
    found = []
    parts = {"dropout risk": model.risk_, "reschedule": model.reschedule_}
    for prediction, rows in model.summary().groupby("prediction", sort=False):
        choice = getattr(parts.get(str(prediction)), "choice", None)
        winner = str(rows.loc[rows["chosen"].astype(bool), "candidate"].iloc[0] if rows["chosen"].any() else
                     getattr(choice, "kind", ""))
        losses = tuple((str(row["candidate"]), float(row["log_loss"])) for row in rows.to_dict("records"))
        found.append(Chosen(str(prediction), winner, losses, int(getattr(choice, "n_later", 0)),
                            tuple(getattr(choice, "notes", ()))))
    return tuple(found)
