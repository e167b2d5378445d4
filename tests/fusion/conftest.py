"""A small particle, recorded at a high and at a low dose with a seed that was fixed beforehand."""

import numpy as np
import pytest

from em_inverse import phantoms
from em_inverse.forward.contrast import LinearThickness, PowerLaw

ELEMENTS = ["Au", "Fe", "O"]


@pytest.fixture(scope="session")
def recorded():
    """Make the true counts, the image and the spectra; 100 and 5000 counts at the peak."""

    def make(dose=1.0, *, thickness="slab", law="power", n=64, seed=7):
        x = phantoms.core_shell_elements(n, thickness=thickness)
        contrast = {"power": PowerLaw, "linear": LinearThickness}[law](ELEMENTS, normalise=True)
        rng = np.random.default_rng(seed)
        haadf = rng.poisson(5000 * dose * contrast(x))
        return 100 * dose * x, haadf, rng.poisson(100 * dose * x)

    return make


@pytest.fixture(scope="session")
def high(recorded):
    return recorded(1.0)


@pytest.fixture(scope="session")
def low(recorded):
    return recorded(0.1)
