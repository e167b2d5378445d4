import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from em_inverse import deblurring, noise, phantoms
from em_inverse.errors import DataError
from em_inverse.forward import GaussianBlur
from em_inverse.solvers import l1_path


def objective(H, y, x, lam):
    return float(np.sum((H @ x - y) ** 2) + lam * np.abs(x).sum())


@pytest.mark.parametrize("lam", [0.003, 0.1, 1.0, 5.0])
@pytest.mark.parametrize("truth", [phantoms.edge_and_ramp(120), phantoms.three_peaks(120)])
def test_it_agrees_with_the_certified_solver(lam, truth):
    H = GaussianBlur((120,), 3.0)
    y = noise.gaussian(H @ truth, 0.06, seed=42)
    ours = objective(H, y, l1_path(H, y, [lam])[0], lam)
    theirs = objective(H, y, deblurring.sparse(H, y, lam, tol=1e-4), lam)
    assert ours <= theirs * (1 + 1e-5)
    assert ours >= theirs * (1 - 1.5e-4)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), lam=st.floats(1e-2, 10))
def test_no_nearby_object_does_better(seed, lam):
    rng = np.random.default_rng(seed)
    H, y = GaussianBlur((12,), 1.0), rng.standard_normal(12)
    x = l1_path(H, y, [lam])[0]
    at = objective(H, y, x, lam)
    for _ in range(20):
        other = x + rng.standard_normal(12) * 10.0 ** rng.uniform(-4, 0)
        assert objective(H, y, other, lam) >= at - 1e-6 * abs(at)


def test_denoising_is_the_soft_threshold_and_zeros_are_exact():
    y = np.array([2.0, 0.3, -1.0, 0.0])
    x = l1_path(np.eye(4), y, [1.0])[0]
    np.testing.assert_allclose(x, np.sign(y) * np.maximum(np.abs(y) - 0.5, 0), atol=1e-9)
    assert np.count_nonzero(x) == 2


def test_a_wide_matrix_and_units():
    rng = np.random.default_rng(0)
    H = rng.standard_normal((6, 20))
    y = H[:, 3] - H[:, 11]
    x = l1_path(H, y, [0.01], n_iter=4000)[0]
    certified = deblurring.sparse(H, y, 0.01, tol=1e-6)
    assert objective(H, y, x, 0.01) == pytest.approx(objective(H, y, certified, 0.01), rel=1e-5)
    large = l1_path(H, 1e6 * y, [0.01e6], n_iter=4000)[0]
    np.testing.assert_allclose(large, 1e6 * x, rtol=1e-9, atol=1e-3)


def test_pictures_and_bad_weights_are_refused():
    with pytest.raises(DataError, match="1-D object"):
        l1_path(GaussianBlur((4, 4), 1.0), np.zeros((4, 4)), [1.0])
    with pytest.raises(DataError, match="positive"):
        l1_path(np.eye(3), np.ones(3), [1.0, 0.0])
