"""What fusion returns: the maps, how they were found, and the sentence that belongs below them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from em_inverse._version import __version__
from em_inverse.fusion.model import FusedModel
from em_inverse.tilt_series import Reconstruction

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FusedMaps"]


@dataclass(repr=False)
class FusedMaps(Reconstruction):
    """Fused element maps. Unpacks as ``maps, history``.

    Attributes
    ----------
    x : ndarray, shape (n, rows, columns)
        The maps, in the units of the spectra that were given (counts stay counts), without their
        background.
    elements : tuple of str
        Name of each map.
    model : FusedModel or None
        Both measurements in the units of the objective; elements without counts are left out.
    used : tuple of int
        Which maps the model holds.
    counts_per_unit : ndarray, shape (n,)
        Counts that one unit of the objective's amounts stands for, element by element.
    haadf_unit : float
        Detector value that counts as 1 in the objective.
    haadf_offset : float
        Detector value of vacuum, taken off first.
    as_dict : bool
        Whether :attr:`maps` is a dictionary, as the maps given were.
    """

    elements: tuple[str, ...] = ()
    model: FusedModel | None = None
    used: tuple[int, ...] = ()
    counts_per_unit: np.ndarray = field(default_factory=lambda: np.ones(0))
    haadf_unit: float = 1.0
    haadf_offset: float = 0.0
    as_dict: bool = False

    @property
    def maps(self) -> Any:
        """The maps as they were given: an array ``[element, row, column]``, or a dictionary."""
        return dict(zip(self.elements, self.x, strict=True)) if self.as_dict else self.x

    @property
    def amounts(self) -> np.ndarray:
        """The maps divided by counts per unit, ``x`` of the objective, shape (n, rows, columns)."""
        return np.asarray(self.x / self.counts_per_unit[:, None, None])

    @property
    def image(self) -> np.ndarray:
        """The HAADF image that the maps predict, in detector values."""
        assert self.model is not None
        seen = self.model.scale * self.model.image(self._modelled())
        return np.asarray(self.haadf_unit * seen + self.haadf_offset)

    def _modelled(self) -> np.ndarray:
        assert self.model is not None
        return self.amounts[list(self.used)].astype(self.model.spectra.dtype)

    def __iter__(self) -> Iterator[Any]:
        return iter((self.maps, self.history))

    def report(self) -> str:
        """Return the line that belongs under a picture of these maps.

        It says what was fused by which law, both λ, how well both measurements are explained, how
        the run ended, and which share of the counts the maps hold.
        """
        p = self.parameters
        kind = p.get("contrast", "none")
        law = "no HAADF image" if kind == "none" else f"HAADF by {p['law']} with γ = {p['gamma']:g}"
        probe = "" if not p.get("psf") else f", {p['psf']}"
        kept = [f"{name} {100 * share:.1f} %" for name, share in self.metadata["kept"].items()]
        parts = [
            f"maps of {', '.join(self.elements)} from {p['noise']} spectra",
            f"{law}{probe}",
            f"λ₁ = {p['lambda_spectrum']:.3g}, λ₂ = {p['lambda_tv']:.3g} (TV)",
            f"{self.n_iter} iterations, {self.stop_reason}",
            f"counts kept: {', '.join(kept)}",
            *self.metadata.get("notes", ()),
            f"em_inverse {__version__}",
        ]
        return "; ".join(parts)

    def draw(self, *, title: str = "Fused maps", quantity: str = "counts") -> Figure:
        """Draw the maps in one window.

        Parameters
        ----------
        title : str
            What the figure shows, as a sentence.
        quantity : str
            What the grey values are.
        """
        from em_inverse import plotting

        return plotting.images(
            list(self.x), list(self.elements), title=title, quantity=quantity,
            axes=("row (px)", "column (px)"),
        )  # fmt: skip
