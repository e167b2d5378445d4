"""Simulated energy-loss spectra: plural scattering by Poisson's law, edges, and counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import DataError, ParameterError, check_array, check_number
from em_inverse.forward.energy import EnergyBlur
from em_inverse.noise import generator

__all__ = ["core_edge", "core_loss", "low_loss"]

# The losses of this many times the window are followed, so that none comes round to the zero loss.
_ROOM = 8
_FWHM = 2 * np.sqrt(2 * np.log(2))


def low_loss(
    energy_ev: ArrayLike,
    thickness: float,
    *,
    plasmon_ev: float = 15.0,
    plasmon_width_ev: float = 4.0,
    resolution_ev: float = 1.0,
    counts: float = 1.0,
    seed: int | np.random.Generator | None = None,
) -> np.ndarray:
    r"""Low-loss spectrum: the zero-loss peak and one, two, three … plasmons.

    .. math:: \hat J(\nu) = N \, \hat Z(\nu) \, e^{(t/\lambda)(\hat S(\nu) - 1)}

    with Z the zero-loss peak (a Gaussian) and S the loss of a single plasmon, both of area 1. The
    exponential is Poisson's law: n plasmons have the probability (t/λ)ⁿ e^(−t/λ)/n!.

    Parameters
    ----------
    energy_ev : array_like, shape (n,)
        Energy losses in eV, rising in equal steps, with 0 among them.
    thickness : float
        t/λ ≥ 0, the thickness in mean free paths.
    plasmon_ev, plasmon_width_ev : float
        Energy and full width at half maximum of the plasmon in eV, as the free-electron gas has
        it: S ∝ E Γ E_p² / ((E² − E_p²)² + E²Γ²) for E > 0.
    resolution_ev : float
        Full width at half maximum of the zero-loss peak in eV, at least the step of the axis.
    counts : float
        N > 0, electrons in the whole spectrum, those beyond the window as well.
    seed : int or numpy.random.Generator, optional
        Draw Poisson counts. Without it, the expected counts are returned.

    Returns
    -------
    ndarray, shape (n,)

    Raises
    ------
    DataError
        When the axis does not rise in equal steps, or misses zero.
    ParameterError
        When a number is out of its range.

    References
    ----------
    R. F. Egerton, *Electron Energy-Loss Spectroscopy in the Electron Microscope*, 3rd ed. (2011),
    chapters 3 and 4, doi:10.1007/978-1-4419-9583-4.

    Examples
    --------
    >>> energy = np.arange(-20, 180, 0.5)
    >>> spectrum = low_loss(energy, thickness=0.5)
    >>> unscattered = spectrum[energy < 4].sum()
    >>> bool(abs(unscattered - np.exp(-0.5)) < 0.02)
    True
    """
    energy, step = _axis(energy_ev)
    zero = round(-float(energy[0]) / step)
    if not 0 <= zero < energy.size or abs(energy[zero]) > 1e-6 * step:
        raise DataError(
            f"energy_ev runs from {energy[0]:g} to {energy[-1]:g} eV without a channel at 0, where "
            f"the zero-loss peak stands. Take np.arange(first, last, step) with `first` a multiple "
            f"of `step`."
        )
    ratio = check_number(thickness, "thickness", minimum=0)
    peak = check_number(plasmon_ev, "plasmon_ev", minimum=0, exclusive=True)
    width = check_number(plasmon_width_ev, "plasmon_width_ev", minimum=0, exclusive=True)
    sigma = check_number(resolution_ev, "resolution_ev", minimum=step) / _FWHM
    total = check_number(counts, "counts", minimum=0, exclusive=True)
    loss = step * np.fft.fftfreq(_ROOM * energy.size, 1 / (_ROOM * energy.size))
    single = np.where(
        loss > 0, loss * width * peak**2 / ((loss**2 - peak**2) ** 2 + (loss * width) ** 2), 0.0
    )
    zero_loss = np.exp(-0.5 * (loss / sigma) ** 2)
    scattered = np.exp(ratio * (np.fft.rfft(single / single.sum()) - 1))
    spread = np.fft.irfft(np.fft.rfft(zero_loss / zero_loss.sum()) * scattered, loss.size)
    expected = total * np.maximum(np.roll(spread, zero)[: energy.size], 0.0)
    return _counted(expected, seed)


def core_edge(
    energy_ev: ArrayLike,
    onset_ev: float,
    *,
    exponent: float = 3.0,
    white_line: float = 0.0,
    white_line_width_ev: float = 3.0,
) -> np.ndarray:
    r"""Ionisation edge as a single scattering would show it, of height 1 at its onset.

    .. math:: x(E) = (E/E_0)^{-r} + a \, g(E - E_0 - w), \qquad E \ge E_0

    a falling power law, as of hydrogen-like atoms, and optionally a line at the onset with g a
    Gaussian of height 1 and full width w.

    Parameters
    ----------
    energy_ev : array_like, shape (n,)
        Energy losses in eV, rising in equal steps.
    onset_ev : float
        E₀ > 0, inside the window.
    exponent : float
        r ≥ 0.
    white_line : float
        a ≥ 0, height of the line.
    white_line_width_ev : float
        w > 0 in eV.

    Returns
    -------
    ndarray, shape (n,)

    Raises
    ------
    DataError, ParameterError
        When the axis is not regular, or the onset lies outside it.

    Examples
    --------
    >>> core_edge([500.0, 520.0, 540.0, 560.0], 540, exponent=3).round(3)
    array([0.   , 0.   , 1.   , 0.897])
    """
    energy, _ = _axis(energy_ev)
    onset = check_number(onset_ev, "onset_ev", minimum=0, exclusive=True)
    if not energy[0] <= onset <= energy[-1]:
        raise ParameterError(
            f"onset_ev is {onset:g}, but energy_ev runs from {energy[0]:g} to {energy[-1]:g} eV. "
            f"Choose a window that holds the edge."
        )
    r = check_number(exponent, "exponent", minimum=0)
    height = check_number(white_line, "white_line", minimum=0)
    width = check_number(white_line_width_ev, "white_line_width_ev", minimum=0, exclusive=True)
    above = np.maximum(energy, onset)
    line = height * np.exp(-0.5 * ((energy - onset - width) / width * _FWHM) ** 2)
    return np.asarray(np.where(energy >= onset, (above / onset) ** -r + line, 0.0))


def core_loss(
    single: ArrayLike,
    low_loss: ArrayLike,
    *,
    zero_channel: int | None = None,
    background: ArrayLike = 0.0,
    counts: float | None = None,
    seed: int | np.random.Generator | None = None,
) -> np.ndarray:
    """Core-loss spectrum as recorded: the edge smeared by the low-loss spectrum, and counted.

    What is pushed beyond the last channel is lost, as in the spectrometer.

    Parameters
    ----------
    single : array_like, shape (n,)
        The edge after single scattering, ≥ 0.
    low_loss : array_like, shape (m,)
        Low-loss spectrum of the same dispersion; its scale does not matter.
    zero_channel : int, optional
        Where its zero-loss peak stands; the highest channel unless given.
    background : float or array_like, shape (n,)
        Counts ≥ 0 that come from other losses.
    counts : float, optional
        Electrons of the edge that fall into the window; without it `single` is in counts already.
    seed : int or numpy.random.Generator, optional
        Draw Poisson counts. Without it, the expected counts are returned.

    Returns
    -------
    ndarray, shape (n,)

    Raises
    ------
    DataError
        When a spectrum is negative somewhere, or zero everywhere where counts are asked for.

    Examples
    --------
    >>> core_loss([0.0, 4.0, 4.0], [3.0, 1.0]).round(12) + 0.0
    array([0., 3., 4.])
    """
    edge = check_array(single, "single", ndim=1, dtype=np.float64)
    low = check_array(low_loss, "low_loss", ndim=1, dtype=np.float64)
    other = check_array(background, "background", ndim=(0, 1), dtype=np.float64)
    if other.ndim and other.shape != edge.shape:
        raise DataError(
            f"background has shape {other.shape}, but single has shape {edge.shape}; one number, "
            f"or one per channel, is needed."
        )
    for name, array in (("single", edge), ("background", other)):
        if array.min() < 0:
            raise DataError(f"{name} reaches {array.min():g}; expected counts are ≥ 0.")
    zero = int(low.argmax()) if zero_channel is None else zero_channel
    room = np.zeros(edge.size + low.size)
    around = room.copy()
    room[: low.size], around[: edge.size] = low, edge
    seen = np.maximum((EnergyBlur(room, zero) @ around)[: edge.size], 0.0)
    if counts is not None:
        total = check_number(counts, "counts", minimum=0, exclusive=True)
        if seen.sum() == 0:
            raise DataError("single is zero everywhere, so no exposure gives it any counts.")
        seen = total / seen.sum() * seen
    return _counted(seen + other, seed)


def _axis(energy_ev: ArrayLike) -> tuple[np.ndarray, float]:
    energy = check_array(energy_ev, "energy_ev", ndim=1, dtype=np.float64)
    steps = np.diff(energy)
    if steps.size == 0 or steps.min() <= 0 or np.ptp(steps) > 1e-6 * steps.max():
        raise DataError(
            "energy_ev must rise in equal steps, at least two channels of them: the Fourier "
            "transform needs one dispersion. Resample the spectrum, or pass np.arange(…)."
        )
    return energy, float(energy[-1] - energy[0]) / (energy.size - 1)


def _counted(expected: np.ndarray, seed: int | np.random.Generator | None) -> np.ndarray:
    if seed is None:
        return expected
    return generator(seed).poisson(expected).astype(np.float64)
