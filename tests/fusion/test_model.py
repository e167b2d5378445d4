"""The objective: gradients by differences, terms against the classes they are made of."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from em_inverse.errors import DataError, ParameterError
from em_inverse.fidelity import LeastSquares, PoissonLikelihood
from em_inverse.forward import GaussianBlur, Identity
from em_inverse.forward.contrast import LinearThickness, PowerLaw
from em_inverse.fusion import FusedModel

SHAPE = (2, 5, 6)


def model(seed=0, law=PowerLaw, noise="poisson", psf=True, **more):
    rng = np.random.default_rng(seed)
    spectra = rng.poisson(4.0, SHAPE) / 4 if noise == "poisson" else rng.normal(1, 0.3, SHAPE)
    return FusedModel(
        rng.uniform(0, 2, SHAPE[1:]), spectra, law(["O", "Fe"], 1.6, normalise=True),
        psf=GaussianBlur(SHAPE[1:], 0.8) if psf else None, scale=0.8,
        background=0.1, importance=[1.0, 2.0], noise=noise, dtype=np.float64, **more,
    )  # fmt: skip


@given(
    st.integers(0, 2**31),
    st.sampled_from([PowerLaw, LinearThickness]),
    st.sampled_from(["poisson", "gaussian"]),
    st.booleans(),
)
def test_the_gradient_is_the_central_difference(seed, law, noise, psf):
    rng = np.random.default_rng(seed)
    m = model(seed, law, noise, psf, certainty=rng.uniform(0.5, 2, SHAPE[1:]))
    x, direction = rng.uniform(0.2, 1.5, SHAPE), rng.standard_normal(SHAPE)

    def value(x):
        misfit, spectra = m.terms(x)
        return misfit + 0.3 * spectra

    h = 1e-5
    difference = (value(x + h * direction) - value(x - h * direction)) / (2 * h)
    slope = np.sum(m.gradient(x, 0.3) * direction)
    size = np.linalg.norm(m.gradient(x, 0.3)) * np.linalg.norm(direction)
    assert abs(difference - slope) <= 1e-6 * size


def test_terms_are_those_of_the_house():
    m = model()
    x = np.random.default_rng(1).uniform(0.2, 1, SHAPE)
    misfit, spectra = m.terms(x)
    blurred = 0.8 * m.psf.forward(m.law(x))
    assert misfit == pytest.approx(LeastSquares(Identity(SHAPE[1:]), m.haadf).value(blurred))
    own = [
        PoissonLikelihood(Identity(SHAPE[1:]), d, 0.1).value(u)
        for d, u in zip(m.spectra, x, strict=True)
    ]
    assert spectra == pytest.approx(own[0] + 2 * own[1])
    only = FusedModel(None, m.spectra, m.law, dtype=np.float64)
    assert only.terms(x)[0] == 0
    assert only.gradient(x, 1.0) == pytest.approx(1 - m.spectra / x)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"spectra": np.full(SHAPE, -1.0)}, "counts cannot be negative"),
        ({"spectra": np.ones((3, 5, 6))}, "3 maps"),
        ({"haadf": np.ones((4, 4))}, "haadf has shape"),
        ({"psf": GaussianBlur((4, 4), 1)}, r"psf maps shape \(4, 4\)"),
        ({"background": np.ones((3, 3))}, "background has shape"),
        ({"background": -1.0}, "background reaches -1"),
        ({"importance": [1.0, 0.0]}, "importance reaches 0"),
        ({"certainty": -np.ones(SHAPE[1:])}, "certainty reaches -1"),
        ({"vacuum": np.ones(SHAPE[1:])}, "vacuum is True everywhere"),
        ({"noise": "pink"}, "noise is 'pink'"),
        ({"scale": -1}, "scale is -1"),
    ],
)
def test_what_does_not_fit_is_refused(change, said):
    given = {"haadf": np.ones(SHAPE[1:]), "spectra": np.ones(SHAPE), "law": PowerLaw([8, 26])}
    with pytest.raises((DataError, ParameterError), match=said):
        FusedModel(**{**given, **change})
