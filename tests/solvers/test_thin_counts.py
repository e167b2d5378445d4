"""PDHG where most readings hold no count at all."""

import numpy as np
import pytest

from em_inverse.fidelity import LeastSquares, PoissonLikelihood
from em_inverse.forward import ParallelBeam
from em_inverse.priors import TotalVariation
from em_inverse.solvers import FISTA, PDHG

BACKGROUND, LAM = 0.02, 0.6


def disc():
    z, x = np.mgrid[:24, :24] - 11.5
    return ((z**2 + x**2 < 64) & (z**2 + (x - 3) ** 2 > 9)).astype(np.float32)


def counts(n_tilts=31, mean=0.1, seed=0):
    H = ParallelBeam((24, 24), np.linspace(-75, 75, n_tilts))
    clean = H @ disc()
    clean *= mean / clean.mean()
    return H, np.random.default_rng(seed).poisson(clean + BACKGROUND)


def solver(H, y, **given):
    data = PoissonLikelihood(H, y, BACKGROUND)
    return PDHG(data, TotalVariation(), LAM, nonnegative=True, **given)


def test_only_readings_without_counts_are_slow_and_start_at_their_solution():
    H, y = counts()
    data = PoissonLikelihood(H, y)
    np.testing.assert_array_equal(data.relative_steps() == 1, y > 0)
    assert 0 < data.relative_steps().min() < 0.1
    np.testing.assert_array_equal(data.dual_start(), y == 0)
    data.y = y + 1
    assert data.relative_steps() is None
    assert not data.dual_start().any()
    data.y = 0 * y
    assert data.relative_steps() is None
    assert LeastSquares(H, y).relative_steps() is None


def test_the_dual_step_is_that_of_its_formula():
    H, y = counts()
    data = PoissonLikelihood(H, y, BACKGROUND)
    rng = np.random.default_rng(1)
    q, Hx, before = (rng.uniform(0.1, 0.9, H.out_shape).astype(np.float32) for _ in range(3))
    old, start, sigma, rho = q.copy(), before.copy(), 0.3, 1.8
    distance, ahead, size = data.dual_step(q, Hx, before, sigma, rho)
    step = np.where(y > 0, sigma, sigma * data.relative_steps().min())
    v = old + step * (2 * Hx - start)
    made = np.empty_like(q)
    for value in np.unique(step):
        here = step == value
        made[here] = data.prox_conjugate(v, float(value))[here]
    np.testing.assert_allclose(q, old + rho * (made - old), atol=2e-6)
    np.testing.assert_allclose(before, start + rho * (Hx - start), atol=1e-6)
    assert distance == pytest.approx(np.linalg.norm(Hx - y), rel=1e-5)
    weights = step / sigma
    assert ahead == pytest.approx(np.sum(weights * (Hx - start) ** 2), rel=1e-5)
    assert size == pytest.approx(np.sum((q - (y == 0)) ** 2 / weights), rel=1e-5)


def test_it_finds_what_fista_finds():
    H, y = counts()
    assert np.mean(y == 0) > 0.8
    found = solver(H, y)
    found.run(1500)
    assert found.gap() < 2e-3
    rival = FISTA(PoissonLikelihood(H, y, BACKGROUND), TotalVariation(), LAM, nonnegative=True)
    rival.run(1500)
    assert found.objective() <= rival.objective() * (1 + 1e-5)
    empty = (y == 0) & (H @ found.x > 0.05)
    assert empty.any()
    np.testing.assert_allclose(found._q[empty], 1, atol=1e-3)


def test_it_comes_near_sooner_than_with_equal_steps(monkeypatch):
    H, y = counts(61, 0.02)
    end = solver(H, y).run(3000).x
    near = np.linalg.norm(solver(H, y).run(40).x - end)
    monkeypatch.setattr(PoissonLikelihood, "relative_steps", lambda self: None)
    monkeypatch.setattr(PoissonLikelihood, "dual_start", LeastSquares.dual_start)
    assert near < 0.6 * np.linalg.norm(solver(H, y).run(40).x - end)


def test_projections_that_come_later_begin_as_if_they_had_been_there():
    H, y = counts()
    few = PoissonLikelihood(H.subset(np.arange(10)), y[:10], BACKGROUND)
    going = PDHG(few, TotalVariation(), LAM, nonnegative=True)
    going.run(40)
    whole = PoissonLikelihood(H, y, BACKGROUND)
    going.exchange(whole, np.r_[np.arange(10), np.full(21, -1)])
    np.testing.assert_array_equal(going._q[10:], y[10:] == 0)
    going.run(1500)
    end = solver(H, y).run(1500).x
    np.testing.assert_allclose(going.x, end, atol=0.02 * end.max())


def test_other_counts_bring_other_steps():
    H, y = counts()
    going = solver(H, y)
    going.run(30)
    going.y = other = counts(seed=1)[1]
    going.run(1500)
    end = solver(H, other).run(1500).x
    np.testing.assert_allclose(going.x, end, atol=0.02 * end.max())
