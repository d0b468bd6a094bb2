"""Kaplan-Meier, Aalen-Johansen, Gray and Fine-Gray give R's numbers (`fixtures/make.R`): 1e-6, and 1e-4 for the regression.

They agree to twelve digits; the tolerance leaves room for other processors.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dropout.survival import aalen_johansen, fine_gray, gray_test, kaplan_meier

EXACT = {"rtol": 0, "atol": 1e-6}
GROUPS = {"ties": ["in_person", "phone", "video"], "delayed": ["in_person", "phone", "video"], "heart": ["older", "younger"]}
ENDINGS = ["dropout", "completed", "administrative"]


def curve(curves, group: str | None, ending: str | None = None) -> pd.DataFrame:
    """Rows of one curve."""
    table = curves.table
    mine = np.ones(len(table), dtype=bool) if group is None else (table["group"] == group).to_numpy()
    return table[mine & (True if ending is None else (table["ending"] == ending).to_numpy())]


def beginning(table: pd.DataFrame) -> str | None:
    """The column of entry, where the table has one."""
    return "start" if "start" in table else None


@pytest.mark.parametrize("by", [None, "group"])
@pytest.mark.parametrize("dataset", ["ties", "delayed", "heart"])
def test_kaplan_meier(r_tables, r_says, dataset, by):
    table = r_tables[dataset]
    for scale in ("log-log", "log", "plain"):
        found = kaplan_meier(table, by=by, start=beginning(table), interval=scale)
        for group in GROUPS[dataset] if by else [""]:
            mine = curve(found, group or None)
            np.testing.assert_allclose(mine["estimate"], r_says(dataset, "km", "estimate", group), **EXACT)
            np.testing.assert_allclose(mine["std_err"], r_says(dataset, "km", "std_err", group), **EXACT)
            np.testing.assert_array_equal(mine["at_risk"], r_says(dataset, "km", "at_risk", group))
            for end in ("low", "high"):
                np.testing.assert_allclose(mine[end], r_says(dataset, f"km_{scale}", end, group), **EXACT)


@pytest.mark.parametrize(("dataset", "until"), [("ties", 20), ("heart", 1000)])
def test_median_and_restricted_mean(r_tables, r_says, dataset, until):
    table = r_tables[dataset]
    found = kaplan_meier(table, start=beginning(table))
    assert found.median()["median"][0] == r_says(dataset, "km_summary", "median")[0]
    mean = found.mean(until)
    np.testing.assert_allclose(mean["mean"], r_says(dataset, "km_summary", "rmean"), **EXACT)
    np.testing.assert_allclose(mean["std_err"], r_says(dataset, "km_summary", "se(rmean)"), **EXACT)


@pytest.mark.parametrize("by", [None, "group"])
@pytest.mark.parametrize("dataset", ["ties", "delayed"])
def test_aalen_johansen(r_tables, r_says, dataset, by):
    for scale in ("log-log", "plain"):
        found = aalen_johansen(r_tables[dataset], by=by, interval=scale)
        for group in GROUPS[dataset] if by else [""]:
            for ending in ENDINGS:
                mine = curve(found, group or None, ending)
                np.testing.assert_allclose(mine["estimate"], r_says(dataset, "aj", "estimate", group, ending), **EXACT)
                np.testing.assert_allclose(mine["std_err"], r_says(dataset, "aj", "std_err", group, ending), **EXACT)
                for end in ("low", "high"):
                    np.testing.assert_allclose(mine[end], r_says(dataset, f"aj_{scale}", end, group, ending), **EXACT)


@pytest.mark.parametrize("by", [None, "group"])
def test_cuminc_with_its_variance(r_tables, r_answers, r_says, by):
    found = aalen_johansen(r_tables["ties"], by=by, variance="aalen")
    for group in GROUPS["ties"] if by else [""]:
        for ending in ENDINGS:
            value, variance = (r_says("ties", "cuminc", what, group, ending) for what in ("estimate", "variance"))
            mine = found.at(np.unique(r_tables["ties"]["stop"]))
            mine = mine[((mine["group"] == group) if by else True) & (mine["ending"] == ending)]
            np.testing.assert_allclose(mine["estimate"], value, **EXACT)
            np.testing.assert_allclose(mine["std_err"] ** 2, variance, **EXACT)


@pytest.mark.parametrize(("label", "options"), [("gray", {}), ("gray_rho1", {"rho": 1.0}), ("gray_stratified", {"strata": "x2"})])
def test_gray(r_tables, r_says, label, options):
    found = gray_test(r_tables["ties"], "group", **options).table.set_index("ending")
    for ending in ENDINGS:
        np.testing.assert_allclose(found.loc[ending, "chi_square"], r_says("ties", label, "statistic", term=ending)[0], rtol=1e-6)
        if label != "gray_stratified":
            np.testing.assert_allclose(found.loc[ending, "p"], r_says("ties", label, "p", term=ending)[0], rtol=1e-6)
            assert found.loc[ending, "df"] == r_says("ties", label, "df", term=ending)[0]


@pytest.mark.parametrize("ending", ["dropout", "completed"])
def test_fine_gray(r_tables, r_says, ending):
    table = r_tables["ties"].assign(video=lambda frame: frame["group"] == "video")
    found = fine_gray(table, ["x1", "x2", "video"], cause=ending)
    label = f"fine_gray_{ending}"
    for row, term in zip(found.table.itertuples(), ("x1", "x2", "video"), strict=True):
        np.testing.assert_allclose(row.coefficient, r_says("ties", label, "estimate", term=term)[0], rtol=1e-4)
        np.testing.assert_allclose(row.robust_error, r_says("ties", label, "std_err", term=term)[0], rtol=1e-4)
    np.testing.assert_allclose(found.log_likelihood[1], r_says("ties", label, "log_likelihood")[0], rtol=1e-8)
