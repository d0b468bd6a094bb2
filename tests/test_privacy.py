"""What clients write is in nothing that the commands leave behind or say; bad messages stop nothing."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import dropout
from dropout.cli import main
from dropout.history import read_history
from dropout.simulate import write_tables

AS_OF = "2026-05-31"
RARE = "floompwizzle"
"""A word that one client writes a thousand times."""

PLANTED = {
    "a name": "Zebulonia Quackenbush",
    "a number": "555-0147",
    "a rare word": "zorbflangular",
    "one client's word": RARE,
    "an address": "quibblethorpe@canarymail.example",
    "a street": "42 Snorkelweed Crescent",
    "a long number": "4929771203344556",
}
DISAGREE = ("I've decided to stop coming, thank you for everything.", "Changed my mind, could we do Thursday at 3pm instead?")


def planted(simulated: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The simulated tables with canaries in many messages and with every kind of bad message."""
    sessions, messages = simulated["sessions"], simulated["messages"].astype({"text": "object"})
    clients = sorted(messages["client_id"].unique())
    said = " ".join(PLANTED.values())
    messages.loc[messages["client_id"].isin(clients[100:160]), "text"] += f" Write to {said}"

    def row(client: str, at: str | None, text: str | None, **more: str) -> dict[str, object]:
        return {"client_id": client, "sent_at": pd.Timestamp(at) if at else pd.NaT, "text": text, "sender": "client"} | more

    writer = clients[0]
    times = [f"2026-01-{1 + k // 40:02d}T{8 + k % 12:02d}:{k % 60:02d}" for k in range(1000)]
    rows = [row(writer, at, f"I must cancel, {RARE}") for at in times]
    rows.append(row(writer, "2026-02-20T10:00", f"{RARE} " * 1000))
    of_another = sessions.loc[sessions["client_id"] == clients[9], "session_id"].iloc[0]
    rows += [
        row(clients[1], None, f"I can't come, {said}"),
        row(clients[2], "2026-07-15T10:00", f"I'll call to reschedule, {said}"),
        row(clients[3], "2026-05-20T10:00", f"See you on Monday, {said}", sender="clinic"),
        row(clients[4], "2026-05-20T10:00", f"\x00\x00 cancel {PLANTED['a name']}\x00"),
        row(clients[5], "2026-05-20T10:00", (f"I am writing at length. {said} " * 2000)[:100_000]),
        row(clients[6], "2026-05-20T10:00", f"<html><body><p>Please <b>cancel</b>, {said}</p><script>x()</script></body></html>"),
        row(clients[7], "2026-05-20T10:00", f"Need to cancel, {said}", session_id=str(of_another)),
        row(clients[8], "2026-05-20T10:00", DISAGREE[0] + " " + PLANTED["a name"]),
        row(clients[8], "2026-05-20T10:05", DISAGREE[1] + " " + PLANTED["a name"]),
        row("nobody we know", "2026-05-20T10:00", said),
        row(clients[10], "2026-05-20T10:00", None),
        row(clients[11], "2026-05-20T10:00", "No puedo ir el jueves, le llamo " + PLANTED["a name"]),
        row(clients[12], "2026-05-20T10:00", "\U0001f44d"),
    ]
    added = pd.DataFrame(rows)
    added["message_id"] = [f"extra{k}" for k in range(len(added))]
    return simulated | {"messages": pd.concat([messages, added], ignore_index=True).astype({"text": "str"})}


def texts_of(folder: Path) -> dict[str, str]:
    """All that is in each file, in lower case: its bytes, and what tables hold."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found[str(path.relative_to(folder))] = path.read_bytes().decode("latin-1").lower()
            if path.suffix == ".parquet":
                table = pd.read_parquet(path)
                found[f"{path.relative_to(folder)} read"] = table.to_csv().lower()
    return found


def assert_nothing_planted(texts: dict[str, str]) -> None:
    for where, text in texts.items():
        for what, canary in PLANTED.items():
            # A long number is grepped whole: its digits by fours occur in any file.
            for part in [canary] if canary[0].isdigit() else canary.split():
                assert part.lower() not in text, f"{what} in {where}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, simulated: dict) -> Path:
    place = tmp_path_factory.mktemp("place")
    write_tables(planted(simulated), place / "history")
    return place


@pytest.fixture(scope="module")
def done(place: Path) -> dict[str, str]:
    """What the commands said, by command; their files lie in `made`."""
    (place / "made").mkdir()
    history, made, said = str(place / "history"), place / "made", {}
    logged = io.StringIO()
    handler = logging.StreamHandler(logged)
    logging.getLogger().addHandler(handler)
    commands = {
        "check": ["check", history, "--json"],
        "fit": ["fit", history, "--out", str(made / "model"), "--as-of", "2026-03-31", "--seed", "3"],
        "score": ["score", history, "--model", str(made / "model"), "--as-of", AS_OF, "--out", str(made / "scores")],
        "evaluate": ["evaluate", history, "--model", str(made / "model"), "--as-of", "2026-06-30", "--new-clients",
                     "--out", str(made / "evaluation")],
        "report": ["report", history, "--model", str(made / "model"), "--as-of", AS_OF, "--evaluation",
                   str(made / "evaluation"), "--out", str(made / "page.html")],
        "recalibrate": ["recalibrate", history, "--model", str(made / "model"), "--new-clients", "--out", str(made / "model2")],
        "audit": ["audit", history, "--as-of", "2025-06-30"],
        "audit for a program": ["audit", history, "--as-of", "2025-06-30", "--json"],
        "card": ["card", str(made / "model"), "--evaluation", str(made / "evaluation"), "--out", str(made / "card.html")],
        "card in parts": ["card", str(made / "model"), "--out", str(made / "card")],
    }
    for name, words in commands.items():
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main(words)
        assert status == 0, f"{name}: {err.getvalue()[-500:]}"
        said[name] = out.getvalue() + err.getvalue()
    logging.getLogger().removeHandler(handler)
    return said | {"log": logged.getvalue()}


def test_no_command_writes_or_says_what_a_client_wrote(place: Path, done: dict[str, str]) -> None:
    with pytest.raises(AssertionError, match="in messages"):
        assert_nothing_planted(texts_of(place / "history"))
    files = texts_of(place / "made")
    assert {"model", "model2", "scores/manifest.json", "evaluation/evaluation.json", "scores/reschedule.parquet read",
            "page.html", "card.html", "card/model-card.md"} <= set(files)
    assert len(files) > 8
    assert_nothing_planted(files)
    assert_nothing_planted({name: text.lower() for name, text in done.items()})


def test_what_may_leave_the_clinic_names_nobody(place: Path, done: dict[str, str]) -> None:
    """Scores and the clinic's page name clients; models, evaluations, cards and audits name neither them nor therapists."""
    files = {name: text for name, text in texts_of(place / "made").items()
             if name.startswith(("model", "evaluation", "card")) and not name.endswith(".png")}
    files |= {name: done[name].lower() for name in ("fit", "evaluate", "recalibrate", "audit", "audit for a program", "card")}
    sessions = pd.read_csv(place / "history" / "sessions.csv", dtype="str")
    named = {value.lower() for column in ("client_id", "therapist_id", "episode_id") for value in sessions[column].dropna()}
    assert len(named) > 500 and len(files) > 12
    for name, text in files.items():
        assert not named & set(re.findall(r"[a-z]+[0-9]+", text)), name


def test_nor_does_python_show_it(place: Path, done: dict[str, str]) -> None:
    history, model = dropout.read_history(place / "history"), dropout.DropoutModel.load(place / "made" / "model")
    curves, seen = dropout.silence_curve(model, history, AS_OF), dropout.outlook(model, history, AS_OF)
    shown = [repr(one) + one._repr_html_() for one in (history, model, curves)]
    shown += [curves.table.to_csv(), seen.to_csv(), model.words.to_csv(), str(model.training_)]
    assert_nothing_planted({"shown": "".join(shown).lower()})
    # A thousand messages of one client weigh in the table of words as what they are: one client.
    assert model.words.loc["all", "n"] < 3_000


def test_bad_messages_are_scored_or_set_aside_with_a_reason(place: Path, done: dict[str, str]) -> None:
    manifest = json.loads((place / "made" / "scores" / "manifest.json").read_text())
    aside = json.dumps(manifest)
    assert "messages without time" in aside and "messages of clients without a session" in aside
    checked = json.loads(done["check"][: done["check"].rindex("}") + 1])
    assert "has no text" in json.dumps(checked)
    back = pd.read_parquet(place / "made" / "scores" / "reschedule.parquet").set_index("message_id", drop=False)
    assert back["p_dropout"].between(0, 1).all()
    # After the date of the scores, from the clinic, without a time: never what is gone by.
    bad = {f"extra{1000 + k}" for k in (1, 2, 3, 10)}
    assert not bad & set(back.index.dropna())
    assert not {"extra1011", "extra1012", "extra1013"} & set(back.index[back["intent"].notna()]), "unread: no intent"
    assert "extra1008" not in back.index, "of two that disagree the later one counts"


def test_an_unread_message_has_no_intent(simulated: dict, model, history) -> None:
    """All messages of the open cancellations turned into Spanish and thumbs: those that remain have no intent."""
    messages = simulated["messages"].copy()
    mine = (messages["sender"] == "client") & (messages["sent_at"] >= pd.Timestamp("2026-03-01"))
    unread = np.where(np.arange(len(messages)) % 2, "Lo siento, no puedo ir el jueves", "\U0001f44d\U0001f44d")
    messages["text"] = messages["text"].astype("object").mask(mine, pd.Series(unread, index=messages.index)).astype("str")
    changed = model.score(read_history(simulated | {"messages": messages}), as_of=AS_OF).reschedule
    since = set(messages.loc[mine, "message_id"])
    affected = changed[changed["message_id"].isin(since)]
    assert len(affected) > 5 and affected["intent"].isna().all()
    # Nobody is there because of such a message alone.
    assert affected["session_id"].notna().all()
    before = model.score(history, as_of=AS_OF).reschedule
    assert len(before[before["message_id"].isin(since)]["intent"].dropna()) > 5


def test_errors_do_not_show_what_a_client_wrote(tmp_path: Path, simulated: dict, capsys: pytest.CaptureFixture) -> None:
    messages = simulated["messages"].head(40).astype({"text": "str", "sender": "str"})
    said = " ".join(PLANTED.values())
    messages["text"] = said
    messages.loc[3, "sender"] = f"I wrote {said} into the wrong column"
    messages["sent_at"] = messages["sent_at"].astype("str")
    messages.loc[4, "sent_at"] = f"call me, {said}"
    write_tables({"sessions": simulated["sessions"], "messages": messages}, tmp_path / "wrong")
    for words in (["check"], ["check", "--json"], ["fit", "--out", str(tmp_path / "m")]):
        assert main([words[0], str(tmp_path / "wrong"), *words[1:]]) == 1
        shown = capsys.readouterr()
        assert_nothing_planted({"out": shown.out.lower(), "err": shown.err.lower()})
        assert "sender" in shown.out + shown.err
