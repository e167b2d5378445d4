"""Fused tomography: many HAADF projections, few spectral ones, one set of volumes.

The three terms of :mod:`em_inverse.fusion` with the tilt inside:

    F(x) = ‖b − α A_H Σ_e w_e x_e‖²_W + λ₁ Σ_e D(A_S x_e + β, d_e) + λ₂ R(x),    x ≥ 0

A_H projects to the tilts of the HAADF series, A_S to those of the spectra; each has its own. W is
what each pixel of the HAADF series is worth: much in the vacuum, less where it is bright. HAADF
contrast is linear in thickness, w ∝ Z^γ: that is what a projection means, and it makes the problem
convex. So nothing is needed that the house does not have: two data distances, one prior, PDHG.

The prior is R(x) = Σ_e v_e TV(x_e) + v_H TV(Σ_e w_e x_e). The last term, of the brightness, is what
keeps the noise of the HAADF series out. Without it that noise goes where it costs least: into a
light element, of which a great deal more or less hardly changes the image.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import uniform_filter

from em_inverse.errors import (
    DataError,
    GeometryError,
    ParameterError,
    check_array,
    check_choice,
    check_number,
)
from em_inverse.fidelity import (
    JointData,
    LeastSquares,
    PoissonLikelihood,
    WeightedLeastSquares,
)
from em_inverse.forward.channels import Channels
from em_inverse.forward.contrast import LinearThickness
from em_inverse.forward.operator import Stack
from em_inverse.priors import ChannelTotalVariation
from em_inverse.solvers import PDHG
from em_inverse.spectroscopic.series import SpectralSeries, check_spectra
from em_inverse.spectroscopic.together import (
    BRIGHT,
    NOISES,
    bright_counts,
    channels_first,
    everywhere,
    finished,
    first_guess,
    settled,
    typical_lam,
)
from em_inverse.tilt_series import Reconstruction, TiltSeries, check_series
from em_inverse.tomography import geometry, noise_level

__all__ = ["TYPICAL_BRIGHTNESS", "fuse"]

#: v_H in units of (α √(HAADF tilts) / σ of a bright pixel) / √(spectral tilts / its counts).
TYPICAL_BRIGHTNESS = 0.65
_LARGEST_GAMMA = 2.5
# The unknowns are elements times this share of their brightness, or times 1 if that is more: PDHG
# then needs a quarter of the iterations.
_SCALE = 4.0
# Edge in pixels of the box over which the brightness is averaged that the noise follows, and the
# least variance of a pixel as a share of the largest.
_LEVEL, _LEAST_VARIANCE = 5, 0.02


def fuse(
    haadf: TiltSeries,
    spectra: SpectralSeries,
    atomic_numbers: Iterable[str | float] | None = None,
    gamma: float = 1.7,
    lam_spectrum: float | None = None,
    lam_tv: float | None = None,
    *,
    noise: str = "poisson",
    background: ArrayLike = 0.0,
    haadf_sigma: ArrayLike | None = None,
    haadf_weights: ArrayLike | Sequence[float] | None = None,
    sensitivity: ArrayLike | Sequence[float] | None = None,
    scale: float | None = None,
    shared: bool = False,
    tv_weights: ArrayLike | Sequence[float] | None = None,
    tv_brightness: float | None = None,
    shape: tuple[int, ...] | None = None,
    support: ArrayLike | None = None,
    initial: ArrayLike | None = None,
    n_iter: int = 200,
    tolerance: float | None = None,
    progress: bool = False,
) -> Reconstruction:
    r"""Fuse a HAADF tilt series with a spectral one into volumes of the elements.

    .. math:: \hat x = \arg\min_{x \ge 0} \; \| b - \alpha A_H \sum_e w_e x_e \|_W^2
              + \lambda_1 \sum_e D(A_S x_e + \beta, d_e) + \lambda_2 R(x)

    Parameters
    ----------
    haadf : TiltSeries
        b, vacuum at zero (:func:`em_inverse.tomography.remove_background`), in any unit.
    spectra : SpectralSeries
        d, one channel per element; same pixels, its own tilts. Counts.
    atomic_numbers : sequence of str or float, optional
        Symbol or atomic number of each channel; the names of the channels unless given.
    gamma : float, 1 to 2.5
        γ of w = Z^γ.
    lam_spectrum : float, optional
        λ₁ > 0. By default twice the variance of the noise of b for counts (for Gaussian spectra of
        variance 1, that variance itself): what both noises ask for.
    lam_tv : float, optional
        λ₂ > 0. By default 1.6 λ₁ √(spectral tilts / counts of a bright pixel).
    noise : {"poisson", "gaussian"}
        Of the spectra: D = Σ (e − d log e), or ‖e − d‖².
    background : float or array_like, shape (n_tilts, nx, ny, n_channels)
        Known counts β of the spectra that do not come from the elements.
    haadf_sigma : float or array_like, shape of the HAADF projections, optional
        Standard deviation of the noise of b; estimated unless given, brighter and darker parts
        apart. W is its mean square over its square.
    haadf_weights : array_like, shape (n,), optional
        Measured brightness of one atom of each element, instead of Z^γ.
    sensitivity : array_like, shape (n,), optional
        Counts per atom of each element, on any scale; 1 by default.
    scale : float, optional
        α, HAADF signal per count of the heaviest element. By default from the totals: a projection
        of the whole particle holds the same at every tilt.
    shared : bool
        Whether the elements enter R by Σ √(Σ_e v_e² \|∇x_e\|²) or by Σ_e v_e TV(x_e). Elements
        that exclude each other have their edges in common.
    tv_weights : array_like, shape (n,), optional
        v_e > 0 of the elements in R; 1 by default.
    tv_brightness : float, optional
        v_H ≥ 0 of the brightness Σ_e w_e x_e in R, with w of the heaviest element 1. By default in
        proportion to what the HAADF series knows about a voxel, over what the spectra know.
    shape, support, initial, n_iter, tolerance, progress
        As for :func:`em_inverse.spectroscopic.tv`.

    Returns
    -------
    Reconstruction
        ``x[z, x, y, element]`` in counts per voxel: its projections are the spectra.

    Raises
    ------
    GeometryError
        When the projections of both series differ in size.
    DataError
        When counts are negative, or one of the series is dark.
    ParameterError
        When an element is unknown, or a number is out of its range.

    Notes
    -----
    What the HAADF series cannot do is what it cannot do in two dimensions: tell elements of nearly
    equal Z apart, or help one that it hardly sees. A particle that leaves the field of view at high
    tilt breaks the totals; pass `scale` then.

    References
    ----------
    J. Schwartz et al., Nat. Commun. 15 (2024) 3555, doi:10.1038/s41467-024-47558-0.

    Examples
    --------
    >>> from em_inverse.forward import ParallelBeam
    >>> box = np.zeros((2, 12, 12, 4))
    >>> box[0, 4:8, 4:8], box[1, 2:4, 2:10] = 2, 2
    >>> many, few = np.arange(-70, 71, 5), np.arange(-60, 61, 30)
    >>> law = LinearThickness(["Au", "Fe"], normalise=True)
    >>> b = 100 * (ParallelBeam((12, 12, 4), many) @ law(box))
    >>> d = Channels(ParallelBeam((12, 12, 4), few), 2) @ box
    >>> counts = np.random.default_rng(0).poisson(np.moveaxis(d, 0, -1))
    >>> found = fuse(TiltSeries(b, many), SpectralSeries(counts, few, ["Au", "Fe"]))
    >>> bool(np.abs(found.x - np.moveaxis(box, 0, -1)).mean() < 0.15)
    True
    """
    image = check_series(haadf, "haadf")
    check_choice(noise, "noise", NOISES)
    whole = check_spectra(spectra, counts=noise == "poisson")
    if image.projections.shape[1:] != whole.stack.shape[2:]:
        raise GeometryError(
            f"haadf has projections of shape {image.projections.shape[1:]}, but the spectra "
            f"{whole.stack.shape[2:]}; both must show the same pixels. Bin or crop one of them."
        )
    if image.projections.sum() <= 0:
        raise DataError("haadf is dark: its projections add up to nothing. Check its background.")
    number = check_number(gamma, "gamma", minimum=1, maximum=_LARGEST_GAMMA)
    w = _weights(whole, atomic_numbers, number, haadf_weights, sensitivity)
    beta = channels_first(background, whole)
    alpha = _brightness(image, whole, beta, w) if scale is None else scale
    alpha = check_number(alpha, "scale", minimum=0, exclusive=True)
    sigma, certainty = _image_noise(image, haadf_sigma)
    if lam_spectrum is None:
        lam_spectrum = (2 if noise == "poisson" else 1) * sigma**2
    lam_spectrum = check_number(lam_spectrum, "lam_spectrum", minimum=0, exclusive=True)
    if lam_tv is None:
        lam_tv = lam_spectrum * typical_lam(whole)
    lam_tv = check_number(lam_tv, "lam_tv", minimum=0, exclusive=True)
    v = np.ones(w.size)
    if tv_weights is not None:
        v = check_array(tv_weights, "tv_weights", shape=w.shape, dtype=np.float64)
        if v.min() <= 0:
            raise ParameterError(f"tv_weights reaches {v.min():g}; each must be above 0.")
    if tv_brightness is None:
        known = alpha * np.sqrt(image.n_tilts / _bright_variance(sigma, certainty))
        tv_brightness = TYPICAL_BRIGHTNESS * known / np.sqrt(whole.n_tilts / bright_counts(whole))
    v_H = check_number(tv_brightness, "tv_brightness", minimum=0)
    # Where edges are shared, the prior wants v_e x_e themselves.
    unit = np.asarray(v if shared else np.maximum(_SCALE * w, 1.0), np.float32)
    data, S = _both(image, certainty, whole, beta, alpha * w, unit, lam_spectrum, noise, shape)
    start = first_guess(S, whole.stack, initial)
    if initial is not None:
        start *= unit[:, None, None, None]
    solver = PDHG(
        data,
        ChannelTotalVariation(
            None if shared else v / unit,
            shared=shared,
            combined=v_H * w / unit if v_H else None,
        ),
        lam_tv / lam_spectrum,
        start,
        nonnegative=True,
        support=None if support is None else everywhere(support, S.in_shape),
        stop=[] if tolerance is None else settled(tolerance),
    )
    chosen = {
        "channels": list(whole.names), "gamma": number, "scale": alpha, "haadf_sigma": sigma,
        "lambda_spectrum": lam_spectrum, "lambda_tv": lam_tv, "noise": noise,
        "tv_weights": v.tolist(), "tv_brightness": v_H,
        "haadf_tilts": image.n_tilts, "spectral_tilts": whole.n_tilts,
    }  # fmt: skip
    run = finished(solver, n_iter, progress, whole, chosen)
    run.x /= unit
    run.algorithm = "fused tomography (PDHG)"
    return run


def _bright_variance(sigma: float, certainty: np.ndarray) -> float:
    """Variance of the noise of a bright pixel of the HAADF series."""
    return sigma**2 / float(np.quantile(certainty, 1 - BRIGHT))


class _Slices(Stack):
    """A stack of Channels whose slices along y all see the same rays: one has the norm of all."""

    operators: list[Any]

    def _largest_singular_value(self, tol: float, max_iter: int, seed: int) -> float:
        if any(H.A.axial_shift.any() for H in self.operators):
            return super()._largest_singular_value(tol, max_iter, seed)
        one = Stack([Channels(H.A.slice(), H.mixing) for H in self.operators])
        return one.norm(tol, max_iter=max_iter, seed=seed)


def _both(
    image: TiltSeries,
    certainty: np.ndarray,
    spectra: SpectralSeries,
    beta: np.ndarray,
    brightness: np.ndarray,
    unit: np.ndarray,
    lam_spectrum: float,
    noise: str,
    shape: tuple[int, ...] | None,
) -> tuple[JointData, Channels]:
    """Both data distances over λ₁ of the unknowns unit · x, and the operator of the spectra.

    The HAADF data are scaled so that both operators have one norm: steps then suit both.
    """
    S = Channels(geometry.operator(spectra.channel(0), shape), np.diag(1 / unit))
    row = Channels(geometry.operator(image, shape), (brightness / unit)[None])
    gain = S.norm() / row.norm()
    row = Channels(row.A, gain * (brightness / unit)[None])
    b = gain * image.projections[None]
    spectral: LeastSquares | PoissonLikelihood = (
        PoissonLikelihood(S, spectra.stack, beta)
        if noise == "poisson"
        else LeastSquares(S, spectra.stack - beta)
    )
    worth = certainty[None] / (lam_spectrum * gain**2)
    return JointData([spectral, WeightedLeastSquares(row, b, worth)], H=_Slices([S, row])), S


def _image_noise(image: TiltSeries, given: ArrayLike | None) -> tuple[float, np.ndarray]:
    """σ of the HAADF series as a whole, and W."""
    if given is None:
        level = noise_level(image)
        bright = uniform_filter(image.projections, (0, _LEVEL, _LEVEL)[: image.projections.ndim])
        variance = level.offset + level.gain * np.maximum(bright, 0)
    else:
        sigma = check_array(given, "haadf_sigma", dtype=np.float64)
        if sigma.ndim and sigma.shape != image.projections.shape:
            raise DataError(
                f"haadf_sigma has shape {sigma.shape}; one number, or one per pixel of haadf "
                f"(shape {image.projections.shape}), is needed."
            )
        if sigma.min() <= 0:
            raise ParameterError(f"haadf_sigma reaches {sigma.min():g}; noise is above 0.")
        variance = np.broadcast_to(sigma**2, image.projections.shape)
    least = max(float(variance.max()) * _LEAST_VARIANCE, float(image.projections.max() * 1e-4) ** 2)
    variance = np.maximum(variance, least)
    mean = float(variance.mean())
    return float(np.sqrt(mean)), (mean / variance).astype(np.float32)


def _weights(
    spectra: SpectralSeries,
    atomic_numbers: Iterable[str | float] | None,
    gamma: float,
    haadf_weights: ArrayLike | Sequence[float] | None,
    sensitivity: ArrayLike | Sequence[float] | None,
) -> np.ndarray:
    """HAADF signal of one count of each element, the largest 1."""
    n = spectra.n_channels
    if haadf_weights is None:
        numbers = spectra.names if atomic_numbers is None else atomic_numbers
        law = LinearThickness(numbers, gamma)
        if law.atomic_numbers.size != n:
            raise ParameterError(
                f"atomic_numbers holds {law.atomic_numbers.size} elements, but the spectra have "
                f"{n} channels. Pass one per channel."
            )
        w = law.atomic_numbers**gamma
    else:
        w = check_array(haadf_weights, "haadf_weights", shape=(n,), dtype=np.float64)
    k = np.ones(n)
    if sensitivity is not None:
        k = check_array(sensitivity, "sensitivity", shape=(n,), dtype=np.float64)
    for name, values in (("haadf_weights", w), ("sensitivity", k)):
        if values.min() <= 0:
            raise ParameterError(f"{name} reaches {values.min():g}; it must be above 0.")
    w = w / k
    return np.asarray(w / w.max())


def _brightness(
    image: TiltSeries, spectra: SpectralSeries, beta: np.ndarray, w: np.ndarray
) -> float:
    """α from the totals: Σ b per tilt over Σ_e w_e Σ d_e per tilt."""
    net = (spectra.stack - beta).sum(axis=(1, 2, 3), dtype=np.float64) / spectra.n_tilts
    expected = float(w @ net)
    if expected <= 0:
        raise DataError(
            "spectra hold no counts above their background, so no brightness per count fits. "
            "Check `background`, or pass `scale`."
        )
    return float(image.projections.sum(dtype=np.float64)) / image.n_tilts / expected
