"""The commands, one thin function each: arguments in, files and a few lines on standard output out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

from dropout.arguments import parser
from dropout.errors import CallError, Problem, describe

if TYPE_CHECKING:
    from dropout.history import History
    from dropout.models.model import DropoutModel
    from dropout.progress import Progress

WARNINGS_PER_KIND = 3
SYNTHETIC = "SYNTHETIC.md"
"""A file beside simulated tables; pages made from them say that the clients are invented."""


def say(text: str) -> None:
    """Write a line to standard error."""
    print(text, file=sys.stderr, flush=True)


def check(args: argparse.Namespace) -> int:
    """Status 0 when the history can be used; its report has been written."""
    import json

    from dropout.tables import examine, report_json, report_text
    from dropout.timeline import Timeline
    from dropout.timeline.unmatched import matched_counts, matched_text

    report = examine(args.history, tz=args.tz, day_first=args.day_first)
    timeline = Timeline.of(report.tables) if report.ok and report.tables else None
    if args.json:
        cancellations = {} if timeline is None else {"cancellations": matched_counts(timeline)}
        print(json.dumps(report_json(report) | cancellations, indent=2, ensure_ascii=False))
        if not report.ok:
            say(describe(report.errors))
    elif timeline is not None:
        tables, _, verdict = report_text(report).rpartition("\n\n")
        print("\n\n".join(part for part in (tables, matched_text(timeline), verdict) if part))
    else:
        say(report_text(report))
    return 0 if report.ok else 1


def simulate(args: argparse.Namespace) -> None:
    """Write a simulated history, and its truth where asked for."""
    from dropout.batch.atomic import check_new_folder, whole_folder
    from dropout.simulate import simulate, write_tables, write_truth

    out = check_new_folder(args.out)
    truth = None if args.truth is None else check_new_folder(args.truth)
    if truth is not None and truth.resolve() == out.resolve():
        raise CallError(f"--out and --truth both name '{out}'. Give the truth a folder of its own.")
    world = simulate(args.clients, seed=args.seed, scenario=args.scenario, truth=truth is not None)
    with whole_folder(out) as folder:
        write_tables(world.tables, folder)
        (folder / SYNTHETIC).write_text(_about_synthetic(args), encoding="utf-8")
    print(f"History of {args.clients:,} simulated clients written to {out} ("
          + ", ".join(f"{name} {len(table):,}" for name, table in world.tables.items()) + ")")
    if truth is not None and world.truth is not None:
        with whole_folder(truth) as folder:
            write_truth(world.truth, folder)
        dates = sorted(world.truth["risk"]["as_of"].unique())
        print(f"Truth as of {', '.join(dates)} written to {truth}")


def convert(args: argparse.Namespace) -> None:
    """Write the history that another format holds, and what was lost on the way."""
    from dropout.tables.convert import convert, write_conversion

    conversion = convert(args.format, args.source)
    out = write_conversion(conversion, args.out)
    rows = ", ".join(f"{name} {len(table):,}" for name, table in conversion.tables.items())
    print(f"History written to {out} ({rows})")
    print(f"What the source can't tell: {out / 'losses.md'} ({len(conversion.losses)} losses)")


def fit(args: argparse.Namespace) -> None:
    """Learn a model from a history, and write it to a file."""
    from dropout.batch.atomic import check_new_file, write_whole_file
    from dropout.endings import DEFAULT
    from dropout.models.model import DropoutModel
    from dropout.progress import progress_on

    out = check_new_file(args.out)
    if out.exists() and out.stat().st_size:
        _check_model(out)
    history = _read(args)
    _check_excluded(history, args.exclude)
    with progress_on() as progress:
        model = DropoutModel(args.definition or DEFAULT, seed=args.seed, exclude=tuple(args.exclude)).fit(
            history, as_of=args.as_of, progress=progress)
    write_whole_file(out, model.to_bytes())
    counts = model.training
    print(f"Model written to {out}")
    print(f"  learnt from {counts['n_clients']:,} clients, {counts['n_sessions']:,} sessions, "
          f"{counts['n_dropouts']:,} dropouts and {counts['n_cancellations']:,} cancellations, "
          f"as known by {model.trained_until}")
    print(f"  dropout: {model.definition_name}")
    for row in model.summary().query("chosen").to_dict("records"):
        print(f"  {row['prediction']}: {row['candidate']} (log loss {row['log_loss']:.4f} on later months)")
    for feature, reason in counts["left_out"].items():
        say(f"Left out: {feature} ({reason})")


def evaluate(args: argparse.Namespace) -> None:
    """Test a model on dates whose outcome is known, and write the tables."""
    from dropout.batch.atomic import check_folder_place
    from dropout.evaluation import evaluate
    from dropout.evaluation.result import CARD
    from dropout.models.model import DropoutModel
    from dropout.progress import progress_on

    out = check_folder_place(args.out)
    if out.is_dir() and any(out.iterdir()) and not (out / CARD).is_file():
        raise CallError(f"the folder '{out}' holds something other than an earlier evaluation, and nothing in it will "
                        "be overwritten. Give another name, or empty it first.")
    model = DropoutModel.load(args.model)
    history = _read(args)
    with progress_on() as progress:
        found = evaluate(history, model, as_of=args.as_of, truth=args.truth, new_clients=args.new_clients,
                         leave_out=args.leave_out, synthetic=_is_synthetic(args.history), progress=progress)
    found.write(out)
    print(f"Evaluation written to {out} ({found.basis})")
    for note in found.notes:
        print(fill(note, 110, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False))


def recalibrate(args: argparse.Namespace) -> None:
    """Make a model's probabilities fit a clinic, and write the model to a new file."""
    from dropout.batch.atomic import check_new_file, write_whole_file
    from dropout.evaluation.recalibrate import recalibrate
    from dropout.models.model import DropoutModel
    from dropout.progress import progress_on

    out = check_new_file(args.out)
    if out.resolve() == Path(args.model).resolve():
        raise CallError(f"--out names the model itself, '{out}'. Give the recalibrated one a name of its own.")
    if out.exists() and out.stat().st_size:
        _check_model(out)
    model = DropoutModel.load(args.model)
    history = _read(args)
    with progress_on() as progress:
        made = recalibrate(model, history, as_of=args.as_of, method=args.method, new_clients=args.new_clients,
                           progress=progress)
    layer = made.recalibration
    assert layer is not None
    write_whole_file(out, made.to_bytes())
    print(f"Model written to {out}" + ("" if layer.changes else ", unchanged but for what was tried"))
    for line in (*layer.compared, *layer.notes):
        print(fill(line, 110, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False))


def audit(args: argparse.Namespace) -> int:
    """Status 0 when no feature knows the future; the audit has been written."""
    import json

    from dropout.audit import audit_leaks
    from dropout.audit.named import named_features
    from dropout.progress import progress_on

    features = None if args.features is None else named_features(args.features)
    history = _read(args)
    if args.as_of is not None:
        history = history.as_of(args.as_of)
    with progress_on() as progress:
        found = audit_leaks(history, features, time=args.time, ignore=args.ignore, progress=progress)
    print(json.dumps(found.as_dict(), indent=1, ensure_ascii=False, allow_nan=False) if args.json else found.text())
    return 0 if found.ok else 1


def score(args: argparse.Namespace) -> None:
    """Score everybody in a history, and write the folder of scores."""
    from dropout.batch.score import score_folder
    from dropout.progress import progress_on

    with progress_on() as progress:
        done = score_folder(args.history, args.model, args.out, as_of=args.as_of, engine=args.engine,
                            resume=args.resume, tz=args.tz, day_first=args.day_first, progress=progress)
    _warn(done.warnings, args.history)
    manifest = done.manifest
    if done.already_there:
        print(f"{done.folder} already holds these scores, complete; nothing was done.")
        return
    for note in manifest["notes"]:
        say(f"Note: {note}.")
    rows = manifest["rows_out"]
    print(f"Scores as of {manifest['as_of']} written to {done.folder}")
    print(f"  dropout_risk.parquet  {rows['dropout_risk']:,} open episodes")
    print(f"  reschedule.parquet    {rows['reschedule']:,} open cancellations")
    print("  manifest.json         what was made from what")


def report(args: argparse.Namespace) -> None:
    """Write the clinic's page."""
    from dropout.batch.atomic import check_new_file, write_whole_file
    from dropout.clinic import render, report
    from dropout.evaluation.earlier import read_evaluation
    from dropout.models.model import DropoutModel
    from dropout.progress import progress_on

    out = check_new_file(args.out)
    if out.suffix.lower() not in (".html", ".htm"):
        raise CallError(f"the page is HTML, so '{out.name}' should end in .html: --out {out.with_suffix('.html')}")
    if out.exists() and not out.read_bytes()[:1000].lower().lstrip().startswith(b"<!doctype html"):
        raise CallError(f"'{out}' exists and is no HTML page. Give another name.")
    model = None if args.model is None else DropoutModel.load(args.model)
    if model is not None and args.definition is not None:
        raise CallError(f"--definition is for a page without a model; this model has its own: {model.definition_name}. Leave one "
                        "of them away, or fit a model with that definition.")
    earlier = None
    if args.evaluation is not None:
        if model is None:
            raise CallError("--evaluation is of a model; give that model too: --model MODEL")
        earlier = read_evaluation(args.evaluation, model)
    history = _read(args)
    at = history.known_until if args.as_of is None else args.as_of
    invented = _is_synthetic(args.history)
    scores = None
    with progress_on() as progress:
        if model is not None:
            scores = model.score(history, as_of=at, progress=progress)
            earlier = earlier or _evaluation(history, model, at, invented, progress)
    page = report(history.as_of(at), scores=scores, evaluation=earlier, model=model, synthetic=invented,
                  definition=args.definition)
    write_whole_file(out, render(page).encode())
    print(f"Page written to {out}; any browser opens it.")
    if model is None:
        say("Note: without --model the page shows no chances, and nobody to call first.")


def card(args: argparse.Namespace) -> None:
    """Write a model card and its checklists to a file, a folder or standard output."""
    from dropout.batch.cards import Place
    from dropout.card import model_card
    from dropout.models.model import DropoutModel

    place = None if args.out is None else Place.at(args.out, args.format)
    found = model_card(DropoutModel.load(args.model), args.evaluation)
    if place is None:
        print(found.html() if args.format == "html" else found.markdown(), end="")
    else:
        print(f"Card written to {', '.join(map(str, place.write(found)))}")
    if args.evaluation is None:
        say("Note: without --evaluation the card can't say how far the model can be trusted.")


def demo(args: argparse.Namespace) -> None:
    """Run the whole way on simulated clinics, announcing each step as the command it is."""
    from dropout.demo import demo

    demo(Path(args.out), clients=args.clients, seed=args.seed, run=_run)


COMMANDS: dict[str, Callable[[argparse.Namespace], int | None]] = {
    "demo": demo, "simulate": simulate, "convert": convert, "check": check, "fit": fit, "evaluate": evaluate,
    "audit": audit, "recalibrate": recalibrate,
    "score": score, "report": report, "card": card,
}


def _run(argv: Sequence[str]) -> int:
    """Exit status of one command of the demo; errors are left to whoever began."""
    args = parser().parse_args(argv)
    return COMMANDS[args.command](args) or 0


def _evaluation(history: History, model: DropoutModel, at: Any, synthetic: bool, progress: Progress) -> Any:
    """How far the model can be trusted; None where the history is too short to tell, which is said."""
    from dropout.errors import ModelError
    from dropout.evaluation import evaluate

    try:
        return evaluate(history, model, as_of=at, synthetic=synthetic, progress=progress)
    except ModelError as error:
        say(f"Note: the page can't say how far to trust the chances: {error}")
        return None


def _is_synthetic(history: str) -> bool:
    return (Path(history) / SYNTHETIC).is_file()


def _check_excluded(history: History, names: Sequence[str]) -> None:
    """Raise CallError when a column to be excluded does not exist: misspelt, it would be used."""
    there = sorted({str(column) for table in (history.clients, history.tables.episodes) if table is not None
                    for column in table.columns})
    for name in names:
        if name not in there:
            near = get_close_matches(name, there, n=1)
            meant = f" Did you mean '{near[0]}'?" if near else ""
            raise CallError(f"--exclude '{name}': neither clients nor episodes has such a column.{meant} "
                            f"They have: {', '.join(there) or 'none'}.")


def _check_model(path: Path) -> None:
    """Raise CallError when a file that would be replaced is not a model."""
    from dropout.errors import ModelError
    from dropout.models.model import DropoutModel

    try:
        DropoutModel.load(path)
    except ModelError:
        raise CallError(f"'{path}' exists and is not a model; it will not be overwritten. Give another name.") from None


def _about_synthetic(args: argparse.Namespace) -> str:
    return (f"""# Simulated clients

Everybody in this folder is invented. Numbers made from these tables show that the program works; they say nothing
about real clients.

Made by `dropout simulate --clients {args.clients} --seed {args.seed} --scenario {args.scenario}`.
""")


def _read(args: argparse.Namespace) -> History:
    """The history that the arguments name; its warnings have been shown in short."""
    from dropout.batch.score import stale
    from dropout.history import read_date, read_history

    history = read_history(args.history, tz=args.tz, day_first=args.day_first)
    _warn(history.problems, args.history)
    for note in stale(history.known_until, read_date(args.as_of)) if args.as_of else []:
        say(f"Note: {note}.")
    return history


def _warn(problems: Sequence[Problem], history: str) -> None:
    if problems:
        say(f"{len(problems):,} warnings about the tables; all of them: dropout check {history}")
        say("\n".join(f"  {line}" for line in describe(list(problems), WARNINGS_PER_KIND).splitlines()))
