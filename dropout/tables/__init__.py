"""Tables: what comes in.

A folder or a mapping of data frames goes in; typed, checked, sorted tables come out, with every problem named.
Nothing here knows about predictions, and nothing here changes what a caller passes in.
"""

from dropout.errors import Problem
from dropout.tables.asof import known_by
from dropout.tables.columns import MEASURES, TABLES, Column, Measure, Table
from dropout.tables.extract import Tables
from dropout.tables.known import booking_known_at, outcome_known_at
from dropout.tables.read import examine, read_tables
from dropout.tables.report import Report, report_json, report_text

__all__ = [
    "MEASURES",
    "TABLES",
    "Column",
    "Measure",
    "Problem",
    "Report",
    "Table",
    "Tables",
    "booking_known_at",
    "examine",
    "known_by",
    "outcome_known_at",
    "read_tables",
    "report_json",
    "report_text",
]
