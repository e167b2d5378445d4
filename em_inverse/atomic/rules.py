"""Which of the traced atoms stay: rules of merging and deleting."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

__all__ = ["crowded", "merged", "reference_peak"]


def merged(atoms: np.ndarray, distance: float) -> np.ndarray:
    """Return the atoms with those nearer to each other than `distance` made one.

    The stronger one takes in the weaker ones around it: the place is their mean, weighted with
    I·s, and so is the width; the peak is that of the strongest.

    Parameters
    ----------
    atoms : ndarray, shape (n, 5)
        z, x, y, I, s, lengths in voxels.
    distance : float
        In voxels.

    Examples
    --------
    >>> two = np.array([[0, 0, 0, 2.0, 1.0], [0, 0, 1, 2.0, 1.0]])
    >>> merged(two, 2.0)
    array([[0. , 0. , 0.5, 2. , 1. ]])
    """
    if len(atoms) < 2:
        return atoms
    close = cKDTree(atoms[:, :3]).query_pairs(distance, output_type="ndarray")
    friends: dict[int, list[int]] = {}
    for i, j in close.tolist():
        friends.setdefault(i, []).append(j)
        friends.setdefault(j, []).append(i)
    out, gone = atoms.copy(), np.zeros(len(atoms), bool)
    done = np.zeros(len(atoms), bool)
    for a in sorted(friends, key=lambda a: -atoms[a, 3]):
        group = [a, *(b for b in friends[a] if not done[b])]
        if done[a] or len(group) == 1:
            continue
        done[group] = True
        weight = atoms[group, 3] * atoms[group, 4]
        out[a] = weight @ atoms[group] / weight.sum()
        out[a, 3] = atoms[group, 3].max()
        gone[group[1:]] = True
    return out[~gone]


def crowded(atoms: np.ndarray, distance: float, least: int) -> np.ndarray:
    """Return which atoms have at least so many others within a distance.

    Matter is dense; a peak in vacuum is noise.

    Parameters
    ----------
    atoms : ndarray, shape (n, 5)
    distance : float
        In voxels.
    least : int

    Examples
    --------
    >>> row = np.zeros((3, 5)); row[:, 0] = [0, 1, 9]
    >>> crowded(row, 2.0, 1)
    array([ True,  True, False])
    """
    if len(atoms) == 0:
        return np.zeros(0, bool)
    tree = cKDTree(atoms[:, :3])
    count = tree.query_ball_point(atoms[:, :3], distance, return_length=True)
    return np.asarray(count - 1 >= least)


def reference_peak(peaks: np.ndarray) -> float:
    """Return a peak that is typical of the heaviest atoms, whatever else was found.

    The ten strongest say what order of magnitude to look at; the median of all that reach half of
    their mean is the answer. Any number of weak peaks, noise or light atoms, leaves it alone.

    Parameters
    ----------
    peaks : ndarray, shape (n,)

    Examples
    --------
    >>> reference_peak(np.array([1.0] * 500 + [8.0, 9.0, 10.0]))
    9.0
    """
    if len(peaks) == 0:
        return 0.0
    strongest = np.sort(peaks)[-10:]
    order = strongest[strongest >= 0.5 * strongest[-1]].mean()
    return float(np.median(peaks[peaks >= 0.5 * order]))
