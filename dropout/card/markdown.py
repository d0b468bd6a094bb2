"""A document as Markdown that reads well as it is."""

from __future__ import annotations

import re
from textwrap import fill

from dropout.card.document import Block, Document, Entry, ForAuthors, Paragraph, Points, Section, Table

WIDTH = 110
MARK = "made by dropout card"
"""By this a file is known as a card made earlier, which may be replaced."""


def markdown(documents: tuple[Document, ...]) -> str:
    """One or more documents as Markdown, one after the other."""
    return f"<!-- {MARK} -->\n\n" + "\n".join(_document(document) for document in documents)


def _document(document: Document) -> str:
    parts = [f"# {_plain(document.title)}", *(_quoted(f"**Read first.** {_plain(notice)}") for notice in document.notices),
             _wrapped(_plain(document.lead)), *(_section(section) for section in document.sections)]
    return "\n\n".join(parts) + "\n"


def _section(section: Section) -> str:
    return "\n\n".join([f"## {_plain(section.title)}", *(_block(block) for block in section.blocks)])


def _block(block: Block) -> str:
    if isinstance(block, Paragraph):
        return _wrapped(_plain(block.text))
    if isinstance(block, Points):
        return "\n".join(_wrapped(_plain(item), "- ") for item in block.items)
    if isinstance(block, ForAuthors):
        return _quoted(f"**For the authors:** {_plain(block.text)}")
    if isinstance(block, Table):
        return _table(block)
    return _entry(block)


def _entry(entry: Entry) -> str:
    said = [_wrapped(f"**{label}:** {_plain(text)}", "- ") for label, text in entry.parts]
    return "\n\n".join([f"### {entry.number} {_plain(entry.topic)}: {entry.state}",
                        _wrapped(f"*{entry.about.capitalize()}.* {_plain(entry.asks)}"), "\n".join(said)])


def _table(table: Table) -> str:
    rows = [table.columns, tuple("---" for _ in table.columns), *table.rows]
    lines = ["| " + " | ".join(_plain(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([f"*{_plain(table.caption)}*", "", *lines])


def _plain(text: str) -> str:
    """The text, with signs of Markdown and HTML taken literally but for code (names of columns are the user's)."""
    return re.sub(r"([\\*\[\]<>])", r"\\\1", text)


def _wrapped(text: str, bullet: str = "") -> str:
    return fill(text, WIDTH, initial_indent=bullet, subsequent_indent=" " * len(bullet), break_on_hyphens=False,
                break_long_words=False)


def _quoted(text: str) -> str:
    return fill(text, WIDTH, initial_indent="> ", subsequent_indent="> ", break_on_hyphens=False, break_long_words=False)
