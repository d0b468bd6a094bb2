"""What a converter hands over: a history, and what the source could not tell."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from dropout.errors import CallError


@dataclass(frozen=True)
class Loss:
    """One thing that the source can't tell, or that the tables of a history can't hold.

    Parameters
    ----------
    table : str
        Table of the source, or of the history, that it concerns.
    what : str
        What is missing, doubtful or left over.
    rows : int
        How many rows it concerns; of which kind is said in `what`.
    done : str
        What was done with them.
    cannot_tell : str
        What nobody can learn from the history because of it.
    """

    table: str
    what: str
    rows: int
    done: str
    cannot_tell: str


@dataclass(frozen=True)
class Conversion:
    """A converted history: `tables` by name, and every loss on the way.

    The tables are data frames with the columns of a history; dates without a time stand at midnight, which
    reading takes for "known at the end of that day".
    """

    format_name: str
    tables: dict[str, pd.DataFrame]
    losses: tuple[Loss, ...]

    def counts(self) -> dict:
        """Return rows by table, sessions by status and episodes by closure reason, ready for JSON."""
        found: dict = {"rows": {name: len(frame) for name, frame in self.tables.items()}}
        if "sessions" in self.tables:
            found["sessions_by_status"] = _tally(self.tables["sessions"]["status"])
        if "closure_reason" in self.tables.get("episodes", ()):
            reasons = self.tables["episodes"]["closure_reason"].astype(object)
            found["episodes_by_closure_reason"] = _tally(reasons.where(reasons.notna(), "none recorded"))
        return found

    def to_markdown(self) -> str:
        """Return the loss report as a page a person can read."""
        lines = [f"# What came of the source ({self.format_name}), and what it can't tell", ""]
        for title, tally in self.counts().items():
            inside = ", ".join(f"{name} {number:,}" for name, number in tally.items())
            lines.append(f"- {title.replace('_', ' ')}: {inside}")
        lines += ["", "Every loss, with the number of rows it concerns:", ""]
        for loss in self.losses:
            lines += [
                f"## {loss.table}: {loss.what}",
                "",
                f"- rows: {loss.rows:,}",
                f"- what was done: {loss.done}",
                f"- what can't be told: {loss.cannot_tell}",
                "",
            ]
        return "\n".join(lines)

    def to_json(self) -> str:
        """Return the loss report for a program."""
        losses = [asdict(loss) for loss in self.losses]
        report = {"format": self.format_name, **self.counts(), "losses": losses}
        return json.dumps(report, indent=2, ensure_ascii=False) + "\n"


def write_conversion(conversion: Conversion, out: str | os.PathLike) -> Path:
    """Return the folder `out`, now holding a CSV file a table, `losses.md` and `losses.json`.

    Everything is written to a folder beside `out` first and renamed at the end, so that `out` appears whole
    or not at all.

    Raises
    ------
    CallError
        When `out` is a file, is a folder with something in it, or can't be written.
    """
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise CallError(f"'{out}' is a file. Give the name of a folder that does not exist yet.")
    if out.is_dir() and any(out.iterdir()):
        raise CallError(f"the folder '{out}' is not empty. Give another name, or empty it first.")
    partial = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
        partial.chmod(0o777 & ~_umask())
        for name, frame in conversion.tables.items():
            frame.to_csv(partial / f"{name}.csv", index=False, lineterminator="\n")
        (partial / "losses.md").write_text(conversion.to_markdown(), encoding="utf-8")
        (partial / "losses.json").write_text(conversion.to_json(), encoding="utf-8")
        os.replace(partial, out)
    except OSError as error:
        reason = error.strerror or error
        raise CallError(f"'{out}' can't be written ({reason}). Give another folder.") from None
    finally:
        if partial is not None and partial.exists():
            shutil.rmtree(partial, ignore_errors=True)
    return out


def _tally(values: pd.Series) -> dict[str, int]:
    counted = values.value_counts()
    return {str(name): int(counted[name]) for name in sorted(counted.index)}


def _umask() -> int:
    # The mask can only be read by setting it.
    mask = os.umask(0)
    os.umask(mask)
    return mask
