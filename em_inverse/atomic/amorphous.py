"""An amorphous oxide shell round a core: random placement, then springs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

__all__ = ["Oxide", "relaxed_shell"]

_SWEEPS = 400
_REFRESH = 8
_SKIN = 0.5
_BOND = 0.4
_LONGEST_PULL = 0.35
_STEP = 0.45


@dataclass(frozen=True)
class Oxide:
    """What an amorphous oxide is made of.

    Attributes
    ----------
    cation : int
        Atomic number.
    oxygen_per_cation : int
    density : float
        Cations per Å³.
    bond : float
        Length of a bond in Å.
    apart : float
        Shortest distance in Å of a cation and an oxygen that are not bonded.
    oxygen_oxygen, cation_cation : float
        Shortest distances in Å of two atoms of a kind.
    core_cation, core_oxygen : float
        Shortest distances in Å to the atoms of the core.
    """

    cation: int
    oxygen_per_cation: int
    density: float
    bond: float
    apart: float
    oxygen_oxygen: float
    cation_cation: float
    core_cation: float
    core_oxygen: float


def relaxed_shell(
    core: np.ndarray, inner: float, outer: float, length: float, oxide: Oxide, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return positions and atomic numbers of a shell round the y axis.

    Atoms start anywhere. Then every pair that is too close pushes itself apart, and every oxygen
    is drawn to two cations, and a cation to twice as many oxygens as the formula has, until the
    pile is at rest. What is left closer than 1.35 Å
    loses one of the two.

    Parameters
    ----------
    core : ndarray, shape (n, 3)
        Positions (z, x, y) of the atoms inside, which do not move.
    inner, outer, length : float
        Radii and height of the shell in Å.
    oxide : Oxide
    seed : int

    Returns
    -------
    positions : ndarray, shape (m, 3)
    atomic_numbers : ndarray, shape (m,)
    """
    rng = np.random.default_rng(seed)
    cations = round(np.pi * (outer**2 - inner**2) * length * oxide.density)
    count = cations * (1 + oxide.oxygen_per_cation)
    radius = np.sqrt(rng.uniform(inner**2, outer**2, count))
    angle = rng.uniform(0, 2 * np.pi, count)
    height = rng.uniform(-length / 2, length / 2, count)
    shell = np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=1)
    kind = np.where(np.arange(count) < cations, 0, 1)
    kinds = np.concatenate([kind, np.full(len(core), 2)])
    least = np.array(
        [
            [oxide.cation_cation, oxide.apart, oxide.core_cation],
            [oxide.apart, oxide.oxygen_oxygen, oxide.core_oxygen],
        ]
    )
    far = least.max() + _SKIN
    for sweep in range(_SWEEPS):
        if sweep % _REFRESH == 0:
            everyone = np.concatenate([shell, core])
            i, j = cKDTree(everyone).query_pairs(far, output_type="ndarray").T
            i, j = i[i < count], j[i < count]
            bonds = _bonds(shell, cations, oxide)
            bonded = np.isin(i * len(everyone) + j, bonds[:, 0] * len(everyone) + bonds[:, 1])
            wanted = np.where(bonded, oxide.bond, least[kinds[i], kinds[j]])
        force = _repulsion(np.concatenate([shell, core]), i, j, wanted)[:count]
        force += _attraction(shell, bonds, oxide.bond)
        shell = _confined(shell + _STEP * force, inner, outer, length / 2)
    return _thinned(core, shell, np.where(kind == 0, oxide.cation, 8))


def _repulsion(at: np.ndarray, i: np.ndarray, j: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    apart = at[i] - at[j]
    distance = np.sqrt((apart**2).sum(axis=1)) + 1e-9
    push = 0.5 * np.maximum(wanted - distance, 0) / distance
    return _gathered(push[:, None] * apart, i, j, len(at))


def _bonds(shell: np.ndarray, cations: int, oxide: Oxide) -> np.ndarray:
    """Return the bonds as pairs (cation, oxygen), the shortest made first, none beyond a valence.

    An oxygen holds two cations, a cation as many oxygens as its valence.
    """
    near = cKDTree(shell[:cations]).query(shell[cations:], k=min(6, cations))
    distance, cation = np.asarray(near[0]), np.asarray(near[1])
    free = [2 * oxide.oxygen_per_cation] * cations + [2] * (len(shell) - cations)
    made = []
    for place in np.argsort(distance, axis=None).tolist():
        oxygen = cations + place // cation.shape[1]
        holder = int(cation.flat[place])
        if free[oxygen] and free[holder]:
            free[oxygen] -= 1
            free[holder] -= 1
            made.append((holder, oxygen))
    return np.array(made)


def _attraction(shell: np.ndarray, bonds: np.ndarray, bond: float) -> np.ndarray:
    holder, oxygen = bonds.T
    apart = shell[holder] - shell[oxygen]
    distance = np.sqrt((apart**2).sum(axis=1)) + 1e-9
    pull = _BOND * np.minimum(distance - bond, _LONGEST_PULL) / distance
    return _gathered(pull[:, None] * apart, oxygen, holder, len(shell))


def _gathered(force: np.ndarray, plus: np.ndarray, minus: np.ndarray, count: int) -> np.ndarray:
    """Sum of `force` for every atom in `plus`, less that for every atom in `minus`."""
    return np.stack(
        [
            np.bincount(plus, f, minlength=count) - np.bincount(minus, f, minlength=count)
            for f in force.T
        ],
        axis=1,
    )


def _confined(shell: np.ndarray, inner: float, outer: float, half: float) -> np.ndarray:
    radius = np.hypot(shell[:, 0], shell[:, 1])
    scale = np.clip(radius, inner, outer) / np.maximum(radius, 1e-9)
    shell[:, :2] *= scale[:, None]
    shell[:, 2] = np.clip(shell[:, 2], -half, half)
    return shell


def _thinned(
    core: np.ndarray, shell: np.ndarray, atomic_numbers: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    pairs = cKDTree(np.concatenate([core, shell])).query_pairs(1.35, output_type="ndarray")
    keep = np.ones(len(shell), bool)
    keep[pairs.max(axis=1) - len(core)] = False
    return shell[keep], atomic_numbers[keep]
