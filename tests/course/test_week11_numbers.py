"""Every number that week 11 states in its prose, computed again.

What a cell prints is held by the strict comparison of stored outputs. What stands in sentences is
held here: when a sentence is edited, edit its test.
"""

import numpy as np
import pytest
import scipy.linalg

from em_inverse import choose, deblurring, forward, metrics, noise, phantoms, solvers
from em_inverse.checks import week11_pictures
from em_inverse.widgets.deblurring import problem

LAMBDAS = np.logspace(-5, 2, 100)


@pytest.fixture(scope="module")
def lesson():
    x = phantoms.three_peaks(64)
    H = forward.GaussianBlur((64,), sigma=3)
    y = noise.gaussian(H @ x, level=0.10, seed=42)
    return H, x, y


def test_notebook_checks_and_explorer_share_one_problem(lesson):
    H, x, y = lesson
    matrix, data = week11_pictures.measurement()
    np.testing.assert_array_equal(matrix, H.to_matrix())
    np.testing.assert_array_equal(data, y)
    shown = problem(3.0, 10.0)
    np.testing.assert_array_equal(shown.truth, x)
    np.testing.assert_array_equal(shown.data, y)


def test_section_1_the_blur(lesson):
    H, x, _ = lesson
    assert np.hypot(1.5, 3) == pytest.approx(3.4, abs=0.05)
    assert (H @ x).max() == pytest.approx(1.5 / np.hypot(1.5, 3), abs=0.01)
    assert (H @ x).sum() == pytest.approx(x.sum())
    wave = np.cos(2 * np.pi * np.arange(700) / 7)
    passed = (forward.GaussianBlur((700,), 3) @ wave)[300:400]
    assert np.abs(passed).max() == pytest.approx(0.027, abs=0.002)
    # 10 % noise on the brightest value is that of about 100 counts there.
    assert 1 / np.sqrt(100) == 0.10


def test_section_2_the_naive_inverse(lesson):
    H, x, y = lesson
    naive = deblurring.naive(H, y)
    assert np.linalg.norm(H @ naive - y) < 1e-10
    assert 1000 < metrics.rmse(naive, x) < 10000
    # quiz 2: "from thousands to thousands divided by 1.4"
    half_the_noise = deblurring.naive(H, H @ x + (y - H @ x) / np.sqrt(2))
    assert metrics.rmse(half_the_noise, x) > 1000


def test_section_3_singular_values(lesson):
    H, x, y = lesson
    s, coefficients, _ = solvers.picard(H, y)
    level = noise.gaussian_sigma(H @ x, 0.10)
    assert level == pytest.approx(0.045, abs=5e-4)
    assert np.sqrt(np.mean(coefficients[30:] ** 2)) == pytest.approx(level, rel=0.25)
    assert int(np.argmax(s < level)) == 17
    assert s[0] / s[-1] == pytest.approx(2e5, rel=0.05)  # "about two hundred thousand"
    assert 4.5 < np.log10(s[0] / s[-1]) < 5.5  # "over five decades"
    errors = {r: metrics.rmse(deblurring.truncated_svd(H, y, r), x) for r in (5, 10, 16, 20)}
    assert min(errors, key=errors.get) == 16
    assert errors[20] > 2 * errors[16]


def test_section_4_most_of_the_error_is_bias(lesson):
    H, x, y = lesson
    with_noise = metrics.rmse(deblurring.tikhonov(H, y, 0.003), x)
    without = metrics.rmse(deblurring.tikhonov(H, H @ x, 0.003), x)
    assert without > 0.8 * with_noise


def test_section_6_rules_differ_tenfold_and_errors_by_less_than_half(lesson):
    H, x, y = lesson
    expected = noise.gaussian_sigma(H @ x, 0.10) * np.sqrt(64)
    assert np.linalg.norm(y - H @ x) < expected  # "this noise came out smaller"
    rules = [
        choose.l_curve(H, y, LAMBDAS).lam,
        choose.discrepancy(H, y, expected).lam,
        choose.gcv(H, y).lam,
    ]
    best = choose.sweep(H, y, LAMBDAS, x)
    errors = [metrics.rmse(deblurring.tikhonov(H, y, lam), x) for lam in rules]
    assert 7 < max(rules) / min(rules) < 13
    assert max(errors) < 1.5 * best.rmse.min()
    assert min(rules) > best.lam  # "every rule lands to the right"


def test_section_7_priors(lesson):
    H, x, y = lesson
    weights = np.geomspace(1e-4, 1, 25)
    sparse = choose.sweep(
        H, y, weights, x, method=lambda H, y, lam: deblurring.sparse(H, y, lam, nonnegative=True)
    )
    spikes = sparse.solutions[sparse.rmse.argmin()]
    assert np.all(spikes[8:23] == 0)  # the light column is left out
    assert np.sum(spikes > 0.05) <= 4  # two spikes of one or two pixels
    flat = choose.sweep(
        H,
        y,
        weights,
        x,
        method=lambda H, y, lam: deblurring.total_variation(H, y, lam, nonnegative=True),
    )
    tikhonov = choose.sweep(H, y, weights, x)
    assert flat.rmse.min() == pytest.approx(tikhonov.rmse.min(), rel=0.05)


def test_section_9_dose_moves_the_limit_by_a_few_patterns(lesson):
    H, x, _ = lesson
    s = H.svd()[1]
    level = noise.gaussian_sigma(H @ x, 0.10)
    limits = [int(np.argmax(s < level / gain)) for gain in (1, np.sqrt(10))]
    assert 2 <= limits[1] - limits[0] <= 6
    narrow = forward.GaussianBlur((64,), sigma=1.5).svd()[1]
    assert int(np.argmax(narrow < level)) >= 2 * limits[0] - 2


def test_section_10_the_lecture():
    """Facts of the lecture beside the nearest mimic, within 1.3 %."""
    x = phantoms.three_peaks(64)
    taps = np.exp(-(np.linspace(-2, 2, 21) ** 2) / 2)
    mimic = scipy.linalg.circulant(np.roll(np.pad(taps, (0, 43)), -10))
    y = mimic @ x + 0.1 * np.random.default_rng(42).standard_normal(64)
    found = choose.sweep(mimic, y, LAMBDAS, x)

    def error(lam):
        return metrics.rmse(deblurring.tikhonov(mimic, y, lam), x)

    corner = choose.l_curve(mimic, y)
    pairs = [
        (230, np.linalg.cond(mimic)),
        (0.968, metrics.rmse(deblurring.naive(mimic, y), x)),
        (0.126, found.lam),
        (0.140, found.rmse.min()),
        (0.966, error(1e-5)),
        (0.189, error(5)),
        (0.243, error(100)),
        (0.175, corner.lam),
    ]
    for printed, ours in pairs:
        assert ours == pytest.approx(printed, rel=0.013)
    grid = choose.l_curve(mimic, y, LAMBDAS)
    assert LAMBDAS[grid.curvature.argmax()] == pytest.approx(0.175, abs=5e-4)
    assert corner.lam == pytest.approx(0.174, abs=5e-4)
    t = np.linspace(-2, 2, 21)
    assert 1 / (t[1] - t[0]) == pytest.approx(5)  # σ in pixels


def test_an_honest_gaussian_never_has_the_condition_number_of_the_lecture():
    kappas = [
        np.linalg.cond(forward.GaussianBlur((64,), 3, boundary, truncate).to_matrix())
        for boundary in forward.BOUNDARIES
        for truncate in (2.0, 3.0, 4.0, 6.0, None)
    ]
    assert min(kappas) > 1e3
    assert max(kappas) > 1e15
