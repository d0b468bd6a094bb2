"""Session features: the feature table with one row per session, for people rather than models."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from dropout.errors import CallError
from dropout.features.moments import at_sessions
from dropout.features.table import feature_table
from dropout.features.view import Evidence
from dropout.history import History
from dropout.timeline import times

SHOWN = ("session_id", "starts_at", "status")


def session_features(history: History, when: str = "before", exclude: Collection[str] = ()) -> pd.DataFrame:
    """One row per session: what was known just before its outcome became known, or at it.

    Parameters
    ----------
    history : History
    when : {"before", "after"}
        "before": one second before the attendance, no-show or cancellation became known, so that a feature tells nothing of
        it; "after": at that very second. A session still scheduled is shown at the date until which the history is
        known.
    exclude : names of columns of `clients` and `episodes` that are not wanted as features

    Returns
    -------
    DataFrame
        In the order of `history.sessions`: client_id, episode_id, session_id (where there is one), starts_at,
        status (what became of it, which `when="before"` does not know), as_of, and the features, float64, NaN where
        unknown. `.attrs["left_out"]` says which features these tables cannot give, and why. The features are
        explained in `docs/features.md`.

    Raises
    ------
    CallError
        If `when` is neither.
    """
    if when not in ("before", "after"):
        raise CallError(f"when is {when!r}; expected 'before' or 'after'")
    timeline = history.timeline
    moments, rows = at_sessions(timeline, when)
    table = feature_table(Evidence.of(timeline, exclude), moments)
    episodes = timeline.episodes[["client_id", "episode_id"]].iloc[moments.episode].reset_index(drop=True)
    sessions = history.sessions.iloc[rows].reset_index(drop=True)
    sessions = sessions[[name for name in SHOWN if name in sessions]].assign(as_of=times(moments.at))
    found = pd.concat([episodes, sessions, table.values], axis=1)
    found.attrs["left_out"] = table.left_out
    return found
