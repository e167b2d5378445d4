"""λ₂ without the truth: count thinning, and the vacuum that practitioners look at."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from em_inverse import choose
from em_inverse.errors import DataError, check_array, check_integer, check_number
from em_inverse.fusion.fusing import TYPICAL_TV, fuse
from em_inverse.fusion.inputs import element_maps

__all__ = ["choose_lam_tv", "vacuum_cross_validation"]

# Grid of λ₂ in units of its typical value.
_GRID = np.array([0.25, 0.354, 0.5, 0.707, 1.0, 1.414, 2.0, 2.83])
_LARGEST_VACUUM = 0.95
# Counts that are expected everywhere. A map that is exactly zero next to an edge would be ruled out
# by one stray count, and the λ₂ that leaks most would win.
_FLOOR = 0.1


def choose_lam_tv(
    haadf: ArrayLike,
    maps: Any,
    atomic_numbers: Iterable[str | float] | None = None,
    lambdas: ArrayLike | None = None,
    *,
    fraction: float = 0.8,
    repeats: int = 2,
    score: str = "deviance",
    seed: int | np.random.Generator = 0,
    **options: Any,
) -> choose.Choice:
    """Choose λ₂ of :func:`fuse` by count thinning.

    Every spectral count goes into a first part with probability `fraction`, or else into a second.
    Maps fused from the first part and the whole image predict the second; the deviance from it is
    the score. Both parts are independent, so noise that was fitted does not pay.

    Parameters
    ----------
    haadf, maps, atomic_numbers
        As for :func:`fuse`. The maps must be raw counts, whole numbers.
    lambdas : array_like, optional
        Values of λ₂ to compare, for all the counts; by default 8 around the typical one, a factor
        √2 apart.
    fraction : float
        Share of the counts that is fitted.
    repeats : int
        Number of random splits.
    score : {"deviance", "squares"}
        How prediction and counts are compared. Squared differences come nearest to the λ₂ of least
        root-mean-square error; the deviance cares more for dim pixels and asks for more smoothing.
    seed : int or Generator
    **options
        Whatever else :func:`fuse` takes, but not λ₂.

    Returns
    -------
    em_inverse.choose.Choice
        ``.lam`` is λ₂ for all the counts. Its ``.scores`` are deviances per pixel.

    Raises
    ------
    DataError
        When the counts are not whole: scaled maps cannot be thinned.

    Notes
    -----
    With a share f of the counts, λ₁ for the part is f λ₁ and the best λ₂ is √f λ₂, because noise
    grows as the root of the counts. The grid is shifted by that, so that the answer is the λ₂ of
    the whole.

    Examples
    --------
    >>> from em_inverse.phantoms import core_shell_elements
    >>> x = core_shell_elements(32)
    >>> rng = np.random.default_rng(0)
    >>> counts, haadf = rng.poisson(10 * x), rng.poisson(500 * (x**1.7).sum(axis=0))
    >>> choice = choose_lam_tv(haadf, counts, [79, 79, 79], repeats=1)
    >>> bool(choice.lambdas.min() <= choice.lam <= choice.lambdas.max())
    True
    """
    counts, _, numbers = element_maps(maps, atomic_numbers)
    settings, first = _settled(haadf, counts, numbers, options)
    p = first.parameters
    if lambdas is None:
        lambdas = TYPICAL_TV * p["lambda_spectrum"] / np.sqrt(p["S"]) * _GRID
    fraction = check_number(fraction, "fraction", minimum=0, maximum=1, exclusive=True)
    background = settings.pop("background", 0.0)
    S, lam_spectrum = p["S"], p["lambda_spectrum"]

    def expected(part: np.ndarray, lam: float) -> np.ndarray:
        fitted = fuse(
            haadf, part, numbers, lam_tv=np.sqrt(fraction) * lam,
            lam_spectrum=fraction * lam_spectrum, counts_per_unit=fraction * S,
            background=fraction * np.asarray(background), **settings,
        )  # fmt: skip
        return np.maximum(fitted.x + fraction * np.asarray(background), _FLOOR)

    return choose.thinning(
        counts, lambdas, expected, fraction=fraction, repeats=repeats, score=score, seed=seed
    )


def vacuum_cross_validation(
    haadf: ArrayLike,
    maps: Any,
    atomic_numbers: Iterable[str | float] | None = None,
    lambdas: ArrayLike | None = None,
    *,
    vacuum: ArrayLike,
    folds: int = 2,
    seed: int | np.random.Generator = 0,
    **options: Any,
) -> choose.Choice:
    """Choose λ₂ of :func:`fuse` by the vacuum, where the maps should be zero, as many do.

    The vacuum's spectra are held out in turn: in one part of its pixels the counts are replaced by
    those of other vacuum pixels, and the maps there are compared with zero. The score is the
    root mean square of the maps in the vacuum, in counts. It only ever falls as λ₂ grows, until
    the specimen leaks into the vacuum; so the least λ₂ is taken whose score is within 10 % of the
    smallest. It says nothing about what λ₂ does to edges inside the specimen.

    Parameters
    ----------
    haadf, maps, atomic_numbers, lambdas
        As for :func:`choose_lam_tv`.
    vacuum : array_like of bool, shape (rows, columns)
        True where nothing is.
    folds : int
        Number of different reshufflings of the vacuum's counts.
    seed : int or Generator
    **options
        Whatever else :func:`fuse` takes, but neither λ₂ nor `vacuum`.

    Returns
    -------
    em_inverse.choose.Choice

    Raises
    ------
    DataError
        When the vacuum is empty or all there is, or holds no counts: without a background, zero
        counts give zero for every λ₂, and nothing is learnt.
    """
    counts, _, numbers = element_maps(maps, atomic_numbers)
    outside = check_array(vacuum, "vacuum", shape=counts.shape[1:]) != 0
    share = outside.mean()
    if not 0 < share < _LARGEST_VACUUM:
        raise DataError(
            f"vacuum holds {100 * share:.0f} % of the pixels; some of the image must be vacuum, "
            f"and some specimen."
        )
    if not counts[:, outside].any():
        raise DataError(
            "the vacuum holds no counts at all, so every λ₂ gives zero there and none is better. "
            "Use choose_lam_tv (count thinning)."
        )
    settings, first = _settled(haadf, counts, numbers, options)
    p = first.parameters
    if lambdas is None:
        lambdas = TYPICAL_TV * p["lambda_spectrum"] / np.sqrt(p["S"]) * _GRID
    grid = choose._grid(lambdas)
    rng = np.random.default_rng(seed)
    scores = np.zeros(grid.size)
    for _ in range(check_integer(folds, "folds", minimum=1)):
        shuffled = counts.copy()
        order = rng.permutation(int(outside.sum()))
        shuffled[:, outside] = counts[:, outside][:, order]
        for i, lam in enumerate(grid):
            fitted = fuse(
                haadf, shuffled, numbers, lam_tv=float(lam), counts_per_unit=p["S"],
                lam_spectrum=p["lambda_spectrum"], **settings,
            )  # fmt: skip
            scores[i] += float(np.mean(np.square(fitted.x[:, outside], dtype=np.float64)))
    scores = np.sqrt(scores / folds)
    order = np.argsort(grid)
    good = [i for i in order if scores[i] <= 1.1 * scores.min()]
    lam = float(grid[good[0]])
    message = f"the vacuum is within 10 % of its emptiest at λ₂ = {lam:.3g}"
    if good[0] == order[-1]:
        message += ", the largest tried: it would be emptier still beyond"
    return choose.Choice(
        lam, "vacuum", grid, scores, "root mean square in the vacuum (counts)", message=message
    )


def _settled(
    haadf: ArrayLike, counts: np.ndarray, numbers: np.ndarray, options: dict[str, Any]
) -> tuple[dict[str, Any], Any]:
    """Options with everything fixed that would otherwise be read from the data anew each time."""
    first = fuse(haadf, counts, numbers, n_iter=1, **options)
    assert first.model is not None
    fixed = {"haadf_unit": first.haadf_unit, "scale": first.model.scale}
    left = {
        name: value
        for name, value in options.items()
        if name not in ("lam_spectrum", "counts_per_unit")
    }
    return {**left, **fixed}, first
