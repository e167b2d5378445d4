"""Operators: adjoints, algebra, norm, matrix, SVD, and the errors."""

import numpy as np
import pytest
import scipy.sparse as sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from em_inverse.errors import DataError, ParameterError
from em_inverse.forward import (
    GaussianBlur,
    Gradient,
    Identity,
    LinearOperator,
    Mask,
    MatrixOperator,
    Stack,
    as_operator,
)

RNG = np.random.default_rng(0)
A = RNG.standard_normal((5, 7))
B = RNG.standard_normal((4, 5))
SHAPES = [(1,), (7,), (64,), (13, 8), (1, 6), (11, 17), (3, 5, 7), (4, 1, 2)]


def every_operator():
    yield MatrixOperator(A)
    yield MatrixOperator(sparse.random(6, 9, 0.4, random_state=1, format="csc"))
    yield MatrixOperator(B) @ MatrixOperator(A)
    yield 2.5 * MatrixOperator(A)
    yield -(MatrixOperator(A) * 3)
    yield MatrixOperator(A).T
    yield Stack([A, np.eye(7), Gradient((7,))])
    yield Mask(RNG.random((5, 6)) > 0.5)
    for shape in SHAPES:
        yield Identity(shape)
        yield Gradient(shape)
    yield Mask(np.arange(12).reshape(3, 4) % 3 > 0) @ GaussianBlur((3, 4), 0.8)


@pytest.mark.parametrize("H", list(every_operator()), ids=repr)
def test_every_pair_is_matched(H):
    assert H.dot_test(seed=3) <= 1e-12
    matrix = H.to_matrix()
    assert matrix.shape == H.shape
    x = RNG.standard_normal(H.in_shape)
    y = RNG.standard_normal(H.out_shape)
    np.testing.assert_allclose(matrix @ x.ravel(), (H @ x).ravel(), atol=1e-12)
    np.testing.assert_allclose(matrix.T @ y.ravel(), (H.T @ y).ravel(), atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_single_precision_pairs(shape):
    assert Gradient(shape, np.float32).dot_test() <= 1e-5
    assert (Gradient(shape, np.float32) @ np.ones(shape)).dtype == np.float32


def test_a_wrong_adjoint_is_caught():
    class Wrong(MatrixOperator):
        def _adjoint(self, y):
            return 1.001 * super()._adjoint(y)

    assert Wrong(A).dot_test() > 1e-6


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**31))
def test_norm_is_the_largest_singular_value(rows, columns, seed):
    matrix = np.random.default_rng(seed).standard_normal((rows, columns))
    assert MatrixOperator(matrix).norm(tol=1e-10, max_iter=20000) == pytest.approx(
        np.linalg.norm(matrix, 2), rel=1e-4
    )


def test_norm_of_the_gradient_and_of_nothing():
    assert Gradient((30,)).norm(1e-9) == pytest.approx(2 * np.cos(np.pi / 60), rel=1e-5)
    assert MatrixOperator(np.zeros((2, 3))).norm() == 0
    assert MatrixOperator(np.eye(3)).norm(max_iter=1) == pytest.approx(1)


def test_norm_is_kept_per_tolerance():
    H = MatrixOperator(A)
    assert H.norm() == H.norm()
    assert abs(H.norm(1e-2) - H.norm(1e-9)) < 0.05
    with pytest.raises(ParameterError, match="tol"):
        H.norm(0)


def test_svd_rebuilds_the_matrix_and_is_kept():
    H = MatrixOperator(A)
    U, s, Vt = H.svd()
    np.testing.assert_allclose(U * s @ Vt, A, atol=1e-12)
    assert (np.diff(s) <= 0).all()
    assert H.svd()[0] is U
    with pytest.raises(ValueError, match="read-only"):
        s[0] = 0


def test_scipy_sees_the_same_operator():
    H = GaussianBlur((6, 5), 1.0, "nearest")
    S = H.as_scipy()
    x = RNG.standard_normal(30)
    np.testing.assert_allclose(S.matvec(x), H.to_matrix() @ x)
    np.testing.assert_allclose(S.rmatvec(x), H.to_matrix().T @ x)


def test_composition_order_and_shapes():
    G = MatrixOperator(B) @ MatrixOperator(A)
    np.testing.assert_allclose(G.to_matrix(), B @ A)
    assert G.T.T is G
    with pytest.raises(DataError, match="cannot compose"):
        MatrixOperator(A) @ MatrixOperator(B)


def test_mixed_precision_composition_stays_matched():
    H = Gradient((6,), np.float32) @ MatrixOperator(RNG.standard_normal((6, 4)))
    assert H.dtype == np.float64
    assert H.dot_test() < 1e-5


def test_stack_joins_and_splits():
    H = Stack([A, Gradient((7,))])
    x = RNG.standard_normal(7)
    first, second = H.split(H @ x)
    np.testing.assert_allclose(first, A @ x)
    assert second.shape == (1, 7)
    np.testing.assert_array_equal(H.join([first, second]), H @ x)
    with pytest.raises(DataError, match="different shapes"):
        Stack([A, B])
    with pytest.raises(ParameterError, match="empty"):
        Stack([])


def test_gradient_knows_only_constants_as_null_space():
    for shape in [(5,), (3, 4), (2, 3, 4)]:
        s = np.linalg.svd(Gradient(shape).to_matrix(), compute_uv=False)
        assert np.sum(s < 1e-12) == 1
        np.testing.assert_array_equal(Gradient(shape) @ np.full(shape, 3.0), 0)


def test_inputs_are_checked_and_left_alone():
    H = MatrixOperator(A)
    x = np.ones(7)
    H.forward(x)
    np.testing.assert_array_equal(x, 1)
    copy = Identity((7,)) @ x
    copy[0] = 5
    assert x[0] == 1
    with pytest.raises(DataError, match=r"x has shape \(3,\), but shape \(7,\) is needed"):
        H @ np.ones(3)
    with pytest.raises(DataError, match="y has shape"):
        H.adjoint(np.ones(7))
    with pytest.raises(DataError, match="NaN"):
        H @ np.full(7, np.nan)
    with pytest.raises(DataError, match="False everywhere"):
        Mask(np.zeros(3))
    with pytest.raises(DataError, match="H"):
        as_operator(np.ones(3))
    with pytest.raises(DataError):
        as_operator("H")
    with pytest.raises(ParameterError, match="dtype"):
        Identity((2,), np.int32)
    with pytest.raises(ParameterError, match="factor"):
        "2" * H


def test_a_matrix_too_large_is_refused_in_words():
    with pytest.raises(ParameterError, match="Use forward, adjoint or as_scipy"):
        Identity((200, 200)).to_matrix()


def test_an_unfinished_subclass_says_what_is_missing():
    H = LinearOperator((2,), (2,))
    with pytest.raises(NotImplementedError, match="_forward"):
        H @ np.ones(2)
    with pytest.raises(NotImplementedError, match="_adjoint"):
        H.T @ np.ones(2)


def test_dot_test_of_a_zero_operator():
    assert MatrixOperator(np.zeros((2, 2))).dot_test() == 0


@settings(max_examples=25)
@given(st.integers(0, 10**6))
def test_operators_are_linear(seed):
    rng = np.random.default_rng(seed)
    H = Stack([GaussianBlur((9,), 1.3), Gradient((9,))])
    x, z = rng.standard_normal((2, 9))
    np.testing.assert_allclose(H @ (2 * x - 3 * z), 2 * (H @ x) - 3 * (H @ z), atol=1e-12)


@pytest.mark.parametrize(
    "matrix",
    [
        np.diag(1 - 1e-4 * np.arange(200)),
        Gradient((300,)).to_matrix(),
        0.9 * np.eye(50) + 0.004 * np.outer((-1.0) ** np.arange(50), (-1.0) ** np.arange(50)),
        np.outer(np.arange(5.0), np.ones(3)),
    ],
    ids=["crowded", "gradient", "hidden", "rank one"],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("tol", [1e-2, 1e-6])
def test_the_norm_keeps_its_tolerance_where_singular_values_crowd(matrix, dtype, tol):
    exact = np.linalg.norm(matrix, 2)
    assert MatrixOperator(matrix.astype(dtype)).norm(tol) == pytest.approx(exact, rel=tol)


@pytest.mark.parametrize("shape", [(1,), (30,), (5, 8), (3, 4, 5), (1, 6)])
def test_norms_that_have_a_formula(shape):
    for H in (Gradient(shape), Identity(shape)):
        assert H.norm() == pytest.approx(np.linalg.norm(H.to_matrix(), 2), rel=1e-12)


def test_a_norm_cut_short_is_not_mistaken_for_the_real_one():
    H = MatrixOperator(A)
    assert H.norm(max_iter=1) < 0.999 * np.linalg.norm(A, 2)
    assert H.norm() == pytest.approx(np.linalg.norm(A, 2), rel=1e-6)
    with pytest.raises(ParameterError, match="max_iter"):
        H.norm(max_iter=0)


def test_sparse_matrices_without_entries_or_with_one_axis():
    assert not MatrixOperator(sparse.csr_array((3, 4))).forward(np.ones(4)).any()
    with pytest.raises(DataError, match="1-D; 2-D is needed"):
        MatrixOperator(sparse.coo_array(np.ones(4)))


def test_parts_of_a_stack_keep_their_order():
    H = Stack([np.ones((2, 3)), np.ones((3, 3))])
    with pytest.raises(DataError, match=r"parts\[0\] has shape"):
        H.join([np.ones(3), np.ones(2)])
    with pytest.raises(DataError, match="2 operators"):
        H.join([np.ones(2)])


def test_double_precision_twins():
    single = A.astype(np.float32)
    blur = GaussianBlur((7,), 1.0, dtype=np.float32)

    class Opaque(MatrixOperator):
        double = LinearOperator.double

    family = [
        MatrixOperator(single),
        MatrixOperator(single).T,
        MatrixOperator(single) @ blur,
        np.float32(2.5) * MatrixOperator(single),
        Stack([single, blur]),
    ]
    for H in family:
        twin = H.double()
        assert (H.dtype, twin.dtype) == (np.float32, np.float64)
        assert twin.dot_test() <= 1e-14
        assert twin.precision < 1e-15
        np.testing.assert_allclose(twin.to_matrix(), H.to_matrix(), atol=1e-6)
        assert twin.double().dtype == np.float64
    wrapped = Opaque(single).double()
    assert (wrapped @ np.ones(7)).dtype == (wrapped.T @ np.ones(5)).dtype == np.float64
    assert wrapped.precision == (wrapped @ Identity((7,))).precision == np.finfo(np.float32).eps
    assert Stack([wrapped, np.eye(7)]).precision == np.finfo(np.float32).eps


def test_arithmetic_with_numbers():
    x = np.arange(7.0)
    np.testing.assert_allclose((MatrixOperator(A) * 2) @ x, 2 * A @ x)
    np.testing.assert_allclose(-MatrixOperator(A) @ x, -A @ x)
    with pytest.raises(ParameterError, match="factor"):
        MatrixOperator(A) * "2"
