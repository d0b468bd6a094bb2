"""The page in a browser: no error in its console, and nothing wider than a telephone."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from html import escape
from pathlib import Path

import pytest
from clinic_frames import InventedModel, invented_scores, simulated
from clinic_silences import InventedClock, invented_words
from test_clinic_page import evaluation
from test_clinic_silence import with_outlook

from dropout.clinic import Report, render, report
from dropout.clinic.words_here import words_here

CHROMIUM = shutil.which("chromium")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--enable-logging=stderr", "--v=0", "--virtual-time-budget=4000"]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Debian's chromium is not installed here")

MEASURE = """<!DOCTYPE html><meta charset="utf-8"><body style="margin:0"><iframe width="{width}" height="800"
style="border:0" srcdoc="{page}"></iframe><p id="found"></p><script>
document.querySelector("iframe").onload = event => {{
  const inside = event.target.contentDocument;
  const wide = [...inside.body.querySelectorAll("*")]
    .filter(element => element.getBoundingClientRect().right > {width} + 0.5
            && !element.closest("thead, .sr, .skip"));
  document.getElementById("found").textContent = "scroll=" + inside.documentElement.scrollWidth
    + " client=" + inside.documentElement.clientWidth
    + " wide=" + wide.map(element => element.tagName + "." + element.className).join(",") + ";";
}};
</script>"""


def dump(page: Path, folder: Path) -> tuple[str, str]:
    """The document after loading, and what Chromium wrote to its log."""
    assert CHROMIUM is not None
    ran = subprocess.run([CHROMIUM, *FLAGS, f"--user-data-dir={folder / 'profile'}", "--dump-dom", page.as_uri()],
                         capture_output=True, text=True, timeout=120, check=False)
    assert "<body" in ran.stdout, ran.stderr[-2000:]
    return ran.stdout, ran.stderr


def page(long_names: bool = False) -> str:
    """The page with every part, its longest words where asked for."""
    told = everything(long_names)
    outlook = with_outlook()
    cancellations = outlook.cancellations
    if long_names:
        cancellations = replace(cancellations, groups=tuple(
            replace(group, rows=tuple(replace(row, therapist_id="Dr " + "Longname" * 9, reasons=("x" * 90, *row.reasons),
                                              client_id="Client" * 12) for row in group.rows))
            for group in cancellations.groups))
    told = replace(told, cancellations=cancellations, silence=outlook.silence, assumption=outlook.assumption,
                   words=words_here(InventedClock(invented_words(not_read=2))))
    return render(told).replace("<details>", "<details open>")


def everything(long_names: bool) -> Report:
    history = simulated()
    scores = invented_scores(history)
    if long_names:
        scores.dropout_risk["therapist_id"] = "Dr " + "Longname" * 9
        scores.dropout_risk["reasons"] = [["x" * 90, "not seen for a long while indeed"]] * len(scores.dropout_risk)
        scores.notes.append("y" * 120)
    return report(history, scores=scores, evaluation=evaluation(), model=InventedModel(), synthetic=True)


def test_the_console_stays_empty(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(page(), encoding="utf-8")
    document, log = dump(file, tmp_path)
    assert "Who to call first, and why" in document
    assert not [line for line in log.splitlines() if "CONSOLE" in line]


def test_an_error_in_a_page_would_be_seen(tmp_path: Path) -> None:
    file = tmp_path / "bad.html"
    file.write_text("<!DOCTYPE html><body><script>throw new Error('planted')</script>", encoding="utf-8")
    _, log = dump(file, tmp_path)
    assert [line for line in log.splitlines() if "CONSOLE" in line and "planted" in line]


@pytest.mark.parametrize("width", [390, 820, 1280])
@pytest.mark.parametrize("long_names", [False, True])
def test_nothing_is_wider_than_the_screen(tmp_path: Path, width: int, long_names: bool) -> None:
    file = tmp_path / "measure.html"
    file.write_text(MEASURE.format(width=width, page=escape(page(long_names), quote=True)), encoding="utf-8")
    document, _ = dump(file, tmp_path)
    found = re.search(r"scroll=(\d+) client=(\d+) wide=([^;]*);", document)
    assert found, document[-500:]
    assert int(found[1]) <= int(found[2]) <= width
    assert found[3] == ""
