"""λ without the truth: the counts that were not fitted judge."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from em_inverse import choose
from em_inverse.errors import ParameterError, check_array, check_choice, check_number
from em_inverse.forward.channels import Channels
from em_inverse.spectroscopic.fusing import fuse
from em_inverse.spectroscopic.series import SpectralSeries, check_spectra
from em_inverse.spectroscopic.together import channels_first, tv, typical_lam
from em_inverse.tilt_series import TiltSeries
from em_inverse.tomography import geometry

__all__ = ["choose_lam"]

# Grid of λ in units of its typical value, a factor √2 apart.
_GRID = 2.0 ** np.arange(-1.5, 1.75, 0.5)
# Counts that are expected everywhere, as a share of their mean. One stray count beside an edge
# would otherwise rule out every sharp reconstruction.
_FLOOR = 0.01


def choose_lam(
    series: SpectralSeries,
    lambdas: ArrayLike | None = None,
    *,
    haadf: TiltSeries | None = None,
    fraction: float = 0.8,
    repeats: int = 1,
    score: str = "deviance",
    seed: int | np.random.Generator = 0,
    **options: Any,
) -> choose.Choice:
    """Choose λ of :func:`tv`, or λ₂ of :func:`fuse`, by count thinning.

    Every count goes into a first part with probability `fraction`, or else into a second. The
    volumes made from the first are projected, and the projections predict the second. Both parts
    are independent: noise that was fitted does not pay.

    Parameters
    ----------
    series : SpectralSeries
        Raw counts, whole numbers.
    lambdas : array_like, optional
        Values to compare, for all the counts; by default 7 around the typical one, a factor √2
        apart.
    haadf : TiltSeries, optional
        With it λ₂ of :func:`fuse` is chosen, without it λ of :func:`tv`.
    fraction : float, between 0 and 1
        Share of the counts that is fitted.
    repeats : int
        Number of random splits.
    score : {"deviance", "squares"}
        How prediction and counts are compared; see :func:`em_inverse.choose.thinning`.
    seed : int or Generator
    **options
        Whatever else :func:`tv` or :func:`fuse` takes, but neither λ nor ε.

    Returns
    -------
    em_inverse.choose.Choice
        ``.lam`` holds for all the counts.

    Raises
    ------
    DataError
        When the counts are not whole.
    ParameterError
        When the noise is not that of counts, or `options` hold a λ or ε.

    Notes
    -----
    A volume from a share f of the counts is f times as bright, and its noise √f times as large. So
    the part is fitted with λ/√f, and with α/f in place of the brightness α of one count.

    Examples
    --------
    >>> from em_inverse.forward import ParallelBeam
    >>> box = np.zeros((2, 12, 12, 4))
    >>> box[:, 4:8, 4:8] = 2
    >>> angles = np.arange(-70, 71, 20)
    >>> clean = Channels(ParallelBeam((12, 12, 4), angles), 2) @ box
    >>> counts = np.random.default_rng(0).poisson(np.moveaxis(clean, 0, -1))
    >>> choice = choose_lam(SpectralSeries(counts, angles), n_iter=60)
    >>> bool(choice.lambdas.min() <= choice.lam <= choice.lambdas.max())
    True
    """
    whole = check_spectra(series, counts=True)
    fraction = check_number(fraction, "fraction", minimum=0, maximum=1, exclusive=True)
    taken = {"lam", "lam_tv", "epsilon", "noise_norm"} & set(options)
    if taken:
        raise ParameterError(
            f"options hold {', '.join(sorted(taken))}, but the balance is what is chosen here. "
            f"Leave it out; `lambdas` sets the values that are compared."
        )
    check_choice(options.get("noise", "poisson"), "noise", ("poisson",))
    background = channels_first(options.pop("background", 0.0), whole)
    part_of = np.sqrt(fraction)
    if haadf is None:
        typical = typical_lam(whole)
    else:
        # Fixed here once, so that no split finds another brightness or noise.
        p = fuse(haadf, whole, background=_last(background), **{**options, "n_iter": 1}).parameters
        typical = p["lambda_tv"]
        options |= {
            "scale": p["scale"] / fraction,
            "lam_spectrum": p["lambda_spectrum"],
            "tv_brightness": p["tv_brightness"] / part_of,
        }
    mixing: Any = whole.n_channels
    if options.get("components") is not None:
        mixing = check_array(options["components"], "components", shape=(whole.n_channels, -1))
    H = Channels(geometry.operator(whole.channel(0), options.get("shape")), mixing)
    floor = _FLOOR * fraction * float(whole.stack.mean())

    def expected(part: np.ndarray, lam: float) -> np.ndarray:
        thinned = SpectralSeries(_last(part), whole.angles_deg, whole.names)
        beta = fraction * background
        if haadf is None:
            run = tv(thinned, lam / part_of, background=_last(beta), **options)
        else:
            run = fuse(haadf, thinned, lam_tv=lam / part_of, background=_last(beta), **options)
        predicted = H.forward(np.ascontiguousarray(np.moveaxis(run.x, -1, 0))) + beta
        return np.maximum(predicted, floor)

    return choose.thinning(
        whole.stack,
        typical * _GRID if lambdas is None else lambdas,
        expected,
        fraction=fraction,
        repeats=repeats,
        score=score,
        seed=seed,
    )


def _last(counts: np.ndarray) -> np.ndarray:
    """Channels of ``[channel, tilt, x, y]`` on the last axis; a single number as it is."""
    return counts if counts.ndim == 0 else np.moveaxis(counts, 0, -1)
