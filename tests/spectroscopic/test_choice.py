"""λ by thinning: near the best, alone, for components, and beside a HAADF series."""

import numpy as np
import pytest

from em_inverse import spectroscopic
from em_inverse.errors import DataError, ParameterError
from em_inverse.forward import Channels, ParallelBeam
from em_inverse.spectroscopic import SpectralSeries
from em_inverse.spectroscopic.together import typical_lam


def ratio_to_best(particle, choice, run):
    errors = [particle.error(run(lam)) for lam in choice.lambdas]
    return particle.error(run(choice.lam)) / min(errors)


def test_alone_it_comes_near_the_best(particle):
    choice = spectroscopic.choose_lam(particle.spectra, shared=False, n_iter=100)
    assert len(choice.lambdas) == 7
    assert choice.lambdas[3] == pytest.approx(typical_lam(particle.spectra))

    def run(lam):
        return spectroscopic.tv(particle.spectra, lam, shared=False, n_iter=100)

    assert ratio_to_best(particle, choice, run) < 1.25


def test_fused_it_comes_near_the_best(particle):
    usual = spectroscopic.fuse(particle.haadf, particle.spectra, n_iter=1).parameters
    lambdas = usual["lambda_tv"] * np.array([0.35, 0.7, 1.4, 2.8])
    choice = spectroscopic.choose_lam(particle.spectra, lambdas, haadf=particle.haadf, n_iter=100)
    assert np.array_equal(choice.lambdas, lambdas)

    def run(lam):
        return spectroscopic.fuse(particle.haadf, particle.spectra, lam_tv=lam, n_iter=100)

    assert ratio_to_best(particle, choice, run) < 1.25
    assert choice.scores[-1] > 1.02 * choice.scores.min()


def test_known_components_and_a_background_are_part_of_the_prediction():
    x = np.zeros((1, 12, 12, 4))
    x[0, 4:8, 4:8] = 3
    lines, angles = np.array([[1.0], [0.5], [0.1]]), np.arange(-70, 71, 20)
    clean = Channels(ParallelBeam((12, 12, 4), angles), lines) @ x
    beta = np.array([0.5, 0.2, 0.1])
    counts = np.random.default_rng(0).poisson(np.maximum(np.moveaxis(clean, 0, -1), 0) + beta)
    series = SpectralSeries(counts, angles)
    options = {"components": lines, "n_iter": 80, "score": "deviance", "seed": 1}
    right = spectroscopic.choose_lam(series, background=beta, **options)
    # Per pixel of the part held out, the deviance of a right model of a fifth of the counts.
    wrong = spectroscopic.choose_lam(series, **options)
    assert right.scores.min() < wrong.scores.min()
    spectroscopic.choose_lam(series, [0.5, 1], **(options | {"score": "squares"}))


def test_what_cannot_be_thinned_is_refused(particle):
    half = SpectralSeries(particle.spectra.projections / 2, particle.spectra.angles_deg)
    with pytest.raises(DataError, match="whole"):
        spectroscopic.choose_lam(half)
    with pytest.raises(ParameterError, match="epsilon"):
        spectroscopic.choose_lam(particle.spectra, epsilon=1.0)
    with pytest.raises(ParameterError, match="noise"):
        spectroscopic.choose_lam(particle.spectra, noise="gaussian")
    with pytest.raises(ParameterError, match="fraction"):
        spectroscopic.choose_lam(particle.spectra, fraction=1.0)
