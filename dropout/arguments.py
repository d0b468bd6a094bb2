"""The arguments of the command line: what may be said to each command, and what is refused at once."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NoReturn

from dropout.errors import CallError
from dropout.sayable import sayable

SCENARIOS = ("plain", "text-only", "history-only", "nothing")
ENGINES = ("local", "spark")
FORMATS = ("md", "html")
LEFT_OUT = ("therapist", "clinic")
CORRECTIONS = ("auto", "intercept", "slope", "isotonic")
MOST_CLIENTS = 1_000_000


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    whole = argparse.ArgumentParser(
        prog="dropout", allow_abbrev=False,
        description="Which clients are leaving therapy, and which only said they would call to reschedule?",
        epilog="Exit status: 0 done; 1 the input is wrong; 2 the call is wrong. DROPOUT_DEBUG=1 shows the traceback "
               "of an unforeseen error; it may hold values from your tables.")
    whole.add_argument("--version", action=_Version)
    commands = whole.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Command)

    def command(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.", allow_abbrev=False)

    one = command("demo", "run the whole way once on simulated clinics")
    one.add_argument("--out", metavar="DIR", default="demo", help="folder to make (default: %(default)s)")
    one.add_argument("--clients", metavar="N", type=_clients, default=800, help="how many (default: %(default)s)")
    _add_seed(one, 1)

    one = command("simulate", "write the tables of simulated clinics")
    one.add_argument("--out", metavar="DIR", required=True, help="folder to make")
    one.add_argument("--clients", metavar="N", type=_clients, default=400, help="how many (default: %(default)s)")
    _add_seed(one, 1)
    one.add_argument("--scenario", metavar="NAME", choices=SCENARIOS, default=SCENARIOS[0],
                     help=f"what tells anything: {', '.join(SCENARIOS)} (default: %(default)s)")
    one.add_argument("--truth", metavar="DIR", help="folder to make for the true probabilities and what happened")

    one = command("convert", "turn another format into the tables of a history")
    one.add_argument("--from", dest="format", metavar="FORMAT", required=True, help="such as ctn0094")
    one.add_argument("source", metavar="SOURCE", help="folder or file in that format")
    one.add_argument("--out", metavar="HISTORY", required=True, help="folder to make")

    one = command("check", "check the tables, and name every problem")
    _add_history(one)
    one.add_argument("--json", action="store_true", help="write the report for a program")

    one = command("fit", "learn a model from a history")
    _add_history(one)
    one.add_argument("--out", metavar="MODEL", required=True, help="file to make")
    _add_as_of(one, "learn from what was known by then")
    _add_seed(one, 0)
    one.add_argument("--exclude", metavar="COLUMN", action="append", default=[],
                     help="a column of clients or episodes not to be used; may be given several times")
    _add_definition(one, "what counts as a dropout")

    one = command("evaluate", "see how far a model's predictions can be trusted")
    _add_history(one)
    _add_model(one, required=True)
    one.add_argument("--out", metavar="DIR", required=True, help="folder to make")
    _add_as_of(one, "use only what was known by then")
    one.add_argument("--truth", metavar="DIR", help="the truth of a simulated history")
    one.add_argument("--new-clients", action="store_true",
                     help="the model learnt from none of these clients (another clinic's, say): test it as it is")
    one.add_argument("--leave-out", metavar="WHOM", choices=LEFT_OUT,
                     help="fit the recipe again on the others, and test it on whole therapists, or clinics, left out: "
                          f"{' or '.join(LEFT_OUT)} (takes about three times as long as the fit)")

    one = command("recalibrate", "make a model's probabilities fit a clinic, by outcomes that it has not learnt from")
    _add_history(one)
    _add_model(one, required=True)
    one.add_argument("--out", metavar="MODEL2", required=True, help="file to make; the model itself stays as it is")
    _add_as_of(one, "learn from what was known by then")
    one.add_argument("--method", metavar="NAME", choices=CORRECTIONS, default=CORRECTIONS[0],
                     help=f"how much may be changed: {', '.join(CORRECTIONS)}; auto takes the least that the data ask for "
                          "(default: %(default)s)")
    one.add_argument("--new-clients", action="store_true",
                     help="the model learnt from none of these clients (another clinic's, say)")

    one = command("audit", "find features that know the future, and suspects in the tables")
    _add_history(one)
    one.add_argument("--features", metavar="WHAT",
                     help="module:function, as my_features:make, or a .csv or .parquet file of features with client_id and as_of "
                          "(default: the package's own features)")
    one.add_argument("--time", metavar="COLUMN", default="as_of", help="the moment of each row (default: %(default)s)")
    one.add_argument("--ignore", metavar="COLUMN", action="append", default=[],
                     help="a column that is no feature; may be given several times")
    _add_as_of(one, "audit what was known by then")
    one.add_argument("--json", action="store_true", help="write the audit for a program")
    one.epilog = ("Exit status: 0 no column leaks; 1 a column leaks, or the history can't be used; 2 the call is wrong, or the "
                  "features can't be asked. Suspects in the tables leave it at 0: they are for a person to judge.")

    one = command("score", "score everybody in care at a date")
    _add_history(one)
    _add_model(one, required=True)
    _add_as_of(one, "score as of this date")
    one.add_argument("--out", metavar="DIR", required=True, help="folder to make; earlier scores are replaced")
    one.add_argument("--engine", choices=ENGINES, default=ENGINES[0], help="(default: %(default)s)")
    one.add_argument("--resume", action="store_true", help="leave scores that are complete and up to date as they are")

    one = command("report", "write the clinic's page")
    _add_history(one)
    one.add_argument("--out", metavar="FILE.html", required=True, help="page to make")
    _add_model(one, required=False)
    _add_as_of(one, "the page as of this date")
    one.add_argument("--evaluation", metavar="DIR",
                     help="an evaluation made earlier; without it, the model is evaluated now")
    _add_definition(one, "without --model: what counts as a dropout (a model has its own)")

    one = command("card", "write a model card with checklists for reporting and risk of bias")
    one.add_argument("model", metavar="MODEL", help="file made by `dropout fit`")
    one.add_argument("--evaluation", metavar="DIR", help="an evaluation of it; without one the card says what is not known")
    one.add_argument("--out", metavar="FILE_OR_DIR",
                     help="one file (.md or .html), or a folder for three; without it the card goes to standard output")
    one.add_argument("--format", choices=FORMATS, help="(default: as --out ends, else md)")
    return whole


class _Command(argparse.ArgumentParser):
    """A command that refuses unknown options itself, so that its own usage is shown and not that of the whole program."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}. What may be said: {self.prog} --help")
        return known, unknown


class _Version(argparse.Action):
    """Print the version; asked for only then, as finding it takes a while."""

    def __init__(self, option_strings: Sequence[str], dest: str, **_: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, help="show the version and exit")

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        from dropout import __version__

        print(f"dropout {__version__}")
        parser.exit()


def _add_history(one: argparse.ArgumentParser) -> None:
    one.add_argument("history", metavar="HISTORY", help="folder with sessions.csv or sessions.parquet, and the like")
    one.add_argument("--tz", metavar="ZONE", help="the clinic's time zone, for times with an offset: Europe/London")
    one.add_argument("--day-first", action="store_true", help="read 31/12/2025 as the last day of December")


def _add_model(one: argparse.ArgumentParser, required: bool) -> None:
    one.add_argument("--model", metavar="MODEL", required=required, help="file made by `dropout fit`")


def _add_as_of(one: argparse.ArgumentParser, text: str) -> None:
    one.add_argument("--as-of", metavar="DATE", type=_date,
                     help=f"{text}; a bare date means midnight at its beginning (default: the extraction date)")


def _add_definition(one: argparse.ArgumentParser, text: str) -> None:
    one.add_argument("--definition", metavar="TEXT", type=_definition, help=f"{text}; see below (default: closure else gap:60)")
    one.formatter_class = argparse.RawDescriptionHelpFormatter
    one.epilog = f"definitions of dropout, in quotes:\n{sayable()}"


def _add_seed(one: argparse.ArgumentParser, default: int) -> None:
    one.add_argument("--seed", metavar="S", type=_seed, default=default, help="(default: %(default)s)")


def _definition(text: str) -> Any:
    from dropout.endings import parse

    try:
        return parse(text)
    except CallError as wrong:
        raise argparse.ArgumentTypeError(str(wrong)) from wrong


def _date(text: str) -> str:
    # Stricter than what Python accepts elsewhere: 01/02/2026 would be read in two ways.
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is not None or text[4:5] != "-":
        raise argparse.ArgumentTypeError(f"'{text}' is not a date; write it like 2026-06-30 or 2026-06-30T18:00")
    return text


def _whole_number(text: str, least: int, most: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from {least} to {most:,}")
    return number


def _clients(text: str) -> int:
    return _whole_number(text, 1, MOST_CLIENTS)


def _seed(text: str) -> int:
    return _whole_number(text, 0, 2**32 - 1)
