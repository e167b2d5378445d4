"""The alarm for a λ that is too large: the residual then holds the object, not only noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import ParameterError, check_integer, check_number
from em_inverse.tilt_series import Reconstruction, TiltSeries
from em_inverse.tomography.finding import Alarm
from em_inverse.tomography.held_out import hold_out, reprojection_error
from em_inverse.tomography.noise_level import NoiseLevel, noise_level
from em_inverse.tomography.residuals import operator_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["OverRegularisation", "over_regularisation_alarm"]

#: ‖r‖/‖ε‖ from here on rings the alarm; a λ chosen by discrepancy gives 1.
LARGEST_RATIO = 1.1
#: Autocorrelation of the residual at 2 and 3 pixels, and correlation with the re-projection.
LARGEST_STRUCTURE = 0.2
# A correlation has to exceed its own scatter as well.
_SIGNIFICANT = 5.0
# How much worse than a quarter of λ the held-out projections may be predicted.
_WORSE = 1.1


@dataclass(frozen=True)
class OverRegularisation(Alarm):
    """Whether a reconstruction is smoother than its data.

    Attributes
    ----------
    reasons : tuple of str
        What speaks for too large a λ; empty when nothing does.
    ratio : float
        ‖r‖/‖ε‖, the residual in units of the noise.
    structure : float
        Mean autocorrelation of the residual along the projection at 2 and 3 pixels: 0 for noise.
        At 1 pixel, noise that an alignment has interpolated is correlated by itself.
    echo : float
        Correlation of the residual with the re-projection: contrast that the prior took away.
    held_out : tuple of (float, float) or None
        Relative error at held-out projections for this λ and for a quarter of it.
    residual : ndarray
        r = b − Ax.
    angles_deg : ndarray, shape (n_tilts,)
    """

    reasons: tuple[str, ...]
    ratio: float
    structure: float
    echo: float
    held_out: tuple[float, float] | None
    residual: np.ndarray
    angles_deg: np.ndarray

    @property
    def verdict(self) -> str:
        """What was found, in words."""
        if not self.alarm:
            return (
                f"no sign of over-regularisation: the residual is {self.ratio:.2f} times the noise "
                f"and as shapeless"
            )
        return (
            f"over-regularised (or not converged, or the data do not fit the geometry): "
            f"{'; '.join(self.reasons)}. Lower λ, or iterate on"
        )

    @property
    def alt(self) -> str:
        """The sentence for readers who cannot see the figure."""
        return f"Map of the residual over tilt angle and detector position: {self.verdict}."

    @property
    def facts(self) -> dict[str, Any]:
        """What a report keeps."""
        kept: dict[str, Any] = {"residual_over_noise": self.ratio}
        if self.alarm:
            what = "over-regularised, or not converged, or the data do not fit the geometry"
            kept["alarms"] = [f"{what}: {'; '.join(self.reasons)}"]
        return kept

    def draw(self) -> Figure:
        """Draw the residual of a slice, tilt by tilt: noise looks like noise."""
        from em_inverse.plotting import tomography as figures

        title = "The residual is noise: nothing of the object is left in it"
        if self.alarm:
            title = "More than noise is left: λ is too large, or the geometry does not fit"
        return figures.residual_map(self, title=title)


def over_regularisation_alarm(
    result: Reconstruction,
    series: TiltSeries,
    *,
    noise: NoiseLevel | float | None = None,
    reconstruct: Callable[[TiltSeries, float], Reconstruction] | None = None,
    lam: float | None = None,
    every: int = 6,
    center_shift: ArrayLike | None = None,
) -> OverRegularisation:
    """Ask whether λ was too large.

    Three questions are always asked: does the residual exceed the noise by more than a tenth, is
    it correlated with itself over 2 to 3 pixels, does it resemble the re-projection (both more
    than 0.2)? With `reconstruct` a fourth: are held-out projections predicted better with a
    quarter of λ?

    Parameters
    ----------
    result : Reconstruction
    series : TiltSeries
        The projections it was made from.
    noise : NoiseLevel or float, optional
        Noise norm ‖ε‖; :func:`noise_level` of the series unless given. Of projections that an
        alignment has interpolated the noise can no longer be estimated; the first question is
        then left out.
    reconstruct : callable, optional
        ``reconstruct(series, lam)``, the recipe as a function of λ.
    lam : float, optional
        λ of the result; as it states it unless given.
    every : int
        One projection in so many is held out.
    center_shift : float or array_like of shape (n_tilts,), optional
        As `result` states it unless given.

    Returns
    -------
    OverRegularisation
        True in an ``if`` when the alarm rings.

    Raises
    ------
    ParameterError
        When `reconstruct` is given and λ is not known.

    Notes
    -----
    A residual below the noise is no alarm here; that is over-fitting. A reconstruction that has
    not converged, or misaligned data, leave structure in the residual as well.

    Examples
    --------
    >>> from em_inverse import tomography
    >>> from em_inverse.forward import ParallelBeam
    >>> disc = np.hypot(*np.mgrid[-15:16, -15:16]) < 9
    >>> angles = np.arange(-70, 71, 5)
    >>> data = ParallelBeam(disc.shape, angles) @ disc
    >>> data = data + 0.5 * np.random.default_rng(0).standard_normal(data.shape)
    >>> series = tomography.TiltSeries(data, angles)
    >>> [over_regularisation_alarm(tomography.cgls(series, lam=lam), series).alarm
    ...  for lam in (1, 100)]
    [False, True]
    """
    A = operator_of(result, series, center_shift=center_shift)
    fitted = A.forward(result.x.astype(A.dtype, copy=False)).astype(np.float64)
    residual = series.projections - fitted
    reasons = []
    known = noise_level(series) if noise is None else noise
    trusted = not (isinstance(known, NoiseLevel) and known.interpolated)
    norm = check_number(getattr(known, "noise_norm", known), "noise", minimum=0)
    size = float(np.linalg.norm(residual))
    ratio = size / norm if norm > 0 else (float("inf") if size > 0 else 1.0)
    if trusted and ratio > LARGEST_RATIO:
        reasons.append(f"the residual is {ratio:.2f} times the noise")
    scatter = _SIGNIFICANT / np.sqrt(residual.size)
    structure = _structure(residual)
    if structure > max(LARGEST_STRUCTURE, scatter):
        reasons.append(f"its values 2 and 3 px apart are correlated by {structure:.2f}")
    echo = _correlation(residual, fitted)
    if echo > max(LARGEST_STRUCTURE, scatter):
        reasons.append(f"it resembles the object (correlation {echo:.2f} with the re-projection)")
    errors = None
    if reconstruct is not None:
        weight = _weight(result, lam)
        errors = _held_out(series, reconstruct, weight, check_integer(every, "every", minimum=2))
        if errors[0] > _WORSE * errors[1]:
            reasons.append(
                f"held-out projections are predicted to {100 * errors[0]:.3g} %, with a quarter "
                f"of λ to {100 * errors[1]:.3g} %"
            )
    return OverRegularisation(
        tuple(reasons), ratio, structure, echo, errors, residual, series.angles_deg
    )


def _structure(residual: np.ndarray) -> float:
    power = float(np.sum(residual**2))
    n = residual.shape[1]
    if power == 0 or n < 5:
        return 0.0
    lags = [float(np.sum(residual[:, k:] * residual[:, :-k])) * n / (n - k) for k in (2, 3)]
    return sum(lags) / (2 * power)


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    u, v = a - a.mean(), b - b.mean()
    size = float(np.linalg.norm(u) * np.linalg.norm(v))
    return float(np.vdot(u, v)) / size if size > 0 else 0.0


def _weight(result: Reconstruction, lam: float | None) -> float:
    stated = result.parameters.get("lambda", result.parameters.get("lam"))
    value = stated if lam is None else lam
    if value is None:
        raise ParameterError(
            "lam is None and result.parameters states no λ; pass the λ that made the result, so "
            "that a quarter of it can be compared."
        )
    return check_number(value, "lam", minimum=0, exclusive=True)


def _held_out(
    series: TiltSeries,
    reconstruct: Callable[[TiltSeries, float], Reconstruction],
    lam: float,
    every: int,
) -> tuple[float, float]:
    kept, held = hold_out(series, every)
    at, below = (reprojection_error(reconstruct(kept, value), held) for value in (lam, lam / 4))
    return at, below
