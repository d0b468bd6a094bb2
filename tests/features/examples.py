"""A worked example of every feature: a tiny history as a table, the moment, and the value.

`test_features_examples.py` holds the features to them, and `docs/features.md` is made from them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pandas as pd

from dropout.features.baseline import Covariates

UNKNOWN = float("nan")


@dataclass(frozen=True)
class Case:
    """A tiny history, written as tables, whose client 7 is asked about.

    Attributes
    ----------
    tables : dict of str to str
        Text of each table: the columns, then a line a row, set apart by two blanks or more; `.` is a missing value.
    covariates : Covariates
        Baseline covariates that are read.
    """

    tables: dict[str, str]
    covariates: Covariates = field(default_factory=Covariates)

    def frames(self) -> dict[str, pd.DataFrame]:
        """The tables as data frames of text."""
        return {name: frame_of(text) for name, text in self.tables.items()}


@dataclass(frozen=True)
class Example:
    """One feature at one moment of a case.

    Attributes
    ----------
    feature : str
    moment : str
        ISO 8601.
    value : float
        NaN where it is unknown.
    within : float
        How far the value may be off: for what a reader of messages says, which is learnt.
    """

    feature: str
    moment: str
    value: float
    within: float = 1e-9


def frame_of(text: str) -> pd.DataFrame:
    """A table from its text."""
    lines = [re.split(r"\s{2,}", line.strip()) for line in text.strip().splitlines()]
    return pd.DataFrame([[None if word == "." else word for word in line] for line in lines[1:]], columns=lines[0])


COURSE = Case({"sessions": """
    client_id  starts_at         status         booked_at         cancelled_at
    7          2024-01-08T10:00  attended       2024-01-02T09:00  .
    7          2024-01-15T10:00  no_show        2024-01-08T11:00  .
    7          2024-01-22T10:00  attended       2024-01-15T12:00  .
    7          2024-01-29T10:00  client_cancel  2024-01-22T11:00  2024-01-27T10:00
    7          2024-02-05T10:00  attended       2024-01-30T09:00  .
    7          2024-02-12T10:00  clinic_cancel  2024-02-05T11:00  2024-02-09T10:00
    7          2024-02-19T10:00  late_cancel    2024-02-09T10:00  2024-02-18T22:00
    7          2024-02-26T10:00  no_show        2024-02-19T09:00  .
    7          2024-03-04T10:00  scheduled      2024-02-26T12:00  .
    8          2024-03-01T10:00  attended       2024-02-20T10:00  .
    """})

ATTENDANCE = (
    Example("n_attended", "2024-02-27T10:00", 3),
    Example("n_no_show", "2024-02-27T10:00", 2),
    Example("n_client_cancelled", "2024-02-27T10:00", 2),
    Example("n_late_cancel", "2024-02-27T10:00", 1),
    Example("n_clinic_cancel", "2024-02-27T10:00", 1),
    # Seven sessions were due (the clinic's cancellation counts for nobody), and four at the usual rate are added.
    Example("no_show_rate", "2024-02-27T10:00", (2 + 4 * 0.08) / (7 + 4)),
    Example("cancel_rate", "2024-02-27T10:00", (2 + 4 * 0.12) / (7 + 4)),
    Example("missed_run", "2024-02-27T10:00", 2),
    Example("no_show_run", "2024-02-27T10:00", 1),
    Example("missed_last_5", "2024-02-27T10:00", 3),
    Example("attended_28d", "2024-02-27T10:00", 1),
    Example("missed_28d", "2024-02-27T10:00", 2),
    Example("last_no_show", "2024-02-27T10:00", 1),
    Example("last_client_cancelled", "2024-02-18T22:00", 1),
    Example("last_late_cancel", "2024-02-18T21:59", 0),
    Example("last_late_cancel", "2024-02-18T22:00", 1),
    Example("last_clinic_cancel", "2024-02-09T10:00", 1),
    Example("notice_hours", "2024-01-27T09:59", UNKNOWN),
    Example("notice_hours", "2024-02-27T10:00", 12),
)

CADENCE = (
    Example("days_since_attended", "2024-01-05T09:00", 3),
    Example("days_since_attended", "2024-02-27T10:00", 22),
    Example("usual_gap_days", "2024-01-21T10:00", 7),
    Example("usual_gap_days", "2024-02-27T10:00", 14),
    Example("silence_ratio", "2024-02-26T10:00", 21 / 14),
    Example("overdue_days", "2024-02-10T10:00", 0),
    Example("overdue_days", "2024-02-27T10:00", 8),
    Example("last_gap_ratio", "2024-02-27T10:00", 1),
    Example("episode_days", "2024-02-27T09:00", 56),
    Example("attended_per_week", "2024-02-27T09:00", 3 / 8),
    Example("days_since_contact", "2024-02-28T12:00", 2),
)

BOOKING = (
    Example("booked_ahead", "2024-01-27T09:59", 1),
    Example("booked_ahead", "2024-01-27T10:00", 0),
    Example("nothing_booked", "2024-01-27T10:00", 1),
    Example("n_booked_ahead", "2024-02-27T10:00", 1),
    Example("days_to_next", "2024-02-27T10:00", 6),
    Example("days_to_next", "2024-01-28T10:00", UNKNOWN),
    Example("unbooked_days", "2024-01-28T10:00", 1),
    Example("lead_days", "2024-01-03T09:00", 6 + 1 / 24),
    Example("days_since_booking", "2024-02-28T12:00", 2),
    Example("days_to_book", "2024-01-22T10:30", UNKNOWN),
    Example("days_to_book", "2024-01-28T10:00", 1 / 24),
    Example("days_to_book", "2024-01-30T09:00", 7 + 23 / 24),
    Example("booked_since_attended", "2024-02-05T10:30", 0),
    Example("booked_since_attended", "2024-02-05T11:00", 1),
)

RETURNS = (
    Example("n_past_spells", "2024-02-27T10:00", 1),
    # One spell ended with them back; two at the usual share are added.
    Example("own_return_rate", "2024-02-27T10:00", (1 + 2 * 0.7) / (1 + 2)),
    Example("own_return_days", "2024-02-04T10:00", UNKNOWN),
    Example("own_return_days", "2024-02-05T10:00", 9),
    Example("own_rebook_days", "2024-01-30T09:00", 2 + 23 / 24),
    Example("in_spell", "2024-02-05T09:59", 1),
    Example("in_spell", "2024-02-05T10:00", 0),
    Example("days_since_cancelled", "2024-02-27T10:00", 8.5),
    Example("spell_cancellations", "2024-02-27T10:00", 1),
    Example("spell_late", "2024-02-03T10:00", 0),
    Example("spell_late", "2024-02-27T10:00", 1),
)

MOVES = Case({"sessions": """
    client_id  starts_at         status         booked_at         cancelled_at
    7          2024-01-08T10:00  attended       2024-01-02T10:00  .
    7          2024-01-15T10:00  client_cancel  2024-01-08T11:00  2024-01-13T10:00
    7          2024-01-18T10:00  clinic_cancel  2024-01-13T10:00  2024-01-16T10:00
    7          2024-01-25T10:00  attended       2024-01-17T10:00  .
    7          2024-02-01T10:00  client_cancel  2024-01-25T11:00  2024-01-30T10:00
    8          2024-03-01T10:00  attended       2024-02-20T10:00  .
    """})

CHAINS = (
    Example("chain_length", "2024-01-13T10:00", 1),
    Example("chain_length", "2024-01-16T10:00", 2),
    Example("chain_length", "2024-01-25T10:00", 0),
    Example("chain_by_clinic", "2024-01-16T09:59", 0),
    Example("chain_by_clinic", "2024-01-17T10:00", 1),
    Example("chain_pushed_days", "2024-01-13T10:00", 3),
    Example("chain_pushed_days", "2024-01-17T10:00", 10),
    Example("chain_pushed_days", "2024-01-30T10:00", 0),
    # Two cancellations at the usual share are added; nothing replaced the second of their own within 14 days.
    Example("own_replaced_rate", "2024-01-13T10:00", (1 + 2 * 0.6) / (1 + 2)),
    Example("own_replaced_rate", "2024-02-13T09:59", (1 + 2 * 0.6) / (1 + 2)),
    Example("own_replaced_rate", "2024-02-13T10:00", (1 + 2 * 0.6) / (2 + 2)),
    Example("own_pushed_days", "2024-01-13T09:59", UNKNOWN),
    Example("own_pushed_days", "2024-01-17T10:00", 3),
)

SCORES = Case({
    "sessions": """
    client_id  starts_at         status
    7          2024-01-08T10:00  attended
    7          2024-01-15T10:00  attended
    7          2024-01-22T10:00  attended
    7          2024-01-29T10:00  attended
    7          2024-02-05T10:00  attended
    7          2024-02-12T10:00  attended
    """,
    "measures": """
    client_id  measured_at       measure  score
    7          2024-01-08T09:50  phq9     20
    7          2024-01-15T09:50  phq9     17
    7          2024-01-22T09:50  phq9     18
    7          2024-01-29T09:50  phq9     12
    7          2024-02-05T09:50  phq9     14
    """})

OUTCOMES = (
    Example("phq9_last", "2024-02-12T09:50", 14),
    Example("phq9_change", "2024-02-12T09:50", 14 - 20),
    Example("phq9_drop", "2024-01-08T10:00", UNKNOWN),
    Example("phq9_drop", "2024-02-12T09:50", 14 - 12),
    Example("phq9_recent", "2024-01-22T10:00", 18 - 20),
    Example("phq9_recent", "2024-02-12T09:50", 14 - 17),
    Example("phq9_n", "2024-02-12T09:50", 5),
    Example("phq9_days", "2024-02-12T09:50", 7),
    Example("phq9_sessions_since", "2024-02-12T09:50", 1),
    Example("phq9_sessions_since", "2024-02-12T10:00", 2),
)

HANDS = Case({
    "sessions": """
    client_id  starts_at         status    therapist_id  clinic_id
    1          2024-01-08T10:00  attended  T1            K1
    2          2024-01-09T10:00  attended  T1            K2
    3          2024-01-10T10:00  attended  T2            K1
    4          2024-01-12T10:00  attended  T1            K2
    7          2024-01-11T10:00  attended  T2            K1
    7          2024-02-20T10:00  attended  T1            K1
    7          2024-02-27T10:00  attended  T1            K1
    8          2024-04-01T10:00  attended  T3            K2
    """,
    "episodes": """
    client_id  episode_id  opened_at         closed_at         closure_reason
    1          e1          2024-01-02T10:00  2024-02-01T10:00  client_dropout
    2          e1          2024-01-02T10:00  2024-02-05T10:00  client_declined
    3          e1          2024-01-02T10:00  2024-03-01T10:00  completed
    4          e1          2024-01-02T10:00  .                 .
    7          e1          2024-01-02T10:00  .                 .
    8          e1          2024-03-25T10:00  .                 .
    """})

THERAPIST = (
    # After four first sessions it is known what came: two left, both T1's, who had no other client. Half of T1's two were
    # expected. After the only second session, which is T1's too, nobody left, so nobody was expected to.
    Example("therapist_dropout_ratio", "2024-03-12T09:59", (2 + 12) / (2 * 2 / 4 + 12)),
    # By then client 4 has been gone for 60 days: three of five left after the first session, and all three were T1's.
    Example("therapist_dropout_ratio", "2024-03-12T10:00", (3 + 12) / (3 * 3 / 5 + 12)),
    # K1 had three of the five first sessions, and one of those who left.
    Example("clinic_dropout_ratio", "2024-03-12T10:00", (1 + 12) / (3 * 3 / 5 + 12)),
    Example("therapist_away", "2024-03-19T09:59", 0),
    Example("therapist_away", "2024-03-19T10:00", 1),
    Example("n_therapist_changes", "2024-02-19T10:00", 0),
    Example("n_therapist_changes", "2024-02-20T10:00", 1),
    Example("sessions_with_therapist", "2024-02-27T10:00", 2),
)

OWED = Case({"sessions": """
    client_id  starts_at         status    fee_owed
    7          2024-01-08T10:00  attended  0
    7          2024-01-15T10:00  attended  80
    7          2024-01-22T10:00  no_show   120
    """})

MONEY = (
    Example("fee_owed", "2024-01-22T09:59", 80),
    Example("fee_owed", "2024-01-22T10:00", 120),
    Example("fee_owed_change", "2024-01-22T10:00", 40),
)

PLAN = Case({
    "sessions": """
    client_id  starts_at         status     episode_id
    7          2024-01-08T10:00  attended   e1
    7          2024-01-15T10:00  attended   e1
    7          2024-01-22T10:00  attended   e1
    7          2024-02-12T10:00  attended   e1
    """,
    "episodes": """
    client_id  episode_id  opened_at         planned_sessions  ending_discussed_at
    7          e1          2024-01-02T10:00  8                 2024-02-05T10:00
    """})

ENDING_TALK = (
    Example("planned_left", "2024-02-12T09:59", 5),
    Example("plan_share", "2024-02-12T09:59", 3 / 8),
    Example("ending_discussed", "2024-02-05T09:59", 0),
    Example("ending_discussed", "2024-02-05T10:00", 1),
    Example("days_since_discussed", "2024-02-04T10:00", UNKNOWN),
    Example("days_since_discussed", "2024-02-12T10:00", 7),
)

LETTERS = Case({
    "sessions": """
    client_id  starts_at         status
    7          2024-02-05T10:00  attended
    7          2024-02-20T10:00  no_show
    """,
    "messages": """
    client_id  sent_at           sender  text
    7          2024-02-06T12:00  client  Thanks, here is the form you asked for
    7          2024-02-08T12:00  client  I need to cancel tomorrow's appointment.
    7          2024-02-09T12:00  clinic  That is noted. Shall we find another time?
    7          2024-02-10T12:00  client  Can we move Tuesday to Thursday at 3pm?
    7          2024-02-12T12:00  client  Sorry, can't come this week. I'll call to reschedule
    7          2024-02-14T12:00  client  I have decided to stop therapy, thank you for everything
    """})

MESSAGES = (
    Example("n_messages", "2024-02-15T12:00", 5),
    Example("days_since_message", "2024-02-16T12:00", 2),
    Example("messages_since_attended", "2024-02-15T12:00", 5),
    Example("unanswered", "2024-02-09T12:00", 0),
    Example("unanswered", "2024-02-15T11:59", 0),
    Example("unanswered", "2024-02-15T12:00", 1),
    Example("says_other", "2024-02-07T12:00", 1, within=0.5),
    Example("says_cancel_only", "2024-02-09T12:00", 1, within=0.5),
    Example("says_concrete_reschedule", "2024-02-11T12:00", 1, within=0.5),
    Example("says_vague_deferral", "2024-02-13T12:00", 1, within=0.5),
    Example("says_ends_therapy", "2024-02-15T12:00", 1, within=0.5),
    Example("also_said_vague_deferral", "2024-02-15T12:00", 1, within=0.5),
    Example("also_said_ends_therapy", "2024-02-15T12:00", 0, within=0.2),
    # Nothing is known of this clinic yet, so the prior speaks: 0.30 of those who did not return write so, 0.05 of those who did.
    Example("words_here", "2024-02-15T12:00", 1.75, within=0.3),
)

CALENDAR = (
    Example("season_sine", "2024-04-01T07:00", 1, within=0.001),
    Example("season_cosine", "2024-01-01T00:00", 1, within=0.001),
)
YEAR = Case({"sessions": """
    client_id  starts_at         status
    7          2023-12-18T10:00  attended
    7          2024-02-10T10:00  attended
    7          2024-04-01T10:00  attended
    """})

PEOPLE = Case(
    {
        "sessions": """
    client_id  starts_at         status    episode_id
    7          2024-01-08T10:00  attended  e1
    """,
        "episodes": """
    client_id  episode_id  opened_at         days_waited
    7          e1          2024-01-02T10:00  41
    """,
        "clients": """
    client_id  birth_year  referred_by
    7          1980        doctor
    """},
    Covariates((("clients", "birth_year"), ("episodes", "days_waited")), {("clients", "referred_by"): ("doctor", "self")}))

BASELINE = (
    Example("age", "2024-01-08T10:00", 44),
    Example("episodes.days_waited", "2024-01-08T10:00", 41),
    Example("clients.referred_by = doctor", "2024-01-08T10:00", 1),
    Example("clients.referred_by = self", "2024-01-08T10:00", 0),
)

SILENCE = Case({
    "sessions": """
    client_id  starts_at         status         booked_at         cancelled_at
    7          2024-01-08T10:00  attended       2024-01-02T10:00  .
    7          2024-01-15T10:00  client_cancel  2024-01-08T11:00  2024-01-13T10:00
    7          2024-01-23T10:00  attended       2024-01-16T10:00  .
    7          2024-01-30T10:00  client_cancel  2024-01-23T11:00  2024-01-28T10:00
    8          2024-02-12T10:00  attended       2024-02-05T10:00  .
    """,
    "messages": """
    client_id  sent_at           text
    7          2024-01-28T09:00  Sorry, can't come this week. I'll call to reschedule
    """})

OPEN_CANCELLATION = (
    Example("silent_days", "2024-01-28T10:00", 0),
    Example("silent_days", "2024-02-07T10:00", 10),
    # The first time they were back after ten days.
    Example("silence_to_own_return", "2024-02-07T10:00", 10 / 10),
    Example("no_message", "2024-01-14T10:00", 1),
    Example("no_message", "2024-02-07T10:00", 0),
    Example("message_days", "2024-02-07T09:00", 10),
    Example("log_odds_vague_deferral", "2024-02-07T10:00", 2.5, within=2.5),
    Example("log_odds_ends_therapy", "2024-02-07T10:00", -2.5, within=2.5),
    Example("log_odds_concrete_reschedule", "2024-02-07T10:00", -2.5, within=2.5),
    Example("log_odds_cancel_only", "2024-02-07T10:00", -2.5, within=2.5),
    Example("log_odds_other", "2024-02-07T10:00", -2.5, within=2.5),
)

EXAMPLES: dict[str, tuple[Case, tuple[Example, ...]]] = {
    "attendance": (COURSE, ATTENDANCE),
    "cadence": (COURSE, CADENCE),
    "booking": (COURSE, BOOKING),
    "returns": (COURSE, RETURNS),
    "chains": (MOVES, CHAINS),
    "outcome tracking": (SCORES, OUTCOMES),
    "therapist": (HANDS, THERAPIST),
    "money": (OWED, MONEY),
    "ending talk": (PLAN, ENDING_TALK),
    "messages": (LETTERS, MESSAGES),
    "calendar": (YEAR, CALENDAR),
    "baseline": (PEOPLE, BASELINE),
    "open cancellation": (SILENCE, OPEN_CANCELLATION),
}
"""For each group of features, a case and what its client 7 shows at some moments."""
