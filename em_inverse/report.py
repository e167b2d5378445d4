"""The honest-reporting line: what every published tomogram owes its readers.

A reconstruction is only as good as the data behind it, so its caption says which tilts were
recorded, what was computed from them and how well the result explains them. What is not known is
called "not stated" instead of being left out.
"""

from __future__ import annotations

from typing import Any

from em_inverse.errors import ParameterError
from em_inverse.io import describe, facts
from em_inverse.tilt_series import Reconstruction

__all__ = ["report", "report_table"]


def report(reconstruction: Reconstruction) -> str:
    """Return the sentence that belongs under every picture of a reconstruction.

    It states number, range and step of the tilts, algorithm and parameters, the residual
    ‖Ax − b‖₂ and its share of ‖b‖₂, the dose, the voxel size and the software version. Simulated
    data are announced first.

    Parameters
    ----------
    reconstruction : Reconstruction
        A finished run, or one read back by :func:`em_inverse.io.read_volume`.

    Returns
    -------
    str
        One line without a line break.

    Raises
    ------
    ParameterError
        When `reconstruction` is something else, a bare array for instance.

    Examples
    --------
    >>> import numpy as np
    >>> run = Reconstruction(
    ...     np.zeros((64, 64, 64)), "SIRT", n_iter=30, pixel_size_nm=3.36,
    ...     history={"data_distance": [9.0, 3.0]},
    ...     geometry={"n_projections": 77, "tilt_min_deg": -76.0, "tilt_max_deg": 76.0,
    ...               "tilt_step_deg": 2.0, "dose_e_per_nm2": None, "data_norm": 60.0})
    >>> line = report(run)
    >>> line.split("; ")[:3]
    ['77 projections from −76° to 76° in steps of 2°', 'SIRT, 30 iterations', \
'residual ‖Ax − b‖ = 3 (5 % of ‖b‖)']
    """
    return describe(report_table(reconstruction))


def report_table(reconstruction: Reconstruction) -> dict[str, Any]:
    """Return the same facts as a dictionary that ``json.dumps`` takes as it is.

    Parameters
    ----------
    reconstruction : Reconstruction
        A finished run, or one read back by :func:`em_inverse.io.read_volume`.

    Returns
    -------
    dict
        The keys of :func:`em_inverse.io.facts`; what is not known is None.

    Raises
    ------
    ParameterError
        When `reconstruction` is something else.

    Examples
    --------
    >>> import numpy as np
    >>> table = report_table(Reconstruction(np.zeros((2, 3, 4)), "WBP"))
    >>> table["algorithm"], table["shape"], table["data_distance"]
    ('WBP', [2, 3, 4], None)
    """
    if not isinstance(reconstruction, Reconstruction):
        raise ParameterError(
            f"reconstruction is a {type(reconstruction).__name__}; a Reconstruction is needed, as "
            f"tomography.sirt(series, ...) or io.read_volume(path) return it."
        )
    return facts(reconstruction)
