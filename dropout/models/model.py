"""`DropoutModel`: both predictions from one history."""

from __future__ import annotations

from collections.abc import Callable, Collection
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from dropout.endings import DEFAULT, DROPOUT, Definition
from dropout.endings.ending import need_definition
from dropout.endings.saved import from_json, to_json
from dropout.errors import ModelError
from dropout.features.baseline import Covariates, not_learnt
from dropout.features.moments import open_at
from dropout.features.table import feature_table
from dropout.features.view import Evidence, View
from dropout.history import History
from dropout.messages.reader import INTENTS
from dropout.models import recalibration, store
from dropout.models.learner import side_by_side
from dropout.models.leaving import Leaving
from dropout.models.reasons import reasons, why_gone
from dropout.models.reschedule import RETURN_DAYS, Predictions, RescheduleModel, fit_reschedule
from dropout.models.risk import GONE, RiskModel, fit_risk, with_gone
from dropout.models.scores import Scores
from dropout.models.silences import Silences, silences_at
from dropout.models.words import from_plain, to_plain
from dropout.timeline import DAY, NEVER, times

FEWEST_DROPOUTS, FEWEST_CLIENTS = 30, 200
"""Too little to learn from below either. (Well above is needed for a model to be trusted: 750 to 1,500 clients in
Zantvoort et al. 2024.)"""

DECIMALS = 6
"""Probabilities are given to this many decimals; further ones are noise of the arithmetic."""

Progress = Callable[[str, int, int], None]


class DropoutModel:
    """Dropout risk and reschedule-or-dropout, learnt from one history.

    Parameters
    ----------
    definition : Definition
        What counts as a dropout.
    exclude : names of columns of `clients` and `episodes` that are not to be used as baseline covariates
    seed : int
        Of the boosted trees. The same history and seed give the same model, byte for byte.

    Attributes
    ----------
    risk_ : RiskModel
    reschedule_ : RescheduleModel or None
        None where there were too few past cancellations to learn from.
    trained_until_ : numpy.datetime64
        Nothing known later was learnt from.
    training_ : dict
        Counts of what was learnt from, what was left out, versions.
    recalibration_ : Recalibration or None
        What `dropout.recalibrate` has laid over it.
    """

    recalibration_: recalibration.Recalibration | None = None

    def __init__(self, definition: Definition = DEFAULT, *, exclude: Collection[str] = (), seed: int = 0) -> None:
        self.definition = definition
        self.exclude = exclude
        self.seed = seed

    @property
    def definition_name(self) -> str:
        """The definition of dropout in words."""
        return self.definition.name

    @property
    def trained_until(self) -> np.datetime64:
        """Nothing known later was learnt from, by the model or its recalibration."""
        layer = self.recalibration_
        return self.trained_until_ if layer is None or not layer.changes else max(self.trained_until_, layer.until)

    @property
    def recalibration(self) -> recalibration.Recalibration | None:
        """What was corrected for a clinic, with its table of before and after; None in a model as it was fitted."""
        return self.recalibration_

    @property
    def words(self) -> pd.DataFrame | None:
        """What the words were worth in training (see `dropout.models.words`); None without messages."""
        return None if self.reschedule_ is None else self.reschedule_.words

    @property
    def training(self) -> dict[str, Any]:
        """What the model was learnt from."""
        return self.training_

    def fit(self, history: History, as_of: str | np.datetime64 | None = None, progress: Progress | None = None) -> DropoutModel:
        """Learn both predictions from what was known by a date.

        Parameters
        ----------
        history : History
        as_of : date, optional
            Default: all that the history knows.
        progress : function of (stage, done, total), optional

        Raises
        ------
        ModelError
            If there are too few clients or dropouts to learn from.
        """
        history = history if as_of is None else history.as_of(as_of)
        # On one thread a sum has one order, whatever the machine: the same history gives the same bytes.
        with threadpool_limits(1):
            self._fit(history, _ticker(progress, "fit", 8))
        return self

    def _fit(self, history: History, tick: Callable[[], None]) -> None:
        timeline = history.timeline
        need_definition(self.definition, "definition")
        evidence = Evidence.of(timeline, self.exclude, self.definition.maturity_days)
        found = self.definition.endings(timeline)
        n_dropouts = int(((found.ending == DROPOUT) & (found.at != NEVER)).sum())
        n_clients = int(timeline.episodes["client"].nunique())
        if n_dropouts < FEWEST_DROPOUTS or n_clients < FEWEST_CLIENTS:
            raise ModelError(
                f"too little to learn from: {n_clients} clients and {n_dropouts} dropouts known by {history.known_until}, "
                f"where at least {FEWEST_CLIENTS} and {FEWEST_DROPOUTS} are needed. (A dropout is: {self.definition.name}.) "
                "Still possible: `dropout check`, "
                "`dropout report` without a model, and `dropout score` with a model fitted on a larger clinic's history.")
        tick()
        self.leaving_ = Leaving.fit(evidence, self.definition, self.seed)
        tick()
        self.reschedule_, out_of_fold = fit_reschedule(evidence, self.definition, self.leaving_, self.seed, tick)
        self.risk_ = fit_risk(evidence, self.definition, self.leaving_, self.reschedule_, out_of_fold, self.seed, tick)
        self.trained_until_, self.recalibration_ = history.known_until, None
        self.measures_ = evidence.measures
        self.covariates_ = evidence.covariates
        left_out = feature_table(evidence, open_at(timeline, timeline.extraction)).left_out
        self.training_ = {
            "n_clients": n_clients,
            "n_sessions": len(history.sessions),
            "n_dropouts": n_dropouts,
            "n_moments": self.risk_.n_moments,
            "n_cancellations": 0 if self.reschedule_ is None else self.reschedule_.n_cancellations,
            "definition": self.definition.name,
            "left_out": left_out,
            "seed": self.seed,
            "versions": {name: version(name) for name in ("dropout", "numpy", "pandas", "scikit-learn", "scipy")},
        }
        tick()

    def score(self, history: History, as_of: str | np.datetime64 | None = None, progress: Progress | None = None) -> Scores:
        """Both predictions for every open episode and open cancellation at a date.

        Parameters
        ----------
        history : History
            Of the same clinic or another; clients need not have been in training.
        as_of : date, optional
            Default: the date until which the history is known.
        """
        tick = _ticker(progress, "score", 3)
        history = history.as_of(history.known_until if as_of is None else as_of)
        return side_by_side([lambda: self._score(history, tick)])[0]

    def _score(self, history: History, tick: Callable[[], None]) -> Scores:
        timeline = history.timeline
        evidence = Evidence(timeline, self.measures_, self.covariates_, self.definition.maturity_days)
        moments = open_at(timeline, timeline.extraction)
        table = feature_table(evidence, moments)
        tick()
        is_open, silences = silences_at(evidence, moments, self.leaving_)
        gone, otherwise = np.full(len(moments), np.nan), np.full(len(moments), np.nan)
        said = None if self.reschedule_ is None else self.reschedule_.predict(silences)
        if said is not None:
            gone[is_open], otherwise[is_open] = said.gone, said.otherwise
        values, features = with_gone(table, is_open, None if said is None else np.log(said.gone / (1 - said.gone)))
        p = self.risk_.probabilities(values, gone, otherwise)
        if self.recalibration_ is not None:
            p, said = self.recalibration_.apply(p, said, is_open)
        p = np.round(p, DECIMALS)
        tick()
        why = reasons(self.risk_.learner, values, features, table.group_of)
        risk = self._risk_frame(history, View(evidence, moments), p, why)
        reschedule = self._reschedule_frame(history, silences, said, evidence)
        tick()
        return Scores(history.known_until, risk, reschedule, self._notes(table, history), dict(history.tables.set_aside))

    def _risk_frame(self, history: History, view: View, p: np.ndarray, why: list[list[str]]) -> pd.DataFrame:
        episodes = view.timeline.episodes.iloc[view.episode]
        attended = view.timeline.attended
        return pd.DataFrame({
            "client_id": episodes["client_id"].to_numpy(object),
            "episode_id": episodes["episode_id"].to_numpy(object),
            "therapist_id": _of_latest_session(view, history.sessions, "therapist_id"),
            "clinic_id": _of_latest_session(view, history.sessions, "clinic_id"),
            "as_of": np.full(len(view), history.known_until),
            "sessions_attended": view.count(attended).astype(np.int64),
            "last_attended_at": shown(attended.last_at(view.episode, view.at)),
            "p_dropout_30d": p[:, 1],
            "p_dropout_60d": p[:, 2],
            "p_dropout_90d": p[:, 3],
            "reasons": pd.Series(why, dtype=object),
        }).astype({name: "str" for name in ("client_id", "episode_id", "therapist_id", "clinic_id")})

    def _reschedule_frame(self, history: History, silences: Silences, said: Predictions | None,
                          evidence: Evidence) -> pd.DataFrame:
        asked, state = silences.asked, silences.state
        episodes = history.timeline.episodes.iloc[asked.episode]
        n = len(asked)
        intent = pd.array([None] * n, dtype="str")
        there = state.message >= 0
        if there.any():
            intent[there] = np.array(INTENTS)[evidence.intents[state.message[there]].argmax(axis=1)]
            intent[np.flatnonzero(there)[evidence.unread[state.message[there]]]] = None
        missing = np.full(n, np.nan)
        frame = pd.DataFrame({
            "client_id": episodes["client_id"].to_numpy(object),
            "episode_id": episodes["episode_id"].to_numpy(object),
            "session_id": _picked(history.sessions, "session_id", state.session),
            "message_id": _picked(history.messages, "message_id", state.message),
            "cancelled_at": shown(state.cancelled_at),
            "as_of": np.full(n, history.known_until),
            "days_silent": ((asked.at - state.cancelled_at) // DAY).astype(np.int64),
            "intent": intent,
            "p_dropout": missing if said is None else np.round(said.gone, DECIMALS),
        } | {f"p_return_{days}d": missing if said is None else np.round(said.back[days], DECIMALS) for days in RETURN_DAYS})
        frame["reasons"] = pd.Series(
            [[] for _ in range(n)] if self.reschedule_ is None or said is None else why_gone(self.reschedule_, silences, said),
            dtype=object)
        return frame.astype({name: "str" for name in ("client_id", "episode_id", "session_id", "message_id")})

    def _notes(self, table, history: History) -> list[str]:
        notes = []
        known = set(table.values.columns) | {feature.name for feature in GONE}
        lost = [name for name in self.risk_.learner.columns if name not in known
                or (name in table.values and len(table.values) > 0 and table.values[name].isna().all())]
        if lost:
            notes.append("in training but not in these tables, so treated as unknown: " + ", ".join(lost))
        notes += not_learnt(history.timeline, self.covariates_, self.exclude)
        notes += [f"measures of '{name}' were not in training and are not used"
                  for name in history.timeline.measure_names if name not in self.measures_]
        if self.reschedule_ is None:
            notes.append("too few past cancellations in training: open cancellations are listed without probabilities")
        if history.known_until < self.trained_until:
            notes.append(f"the model has learnt from later facts (until {self.trained_until}) than the date scored")
        return notes

    def save(self, path: str | Path) -> None:
        """Write the model to one file, which holds weights and counts and nothing about anybody."""
        Path(path).write_bytes(self.to_bytes())

    def to_bytes(self) -> bytes:
        """The model file. The same history and seed give the same bytes."""
        tensors: dict[str, np.ndarray] = {}
        head = {
            "definition": to_json(self.definition),
            "exclude": sorted(self.exclude),
            "seed": self.seed,
            "trained_until": str(self.trained_until_),
            "training": self.training_,
            "measures": list(self.measures_),
            "covariates": {
                "numbers": [list(pair) for pair in self.covariates_.numbers],
                "levels": [[*key, list(names)] for key, names in self.covariates_.levels.items()],
                "left_out": self.covariates_.left_out,
            },
            "risk": {"learner": store.learner_to("risk", self.risk_.learner, tensors),
                     "choice": store.choice_to(self.risk_.choice), "n_moments": self.risk_.n_moments},
            "leaving": None if self.leaving_ is None else store.learner_to("leaving", self.leaving_.learner, tensors),
            "reschedule": None if self.reschedule_ is None else {
                "clock": store.clock_to("clock", self.reschedule_.clock, tensors),
                "returns": store.learner_to("returns", self.reschedule_.returns, tensors),
                "choice": store.choice_to(self.reschedule_.choice),
                "n_cancellations": self.reschedule_.n_cancellations, "n_gone": self.reschedule_.n_gone,
                "words": None if self.reschedule_.words is None else to_plain(self.reschedule_.words)},
            "recalibration": recalibration.to_plain(self.recalibration_),
        }
        return store.to_bytes(head, tensors)

    @classmethod
    def load(cls, path: str | Path) -> DropoutModel:
        """The model in a file.

        Raises
        ------
        ModelError
            If the file is missing, damaged or of another version.
        """
        head, tensors = store.read(Path(path))
        model = cls(from_json(head["definition"]), exclude=tuple(head["exclude"]), seed=head["seed"])
        model.trained_until_ = np.datetime64(head["trained_until"], "s")
        model.training_ = head["training"]
        model.measures_ = tuple(head["measures"])
        model.covariates_ = Covariates(
            tuple(tuple(pair) for pair in head["covariates"]["numbers"]),
            {(table, column): tuple(names) for table, column, names in head["covariates"]["levels"]},
            head["covariates"]["left_out"])
        risk, reschedule = head["risk"], head["reschedule"]
        model.risk_ = RiskModel(store.learner_from("risk", risk["learner"], tensors), store.choice_from(risk["choice"]),
                                risk["n_moments"])
        model.leaving_ = None if head["leaving"] is None else Leaving(store.learner_from("leaving", head["leaving"], tensors))
        model.reschedule_ = None if reschedule is None else RescheduleModel(
            model.leaving_, store.clock_from("clock", reschedule["clock"], tensors),
            store.learner_from("returns", reschedule["returns"], tensors), store.choice_from(reschedule["choice"]),
            reschedule["n_cancellations"], reschedule["n_gone"],
            None if reschedule["words"] is None else from_plain(reschedule["words"]))
        model.recalibration_ = recalibration.from_plain(head.get("recalibration"))
        return model

    def summary(self) -> pd.DataFrame:
        """What was tried in training, its log loss on later moments, and what was chosen."""
        parts = {"dropout risk": self.risk_, "reschedule": self.reschedule_}
        rows = [{"prediction": name, "candidate": candidate, "log_loss": loss,
                 "chosen": candidate in part.choice.names}
                for name, part in parts.items() if part is not None for candidate, loss in part.choice.losses.items()]
        return pd.DataFrame(rows, columns=["prediction", "candidate", "log_loss", "chosen"])

    def __repr__(self) -> str:
        if not hasattr(self, "risk_"):
            return f"DropoutModel(definition={self.definition!r}, seed={self.seed})"
        layer = "" if self.recalibration_ is None else f", recalibrated on what was known by {self.recalibration_.until}"
        return (f"DropoutModel of {self.training_['n_clients']:,} clients and {self.training_['n_dropouts']:,} dropouts "
                f"known until {self.trained_until_} ({self.definition.name}){layer}")

    def _repr_html_(self) -> str:
        if not hasattr(self, "risk_"):
            return f"<p>{escape(repr(self))}</p>"
        layer = "" if self.recalibration_ is None else self.recalibration_._repr_html_()
        tried = self.summary().to_html(index=False, float_format="{:.4f}".format)
        return f"<p><b>{escape(repr(self))}</b></p>{tried}{layer}"


def shown(seconds: np.ndarray) -> np.ndarray:
    """Times for a table: the last second of a day stands for the date and is shown as its beginning."""
    seconds = np.asarray(seconds, dtype=np.int64)
    whole = (seconds % DAY == DAY - 1) & (seconds != NEVER)
    return times(np.where(whole, seconds - (DAY - 1), seconds))


def _of_latest_session(view: View, sessions: pd.DataFrame, column: str) -> np.ndarray:
    """A column of the session last attended by each moment, else of the last one booked or due."""
    result = np.full(len(view), -1, dtype=np.int64)
    for facts in (view.timeline.bookings, view.timeline.outcomes, view.timeline.attended):
        row = view.last(facts, "row")
        result = np.where(np.isnan(row), result, np.nan_to_num(row)).astype(np.int64)
    return _picked(sessions, column, result)


def _picked(table: pd.DataFrame | None, column: str, row: np.ndarray) -> np.ndarray:
    result = np.full(len(row), None, dtype=object)
    if table is not None and column in table:
        result[row >= 0] = table[column].to_numpy(object)[row[row >= 0]]
    return result


def _ticker(progress: Progress | None, stage: str, total: int) -> Callable[[], None]:
    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(stage, min(done, total), total)

    return tick
