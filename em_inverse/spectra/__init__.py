"""Electron energy-loss spectra: simulated, and freed from plural scattering.

A thick specimen smears its ionisation edges with plasmons. Where the low-loss spectrum of the same
place is known, that is a deconvolution, and the template of the house solves it::

    low = spectra.low_loss(energy, thickness=0.8, counts=1e6, seed=1)
    core = spectra.core_loss(edge, low_expected, counts=1e5, seed=2)
    single = spectra.fourier_ratio(core, low, spectra.noise_to_signal(core, low))
"""

from em_inverse.spectra.deconvolution import fourier_ratio, noise_to_signal, tikhonov
from em_inverse.spectra.scattering import core_edge, core_loss, low_loss

__all__ = ["core_edge", "core_loss", "fourier_ratio", "low_loss", "noise_to_signal", "tikhonov"]
