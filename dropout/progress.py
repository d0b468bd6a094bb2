"""Progress of long work: bars on a terminal, a plain line now and then elsewhere, nothing at all by default.

Whoever does long work takes a function `progress(stage, done, total)` and calls it after each step; whoever calls
decides what becomes of it.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

Progress = Callable[[str, int, int], None]
"""Called as `progress(stage, done, total)`: the name of the stage, steps done so far, steps in all."""

LINE_SECONDS = 10.0
"""Seconds between two plain lines of one stage."""


@contextmanager
def progress_on(stream: TextIO | None = None) -> Iterator[Progress]:
    """A `Progress` that writes to a stream for as long as the block lasts.

    Parameters
    ----------
    stream : text stream, optional
        Default: standard error as it is at that time. A terminal gets bars, anything else plain lines.
    """
    stream = sys.stderr if stream is None else stream
    shown: Bars | Lines = Bars(stream) if stream.isatty() else Lines(stream)
    try:
        yield shown
    finally:
        shown.close()


class Bars:
    """Progress as one bar a stage; the bar of a finished stage goes away.

    Parameters
    ----------
    stream : text stream
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._bar: Any = None
        self._lock = threading.Lock()

    def __call__(self, stage: str, done: int, total: int) -> None:
        from tqdm import tqdm  # imported when the first step is done: `--help` never needs it

        with self._lock:
            if self._bar is not None and (self._bar.desc != stage or self._bar.total != total):
                self._bar.close()
                self._bar = None
            if self._bar is None:
                self._bar = tqdm(desc=stage, total=total, file=self.stream, leave=False, dynamic_ncols=True,
                                 bar_format="{desc}: {percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt} [{elapsed}]")
            self._bar.n = done
            self._bar.refresh()

    def close(self) -> None:
        """Take the last bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class Lines:
    """Progress as plain lines: at most one every few seconds and stage, so that short work stays silent.

    Parameters
    ----------
    stream : text stream
    every : float
        Seconds between two lines of one stage, and before its first.
    clock : function, optional
        Seconds from some beginning; a test gives its own.
    """

    def __init__(
        self, stream: TextIO, every: float = LINE_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.stream = stream
        self.every = every
        self.clock = clock
        self._said: dict[str, float] = {}
        self._begun = clock()
        self._lock = threading.Lock()

    def __call__(self, stage: str, done: int, total: int) -> None:
        with self._lock:
            now = self.clock()
            if now - self._said.get(stage, self._begun) < self.every:
                return
            self._said[stage] = now
            self.stream.write(f"{stage}: {done} of {total} ({100 * done // max(total, 1)}%)\n")
            self.stream.flush()

    def close(self) -> None:
        """Nothing is left to do."""
