"""Filling by total variation: the object is the minimiser, and its weight is found by frames."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from em_inverse import TiltSeries, metrics, simulate, tomography
from em_inverse.forward.tilt import ParallelBeam
from em_inverse.interpolation import fill, total_variation
from em_inverse.interpolation.held_out import frame_errors, some_block, turns, typical
from em_inverse.interpolation.total_variation import WEIGHTS, best_weight, fill_tv

ANGLES = np.arange(-75.0, 76.0, 15)


@pytest.fixture(scope="module")
def blocks():
    """Two boxes, one in the other, and their projections from few angles."""
    x = np.zeros((32, 32), np.float32)
    x[8:24, 6:20] = 1
    x[12:18, 10:15] = 2
    return x


def projections(x, angles):
    return ParallelBeam(x.shape, angles).forward(x)


def test_few_edges_are_worth_more_tilts(blocks):
    new = ANGLES[:-1] + 7.5
    sparse = TiltSeries(projections(blocks, ANGLES), ANGLES)
    wanted, rms = projections(blocks, new), {}
    for method in ("geometric", "tv"):
        filled = fill(sparse, method=method, angles_deg=new)
        rms[method] = metrics.rmse(filled.projections[filled.generated], wanted)
    assert rms["tv"] < 0.5 * rms["geometric"]
    assert rms["tv"] < 0.02 * wanted.max()


def test_the_object_is_the_minimiser_that_another_solver_finds(blocks):
    """PDHG, to a certified end, from zero: the same frames."""
    sparse = TiltSeries(projections(blocks, ANGLES), ANGLES)
    new = ANGLES[:-1] + 7.5
    unit = float(sparse.projections.max())
    found = fill_tv(ANGLES, sparse.projections, new, weight=0.1, n_iter=1500)
    there = tomography.tv(
        sparse, lam=0.1 * unit, solver="pdhg", n_iter=4000, tolerance=1e-3, shape=(32, 32)
    )
    assert "gap" in there.stop_reason
    left = sparse.projections - projections(there.x, ANGLES)
    made = projections(there.x, new) + found.share * (left[:-1] + left[1:]) / 2
    assert metrics.rmse(found.frames, made) < 2e-3 * unit


def test_noise_asks_for_more_weight(blocks):
    angles = np.arange(-75.0, 76.0, 6)
    clean = projections(blocks, angles)
    noise = np.random.default_rng(0).normal(0, 0.05 * clean.max(), clean.shape)
    quiet, _, _ = best_weight(angles, clean)
    loud, errors, _ = best_weight(angles, (clean + noise).astype(np.float32))
    assert quiet == WEIGHTS[-1] < loud
    assert errors.size == sum(held.size for held in turns(angles.size))
    assert typical(errors) > noise.var()


def test_the_unit_of_the_data_does_not_matter(blocks):
    new = ANGLES[:-1] + 5
    one = projections(blocks, ANGLES)
    found = fill_tv(ANGLES, one, new, n_iter=20)
    tiny = fill_tv(ANGLES, 2.0**-100 * one, new, n_iter=20)
    assert tiny.weight == found.weight
    assert tiny.residual == pytest.approx(2.0**-200 * found.residual)
    assert np.allclose(2.0**100 * tiny.frames, found.frames, rtol=1e-5, atol=1e-6)


def test_without_enough_tilts_the_usual_weight_is_taken(blocks):
    angles = ANGLES[:3]
    weight, errors, share = best_weight(angles, projections(blocks, angles))
    assert weight == 0.03
    assert errors.size == share == 0


def test_one_sweep_of_the_prior_is_enough(blocks, monkeypatch):
    frames, new = projections(blocks, ANGLES), ANGLES[:-1] + 7.5
    short = fill_tv(ANGLES, frames, new, weight=0.1).frames
    prior = total_variation.TotalVariation
    monkeypatch.setattr(total_variation, "TotalVariation", lambda max_iter: prior(max_iter=20))
    long = fill_tv(ANGLES, frames, new, weight=0.1).frames
    assert metrics.rmse(short, long) < 2e-3 * frames.max()
    assert not np.array_equal(short, long)


@given(n_tilts=st.integers(2, 200))
def test_frames_are_held_out_once_and_never_at_the_ends(n_tilts):
    every = list(turns(n_tilts))
    held = np.concatenate([*every, np.zeros(0, int)])
    assert np.unique(held).size == held.size
    assert held.size == 0 or (held.min() > 0 and held.max() < n_tilts - 1)
    assert (held.size > 0) == (n_tilts >= 4)
    assert held.size >= min(8, (n_tilts - 2) // 4)
    assert all((np.diff(one) == 6).all() for one in every)


def test_no_frame_outweighs_the_rest():
    assert typical(np.array([1.0, 100.0])) == pytest.approx(10)
    assert typical(np.zeros(3)) > 0
    assert frame_errors(np.array([[1.0, 3.0], [0.0, 2.0]])).tolist() == [5, 2]


def test_the_rows_with_most_to_see_are_neighbours():
    frames = np.random.default_rng(0).random((5, 7, 30)) * 0.1
    frames[..., 11:18] += 1
    block = some_block(frames)
    assert block.shape == (5, 7, 8)
    assert any(np.array_equal(block, frames[..., k : k + 8]) for k in (10, 11))
    assert np.array_equal(some_block(frames[..., :8]), frames[..., :8])
    assert np.array_equal(some_block(frames[..., 0]), frames[..., 0])


def test_metal_particles_with_noise(particle):
    """What is exact for boxes also pays for atoms: noise stays out of the frames."""
    noisy = simulate.particle_set(
        1, "unseen", n=64, angles_deg=np.arange(-70.0, 71.0, 4), counts=40.0, seed=5
    )[0].crop(y=8)
    clean = simulate.particle_set(1, "unseen", n=64, angles_deg=np.arange(-70.0, 71.0, 4), seed=5)[
        0
    ].crop(y=8)
    rms = {}
    for method in ("linear", "geometric", "tv"):
        filled = fill(noisy.select(np.arange(0, 35, 2)), 2, method)
        made = filled.generated
        rms[method] = metrics.rmse(filled.projections[made], clean.projections[:35][made])
    assert rms["tv"] < 0.9 * rms["geometric"] < rms["linear"]
