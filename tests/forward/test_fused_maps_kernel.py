"""The pixel problem of fusion: its kernel against a general minimiser, and threads against none."""

import numpy as np
import pytest
from scipy.optimize import minimize

from em_inverse.forward.kernels import fused_maps


def problem(seed, poisson, n=3, rows=2, columns=4):
    rng = np.random.default_rng(seed)
    shape = (n, rows, 1, columns)
    x = rng.uniform(0.05, 1, shape)
    return {
        "x": x,
        "previous": x.copy(),
        "p": rng.uniform(-0.02, 0.02, (3, *shape)),
        "data": rng.poisson(3, shape) / 3.0 if poisson else rng.normal(0.5, 0.3, shape),
        "offset": np.full(shape, 0.02),
        "weight": rng.uniform(0.01, 0.5, n),
        "lift": rng.uniform(-0.2, 0.2, n),
        "slope": rng.uniform(0, 1, shape),
        "constant": rng.normal(-0.5, 0.3, (rows, columns)),
        "misfit": np.zeros((rows, columns)),
        "inside": np.ones((rows, columns), bool),
        "tau": 0.4,
        "rho": 1.0,
        "poisson": poisson,
    }


def pulled(p, e, i, y):
    """∇ᵀp of one pixel, by the definition."""
    rows, columns = p.shape[2], p.shape[4]
    down = p[0, e, i, 0, y] if i < rows else 0.0
    total = -down - p[1, e, i, 0, y] - p[2, e, i, 0, y]
    total += p[0, e, i - 1, 0, y] if i > 0 else 0.0
    total += p[2, e, i, 0, y - 1] if y > 0 else 0.0
    assert y < columns
    return total


@pytest.mark.parametrize("poisson", [True, False])
@pytest.mark.parametrize("seed", [0, 1])
def test_every_pixel_is_minimised(poisson, seed):
    given = problem(seed, poisson)
    before = given["x"].copy()
    duals, data, offset, slope = (given[k].copy() for k in ("p", "data", "offset", "slope"))
    moved = fused_maps.primal_step(**given)
    # Repeated from the same point, the search for the misfit has settled.
    for _ in range(4):
        again = {**given, "x": before.copy(), "previous": before.copy()}
        fused_maps.primal_step(**again)
    found = again["x"]
    tau, weight = given["tau"], given["weight"]
    for i, y in np.ndindex(given["constant"].shape):
        v = [before[e, i, 0, y] - tau * pulled(duals, e, i, y) for e in range(3)]

        def value(u, i=i, y=y, v=v):
            expected, d = u + offset[:, i, 0, y], data[:, i, 0, y]
            if poisson:
                spectra = expected - d * np.log(np.maximum(expected, 1e-300))
            else:
                spectra = (expected - d) ** 2
            spectra = spectra - given["lift"] * u
            misfit = given["constant"][i, y] + slope[:, i, 0, y] @ u
            return np.sum((u - v) ** 2) / (2 * tau) + weight @ spectra + misfit**2

        best = minimize(value, np.full(3, 0.5), bounds=[(0, None)] * 3, options={"ftol": 1e-15})
        assert value(found[:, i, 0, y]) <= best.fun + 1e-7
        assert found[:, i, 0, y] == pytest.approx(best.x, abs=2e-3)
    assert moved > 0


def test_outside_is_zero_and_no_count_means_no_pole():
    given = problem(3, True)
    given["data"][:] = 0
    given["offset"][:] = 0
    given["inside"][0, 1] = False
    fused_maps.primal_step(**given)
    assert np.isfinite(given["x"]).all()
    assert (given["x"][:, 0, 0, 1] == 0).all()
    assert (given["x"] >= 0).all()


def test_threads_change_nothing(monkeypatch):
    one, many = problem(5, True, rows=20), problem(5, True, rows=20)
    first = fused_maps.primal_step(**one)
    monkeypatch.setattr(fused_maps, "PARALLEL_FROM", 0)
    assert fused_maps.primal_step(**many) == first
    assert np.array_equal(one["x"], many["x"])


def test_relaxation_moves_the_previous_point():
    given = problem(6, False)
    given["previous"] = given["x"] - 0.1
    given["rho"] = 1.8
    start, x = given["previous"].copy(), given["x"].copy()
    fused_maps.primal_step(**given)
    assert given["previous"] == pytest.approx(start + 1.8 * (x - start))
