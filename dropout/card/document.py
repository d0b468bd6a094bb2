"""A document as plain parts: what is said, apart from how Markdown or HTML writes it down."""

from __future__ import annotations

from dataclasses import dataclass

FILLED, PARTLY, OPEN = "filled", "partly filled", "left open"
"""How far an entry of a checklist is filled in."""


@dataclass(frozen=True)
class Paragraph:
    """Sentences that belong together."""

    text: str


@dataclass(frozen=True)
class Points:
    """Sentences, one a point."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class ForAuthors:
    """What only the authors can write, and where they find it."""

    text: str


@dataclass(frozen=True)
class Table:
    """A table of texts.

    Attributes
    ----------
    caption : str
    columns : tuple of str
        The first one names the rows.
    rows : tuple of tuples of str
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Entry:
    """One line of a checklist.

    Attributes
    ----------
    number : str
        As in the paper: "5a".
    topic : str
    about : str
        What the line is for: development, evaluation or both.
    asks : str
        What is asked, in short.
    state : str
        `FILLED`, `PARTLY` or `OPEN`.
    parts : tuple of (label, text)
        What is answered and what is left to do.
    """

    number: str
    topic: str
    about: str
    asks: str
    state: str
    parts: tuple[tuple[str, str], ...]


Block = Paragraph | Points | ForAuthors | Table | Entry


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """A whole document.

    Attributes
    ----------
    name : str
        Name of its file, without an ending.
    title : str
    notices : tuple of str
        What must be read before anything else.
    lead : str
        What the document is, in a sentence or two.
    sections : tuple of Section
    """

    name: str
    title: str
    notices: tuple[str, ...]
    lead: str
    sections: tuple[Section, ...]
