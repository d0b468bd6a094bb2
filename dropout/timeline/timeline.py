"""The timeline: every fact of the tables, with the second at which it became known.

A session row is several facts: a booking at `booked_at`, a cancellation at `cancelled_at`, an attendance or a no-show
at `starts_at`; before its time the row is only a booking. A fact whose time of knowing is missing takes the latest
time at which it could have been known, never the earliest: a row without `booked_at` is first known by its outcome,
a cancellation without `cancelled_at` at the start of the session, and what is still `scheduled` at the extraction date.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from dropout.tables import Tables
from dropout.tables.known import outcome_known_at
from dropout.timeline.facts import DAY, FIXED_POINT, FOREVER, NEVER, Facts, seconds, times
from dropout.timeline.membership import Membership, membership
from dropout.timeline.runs import running_maximum

STATUSES = ["attended", "no_show", "late_cancel", "client_cancel", "clinic_cancel", "scheduled"]
ATTENDED, NO_SHOW, LATE_CANCEL, CLIENT_CANCEL, CLINIC_CANCEL, SCHEDULED = range(len(STATUSES))
CANCELLED = (LATE_CANCEL, CLIENT_CANCEL, CLINIC_CANCEL)


@dataclass(frozen=True)
class SessionTimes:
    """When each row of `sessions` was booked, resolved and known (seconds since 1970, one per row).

    Attributes
    ----------
    status : int64 array
        Position in `STATUSES`.
    start : when the session starts.
    booked : when the booking became known; `NEVER` where no booking is known before its outcome.
    outcome : when attendance, no-show or cancellation became known; `FOREVER` while there is none.
    ahead_until : until when the booking stood ahead: the start, or the cancellation if that came first.
    cancelled : `cancelled_at`, or `NEVER` where it is missing or the row is not cancelled.
    first_known : when anything of the row became known.
    """

    status: np.ndarray
    start: np.ndarray
    booked: np.ndarray
    outcome: np.ndarray
    ahead_until: np.ndarray
    cancelled: np.ndarray
    first_known: np.ndarray


def session_times(sessions: pd.DataFrame, extraction: int) -> SessionTimes:
    """When each session row was booked and resolved.

    Parameters
    ----------
    sessions : DataFrame
    extraction : int
        Second by which all that is in the tables was known: without a date of its own, a fact is known then.
    """
    status = pd.Index(STATUSES).get_indexer(pd.Index(sessions["status"])).astype(np.int64)
    start = seconds(sessions["starts_at"])
    missing = np.full(len(sessions), NEVER)
    given = seconds(sessions["booked_at"]) if "booked_at" in sessions else missing
    cancelled = seconds(sessions["cancelled_at"]) if "cancelled_at" in sessions else missing
    is_cancelled = np.isin(status, CANCELLED)
    cancelled = np.where(is_cancelled, cancelled, NEVER)
    outcome = seconds(outcome_known_at(sessions, times(np.array([extraction]))[0]))
    outcome = np.where(outcome == NEVER, FOREVER, outcome)
    waiting = (status == SCHEDULED) & (start > extraction)
    booked = np.where(given != NEVER, given, np.where(waiting, extraction, NEVER))
    # A booking written down after the session, or after its cancellation, was never a booking ahead.
    booked = np.where((booked != NEVER) & (booked >= np.minimum(start, outcome)), NEVER, booked)
    return SessionTimes(
        status=status,
        start=start,
        booked=booked,
        outcome=outcome,
        ahead_until=np.minimum(start, outcome),
        cancelled=cancelled,
        first_known=np.where(given != NEVER, given, np.where(outcome == FOREVER, extraction, outcome)),
    )


@dataclass(frozen=True)
class Timeline:
    """All facts of a history, by episode and by when they became known.

    Attributes
    ----------
    episodes : DataFrame
        One row per episode in order of client and opening (see `Membership`).
    extraction : int
        Second of the extraction date. Nothing later is in the timeline.
    extracted : int
        Second by which all that is in the tables was known, which may be earlier: a fact without a time was known then.
    """

    tables: Tables = field(repr=False)
    episodes: pd.DataFrame = field(repr=False)
    extraction: int
    belongs: Membership = field(repr=False)
    sessions: SessionTimes = field(repr=False)
    extracted: int

    @classmethod
    def of(cls, tables: Tables, extraction: np.datetime64 | None = None) -> Timeline:
        """The timeline of these tables, which must hold nothing known after `extraction`."""
        at = int(seconds(np.array([tables.extraction_at() if extraction is None else extraction]))[0])
        extracted = min(int(seconds(np.array([tables.extraction_at()]))[0]), at)
        times_of_sessions = session_times(tables.sessions, extracted)
        belongs = membership(tables, times_of_sessions.first_known, extracted)
        return cls(tables, belongs.episodes, at, belongs, times_of_sessions, extracted)

    def __len__(self) -> int:
        return len(self.episodes)

    # -- facts about sessions ------------------------------------------------------------------------------

    @cached_property
    def bookings(self) -> Facts:
        """Bookings, known when they were made: `start`, `until` (stood ahead until), `lead` in seconds, `row`."""
        rows = np.flatnonzero((self.sessions.booked != NEVER) & (self.belongs.session >= 0))
        booked, start = self.sessions.booked[rows], self.sessions.start[rows]
        # Of bookings made in one second, the last is decided by what was known then, not by what became of them.
        return self._facts(rows, booked, {
            "start": start, "until": self.sessions.ahead_until[rows], "lead": start - booked, "row": rows,
            "therapist": self.therapist[rows],
        }, start, self.therapist[rows], self.clinic[rows])

    @cached_property
    def releases(self) -> Facts:
        """Moments at which a booking stopped standing ahead: it took place, was missed or was cancelled."""
        rows = np.flatnonzero((self.sessions.booked != NEVER) & (self.belongs.session >= 0))
        return self._facts(rows, self.sessions.ahead_until[rows], {})

    @cached_property
    def outcomes(self) -> Facts:
        """What became of sessions: `status`, `start`, `notice` in seconds (-1 unknown), `row`, and one flag a status."""
        rows = np.flatnonzero((self.sessions.outcome != FOREVER) & (self.belongs.session >= 0))
        status, start = self.sessions.status[rows], self.sessions.start[rows]
        cancelled = self.sessions.cancelled[rows]
        values = {
            "status": status,
            "start": start,
            "notice": np.where(cancelled != NEVER, np.maximum(start - cancelled, 0), -1),
            "row": rows,
            "therapist": self.therapist[rows],
        }
        values |= {name: status == code for code, name in enumerate(STATUSES[:SCHEDULED])}
        values["missed"] = np.isin(status, (NO_SHOW, LATE_CANCEL, CLIENT_CANCEL))
        values["cancelled_by_client"] = np.isin(status, (LATE_CANCEL, CLIENT_CANCEL))
        return self._facts(rows, self.sessions.outcome[rows], values, start, status)

    @cached_property
    def attended(self) -> Facts:
        """Attended sessions, known when they start, or when they were booked if that was written down later.

        `start`, `seen` (when the client was last seen, as known then: the latest start so far), `gap` (seconds from the
        one seen before, -1 for the first), `therapist`, `row`.
        """
        rows = np.flatnonzero((self.sessions.status == ATTENDED) & (self.belongs.session >= 0))
        start, therapist = self.sessions.start[rows], self.therapist[rows]
        facts = self._facts(rows, self.sessions.outcome[rows], {"row": rows, "start": start, "therapist": therapist},
                            start, therapist)
        facts = facts.with_values(seen=running_maximum(facts.values["start"], facts.owner))
        before = facts.before("seen", missing=NEVER)
        return facts.with_values(
            gap=np.where(before == NEVER, -1, np.maximum(facts.values["start"] - before, 0)))

    @cached_property
    def took_place(self) -> Facts:
        """Attended sessions by when they started, as far as known at the extraction date: for endings, never for features.

        (A session that was booked after it started took place before it was known.)
        """
        known = (self.sessions.outcome <= self.extraction) & (self.belongs.session >= 0)
        rows = np.flatnonzero((self.sessions.status == ATTENDED) & known)
        return self._facts(rows, self.sessions.start[rows], {})

    @cached_property
    def fees(self) -> Facts:
        """Balance owed on the day of a session (`owed`, in thousandths of the currency)."""
        if "fee_owed" not in self.tables.sessions:
            return self._no_facts("owed")
        owed = self.tables.sessions["fee_owed"].to_numpy(float)
        known = np.maximum(self.sessions.start, self.sessions.first_known)
        rows = np.flatnonzero(~np.isnan(owed) & (known <= self.extraction) & (self.belongs.session >= 0))
        values = np.rint(owed[rows] * FIXED_POINT).astype(np.int64)
        return self._facts(rows, known[rows], {"owed": values}, values)

    # -- facts of other tables -----------------------------------------------------------------------------

    def messages(self, sender: str = "client") -> Facts:
        """Messages by `client` or `clinic`, known when sent: `row`, `sent`."""
        table = self.tables.messages
        if table is None or not len(table):
            return self._no_facts("row", "sent")
        mine = (table["sender"].to_numpy(object) == sender) & (self.belongs.message >= 0)
        rows = np.flatnonzero(mine)
        sent = seconds(table["sent_at"])[rows]
        return self._facts(rows, np.maximum(sent, self._client_known(self.belongs.message[rows])),
                           {"row": rows, "sent": sent}, sent, rows, episode=self.belongs.message)

    def measure(self, name: str) -> Facts:
        """Scores of one questionnaire, known when measured: `score` in thousandths, `measured`."""
        table = self.tables.measures
        if table is None or not len(table):
            return self._no_facts("score", "measured")
        rows = np.flatnonzero((table["measure"].to_numpy(object) == name) & (self.belongs.measure >= 0))
        scores = np.rint(table["score"].to_numpy(float)[rows] * FIXED_POINT).astype(np.int64)
        measured = seconds(table["measured_at"])[rows]
        return self._facts(rows, np.maximum(measured, self._client_known(self.belongs.measure[rows])),
                           {"score": scores, "measured": measured}, measured, scores, episode=self.belongs.measure)

    def _client_known(self, episode: np.ndarray) -> np.ndarray:
        """When the first session of the client of each episode became known.

        What an unknown client wrote or filled in is set aside, so it is known only from then on.
        """
        client = self.episodes["client"].to_numpy(np.int64)
        first = np.full(len(self.belongs.clients), FOREVER)
        mine = self.belongs.session >= 0
        np.minimum.at(first, client[self.belongs.session[mine]], self.sessions.first_known[mine])
        return first[client[episode]]

    @cached_property
    def measure_names(self) -> list[str]:
        """Questionnaires in the tables, the one with the most scores first."""
        if self.tables.measures is None:
            return []
        counts = self.tables.measures["measure"].value_counts()
        return [name for _, name in sorted((-count, str(name)) for name, count in counts.items())]

    # -- facts about episodes ------------------------------------------------------------------------------

    @cached_property
    def begins(self) -> np.ndarray:
        """Second at which each episode began: its opening, or the first session known of it if that came earlier."""
        return seconds(self.episodes["begins_at"])

    @cached_property
    def closed(self) -> np.ndarray:
        """Second at which each episode's closure became known; `FOREVER` where none is recorded.

        A closure reason without a date was known by the time the tables were taken.
        """
        closed = seconds(self.episodes["closed_at"])
        undated = (closed == NEVER) & self.episodes["closure_reason"].notna().to_numpy()
        return np.where(undated, self.extracted, np.where(closed == NEVER, FOREVER, closed))

    @property
    def recorded_at(self) -> np.ndarray:
        """Second at which the row of each episode in `episodes` became known; `FOREVER` where it has none."""
        return self.belongs.recorded_at

    @cached_property
    def ending_discussed(self) -> np.ndarray:
        """Second at which the ending was talked about; `FOREVER` where it was not."""
        talked = seconds(self.episodes["ending_discussed_at"])
        return np.where(talked == NEVER, FOREVER, talked)

    @cached_property
    def therapist(self) -> np.ndarray:
        """Therapist of each session row as a number, -1 where unknown."""
        return self._codes("therapist_id")

    @cached_property
    def clinic(self) -> np.ndarray:
        """Clinic of each session row as a number, -1 where unknown."""
        return self._codes("clinic_id")

    def _codes(self, column: str) -> np.ndarray:
        if column not in self.tables.sessions:
            return np.full(len(self.tables.sessions), -1, dtype=np.int64)
        codes, _ = pd.factorize(self.tables.sessions[column], sort=True)
        return codes.astype(np.int64)

    def _no_facts(self, *names: str) -> Facts:
        nothing = np.array([], dtype=np.int64)
        return self._facts(nothing, nothing, dict.fromkeys(names, nothing), episode=nothing)

    def _facts(self, rows: np.ndarray, at: np.ndarray, values: dict[str, np.ndarray], *ties: np.ndarray,
               episode: np.ndarray | None = None) -> Facts:
        owner = (self.belongs.session if episode is None else episode)[rows]
        known = np.asarray(at) <= self.extraction
        return Facts.sorted(owner[known], np.asarray(at)[known], len(self.episodes),
                            {name: np.asarray(value)[known] for name, value in values.items()},
                            *(np.asarray(tie)[known] for tie in ties))


def days(span: np.ndarray | float) -> np.ndarray:
    """Days in a span of seconds."""
    return np.asarray(span) / DAY
