"""Feature functions as people write them, each with one column that leaks beside columns that don't."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import pandas as pd

from dropout.history import History

DAY = pd.Timedelta("1D")
HONEST = ("n_so_far", "days_since_last", "booked_ahead", "phq9_so_far", "wrote_lately", "employed", "month")


def beside(moments: pd.DataFrame, table: pd.DataFrame | None) -> pd.DataFrame:
    """Every row of a table beside every moment of its client; `row` is the position of the moment."""
    asked = moments[["client_id", "as_of"]].assign(row=np.arange(len(moments)))
    columns = asked.iloc[:0].assign(status="", score=0.0, closure_reason="") if table is None else table
    return asked.merge(columns, on="client_id", suffixes=("", "_of_table")).sort_values("row", kind="stable")


def at_each(moments: pd.DataFrame, rows: pd.DataFrame, value: Callable[..., object], without: object = np.nan) -> np.ndarray:
    """A value worked out from the rows beside each moment, and another where there are none."""
    return value(rows.groupby("row")).reindex(range(len(moments)), fill_value=without).to_numpy()


def honest(history: History, moments: pd.DataFrame) -> pd.DataFrame:
    """Seven columns that know only what was known at each moment."""
    sessions = beside(moments, history.sessions)
    at = sessions["as_of"]
    came = sessions[(sessions["status"] == "attended") & (sessions["starts_at"] <= at)]
    ahead = sessions[(sessions["booked_at"] <= at) & (sessions["starts_at"] > at) & ~(sessions["cancelled_at"] <= at)]
    found = pd.DataFrame({
        "n_so_far": at_each(moments, came, lambda of: of.size(), 0),
        "days_since_last": (moments["as_of"] - pd.Series(at_each(moments, came, lambda of: of["starts_at"].max(), pd.NaT))) / DAY,
        "booked_ahead": at_each(moments, ahead, lambda of: of.size(), 0),
    })
    if history.measures is not None:
        scores = beside(moments, history.measures)
        scores = scores[(scores["measure"] == "phq9") & (scores["measured_at"] <= scores["as_of"])]
        found["phq9_so_far"] = at_each(moments, scores, lambda of: of["score"].last())
    if history.messages is not None:
        sent = beside(moments, history.messages)
        sent = sent[(sent["sent_at"] <= sent["as_of"]) & (sent["sent_at"] > sent["as_of"] - 14 * DAY)]
        found["wrote_lately"] = at_each(moments, sent, lambda of: of.size(), 0)
    if history.clients is not None:
        found["employed"] = moments["client_id"].map(history.clients.set_index("client_id")["employment"]).eq("employed")
    return found.assign(month=moments["as_of"].dt.month)


def next_status(history: History, moments: pd.DataFrame) -> np.ndarray:
    rows = beside(moments, history.sessions)
    return at_each(moments, rows[rows["starts_at"] > rows["as_of"]], lambda of: of["status"].first(), None)


def days_to_next_attended(history: History, moments: pd.DataFrame) -> np.ndarray:
    rows = beside(moments, history.sessions)
    rows = rows[(rows["starts_at"] > rows["as_of"]) & (rows["status"] == "attended")]
    return at_each(moments, rows.assign(days=(rows["starts_at"] - rows["as_of"]) / DAY), lambda of: of["days"].min())


def total_attended(history: History, moments: pd.DataFrame) -> pd.Series:
    attended = history.sessions[history.sessions["status"] == "attended"]
    return moments["client_id"].map(attended.groupby("client_id").size()).fillna(0)


def row_count(history: History, moments: pd.DataFrame) -> pd.Series:
    return moments["client_id"].map(history.sessions["client_id"].value_counts())


def bookings_to_come(history: History, moments: pd.DataFrame) -> np.ndarray:
    """Sessions ahead, as the table says at the end, whenever they were booked."""
    rows = beside(moments, history.sessions)
    return at_each(moments, rows[rows["starts_at"] > rows["as_of"]], lambda of: of.size(), 0)


def messages_to_come(history: History, moments: pd.DataFrame) -> np.ndarray:
    rows = beside(moments, history.messages)
    return at_each(moments, rows[rows["sent_at"] > rows["as_of"]], lambda of: of.size(), 0)


def nearest_score(history: History, moments: pd.DataFrame) -> np.ndarray:
    rows = beside(moments, history.measures)
    rows = rows.assign(distance=(rows["measured_at"] - rows["as_of"]).abs()).sort_values(["row", "distance"], kind="stable")
    return at_each(moments, rows, lambda of: of["score"].first())


def closure_reason(history: History, moments: pd.DataFrame) -> pd.Series:
    return moments["client_id"].map(history.tables.episodes.drop_duplicates("client_id").set_index("client_id")["closure_reason"])


def days_to_closure(history: History, moments: pd.DataFrame) -> pd.Series:
    closed = history.tables.episodes.drop_duplicates("client_id").set_index("client_id")["closed_at"]
    return (moments["client_id"].map(closed) - moments["as_of"]) / DAY


def therapist_encoded(history: History, moments: pd.DataFrame) -> pd.Series:
    """Share of dropouts by therapist, over all the data."""
    gone = history.episodes().groupby("client_id")["ending"].last().eq("dropout").astype(float)
    therapist = history.sessions.groupby("client_id")["therapist_id"].first()
    rate = gone.reindex(therapist.index).groupby(therapist).mean()
    return moments["client_id"].map(therapist).map(rate)


def standardised(history: History, moments: pd.DataFrame) -> pd.Series:
    """Rows so far, in standard deviations of all clients' totals."""
    rows = beside(moments, history.sessions)
    so_far = at_each(moments, rows[rows["starts_at"] <= rows["as_of"]], lambda of: of.size(), 0)
    totals = history.sessions["client_id"].value_counts()
    return pd.Series((so_far - totals.mean()) / totals.std())


def ranked(history: History, moments: pd.DataFrame) -> pd.Series:
    """Rank among the rows that happen to be asked about together."""
    return honest(history, moments)["n_so_far"].rank(pct=True)


def client_hash(history: History, moments: pd.DataFrame) -> list[int]:
    return [int(hashlib.sha256(client.encode()).hexdigest()[:8], 16) for client in moments["client_id"]]


def days_to_extraction(history: History, moments: pd.DataFrame) -> pd.Series:
    return (pd.Timestamp(history.known_until) - moments["as_of"]) / DAY


def status_shifted(history: History, moments: pd.DataFrame) -> np.ndarray:
    """The status of the row below, after sorting."""
    sessions = history.sessions.sort_values(["client_id", "starts_at"])
    rows = beside(moments, sessions.assign(below=sessions.groupby("client_id")["status"].shift(-1)))
    return at_each(moments, rows[rows["starts_at"] <= rows["as_of"]], lambda of: of["below"].last(), None)


def episode_days(history: History, moments: pd.DataFrame) -> pd.Series:
    starts = history.sessions.groupby("client_id")["starts_at"]
    return moments["client_id"].map((starts.max() - starts.min()) / DAY)


def status_at_extraction(history: History, moments: pd.DataFrame) -> pd.Series:
    return moments["client_id"].map(history.sessions.sort_values("starts_at").groupby("client_id")["status"].last())


def therapist_at_extraction(history: History, moments: pd.DataFrame) -> pd.Series:
    return moments["client_id"].map(history.sessions.sort_values("starts_at").groupby("client_id")["therapist_id"].last())


def booked_then_cancelled(history: History, moments: pd.DataFrame) -> np.ndarray:
    """Sessions that stood booked, and were cancelled later on."""
    rows = beside(moments, history.sessions)
    rows = rows[(rows["booked_at"] <= rows["as_of"]) & (rows["starts_at"] > rows["as_of"]) & rows["cancelled_at"].notna()]
    return at_each(moments, rows, lambda of: of.size(), 0)


def employment_encoded(history: History, moments: pd.DataFrame) -> pd.Series:
    """Share of dropouts by employment, over all the data."""
    gone = history.episodes().groupby("client_id")["ending"].last().eq("dropout").astype(float)
    work = history.clients.set_index("client_id")["employment"].astype(object)
    return moments["client_id"].map(work).map(gone.reindex(work.index).groupby(work).mean())


def placed(history: History, moments: pd.DataFrame) -> pd.Series:
    """Rows so far, as their place among all clients' totals."""
    rows = beside(moments, history.sessions)
    so_far = at_each(moments, rows[rows["starts_at"] <= rows["as_of"]], lambda of: of.size(), 0)
    totals = np.sort(history.sessions["client_id"].value_counts().to_numpy())
    return pd.Series(np.searchsorted(totals, so_far) / len(totals))


def score_filled_in(history: History, moments: pd.DataFrame) -> pd.Series:
    """The last score, or the mean of all scores where there is none yet."""
    scores = history.measures[history.measures["measure"] == "phq9"]
    rows = beside(moments, scores)
    last = at_each(moments, rows[rows["measured_at"] <= rows["as_of"]], lambda of: of["score"].last())
    return pd.Series(last).fillna(scores["score"].mean())


LEAKS: dict[Callable, str] = {
    next_status: "later outcome",
    days_to_next_attended: "later outcome",
    total_attended: "whole episode",
    row_count: "whole episode",
    bookings_to_come: "later booking",
    messages_to_come: "later message",
    nearest_score: "later score",
    closure_reason: "closure",
    days_to_closure: "closure",
    therapist_encoded: "other clients' endings",
    standardised: "fitted on all rows",
    ranked: "fitted on all rows",
    client_hash: "names the client",
    days_to_extraction: "end of the data",
    status_shifted: "later outcome",
    episode_days: "whole episode",
    status_at_extraction: "whole episode",
    therapist_at_extraction: "whole episode",
    booked_then_cancelled: "later outcome",
    employment_encoded: "other clients' endings",
    placed: "fitted on all rows",
    score_filled_in: "fitted on all rows",
}
"""A column that leaks, and the mechanism by which it does."""


def with_leak(leak: Callable) -> Callable[[History, pd.DataFrame], pd.DataFrame]:
    """A feature function with the honest columns and one that leaks."""
    def features(history: History, moments: pd.DataFrame) -> pd.DataFrame:
        return honest(history, moments).assign(**{leak.__name__: np.asarray(leak(history, moments), dtype=object)})
    return features
