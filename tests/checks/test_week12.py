"""Week 12's exercises: every right way is accepted, every usual wrong one refused by name."""

from functools import cache

import numpy as np
import pytest

from em_inverse import atomic, forward
from em_inverse.checks import State, week12_pictures, week12_reference
from em_inverse.checks import week12 as ex

FUNCTIONS = (ex.image, ex.step_gradient, ex.shrink)


def image_in_fourier_space(slices, sigma, P, L):
    spectrum = np.zeros(slices[0].shape, complex)
    spectrum[0, 0] = slices[0].size
    for S in slices:
        t = np.cos(sigma * S) + 1j * np.sin(sigma * S)
        spectrum = P * np.fft.fft2(t * np.fft.ifft2(spectrum))
    psi = np.fft.ifft2(L * spectrum)
    return psi.real**2 + psi.imag**2


def image_recursive(layers, sig, p, lens):
    def wave(m):
        if m < 0:
            return np.ones(layers.shape[1:])
        return np.fft.ifft2(p * np.fft.fft2(np.exp(1j * sig * layers[m]) * wave(m - 1)))

    psi = np.fft.ifft2(lens * np.fft.fft2(wave(len(layers) - 1)))
    return (psi * psi.conj()).real


def gradient_by_real_part(r, psi, S, sigma, P):
    derivative = 1j * sigma * np.exp(1j * sigma * S) * psi
    back = np.fft.ifft2(np.conj(P) * np.fft.fft2(r))
    return np.real(np.conj(back) * derivative)


def gradient_by_differences(r, psi, S, sigma, P):
    def out(S):
        return np.fft.ifft2(P * np.fft.fft2(np.exp(1j * sigma * S) * psi))

    g, small = np.zeros(S.shape), 1e-3
    for at in np.ndindex(*S.shape):
        dS = np.zeros(S.shape)
        dS[at] = small
        g[at] = np.real(np.vdot(r, out(S + dS) - out(S - dS))) / (2 * small)
    return g


def shrink_by_cases(V, tau):
    return np.where(tau < V, V - tau, 0)


def shrink_of_the_kit(V, tau):
    from em_inverse.priors import Sparsity

    return Sparsity().prox_nonnegative(V, tau)


RIGHT = [
    (ex.image, image_in_fourier_space),
    (ex.image, image_recursive),
    (ex.step_gradient, gradient_by_real_part),
    (ex.step_gradient, gradient_by_differences),
    (ex.shrink, shrink_by_cases),
    (ex.shrink, shrink_of_the_kit),
]
OTHER_SIZES = {
    "image": [(2, 8, 3), (5, 4, 4), (3, 7, 6)],
    "step_gradient": [(3, 8), (7, 4), (6, 6)],
    "shrink": [(2, 2, 7), (6, 3, 2), (4, 4, 4)],
}


@pytest.mark.parametrize(("task", "func"), RIGHT)
def test_other_right_ways_pass(task, func):
    for seed in range(3):
        verdict = task.evaluate(func, seed=seed)
        assert verdict.passed, str(verdict)


@pytest.mark.parametrize("task", FUNCTIONS, ids=lambda t: t.name)
def test_graders_may_choose_other_sizes(task):
    verdict = task.evaluate(task.reference, seed=99, sizes=OTHER_SIZES[task.name])
    assert verdict.passed, str(verdict)


def swallowing(slices, sigma, P, L):
    psi = np.ones(slices[0].shape, complex)
    for S in slices:
        t = np.exp(1j * sigma * S) * np.exp(-0.01 * S)
        psi = np.fft.ifft2(P * np.fft.fft2(t * psi))
    return np.abs(np.fft.ifft2(L * np.fft.fft2(psi))) ** 2


UNLISTED = [
    (ex.image, lambda slices, sigma, P, L: 1.1 * image_recursive(slices, sigma, P, L), "must be 1"),
    (ex.image, swallowing, "neither made nor lost"),
    (
        ex.image,
        lambda slices, sigma, P, L: image_recursive(slices**2 / 60, sigma, P, L),
        "many slices must act like one",
    ),
    (
        ex.step_gradient,
        lambda r, psi, S, sigma, P: gradient_by_real_part(r, psi, S, sigma, P) + 0.1,
        "Where the wave already fits",
    ),
    (
        ex.step_gradient,
        lambda r, psi, S, sigma, P: np.abs(r).max() * gradient_by_real_part(r, psi, S, sigma, P),
        "linear in r",
    ),
    (
        ex.step_gradient,
        lambda r, psi, S, sigma, P: 0.9 * gradient_by_real_part(r, psi, S, sigma, P),
        "Re⟨r, dψ⟩ is",
    ),
    (ex.shrink, lambda V, tau: V - tau, "V ≥ 0 is asked for"),
    (ex.shrink, lambda V, tau: np.maximum(0.9 * V - tau, 0), "must come back as it was"),
    (ex.shrink, lambda V, tau: np.maximum(V - 1.3 * tau, 0), "gets smaller"),
]


@pytest.mark.parametrize(("task", "func", "words"), UNLISTED)
def test_unlisted_mistakes_meet_a_property(task, func, words):
    verdict = task.evaluate(func)
    assert verdict.misconception == "", str(verdict)
    assert verdict.state is State.WRONG
    assert words in " ".join(verdict.message.split()), verdict.message


def test_the_answers_are_those_of_the_kit():
    rng = np.random.default_rng(0)
    M = forward.Multislice((8, 8, 8), 300.0, slice_voxels=2, margin=0, dtype=np.float64)
    slices = M.slices(rng.uniform(0, 80, M.in_shape))
    q2 = np.fft.fftfreq(8, 0.5)[:, None] ** 2 + np.fft.fftfreq(8, 0.5)[None, :] ** 2
    P, L = (np.exp(2j * np.pi * d * (np.sqrt(1 / M.lam**2 - q2) - 1 / M.lam)) for d in (1, 297.5))
    seen = week12_reference.image(slices, M.sigma * 0.5, P, L * (q2 <= 1))
    np.testing.assert_allclose(seen, M.images_of_slices(slices)[0], rtol=1e-6)


def test_pictures_show_the_numbers_of_the_lesson():
    seen = dict(ex.image.picture().numbers)
    assert seen["mean"] == pytest.approx(1, abs=0.01)
    assert 0.04 < seen["standard deviation"] < 0.1
    assert dict(ex.step_gradient.picture().numbers)["correlation"] > 0.9
    shrunk = dict(ex.shrink.picture().numbers)
    assert shrunk["voxels that became zero"] > 0.5
    assert 40 < shrunk["strongest atom, V"] < 60
    read = dict(ex.reading.picture().numbers)
    assert read["atoms"] == pytest.approx(251, abs=3)
    assert read["doubtful atoms"] < 20


# --- The decision -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (1, "learned the noise by heart"),
        (3, "smeared into each other"),
        (4, "there are traces 1 to 3"),
        (1.5, "there are traces 1 to 3"),
    ],
)
def test_other_traces_are_told_their_fault(chosen, words):
    verdict = ex.reading.evaluate(trace=chosen, because=["B", "C", "E"])
    assert verdict.state is State.WRONG
    assert words in " ".join(verdict.message.split())
    assert verdict.points == ex.reading.points / 2


def test_other_settings_may_be_passed():
    problem = (8.0, 0.1, 0.0, 1.2)
    assert ex.reading.evaluate(trace=4, because="BCE", problem=problem).passed
    assert not ex.reading.evaluate(trace=1, because="BCE", problem=problem).passed


@cache
def three_traces():
    """Return (misfit, traced atoms, score) for each λ of the exercise, and the true misfit."""
    truth, series = week12_pictures.recording()
    n, lam, found = series.electrons_per_pixel, atomic.typical_lambda(series), []
    for factor in ex.reading.problem():
        run = atomic.reconstruct(series, lam_tv=factor * lam)
        misfit = 4 * n * run.history["data_distance"][-1] ** 2 / series.images.size
        traced = atomic.trace(run.volume, elements=("O", "Si"))
        found.append((misfit, traced, atomic.score(traced, truth)))
    clean = atomic.simulate(truth, series.angles_deg[::6], shape=(48, 48, 48)).images
    noise = 4 * n * np.mean((np.sqrt(clean) - np.sqrt(series.images[::6])) ** 2)
    return found, noise


def test_the_reasons_are_true_of_the_three_traces():
    found, noise = three_traces()
    misfits, traces, scores = zip(*found, strict=True)
    assert np.argmin(misfits) == 0  # A
    assert misfits[0] < noise - 0.03
    assert misfits[1] == pytest.approx(noise, abs=0.02)  # B
    assert misfits[2] > noise + 0.03  # E
    assert np.pi * 9**2 * 18.5 == pytest.approx(4700, abs=30)  # C
    assert len(traces[0]) == pytest.approx(760, abs=15)
    assert len(traces[0]) / 4700 > 3 * 0.05
    assert np.argmax([len(t) for t in traces]) == 0  # D
    doubtful = [t.doubtful.mean() for t in traces]
    assert doubtful[2] > 0.95
    assert max(doubtful[:2]) < 0.1
    assert np.argmin([s.error_pm for s in scores]) == 0  # F
    assert traces[0].species.separation > 3  # G
    assert scores[0].species_percent < 60
    # After the answer: all atoms, one in a hundred wrong; twice as many false; a fifth missed.
    assert scores[1].found_percent == 100
    assert 98 < scores[1].species_percent < 100
    assert 190 < scores[0].false_percent < 220
    assert 75 < scores[2].found_percent < 85
    assert scores[2].false_percent > 100 - scores[2].found_percent
