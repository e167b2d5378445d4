"""The task: fuse a HAADF image with the element maps recorded with it.

What is done here is bookkeeping, units above all; the objective is in
:mod:`em_inverse.fusion.model`, the iterations in :mod:`em_inverse.fusion.solver`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import (
    DataError,
    ParameterError,
    check_array,
    check_choice,
    check_integer,
    check_number,
)
from em_inverse.forward.blur import GaussianBlur
from em_inverse.forward.contrast import LinearThickness, PowerLaw
from em_inverse.fusion.inputs import element_maps, plain
from em_inverse.fusion.model import NOISES, FusedModel
from em_inverse.fusion.result import FusedMaps
from em_inverse.fusion.solver import Fusion, settled
from em_inverse.fusion.units import bright_level, mean_noise, noise_variance

__all__ = ["LAWS", "TYPICAL_TV", "TYPICAL_TV_ALONE", "denoise", "fuse"]

#: The contrast laws by name.
LAWS: dict[str, type[PowerLaw] | type[LinearThickness]] = {
    "power": PowerLaw,
    "linear": LinearThickness,
}
#: λ₂ in units of λ₁/√S, with S the counts of a bright pixel: near the best at every dose tried,
#: for maps beside an image and for maps alone.
TYPICAL_TV, TYPICAL_TV_ALONE = 2.0, 1.6

# How much of the noise of the image an element's TV must hold back beside that of its spectra, in
# the ratio of both, and the most that this may raise its weight: found by experiment.
_IMAGE_NOISE, _LARGEST_WEIGHT = 0.15, 6.0
_LARGEST_GAMMA = 2.5
_SMALLEST = 4
# The image is never trusted to better than this share of its bright level.
_LEAST_NOISE = 1e-3


def fuse(
    haadf: ArrayLike,
    maps: Any,
    atomic_numbers: Iterable[str | float] | None = None,
    gamma: float = 1.7,
    lam_spectrum: float | None = None,
    lam_tv: float | None = None,
    psf: Any = None,
    *,
    law: str = "power",
    noise: str = "poisson",
    background: ArrayLike = 0.0,
    haadf_background: float = 0.0,
    haadf_sigma: ArrayLike | None = None,
    haadf_weights: ArrayLike | Sequence[float] | None = None,
    sensitivity: ArrayLike | Sequence[float] | None = None,
    tv_weights: ArrayLike | Sequence[float] | None = None,
    keep_totals: bool = True,
    vacuum: ArrayLike | None = None,
    scale: float | None = None,
    counts_per_unit: float | None = None,
    haadf_unit: float | None = None,
    x0: ArrayLike | None = None,
    n_iter: int = 100,
    tol: float = 1e-4,
    progress: bool = False,
) -> FusedMaps:
    r"""Fuse a HAADF image with element maps.

    .. math:: \hat x = \arg\min_{x \ge 0} \; \| b_H - \alpha A h(x) \|_W^2
              + \lambda_1 \sum_e k_e \sum [x_e + \beta_e - d_e \log(x_e + \beta_e)]
              + \lambda_2 \sum_e w_e \mathrm{TV}(x_e)

    with h(x) = Σ (Z x)^γ or Σ Z^γ x, and Z in units of the heaviest element. x, d and β are counts
    divided by one number S for all elements, b the image divided by its bright level. Counts are
    not stretched between their own extremes: ratios of elements survive.

    Parameters
    ----------
    haadf : array_like, shape (rows, columns)
        HAADF image in any unit. Not modified, nor is anything else.
    maps : array_like (n, rows, columns), dict of str to map, signal, or sequence of signals
        Spectral counts, element by element, of the same pixels. Integers are fine. HyperSpy's
        signals are taken as they are.
    atomic_numbers : sequence of str or float, optional
        Symbol or atomic number of each map; not needed where the maps name their elements.
    gamma : float, 1 to 2.5
        γ. It must be calibrated at a high dose: :func:`em_inverse.fusion.check` says whether these
        data could tell a wrong one.
    lam_spectrum : float, optional
        λ₁ > 0. By default what the noise of both measurements asks for: twice the variance of the
        image's noise, times S. It does not depend on the dose while both share it alike.
    lam_tv : float, optional
        λ₂ ≥ 0. By default 2 λ₁/√S; :func:`em_inverse.fusion.choose_lam_tv` finds a better one.
    psf : float or LinearOperator, optional
        The probe A of the image: the standard deviation of a Gaussian in pixels, or an operator.
        Leave it out and every edge in the image is forced upon the maps as it is.
    law : {"power", "linear"}
        Whether the exponent acts on the amounts as well, or the image is linear in thickness.
    noise : {"poisson", "gaussian"}
        Of the spectra. For "gaussian", D is the squared distance and may be fed maps whose
        background has been taken off.
    background : array_like
        Known counts β that do not come from the elements: a number, shape (n, 1, 1), or maps.
    haadf_background : float
        Detector value of vacuum.
    haadf_sigma : float or array_like, shape (rows, columns), optional
        Standard deviation of the noise of the image, in its units; by default it is read from the
        image, brighter and darker parts apart, and W follows from it.
    haadf_weights : array_like, shape (n,), optional
        Measured brightness of one unit of each element, instead of Z^γ.
    sensitivity : array_like, shape (n,), optional
        Counts per atom of each element, on any scale (k-factors, cross sections); 1 by default.
    tv_weights : array_like, shape (n,), optional
        w, factors of λ₂ element by element. By default 1 for elements that the image hardly sees,
        more for heavy ones: into their maps the noise of the image flows as well, and with x ≥ 0
        it would pile up where there is nothing of them.
    keep_totals : bool
        Hold the total counts of each map; TV would take a few per cent at low dose, and more from
        one element than from another.
    vacuum : array_like of bool, shape (rows, columns), optional
        True where nothing is: the maps are zero there.
    scale : float, optional
        α, if the brightness of a unit amount is known. By default it is what brings the maps,
        denoised each by itself with their totals kept, nearest to the image.
    counts_per_unit : float, optional
        S; by default the counts of a bright pixel of the richest map, per sensitivity.
    haadf_unit : float, optional
        What the image is divided by; by default its own bright level.
    x0 : array_like, shape (n, rows, columns), optional
        Start, in counts. By default the maps denoised each by itself; where `scale` is given, the
        spectra, smoothed. The dual of TV starts at zero all the same, so that maps near the answer
        save little time.
    n_iter : int
        Limit of iterations.
    tol : float
        The run ends when the objective has changed by less than this, relatively.
    progress : bool
        Show a progress bar on stderr.

    Returns
    -------
    FusedMaps
        ``.maps`` in counts, ``.history`` of the three terms, ``.report()``, ``.draw()``; unpacks
        as ``maps, history``.

    Raises
    ------
    DataError
        When shapes differ, values are not finite, counts are negative or all zero, or the image
        is blank.
    ParameterError
        When an element is unknown, γ lies outside 1 to 2.5, or a weight is out of range.

    Notes
    -----
    An element without a single count gets a map of zeros, and the others are fused without it.

    What fusion cannot do: tell apart elements of nearly equal Z (the image sees their sum), help an
    element that the image hardly sees, or notice a wrong law by looking at the image, which is
    always fitted well. :func:`em_inverse.fusion.check` looks at the spectra instead.

    References
    ----------
    J. Schwartz et al., npj Comput. Mater. 8 (2022) 16, doi:10.1038/s41524-021-00692-5.

    Examples
    --------
    >>> from em_inverse.phantoms import core_shell_elements
    >>> x = core_shell_elements(48)
    >>> counts = np.random.default_rng(0).poisson(20 * x)
    >>> haadf = PowerLaw(["Au", "Fe", "O"])(x)
    >>> fused = fuse(haadf, counts, ["Au", "Fe", "O"])
    >>> error, before = (np.sqrt(np.mean((m - 20 * x) ** 2)) for m in (fused.maps, counts))
    >>> bool(error < 0.4 * before)
    True
    """
    image = check_array(plain(haadf), "haadf", ndim=2, dtype=np.float64)
    gamma = check_number(gamma, "gamma", minimum=1, maximum=_LARGEST_GAMMA)
    law_class = LAWS[check_choice(law, "law", LAWS)]
    spectra = _spectra(
        maps, atomic_numbers, noise, background, sensitivity, counts_per_unit, image.shape
    )
    unit, image = _in_units(image, haadf_background, haadf_unit)
    contrast = law_class(spectra.numbers, gamma, normalise=True)
    if haadf_weights is not None:
        contrast = _weighted(contrast, spectra, haadf_weights)
    probe = _probe(psf, image.shape)
    sigma, certainty = _image_noise(image, haadf_sigma, unit)
    if lam_spectrum is None:
        lam_spectrum = 2 * sigma**2 * spectra.trust
    lam_spectrum = check_number(lam_spectrum, "lam_spectrum", minimum=0, exclusive=True)
    if lam_tv is None:
        lam_tv = TYPICAL_TV * lam_spectrum * spectra.step
    start = None
    if scale is None:
        first = _alone(spectra, contrast, TYPICAL_TV_ALONE * spectra.step, None, vacuum, True, 1e-3)
        start = first.run(30).x
        scale = _brightness(start, contrast, probe, image)
    if x0 is not None:
        shape = (spectra.per_unit.size, *image.shape)
        start = check_array(x0, "x0", shape=shape, dtype=np.float64)[spectra.used]
        start = start / spectra.per_unit[spectra.used, None, None]
    if tv_weights is None:
        brightness = contrast.weights**gamma
        heard = scale * brightness * _distinct(brightness) * spectra.step / sigma
        weights = np.minimum(1.0 + _IMAGE_NOISE * heard, _LARGEST_WEIGHT)
    else:
        weights = _chosen(tv_weights, spectra, "tv_weights")
    model = FusedModel(
        image, spectra.d, contrast, psf=probe, certainty=certainty, scale=scale,
        background=spectra.beta, importance=spectra.k, noise=noise, vacuum=vacuum,
    )  # fmt: skip
    solver = Fusion(
        model, lam_spectrum, lam_tv, start, tv_weights=weights, keep_totals=keep_totals,
        stop=settled(tol),
    )  # fmt: skip
    run = solver.run(check_integer(n_iter, "n_iter", minimum=1), progress=progress)
    settings = {
        "law": law, "gamma": gamma, "psf": _in_words(psf), "haadf_sigma": sigma * unit,
        "S": spectra.S,
    }  # fmt: skip
    return _result(run, spectra, model, settings, unit, haadf_background)


def denoise(
    maps: Any,
    atomic_numbers: Iterable[str | float] | None = None,
    lam_tv: float | None = None,
    *,
    noise: str = "poisson",
    background: ArrayLike = 0.0,
    sensitivity: ArrayLike | Sequence[float] | None = None,
    tv_weights: ArrayLike | Sequence[float] | None = None,
    keep_totals: bool = True,
    vacuum: ArrayLike | None = None,
    counts_per_unit: float | None = None,
    n_iter: int = 200,
    tol: float = 1e-4,
    progress: bool = False,
) -> FusedMaps:
    """Denoise element maps without any image: what fusion must beat.

    The objective of :func:`fuse` without its first term and with λ₁ = 1. A claim that fusion saves
    dose must be made against this, not against raw maps alone.

    Parameters
    ----------
    maps, atomic_numbers
        As for :func:`fuse`.
    lam_tv : float, optional
        λ₂ ≥ 0; by default 1.6/√S.
    noise, background, sensitivity, tv_weights, keep_totals, vacuum, counts_per_unit
        As for :func:`fuse`.
    n_iter, tol, progress
        As for :func:`fuse`.

    Returns
    -------
    FusedMaps

    Examples
    --------
    >>> from em_inverse.phantoms import core_shell_elements
    >>> x = core_shell_elements(48)
    >>> counts = np.random.default_rng(0).poisson(20 * x)
    >>> smooth = denoise(counts, ["Au", "Fe", "O"]).maps
    >>> bool(np.mean((smooth - 20 * x) ** 2) < 0.3 * np.mean((counts - 20 * x) ** 2))
    True
    """
    spectra = _spectra(maps, atomic_numbers, noise, background, sensitivity, counts_per_unit, None)
    if lam_tv is None:
        lam_tv = TYPICAL_TV_ALONE * spectra.step
    contrast = PowerLaw(spectra.numbers, normalise=True)
    tv_weights = _chosen(tv_weights, spectra, "tv_weights")
    solver = _alone(spectra, contrast, lam_tv, tv_weights, vacuum, keep_totals, tol)
    run = solver.run(check_integer(n_iter, "n_iter", minimum=1), progress=progress)
    run.algorithm = "total variation of spectra (PDHG)"
    return _result(run, spectra, solver.model, {"S": spectra.S}, 1.0, 0.0)


@dataclass(frozen=True)
class _Spectra:
    """Maps in the units of the objective; elements without counts are left out of all but names."""

    names: list[str]
    numbers: np.ndarray
    used: np.ndarray
    d: np.ndarray
    beta: np.ndarray
    k: np.ndarray
    #: Counts per unit amount of all elements, and the number S they have in common.
    per_unit: np.ndarray
    S: float
    noise: str
    as_dict: bool
    #: Inverse of the variance that one unit of D stands for, and the noise of a bright pixel.
    trust: float
    step: float
    totals: np.ndarray


def _spectra(
    maps: Any,
    elements: Iterable[str | float] | None,
    noise: str,
    background: ArrayLike,
    sensitivity: ArrayLike | Sequence[float] | None,
    counts_per_unit: float | None,
    image_shape: tuple[int, ...] | None,
) -> _Spectra:
    stack, names, numbers = element_maps(maps, elements)
    if image_shape is not None and stack.shape[1:] != image_shape:
        raise DataError(
            f"haadf has shape {image_shape}, but the maps have shape {stack.shape[1:]}; both must "
            f"show the same pixels. Resample or crop one of them."
        )
    if min(stack.shape[1:]) < _SMALLEST:
        raise DataError(
            f"maps have shape {stack.shape}; {_SMALLEST} × {_SMALLEST} pixels at least."
        )
    check_choice(noise, "noise", NOISES)
    if noise == "poisson" and stack.min() < 0:
        where = np.unravel_index(int(stack.argmin()), stack.shape)
        raise DataError(
            f"maps reach {stack.min():g} (map of {names[where[0]]}, {int((stack < 0).sum())} "
            f"negative values); counts cannot be negative. Pass raw counts and the known "
            f"background as `background`, or noise='gaussian'."
        )
    given = check_array(background, "background", dtype=np.float64)
    try:
        beta = np.broadcast_to(given, stack.shape)
    except ValueError:
        raise DataError(
            f"background has shape {given.shape}; a number, shape ({len(stack)}, 1, 1), or that of "
            f"the maps, {stack.shape}, is needed."
        ) from None
    k = np.ones(len(stack))
    if sensitivity is not None:
        k = check_array(sensitivity, "sensitivity", shape=(len(stack),), dtype=np.float64)
        if k.min() <= 0:
            raise ParameterError(f"sensitivity reaches {k.min():g}; counts per atom are above 0.")
    used = np.flatnonzero(stack.any(axis=(1, 2)))
    if used.size == 0:
        raise DataError("maps are zero everywhere: no element has a single count.")
    net = (stack - beta)[used]
    if counts_per_unit is None:
        S = bright_level(net / k[used, None, None])
        if S <= 0:
            raise DataError(
                "maps are nowhere brighter than their background, so nothing says what a unit of "
                "them is. Check `background`, or pass counts_per_unit."
            )
    else:
        S = check_number(counts_per_unit, "counts_per_unit", minimum=0, exclusive=True)
    per_unit = S * k
    down = per_unit[used, None, None]
    trust, step = S, 1 / np.sqrt(S)
    if noise == "gaussian":
        spread = np.array([mean_noise(one) for one in stack[used] / down])
        sigma = max(float(np.sqrt(np.mean(spread**2))), 1e-6)
        # Of a squared distance, half as much of λ₁ means the same variance.
        trust, step = 0.5 / sigma**2, 2 * sigma / TYPICAL_TV_ALONE
    return _Spectra(
        names, numbers[used], used, stack[used] / down, beta[used] / down,
        k[used] if noise == "poisson" else np.ones(used.size), per_unit, S, noise,
        hasattr(maps, "keys"), trust, step, (stack - beta).sum(axis=(1, 2)),
    )  # fmt: skip


def _in_units(image: np.ndarray, offset: float, unit: float | None) -> tuple[float, np.ndarray]:
    image = image - check_number(offset, "haadf_background")
    if unit is None:
        unit = bright_level(image[None], smoothing=1.0)
        if unit <= 0:
            raise DataError(
                f"haadf is nowhere brighter than haadf_background = {offset:g}, so it shows "
                f"nothing. Check the offset, or use fusion.denoise, which needs no image."
            )
    unit = check_number(unit, "haadf_unit", minimum=0, exclusive=True)
    return unit, image / unit


def _image_noise(
    image: np.ndarray, given: ArrayLike | None, unit: float
) -> tuple[float, np.ndarray | None]:
    """σ of the image as a whole, and W where it differs from pixel to pixel."""
    if given is None:
        variance = noise_variance(image)
    else:
        sigma = check_array(given, "haadf_sigma", dtype=np.float64)
        if sigma.ndim and sigma.shape != image.shape:
            raise DataError(
                f"haadf_sigma has shape {sigma.shape}; one number, or one per pixel of haadf "
                f"(shape {image.shape}), is needed."
            )
        if sigma.min() <= 0:
            raise ParameterError(f"haadf_sigma reaches {sigma.min():g}; noise is above 0.")
        variance = (sigma / unit) ** 2
    variance = np.maximum(variance, _LEAST_NOISE**2)
    mean = float(variance.mean())
    return float(np.sqrt(mean)), None if variance.ndim == 0 else mean / variance


def _weighted(
    contrast: PowerLaw | LinearThickness, spectra: _Spectra, weights: ArrayLike | Sequence[float]
) -> PowerLaw | LinearThickness:
    """The same law with a measured brightness per element."""
    measured = _chosen(weights, spectra, "haadf_weights")
    assert measured is not None
    if measured.min() <= 0:
        raise ParameterError(f"haadf_weights reaches {measured.min():g}; a brightness is above 0.")
    contrast.weights = (measured / measured.max()) ** (1 / contrast.gamma)
    return contrast


def _distinct(brightness: np.ndarray) -> np.ndarray:
    """How far each element stands apart from its like in the image: 0 for twins, 1 for one alone.

    The image says nothing of the difference of twins, so neither does its noise reach it.
    """
    ratio = np.minimum.outer(brightness, brightness) / np.maximum.outer(brightness, brightness)
    np.fill_diagonal(ratio, 0.0)
    return np.asarray(1 - ratio.max(axis=1))


def _chosen(
    values: ArrayLike | Sequence[float] | None, spectra: _Spectra, name: str
) -> np.ndarray | None:
    """One number per element given, for those that are used."""
    if values is None:
        return None
    count = len(spectra.names)
    return check_array(values, name, shape=(count,), dtype=np.float64)[spectra.used]


def _probe(psf: Any, shape: tuple[int, ...]) -> Any:
    if psf is None or np.ndim(psf) or hasattr(psf, "in_shape"):
        return psf
    sigma = check_number(psf, "psf", minimum=0)
    return GaussianBlur(shape, sigma, dtype=np.float32) if sigma > 0 else None


def _in_words(psf: Any) -> str | None:
    if psf is None:
        return None
    return (
        f"a probe of σ = {float(psf):g} px" if isinstance(psf, (int, float)) else f"probe {psf!r}"
    )


def _alone(
    spectra: _Spectra,
    contrast: PowerLaw | LinearThickness,
    lam_tv: float,
    tv_weights: np.ndarray | None,
    vacuum: ArrayLike | None,
    keep_totals: bool,
    tol: float,
) -> Fusion:
    model = FusedModel(
        None, spectra.d, contrast, background=spectra.beta, importance=spectra.k,
        noise=spectra.noise, vacuum=vacuum,
    )  # fmt: skip
    return Fusion(
        model, 1.0, lam_tv, tv_weights=tv_weights, keep_totals=keep_totals, stop=settled(tol)
    )


def _brightness(
    alone: np.ndarray,
    contrast: PowerLaw | LinearThickness,
    probe: Any,
    image: np.ndarray,
) -> float:
    """Fit α to the image that denoised maps give; their totals must be those that were measured."""
    seen = contrast.forward(alone)
    seen = seen if probe is None else probe.forward(seen)
    size = float(np.vdot(seen, seen))
    fitted = float(np.vdot(seen, image.astype(seen.dtype))) / size if size > 0 else 0.0
    if fitted <= 0:
        raise DataError(
            "haadf is dark where the maps are bright, so no brightness per atom fits. Is the "
            "contrast inverted, or haadf_background too high?"
        )
    return fitted


def _result(
    run: Any,
    spectra: _Spectra,
    model: FusedModel,
    settings: dict[str, Any],
    unit: float,
    offset: float,
) -> FusedMaps:
    n = len(spectra.names)
    x = np.zeros((n, *model.image_shape), np.float32)
    x[spectra.used] = run.x * spectra.per_unit[spectra.used, None, None]
    sums = x.sum(axis=(1, 2), dtype=np.float64)
    kept = {
        name: float(total / had)
        for name, total, had in zip(spectra.names, sums, spectra.totals, strict=True)
        if had > 0
    }
    empty = [name for k, name in enumerate(spectra.names) if k not in spectra.used]
    notes = [f"{', '.join(empty)} without a single count"] if empty else []
    return FusedMaps(
        x=x, algorithm=run.algorithm, parameters={**run.parameters, **settings},
        history=run.history, converged=run.converged, stop_reason=run.stop_reason,
        n_iter=run.n_iter, metadata={"kept": kept, "notes": notes},
        elements=tuple(spectra.names), model=model, used=tuple(spectra.used.tolist()),
        counts_per_unit=spectra.per_unit, haadf_unit=unit, haadf_offset=float(offset),
        as_dict=spectra.as_dict,
    )  # fmt: skip
