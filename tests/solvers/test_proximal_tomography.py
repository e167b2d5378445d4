"""PDHG for tilt series: quickly there, inside its support, certified, and honest about ε."""

import tracemalloc

import numpy as np
import pytest

from em_inverse import phantoms, solvers
from em_inverse.errors import DataError, ParameterError
from em_inverse.fidelity import DataTolerance, LeastSquares, PoissonLikelihood
from em_inverse.forward import GaussianBlur, Gradient, ParallelBeam
from em_inverse.priors import Identity, NonNegative, Smoothness, Sparsity, TotalVariation
from em_inverse.solvers import FISTA, PDHG, least_distance
from em_inverse.solvers.certificate import distance_bound, dual_value

ANGLES = np.linspace(-75, 75, 75)


def tilt_series(big, n, seed, angles=ANGLES):
    """Data of a phantom four times finer, 5 % noise, and the ε that the truth has."""
    truth = big.reshape(n, 4, n, 4).mean(axis=(1, 3))
    clean = (ParallelBeam(big.shape, angles) @ big).reshape(angles.size, n, 4).mean(axis=2) / 4
    noise = 0.05 * clean.mean() * np.random.default_rng(seed).standard_normal(clean.shape)
    A = ParallelBeam((n, n), angles)
    y = (clean + noise).astype(np.float32)
    return A, y, float(np.linalg.norm(A @ truth - y))


PHANTOMS = {
    "nanocube": lambda: phantoms.nanocube_with_pores(512, supersample=1),
    "core-shell": lambda: phantoms.core_shell(512, supersample=1, offset=(20, 10)),
}


@pytest.mark.parametrize("name", PHANTOMS)
def test_ninety_iterations_come_within_two_percent_of_the_solution(name):
    A, y, epsilon = tilt_series(PHANTOMS[name](), 128, seed=1)
    solver = PDHG(DataTolerance(A, y, epsilon), nonnegative=True)
    early = solver.run(90)
    assert early.history["data_distance"][-1] == pytest.approx(epsilon, rel=0.01)
    final = solver.run(700)
    assert np.linalg.norm(early.x - final.x) < 0.018 * np.linalg.norm(final.x)
    assert solver.gap() < 3e-3
    # In another unit of intensity the path is the same.
    scaled = PDHG(DataTolerance(A, 1e-3 * y, 1e-3 * epsilon), nonnegative=True)
    np.testing.assert_allclose(1e3 * scaled.run(90).x, early.x, atol=1e-3 * early.x.max())


def test_volumes_take_no_longer_than_slices():
    """Variation along the tilt axis passes the projector: the shorter steps it needs are taken."""
    sphere = phantoms.sphere(32)
    A = ParallelBeam(sphere.shape, ANGLES[::3])
    rng = np.random.default_rng(1)
    y = A @ sphere
    y = y + 0.05 * y.mean() * rng.standard_normal(y.shape)
    epsilon = float(np.linalg.norm(A @ sphere - y))
    solver = PDHG(DataTolerance(A, y, epsilon), nonnegative=True)
    early = solver.run(100).x
    final = solver.run(600).x
    assert np.linalg.norm(early - final) < 0.02 * np.linalg.norm(final)
    assert solver.gap() < 3e-3


def test_optimistic_steps_are_taken_back():
    """Where H passes rough objects as well, the first product of the steps is too large."""
    noisy = phantoms.disc(32, supersample=2) + 0.2 * np.random.default_rng(1).standard_normal(
        (32, 32)
    )
    H = GaussianBlur(noisy.shape, 1e-3)
    solver = PDHG(LeastSquares(H, noisy), lam=0.3)
    product = solver._tau * solver._sigma
    solver.run(1500)
    assert 0.95 <= solver._tau * solver._sigma < 0.8 * product
    assert solver.gap() < 1e-4
    expected = TotalVariation(1e-9, 20000).prox(noisy, 0.15)
    np.testing.assert_allclose(solver.x, expected, atol=2e-3)


@pytest.mark.parametrize(
    ("prior", "n_iter"),
    [(TotalVariation(), 600), (Smoothness(), 600), (Sparsity(), 6000)],
    ids=["total variation", "smoothness", "sparsity"],
)
@pytest.mark.parametrize("nonnegative", [False, True])
def test_nothing_lies_outside_the_support_and_the_certificate_holds(prior, n_iter, nonnegative):
    A = ParallelBeam((12, 12), ANGLES[::5], dtype=np.float64)
    truth = phantoms.disc(12, radius=3.3)
    rng = np.random.default_rng(2)
    y = A @ truth + 0.3 * rng.standard_normal(A.out_shape)
    support = phantoms.disc(12, radius=4.5) > 0
    solver = PDHG(LeastSquares(A, y), prior, 2.0, nonnegative=nonnegative, support=support)
    lowest = np.inf
    for state in solver:
        assert not state.x[~support].any()
        if state.iteration in (5, 50, 500):
            lowest = min(lowest, solver.objective())
            assert solver.objective() * (1 - solver.gap()) <= lowest * (1 + 1e-9)
            bound = solver.objective() * (1 - solver.gap())
        if state.iteration == n_iter:
            break
    assert solver.gap() < 1e-5
    assert bound <= solver.objective() * (1 + 1e-9)
    # The same problem on the voxels inside alone.
    free = PDHG(LeastSquares(A, y), prior, 2.0, nonnegative=nonnegative)
    free.run(300)
    assert free.objective() < solver.objective()


def test_a_support_in_z_and_x_holds_for_every_slice_and_may_change():
    A = ParallelBeam((10, 10, 4), ANGLES[::5])
    y = A @ phantoms.sphere(10)[:, :, 3:7]
    disc = phantoms.disc(10, radius=4) > 0
    flat = PDHG(LeastSquares(A, y), lam=0.1, support=disc)
    full = PDHG(LeastSquares(A, y), lam=0.1, support=np.repeat(disc[:, :, None], 4, axis=2))
    np.testing.assert_array_equal(flat.run(30).x, full.run(30).x)
    smaller = phantoms.disc(10, radius=2) > 0
    flat.support = smaller
    assert not flat.x[~smaller].any()
    assert not flat.run(20).x[~smaller].any()
    flat.support = None
    assert flat.run(60).x[~smaller].any()
    assert flat.support is None


def test_fista_takes_a_support_where_the_prox_allows_it():
    A = ParallelBeam((9, 9), ANGLES[::5], dtype=np.float64)
    y = A @ phantoms.disc(9, radius=3)
    support = phantoms.disc(9, radius=4) > 0.5
    fast = FISTA(LeastSquares(A, y), Sparsity(), 1.0, support=support)
    assert not fast.run(400).x[~support].any()
    assert fast.gap() < 1e-6
    slow = PDHG(LeastSquares(A, y), Sparsity(), 1.0, support=support)
    slow.run(800)
    assert fast.objective() == pytest.approx(slow.objective(), rel=1e-4)
    with pytest.raises(ParameterError, match=r"Use solvers\.PDHG"):
        FISTA(LeastSquares(A, y), TotalVariation(), 1.0, support=support)


def test_bad_supports():
    data = LeastSquares(np.eye(4), np.ones(4))
    for bad in (np.ones(4), np.ones(3, bool), np.ones((2, 2), bool)):
        with pytest.raises(DataError, match=r"support has shape .* is needed, shape \(4,\)"):
            PDHG(data, support=bad)
    with pytest.raises(DataError, match="False everywhere"):
        PDHG(data, support=np.zeros(4, bool))
    A = ParallelBeam((4, 5, 6), [0.0])
    with pytest.raises(DataError, match=r"\(4, 5, 6\) or \(4, 5\)"):
        least_distance(A, np.ones(A.out_shape), support=np.ones((5, 6), bool))


def test_the_bound_of_a_dual_point_holds_with_any_support():
    """From random duals, the bound never exceeds what a long run attains."""
    A = ParallelBeam((8, 8), ANGLES[::15], dtype=np.float64)
    rng = np.random.default_rng(4)
    y = rng.standard_normal(A.out_shape)
    support = rng.random((8, 8)) < 0.5
    nabla = Gradient((8, 8))
    data = LeastSquares(A, y)
    for nonnegative in (False, True):
        solver = PDHG(data, lam=0.5, nonnegative=nonnegative, support=support)
        solver.run(1000)
        for _ in range(20):
            q, p = rng.standard_normal(A.out_shape), rng.standard_normal(nabla.out_shape)
            bound = dual_value(data, nabla, solver.prior, 0.5, q, p, nonnegative, support)
            assert bound <= solver.objective() * (1 + 1e-9)


def test_an_interrupt_between_the_halves_of_a_step_is_survived():
    class Fragile(ParallelBeam):
        left = 10**9

        def _adjoint(self, y):
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
            return super()._adjoint(y)

        def _forward(self, x):
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
            return super()._forward(x)

    truth = phantoms.disc(12)
    for allowed in (0, 1, 2, 3):
        A = Fragile((12, 12), ANGLES[::5], dtype=np.float64)
        solver = PDHG(LeastSquares(A, A @ truth), lam=0.05)
        solver.run(5)
        A.left = allowed
        with pytest.raises(KeyboardInterrupt):
            solver.run(5)
        A.left = 10**9
        assert solver.objective() == pytest.approx(
            solver.data.value(solver.x) + 0.05 * TotalVariation().value(solver.x)
        )
        solver.run(800)
        assert solver.gap() < 1e-3


def test_resuming_goes_on_as_if_nothing_had_happened(tmp_path):
    A, y, epsilon = tilt_series(phantoms.disc(64, supersample=1), 16, 1, ANGLES[::8])
    data = DataTolerance(A, y, epsilon)
    straight, first, second = (PDHG(data, nonnegative=True) for _ in range(3))
    straight.run(40)
    first.run(17)
    first.save(tmp_path / "state.npz")
    second.load(tmp_path / "state.npz")
    assert second.infeasibility == pytest.approx(first.infeasibility, rel=1e-5)
    np.testing.assert_allclose(second.run(23).x, straight.x, atol=2e-5)


def test_the_memory_of_a_volume():
    """x, the point before it, the dual field of three, Hᵀq: six volumes, and little more."""
    A = ParallelBeam((64, 64, 64), [-40.0, 0.0, 40.0])
    y = A @ phantoms.sphere(64)
    data = DataTolerance(A, y, 1.0)
    PDHG(data).run(2)
    tracemalloc.start()
    solver = PDHG(data, nonnegative=True)
    solver.step(), solver.step()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 9 * solver.x.nbytes


# --- the floor -------------------------------------------------------------------------------


def test_the_least_distance_is_bracketed():
    A, y, epsilon = tilt_series(phantoms.disc(128, supersample=1), 32, 1, ANGLES[::3])
    rough, fine = (least_distance(A, y, nonnegative=True, n_iter=n) for n in (120, 1000))
    assert 0 < rough.lower <= fine.attained <= rough.attained
    assert rough.attained < epsilon
    assert fine.lower > 0.95 * fine.attained
    assert fine.attained == pytest.approx(DataTolerance(A, y, 1.0).distance(fine.x))
    assert fine.x.min() >= 0
    inside = phantoms.disc(32, supersample=1) > 0
    confined = least_distance(A, y, nonnegative=True, support=inside, n_iter=1000)
    assert not confined.x[~inside].any()
    assert fine.attained < confined.lower <= confined.attained


def test_the_least_distance_without_constraints_is_that_of_least_squares():
    rng = np.random.default_rng(3)
    A, y = rng.random((9, 5)), rng.standard_normal(9)
    floor = least_distance(A, y, n_iter=3000)
    assert floor.lower == 0
    residual = np.linalg.lstsq(A, y, rcond=None)[1][0]
    assert floor.attained == pytest.approx(np.sqrt(residual), rel=1e-6)
    with pytest.raises(DataError, match="maps every object to zero"):
        least_distance(np.zeros((3, 3)), np.ones(3))


def test_the_bound_holds_for_any_dual_and_is_zero_where_nothing_is_known():
    rng = np.random.default_rng(5)
    A = rng.random((9, 5))
    from scipy.optimize import nnls

    y = rng.standard_normal(9)
    least = nnls(A, y)[1]
    H = LeastSquares(A, y).H
    for _ in range(50):
        assert distance_bound(H, y, rng.standard_normal(9)) <= least * (1 + 1e-9)
    x = nnls(A, y)[0]
    assert distance_bound(H, y, y - A @ x) == pytest.approx(least, rel=1e-6)
    unseen = LeastSquares(np.array([[1.0, 0.0], [1.0, 0.0]]), [-1.0, 2.0])
    assert distance_bound(unseen.H, unseen.y, np.array([-1.5, 1.5])) == pytest.approx(1.5 * 2**0.5)


def test_the_bound_holds_for_operators_with_negative_entries():
    from scipy.optimize import nnls

    rng = np.random.default_rng(5)
    for _ in range(300):
        A, y = rng.standard_normal((3, 4)), rng.standard_normal(3)
        least, H = nnls(A, y)[1], LeastSquares(A, y).H
        for w in (y, rng.standard_normal(3)):
            assert distance_bound(H, y, w) <= least + 1e-9


def test_an_epsilon_out_of_reach_is_named_with_what_is_reachable():
    A, y, _ = tilt_series(phantoms.disc(64, supersample=1), 16, 1, ANGLES[::5])
    floor = least_distance(A, y, nonnegative=True, n_iter=500)
    data = DataTolerance(A, y, 0.6 * floor.attained)
    solver = PDHG(data, nonnegative=True)
    assert "may be out of reach" in solver.run(60).stop_reason
    reason = solver.run(500).stop_reason
    assert "is out of reach; the least ‖Hx − y‖ with x ≥ 0 is about" in reason
    assert "proven: at least" in reason
    about = float(reason.split("is about ")[1].split(" ")[0])
    assert about == pytest.approx(floor.attained, rel=0.02)
    data.epsilon = 1.3 * floor.attained
    solver.rearm()
    assert "out of reach" not in solver.run(600).stop_reason


def test_without_constraints_the_least_distance_is_found_but_not_proven():
    twice = np.vstack([np.eye(4), np.eye(4)])
    solver = PDHG(DataTolerance(twice, [0.0] * 4 + [1.0] * 4, 0.5))
    reason = solver.run(300).stop_reason
    assert "ε = 0.5 is out of reach; the least ‖Hx − y‖ is about 1.414 (not proven)" in reason
    # Asked again, it remembers; for other data, it looks again.
    solver.data.y = [0.0] * 4 + [2.0] * 4
    assert "is about 2.828 (not proven)" in solver.run(300).stop_reason


# --- the halves of a step --------------------------------------------------------------------


@pytest.mark.parametrize("kind", [LeastSquares, DataTolerance])
@pytest.mark.parametrize("shape", [(50,), (7, 6000)])
def test_data_steps_block_by_block_equal_the_plain_ones(kind, shape):
    rng = np.random.default_rng(7)
    y, q, Hx, previous = rng.standard_normal((4, *shape))
    extra = (3.0,) if kind is DataTolerance else ()
    data = kind(GaussianBlur(shape, 1.0), y, *extra)
    plain = [a.copy() for a in (q, Hx, previous)]
    expected = super(kind.__mro__[1], data).dual_step(*plain, 0.4, 1.7)
    np.testing.assert_allclose(data.dual_step(q, Hx, previous, 0.4, 1.7), expected, rtol=1e-10)
    for ours, theirs in zip((q, Hx, previous), plain, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_poisson_data_and_constraints_inside_a_support():
    A = ParallelBeam((9, 9), ANGLES[::5], dtype=np.float64)
    support = phantoms.disc(9, radius=4) > 0.5
    counts = np.random.default_rng(1).poisson(20 * (A @ phantoms.disc(9, radius=3))).astype(float)
    data = PoissonLikelihood(A, counts, 0.5)
    solver = PDHG(data, TotalVariation(), 1.0, nonnegative=True, support=support)
    solver.run(5000)
    assert solver.gap() < 1e-3
    only = PDHG(LeastSquares(A, counts), NonNegative(), support=support)
    assert not only.run(200).x[~support].any()
    assert solvers.least_distance(A, counts, support=support).attained > 0


def test_an_epsilon_far_out_of_reach_neither_overflows_nor_ends_without_words():
    A = ParallelBeam((16, 16), ANGLES[::5])
    y = np.random.default_rng(0).random(A.out_shape)
    floor = least_distance(A, y, nonnegative=True, n_iter=300)
    solver = PDHG(DataTolerance(A, y, 0.02 * floor.attained), nonnegative=True)
    result = solver.run(2500)
    assert np.isfinite(result.x).all()
    assert result.data_distance < 1.02 * floor.attained
    assert "out of reach" in result.stop_reason


def test_a_flat_object_is_found_where_no_variation_is_needed():
    A = ParallelBeam((12, 12), ANGLES[::5])
    y = A @ np.ones((12, 12))
    solver = PDHG(DataTolerance(A, y, 0.3 * float(np.linalg.norm(y))), nonnegative=True)
    start = TotalVariation().value(solver.run(20).x)
    assert TotalVariation().value(solver.run(3000).x) < 1e-3 * start


def test_counts_with_a_quadratic_prior_have_a_finite_bound():
    rng = np.random.default_rng(2)
    H = rng.random((12, 6))
    counts = rng.poisson(3 * H @ rng.random(6)).astype(float)
    for prior in (Smoothness(), Identity()):
        solver = PDHG(PoissonLikelihood(H, counts), prior, 0.3, nonnegative=True)
        solver.run(400)
        assert solver.gap() < 1e-3


# --- rounding --------------------------------------------------------------------------------


def test_the_bound_stays_below_the_optimum_in_single_precision():
    """Converged to the last bit, bound and objective differ by rounding alone."""
    truth = phantoms.disc(32, radius=9)
    A = ParallelBeam(truth.shape, np.arange(-70, 71, 5))
    for seed in range(3):
        noise = np.random.default_rng(seed).standard_normal(A.out_shape)
        data = LeastSquares(A, A @ truth + 0.3 * noise)
        x = solvers.CGLS(A.double(), data.y, 1.0).run(400).x
        exact = LeastSquares(A.double(), data.y).value(x) + Identity().value(x)
        solver = PDHG(data, Identity(), 1.0)
        for count in range(800):
            solver.step()
            if count < 400 or count % 5:
                continue
            bound = dual_value(
                data, solver.L, solver.prior, solver.lam, solver._q, solver._p, False
            )
            assert bound < exact
            assert bound < solver.objective()
            assert 0 < solver.gap() < 2e-5
