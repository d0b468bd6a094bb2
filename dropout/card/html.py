"""A document as one HTML page that needs no network, no script and no other file."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from dropout.card.document import FILLED, OPEN, Document
from dropout.card.markdown import MARK

SIGNS = {FILLED: "\u25cf", "answered": "\u25cf", OPEN: "\u25cb"}
"""A full or an empty circle beside the word, so that nothing is told by colour alone."""


def html(documents: tuple[Document, ...], title: str) -> str:
    """One or more documents as a page: the same bytes for the same documents.

    Everything that comes from the model is escaped, and the page forbids itself scripts and the network.
    """
    return _environment().get_template("page.html").render(
        documents=documents, title=title, css=Markup(_read("page.css")), mark=MARK, whole=len(documents) > 1)


@cache
def _environment() -> Environment:
    environment = Environment(loader=FunctionLoader(_read), autoescape=True, undefined=StrictUndefined,
                              trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    environment.filters |= {"kind": lambda block: type(block).__name__, "sign": lambda state: SIGNS.get(state, "\u25d0"),
                            "slug": lambda text: "-".join(text.lower().split()), "said": _said}
    return environment


def _said(text: str) -> Markup:
    """The text escaped, with what stands in backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _read(name: str) -> str:
    return files("dropout.card").joinpath("page", name).read_text("utf-8")
