"""Aside: rows and values that are left out because nothing can be done with them; each is said and counted."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dropout.tables.columns import CANCELLED
from dropout.tables.problems import Problems
from dropout.tables.times import EMPTY, Parsed

FIRST_BIRTH_YEAR = 1900


def leave_out(
    frames: dict[str, pd.DataFrame],
    rows: dict[str, np.ndarray],
    parsed: dict[str, dict[str, Parsed]],
    today: np.datetime64,
    problems: Problems,
) -> dict[str, int]:
    """Take rows and values that cannot be used out of `frames` and `rows`; return how many rows, by reason."""
    counts: dict[str, int] = {}

    def drop(name: str, column: str, mask: np.ndarray, said: str, mend: str, reason: str) -> None:
        if not mask.any():
            return
        values = frames[name].loc[mask, column]
        shown = values if values.notna().all() else None
        problems.rows("warning", name, column, rows[name][mask], shown, said, mend)
        counts[reason] = int(mask.sum())
        frames[name], rows[name] = frames[name][~mask].reset_index(drop=True), rows[name][~mask]

    sessions = frames.get("sessions")
    if "messages" in frames:
        said = "empty; the message is set aside"
        undated = np.zeros(len(frames["messages"]), dtype=bool)
        if "sent_at" in parsed["messages"]:  # a time that could not be read has been named already
            undated = parsed["messages"]["sent_at"].form == EMPTY
        drop("messages", "sent_at", undated, said, "Give the sent_at", "messages without time")
        nobody = frames["messages"]["client_id"].isna().to_numpy(dtype=bool)
        drop("messages", "client_id", nobody, said, "Give the client_id", "messages without client")
        silent = frames["messages"]["text"].isna().to_numpy(dtype=bool)
        problems.rows(
            "warning", "messages", "text", rows["messages"][silent], None,
            "the message has no text; only its time counts", "Give the text",
        )  # fmt: skip
    if sessions is not None:
        _drop_cancellations(sessions, rows["sessions"], problems)
        for name in ("messages", "measures"):
            if name in frames:
                client = frames[name]["client_id"]
                unknown = (client.notna() & ~client.isin(sessions["client_id"].dropna())).to_numpy(dtype=bool)
                said = f"this client has no session; the {name.removesuffix('s')} is set aside"
                mend = "Check the client_id, or give the client's sessions"
                drop(name, "client_id", unknown, said, mend, f"{name} of clients without a session")
    if "clients" in frames and "birth_year" in frames["clients"]:
        born = frames["clients"]["birth_year"]
        this_year = int(str(today.astype("datetime64[Y]")))
        wrong = ((born < FIRST_BIRTH_YEAR) | (born > this_year)).to_numpy(dtype=bool)
        said = f"not a year of birth between {FIRST_BIRTH_YEAR} and {this_year}; left empty"
        problems.rows("warning", "clients", "birth_year", rows["clients"][wrong], born[wrong], said, "Correct it")
        frames["clients"]["birth_year"] = born.mask(wrong)
    return counts


def _drop_cancellations(sessions: pd.DataFrame, rows: np.ndarray, problems: Problems) -> None:
    """Empty `cancelled_at` on sessions that are not cancelled: the status says what became of them."""
    if "cancelled_at" not in sessions:
        return
    at = sessions["cancelled_at"]
    known = sessions["status"].notna()
    kept_on = (at.notna() & known & ~sessions["status"].isin(CANCELLED)).to_numpy(dtype=bool)
    said = "the session is not cancelled; this time is left out"
    mend = "Correct the status, or empty cancelled_at"
    problems.rows("warning", "sessions", "cancelled_at", rows[kept_on], at[kept_on], said, mend)
    sessions["cancelled_at"] = at.mask(kept_on)
