"""A report comes in; one HTML page goes out that needs no network, no script and no other file."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from dropout.clinic import figures
from dropout.clinic.phrases import day_in_words, moment_in_words, percent, percent_range
from dropout.clinic.silence import DAYS_TOLD

if TYPE_CHECKING:
    from dropout.clinic.report import Report

SECTIONS = (
    ("calls", "Who to call first, and why", "calls.html"),
    ("cancelled", "Cancelled, and not yet back", "cancelled.html"),
    ("words", "What the words were worth here", "words.html"),
    ("paper", "Open on paper only", "paper.html"),
    ("endings", "How episodes ended", "endings.html"),
    ("trust", "How far to trust this", "trust.html"),
    ("limits", "What it is for, and what it can't tell", "limits.html"),
)
"""Sections in order: anchor, title, template. A further section is one more line here and one template."""


def render(report: Report) -> str:
    """The page as HTML: the same bytes for the same report.

    Everything that comes from the tables is escaped, and the page forbids itself scripts and the network.
    """
    absent = set() if report.calls is not None and report.calls.n_on_paper else {"paper"}
    if report.words is None:
        absent.add("words")
    sections = [section for section in SECTIONS if section[0] not in absent]
    return _environment().get_template("page.html").render(
        report=report, sections=sections, css=Markup(_read("page.css")), figures=figures,
        days_told=DAYS_TOLD)


@cache
def _environment() -> Environment:
    environment = Environment(loader=FunctionLoader(_read), autoescape=True, undefined=StrictUndefined,
                              trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    environment.filters |= {"percent": percent, "percent_range": percent_range, "day": day_in_words,
                            "moment": moment_in_words, "width": _width}
    return environment


def _read(name: str) -> str:
    return files("dropout.clinic").joinpath("page", name).read_text("utf-8")


def _width(p: float) -> str:
    """A probability as the width of a bar in per cent of its track."""
    return f"{min(max(100 * p, 0.0), 100.0):.1f}"
