"""The command line: from arguments to one command, and from what it raises to an exit status.

Results go to standard output; progress, warnings and errors to standard error. A command ends with 0 when it is done,
1 when the input is wrong and 2 when the call is wrong. What a command needs is imported when it runs, so that
`dropout --help` answers at once.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dropout.arguments import parser
from dropout.commands import COMMANDS, say
from dropout.errors import DropoutError, HistoryError


class Stopped(BaseException):
    """The system asked the program to end; passes through everything, so that whatever is half made is taken away."""


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status of the command that the arguments name; nothing raised inside gets out."""
    args = parser().parse_args(argv)
    name = f"dropout {args.command}"
    try:
        with warnings.catch_warnings(), _ends_on_signal():
            if not sys.warnoptions:
                warnings.simplefilter("ignore")  # libraries' warnings are for the people who call them
            status = COMMANDS[args.command](args)
            sys.stdout.flush()
            return status or 0
    except HistoryError as error:
        n = sum(problem.severity == "error" for problem in error.problems)
        what = "source" if args.command == "convert" else "history"
        say(f"{name}: the {what} cannot be used: {n:,} error{'s' if n != 1 else ''}. Nothing was written.\n{error}")
        return error.exit_status
    except DropoutError as error:
        say(f"{name}: {error}")
        return error.exit_status
    except KeyboardInterrupt:
        say(f"{name}: interrupted; nothing was left half made.")
        return 130
    except Stopped:
        say(f"{name}: stopped by the system; nothing was left half made.")
        return 143
    except BrokenPipeError:
        # Whoever read the output has gone. Python would complain once more when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001
        return _unforeseen(name, error)


def _unforeseen(name: str, error: Exception) -> int:
    """Status 1, after one line about an error that nobody thought of; its text may hold values, so it isn't shown."""
    if os.environ.get("DROPOUT_DEBUG") == "1":
        traceback.print_exc()
        return 1
    if isinstance(error, MemoryError):
        say(f"{name}: there is not enough memory for tables of this size.")
        return 1
    own = str(Path(__file__).parent)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(own)]
    place = f" at {Path(frames[-1].filename).name} line {frames[-1].lineno}" if frames else ""
    say(f"{name}: an unforeseen error ({type(error).__name__}{place}); this is a fault of the program. Please report "
        "this line where you got the program from. DROPOUT_DEBUG=1 shows the traceback, which may hold values from "
        "your tables.")
    return 1


@contextmanager
def _ends_on_signal() -> Iterator[None]:
    """Turn the signals that end a program into an exception, once, so that temporary files are taken away."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_IGN)
        raise Stopped

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.signal(number, stop) for number in numbers
              if signal.getsignal(number) is not signal.SIG_IGN}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
