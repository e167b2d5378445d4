"""Advice to stop: only where the last projections were foretold, from all directions."""

import numpy as np
import pytest

from em_inverse.dynamic import DynamicReconstruction, advise
from em_inverse.forward import ParallelBeam

GOLDEN = np.array([(k * 0.6180339887 % 1) * 140 - 70 for k in range(60)])


def ratios(angles, value):
    return dict.fromkeys(angles.tolist(), value)


def test_foretold_from_all_sides_means_stop():
    advice = advise(GOLDEN[:40], ratios(GOLDEN[1:40], 1.04), 75)
    assert advice.stop
    assert "foretold" in str(advice)
    assert advice.expected_gain == pytest.approx(1 - np.sqrt(40 / 75))
    assert "27 %" in advice.reason


@pytest.mark.parametrize(
    ("angles", "ratio", "said"),
    [
        (GOLDEN[:6], 1.0, "too few"),
        (GOLDEN[:40], 1.6, "brought news"),
        (np.arange(-70, -20, 2.0), 1.0, "not been seen"),
    ],
)
def test_otherwise_go_on(angles, ratio, said):
    advice = advise(angles, ratios(angles[1:], ratio), 75)
    assert not advice.stop
    assert said in advice.reason


def test_the_plan_tells_a_wedge_from_a_series_that_has_only_begun():
    angles = np.arange(-60, 21, 2.0)
    known = ratios(angles[1:], 1.0)
    assert not advise(angles, known, 61, (-60, 60)).stop
    assert advise(angles, known, 41, (-60, 20)).stop


def test_without_a_plan_no_gain_is_named():
    advice = advise(GOLDEN[:40], ratios(GOLDEN[1:40], 1.0))
    assert np.isnan(advice.expected_gain)
    assert "at the very most" not in advice.reason


@pytest.mark.parametrize("order", ["golden", "sequential"])
def test_on_a_real_run_the_gain_that_follows_is_no_larger_than_promised(order):
    n, sigma = 32, 1.5
    disc = (np.hypot(*np.mgrid[-15.5:16, -15.5:16]) < 10).astype(np.float32)
    disc[12:18, 9:14] = 0.4
    angles = np.linspace(-70, 70, 57)
    if order == "golden":
        angles = angles[np.argsort(np.arange(57) * 0.6180339887 % 1)]
    data = ParallelBeam((n, n), angles).forward(disc)
    data += sigma * np.random.default_rng(5).standard_normal(data.shape)
    run = DynamicReconstruction((n, n), units="noise", noise=sigma, n_expected=57)
    stopped = None
    for k in range(57):
        run.add(angles[k], data[k])
        run.run(15)
        advice = run.advice()
        if advice.stop and stopped is None:
            stopped = k + 1, np.sqrt(np.mean((run.x - disc) ** 2)), advice.expected_gain
    end = np.sqrt(np.mean((run.x - disc) ** 2))
    assert stopped is not None
    count, then, promised = stopped
    if order == "sequential":
        assert count > 38
    else:
        assert count < 50
        assert 1 - end / then <= promised + 0.1
