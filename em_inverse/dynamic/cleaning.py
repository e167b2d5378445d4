"""One projection as it arrives, freed of hot pixels and of everything that is not the object."""

from __future__ import annotations

from typing import Any

import numpy as np

from em_inverse.errors import ParameterError, check_array, check_choice, check_number
from em_inverse.tilt_series import TiltSeries
from em_inverse.tomography.preprocessing import remove_background, repair

__all__ = ["BACKGROUNDS", "check_background", "clean", "vacuum_level"]

BACKGROUNDS = ("auto", "histogram", "corner", "percentile")
"""Ways to find the vacuum level of a single projection."""

# A most frequent value that lies this share of the contrast above the darkest corner is that of
# an object which fills the field, not of the vacuum.
_VACUUM_SHARE = 0.1


def clean(
    angle_deg: float,
    image: Any,
    *,
    background: str | float | None = "auto",
    hot_pixels: bool = True,
    threshold: float = 6.0,
) -> TiltSeries:
    """Return a series of this one projection, repaired and with its background removed.

    Parameters
    ----------
    angle_deg : float
    image : array_like, shape (nx, ny) or (nx,)
        As the detector delivered it.
    background : {'auto', 'histogram', 'corner', 'percentile'}, number or None
        The methods of :func:`~em_inverse.tomography.remove_background`, or the level itself. 'auto'
        takes the most frequent value, unless that lies far above the darkest corner: then the
        object fills most of the field, and the corner is the vacuum. None leaves the level as it
        is.
    hot_pixels : bool
        Replace hot and dead pixels, rows and columns (:func:`~em_inverse.tomography.repair`).
    threshold : float
        That of :func:`~em_inverse.tomography.repair`.

    Returns
    -------
    TiltSeries
        float32, with ``metadata["n_repaired"]`` if pixels were looked for and
        ``metadata["background"]`` if a level was removed.

    Raises
    ------
    DataError
        When the image is not one of real, finite numbers in one or two dimensions.
    ParameterError
        When the method is unknown.

    Examples
    --------
    >>> image = np.full((32, 32), 100.0); image[10:20, 10:20] = 130; image[3, 3] = 9000
    >>> one = clean(-10, image)
    >>> one.metadata["n_repaired"], one.metadata["background"], float(one.projections.max())
    (1, array([100.]), 30.0)
    """
    pixels = check_array(image, "image", ndim=(1, 2))
    series = TiltSeries(pixels[None], [angle_deg])
    if hot_pixels:
        series = repair(series, threshold=threshold)
    if background is None:
        level = None
    elif isinstance(background, str):
        level = vacuum_level(series.projections[0], background)
    else:
        level = check_number(background, "background")
    if level is not None:
        # In float64, so that a small signal on a large offset survives the rounding to float32.
        series = remove_background(series, "constant", value=level)
    return series.replace(projections=series.projections.astype(np.float32, copy=False)).forget()


def vacuum_level(image: np.ndarray, method: str = "auto") -> float:
    """Return the level that vacuum has in a projection.

    Parameters
    ----------
    image : ndarray, shape (nx, ny) or (nx,)
        Hot pixels removed.
    method : {'auto', 'histogram', 'corner', 'percentile'}
        See :func:`clean`.

    Raises
    ------
    ParameterError
        When the method is unknown.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(0, 0.1, (40, 40))
    >>> thick = np.full((40, 40), 8.0); thick[:5] = 2
    >>> round(vacuum_level(thick + noise, "histogram"), 1), round(vacuum_level(thick + noise), 1)
    (8.0, 2.0)
    """
    check_choice(method, "background", BACKGROUNDS)
    one = TiltSeries(image[None], [0.0])

    def level(how: str) -> float:
        return float(remove_background(one, how).metadata["background"][0])

    if method != "auto":
        return level(method)
    usual, corner = level("histogram"), level("corner")
    low, high = np.percentile(image, (1, 99))
    return corner if usual - corner > _VACUUM_SHARE * (high - low) else usual


def check_background(value: Any) -> str | float | None:
    """Return `value` if it is a way to remove a background: a method, a level, or None.

    Raises
    ------
    ParameterError
        When it is none of these.

    Examples
    --------
    >>> check_background("auto"), check_background(3)
    ('auto', 3.0)
    """
    if value is None or (isinstance(value, str) and value in BACKGROUNDS):
        return value
    if isinstance(value, str):
        raise ParameterError(
            f"background is {value!r}; allowed: {', '.join(map(repr, BACKGROUNDS))}, a level in "
            f"the units of the detector, or None to leave it as it is."
        )
    return check_number(value, "background")
