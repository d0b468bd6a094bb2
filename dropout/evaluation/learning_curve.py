"""Learning curve: what more clients to learn from would be worth.

The recipe is fitted on growing shares of the clients and tested on the same later dates and other clients. Where the curve
still falls at its end, more clients would help; and where apparent and tested figures lie far apart, there are too few
(with 300 clients or fewer figures flatter; they settle between 750 and 1,500: Zantvoort et al. 2024).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dropout.errors import CallError, ModelError
from dropout.evaluation import metrics
from dropout.evaluation.baselines import names as names_of_baselines
from dropout.evaluation.cases import QUESTIONS, cases
from dropout.evaluation.checked import checked_drawings, checked_history, checked_seed
from dropout.evaluation.comparison import BASE_RATE, LISTS, MODEL, Part, answers, remark
from dropout.evaluation.figures import OTHER, OURS, RANDOM
from dropout.evaluation.intervals import TIMES, Resamples, metric_interval
from dropout.evaluation.optimism import apparent
from dropout.evaluation.saying import FEWEST_CLIENTS, day
from dropout.evaluation.splits import FOLDS, Split, client_folds, of_clients
from dropout.evaluation.trial import Candidate, again, learning_cases, refit_splits, scored, trained_until
from dropout.history import History

SHARES = (0.25, 0.5, 0.75, 1.0)

MEASURES: dict[str, Callable[..., float]] = {"log_loss": metrics.log_loss, "brier": metrics.brier, "auc": metrics.auc}
TITLES = {"log_loss": "log loss (nats)", "brier": "Brier score", "auc": "AUC"}

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class LearningCurve:
    """How the recipe does, by the number of clients that it learns from.

    Attributes
    ----------
    table : DataFrame
        One row per question and share: `question`, `group`, `share`, `learnt_from` (clients, mean over groups), `n`,
        `clients`, `events`, `base_rate`; `log_loss`, `brier` and `auc` with `_low` and `_high`; `apparent_log_loss` on what
        was learnt from; `base_log_loss`, that of the base rate, and of each other baseline (`own_return_rate_log_loss`);
        `behind`, log loss less that of the largest share, paired, with `_low` and `_high`; `remark`.
    notes : list of str
    """

    table: pd.DataFrame
    notes: list[str] = field(repr=False)

    def plot(self, measure: str = "log_loss", figure: Figure | None = None) -> Figure:
        """The figure: one panel a question, tested and (for log loss) apparent, with the base rate beside them."""
        if measure not in MEASURES:
            raise CallError(f"there is no curve of '{measure}'; expected one of {', '.join(MEASURES)}")
        panels = list(self.table.groupby(["question", "group"], sort=False))
        with sns.axes_style("whitegrid"):
            if figure is None:
                figure = Figure(figsize=(4.6 * max(len(panels), 1), 3.8), layout="constrained")
                FigureCanvasAgg(figure)
            axes = figure.subplots(1, max(len(panels), 1), squeeze=False)[0]
        for ax, ((question, group), rows) in zip(axes, panels, strict=False):
            _draw(ax, rows, measure)
            ax.set_title(f"{question}\n{group}, n {rows['n'].max():,}, events {rows['events'].max():,}", fontsize=9)
        axes[0].legend(frameon=False, fontsize=8)
        return figure

    def __repr__(self) -> str:
        return "LearningCurve: " + (self.notes[0] if self.notes else "nothing could be measured")

    def _repr_html_(self) -> str:
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        return f"<div><ul>{notes}</ul>{self.table.to_html(index=False, float_format='{:.3f}'.format)}</div>"


def learning_curve(
    history: History,
    model: Any,
    shares: Sequence[float] = SHARES,
    *,
    as_of: str | np.datetime64 | None = None,
    groups: int = FOLDS,
    seed: int = 0,
    drawings: int = TIMES,
    progress: Progress | None = None,
) -> LearningCurve:
    """Log loss, Brier score and AUC against the number of clients learnt from, with intervals.

    Each share holds the clients of the smaller ones, so that what separates two points is the clients added.

    Parameters
    ----------
    history : History
    model : DropoutModel
        Or anything that `evaluate` can fit again. Only its settings are used.
    shares : rising shares of the clients that may be learnt from, the last of them 1
    as_of : date, optional
    groups : int
        Of the three groups of clients, how many are tested in turn by models of the others: 1 is three times as fast, and
        its intervals are wider.
    seed : int
        Of the groups and the drawings.
    drawings : int
        Drawings of clients for each interval.
    progress : function of (stage, done, total), optional

    Raises
    ------
    CallError
        If the shares do not rise to 1, or there are no such groups.
    ModelError
        If the history is too short or too small even for all clients.
    """
    if not len(shares) or list(shares) != sorted(set(shares)) or shares[0] <= 0 or shares[-1] != 1:
        raise CallError(f"shares is {list(shares)}; expected shares above 0 that rise to 1, such as {list(SHARES)}")
    if groups not in range(1, FOLDS + 1):
        raise CallError(f"groups is {groups}; expected 1 to {FOLDS}")
    trained_until(model)
    history, drawings, seed = checked_history(history), checked_drawings(drawings), checked_seed(seed)
    history = history if as_of is None else history.as_of(as_of)
    why: ModelError | None = None
    for split in refit_splits(history, model):
        if split.folds > 1:
            try:
                return _on(split, history, model, shares, groups, seed, drawings, progress)
            except ModelError as too_little:
                why = too_little
    raise ModelError(f"this history is too small for a learning curve: {why}") from why


def _on(split: Split, history: History, model: Any, shares: Sequence[float], groups: int, seed: int, drawings: int,
        progress: Progress | None) -> LearningCurve:
    past = history.as_of(split.cut)
    frame = cases(history, model.definition, split.dates)
    train = learning_cases(history, model, split.cut)
    fold = client_folds(history.timeline.episodes["client_id"], FOLDS, seed)
    known = client_folds(past.timeline.episodes["client_id"], 1, seed + 1).index  # in an order that chance has settled
    done, total = 0, groups * len(shares)
    tested: dict[float, list[Part]] = {share: [] for share in shares}
    learnt: dict[float, list[Part]] = {share: [] for share in shares}
    sizes: dict[float, list[int]] = {share: [] for share in shares}
    for k in range(groups):
        others = known[fold.reindex(known).to_numpy() != k]
        mine = frame[frame["client_id"].isin(fold.index[fold == k])]
        for share in reversed(shares):  # if the largest can't be learnt from, none can
            clients = others[: int(np.ceil(share * len(others)))]
            sizes[share].append(len(clients))
            try:
                fitted = again(model).fit(of_clients(past, clients))
            except ModelError:
                if share == 1:
                    raise
            else:
                candidate = Candidate(fitted, train, learnt=clients)
                tested[share].append(Part(train, scored(history, fitted, mine, _nothing)))
                learnt[share].append(apparent(history, candidate, _nothing))
            done += 1
            if progress is not None:
                progress("learning curve", done, total)
    table = pd.DataFrame([row for name, group in LISTS
                          for row in _rows(name, group, shares, sizes, tested, learnt, groups, drawings, seed)])
    return LearningCurve(table, _notes(table, split, model, groups))


def _rows(name: str, group: str, shares: Sequence[float], sizes: dict[float, list[int]], tested: dict[float, list[Part]],
          learnt: dict[float, list[Part]], groups: int, drawings: int, seed: int) -> list[dict[str, Any]]:
    question = next(one for one in QUESTIONS if one.name == name)
    whole = answers(tested[shares[-1]], question, group, seed).frame
    if not len(whole):
        return []
    y = whole["y"].to_numpy(float)
    resamples = Resamples.of(whole["client_id"], drawings, seed)
    best = metrics.losses(y, whole[MODEL].to_numpy(float))
    rows = []
    for share in shares:
        row: dict[str, Any] = {"question": name, "group": group, "share": share, "learnt_from": float(np.mean(sizes[share])),
                               "n": len(y), "clients": resamples.counts.shape[1], "events": int(y.sum()),
                               "base_rate": float(y.mean())}
        names = [*MEASURES, "behind"]
        if len(tested[share]) < groups:
            rows.append(row | dict.fromkeys([*(f"{one}{end}" for one in names for end in ("", "_low", "_high")),
                                             "apparent_log_loss", "base_log_loss"], np.nan)
                        | {"remark": "too few to learn from"})
            continue
        found = answers(tested[share], question, group, seed).frame
        p = found[MODEL].to_numpy(float)
        if len(p) != len(y):
            raise ModelError("a model of fewer clients gives no probability for some cases")
        for measure, function in MEASURES.items():
            low, high = metric_interval(function, y, p, resamples)
            row |= {measure: function(y, p), f"{measure}_low": low, f"{measure}_high": high}
        behind = metrics.losses(y, p) - best
        low, high = resamples.mean_interval(behind)
        before = answers(learnt[share], question, group, seed).frame
        row |= {"behind": float(behind.mean()), "behind_low": low, "behind_high": high,
                "apparent_log_loss": float(np.mean(metrics.losses(before["y"].to_numpy(), before[MODEL].to_numpy())))
                if len(before) else np.nan,
                "base_log_loss": metrics.log_loss(y, found[BASE_RATE].to_numpy(float))}
        row |= {f"{name.replace(' ', '_')}_log_loss": metrics.log_loss(y, found[name].to_numpy(float))
                for name in names_of_baselines(question.of_cancellation) if name != BASE_RATE}
        rows.append(row | {"remark": remark(y)})
    return rows


def _notes(table: pd.DataFrame, split: Split, model: Any, groups: int) -> list[str]:
    said = []
    for question, group in LISTS if len(table) else ():
        rows = table[(table["question"] == question) & (table["group"] == group)]
        there = rows[rows["log_loss"].notna()].to_dict("records")
        if len(there) > 1:
            last, before = there[-1], there[-2]
            low, high = before["behind_low"], before["behind_high"]
            verdict = ("more clients still helped" if low > 0 else "fewer did better" if high < 0 else
                       "whether more would help can't be told from so few" if np.isnan(low) or high - low > 0.02
                       else "the last clients added little")
            within = "" if np.isnan(low) else f", {-high:+.3f} to {-low:+.3f}"
            said.append(f"{question.capitalize()}, {group}: from {before['learnt_from']:,.0f} clients to "
                        f"{last['learnt_from']:,.0f} the log loss went from {before['log_loss']:.3f} to {last['log_loss']:.3f} "
                        f"({-before['behind']:+.3f}{within}); {verdict}. On what was learnt from it is "
                        f"{last['apparent_log_loss']:.3f}." + (f" ({last['remark'].capitalize()}.)" if last["remark"] else ""))
        elif there:
            said.append(f"{question.capitalize()}, {group}: only all clients together are enough to learn from; no curve.")
    said.append(f"The recipe learnt from what was known by {day(split.cut)}, and was tested on {groups} of {FOLDS} groups of "
                f"clients, none of them learnt from, on {len(split.dates)} dates from {day(split.dates[0])} to "
                f"{day(split.dates[-1])}. What counts as a dropout: {model.definition.name}.")
    most = table["learnt_from"].max() if len(table) else 0
    if most < FEWEST_CLIENTS:
        said.append(f"At most {most:,.0f} clients were learnt from. Below {FEWEST_CLIENTS} such figures flatter (Zantvoort et "
                    "al. 2024: they settle between 750 and 1,500).")
    return said


def _draw(ax: Axes, rows: pd.DataFrame, measure: str) -> None:
    rows = rows[rows[measure].notna()]
    x, y = rows["learnt_from"], rows[measure]
    error = [(y - rows[f"{measure}_low"]).clip(lower=0), (rows[f"{measure}_high"] - y).clip(lower=0)]
    ax.errorbar(x, y, yerr=error, fmt="o-", color=OURS, capsize=3, label="tested on others, later (95% interval)")
    if measure == "log_loss":
        ax.plot(x, rows["apparent_log_loss"], "s--", color=OTHER, label="on what it learnt from")
        ax.axhline(rows["base_log_loss"].mean(), color=RANDOM, linestyle=":", label="base rate")
    ax.set(xlabel="learnt from (clients)", ylabel=TITLES[measure])
    ax.set_xlim(left=0)


def _nothing() -> None:
    """Scorings are not counted one by one."""
