import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from em_inverse.errors import DataError, ParameterError
from em_inverse.forward import GaussianBlur, MatrixOperator, ParallelBeam
from em_inverse.priors import Sparsity
from em_inverse.solvers import SART, SIRT, TVSART, OrderedSubsets

ANGLES = np.array([-70, -52, -35, -20, 0, 11, 28, 45, 63, 90.0])
RNG = np.random.default_rng(3)


def problem(shape=(12, 15), dtype=np.float32, **kwargs):
    A = ParallelBeam(shape, ANGLES, dtype=dtype, **kwargs)
    return A, A @ RNG.random(shape)


class Plain(MatrixOperator):
    """A projector of which only the matrix is known: rows of a tilt lie together."""

    def __init__(self, A, tilts=None):
        self.A = A
        super().__init__(A.to_matrix())
        self.out_shape, self.in_shape = A.out_shape, A.in_shape

    def _forward(self, x):
        return (self.matrix @ x.ravel()).reshape(self.out_shape)

    def _adjoint(self, y):
        return (self.matrix.T @ y.ravel()).reshape(self.in_shape)

    def subset(self, indices):
        return Plain(self.A.subset(indices))


def textbook(A, y, blocks, x, omega, passes=1, support=None, floor=0.0):
    """SART in the words of its definition, with dense matrices."""
    inside = np.ones(A.in_shape) if support is None else np.broadcast_to(support, A.in_shape)
    x = (x * inside).ravel()
    whole = A.to_matrix().reshape(A.out_shape[0], -1, x.size)
    for _ in range(passes):
        for block in blocks:
            M = whole[block].reshape(-1, x.size) * inside.ravel()
            rows, columns = M.sum(axis=1), M.sum(axis=0)
            seen, hit = rows > 1e-6, columns > 1e-6
            R = np.divide(1, rows, out=np.zeros_like(rows), where=seen)
            C = np.divide(1, columns, out=np.zeros_like(columns), where=hit)
            x = np.maximum(x + omega * C * (M.T @ (R * (y[block].ravel() - M @ x))), floor)
    return x.reshape(A.in_shape)


@pytest.mark.parametrize("blocks", ["tilts", 4, 1])
@pytest.mark.parametrize("shape", [(12, 15), (9, 8, 2), (9, 8, 5), (4, 5, 70)])
def test_a_pass_is_the_textbook_pass(shape, blocks):
    A, y = problem(shape)
    solver = SART(A, y, blocks=blocks, relaxation=0.8)
    order = solver.subsets.sequence(0)
    solver.step()
    one = ParallelBeam(shape[:2], ANGLES)
    flat = len(shape) == 2
    for k in range(1 if flat else shape[2]):
        expected = textbook(one, y if flat else y[:, :, k], order, np.zeros(shape[:2]), 0.8)
        np.testing.assert_allclose(solver.x if flat else solver.x[:, :, k], expected, atol=2e-5)


@pytest.mark.parametrize("center_shift", [0.0, 2.3])
@pytest.mark.parametrize("nonnegative", [True, False])
def test_the_compiled_pass_equals_the_pass_by_blocks(nonnegative, center_shift):
    A = ParallelBeam((10, 12), ANGLES, 9, dtype=np.float64, center_shift=center_shift)
    y = A @ RNG.random((10, 12)) - 4
    settings_ = {"blocks": 3, "relaxation": 0.6, "nonnegative": nonnegative}
    fast, slow = SART(A, y, **settings_), SART(Plain(A), y, **settings_)
    # The matrix carries no angles; give both the same hands of cards.
    slow.subsets.blocks = fast.subsets.blocks
    fast.run(4)
    slow.run(4)
    np.testing.assert_allclose(fast.x, slow.x, atol=1e-9)
    assert (fast.x.min() < 0) != nonnegative


def test_one_block_is_sirt():
    A, y = problem()
    np.testing.assert_allclose(SART(A, y, blocks=1).run(6).x, SIRT(A, y).run(6).x, atol=1e-5)


def test_more_blocks_advance_further_per_pass():
    A, y = problem((24, 24))
    distances = [SART(A, y, blocks=b).run(4).data_distance for b in (1, 3, "tilts")]
    assert distances[0] > 2 * distances[1]
    assert distances[1] > 1.5 * distances[2]


@pytest.mark.parametrize("order", ["golden", "sequential", "random", "multilevel"])
@given(n=st.integers(1, 40), seed=st.integers(0, 5))
@settings(max_examples=20, deadline=None)
def test_every_order_visits_every_tilt_once(order, n, seed):
    A = ParallelBeam((2, 2), np.linspace(-60, 60, n))
    subsets = OrderedSubsets(A, order=order, seed=seed)
    for iteration in range(2):
        visited = np.concatenate(subsets.sequence(iteration))
        assert sorted(visited) == list(range(n))


def test_blocks_see_all_directions():
    shuffled = np.random.default_rng(0).permutation(ANGLES)
    subsets = OrderedSubsets(ParallelBeam((4, 4), shuffled), blocks=5)
    for block in subsets.blocks:
        assert np.ptp(shuffled[block]) > 60


def test_orders_that_jump():
    A = ParallelBeam((4, 4), np.linspace(-70, 70, 64))
    for order in ("golden", "multilevel"):
        visited = np.concatenate(OrderedSubsets(A, order=order).sequence(0))
        assert np.abs(np.diff(visited)).min() > 8
    random = OrderedSubsets(A, order="random", seed=1)
    first, second = (np.concatenate(random.sequence(k)) for k in (0, 1))
    assert (first != second).any()
    np.testing.assert_array_equal(first, np.concatenate(random.sequence(0)))


@pytest.mark.parametrize("kind", ["slice", "volume", "for all slices"])
def test_outside_the_support_x_stays_exactly_zero(kind):
    shape = (8, 9) if kind == "slice" else (8, 9, 5)
    A, y = problem(shape)
    support = RNG.random(shape[:2] if kind == "for all slices" else shape) > 0.4
    solver = SART(A, y, np.ones(shape), support=support, relaxation=0.7)
    full = np.broadcast_to(support[..., None] if support.ndim < len(shape) else support, shape)
    expected = textbook(A, y, solver.subsets.sequence(0), np.ones(shape), 0.7, 3, full)
    solver.run(3)
    np.testing.assert_allclose(solver.x, expected, atol=3e-5)
    assert (solver.x[~full] == 0).all()


def test_data_and_relaxation_may_change_on_the_way():
    A, y = problem((16, 16))
    solver = SART(A, y, order="sequential", relaxation=0.5)
    solver.step()
    before = solver.x.copy()
    solver.y, solver.relaxation = 2 * y, 1.2
    solver.step()
    expected = textbook(A, 2 * y, solver.subsets.sequence(1), before, 1.2)
    np.testing.assert_allclose(solver.x, expected, atol=3e-5)
    for name, bad in (("relaxation", 2.0), ("relaxation", 0)):
        with pytest.raises(ParameterError, match=name):
            setattr(solver, name, bad)
    with pytest.raises(DataError, match="y has shape"):
        solver.y = y[:3]


@pytest.mark.parametrize("order", ["golden", "random"])
@pytest.mark.parametrize("make", [SART, lambda A, y, **k: TVSART(A, y, 0.02, **k)])
def test_a_resumed_run_continues_bit_by_bit(make, order, tmp_path):
    A, y = problem((16, 16, 3))
    straight, first, second = (make(A, y, order=order, seed=4) for _ in range(3))
    straight.run(7)
    first.run(3)
    first.save(tmp_path / "state.npz")
    second.load(tmp_path / "state.npz")
    second.run(4)
    np.testing.assert_array_equal(second.x, straight.x)
    assert second.history == straight.history


def test_arguments_are_left_alone_and_reported():
    A, y = problem()
    x0 = np.full(A.in_shape, 0.5, np.float32)
    kept = x0.copy(), y.copy()
    result = SART(A, y, x0, support=np.ones(A.in_shape, bool)).run(2)
    np.testing.assert_array_equal(x0, kept[0])
    np.testing.assert_array_equal(y, kept[1])
    assert result.parameters["support"] == "given"
    assert result.parameters["blocks"] == len(ANGLES)
    json.dumps(result.parameters)


def test_bad_input_is_refused_with_the_remedy():
    A, y = problem()
    with pytest.raises(ParameterError, match=r"no method subset.*SIRT"):
        SART(GaussianBlur((12, 15), 1.0), np.zeros((12, 15)))
    for name, bad in (("blocks", 0), ("blocks", 11), ("blocks", "few"), ("order", "backwards")):
        with pytest.raises(ParameterError, match=name):
            SART(A, y, **{name: bad})
    with pytest.raises(ParameterError, match="relaxation"):
        SART(A, y, relaxation=0)
    with pytest.raises(DataError, match="support"):
        SART(A, y, support=np.ones((3, 3), bool))
    with pytest.raises(DataError, match="x0"):
        SART(A, y, np.zeros((3, 3)))
    negative = Plain(A)
    negative.matrix = -negative.matrix
    with pytest.raises(ParameterError, match="CGLS"):
        SART(negative, y)


# --- SART and total variation in turn ---------------------------------------------------------


def test_tv_sart_denoises_after_every_pass():
    A, y = problem((20, 20))
    solver = TVSART(A, y, lam=0.05, relaxation=0.4)
    passed = solver.subsets.sweep(solver.x, y, 0.4, 0)
    solver.step()
    expected = solver.prior.prox_nonnegative(passed, 0.05)
    np.testing.assert_allclose(solver.x, expected, atol=2e-3)
    assert solver.history["prior"][0] == pytest.approx(solver.prior.value(solver.x))


def test_more_lam_less_variation_and_it_may_change():
    A, y = problem((20, 20))
    y = y + RNG.normal(0, 0.5, y.shape)
    weak, strong = TVSART(A, y, 0.003), TVSART(A, y, 0.05)
    assert strong.run(20).history["prior"][-1] < 0.7 * weak.run(20).history["prior"][-1]
    weak.lam = 0.05
    weak.run(40)
    assert weak.history["prior"][-1] == pytest.approx(strong.history["prior"][-1], rel=0.05)
    with pytest.raises(ParameterError, match="lam"):
        weak.lam = 0


def test_tv_sart_takes_other_priors_and_a_support():
    A, y = problem()
    support = np.zeros(A.in_shape, bool)
    support[3:9, 4:12] = True
    solver = TVSART(A, y, 0.1, prior=Sparsity(), support=support)
    passed = solver.subsets.sweep(solver.x, y, 0.5, 0)
    result = solver.run(1)
    np.testing.assert_allclose(result.x, np.maximum(passed - 0.1, 0), atol=1e-6)
    assert (solver.run(5).x[~support] == 0).all()
    assert result.parameters["lambda"] == 0.1
    assert result.parameters["prior"] == "Sparsity()"


def test_shifts_along_the_tilt_axis_are_obeyed():
    shifts = np.random.default_rng(0).uniform(-2, 2, ANGLES.size)
    A = ParallelBeam((9, 10, 12), ANGLES, dtype=np.float64, axial_shift=shifts)
    x = np.zeros(A.in_shape)
    x[3:6, 2:7, 4:8] = RNG.random((3, 5, 4))
    solver = SART(A, A @ x)
    assert solver.run(30).data_distance < 0.05 * np.linalg.norm(solver.y)
