"""The folder of scores: two Parquet files and a manifest, the same bytes for the same scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from dropout.batch.atomic import check_folder_place
from dropout.batch.manifest import MANIFEST, read_manifest
from dropout.errors import CallError

_TEXT, _TIME, _PROBABILITY, _REASONS = pa.string(), pa.timestamp("s"), pa.float64(), pa.list_(pa.string())

SCHEMAS = {
    "dropout_risk": pa.schema([
        ("client_id", _TEXT), ("episode_id", _TEXT), ("therapist_id", _TEXT), ("clinic_id", _TEXT), ("as_of", _TIME),
        ("sessions_attended", pa.int64()), ("last_attended_at", _TIME), ("p_dropout_30d", _PROBABILITY),
        ("p_dropout_60d", _PROBABILITY), ("p_dropout_90d", _PROBABILITY), ("reasons", _REASONS)]),
    "reschedule": pa.schema([
        ("client_id", _TEXT), ("episode_id", _TEXT), ("session_id", _TEXT), ("message_id", _TEXT),
        ("cancelled_at", _TIME), ("as_of", _TIME), ("days_silent", pa.int64()), ("intent", _TEXT),
        ("p_dropout", _PROBABILITY), ("p_return_7d", _PROBABILITY), ("p_return_14d", _PROBABILITY),
        ("p_return_30d", _PROBABILITY), ("reasons", _REASONS)]),
}
"""Columns and types of the two files. Parquet has no whole seconds: other readers see milliseconds."""

FILES = tuple(f"{name}.parquet" for name in SCHEMAS)


def write_scores(folder: Path, tables: dict[str, pd.DataFrame]) -> None:
    """Write the tables of scores into a folder, one Parquet file each.

    Parameters
    ----------
    folder : path
        Exists.
    tables : dict of DataFrame
        `dropout_risk` and `reschedule`, with the columns of `SCHEMAS` in any order.
    """
    for name, schema in SCHEMAS.items():
        frame = tables[name]
        columns = [_column(frame[field.name], field.type) for field in schema]
        # One row group and no pandas metadata: nothing in the file but the values decides its bytes.
        table = pa.Table.from_arrays(columns, schema=schema)
        pa.parquet.write_table(table, folder / f"{name}.parquet", compression="zstd", row_group_size=1 << 26)


def _column(values: pd.Series, kind: pa.DataType) -> pa.Array:
    if pa.types.is_timestamp(kind):
        return pa.array(values.to_numpy("datetime64[s]"), type=kind, from_pandas=True)
    if pa.types.is_float64(kind):
        # A probability that is not known is null: NaN would sort and compare differently from reader to reader.
        return pa.array(values.to_numpy(np.float64), type=kind, from_pandas=True)
    if pa.types.is_int64(kind):
        return pa.array(values.to_numpy(np.int64), type=kind)
    if pa.types.is_list(kind):
        return pa.array([None if value is None else [str(reason) for reason in value] for value in values], type=kind)
    return pa.array([None if pd.isna(value) else str(value) for value in values], type=kind)


def check_target(out: str | Path) -> Path:
    """The path, when scores may be put there: nothing is there, or an empty folder, or scores made earlier.

    Raises
    ------
    CallError
        If `out` holds anything else, which is then named.
    """
    out = check_folder_place(out)
    there = sorted(path.name for path in out.iterdir()) if out.is_dir() else []
    if not there:
        return out
    strange = [name for name in there if name not in (*FILES, MANIFEST)]
    if strange or read_manifest(out) is None:
        named = strange[0] if strange else there[0]
        raise CallError(f"the folder '{out}' holds something other than earlier scores ('{named}'), and nothing in it "
                        "will be overwritten. Give another name, or empty it first.")
    return out
