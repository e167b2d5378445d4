"""Data distances: gradients by differences, conjugates and their proximal operators."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from em_inverse.errors import DataError, ParameterError
from em_inverse.fidelity import DataTolerance, LeastSquares, PoissonLikelihood
from em_inverse.forward import GaussianBlur

RNG = np.random.default_rng(5)
H = GaussianBlur((12,), 1.2, "nearest")
COUNTS = RNG.poisson(4, 12).astype(float)
COUNTS[3] = 0


def every_distance():
    return [
        LeastSquares(H, COUNTS),
        PoissonLikelihood(H, COUNTS),
        PoissonLikelihood(H, COUNTS, background=0.7),
        DataTolerance(H, COUNTS, 2.0),
    ]


@pytest.mark.parametrize("data", every_distance()[:3])
def test_gradients_against_central_differences(data):
    x = RNG.uniform(0.5, 2, 12)
    gradient = data.gradient(x)
    for _ in range(5):
        d = RNG.standard_normal(12)
        h = 1e-5
        numeric = (data.value(x + h * d) - data.value(x - h * d)) / (2 * h)
        assert gradient @ d == pytest.approx(numeric, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("data", every_distance())
@settings(max_examples=25)
@given(seed=st.integers(0, 9999), sigma=st.floats(0.05, 20))
def test_conjugate_proxes_satisfy_moreaus_identity(data, seed, sigma):
    """p = prox_σf*(q) means f(z) + f*(p) = ⟨z, p⟩ with z = (q − p)/σ."""
    q = np.random.default_rng(seed).normal(0, 3, 12)
    p = data.prox_conjugate(q, sigma)
    z = (q - p) / sigma
    equal = data.value_at(z) + data.conjugate(p)
    assert equal == pytest.approx(z @ p, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("data", every_distance())
@given(seed=st.integers(0, 999), largest=st.floats(0.1, 5))
@settings(max_examples=20)
def test_best_scale_maximises_the_dual(data, seed, largest):
    q = np.random.default_rng(seed).normal(0, 1, 12)
    if isinstance(data, PoissonLikelihood):
        q = np.minimum(q, 0.9)
    s = data.best_scale(q, largest)
    assert 0 <= s <= largest
    found = minimize_scalar(
        lambda t: min(data.conjugate(t * q), 1e9), bounds=(0, largest), method="bounded"
    )
    assert data.conjugate(s * q) <= found.fun + 1e-6 * (1 + abs(found.fun))


def test_values():
    x = np.ones(12)
    assert LeastSquares(H, COUNTS).value(x) == pytest.approx(np.sum((H @ x - COUNTS) ** 2))
    assert LeastSquares(H, COUNTS).distance(x) ** 2 == pytest.approx(np.sum((H @ x - COUNTS) ** 2))
    assert LeastSquares(H, COUNTS).lipschitz() == pytest.approx(
        2 * np.linalg.norm(H.to_matrix(), 2) ** 2, rel=1e-5
    )
    exact = PoissonLikelihood(np.eye(3), [1.0, 0.0, 2.0])
    assert exact.value(np.array([1.0, 0.0, 2.0])) == pytest.approx(0)
    assert exact.value(np.array([1.0, 0.5, 2.0])) == pytest.approx(0.5)
    assert exact.value(np.array([0.0, 0.0, 2.0])) == np.inf
    assert exact.value(np.array([1.0, -0.1, 2.0])) == np.inf
    assert exact.conjugate(np.array([2.0, 0.0, 0.0])) == np.inf
    assert exact.lipschitz() is None


def test_the_ball_has_an_inside_and_an_outside():
    ball = DataTolerance(np.eye(2), [0.0, 0.0], 5.0)
    assert ball.value(np.array([3.0, 4.0])) == 0
    assert ball.value(np.array([3.0, 4.1])) == np.inf
    np.testing.assert_array_equal(ball.prox_conjugate(np.zeros(2), 1.0), 0)


def test_a_dual_of_zeros_scales_to_zero():
    assert LeastSquares(H, COUNTS).best_scale(np.zeros(12), 1.0) == 0


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: LeastSquares(H, np.ones(5)), DataError, "shape"),
        (lambda: PoissonLikelihood(H, -COUNTS), DataError, "counts cannot be negative"),
        (lambda: PoissonLikelihood(H, COUNTS, -1), DataError, "background"),
        (lambda: DataTolerance(H, COUNTS, 0), ParameterError, "epsilon"),
    ],
)
def test_bad_input(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_new_data_are_checked_like_the_first():
    data = LeastSquares(H, COUNTS)
    data.y = [1] * 12
    assert data.value(np.zeros(12)) == 12
    with pytest.raises(DataError, match="y has shape"):
        data.y = np.ones(11)
    counts = PoissonLikelihood(H, COUNTS)
    with pytest.raises(DataError, match="counts cannot be negative"):
        counts.y = -COUNTS
    ball = DataTolerance(H, COUNTS, 1.0)
    with pytest.raises(ParameterError, match="epsilon"):
        ball.epsilon = -1.0


def test_a_background_belongs_to_the_data():
    with pytest.raises(DataError, match="background has shape"):
        PoissonLikelihood(H, COUNTS, np.ones((12, 1)))
