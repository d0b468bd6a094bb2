"""Every model on the same work: what each predicted, how long it took, and how they compare."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

import dropout
from dropout.evaluation.cases import KEY, RECENT, RECENT_DAYS
from dropout.evaluation.result import Evaluation
from dropout.history import History
from peers.models import PEERS, Peer, answer, ours
from peers.work import HORIZONS, Work

OURS = "dropout"
EVERYBODY = "all"
HORIZON = 60

OWN_COLOUR, OTHER_COLOUR, LINE_COLOUR = "#0072b2", "#d55e00", "#5b5f66"


@dataclass(frozen=True)
class Compared:
    """What came out.

    Attributes
    ----------
    evaluation : Evaluation
        Of all models, with the trivial baselines.
    seconds : Series
        Processor time to learn, the choice of settings included, by model.
    falling : Series
        Share of predictions in which the probability falls from one horizon to a longer one, by model.
    n_learnt : int
        Moments learnt from.
    """

    evaluation: Evaluation = field(repr=False)
    seconds: pd.Series
    falling: pd.Series
    n_learnt: int

    def at(self, table: str, group: str = EVERYBODY, horizon: float = HORIZON) -> pd.DataFrame:
        """Rows of a table for one group and horizon (NaN: over all horizons), by model; baselines are left out."""
        rows = self.evaluation.tables[table]
        same = rows["horizon"].isna() if np.isnan(horizon) else rows["horizon"] == horizon
        return rows[same & (rows["group"] == group) & rows["predictor"].isin(self.seconds.index)].set_index("predictor")

    def less_ours(self, measure: str, group: str = EVERYBODY) -> pd.DataFrame:
        """How far each other model lies above the package's own in a measure, with its interval, paired by client.

        `measure` is `log_loss` (at `HORIZON`) or `integrated_brier`. Above 0 the package's own is better.
        """
        rows = self.at("differences", group, np.nan if measure == "integrated_brier" else HORIZON)
        rows = rows[(rows.index == OURS) & (rows["measure"] == measure) & rows["against"].isin(self.seconds.index)]
        return pd.DataFrame({"difference": -rows["difference"].to_numpy(), "difference_low": -rows["difference_high"].to_numpy(),
                             "difference_high": -rows["difference_low"].to_numpy()}, index=pd.Index(rows["against"]))

    def table(self, group: str = EVERYBODY) -> pd.DataFrame:
        """One row a model, for reading."""
        parts = {"log loss": ("accuracy", "log_loss", 3), "integrated Brier": ("integrated", "integrated_brier", 3),
                 "AUC": ("discrimination", "auc", 2), "calibration slope": ("calibration_measures", "slope", 2),
                 "mean distance from calibration curve": ("calibration_measures", "ici", 3)}
        shown = {}
        for title, (table, measure, digits) in parts.items():
            rows = self.at(table, group, np.nan if table == "integrated" else HORIZON).loc[self.seconds.index]
            shown[title] = [in_words(row, measure, digits) for _, row in rows.iterrows()]
        less = self.less_ours("log_loss", group)
        shown["log loss above ours"] = [in_words(less.loc[name], "difference", 3, "+") if name in less.index else ""
                                        for name in self.seconds.index]
        result = pd.DataFrame(shown, index=self.seconds.index).assign(**{
            "falls with horizon": self.falling.map("{:.0%}".format), "seconds to learn": self.seconds.map("{:.0f}".format)})
        return result.rename_axis("model").reset_index()

    def verdict(self, measure: str, group: str = EVERYBODY) -> str:
        """Which models are better than the package's own beyond noise, which are worse, and which can't be told apart."""
        rows = self.less_ours(measure, group)
        if not len(rows):
            return "too few to compare"
        kinds = {"better than ours": rows["difference_high"] < 0, "worse than ours": rows["difference_low"] > 0}
        kinds["not to be told from ours"] = ~kinds["better than ours"] & ~kinds["worse than ours"]
        return "; ".join(f"{kind}: {named(rows.index[which])}" for kind, which in kinds.items())


def named(models: Iterable[str]) -> str:
    """The models in a row, or that there are none."""
    return ", ".join(f"*{name}*" for name in models) or "none"


def in_words(row: pd.Series, measure: str, digits: int, sign: str = "") -> str:
    """A measure with its interval."""
    if np.isnan(row[measure]):
        return "cannot be told"
    value, low, high = (f"{row[name]:{sign}.{digits}f}" for name in (measure, f"{measure}_low", f"{measure}_high"))
    return f"{value} ({low} to {high})"


def compare(
    works: Sequence[Work], history: History, peers: Sequence[Peer] = PEERS, *, synthetic: bool, seed: int = 0
) -> Compared:
    """Every model fitted and judged on the same predictions.

    Parameters
    ----------
    works : list of Work
        Splits; the predictions of all are judged together.
    history : History
        Which says what happened.
    peers : list of Peer
    synthetic : bool
        Whether the clients are simulated.
    seed : int
    """
    asked = pd.concat([work.cases for work in works], ignore_index=True)
    frame = asked[KEY].assign(seen=np.where(asked["days_since_attended"] <= RECENT_DAYS, RECENT, "not seen for longer"))
    seconds, falling = {}, {}
    for name, answers in {OURS: [ours(work, seed) for work in works],
                          **{peer.name: [answer(peer, work, seed) for work in works] for peer in peers}}.items():
        p = np.clip(np.concatenate([one.p for one in answers]), 0.0, 1.0)
        seconds[name] = sum(one.seconds for one in answers)
        falling[name] = float((np.diff(p, axis=1) < -1e-9).any(axis=1).mean())
        frame[[f"{name} {days}" for days in HORIZONS]] = p
    evaluation = dropout.evaluate_predictions(
        frame, history, horizons=HORIZONS, predictors={name: f"{name} {{}}" for name in seconds}, by="seen",
        synthetic=synthetic, seed=seed)
    return Compared(evaluation, pd.Series(seconds), pd.Series(falling), sum(len(work.learn.days) for work in works))


def comparison_figure(compared: Compared, group: str = EVERYBODY) -> Figure:
    """Differences to the package's own model with 95% intervals, calibration slopes, and seconds, a row a model."""
    from matplotlib import pyplot as plt

    names = list(compared.seconds.index)
    figure, axes = plt.subplots(1, 4, figsize=(12, 3.6), sharey=True, layout="constrained", width_ratios=[3, 3, 3, 2])
    panels = ((f"log loss within {HORIZON} days,\nabove ours (nats)", compared.less_ours("log_loss", group), "difference", 0.0),
              ("integrated Brier score,\nabove ours", compared.less_ours("integrated_brier", group), "difference", 0.0),
              ("calibration slope\n(1 is right)", compared.at("calibration_measures", group), "slope", 1.0))
    for ax, (label, rows, measure, right) in zip(axes, panels, strict=False):
        ax.axvline(right, color=LINE_COLOUR, linewidth=1, linestyle="--")
        for name, row in rows[rows[f"{measure}_low"].notna()].iterrows():
            bars = [[row[measure] - row[f"{measure}_low"]], [row[f"{measure}_high"] - row[measure]]]
            ax.errorbar(row[measure], names.index(str(name)), xerr=bars, capsize=3, fmt="o" if name == OURS else "s",
                        color=OWN_COLOUR if name == OURS else OTHER_COLOUR)
        ax.set_xlabel(label)
    for ax in axes[:2]:
        ax.plot(0, names.index(OURS), "o", color=OWN_COLOUR)
    axes[3].barh(range(len(names)), compared.seconds, color=[OWN_COLOUR if name == OURS else OTHER_COLOUR for name in names])
    axes[3].set_xlabel("processor time to learn\n(seconds)")
    axes[0].set_yticks(range(len(names)), names)
    axes[0].invert_yaxis()
    return figure
