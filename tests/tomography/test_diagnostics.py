"""Diagnostics on data from a four times finer phantom, with known noise and known faults."""

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from em_inverse import datasets, metrics, phantoms, tomography
from em_inverse.errors import DataError, GeometryError, ParameterError
from em_inverse.forward import ParallelBeam
from em_inverse.noise import poisson
from em_inverse.tilt_series import Reconstruction, TiltSeries
from em_inverse.tomography import diagnostics
from em_inverse.tomography.backprojection import angular_weights
from em_inverse.tomography.residuals import operator_of
from em_inverse.tomography.resolution import FourierShells, halves

N, FINER = 64, 4
ANGLES = np.arange(-70.0, 71.0, 3.0)


def fine(name):
    n = N * FINER
    if name == "smooth":
        z, x = np.mgrid[:n, :n] - (n - 1) / 2
        return np.exp(-(z**2 + x**2) / (2 * (n / 7) ** 2))
    return getattr(phantoms, name)(n, supersample=1)


@functools.cache
def clean(name, angles=tuple(ANGLES)):
    data = ParallelBeam((N * FINER, N * FINER), angles) @ fine(name)
    return data.reshape(len(angles), N, FINER).mean(axis=2) / FINER


@functools.cache
def spot():
    """A particle beside the object, 7 px wide."""
    n = N * FINER
    small = phantoms.disc(n, radius=14, centre=(n / 2 + 20, n / 2 - 80), supersample=1)
    data = ParallelBeam(small.shape, ANGLES) @ small
    return data.reshape(len(ANGLES), N, FINER).mean(axis=2) / FINER


def noisy(data, level, seed, **fields):
    sigma = level * data.max()
    noise = sigma * np.random.default_rng(seed).standard_normal(data.shape)
    return TiltSeries((data + noise).astype(np.float32), ANGLES, **fields), sigma


@functools.cache
def reconstructed(name, factor, seed=0):
    """A good λ for 5 % noise, times a factor."""
    series, sigma = noisy(clean(name), 0.05, seed)
    unit = tomography.lambda_unit(series)
    return tomography.tv(series, lam=factor * 0.012 * unit), series, sigma


# --- noise


@pytest.mark.parametrize(("name", "tolerance"), [("smooth", 0.04), ("disc", 0.07)])
def test_gaussian_noise_is_found_to_a_few_percent(name, tolerance):
    ratios = []
    for seed in range(4):
        series, sigma = noisy(clean(name), 0.05, seed)
        found = diagnostics.noise_level(series)
        ratios.append(found.noise_norm / (sigma * np.sqrt(series.projections.size)))
        assert found.gain == 0
    assert np.mean(ratios) == pytest.approx(1, abs=tolerance)


def test_counting_noise_is_found_although_the_vacuum_has_none():
    data = np.maximum(clean("smooth"), 0)
    counted = poisson(data, 20, seed=1)
    found = diagnostics.noise_level(TiltSeries(counted, ANGLES))
    assert found.gain > 0
    assert found.noise_norm == pytest.approx(np.linalg.norm(counted - data), rel=0.05)
    assert "growing with the intensity" in str(found)


def test_a_vacuum_all_but_free_of_noise_does_not_count():
    """The bundled needle: after background subtraction most pixels are 0, some just below."""
    series = tomography.remove_background(datasets.load("nist-needle-small"))
    found = diagnostics.noise_level(series)
    assert 0.002 < found.share < 0.01
    assert found.sigma.max() < 2 * np.median(found.sigma)


def test_noise_that_differs_from_tilt_to_tilt_is_told_apart():
    rng = np.random.default_rng(0)
    sigma = np.where(np.arange(20) < 10, 1.0, 3.0)
    noise = sigma[:, None, None] * rng.standard_normal((20, 32, 32))
    object_ = 40 * np.outer(np.hanning(32), np.hanning(32))
    found = diagnostics.noise_level(TiltSeries(noise + object_, np.arange(20)))
    assert found.sigma == pytest.approx(sigma, rel=0.25)
    assert found.noise_norm == pytest.approx(np.linalg.norm(noise), rel=0.05)
    assert found.facts == {"noise_norm": found.noise_norm}


@given(scale=st.floats(1e-6, 1e6), seed=st.integers(0, 5))
def test_noise_scales_with_the_data(scale, seed):
    data = np.random.default_rng(seed).standard_normal((5, 32)) + np.hanning(32)
    one, other = (diagnostics.noise_level(TiltSeries(d, range(5))) for d in (data, scale * data))
    assert other.noise_norm == pytest.approx(scale * one.noise_norm, rel=1e-6)
    assert other.share == pytest.approx(one.share, rel=1e-6)


def test_noise_of_empty_short_and_moved_projections():
    assert diagnostics.noise_level(TiltSeries(np.zeros((4, 30)), range(4))).noise_norm == 0
    with pytest.raises(GeometryError, match="4 pixels across"):
        diagnostics.noise_level(TiltSeries(np.ones((3, 4)), range(3)))
    still, moved = (
        TiltSeries(np.eye(9), range(9), metadata={"shifts_px": np.full((9, 2), shift)})
        for shift in (2.0, 0.3)
    )
    assert not diagnostics.noise_level(still).interpolated
    assert "estimate it before" in diagnostics.noise_level(moved).verdict


# --- the missing wedge


@given(st.floats(1, 90))
def test_elongation_falls_with_the_tilt_range(alpha):
    assert tomography.elongation(alpha) >= 1 - 1e-9
    assert tomography.elongation(alpha) >= tomography.elongation(min(alpha + 1, 90)) - 1e-12


def test_elongation_has_the_published_values_and_refuses_zero():
    assert [round(tomography.elongation(a), 2) for a in (45, 60, 70, 90)] == [2.12, 1.55, 1.31, 1]
    with pytest.raises(ParameterError, match="0; one direction"):
        tomography.elongation(0)


def test_the_missing_wedge_lies_where_no_tilt_measures():
    wedge = tomography.missing_wedge(ANGLES)
    assert (wedge.start_deg, wedge.width_deg) == (69.5, 39.0)
    assert wedge.max_tilt_deg == 70.5
    turned = tomography.missing_wedge(ANGLES + 200)
    assert turned.start_deg == pytest.approx(89.5)
    assert tomography.missing_wedge([0, 60, 120]).width_deg == 0
    assert tomography.missing_wedge([10]).width_deg == 180


GOLDEN = np.arange(61) * (np.sqrt(5) - 1) / 2 % 1
SCHEMES = {
    "±70° by 2°": (np.arange(-70, 71, 2.0), (71, 38)),
    "±70° by 2°, a tilt dropped": (np.delete(np.arange(-70, 71, 2.0), 45), (71, 38)),
    "±70° by 2°, a block dropped": (np.delete(np.arange(-70, 71, 2.0), range(40, 55)), (71, 38)),
    "−40° to 70° by 2°": (np.arange(-40, 71, 2.0), (71, 68)),
    "0° to 178° by 2°": (np.arange(0, 180, 2.0), (0, 0)),
    "0° to 178° by 2°, a tilt dropped": (np.delete(np.arange(0, 180, 2.0), 30), (0, 0)),
    "0° to 178° by 2°, two tilts dropped": (np.delete(np.arange(0, 180, 2.0), [30, 31]), (0, 0)),
    "golden, all around": (180 * GOLDEN - 90, (0, 0)),
    "golden within ±70°": (140 * GOLDEN - 70, None),
    "two steps, all around": (np.r_[np.arange(0, 90, 3.0), np.arange(90, 180, 0.75)], (0, 0)),
    "at random, all around": (np.random.default_rng(4).uniform(-90, 90, 60), (0, 0)),
}


@pytest.mark.parametrize("name", SCHEMES)
def test_one_definition_of_the_wedge_serves_everywhere(name):
    """What counts as a wedge gets no weight in wbp, and no other gap is treated so."""
    angles, expected = SCHEMES[name]
    wedge = tomography.missing_wedge(angles)
    if expected is None:
        assert 37 < wedge.width_deg < 40
        assert 69.5 < wedge.start_deg < 71.5
    else:
        assert wedge == pytest.approx(expected)
    given = np.rad2deg(angular_weights(angles).sum())
    directions = np.sort(np.mod(angles, 180))
    widest = np.diff(directions, append=directions[0] + 180).max()
    assert given == pytest.approx(180 - widest if wedge.width_deg else 180)


@pytest.mark.parametrize("name", [name for name in SCHEMES if "by 2°" in name])
def test_the_spectrum_leaves_out_the_same_wedge(name):
    angles = SCHEMES[name][0]
    run = tomography.wbp(TiltSeries(np.ones((angles.size, 8)), angles))
    assert tomography.power_spectrum(run, 0.1).wedge == tomography.missing_wedge(angles)


def test_back_projection_stretches_a_small_disc_about_as_much_as_expected():
    small = phantoms.disc(N, radius=3)
    series = TiltSeries(ParallelBeam(small.shape, ANGLES) @ small, ANGLES, 0.5)
    found = tomography.measured_elongation(tomography.wbp(series), method="half_maximum")
    assert found.max_tilt_deg == 69.0
    assert found.expected == pytest.approx(1.33, abs=0.01)
    assert 1.05 < found.measured < found.expected + 0.1
    assert found.along[found.centre[0]] == found.across[found.centre[1]]
    assert f"{found.expected:.2f} expected" in str(found)
    assert f"{found.measured:.2f} measured" in found.alt
    with pytest.raises(ParameterError, match="no tilt range"):
        tomography.measured_elongation(Reconstruction(small, "WBP"))


@pytest.mark.parametrize(
    ("low", "high", "middle"), [(-55, 55, 0), (-40, 70, 15), (-70, 40, -15), (0, 110, 55)]
)
@pytest.mark.parametrize("method", ["moments", "half_maximum"])
def test_an_asymmetric_range_stretches_along_the_middle_of_its_wedge(low, high, middle, method):
    """The same range, turned: the same elongation, in another direction."""
    angles = np.arange(low, high + 1, 2.0)
    small = phantoms.disc(N, radius=3)
    series = TiltSeries(ParallelBeam(small.shape, angles) @ small, angles)
    found = tomography.measured_elongation(tomography.wbp(series), method=method)
    assert (found.max_tilt_deg, found.middle_deg) == (55, middle)
    assert found.expected == pytest.approx(tomography.elongation(55))
    assert found.measured == pytest.approx(found.expected, rel={"moments": 0.03}.get(method, 0.16))
    assert found.along[found.along_px == 0] == found.across[found.across_px == 0]
    words = "along the beam: 1.71 expected of a point at ±55°"
    if middle:
        words = f"beam at {middle}°: 1.71 expected of a point from {low}° to {high}°"
    assert words.replace("-", "−") in str(found)
    assert ("middle of the missing wedge" in found.draw().get_suptitle()) == bool(middle)


def test_without_a_wedge_no_elongation_is_expected():
    geometry = {"tilt_min_deg": -88, "tilt_max_deg": 90, "tilt_step_deg": 2.0}
    found = tomography.measured_elongation(Reconstruction(phantoms.disc(N), "?", geometry=geometry))
    assert (found.expected, found.max_tilt_deg, found.middle_deg) == (1, 90, 0)
    assert "no wedge is missing" in str(found)
    geometry |= {"tilt_min_deg": -75.9, "tilt_max_deg": 76.1}
    found = tomography.measured_elongation(Reconstruction(phantoms.disc(N), "?", geometry=geometry))
    assert found.middle_deg == 0


def test_elongation_of_a_volume_uses_its_middle():
    ball = phantoms.sphere(20, radius=5)
    run = Reconstruction(ball, "?", geometry={"tilt_min_deg": -60, "tilt_max_deg": 60})
    found = tomography.measured_elongation(run)
    assert found.measured == pytest.approx(1, abs=0.02)
    assert found.along.shape == found.across.shape == (20,)
    assert found.along.max() == pytest.approx(ball.max())
    assert found.facts["elongation_expected"] == pytest.approx(1.55, abs=0.01)
    assert found.facts["elongation_measured"] == found.measured


# --- residuals


def test_no_projection_of_a_good_series_is_flagged():
    for name in ("disc", "nanocube_with_pores"):
        for seed in range(3):
            series, _ = noisy(clean(name), 0.05, seed)
            found = tomography.residual_per_tilt(tomography.sirt(series, 40), series)
            assert found.flagged.size == 0, (name, seed, found)
    assert found.facts == {}


def test_a_shifted_and_a_dim_projection_are_flagged():
    series, _ = noisy(clean("disc"), 0.05, 0)
    data = series.projections.copy()
    data[11] = np.roll(data[11], 3)
    data[30] *= 0.7
    found = tomography.residual_per_tilt(
        tomography.sirt(series.replace(projections=data), 40), series.replace(projections=data)
    )
    assert list(found.flagged) == [11, 30]
    assert "2 projections stand out: -37°, 20°" in str(found)
    assert found.facts["alarms"] == ["residual stands out at -37°", "residual stands out at 20°"]


def test_residuals_are_those_of_the_shifted_axis():
    small = phantoms.disc(32, radius=6, centre=(12, 20))
    angles = np.arange(-60, 61, 5)
    data = ParallelBeam(small.shape, angles, center_shift=1.5) @ small
    series = TiltSeries(data, angles)
    result = tomography.sirt(series, 200, center_shift=1.5)
    assert tomography.residual_per_tilt(result, series).relative.max() < 0.1
    assert tomography.residual_per_tilt(result, series, center_shift=0).relative.max() > 0.2


def test_empty_projections_and_perfect_fits():
    series = TiltSeries(np.zeros((5, 8)), range(0, 50, 10))
    perfect = tomography.residual_per_tilt(Reconstruction(np.zeros((8, 8)), "?"), series)
    assert np.all(perfect.relative == 0)
    assert perfect.flagged.size == 0
    found = tomography.residual_per_tilt(Reconstruction(np.ones((8, 8)), "?"), series)
    assert np.all(np.isinf(found.relative))
    assert found.flagged.size == 5


def test_what_does_not_belong_together_is_refused():
    series = TiltSeries(np.ones((3, 8)), [-60, 0, 60])
    with pytest.raises(ParameterError, match="ndarray"):
        operator_of(np.ones((8, 8)), series)
    with pytest.raises(GeometryError, match="a slice belongs to a sinogram"):
        operator_of(Reconstruction(np.ones((8, 8, 2)), "?"), series)
    shifted = Reconstruction(np.ones((8, 8)), "?", {"center_shift": [0.1, 0.2]})
    with pytest.raises(GeometryError, match="2 shifts"):
        operator_of(shifted, series)
    assert operator_of(shifted, series, center_shift=0.1).n_tilts == 3


# --- resolution


def test_halves_alternate_in_angle_and_share_the_dose():
    series = TiltSeries(np.arange(10.0).reshape(5, 2), [20, -20, 0, 10, -10], dose=100)
    even, odd = halves(series)
    assert list(even.projections[:, 0]) == [2, 4, 0]
    assert list(odd.projections[:, 0]) == [8, 6]
    assert (even.dose, odd.dose) == (60, 40)
    with pytest.raises(GeometryError, match="3 projections"):
        halves(TiltSeries(np.ones((3, 4)), range(3)))


def test_more_noise_means_less_resolution():
    found = []
    for level in (0.02, 0.2):
        series, _ = noisy(clean("nanocube_with_pores"), level, 0, pixel_size_nm=0.5)
        found.append(tomography.fourier_shell_correlation(series, tomography.wbp))
    fine_one, coarse = (shells.resolution() for shells in found)
    assert 1.0 <= fine_one < coarse
    assert found[0].unit == "nm"
    assert found[1].resolution("1/2") > found[1].resolution("1/7")
    assert found[1].facts["resolution_nm"] == coarse
    assert "may be worse" in str(found[0])
    assert found[0].at_limit() == (fine_one == 1.0)
    assert not found[1].at_limit()
    assert "limit of the pixels" not in found[1].facts["resolution_criterion"]
    with pytest.raises(ParameterError, match="criterion"):
        found[0].resolution("0.3")


def test_a_curve_that_never_falls_says_that_the_pixels_are_the_limit():
    curve = metrics.RingCorrelation(np.arange(4) / 6, np.ones(4), np.array([1, 8, 16, 20]))
    shells = FourierShells(curve, None, True, "SIRT")
    assert shells.resolution() == 2
    assert shells.at_limit()
    assert "2 px (half-bit, the limit of the pixels)" in str(shells)
    assert shells.facts["resolution_criterion"].endswith("the limit of the pixels")


def test_noise_alone_has_no_resolution_inside_the_fan_or_out_of_it():
    noise = np.random.default_rng(3).standard_normal(clean("disc").shape)
    series = TiltSeries(noise, ANGLES)
    inside = tomography.fourier_shell_correlation(series, tomography.wbp)
    assert inside.resolution() > 10
    assert inside.without_wedge
    assert inside.unit == "px"


def test_a_prior_makes_the_wedge_agree():
    """Where nothing was measured, two smooth reconstructions agree; leaving it out is honest."""
    series, _ = noisy(clean("nanocube_with_pores"), 0.2, 0)

    def method(half):
        return tomography.sirt(half, 60)

    inside, everywhere = (
        tomography.fourier_shell_correlation(series, method, exclude_wedge=flag)
        for flag in (True, False)
    )
    assert np.nansum(everywhere.curve.n_coefficients) > np.nansum(inside.curve.n_coefficients)
    assert not everywhere.without_wedge
    assert "missing wedge included" in str(everywhere)


def test_volumes_get_a_shell_correlation():
    ball = phantoms.sphere(24, radius=6)
    angles = np.arange(-60, 61, 10)
    series = TiltSeries(ParallelBeam(ball.shape, angles) @ ball, angles)
    shells = tomography.fourier_shell_correlation(series, lambda half: tomography.sirt(half, 15))
    assert shells.curve.correlation[1] > 0.99
    assert shells.curve.n_coefficients.sum() > 1000


# --- the power spectrum


def test_the_noise_floor_is_the_noise_of_a_linear_reconstruction():
    angles = np.arange(-70.0, 71.0, 2.0)
    ratios = []
    for seed in range(4):
        noise = 3.0 * np.random.default_rng(seed).standard_normal((angles.size, N))
        found = tomography.power_spectrum(tomography.wbp(TiltSeries(noise, angles)), 3.0)
        ratios.append(found.across[4:13] / found.floor[4:13])
    assert np.mean(ratios) == pytest.approx(0.95, abs=0.2)


def test_the_wedge_and_what_is_below_the_noise_are_filled_by_the_prior():
    result, series, sigma = reconstructed("disc", 1)
    found = tomography.power_spectrum(result, diagnostics.noise_level(series))
    z, x = np.indices((N, N)) - N // 2
    direction = np.rad2deg(np.arctan2(z, x)) % 180
    wedge = (abs(direction - 90) < 18) & (np.hypot(z, x) > 1)
    assert found.filled[wedge].all()
    assert not found.filled[N // 2, N // 2 + 1 : N // 2 + 5].any()
    assert found.filled_share[-1] > 0.9
    assert 0 < found.half_filled < 0.4
    assert found.wedge.width_deg == 39
    assert found.facts["filled_by_prior"] == pytest.approx(found.filled.mean())
    quiet = tomography.power_spectrum(result, 1e-9)
    # Two triangles of half angle 19.5° in a square.
    assert quiet.filled.mean() == pytest.approx(np.tan(np.deg2rad(19.5)) / 2, abs=0.01)
    assert np.isinf(quiet.half_filled)
    assert np.allclose(tomography.power_spectrum(result, sigma).power, found.power)


def test_the_power_spectrum_needs_the_tilts_and_takes_volumes():
    with pytest.raises(ParameterError, match="does not state tilt range"):
        tomography.power_spectrum(Reconstruction(np.eye(8), "?"), 1.0)
    around = {"n_projections": 90, "tilt_min_deg": 0, "tilt_max_deg": 178, "tilt_step_deg": 2}
    volume = np.random.default_rng(0).standard_normal((12, 12, 12))
    found = tomography.power_spectrum(Reconstruction(volume, "?", geometry=around), 1e6)
    assert found.half_filled == 0
    assert "all directions were measured; the prior fills more" in str(found)
    assert found.power[1:] == pytest.approx(np.ones(6), abs=0.5)
    assert found.filled.shape == (12, 12)


# --- over-regularisation


@pytest.mark.parametrize("name", ["disc", "nanocube_with_pores", "core_shell"])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_alarm_is_quiet_at_a_good_lambda_and_rings_at_thirty_times(name, seed):
    good, series, _ = reconstructed(name, 1, seed)
    over, _, _ = reconstructed(name, 30, seed)
    quiet = tomography.over_regularisation_alarm(good, series)
    loud = tomography.over_regularisation_alarm(over, series)
    assert not quiet, quiet
    assert loud, loud
    assert quiet.facts == {"residual_over_noise": quiet.ratio}
    assert loud.facts["alarms"][0].startswith("over-regularised, or not converged, or ")
    assert loud.ratio > 1.2 * quiet.ratio


def test_structure_alone_rings_where_the_noise_is_not_known():
    over, series, _ = reconstructed("disc", 30)
    moved = series.replace(metadata={"shifts_px": np.full((len(ANGLES), 2), 0.3)})
    found = tomography.over_regularisation_alarm(over, moved)
    assert found
    assert not any("times the noise" in reason for reason in found.reasons)
    assert any("resembles the object" in reason for reason in found.reasons)


def test_held_out_projections_are_asked_when_the_recipe_is_given():
    over, series, _ = reconstructed("disc", 30)

    def method(part, lam):
        return tomography.tv(part, lam=lam, n_iter=60)

    found = tomography.over_regularisation_alarm(over, series, reconstruct=method)
    assert found.held_out[0] > 1.1 * found.held_out[1]
    assert "held-out projections are predicted" in str(found)
    nameless = Reconstruction(over.x, "?")
    with pytest.raises(ParameterError, match="states no λ"):
        tomography.over_regularisation_alarm(nameless, series, reconstruct=method)


def test_a_perfect_fit_of_empty_data_is_no_alarm():
    series = TiltSeries(np.zeros((4, 8)), range(4))
    found = tomography.over_regularisation_alarm(Reconstruction(np.zeros((8, 8)), "?"), series)
    assert (found.alarm, found.ratio, found.structure, found.echo) == (False, 1.0, 0.0, 0.0)


# --- damage


def alternating():
    """When each tilt was recorded in a dose-symmetric series."""
    return np.argsort(np.argsort(np.abs(ANGLES) + 0.1 * (ANGLES > 0)))


def test_no_damage_is_quiet_at_ten_seeds():
    for seed in range(10):
        name = ("disc", "nanocube_with_pores")[seed % 2]
        series, _ = noisy(clean(name) + spot(), 0.05, seed)
        when = alternating() if seed % 3 else None
        found = tomography.damage_alarm(series, acquisition_order=when)
        assert not found, (seed, found)
    assert found.facts == {}


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("name", ["disc", "core_shell"])
def test_a_particle_lost_after_sixty_percent_rings(name, symmetric):
    when = alternating() if symmetric else np.arange(ANGLES.size)
    for seed in range(2):
        there = (when < 0.6 * ANGLES.size)[:, None]
        series, _ = noisy(clean(name) + there * spot(), 0.05, seed)
        found = tomography.damage_alarm(series, acquisition_order=when)
        assert found, found
        assert 24 <= found.split <= 34
        assert np.hypot(found.place[0] - 36.5, found.place[1] - 11.5) < 6
        assert "there is less at" in str(found)
        # In a dose-symmetric series late tilts are high ones: the mass tells only with less noise.
        assert found.cause in (("specimen", "unknown") if symmetric else ("specimen",))
        clear, _ = noisy(clean(name) + there * spot(), 0.02, seed)
        found = tomography.damage_alarm(clear, acquisition_order=when)
        assert found.cause == "specimen"
        assert "specimen changed" in str(found)
        assert "the mass in the projections falls" in str(found)
        assert found.map[found.place] == pytest.approx(found.blob, rel=1e-5)


def test_a_particle_that_arrives_is_told_from_one_that_leaves():
    there = (np.arange(ANGLES.size) >= 19)[:, None]
    series, _ = noisy(clean("disc") + there * spot(), 0.05, 0)
    assert "there is more at" in str(tomography.damage_alarm(series))


def moved(data, shifts):
    """Each projection moved by its shift in pixels."""
    at = np.arange(data.shape[1])
    return np.stack([np.interp(at - s, at, p) for s, p in zip(shifts, data, strict=True)])


@pytest.mark.parametrize("name", ["disc", "core_shell"])
def test_misalignment_is_not_called_damage(name):
    """Late projections are shifted, at once or slowly: nothing left the specimen."""
    when = alternating()
    late = when >= 0.6 * ANGLES.size
    for seed, shifts in enumerate((2.0 * late, 1.0 * late, 3 * when / ANGLES.size)):
        series, _ = noisy(moved(clean(name), shifts), 0.05, seed)
        found = tomography.damage_alarm(series, acquisition_order=when)
        assert found.alarm
        assert found.cause == "unknown"
        assert "specimen changed" not in str(found)
        assert "cannot be told apart here: the mass, which no shift" in str(found)
        assert found.facts["alarms"][0].startswith("early and late projections disagree (")
        assert "do not fit one specimen" in found.draw().get_suptitle()
    part = tomography.damage_alarm(series, acquisition_order=when, whole_object=False)
    assert "was not looked at" in str(part)


def test_the_real_needle_is_not_said_to_have_changed():
    """Its projections miss any reconstruction by several times their noise, with time and tilt."""
    series = datasets.load("nist-needle-small")
    series = tomography.align(tomography.remove_background(series)).crop(y=(20, 44))
    found = tomography.damage_alarm(series, tomography.sirt(series, 30))
    assert found.cause == "tilt"
    low = series.select(np.flatnonzero(np.abs(series.angles_deg) <= 50))
    found = tomography.damage_alarm(low, tomography.sirt(low, 30))
    assert found.cause == "unknown"
    assert found.fit > 2
    assert "even the better projections miss the reconstruction by" in str(found)


def test_slow_loss_of_mass_rings_unless_the_object_leaves_the_field():
    fading = clean("disc") * (1 - 0.1 * np.linspace(0, 1, ANGLES.size))[:, None]
    series, _ = noisy(fading, 0.03, 0)
    found = tomography.damage_alarm(series)
    assert any("the mass in the projections falls" in reason for reason in found.reasons)
    assert found.mass[0] > 1.03 > 0.97 > found.mass[-1]
    part = tomography.damage_alarm(series, whole_object=False)
    assert part.mass_z == 0
    assert not any("mass" in reason for reason in part.reasons)


def test_mass_that_follows_the_tilt_is_not_called_damage():
    """A holder that shadows one side; time runs with the tilt, as in most series."""
    thickness = np.sign(ANGLES) * (1 / np.cos(np.deg2rad(ANGLES)) - 1)
    for seed in range(2):
        shadowed = clean("disc") * (1 + 0.04 * thickness)[:, None]
        found = tomography.damage_alarm(noisy(shadowed, 0.03, seed)[0])
        assert found.alarm
        assert found.cause == "tilt"
        assert "Shadowing" in str(found)
        assert "specimen changed" not in str(found)
        assert "damage:" not in found.facts["alarms"][0]
        assert "in step with the tilt" in found.draw().get_suptitle()
        fading = clean("disc") * (1 - 0.1 * np.linspace(0, 1, ANGLES.size))[:, None]
        found = tomography.damage_alarm(noisy(fading, 0.03, seed)[0])
        assert found.cause == "specimen"
        assert "specimen changed" in str(found)
        assert found.facts["alarms"][0].startswith("damage:")
        assert "specimen changed" in found.draw().get_suptitle()


def test_damage_in_a_volume_is_placed_in_it():
    ball = phantoms.sphere(24, radius=6)
    small = phantoms.sphere(24, radius=2.5, centre=(12, 3, 17))
    angles = np.arange(-60, 61, 5)
    A = ParallelBeam(ball.shape, angles)
    data = A @ ball + (A @ small) * (np.arange(angles.size) < 15)[:, None, None]
    rng = np.random.default_rng(0)
    series = TiltSeries(data + 0.3 * rng.standard_normal(data.shape), angles)
    found = tomography.damage_alarm(series, tomography.sirt(series, 60))
    assert found
    assert np.linalg.norm(np.subtract(found.place, (12, 3, 17))) < 4
    assert found.map.shape == (24, 24)


def test_the_order_of_acquisition_must_fit():
    series = TiltSeries(np.ones((12, 8)), range(12))
    with pytest.raises(GeometryError, match="acquisition_order has 3 entries"):
        tomography.damage_alarm(series, acquisition_order=[1, 2, 3])
    with pytest.raises(GeometryError, match="at least 10"):
        tomography.damage_alarm(TiltSeries(np.ones((9, 8)), range(9)))


# --- held-out projections, and the report


def test_the_error_at_held_out_projections_is_a_relative_norm():
    kept, held = tomography.hold_out(TiltSeries(clean("disc"), ANGLES), 8)
    result = tomography.sirt(kept, 80)
    A = ParallelBeam((N, N), held.angles_deg)
    expected = np.linalg.norm(A @ result.x - held.projections) / np.linalg.norm(held.projections)
    assert tomography.reprojection_error(result, held) == pytest.approx(expected)
    assert expected < 0.05
    with pytest.raises(DataError, match="zero everywhere"):
        tomography.reprojection_error(result, held.replace(projections=0 * held.projections))
    with pytest.raises(GeometryError, match="3 tilts has none to hold out with every=10"):
        tomography.hold_out(TiltSeries(np.ones((3, 8)), range(3)))


def test_findings_travel_with_the_reconstruction():
    result, series, _ = reconstructed("disc", 30)
    noise = tomography.noise_level(series)
    alarm = tomography.over_regularisation_alarm(result, series, noise=noise)
    told = tomography.with_findings(result, noise, alarm, alarm, held_out_error=0.125)
    assert told.metadata["noise_norm"] == noise.noise_norm
    assert told.metadata["alarms"] == alarm.facts["alarms"]
    assert told.metadata["held_out_error"] == 0.125
    assert "alarms" not in result.metadata
    with pytest.raises(ParameterError, match="name of a fact"):
        tomography.with_findings(result, colour="red")
    with pytest.raises(ParameterError, match="findings holds a float"):
        tomography.with_findings(result, 0.5)
