"""The specification of the columns and the documentation made from it."""

from pathlib import Path

import pytest

from dropout.tables import MEASURES, TABLES
from dropout.tables.columns import KINDS, columns_markdown

DOCS = Path(__file__).parents[2] / "docs" / "tables.md"


def test_documentation_is_up_to_date():
    assert DOCS.read_text(encoding="utf-8") == columns_markdown(), (
        "run: python -c 'from dropout.tables.columns import columns_markdown as m; "
        'print(m(), end="")\' > docs/tables.md'
    )


def test_names_are_those_users_rely_on():
    assert list(TABLES) == ["sessions", "messages", "measures", "episodes", "clients"]
    assert TABLES["sessions"].required_names == ("client_id", "starts_at", "status")
    assert TABLES["messages"].required_names == ("client_id", "sent_at", "text")
    assert TABLES["measures"].required_names == ("client_id", "measured_at", "measure", "score")
    assert TABLES["episodes"].required_names == ("client_id",)
    assert [name for name, table in TABLES.items() if table.required] == ["sessions"]


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_every_column_is_described(table):
    assert len(set(table.names)) == len(table.names)
    for column in table.columns:
        assert column.kind in KINDS
        assert column.meaning
        assert (column.values is not None) == (column.kind == "category")
    assert set(table.key) | set(table.order) <= set(table.names)


@pytest.mark.parametrize("measure", MEASURES.values(), ids=lambda measure: measure.name)
def test_measures_are_possible(measure):
    assert measure.low < measure.high
    assert measure.higher_is in ("worse", "better")
    assert measure.cutoff is None or measure.low < measure.cutoff < measure.high
    assert measure.source


def test_measures_known_by_source():
    assert (MEASURES["phq9"].high, MEASURES["phq9"].cutoff, MEASURES["phq9"].reliable_change) == (27, 10, 6)
    assert (MEASURES["gad7"].high, MEASURES["gad7"].cutoff, MEASURES["gad7"].reliable_change) == (21, 8, 4)
    assert (MEASURES["oq45"].high, MEASURES["oq45"].cutoff, MEASURES["oq45"].reliable_change) == (180, 64, 14)
    assert (MEASURES["core10"].cutoff, MEASURES["core10"].reliable_change) == (None, None)
    assert {name for name, measure in MEASURES.items() if measure.higher_is == "better"} == {"ors", "srs", "wai_sr"}
