"""A small core-shell particle seen by 31 HAADF and 9 spectral tilts."""

from types import SimpleNamespace

import numpy as np
import pytest

from em_inverse import phantoms
from em_inverse.forward import Channels, ParallelBeam
from em_inverse.forward.contrast import LinearThickness
from em_inverse.spectroscopic import SpectralSeries
from em_inverse.tilt_series import TiltSeries

MANY, FEW = np.linspace(-75, 75, 31), np.linspace(-75, 75, 9)
ELEMENTS = ("Au", "Fe")


@pytest.fixture(scope="session")
def particle():
    n, peak = 28, 8.0
    truth = phantoms.core_shell_volume(n)
    x = np.moveaxis(truth, -1, 0)
    image = ParallelBeam((n,) * 3, MANY) @ LinearThickness(ELEMENTS, normalise=True)(x)
    clean = np.moveaxis(Channels(ParallelBeam((n,) * 3, FEW), 2) @ x, 0, -1)
    scale = peak / clean.max()
    rng = np.random.default_rng(0)
    counts = rng.poisson(scale * np.maximum(clean, 0))
    haadf = rng.poisson(2000 * np.maximum(image, 0) / image.max())

    def error(result, element=slice(None)):
        difference = result.x[..., element] / scale - truth[..., element]
        return float(np.sqrt(np.mean(np.square(difference))))

    return SimpleNamespace(
        truth=truth,
        scale=scale,
        spectra=SpectralSeries(counts, FEW, ELEMENTS),
        haadf=TiltSeries(haadf.astype(np.float32), MANY),
        alpha=2000 / image.max() / scale,
        error=error,
    )
