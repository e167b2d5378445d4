r"""Fourier-ratio deconvolution: plural scattering taken off an ionisation edge.

The recorded edge y is the edge x of a single scattering, convolved with the low-loss spectrum p.
In Fourier space that is a product, so x̂ = ŷ/p̂, the Fourier ratio. But p̂ falls with frequency as
the zero-loss peak is wide, and what was divided by it is mostly noise. So

.. math:: \hat x(\nu) = \frac{\hat p^*(\nu)}{|\hat p(\nu)|^2 + r(\nu)} \, \hat y(\nu)

With r the ratio of noise power to signal power this is Wiener's filter. It minimises
‖Hx − y‖² + Σ r \|x̂\|², and with one r = λ for all frequencies it is Tikhonov's solution: σ/(σ² + λ)
with the singular values σ = \|p̂(ν)\|.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import DataError, ParameterError, check_array, check_integer, check_number
from em_inverse.forward.energy import EnergyBlur

__all__ = ["fourier_ratio", "noise_to_signal", "tikhonov"]

_FWHM = 2 * np.sqrt(2 * np.log(2))
# Frequencies on either side over which the power of a spectrum is averaged.
_BAND = 4
# No band is given up altogether: beyond this ratio nothing of it is left anyway.
_LARGEST_RATIO = 1e6


def fourier_ratio(
    core_loss: ArrayLike,
    low_loss: ArrayLike,
    noise_to_signal: ArrayLike = 0.0,
    *,
    zero_channel: int | None = None,
    resolution: float | None = None,
    pad: int | None = None,
) -> np.ndarray:
    r"""Take plural scattering off an edge: x̂ = p̂* ŷ / (\|p̂\|² + r), Wiener's Fourier ratio.

    Parameters
    ----------
    core_loss : array_like, shape (..., n)
        Spectra y with the edge, their background taken off; energy runs along the last axis.
    low_loss : array_like, shape (m,) with m ≤ n + pad
        Low-loss spectrum of the same place and dispersion. Only its shape matters.
    noise_to_signal : float or array_like, shape ((n + pad) // 2 + 1,)
        r ≥ 0: one number, or one per frequency in the order of ``numpy.fft.rfft``. 0 is the bare
        ratio; :func:`noise_to_signal` reads r from the data.
    zero_channel : int, optional
        Where the zero-loss peak stands in `low_loss`; the highest channel unless given.
    resolution : float, optional
        Full width at half maximum in channels of a Gaussian that the result is convolved with: the
        textbook's remedy for noise, alone or beside r. None leaves it out.
    pad : int, optional
        Channels added behind the last one, in which y fades to zero, so that the end of the edge
        does not come round into its beginning; m unless given. With 0 the channels form a ring.

    Returns
    -------
    ndarray, shape (..., n)
        The edge after single scattering, in the counts of the whole beam: convolved with p
        (`low_loss` over its sum) it gives y again. Multiply by exp(−t/λ) for what the unscattered
        part of the beam alone would have given.

    Raises
    ------
    DataError
        When a spectrum is not finite, the low loss is negative, or longer than the padded core.
    ParameterError
        When r is negative, or zero where p̂ vanishes.

    References
    ----------
    R. F. Egerton, *Electron Energy-Loss Spectroscopy in the Electron Microscope*, 3rd ed. (2011),
    section 4.3, doi:10.1007/978-1-4419-9583-4. N. Wiener, *Extrapolation, Interpolation, and
    Smoothing of Stationary Time Series* (1949).

    Examples
    --------
    >>> edge = np.array([0.0, 0.0, 8.0, 4.0, 2.0, 1.0, 0.0, 0.0])
    >>> low = np.array([3.0, 1.0])
    >>> recorded = np.convolve(edge, low / low.sum())[:8]
    >>> fourier_ratio(recorded, low).round(9) + 0.0
    array([0., 0., 8., 4., 2., 1., 0., 0.])
    """
    y, H = _problem(core_loss, low_loss, zero_channel, pad)
    ratio = check_array(noise_to_signal, "noise_to_signal", dtype=np.float64)
    if ratio.ndim and ratio.shape != H.spectrum.shape:
        raise DataError(
            f"noise_to_signal has shape {ratio.shape}; one number, or one per frequency (shape "
            f"{H.spectrum.shape} with the padding), is needed."
        )
    if ratio.min() < 0:
        raise ParameterError(f"noise_to_signal reaches {ratio.min():g}; a ratio of powers is ≥ 0.")
    size = np.abs(H.spectrum) ** 2 + ratio
    if size.min() <= np.finfo(np.float64).tiny:
        raise ParameterError(
            "noise_to_signal is 0 where the low-loss spectrum has no power, so the ratio is 0/0. "
            "Pass a positive number."
        )
    gain = H.spectrum.conj() / size
    if resolution is not None:
        width = check_number(resolution, "resolution", minimum=0, exclusive=True)
        frequency = np.fft.rfftfreq(y.shape[-1])
        gain = gain * np.exp(-2 * (np.pi * frequency * width / _FWHM) ** 2)
    x = np.fft.irfft(gain * np.fft.rfft(y), y.shape[-1])
    return np.ascontiguousarray(x[..., : np.shape(core_loss)[-1]])


def tikhonov(
    core_loss: ArrayLike,
    low_loss: ArrayLike,
    lam: float,
    *,
    zero_channel: int | None = None,
    pad: int | None = None,
) -> np.ndarray:
    """Take plural scattering off an edge: argmin ‖Hx − y‖² + λ‖x‖², solved in Fourier space.

    H is the ring convolution :class:`em_inverse.forward.EnergyBlur`, which the Fourier transform
    makes diagonal, so the filter factors σ/(σ² + λ) need no SVD. It is :func:`fourier_ratio` with
    the same r = λ at every frequency: Wiener's filter for an edge and a noise that are both white.

    Parameters
    ----------
    core_loss, low_loss, zero_channel, pad
        As for :func:`fourier_ratio`.
    lam : float
        λ > 0. As σ ≤ 1 with σ = 1 at frequency 0, λ is also the share by which the area of the
        edge is shortened.

    Returns
    -------
    ndarray, shape (..., n)

    Raises
    ------
    DataError, ParameterError
        As for :func:`fourier_ratio`.

    Examples
    --------
    >>> tikhonov([0.0, 4.0, 0.0, 0.0], [1.0], lam=1.0, pad=0).round(9) + 0.0
    array([0., 2., 0., 0.])
    """
    weight = check_number(lam, "lam", minimum=0, exclusive=True)
    return fourier_ratio(core_loss, low_loss, weight, zero_channel=zero_channel, pad=pad)


def noise_to_signal(
    core_loss: ArrayLike,
    low_loss: ArrayLike,
    *,
    noise_power: float | None = None,
    zero_channel: int | None = None,
    pad: int | None = None,
) -> np.ndarray:
    r"""Read the ratio r(ν) of noise power to signal power from one spectrum, band by band.

    The noise of counts is white: its power at every frequency is the mean number of counts. What
    the spectrum has above that, averaged over neighbouring frequencies, is \|p̂\|² times the power
    of the edge. So r = N \|p̂\|² / max(⟨\|ŷ\|²⟩ − N, 0), with the transform unitary. From the first
    band that holds nothing but noise, r does not fall again: what lies beyond is noise as well.

    Parameters
    ----------
    core_loss : array_like, shape (n,)
        Spectrum y with the edge, in counts, background taken off.
    low_loss, zero_channel, pad
        As for :func:`fourier_ratio`, to which the result belongs.
    noise_power : float, optional
        Mean variance of the noise per channel; that of Poisson counts, the mean of y, unless given.
        Give it where a background was taken off, whose noise has stayed.

    Returns
    -------
    ndarray, shape ((n + pad) // 2 + 1,)

    Raises
    ------
    DataError, ParameterError
        As for :func:`fourier_ratio`, or when the mean of y is not positive and no noise is given.

    Examples
    --------
    >>> low = np.exp(-0.5 * (np.arange(-8, 9) / 1.5) ** 2)
    >>> edge = np.where(np.arange(128) < 40, 0.0, 1e4)
    >>> seen = np.convolve(edge, low / low.sum(), mode="same")
    >>> r = noise_to_signal(np.random.default_rng(0).poisson(seen), low)
    >>> bool(r[0] < 1e-3), bool(r[-1] > 1)
    (True, True)
    """
    y, H = _problem(core_loss, low_loss, zero_channel, pad)
    if y.ndim != 1:
        raise DataError(f"core_loss has shape {np.shape(core_loss)}; pass one spectrum.")
    channels = np.shape(core_loss)[-1]
    noise = float(y[:channels].mean()) if noise_power is None else noise_power
    if noise_power is None and noise <= 0:
        raise DataError(
            f"core_loss has a mean of {noise:g}, so its noise cannot be read from it. Pass "
            f"noise_power."
        )
    noise = check_number(noise, "noise_power", minimum=0, exclusive=True)
    # The padding holds hardly any counts, and hence hardly any noise.
    noise *= channels / y.size
    power = np.abs(np.fft.rfft(y, norm="ortho")) ** 2
    padded = np.pad(power, _BAND, mode="reflect" if power.size > _BAND else "edge")
    smooth = np.convolve(padded, np.full(2 * _BAND + 1, 1 / (2 * _BAND + 1)), mode="valid")
    smooth[0] = power[0]
    signal = np.maximum(smooth - noise, 1e-12 * noise)
    ratio = np.minimum(noise * np.abs(H.spectrum) ** 2 / signal, _LARGEST_RATIO)
    # An average over this many frequencies is uncertain by its share of the noise.
    lost = np.flatnonzero(smooth <= noise * (1 + 2 / np.sqrt(2 * _BAND + 1)))
    if lost.size:
        ratio[lost[0] :] = _LARGEST_RATIO
    return np.asarray(np.maximum(ratio, 1e-12))


def _problem(
    core_loss: ArrayLike, low_loss: ArrayLike, zero_channel: int | None, pad: int | None
) -> tuple[np.ndarray, EnergyBlur]:
    """The core-loss spectrum, faded out over the padding, and the operator on as many channels."""
    y = check_array(core_loss, "core_loss", dtype=np.float64)
    low = check_array(low_loss, "low_loss", ndim=1, dtype=np.float64)
    if y.ndim == 0:
        raise DataError("core_loss is a single number; a spectrum along the last axis is needed.")
    extra = low.size if pad is None else check_integer(pad, "pad", minimum=0)
    room = y.shape[-1] + extra
    if low.size > room:
        raise DataError(
            f"low_loss has {low.size} channels, but core_loss has {y.shape[-1]} and {extra} of "
            f"padding. Raise pad, or cut the far tail of low_loss."
        )
    zero = int(low.argmax()) if zero_channel is None else zero_channel
    zero = check_integer(zero, "zero_channel", minimum=0, maximum=low.size - 1)
    around = np.zeros(room)
    around[: low.size] = low
    if extra:
        fade = 0.5 + 0.5 * np.cos(np.pi * np.arange(1, extra + 1) / extra)
        y = np.concatenate([y, y[..., -1:] * fade], axis=-1)
    return y, EnergyBlur(around, zero)
