"""Progress: bars on a terminal, few plain lines elsewhere."""

from __future__ import annotations

import io

from dropout.progress import Bars, Lines, progress_on


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_plain_lines_come_at_most_every_ten_seconds_and_stage() -> None:
    now = [0.0]
    stream = io.StringIO()
    lines = Lines(stream, every=10, clock=lambda: now[0])
    for second in range(0, 31):
        now[0] = second
        lines("fit", second, 30)
    assert stream.getvalue().splitlines() == ["fit: 10 of 30 (33%)", "fit: 20 of 30 (66%)", "fit: 30 of 30 (100%)"]


def test_short_work_says_nothing_where_nobody_watches() -> None:
    stream = io.StringIO()
    with progress_on(stream) as progress:
        for step in range(5):
            progress("score", step + 1, 5)
    assert stream.getvalue() == ""


def test_a_terminal_gets_bars_that_go_away() -> None:
    stream = Terminal()
    with progress_on(stream) as progress:
        assert isinstance(progress, Bars)
        progress("fit", 1, 4)
        progress("fit", 2, 4)
        progress("score", 1, 3)
    shown = stream.getvalue()
    assert "fit:" in shown and "2/4" in shown and "score:" in shown and "1/3" in shown
    assert shown.rstrip(" ").endswith("\r"), "the last bar is cleared"


def test_a_stage_with_no_steps_is_no_error() -> None:
    now = [0.0]
    lines = Lines(io.StringIO(), every=1, clock=lambda: now[0])
    now[0] = 5.0
    lines("read", 0, 0)
    assert lines.stream.getvalue() == "read: 0 of 0 (0%)\n"
