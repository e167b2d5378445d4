"""In which order the tilts of a series are recorded."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import ParameterError, check_angles, check_choice, check_number

__all__ = ["TILT_ORDERS", "tilt_order", "visiting_order"]

TILT_ORDERS = ("sequential", "bidirectional", "dose_symmetric", "golden")
"""Orders that :func:`tilt_order` knows."""

_MOST_TILTS = 3601


def tilt_order(
    name: str = "sequential", low: float = -75.0, high: float = 75.0, step: float = 2.0
) -> np.ndarray:
    r"""Return the tilt angles of a series, in the order in which they are recorded.

    Every order visits the same angles, low, low + step, ... up to high, so that finished series
    differ in nothing but their order:

    - ``"sequential"``: from low to high
    - ``"bidirectional"``: from the tilt nearest 0° up to high, then from there down to low
    - ``"dose_symmetric"``: 0, +3, −3, +6, ...: low tilts first, where the specimen is thin
    - ``"golden"``: in golden-ratio order, so that the angles are spread evenly over the range
      whenever the series is stopped

    Parameters
    ----------
    name : {'sequential', 'bidirectional', 'dose_symmetric', 'golden'}
        The order.
    low, high : float
        Ends of the range in degrees. `high` itself is recorded if it is a whole number of steps
        away.
    step : float, > 0
        Degrees from one angle to the next.

    Returns
    -------
    ndarray of float64, shape (n_tilts,)
        Degrees.

    Raises
    ------
    ParameterError
        When the order is unknown, the range is empty, or it has more than 3601 tilts.
    GeometryError
        When the range leaves ±360°.

    Notes
    -----
    The golden-ratio order [1]_ takes the numbers :math:`\tfrac12 + k\,(\sqrt5 - 1)/2` modulo 1,
    which fill an interval evenly for every count, and ranks them: projection k has the angle of
    that rank.

    References
    ----------
    .. [1] A. P. Kaestner et al., "Spatiotemporal computed tomography of dynamic processes", Opt.
       Eng. 50, 123201 (2011). doi:10.1117/1.3660298

    Examples
    --------
    >>> tilt_order("dose_symmetric", -6, 6, 3)
    array([ 0.,  3., -3.,  6., -6.])
    >>> tilt_order("golden", -60, 60, 20)
    array([  0., -60.,  40., -20.,  60.,  20., -40.])
    """
    check_choice(name, "name", TILT_ORDERS)
    first, last = check_number(low, "low"), check_number(high, "high")
    width = check_number(step, "step", minimum=0, exclusive=True)
    if last < first:
        raise ParameterError(f"low is {low!r} and high {high!r}; low ≤ high is needed.")
    if (last - first) / width > _MOST_TILTS - 1:
        raise ParameterError(
            f"step is {step!r}, which makes more than {_MOST_TILTS} tilts from {first:g} to "
            f"{last:g} degrees. Choose a larger step."
        )
    count = int(np.floor((last - first) / width + 1e-6)) + 1
    angles = check_angles(np.round(first + width * np.arange(count), 9) + 0.0)
    return angles[visiting_order(angles, name)]


def visiting_order(angles_deg: ArrayLike, name: str) -> np.ndarray:
    """Return the indices of given angles in the order in which they are recorded.

    Examples
    --------
    >>> visiting_order([-30, 0, 30, 60], "bidirectional")
    array([1, 2, 3, 0])
    """
    check_choice(name, "name", TILT_ORDERS)
    angles = check_angles(angles_deg)
    upwards = np.argsort(angles, kind="stable")
    if name == "sequential":
        return upwards
    if name == "dose_symmetric":
        # Of +θ and −θ the positive one comes first.
        return np.lexsort((angles < 0, np.round(np.abs(angles), 9)))
    if name == "bidirectional":
        middle = int(np.argmin(np.abs(angles[upwards])))
        return np.concatenate([upwards[middle:], upwards[:middle][::-1]])
    golden = np.mod(0.5 + np.arange(angles.size) * (np.sqrt(5) - 1) / 2, 1)
    return upwards[np.argsort(np.argsort(golden, kind="stable"), kind="stable")]
