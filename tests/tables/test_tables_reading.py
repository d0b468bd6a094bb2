"""Reading files and frames: encodings, separators, types, names and the rows a person sees."""

import gzip

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from small_histories import TODAY, VALID, sessions

from dropout.errors import CallError, HistoryError
from dropout.tables import examine, read_tables


def read(source, **options):
    return read_tables(source, today=TODAY, **options)


def same(one, other):
    assert list(one.present()) == list(other.present())
    for name, frame in one.present().items():
        assert_frame_equal(frame, other.present()[name])


def test_valid_history(folder):
    tables = read(folder(**VALID))
    assert {name: len(frame) for name, frame in tables.present().items()} == {
        "sessions": 5,
        "messages": 2,
        "measures": 2,
        "episodes": 2,
        "clients": 2,
    }
    assert tables.problems == []
    assert tables.set_aside == {}
    assert tables.sources["sessions"] == "sessions.csv"
    assert tables.sessions["client_id"].tolist() == ["007", "007", "007", "12", "12"]
    assert tables.messages["text"][0] == 'Sick today, I\'ll call "soon"\nto reschedule'
    assert tables.episodes["opened_at"].tolist() == [pd.Timestamp("2025-01-02T23:59:59")] * 2
    assert tables.extraction_at() == np.datetime64("2025-01-24T08:00:00")
    assert "Sick" not in repr(tables)


def test_canonical_types(folder):
    tables = read(folder(**VALID))
    for name, frame in tables.present().items():
        assert isinstance(frame.index, pd.RangeIndex), name
        for column, dtype in frame.dtypes.items():
            expected = "datetime64[s]" if column.endswith("_at") else "str"
            if column in ("fee_owed", "score", "planned_sessions", "birth_year", "income"):
                expected = "float64"
            assert str(dtype) == expected, (name, column)


def test_row_numbers_are_those_a_person_sees(folder):
    tables = read(folder(**VALID))
    assert tables.rows["sessions"].tolist() == [2, 3, 4, 5, 6]
    assert tables.rows["messages"].tolist() == [2, 3], "a line break between quotes does not make a row"
    frame = read({"sessions": tables.sessions})
    assert frame.rows["sessions"].tolist() == [1, 2, 3, 4, 5]


def test_blank_lines_are_skipped_and_counted(folder):
    text = "\n\nclient_id,starts_at,status\n1,2025-01-01T10:00,attended\n\n,,\n2,2025-01-01T10:00,Attended\n"
    with pytest.raises(HistoryError) as caught:
        read(folder(sessions=text))
    (problem,) = [problem for problem in caught.value.problems if problem.severity == "error"]
    assert (problem.row, problem.column, problem.value) == (7, "status", "Attended")


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode("utf-8"),
        lambda text: text.encode("utf-8-sig"),
        lambda text: text.encode("utf-16"),
        lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace("\n", "\r").encode(),
        lambda text: text.rstrip("\n").encode(),
        lambda text: b"sep=,\r\n" + text.encode(),
    ],
    ids=["utf-8", "bom", "utf-16", "utf-16-be", "crlf", "cr", "no last line end", "sep"],
)
def test_encodings(folder, encode):
    text = "client_id,starts_at,status,therapist_id\nä1,2025-01-01T10:00,attended,Zoë 李\n"
    tables = read(folder(sessions=encode(text)))
    assert tables.sessions.loc[0, ["client_id", "therapist_id"]].tolist() == ["ä1", "Zoë 李"]


def test_windows_1252_is_the_last_resort(folder):
    text = "client_id,starts_at,status,therapist_id\n1,2025-01-01T10:00,attended,Zoë’s\n".encode("cp1252")
    tables = read(folder(sessions=text))
    assert tables.sessions["therapist_id"].tolist() == ["Zoë’s"]
    assert any("Windows-1252" in problem.problem for problem in tables.problems)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators(folder, separator):
    text = VALID["sessions"].replace(",", separator)
    same(read(folder(sessions=text)), read({"sessions": read(folder(sessions=VALID["sessions"])).sessions}))


def test_decimal_comma_where_semicolons_separate(folder):
    text = "client_id;starts_at;status;fee_owed\n1;2025-01-01T10:00;attended;12,5\n2;2025-01-02;attended;1.012,5\n"
    episodes = "client_id;planned_sessions;income\n1;12;1,5\n"
    tables = read(folder(sessions=text, episodes=episodes))
    assert tables.sessions["fee_owed"].tolist() == [12.5, 1012.5]
    assert tables.episodes["income"].tolist() == [1.5]


def test_gz_and_parquet_are_the_same_as_csv(folder, tmp_path):
    plain = read(folder(**VALID))
    packed, typed = tmp_path / "packed", tmp_path / "typed"
    packed.mkdir()
    typed.mkdir()
    for name, frame in plain.present().items():
        (packed / f"{name}.csv.gz").write_bytes(gzip.compress(VALID[name].encode()))
        frame.to_parquet(typed / f"{name}.parquet")
    same(plain, read(packed))
    same(plain, read(typed))
    same(plain, read(plain.present()))


def test_ids_stay_text(tmp_path):
    frame = pd.DataFrame(
        {
            "client_id": [12, 3],
            "starts_at": ["2025-01-01T10:00", "2025-01-01T11:00"],
            "status": ["attended"] * 2,
            "therapist_id": [7.0, None],
            "clinic_id": pd.Series([None, 4], dtype="Int64"),
            "session_id": pd.Series(["a", "b"], dtype="category"),
        }
    )
    frame.to_parquet(tmp_path / "sessions.parquet")
    for source in (tmp_path, {"sessions": frame}, {"sessions": frame.astype(object)}):
        got = read(source).sessions
        assert got["client_id"].tolist() == ["12", "3"]
        assert got["therapist_id"].tolist()[0] == "7"
        assert got["therapist_id"].isna().tolist() == [False, True]
        assert got["clinic_id"].tolist()[1] == "4"
        assert got["session_id"].tolist() == ["a", "b"]


def test_numbers_with_point_zero_throughout_are_whole_names(folder):
    head = "client_id,starts_at,status,therapist_id\n"
    tables = read(folder(sessions=head + "01,2025-01-01T10:00,attended,7.0\n02,2025-01-01T10:00,attended,\n"))
    assert tables.sessions["client_id"].tolist() == ["01", "02"]
    assert tables.sessions["therapist_id"].tolist()[0] == "7"
    tables = read(folder(sessions=head + "01,2025-01-01T10:00,attended,7.0\n02,2025-01-01T10:00,attended,v7\n"))
    assert tables.sessions["therapist_id"].tolist() == ["7.0", "v7"]


def test_missing_values_and_white_space(folder):
    text = (
        "client_id , starts_at,status,therapist_id\n 1 ,2025-01-01 10:00 , attended ,NA\n2,2025-01-02,attended,null\n"
    )
    tables = read(folder(sessions=text))
    assert tables.sessions["client_id"].tolist() == ["1", "2"]
    assert tables.sessions["status"].tolist() == ["attended", "attended"]
    assert tables.sessions["therapist_id"].isna().all()


def test_text_of_messages_is_left_as_it_is(folder):
    long = "word " * 20_000
    messages = f'client_id,sent_at,text\n007,2025-01-11,NA\n007,2025-01-12,"{long}"\n007,2025-01-13,a\0b\n'
    tables = read(folder(**VALID | {"messages": messages}))
    assert tables.messages["text"].tolist() == ["NA", long, "ab"]
    assert tables.messages["sender"].tolist() == ["client"] * 3


def test_sender_is_the_client_where_nothing_is_said(folder):
    messages = "client_id,sent_at,text,sender\n007,2025-01-11,hi,\n007,2025-01-12,ho,clinic\n"
    assert read(folder(**VALID | {"messages": messages})).messages["sender"].tolist() == ["client", "clinic"]


def test_extra_columns_are_carried_along(folder):
    clients = "client_id,zone,smoker,note,age\n007,01,true,x,4\n12,02,FALSE,3,5\n"
    tables = read(folder(**VALID | {"clients": clients}))
    assert tables.clients.columns.tolist() == ["client_id", "age", "note", "smoker", "zone"]
    assert tables.clients["age"].tolist() == [4.0, 5.0]
    assert tables.clients["smoker"].tolist() == [1.0, 0.0]
    assert tables.clients["zone"].tolist() == ["01", "02"]
    assert tables.clients["note"].tolist() == ["x", "3"]


def test_extra_columns_of_any_type(tmp_path):
    frame = sessions(("1", "2025-01-01T10:00", "attended"))["sessions"].assign(
        tags=[["a", "b"]], done=[True], seen=pd.to_datetime(["2025-01-01"]), left=pd.to_timedelta([1], unit="s")
    )
    got = read({"sessions": frame}).sessions
    assert got.loc[0, "tags"] == "['a', 'b']"
    assert got.loc[0, "done"] == 1.0
    assert str(got["seen"].dtype) == "datetime64[s]"


def test_frames_are_left_alone(folder):
    history = {name: frame.copy() for name, frame in read(folder(**VALID)).present().items()}
    history["sessions"] = history["sessions"].iloc[::-1].rename(columns={"mode": " mode "})
    history["clients"].loc[0, "birth_year"] = 1700
    before = {name: frame.copy(deep=True) for name, frame in history.items()}
    read(history)
    for name, frame in history.items():
        assert_frame_equal(frame, before[name])


def test_column_order_does_not_matter(folder):
    tables = read(folder(**VALID))
    turned = {name: frame[frame.columns[::-1]] for name, frame in tables.present().items()}
    same(tables, read(turned))


def test_wrong_calls(tmp_path):
    file = tmp_path / "sessions.csv"
    file.write_text("x")
    for source, said in ((tmp_path / "none", "no folder"), (file, "is a file"), (3, "not a int"), (None, "NoneType")):
        with pytest.raises(CallError, match=said) as caught:
            read_tables(source)
        assert caught.value.exit_status == 2
    with pytest.raises(CallError, match="list"):
        read_tables({"sessions": []})
    with pytest.raises(CallError, match="Europe/London"):
        read_tables({"sessions": pd.DataFrame()}, tz="Mars/Base")
    with pytest.raises(CallError, match="today"):
        read_tables({"sessions": pd.DataFrame()}, today="soon")


@pytest.mark.parametrize(
    ("files", "table", "said"),
    [
        ({}, "sessions", "missing"),
        ({"messages": VALID["messages"]}, "sessions", "missing"),
        ({"sessions": ""}, "sessions", "file is empty"),
        ({"sessions": "client_id,starts_at,status\n"}, "sessions", "no rows"),
        ({"sessions": "client_id,starts_at,status"}, "sessions", "no rows"),
        ({"sessions": "client_id,starts_at,status\n\n,,\n"}, "sessions", "no rows"),
        ({"Session.csv": VALID["sessions"]}, "sessions", "'Session.csv'"),
        ({"sessions.csv": VALID["sessions"], "sessions.csv.gz": b"x"}, "sessions", "two files"),
        ({"sessions.csv.gz": b"not packed"}, "sessions", "cannot be read"),
        ({"sessions.csv.gz": gzip.compress(b"client_id")[:-9]}, "sessions", "cannot be read"),
        ({"sessions.parquet": b"PAR1 no"}, "sessions", "cannot be read"),
        ({"sessions": "a,a,starts_at,status\n1,1,2025-01-01,attended\n"}, "sessions", "two columns"),
        ({"sessions": 'client_id,starts_at,status\n1,2025-01-01,"attended\n'}, "sessions", "never closed"),
    ],
)
def test_what_cannot_be_read(folder, files, table, said):
    report = examine(folder(**files), today=TODAY)
    assert not report.ok
    assert any(problem.table == table and said in problem.problem for problem in report.errors), report.errors


def test_rows_of_another_width_are_all_named(folder):
    text = "sep=;\nclient_id;starts_at;status\n1;2025-01-01;attended\n2;2025-01-01\n\n3;2025-01-01;attended;x;y\n"
    report = examine(folder(sessions=text), today=TODAY)
    found = [(problem.row, problem.mend[:8]) for problem in report.errors]
    assert found == [(4, "It has 2"), (6, "It has 5")]


@pytest.mark.parametrize("content", ["", "client_id,sent_at,text\n", "x\n"])
def test_an_empty_optional_table_counts_as_absent(folder, content):
    tables = read(folder(**VALID | {"messages": content}))
    assert tables.messages is None
    assert [problem.table for problem in tables.problems] == ["messages"]
    assert "counts as absent" in tables.problems[0].problem


def test_a_table_of_nearly_the_right_name_is_named(folder):
    tables = read(folder(sessions=VALID["sessions"], **{"notes.txt": "x", "other.csv": "x"}))
    assert tables.problems == []
    tables = read(folder(sessions=VALID["sessions"], **{"measure.csv": "x"}))
    assert [(problem.table, problem.mend) for problem in tables.problems] == [("measures", "Rename it to measures")]
    with pytest.raises(HistoryError, match="Rename it to sessions"):
        read({"Sessions": read(folder(**VALID)).sessions})


def test_required_columns_and_their_nearest_names(folder):
    text = "Client_ID,start,status,Booked At\n1,2025-01-01,attended,2025-01-01\n"
    report = examine(folder(sessions=text), today=TODAY)
    found = {problem.column: problem.mend for problem in report.problems if "Rename" in problem.mend}
    assert found == {
        "client_id": "Rename 'Client_ID' to client_id",
        "starts_at": "Rename 'start' to starts_at",
        "Booked At": "Rename it to booked_at",
    }
    assert {problem.column for problem in report.errors} == {"client_id", "starts_at"}
