"""PDHG goes on with other data, ASD-POCS too: what survives, what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from em_inverse.errors import DataError, ParameterError
from em_inverse.fidelity import DataTolerance, LeastSquares
from em_inverse.forward import ParallelBeam
from em_inverse.priors import Identity, TotalVariation
from em_inverse.solvers import ASDPOCS, PDHG

N = 24
ANGLES = np.linspace(-70, 70, 15)
DISC = (np.hypot(*np.mgrid[-11.5:12, -11.5:12]) < 7).astype(np.float32)
A = ParallelBeam((N, N), ANGLES)
B = A.forward(DISC) + 0.3 * np.random.default_rng(1).standard_normal(A.out_shape)
B = B.astype(np.float32)


def ball(tilts, epsilon=1.0):
    part = A.subset(tilts)
    return DataTolerance(part, B[tilts], epsilon * 0.3 * np.sqrt(B[tilts].size))


def begun(tilts, n_iter=20):
    solver = PDHG(ball(tilts), nonnegative=True)
    solver.run(n_iter)
    return solver


def carried(solver):
    """What the solver carries along, and the same worked out anew."""
    kept = solver._Hx.copy(), solver._H_start.copy(), solver._pull.copy()
    solver._refresh()
    return kept, (solver._Hx, solver._H_start, solver._pull)


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(15)), st.integers(3, 14), st.integers(0, 6))
def test_products_stay_true_whatever_comes_and_goes(order, count, gone):
    old = np.array(order[:count])
    solver = begun(old, 5)
    keep = old[min(gone, count - 1) :]
    new = np.concatenate([keep, order[count:]]).astype(int)
    places = [int(np.flatnonzero(old == k)[0]) if k in keep else -1 for k in new]
    duals = {int(k): solver._q[int(np.flatnonzero(old == k)[0])].copy() for k in keep}
    solver.exchange(ball(new), places)
    for k, place in zip(new, places, strict=True):
        q = solver._q[int(np.flatnonzero(new == k)[0])]
        assert (q == (duals[int(k)] if place >= 0 else 0)).all()
    solver.step()
    for kept, anew in zip(*carried(solver), strict=True):
        assert kept == pytest.approx(anew, abs=2e-3 * float(np.abs(anew).max() + 1e-6))


def test_it_ends_where_a_fresh_solver_does():
    solver = begun(np.arange(9), 40)
    solver.exchange(ball(np.arange(15)), [*range(9), *[-1] * 6])
    fresh = PDHG(ball(np.arange(15)), nonnegative=True)
    for one in (solver, fresh):
        one.run(800)
    assert np.linalg.norm(solver.x - fresh.x) < 2e-3 * np.linalg.norm(fresh.x)
    assert solver.gap() < 0.02


def test_blank_data_teach_nothing_about_steps():
    blank = DataTolerance(A.subset([0]), np.zeros((1, N), np.float32), 1.0)
    solver = PDHG(blank, nonnegative=True)
    solver.run(3)
    solver.exchange(ball(np.arange(15)), [-1] * 15)
    fresh = PDHG(ball(np.arange(15)), nonnegative=True)
    assert solver._tau / solver._sigma == pytest.approx(fresh._tau / fresh._sigma, rel=1e-3)


@pytest.mark.parametrize(
    ("data", "kept"),
    [
        (DataTolerance(ParallelBeam((8, 8), [0.0]), np.ones((1, 8)), 1.0), [-1]),
        (ball(np.arange(3)), [0, 1]),
        (ball(np.arange(3)), [0, 1, 5]),
        (ball(np.arange(3)), [0, 1, -2]),
        (ball(np.arange(3)), [0.0, 1.0, 2.0]),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_has_changed(data, kept):
    solver = begun(np.arange(5), 3)
    before = solver.data
    with pytest.raises(DataError):
        solver.exchange(data, kept)
    assert solver.data is before
    solver.step()


def test_displacing_moves_products_along():
    solver = begun(np.arange(15), 6)
    change = np.random.default_rng(0).random((N, N)).astype(np.float32)
    at = solver.x.copy()
    solver.displace(change)
    assert solver.x == pytest.approx(at + change)
    for kept, anew in zip(*carried(solver), strict=True):
        assert kept == pytest.approx(anew, abs=2e-3 * float(np.abs(anew).max()))


def test_unwinding_shortens_what_has_piled_up_and_leaves_a_solution_alone():
    solver = begun(np.arange(15), 600)
    assert solver.unwind(1.5) == 1.0
    solver.data.epsilon *= 0.05
    solver.run(300)
    q = solver._q.copy()
    factor = solver.unwind(1.5)
    assert factor < 0.9
    assert solver._q == pytest.approx(factor * q)
    back = solver.prior.dual_pull(solver._p, solver.L)
    assert np.linalg.norm(solver._pull) == pytest.approx(1.5 * np.linalg.norm(back), rel=1e-3)
    with pytest.raises(ParameterError):
        solver.unwind(0)


@pytest.mark.parametrize("prior", [TotalVariation(), Identity()])
@pytest.mark.parametrize("shape", [(12,), (6, 7), (5, 4, 3)])
def test_the_pull_of_a_dual_is_its_adjoint(prior, shape):
    L = prior.analysis(shape, np.float32)
    p = prior.dual_start(L)
    # No difference is taken across the border, so that nothing is ever stored there.
    x = np.random.default_rng(2).standard_normal(shape).astype(np.float32)
    prior.dual_step(L, x, np.zeros_like(x), p, 0.7, 1.0, 1.0)
    expected = L.adjoint(prior.dual_field(p, L))
    assert prior.dual_pull(p, L) == pytest.approx(expected, abs=1e-5)


def test_a_whole_state_goes_on_bit_by_bit():
    one, other = begun(np.arange(15), 17), begun(np.arange(15), 3)
    other.restore({name: np.array(value) for name, value in one.whole_state().items()})
    other.iteration = one.iteration
    for solver in (one, other):
        solver.run(25)
    assert (one.x == other.x).all()
    with pytest.raises(DataError, match="is missing"):
        other.restore({"x": one.x})


def test_least_squares_may_be_exchanged_too():
    solver = PDHG(LeastSquares(A.subset([0, 1]), B[:2]), TotalVariation(), 0.5)
    solver.run(5)
    solver.exchange(LeastSquares(A, B), [0, 1, *[-1] * 13], norm=A.norm())
    fresh = PDHG(LeastSquares(A, B), TotalVariation(), 0.5)
    for one in (solver, fresh):
        one.run(600)
    assert np.linalg.norm(solver.x - fresh.x) < 5e-3 * np.linalg.norm(fresh.x)


@pytest.mark.parametrize("schedule", ["published", "mended"])
def test_asd_pocs_takes_projections_in(schedule):
    support = np.hypot(*np.mgrid[-11.5:12, -11.5:12]) < 9
    solver = ASDPOCS(A.subset(np.arange(5)), B[:5], 2.0, schedule=schedule, support=support)
    solver.run(8)
    x, first = solver.x.copy(), solver._first_tv_step
    solver.exchange(A, B, arrived=0.75)
    assert (solver.x == x).all()
    damped = 1 - 2 / 3 * 0.75 if schedule == "published" else 1.0
    assert solver._beta == pytest.approx(0.5 * damped)
    assert solver._tv_step == first
    solver.epsilon = 0.3 * np.sqrt(B.size)
    solver.run(60)
    assert not solver.x[~support].any()
    assert np.linalg.norm(solver.x - DISC) < 0.3 * np.linalg.norm(DISC)


def test_the_norm_of_a_volume_is_that_of_a_slice():
    volume = ParallelBeam((N, N, 5), ANGLES, center_shift=0.3)
    assert volume.norm() == volume.slice().norm()
    shifted = ParallelBeam((N, N, 5), ANGLES, axial_shift=0.5)
    assert shifted.norm() < volume.norm() * 1.001
