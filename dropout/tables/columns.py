"""The columns of a history: one specification that reading, checking and the documentation share."""

from __future__ import annotations

from dataclasses import dataclass, replace

KINDS = {
    "text": "text",
    "time": "time",
    "number": "number",
    "integer": "whole number",
    "category": "one of a list",
    "free_text": "free text",
}

STATUSES = ("attended", "no_show", "late_cancel", "client_cancel", "clinic_cancel", "scheduled")
CANCELLED = ("late_cancel", "client_cancel", "clinic_cancel")
MODES = ("in_person", "video", "phone")
SENDERS = ("client", "clinic")
CHANNELS = ("sms", "email", "voicemail", "portal")
CLOSURE_REASONS = (
    "completed",
    "client_dropout",
    "client_declined",
    "service_ended",
    "referred_on",
    "therapist_left",
    "moved",
    "died",
    "other",
)


@dataclass(frozen=True)
class Column:
    """One column: its name, kind (a key of `KINDS`), unit and meaning.

    `values` lists what a category may hold. With `strict`, anything else is an error; without it, a warning.
    `lenient` columns may be empty although they are required: such rows are set aside, or kept, with a warning.
    """

    name: str
    kind: str
    required: bool
    unit: str
    meaning: str
    values: tuple[str, ...] | None = None
    strict: bool = True
    lenient: bool = False


@dataclass(frozen=True)
class Table:
    """One table: what a row is, its columns, and `key`, the columns that no two rows may share.

    `order` names the columns by which its rows are sorted first.
    """

    name: str
    one_row_per: str
    required: bool
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    order: tuple[str, ...] = ("client_id",)

    def column(self, name: str) -> Column | None:
        """Return the column called `name`, or None when it is an extra column."""
        return next((column for column in self.columns if column.name == name), None)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def required_names(self) -> tuple[str, ...]:
        """Names of the columns that must be there."""
        return tuple(column.name for column in self.columns if column.required)


_CLIENT = Column("client_id", "text", True, "", "who; the same text in every table")

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        Table(
            "sessions",
            "scheduled appointment",
            True,
            (
                _CLIENT,
                Column("starts_at", "time", True, "local time", "when the session starts"),
                Column("status", "category", True, "", "what became of it; `scheduled` while that is open", STATUSES),
                Column("session_id", "text", False, "", "name of the appointment, unique"),
                Column("episode_id", "text", False, "", "the episode of care it belongs to"),
                Column("therapist_id", "text", False, "", "who gives the session"),
                Column("clinic_id", "text", False, "", "where"),
                Column("booked_at", "time", False, "local time", "when the appointment was made"),
                Column("cancelled_at", "time", False, "local time", "when it was cancelled"),
                Column("mode", "category", False, "", "how client and therapist meet", MODES, strict=False),
                Column("fee_owed", "number", False, "currency of the clinic", "balance owed on that day"),
            ),
            key=("session_id",),
            order=("client_id", "starts_at"),
        ),
        Table(
            "messages",
            "message between client and clinic",
            False,
            (
                replace(_CLIENT, lenient=True),
                Column("sent_at", "time", True, "local time", "when it was sent", lenient=True),
                Column("text", "free_text", True, "", "what it says; never shown or logged", lenient=True),
                Column("message_id", "text", False, "", "name of the message, unique"),
                Column("sender", "category", False, "", "who wrote it; `client` where nothing is said", SENDERS),
                Column("channel", "category", False, "", "how it came", CHANNELS, strict=False),
                Column("session_id", "text", False, "", "the session it is about"),
            ),
            key=("message_id",),
            order=("client_id", "sent_at"),
        ),
        Table(
            "measures",
            "questionnaire score",
            False,
            (
                _CLIENT,
                Column("measured_at", "time", True, "local time", "when it was filled in"),
                Column("measure", "text", True, "", "name of the questionnaire (see below), or any other name"),
                Column("score", "number", True, "points", "total score"),
            ),
            order=("client_id", "measured_at"),
        ),
        Table(
            "episodes",
            "episode of care (referral to closure)",
            False,
            (
                _CLIENT,
                Column("episode_id", "text", False, "", "name of the episode, unique for the client"),
                Column("opened_at", "time", False, "local time", "when it was opened"),
                Column("closed_at", "time", False, "local time", "when it was closed; empty while it is open"),
                Column("closure_reason", "category", False, "", "why it was closed", CLOSURE_REASONS),
                Column("planned_sessions", "integer", False, "sessions", "how many were planned at the opening"),
                Column("ending_discussed_at", "time", False, "local time", "when the ending was talked about"),
            ),
            key=("client_id", "episode_id"),
            order=("client_id", "opened_at"),
        ),
        Table(
            "clients",
            "client",
            False,
            (_CLIENT, Column("birth_year", "integer", False, "year", "year of birth")),
            key=("client_id",),
        ),
    )
}


@dataclass(frozen=True)
class Measure:
    """What is known about one questionnaire: its possible scores and how to read them.

    `higher_is` is ``worse`` or ``better``. `cutoff` is the first score of the clinical range (met when a score is at
    or above it, or at or below it where higher is better); `reliable_change` the difference beyond chance; both are
    None where no source was found.
    """

    name: str
    title: str
    low: float
    high: float
    higher_is: str
    cutoff: float | None
    reliable_change: float | None
    source: str


MEASURES: dict[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure("phq9", "PHQ-9, depression", 0, 27, "worse", 10, 6, "IAPT manual (NHS England)"),
        Measure("gad7", "GAD-7, anxiety", 0, 21, "worse", 8, 4, "IAPT manual (NHS England)"),
        Measure(
            "oq45", "OQ-45.2, distress", 0, 180, "worse", 64, 14,
            "OQ Measures (change), Swift 2009 (cutoff); Dutch norms differ: 56 and 18 (Timman 2017)",
        ),
        Measure("core10", "CORE-10, distress", 0, 40, "worse", None, None, "ten items of 0 to 4"),
        Measure("ors", "Outcome Rating Scale", 0, 40, "better", 25, 5, "as quoted in secondary sources"),
        Measure("srs", "Session Rating Scale, alliance", 0, 40, "better", 36, None, "OpenFIT"),
        Measure(
            "wai_sr", "Working Alliance Inventory, short", 1, 60, "better", None, None,
            "sum of twelve items (12 to 60) or their mean (1 to 5)",
        ),
    )
}  # fmt: skip


def columns_markdown() -> str:
    """Return the documentation of the tables, in Markdown, made from the specification."""
    lines = [
        "# Tables",
        "",
        "A history is a folder that holds these tables as `NAME.parquet`, `NAME.csv` or `NAME.csv.gz`, or a dict of",
        "data frames with these names. Only `sessions` is required. What needs an absent table or column is left out,",
        "and said; extra columns are carried along, and those of `clients` and `episodes` are baseline covariates.",
        "",
        "Times are ISO 8601 (`2025-12-31T14:00`) in the clinic's local time; a date without a time is known at the end",
        "of its day. `--day-first` reads `31/12/2025`; `--tz` converts times that carry an offset. Text files may be",
        "separated by comma, semicolon (then with decimal commas), tab or bar. Empty cells, `NA`, `NaN`, `null` and",
        "`None` are missing values.",
    ]
    for table in TABLES.values():
        need = "required" if table.required else "optional"
        lines += ["", f"## {table.name}", "", f"One row per {table.one_row_per}; {need}."]
        if table.key:
            lines[-1] += f" No two rows share the same {' and '.join(f'`{name}`' for name in table.key)}."
        lines += ["", "| column | kind | required | meaning |", "|---|---|---|---|"]
        for column in table.columns:
            unit = f" ({column.unit})" if column.unit else ""
            values = f": {', '.join(f'`{value}`' for value in column.values)}" if column.values else ""
            required = "yes" if column.required else ""
            lines.append(f"| `{column.name}` | {KINDS[column.kind]}{unit} | {required} | {column.meaning}{values} |")
    lines += [
        "",
        "## Known questionnaires",
        "",
        "Any other name is allowed in `measures`; its range and direction are then unknown. The cutoff is the first",
        "score of the clinical range; licences of some questionnaires allow scores to be stored but not their items.",
        "",
        "| measure | name | range | higher is | cutoff | reliable change | source |",
        "|---|---|---|---|---|---|---|",
    ]
    for known in MEASURES.values():
        cutoff = "" if known.cutoff is None else f"{known.cutoff:g}"
        change = "" if known.reliable_change is None else f"{known.reliable_change:g}"
        span = f"{known.low:g} to {known.high:g}"
        lines.append(
            f"| `{known.name}` | {known.title} | {span} | {known.higher_is} | {cutoff} | {change} | {known.source} |"
        )
    return "\n".join(lines) + "\n"
