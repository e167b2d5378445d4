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
from em_inverse.tomography.iterative import cgls, sirt
from em_inverse.tomography.preprocessing import remove_background, repair

__all__ = [
    "TiltAxis",
    "TiltSeries",
    "align",
    "cgls",
    "find_tilt_axis",
    "remove_background",
    "repair",
    "sirt",
    "wbp",
]
