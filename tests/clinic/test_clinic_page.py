"""The page: complete, safe, silent about messages, and the same bytes every time."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from functools import cache
from html import unescape
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from clinic_frames import InventedModel, as_tables, invented_scores, simulated, small_history

from dropout.clinic import Report, render, report
from dropout.errors import CallError
from dropout.evaluation import Evaluation
from dropout.history import read_history

VOID = {"meta", "col", "line", "circle", "polyline", "br"}
HOSTILE = '<script>alert("1")</script><img src=x onerror=alert(1)>&amp;"\''


class Page(HTMLParser):
    """Tags in order; complains about any that are closed wrongly."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


@cache
def evaluation() -> Evaluation:
    """An evaluation with the tables that the page reads."""
    about = {"question": "dropout within 60 days", "group": "all open"}
    measured = pd.DataFrame([
        about | {"predictor": name, "n": 900, "clients": 300, "events": 180, "base_rate": 0.2, "log_loss": loss,
                 "log_loss_low": loss - 0.03, "log_loss_high": loss + 0.03, "auc": auc, "gain": 0.5 - loss,
                 "gain_low": 0.47 - loss, "remark": ""}
        for name, loss, auc in (("model", 0.33, 0.86), ("base rate", 0.5, np.nan), ("days since seen", 0.4, 0.8))])
    curve = pd.DataFrame([about | {"bin": i + 1, "n": 90, "events": 4 * i, "predicted": 0.045 * i} for i in range(10)])
    capacity = pd.DataFrame([
        about | {"predictor": name, "calls": calls, "n_per_list": 100.0, "events_per_list": 20.0,
                 "found": share * calls, "found_low": np.nan, "found_high": np.nan, "random": 0.2 * calls}
        for name, share in (("model", 0.7), ("base rate", 0.2), ("days since seen", 0.4)) for calls in (5, 10, 20, 40)])
    return Evaluation("as it is, on later dates", {"metrics": measured, "calibration": curve, "capacity": capacity}, [],
                      {"dates": ["2026-02-01T00:00:00", "2026-03-01T00:00:00"], "cut": "2026-01-31T00:00:00",
                       "groups_of_clients": 1})


@cache
def full() -> Report:
    history = simulated()
    return report(history, scores=invented_scores(history), evaluation=evaluation(), model=InventedModel(),
                  synthetic=True)


def test_every_section_is_there_and_reachable() -> None:
    page = Page(render(full()))
    anchors = [attributes["href"].removeprefix("#") for attributes in page.all("a") if attributes["href"] != "#main"]
    assert anchors == ["calls", "cancelled", "paper", "endings", "trust", "limits"]
    assert {section["id"] for section in page.all("section")} == set(anchors)


def test_the_headline_says_how_many() -> None:
    told = full()
    assert told.calls is not None
    page = Page(render(told))
    assert f"On 29 June 2026, {told.calls.n_in_care} episodes of care are open." in page.text
    expected = f"{round(told.calls.expected)} of these clients ({told.calls.low:.0f} to {told.calls.high:.0f})"
    assert f"About {expected} are expected to leave within 60 days" in page.text
    assert f"{told.cancellations.n} clients cancelled and are not back yet" in page.text
    assert repr(told).startswith("Report as of 2026-06-29T18:20:00: On 29 June 2026")


def test_supported_use_is_said() -> None:
    text = Page(render(full())).text
    for words in ("Denying, shortening or delaying anyone's care", "Booking two clients into one hour",
                  "Ranking or rewarding therapists", "A client may leave whenever they want",
                  "Inside the clinic only", "counts below 5 aren't shown"):
        assert words in text


def test_the_page_can_be_read_by_a_screen_reader() -> None:
    page = Page(render(full()))
    assert page.all("html") == [{"lang": "en-GB"}]
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:], strict=False))
    assert len(page.all("caption")) == len(page.all("table")) > 4
    assert all(cell["scope"] in ("col", "row") for cell in page.all("th"))
    assert all(figure.get("aria-label") or figure.get("aria-hidden") for figure in page.all("svg"))
    assert sum("aria-label" in figure for figure in page.all("svg")) == 2
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    labelled = [attributes["aria-labelledby"] for attributes in page.all("section")]
    assert set(labelled) <= set(ids)


def test_nothing_is_loaded_and_nothing_runs() -> None:
    html = render(full())
    page = Page(html)
    assert not {"script", "link", "img", "iframe", "object", "form"} & {tag for tag, _ in page.tags}
    for tag, attributes in page.tags:
        assert not any(name.startswith("on") for name in attributes), tag
        assert "src" not in attributes
        assert attributes.get("href", "#").startswith("#")
    assert "url(" not in html and "@import" not in html and "http://" not in html and "https://" not in html
    assert {"http-equiv": "Content-Security-Policy", "content": "default-src 'none'; style-src 'unsafe-inline'"} in [
        attributes for attributes in page.all("meta")]


def test_no_message_is_shown() -> None:
    history = simulated()
    assert history.messages is not None
    text = unescape(render(full()))
    texts = [message for message in history.messages["text"] if len(message) > 12]
    assert len(texts) > 1000
    assert not [message for message in texts if message in text]


def test_names_from_the_tables_are_escaped() -> None:
    history = simulated()
    first = history.sessions["client_id"].iloc[0]
    tables = {name: frame.assign(client_id=frame["client_id"].str.replace(first, HOSTILE, regex=False))
              for name, frame in as_tables(history).items()}
    tables["sessions"]["therapist_id"] = "<b>T</b>"
    hostile = read_history(tables)
    scores = invented_scores(hostile)
    bad = replace(scores, notes=["<i>note</i>"], set_aside={"<u>why</u>": 2})
    bad.dropout_risk.loc[0, ["client_id", "episode_id"]] = [HOSTILE, HOSTILE]
    bad.dropout_risk["p_dropout_60d"] = np.where(bad.dropout_risk["client_id"] == HOSTILE, 1.0, 0.5)
    bad.dropout_risk["therapist_id"] = "<b>T</b>"
    bad.dropout_risk["reasons"] = [["<em>why</em>"]] * len(bad.dropout_risk)
    html = render(report(hostile, scores=bad, top=1000))
    page = Page(html)
    assert not {"script", "img", "b", "em", "u"} & {tag for tag, _ in page.tags}
    assert HOSTILE in page.text and "<b>T</b>" in page.text and "<em>why</em>" in page.text
    assert "<i>note</i>" in page.text and "<u>why</u>" in page.text


def test_the_same_input_gives_the_same_bytes_in_any_row_order() -> None:
    history = simulated()
    scores = invented_scores(history)
    once = render(report(history, scores=scores, model=InventedModel(), synthetic=True))
    tables = {name: frame.sample(frac=1, random_state=3) for name, frame in as_tables(history).items()}
    shuffled = replace(scores, dropout_risk=scores.dropout_risk.sample(frac=1, random_state=4),
                       reschedule=scores.reschedule.sample(frac=1, random_state=5))
    assert render(report(read_history(tables), scores=shuffled, model=InventedModel(), synthetic=True)) == once


def test_the_same_bytes_in_another_process() -> None:
    code = ("import sys; sys.path.insert(0, sys.argv[1]); from clinic_frames import *; from dropout.clinic import *;"
            "import hashlib; h = simulated(60); page = render(report(h, scores=invented_scores(h)));"
            "print(hashlib.sha256(page.encode()).hexdigest())")
    here = __file__.rpartition("/")[0]
    printed = {subprocess.run([sys.executable, "-c", code, here], env={"PYTHONHASHSEED": seed, "PATH": ""}, check=True,
                              capture_output=True, text=True).stdout for seed in ("1", "2")}
    assert len(printed) == 1


def test_without_a_model_the_page_says_what_one_would_add() -> None:
    history = simulated()
    told = report(history)
    page = Page(render(told))
    assert told.calls is None and told.cancellations.n > 0
    assert "A model would add" in page.text and "No model was used" in page.text
    assert [group.key for group in told.cancellations.groups] == ["unknown"]
    assert "paper" not in {section["id"] for section in page.all("section")}
    assert "not known" not in page.text
    assert "files open on paper only" in page.text


def test_a_model_scores_the_history_where_no_scores_are_given() -> None:
    history = simulated()

    class Scoring(InventedModel):
        def score(self, given):
            assert given is history
            return invented_scores(given)

    assert report(history, model=Scoring()).calls == report(history, scores=invented_scores(history)).calls


def test_the_page_is_as_of_the_date_of_the_scores() -> None:
    history = simulated()
    earlier = history.as_of("2026-01-31")
    told = report(history, scores=invented_scores(earlier))
    assert told.as_of == np.datetime64("2026-01-31T00:00:00")
    assert told.endings == report(earlier).endings
    assert "As known at the beginning of 31 January 2026" in Page(render(told)).text


def test_invented_data_is_called_so_on_top() -> None:
    told = full()
    assert "Invented data. Every client on this page was made up" in Page(render(told)).text
    assert "Invented data" not in render(replace(told, synthetic=False))


def test_a_calm_clinic_has_a_page_too() -> None:
    history = small_history([("a", "2026-05-01 10:00", "attended")])
    text = Page(render(report(history, scores=invented_scores(history)))).text
    assert "On 1 May 2026, 1 episode of care is open." in text
    assert "No client in care has cancelled" in text and "No cancellation is waiting" in text
    assert "No episode with an attended session had ended" in text


def test_trust_names_what_was_learnt_from_and_what_was_left_out() -> None:
    text = Page(render(full())).text
    assert "learnt from 400 clients, 6,800 sessions and 130 dropouts, as known by 31 January 2026" in text
    assert "2 things the model could have used are left out: sessions has no fee_owed." in text
    assert "3 rows set aside: status not known." in text and "A clinic not seen in training: K9." in text
    assert "2 ways of predicting were tried" in text and "a weighted sum" in text


def test_an_evaluation_is_told_beside_simple_rules() -> None:
    text = Page(render(full())).text
    assert "tried as it is on 2 dates from 1 February 2026 to 1 March 2026" in text
    assert "900 chances were given to 300 clients; 180 (20%) left within 60 days." in text
    assert "The 10 with the highest chance held 7.0 of those; 10 at random would hold 2.0." in text
    assert 'does better than the best simple rule, "longest not seen".' in text
    assert "never coming again" not in text.split("Tried out")[1]


def test_a_model_that_is_no_better_is_called_so() -> None:
    measured = evaluation().tables["metrics"]
    worse = measured.assign(log_loss=np.where(measured["predictor"] == "model", 0.41, measured["log_loss"]))
    beaten = replace(evaluation(), tables=evaluation().tables | {"metrics": worse})
    told = report(simulated(), scores=invented_scores(simulated()), evaluation=beaten, model=InventedModel())
    assert 'no better than the simple rule "longest not seen"' in Page(render(told)).text


def test_groups_of_the_calibration_figure_have_five_of_both_kinds() -> None:
    groups = full().trust.trials[0].groups
    assert sum(group.n for group in groups) == 900
    assert all(min(round(group.observed * group.n), group.n - round(group.observed * group.n)) >= 5 for group in groups)
    assert all(group.low <= group.observed <= group.high for group in groups)


def test_tables_of_sums_show_no_count_below_five() -> None:
    page = render(full())
    for table in re.findall(r'<table class="shares".*?</table>', page, re.DOTALL):
        cells = re.findall(r'<td role="cell" class="num">([^<]*)</td>', table)
        assert cells
        numbers = [number for cell in cells if "%" not in cell for number in re.findall(r"(?<!lt;)\d+", cell)]
        assert all(int(number) >= 5 for number in numbers)


def test_in_jupyter_it_shows_the_page_in_a_closed_frame() -> None:
    shown = full()._repr_html_()
    frame = Page(shown).all("iframe")
    assert len(frame) == 1 and "sandbox" in frame[0]
    assert frame[0]["srcdoc"] == render(full())


@pytest.mark.parametrize("top", [0, -3])
def test_a_list_of_nobody_is_a_wrong_call(top: int) -> None:
    with pytest.raises(CallError, match="expected 1 or more"):
        report(simulated(), top=top)


def test_top_bounds_every_list() -> None:
    history = simulated()
    told = report(history, scores=invented_scores(history), top=3)
    assert told.calls is not None
    assert len(told.calls.first) == 3 and len(told.calls.on_paper) == 3
    assert all(len(group.rows) <= 3 for group in told.cancellations.groups)
    assert f"{told.calls.n_in_care - 3:,} more clients in care have lower chances." in Page(render(told)).text


def test_the_file_begins_as_html() -> None:
    assert render(full()).startswith("<!DOCTYPE html>\n<html lang=")


def test_an_evaluation_without_cases_says_so() -> None:
    nothing = replace(evaluation(), tables=dict.fromkeys(("metrics", "calibration", "capacity"), pd.DataFrame()))
    told = report(simulated(), scores=invented_scores(simulated()), evaluation=nothing, model=InventedModel())
    assert all(not (trial.groups or trial.lines or trial.measured) for trial in told.trust.trials)
    text = Page(render(told)).text
    assert text.count("not yet known for certain, so nothing can be said") == 2
    assert "isn't on this page" not in text


def test_without_a_model_nothing_is_said_to_be_weighed() -> None:
    assert "is weighed with" not in Page(render(report(simulated()))).text
    assert "is weighed with" in Page(render(full())).text


def test_without_an_evaluation_the_page_says_that_nobody_tried() -> None:
    told = report(simulated(), scores=invented_scores(simulated()), model=InventedModel())
    assert told.trust.trials == ()
    assert "isn't on this page" in Page(render(told)).text


def test_too_few_events_are_not_measured() -> None:
    metrics = evaluation().tables["metrics"].assign(events=4)
    few = replace(evaluation(), tables=evaluation().tables | {"metrics": metrics})
    told = report(simulated(), scores=invented_scores(simulated()), evaluation=few, model=InventedModel())
    assert told.trust.trials[0].measured == () and told.trust.trials[0].groups == ()
    assert "too few on the dates tried" in Page(render(told)).text


def test_a_refitted_recipe_is_not_passed_off_as_the_model() -> None:
    settings = evaluation().settings | {"groups_of_clients": 3}
    refitted = replace(evaluation(), basis="refitted, temporal and client-grouped", settings=settings)
    told = report(simulated(), scores=invented_scores(simulated()), evaluation=refitted, model=InventedModel())
    text = Page(render(told)).text
    assert ("the same recipe was fitted again on what was known by 31 January 2026, on two thirds of the clients, "
            "and tried on the others on 2 dates") in text
    assert "tried as it is" not in text
