"""Quality on data of a four times finer phantom, so that no solver knows how they were made."""

import functools

import numpy as np
import pytest

from em_inverse import metrics
from em_inverse.fidelity import DataTolerance
from em_inverse.forward import ParallelBeam
from em_inverse.phantoms import nanocube_with_pores
from em_inverse.solvers import ASDPOCS, PDHG
from em_inverse.tilt_series import TiltSeries
from em_inverse.tomography import cgls, sirt, tv, wbp

N = 64


@functools.cache
def fine_data(n_tilts, seed):
    fine = nanocube_with_pores(4 * N, seed=seed, supersample=2).astype(np.float32)
    angles = np.linspace(-75, 75, n_tilts)
    sums = ParallelBeam(fine.shape, angles) @ fine
    clean = sums.reshape(n_tilts, N, 4).mean(axis=2) / 4
    x = fine.reshape(N, 4, N, 4).mean(axis=(1, 3))
    noise = np.random.default_rng(100 + seed).standard_normal(clean.shape)
    series = TiltSeries((clean + 0.05 * clean.mean() * noise).astype(np.float32), angles)
    epsilon = float(np.linalg.norm(ParallelBeam(x.shape, angles) @ x - series.projections))
    return x, series, epsilon


@pytest.mark.parametrize("seed", [0, 1])
def test_fifteen_tilts_with_tv_beat_seventy_five_with_wbp(seed):
    x, many, _ = fine_data(75, seed)
    _, few, epsilon = fine_data(15, seed)
    with_tv = tv(few, epsilon=epsilon)
    for window in ("ramp", "hann"):
        plain = wbp(many, filter=window)
        assert metrics.rmse(with_tv.x, x) < metrics.rmse(plain.x, x)
        assert metrics.ssim(with_tv.x, x) > metrics.ssim(plain.x, x)


@pytest.mark.parametrize("recipe", [sirt, cgls])
def test_projections_put_aside_find_nearly_the_best_number_of_iterations(recipe):
    x, series, _ = fine_data(75, 0)
    stopped = recipe(series, 150, stop="held_out")
    errors = [metrics.rmse(recipe(series, k).x, x) for k in (2, 4, 7, 10, 14, 20, 30, 50, 100)]
    assert metrics.rmse(stopped.x, x) < 1.06 * min(errors)
    assert max(errors) > 1.25 * min(errors)


def test_pdhg_is_there_before_asd_pocs():
    _, series, epsilon = fine_data(75, 2)
    A = ParallelBeam((N, N), series.angles_deg)
    ball = DataTolerance(A, series.projections, epsilon)
    x_star = PDHG(ball, nonnegative=True).run(600).x

    def iterations(solver):
        while solver.iteration < 120:
            x = solver.step().x
            if np.linalg.norm(x - x_star) < 0.02 * np.linalg.norm(x_star):
                break
        return solver.iteration

    count = iterations(PDHG(ball, nonnegative=True))
    assert count < 120
    assert iterations(ASDPOCS(A, series.projections, epsilon)) > count
