"""Does the model fit? A check that can fail, and that knows when it could not have failed.

The image tells nothing: it has so many counts that the maps always bend until it is matched. A
wrong law, a wrong γ or a probe left out shows where the maps were bent to: the spectra no longer
look like counts drawn from them. Their deviance is compared with what chance would give, pixel by
pixel and, because noise averages out and errors do not, in sums over blocks of 4 × 4 pixels: at a
tenth of the dose the blocks still see what the pixels cannot.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import poisson

from em_inverse.errors import ParameterError, check_number
from em_inverse.fusion.model import FusedModel
from em_inverse.fusion.result import FusedMaps
from em_inverse.fusion.solver import Fusion, settled
from em_inverse.fusion.units import mean_noise

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ModelCheck", "check", "expected_deviance"]

# Two elements whose brightness differs by less than this factor are one to the image; one that
# gives less than this share of it is not seen.
_ALIKE, _UNSEEN = 1.25, 0.03
_LEAST = 1e-3
_BLOCK = 4


@dataclass(frozen=True)
class ModelCheck:
    """What the spectra say about the model.

    Attributes
    ----------
    deviance : dict of str to float
        Deviance of each element's spectra over what counting noise gives: about 1 when the maps
        explain them, a little less because they were fitted.
    block_deviance : dict of str to float
        The same for sums over blocks of 4 × 4 pixels.
    limit, block_limit : float
        What is taken for a sign of a wrong model.
    gamma_effect : dict of str to float
        By how much the deviance of blocks would rise if γ were wrong by `gamma_step` (the less
        visible of both signs); empty where γ has not been tried, as with maps that fail already.
    gamma_step : float
    dose_factor : float
        How many times the dose would make such an error visible; below 1 where it is already.
    warnings : tuple of str
        What is wrong, or cannot be known; empty if there is nothing to say.
    residuals : ndarray, shape (n, rows, columns)
        (counts − expected)/√expected, whose structure is that of the error.
    elements : tuple of str
    """

    deviance: dict[str, float]
    block_deviance: dict[str, float]
    limit: float
    block_limit: float
    gamma_effect: dict[str, float]
    gamma_step: float
    dose_factor: float
    warnings: tuple[str, ...]
    residuals: np.ndarray
    elements: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether no element's deviance exceeds its limit."""
        return (
            max(self.deviance.values()) <= self.limit
            and max(self.block_deviance.values()) <= self.block_limit
        )

    @property
    def gamma_testable(self) -> bool | None:
        """Whether these data would show a γ that is wrong by `gamma_step`; None if not tried."""
        return None if not self.gamma_effect else self.dose_factor <= 1

    def report(self) -> str:
        """Return the findings as one line."""
        found = ", ".join(
            f"{name} {value:.2f}, in blocks {self.block_deviance[name]:.2f}"
            for name, value in self.deviance.items()
        )
        verdict = "explained" if self.passed else "NOT explained"
        return "; ".join([f"spectra {verdict} (deviance {found})", *self.warnings])

    def draw(self, *, title: str | None = None) -> Figure:
        """Draw the residuals, smoothed by 2 pixels, in which noise has no shape but errors do.

        Parameters
        ----------
        title : str, optional
            What the figure shows, as a sentence.
        """
        from scipy.ndimage import gaussian_filter

        from em_inverse import plotting

        smooth = [gaussian_filter(one, 2.0) for one in self.residuals]
        limit = max(float(np.abs(one).max()) for one in smooth) or 1.0
        if title is None:
            title = "The residuals are noise" if self.passed else "The residuals have a shape"
        return plotting.images(
            smooth, list(self.elements), title=title, cmap=plotting.DIVERGING,
            window=(-limit, limit), quantity="residual (standard deviations)",
            axes=("row (px)", "column (px)"),
        )  # fmt: skip


def check(
    fused: FusedMaps,
    *,
    limit: float = 1.1,
    block_limit: float = 1.5,
    gamma_step: float = 0.2,
    try_gamma: bool = True,
) -> ModelCheck:
    """Check fused maps against their spectra, and say whether a wrong γ could have been noticed.

    Parameters
    ----------
    fused : FusedMaps
        From :func:`em_inverse.fusion.fuse`.
    limit, block_limit : float, > 1
        Deviance over that of counting noise, in pixels and in blocks of 4 × 4, above which the
        model is called wrong.
    gamma_step : float, > 0
        The error of γ that one would like to notice.
    try_gamma : bool
        Whether to find out if it could be noticed, which takes two more fusions.

    Returns
    -------
    ModelCheck

    Raises
    ------
    ParameterError
        When `fused` does not come from :func:`em_inverse.fusion.fuse`.

    Notes
    -----
    Too large a λ₂ raises the deviance as well: where a warning comes, halve λ₂ first, and blame
    the law only if it stays.

    For γ, the maps found are taken for the truth. Data without noise are made from them, fused
    with γ ± step, and the distance of the spectra from those maps is the rise of the deviance that
    a wrong γ would cause. It is proportional to the dose.

    Examples
    --------
    >>> from em_inverse import fusion
    >>> from em_inverse.forward.contrast import PowerLaw
    >>> from em_inverse.phantoms import core_shell_elements
    >>> x, rng = core_shell_elements(48), np.random.default_rng(0)
    >>> elements = ["Au", "Fe", "O"]
    >>> haadf = rng.poisson(5e3 * PowerLaw(elements, normalise=True)(x))
    >>> found = check(fusion.fuse(haadf, rng.poisson(100 * x), elements))
    >>> found.passed
    True
    """
    if not isinstance(fused, FusedMaps) or fused.model is None or fused.model.haadf is None:
        raise ParameterError(
            f"fused is {type(fused).__name__}; maps that fusion.fuse(haadf, maps, …) returned are "
            f"needed."
        )
    limit = check_number(limit, "limit", minimum=1, exclusive=True)
    block_limit = check_number(block_limit, "block_limit", minimum=1, exclusive=True)
    step = check_number(gamma_step, "gamma_step", minimum=0, exclusive=True)
    names = tuple(fused.elements[k] for k in fused.used)
    model, x = fused.model, fused._modelled()
    unit = fused.counts_per_unit[list(fused.used)][:, None, None]
    expected = unit * (x + model.background).astype(np.float64)
    counts = unit * model.spectra.astype(np.float64)
    noise = _noise_of(model, counts)
    ratios = _against_chance(counts, expected, noise)
    pooled = _against_chance(_blocks(counts), _blocks(expected), _BLOCK * noise)
    warnings = [
        f"{name}: the spectra deviate {ratio:.2f} times as much as noise does ({in_blocks:.2f} "
        f"times in blocks); λ₂ is too large, or the contrast law, γ or the probe is wrong"
        for name, ratio, in_blocks in zip(names, ratios, pooled, strict=True)
        if ratio > limit or in_blocks > block_limit
    ]
    effect: dict[str, float] = {}
    factor = float("nan")
    if try_gamma and not warnings:
        rise = _gamma_effect(fused, x, unit, noise, step)
        effect = dict(zip(names, rise.tolist(), strict=True))
        factor = (block_limit - 1) / max(float(rise.max()), 1e-12)
        if factor > 1:
            warnings.append(
                f"γ cannot be tested at this dose: an error of {step:g} would raise the deviance "
                f"of blocks by {100 * rise.max():.1f} % at most; about {factor:.2g} times the dose "
                f"would show it"
            )
    warnings += _blind_spots(model, x, names)
    return ModelCheck(
        dict(zip(names, ratios.tolist(), strict=True)),
        dict(zip(names, pooled.tolist(), strict=True)),
        limit, block_limit, effect, step, factor, tuple(warnings),
        (counts - expected) / (noise if model.noise == "gaussian" else np.sqrt(expected + _LEAST)),
        names,
    )  # fmt: skip


def expected_deviance(mean: np.ndarray) -> np.ndarray:
    """Return the mean deviance 2 Σ [μ − n + n log(n/μ)] of a Poisson count n of mean μ.

    It is near 1 for many counts, 1.15 at most (μ about 1.3), and vanishes for few.

    Parameters
    ----------
    mean : ndarray
        μ ≥ 0.

    Examples
    --------
    >>> expected_deviance(np.array([0.0, 1.0, 50.0])).round(2)
    array([0.  , 1.15, 1.  ])
    """
    at, values = _deviance_table()
    found = np.interp(np.log(np.maximum(mean, np.exp(at[0]))), at, values)
    return np.where(mean < np.exp(at[0]), 0.0, found)


@cache
def _deviance_table() -> tuple[np.ndarray, np.ndarray]:
    means = np.geomspace(1e-6, 1e3, 400)
    values = []
    for mean in means:
        n = np.arange(int(mean + 12 * np.sqrt(mean) + 20))
        values.append(float(poisson.pmf(n, mean) @ _deviance(n, np.full(n.shape, mean))))
    return np.log(means), np.array(values)


def _deviance(counts: np.ndarray, expected: np.ndarray) -> np.ndarray:
    e = np.maximum(expected, 1e-12)
    log = np.log(np.where(counts > 0, counts, 1.0) / e)
    return np.asarray(2 * (e - counts + counts * log))


def _noise_of(model: FusedModel, counts: np.ndarray) -> np.ndarray:
    """Standard deviation of Gaussian spectra, element by element; 0 stands for counts."""
    if model.noise == "poisson":
        return np.zeros((len(counts), 1, 1))
    return np.array([max(mean_noise(one), 1e-12) for one in counts])[:, None, None]


def _distance(counts: np.ndarray, expected: np.ndarray, noise: np.ndarray) -> np.ndarray:
    if noise.any():
        return np.asarray(((counts - expected) / noise) ** 2)
    return _deviance(counts, expected)


def _chance(expected: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Sum over all pixels of what the distance is by chance."""
    by_chance = np.ones_like(expected) if noise.any() else expected_deviance(expected)
    return np.asarray(np.maximum(by_chance.sum(axis=(1, 2)), 1e-12))


def _against_chance(counts: np.ndarray, expected: np.ndarray, noise: np.ndarray) -> np.ndarray:
    found = _distance(counts, expected, noise).sum(axis=(1, 2))
    return np.asarray(found / _chance(expected, noise))


def _blocks(stack: np.ndarray) -> np.ndarray:
    """Sums over blocks; what fills no block is left out."""
    n, rows, columns = (size - size % (_BLOCK if k else 1) for k, size in enumerate(stack.shape))
    cut = stack[:, :rows, :columns]
    shape = (n, rows // _BLOCK, _BLOCK, columns // _BLOCK, _BLOCK)
    return np.asarray(cut.reshape(shape).sum(axis=(2, 4)))


def _gamma_effect(
    fused: FusedMaps, x: np.ndarray, unit: np.ndarray, noise: np.ndarray, step: float
) -> np.ndarray:
    """Rise of the deviance of blocks that a wrong γ would cause, the smaller of both signs."""
    model = fused.model
    assert model is not None
    truth = (x + model.background).astype(np.float64)
    image = model.scale * model.image(x)
    right = model.law.gamma
    pooled, by_block = _blocks(unit * truth), _BLOCK * noise
    distances = []
    for gamma in (right, right + step, max(right - step, 1.0)):
        found = _blocks(unit * (_refitted(fused, image, truth, gamma) + model.background))
        distances.append(_distance(pooled, found, by_block).sum(axis=(1, 2)))
    rises = [(wrong - distances[0]) / _chance(pooled, by_block) for wrong in distances[1:]]
    return np.asarray(np.maximum(min(rises, key=lambda rise: float(rise.max())), 0.0))


def _refitted(fused: FusedMaps, image: np.ndarray, spectra: np.ndarray, gamma: float) -> np.ndarray:
    model, p = fused.model, fused.parameters
    assert model is not None
    law = type(model.law)(model.law.atomic_numbers, gamma, normalise=True)
    # Measured brightnesses stay as they are; only those worked out from Z follow γ.
    own = model.law.atomic_numbers / model.law.atomic_numbers.max()
    if not np.allclose(model.law.weights, own):
        law.weights = model.law.weights ** (model.law.gamma / gamma)
    x = fused._modelled()
    seen = law.forward(x) if model.psf is None else model.psf.forward(law.forward(x))
    scale = float(np.vdot(seen, image)) / max(float(np.vdot(seen, seen)), 1e-30)
    other = FusedModel(
        image, spectra, law, psf=model.psf, certainty=model.certainty, scale=scale,
        background=model.background, importance=model.importance, noise=model.noise,
        vacuum=~model.inside,
    )  # fmt: skip
    solver = Fusion(
        other, p["lambda_spectrum"], p["lambda_tv"], x, tv_weights=p["tv_weights"],
        keep_totals=p["keep_totals"], stop=settled(1e-4),
    )  # fmt: skip
    return np.asarray(solver.run(60).x)


def _blind_spots(model: FusedModel, x: np.ndarray, names: tuple[str, ...]) -> list[str]:
    """What the image cannot know, however good the fit."""
    brightness = model.law.weights**model.law.gamma
    order = np.argsort(brightness)
    found = [
        f"{names[a]} and {names[b]} are nearly one element to the image (brightness "
        f"{brightness[b] / brightness[a]:.2f} to 1): it constrains their sum, and can make one "
        f"look like the other"
        for a, b in pairwise(order)
        if brightness[b] < _ALIKE * brightness[a]
    ]
    parts = [float(model.law.vjp(x, np.ones(model.image_shape, x.dtype))[e].ravel() @ x[e].ravel())
             for e in range(len(names))]  # fmt: skip
    shares = np.array(parts) / max(sum(parts), 1e-30)
    found += [
        f"{name} gives {100 * share:.1f} % of the image, which therefore says next to nothing of it"
        for name, share in zip(names, shares, strict=True)
        if share < _UNSEEN
    ]
    return found
