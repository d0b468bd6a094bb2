"""Who to call: clients in care by their chance of leaving, and files that are open on paper only.

These lists name clients. They are for use inside the clinic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dropout.clinic.phrases import ago, as_time, counted, short_day
from dropout.endings import Definition
from dropout.errors import CallError
from dropout.history import History

EPISODE = ["client_id", "episode_id"]
RISK_COLUMNS = [*EPISODE, "therapist_id", "as_of", "sessions_attended", "last_attended_at", "p_dropout_30d",
                "p_dropout_60d", "p_dropout_90d", "reasons"]
Z_95 = 1.959963984540054
"""97.5th percentile of the normal distribution, for intervals of 95%."""

MOST_REASONS = 3
MOST_ON_PAPER = 10
DAY = np.timedelta64(1, "D")
MOST_COUNTED_EXACTLY = 2_000
"""Chances added up exactly; the normal distribution is as good for more."""


@dataclass(frozen=True)
class ClientInCare:
    """One client on the call list.

    Attributes
    ----------
    client_id, episode_id, therapist_id : str
        Therapist of the latest session; empty where none is on record.
    seen : str
        When they were last seen, in words.
    seen_ago : str
        How long ago that was; empty for a client who has not been seen.
    n_sessions : str
        Sessions attended, in words.
    p_30, p_60, p_90 : float
        Chance that they leave, their last session falling within so many days.
    reasons : tuple of str
        Strongest first.
    cancelled : bool
        They have an open cancellation too.
    """

    client_id: str
    episode_id: str
    therapist_id: str
    seen: str
    seen_ago: str
    n_sessions: str
    p_30: float
    p_60: float
    p_90: float
    reasons: tuple[str, ...]
    cancelled: bool


@dataclass(frozen=True)
class CallList:
    """Clients in care by their chance of leaving, and open files whose client has left by the definition.

    Attributes
    ----------
    first : tuple of ClientInCare
        Highest chance within 60 days first.
    n_in_care : int
        Open episodes that the definition does not yet count as left.
    expected, low, high : float
        How many of those are expected to leave within 60 days, and the 95% interval, if the chances are right.
    on_paper : tuple of ClientInCare
        Left by the definition though nobody closed the file; last seen most recently first.
    n_on_paper : int
    """

    first: tuple[ClientInCare, ...]
    n_in_care: int
    expected: float
    low: float
    high: float
    on_paper: tuple[ClientInCare, ...]
    n_on_paper: int


def open_episodes(history: History, definition: Definition) -> pd.DataFrame:
    """Open episodes: `client_id`, `episode_id`, and `left`, whether the definition counts them as left already."""
    episodes = history.episodes(definition)
    is_open = episodes["closed_at"].isna() & episodes["closure_reason"].isna()
    still = episodes.loc[is_open, [*EPISODE, "ending"]].reset_index(drop=True)
    return still[EPISODE].assign(left=(still["ending"] != "ongoing").to_numpy())


def call_list(risk: pd.DataFrame, still_open: pd.DataFrame, cancelled: pd.DataFrame, *, top: int) -> CallList:
    """The call list of a date.

    Parameters
    ----------
    risk : DataFrame
        `dropout_risk` of the scores.
    still_open : DataFrame
        As `open_episodes` gives it.
    cancelled : DataFrame
        Open cancellations (`client_id`, `episode_id`).
    top : int
        Clients in care listed at most; of the files open on paper only, `MOST_ON_PAPER` at most.

    Raises
    ------
    CallError
        If `risk` lacks a column.
    """
    require(risk, RISK_COLUMNS, "dropout_risk")
    risk = risk.merge(still_open, on=EPISODE, how="left", validate="one_to_one")
    risk["left"] = risk["left"].fillna(False).astype(bool)
    risk["cancelled"] = pd.MultiIndex.from_frame(risk[EPISODE]).isin(pd.MultiIndex.from_frame(cancelled[EPISODE]))
    in_care = risk[~risk["left"]].sort_values(
        ["p_dropout_60d", "p_dropout_30d", *EPISODE], ascending=[False, False, True, True], kind="stable")
    on_paper = risk[risk["left"]].sort_values(
        ["last_attended_at", *EPISODE], ascending=[False, True, True], kind="stable")
    expected, low, high = expected_number(in_care["p_dropout_60d"].to_numpy(float))
    return CallList(
        first=_clients(in_care.head(top)), n_in_care=len(in_care), expected=expected, low=low, high=high,
        on_paper=_clients(on_paper.head(min(top, MOST_ON_PAPER))), n_on_paper=len(on_paper))


def expected_number(p: np.ndarray) -> tuple[float, float, float]:
    """How many are expected, and the 95% interval, when each has their own chance and they are independent.

    The number then follows the Poisson binomial distribution; above `MOST_COUNTED_EXACTLY` chances the normal
    distribution stands in for it.
    """
    mean = float(p.sum())
    if len(p) > MOST_COUNTED_EXACTLY:
        reach = Z_95 * float(np.sqrt((p * (1 - p)).sum()))
        return mean, max(0.0, mean - reach), min(float(len(p)), mean + reach)
    chance = np.ones(1)
    for one in p:
        chance = np.append(chance * (1 - one), 0.0) + np.append(0.0, chance * one)
    up_to = np.cumsum(chance)
    # The last step may stay a hair under one, so that the quantile is never looked for beyond it.
    low, high = (float(np.minimum(np.searchsorted(up_to, q), len(p))) for q in (0.025, 0.975))
    return mean, low, high


def require(frame: pd.DataFrame, columns: Sequence[str], name: str) -> None:
    """Raise `CallError` if a frame lacks one of the columns."""
    missing = [column for column in columns if column not in frame]
    if missing:
        raise CallError(f"the scores cannot be shown: {name} lacks {', '.join(missing)}; score the history again")


def said(value: object) -> str:
    """A name or number on record as text; empty where it is missing."""
    return "" if value is None or value is pd.NaT or (isinstance(value, float) and np.isnan(value)) else str(value)


def reasons_shown(reasons: object) -> tuple[str, ...]:
    """The first few reasons, strongest first; none where there are none."""
    if not isinstance(reasons, Sequence | np.ndarray) or isinstance(reasons, str):
        return ()
    return tuple(str(reason) for reason in reasons)[:MOST_REASONS]


def _clients(risk: pd.DataFrame) -> tuple[ClientInCare, ...]:
    return tuple(_client(row) for row in risk.to_dict("records"))


def _client(row: dict) -> ClientInCare:
    seen = as_time(row["last_attended_at"])
    at = as_time(row["as_of"])
    return ClientInCare(
        client_id=said(row["client_id"]),
        episode_id=said(row["episode_id"]),
        therapist_id=said(row["therapist_id"]),
        seen="never seen" if np.isnat(seen) else short_day(seen),
        seen_ago="" if np.isnat(seen) else ago((at - seen) / DAY),
        n_sessions=counted(int(row["sessions_attended"]), "session"),
        p_30=float(row["p_dropout_30d"]),
        p_60=float(row["p_dropout_60d"]),
        p_90=float(row["p_dropout_90d"]),
        reasons=reasons_shown(row["reasons"]),
        cancelled=bool(row["cancelled"]),
    )
