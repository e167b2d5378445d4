"""Metrics against their definitions, written out again or known in closed form."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from em_inverse import metrics
from em_inverse.errors import DataError, ParameterError

vectors = hnp.arrays(np.float64, 12, elements=st.floats(-1e3, 1e3))
PAIRS = [metrics.rmse, metrics.psnr, metrics.ssim, metrics.fourier_ring_correlation]


@given(vectors, vectors, st.floats(0.1, 10))
def test_rmse_is_a_distance(a, b, c):
    assert metrics.rmse(a, b) == metrics.rmse(b, a)
    assert metrics.rmse(a, a) == 0
    assert metrics.rmse(c * a, c * b) == pytest.approx(c * metrics.rmse(a, b), rel=1e-9)
    assert metrics.rmse(a, b) == pytest.approx(np.linalg.norm(a - b) / np.sqrt(12))


def test_rmse_does_not_lose_small_differences_of_float32():
    a = np.full(10, 1e4, np.float32)
    assert metrics.rmse(a, a.astype(np.float64) + 1e-3) == pytest.approx(1e-3)


@pytest.mark.parametrize("metric", PAIRS)
def test_both_shapes_are_printed(metric):
    with pytest.raises(DataError, match=r"\(16, 16\).*\(16, 17\)"):
        metric(np.ones((16, 16)), np.ones((16, 17)))


def test_psnr_by_hand():
    truth = np.array([0.0, 4.0, 2.0])
    x = truth + 0.4
    assert metrics.psnr(x, truth) == pytest.approx(20)
    assert metrics.psnr(x, truth, data_range=40) == pytest.approx(40)
    assert metrics.psnr(truth, truth) == np.inf


@pytest.mark.parametrize("metric", [metrics.psnr, metrics.ssim])
def test_a_constant_truth_needs_a_range(metric):
    flat = np.ones((16, 16))
    with pytest.raises(ParameterError, match="Pass data_range"):
        metric(flat + 0.1, flat)
    with pytest.raises(ParameterError, match="data_range"):
        metric(flat, flat, data_range=0)
    assert np.isfinite(metric(flat + 0.1, flat, data_range=1))


def test_ssim_follows_its_definition_at_one_pixel():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 11, 11))
    g = np.exp(-np.square(np.arange(-5, 6)) / (2 * 1.5**2))
    w = np.outer(g, g) / g.sum() ** 2
    mean_a, mean_b = (w * a).sum(), (w * b).sum()
    var_a, var_b = (w * a * a).sum() - mean_a**2, (w * b * b).sum() - mean_b**2
    cov = (w * a * b).sum() - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    expected = (2 * mean_a * mean_b + c1) * (2 * cov + c2)
    expected /= (mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)
    # The mean leaves out a border of 5 pixels, so that of an 11-pixel image is its middle.
    assert metrics.ssim(a, b, data_range=1) == pytest.approx(expected, rel=1e-6)


def test_ssim_of_a_volume_is_the_mean_over_slices():
    rng = np.random.default_rng(1)
    truth = rng.random((12, 13, 3))
    x = truth + 0.1 * rng.standard_normal(truth.shape)
    span = np.ptp(truth)
    slices = [metrics.ssim(x[..., k], truth[..., k], span) for k in range(3)]
    assert metrics.ssim(x, truth) == pytest.approx(np.mean(slices))
    moved = metrics.ssim(np.moveaxis(x, -1, 0), np.moveaxis(truth, -1, 0), axis=0)
    assert moved == pytest.approx(np.mean(slices))


def test_ssim_refuses_what_is_too_small_or_has_no_such_axis():
    small = np.arange(100.0).reshape(10, 10)
    with pytest.raises(DataError, match=r"\(10, 10\).*11 pixels"):
        metrics.ssim(small, small)
    with pytest.raises(ParameterError, match="axis"):
        metrics.ssim(np.ones((12, 12, 12)), np.ones((12, 12, 12)), 1, axis=3)
    with pytest.raises(DataError, match="1-D"):
        metrics.ssim(np.arange(20.0), np.arange(20.0))


def ring_correlation_by_full_spectrum(a, b):
    n = min(a.shape)
    radius = np.sqrt(sum(f**2 for f in np.meshgrid(*map(np.fft.fftfreq, a.shape), indexing="ij")))
    ring = np.rint(radius * n)
    fa, fb = np.fft.fftn(a), np.fft.fftn(b)
    values, counts = [], []
    for k in range(n // 2 + 1):
        m = ring == k
        power = np.sqrt((abs(fa[m]) ** 2).sum() * (abs(fb[m]) ** 2).sum())
        values.append((fa[m] * fb[m].conj()).sum().real / power)
        counts.append(m.sum())
    return values, counts


@settings(max_examples=25, deadline=None)
@given(hnp.array_shapes(min_dims=2, max_dims=3, min_side=3, max_side=9), st.integers(0, 2**32 - 1))
def test_ring_correlation_equals_the_full_spectrum(shape, seed):
    a, b = np.random.default_rng(seed).standard_normal((2, *shape))
    frc = metrics.fourier_ring_correlation(a, b)
    values, counts = ring_correlation_by_full_spectrum(a, b)
    assert np.allclose(frc.correlation, values, atol=1e-12)
    assert np.array_equal(frc.n_coefficients, counts)
    assert frc.frequency == pytest.approx(np.arange(len(values)) / min(shape))


def test_ring_correlation_signs_units_and_noise():
    rng = np.random.default_rng(2)
    a, b = rng.standard_normal((2, 64, 64))
    assert np.allclose(metrics.fourier_ring_correlation(a, -2 * a).correlation, -1)
    unrelated = metrics.fourier_ring_correlation(a, b, pixel_size_nm=0.5)
    assert np.abs(unrelated.correlation[5:]).max() < 0.35
    assert unrelated.frequency[-1] == pytest.approx(1.0)
    with pytest.raises(ParameterError, match="pixel_size_nm"):
        metrics.fourier_ring_correlation(a, b, pixel_size_nm=0)


def test_ring_without_power_is_nan():
    a = np.ones((16, 16))
    frc = metrics.fourier_ring_correlation(a, a)
    assert frc.correlation[0] == pytest.approx(1)
    assert np.isnan(frc.correlation[1:]).all()
    assert frc.cutoff() == np.inf


def test_cutoff_interpolates():
    f = np.array([0.0, 0.1, 0.2, 0.3])
    make = lambda c: metrics.RingCorrelation(f, np.array(c), np.ones(4, int))  # noqa: E731
    assert make([1, 1, 0.5, 0.0]).cutoff(0.25) == pytest.approx(0.25)
    assert make([1, 0.9, 0.8, 0.7]).cutoff(0.5) == np.inf
    assert make([0.1, 1, 1, 1]).cutoff(0.5) == 0
    assert make([1, np.nan, 0.2, 0.1]).cutoff(0.5) == pytest.approx(0.2)
    with pytest.raises(ParameterError, match="threshold"):
        make([1, 1, 1, 1]).cutoff(2)


@settings(deadline=None)
@given(st.integers(1, 8), st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_chamfer_equals_the_table_of_distances(n, m, seed):
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((n, 3)), rng.standard_normal((m, 3))
    table = np.linalg.norm(a[:, None] - b[None], axis=2)
    expected = (table.min(axis=1).mean() + table.min(axis=0).mean()) / 2
    assert metrics.chamfer(a, b) == pytest.approx(expected)
    assert metrics.chamfer(b, a) == pytest.approx(expected)
    assert metrics.chamfer(a, a) == 0


def test_chamfer_refuses_other_dimensions():
    with pytest.raises(DataError, match=r"\(2, 2\).*\(2, 3\)"):
        metrics.chamfer(np.ones((2, 2)), np.ones((2, 3)))
    with pytest.raises(DataError, match="2-D"):
        metrics.chamfer(np.ones(3), np.ones(3))


def ellipse(a_z, a_x, shape=(97, 91), ndim=2):
    """A solid ellipse(-oid) off the centre, seen by 4 x 4 samples per pixel."""
    s = 4
    z, x = (((np.arange(n * s) + 0.5) / s - 0.5 - n / 2 - 3) for n in shape)
    solid = (z[:, None] / a_z) ** 2 + (x / a_x) ** 2 <= 1
    image = solid.reshape(shape[0], s, shape[1], s).mean(axis=(1, 3))
    return image if ndim == 2 else np.stack([image] * 3, axis=2)


@pytest.mark.parametrize("method", ["moments", "half_maximum"])
@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize(("a_z", "a_x"), [(20, 20), (30, 15), (12, 24), (36, 20)])
def test_elongation_of_ellipses(method, ndim, a_z, a_x):
    found = metrics.wedge_elongation(ellipse(a_z, a_x, ndim=ndim), method=method)
    assert found == pytest.approx(a_z / a_x, rel=0.01)


@pytest.mark.parametrize("method", ["moments", "half_maximum"])
@pytest.mark.parametrize("direction", [-60, 30, 90])
def test_elongation_is_measured_along_any_direction(method, direction):
    z, x = np.mgrid[-40:41, -45:46]
    a = np.deg2rad(direction)
    along, across = z * np.cos(a) - x * np.sin(a), z * np.sin(a) + x * np.cos(a)
    blob = np.exp(-((along / 12) ** 2) - (across / 6) ** 2)
    found = metrics.wedge_elongation(blob, method=method, threshold=0, direction_deg=direction)
    assert found == pytest.approx(2, rel=0.01)
    with pytest.raises(ParameterError, match="direction_deg"):
        metrics.wedge_elongation(blob, direction_deg=np.nan)


def test_a_line_profile_stays_inside_the_array():
    picture = np.arange(20.0).reshape(4, 5)
    distance, values = metrics.line_profile(picture, (1, 1), (np.sqrt(0.5), -np.sqrt(0.5)))
    np.testing.assert_allclose(distance, np.sqrt(2) * np.array([-1, 0, 1]))
    np.testing.assert_allclose(values, [2, 6, 10])


def test_threshold_keeps_background_out():
    rng = np.random.default_rng(0)
    image = ellipse(30, 15) + 0.1 * rng.random((97, 91))
    assert metrics.wedge_elongation(image) == pytest.approx(2, rel=0.01)
    assert metrics.wedge_elongation(image, threshold=0) < 1.7


def test_negative_streaks_do_not_count():
    image = ellipse(30, 15)
    image[0] = -0.9
    assert metrics.wedge_elongation(image, threshold=0) == pytest.approx(2, rel=0.01)


def test_elongation_needs_an_object():
    with pytest.raises(DataError, match="no value above zero"):
        metrics.wedge_elongation(-np.ones((8, 8)))
    line = np.zeros((9, 9))
    line[:, 4] = 1
    with pytest.raises(DataError, match="without width"):
        metrics.wedge_elongation(line)
    with pytest.raises(DataError, match="edge of the array along z"):
        metrics.wedge_elongation(line, method="half_maximum")
    with pytest.raises(ParameterError, match="method"):
        metrics.wedge_elongation(line, method="eye")
    with pytest.raises(ParameterError, match="threshold is 1"):
        metrics.wedge_elongation(line, threshold=1)


def test_shells_are_rings_of_volumes_and_refuse_slices():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 12, 12, 12))
    shells = metrics.fourier_shell_correlation(a, b, pixel_size_nm=0.5)
    rings = metrics.fourier_ring_correlation(a, b, pixel_size_nm=0.5)
    assert np.array_equal(shells.correlation, rings.correlation)
    with pytest.raises(DataError, match="2-D; 3-D is needed"):
        metrics.fourier_shell_correlation(a[0], b[0])


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_wedge_left_out_of_the_rings_decides_nothing(ndim):
    """Two images that agree along x only: within 20° of it the correlation is 1."""
    rng = np.random.default_rng(1)
    shape = (24, 24, 6)[:ndim] if ndim == 2 else (24, 24, 24)
    common, one, two = rng.standard_normal((3, *shape))
    kz, kx, *_ = np.meshgrid(*(np.fft.fftfreq(n) for n in shape), indexing="ij")
    across = np.abs(np.rad2deg(np.arctan(kz / np.where(kx == 0, 1e-9, kx)))) < 40
    across[(0,) * ndim] = True
    parts = [
        np.fft.ifftn(np.where(across, np.fft.fftn(common), np.fft.fftn(own))).real
        for own in (one, two)
    ]
    inside = metrics.fourier_ring_correlation(*parts, wedge_deg=(39.0, 102.0))
    everywhere = metrics.fourier_ring_correlation(*parts)
    assert np.nanmin(inside.correlation) > 0.999
    assert np.nanmean(everywhere.correlation[3:]) < 0.8
    assert np.all(inside.n_coefficients <= everywhere.n_coefficients)
    assert inside.n_coefficients[0] == 1


def test_half_bit_is_the_published_curve_and_a_threshold():
    curve = metrics.half_bit([0, 2, 20, 2e9])
    assert np.isnan(curve[0])
    assert curve[1:] == pytest.approx([1.0, 0.5428, 0.1716], abs=2e-3)
    frc = metrics.RingCorrelation(
        np.arange(5) / 10, np.array([0.2, 0.9, 0.8, 0.4, 0.1]), np.array([1, 20, 60, 200, 400])
    )
    assert np.array_equal(frc.half_bit(), metrics.half_bit(frc.n_coefficients), equal_nan=True)
    assert 0.3 < frc.cutoff(frc.half_bit()) < 0.4
    assert frc.cutoff(0.143) == pytest.approx(0.3857, abs=1e-3)
    with pytest.raises(DataError, match="threshold has shape"):
        frc.cutoff([0.1, 0.2])


def test_rings_that_the_wedge_empties_are_passed_over():
    image = np.random.default_rng(0).random((24, 24))
    frc = metrics.fourier_ring_correlation(image, image, wedge_deg=(30, 160))
    assert (frc.n_coefficients == 0).any()
    assert frc.cutoff(frc.half_bit()) == np.inf
    noise = np.random.default_rng(1).random((24, 24))
    other = metrics.fourier_ring_correlation(image, noise, wedge_deg=(30, 160))
    assert np.isfinite(other.cutoff(other.half_bit()))


def porous():
    truth = np.pad(np.ones((30, 30)), 8)
    for z, x in ((14, 14), (14, 30), (30, 20)):
        truth[z : z + 4, x : x + 4] = 0
    return truth


def test_holes_of_the_truth_are_all_found_and_none_invented():
    assert metrics.count_holes(porous(), porous()) == (3, 0, 3)


def test_a_hole_counts_from_half_of_its_area_on():
    shown = porous()
    shown[14:16, 14:18] = 1
    assert metrics.count_holes(shown, porous()).found == 3
    shown[16, 14] = 1
    assert metrics.count_holes(shown, porous()).found == 2


def test_invented_holes_are_dark_large_inside_and_apart():
    shown = porous()
    shown[22:25, 32:34] = 0.4
    assert metrics.count_holes(shown, porous()) == (3, 1, 3)
    assert metrics.count_holes(shown, porous(), threshold=0.3) == (3, 0, 3)
    assert metrics.count_holes(shown, porous(), smallest=7) == (3, 0, 3)
    shown = porous()
    shown[18:20, 14:18] = 0  # a true hole that came out larger
    shown[8:10, 8:38] = 0  # a face that came out lower
    assert metrics.count_holes(shown, porous()) == (3, 0, 3)


def test_holes_need_one_shape():
    with pytest.raises(DataError, match="shape"):
        metrics.count_holes(np.ones((20, 20)), porous())
