"""Scores and endings come in; what to do on Monday goes out, as one page for the people who run the clinic.

`report` gathers the page's content as data and `render` writes it as HTML that needs no network.
This room must never show the text of a message, rank therapists, or show a count below five in a table of sums.
"""

from dropout.clinic.render import render
from dropout.clinic.report import Report, report

__all__ = ["Report", "render", "report"]
