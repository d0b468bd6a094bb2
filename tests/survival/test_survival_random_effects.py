"""Random intercepts: against R's lme4, against integrals done one by one, and how often the truth lies in the interval."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.optimize import approx_fprime
from scipy.stats import binom, norm
from simulated_clinics import clinic

from dropout.errors import CallError, ModelError
from dropout.survival import discrete_time, random_intercept
from dropout.survival.quadrature import Grouped, climb, integrated
from dropout.survival.random_effects import DROP, share_between

LINKS = ["logit", "cloglog"]


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("name", ["stretches", "ties", "delayed"])
def test_as_lme4(r_tables, r_says, name, link):
    """glmer(nAGQ = 25). The likelihood is so flat in sigma that its last digits are the optimiser's."""
    label = f"mixed_{link}"
    if name == "stretches":
        model = random_intercept(r_tables[name], ["x", "missed"], group="therapist", cause="dropout", link=link,
                                 baseline="linear")
    else:
        model = random_intercept(r_tables[name], ["x1", "x2"], group="therapist", link=link, baseline="log")
    for i, term in enumerate(model.table["term"]):
        assert model.table["coefficient"][i] == pytest.approx(r_says(name, label, "estimate", term=term)[0], rel=1e-4)
        assert model.table["standard_error"][i] == pytest.approx(r_says(name, label, "std_err", term=term)[0], rel=1e-3)
    assert model.between["estimate"][0] == pytest.approx(r_says(name, label, "therapist_sd")[0], rel=1e-4, abs=1e-6)
    assert model.log_likelihood == pytest.approx(r_says(name, label, "log_likelihood_reported")[0], rel=1e-6)


@pytest.fixture(params=LINKS)
def grouped(request) -> Grouped:
    """Counts of four groups, one of them with a single row."""
    rng = np.random.default_rng(11)
    group = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2, 3])
    matrix = np.column_stack([np.ones(10), rng.normal(size=10)])
    sessions = rng.integers(1, 9, 10).astype(float)
    return Grouped(matrix, rng.binomial(sessions.astype(int), 0.3).astype(float), sessions, group, request.param)


@pytest.mark.parametrize(("sigma", "close"), [(0.1, 1e-9), (0.8, 1e-7), (3.0, 1e-3)])
def test_the_integral_is_that_of_slow_quadrature(grouped, sigma, close):
    """25 nodes are next to exact for therapists as they are found; at 3, half of all variance and more, to three decimals."""
    coefficient = np.array([-0.8, 0.4])
    eta = grouped.matrix @ coefficient
    slow = 0.0
    for g in range(4):
        mine = np.flatnonzero(grouped.group == g)

        def density(u, mine=mine):
            p = (1 / (1 + np.exp(-eta[mine] - sigma * u)) if grouped.link == "logit"
                 else 1 - np.exp(-np.exp(eta[mine] + sigma * u)))
            y, n = grouped.endings[mine], grouped.sessions[mine]
            return norm.pdf(u) * np.prod(p**y * (1 - p) ** (n - y))

        slow += np.log(quad(density, -8, 8, epsabs=0, epsrel=1e-11, limit=400)[0])
    assert integrated(grouped, coefficient, sigma).value == pytest.approx(slow, abs=close)


@pytest.mark.parametrize("sigma", [0.0, 0.3, 1.5, -0.7])
def test_derivatives_are_those_of_the_value(grouped, sigma):
    point = np.array([-0.8, 0.4, sigma])

    def value(x):
        return integrated(grouped, x[:-1], x[-1], 40).value

    def gradient(x):
        return integrated(grouped, x[:-1], x[-1], 40).gradient

    found = integrated(grouped, point[:-1], sigma, 40)
    assert found.gradient == pytest.approx(approx_fprime(point, value, 1e-6), abs=1e-3)
    steps = np.eye(3) * 1e-4
    slow = np.array([(gradient(point + step) - gradient(point - step)) / 2e-4 for step in steps])
    assert found.hessian == pytest.approx(slow, abs=1e-3)


def test_the_likelihood_falls_by_as_much_as_it_should_at_the_ends_of_the_interval():
    frame = clinic(np.random.default_rng(5), 0.1)
    model = random_intercept(frame, baseline="log")
    rows = frame.loc[frame.index.repeat(frame["stop"].astype(int))]
    session = rows.groupby(level=0).cumcount().to_numpy() + 1.0
    left = (session == rows["stop"]) & (rows["ending"] == "dropout")
    data = Grouped(np.column_stack([np.ones(len(rows)), np.log(session)]), left.to_numpy(float), np.ones(len(rows)),
                   pd.factorize(rows["therapist_id"])[0], "logit")
    for end in ("low", "high"):
        there = climb(data, np.array([-2.0, 0.0]), model.between[end][0], fixed=True)
        assert model.log_likelihood - there.at.value == pytest.approx(DROP, abs=0.01)
    assert model.between["estimate"][2] == pytest.approx(share_between(model.between["estimate"][0], "logit"))
    assert model.p_none < 0.001


def test_without_differences_the_interval_begins_at_none():
    model = random_intercept(clinic(np.random.default_rng(3), 0.0))
    estimate, low, high = model.share
    assert low == 0 and estimate < 0.02 and 0 < high < 0.1
    assert model.p_none > 0.05
    plain = discrete_time(clinic(np.random.default_rng(3), 0.0))
    if estimate == pytest.approx(0, abs=1e-9):
        assert model.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-6)
    else:
        assert model.log_likelihood >= plain.log_likelihood


def test_rows_counted_together_give_what_rows_apart_do(r_tables):
    frame = r_tables["ties"]
    apart = frame.assign(x1=frame["x1"] + np.arange(len(frame)) * 1e-12)
    one, other = (random_intercept(data, ["x1"], group="therapist", baseline="log") for data in (frame, apart))
    assert one.log_likelihood == pytest.approx(other.log_likelihood, rel=1e-9)
    assert one.between["high"].to_numpy() == pytest.approx(other.between["high"].to_numpy(), rel=1e-3)


def test_no_group_is_named_and_the_published_shares_stand_beside():
    frame = clinic(np.random.default_rng(5), 0.1, n_therapists=20)
    frame["therapist_id"] = "Quackenbush" + frame["therapist_id"]
    model = random_intercept(frame)
    shown = model._repr_html_() + repr(model) + "".join(model.notes)
    assert "Quackenbush" not in shown
    for words in ("5.7%", "9.5%", "12.6%", "share of variance, %", "few groups: 20", "ranked", "profile likelihood"):
        assert words in shown, words
    low, high = 100 * model.share[1], 100 * model.share[2]
    assert f"{low:.1f} to {high:.1f}%" in repr(model)


def test_groups_that_tell_nothing():
    frame = clinic(np.random.default_rng(5), 0.1, n_therapists=30)
    with pytest.raises(ModelError, match="each of .* has one client.*clinic_id"):
        random_intercept(frame, group="client_id")
    with pytest.raises(ModelError, match="has 2 values"):
        random_intercept(frame.assign(clinic_id=np.arange(len(frame)) % 2), group="clinic_id")
    with pytest.raises(CallError, match="no column 'supervisor_id'"):
        random_intercept(frame, group="supervisor_id")
    with pytest.raises(CallError, match="nodes is 0"):
        random_intercept(frame, nodes=0)
    alone = frame["therapist_id"].mask(frame.index < 7, [f"new {i}" for i in range(len(frame))])
    model = random_intercept(frame.assign(therapist_id=alone))
    assert any(note.startswith("7 of 37 groups have one client") for note in model.notes)


def test_a_variance_without_upper_bound_is_told():
    """Three groups: all of one leave at once, none of the others; nothing says how far apart they can be."""
    frame = pd.DataFrame({"therapist_id": list("aaaabbbbcccc"), "start": 0, "stop": [1] * 12,
                          "ending": ["dropout"] * 4 + ["ongoing"] * 8})
    model = random_intercept(frame, min_endings=1)
    assert model.between["high"][0] > 10
    assert model.share[2] > 0.95


@pytest.mark.slow
@pytest.mark.parametrize("link", LINKS)
def test_the_share_lies_within_its_interval_as_often_as_it_should(link):
    """200 clinics of 40 therapists with about 25 clients each, shares drawn from 2 to 20%, seed 2026.

    With a true coverage of 95% the number of 200 lies between 180 and 198 with probability 0.9988, so that a wrong interval
    is seen and a right one passes; the seed is fixed all the same.
    """
    rng = np.random.default_rng(2026)
    within, errors = 0, []
    for _ in range(200):
        share = rng.uniform(0.02, 0.20)
        estimate, low, high = random_intercept(clinic(rng, share, link), link=link, baseline="log").share
        within += low <= share <= high
        errors.append(estimate - share)
    assert 180 <= within <= 198
    # Maximum likelihood is a little low with 40 groups; the mean of 200 errors has a standard error of 0.0025.
    assert abs(np.mean(errors)) < 0.012
    assert binom.cdf(198, 200, 0.95) - binom.cdf(179, 200, 0.95) > 0.99
