"""Silence seen ahead: intervals, the groups, days to call, the assumption, and the typical curves."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from clinic_frames import InventedModel, invented_scores, simulated
from clinic_silences import AS_OF, InventedClock, invented_curves, invented_outlook
from test_clinic_page import HOSTILE, Page

from dropout.clinic import Report, figures, render, report
from dropout.clinic.cancellations import (
    LIKELY_BACK,
    LIKELY_GONE,
    NO_CALL_PAYS,
    OUTLOOK_KEYS,
    cancelled_and_not_back,
    day_to_call,
    messages_in_words,
)
from dropout.clinic.lists import open_episodes
from dropout.clinic.phrases import INTENT_WORDS, NO_MESSAGE, NOT_READ
from dropout.clinic.silence import (
    EVERYBODY,
    LAST_DAY,
    MOST_CURVES,
    Typical,
    assumed,
    seen_ahead,
    typical_curves,
    waiting_loses,
)
from dropout.endings import DEFAULT
from dropout.errors import CallError
from dropout.history import History
from dropout.models import outlook as ahead
from dropout.models.model import DropoutModel


def listed(top: int = 1000):
    scores = invented_scores(simulated())
    outlook = invented_outlook(scores)
    still = open_episodes(simulated(), DEFAULT)
    return outlook, cancelled_and_not_back(scores.reschedule, still, scores.dropout_risk, top=top, outlook=outlook,
                                           as_of=scores.as_of)


@cache
def with_outlook() -> Report:
    """A report as a model gives it that has learnt of silences."""
    scores = invented_scores(simulated())
    told = report(simulated(), scores=scores, model=InventedModel(), synthetic=True)
    curves = typical_curves(invented_curves(scores.reschedule), scores.reschedule.assign(
        message=messages_in_words(scores.reschedule)))
    return replace(told, cancellations=listed(top=25)[1], silence=curves, assumption=assumed(ahead.Call()))


def test_bounds_and_names_are_those_of_the_outlook() -> None:
    assert (LIKELY_GONE, LIKELY_BACK) == (ahead.LIKELY_GONE, ahead.LIKELY_BACK)
    assert set(OUTLOOK_KEYS) == set(ahead.OUTLOOKS)
    assert OUTLOOK_KEYS[ahead.OUTLOOKS[-1]] == "thin"


def test_every_client_stands_in_the_group_of_the_outlook_with_the_interval() -> None:
    outlook, found = listed()
    of = outlook.set_index(["client_id", "episode_id"])
    seen = 0
    for group in found.groups:
        for row in group.rows:
            mine = of.loc[(row.client_id, row.episode_id)]
            assert OUTLOOK_KEYS[mine["outlook"]] == group.key
            assert (row.p_gone, row.low, row.high) == pytest.approx((mine["p_gone"], mine["low"], mine["high"]))
            seen += 1
    assert seen == found.n > 20 and found.has_outlook
    assert [group.key for group in found.groups] == ["gone", "uncertain", "back", "thin"]


def test_where_too_few_were_alike_neither_chance_nor_day_is_given() -> None:
    thin = listed()[1].groups[-1]
    assert thin.key == "thin" and all(row.call == row.waiting == "" for row in thin.rows)
    lengths = [0 if row.silent.startswith("less") else int(row.silent.split()[0]) for row in thin.rows]
    assert lengths == sorted(lengths, reverse=True), "the order must not give the chances away"
    html = render(with_outlook())
    table = html.split('<h3 class="thin">')[1].split("</table>")[0]
    assert "Too few past cancellations were like these" in table
    assert "<strong>" not in table and 'class="bar' not in table and "Back within" not in table
    assert all(f"{row.low * 100:.0f}%" in table for row in thin.rows[:3])


def test_files_open_on_paper_stay_out() -> None:
    outlook, found = listed()
    still = open_episodes(simulated(), DEFAULT)
    left = set(still.loc[still["left"], "client_id"])
    assert found.n_on_paper > 0
    assert not {row.client_id for group in found.groups for row in group.rows} & left


def test_the_day_to_call_is_said_in_words() -> None:
    assert day_to_call(np.datetime64("2026-06-29"), AS_OF) == "today"
    assert day_to_call(np.datetime64("2026-07-02"), AS_OF) == "2 Jul 2026"
    assert day_to_call(np.datetime64("NaT"), AS_OF) == NO_CALL_PAYS


def test_what_waiting_loses_is_said_in_chances() -> None:
    assert waiting_loses(0.0034) == "a day of waiting loses 0.3 chances in 100"
    assert waiting_loses(0.0004) == "a day of waiting loses under 0.1 chances in 100"
    assert waiting_loses(0.0) == "a day of waiting loses 0.0 chances in 100"


def test_the_page_gives_days_to_call_and_calls_them_an_assumption() -> None:
    text = Page(render(with_outlook())).text
    assert "What a call does is an assumption." in text
    assert "The data can't show the effect of calling" in text
    assert ("A call on the first silent day brings back 20% of those who would never have come again, half as many every "
            "21 days, and costs 0.02 of a client kept. So 50 calls are held to be worth one client kept.") in text
    assert "It must never be used to deny, shorten or delay anyone's care." in text
    rows = [row for group in with_outlook().cancellations.groups for row in group.rows if group.key != "thin"]
    assert {row.call for row in rows} == {"today", "2 Jul 2026", NO_CALL_PAYS}
    assert all((row.waiting == "") == (row.call == NO_CALL_PAYS) for row in rows)
    assert text.count("a day of waiting loses 0.3 chances in 100") == sum(row.waiting != "" for row in rows)
    assert "today" in text and "2 Jul 2026" in text and NO_CALL_PAYS in text


@pytest.mark.parametrize(("cost", "price"), [(0.0, ""), (0.02, "So 50 calls are held"), (0.4, "So 2.5 calls are held"),
                                             (1.0, "So 1 call is held")])
def test_the_price_of_a_call_is_said_in_calls(cost: float, price: str) -> None:
    told = assumed(ahead.Call(brings_back=0.1, half_life=7, cost=cost))
    assert "brings back 10% of those" in told.told and "every 7 days" in told.told
    assert told.price.startswith(price) and bool(told.price) == bool(price)


def test_a_missing_column_of_the_outlook_is_named() -> None:
    scores = invented_scores(simulated())
    with pytest.raises(CallError, match="outlook lacks call_on"):
        cancelled_and_not_back(scores.reschedule, open_episodes(simulated(), DEFAULT), None, top=5,
                               outlook=invented_outlook(scores).drop(columns="call_on"), as_of=scores.as_of)


def test_a_message_that_cannot_be_read_is_not_called_missing() -> None:
    table = pd.DataFrame({"intent": ["vague_deferral", None, None], "message_id": ["m1", "m2", None]})
    assert messages_in_words(table).tolist() == [INTENT_WORDS["vague_deferral"], NOT_READ, NO_MESSAGE]
    assert messages_in_words(table[["intent"]]).tolist()[1:] == [NO_MESSAGE, NO_MESSAGE]


def clients(**messages: int) -> pd.DataFrame:
    names = [name for name, n in messages.items() for _ in range(n)]
    ids = [f"C{i:02d}" for i in range(len(names))]
    return pd.DataFrame({"client_id": ids, "episode_id": ids, "message": names})


def test_curves_are_the_middle_and_the_middle_half() -> None:
    who = clients(vague=9, few=4)
    found = typical_curves(invented_curves(who), who)
    assert [(one.name, one.n) for one in found] == [("vague", 9)]
    assert len(found[0].middle) == LAST_DAY + 1
    assert (found[0].low[10], found[0].middle[10], found[0].high[10]) == pytest.approx((0.07, 0.09, 0.11))


def test_curves_of_the_commonest_messages_the_highest_first() -> None:
    who = clients(a=5, b=6, c=7, d=8, e=9)
    found = typical_curves(invented_curves(who), who)
    assert [one.name for one in found] == ["e", "d", "c", "b"] and len(found) == MOST_CURVES
    assert typical_curves(invented_curves(who), who.iloc[::-1]) == found


def test_few_clients_share_a_curve_and_fewer_than_five_have_none() -> None:
    who = clients(a=3, b=2)
    assert [(one.name, one.n) for one in typical_curves(invented_curves(who), who)] == [(EVERYBODY, 5)]
    assert typical_curves(invented_curves(who.head(4)), who.head(4)) == ()
    assert typical_curves(invented_curves(who.head(0)), who.head(0)) == ()


def test_the_figure_tells_its_curves_and_no_colour_is_needed() -> None:
    rising = tuple(np.linspace(0.2, 0.8, LAST_DAY + 1))
    curves = [Typical(name, 7, rising, rising, rising) for name in ("a", HOSTILE, "c", "d")]
    drawn = Page(str(figures.silence(curves)))
    (svg,) = drawn.all("svg")
    assert svg["role"] == "img"
    assert "a: 21% after 1 day, 27% after 7 days, 41% after 21 days, 80% after 60 days" in str(svg["aria-label"])
    lines = drawn.all("polyline")
    assert len({line["stroke-dasharray"] for line in lines}) == len({line["stroke"] for line in lines}) == 4
    assert "days of silence" in drawn.text and "chance of never coming again" in drawn.text and "100%" in drawn.text
    assert len(drawn.all("polygon")) == 4 and not drawn.all("script")
    for line in lines:
        xs, ys = zip(*(map(float, point.split(",")) for point in str(line["points"]).split()), strict=True)
        assert min(xs) >= figures.LEFT and max(xs) <= figures.RIGHT
        assert min(ys) >= figures.TOP and max(ys) <= figures.BOTTOM


def test_the_page_holds_the_figure_and_its_numbers() -> None:
    told = with_outlook()
    assert 1 <= len(told.silence) <= MOST_CURVES
    page = Page(render(told))
    assert any("Chance of never coming again, by days of silence" in str(svg.get("aria-label")) for svg in page.all("svg"))
    assert f"{told.silence[0].n} clients" in page.text and "What silence says" in page.text
    assert len(page.all("caption")) == len(page.all("table"))


@pytest.mark.parametrize("model", [None, InventedModel()])
def test_without_a_clock_the_page_has_no_days_to_call(model: object) -> None:
    told = report(simulated(), scores=invented_scores(simulated()), model=model)
    assert told.assumption is None and told.silence == () and told.words is None and not told.cancellations.has_outlook
    text = Page(render(told)).text
    for words in ("assumption", "worth most", "What silence says", "What the words were worth", "95% interval: what"):
        assert words not in text
    assert "Likely gone" in text


def test_a_model_that_learnt_nothing_of_silences_sees_nothing_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = invented_scores(simulated())
    still = open_episodes(simulated(), DEFAULT)
    model = InventedClock()
    model.reschedule_ = None  # type: ignore[assignment]
    assert seen_ahead(model, simulated(), still, scores.reschedule, None) is None
    monkeypatch.setattr(ahead, "outlook", lambda *_, **__: pytest.fail("nobody in care has cancelled"))
    assert seen_ahead(InventedClock(), simulated(), still.assign(left=True), scores.reschedule, None) is None


def test_a_real_model_gives_the_whole_page(model: DropoutModel, history: History, canaries: tuple[str, ...]) -> None:
    call = ahead.Call(brings_back=0.5, half_life=10, cost=0.1)
    told = report(history, model=model, call=call)
    assert told.assumption == assumed(call) and told.words is not None and told.cancellations.has_outlook
    expected = ahead.outlook(model, history, call=call).set_index("client_id")
    rows = {row.client_id: row for group in told.cancellations.groups for row in group.rows}
    assert len(rows) > 5
    for name, row in rows.items():
        assert (row.p_gone, row.low, row.high) == tuple(expected.loc[name, ["p_gone", "low", "high"]])
    html = render(told)
    page = Page(html)
    assert not [word for word in canaries if word in html]
    assert "brings back 50% of those" in page.text and "mixture cure model" in page.text
    assert {"words", "cancelled"} <= {section["id"] for section in page.all("section")}
    assert render(report(history, scores=model.score(history), model=model, call=call)) == html


def test_a_name_from_the_tables_is_escaped_in_every_new_part() -> None:
    told = with_outlook()
    hostile = tuple(replace(group, rows=tuple(replace(row, client_id=HOSTILE, message=HOSTILE, call=HOSTILE, waiting=HOSTILE)
                                              for row in group.rows)) for group in told.cancellations.groups)
    page = Page(render(replace(told, cancellations=replace(told.cancellations, groups=hostile),
                               silence=tuple(replace(one, name=HOSTILE) for one in told.silence))))
    assert not {"script", "img"} & {tag for tag, _ in page.tags}
    assert HOSTILE in page.text
