"""The figures of week 11, with their titles and their words for readers who cannot see them.

Each function draws one figure from the arrays of the notebook and shows it. The notebook then holds
one line per figure, and what it teaches is not buried in plotting code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from em_inverse.plotting.choice import l_curve, u_curve
from em_inverse.plotting.curves import picard, profiles
from em_inverse.plotting.display import show
from em_inverse.plotting.frame import new_figure
from em_inverse.plotting.style import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "corner",
    "explorer",
    "limits",
    "measurement",
    "naive_inverse",
    "patterns",
    "priors",
    "ramp",
    "rules",
    "singular_values",
    "steps",
    "sweep",
    "three_lambdas",
]

# The letter x is the object here, so the axis along it goes without one.
_POSITION = "position (px)"
_FLAT = 1e-4


def measurement(x: np.ndarray, y: np.ndarray, clean: np.ndarray) -> None:
    """Show the true profile and what the detector reads."""
    figure = profiles(
        None,
        {"truth": x, "measurement": y},
        title="The probe more than halves the columns, the noise does the rest",
        xlabel=_POSITION,
    )
    show(
        figure,
        alt=f"Three sharp columns of height 0.4, 1 and 1 (truth) and the measurement: three low, "
        f"wide hills, {clean.max():.2f} high without noise.",
    )


def naive_inverse(x: np.ndarray, x_naive: np.ndarray) -> None:
    """Show the naive inverse at its full height."""
    figure = profiles(
        None,
        {"truth": x, "naive": x_naive},
        title="The naive inverse returns amplified noise and nothing else",
        xlabel=_POSITION,
    )
    show(
        figure,
        alt=f"The naive inverse swings between −{-x_naive.min():.0f} and {x_naive.max():.0f}; the "
        f"true columns, 1 high, are a flat line beside it.",
    )


def patterns(H: Any, numbers: Sequence[int] = (2, 10, 20)) -> None:
    """Show some right singular vectors of H and how much of each passes."""
    _, s, Vt = H.svd()
    with style():
        figure = new_figure(8.6, 2.3, "The finer a pattern is, the less of it passes the probe")
        panels = figure.subplots(1, len(numbers), sharey=True)
        for ax, number in zip(panels, numbers, strict=True):
            ax.plot(Vt[number - 1], color="black", linestyle="-")
            ax.set_title(f"pattern {number}: {100 * s[number - 1]:.0f} % passes")
            ax.set_xlabel(_POSITION)
        panels[0].set_ylabel("pattern $v_i$")
    zeros = [int(np.count_nonzero(np.diff(np.sign(Vt[n - 1])))) for n in numbers]
    told = "; ".join(
        f"pattern {n} has {k} zero{'s' * (k != 1)} and {100 * s[n - 1]:.0f} % of it passes"
        for n, k in zip(numbers, zeros, strict=True)
    )
    show(figure, alt=f"{len(numbers)} of the {len(s)} patterns: {told}.")


def singular_values(s: np.ndarray, coefficients: np.ndarray, noise_level: float) -> None:
    """Show the Picard plot."""
    last = int(np.argmax(s < noise_level))
    figure = picard(
        s,
        coefficients,
        noise_level,
        title=f"Past the {last}th singular value there is only noise",
    )
    decades = np.log10(s[0] / s[-1])
    show(
        figure,
        alt=f"Singular values fall over {decades:.1f} decades. The data coefficients fall with "
        f"them to the noise level of {noise_level:.3f} and stay there; divided by the singular "
        f"values they grow to {np.max(np.abs(coefficients) / s):.0f}.",
    )


def three_lambdas(x: np.ndarray, solutions: Mapping[str, np.ndarray]) -> None:
    """Show Tikhonov's solution for a λ too small, one that is right, and one too large."""
    figure = profiles(
        None,
        {"truth": x} | {f"tikhonov/{label}": values for label, values in solutions.items()},
        title="λ too small keeps the noise, λ too large forgets the columns",
        ylim=(-1.5, 2.0),
        xlabel=_POSITION,
    )
    right, small, large = solutions
    show(
        figure,
        alt=f"With {small} the reconstruction oscillates beyond the frame. With {right} three "
        f"columns stand within 2 px of their places, lower and wider than the truth, with ripples "
        f"between them. With {large} only a flat swelling is left.",
    )


def sweep(result: Any) -> None:
    """Show the U-curve."""
    figure = u_curve(result, title="λ too small keeps noise, too large erases the object: a U")
    show(
        figure,
        alt=f"Error against λ, a U: {result.rmse[0]:.2f} at λ = {result.lambdas[0]:.5f}, lowest "
        f"{result.rmse.min():.3f} at λ = {result.lam:.4f}, {result.rmse[-1]:.2f} at "
        f"λ = {result.lambdas[-1]:.0f}.",
    )


def corner(curve: Any) -> None:
    """Show the L-curve with its corner."""
    figure = l_curve(
        curve,
        title="The corner of the L balances noise against lost object",
        ylabel="size of the object ‖x‖",
    )
    show(
        figure,
        alt=f"Size of the reconstruction against its residual, both logarithmic: steep on the "
        f"left, flat to the right of the corner at λ = {curve.lam:.4f}, and falling once more at "
        f"the far right, where nothing is left of the object.",
    )


def rules(result: Any, chosen: Mapping[str, float]) -> None:
    """Show where the rules land on the U-curve."""
    figure = u_curve(
        result,
        title="Every rule lands to the right of the best λ, on the gentle arm of the U",
        marks=chosen,
    )
    places = ", ".join(f"{rule} at λ = {lam:.4f}" for rule, lam in chosen.items())
    show(figure, alt=f"The U-curve with the choice of each rule on its gentle arm: {places}.")


def steps(truth: np.ndarray, slopes: Any, flats: Any) -> None:
    """Show two steps rebuilt with a penalty on slopes and with total variation, each at its best λ.

    `slopes` and `flats` are results of :func:`em_inverse.choose.sweep`.
    """
    figure, _ = _slopes_and_flats(
        truth, slopes, flats, "TV keeps the steps that Tikhonov turns into ramps"
    )
    show(
        figure,
        alt="Two steps: Tikhonov (blue, dashed) rounds both and ripples, total variation (orange) "
        "follows them almost vertically.",
    )


def ramp(truth: np.ndarray, slopes: Any, flats: Any) -> None:
    """Show a smooth ramp rebuilt in the same two ways, see :func:`steps`."""
    figure, stairs = _slopes_and_flats(
        truth, slopes, flats, "TV makes a staircase of the ramp that Tikhonov keeps smooth"
    )
    pieces = 1 + np.count_nonzero(np.abs(np.diff(stairs)) > _FLAT)
    show(
        figure,
        alt=f"A smooth ramp: Tikhonov (blue, dashed) follows it, total variation (orange) breaks "
        f"its {truth.size} pixels into {pieces} flat pieces.",
    )


def priors(solutions: Mapping[str, np.ndarray]) -> None:
    """Show the three columns rebuilt with three priors."""
    figure = profiles(
        None,
        solutions,
        title="Each prior returns the object that it believes in",
        xlabel=_POSITION,
        labels={"tv": "TV, x ≥ 0", "l1": "L1, x ≥ 0"},
    )
    show(
        figure,
        alt="Three columns rebuilt with the best λ of each prior: smooth hills with ripples "
        "(Tikhonov), flat-topped blocks (TV), and two spikes one or two pixels wide, the light "
        "column missing (L1).",
    )


def explorer(widget: Any) -> None:
    """Show what the explorer looks like when it opens."""
    show(
        widget.snapshot(),
        alt="The explorer as it opens: profile, L-curve and U-curve for the current λ, and the "
        "marks of the best λ and of the corner.",
    )


def limits(truth: np.ndarray, back: np.ndarray) -> None:
    """Show how much of each singular pattern is in the truth and in the reconstruction."""
    figure = profiles(
        np.arange(1, truth.size + 1),
        {"truth": np.abs(truth), "tikhonov": np.abs(back)},
        title="The fine patterns of the truth do not come back",
        xlabel="number i of the pattern",
        ylabel="amount of pattern i",
    )
    show(
        figure,
        alt="Amount of each pattern: truth and reconstruction agree for about the first ten and "
        "then part; past the twentieth the reconstruction holds next to nothing while the truth "
        "goes on to about the thirtieth.",
    )


def _slopes_and_flats(
    truth: np.ndarray, slopes: Any, flats: Any, title: str
) -> tuple[Figure, np.ndarray]:
    smooth, stairs = (sweep.solutions[sweep.rmse.argmin()] for sweep in (slopes, flats))
    curves = {"truth": truth, "tikhonov": smooth, "tv": stairs}
    return profiles(None, curves, title=title, xlabel=_POSITION), stairs
