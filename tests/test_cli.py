"""The command line: what it says, where it says it, and what it ends with."""

from __future__ import annotations

import inspect
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from dropout import cli
from dropout.arguments import ENGINES, SCENARIOS, parser
from dropout.cli import main
from dropout.demo import DATE, demo
from dropout.models.model import DropoutModel
from dropout.simulate import SCENARIOS as SIMULATED_SCENARIOS
from dropout.simulate import simulate, write_tables

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "data" / "synthetic"
COMMANDS = ("demo", "simulate", "convert", "check", "audit", "fit", "evaluate", "recalibrate", "card", "score", "report")
CANARY = "zxqvyk"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, simulated: dict, model: DropoutModel) -> Path:
    """A folder with `history/`, the file `model` and `wrong/`, a history with three kinds of error."""
    place = tmp_path_factory.mktemp("place")
    write_tables(simulated, place / "history")
    model.save(place / "model")
    sessions = simulated["sessions"].astype({"status": "str"})
    sessions.loc[5, "status"] = "Atended"
    wrong = {"sessions": sessions.assign(client_id=sessions["client_id"].where(sessions.index != 9))}
    messages = simulated["messages"].head(50).assign(text=CANARY)
    messages.loc[3, "sender"] = CANARY + " is written in the wrong column"
    write_tables(wrong | {"messages": messages}, place / "wrong")
    return place


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def program(*words: object, **options: object) -> subprocess.CompletedProcess:
    """The command as a process of its own."""
    return subprocess.run([sys.executable, "-m", "dropout", *map(str, words)], capture_output=True, text=True,
                          timeout=900, **options)


# The arguments


def test_help_answers_at_once_and_names_every_command() -> None:
    code = "import sys, dropout.cli as c\ntry: c.main(['--help'])\nexcept SystemExit: pass\n" \
           "print([m for m in ('pandas', 'numpy', 'sklearn', 'tqdm', 'pyarrow') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert run.stdout.rstrip().endswith("[]"), "nothing heavy is imported for --help"
    for name in COMMANDS:
        assert re.search(rf"^\s+{name}\s+\w", run.stdout, re.MULTILINE)
    begun = time.perf_counter()
    assert program("--help").returncode == 0
    assert time.perf_counter() - begun < 5, "half a second on a quiet machine"


def test_the_commands_are_those_of_the_parser() -> None:
    assert set(cli.COMMANDS) == set(COMMANDS)
    assert SCENARIOS == SIMULATED_SCENARIOS
    assert ENGINES[0] == "local"


def test_version(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("dropout 0.")


@pytest.mark.parametrize(("words", "said"), [
    ([], "required: COMMAND"),
    (["chek"], "invalid choice: 'chek'"),
    (["fit"], "required: HISTORY, --out"),
    (["fit", "h", "--out", "m", "--seed", "-1"], "'-1' is not a whole number from 0"),
    (["fit", "h", "--out", "m", "--as", "2026-01-01"], "unrecognized arguments: --as"),
    (["check", "h", "--colour"], "usage: dropout check"),
    (["score", "h", "--model", "m", "--out", "s", "--as-of", "01/02/2026"], "write it like 2026-06-30"),
    (["score", "h", "--model", "m", "--out", "s", "--as-of", "2026-02-30"], "'2026-02-30' is not a date"),
    (["score", "h", "--model", "m", "--out", "s", "--as-of", "2026-01-01T00:00Z"], "is not a date"),
    (["score", "h", "--model", "m", "--out", "s", "--as-of", "20260101"], "is not a date"),
    (["score", "h", "--model", "m", "--out", "s", "--engine", "dask"], "invalid choice: 'dask'"),
    (["simulate", "--out", "d", "--clients", "0"], "'0' is not a whole number from 1"),
    (["simulate", "--out", "d", "--clients", "many"], "'many' is not a whole number"),
    (["simulate", "--out", "d", "--scenario", "sunny"], "invalid choice: 'sunny'"),
])
def test_a_wrong_call_is_refused_by_the_parser(words: list, said: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    shown = capsys.readouterr()
    assert said in shown.err and shown.out == ""


@pytest.mark.parametrize("date", ["2026-06-30", "2026-06-30T18:00", "2026-06-30 18:00:30"])
def test_dates_with_and_without_a_time(date: str) -> None:
    words = ["score", "h", "--model", "m", "--out", "s", "--as-of", date]
    assert parser().parse_args(words).as_of == date


# Wrong calls that only the work can tell


@pytest.mark.parametrize(("words", "said"), [
    (["check", "{place}/nowhere"], "there is no folder"),
    (["check", "{place}/model"], "is a file"),
    (["check", "{place}/history", "--tz", "Mars/Base"], "Mars/Base"),
    (["fit", "{place}/history", "--out", "{tmp}/no/model"], "no', in which the file 'model' should be made"),
    (["fit", "{place}/history", "--out", "{place}/history/clients.csv"], "is not a model; it will not be overwritten"),
    (["fit", "{place}/history", "--out", "{place}/history"], "is a folder"),
    (["fit", "{place}/history", "--out", "{tmp}/m", "--exclude", "birthyear"], "Did you mean 'birth_year'?"),
    (["score", "{place}/history", "--model", "{place}/model", "--out", "{tmp}/s", "--engine", "spark"], "'spark'"),
    (["score", "{place}/history", "--model", "{place}/model", "--out", "{place}/history"], "other than earlier scores"),
    (["score", "{place}/history", "--model", "{place}/model", "--out", "{tmp}/s", "--as-of", "1999-01-01"],
     "Give a later date, up to 2026"),
    (["evaluate", "{place}/history", "--model", "{place}/model", "--out", "{place}/history"], "earlier evaluation"),
    (["report", "{place}/history", "--out", "{tmp}/page.pdf"], "/page.html"),
    (["report", "{place}/history", "--out", "{tmp}/no/page.html"], "does not exist"),
    (["report", "{place}/history", "--out", "{tmp}/p.html", "--model", "{place}/model", "--evaluation", "{tmp}"],
     "holds no evaluation"),
    (["report", "{place}/history", "--out", "{tmp}/p.html", "--evaluation", "{tmp}"], "give that model too"),
    (["simulate", "--out", "{place}/history"], "history' is not empty"),
    (["simulate", "--out", "{tmp}/a", "--truth", "{tmp}/a"], "folder of its own"),
    (["convert", "--from", "fhir", "{place}/history", "--out", "{tmp}/c"], "no format 'fhir'. Known: ctn0094"),
    (["demo", "--out", "{place}/history"], "other than an earlier demo"),
])
def test_a_wrong_call_ends_with_2_and_writes_nothing(
    words: list, said: str, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    before = tree(place)
    assert main([word.format(place=place, tmp=tmp_path) for word in words]) == 2
    shown = capsys.readouterr()
    assert said in shown.err and shown.out == ""
    assert "Traceback" not in shown.err
    assert tree(place) == before and tree(tmp_path) == []


# Wrong input


@pytest.mark.parametrize("words", [
    ["check", "{place}/wrong"],
    ["fit", "{place}/wrong", "--out", "{tmp}/m"],
    ["score", "{place}/wrong", "--model", "{place}/model", "--out", "{tmp}/s"],
    ["evaluate", "{place}/wrong", "--model", "{place}/model", "--out", "{tmp}/e"],
    ["report", "{place}/wrong", "--out", "{tmp}/page.html"],
], ids=lambda words: words[0])
def test_a_wrong_history_ends_with_1_and_every_problem(
    words: list, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main([word.format(place=place, tmp=tmp_path) for word in words]) == 1
    shown = capsys.readouterr()
    assert "sessions.csv row 7, status 'Atended'" in shown.err
    assert "sessions.csv row 11, client_id" in shown.err
    assert "messages.csv row 5, sender" in shown.err
    assert CANARY not in shown.err, "what slipped into another column may be a message"
    assert shown.out == "" and tree(tmp_path) == []


@pytest.mark.parametrize("words", [
    ["score", "{place}/history", "--model", "{place}/history/clients.csv", "--out", "{tmp}/s"],
    ["evaluate", "{place}/history", "--model", "{place}/nowhere", "--out", "{tmp}/e"],
    ["report", "{place}/history", "--model", "{place}/nowhere", "--out", "{tmp}/page.html"],
    ["recalibrate", "{place}/history", "--model", "{place}/history", "--out", "{tmp}/m"],
    ["card", "{place}/nowhere", "--out", "{tmp}/card.md"],
], ids=lambda words: words[0])
def test_a_wrong_model_ends_with_1(words: list, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main([word.format(place=place, tmp=tmp_path) for word in words]) == 1
    assert re.search("is not a model|there is no model file|is a folder", capsys.readouterr().err)
    assert tree(tmp_path) == []


def test_too_little_to_learn_from_says_what_is_still_possible(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["simulate", "--out", str(tmp_path / "few"), "--clients", "40"]) == 0
    assert main(["fit", str(tmp_path / "few"), "--out", str(tmp_path / "m")]) == 1
    said = capsys.readouterr().err
    assert "too little to learn from" in said and "Still possible" in said
    assert not (tmp_path / "m").exists()


def test_check_json_is_for_a_program(place: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["check", str(place / "wrong"), "--json"]) == 1
    shown = capsys.readouterr()
    found = json.loads(shown.out)
    assert found["ok"] is False
    assert {(p["table"], p["column"], p["row"]) for p in found["errors"]} >= {
        ("sessions", "status", 7), ("sessions", "client_id", 11), ("messages", "sender", 5)}
    assert "sessions.csv row 7, status" in shown.err
    assert CANARY not in shown.out + shown.err
    assert main(["check", str(place / "history"), "--json"]) == 0
    shown = capsys.readouterr()
    found = json.loads(shown.out)
    assert found["ok"] is True and shown.err == ""
    own = found["cancellations"]["by_client"]
    assert own["cancellations"] == own["replaced"] + own["unmatched"] + own["recent"] > own["replaced"] > 0


# What goes right


def test_check_says_what_was_read(place: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["check", str(place / "history")]) == 0
    shown = capsys.readouterr()
    assert "sessions" in shown.out and shown.out.endswith("The history can be used.\n") and shown.err == ""
    assert "Cancelled by clients: " in shown.out and "a booking replaced" in shown.out


def test_simulate_makes_the_sample_again(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["simulate", "--out", str(tmp_path / "sample"), "--truth", str(tmp_path / "truth")]) == 0
    assert "400 simulated clients" in capsys.readouterr().out
    made = tree(tmp_path / "sample")
    assert len(made) == 6 and made == [name for name in tree(SAMPLE) if name != "README.md"]
    for name in made:
        assert (tmp_path / "sample" / name).read_bytes() == (SAMPLE / name).read_bytes(), name
    assert {"risk.csv", "reschedule.csv"} <= set(tree(tmp_path / "truth"))


def test_score_writes_and_replaces_and_resumes(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    words = ["score", str(place / "history"), "--model", str(place / "model"), "--as-of", "2026-06-30", "--out",
             str(tmp_path / "scores")]
    for _ in range(2):
        assert main(words) == 0
        shown = capsys.readouterr()
        assert "Scores as of 2026-06-30T00:00:00 written to" in shown.out and shown.err == ""
    assert main([*words, "--resume"]) == 0
    assert "already holds these scores" in capsys.readouterr().out
    assert len(pd.read_parquet(tmp_path / "scores" / "dropout_risk.parquet"))
    assert main([word.replace("2026-06-30", "2026-09-30") for word in words]) == 0
    assert "Export the tables again" in capsys.readouterr().err


def test_report_without_a_model(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    page = tmp_path / "page.html"
    for _ in range(2):  # an earlier page is replaced
        assert main(["report", str(place / "history"), "--out", str(page)]) == 0
    assert "without --model" in capsys.readouterr().err
    assert "<html" in page.read_text().lower()
    page.write_text("a thesis")
    assert main(["report", str(place / "history"), "--out", str(page)]) == 2
    assert page.read_text() == "a thesis"


def test_warnings_come_in_short(
    place: Path, tmp_path: Path, simulated: dict, capsys: pytest.CaptureFixture
) -> None:
    messages = simulated["messages"].assign(text=CANARY)
    messages.loc[:30, "client_id"] = "nobody"
    write_tables(simulated | {"messages": messages}, tmp_path / "history")
    words = ["score", str(tmp_path / "history"), "--model", str(place / "model"), "--out", str(tmp_path / "s")]
    assert main(words) == 0
    shown = capsys.readouterr()
    assert "31 warnings about the tables; all of them: dropout check" in shown.err
    assert "28 more like the last" in shown.err
    assert "warnings about" not in shown.out and CANARY not in shown.err + shown.out
    assert json.loads((tmp_path / "s" / "manifest.json").read_text())["set_aside"]


def test_a_demo_replaces_an_earlier_one_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / "demo"
    done: list[list[str]] = []

    def run(words: list[str]) -> int:
        made = Path(words[words.index("--out") + 1]) if "--out" in words else None
        assert made is None or not made.exists(), "what an earlier demo made has been taken away"
        if made is not None:
            made.mkdir() if made.suffix == "" else made.write_text("")
        done.append(words)
        return 0

    for _ in range(2):
        demo(out, clients=50, seed=9, run=run)
        (out / "mine.txt").write_text("stays")
    assert [words[0] for words in done] == ["simulate", "check", "fit", "evaluate", "score", "report"] * 2
    for words in done:
        parser().parse_args(words)
    assert {"mine.txt", "DEMO.md", "report.html", "scores"} <= set(tree(out))
    shown = capsys.readouterr()
    assert "[6/6] $ dropout report" in shown.err and f"{out}/report.html" in shown.out


def test_the_demo_asks_for_the_date_of_the_simulated_tables() -> None:
    assert inspect.signature(simulate).parameters["extraction"].default == DATE


@pytest.mark.slow
def test_the_demo_runs_the_whole_way(tmp_path: Path) -> None:
    out = tmp_path / "demo"
    run = program("demo", "--out", out, "--clients", 400)
    assert run.returncode == 0, run.stderr
    assert "Traceback" not in run.stderr
    assert {"report.html", "scores/manifest.json", "evaluation/evaluation.json"} <= set(tree(out))
    assert "Against the truth" in run.stdout and "say nothing about people" in " ".join(run.stdout.split())


@pytest.mark.slow
def test_fit_gives_the_same_bytes_and_a_report_reads_an_evaluation(place: Path, tmp_path: Path) -> None:
    for name in ("one", "other"):
        assert main(["fit", str(place / "history"), "--as-of", "2025-12-01", "--out", str(tmp_path / name)]) == 0
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    model = ["--model", str(tmp_path / "one")]
    history, evaluation = str(place / "history"), str(tmp_path / "e")
    assert main(["evaluate", history, *model, "--out", evaluation]) == 0
    read, now = tmp_path / "read.html", tmp_path / "now.html"
    assert main(["report", history, *model, "--evaluation", evaluation, "--out", str(read)]) == 0
    assert main(["report", history, *model, "--out", str(now)]) == 0
    assert read.read_text() == now.read_text()


# When things go wrong in ways nobody thought of


def test_an_unforeseen_error_is_one_line_without_values(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def fails(args: object) -> int:
        raise KeyError(f"{CANARY}: I'll call to reschedule")

    monkeypatch.setitem(cli.COMMANDS, "check", fails)
    monkeypatch.delenv("DROPOUT_DEBUG", raising=False)
    assert main(["check", str(place)]) == 1
    said = capsys.readouterr().err
    assert "KeyError" in said and "report this line" in said
    assert CANARY not in said and "Traceback" not in said and len(said.splitlines()) == 1
    monkeypatch.setenv("DROPOUT_DEBUG", "1")
    assert main(["check", str(place)]) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(("raised", "status", "said"), [
    (KeyboardInterrupt, 130, "interrupted"), (MemoryError, 1, "not enough memory"), (cli.Stopped, 143, "stopped")])
def test_interruptions_are_a_plain_line(
    raised: type, status: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def fails(args: object) -> int:
        raise raised

    monkeypatch.setitem(cli.COMMANDS, "check", fails)
    monkeypatch.delenv("DROPOUT_DEBUG", raising=False)
    assert main(["check", "x"]) == status
    shown = capsys.readouterr().err
    assert said in shown and "Traceback" not in shown


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_leaves_nothing_half_made(tmp_path: Path, number: int, status: int) -> None:
    code = """
import sys, time
from pathlib import Path
from dropout import cli
from dropout.batch.atomic import whole_folder
def slow(args):
    with whole_folder(Path(sys.argv[1]) / "out") as folder:
        (folder / "part").write_text("half")
        print("writing", flush=True)
        time.sleep(60)
cli.COMMANDS["check"] = slow
sys.exit(cli.main(["check", "x"]))
"""
    # Tests that run in the background may have been told to ignore interrupts, and whatever they begin inherits that.
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))
    assert process.stdout is not None and process.stdout.readline() == "writing\n"
    assert tree(tmp_path) != []
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == status
    assert "nothing was left half made" in said and "Traceback" not in said
    assert tree(tmp_path) == []


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
def test_a_reader_who_leaves_early_is_no_error() -> None:
    process = subprocess.Popen([sys.executable, "-m", "dropout", "check", str(SAMPLE), "--json"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    said = process.stderr.read()
    process.wait(timeout=60)
    assert "Traceback" not in said and "unforeseen" not in said
