"""ε: the noise of the detector, Gaussian at a level or Poisson at a dose.

Every draw comes from a :class:`numpy.random.Generator`, so a seed repeats an experiment exactly.
"""

from __future__ import annotations

from typing import Literal, overload

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import gaussian_filter1d

from em_inverse.errors import DataError, ParameterError, check_array, check_number

__all__ = ["gaussian", "gaussian_sigma", "generator", "poisson", "smoothed", "snr"]

# numpy draws Poisson counts as 64-bit integers and refuses means close to their largest value.
_LARGEST_MEAN_COUNT = 1e18


def gaussian(
    y: ArrayLike,
    level: float,
    *,
    relative: bool = True,
    seed: int | np.random.Generator = 0,
) -> np.ndarray:
    r"""Add Gaussian noise of one standard deviation everywhere: y + N(0, s²).

    Parameters
    ----------
    y : array_like, any shape
        Clean data.
    level : float, ≥ 0
        With `relative`, the standard deviation as a fraction of the largest absolute value of
        `y`: "10 % noise" is ``level=0.1``. Without it, the standard deviation s itself, in the
        units of `y`.
    relative : bool
        How `level` is meant.
    seed : int or numpy.random.Generator
        The same seed gives the same noise.

    Returns
    -------
    ndarray
        Noisy data, of the shape and floating dtype of `y` (integers become float64).

    Raises
    ------
    DataError
        When `y` is not an array of finite real numbers.
    ParameterError
        When `level` is negative or `seed` is neither a whole number nor a Generator.

    Notes
    -----
    The noise of M data has an expected norm of very nearly :math:`s\sqrt{M}`, which is what the
    discrepancy principle asks for: ``gaussian_sigma(y, level) * np.sqrt(y.size)``.

    Examples
    --------
    >>> y = np.array([0.0, 2.0, 4.0])
    >>> np.allclose(gaussian(y, 0.1, seed=1), gaussian(y, 0.4, relative=False, seed=1))
    True
    """
    clean = check_array(y, "y")
    sigma = gaussian_sigma(clean, level, relative=relative)
    noise = generator(seed).standard_normal(clean.shape)
    return (clean + sigma * noise).astype(clean.dtype)


def smoothed(
    y: ArrayLike,
    level: float,
    width: float,
    *,
    relative: bool = True,
    seed: int | np.random.Generator = 0,
) -> np.ndarray:
    """Add Gaussian noise whose neighbours along the last axis resemble each other.

    White noise is smoothed with a Gaussian (the last pixel is the first one's neighbour) and
    scaled back to the standard deviation that was asked for. So is the noise of images that were
    filtered, resampled or aligned, of a scintillator that spreads light, of a detector that lags.

    Parameters
    ----------
    y, level, relative, seed
        As for :func:`gaussian`.
    width : float, ≥ 0
        Standard deviation of the smoothing in pixels; 0 is white noise.

    Returns
    -------
    ndarray
        Noisy data, as from :func:`gaussian`.

    Raises
    ------
    DataError, ParameterError
        As for :func:`gaussian`.

    Examples
    --------
    >>> y = np.zeros(10_000)
    >>> noise = smoothed(y, 0.5, 2.0, relative=False, seed=1)
    >>> bool(abs(noise.std() - 0.5) < 0.02), bool(np.corrcoef(noise[1:], noise[:-1])[0, 1] > 0.9)
    (True, True)
    """
    clean = check_array(y, "y")
    sigma = gaussian_sigma(clean, level, relative=relative)
    pixels = check_number(width, "width", minimum=0)
    white = generator(seed).standard_normal(clean.shape)
    spike = np.zeros(clean.shape[-1])
    spike[0] = 1.0
    spread = gaussian_filter1d(spike, pixels, mode="wrap") if pixels else spike
    drawn = gaussian_filter1d(white, pixels, axis=-1, mode="wrap") if pixels else white
    return (clean + sigma / np.linalg.norm(spread) * drawn).astype(clean.dtype)


def gaussian_sigma(y: ArrayLike, level: float, *, relative: bool = True) -> float:
    """Return the standard deviation that :func:`gaussian` uses for these clean data.

    Parameters
    ----------
    y : array_like, any shape
        Clean data (the noisy ones have a larger maximum and would give a larger value).
    level : float, ≥ 0
        As for :func:`gaussian`.
    relative : bool
        As for :func:`gaussian`.

    Returns
    -------
    float
        Standard deviation in the units of `y`.

    Raises
    ------
    DataError
        When `y` is not an array of finite real numbers.
    ParameterError
        When `level` is negative.

    Examples
    --------
    >>> gaussian_sigma([0.0, -4.0, 2.0], 0.1)
    0.4
    >>> gaussian_sigma([0.0, -4.0, 2.0], 0.1, relative=False)
    0.1
    """
    clean = check_array(y, "y")
    number = check_number(level, "level", minimum=0)
    return number * float(np.abs(clean).max()) if relative else number


@overload
def poisson(
    y: ArrayLike,
    dose: float,
    *,
    seed: int | np.random.Generator = 0,
    counts: Literal[False] = False,
) -> np.ndarray: ...


@overload
def poisson(
    y: ArrayLike,
    dose: float,
    *,
    seed: int | np.random.Generator = 0,
    counts: Literal[True],
) -> tuple[np.ndarray, float]: ...


def poisson(
    y: ArrayLike,
    dose: float,
    *,
    seed: int | np.random.Generator = 0,
    counts: bool = False,
) -> np.ndarray | tuple[np.ndarray, float]:
    r"""Count electrons: Poisson noise at a dose.

    Parameters
    ----------
    y : array_like, any shape, ≥ 0
        Clean intensity, in any unit.
    dose : float, > 0
        Mean number of detected electrons per pixel, averaged over all of `y`. From a fluence D
        in electrons per nm²: D × (pixel size in nm)² × the fraction of electrons that reach the
        detector.
    seed : int or numpy.random.Generator
        The same seed gives the same counts.
    counts : bool
        Return the counts themselves and the scale, not data in the units of `y`.

    Returns
    -------
    ndarray
        Counts divided by the scale, hence in the units of `y` and unbiased.
    (ndarray, float)
        With ``counts=True``: whole numbers stored as floats, and the scale c in counts per unit
        of `y`; ``counts / c`` is the other answer.

    Raises
    ------
    DataError
        When `y` is negative somewhere, or zero everywhere.
    ParameterError
        When `dose` is not positive, or so large that counts overflow.

    Notes
    -----
    The counts are drawn from Poisson(c y) with :math:`c = \mathrm{dose} / \bar y`. A pixel that
    expects n electrons has the relative noise :math:`1/\sqrt n`: 100 electrons, 10 %. In the
    units of `y` the variance is y / c, so the noise norm is about
    :math:`\sqrt{\sum_i y_i / c}`.

    Examples
    --------
    >>> y = np.full((200, 200), 5.0)
    >>> noisy = poisson(y, dose=100, seed=1)
    >>> print(f"mean {noisy.mean():.2f}, relative noise {noisy.std() / noisy.mean():.3f}")
    mean 5.00, relative noise 0.100
    """
    clean = check_array(y, "y")
    electrons = check_number(dose, "dose", minimum=0, exclusive=True)
    if clean.min() < 0:
        raise DataError(
            f"y has {int((clean < 0).sum())} negative values (lowest {clean.min():g}); an expected "
            f"number of electrons cannot be negative. Remove the offset, or clip with "
            f"np.maximum(y, 0)."
        )
    mean = float(clean.mean(dtype=np.float64))
    if mean == 0:
        raise DataError("y is zero everywhere, so no dose gives it any counts. Pass an image.")
    scale = electrons / mean
    expected = clean.astype(np.float64) * scale
    if expected.max() > _LARGEST_MEAN_COUNT:
        raise ParameterError(
            f"dose is {dose!r}, which makes the brightest pixel expect {expected.max():g} counts; "
            f"allowed: up to {_LARGEST_MEAN_COUNT:g}. Lower the dose, or leave the noise out."
        )
    drawn = generator(seed).poisson(expected).astype(np.float64)
    if counts:
        return drawn.astype(clean.dtype), scale
    return (drawn / scale).astype(clean.dtype)


def snr(noisy: ArrayLike, clean: ArrayLike, *, decibel: bool = False) -> float:
    r"""Signal-to-noise ratio: the root mean square of the signal over that of the noise.

    Parameters
    ----------
    noisy, clean : array_like, same shape
        Data with and without noise.
    decibel : bool
        Return 20 log₁₀ of the ratio.

    Returns
    -------
    float
        :math:`\|clean\| / \|noisy - clean\|`; infinity when the two are equal. A flat image that
        expects n electrons per pixel has :math:`\sqrt n`: four times the dose doubles it.

    Raises
    ------
    DataError
        When the shapes differ, or `clean` is zero everywhere.

    Examples
    --------
    >>> snr([3.0, 4.0], [3.0, 4.5])
    10.816653826391969
    """
    signal = check_array(clean, "clean").astype(np.float64, copy=False)
    data = check_array(noisy, "noisy").astype(np.float64, copy=False)
    if data.shape != signal.shape:
        raise DataError(
            f"noisy has shape {data.shape} but clean has shape {signal.shape}; they must be the "
            f"same data with and without noise."
        )
    power = float(np.linalg.norm(signal))
    if power == 0:
        raise DataError("clean is zero everywhere: there is no signal to compare the noise with.")
    noise = float(np.linalg.norm(data - signal))
    ratio = power / noise if noise > 0 else float("inf")
    return float(20 * np.log10(ratio)) if decibel else ratio


def generator(seed: int | np.random.Generator) -> np.random.Generator:
    """Return `seed` as a Generator; a Generator is passed through and goes on from its state.

    Raises
    ------
    ParameterError
        When `seed` is neither a whole number ≥ 0 nor a Generator.

    Examples
    --------
    >>> bool(generator(3).random() == generator(3).random())
    True
    """
    if isinstance(seed, np.random.Generator):
        return seed
    if isinstance(seed, (bool, np.bool_)) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ParameterError(
            f"seed is {seed!r}; a whole number ≥ 0 or a numpy.random.Generator is needed, so that "
            f"the experiment can be repeated."
        )
    return np.random.default_rng(seed)
