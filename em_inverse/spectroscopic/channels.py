"""Channel by channel: each energy or element is a tilt series of its own.

The recipes of :mod:`em_inverse.tomography`, as many times as there are channels. Nothing that one
channel knows helps another; what does is in :mod:`em_inverse.spectroscopic.together`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from em_inverse import tomography
from em_inverse.spectroscopic.series import SpectralSeries, check_spectra
from em_inverse.tilt_series import Reconstruction, TiltSeries

__all__ = ["tv_sart", "wbp"]


def wbp(series: SpectralSeries, filter: str = "ramp", **settings: Any) -> Reconstruction:
    """Reconstruct every channel by weighted back-projection.

    Parameters
    ----------
    series : SpectralSeries
    filter : str
        As for :func:`em_inverse.tomography.wbp`.
    **settings
        Further arguments of :func:`em_inverse.tomography.wbp`.

    Returns
    -------
    Reconstruction
        ``x[z, x, y, channel]``.

    Examples
    --------
    >>> counts = np.random.default_rng(0).poisson(1.0, (5, 8, 4, 2))
    >>> wbp(SpectralSeries(counts, [-60, -30, 0, 30, 60])).x.shape
    (8, 8, 4, 2)
    """
    return _each(series, lambda one: tomography.wbp(one, filter, **settings))


def tv_sart(series: SpectralSeries, lam: float | None = None, **settings: Any) -> Reconstruction:
    """Reconstruct every channel by SART with a denoising step of total variation after each pass.

    So the first plasmon tomograms of single particles were made.

    Parameters
    ----------
    series : SpectralSeries
    lam : float, optional
        λ of the denoising step, for all channels; by default each channel finds its own.
    **settings
        Further arguments of :func:`em_inverse.tomography.tv_sart`.

    Returns
    -------
    Reconstruction
        ``x[z, x, y, channel]``.

    References
    ----------
    O. Nicoletti et al., Nature 502 (2013) 80, doi:10.1038/nature12469.

    Examples
    --------
    >>> counts = np.random.default_rng(0).poisson(1.0, (5, 8, 4, 2))
    >>> tv_sart(SpectralSeries(counts, [-60, -30, 0, 30, 60]), n_iter=2).x.shape
    (8, 8, 4, 2)
    """
    return _each(series, lambda one: tomography.tv_sart(one, lam, **settings))


def _each(series: SpectralSeries, recipe: Callable[[TiltSeries], Reconstruction]) -> Reconstruction:
    whole = check_spectra(series)
    runs = [recipe(whole.channel(k)) for k in range(whole.n_channels)]
    first = runs[0]
    return Reconstruction(
        np.stack([run.x for run in runs], axis=-1),
        f"{first.algorithm}, channel by channel",
        {**first.parameters, "channels": list(whole.names)},
        {f"data_distance, {name}": run.history.get("data_distance", []) for name, run in
         zip(whole.names, runs, strict=True)},
        all(run.converged for run in runs),
        first.stop_reason,
        max(run.n_iter for run in runs),
        whole.pixel_size_nm,
        first.geometry,
    )  # fmt: skip
