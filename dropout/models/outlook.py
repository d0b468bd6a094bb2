"""The silence curve of each open cancellation, what it looks like today, and the day on which a call is worth most.

The curve is the model's: the probability that the client is gone, for every silent day to come. What a call does can't be
learnt from histories, in which nobody was called at random: it is an assumption, given by whoever asks (`Call`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dropout.errors import CallError, ModelError
from dropout.features.moments import open_at
from dropout.features.view import Evidence
from dropout.history import History
from dropout.models.clock import on_day
from dropout.models.logistic import expit
from dropout.models.model import DECIMALS, DropoutModel, shown
from dropout.models.silences import Silences, silences_at
from dropout.timeline import DAY, times

LONGEST = 90
"""Silent days to which a curve is drawn."""

LIKELY_GONE, LIKELY_BACK = 2 / 3, 1 / 3
"""Probability of being gone above which a client is called likely gone, and below which likely returning."""

WIDEST = 0.5
"""Width of the 95% interval beyond which nothing is said: too few clients were like this one."""

NEARLY = 0.95
"""Share of the worth of the best day at which an earlier day counts as good."""

OUTLOOKS = ("likely returning", "uncertain", "likely gone", "too few like them")


@dataclass(frozen=True)
class Call:
    """What a call is taken to do. An assumption: the data can't show it.

    Attributes
    ----------
    brings_back : float
        Share of those who would never have come again whom a call on the first silent day brings back.
    half_life : float
        Days of silence by which that share halves.
    cost : float
        What a call costs, in clients kept: 0.02 means that fifty calls are worth one client.
    """

    brings_back: float = 0.20
    half_life: float = 21.0
    cost: float = 0.02

    def __post_init__(self) -> None:
        if not 0 <= self.brings_back <= 1:
            raise CallError(f"brings_back is {self.brings_back}; expected a share from 0 to 1.")
        if not self.half_life > 0:
            raise CallError(f"half_life is {self.half_life}; expected a number of days above 0.")
        if not self.cost >= 0:
            raise CallError(f"cost is {self.cost}; expected 0 or more, in clients kept.")

    def __str__(self) -> str:
        return (f"a call on the first silent day brings back {self.brings_back:.0%} of those who would never have come again, "
                f"half as many every {self.half_life:g} days, and costs {self.cost:g} of a client kept")

    def keeps(self, days: np.ndarray) -> np.ndarray:
        """Share of the gone whom a call on a silent day brings back."""
        return self.brings_back * 0.5 ** (np.asarray(days) / self.half_life)


@dataclass(frozen=True)
class SilenceCurves:
    """P(gone) by day of silence, for open cancellations at one date.

    Attributes
    ----------
    as_of : numpy.datetime64
    table : DataFrame
        A row for each open cancellation and silent day: client_id, episode_id, silent_day, p_gone, low, high (95%, by the delta
        method: what the data leave open if the model holds), and `today`, true on the day of silence reached.
    """

    as_of: np.datetime64
    table: pd.DataFrame

    def plot(self, ax=None, most: int = 6):
        """Draw the first few curves with their intervals; a dot where each one stands today. Returns the axes."""
        import matplotlib.pyplot as plt

        ax = plt.subplots(figsize=(6.5, 4))[1] if ax is None else ax
        strokes = ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)))
        colours = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#5b5f66", "#e69f00")
        groups = list(self.table.groupby(["client_id", "episode_id"], sort=False))[:most]
        for i, ((client, _), curve) in enumerate(groups):
            colour, stroke = colours[i % len(colours)], strokes[i % len(strokes)]
            ax.plot(curve["silent_day"], curve["p_gone"], color=colour, linestyle=stroke, label=str(client))
            ax.fill_between(curve["silent_day"], curve["low"], curve["high"], color=colour, alpha=0.12, linewidth=0)
            now = curve[curve["today"]]
            ax.plot(now["silent_day"], now["p_gone"], "o", color=colour)
        ax.set(xlabel="days of silence", ylabel="probability of never coming again", ylim=(0, 1), xlim=(0, LONGEST))
        if groups:
            ax.legend(title="client", frameon=False)
        return ax

    def __repr__(self) -> str:
        n = len(self.table.drop_duplicates(["client_id", "episode_id"]))
        return f"SilenceCurves as of {self.as_of}: {n:,} open cancellations, silent days 0 to {LONGEST}"

    def _repr_html_(self) -> str:
        weekly = self.table[self.table["silent_day"] % 15 == 0]
        wide = weekly.pivot_table(index=["client_id", "episode_id"], columns="silent_day", values="p_gone", sort=False)
        return f"<p><b>{self!r}</b>; probability of never coming again:</p>{wide.head(10).to_html(float_format='{:.2f}'.format)}"


def silence_curve(
    model: DropoutModel, history: History, as_of: str | np.datetime64 | None = None, *, clients: Collection[str] | None = None
) -> SilenceCurves:
    """P(gone) for silent days 0 to 90 of each open cancellation at a date.

    Parameters
    ----------
    model : DropoutModel
    history : History
    as_of : date, optional
        Default: the date until which the history is known.
    clients : collection of str, optional
        Only these clients.

    Raises
    ------
    ModelError
        If the model has learnt from too few past cancellations to say anything of silence.
    """
    history, silences = _asked(model, history, as_of, clients)
    p, low, high = _curves(model, silences, np.arange(LONGEST + 1.0))
    ids = _ids(history, silences)
    n, m = p.shape
    today = np.minimum(np.floor(silences.days), LONGEST)
    return SilenceCurves(history.known_until, pd.DataFrame({
        "client_id": np.repeat(ids["client_id"].to_numpy(), m),
        "episode_id": np.repeat(ids["episode_id"].to_numpy(), m),
        "silent_day": np.tile(np.arange(m), n),
        "p_gone": p.ravel().round(DECIMALS), "low": low.ravel().round(DECIMALS), "high": high.ravel().round(DECIMALS),
        "today": (np.arange(m) == today[:, None]).ravel(),
    }))


def outlook(
    model: DropoutModel, history: History, as_of: str | np.datetime64 | None = None, *, call: Call | None = None
) -> pd.DataFrame:
    """Each open cancellation at a date: likely gone or not, what a day of waiting loses, and when to call.

    Parameters
    ----------
    model : DropoutModel
    history : History
    as_of : date, optional
    call : Call, optional
        What a call is taken to do.

    Returns
    -------
    DataFrame
        client_id, episode_id, cancelled_at, silent_days (since the client was last heard of), p_gone with low and high, outlook
        (one of `OUTLOOKS`), lost_by_waiting (chance of keeping the client that one more day of waiting loses), call_on (the
        first date on which a call is worth about the most, if the client is still silent then; missing where no call is worth its
        cost) and worth (of that
        call as seen today, in clients kept). The likeliest gone first.

    Notes
    -----
    A plan "call on day d, if they are still silent then" reaches a client who is gone with the probability of today, and is
    spared where they come back before. With p(t) the curve and s today, its worth is p(s) * keeps(d) - cost * p(s) / p(d):
    waiting loses some of those who could have been kept, and saves needless calls.
    """
    call = Call() if call is None else call
    history, silences = _asked(model, history, as_of, None)
    ahead = silences.days[:, None] + np.arange(LONGEST + 1)
    later, lowest, highest = _curves(model, silences, ahead)
    now, low, high = later[:, 0], lowest[:, 0], highest[:, 0]
    worth = now[:, None] * (call.keeps(ahead) - call.cost / later)
    # The worth is flat about its top; of days that are as good as the best, the first is meant.
    best = (worth >= np.maximum(NEARLY * worth.max(axis=1, keepdims=True), 1e-12)).argmax(axis=1)
    value = worth[np.arange(len(worth)), best]
    day = silences.asked.at // DAY * DAY + best * DAY
    frame = _ids(history, silences).assign(
        cancelled_at=shown(silences.state.cancelled_at),
        silent_days=np.floor(silences.days).astype(np.int64),
        p_gone=now, low=low, high=high, outlook=_outlooks(now, low, high),
        lost_by_waiting=now * (call.keeps(silences.days) - call.keeps(silences.days + 1)),
        call_on=times(day), worth=np.maximum(value, 0.0))
    frame["call_on"] = frame["call_on"].where(value > 0)
    for name in ("p_gone", "low", "high", "lost_by_waiting", "worth"):
        frame[name] = frame[name].round(DECIMALS)
    return frame.sort_values(["p_gone", "client_id", "episode_id"], ascending=[False, True, True]).reset_index(drop=True)


def _outlooks(p: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    returning, unsure, gone, thin = OUTLOOKS
    named = np.select([p > LIKELY_GONE, p < LIKELY_BACK], [gone, returning], default=unsure)
    return np.where(high - low > WIDEST, thin, named)


def _asked(
    model: DropoutModel, history: History, as_of: str | np.datetime64 | None, clients: Collection[str] | None
) -> tuple[History, Silences]:
    if model.reschedule_ is None:
        raise ModelError("this model has learnt from too few past cancellations to say anything of silence; fit it on a longer "
                         "history, or on that of several clinics.")
    history = history.as_of(history.known_until if as_of is None else as_of)
    timeline = history.timeline
    moments = open_at(timeline, timeline.extraction)
    if clients is not None:
        clients = {clients} if isinstance(clients, str) else set(clients)
        whose = timeline.episodes["client_id"].iloc[moments.episode]
        absent = clients - set(whose)
        if absent:
            raise CallError(f"{len(absent)} of the clients asked for have no open episode at {history.known_until}.")
        moments = moments.take(whose.isin(list(clients)).to_numpy())
    evidence = Evidence(timeline, model.measures_, model.covariates_, model.definition.maturity_days)
    return history, silences_at(evidence, moments, model.leaving_)[1]


def _curves(model: DropoutModel, silences: Silences, days: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """P(gone) and its interval for each open cancellation on some days (one row for all, or a row each)."""
    assert model.reschedule_ is not None
    clock = model.reschedule_.clock
    odds, error = clock.log_odds(silences.values)[silences.which], clock.spread(silences.values)[silences.which]
    days = np.broadcast_to(days, (len(odds), days.shape[-1]))
    here = np.stack([on_day(odds, days[:, j]) for j in range(days.shape[1])], axis=1)
    spread = 1.96 * np.stack([on_day(error, days[:, j]) for j in range(days.shape[1])], axis=1)
    p, low, high = expit(here), expit(here - spread), expit(here + spread)
    layer = model.recalibration_
    return (p, low, high) if layer is None else (layer.gone(p), layer.gone(low), layer.gone(high))


def _ids(history: History, silences: Silences) -> pd.DataFrame:
    episodes = history.timeline.episodes.iloc[silences.asked.episode]
    return episodes[["client_id", "episode_id"]].reset_index(drop=True)
