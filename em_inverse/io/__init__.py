"""Tilt series in, volumes out.

:func:`read_tilt_series` turns what the microscope wrote into a
:class:`~em_inverse.tilt_series.TiltSeries` with axes ``projections[tilt, x, y]``;
:func:`as_tilt_series` does so with what other libraries hold in memory, and
:func:`read_projection` with one image as it arrives;
:func:`write_volume` and :func:`read_volume` keep a ``volume[z, x, y]`` together with its voxel
size and an account of how it was made. A damaged file is answered by a
:class:`~em_inverse.errors.FileFormatError` that says what is wrong with it.
"""

from em_inverse.io.angles import read_angles
from em_inverse.io.name_angles import angle_from_name
from em_inverse.io.objects import as_tilt_series
from em_inverse.io.projection import Projection, read_projection
from em_inverse.io.provenance import describe, facts
from em_inverse.io.reading import SERIES_FORMATS, read_tilt_series
from em_inverse.io.saving import FileWriteError
from em_inverse.io.tilt_axis import TiltAxisEvidence, tilt_axis_evidence
from em_inverse.io.volumes import VOLUME_FORMATS, read_volume, write_volume
from em_inverse.io.writing import write_tilt_series

__all__ = [
    "SERIES_FORMATS",
    "VOLUME_FORMATS",
    "FileWriteError",
    "Projection",
    "TiltAxisEvidence",
    "angle_from_name",
    "as_tilt_series",
    "describe",
    "facts",
    "read_angles",
    "read_projection",
    "read_tilt_series",
    "read_volume",
    "tilt_axis_evidence",
    "write_tilt_series",
    "write_volume",
]
