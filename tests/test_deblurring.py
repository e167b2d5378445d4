"""Deblurring by name: agreement between methods, limits, matrices and operators, certificates."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.restoration import richardson_lucy as skimage_richardson_lucy

from em_inverse import Reconstruction, deblurring, metrics, phantoms
from em_inverse.errors import DataError, ParameterError
from em_inverse.forward import GaussianBlur, Gradient, gaussian_taps

RNG = np.random.default_rng(42)
H1 = GaussianBlur((64,), 3)
X1 = phantoms.three_peaks(64)
Y1 = H1 @ X1 + 0.1 * (H1 @ X1).max() * RNG.standard_normal(64)
H2 = GaussianBlur((15, 18), 1.2)
X2 = np.zeros((15, 18))
X2[4:10, 5:14] = 1.0
Y2 = H2 @ X2 + 0.05 * RNG.standard_normal(X2.shape)

RECIPES = {
    "naive": lambda H, y, **k: deblurring.naive(H, y, **k),
    "truncated_svd": lambda H, y, **k: deblurring.truncated_svd(H, y, 5, **k),
    "tikhonov": lambda H, y, **k: deblurring.tikhonov(H, y, 0.1, **k),
    "total_variation": lambda H, y, **k: deblurring.total_variation(H, y, 0.1, **k),
    "sparse": lambda H, y, **k: deblurring.sparse(H, y, 0.1, **k),
    "wiener": lambda H, y, **k: deblurring.wiener(H, y, 0.1, **k),
    "richardson_lucy": lambda H, y, **k: deblurring.richardson_lucy(H, np.abs(y), 5, **k),
}


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize(("H", "y"), [(H1, Y1), (H2, Y2)], ids=["1-D", "2-D"])
def test_every_recipe_takes_operators_and_matrices(name, H, y):
    recipe = RECIPES[name]
    before = y.copy()
    x = recipe(H, y)
    assert x.shape == H.in_shape
    np.testing.assert_array_equal(y, before)
    full = recipe(H, y, full=True)
    assert isinstance(full, Reconstruction)
    np.testing.assert_array_equal(full.x, x)
    assert full.algorithm
    data = np.abs(y) if name == "richardson_lucy" else y
    assert full.data_distance == pytest.approx(np.linalg.norm(H @ x - data), rel=1e-6)
    if name != "total_variation" or len(H.in_shape) == 1:
        flat = recipe(H.to_matrix(), y.ravel())
        np.testing.assert_allclose(flat, x.ravel(), rtol=1e-4, atol=1e-5 * np.abs(x).max())


@pytest.mark.parametrize("name", RECIPES)
def test_bad_data_are_refused(name):
    with pytest.raises(DataError, match="y has shape"):
        RECIPES[name](H1, np.ones(63))
    with pytest.raises(DataError, match="NaN"):
        RECIPES[name](H1, np.full(64, np.nan))


# The eigenvalues of the normal equations are squares: at κ = 2·10⁵ and λ = 10⁻⁹ no method that
# forms HᵀH can give eight digits. From λ = 10⁻⁴ on all three do.
@pytest.mark.parametrize("penalty", ["identity", "gradient"])
@pytest.mark.parametrize(("H", "y"), [(H1, Y1), (H2, Y2)], ids=["1-D", "2-D"])
@pytest.mark.parametrize("lam", [1e-4, 1e-2, 1.0, 100.0])
def test_tikhonov_three_ways(H, y, lam, penalty):
    by_svd = deblurring.tikhonov(H, y, lam, penalty, method="svd")
    by_normal = deblurring.tikhonov(H, y, lam, penalty, method="normal")
    by_cg = deblurring.tikhonov(H, y, lam, penalty, method="cg")
    scale = np.linalg.norm(by_svd)
    assert np.linalg.norm(by_normal - by_svd) <= 1e-8 * scale
    assert np.linalg.norm(by_cg - by_svd) <= 1e-8 * scale
    np.testing.assert_array_equal(deblurring.tikhonov(H, y, lam, penalty), by_svd)


@settings(max_examples=30)
@given(st.integers(2, 9), st.integers(2, 9), st.integers(0, 10**6))
def test_tikhonov_limits(rows, columns, seed):
    rng = np.random.default_rng(seed)
    A, y = rng.standard_normal((rows, columns)), rng.standard_normal(rows)
    nearly = deblurring.tikhonov(A, y, 1e-13 * np.linalg.norm(A, 2) ** 2)
    if np.linalg.cond(A) < 1e3:
        np.testing.assert_allclose(nearly, deblurring.naive(A, y), atol=1e-5)
    np.testing.assert_allclose(deblurring.tikhonov(A, y, 0.0), deblurring.naive(A, y))
    small = deblurring.tikhonov(A, y, 1e9)
    np.testing.assert_allclose(small, A.T @ y / 1e9, rtol=1e-5, atol=1e-15)


def test_the_gradient_penalty_ends_in_a_flat_object():
    x = deblurring.tikhonov(H1, Y1, 1e9, "gradient")
    np.testing.assert_allclose(x, x.mean(), rtol=1e-4)


def test_large_problems_use_conjugate_gradients():
    H = GaussianBlur((48, 48), 1.5)
    y = H @ RNG.random((48, 48))
    full = deblurring.tikhonov(H, y, 0.05, "gradient", full=True)
    assert full.parameters["method"] == "cg"
    assert full.converged
    x, L = full.x, Gradient((48, 48))
    gradient = H.T @ (H @ x - y) + 0.05 * (L.T @ (L @ x))
    assert np.linalg.norm(gradient) <= 1e-11 * np.linalg.norm(H.T @ y)


def test_normal_equations_say_when_lambda_is_too_small():
    flat = np.ones((4, 4))
    with pytest.raises(ParameterError, match="Use method='svd'"):
        deblurring.tikhonov(flat, np.ones(4), 1e-20, method="normal")


@pytest.mark.parametrize(("H", "y"), [(H1, Y1), (H2, Y2)], ids=["1-D", "2-D"])
@pytest.mark.parametrize("lam", [0.003, 0.1, 2.0])
@pytest.mark.parametrize("nonnegative", [False, True])
def test_total_variation_is_certified(H, y, lam, nonnegative):
    full = deblurring.total_variation(H, y, lam, nonnegative=nonnegative, full=True)
    assert full.converged
    assert full.parameters["gap"] <= 1e-4
    if nonnegative:
        assert full.x.min() >= 0


def test_total_variation_says_when_it_ran_out_of_iterations():
    full = deblurring.total_variation(H1, Y1, 0.01, max_iter=3, full=True)
    assert not full.converged
    assert full.stop_reason == "limit of 3 iterations"


def test_sparse_is_certified_and_sparse():
    full = deblurring.sparse(H1, Y1, 0.05, nonnegative=True, full=True)
    assert full.converged
    assert full.parameters["gap"] <= 1e-4
    assert np.mean(full.x == 0) > 0.5
    warm = deblurring.sparse(H1, Y1, 0.05, nonnegative=True, x0=full.x, full=True)
    assert warm.n_iter < full.n_iter


def test_the_step_signal_of_the_lecture():
    """N = 200, σ = 4 px, 6 % noise: Tikhonov 0.0565 and total variation 0.028 at their best λ."""
    truth = phantoms.steps(200)
    H = GaussianBlur((200,), 4.0)
    clean = H @ truth
    y = clean + 0.06 * clean.max() * np.random.default_rng(42).standard_normal(200)
    lambdas = np.geomspace(1e-3, 30, 40)
    tikhonov = min(metrics.rmse(deblurring.tikhonov(H, y, v, "gradient"), truth) for v in lambdas)
    variation = min(metrics.rmse(deblurring.total_variation(H, y, v), truth) for v in lambdas)
    assert variation < 0.6 * tikhonov
    assert variation == pytest.approx(0.028, abs=0.006)
    assert tikhonov == pytest.approx(0.0565, abs=0.006)


@pytest.mark.parametrize("shape", [(16,), (15,), (9, 12)])
def test_wiener_is_the_quotient_of_textbooks(shape):
    H = GaussianBlur(shape, 1.3, "wrap")
    y = RNG.standard_normal(shape)
    frequencies = np.meshgrid(*[np.fft.fftfreq(n) for n in shape], indexing="ij")
    ratio = 0.01 + 10 * sum(f**2 for f in frequencies)
    point = np.zeros(shape)
    point.flat[0] = 1
    transfer = np.fft.fftn(H @ point)
    expected = np.fft.ifftn(transfer.conj() * np.fft.fftn(y) / (np.abs(transfer) ** 2 + ratio)).real
    np.testing.assert_allclose(deblurring.wiener(H, y, ratio), expected, atol=1e-9)


def test_wiener_of_a_large_image_needs_no_matrix():
    H = GaussianBlur((40, 41), 1.3, "wrap")
    y = RNG.standard_normal((40, 41))
    flat = deblurring.wiener(H, y, np.full((40, 41), 0.2))
    np.testing.assert_allclose(flat, deblurring.wiener(H, y, 0.2), atol=1e-9)


def test_wiener_refuses_ratios_that_make_no_sense():
    with pytest.raises(ParameterError, match="greater than 0"):
        deblurring.wiener(H1, Y1, 0.0)
    lopsided = np.ones(64)
    lopsided[3] = 2
    with pytest.raises(ParameterError, match="negative"):
        deblurring.wiener(H1, Y1, lopsided)


def test_richardson_lucy_agrees_with_scikit_image_away_from_the_border():
    truth = np.zeros((41, 41))
    truth[18:23, 16:25] = 50.0
    taps = gaussian_taps(1.5, 4.0, 41)
    H = GaussianBlur((41, 41), 1.5, "constant")
    counts = RNG.poisson(H @ truth + 0.5).astype(float)
    start = np.full((41, 41), 0.5)
    ours = deblurring.richardson_lucy(H, counts, 8, x0=start)
    theirs = skimage_richardson_lucy(counts, np.outer(taps, taps), num_iter=8, clip=False)
    inner = (slice(14, 27), slice(12, 29))
    np.testing.assert_allclose(ours[inner], theirs[inner], rtol=2e-2, atol=0.1)
    clipped = skimage_richardson_lucy(counts, np.outer(taps, taps), num_iter=8)
    assert clipped.max() <= 1 < ours.max()


def test_richardson_lucy_keeps_counts():
    counts = RNG.poisson(H2 @ (30 * X2 + 1)).astype(float)
    x = deblurring.richardson_lucy(H2, counts, 20)
    assert (H2 @ x).sum() == pytest.approx(counts.sum())
    with pytest.raises(DataError, match="counts"):
        deblurring.richardson_lucy(H2, counts - 100)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: deblurring.tikhonov(H1, Y1, -1), "lam"),
        (lambda: deblurring.tikhonov(H1, Y1, 1, "curvature"), "penalty"),
        (lambda: deblurring.tikhonov(H1, Y1, 1, method="magic"), "method"),
        (lambda: deblurring.tikhonov(H1, Y1, 1, method="cg", tol=0), "tol"),
        (lambda: deblurring.total_variation(H1, Y1, 0), "lam"),
        (lambda: deblurring.sparse(H1, Y1, -0.1), "lam"),
        (lambda: deblurring.truncated_svd(H1, Y1, 65), "rank"),
        (lambda: deblurring.total_variation(H1, Y1, 1, max_iter=0), "max_iter"),
    ],
)
def test_bad_parameters(call, words):
    with pytest.raises(ParameterError, match=words):
        call()


@pytest.mark.parametrize("lam", np.geomspace(1e-3, 10, 5))
@pytest.mark.parametrize("offset", [0.0, 1000.0])
@pytest.mark.parametrize("nonnegative", [False, True])
def test_total_variation_is_certified_in_single_precision(lam, offset, nonnegative):
    H = GaussianBlur((15, 18), 1.2, dtype=np.float32)
    full = deblurring.total_variation(H, Y2 + offset, lam, nonnegative=nonnegative, full=True)
    assert full.converged
    assert full.x.dtype == np.float32
    exact = deblurring.total_variation(H.double(), Y2 + offset, lam, nonnegative=nonnegative)
    np.testing.assert_allclose(full.x, exact, atol=2e-3 + 1e-7 * offset)


@pytest.mark.parametrize("name", RECIPES)
def test_results_have_the_precision_of_the_operator(name):
    H = GaussianBlur((15, 18), 1.2, dtype=np.float32)
    single = RECIPES[name](H, Y2)
    assert single.dtype == np.float32
    if name not in ("naive", "total_variation"):
        double = RECIPES[name](H2, Y2)
        np.testing.assert_allclose(single, double, atol=1e-4 * np.abs(double).max())


def test_conjugate_gradients_in_single_precision_reach_their_tolerance():
    H = GaussianBlur((45, 45), 1.5, dtype=np.float32)
    y = RNG.random((45, 45))
    full = deblurring.tikhonov(H, y, 1e-3, "gradient", full=True)
    assert full.converged
    np.testing.assert_allclose(
        full.x, deblurring.tikhonov(H.double(), y, 1e-3, "gradient"), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("shape", [(12, 12), (20, 8), (8, 20), (12, 12, "deficient")])
@pytest.mark.parametrize("penalty", ["identity", "gradient"])
@pytest.mark.parametrize("lam", [1e-2, 1.0])
def test_tikhonov_three_ways_for_plain_matrices(shape, penalty, lam):
    A = RNG.standard_normal(shape[:2])
    if len(shape) == 3:
        A[:, 4:] = A[:, :8]
    y = RNG.standard_normal(shape[0])
    by_svd, by_normal, by_cg = (
        deblurring.tikhonov(A, y, lam, penalty, method=m) for m in ("svd", "normal", "cg")
    )
    scale = np.linalg.norm(by_svd)
    assert np.linalg.norm(by_normal - by_svd) <= 1e-8 * scale
    assert np.linalg.norm(by_cg - by_svd) <= 1e-8 * scale
