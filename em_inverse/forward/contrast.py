"""HAADF contrast: how chemistry becomes brightness in a high-angle annular dark-field image.

Two laws are in use, and they disagree about thickness. Both see maps ``x[i, ...]`` of the amount
of element i, and both know that heavy atoms scatter more. In the power law the exponent acts on
the amount as well, so twice the material is 2^γ times as bright; in the linear law, twice.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import DataError, check_array, check_number
from em_inverse.forward.elements import atomic_numbers as _atomic_numbers

__all__ = ["LinearThickness", "PowerLaw"]


class _Contrast(ABC):
    """What both laws share: the elements, the exponent and the checks of shapes."""

    def __init__(
        self, atomic_numbers: Iterable[str | float], gamma: float = 1.7, *, normalise: bool = False
    ) -> None:
        self.atomic_numbers = _atomic_numbers(atomic_numbers)
        self.gamma = check_number(gamma, "gamma", minimum=1)
        self.normalise = bool(normalise)
        self.weights = self.atomic_numbers / (self.atomic_numbers.max() if normalise else 1.0)

    def __call__(self, x: ArrayLike) -> np.ndarray:
        """Same as :meth:`forward`."""
        return self.forward(x)

    def __repr__(self) -> str:
        elements = ", ".join(f"{z:g}" for z in self.atomic_numbers)
        return (
            f"{type(self).__name__}([{elements}], gamma={self.gamma:g}, normalise={self.normalise})"
        )

    def forward(self, x: ArrayLike) -> np.ndarray:
        """Return the image ``b[...]`` of the maps ``x[i, ...]``."""
        return self._forward(self._maps(x, "x"))

    def jvp(self, x: ArrayLike, dx: ArrayLike) -> np.ndarray:
        """Return the change of the image when the maps change by `dx`: the derivative times dx.

        Parameters
        ----------
        x : array_like, shape (n_elements, ...)
            Where the derivative is taken.
        dx : array_like, shape of x
            Direction; may have any sign.
        """
        maps = self._maps(x, "x")
        direction = check_array(dx, "dx", shape=maps.shape)
        return (self._slope(maps) * direction).sum(axis=0)

    def vjp(self, x: ArrayLike, v: ArrayLike) -> np.ndarray:
        """Return the gradient of ⟨v, b(x)⟩ with respect to x: the derivative transposed, times v.

        Parameters
        ----------
        x : array_like, shape (n_elements, ...)
            Where the derivative is taken.
        v : array_like, shape of the image
            For ½‖b(x) − y‖² pass the residual b(x) − y, and the gradient comes out.
        """
        maps = self._maps(x, "x")
        return self._slope(maps) * check_array(v, "v", shape=maps.shape[1:])

    def _maps(self, x: ArrayLike, name: str) -> np.ndarray:
        maps = check_array(x, name)
        n = self.atomic_numbers.size
        if maps.ndim < 2 or maps.shape[0] != n:
            raise DataError(
                f"{name} has shape {maps.shape}, but there are {n} elements: the first axis must "
                f"count them, x[i, ...]. Stack the maps with np.stack([map_1, map_2, …])."
            )
        return maps

    def _per_element(self, maps: np.ndarray) -> np.ndarray:
        """Weights that broadcast over the maps, in their dtype."""
        return self.weights.astype(maps.dtype).reshape(-1, *(1,) * (maps.ndim - 1))

    @abstractmethod
    def _forward(self, maps: np.ndarray) -> np.ndarray: ...

    @abstractmethod
    def _slope(self, maps: np.ndarray) -> np.ndarray:
        """∂b/∂x_i, in a shape that broadcasts with the maps."""


class PowerLaw(_Contrast):
    r"""HAADF contrast with the exponent on weight and amount together.

    .. math:: b = \sum_i (Z_i x_i)^\gamma, \qquad
              \frac{\partial b}{\partial x_i} = \gamma Z_i (Z_i x_i)^{\gamma - 1}

    Parameters
    ----------
    atomic_numbers : sequence of str or float
        One symbol or atomic number per element: ``["O", "Fe"]`` or ``[8, 26]``.
    gamma : float, ≥ 1
        Exponent; 1.4 to 2, depending on the inner angle of the detector. Rutherford scattering
        alone gives 2, screening by the electrons lowers it.
    normalise : bool
        Divide every Z by the largest one, so that one unit of the heaviest element has brightness
        1. It changes the unit of b, not the contrast between elements.

    Raises
    ------
    ParameterError
        When an element is unknown or `gamma` is below 1.
    DataError
        From :meth:`forward`, :meth:`jvp` and :meth:`vjp`: when the maps are negative somewhere or
        their first axis does not count the elements.

    Notes
    -----
    Not linear: two overlapping halves are brighter than their sum, and at x = 0 the derivative is
    zero for every γ > 1. A pixel that starts at zero is therefore never revived by a gradient step
    of this term alone: start from smoothed maps, not from maps with empty pixels. Whether it or
    :class:`LinearThickness` describes a detector must be measured, on a wedge of one element for
    instance.

    References
    ----------
    J. Schwartz et al., npj Comput. Mater. 8 (2022) 16, doi:10.1038/s41524-021-00692-5 (the fused
    multi-modal model that uses this law).

    Examples
    --------
    >>> law = PowerLaw(["O", "Fe"], gamma=2)
    >>> law([[1.0, 0.0], [0.0, 0.5]])
    array([ 64., 169.])
    """

    def _maps(self, x: ArrayLike, name: str) -> np.ndarray:
        maps = super()._maps(x, name)
        if maps.min() < 0:
            raise DataError(
                f"{name} has {int((maps < 0).sum())} negative values (lowest {maps.min():g}); an "
                f"amount of material to the power {self.gamma:g} needs {name} ≥ 0. Clip with "
                f"np.maximum({name}, 0)."
            )
        return maps

    def _forward(self, maps: np.ndarray) -> np.ndarray:
        return ((self._per_element(maps) * maps) ** self.gamma).sum(axis=0)

    def _slope(self, maps: np.ndarray) -> np.ndarray:
        weights = self._per_element(maps)
        return self.gamma * weights * (weights * maps) ** (self.gamma - 1)


class LinearThickness(_Contrast):
    r"""HAADF contrast with the exponent on the atomic number only: linear in thickness.

    .. math:: b = \sum_i Z_i^\gamma x_i, \qquad \frac{\partial b}{\partial x_i} = Z_i^\gamma

    Parameters
    ----------
    atomic_numbers : sequence of str or float
        One symbol or atomic number per element: ``["O", "Fe"]`` or ``[8, 26]``.
    gamma : float, ≥ 1
        Exponent of the atomic number; 1.4 to 2, depending on the inner angle of the detector.
    normalise : bool
        Divide every Z by the largest one, so that one unit of the heaviest element has brightness
        1.

    Raises
    ------
    ParameterError
        When an element is unknown or `gamma` is below 1.
    DataError
        When the first axis of the maps does not count the elements.

    Notes
    -----
    This is the law that tomography assumes (a projection is a sum along the beam); it holds for
    specimens thin enough that no electron is scattered to high angles twice.

    Examples
    --------
    >>> law = LinearThickness([8, 26], gamma=2)
    >>> law([[1.0, 0.0], [0.0, 0.5]])
    array([ 64., 338.])
    """

    def _forward(self, maps: np.ndarray) -> np.ndarray:
        return (self._slope(maps) * maps).sum(axis=0)

    def _slope(self, maps: np.ndarray) -> np.ndarray:
        return self._per_element(maps) ** self.gamma
