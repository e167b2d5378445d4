"""All channels in one problem: shared edges, the ε ball, known components."""

import numpy as np
import pytest

from em_inverse import phantoms, spectroscopic, tomography
from em_inverse.errors import DataError, ParameterError
from em_inverse.forward import Channels, ParallelBeam
from em_inverse.spectroscopic import SpectralSeries


def series_of(volume, angles, seed=None, scale=1.0):
    A = ParallelBeam(volume.shape[:3], angles)
    clean = np.moveaxis(Channels(A, volume.shape[3]) @ np.moveaxis(volume, -1, 0), 0, -1)
    clean = scale * np.maximum(clean, 0)
    if seed is not None:
        clean = np.random.default_rng(seed).poisson(clean)
    return SpectralSeries(clean, angles)


def test_apart_and_gaussian_it_is_the_tv_of_the_house():
    x = phantoms.core_shell_volume(16)
    series = series_of(x, np.arange(-60, 61, 15))
    both = spectroscopic.tv(series, 0.5, shared=False, noise="gaussian", n_iter=400)
    for k in range(2):
        alone = tomography.tv(series.channel(k), lam=0.5, n_iter=400, tolerance=1e-4).x
        assert np.abs(both.x[..., k] - alone).mean() < 3e-3
    assert both.geometry == tomography.tv(series.channel(0), lam=0.5, n_iter=1).geometry


def test_counts_are_worth_more_than_back_projection(particle):
    apart = spectroscopic.tv(particle.spectra, 1.5, shared=False, n_iter=150)
    shared = spectroscopic.tv(particle.spectra, 2.5, n_iter=150)
    assert particle.error(apart) < 0.35 * particle.error(spectroscopic.wbp(particle.spectra))
    assert particle.error(apart) < 0.9 * particle.error(spectroscopic.tv_sart(particle.spectra))
    assert particle.error(shared) < 1.0 * particle.error(apart)


def test_the_ball_holds_all_channels(particle):
    series = particle.spectra
    norm = np.sqrt(series.stack.sum())
    found = spectroscopic.tv(series, epsilon=1.0, noise_norm=norm, n_iter=200)
    n = particle.truth.shape[0]
    H = Channels(ParallelBeam((n,) * 3, series.angles_deg), 2)
    distance = np.linalg.norm(H @ np.moveaxis(found.x, -1, 0) - series.stack)
    assert distance < 1.02 * norm
    assert found.x.min() >= 0
    assert found.parameters["epsilon"] == pytest.approx(norm)
    plain = spectroscopic.tv(series, epsilon=norm, n_iter=200)
    assert np.array_equal(plain.x, found.x)


def test_known_spectra_separate_modes_that_no_channel_shows_alone():
    """Far below one count per pixel and channel; the modes overlap in energy and in projection."""
    n, angles = 24, np.arange(-70, 71, 10)
    modes = phantoms.nanocube_modes(n)
    energies = np.linspace(1.5, 4.0, 16)
    lines = np.stack(
        [0.2**2 / ((energies - centre) ** 2 + 0.2**2) for centre in (2.2, 2.7, 3.3)], axis=1
    )
    A = ParallelBeam((n,) * 3, angles)
    clean = np.maximum(Channels(A, lines) @ np.moveaxis(modes, -1, 0), 0)
    scale = 0.15 / clean.mean()
    counts = np.random.default_rng(1).poisson(scale * np.moveaxis(clean, 0, -1))
    series = SpectralSeries(counts, angles)
    assert np.median(counts.mean(axis=(0, 1, 2))) < 0.3
    settings = {"components": lines, "n_iter": 150}
    found = spectroscopic.tv(series, 3.0, shared=False, **settings)
    assert found.x.shape == modes.shape
    assert found.parameters["channels"] == ["component 0", "component 1", "component 2"]

    def error(x):
        return float(np.linalg.norm(x / scale - modes) / np.linalg.norm(modes))

    # Channel by channel first, the spectra fitted to the volumes afterwards.
    fit = np.linalg.pinv(lines).T
    assert error(found.x) < 0.55 * error(spectroscopic.tv_sart(series).x @ fit)
    assert error(found.x) < 0.36 * error(spectroscopic.wbp(series).x @ fit)
    likeness = np.corrcoef(found.x.reshape(-1, 3).T, modes.reshape(-1, 3).T)[:3, 3:]
    assert np.diag(likeness).min() > 0.7
    assert np.abs(likeness - np.diag(np.diag(likeness))).max() < 0.2
    # Modes have no place in common, so they have no edges to share.
    assert error(found.x) < error(spectroscopic.tv(series, 3.0, **settings).x)


def test_support_start_background_and_tolerance(particle):
    series = particle.spectra
    n = particle.truth.shape[0]
    inside = np.zeros((n, n), bool)
    inside[2:-2, 2:-2] = True
    one = spectroscopic.tv(
        series, 2.0, support=inside, background=np.full(series.projections.shape, 0.01), n_iter=20
    )
    assert not one.x[0].any()
    assert one.x[2:-2].any()
    again = spectroscopic.tv(
        series, 2.0, support=np.repeat(inside[..., None], n, axis=2), initial=one.x,
        background=[0.01, 0.01], tolerance=0.5,
    )  # fmt: skip
    assert again.converged
    assert again.n_iter < 20


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({}, ParameterError, "exactly one"),
        ({"lam": 1, "epsilon": 1}, ParameterError, "exactly one"),
        ({"lam": 1, "noise": "pink"}, ParameterError, "noise"),
        ({"lam": -1}, ParameterError, "lam"),
        ({"epsilon": 0}, ParameterError, "epsilon"),
        ({"lam": 1, "support": np.ones((3, 3))}, DataError, "support"),
        ({"lam": 1, "background": np.ones((7, 7))}, DataError, "background"),
        ({"lam": 1, "components": np.ones((5, 2))}, DataError, "components"),
        ({"lam": 1, "initial": np.ones((2, 2))}, DataError, "initial"),
    ],
)
def test_bad_input_is_named(settings, error, words):
    series = SpectralSeries(np.ones((2, 8, 4, 2)), [0, 30])
    with pytest.raises(error, match=words):
        spectroscopic.tv(series, **settings)
