"""Gaussian blur: against scipy for every boundary, adjoints, and what conditioning depends on."""

import numpy as np
import pytest
import scipy.ndimage as ndi
from hypothesis import given, settings
from hypothesis import strategies as st

from em_inverse.errors import ParameterError
from em_inverse.forward import BOUNDARIES, GaussianBlur, gaussian_taps
from em_inverse.forward.operator import LinearOperator

shapes = st.one_of(
    st.tuples(st.sampled_from([1, 2, 5, 8, 13, 31])),
    st.tuples(st.sampled_from([1, 4, 7, 16]), st.sampled_from([2, 3, 11, 12])),
)


@settings(max_examples=60)
@given(
    shapes,
    st.floats(0, 4),
    st.sampled_from(BOUNDARIES),
    st.sampled_from([1.0, 2.5, 4.0]),
    st.integers(0, 99),
)
def test_blur_is_scipys_correlation(shape, sigma, boundary, truncate, seed):
    H = GaussianBlur(shape, sigma, boundary, truncate)
    x = np.random.default_rng(seed).standard_normal(shape)
    expected = x
    for axis, n in enumerate(shape):
        taps = gaussian_taps(sigma, truncate, n)
        expected = ndi.correlate1d(expected, taps, axis=axis, mode=boundary)
    np.testing.assert_allclose(H @ x, expected, atol=1e-12)
    assert H.dot_test(seed) <= 1e-12


@settings(max_examples=20)
@given(shapes, st.sampled_from(BOUNDARIES), st.integers(0, 99))
def test_single_precision(shape, boundary, seed):
    H = GaussianBlur(shape, 1.2, boundary, dtype=np.float32)
    assert H.dot_test(seed) <= 1e-5
    assert (H @ np.ones(shape)).dtype == np.float32


@pytest.mark.parametrize("boundary", [b for b in BOUNDARIES if b != "constant"])
def test_flat_objects_stay_flat(boundary):
    np.testing.assert_allclose(GaussianBlur((20,), 3, boundary) @ np.ones(20), 1)


def test_vacuum_outside_lets_the_signal_leak():
    y = GaussianBlur((20,), 3, "constant") @ np.ones(20)
    assert y[0] == pytest.approx(0.57, abs=0.02)
    assert y[10] == pytest.approx(1, abs=2e-3)


def test_a_probe_wider_than_the_image():
    for boundary in BOUNDARIES:
        H = GaussianBlur((5,), 10, boundary, truncate=None)
        assert H.dot_test() <= 1e-12
        assert np.isfinite(H.to_matrix()).all()


def test_the_svd_of_an_image_is_a_product_of_two():
    H = GaussianBlur((6, 5), (1.0, 0.6), "nearest")
    U, s, Vt = H.svd()
    np.testing.assert_allclose(U * s @ Vt, H.to_matrix(), atol=1e-12)
    np.testing.assert_allclose(U.T @ U, np.eye(30), atol=1e-12)
    np.testing.assert_allclose(s, np.linalg.svd(H.to_matrix(), compute_uv=False), atol=1e-12)
    np.testing.assert_allclose(H.to_matrix(), LinearOperator.to_matrix(H), atol=1e-14)


def test_large_axes_are_stored_sparse_and_agree():
    H = GaussianBlur((1500,), 2.0)
    x = np.random.default_rng(0).standard_normal(1500)
    np.testing.assert_allclose(
        H @ x, ndi.correlate1d(x, gaussian_taps(2.0, 4.0, 1500), mode="reflect"), atol=1e-12
    )
    assert H.dot_test() <= 1e-12


def test_conditioning_depends_on_how_the_probe_is_cut():
    """The numbers that week 11 prints beside each other."""

    def kappa(boundary, truncate):
        return np.linalg.cond(GaussianBlur((64,), 3, boundary, truncate).to_matrix())

    assert kappa("reflect", 2.0) == pytest.approx(1.45e3, rel=0.01)
    assert kappa("reflect", 4.0) == pytest.approx(2.05e5, rel=0.01)
    assert kappa("constant", 4.0) == pytest.approx(1.72e10, rel=0.05)
    assert kappa("reflect", None) > 1e15


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (((4,), -1.0), "sigma"),
        (((4,), 1.0, "round"), "boundary"),
        (((4, 4, 4), 1.0), "shape"),
        (((4,), (1.0, 2.0)), "one per axis"),
        (((4,), 1.0, "wrap", 0), "truncate"),
        (((4,), "wide"), "sigma"),
    ],
)
def test_bad_arguments(arguments, words):
    with pytest.raises(ParameterError, match=words):
        GaussianBlur(*arguments)


@pytest.mark.parametrize(("shape", "sigma"), [((12,), 1.5), ((5, 8), (0.7, 3.0)), ((4,), 9.0)])
def test_mirrored_borders_make_the_blur_diagonal_in_the_cosine_basis(shape, sigma):
    H = GaussianBlur(shape, sigma)
    x = np.random.default_rng(0).standard_normal(shape)
    from scipy.fft import dctn, idctn

    spectrum = H.cosine_spectrum()
    by_cosines = idctn(spectrum * dctn(x, norm="ortho"), norm="ortho")
    np.testing.assert_allclose(H @ x, by_cosines, atol=1e-12)
    assert GaussianBlur(shape, sigma, "wrap").cosine_spectrum() is None


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_the_norm_is_that_of_the_matrix(boundary):
    H = GaussianBlur((9, 14), 1.3, boundary)
    assert H.norm() == pytest.approx(np.linalg.norm(H.to_matrix(), 2), rel=1e-12)


def test_the_norm_of_a_long_profile():
    long = GaussianBlur((1100,), 1.3, "nearest")
    assert long.norm() == pytest.approx(np.linalg.norm(long.to_matrix(), 2), rel=1e-6)


def test_an_svd_too_large_is_refused_in_words():
    with pytest.raises(ParameterError, match="GB"):
        GaussianBlur((128, 128), 1.0).svd()


def test_the_double_of_a_blur():
    H = GaussianBlur((6, 7), (1.0, 0.5), "nearest", dtype=np.float32)
    np.testing.assert_array_equal(
        H.double().to_matrix(), GaussianBlur((6, 7), (1.0, 0.5), "nearest").to_matrix()
    )
    assert H.double().double() is not H
