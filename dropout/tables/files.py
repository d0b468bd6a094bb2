"""Files: from a folder, or a mapping of data frames, to raw tables.

A raw table of a CSV file holds text only; of a Parquet file or a frame, whatever types it had.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from dropout.errors import CallError
from dropout.tables.columns import TABLES
from dropout.tables.problems import Problems, nearest

ENDINGS = (".parquet", ".csv", ".csv.gz")
SEPARATORS = (",", ";", "\t", "|")
BLOCK = 1 << 28  # bytes that Arrow parses in one piece; a single text may not be longer
TEXT = pd.StringDtype("pyarrow", na_value=np.nan)


@dataclass
class RawTable:
    """A table as it came: `frame`, and `rows`, the number a person sees for each of its rows."""

    name: str
    frame: pd.DataFrame
    rows: np.ndarray
    decimal_comma: bool = False


def load(source: object, problems: Problems) -> dict[str, RawTable]:
    """Return the raw tables of a folder or of a mapping of data frames, those without any row left out.

    Raises CallError when `source` is neither; what is wrong with a table goes into `problems`.
    """
    raw = _from_frames(source, problems) if isinstance(source, Mapping) else _from_folder(_folder(source), problems)
    for name in [name for name, table in raw.items() if not len(table.frame)]:
        report_empty(name, "the table has no rows", problems)
        del raw[name]
    if "sessions" not in raw and not any(problem.table == "sessions" for problem in problems.errors):
        mend = "Give sessions.csv or sessions.parquet, one row per scheduled appointment"
        problems.error("sessions", None, "the table is missing; no other can do without it", mend)
    return raw


def report_empty(name: str, problem: str, problems: Problems) -> None:
    """Add an error when the table is required, else the warning that it counts as absent."""
    if TABLES[name].required:
        problems.error(name, None, problem, "Give one row per scheduled appointment")
    else:
        problems.warning(name, None, f"{problem}; it counts as absent", "Fill it, or take it away")


def _folder(source: object) -> Path:
    try:
        folder = Path(cast(Any, source))
    except TypeError:
        kind = type(source).__name__
        raise CallError(f"a history is a folder or a dict of data frames by table name, not a {kind}.") from None
    if not folder.exists():
        raise CallError(f"there is no folder '{folder}'. Give the folder that holds sessions.csv or sessions.parquet.")
    if not folder.is_dir():
        raise CallError(f"'{folder}' is a file. Give the folder that holds it.")
    return folder


def _from_frames(source: Mapping, problems: Problems) -> dict[str, RawTable]:
    raw = {}
    names = [str(name) for name in source]
    for name, frame in source.items():
        if frame is None:
            continue
        if not isinstance(frame, pd.DataFrame):
            raise CallError(f"'{name}' is a {type(frame).__name__}. Give a pandas data frame.")
        if name not in TABLES:
            _name_stray(str(name), names, str(name), problems)
            continue
        copy = frame.copy(deep=False).reset_index(drop=True)
        copy.columns = [str(column).strip() for column in copy.columns]
        raw[name] = RawTable(name, copy, np.arange(1, len(copy) + 1))
    return raw


def _from_folder(folder: Path, problems: Problems) -> dict[str, RawTable]:
    raw = {}
    try:
        present = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        raise CallError(f"the folder '{folder}' cannot be listed ({error.strerror}).") from None
    stems = {file: re.sub(r"\.(parquet|csv|csv\.gz)$", "", file) for file in present}
    for file, stem in stems.items():
        if stem != file:
            _name_stray(stem, list(stems.values()), file, problems)
    for name in TABLES:
        held_by = [name + ending for ending in ENDINGS if name + ending in present]
        if len(held_by) > 1:
            problems.error(name, None, f"two files hold this table: {' and '.join(held_by)}", "Keep one of them")
        if not held_by:
            continue
        problems.sources[name] = held_by[0]
        path = folder / held_by[0]
        try:
            table = _read_parquet(name, path) if path.suffix == ".parquet" else _read_csv(name, path, problems)
        except (OSError, EOFError, zlib.error, pa.ArrowException, csv.Error, ValueError) as error:
            # What a parser says may quote the row: of messages, only the kind of error is told.
            said = str(error).splitlines() if name != "messages" else []
            reason = (said or [type(error).__name__])[0]
            problems.error(name, None, f"the file cannot be read ({reason})", "Export it again")
            continue
        if table is not None:
            raw[name] = table
    return raw


def _name_stray(name: str, present: list[str], shown: str, problems: Problems) -> None:
    """Say that a file or frame is ignored when its name is nearly that of a table which is absent."""
    meant = nearest(name, TABLES) if name not in TABLES else None
    if meant is not None and meant not in present:
        add = problems.error if TABLES[meant].required else problems.warning
        add(meant, None, f"the table is missing, but there is '{shown}'", f"Rename it to {meant}")


def _read_parquet(name: str, path: Path) -> RawTable:
    frame = pa.parquet.read_table(path).to_pandas(date_as_object=True).reset_index(drop=True)
    frame.columns = [str(column).strip() for column in frame.columns]
    return RawTable(name, frame, np.arange(1, len(frame) + 1))


def _read_csv(name: str, path: Path, problems: Problems) -> RawTable | None:
    packed = path.read_bytes()
    data = _as_utf8(gzip.decompress(packed) if path.suffix == ".gz" else packed, name, problems)
    above = re.match(rb"(?:sep=(?P<told>[,;\t|]))?(?P<blank>(?:[ \t]*(?:\r\n|\n|\r))*)", data)
    header_row = 1 + len(re.findall(rb"\r\n|\n|\r", above["blank"])) if above else 1
    told = above["told"].decode() if above and above["told"] else None
    data = data[above.end() :] if above else data
    if not data.strip():
        report_empty(name, "the file is empty", problems)
        return None
    separator = told or _sniff(data)
    header, body = _below_header(data, separator)
    table, wrong = _parse(body, separator, len(header))
    wrong_rows = np.array(sorted(wrong), dtype=np.int64)
    rows = np.delete(np.arange(1, table.num_rows + len(wrong) + 1), wrong_rows - 1) + header_row
    held = "put a value that holds the separator, a quote or a line break between double quotes"
    problems.rows(
        "error", name, None, wrong_rows + header_row, None,
        f"the row does not have the {len(header)} values that the header names",
        [f"It has {wrong[row]}; {held}" for row in wrong_rows],
    )  # fmt: skip
    if body.count(b'"') % 2 and _never_closed(body, separator):
        problems.error(name, None, "a double quote is opened and never closed", "Close it, or write it twice")
    frame = table.to_pandas(types_mapper={pa.large_string(): TEXT}.get)
    frame.columns = [column.strip() for column in header]
    frame, rows = _without_blanks(frame, rows)
    return RawTable(name, frame, rows, decimal_comma=separator == ";")


def _below_header(data: bytes, separator: str) -> tuple[list[str], bytes]:
    """Return the names in the header, which may span lines between quotes, and the data below it."""
    lines = []

    def each_line() -> Iterator[str]:
        for line in io.StringIO(data[:1_000_000].decode("utf-8", "ignore"), newline=""):
            lines.append(line)
            yield line

    header = next(csv.reader(each_line(), delimiter=separator))
    return header, data[len("".join(lines).encode()) :]


def _parse(data: bytes, separator: str, width: int) -> tuple[pa.Table, dict[int, int]]:
    """Return all rows as text, and the rows of another width: number, beginning with 1, and width."""
    names = [str(at) for at in range(width)]
    if not data:
        return pa.table({name: pa.array([], pa.large_string()) for name in names}), {}
    wrong: dict[int, int] = {}

    def set_aside(row: pa.csv.InvalidRow) -> str:
        wrong[row.number] = row.actual_columns
        return "skip"

    table = pa.csv.read_csv(
        io.BytesIO(data if data.endswith((b"\n", b"\r")) else data + b"\n"),
        read_options=pa.csv.ReadOptions(
            use_threads=False,
            block_size=min(max(len(data) + 2, 1 << 16), BLOCK),
            column_names=names,
        ),
        parse_options=pa.csv.ParseOptions(
            delimiter=separator, newlines_in_values=True, ignore_empty_lines=False, invalid_row_handler=set_aside
        ),
        convert_options=pa.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.large_string())),
    )
    return table, wrong


def _never_closed(data: bytes, separator: str) -> bool:
    try:
        for _ in csv.reader(io.StringIO(data.decode(), newline=""), delimiter=separator, strict=True):
            pass
    except csv.Error as error:
        return "unexpected end of data" in str(error)
    return False


def _as_utf8(data: bytes, name: str, problems: Problems) -> bytes:
    """Return `data` in UTF-8 without byte-order mark or null bytes; Windows-1252 is the last resort, and said."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        data = data.decode("utf-16").encode()
    elif data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        problems.warning(name, None, "the file is not UTF-8; it was read as Windows-1252", "Save it as UTF-8")
        data = data.decode("cp1252", "replace").encode()
    return data.replace(b"\0", b"") if b"\0" in data else data


def _sniff(data: bytes) -> str:
    """Return the separator of the header line: the one that occurs most often outside quotes."""
    line = re.split(rb"\r\n|\n|\r", data[:100_000], maxsplit=1)[0].decode("utf-8", "replace")
    line = re.sub(r'"[^"]*"', "", line)
    return max(SEPARATORS, key=line.count)


def _without_blanks(frame: pd.DataFrame, rows: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
    """Return `frame` without rows that are empty throughout, as spreadsheets leave behind."""
    filled = np.zeros(len(frame), dtype=bool)
    for at in range(frame.shape[1]):
        if filled.all():
            return frame, rows
        column = frame.iloc[:, at]
        filled |= (column.notna() & (column != "")).to_numpy(dtype=bool)
    return frame[filled].reset_index(drop=True), rows[filled]
