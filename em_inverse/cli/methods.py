"""The methods of ``em-inverse reconstruct``: what each is for, and which options it takes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from em_inverse.errors import ParameterError, check_integer, check_number

if TYPE_CHECKING:
    from em_inverse.tilt_series import Reconstruction, TiltSeries

__all__ = ["FILTERS", "METHODS", "Method", "check_options", "noise_norm", "option_name"]

# Both noise and reach are known to about a tenth; a ball that is too small has no object in it.
_MARGIN = 1.1
FILTERS = ("ramp", "shepp-logan", "cosine", "hamming", "hann")


@dataclass(frozen=True)
class Method:
    """One way to a volume.

    Attributes
    ----------
    words : str
        What it does, for the help.
    options : tuple of str
        Destinations of the options that belong to it, beyond those every method has.
    run : callable
        Takes the series, the parsed options and what every recipe takes; returns the
        reconstruction.
    iterations : int or None
        How many it makes unless told; None where there are none.
    """

    words: str
    options: tuple[str, ...]
    run: Callable[[TiltSeries, argparse.Namespace, dict[str, Any]], Reconstruction]
    iterations: int | None = None

    def needs_noise(self, arguments: argparse.Namespace) -> bool:
        """Whether the noise of the projections must be measured for these options."""
        if arguments.stop == "discrepancy":
            return True
        chosen = _weight(arguments.epsilon, "--epsilon", percent=True)
        lam = _weight(arguments.lam, "--lam", percent=False)
        return "epsilon" in self.options and lam is None and chosen is None


def check_options(arguments: argparse.Namespace) -> None:
    """Refuse numbers out of range, and options that the chosen method would ignore."""
    if arguments.iterations is not None:
        check_integer(arguments.iterations, "--iterations", minimum=1)
    for name in ("pixel_size", "dose"):
        if getattr(arguments, name) is not None:
            check_number(getattr(arguments, name), option_name(name), minimum=0, exclusive=True)
    for name in ("bin", "thickness"):
        if getattr(arguments, name) is not None:
            check_integer(getattr(arguments, name), option_name(name), minimum=1)
    if arguments.hold_out is not None:
        check_integer(arguments.hold_out, "--hold-out", minimum=2)
    if arguments.cutoff is not None:
        check_number(arguments.cutoff, "--cutoff", minimum=0, exclusive=True)
        check_number(arguments.cutoff, "--cutoff", maximum=1)
    if arguments.no_align and arguments.align not in (None, "none"):
        raise ParameterError(
            f"--no-align and --align {arguments.align} contradict each other; give one of them."
        )
    for name in ("lam", "epsilon"):
        _weight(getattr(arguments, name), option_name(name), percent=name == "epsilon")
    if arguments.lam is not None and arguments.epsilon is not None:
        raise ParameterError("--lam and --epsilon set the same balance; give one of them.")
    takers: dict[str, list[str]] = {}
    for name, method in METHODS.items():
        for option in method.options:
            takers.setdefault(option, []).append(name)
    for option, methods in takers.items():
        if getattr(arguments, option) is not None and arguments.method not in methods:
            raise ParameterError(
                f"{option_name(option)} belongs to --method {_listed(methods)}; "
                f"{arguments.method} does not use it."
            )


def option_name(destination: str) -> str:
    """Return an option as it is typed."""
    return "--" + destination.replace("_", "-")


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _iterations(arguments: argparse.Namespace) -> int:
    given: int | None = arguments.iterations
    usual = METHODS[arguments.method].iterations
    return given if given is not None else usual or 1


def _progress(arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        "n_iter": _iterations(arguments),
        "progress": not arguments.quiet,
        "checkpoint": arguments.checkpoint,
    }


def _stopping(
    series: TiltSeries, arguments: argparse.Namespace, common: dict[str, Any]
) -> dict[str, Any]:
    if arguments.stop != "discrepancy":
        return {"stop": arguments.stop}
    return {"stop": "discrepancy", "noise_norm": _reachable_noise(series, arguments, common)}


def _reachable_noise(
    series: TiltSeries, arguments: argparse.Namespace, common: dict[str, Any]
) -> float:
    """Return the residual to stop at: the noise, or what an object can reach where that is more."""
    from em_inverse import solvers
    from em_inverse.tomography import geometry

    norm = noise_norm(series, arguments)
    A = geometry.operator(series, common.get("shape"))
    # Conjugate gradients alone may go below zero, and so come closer to the data.
    positive = arguments.method != "cgls"
    least = solvers.least_distance(A, series.projections, nonnegative=positive).attained
    target = max(norm, _MARGIN * least)
    if not arguments.quiet:
        what = f"the measured noise, which is more than {_MARGIN:g} times the least residual"
        if target > norm:
            what = f"{_MARGIN:g} times the least residual, which is more than the noise {norm:.4g}"
        print(f"  stops at ‖Ax − b‖ = {target:.4g}: {what}", file=sys.stderr, flush=True)
    return target


def _wbp(
    series: TiltSeries, arguments: argparse.Namespace, common: dict[str, Any]
) -> Reconstruction:
    from em_inverse import tomography

    return tomography.wbp(
        series,
        filter=arguments.filter or "ramp",
        cutoff=1.0 if arguments.cutoff is None else arguments.cutoff,
        **common,
    )


def _sirt(
    series: TiltSeries, arguments: argparse.Namespace, common: dict[str, Any]
) -> Reconstruction:
    from em_inverse import tomography

    return tomography.sirt(
        series, **_progress(arguments), **_stopping(series, arguments, common), **common
    )


def _sart(
    series: TiltSeries, arguments: argparse.Namespace, common: dict[str, Any]
) -> Reconstruction:
    from em_inverse import tomography

    return tomography.sart(
        series, **_progress(arguments), **_stopping(series, arguments, common), **common
    )


def _cgls(
    series: TiltSeries, arguments: argparse.Namespace, common: dict[str, Any]
) -> Reconstruction:
    from em_inverse import tomography

    lam = _weight(arguments.lam, "--lam", percent=False) or 0.0
    return tomography.cgls(
        series, lam=lam, **_progress(arguments), **_stopping(series, arguments, common), **common
    )


def _mlem(
    series: TiltSeries, arguments: argparse.Namespace, common: dict[str, Any]
) -> Reconstruction:
    from em_inverse import tomography

    return tomography.mlem(
        series, **_progress(arguments), **_stopping(series, arguments, common), **common
    )


def _tv(
    series: TiltSeries, arguments: argparse.Namespace, common: dict[str, Any]
) -> Reconstruction:
    from em_inverse import tomography

    lam = _weight(arguments.lam, "--lam", percent=False)
    if lam is not None:
        return tomography.tv(series, lam=lam, **_progress(arguments), **common)
    epsilon = _epsilon(series, arguments, common)
    return tomography.tv(series, epsilon=epsilon, **_progress(arguments), **common)


def _tv_sart(
    series: TiltSeries, arguments: argparse.Namespace, common: dict[str, Any]
) -> Reconstruction:
    from em_inverse import tomography

    lam = _weight(arguments.lam, "--lam", percent=False)
    return tomography.tv_sart(series, lam, **_progress(arguments), **common)


def _asd_pocs(
    series: TiltSeries, arguments: argparse.Namespace, common: dict[str, Any]
) -> Reconstruction:
    from em_inverse import tomography

    return tomography.asd_pocs(
        series,
        epsilon=_epsilon(series, arguments, common),
        schedule=arguments.schedule or "mended",
        **_progress(arguments),
        **common,
    )


METHODS = {
    "wbp": Method(
        "weighted back-projection: at once, with streaks where tilts are few",
        ("filter", "cutoff"),
        _wbp,
    ),
    "sirt": Method(
        "all tilts together, step by step; fewer streaks; more iterations sharpen and add noise",
        ("iterations", "stop", "checkpoint"),
        _sirt,
        30,
    ),
    "sart": Method(
        "as sirt, tilt after tilt: about ten times fewer passes",
        ("iterations", "stop", "checkpoint"),
        _sart,
        5,
    ),
    "cgls": Method(
        "least squares by conjugate gradients: fewest passes, fits noise soonest; --lam damps it",
        ("iterations", "lam", "stop", "checkpoint"),
        _cgls,
        10,
    ),
    "mlem": Method(
        "for counts: the most likely volume under Poisson noise; values that fall below zero with "
        "the background become 0, and no projection is interpolated or turned",
        ("iterations", "stop", "checkpoint"),
        _mlem,
        30,
    ),
    "tv": Method(
        "total variation (compressed sensing): for few tilts and objects with sharp borders; the "
        "balance with the data is --epsilon or --lam",
        ("iterations", "lam", "epsilon", "checkpoint"),
        _tv,
        150,
    ),
    "tv-sart": Method(
        "sart with total-variation smoothing in between, as in the lecture; --lam is the weight of "
        "one smoothing step",
        ("iterations", "lam", "checkpoint"),
        _tv_sart,
        20,
    ),
    "asd-pocs": Method(
        "total variation by the schedule most published tomograms used; prefer tv",
        ("iterations", "epsilon", "schedule", "checkpoint"),
        _asd_pocs,
        100,
    ),
}
"""The methods by the name that ``--method`` takes."""


def _epsilon(series: TiltSeries, arguments: argparse.Namespace, common: dict[str, Any]) -> float:
    """Return ε in the units of the data: a share of ‖b‖, a number, or what can be reached."""
    import numpy as np

    from em_inverse import tomography

    given = _weight(arguments.epsilon, "--epsilon", percent=True)
    if given is None:
        choice = tomography.choose_epsilon(
            series,
            "reachable",
            noise=noise_norm(series, arguments),
            tau=_MARGIN,
            shape=common.get("shape"),
        )
        if not arguments.quiet:
            print(f"  {choice.message}", file=sys.stderr, flush=True)
        return choice.epsilon
    size = float(np.linalg.norm(series.projections))
    epsilon = given / 100 * size if arguments.epsilon.strip().endswith("%") else given
    if epsilon >= size:
        raise ParameterError(
            f"--epsilon {arguments.epsilon} is ‖b‖ = {size:.4g} or more, so that an empty volume "
            f"would do. Give less than 100%."
        )
    return epsilon


def noise_norm(series: TiltSeries, arguments: argparse.Namespace) -> float:
    """Return the noise norm, measured before an alignment smoothed the noise, for these tilts."""
    norm = arguments.noise.noise_norm
    return float(norm * (series.n_tilts / arguments.noise.sigma.size) ** 0.5)


def _weight(given: str | None, name: str, *, percent: bool) -> float | None:
    if given is None or given.strip().lower() == "auto":
        return None
    text = given.strip()
    try:
        value = float(text.removesuffix("%") if percent else text)
    except ValueError:
        allowed = "a number, a percentage such as 6%, or auto" if percent else "a number, or auto"
        raise ParameterError(f"{name} is {given!r}; allowed: {allowed}.") from None
    return check_number(value, name, minimum=0, exclusive=True)
