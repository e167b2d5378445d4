"""Species from intensities: how many kinds of atoms there are, and which atom is of which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import check_array, check_choice

__all__ = ["Species", "classify"]

_STEPS = 500
_CLEAR_BIC = 10.0
_CLEAR_SEPARATION = 1.5


@dataclass(frozen=True, eq=False)
class Species:
    """One or two Gaussians that describe the intensities of atoms.

    Attributes
    ----------
    labels : ndarray of int64, shape (n,)
        0 for the weaker kind, 1 for the stronger; all 0 where there is one kind.
    probability : ndarray of float64, shape (n,)
        Of the label given, by the Gaussians: 0.5 … 1.
    means, deviations, shares : ndarray, shape (k,)
        Of each kind.
    threshold : float
        Intensity at which both kinds are as likely; NaN where there is one kind.
    separation : float
        |μ₁ − μ₀| / √((σ₀² + σ₁²)/2), Ashman's D: 2 and more is a clear split.
    bic_gain : float
        By how much two Gaussians beat one in Schwarz's criterion, the price of three more numbers
        paid; above 10 is strong evidence.
    """

    labels: np.ndarray
    probability: np.ndarray
    means: np.ndarray
    deviations: np.ndarray
    shares: np.ndarray
    threshold: float
    separation: float
    bic_gain: float

    @property
    def count(self) -> int:
        """Number of kinds."""
        return len(self.means)

    def density(self, intensities: ArrayLike) -> np.ndarray:
        """Return the density of each kind at these intensities, shape (k, …)."""
        at = np.asarray(intensities, dtype=np.float64)
        return np.stack(
            [
                w * np.exp(-0.5 * ((at - m) / s) ** 2) / (s * np.sqrt(2 * np.pi))
                for w, m, s in zip(self.shares, self.means, self.deviations, strict=True)
            ]
        )


def classify(intensities: ArrayLike, kinds: int | str = "auto") -> Species:
    """Split atoms into one or two species by their intensity.

    A mixture of two Gaussians is fitted to the intensities by expectation and maximisation. Both
    have widths of the same order (within a factor of three), so that neither can shrink onto a few
    atoms.

    Parameters
    ----------
    intensities : array_like, shape (n,)
        One number per atom, the larger the heavier; the unit does not matter.
    kinds : {"auto", 1, 2}
        "auto" asks for two where two Gaussians beat one clearly (`bic_gain` above 10) and stand
        apart (`separation` above 1.5), and for one otherwise.

    Returns
    -------
    Species

    Raises
    ------
    ParameterError
        When `kinds` is something else.
    DataError
        When there is no intensity, or it is not finite.

    Notes
    -----
    Schwarz, "Estimating the dimension of a model", Ann. Statist. 6 (1978) 461-464,
    doi:10.1214/aos/1176344136. A skewed distribution of one species also gains from a second
    Gaussian; therefore the second condition.

    Examples
    --------
    >>> classify([1.0, 1.1, 0.9, 1.0, 3.0, 3.1, 2.9], kinds=2).labels
    array([0, 0, 0, 0, 1, 1, 1])
    """
    check_choice(str(kinds), "kinds", ["auto", "1", "2"])
    x = check_array(intensities, "intensities", ndim=1, dtype=np.float64)
    one = _single(x)
    spread = float(np.ptp(x))
    if str(kinds) == "1" or len(x) < 4 or spread <= 1e-12 * abs(x).max():
        return one
    two, gain = _mixture(x)
    if str(kinds) == "auto" and (gain <= _CLEAR_BIC or two.separation <= _CLEAR_SEPARATION):
        return one
    return two


def _single(x: np.ndarray) -> Species:
    return Species(
        np.zeros(len(x), np.int64), np.ones(len(x)), np.array([x.mean()]),
        np.array([max(x.std(), 1e-12)]), np.ones(1), float("nan"), 0.0, 0.0,
    )  # fmt: skip


def _mixture(x: np.ndarray) -> tuple[Species, float]:
    floor = 1e-3 * x.std()
    # The split with least spread on both sides is the start.
    ranked = np.sort(x)
    left, n = np.arange(1, len(x)), len(x)
    sums, squares = np.cumsum(ranked), np.cumsum(ranked**2)
    within = squares[-1] - sums[:-1] ** 2 / left - (sums[-1] - sums[:-1]) ** 2 / (n - left)
    cut = int(np.argmin(within[1:-1])) + 2
    share = np.array([cut, n - cut]) / n
    mean = np.array([ranked[:cut].mean(), ranked[cut:].mean()])
    deviation = np.full(2, max(np.sqrt(max(within[cut - 1], 0.0) / n), floor))
    previous = -np.inf
    for _ in range(_STEPS):
        log = (
            np.log(share)[:, None]
            - np.log(deviation)[:, None]
            - 0.5 * ((x - mean[:, None]) / deviation[:, None]) ** 2
        )
        top = log.max(axis=0)
        member = np.exp(log - top)
        total = member.sum(axis=0)
        likelihood = float((top + np.log(total)).sum())
        member /= total
        weight = member.sum(axis=1) + 1e-9
        share = weight / weight.sum()
        mean = (member @ x) / weight
        deviation = np.sqrt((member * (x - mean[:, None]) ** 2).sum(axis=1) / weight)
        deviation = np.maximum(deviation, max(floor, deviation.max() / 3))
        if likelihood - previous < 1e-9 * abs(likelihood):
            break
        previous = likelihood
    order = np.argsort(mean)
    mean, deviation, share = mean[order], deviation[order], share[order]
    alone = float(-n * np.log(max(x.std(), floor)) - 0.5 * n)
    gain = 2 * (likelihood - alone) - 3 * np.log(n)
    threshold = _crossing(mean, deviation, share)
    labels = (x > threshold).astype(np.int64)
    found = Species(
        labels, np.ones(n), mean, deviation, share, threshold,
        float(np.diff(mean)[0] / np.sqrt((deviation**2).mean())), float(gain),
    )  # fmt: skip
    density = found.density(x)
    chosen = np.take_along_axis(density, labels[None], axis=0)[0]
    probability = chosen / np.maximum(density.sum(axis=0), 1e-300)
    # Far out on one side the wider Gaussian wins again; the label there is not in doubt.
    beyond = (x < mean[0]) | (x > mean[1])
    probability[beyond] = np.maximum(probability[beyond], 0.5)
    return (
        Species(labels, probability, mean, deviation, share, threshold, found.separation, gain),
        float(gain),
    )


def _crossing(mean: np.ndarray, deviation: np.ndarray, share: np.ndarray) -> float:
    """Where both densities are equal, between the two means."""
    at = np.linspace(mean[0], mean[1], 2001)
    log = (
        np.log(share / deviation)[:, None] - 0.5 * ((at - mean[:, None]) / deviation[:, None]) ** 2
    )
    return float(at[np.argmin(np.abs(log[1] - log[0]))])
