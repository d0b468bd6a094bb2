"""Two ways to learn a chain of yes-or-no questions from features, and the choice between them by later data.

A chain of questions ("already gone?", "if not, gone within 30 days?") gives probabilities that are ordered by
construction. Each question gets an additive model (ridge logistic regression on splines) and, where it helps, boosted
trees. Which kind answers is decided by log loss on later moments, not by taste.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from dropout.features.feature import Feature
from dropout.models.adaptive import fit_adaptive
from dropout.models.boosting import Boosted
from dropout.models.design import Design
from dropout.models.logistic import Logistic, expit

ALIKE = 2.0
"""Rows of one client are alike. Each client who answers yes counts as one row, and all rows are discounted by this much again
for the likeness of those who answer no. (1, 2 and 4 were tried on simulated clinics.)"""

KINDS = ("additive", "boosting", "average")

WORKERS = 2
"""Models fitted side by side, each on one thread, so that results are the same on any number of cores."""

LATER_SHARE = 0.25
"""Share of the moments, the latest ones, that decide between kinds."""

SELECTION_ROWS = 25_000
"""Earlier moments learnt from while deciding; the final models learn from all."""


TREE_ROWS = 40_000
"""Rows that trees learn from at most: moments of one client are alike, and trees are slow."""


@dataclass(frozen=True)
class Question:
    """One question of a chain: the rows that can answer it, and their answers."""

    name: str
    rows: np.ndarray
    answer: np.ndarray


@dataclass(frozen=True)
class Task:
    """What there is to learn.

    Attributes
    ----------
    values : DataFrame, moments by features
    features : what each column is
    questions : the chain
    at : int64 array
        Second of each moment.
    client : int64 array
        Client of each moment.
    weight : array or None
        Weight of each moment.
    interactions : pairs (feature, flag) for the additive model
    rising : names of features with which no tree lets a yes become less likely
    """

    values: pd.DataFrame
    features: Mapping[str, Feature]
    questions: Sequence[Question]
    at: np.ndarray
    client: np.ndarray
    weight: np.ndarray | None = None
    interactions: Sequence[tuple[str, str]] = ()
    rising: Collection[str] = ()

    def ask(self, n_questions: int) -> Task:
        """The task with the first questions of the chain only."""
        return replace(self, questions=self.questions[:n_questions])

    def take(self, rows: np.ndarray) -> Task:
        """The task on some of the moments (mask)."""
        return Task(
            self.values[rows].reset_index(drop=True), self.features,
            [Question(q.name, q.rows[rows], q.answer[rows]) for q in self.questions],
            self.at[rows], self.client[rows], None if self.weight is None else self.weight[rows], self.interactions,
            self.rising)


@dataclass(frozen=True)
class Learner:
    """Fitted answers to a chain of questions.

    Attributes
    ----------
    kind : one of `KINDS`
    names : the questions
    design : the design matrix of the additive models
    additive : an additive model a question
    columns : the features that trees read, in order
    boosted : trees a question; empty where the kind is additive
    """

    kind: str
    names: tuple[str, ...]
    design: Design
    additive: tuple[Logistic, ...]
    columns: tuple[str, ...]
    boosted: tuple[Boosted, ...]

    @classmethod
    def fit(cls, task: Task, kind: str, strength: float | None, seed: int) -> Learner:
        """The answers of one kind, learnt from all of the task's moments.

        Parameters
        ----------
        task : Task
        kind : one of `KINDS`
        strength : float or None
            Ridge penalty of the additive models in rows; None for penalties that are learnt, a term each.
        seed : int
        """
        design = Design.fit(task.values, task.features, task.interactions)
        x = design.matrix(task.values)
        jobs: list[Callable[[], Any]] = [
            partial(_ridge, x, q, task.weight, strength) if strength is not None else
            partial(_adaptive, x, q, task, design, seed) for q in task.questions]
        if kind != "additive":
            raw = task.values.to_numpy()
            rising = [j for j, name in enumerate(task.values.columns) if name in task.rising]
            jobs += [partial(_boosted, raw, q, task.weight, seed, rising) for q in task.questions]
        done = side_by_side(jobs)
        n = len(task.questions)
        return cls(kind, tuple(q.name for q in task.questions), design, tuple(done[:n]), tuple(task.values.columns),
                   tuple(done[n:]))

    def logits(self, values: pd.DataFrame, kind: str | None = None) -> np.ndarray:
        """Log odds of yes to each question (moments by questions). Columns not in `values` count as unknown."""
        kind = self.kind if kind is None else kind
        if not len(values):
            return np.zeros((0, len(self.names)))
        parts = []
        if kind != "boosting":
            x = self.design.matrix(values)
            parts.append(np.stack([model.logit(x) for model in self.additive], axis=1))
        if kind != "additive":
            raw = values.reindex(columns=list(self.columns)).to_numpy(float)
            parts.append(np.stack([trees.logit(raw) for trees in self.boosted], axis=1))
        return np.mean(parts, axis=0)

    def contributions(self, values: pd.DataFrame, question: int) -> pd.DataFrame:
        """What each feature adds to the additive log odds of a question, against the average moment of training."""
        x = self.design.matrix(values) * self.additive[question].coefficients
        owner = np.array(self.design.owner)
        names = list(dict.fromkeys(self.design.owner))
        return pd.DataFrame({name: x[:, owner == name].sum(axis=1) for name in names}, index=values.index)


@dataclass(frozen=True)
class Choice:
    """The kind and strength chosen (None where penalties are learnt), and each candidate's log loss on later moments."""

    kind: str
    strength: float | None
    losses: dict[str, float]
    n_later: int
    notes: tuple[str, ...] = field(default=())

    @property
    def names(self) -> tuple[str, ...]:
        """What the chosen candidate may be called among the losses: its kind, and its kind with its strength."""
        return (self.kind,) if self.strength is None else (self.kind, f"{self.kind} {self.strength:g}")


def choose(
    task: Task, loss: Callable[[np.ndarray, Task], np.ndarray], embargo_seconds: int, seed: int
) -> Choice:
    """The kind that does best on the latest moments, learnt from moments at least an embargo earlier.

    Parameters
    ----------
    task : Task
    loss : function of (log odds, task on the later moments)
        Log loss of what will be shown, in nats, a value for each moment.
    embargo_seconds : int
        Time between the last moment learnt from and the first that decides: as long as labels need to mature.
    seed : int

    Notes
    -----
    Where the history is too short for that, clients are split instead, and the choice says so.
    """
    answered = task.questions[0].rows
    order = np.sort(task.at[answered])
    cut = order[int(len(order) * (1 - LATER_SHARE))] if len(order) else 0
    later = answered & (task.at >= cut)
    earlier = answered & (task.at < cut - embargo_seconds)
    notes: tuple[str, ...] = ()
    first = task.questions[0]
    if (first.answer & earlier).sum() < 50 or (first.answer & later).sum() < 20:
        fold = client_fold(task.client, 4)
        earlier, later = answered & (fold > 0), answered & (fold == 0)
        notes = ("history too short for a split by time; clients were split instead",)
    if earlier.sum() > SELECTION_ROWS:
        earlier &= np.random.default_rng(seed).random(len(earlier)) < SELECTION_ROWS / earlier.sum()
    train, test = task.take(earlier), task.take(later)
    fitted = Learner.fit(train, "average", None, seed)
    each = {kind: loss(fitted.logits(test.values, kind), test) for kind in KINDS}
    losses = {kind: float(one.mean()) for kind, one in each.items()}
    return Choice(mean_unless_better(each, "average", test.client), None, losses, int(later.sum()), notes)


def client_fold(client: np.ndarray, n_folds: int) -> np.ndarray:
    """A fold for each row, the same for all rows of a client, spread evenly over clients."""
    return ((client.astype(np.uint64) * np.uint64(2_654_435_761)) % np.uint64(2**32) * np.uint64(n_folds)
            // np.uint64(2**32)).astype(np.int64)


def chain(logits: np.ndarray) -> np.ndarray:
    """Cumulative probability of a yes by each question of a chain, each asked only after a no to those before."""
    return 1.0 - np.cumprod(1.0 - expit(logits), axis=1)


def log_loss(p: np.ndarray, y: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Mean log loss in nats, probabilities clipped to 0.005 and 0.995."""
    return float(np.average(losses_of(p, y), weights=weight))


def losses_of(p: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Log loss of each row in nats, probabilities clipped to 0.005 and 0.995."""
    p = np.clip(p, 0.005, 0.995)
    return -np.where(y, np.log(p), np.log1p(-p))


def mean_unless_better(
    each: Mapping[str, np.ndarray], mean: str, owner: np.ndarray, weight: np.ndarray | None = None
) -> str:
    """Which kind answers: two opinions are steadier than one, so one must be better than their mean by more than chance.

    Parameters
    ----------
    each : mapping of kind to array
        Loss of each row.
    mean : the kind that is the mean of the others
    owner : int array
        Whose row it is (see `clearly_better`).
    weight : array, optional
    """
    better = [kind for kind in each if kind != mean and clearly_better(each[kind], each[mean], owner, weight)]
    return min(better, key=lambda kind: np.average(each[kind], weights=weight), default=mean)


def clearly_better(one: np.ndarray, other: np.ndarray, owner: np.ndarray, weight: np.ndarray | None = None) -> bool:
    """Whether one candidate's losses lie below another's by more than their paired standard error.

    Parameters
    ----------
    one, other : arrays
        Loss of each row.
    owner : int array
        Whose row it is; rows of one owner are alike and count together.
    weight : array, optional
    """
    mean, error = mean_by_owner(other - one, owner, weight)
    return mean > error


def mean_by_owner(value: np.ndarray, owner: np.ndarray, weight: np.ndarray | None = None) -> tuple[float, float]:
    """Mean of the values and its standard error, where rows of one owner are alike and count together."""
    weight = np.ones(len(value)) if weight is None else weight
    _, who = np.unique(owner, return_inverse=True)
    total, share = np.bincount(who, weights=weight * value), np.bincount(who, weights=weight)
    mean = total.sum() / share.sum()
    return float(mean), float(np.sqrt(((total - mean * share) ** 2).sum()) / share.sum())


def side_by_side(jobs: Sequence[Callable[[], Any]]) -> list[Any]:
    """Results of the jobs in their order, run on a few threads with one BLAS and OpenMP thread each."""
    def run(job: Callable[[], Any]) -> Any:
        with threadpool_limits(1):
            return job()

    with threadpool_limits(1), ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(run, jobs))


def _ridge(x: np.ndarray, question: Question, weight: np.ndarray | None, strength: float) -> Logistic:
    rows = question.rows
    return Logistic.fit(x[rows], question.answer[rows], strength, None if weight is None else weight[rows])


def _adaptive(x: np.ndarray, question: Question, task: Task, design: Design, seed: int) -> Logistic:
    rows = question.rows
    yes = task.client[rows & question.answer]
    each = len(yes) / max(len(np.unique(yes)), 1)
    return fit_adaptive(x[rows], question.answer[rows], design.parts, ALIKE * max(each, 1.0), seed,
                        None if task.weight is None else task.weight[rows])


def _boosted(
    raw: np.ndarray, question: Question, weight: np.ndarray | None, seed: int, rising: Collection[int]
) -> Boosted:
    rows = np.flatnonzero(question.rows)
    if len(rows) > TREE_ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, TREE_ROWS, replace=False))
    return Boosted.fit(raw[rows], question.answer[rows], seed, None if weight is None else weight[rows], rising=rising)
