"""The table of episodes with their endings."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dropout.endings.definitions import DEFAULT
from dropout.endings.ending import ENDINGS, Definition, need_definition
from dropout.timeline import FOREVER, NEVER, Timeline, times


def episodes_table(timeline: Timeline, definition: Definition = DEFAULT) -> pd.DataFrame:
    """One row per episode, with its ending by this definition.

    Returns
    -------
    DataFrame
        client_id, episode_id, opened_at, closed_at, closure_reason, `ending` (one of `ENDINGS`), `ended_at`,
        `known_at`, `never_started` (nothing attended: to be kept apart from dropout in any rate), `n_attended`,
        `first_attended_at`, `last_attended_at`. The name of the definition is in `.attrs["definition"]`.
    """
    need_definition(definition, "definition")
    found = definition.endings(timeline)
    episode = np.arange(len(timeline))
    now = np.full(len(timeline), timeline.extraction)
    n_attended = timeline.took_place.count(episode, now)
    begin = timeline.took_place.begin(episode)
    first = np.full(len(timeline), NEVER)
    first[n_attended > 0] = timeline.took_place.at[begin[n_attended > 0]]
    table = timeline.episodes[["client_id", "episode_id", "opened_at", "closed_at", "closure_reason"]].copy()
    table["opened_at"] = table["opened_at"].where(table["opened_at"].notna(), timeline.episodes["begins_at"])
    table["ending"] = np.array(ENDINGS)[found.ending]
    table["ended_at"] = times(found.at)
    table["known_at"] = times(np.where(found.known == FOREVER, NEVER, found.known))
    table["never_started"] = n_attended == 0
    table["n_attended"] = n_attended
    table["first_attended_at"] = times(first)
    table["last_attended_at"] = times(timeline.took_place.last_at(episode, now))
    table.attrs["definition"] = definition.name
    return table
