"""From a tilt series to a volume: prepare, align, reconstruct.

Every function takes a :class:`~em_inverse.tilt_series.TiltSeries` (projections of a volume, or the
sinogram of one slice) and returns a new series with one more sentence in its history, or a
:class:`~em_inverse.tilt_series.Reconstruction`. Nothing is changed in place.

    series = tomography.remove_background(series)
    series = tomography.align(series)
    result = tomography.sirt(series, n_iter=50)
"""

from em_inverse.tilt_series import TiltSeries
from em_inverse.tomography.alignment import TiltAxis, align, find_tilt_axis
from em_inverse.tomography.backprojection import wbp
from em_inverse.tomography.choice import choose_lambda
from em_inverse.tomography.diagnostics import (
    damage_alarm,
    elongation,
    fourier_shell_correlation,
    measured_elongation,
    missing_wedge,
    noise_level,
    over_regularisation_alarm,
    power_spectrum,
    residual_per_tilt,
    with_findings,
)
from em_inverse.tomography.halving import halve_until_noise, lambda_unit
from em_inverse.tomography.held_out import hold_out, reprojection_error
from em_inverse.tomography.held_out_choice import choose_epsilon
from em_inverse.tomography.iterative import cgls, mlem, sart, sirt
from em_inverse.tomography.outliers import (
    OutlierTilt,
    drop_tilts,
    find_outlier_tilts,
    saturated_fraction,
)
from em_inverse.tomography.preprocessing import normalise, remove_background, repair
from em_inverse.tomography.regularised import asd_pocs, tv, tv_sart

__all__ = [
    "OutlierTilt",
    "TiltAxis",
    "TiltSeries",
    "align",
    "asd_pocs",
    "cgls",
    "choose_epsilon",
    "choose_lambda",
    "damage_alarm",
    "drop_tilts",
    "elongation",
    "find_outlier_tilts",
    "find_tilt_axis",
    "fourier_shell_correlation",
    "halve_until_noise",
    "hold_out",
    "lambda_unit",
    "measured_elongation",
    "missing_wedge",
    "mlem",
    "noise_level",
    "normalise",
    "over_regularisation_alarm",
    "power_spectrum",
    "remove_background",
    "repair",
    "reprojection_error",
    "residual_per_tilt",
    "sart",
    "saturated_fraction",
    "sirt",
    "tv",
    "tv_sart",
    "wbp",
    "with_findings",
]
