"""Scoring: traced atoms held against the atoms that were there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from scipy.spatial import cKDTree

from em_inverse.atomic.atoms import Atoms
from em_inverse.atomic.tracing import TracedAtoms
from em_inverse.errors import check_number
from em_inverse.forward.elements import SYMBOLS

__all__ = ["Score", "left_empty", "matched", "score"]


@dataclass(frozen=True, eq=False)
class Score:
    """How well tracing did.

    Attributes
    ----------
    true_count, traced_count : int
        Atoms that were there, and atoms that were traced.
    pairs : ndarray of int64, shape (k, 2)
        Which traced atom (first column) is which true one (second), each at most once.
    found_percent : float
        True atoms that have a traced one, as a percentage of the true atoms.
    false_percent : float
        Traced atoms without a true one, as a percentage of the **true** atoms, so that it may
        exceed 100.
    error_pm : float
        Mean distance of the pairs in pm, the published measure.
    rms_pm : float
        Root mean square of that distance.
    axis_rms_pm : tuple of float
        Root mean square along z (the beam), x and y (the tilt axis); their squares add up to that
        of `rms_pm`.
    species_percent : float
        Pairs with the right element, as a percentage of the pairs; NaN without pairs.
    confusion : ndarray of int64, shape (k, k)
        Pairs counted by true element (row) and traced element (column), in the order of
        `elements`.
    elements : tuple of str
        From light to heavy.
    """

    true_count: int
    traced_count: int
    pairs: np.ndarray
    found_percent: float
    false_percent: float
    error_pm: float
    rms_pm: float
    axis_rms_pm: tuple[float, float, float]
    species_percent: float
    confusion: np.ndarray
    elements: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"{self.found_percent:.1f} % found, {self.false_percent:.1f} % false, "
            f"{self.error_pm:.1f} pm, {self.species_percent:.1f} % of species right"
        )


def score(found: TracedAtoms | Atoms, truth: Atoms, radius_angstrom: float = 1.0) -> Score:
    """Compare traced atoms with the true ones.

    Each traced atom belongs to at most one true atom and the other way round. Of all ways to pair
    atoms that are at most a radius apart, the one with the most pairs counts, and of those the one
    with the smallest sum of distances.

    Parameters
    ----------
    found : TracedAtoms or Atoms
        Kinds without names take those of the true elements, from light to heavy.
    truth : Atoms
    radius_angstrom : float
        Farthest distance of a pair. In a volume full of noise a large radius finds "all" atoms:
        look at the false ones too.

    Returns
    -------
    Score

    Raises
    ------
    ParameterError
        When the radius is not positive.

    Examples
    --------
    >>> truth = Atoms([[0, 0, 0], [0, 3, 0]], [14, 8])
    >>> print(score(truth.moved([0, 0, 0.1]), truth))
    100.0 % found, 0.0 % false, 10.0 pm, 100.0 % of species right
    """
    radius = check_number(radius_angstrom, "radius_angstrom", minimum=0, exclusive=True)
    positions, numbers, names = _described(found, truth)
    pairs = matched(positions, truth.positions, radius)
    apart = 100 * (positions[pairs[:, 0]] - truth.positions[pairs[:, 1]])
    square = (apart**2).mean(axis=0) if len(pairs) else np.full(3, np.nan)
    distance = np.sqrt((apart**2).sum(axis=1))
    number = {z: k for k, z in enumerate(names)}
    confusion = np.zeros((len(names),) * 2, np.int64)
    for true, seen in zip(
        truth.atomic_numbers[pairs[:, 1]].tolist(), numbers[pairs[:, 0]].tolist(), strict=True
    ):
        confusion[number[true], number[seen]] += 1
    return Score(
        true_count=len(truth),
        traced_count=len(positions),
        pairs=pairs,
        found_percent=100 * len(pairs) / len(truth),
        false_percent=100 * (len(positions) - len(pairs)) / len(truth),
        error_pm=float(distance.mean()) if len(pairs) else float("nan"),
        rms_pm=float(np.sqrt(square.sum())),
        axis_rms_pm=tuple(np.sqrt(square).tolist()),
        species_percent=100 * float(np.trace(confusion)) / len(pairs)
        if len(pairs)
        else float("nan"),
        confusion=confusion,
        elements=_symbols(names),
    )


def matched(found: np.ndarray, truth: np.ndarray, radius: float) -> np.ndarray:
    """Return the one-to-one pairs (found, true) of points at most `radius` apart, shape (k, 2).

    As many pairs as there can be; among those, the smallest sum of distances.

    Parameters
    ----------
    found, truth : ndarray, shapes (n, 3) and (m, 3)
    radius : float

    Examples
    --------
    >>> matched(np.array([[0, 0, 0.4], [0, 0, 0.0]]), np.array([[0, 0, 0.0], [0, 0, 1.0]]), 1.0)
    array([[1, 0],
           [0, 1]])
    """
    if len(found) == 0:
        return np.zeros((0, 2), np.int64)
    near = cKDTree(truth).sparse_distance_matrix(cKDTree(found), radius, output_type="coo_matrix")
    n, m = len(truth), len(found)
    # A stand-in for every true atom makes a full matching possible; it costs more than any chain
    # of real pairs could save. Costs of zero would be taken for missing entries.
    rows = np.concatenate([near.row, np.arange(n)])
    columns = np.concatenate([near.col, m + np.arange(n)])
    costs = np.concatenate([near.data + 1e-6 * radius, np.full(n, 2.0 * radius * n)])
    graph = coo_array((costs, (rows, columns)), shape=(n, m + n)).tocsr()
    true, seen = min_weight_full_bipartite_matching(graph)
    real = seen < m
    return np.stack([seen[real], true[real]], axis=1).astype(np.int64)


def left_empty(
    found: TracedAtoms | Atoms, vacant: Atoms, radius_angstrom: float = 1.0
) -> np.ndarray:
    """Return which vacant sites have no traced atom within a radius, shape (n,).

    Parameters
    ----------
    found : TracedAtoms or Atoms
    vacant : Atoms
        The sites that were emptied, as :func:`~em_inverse.atomic.with_vacancies` returns them.
    radius_angstrom : float

    Examples
    --------
    >>> vacant = Atoms([[0, 0, 0], [0, 3, 0]], [14, 14])
    >>> left_empty(Atoms([[0, 2.5, 0]], [14]), vacant)
    array([ True, False])
    """
    radius = check_number(radius_angstrom, "radius_angstrom", minimum=0, exclusive=True)
    if len(found) == 0:
        return np.ones(len(vacant), bool)
    return np.asarray(cKDTree(found.positions).query(vacant.positions)[0] > radius)


def _described(
    found: TracedAtoms | Atoms, truth: Atoms
) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Positions, atomic numbers, and all atomic numbers that occur."""
    present = np.unique(truth.atomic_numbers)
    if isinstance(found, Atoms):
        numbers = found.atomic_numbers
    elif len(found) == 0:
        numbers = np.zeros(0, np.int64)
    elif found.elements:
        numbers = found.atoms().atomic_numbers
    else:
        # One kind is taken for the heaviest element, as the strongest signal is.
        numbers = present[-found.species.count :][np.minimum(found.labels, len(present) - 1)]
    return found.positions, numbers, sorted({*present.tolist(), *numbers.tolist()})


def _symbols(numbers: list[int]) -> tuple[str, ...]:
    return tuple(SYMBOLS[z - 1] for z in numbers)
