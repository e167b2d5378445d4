"""Tracing: from a volume of potential to a list of atoms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.atomic.atoms import Atoms
from em_inverse.atomic.fitting import START_WIDTH, fitted, left_over
from em_inverse.atomic.peaks import band_passed, local_maxima
from em_inverse.atomic.rules import crowded, merged, reference_peak
from em_inverse.atomic.scattering import electron_scattering_factor
from em_inverse.atomic.species import Species, classify
from em_inverse.errors import ParameterError, check_array, check_number
from em_inverse.forward.elements import SYMBOLS, atomic_number

__all__ = ["TracedAtoms", "trace"]

# In Å and in numbers of atoms; see `trace`.
THINNEST = 0.225
CROWD_RADIUS = 6.0
CROWD = 8
AT_REST = 0.0025
LOOPS = 12
UNNAMED = 0.6
# A misfit of the strong atoms also leaves something over; it has to be stronger than that.
HIDDEN = 2.0


@dataclass(frozen=True, eq=False, repr=False)
class TracedAtoms:
    """What tracing found, atom by atom.

    Attributes
    ----------
    positions : ndarray of float64, shape (n, 3)
        (z, x, y) in Å from the centre of the volume.
    intensities : ndarray of float64, shape (n,)
        Integral of the fitted Gaussian over a plane through its centre, 2π I s², in V Å²: what
        species are told apart by. A reconstruction blurs some atoms more than others; that
        lowers the peak I and widens s, and leaves I s² nearly alone.
    peaks : ndarray of float64, shape (n,)
        Peak of the fitted Gaussian in V.
    widths : ndarray of float64, shape (n,)
        Its standard deviation in Å.
    species : Species
        The Gaussians fitted to the intensities, and a label for every atom.
    elements : tuple of str
        Names of the labels, from light to heavy; empty where they were not given.
    doubtful : ndarray of bool, shape (n,)
        Atoms whose width lies at the limit of what is allowed, or whose species is less than 90 %
        sure.
    history : dict of str to int
        Number of atoms after each step, in order.
    """

    positions: np.ndarray
    intensities: np.ndarray
    peaks: np.ndarray
    widths: np.ndarray
    species: Species
    elements: tuple[str, ...] = ()
    doubtful: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    history: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.positions)

    def __repr__(self) -> str:
        names = self.elements or tuple(f"kind {k}" for k in range(self.species.count))
        count = np.bincount(self.species.labels, minlength=len(names))
        kinds = ", ".join(f"{name} {n}" for name, n in zip(names, count.tolist(), strict=False))
        return f"TracedAtoms({len(self)} atoms: {kinds})"

    @property
    def labels(self) -> np.ndarray:
        """0 for the weaker kind, 1 for the stronger, shape (n,)."""
        return self.species.labels

    def atoms(self, elements: Sequence[str] | None = None) -> Atoms:
        """Return the atoms with their elements.

        Parameters
        ----------
        elements : sequence of str, optional
            Symbols of the kinds, from light to heavy, where `trace` was not told.

        Raises
        ------
        ParameterError
            When there are fewer names than kinds, or no atom was found.
        """
        names = self.elements if elements is None else _sorted(elements)
        if len(names) < self.species.count or len(self) == 0:
            raise ParameterError(
                f"elements is {elements!r}; {self.species.count} names are needed, one per kind of "
                f"atom, and at least one atom (there are {len(self)})."
            )
        numbers = np.array([int(atomic_number(name)) for name in names])
        return Atoms(self.positions, numbers[self.labels])


def trace(
    volume: ArrayLike,
    voxel_angstrom: float = 0.5,
    *,
    elements: Sequence[str] | None = None,
    candidate: float = 0.15,
    delete: float = 0.5,
    shortest_angstrom: float = 1.3,
    second_pass: bool = True,
) -> TracedAtoms:
    """Find the atoms in a volume of potential.

    Thresholds are shares of the signal of the lightest atom that is to be found. What the heaviest
    atoms give is read from the volume; how much less the lightest give follows from the scattering
    factors of the `elements`, and is taken as 0.6 where these are not named.

    1. Candidates are the local maxima of the band-passed volume above `candidate`.
    2. Every candidate gets a Gaussian, fitted to the voxels within 1 Å after the Gaussians of
       its neighbours have been taken off.
    3. What all Gaussians together leave over is searched once more, above twice `candidate`: an
       atom hidden on the flank of a heavier one shows there.
    4. Fits and rules take turns until nobody moves: two atoms nearer than `shortest_angstrom` are
       one; an atom is none whose peak times width is below `delete`, that is thinner than 0.225 Å,
       or that has fewer than eight others within 6 Å.
    5. Intensities are told apart into one or two species by a mixture of Gaussians.

    Nothing is known of where atoms ought to be, so a vacancy stays empty.

    Parameters
    ----------
    volume : array_like, shape (nz, nx, ny)
        Potential in V; only ratios matter.
    voxel_angstrom : float
        Edge of a voxel in Å.
    elements : sequence of str, optional
        The one or two elements that are there. Two names force two species, one forces one;
        without names the intensities decide.
    candidate : float
        Threshold of candidates, as a share of what the lightest atom has in the band-passed volume.
    delete : float
        Threshold of peak times width, as a share of the lightest atom's. Raise it where the volume
        is noisy.
    shortest_angstrom : float
        Two peaks nearer than this are one atom. The bond of SiO₂ is 1.61 Å long; lower it for
        molecules with shorter ones.
    second_pass : bool
        Make step 3.

    Returns
    -------
    TracedAtoms

    Raises
    ------
    DataError
        When the volume is not three-dimensional, is empty, or holds NaN.
    ParameterError
        When a parameter lies outside what is allowed, or more than two elements are named.

    References
    ----------
    The steps are those of D. Ren, C. Ophus, M. Chen, L. Waller, Ultramicroscopy 208 (2020) 112860,
    doi:10.1016/j.ultramic.2019.112860, with thresholds that follow the volume.

    Examples
    --------
    >>> from em_inverse import atomic
    >>> needle = atomic.silicon_core_silica_shell((40, 40, 40))
    >>> found = atomic.trace(atomic.potential(needle, (40, 40, 40)), elements=("O", "Si"))
    >>> len(found) == len(needle)
    True
    """
    V = np.ascontiguousarray(check_array(volume, "volume", ndim=3, dtype=np.float64))
    voxel = check_number(voxel_angstrom, "voxel_angstrom", minimum=0, exclusive=True)
    candidate = check_number(candidate, "candidate", minimum=0, maximum=1, exclusive=True)
    delete = check_number(delete, "delete", minimum=0, maximum=1)
    shortest = check_number(shortest_angstrom, "shortest_angstrom", minimum=0)
    names = () if elements is None else _sorted(elements)
    history: dict[str, int] = {}

    lightest = _lightest(names)
    P, level = _candidates(V, voxel, candidate * lightest)
    history["candidates"] = len(P)
    P = fitted(V, P, voxel, rounds=4)
    if second_pass and len(P):
        P = np.concatenate([P, _hidden(V, P, voxel, level)])
        history["second pass"] = len(P)
        P = fitted(V, P, voxel, rounds=6)
    for loop in range(LOOPS):
        before = P
        P = merged(P, shortest / voxel)
        P = P[_strong(P, delete * lightest, voxel)]
        P = P[crowded(P, CROWD_RADIUS / voxel, CROWD)]
        history[f"rules {loop + 1}"] = len(P)
        kept = P
        P = fitted(V, P, voxel)
        if len(P) == len(before) and _moved(P, kept) * voxel < AT_REST:
            break
    return _as_traced(P, V.shape, voxel, names, history)


def _candidates(V: np.ndarray, voxel: float, share: float) -> tuple[np.ndarray, float]:
    band = band_passed(V, voxel)
    tops = local_maxima(band, 0.02 * float(band.max()))
    values = band[_voxels(tops)]
    level = share * reference_peak(values)
    return _as_rows(V, tops[values > level], voxel), level


def _hidden(V: np.ndarray, P: np.ndarray, voxel: float, level: float) -> np.ndarray:
    rest = left_over(V, P)
    return _as_rows(rest, local_maxima(band_passed(rest, voxel), HIDDEN * level), voxel)


def _as_rows(V: np.ndarray, tops: np.ndarray, voxel: float) -> np.ndarray:
    """z, x, y, I, s of each candidate, those without a positive value left out."""
    peaks = V[_voxels(tops)]
    rows = np.concatenate(
        [tops, peaks[:, None], np.full((len(tops), 1), START_WIDTH / voxel)], axis=1
    )
    return np.asarray(rows[peaks > 0])


def _voxels(tops: np.ndarray) -> tuple[np.ndarray, ...]:
    return tuple(np.round(tops).astype(int).T)


def _strong(P: np.ndarray, share: float, voxel: float) -> np.ndarray:
    signal = P[:, 3] * P[:, 4]
    return np.asarray((signal >= share * reference_peak(signal)) & (P[:, 4] * voxel >= THINNEST))


def _lightest(names: tuple[str, ...]) -> float:
    """Signal of the lightest element as a share of the heaviest one's."""
    if not names:
        return UNNAMED
    q = np.linspace(0, 1, 101)
    # ∫ f dq is the potential integrated over a plane through the nucleus.
    light, heavy = (electron_scattering_factor(name, q).sum() for name in (names[0], names[-1]))
    return float(light / heavy)


def _moved(P: np.ndarray, before: np.ndarray) -> float:
    if len(P) == 0:
        return 0.0
    return float(np.sqrt(((P - before)[:, :3] ** 2).sum(axis=1).mean()))


def _sorted(elements: Sequence[str]) -> tuple[str, ...]:
    names = [] if isinstance(elements, str) else list(elements)
    if not 1 <= len(names) <= 2:
        raise ParameterError(
            f"elements is {elements!r}; a list of one or two symbols is needed, such as "
            f"('O', 'Si'). Intensities tell no more than two species apart."
        )
    numbers = {int(atomic_number(name)) for name in names}
    return tuple(SYMBOLS[z - 1] for z in sorted(numbers))


def _as_traced(
    P: np.ndarray,
    shape: tuple[int, ...],
    voxel: float,
    names: tuple[str, ...],
    history: dict[str, int],
) -> TracedAtoms:
    intensities = 2 * np.pi * P[:, 3] * (P[:, 4] * voxel) ** 2
    widths = P[:, 4] * voxel
    if len(P):
        species = classify(intensities, len(names) if names else "auto")
    else:
        none = np.zeros(0)
        species = Species(none.astype(int), none, none, none, none, float("nan"), 0.0, 0.0)
    thin, wide = THINNEST * 1.001, 0.6 * 0.999
    return TracedAtoms(
        positions=(P[:, :3] - (np.array(shape) - 1) / 2) * voxel,
        intensities=intensities,
        peaks=P[:, 3].copy(),
        widths=widths,
        species=species,
        elements=names,
        doubtful=(widths <= thin) | (widths >= wide) | (species.probability < 0.9),
        history=history,
    )
