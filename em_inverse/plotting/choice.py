"""Choosing λ: the U-curve, the L-curve, and the score that a rule looks at."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from em_inverse.errors import check_array, check_number
from em_inverse.plotting.frame import legend_beside, log_axis, new_figure, number, text_size
from em_inverse.plotting.style import COLOURS, LINESTYLES, role, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["l_curve", "rule_curve", "u_curve"]

# Choices of λ are told apart by line style; a choice is no method, so none has a method's colour.
_MARK_STYLES: tuple[Any, ...] = ((0, (1, 1.5)), (0, (4, 2)), (0, (6, 2, 1, 2)), (0, (10, 3)))


def u_curve(
    result: Any,
    *,
    title: str,
    marks: Mapping[str, float] | None = None,
    method: str = "tikhonov",
) -> Figure:
    """Draw the error against λ: too little prior on the left, too much on the right.

    Parameters
    ----------
    result : result of ``choose.sweep``
        Anything with ``lambdas`` and ``rmse``, both of shape (n,). Without ``rmse`` (the truth is
        not known) its ``residual_norms`` are drawn; they have no lowest point worth marking.
    title : str
        What the figure shows, as a sentence.
    marks : mapping of str to float, optional
        λ that other rules chose, each drawn as a vertical line with its name.
    method : str
        Role whose colour the curve has, as for :func:`profiles`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        When the arrays differ in length.
    ParameterError
        When the title is empty.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> sweep = SimpleNamespace(lambdas=np.array([0.1, 1, 10]), rmse=np.array([3, 1, 2]))
    >>> fig = u_curve(sweep, title="λ = 1 is best")
    >>> fig.axes[0].get_legend_handles_labels()[1]
    ['Tikhonov', 'lowest error 1\\nat λ = 1']
    """
    lambdas = check_array(result.lambdas, "result.lambdas", ndim=1)
    known = getattr(result, "rmse", None) is not None
    name = "rmse" if known else "residual_norms"
    errors = check_array(getattr(result, name), f"result.{name}", shape=lambdas.shape)
    kind, words = role(method)
    with style():
        fig = new_figure(8.6, 3.6, title)
        ax = fig.add_subplot()
        ax.plot(lambdas, errors, color=COLOURS[kind], linestyle=LINESTYLES[kind], label=words)
        if known:
            best = int(errors.argmin())
            ax.plot(
                lambdas[best],
                errors[best],
                color="black",
                marker="o",
                linestyle="none",
                label=f"lowest error {number(errors[best])}\nat λ = {number(lambdas[best])}",
            )
        for k, (name, value) in enumerate((marks or {}).items()):
            chosen = check_number(value, f"marks[{name!r}]", minimum=0, exclusive=True)
            ax.axvline(
                chosen,
                color="#4D4D4D",
                linewidth=0.8 * ax.lines[0].get_linewidth(),
                linestyle=_MARK_STYLES[k % len(_MARK_STYLES)],
                label=f"{name}: λ = {number(chosen)}",
            )
        _finish(ax, errors, "RMSE against the truth" if known else "residual ‖Hx − y‖")
    return fig


def rule_curve(result: Any, *, title: str, method: str = "tikhonov") -> Figure:
    """Draw the score that a rule looks at, against λ, and the λ that it chose.

    Parameters
    ----------
    result : result of ``choose.discrepancy``, ``choose.gcv`` or ``choose.cross_validation``
        Anything with ``lambdas`` and ``scores``, both of shape (n,), ``lam``, ``rule``,
        ``score_name``, and ``target`` (the value to be met, or None where the score is minimised).
    title : str
        What the figure shows, as a sentence.
    method : str
        Role whose colour the curve has, as for :func:`profiles`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        When the arrays differ in length.
    ParameterError
        When the title is empty.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> choice = SimpleNamespace(lambdas=[0.1, 1, 10], scores=[1, 2, 5], lam=1.5, target=2.3,
    ...                          rule="discrepancy", score_name="residual norm")
    >>> fig = rule_curve(choice, title="The residual meets the noise at λ = 1.5")
    >>> fig.axes[0].get_legend_handles_labels()[1]
    ['residual norm', 'target 2.3', 'discrepancy: λ = 1.5']
    """
    lambdas = check_array(result.lambdas, "result.lambdas", ndim=1)
    scores = check_array(result.scores, "result.scores", shape=lambdas.shape)
    kind, _ = role(method)
    order = np.argsort(lambdas)
    height = np.interp(np.log(result.lam), np.log(lambdas[order]), scores[order])
    with style():
        fig = new_figure(8.6, 3.6, title)
        ax = fig.add_subplot()
        look = {"color": COLOURS[kind], "linestyle": LINESTYLES[kind]}
        ax.plot(lambdas[order], scores[order], label=result.score_name, **look)
        if result.target is not None:
            height = result.target
            words = f"target {number(height)}"
            ax.axhline(height, color=COLOURS["measurement"], linestyle=":", label=words)
        ax.plot(
            result.lam,
            height,
            color="black",
            marker="o",
            linestyle="none",
            label=f"{result.rule}: λ = {number(result.lam)}",
        )
        _finish(ax, scores, result.score_name)
    return fig


def l_curve(
    result: Any,
    *,
    title: str,
    method: str = "tikhonov",
    n_labels: int = 4,
    ylabel: str = "size of the solution ‖Lx‖",
) -> Figure:
    """Draw the size of the solution against the residual, with the corner if there is one.

    Parameters
    ----------
    result : result of ``choose.l_curve`` or ``choose.sweep``
        Anything with ``lambdas``, ``residual_norms`` and ``solution_norms``, all of shape (n,).
        With ``lam`` and ``corner`` = (residual, size) the corner is marked; where they are missing
        or None, the legend says that there is none.
    title : str
        What the figure shows, as a sentence.
    method : str
        Role whose colour the curve has, as for :func:`profiles`.
    n_labels : int
        How many points of the curve carry their λ.
    ylabel : str
        Name of the size that the prior measures.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        When the arrays differ in length.
    ParameterError
        When the title is empty.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> curve = SimpleNamespace(lambdas=[0.1, 1, 10], residual_norms=[1, 1.1, 9],
    ...                         solution_norms=[50, 2, 1], lam=1.2, corner=(1.2, 1.9))
    >>> fig = l_curve(curve, title="The corner balances both terms")
    >>> fig.axes[0].get_legend_handles_labels()[1]
    ['Tikhonov', 'corner, λ = 1.2']
    """
    lambdas = check_array(result.lambdas, "result.lambdas", ndim=1)
    residuals = check_array(result.residual_norms, "result.residual_norms", shape=lambdas.shape)
    sizes = check_array(result.solution_norms, "result.solution_norms", shape=lambdas.shape)
    kind, words = role(method)
    corner, lam = _corner(result)
    with style():
        fig = new_figure(8.0, 4.2, title)
        ax = fig.add_subplot()
        ax.plot(residuals, sizes, color=COLOURS[kind], linestyle=LINESTYLES[kind], label=words)
        if corner is not None:
            ax.plot(
                *corner,
                color="black",
                marker="*",
                markersize=2.6 * ax.lines[0].get_markersize(),
                markeredgecolor="black",
                linestyle="none",
                label=f"corner, λ = {number(lam)}",
            )
        else:
            ax.plot([], [], linestyle="none", label="no corner found")
        log_axis(ax.xaxis)
        log_axis(ax.yaxis)
        for k in _spread(residuals, sizes, n_labels, corner):
            ax.plot(residuals[k], sizes[k], color=COLOURS[kind], marker="o", linestyle="none")
            ax.annotate(
                f"λ = {number(lambdas[k])}",
                (residuals[k], sizes[k]),
                xytext=(0.8 * text_size(), 0.4 * text_size()),
                textcoords="offset points",
                fontsize=text_size(),
            )
        ax.margins(0.12)
        ax.set_xlabel("residual ‖Hx − y‖")
        ax.set_ylabel(ylabel)
        legend_beside(ax)
    return fig


def _finish(ax: Axes, values: np.ndarray, ylabel: str) -> None:
    """Label a curve over λ; its height is logarithmic where it spans more than a decade or so."""
    log_axis(ax.xaxis)
    if values.min() > 0 and values.max() / values.min() > 20:
        log_axis(ax.yaxis)
    else:
        ax.set_ylim(bottom=0)
    ax.set_xlabel("regularisation strength λ")
    ax.set_ylabel(ylabel)
    legend_beside(ax)


def _corner(result: Any) -> tuple[tuple[float, float] | None, float]:
    """Corner and λ of a result; None and NaN when there is none."""
    corner, lam = getattr(result, "corner", None), getattr(result, "lam", None)
    if corner is None or lam is None or not math.isfinite(lam):
        return None, math.nan
    residual, size = corner
    return (float(residual), float(size)), float(lam)


def _spread(
    residuals: np.ndarray, sizes: np.ndarray, count: int, corner: tuple[float, float] | None
) -> list[int]:
    """Indices of points about equally far apart on the drawn curve, none of them at the corner."""
    usable = np.flatnonzero((residuals > 0) & (sizes > 0))
    if count < 1 or usable.size == 0:
        return []
    u, v = np.log(residuals[usable]), np.log(sizes[usable])
    wide, tall = float(np.ptp(u)) or 1.0, float(np.ptp(v)) or 1.0
    length = np.append(0, np.cumsum(np.hypot(np.diff(u) / wide, np.diff(v) / tall)))
    chosen = {int(np.abs(length - t).argmin()) for t in np.linspace(0, length[-1], count)}
    if corner is not None:
        u0, v0 = np.log(corner)
        chosen = {k for k in chosen if np.hypot((u[k] - u0) / wide, (v[k] - v0) / tall) > 0.12}
    return sorted(int(usable[k]) for k in chosen)
