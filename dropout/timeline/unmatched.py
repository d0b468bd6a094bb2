"""How many cancellations a booking replaced, and why others found none: what `dropout check` says of them."""

from __future__ import annotations

import numpy as np

from dropout.timeline.chains import cancelled_rows
from dropout.timeline.facts import DAY, FOREVER
from dropout.timeline.named import NAME_THE_CANCELLED
from dropout.timeline.replacements import REBOOKED_WITHIN_DAYS, replacements
from dropout.timeline.timeline import CLINIC_CANCEL, Timeline


def matched_counts(timeline: Timeline) -> dict[str, object]:
    """Cancellations by client and by clinic, and what limits the matching; ready for JSON.

    Returns
    -------
    dict
        `by_client` and `by_clinic`, each with `cancellations`, `replaced`, `unmatched` (no booking within
        `REBOOKED_WITHIN_DAYS`) and `recent` (none yet, and not so many days old); `named`, how many of the replacements the
        tables name; `sessions_without_booked_at`; `names_that_lead_nowhere`, by column.
    """
    found, rows = replacements(timeline), cancelled_rows(timeline)
    holds = found.until == FOREVER
    replaced = np.isin(rows, found.cancelled[holds])
    waits = timeline.sessions.outcome[rows] + REBOOKED_WITHIN_DAYS * DAY > timeline.extraction
    by_clinic = timeline.sessions.status[rows] == CLINIC_CANCEL
    sessions = timeline.tables.sessions
    undated = sessions["booked_at"].isna() if "booked_at" in sessions else np.ones(len(sessions), dtype=bool)
    return {
        **{name: {
            "cancellations": int(mine.sum()), "replaced": int((mine & replaced).sum()),
            "unmatched": int((mine & ~replaced & ~waits).sum()), "recent": int((mine & ~replaced & waits).sum()),
        } for name, mine in (("by_client", ~by_clinic), ("by_clinic", by_clinic))},
        "named": int(found.named.sum()),
        "sessions": len(sessions),
        "sessions_without_booked_at": int(undated.sum()),
        "names_that_lead_nowhere": dict(found.unresolved),
    }


def matched_text(timeline: Timeline) -> str:
    """The same counts in sentences, a line each; empty where nothing was cancelled."""
    counts = matched_counts(timeline)
    lines = []
    for key, whose in (("by_client", "by clients"), ("by_clinic", "by the clinic")):
        n = counts[key]
        assert isinstance(n, dict)
        if n["cancellations"]:
            lines.append(
                f"Cancelled {whose}: {n['cancellations']:,}; a booking replaced {n['replaced']:,}, none replaced "
                f"{n['unmatched']:,}, and {n['recent']:,} are not {REBOOKED_WITHIN_DAYS} days old")
    if not lines:
        return ""
    total, undated = len(timeline.tables.sessions), counts["sessions_without_booked_at"]
    if undated == total:
        lines.append("  No session has booked_at: a booking can be matched only where a column names the cancellation "
                     f"({', '.join(NAME_THE_CANCELLED[:3])} and the like)")
    elif undated:
        lines.append(f"  {undated:,} of {total:,} sessions have no booked_at, and can be matched only by name")
    missing = counts["names_that_lead_nowhere"]
    assert isinstance(missing, dict)
    lines += [f"  {n:,} names in {column} lead to no cancelled session and its booking (moved in place, or not in the tables)"
              for column, n in missing.items()]
    return "\n".join(lines)
