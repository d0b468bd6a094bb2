"""Silence seen ahead: chances with their intervals, days to call, and how a chance rises with every silent day.

What a call does can't be learnt from histories in which nobody was called at random. It is an assumption, and the page says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from dropout.clinic.lists import EPISODE
from dropout.clinic.phrases import sentence
from dropout.disclosure import SMALLEST_SHOWN
from dropout.history import History

if TYPE_CHECKING:
    from dropout.models.outlook import Call

LAST_DAY = 60
"""Silent days to which curves are drawn: by then most definitions call a silence a dropout."""

DAYS_TOLD = (1, 7, 21, 60)
"""Silent days whose chances are told in numbers."""

MOST_CURVES = 4
"""Curves in one figure; more can't be told apart."""

EVERYBODY = "all of them"


@dataclass(frozen=True)
class Typical:
    """How the chance of never coming again rises for clients whose messages said the same.

    Attributes
    ----------
    name : str
        What the messages said, in words.
    n : int
        Clients; never fewer than five.
    middle, low, high : tuple of float
        Chance on silent days 0 to 60 of the client in the middle, and between which half of the clients lie.
    """

    name: str
    n: int
    middle: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class Assumption:
    """What the days to call rest on.

    Attributes
    ----------
    told : str
        What a call is taken to do.
    price : str
        How many calls are held to be worth one client kept; empty where calls cost nothing.
    """

    told: str
    price: str


@dataclass(frozen=True)
class Ahead:
    """What a model says of the silences of a date.

    Attributes
    ----------
    outlook : DataFrame
        As `dropout.outlook` gives it: a row for each open cancellation.
    curves : DataFrame
        As `dropout.silence_curve` gives it, for clients in care of whom a chance can be given.
    assumption : Assumption
    """

    outlook: pd.DataFrame
    curves: pd.DataFrame
    assumption: Assumption


def seen_ahead(model: Any, history: History, still_open: pd.DataFrame, reschedule: pd.DataFrame,
               call: Call | None) -> Ahead | None:
    """What the model says of silences; None where it has learnt nothing of them, or no cancellation is open.

    Parameters
    ----------
    model : DropoutModel or None
    history : History
        As of the date of the page.
    still_open : DataFrame
        As `lists.open_episodes` gives it.
    reschedule : DataFrame
        Open cancellations.
    call : Call, optional
        What a call is taken to do.
    """
    if getattr(model, "reschedule_", None) is None:
        return None
    in_care = reschedule[EPISODE].merge(still_open.loc[~still_open["left"], EPISODE], on=EPISODE)
    if not len(in_care):
        return None
    from dropout.models.outlook import OUTLOOKS, Call, outlook, silence_curve

    call = Call() if call is None else call
    found = outlook(model, history, call=call)
    known = found.loc[found["outlook"] != OUTLOOKS[-1], EPISODE].merge(in_care, on=EPISODE)
    curves = silence_curve(model, history, clients=set(in_care["client_id"])).table.merge(known, on=EPISODE)
    return Ahead(found, curves, assumed(call))


def assumed(call: Call) -> Assumption:
    """What a call is taken to do, in sentences."""
    if not call.cost:
        return Assumption(sentence(str(call)), "")
    worth = 1 / call.cost
    n = f"{worth:,.0f}" if worth >= 10 else f"{worth:.2g}"
    return Assumption(sentence(str(call)), f"So {n} {'call is' if n == '1' else 'calls are'} held to be worth one client kept.")


def typical_curves(curves: pd.DataFrame, who: pd.DataFrame) -> tuple[Typical, ...]:
    """The typical silence curve for each message that at least five clients sent, the highest after three weeks first.

    Parameters
    ----------
    curves : DataFrame
        `client_id`, `episode_id`, `silent_day`, `p_gone`.
    who : DataFrame
        `client_id`, `episode_id` and `message` (what it said, in words) of the clients that count.

    Returns
    -------
    tuple of Typical
        At most four, those of most clients; one of everybody where no message came from five; none for fewer clients.
    """
    table = curves[curves["silent_day"] <= LAST_DAY].merge(who[[*EPISODE, "message"]], on=EPISODE)
    wide = table.pivot_table(index=["message", *EPISODE], columns="silent_day", values="p_gone")
    names = wide.index.get_level_values("message")
    found = [_typical(str(name), wide[names == name]) for name in dict.fromkeys(names)]
    kept = sorted((one for one in found if one.n >= SMALLEST_SHOWN), key=lambda one: (-one.n, one.name))[:MOST_CURVES]
    if not kept and len(wide) >= SMALLEST_SHOWN:
        kept = [_typical(EVERYBODY, wide)]
    return tuple(sorted(kept, key=lambda one: (-one.middle[21], one.name)))


def _typical(name: str, wide: pd.DataFrame) -> Typical:
    low, middle, high = np.quantile(wide.to_numpy(float), [0.25, 0.5, 0.75], axis=0)
    return Typical(name, len(wide), tuple(middle.tolist()), tuple(low.tolist()), tuple(high.tolist()))


def waiting_loses(chance: float) -> str:
    """What a day of waiting loses, in words: "a day of waiting loses 0.3 chances in 100"."""
    hundredths = 100 * chance
    amount = "under 0.1" if 0 < hundredths < 0.05 else f"{hundredths:.1f}"
    return f"a day of waiting loses {amount} chances in 100"
