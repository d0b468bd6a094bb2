"""The audit finds what was planted, names how it leaks, and accuses nothing else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from planted import HONEST, LEAKS, closure_reason, days_to_extraction, honest, next_status, total_attended, with_leak

import dropout
from dropout.audit import Audit, audit_leaks
from dropout.features.sessions import SHOWN
from dropout.history import History, read_history
from dropout.simulate import SCENARIOS, simulate


@pytest.fixture(scope="module")
def clinic() -> History:
    """120 simulated clients."""
    return read_history(simulate(120, seed=2).tables)


def accused(audit: Audit) -> list[str]:
    return list(audit.columns.loc[audit.columns["verdict"].isin(["leak", "look"]), "column"])


def of(audit: Audit, column: str) -> pd.Series:
    return audit.columns.set_index("column").loc[column]


@pytest.mark.slow
@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.__name__)
def test_each_planted_leak_is_found_and_nothing_else(clinic: History, leak) -> None:
    audit = audit_leaks(clinic, with_leak(leak), dates=4)
    assert audit.leaks == [leak.__name__] == accused(audit)
    found = of(audit, leak.__name__)
    assert found["mechanism"] == LEAKS[leak]
    assert found["kind"] and found["severity"] and found["what_to_do"]
    assert "rows" in found["evidence"]
    assert not audit.ok
    assert set(audit.columns["column"]) == {*HONEST, leak.__name__}


def test_all_planted_leaks_at_once(clinic: History) -> None:
    def features(history: History, moments: pd.DataFrame) -> pd.DataFrame:
        leaking = {leak.__name__: np.asarray(leak(history, moments), dtype=object) for leak in LEAKS}
        return honest(history, moments).assign(**leaking)

    audit = audit_leaks(clinic, features)
    assert {row.column: row.mechanism for row in audit.columns.itertuples() if row.verdict == "leak"} == {
        leak.__name__: mechanism for leak, mechanism in LEAKS.items()}
    assert set(accused(audit)) == {leak.__name__ for leak in LEAKS}
    assert of(audit, "month")["verdict"] == "calendar"


@pytest.mark.parametrize("scenario", ["plain", *(pytest.param(name, marks=pytest.mark.slow) for name in SCENARIOS[1:])])
def test_none_of_the_package_s_own_features_is_accused(scenario: str) -> None:
    history = read_history(simulate(100, seed=5, scenario=scenario).tables)
    audit = audit_leaks(history, dates=3)
    assert accused(audit) == []
    verdict = audit.columns.set_index("column")["verdict"]
    assert {"therapist_dropout_ratio", "clinic_dropout_ratio", "words_here", "n_booked_ahead", "own_return_rate"} <= set(
        verdict.index[verdict == "clean"])
    assert set(verdict.index[verdict == "calendar"]) == {"season_sine", "season_cosine", "age"}
    assert audit.ok and len(verdict) > 80


def test_session_features_are_audited_as_they_come(clinic: History) -> None:
    audit = audit_leaks(clinic, dropout.session_features, dates=3)
    assert accused(audit) == []
    assert not set(SHOWN) & set(audit.columns["column"])


def test_a_frame_with_the_outcome_in_it_is_accused(clinic: History) -> None:
    def with_status(history: History) -> pd.DataFrame:
        return dropout.session_features(history)

    audit = audit_leaks(clinic, with_status, dates=3, ignore=["starts_at"])
    assert audit.leaks == ["status"]
    assert of(audit, "status")["mechanism"] == "later outcome"


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("seed", [11, 12, 13])
def test_none_is_accused_in_many_worlds(scenario: str, seed: int) -> None:
    history = read_history(simulate(300, seed=seed, scenario=scenario).tables)
    for features in (None, dropout.session_features, dropout.session_features(history).drop(columns=["status", "starts_at"])):
        assert accused(audit_leaks(history, features, seed=seed, clients=300)) == []


def test_a_planted_value_surfaces(clinic: History) -> None:
    audit = audit_leaks(clinic, with_leak(next(leak for leak in LEAKS if leak.__name__ == "nearest_score")), dates=4)
    assert "a value planted after the moment came up in" in of(audit, "nearest_score")["evidence"]


def test_a_function_that_reads_from_elsewhere_is_found(clinic: History) -> None:
    whole = total_attended(clinic, pd.DataFrame({"client_id": clinic.clients["client_id"]}))
    kept = dict(zip(clinic.clients["client_id"], whole, strict=True))

    def features(history: History, moments: pd.DataFrame) -> pd.DataFrame:
        return honest(history, moments).assign(kept=moments["client_id"].map(kept))

    audit = audit_leaks(clinic, features, dates=6)
    assert audit.leaks == ["kept"]


def test_rows_that_exist_only_because_of_what_came_later(clinic: History) -> None:
    def before_a_no_show(history: History) -> pd.DataFrame:
        missed = history.sessions[history.sessions["status"] != "scheduled"].drop_duplicates(["client_id", "starts_at"])
        rows = missed[["client_id"]].assign(as_of=missed["starts_at"] - pd.Timedelta("7D")).drop_duplicates()
        return rows.assign(hour=rows["as_of"].dt.hour)

    audit = audit_leaks(clinic, before_a_no_show, dates=4)
    assert audit.leaks == ["(choice of rows)"]
    assert audit.columns["kind"].iloc[0] == "L3.3"


def test_a_code_without_a_date_is_looked_at() -> None:
    tables = dict(simulate(120, seed=2).tables)
    sessions = tables["sessions"]
    tables["sessions"] = sessions.assign(fee_waived=np.where(sessions["status"] == "no_show", "yes", None))

    def features(history: History, moments: pd.DataFrame) -> pd.DataFrame:
        later = moments.assign(row=range(len(moments))).merge(history.sessions, on="client_id")
        waived = later[(later["starts_at"] > later["as_of"]) & later["fee_waived"].notna()]["row"].unique()
        return honest(history, moments).assign(waived=np.isin(range(len(moments)), waived))

    history = read_history(tables)
    assert of(audit_leaks(history, features, dates=4), "waived")["mechanism"] in ("column without a date", "later booking")


def test_a_fixed_frame_is_compared_with_the_future(clinic: History) -> None:
    frame = dropout.session_features(clinic).drop(columns=["status", "starts_at", "session_id"])
    asked = frame[["client_id", "episode_id", "as_of"]].astype({"client_id": "object"})
    frame = frame.assign(total=np.asarray(total_attended(clinic, asked)), left=np.asarray(days_to_extraction(clinic, asked)),
                         reason=np.asarray(closure_reason(clinic, asked), dtype=object),
                         coming=np.asarray(next_status(clinic, asked), dtype=object))
    audit = audit_leaks(clinic, frame)
    assert set(audit.leaks) == {"total", "left"}
    assert of(audit, "total")["evidence"].startswith("agrees with: sessions that the client attended in all")
    assert of(audit, "reason")["mechanism"] == "knows the ending"
    assert set(accused(audit)) >= {"total", "left", "reason"}
    assert set(accused(audit)) <= {"total", "left", "reason", "coming"}
    assert any("fixed frame" in note for note in audit.notes)


def test_the_same_seed_gives_the_same_audit(clinic: History) -> None:
    one, other = (audit_leaks(clinic, with_leak(next_status), dates=3, seed=4) for _ in range(2))
    assert one.as_dict() == other.as_dict()


def test_a_covariate_that_knows_the_ending_is_looked_at() -> None:
    tables = dict(simulate(200, seed=3).tables)
    gone = read_history(tables).episodes().groupby("client_id")["ending"].last().eq("dropout")
    clients = tables["clients"]
    index = np.random.default_rng(1).normal(size=len(clients)) + 4 * clients["client_id"].map(gone).fillna(False).astype(float)
    audit = audit_leaks(read_history(tables | {"clients": clients.assign(risk_index=index)}), dates=4)
    assert accused(audit) == ["clients.risk_index"] and audit.ok
    found = of(audit, "clients.risk_index")
    assert found["mechanism"] == "knows the ending" and "AUC by itself" in found["evidence"]
    assert "a covariate that knows the ending: risk_index" in set(audit.suspects["suspect"])
