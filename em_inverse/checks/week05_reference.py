"""Reference answers of week 5, as a student would write them; `solution` prints this source.

They share no code with `em_inverse.tomography`, so that a check also compares two independent
ways. They carry no types, because a student's would not.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs

import numpy as np

__all__ = ["ramp", "sinusoid", "spread_ratio", "wedge_mask"]


def sinusoid(z, x, angles_deg):
    """Return where a point at (z, x), counted from the axis, falls on the detector."""
    theta = np.deg2rad(angles_deg)
    return x * np.cos(theta) + z * np.sin(theta)


def ramp(projections):
    """Return every projection, a row, filtered with the ramp |q|."""
    n = projections.shape[1]
    spectrum = np.fft.rfft(projections, 2 * n, axis=1)  # fills up with zeros to 2n
    q = np.fft.rfftfreq(2 * n)
    return np.fft.irfft(spectrum * q, 2 * n, axis=1)[:, :n]


def wedge_mask(n, max_tilt_deg):
    """Return 1 where tilts up to ±max_tilt_deg measure Fourier space, 0 elsewhere."""
    k = np.fft.fftfreq(n)
    kz, kx = k[:, None], k[None, :]
    direction = np.degrees(np.arctan2(np.abs(kz), np.abs(kx)))
    return np.where(direction <= max_tilt_deg, 1.0, 0.0)


def spread_ratio(image):
    """Return the spread of the intensity along z (rows) over the one along x (columns)."""
    weight = np.where(image >= image.max() / 4, image, 0)
    z, x = np.indices(image.shape)
    mean_z, mean_x = np.average(z, weights=weight), np.average(x, weights=weight)
    var_z = np.average((z - mean_z) ** 2, weights=weight)
    var_x = np.average((x - mean_x) ** 2, weights=weight)
    return np.sqrt(var_z / var_x)
