"""Reference answers of week 10, as a student would write them; `solution` prints this source.

They share no code with `em_inverse.spectra` and `em_inverse.spectroscopic`, so that a check also
compares two independent ways. They carry no types, because a student's would not.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs

import numpy as np

__all__ = ["fourier_ratio", "overlap", "unmix"]


def overlap(a, b):
    """Return the share that two pictures have in common, each taken as parts of its own sum."""
    return np.minimum(a / a.sum(), b / b.sum()).sum()


def unmix(volumes, M):
    """Return the modes x[..., mode] whose spectra M[channel, mode] fit volumes[..., channel]."""
    # per voxel: argmin ‖M x − v‖², for all voxels at once; x = M⁺ v, written for rows
    return volumes @ np.linalg.pinv(M).T


def fourier_ratio(y, p, r):
    """Return the edge behind y = p ⋆ x; p starts at the zero loss, r is one number per wave."""
    y_hat, p_hat = np.fft.rfft(y), np.fft.rfft(p)
    x_hat = p_hat.conj() * y_hat / (np.abs(p_hat) ** 2 + r)
    return np.fft.irfft(x_hat, len(y))
