"""EnergyBlur: what plural scattering does to a spectrum."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import DataError, check_array, check_integer
from em_inverse.forward.operator import LinearOperator

__all__ = ["EnergyBlur"]


class EnergyBlur(LinearOperator):
    """Convolution of a core-loss spectrum with the low-loss spectrum, around a ring of channels.

        (Hx)[k] = Σ_j p[j] x[k − j],   p = low loss / Σ low loss,   j counted from the zero loss

    An electron that has ionised an atom may have excited plasmons as well, before or after: in the
    record, every channel of the edge is smeared as the zero loss is smeared into the low-loss
    spectrum. The last channel is the first one's neighbour, so that the discrete Fourier transform
    makes H diagonal: its singular values are \\|p̂(ν)\\|.

    Parameters
    ----------
    low_loss : array_like, shape (n,)
        Counts ≥ 0 with the same dispersion as the core-loss spectrum, in as many channels.
    zero_channel : int, optional
        Where the zero-loss peak stands; the highest channel unless given.

    Attributes
    ----------
    spectrum : ndarray of complex, shape (n // 2 + 1,)
        p̂(ν), the real Fourier transform of p with the zero loss at the first channel.
    zero_channel : int

    Raises
    ------
    DataError
        When the counts are negative, or zero everywhere.
    ParameterError
        When `zero_channel` is none of the channels.

    References
    ----------
    R. F. Egerton, *Electron Energy-Loss Spectroscopy in the Electron Microscope*, 3rd ed. (2011),
    chapter 4, doi:10.1007/978-1-4419-9583-4.

    Examples
    --------
    >>> H = EnergyBlur([0.0, 6.0, 2.0, 0.0], zero_channel=1)
    >>> (H @ [0.0, 4.0, 0.0, 0.0]).round(12) + 0.0
    array([0., 3., 1., 0.])
    """

    def __init__(self, low_loss: ArrayLike, zero_channel: int | None = None) -> None:
        counts = check_array(low_loss, "low_loss", ndim=1, dtype=np.float64)
        if counts.min() < 0:
            raise DataError(
                f"low_loss reaches {counts.min():g}; counts cannot be negative. Clip the noise of "
                f"a dark-corrected spectrum with np.maximum(low_loss, 0)."
            )
        total = float(counts.sum())
        if total == 0:
            raise DataError("low_loss is zero everywhere: there is no zero-loss peak to begin at.")
        if zero_channel is None:
            zero_channel = int(counts.argmax())
        self.zero_channel = check_integer(
            zero_channel, "zero_channel", minimum=0, maximum=counts.size - 1
        )
        super().__init__(counts.shape, counts.shape)
        self.spectrum = np.fft.rfft(np.roll(counts, -self.zero_channel) / total)
        self.spectrum.flags.writeable = False

    def _forward(self, x: np.ndarray) -> np.ndarray:
        return np.fft.irfft(self.spectrum * np.fft.rfft(x), x.size)

    def _adjoint(self, y: np.ndarray) -> np.ndarray:
        return np.fft.irfft(self.spectrum.conj() * np.fft.rfft(y), y.size)

    def _largest_singular_value(self, tol: float, max_iter: int, seed: int) -> float:
        return float(np.abs(self.spectrum).max())
