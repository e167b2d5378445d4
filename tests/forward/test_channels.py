"""Operators on several maps: exact adjoints, exact norms, and what they add up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from em_inverse.errors import DataError
from em_inverse.forward import ChannelGradient, Channels, Gradient, MatrixOperator, ParallelBeam


@settings(max_examples=20, deadline=None)
@given(
    channels=st.integers(1, 5),
    maps=st.integers(1, 5),
    seed=st.integers(0, 10**6),
    volume=st.booleans(),
)
def test_channels_are_a_matched_pair(channels, maps, seed, volume):
    shape = (5, 6, 3) if volume else (5, 6)
    A = ParallelBeam(shape, [-50, 0, 33], dtype=np.float64)
    H = Channels(A, np.random.default_rng(seed).standard_normal((channels, maps)))
    assert H.dot_test(seed) < 1e-12
    assert Channels(A, maps).dot_test(seed) < 1e-12


def test_channels_are_a_kronecker_product():
    rng = np.random.default_rng(0)
    A, M = MatrixOperator(rng.standard_normal((4, 3))), rng.standard_normal((2, 5))
    for mixing in (M, M.T):
        H = Channels(A, mixing)
        whole = np.kron(mixing, A.to_matrix())
        assert H.to_matrix() == pytest.approx(whole, abs=1e-12)
        assert H.norm() == pytest.approx(np.linalg.norm(whole, 2), rel=1e-5)
    x = rng.standard_normal((2, 3))
    assert Channels(A, 2) @ x == pytest.approx(x @ A.to_matrix().T)


def test_channels_in_double():
    H = Channels(ParallelBeam((4, 4), [0, 40]), [[1.0, 2.0]])
    assert H.dtype == np.float32
    assert H.precision == H.A.precision
    assert H.double().dtype == np.float64
    assert H.double().double() is not H
    with pytest.raises(DataError, match="mixing"):
        Channels(H.A, [1.0, 2.0])


@pytest.mark.parametrize("shape", [(2, 5, 4), (3, 4, 1, 6), (1, 3, 4, 5)])
def test_gradient_of_channels(shape):
    L = ChannelGradient(shape)
    assert L.dot_test() < 1e-12
    x = np.random.default_rng(1).standard_normal(shape)
    each = np.stack([Gradient(shape[1:]) @ one for one in x], axis=1)
    assert L @ x == pytest.approx(each)
    assert L.norm() == pytest.approx(np.linalg.norm(L.to_matrix(), 2), rel=1e-9)
