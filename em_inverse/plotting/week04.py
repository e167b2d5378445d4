"""The figures of week 4, with their titles and their words for readers who cannot see them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from em_inverse.plotting.choice import l_curve
from em_inverse.plotting.display import show
from em_inverse.plotting.frame import legend_beside, log_axis, new_figure, number, text_size
from em_inverse.plotting.pictures import images
from em_inverse.plotting.style import COLOURS, LINESTYLES, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "RULES",
    "bias_and_noise",
    "contest",
    "contest_table",
    "corner",
    "counts",
    "explorer",
    "failing_day",
    "failing_table",
    "good_reconstruction",
    "scores",
    "wrong_noise",
]

#: The rules of the contest, in the order of the table: short name, marker.
RULES = {
    "L-curve": ("L-curve", "*"),
    "discrepancy": ("discrepancy, true noise", "o"),
    "discrepancy -20%": ("… noise 20 % too small", "v"),
    "discrepancy +20%": ("… noise 20 % too large", "^"),
    "GCV": ("GCV", "s"),
    "cross-validation": ("5-fold cross-validation", "D"),
    "quasi-optimality": ("quasi-optimality", "P"),
}
# No rule is a method, so none has a method's colour: shades of grey and different markers.
_SHADES = ("black", "black", "#707070", "#707070", "black", "white", "white")
_FAR = 100.0


def bias_and_noise(
    lambdas: np.ndarray, bias2: np.ndarray, variance: np.ndarray, one: np.ndarray
) -> None:
    """Show the mean squared error against λ, split into its two parts, and one draw of it."""
    total = bias2 + variance
    best = int(total.argmin())
    with style():
        figure = new_figure(8.6, 3.8, "Noise falls with λ, bias rises, and their sum is the U")
        ax = figure.add_subplot()
        blue = COLOURS["tikhonov"]
        ax.plot(lambdas, one, color="#7F7F7F", linestyle="-", linewidth=1, label="this measurement")
        ax.plot(lambdas, variance, color=COLOURS["naive"], linestyle=":", label="noise (variance)")
        ax.plot(lambdas, bias2, color=blue, linestyle=LINESTYLES["tikhonov"], label="bias²")
        ax.plot(lambdas, total, color="black", linestyle="-", label="their sum: the average")
        ax.plot(lambdas[best], total[best], "ko", label=f"lowest, λ = {number(lambdas[best], 2)}")
        log_axis(ax.xaxis)
        log_axis(ax.yaxis)
        ax.set_ylim(1e-4, 3 * total[0])
        ax.set_xlabel("λ")
        ax.set_ylabel("squared error per pixel")
        legend_beside(ax)
    show(
        figure,
        alt=f"Squared error against λ. The noise part falls from {variance[0]:.2g}, the bias rises "
        f"to {bias2[-1]:.2g}; their sum is lowest, {total[best]:.2g}, at λ = {lambdas[best]:.2g}. "
        f"The error of one measurement follows the sum closely.",
    )


def corner(curve: Any) -> None:
    """Show the L-curve of the lesson with its corner."""
    figure = l_curve(
        curve,
        title="Small λ sits at the upper left: a good fit, and a huge object",
        ylabel="size of the object ‖x‖",
    )
    show(
        figure,
        alt=f"Size of the reconstruction against its residual, both logarithmic. For the smallest "
        f"λ, upper left, the size is {curve.solution_norms[0]:.0f}; it falls steeply to a corner "
        f"at λ = {curve.lam:.3f} and then slowly, until the object is lost at the lower right.",
    )


def wrong_noise(ratios: Mapping[str, np.ndarray]) -> None:
    """Show what a wrong estimate of the noise costs the discrepancy principle.

    `ratios` are those of a :class:`em_inverse.choose.Comparison` with several wrong noise norms.
    """
    share, medians = _discrepancies(ratios, np.median)
    _, worst = _discrepancies(ratios, np.max)
    with style():
        figure = new_figure(8.6, 3.6, "Too small an estimate is a disaster, too large a nuisance")
        ax = figure.add_subplot()
        ax.plot(share, medians, "ko-", label="median")
        ax.plot(share, worst, color="#707070", marker="v", linestyle=":", label="worst")
        ax.axhline(1, color="#7F7F7F", linestyle="--", linewidth=1, label="the best λ")
        log_axis(ax.yaxis)
        ax.set_xlabel("the noise norm is wrong by (%)")
        ax.set_ylabel("RMSE / lowest RMSE")
        legend_beside(ax)
    show(
        figure,
        alt=f"RMSE over the lowest RMSE, logarithmic, against the error of the noise norm, of "
        f"{next(iter(ratios.values())).size} measurements: the median is above {_FAR:.0f} at "
        f"{share[0]:.0f} %, {np.interp(0, share, medians):.1f} at 0 and {medians[-1]:.1f} at "
        f"+{share[-1]:.0f} %. To the right the worst one stays below {np.ceil(worst[-1]):.0f}.",
    )


def scores(lambdas: np.ndarray, curves: Mapping[str, np.ndarray], errors: np.ndarray) -> None:
    """Show what cross-validation and GCV look at, with the error that they cannot see."""
    looks = zip(curves.items(), ("-", ":"), ("s", "D"), strict=True)
    lowest = {"RMSE": float(lambdas[errors.argmin()])}
    with style():
        figure = new_figure(
            8.6, 3.6, "Towards small λ the scores of prediction hardly rise, the error does"
        )
        ax = figure.add_subplot()
        for (name, values), line, mark in looks:
            at = int(values.argmin())
            lowest[name] = float(lambdas[at])
            ax.plot(lambdas, values / values.min(), color="black", linestyle=line)
            label = f"{name}, λ = {number(lambdas[at], 2)}"
            ax.plot(lambdas[at], 1, color="black", marker=mark, linestyle=line, label=label)
        blue = COLOURS["tikhonov"]
        label = f"RMSE (needs the truth), λ = {number(lowest['RMSE'], 2)}"
        look = {"color": blue, "linestyle": LINESTYLES["tikhonov"]}
        ax.plot(lambdas, errors / errors.min(), label=label, **look)
        log_axis(ax.xaxis)
        ax.set_ylim(0.95, 3)
        ax.set_xlabel("λ")
        ax.set_ylabel("score / its lowest value")
        legend_beside(ax)
    told = ", ".join(f"{name} at λ = {lam:.2g}" for name, lam in lowest.items())
    show(figure, alt=f"Scores against λ, each over its minimum; the lowest points: {told}.")


def counts(truth: np.ndarray, counted: np.ndarray, found: np.ndarray) -> None:
    """Show a map of counts and its reconstruction with the λ that thinning chose."""
    figure = images(
        [truth, counted, found],
        ["truth", "counts", "λ from thinning"],
        title="Split every pixel's counts at random: one part fits, the other judges",
        axes=("y", "x"),
        quantity="counts per pixel",
        window=(0.0, float(truth.max()) * 1.25),
    )
    show(
        figure,
        alt=f"A core-shell particle of at most {truth.max():.0f} counts per pixel; its counted "
        f"map, grainy; the reconstruction, mottled, with core and shell told apart.",
    )


def contest(results: Mapping[tuple[str, float], Any]) -> None:
    """Show how near every rule comes to the best λ on every problem.

    `results` maps (problem, noise level) to what :func:`em_inverse.choose.compare` returned.
    """
    levels = sorted({level for _, level in results})
    names = list(dict.fromkeys(name for name, _ in results))
    with style():
        title = "Every rule has a problem on which it fails"
        figure = new_figure(9.6, 1.5 + 0.46 * len(names), title)
        panels = figure.subplots(1, len(levels), sharey=True)
        for ax, level in zip(np.atleast_1d(panels), levels, strict=True):
            for row, name in enumerate(names):
                _one_row(ax, row, results[name, level].ratios)
            log_axis(ax.xaxis)
            ax.set_xlim(0.85, 2 * _FAR)
            ax.set_xticks([1, 2, 5, 10, _FAR], ["1", "2", "5", "10", "≥ 100"])
            ax.axvline(1, color="#7F7F7F", linestyle="--", linewidth=1)
            ax.set_ylim(len(names) - 0.5, -0.5)
            ax.set_yticks(range(len(names)), names)
            ax.set_title(f"noise {100 * level:g} %")
            ax.set_xlabel("RMSE / lowest RMSE")
        legend_beside(ax)
    show(
        figure,
        alt=f"Dot plot, {len(names)} problems by {len(levels)} noise levels: the marker is the "
        f"median ratio of {len(RULES)} rules over the draws, a thin line runs to the worst draw. "
        f"Most medians lie between 1 and 2; discrepancy with too small a noise norm and, on heat, "
        f"quasi-optimality lie at 100 or beyond.",
    )


def contest_table(results: Mapping[tuple[str, float], Any]) -> str:
    """Return the contest in words: median and worst ratio of every rule on every problem."""
    heads = ("L-curve", "discr.", "-20 %", "+20 %", "GCV", "5-fold", "quasi")
    lines = [f"{'median/worst':19s}" + "".join(f"{head:>10s}" for head in heads)]
    for (name, level), found in results.items():
        cells = [_median_and_worst(found.ratios[rule]) for rule in RULES]
        lines.append(f"{name:14s}{100 * level:3g} % " + "".join(f"{cell:>10s}" for cell in cells))
    if any("*" in line for line in lines):
        lines.append("* found no λ (no corner) for some of the measurements")
    return "\n".join(lines)


def failing_day(days: Mapping[str, tuple[Any, Any, float]], tables: Mapping[str, Any]) -> None:
    """Show three L-curves of one object, the errors at their corners, and what discrepancy risks.

    Parameters
    ----------
    days : mapping of str to (LCurve, Sweep, float)
        One measurement for each kind of noise; the number is the λ of the discrepancy principle.
    tables : mapping of str to Comparison
        Many measurements for each kind of noise, with several wrong noise norms.
    """
    looks = zip((COLOURS["tikhonov"], "black", "#707070"), ("-", "--", ":"), strict=True)
    with style():
        title = "The corner was made by white noise: smooth the noise, and it is gone"
        figure = new_figure(10.4, 4.2, title)
        left, middle, right = figure.subplots(1, 3)
        for (name, (curve, swept, meets)), (shade, line) in zip(days.items(), looks, strict=True):
            look = {"color": shade, "linestyle": line}
            left.plot(curve.residual_norms, curve.solution_norms, label=name, **look)
            ratios = swept.rmse / swept.rmse.min()
            middle.plot(swept.lambdas, ratios, **look)
            if curve.corner is not None:
                residual, size = curve.corner
                _mark(left, residual, size, "*", shade)
                _mark(middle, curve.lam, _at(swept.lambdas, ratios, curve.lam), "*", shade)
            _mark(middle, meets, _at(swept.lambdas, ratios, meets), "o", shade)
            right.plot(*_discrepancies(tables[name].ratios, np.median), marker=".", **look)
        for axis in (left.xaxis, left.yaxis, middle.xaxis, middle.yaxis, right.yaxis):
            log_axis(axis)
        for ax in (middle, right):
            ax.set_ylim(0.8, _FAR)
            ax.axhline(1, color="#7F7F7F", linewidth=0.8)
            ax.set_ylabel("RMSE / lowest RMSE")
        left.set_title("L-curves, ★ corner")
        left.set_xlabel("residual ‖Hx − y‖")
        left.set_ylabel("size of the object ‖x‖")
        left.legend(loc="lower left", fontsize=text_size(), handlelength=2.0)
        middle.set_title("★ corner   ● discrepancy")
        middle.set_xlabel("λ")
        right.set_title("discrepancy, median of 20")
        right.set_xlabel("noise norm wrong by (%)")
    show(figure, alt=_alt_of_failing_day(days))


def failing_table(days: Mapping[str, tuple[Any, Any, float]], tables: Mapping[str, Any]) -> str:
    """Return the numbers of :func:`failing_day`: of the measurement shown, and of all."""
    lines = [contest_table({(name, 0.1): found for name, found in tables.items()})]
    lines.append("\nThe measurement shown:")
    for name, (curve, swept, meets) in days.items():
        at = [f"best λ = {swept.lam:.0e}"]
        for rule, lam in (("corner", curve.lam), ("discrepancy", meets)):
            if lam is None:
                at.append("no corner")
                continue
            ratio = _at(swept.lambdas, swept.rmse, lam) / swept.rmse.min()
            at.append(f"{rule} {lam:.0e} (RMSE × {ratio:.1f})")
        alarm = ", not a clear corner" if "not a clear corner" in curve.message else ""
        lines.append(f"{name}: {', '.join(at)}{alarm}")
    return "\n".join(lines)


def good_reconstruction(
    x: np.ndarray,
    solutions: Mapping[str, np.ndarray],
    residuals: Mapping[str, np.ndarray],
) -> None:
    """Show three reconstructions and what each leaves unexplained, in units of the noise."""
    with style():
        title = (
            "A good reconstruction leaves a residual that looks like noise, and like nothing else"
        )
        figure = new_figure(9.8, 4.4, title)
        panels = figure.subplots(2, len(solutions), sharex=True, sharey="row")
        reach = 1.1 * max(float(np.abs(values).max()) for values in residuals.values())
        for (name, found), top, below in zip(solutions.items(), *panels, strict=True):
            top.plot(x, color=COLOURS["truth"], linestyle="-", linewidth=1, label="truth")
            look = {"color": COLOURS["tikhonov"], "linestyle": LINESTYLES["tikhonov"]}
            top.plot(found, label="Tikhonov", **look)
            top.set_title(name)
            top.set_ylim(-0.6, 1.9)
            below.plot(residuals[name], ".", color=COLOURS["measurement"])
            below.axhline(0, color="black", linewidth=0.8)
            below.set_ylim(-reach, reach)
            below.set_xlabel("position (px)")
        panels[0][0].set_ylabel("intensity")
        panels[1][0].set_ylabel("residual / σ of noise")
        panels[0][-1].legend(loc="upper right", fontsize=text_size(), ncols=2)
    spread = ", ".join(f"{name}: {np.sqrt(np.mean(r**2)):.2f}" for name, r in residuals.items())
    show(
        figure,
        alt=f"Three reconstructions of the row, and the residual of each below. Root mean square "
        f"of the residual in units of the noise: {spread}. With the largest λ the residual "
        f"repeats the columns.",
    )


def explorer(widget: Any) -> None:
    """Show what the explorer looks like when it opens."""
    show(widget.snapshot(), alt=widget.view.description)


def _one_row(ax: Axes, row: int, ratios: Mapping[str, np.ndarray]) -> None:
    step = 0.8 / len(RULES)
    for k, (rule, (words, mark)) in enumerate(RULES.items()):
        at = row - 0.4 + (k + 0.5) * step
        seen = ratios[rule][np.isfinite(ratios[rule])]
        # A rule that found nothing has no marker, but its name in the legend.
        ends = (np.median(seen), seen.max()) if seen.size else (np.nan, np.nan)
        middle, worst = (float(np.minimum(end, _FAR)) for end in ends)
        ax.plot([middle, worst], [at, at], color="#9A9A9A", linestyle="-", linewidth=0.9)
        ax.plot(
            middle,
            at,
            marker=mark,
            markersize=7 if mark == "*" else 4.5,
            markerfacecolor=_SHADES[k],
            markeredgecolor="black",
            markeredgewidth=0.8,
            linestyle="none",
            label=words if row == 0 else None,
        )


def _median_and_worst(ratios: np.ndarray) -> str:
    seen = ratios[np.isfinite(ratios)]
    if not seen.size:
        return "none"
    text = "/".join(
        "≥100" if value >= _FAR else f"{value:.0f}" if value >= 9.95 else f"{value:.1f}"
        for value in (float(np.median(seen)), float(seen.max()))
    )
    return text + ("*" if seen.size < ratios.size else "")


def _mark(ax: Axes, x: float, y: float, mark: str, shade: str) -> None:
    size = 13 if mark == "*" else 7
    ax.plot(x, y, marker=mark, markersize=size, color=shade, linestyle="none")


def _at(lambdas: np.ndarray, values: np.ndarray, lam: float) -> float:
    return float(np.interp(np.log(lam), np.log(lambdas), values))


def _discrepancies(
    ratios: Mapping[str, np.ndarray], measure: Callable[[np.ndarray], Any]
) -> tuple[list[float], list[float]]:
    """Errors of the noise norm in per cent, in order, and a measure of the ratios at each."""
    found = {
        float(name.removeprefix("discrepancy").strip(" %") or 0): float(measure(values))
        for name, values in ratios.items()
        if name.startswith("discrepancy")
    }
    shares = sorted(found)
    return shares, [found[share] for share in shares]


def _alt_of_failing_day(days: Mapping[str, tuple[Any, Any, float]]) -> str:
    told = [
        f"{name}: no corner" if curve.lam is None else f"{name}: corner at λ = {curve.lam:.0e}"
        for name, (curve, _, _) in days.items()
    ]
    return (
        f"Left, three L-curves of one row of columns: an L for white noise, a slanted line for "
        f"smoothed noise ({'; '.join(told)}). Middle, the error at these λ: near the minimum for "
        f"white noise, far up the left arm for noise smoothed over 2 px, while the discrepancy "
        f"principle stays near the minimum. Right, discrepancy with a wrong noise norm: too small "
        f"a norm is dangerous with white noise and harmless with smoothed noise."
    )
