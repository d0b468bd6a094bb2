"""Booking: what stands ahead, and for how long nothing has."""

from __future__ import annotations

import numpy as np

from dropout.features.feature import Columns, Feature, Group
from dropout.features.view import View
from dropout.timeline.facts import DAY, FOREVER

FEATURES = (
    Feature("booked_ahead", "a session stands booked ahead", "0 or 1", "sessions", "flag"),
    Feature("nothing_booked", "no session stands booked ahead", "0 or 1", "sessions", "flag", "no session booked"),
    Feature("n_booked_ahead", "sessions that stand booked ahead", "sessions", "sessions", "log"),
    Feature("days_to_next", "days until the next booked session", "days", "sessions", "log",
            "next session only in {value:.0f} days", least=10),
    Feature("unbooked_days", "days for which nothing has been booked ahead, 0 while something is", "days", "sessions",
            "log"),
    Feature("lead_days", "days between booking and start of the latest booking made", "days", "sessions", "log"),
    Feature("days_since_booking", "days since the latest booking was made", "days", "sessions", "log"),
    Feature("days_to_book", "days from when the client was last seen to the latest booking made since, 0 where it stood "
            "already", "days", "sessions", "log"),
    Feature("booked_since_attended", "a booking was made since the client was last seen", "0 or 1", "sessions", "flag"),
)


def group(view: View) -> Group:
    """The features of booking, or none where the tables do not say when sessions were booked."""
    table = view.timeline.tables.sessions
    if "booked_at" in table and table["booked_at"].notna().any():
        return Group("booking", FEATURES, {})
    return Group("booking", (), {f.name: "sessions has no booked_at" for f in FEATURES})


def compute(view: View) -> Columns:
    """Bookings as they stood at each moment."""
    bookings = view.timeline.bookings
    ahead = n_ahead(view)
    has = ahead > 0
    next_at = next_start(view, ahead)
    released = view.days_since(view.timeline.releases)
    since_attended = view.last(view.timeline.attended, "seen")
    made = view.last(bookings, "at")
    return {
        "booked_ahead": has.astype(float),
        "nothing_booked": (~has).astype(float),
        "n_booked_ahead": ahead,
        "days_to_next": np.where(has, (next_at - view.at) / DAY, np.nan),
        "unbooked_days": np.where(has, 0.0, np.where(np.isnan(released), view.episode_days, released)),
        "lead_days": view.last(bookings, "lead") / DAY,
        "days_since_booking": view.days_since(bookings),
        "days_to_book": np.where(has | (made > since_attended), np.maximum(made - since_attended, 0) / DAY, np.nan),
        "booked_since_attended": (made > np.nan_to_num(since_attended, nan=-np.inf)).astype(float),
    }


def n_ahead(view: View) -> np.ndarray:
    """Sessions that stood booked ahead at each moment: bookings made less bookings taken up, missed or cancelled."""
    return view.count(view.timeline.bookings) - view.count(view.timeline.releases)


def next_start(view: View, ahead: np.ndarray) -> np.ndarray:
    """Second at which the next booked session starts (`FOREVER` where none stands ahead).

    Goes back from the latest booking known until as many that still stand have been met as there are.
    """
    bookings = view.timeline.bookings
    found = np.full(len(view), FOREVER)
    missing = ahead.astype(np.int64)
    position = view.position(bookings) - 1
    todo = np.flatnonzero(missing > 0)
    while len(todo):
        here = position[todo]
        stands = bookings.values["until"][here] > view.at[todo]
        found[todo[stands]] = np.minimum(found[todo[stands]], bookings.values["start"][here[stands]])
        missing[todo[stands]] -= 1
        position[todo] -= 1
        todo = todo[missing[todo] > 0]
    return found
