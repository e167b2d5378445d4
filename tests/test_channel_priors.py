"""Total variation of channels, and several measurements of one object, in the house's PDHG."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from em_inverse.errors import DataError, ParameterError
from em_inverse.fidelity import (
    DataTolerance,
    JointData,
    LeastSquares,
    PoissonLikelihood,
    WeightedLeastSquares,
)
from em_inverse.forward import ChannelGradient, Identity, Stack
from em_inverse.forward.kernels import joint_variation
from em_inverse.priors import ChannelTotalVariation, Prior, TotalVariation
from em_inverse.solvers import PDHG

SHAPES = [(2, 5, 7), (3, 4, 1, 6), (1, 3, 4, 5)]


def value_by_definition(x, shared, m):
    steps = ChannelGradient(x.shape) @ x
    each = np.square(steps).sum(axis=(0, 1) if shared else 0)
    more = 0.0
    if m is not None:
        more = np.sqrt(np.square(np.tensordot(m, steps, (0, 1))).sum(axis=0)).sum()
    return np.sqrt(each).sum() + more


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("summed", [True, False])
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_values_and_steps_are_those_of_the_definition(shape, shared, summed, seed):
    """The kernels against the slow steps that Prior makes of the plain operator."""
    rng = np.random.default_rng(seed)
    m = rng.uniform(0.2, 3, shape[0]) if summed else None
    prior = ChannelTotalVariation(shared=shared, combined=m)
    L = prior.analysis(shape, np.float64)
    inside = rng.random((*shape[:-1], 1)) > 0.2
    x, previous, pull = rng.standard_normal((3, *shape)) * inside
    assert prior.value(x) == pytest.approx(value_by_definition(x, shared, m))

    def into(p, axes, limit):
        return p * limit / np.maximum(np.sqrt(np.square(p).sum(axis=axes, keepdims=True)), limit)

    class Slow(ChannelTotalVariation):
        def project_dual(self, p, lam, sigma):
            n = shape[0]
            parts = [into(p[:, :n], (0, 1) if shared else 0, lam)]
            if summed:
                parts.append(into(p[:, n:], 0, lam * np.linalg.norm(m)))
            return np.concatenate(parts, axis=1)

    slow, p = Slow(shared=shared, combined=m), prior.dual_start(L)
    q = prior.dual_field(p, L).copy()
    for _ in range(2):
        a, b = x.copy(), previous.copy()
        fast = prior.dual_step(L, x, previous, p, 0.7, 0.4, 1.8)
        assert fast == pytest.approx(Prior.dual_step(slow, L, x, previous, q, 0.7, 0.4, 1.8))
        assert prior.dual_field(p, L) == pytest.approx(q)
        fast = prior.primal_step(L, x, previous, pull, p, inside, 0.0, 0.3, 1.8)
        there = Prior.primal_step(slow, L, a, b, pull, q, inside, 0.0, 0.3, 1.8)
        assert fast == pytest.approx(there)
        assert x == pytest.approx(a)


def test_all_threads_agree_with_one(monkeypatch):
    rng = np.random.default_rng(2)
    x, old = rng.standard_normal((2, 3, 9, 5, 8)).astype(np.float32)
    p = np.zeros((3, *x.shape), np.float32)
    q = p.copy()
    one = joint_variation.dual_step(x, old, p, 0.5, 0.4, 1.8)
    monkeypatch.setattr(joint_variation, "PARALLEL_FROM", 0)
    assert joint_variation.dual_step(x, old, q, 0.5, 0.4, 1.8) == pytest.approx(one)
    assert np.array_equal(p, q)


def test_channels_apart_are_channels_alone():
    rng = np.random.default_rng(0)
    y = rng.standard_normal((2, 6, 7))
    data = LeastSquares(Identity(y.shape), y)
    both = PDHG(data, ChannelTotalVariation([1.0, 0.5]), 0.6).run(800).x
    for c, weight in enumerate((1.0, 0.5)):
        assert both[c] == pytest.approx(
            TotalVariation(tol=1e-12).prox(y[c], 0.3 * weight), abs=1e-4
        )


def test_a_shared_edge_helps_the_weak_channel():
    """One channel sees the edge well, the other hardly: together both have it."""
    truth = np.zeros((2, 16, 16))
    truth[:, 4:12, 4:12] = 1
    scale = np.array([10.0, 1.0])
    noise = 0.5 * np.random.default_rng(1).standard_normal(truth.shape)
    data = LeastSquares(Identity(truth.shape), scale[:, None, None] * truth + noise)

    def error(shared, lam):
        x = PDHG(data, ChannelTotalVariation(shared=shared), lam).run(200).x
        return np.sqrt(np.mean((x[1] - truth[1]) ** 2))

    errors = {
        shared: min(error(shared, lam) for lam in (0.5, 1, 1.5, 2, 3)) for shared in (True, False)
    }
    assert errors[True] < 0.8 * errors[False], errors


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_gradient_of_channels_and_of_their_sum(shape):
    m = np.arange(1.0, shape[0] + 1)
    L = ChannelGradient(shape, combined=m)
    assert L.dot_test() < 1e-12
    dense = np.linalg.norm(L.to_matrix(), 2)
    assert dense <= L.norm() * (1 + 1e-9)
    assert L.norm() == pytest.approx(dense, rel=1e-6)
    x = np.random.default_rng(0).standard_normal(shape)
    one = ChannelGradient((1, *shape[1:])) @ np.tensordot(m, x, 1)[None]
    assert (L @ x)[:, -1:] == pytest.approx(one)


def test_what_a_prior_of_channels_cannot_do_is_said():
    with pytest.raises(ParameterError, match="0 everywhere"):
        ChannelTotalVariation(combined=[0.0, 0.0])
    with pytest.raises(ParameterError, match="combined holds 3 numbers"):
        ChannelTotalVariation(combined=[1.0, 2, 3]).value(np.ones((2, 3, 3)))
    with pytest.raises(ParameterError, match="≥ 0"):
        ChannelTotalVariation([-1.0])
    with pytest.raises(ParameterError, match="shared"):
        ChannelTotalVariation([1.0], shared=True)
    with pytest.raises(ParameterError, match="PDHG"):
        ChannelTotalVariation().prox(np.ones((1, 2, 2)), 1.0)
    data = LeastSquares(Identity((2, 4, 4)), np.ones((2, 4, 4)))
    with pytest.raises(ParameterError, match="2 channels"):
        PDHG(data, ChannelTotalVariation([1.0]))
    solver = PDHG(data, ChannelTotalVariation(shared=True), 0.1)
    solver.run(3)
    assert solver.gap() == np.inf
    assert "shared" in repr(solver.prior)


def joint(seed=0):
    rng = np.random.default_rng(seed)
    H, G = rng.uniform(0, 1, (6, 4)), rng.uniform(0, 1, (5, 4))
    x = rng.uniform(0, 3, 4)
    return H, G, H @ x, G @ x, rng


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), sigma=st.floats(0.05, 5), weight=st.floats(0.1, 5))
def test_joint_conjugate_and_prox(seed, sigma, weight):
    H, G, y, z, rng = joint(seed)
    data = JointData([PoissonLikelihood(H, y), LeastSquares(G, z)], [1.0, weight])
    q = rng.standard_normal(11) * 0.4
    p = data.prox_conjugate(q, sigma)
    best = 0.5 * np.sum((p - q) ** 2) + sigma * data.conjugate(p)
    for size in (1e-3, 1e-1):
        other = p + size * rng.standard_normal(11)
        assert best <= 0.5 * np.sum((other - q) ** 2) + sigma * data.conjugate(other) + 1e-9
    point = rng.uniform(0.1, 2, 4)
    # Fenchel: f(z) + f*(q) ≥ ⟨q, z⟩.
    assert data.value(point) + data.conjugate(p) >= np.vdot(p, data.H @ point) - 1e-9
    s = data.best_scale(p, 2.0)
    assert 0 <= s <= 2
    for other in (0.0, 0.5 * s, min(1.1 * s, 2.0)):
        assert (
            data.conjugate(s * p)
            <= data.conjugate(other * p) + 1e-6 * abs(data.conjugate(s * p)) + 1e-6
        )


def test_two_least_squares_are_one():
    H, G, y, z, rng = joint()
    y, z = y + rng.standard_normal(6), z + rng.standard_normal(5)
    data = JointData([LeastSquares(H, y), LeastSquares(G, z)], [1.0, 4.0])
    solver = PDHG(data, TotalVariation(), 0.3, nonnegative=True)
    stacked = LeastSquares(Stack([H, 2 * G]), np.concatenate([y, 2 * z]))
    other = PDHG(stacked, TotalVariation(), 0.3, nonnegative=True)
    assert solver.run(1000).x == pytest.approx(other.run(1000).x, abs=1e-5)
    assert 0 <= solver.gap() < 1e-4
    assert solver.objective() == pytest.approx(other.objective(), rel=1e-6)
    solver.y = np.zeros(11)
    assert np.array_equal(data.parts[1].y, np.zeros(5))


def test_joint_data_with_a_ball_and_poisson():
    H, G, y, z, _ = joint(3)
    data = JointData([PoissonLikelihood(H, y), DataTolerance(G, z, 0.05)])
    x = PDHG(data, TotalVariation(), 0.01, nonnegative=True).run(2000).x
    assert np.linalg.norm(G @ x - z) <= 0.05 * 1.001
    assert data.value_at(data.H @ x) < 0.05


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: JointData([]), ParameterError, "empty"),
        (lambda: JointData([LeastSquares(np.eye(2), [1, 2])], [0.0]), ParameterError, "above 0"),
        (
            lambda: JointData(
                [LeastSquares(np.eye(2), [1, 2]), LeastSquares(np.eye(3), [1, 2, 3])]
            ),
            DataError,
            "different shapes",
        ),
    ],
)
def test_bad_joint_data_are_named(make, error, words):
    with pytest.raises(error, match=words):
        make()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), sigma=st.floats(0.05, 5))
def test_weighted_least_squares(seed, sigma):
    rng = np.random.default_rng(seed)
    H, x = rng.standard_normal((5, 3)), rng.standard_normal(3)
    y, W = rng.standard_normal(5), rng.uniform(0.1, 3, 5)
    data = WeightedLeastSquares(H, y, W)
    root = np.sqrt(W)
    same = LeastSquares(root[:, None] * H, root * y)
    assert data.value(x) == pytest.approx(same.value(x))
    numeric = [(data.value(x + 1e-5 * e) - data.value(x - 1e-5 * e)) / 2e-5 for e in np.eye(3)]
    assert data.gradient(x) == pytest.approx(numeric, rel=1e-6, abs=1e-6)
    change = rng.standard_normal(3)
    steep = np.linalg.norm(data.gradient(x + change) - data.gradient(x))
    assert steep <= data.lipschitz() * np.linalg.norm(change) * (1 + 1e-9)
    q = rng.standard_normal(5)
    assert data.conjugate(q) == pytest.approx(same.conjugate(q / root))
    assert data.best_scale(q, 2.0) == pytest.approx(same.best_scale(q / root, 2.0))
    p = data.prox_conjugate(q, sigma)
    best = 0.5 * np.sum((p - q) ** 2) + sigma * data.conjugate(p)
    other = p + 0.1 * rng.standard_normal(5)
    assert best <= 0.5 * np.sum((other - q) ** 2) + sigma * data.conjugate(other) + 1e-12
    assert data.best_scale(np.zeros(5), 1.0) == 0
    with pytest.raises(DataError, match="above 0"):
        WeightedLeastSquares(H, y, 0 * W)
