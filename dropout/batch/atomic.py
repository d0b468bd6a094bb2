"""Files and folders that appear whole or not at all.

They are written under another name beside their target and renamed at the end. Where there is something to replace,
Linux swaps old and new in one step; elsewhere the old folder is moved aside for an instant.
"""

from __future__ import annotations

import ctypes
import errno
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dropout.errors import CallError

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


@contextmanager
def whole_folder(out: str | Path) -> Iterator[Path]:
    """A new folder to write into, which takes the place of `out` when the block ends well, and is gone otherwise.

    Whether `out` may be replaced is for the caller to settle first: `check_new_folder`, or a look at what is in it.

    Raises
    ------
    CallError
        If it cannot be written: no such parent folder, no permission, no space.
    """
    real = Path(out).resolve()  # through a link to what it points at
    partial = _beside(real)
    try:
        with _as_call_error(out):
            partial.mkdir()
            yield partial
            for path in [*partial.rglob("*"), partial]:
                _to_disk(path)
            _put(partial, real)
            _to_disk(real.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_whole_file(out: str | Path, content: bytes) -> Path:
    """The path of a file that now holds `content`; it is never seen half written.

    Raises
    ------
    CallError
        If it cannot be written.
    """
    real = Path(out).resolve()
    partial = _beside(real)
    try:
        with _as_call_error(out):
            partial.write_bytes(content)
            _to_disk(partial)
            os.replace(partial, real)
            _to_disk(real.parent)
    finally:
        partial.unlink(missing_ok=True)
    return Path(out)


def check_new_file(out: str | Path) -> Path:
    """The path, when a file can be made there; asked before the long work, not after it.

    Raises
    ------
    CallError
        If the folder it should lie in does not exist or cannot be written to, or `out` is a folder.
    """
    out = Path(out)
    if out.is_dir():
        raise CallError(f"'{out}' is a folder. Give the name of a file.")
    _check_parent(out, "file")
    return out


def check_new_folder(out: str | Path) -> Path:
    """The path, when a folder can be made there: nothing is there yet, or an empty folder.

    Raises
    ------
    CallError
        If `out` is a file, or a folder with something in it, or lies in a folder that does not exist.
    """
    out = Path(out)
    check_folder_place(out)
    if out.is_dir() and any(out.iterdir()):
        raise CallError(f"the folder '{out}' is not empty, and nothing in it will be overwritten. "
                        "Give another name, or empty it first.")
    return out


def check_folder_place(out: str | Path) -> Path:
    """The path, when it is not a file and lies in a folder that exists and can be written to; else CallError."""
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise CallError(f"'{out}' is a file. Give the name of a folder.")
    if out.resolve() == Path.cwd():
        raise CallError(f"'{out}' is the folder you are in, which cannot be put in place as a whole. "
                        "Give the name of a folder in it.")
    _check_parent(out, "folder")
    return out


def _check_parent(out: Path, kind: str) -> None:
    parent = out.resolve().parent
    if not parent.is_dir():
        raise CallError(f"the folder '{out.parent}', in which the {kind} '{out.name}' should be made, does not exist. "
                        f"Make it first: mkdir -p {out.parent}")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise CallError(f"the folder '{out.parent}' cannot be written to. Give another place for '{out.name}'.")


def _beside(out: Path) -> Path:
    return out.parent / f".{out.name}.{secrets.token_hex(4)}.partial"


@contextmanager
def _as_call_error(out: str | Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise CallError(f"'{out}' cannot be written ({reason}). Give another place, or mend this one.") from error


def _to_disk(path: Path) -> None:
    """Have the system write a file or folder out, so that a rename never precedes its content after a power cut."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EROFS, errno.EBADF, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)


def _put(partial: Path, out: Path) -> None:
    """Give `partial` the name `out`; what was there before then lies at `partial`, or is gone."""
    if not out.exists() or not any(out.iterdir()):
        os.replace(partial, out)
    elif not _swap(partial, out):
        aside = _beside(out)
        os.replace(out, aside)
        try:
            os.replace(partial, out)
        except OSError:
            os.replace(aside, out)
            raise
        shutil.rmtree(aside, ignore_errors=True)


def _swap(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; False where the system cannot."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        exchange = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    return exchange(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0
