"""Features in their three forms, functions that can't be audited, and what an audit shows."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from planted import honest, next_status, with_leak

import dropout
from dropout.arguments import parser
from dropout.audit import Audit, audit_leaks
from dropout.audit.mechanisms import KINDS, MECHANISMS, SEVERITIES
from dropout.cli import main
from dropout.errors import CallError
from dropout.history import History, read_history
from dropout.simulate import simulate, write_tables


@pytest.fixture(scope="module")
def clinic() -> History:
    """40 simulated clients."""
    return read_history(simulate(40, seed=8).tables)


@pytest.fixture(scope="module")
def audit(clinic: History) -> Audit:
    return audit_leaks(clinic, with_leak(next_status), dates=3)


def so_far(history: History, moments: pd.DataFrame) -> pd.DataFrame:
    return honest(history, moments)[["n_so_far"]]


# The forms of a function


def test_rows_may_come_in_any_order_with_their_keys(clinic: History) -> None:
    def features(history: History, moments: pd.DataFrame) -> pd.DataFrame:
        return pd.concat([moments, so_far(history, moments)], axis=1).sample(frac=1, random_state=1)

    assert audit_leaks(clinic, features, dates=3).columns[["column", "verdict"]].values.tolist() == [["n_so_far", "clean"]]


def test_a_function_of_the_history_with_a_time_of_another_name(clinic: History) -> None:
    def features(history: History) -> pd.DataFrame:
        known = history.sessions[history.sessions["status"] == "attended"]
        return pd.DataFrame({"client_id": known["client_id"], "moment": known["starts_at"],
                             "nth": known.groupby("client_id").cumcount(),
                             "of_all": known.groupby("client_id")["status"].transform("size")})

    audit = audit_leaks(clinic, features, time="moment", dates=4)
    assert audit.leaks == ["of_all"]
    with pytest.raises(CallError, match="no column as_of"):
        audit_leaks(clinic, features)


def test_columns_may_be_ignored(clinic: History) -> None:
    for ignore in (["next_status"], "next_status"):
        audit = audit_leaks(clinic, with_leak(next_status), ignore=ignore, dates=3)
        assert audit.ok and "next_status" not in set(audit.columns["column"])


def test_a_column_of_one_value_can_tell_nothing(clinic: History) -> None:
    audit = audit_leaks(clinic, lambda history, moments: so_far(history, moments).assign(one=7), dates=2)
    said = audit.columns.set_index("column")["evidence"]
    assert said["one"].startswith("one and the same value") and said["n_so_far"].startswith("the same in")


def test_rows_of_strangers_are_counted(clinic: History) -> None:
    frame = dropout.session_features(clinic).drop(columns=["status", "starts_at", "session_id"])
    frame.loc[frame.index[:6], "client_id"] = "nobody"
    audit = audit_leaks(clinic, frame.drop(columns="episode_id"))
    assert any(note.startswith("6 of ") and "that the history does not have" in note for note in audit.notes)


def test_times_and_texts_and_truths_are_compared(clinic: History) -> None:
    def features(history: History, moments: pd.DataFrame) -> pd.DataFrame:
        last = history.sessions.groupby("client_id")["starts_at"].max()
        return so_far(history, moments).assign(
            last_at=moments["client_id"].map(last), flag=moments["client_id"].map(last) > moments["as_of"],
            word=np.where(moments["as_of"].dt.hour < 12, "morning", "later"), asked_at=moments["as_of"])

    audit = audit_leaks(clinic, features, dates=4)
    assert set(audit.leaks) == {"last_at", "flag"}


@pytest.mark.parametrize("tables", [("sessions",), ("sessions", "clients"), ("sessions", "messages")])
def test_own_features_of_histories_with_few_tables(tables: tuple[str, ...]) -> None:
    frames = {name: frame for name, frame in simulate(40, seed=8).tables.items() if name in tables}
    frames["sessions"] = frames["sessions"][["client_id", "starts_at", "status"]]
    audit = audit_leaks(read_history(frames), dates=3)
    assert audit.ok and not (audit.columns["verdict"] == "look").any()


def test_one_client_and_few_rows(clinic: History) -> None:
    sessions = clinic.sessions[clinic.sessions["client_id"] == clinic.sessions["client_id"].value_counts().index[0]]
    audit = audit_leaks(read_history({"sessions": sessions}), so_far, dates=2)
    assert audit.ok
    assert any("These are few" in note for note in audit.notes)


# Functions that can't be audited


def raises(history: History, moments: pd.DataFrame) -> pd.DataFrame:
    raise KeyError("Zebulonia Quackenbush")


def too_few(history: History, moments: pd.DataFrame) -> pd.DataFrame:
    return so_far(history, moments).iloc[1:]


def without_some(history: History, moments: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([moments, so_far(history, moments)], axis=1).iloc[2:]


def twice(history: History, moments: pd.DataFrame) -> pd.DataFrame:
    once = pd.concat([moments, so_far(history, moments)], axis=1)
    return pd.concat([once, once])


def random(history: History, moments: pd.DataFrame) -> pd.DataFrame:
    return so_far(history, moments).assign(noise=np.random.default_rng().normal(size=len(moments)))


def exits(history: History, moments: pd.DataFrame) -> pd.DataFrame:
    sys.exit(0)


def complex_numbers(history: History, moments: pd.DataFrame) -> pd.DataFrame:
    return so_far(history, moments).assign(wave=1j)


def absent_column(history: History, moments: pd.DataFrame) -> pd.DataFrame:
    sessions = history.sessions.drop(columns="fee_owed", errors="ignore")
    return so_far(history, moments).assign(owed=sessions["fee_owed"].max())


def same_name(history: History, moments: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([so_far(history, moments)] * 2, axis=1)


def changes(history: History, moments: pd.DataFrame) -> pd.DataFrame:
    history.sessions["weekday"] = history.sessions["starts_at"].dt.day_of_week
    return so_far(history, moments)


def only_on_the_whole(history: History, moments: pd.DataFrame) -> pd.DataFrame:
    if (history.sessions["status"] != "scheduled").sum() < 500:
        raise ValueError("not enough sessions")
    return so_far(history, moments)


@pytest.mark.parametrize(("features", "said"), [
    (raises, r"raised KeyError \(line \d+\) on the whole history"),
    (too_few, r"returned [\d,]+ rows for [\d,]+ moments"),
    (without_some, r"no row for 2 of [\d,]+ moments"),
    (twice, "several rows for one moment"),
    (random, "other values when it was asked a second time: noise. Fix the seed"),
    (same_name, "several columns called n_so_far"),
    (exits, r"raised SystemExit \(line \d+\)"),
    (lambda history, moments: moments.assign(x=1, as_of="soon"), "as_of does not hold times"),
    (pd.DataFrame({"client_id": ["nobody"] * 2, "as_of": ["2025-06-01", "2025-07-01"], "x": [1, 2]}), "none of the 2 rows"),
    (complex_numbers, "the column wave holds complex numbers"),
    (absent_column, r"raised KeyError \(line \d+\) for want of a column 'fee_owed' on the whole history"),
    (changes, "changed the tables"),
    (only_on_the_whole, "raised ValueError .* on the history as known at an earlier date"),
    (lambda history, moments: [1], "returned a list"),
    (lambda history, moments: moments, "nothing to audit"),
    (lambda: None, "needs 0 arguments"),
    (lambda a, b, c: None, "needs 3 arguments"),
    (7, "features is a int"),
    (pd.DataFrame({"client_id": ["a"], "x": [1]}), "no column as_of"),
    (pd.DataFrame({"client_id": ["a"], "as_of": ["when?"], "x": [1]}), "does not hold times"),
])
def test_what_cannot_be_audited_is_said(features, said: str) -> None:
    history = read_history(simulate(40, seed=8).tables)  # its own: one of them changes the tables
    with pytest.raises(CallError, match=said) as error:
        audit_leaks(history, features, dates=3)
    assert "Zebulonia" not in str(error.value)


def test_settings_that_make_no_sense(clinic: History) -> None:
    with pytest.raises(CallError, match="expected at least 2 clients and 1 date"):
        audit_leaks(clinic, dates=0)
    with pytest.raises(CallError, match=r"dates is 2\.5; expected whole numbers"):
        audit_leaks(clinic, dates=2.5)
    with pytest.raises(CallError, match="seed is -1"):
        audit_leaks(clinic, seed=-1)
    with pytest.raises(CallError, match="expected a History"):
        audit_leaks("a folder")
    with pytest.raises(CallError, match="expected a definition of dropout"):
        audit_leaks(clinic, definition="gap:60")


# What an audit shows


def test_mechanisms_name_a_kind_and_what_to_do() -> None:
    assert len(KINDS) == 8
    for one in MECHANISMS.values():
        assert (one.kind in KINDS or one.name == "calendar") and one.severity in SEVERITIES
        assert one.what and one.do and not one.do.endswith(".")


def test_an_audit_is_shown(audit: Audit) -> None:
    assert repr(audit).startswith("Audit of features: 1 of 8 columns leak") and "next_status" in repr(audit)
    page = audit._repr_html_()
    assert "later outcome" in page and "<table" in page
    text = audit.text()
    assert "next_status: it knows how sessions after the moment went" in text and "do: Use only rows known" in text
    assert max(len(line) for line in text.splitlines()) <= 110


def test_an_audit_names_nobody(clinic: History, audit: Audit) -> None:
    shown = audit.text() + json.dumps(audit.as_dict()) + audit._repr_html_()
    ids = set(clinic.sessions["client_id"]) | set(clinic.sessions["therapist_id"]) | set(clinic.sessions["session_id"])
    assert not [name for name in ids if name in shown]
    assert not re.search(r"\b[1-4] of [\d,]+ rows", shown)


def test_an_audit_is_written(audit: Audit, tmp_path) -> None:
    assert json.loads(audit.write(tmp_path / "one.json").read_text())["ok"] is False
    folder = audit.write(tmp_path / "folder")
    assert {path.name for path in folder.iterdir()} == {"audit.json", "audit.txt", "columns.csv", "suspects.csv"}
    assert list(pd.read_csv(folder / "columns.csv")["column"]) == list(audit.columns["column"])
    (tmp_path / "file").write_text("")
    with pytest.raises(CallError, match="cannot be written"):
        audit.write(tmp_path / "file" / "folder")


def test_progress_never_falls_back(clinic: History) -> None:
    steps: list[tuple[int, int]] = []
    audit_leaks(clinic, with_leak(next_status), dates=2, progress=lambda stage, done, total: steps.append((done, total)))
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    assert all(done <= total for done, total in steps) and len(steps) > 10


# The command


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory):
    place = tmp_path_factory.mktemp("audited")
    write_tables(simulate(40, seed=8).tables, place / "history")
    (place / "my_leaky_features.py").write_text(
        "def leaky(history, moments):\n"
        "    rows = history.sessions['client_id'].value_counts()\n"
        "    return moments.assign(n=moments['client_id'].map(rows))\n"
        "def clean(history, moments):\n"
        "    return moments.assign(hour=moments['as_of'].dt.hour)\n"
        "number = 7\n")
    (place / "broken_features.py").write_text("1 / 0\n")
    return place


def test_the_command_ends_with_1_where_a_column_leaks(folder, capsys, monkeypatch) -> None:
    monkeypatch.chdir(folder)
    assert main(["audit", "history", "--features", "my_leaky_features:leaky"]) == 1
    assert "n: it is a total over the whole episode" in capsys.readouterr().out
    assert main(["audit", "history", "--features", "my_leaky_features:clean", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["ok"] is True and answer["columns"][0]["column"] == "hour"


def test_the_command_reads_a_file_of_features(folder, capsys, monkeypatch) -> None:
    monkeypatch.chdir(folder)
    history = dropout.read_history("history")
    dropout.session_features(history).to_csv("features.csv", index=False)
    assert main(["audit", "history", "--features", "features.csv", "--ignore", "status", "--ignore", "starts_at"]) == 0
    assert "fixed frame" in capsys.readouterr().out.replace("\n", " ")


@pytest.mark.parametrize(("name", "said"), [
    ("my_leaky_features", "expected module:function"),
    ("no_such_module:make", "there is no module 'no_such_module'"),
    ("my_leaky_features:misspelt", "has no function 'misspelt'"),
    ("my_leaky_features:number", "has no function 'number'"),
    ("broken_features:make", r"can't be imported: ZeroDivisionError \(line 1\)"),
    ("nothing.csv", "there is no file 'nothing.csv'"),
])
def test_features_that_are_not_there(folder, capsys, monkeypatch, name: str, said: str) -> None:
    monkeypatch.chdir(folder)
    assert main(["audit", "history", "--features", name]) == 2
    assert re.search(said, capsys.readouterr().err)


def test_the_help_says_what_the_exit_status_means() -> None:
    (commands,) = [action.choices for action in parser()._actions if action.dest == "command"]
    assert "1 a column leaks" in " ".join(commands["audit"].format_help().split())


def test_the_python_of_its_page_runs_as_written(monkeypatch) -> None:
    root = Path(__file__).parents[2]
    (code,) = re.findall(r"^```python\n(.*?)^```$", (root / "docs" / "audit.md").read_text(encoding="utf-8"), flags=re.M | re.S)
    monkeypatch.chdir(root)
    exec(compile(code, "audit.md", "exec"), {})  # noqa: S102
