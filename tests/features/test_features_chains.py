"""Features of chains, against plain loops."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
from hypothesis import given, settings
from random_histories import histories, moments, read, second
from slow_chains import CANCELLED, WITHIN, before_slowly, chain_slowly, links_slowly

from dropout.features import chains
from dropout.features.view import Evidence, View
from dropout.timeline import DAY, Moments

EXAMPLES = int(os.environ.get("TWIN_EXAMPLES", "60"))


@settings(max_examples=2 * EXAMPLES, deadline=None)
@given(histories, moments)
def test_features_of_chains_are_plain_loops(history, moment):
    timeline, at = history.timeline, second(moment)
    found = chains.compute(View(Evidence(timeline), Moments(np.arange(len(timeline)), np.full(len(timeline), at))))
    links, times, status = links_slowly(timeline), timeline.sessions, list(timeline.tables.sessions["status"])
    for episode in range(len(timeline)):
        mine = [row for row in np.flatnonzero(timeline.belongs.session == episode) if times.outcome[row] <= at]
        seen = max((times.outcome[row] for row in mine if status[row] == "attended"), default=-np.inf)
        steps, settled, pushed = [], [], []
        for row in mine:
            if status[row] in CANCELLED:
                steps.append((times.outcome[row], 0, times.start[row],
                              [*chain_slowly(links, before_slowly(links, row, times.outcome[row])), row]))
            if status[row] in ("client_cancel", "late_cancel"):
                link = next((link for link in links if link.cancelled == row and link.known <= at), None)
                if link or times.outcome[row] + WITHIN <= at:
                    settled.append(link is not None)
                if link:
                    pushed.append(max(times.start[link.booked] - times.start[row], 0) / DAY)
        steps += [(link.known, 1, times.start[link.booked], chain_slowly(links, link)) for link in links
                  if link.known <= at and timeline.belongs.session[link.booked] == episode]
        known, _, start, rows = max(
            ((known, kind, start, rows) for known, kind, start, rows in steps if known > seen),
            key=lambda step: (*step[:3], len(step[3]), sum(status[row] == "clinic_cancel" for row in step[3]),
                              step[2] - times.start[step[3][0]]), default=(0, 0, 0, []))
        values = {name: column[episode] for name, column in found.items()}
        assert values["chain_length"] == len(rows)
        assert values["chain_by_clinic"] == sum(status[row] == "clinic_cancel" for row in rows)
        assert values["chain_pushed_days"] == (max(start - times.start[rows[0]], 0) / DAY if rows else 0)
        assert values["own_replaced_rate"] == (sum(settled) + 2 * 0.6) / (len(settled) + 2)
        np.testing.assert_allclose(values["own_pushed_days"], np.mean(pushed) if pushed else np.nan, rtol=1e-12)


def test_chains_need_bookings_with_dates_or_names():
    frame = pd.DataFrame([("a", "2024-01-08T10:00", "client_cancel", "1", None), ("a", "2024-01-12T10:00", "attended", "2", "1")],
                         columns=["client_id", "starts_at", "status", "session_id", "replaces"])
    for columns, features in ((list(frame), chains.FEATURES), (["client_id", "starts_at", "status"], ())):
        timeline = read({"sessions": frame[columns]}).timeline
        offered = chains.group(View(Evidence(timeline), Moments(np.array([0]), np.array([timeline.extraction]))))
        assert offered.features == features
        assert set(offered.left_out) == (set() if features else {f.name for f in chains.FEATURES})
