"""Fused tomography: it beats the spectra alone, keeps counts, and minimises what it says."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from em_inverse import spectroscopic
from em_inverse.errors import DataError, GeometryError, ParameterError
from em_inverse.fidelity import PoissonLikelihood
from em_inverse.forward import Channels, ParallelBeam
from em_inverse.priors import ChannelTotalVariation
from em_inverse.spectroscopic import SpectralSeries
from em_inverse.spectroscopic.fusing import _both, _image_noise
from em_inverse.tilt_series import TiltSeries


@pytest.fixture(scope="module")
def fused(particle):
    return spectroscopic.fuse(particle.haadf, particle.spectra, n_iter=300)


def test_fused_beats_channel_by_channel_tv_by_a_fifth(particle, fused):
    """At equal spectral dose, against the best λ that TV alone can have."""
    alone = [
        spectroscopic.tv(particle.spectra, lam, shared=False, n_iter=300) for lam in (1.1, 1.5, 2.1)
    ]
    best = min(map(particle.error, alone))
    assert particle.error(fused) < 0.7 * best
    assert particle.error(fused, 0) < 0.5 * min(particle.error(one, 0) for one in alone)
    assert particle.error(fused, 1) < 0.9 * min(particle.error(one, 1) for one in alone)


def test_without_the_total_variation_of_the_brightness_its_noise_goes_into_iron(particle, fused):
    without = [
        spectroscopic.fuse(
            particle.haadf, particle.spectra, tv_brightness=0, n_iter=300,
            lam_tv=factor * fused.parameters["lambda_tv"],
        )
        for factor in (1, 2)
    ]  # fmt: skip
    assert particle.error(fused, 1) < 0.9 * min(particle.error(one, 1) for one in without)
    assert without[0].parameters["tv_brightness"] == 0


def test_the_brightness_comes_from_the_totals_and_counts_are_kept(particle, fused):
    assert fused.parameters["scale"] == pytest.approx(particle.alpha, rel=0.02)
    kept = fused.x.sum(axis=(0, 1, 2)) / (particle.scale * particle.truth.sum(axis=(0, 1, 2)))
    # What total variation takes from the light element, the heavy one makes up for in the image.
    assert 0.97 < kept[0] < 1.06
    assert 0.88 < kept[1] < 1.03
    assert fused.parameters["channels"] == ["Au", "Fe"]
    assert fused.algorithm.startswith("fused")


@pytest.mark.parametrize(("shared", "v_H"), [(False, 3.0), (False, 0.0), (True, 3.0)])
def test_the_objective_is_the_one_that_is_written_down(particle, shared, v_H):
    """Terms by their formulas, and no direction leads downhill."""
    n = particle.truth.shape[0]
    w, lam_spectrum, lam_tv = np.array([1.0, 0.2]), 900.0, 500.0
    sigma, W = _image_noise(particle.haadf, 25.0)
    assert sigma == 25
    assert np.all(W == 1)
    beta = np.float32(0.02)
    data, _ = _both(
        particle.haadf, W, particle.spectra, beta, w, np.ones(2), lam_spectrum, "poisson", None
    )
    S = Channels(ParallelBeam((n,) * 3, particle.spectra.angles_deg), 2)
    row = Channels(ParallelBeam((n,) * 3, particle.haadf.angles_deg), w[None])
    prior = ChannelTotalVariation(
        None if shared else [1.0, 1.5], shared=shared, combined=3 * w if v_H else None
    )

    def objective(x):
        misfit = np.sum(np.square(particle.haadf.projections - (row @ x)[0], dtype=float))
        spectral = PoissonLikelihood(S, particle.spectra.stack, beta).value(x)
        return misfit + lam_spectrum * spectral + lam_tv * prior.value(x)

    start = np.random.default_rng(0).uniform(0.1, 1, S.in_shape).astype(np.float32)
    smooth = objective(start) - lam_tv * prior.value(start)
    assert lam_spectrum * data.value(start) == pytest.approx(smooth, rel=1e-5)
    settings = {
        "haadf_weights": [1.0, 0.2], "scale": 1.0, "haadf_sigma": 25.0, "background": 0.02,
        "lam_spectrum": lam_spectrum, "lam_tv": lam_tv, "n_iter": 400, "shared": shared,
        "tv_weights": [1.0, 1.0 if shared else 1.5], "tv_brightness": v_H,
    }  # fmt: skip
    x = np.moveaxis(spectroscopic.fuse(particle.haadf, particle.spectra, **settings).x, -1, 0)
    least = objective(x)
    rng = np.random.default_rng(1)
    blurred = gaussian_filter(x, (0, 0.5, 0.5, 0.5))
    moved = x + 0.03 * x.mean() * np.array([1, -5])[:, None, None, None]
    noisy = x + 0.01 * rng.standard_normal(x.shape)
    for other in (1.02 * x, 0.98 * x, noisy, blurred, x + 0.02 * (blurred - x), moved):
        assert objective(np.maximum(other, 0).astype(np.float32)) > least * (1 - 2e-5)


def test_noise_that_follows_the_brightness_is_weighed(particle):
    sigma, W = _image_noise(particle.haadf, None)
    b = particle.haadf.projections
    assert W[b > np.quantile(b, 0.95)].mean() < 0.5 < 1.2 < W[b == 0].mean()
    assert sigma == pytest.approx(np.sqrt(b.mean()), rel=0.3)
    field = np.full(b.shape, 2.0)
    assert _image_noise(particle.haadf, field)[1] == pytest.approx(1)


def test_gaussian_spectra_support_and_sensitivity(particle):
    n = particle.truth.shape[0]
    inside = np.zeros((n, n), bool)
    inside[1:-1, 1:-1] = True
    result = spectroscopic.fuse(
        particle.haadf, particle.spectra, ["Au", "Fe"], noise="gaussian", support=inside,
        sensitivity=[2.0, 2.0], shared=False, tv_weights=[2.0, 1.0], n_iter=150, tolerance=5e-3,
    )  # fmt: skip
    assert particle.error(result) < 0.5 * particle.error(spectroscopic.wbp(particle.spectra))
    assert result.converged
    assert 10 < result.n_iter < 150
    assert not result.x[0].any()


SERIES = TiltSeries(np.ones((3, 8, 4)), [-30, 0, 30])
SPECTRA = SpectralSeries(np.ones((2, 8, 4, 2)), [0, 30], ["Au", "Fe"])


@pytest.mark.parametrize(
    ("haadf", "settings", "error", "words"),
    [
        (TiltSeries(np.ones((3, 8, 5)), [-30, 0, 30]), {}, GeometryError, "same pixels"),
        (TiltSeries(-np.ones((3, 8, 4)), [-30, 0, 30]), {}, DataError, "dark"),
        (SERIES, {"gamma": 3}, ParameterError, "gamma"),
        (SERIES, {"atomic_numbers": ["Au"]}, ParameterError, "one per channel|One per|2 channels"),
        (SERIES, {"atomic_numbers": ["Au", "Xx"]}, ParameterError, "Xx"),
        (SERIES, {"haadf_weights": [1, 0]}, ParameterError, "haadf_weights"),
        (SERIES, {"sensitivity": [0, 1]}, ParameterError, "sensitivity"),
        (SERIES, {"haadf_sigma": 0.0}, ParameterError, "haadf_sigma"),
        (SERIES, {"haadf_sigma": np.ones(3)}, DataError, "haadf_sigma"),
        (SERIES, {"background": 2.0}, DataError, "above their background"),
        (SERIES, {"scale": 0}, ParameterError, "scale"),
        (SERIES, {"lam_tv": 0, "haadf_sigma": 1}, ParameterError, "lam_tv"),
        (SERIES, {"lam_spectrum": 0, "haadf_sigma": 1}, ParameterError, "lam_spectrum"),
        (SERIES, {"noise": "red"}, ParameterError, "noise"),
        (SERIES, {"tv_weights": [1, 0], "haadf_sigma": 1}, ParameterError, "tv_weights"),
        (SERIES, {"tv_brightness": -1, "haadf_sigma": 1}, ParameterError, "tv_brightness"),
    ],
)
def test_bad_input_is_named(haadf, settings, error, words):
    with pytest.raises(error, match=words):
        spectroscopic.fuse(haadf, SPECTRA, **settings)
