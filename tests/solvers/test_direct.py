"""Direct solutions: filter factors, the generalised SVD, truncation, Picard."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from em_inverse import solvers
from em_inverse.errors import DataError, ParameterError
from em_inverse.forward import GaussianBlur, Gradient, MatrixOperator


def problem(rows, columns, seed):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((rows, columns)), rng.standard_normal(rows)


@settings(max_examples=40)
@given(
    st.integers(2, 12),
    st.integers(2, 12),
    st.floats(-6, 3),
    st.sampled_from(["identity", "gradient"]),
    st.integers(0, 10**6),
)
def test_the_path_solves_the_normal_equations(rows, columns, log_lam, penalty, seed):
    A, y = problem(rows, columns, seed)
    lam = 10**log_lam
    L = np.eye(columns) if penalty == "identity" else Gradient((columns,)).to_matrix()
    path = solvers.TikhonovPath(A, y, penalty)
    x = path.solution(lam)
    normal = A.T @ (A @ x - y) + lam * L.T @ (L @ x)
    scale = np.linalg.norm(A.T @ y) + np.linalg.norm(A, 2) ** 2 * np.linalg.norm(x)
    assert np.linalg.norm(normal) <= 1e-8 * scale
    assert path.residual_norm(lam) == pytest.approx(np.linalg.norm(A @ x - y), rel=1e-7, abs=1e-9)
    assert path.solution_norm(lam) == pytest.approx(np.linalg.norm(L @ x), rel=1e-7, abs=1e-9)
    assert 0 <= path.degrees_of_freedom(lam) <= min(rows, columns) + 1e-9


def test_filter_factors_are_those_of_the_text():
    path = solvers.TikhonovPath(np.diag([2.0, 1.0]), [2.0, 1.0])
    np.testing.assert_allclose(path.filter_factors(1.0), [0.8, 0.5])
    np.testing.assert_allclose(path.filter_factors(0.0), 1)
    np.testing.assert_allclose(path.solution(1.0), [2 / 5 * 2, 1 / 2])


def test_degrees_of_freedom_are_the_trace_of_the_influence_matrix():
    A, y = problem(9, 6, 1)
    for penalty in ("identity", "gradient"):
        L = np.eye(6) if penalty == "identity" else Gradient((6,)).to_matrix()
        influence = A @ np.linalg.solve(A.T @ A + 0.3 * L.T @ L, A.T)
        path = solvers.TikhonovPath(A, y, penalty)
        assert path.degrees_of_freedom(0.3) == pytest.approx(np.trace(influence))


def test_new_data_reuse_the_decomposition():
    A, y = problem(6, 6, 0)
    path = solvers.TikhonovPath(A, y)
    path.set_data(2 * y)
    np.testing.assert_allclose(path.solution(0.1), 2 * solvers.TikhonovPath(A, y).solution(0.1))


def test_the_gradient_cannot_fix_a_level_that_h_does_not_see():
    A = np.eye(4) - 0.25
    with pytest.raises(DataError, match="penalty='identity'"):
        solvers.TikhonovPath(A, np.ones(4), "gradient")


def test_images_keep_their_shape():
    H = GaussianBlur((5, 6), 0.7)
    x = np.random.default_rng(0).random((5, 6))
    for penalty in ("identity", "gradient"):
        near = solvers.TikhonovPath(H, H @ x, penalty).solution(1e-12)
        np.testing.assert_allclose(near, x, atol=1e-6)


@given(st.integers(1, 8), st.integers(1, 8), st.integers(0, 10**6))
def test_naive_is_least_squares_of_smallest_norm(rows, columns, seed):
    A, y = problem(rows, columns, seed)
    expected = np.linalg.lstsq(A, y, rcond=None)[0]
    np.testing.assert_allclose(solvers.naive(A, y), expected, atol=1e-6 * np.linalg.cond(A))


def test_naive_does_not_divide_by_zero():
    x = solvers.naive(np.diag([1.0, 0.0]), [1.0, 1.0])
    np.testing.assert_allclose(x, [1, 0])


def test_truncation_drops_the_tail():
    A, y = problem(6, 6, 2)
    U, s, Vt = np.linalg.svd(A)
    for rank in (1, 3, 6):
        expected = sum(U[:, i] @ y / s[i] * Vt[i] for i in range(rank))
        np.testing.assert_allclose(solvers.truncated_svd(A, y, rank), expected, atol=1e-10)
    np.testing.assert_allclose(solvers.truncated_svd(A, y, 6), solvers.naive(A, y), atol=1e-10)
    for rank in (0, 7, 1.5):
        with pytest.raises(ParameterError, match="rank"):
            solvers.truncated_svd(A, y, rank)


def test_picard():
    s, coefficients, ratio = solvers.picard(MatrixOperator(np.diag([4.0, 2.0, 0.0])), [1, -1, 3])
    np.testing.assert_allclose(s, [4, 2, 0])
    np.testing.assert_allclose(coefficients, [1, 1, 3])
    np.testing.assert_allclose(ratio[:2], [0.25, 0.5])
    assert ratio[2] == np.inf


def test_sensible_range_brackets_all_damping():
    path = solvers.TikhonovPath(GaussianBlur((32,), 1.5), np.ones(32))
    low, high = path.sensible_range()
    assert path.filter_factors(low).min() > 0.95
    assert path.filter_factors(high).max() < 0.05


@pytest.mark.parametrize("scale", [1e-12, 1e-6, 1e6, 1e12])
@pytest.mark.parametrize("penalty", ["identity", "gradient"])
def test_the_units_of_h_do_not_matter(scale, penalty):
    A = GaussianBlur((30,), 2.0, "nearest").to_matrix()[:25]
    y = np.random.default_rng(0).standard_normal(25)
    one = solvers.TikhonovPath(A, y, penalty).solution(0.01)
    other = solvers.TikhonovPath(scale * A, y, penalty).solution(0.01 * scale**2)
    np.testing.assert_allclose(other * scale, one, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("H", [GaussianBlur((30,), 2.0), GaussianBlur((30,), 2.0, "nearest")])
def test_constants_have_no_gradient_however_large_lambda_is(H):
    y = 3 + np.random.default_rng(0).standard_normal(30)
    path = solvers.TikhonovPath(H, y, "gradient")
    flat = H @ np.ones(30)
    level = flat @ y / (flat @ flat)
    for lam in (1e12, 1e40, 1e200):
        np.testing.assert_allclose(path.solution(lam), level, rtol=1e-9)
    assert path.residual_norm(1e200) == pytest.approx(np.linalg.norm(y - level * flat))


@pytest.mark.parametrize("shape", [(17,), (6, 9)])
def test_the_cosine_basis_replaces_the_decomposition(shape):
    """The same blur as operator (closed form) and by the generalised SVD."""

    class Opaque(GaussianBlur):
        def cosine_spectrum(self):
            return None

    y = np.random.default_rng(0).standard_normal(shape)
    fast = solvers.TikhonovPath(GaussianBlur(shape, 1.1), y, "gradient")
    slow = solvers.TikhonovPath(Opaque(shape, 1.1), y, "gradient")
    lambdas = [1e-4, 0.1, 10.0, 1e5]
    np.testing.assert_allclose(fast.solutions(lambdas), slow.solutions(lambdas), atol=1e-9)
    for quantity in ("residual_norms", "solution_norms", "residual_degrees"):
        np.testing.assert_allclose(
            getattr(fast, quantity)(lambdas), getattr(slow, quantity)(lambdas), rtol=1e-9
        )


def test_a_decomposition_is_made_once():
    H = GaussianBlur((20,), 1.0, "nearest")
    y = np.ones(20)
    for penalty in ("identity", "gradient"):
        first, second = (solvers.TikhonovPath(H, y, penalty) for _ in range(2))
        assert np.shares_memory(first.basis, second.basis)
        with pytest.raises(ValueError, match="read-only"):
            first.c[0] = 2


def test_many_lambdas_at_once_are_one_after_the_other():
    A, y = problem(9, 6, 3)
    path = solvers.TikhonovPath(A, y, "gradient")
    lambdas = [0.0, 0.2, 30.0]
    np.testing.assert_allclose(path.solutions(lambdas), [path.solution(v) for v in lambdas])
    np.testing.assert_allclose(
        path.residual_norms(lambdas), [path.residual_norm(v) for v in lambdas]
    )
    np.testing.assert_allclose(
        path.solution_norms(lambdas), [path.solution_norm(v) for v in lambdas]
    )
    np.testing.assert_allclose(
        path.residual_degrees(lambdas), [9 - path.degrees_of_freedom(v) for v in lambdas]
    )
    with pytest.raises(ParameterError, match="lam is -1"):
        path.solutions([1.0, -1.0])


def test_small_residuals_keep_their_digits():
    """1 − f is not formed by subtraction: at λ = 10⁻²⁰ it would be zero."""
    path = solvers.TikhonovPath(np.diag([1.0, 0.5]), [1.0, 1.0])
    assert path.residual_norm(1e-20) == pytest.approx(1e-20 * np.sqrt(1 + 16), rel=1e-9)
    assert path.residual_degrees([1e-20])[0] == pytest.approx(5e-20, rel=1e-9)


def test_no_lambda_is_sensible_where_nothing_depends_on_it():
    for H, penalty in ((np.zeros((3, 3)), "identity"), (np.ones((5, 1)), "gradient")):
        path = solvers.TikhonovPath(H, np.ones(len(H)), penalty)
        with pytest.raises(DataError, match="no λ is better"):
            path.sensible_range()
