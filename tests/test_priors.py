"""Priors: proxes are minimisers, agree with an independent solver, and respect their duals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.restoration import denoise_tv_chambolle

from em_inverse.errors import DataError, ParameterError
from em_inverse.forward import Gradient
from em_inverse.priors import (
    Identity,
    NonNegative,
    Prior,
    Smoothness,
    Sparsity,
    TotalVariation,
    laplacian_eigenvalues,
)

PRIORS = [Identity(), Smoothness(), Sparsity(), TotalVariation(tol=1e-12, max_iter=20000)]
SHAPES = [(1,), (9,), (5, 7), (1, 6), (3, 4, 5)]


def proximal_objective(prior, u, v, tau):
    return 0.5 * np.sum((u - v) ** 2) + tau * prior.value(u)


@pytest.mark.parametrize("prior", PRIORS, ids=repr)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6), tau=st.floats(0.01, 3))
def test_no_nearby_object_is_better_than_the_prox(prior, shape, seed, tau):
    rng = np.random.default_rng(seed)
    v = rng.standard_normal(shape)
    u = prior.prox(v, tau)
    best = proximal_objective(prior, u, v, tau)
    for size in (1e-3, 1e-1):
        other = u + size * rng.standard_normal(shape)
        assert best <= proximal_objective(prior, other, v, tau) + 1e-7
    flat = np.full(shape, v.mean())
    assert best <= proximal_objective(prior, flat, v, tau) + 1e-7


@pytest.mark.parametrize("prior", [Identity(), Sparsity(), PRIORS[-1]], ids=repr)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_nonnegative_proxes(prior, shape):
    rng = np.random.default_rng(3)
    v = rng.standard_normal(shape)
    u = prior.prox_nonnegative(v, 0.3)
    assert u.min() >= 0
    best = proximal_objective(prior, u, v, 0.3)
    for size in (1e-3, 1e-2, 1e-1, 1):
        other = np.maximum(u + size * rng.standard_normal(shape), 0)
        assert best <= proximal_objective(prior, other, v, 0.3) + 1e-7


@pytest.mark.parametrize("prior", PRIORS, ids=repr)
def test_firm_nonexpansiveness(prior):
    rng = np.random.default_rng(1)
    v, w = rng.standard_normal((2, 6, 5))
    pv, pw = prior.prox(v, 0.4), prior.prox(w, 0.4)
    assert np.sum((pv - pw) ** 2) <= np.sum((pv - pw) * (v - w)) + 1e-6


@pytest.mark.parametrize("prior", [Smoothness(), PRIORS[-1]], ids=repr)
def test_gradient_priors_keep_the_mean(prior):
    v = np.random.default_rng(1).standard_normal((8, 9))
    assert prior.prox(v, 0.7).mean() == pytest.approx(v.mean(), abs=1e-9)


def test_zero_price_changes_nothing():
    v = np.random.default_rng(1).standard_normal((4, 4))
    for prior in PRIORS:
        np.testing.assert_allclose(prior.prox(v, 0), v)
    np.testing.assert_allclose(TotalVariation().prox_nonnegative(v, 0), np.maximum(v, 0))


@given(seed=st.integers(0, 10**6), n=st.integers(2, 40), tau=st.floats(1e-3, 5))
def test_the_taut_string_meets_its_optimality_conditions(seed, n, tau):
    """p = running sum of (v − u) lies in [−τ, τ] and sits on ±τ where u jumps."""
    v = np.random.default_rng(seed).standard_normal(n)
    u = TotalVariation().prox(v, tau)
    p = np.cumsum(v - u)
    jumps = np.diff(u)
    assert np.abs(p).max() <= tau * (1 + 1e-9)
    assert p[-1] == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(p[:-1][jumps > 1e-9], -tau, rtol=1e-6)
    np.testing.assert_allclose(p[:-1][jumps < -1e-9], tau, rtol=1e-6)


@pytest.mark.parametrize("shape", [(24, 17), (9, 10, 11)])
def test_total_variation_against_an_independent_solver(shape):
    v = np.random.default_rng(2).random(shape)
    ours = TotalVariation(tol=1e-9, max_iter=20000).prox(v, 0.1)
    theirs = denoise_tv_chambolle(v, weight=0.1, eps=0, max_num_iter=8000)
    assert np.abs(ours - theirs).max() < 2e-4
    prior = TotalVariation()
    assert proximal_objective(prior, ours, v, 0.1) <= proximal_objective(prior, theirs, v, 0.1) * (
        1 + 1e-7
    )


def test_profiles_agree_whichever_way_they_are_solved():
    v = np.random.default_rng(4).standard_normal(20)
    exact = TotalVariation().prox(v, 0.5)
    by_dual = TotalVariation(tol=1e-13, max_iter=50000).prox(v[None, None, :], 0.5)[0, 0]
    np.testing.assert_allclose(by_dual, exact, atol=1e-5)
    assert TotalVariation().value(v) == pytest.approx(TotalVariation().value(v[:, None]))


def test_single_precision_and_integers():
    v = np.random.default_rng(4).standard_normal((6, 7))
    single = TotalVariation().prox(v.astype(np.float32), 0.3)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, TotalVariation().prox(v, 0.3), atol=3e-3)
    assert Smoothness().prox(v.astype(np.float32), 0.3).dtype == np.float32
    assert Sparsity().prox(np.array([3, -2]), 1).tolist() == [2.0, -1.0]


def test_the_dual_is_a_warm_start():
    v = np.random.default_rng(4).standard_normal((16, 15))
    tight = TotalVariation(tol=1e-12, max_iter=30000)
    u, p = tight.prox_and_dual(v, 0.5, False, None)
    np.testing.assert_allclose(v - Gradient(v.shape).adjoint(p), u, atol=1e-12)
    assert np.sqrt((p**2).sum(0)).max() <= 0.5 * (1 + 1e-12)
    quick = TotalVariation(tol=1e-9, max_iter=10)
    again, _ = quick.prox_and_dual(v, 0.5, False, p)
    np.testing.assert_allclose(again, u, atol=1e-4)
    cold, _ = quick.prox_and_dual(v, 0.5, False, None)
    assert np.abs(cold - u).max() > 10 * np.abs(again - u).max()


def test_the_prox_ends_where_its_gap_is_small_enough():
    v = np.random.default_rng(5).standard_normal((24, 25))
    exact = TotalVariation(tol=1e-12, max_iter=30000).prox(v, 0.5)

    def excess(u):
        return np.sum((u - v) ** 2) / 2 + 0.5 * TotalVariation().value(u)

    best = excess(exact)
    off = []
    for enough in (30.0, 3.0, 0.3):
        u, _ = TotalVariation().prox_and_dual(v, 0.5, False, None, enough, 1)
        assert excess(u) - best <= enough
        off.append(np.abs(u - exact).max())
    assert off[0] > off[1] > off[2], "more was done than was asked for"
    few, _ = TotalVariation().prox_and_dual(v, 0.5, False, None, 1e9, 7)
    seven = TotalVariation(max_iter=7).prox(v, 0.5)
    assert np.array_equal(few, seven), "not as many sweeps as asked for at least"


def test_values_of_known_objects():
    square = np.zeros((6, 6))
    square[2:4, 2:4] = 1
    assert TotalVariation().value(square) == pytest.approx(6 + np.sqrt(2))
    assert Smoothness().value(square) == pytest.approx(8)
    assert Identity().value(square) == 4
    assert Sparsity().value(-square) == 4
    assert NonNegative().value(square) == 0
    assert NonNegative().value(-square) == np.inf


def test_the_laplacian_is_diagonal_in_the_cosine_basis():
    for shape in [(5,), (3, 4), (2, 3, 4)]:
        matrix = Gradient(shape).to_matrix()
        expected = np.linalg.eigvalsh(matrix.T @ matrix)
        np.testing.assert_allclose(
            np.sort(laplacian_eigenvalues(shape).ravel()), expected, atol=1e-12
        )


@pytest.mark.parametrize("prior", [*PRIORS, NonNegative()], ids=repr)
def test_dual_projections_satisfy_moreaus_identity(prior):
    """p = prox_σ(λr)*(q) means λ r(z) + (λr)*(p) = ⟨z, p⟩ with z = (q − p)/σ."""
    L = prior.analysis((4, 5), np.float64)
    q = np.random.default_rng(0).normal(0, 2, L.out_shape)
    p = prior.project_dual(q, 0.8, 1.3)
    z = (q - p) / 1.3
    if isinstance(prior, TotalVariation):
        value = 0.8 * np.sqrt((z**2).sum(0)).sum()
    elif isinstance(prior, Identity):
        value = 0.8 * np.sum(z**2)
    elif isinstance(prior, Sparsity):
        value = 0.8 * np.abs(z).sum()
    else:
        value = 0.0
        assert z.min() >= -1e-12
    assert value + prior.conjugate(p, 0.8) == pytest.approx(np.sum(z * p), abs=1e-9)
    assert prior.dual_excess(p, 0.8) <= 1 + 1e-12


def test_bad_input():
    with pytest.raises(DataError):
        TotalVariation().prox(np.ones((2, 2, 2, 2)), 1)
    with pytest.raises(ParameterError, match="tau"):
        Sparsity().prox(np.ones(3), -1)
    with pytest.raises(ParameterError, match="tol"):
        TotalVariation(tol=0)
    with pytest.raises(ParameterError, match=r"Use solvers\.PDHG"):
        Smoothness().prox_nonnegative(np.ones(3), 1)
    for method, arguments in [
        ("value", ([1.0],)),
        ("prox", ([1.0], 1.0)),
        ("project_dual", ([1.0], 1.0, 1.0)),
    ]:
        with pytest.raises(NotImplementedError, match=method):
            getattr(Prior(), method)(*arguments)


def test_a_large_offset_in_single_precision_costs_no_more_iterations():
    v = np.random.default_rng(4).random((20, 21)).astype(np.float32)
    prior = TotalVariation(tol=1e-7, max_iter=400)
    reference, _ = prior.prox_and_dual(v.astype(np.float64), 0.2, False, None)
    u, p = prior.prox_and_dual(v + np.float32(1000), 0.2, False, None)
    np.testing.assert_allclose(u - 1000, reference, atol=2e-3)
    # What ended the iteration was the gap: a dual of the same quality, not 400 sweeps of noise.
    dual = np.sqrt(np.square(p).sum(axis=0)).max()
    assert dual == pytest.approx(0.2, rel=1e-5)


def test_the_conjugate_of_a_constraint_knows_its_domain():
    assert NonNegative().conjugate(np.array([-1.0, 0.0]), 1.0) == 0
    assert NonNegative().conjugate(np.array([-1.0, 0.1]), 1.0) == np.inf
