"""All measures in all drawings against the plain functions, one drawing, predictor and horizon after the other."""

from __future__ import annotations

import numpy as np
import pytest

from dropout.evaluation import drawn, metrics
from dropout.evaluation.calibration_curve import calibration_distances, smooth_curve
from dropout.evaluation.censoring import by_horizon
from dropout.evaluation.drawn import measured
from dropout.evaluation.forecasts import Forecasts
from dropout.evaluation.intervals import Resamples, bands, percentiles
from dropout.evaluation.net_benefit import net_benefit

HORIZONS = (30.0, 60.0, 90.0)
THRESHOLDS = (0.1, 0.3, 0.5)


def forecasts(n: int, seed: int = 0, *, rows_a_client: int = 3, ties: bool = False) -> Forecasts:
    """Simulated forecasts with two endings, censoring and, if wanted, ties everywhere."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    gone, other, lost = rng.exponential(125 / np.exp(0.9 * x)), rng.exponential(160, n), rng.uniform(10, 220, n)
    gone[rng.random(n) < 0.05] = 0.0
    time = np.minimum(np.minimum(gone, other), lost)
    event = np.where(lost < np.minimum(gone, other), 0, np.where(gone <= other, 1, 2))
    shift = np.array([-1.5, -1.0, -0.6])
    p = {"sharp": 1 / (1 + np.exp(-(x[:, None] + shift))), "blunt": 1 / (1 + np.exp(-(0.4 * x[:, None] + shift))),
         "two values": np.where((x > 0)[:, None], 0.45, 0.2) * np.array([0.8, 1.0, 1.2]),
         "base rate": np.tile([0.2, 0.35, 0.4], (n, 1))}
    if ties:
        time = np.ceil(time / 10) * 10
        p = {name: np.round(values, 1) * 0.9 + 0.05 for name, values in p.items()}
    return Forecasts(np.arange(n) // rows_a_client, time, event, HORIZONS, p)


def slow(of: Forecasts, name: str, h: int, count: np.ndarray) -> dict[str, float]:
    """The measures of one drawing: rows stand in the data as often as their client was drawn."""
    rows = np.repeat(np.arange(len(of)), count)
    y, weight = by_horizon(of.time[rows], of.event[rows], of.horizons[h])
    p = of.predictors[name][rows, h]
    share = np.average(y, weights=weight)
    return {
        "log_loss": metrics.log_loss(y, p, weight), "brier": metrics.brier(y, p, weight),
        "scaled_brier": 1 - metrics.brier(y, p, weight) / (share * (1 - share)), "auc": metrics.auc(y, p, weight),
        "predicted": p.mean(), "observed": share, "in_the_large": p.mean() - share,
        "observed_expected": share / p.mean(), "slope": metrics.calibration_slope(y, p, weight),
    }


@pytest.mark.parametrize("ties", [False, True])
def test_measures_and_drawings_are_those_of_the_plain_functions(ties):
    of = forecasts(240, ties=ties)
    found = measured(of, 20, 7, THRESHOLDS)
    counts = Resamples.of(of.client, 20, 7)
    for h in range(3):
        for k, name in enumerate(of.predictors):
            every = [(None, np.ones(len(of), dtype=int)), *((b, counts.counts[b][counts.client]) for b in range(0, 20, 5))]
            for b, count in every:
                for measure, expected in slow(of, name, h, count).items():
                    value = found.value[measure][h, k] if b is None else found.drawn[measure][b, h, k]
                    # Slopes of drawings are fitted on log odds rounded to a hundredth of their spread.
                    off = 2e-3 if measure == "slope" and b is not None else 1e-9
                    assert value == pytest.approx(expected, abs=off, nan_ok=True), (name, h, b, measure)


def test_curves_distances_and_net_benefit_are_those_of_the_plain_functions():
    of = forecasts(600)
    found = measured(of, 20, 7, THRESHOLDS)
    for h, horizon in enumerate(HORIZONS):
        y, weight = by_horizon(of.time, of.event, horizon)
        for k, name in enumerate(of.predictors):
            p = of.predictors[name][:, h]
            expected = calibration_distances(y, p, weight, everybody=np.ones(len(p)))
            for measure, value in expected.items():
                assert found.value[measure][h, k] == pytest.approx(value, abs=1e-9)
            at = found.curve_at[h, k]
            assert np.allclose(found.curve[h, k], smooth_curve(y, p, weight, at=at), atol=1e-9)
            assert np.allclose(found.benefit[h, k], net_benefit(y, p, weight, thresholds=THRESHOLDS), atol=1e-12)


def test_curves_of_drawings_are_near_those_without_cells():
    of = forecasts(600)
    found = measured(of, 20, 7, THRESHOLDS)
    counts = Resamples.of(of.client, 20, 7)
    count = counts.counts[3][counts.client]
    exact = drawn._Ranked(of.predictors["sharp"][:, 1], drawn.FollowUp.of(of.time, of.event, HORIZONS), 1)
    weights = list(drawn.FollowUp.of(of.time, of.event, HORIZONS).weights(count[None].astype(float)))[1]
    slow_one = exact.measures(count[None].astype(float), *weights, np.array(THRESHOLDS))
    assert np.allclose(found.curve_drawn[1, 0][3], slow_one.curve[0], atol=2e-3)
    for measure in ("ici", "e50", "e90"):
        assert found.drawn[measure][3, 1, 0] == pytest.approx(slow_one.measures[measure][0], abs=2e-3)
    assert np.allclose(found.benefit_drawn[3, 1, 0], slow_one.benefit[0], atol=1e-12)


def test_drawings_do_not_depend_on_how_many_are_held_at_once(monkeypatch):
    of = forecasts(150)
    whole = measured(of, 30, 1, THRESHOLDS)
    monkeypatch.setattr(drawn, "VALUES_AT_ONCE", 1000)
    parts = measured(of, 30, 1, THRESHOLDS)
    for measure in drawn.MEASURES:
        assert np.allclose(whole.drawn[measure], parts.drawn[measure], atol=1e-9, equal_nan=True)


def test_the_order_of_the_rows_does_not_matter():
    of = forecasts(150)
    mixed = of.take(np.random.default_rng(0).permutation(150))
    one, other = measured(of, 20, 1, THRESHOLDS), measured(mixed, 20, 1, THRESHOLDS)
    for measure in drawn.MEASURES:
        assert np.allclose(one.drawn[measure], other.drawn[measure], atol=1e-9, equal_nan=True)


def test_one_client_has_no_drawings():
    of = forecasts(30, rows_a_client=30)
    found = measured(of, 20, 0)
    assert found.drawn["brier"].shape == (0, 3, 4) and np.isfinite(found.value["brier"]).all()


def test_bands_are_numpys_quantiles_of_what_is_usable():
    rng = np.random.default_rng(1)
    values = rng.normal(size=(100, 3, 2))
    values[:5, 0, 0], values[:20, 1, 1], values[3, 2, 0] = np.nan, np.nan, np.inf
    low, high = bands(values)
    assert low[0, 0] == pytest.approx(np.quantile(values[5:, 0, 0], 0.025))
    assert high[0, 1] == pytest.approx(np.quantile(values[:, 0, 1], 0.975))
    assert np.isnan(low[1, 1]) and np.isnan(high[1, 1])
    kept = np.delete(values[:, 2, 0], 3)
    assert (low[2, 0], high[2, 0]) == pytest.approx(tuple(np.quantile(kept, [0.025, 0.975])))
    assert percentiles(values[:, 0, 1]) == pytest.approx((low[0, 1], high[0, 1]))
    assert np.isnan(bands(np.zeros((0, 2)))[0]).all()
