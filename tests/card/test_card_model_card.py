"""The model card: what it says of the model and its evaluation, and what it keeps back."""

from __future__ import annotations

import copy
import hashlib
import json
import re
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import dropout
from dropout.card import model_card
from dropout.card.appraisal import test_missing as what_was_missing
from dropout.card.document import Document
from dropout.card.html import html
from dropout.card.known import Known, day, shown
from dropout.card.markdown import markdown
from dropout.card.performance import measured
from dropout.card.sections import recalibration_blocks, sections, words_table
from dropout.endings import DEFAULT
from dropout.errors import CallError
from dropout.evaluation import Evaluation
from dropout.evaluation.comparison import BASE_RATE
from dropout.features.baseline import Covariates
from dropout.models.model import DropoutModel
from dropout.models.recalibration import Correction, Recalibration

HEADINGS = ("Model details", "Intended use", "Out-of-scope use", "Factors", "Metrics", "Evaluation data", "Training data",
            "Quantitative analyses", "Ethical considerations", "Caveats and recommendations", "How to cite")
VOID = {"meta", "link", "br", "img", "hr"}


def text_of(known: Known) -> str:
    """All that the model card says, in one text."""
    return str(sections(known))


def test_it_has_the_headings_of_a_model_card(known: Known) -> None:
    assert tuple(section.title for section in sections(known)) == HEADINGS


def test_it_says_what_the_model_learnt_from(model: DropoutModel, known: Known) -> None:
    said = text_of(known)
    for name in ("n_clients", "n_sessions", "n_dropouts", "n_moments"):
        assert f"'{model.training_[name]:,}'" in said
    assert model.definition_name in said and "2026-03-31" in said and "seed 3" in said
    for candidate, loss in model.risk_.choice.losses.items():
        assert f"'{candidate}', '{loss:.4f}'" in said
    assert dropout.__version__ in said


def test_its_fingerprint_is_that_of_the_file(model: DropoutModel, known: Known, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    assert known.fingerprint == hashlib.sha256((tmp_path / "model").read_bytes()).hexdigest()
    assert Known.of(DropoutModel.load(tmp_path / "model"), None).fingerprint == known.fingerprint
    assert known.fingerprint in text_of(known)


def test_a_definition_of_the_users_own_has_no_file(model: DropoutModel) -> None:
    @dataclass(frozen=True)
    class Own:
        name: str = "gone when the kettle is cold"
        maturity_days: int = 17

        endings = staticmethod(DEFAULT.endings)

    other = copy.copy(model)
    other.definition = Own()
    said = text_of(Known.of(other, None))
    assert "gone when the kettle is cold" in said and "none: its definition of dropout is the user's own" in said
    text = model_card(other).markdown()
    assert "gone when the kettle is cold" in text and "17 days" in " ".join(text.split())


def test_columns_about_clients_are_named_and_their_levels_are_not(model: DropoutModel) -> None:
    other = copy.copy(model)
    other.exclude = ("faith",)
    other.covariates_ = Covariates((("clients", "birth_year"),), {("clients", "town"): ("Snorkelby", "Quibbleton")},
                                   {"faith": "excluded", "nickname": "clients.nickname is neither a number nor a category"})
    columns = (*model.risk_.learner.columns, "clients.town = Snorkelby", "clients.town = Quibbleton")
    other.risk_ = replace(model.risk_, learner=replace(model.risk_.learner, columns=columns))
    known = Known.of(other, None)
    said = text_of(known) + model_card(other).html()
    assert "clients.birth_year (number)" in said and "clients.town (category, 2 levels)" in said
    assert "Kept out by whoever fitted it: faith." in said and "nickname" in said
    assert "Snorkelby" not in said and "Quibbleton" not in said
    assert known.predictors.count("clients.town") == 1


def test_without_an_evaluation_it_says_what_is_not_known(model: DropoutModel) -> None:
    text = " ".join(model_card(model).markdown().split())
    assert "No evaluation was given, so how far the probabilities can be trusted is not known here." in text
    assert "does not record whether it learnt from real or from simulated clients" in text
    assert "Not evaluated: use it for nothing but trying it out." in text
    assert "AUC 0" not in text


def test_simulated_clients_are_named_before_anything_else(model: DropoutModel, evaluation: Evaluation, other_model,
                                                          other_evaluation) -> None:
    for text in model_card(model, evaluation).files("md").values():
        assert "say nothing about people" in " ".join(text.split("## ")[0].replace("> ", "").split())
    real = model_card(other_model, other_evaluation)
    assert "simulat" not in real.files("md")["model-card.md"].split("## ")[0]


def test_figures_are_those_of_the_evaluation(known: Known, evaluation: Evaluation) -> None:
    table = evaluation.tables["metrics"]
    rows = table[(table["question"] == "dropout within 60 days") & (table["group"] == "all open")].set_index("predictor")
    said = text_of(known)
    ours = rows.loc["model"]
    assert f"'{ours['n']:,}', '{ours['clients']:,}', '{ours['events']:,}'" in said
    assert f"log loss {ours['log_loss']:.3f} ({ours['log_loss_low']:.3f}\\xa0to\\xa0{ours['log_loss_high']:.3f})" in said
    assert f"base rate {rows.loc[BASE_RATE, 'log_loss']:.3f}" in said


@pytest.mark.parametrize("count", ["events", "without", "clients", "n"])
def test_a_group_with_a_small_count_is_kept_back(evaluation: Evaluation, count: str) -> None:
    metrics = evaluation.tables["metrics"].copy()
    row = (metrics["question"] == "dropout within 60 days") & (metrics["group"] == "all open")
    if count == "without":
        metrics.loc[row, "events"] = metrics.loc[row, "n"] - 4
    else:
        metrics.loc[row, count] = 4
    figures, hidden = measured(replace(evaluation, tables=evaluation.tables | {"metrics": metrics}))
    assert "dropout within 60 days, all open" in hidden
    assert "dropout within 60 days, all open" not in [one.where for one in figures]


@pytest.mark.parametrize(("outside", "is_shown"), [(0, True), (1, False), (4, False), (5, True)])
def test_so_is_one_that_would_give_the_rest_away(evaluation: Evaluation, outside: int, is_shown: bool) -> None:
    metrics = evaluation.tables["metrics"].copy()
    metrics[["n", "clients"]] = 500, 100
    metrics["events"] = 80
    recent = (metrics["question"] == "dropout within 60 days") & (metrics["group"] == "seen in the last 14 days")
    metrics.loc[recent, "events"] = 80 - outside
    metrics.loc[recent, "n"] = 400
    figures, hidden = measured(replace(evaluation, tables=evaluation.tables | {"metrics": metrics}))
    name = "dropout within 60 days, seen in the last 14 days"
    assert (name in [one.where for one in figures]) is is_shown
    assert (name in hidden) is not is_shown


def test_counts_below_five_are_not_shown() -> None:
    assert [shown(n) for n in (0, 1, 4, 5, 1_234)] == ["0", "fewer than 5", "fewer than 5", "5", "1,234"]


def test_words_of_few_clients_are_kept_back_and_so_is_what_tells_their_number(model: DropoutModel) -> None:
    words = pd.DataFrame({
        "n": [40.0, 20.0, np.nan, 64.0], "back": [30.0, 17.0, np.nan, 50.0], "share": [0.75, 0.85, np.nan, 0.78],
        "low": 0.5, "high": 0.9, "expected": 0.6, "ratio": 1.0, "ratio_low": 0.5, "ratio_high": 2.0},
        index=["ends_therapy", "other", "not read", "all"])
    rows = {row[0]: row[1:] for row in words_table(words).rows}
    assert rows["ends therapy"][:2] == ("40", "0.75 (0.50\u00a0to\u00a00.90)") and "all" not in rows
    assert rows["other"][1] == "kept back", "three of them did not come back"
    assert set(rows["not read"]) == {"none, or kept back"}
    other = copy.copy(model)
    other.training_ = model.training_ | {"n_cancellations": 64}
    other.reschedule_ = replace(model.reschedule_, words=words)
    assert Known.of(other, None).n_cancellations == "about 60"
    other.reschedule_ = replace(model.reschedule_, words=words.drop("not read"))
    assert Known.of(other, None).n_cancellations == "64"


def test_a_recalibrated_model_says_so_with_before_and_after(model: DropoutModel) -> None:
    columns = ["question", "group", "when", "n", "clients", "events", "base_rate", "predicted"]
    measures = [f"{name}{end}" for name in ("in_the_large", "slope", "log_loss", "calibration_error", "gain")
                for end in ("", "_low", "_high")]
    table = pd.DataFrame([["dropout within 60 days", "all open", "before", 100, 60, 30, 0.3, 0.2, *[0.25] * 15, ""],
                          ["never again", "open cancellations", "before", 20, 12, 3, 0.15, 0.2, *[0.25] * 15, ""]],
                         columns=[*columns, *measures, "remark"])
    other = copy.copy(model)
    other.recalibration_ = Recalibration((Correction(), Correction("intercept", 0.7), Correction()), Correction(),
                                         np.datetime64("2026-05-01T00:00:00", "s"), table)
    said = text_of(Known.of(other, None))
    assert "yes, on what was known by 2026-05-01" in said and "60: odds times 2.01" in said
    with_table = text_of(replace(Known.of(other, None), evaluated=None))
    assert "Not recalibrated" not in with_table and "Not recalibrated" in text_of(Known.of(model, None))
    (block,) = recalibration_blocks(Known.of(other, None))
    assert [row[0] for row in block.rows] == ["dropout within 60 days"], "three events are kept back"


def test_another_version_is_pointed_out(other_model: DropoutModel, other_evaluation: Evaluation) -> None:
    text = " ".join(model_card(other_model, other_evaluation).markdown().replace("> ", "").split())
    assert f"Fitted by version 9.{dropout.__version__}, written down by version {dropout.__version__}" in text


def test_bad_calls_say_what_is_wrong(
    model: DropoutModel, evaluation: Evaluation, other_model: DropoutModel, tmp_path: Path,
) -> None:
    with pytest.raises(CallError, match="a model card is of a DropoutModel, and this is a DataFrame"):
        model_card(pd.DataFrame())
    with pytest.raises(CallError, match="not fitted.*Fit it first"):
        model_card(DropoutModel())
    with pytest.raises(CallError, match="the evaluation is of another model.*leave the evaluation out"):
        model_card(other_model, evaluation)
    with pytest.raises(CallError, match="evaluation is a dict; give what dropout.evaluate returns"):
        model_card(model, {})
    with pytest.raises(CallError, match="of predictions alone and not of a model"):
        model_card(model, Evaluation("of a frame", evaluation.tables, [], {"version": "1"}))
    with pytest.raises(CallError, match="holds no evaluation"):
        model_card(model, tmp_path)
    with pytest.raises(CallError, match="can't be written as 'pdf'; give one of md, html"):
        model_card(model).files("pdf")


def test_an_evaluation_may_be_given_by_its_folder(model: DropoutModel, evaluation: Evaluation, tmp_path: Path) -> None:
    evaluation.write(tmp_path / "evaluation")
    assert dropout.model_card(model, tmp_path / "evaluation").markdown() == model_card(model, evaluation).markdown()


def test_an_evaluation_that_measured_nothing_is_no_trouble(model: DropoutModel, evaluation: Evaluation) -> None:
    empty = replace(evaluation, tables={name: pd.DataFrame() for name in ("metrics", "calibration", "capacity")})
    assert "Nothing could be measured" in model_card(model, empty).markdown()


def test_nothing_that_a_client_wrote_is_in_it(model: DropoutModel, evaluation: Evaluation, simulated, canaries) -> None:
    card = model_card(model, evaluation)
    text = card.markdown() + card.html() + repr(card) + card._repr_html_()
    ids = {*simulated["sessions"]["client_id"], *simulated["sessions"]["therapist_id"]}
    for word in (*canaries, *ids):
        assert not re.search(rf"\b{re.escape(word)}\b", text), "said by a client, or the name of one"
    assert not [place for place in (str(Path.cwd()), str(Path.home()), "/tmp") if place in text]


class Balanced(HTMLParser):
    """Notes tags that are not closed, in order, and what is loaded from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.elsewhere: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.elsewhere += [value for name, value in attrs if name in ("src", "href") and value and not value.startswith("#")]
        self.elsewhere += [tag] if tag in ("script", "link", "iframe") else []

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


@pytest.mark.parametrize("whole", [True, False])
def test_the_page_stands_alone(model: DropoutModel, evaluation: Evaluation, whole: bool) -> None:
    card = model_card(model, evaluation)
    for page in [card.html()] if whole else card.files("html").values():
        seen = Balanced()
        seen.feed(page)
        assert not seen.open and not seen.wrong and not seen.elsewhere
        assert "default-src 'none'" in page and "url(" not in page and '<html lang="en-GB">' in page
        ids = re.findall(r' id="([^"]+)"', page)
        assert len(ids) == len(set(ids))
        assert {link for link in re.findall(r'href="#([^"]+)"', page)} <= set(ids)
        assert page.count("<h1") == (3 if whole else 1)


def test_what_comes_from_the_user_is_taken_literally(known: Known) -> None:
    odd = "<script>alert('x')</script> | *b*"
    strange = replace(known, definition=odd, excluded=(odd,))
    document = Document("one", odd, (odd,), odd, sections(strange))
    page, text = html((document,), odd), markdown((document,))
    assert "<script" not in page and "&lt;script&gt;" in page
    assert not re.search(r"(?<!\\)<script", text)
    table = [line for line in text.splitlines() if line.startswith("| What counts as a dropout")]
    assert table and len(re.findall(r"(?<!\\)\|", table[0])) == 3


def test_the_same_model_gives_the_same_card(model: DropoutModel, evaluation: Evaluation) -> None:
    one, two = model_card(model, evaluation), model_card(model, evaluation)
    assert one.markdown() == two.markdown() and one.html() == two.html()
    assert json.dumps(one.files("md")) == json.dumps(two.files("md"))


def test_markdown_keeps_to_a_width_that_can_be_read(model: DropoutModel, evaluation: Evaluation) -> None:
    lines = model_card(model, evaluation).markdown().splitlines()
    assert max(len(line) for line in lines if not line.startswith(("|", "### "))) <= 110


def test_dates_are_read_as_a_sentence(known: Known, other: Known) -> None:
    one = known.evaluated
    assert one is not None and other.evaluated is not None
    assert other.evaluated.asked_on == "2019-09-01"
    assert replace(one, dates=("2026-01-01", "2026-02-01", "2026-03-01")).asked_on == "2026-01-01, 2026-02-01 and 2026-03-01"
    assert day("2026-06-29T20:05:00") == "2026-06-29 20:05" and day("2026-06-29T20:05:07") == "2026-06-29 20:05:07"
    assert day("2026-06-29T00:00:00") == "2026-06-29"


def test_figures_are_told_apart_by_what_they_do_with_cases_that_were_not_followed(known: Known) -> None:
    one = known.evaluated
    assert one is not None
    assert "net benefit" in what_was_missing(replace(known, evaluated=replace(one, further=("net_benefit",))))
    assert "inverse probability" not in what_was_missing(replace(known, evaluated=replace(one, further=("calibration",))))
