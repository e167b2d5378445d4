"""The compiled total-variation kernels against their definitions."""

import numpy as np
import pytest
from skimage.restoration import denoise_tv_chambolle

from em_inverse.errors import ParameterError
from em_inverse.forward import Gradient
from em_inverse.forward.kernels import total_variation as kernels
from em_inverse.priors import TotalVariation

DTYPES = [np.float32, np.float64]
SHAPES = [(1, 1, 9), (6, 1, 7), (7, 6, 5), (4, 5, 33), (3, 2, 1)]


def dual_field(shape, seed=0):
    """A random field that is zero where ∇ is."""
    rng = np.random.default_rng(seed)
    return Gradient(shape).forward(rng.standard_normal(shape))


@pytest.fixture(params=["one slab", "shared"])
def slabs(request, monkeypatch):
    monkeypatch.setattr(kernels, "PARALLEL_FROM", 0 if request.param == "shared" else 10**9)


@pytest.mark.usefixtures("slabs")
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_value_and_energies(shape):
    u, v = np.random.default_rng(1).standard_normal((2, *shape))
    expected = np.sqrt(np.square(Gradient(shape).forward(u)).sum(axis=0)).sum()
    assert kernels.value(u) == pytest.approx(expected, rel=1e-12)
    total, inner = kernels.energies(u, v, 0.25)
    assert total == pytest.approx(expected, rel=1e-12)
    assert inner == pytest.approx(np.sum((u - 0.25) * (u - v)), rel=1e-12)


@pytest.mark.usefixtures("slabs")
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_gradient_is_the_adjoint_of_unit_slopes(shape):
    u = np.random.default_rng(2).standard_normal(shape)
    out = np.empty_like(u)
    kernels.gradient(u, 0.1, out)
    slopes = Gradient(shape).forward(u)
    flux = slopes / np.sqrt(np.square(slopes).sum(axis=0) + 0.01)
    np.testing.assert_allclose(out, Gradient(shape).adjoint(flux), atol=1e-12)


@pytest.mark.parametrize("shape", [(11,), (6, 7), (4, 5, 6)], ids=str)
def test_the_gradient_against_finite_differences(shape):
    prior, smoothing = TotalVariation(), 0.3
    rng = np.random.default_rng(3)
    x, direction = rng.standard_normal((2, *shape))

    def smoothed(x):
        return np.sqrt(np.square(Gradient(shape).forward(x)).sum(axis=0) + smoothing**2).sum()

    slope = (smoothed(x + 1e-5 * direction) - smoothed(x - 1e-5 * direction)) / 2e-5
    assert np.vdot(prior.gradient(x, smoothing), direction) == pytest.approx(slope, rel=1e-7)
    single = prior.gradient(x.astype(np.float32), smoothing)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, prior.gradient(x, smoothing), atol=1e-5)


def test_the_gradient_needs_a_positive_smoothing_and_keeps_nan():
    with pytest.raises(ParameterError, match="smoothing"):
        TotalVariation().gradient(np.ones(4), 0.0)
    u, out = np.zeros((3, 3, 9)), np.empty((3, 3, 9))
    u[1, 1, 4] = np.nan
    kernels.gradient(u, 0.1, out)
    assert np.isnan(out[1, 1, 4])
    assert np.isfinite(out[0, 0, 0])
    assert np.isnan(kernels.value(u))


@pytest.mark.usefixtures("slabs")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_sweep_is_the_step_it_says(shape, dtype):
    v = np.random.default_rng(4).standard_normal(shape).astype(dtype)
    p, old = dual_field(shape, 1).astype(dtype), dual_field(shape, 2).astype(dtype)
    floor, step, tau, beta = -0.5, 0.07, 0.4, 0.3
    nabla = Gradient(shape, np.float64)
    r = p + beta * (p.astype(float) - old)
    u = np.maximum(v - nabla.adjoint(r), floor)
    q = r + step * nabla.forward(u)
    expected = q * np.minimum(1, tau / np.maximum(np.sqrt(np.square(q).sum(axis=0)), 1e-30))
    before = p.copy()
    kernels.sweep(v, p, old, floor, step, tau, beta)
    tolerance = 1e-5 if dtype == np.float32 else 1e-13
    np.testing.assert_allclose(old, expected, atol=tolerance)
    np.testing.assert_array_equal(p, before)
    out = np.empty_like(v)
    kernels.primal(v, p, floor, out)
    expected = np.maximum(v - nabla.adjoint(p.astype(float)), floor)
    np.testing.assert_allclose(out, expected, atol=tolerance)


@pytest.mark.usefixtures("slabs")
@pytest.mark.parametrize("shape", [(18, 17), (9, 10, 11)], ids=str)
def test_chambolle_equals_scikit_image_step_for_step(shape):
    """There n iterations make n − 1 dual steps: the last is not used for the image."""
    v = np.random.default_rng(5).random(shape)
    theirs = denoise_tv_chambolle(v, weight=0.1, eps=0, max_num_iter=12)
    volume = v[:, None, :] if v.ndim == 2 else v
    ours = kernels.chambolle(np.ascontiguousarray(volume), 0.1, 11)
    np.testing.assert_allclose(ours.reshape(shape), theirs, atol=1e-13)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("support", ["all", "lines", "voxels"])
@pytest.mark.parametrize("shape", [(5, 9), (4, 5, 6)], ids=str)
@pytest.mark.parametrize("threshold", [0, 10**9])
def test_fused_primal_dual_steps_equal_the_plain_ones(
    shape, support, dtype, threshold, monkeypatch
):
    monkeypatch.setattr(kernels, "PARALLEL_FROM", threshold)
    prior = TotalVariation()
    plain = super(TotalVariation, prior)
    nabla = Gradient(shape, dtype)
    rng = np.random.default_rng(6)
    x, previous, pull = rng.standard_normal((3, *shape)).astype(dtype)
    inside = {
        "all": np.ones((*shape[:-1], 1), bool),
        "lines": rng.random((*shape[:-1], 1)) < 0.6,
        "voxels": rng.random(shape) < 0.6,
    }[support]
    x, previous = np.where(inside, x, 0).astype(dtype), np.where(inside, previous, 0).astype(dtype)
    p = prior.dual_start(nabla)
    p_plain = np.zeros(nabla.out_shape, dtype)
    other_x, other_previous = x.copy(), previous.copy()
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    for floor in (-np.inf, 0.0, 0.0):
        numbers = prior.primal_step(nabla, x, previous, pull, p, inside, floor, 0.2, 1.7)
        expected = plain.primal_step(
            nabla, other_x, other_previous, pull, p_plain, inside, floor, 0.2, 1.7
        )
        np.testing.assert_allclose(numbers, expected, rtol=tolerance)
        numbers = prior.dual_step(nabla, x, previous, p, 0.3, 0.4, 1.7)
        expected = plain.dual_step(nabla, other_x, other_previous, p_plain, 0.3, 0.4, 1.7)
        np.testing.assert_allclose(numbers, expected, rtol=tolerance)
        np.testing.assert_allclose(x, other_x, atol=tolerance)
        np.testing.assert_allclose(previous, other_previous, atol=tolerance)
        np.testing.assert_allclose(prior.dual_field(p, nabla), p_plain, atol=tolerance)
    assert not x[~np.broadcast_to(inside, shape)].any()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("threshold", [0, 10**9])
def test_the_step_of_a_stack_is_that_of_each_array(dtype, threshold, monkeypatch):
    monkeypatch.setattr(kernels, "PARALLEL_FROM", threshold)
    rng = np.random.default_rng(3)
    x, previous = rng.standard_normal((2, 3, 4, 5, 6)).astype(dtype)
    p, q = kernels.dual_zeros((3, 4, 5, 6), dtype), kernels.dual_zeros((3, 4, 5, 6), dtype)
    limits = np.array([0.1, 1.0, 10.0])
    one = [kernels.dual_step(x[e], previous[e], q[:, e], limits[e], 0.4, 1.8) for e in range(3)]
    together = kernels.dual_steps(x, previous, p, limits, 0.4, 1.8)
    np.testing.assert_allclose(together, one, rtol=1e-12)
    assert p.any()
    assert np.array_equal(p, q)


def test_each_kernel_is_compiled_once_per_precision_whatever_the_arrays():
    """Read-only and writable arrays are different types to numba; users must not pay for both."""
    kernels._warm_up()
    for dtype in DTYPES:
        for shape in ((4, 7), (3, 4, 5)):
            v = np.ones(shape, dtype)
            for writable in (True, False):
                v.flags.writeable = writable
                TotalVariation(max_iter=3).prox(v, 0.1)
                TotalVariation().gradient(v)
    for kernel in (
        kernels._sweep,
        kernels._primal,
        kernels._energies,
        kernels._gradient,
        kernels._primal_step,
        kernels._dual_step,
    ):
        assert sorted(str(s[2].dtype) for s in kernel.signatures) == ["float32", "float64"]
    stacks = sorted(str(s[0].dtype) for s in kernels._dual_steps.signatures)
    assert stacks == ["float32", "float64"]
