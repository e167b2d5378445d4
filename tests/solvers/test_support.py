"""Algebraic solvers that know where the object may be."""

import numpy as np
import pytest

from em_inverse.errors import DataError, ParameterError
from em_inverse.forward import Gradient, MatrixOperator, ParallelBeam
from em_inverse.solvers import CGLS, MLEM, SIRT

RNG = np.random.default_rng(1)
ANGLES = np.arange(-70, 71, 14.0)
SUPPORT = np.zeros((8, 9), bool)
SUPPORT[2:6, 1:7] = True
A = ParallelBeam((8, 9), ANGLES, dtype=np.float64)
Y = A @ (SUPPORT * RNG.random((8, 9))) + 0.1 * RNG.random(A.out_shape)
REDUCED = MatrixOperator(A.to_matrix()[:, SUPPORT.ravel()])


@pytest.mark.parametrize(
    "make",
    [
        lambda H, y, **k: SIRT(H, y, nonnegative=False, **k),
        lambda H, y, **k: CGLS(H, y, lam=0.3, **k),
        lambda H, y, **k: MLEM(H, y, **k),
    ],
    ids=["SIRT", "CGLS", "MLEM"],
)
def test_a_support_is_a_smaller_problem(make):
    solver = make(A, Y, support=SUPPORT)
    small = make(REDUCED, Y.ravel())
    result = solver.run(8)
    np.testing.assert_allclose(result.x[SUPPORT], small.run(8).x, rtol=1e-6)
    assert (result.x[~SUPPORT] == 0).all()
    assert result.parameters["support"] == "given"
    assert "support" not in small.parameters()


@pytest.mark.parametrize("make", [SIRT, CGLS, MLEM])
def test_one_support_for_all_slices_and_a_start_outside_it(make):
    V = ParallelBeam((8, 9, 7), ANGLES)
    y = V @ np.ones(V.in_shape)
    one = make(V, y, x0=np.ones(V.in_shape), support=SUPPORT).run(5).x
    every = np.broadcast_to(SUPPORT[..., None], V.in_shape)
    each = make(V, y, x0=np.ones(V.in_shape), support=every).run(5).x
    np.testing.assert_allclose(one, each, atol=1e-6)
    assert (one[~every] == 0).all()


def test_the_support_of_cgls_goes_with_a_penalty():
    L = Gradient((8, 9))
    x = CGLS(A, Y, 0.5, L, support=SUPPORT).run(60).x
    G = L.to_matrix()[:, SUPPORT.ravel()]
    M = REDUCED.to_matrix()
    expected = np.linalg.solve(M.T @ M + 0.5 * G.T @ G, M.T @ Y.ravel())
    np.testing.assert_allclose(x[SUPPORT], expected, rtol=1e-6, atol=1e-8)


def test_mlem_needs_a_positive_start_inside_only():
    start = SUPPORT.astype(float)
    assert MLEM(A, Y, start, support=SUPPORT).run(2).x.max() > 0
    with pytest.raises(ParameterError, match="x0 reaches 0"):
        MLEM(A, Y, start, support=SUPPORT | ~SUPPORT)


@pytest.mark.parametrize("make", [SIRT, CGLS, MLEM])
def test_bad_supports_are_named(make):
    for bad in (np.ones((3, 3), bool), SUPPORT * 0.5, np.zeros((8, 9), bool)):
        with pytest.raises(DataError, match="support"):
            make(A, Y, support=bad)


def test_sirt_is_the_textbook_iteration_to_rounding():
    V = ParallelBeam((16, 16), np.linspace(-75, 75, 25))
    y = V @ RNG.random(V.in_shape)
    M, b, x = V.double().to_matrix(), y.ravel().astype(float), np.zeros(256)
    rows, columns = M.sum(axis=1), M.sum(axis=0)
    for _ in range(40):
        x = np.maximum(x + M.T @ ((b - M @ x) / rows) / columns, 0)
    np.testing.assert_allclose(SIRT(V, y).run(40).x.ravel(), x, atol=1e-5)
