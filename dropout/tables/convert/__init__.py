"""Converters: from somebody else's format to the tables of a history.

One function a format: a source goes in, the tables and a list of losses come out. What the source does not
say is never made up: it is left empty and counted. Where a table can't do without a value that the source
lacks (a calendar, say), the stand-in is fixed, stated and listed among the losses.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

from dropout.errors import CallError
from dropout.tables.convert import ctn0094
from dropout.tables.convert.conversion import Conversion, Loss, write_conversion

__all__ = ["FORMATS", "Conversion", "Format", "Loss", "convert", "write_conversion"]


class Format(NamedTuple):
    """A format that can be converted: the function that does it, and one line about it."""

    convert: Callable[[str | os.PathLike], Conversion]
    description: str


FORMATS: dict[str, Format] = {
    "ctn0094": Format(
        ctn0094.convert,
        "planned visits of three trials of opioid-use treatment (the R package public.ctn0094data as CSV)",
    ),
}


def convert(format_name: str, source: str | os.PathLike) -> Conversion:
    """Return the history that `source` holds, with its losses.

    Parameters
    ----------
    format_name : str
        A key of `FORMATS`.
    source : path
        Folder or file, as the format has it.

    Raises
    ------
    CallError
        When the format is not known, or there is no such source.
    HistoryError
        When the source is not what the format says, with every problem found.
    """
    if format_name not in FORMATS:
        known = "; ".join(f"{name} ({form.description})" for name, form in sorted(FORMATS.items()))
        raise CallError(f"there is no format '{format_name}'. Known: {known}.")
    return FORMATS[format_name].convert(source)
