"""Spectroscopic tomography: what is where in three dimensions, and not only how much.

A spectrum at every pixel of every tilt, ``projections[tilt, x, y, channel]``, gives one volume per
energy channel or per element, ``x[z, x, y, channel]``. Counts are few: below one per pixel, often.
Three ways out, each better than the last: denoise while reconstructing, let the channels share
their edges, and let a HAADF series, which costs little dose, say where the edges are::

    series = spectroscopic.SpectralSeries(counts, angles, names=["Au", "Fe"])
    apart = spectroscopic.tv_sart(series)
    shared = spectroscopic.tv(series, lam=0.1)
    fused = spectroscopic.fuse(haadf_series, series)
    lam = spectroscopic.choose_lam(series, haadf=haadf_series).lam
"""

from em_inverse.spectroscopic.channels import tv_sart, wbp
from em_inverse.spectroscopic.choice import choose_lam
from em_inverse.spectroscopic.fusing import fuse
from em_inverse.spectroscopic.series import SpectralSeries
from em_inverse.spectroscopic.together import tv

__all__ = ["SpectralSeries", "choose_lam", "fuse", "tv", "tv_sart", "wbp"]
