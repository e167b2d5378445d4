import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from em_inverse import deblurring
from em_inverse.errors import DataError
from em_inverse.forward import GaussianBlur
from em_inverse.solvers import tv_path
from em_inverse.widgets.deblurring import LAMBDA, problem


def objective(H, y, x, lam):
    return float(np.sum((H.forward(x) - y) ** 2) + lam * np.abs(np.diff(x)).sum())


@pytest.mark.parametrize("lam", [0.003, 0.05, 1.0])
def test_it_agrees_with_the_certified_solver(lam):
    at = problem()
    x = tv_path(at.H, at.data, [lam])[0]
    certified = deblurring.total_variation(at.H, at.data, lam, tol=1e-4, max_iter=20000)
    ours, theirs = (objective(at.H, at.data, z, lam) for z in (x, certified))
    assert ours <= theirs * (1 + 1e-6)
    assert ours >= theirs * (1 - 1e-4)


@pytest.mark.parametrize(("sigma", "noise"), [(0.5, 1), (3.0, 10), (6.0, 30)])
def test_a_thousand_iterations_are_enough(sigma, noise):
    at = problem(sigma, noise)
    lambdas = np.array(LAMBDA.values)[::9]
    quick = tv_path(at.H, at.data, lambdas)
    long = tv_path(at.H, at.data, lambdas, n_iter=10000)
    for lam, x, limit in zip(lambdas, quick, long, strict=True):
        best = objective(at.H, at.data, limit, lam)
        assert objective(at.H, at.data, x, lam) <= best * (1 + 1e-4)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), lam=st.floats(1e-3, 10))
def test_no_nearby_object_does_better(seed, lam):
    rng = np.random.default_rng(seed)
    H, y = GaussianBlur((12,), 1.0), rng.standard_normal(12)
    x = tv_path(H, y, [lam])[0]
    at = objective(H, y, x, lam)
    for _ in range(20):
        other = x + rng.standard_normal(12) * 10.0 ** rng.uniform(-4, 0)
        assert objective(H, y, other, lam) >= at - 1e-7 * abs(at)


def test_a_heavy_prior_leaves_one_level():
    x = tv_path(np.eye(5), [0.0, 1.0, 2.0, 3.0, 4.0], [1e3])[0]
    assert np.allclose(x, 2.0)


def test_pictures_and_bad_weights_are_refused():
    with pytest.raises(DataError, match="1-D object"):
        tv_path(GaussianBlur((4, 4), 1.0), np.zeros((4, 4)), [1.0])
    with pytest.raises(DataError, match="positive"):
        tv_path(np.eye(3), np.ones(3), [1.0, 0.0])


def test_units_do_not_matter():
    at = problem()
    small = tv_path(at.H, at.data, [0.003, 0.1])
    large = tv_path(at.H, 1e6 * at.data, [0.003e6, 0.1e6])
    np.testing.assert_allclose(large, 1e6 * small, rtol=1e-9, atol=1e-3)


def test_no_data_no_object():
    np.testing.assert_array_equal(tv_path(np.eye(3), np.zeros(3), [1.0]), 0)
