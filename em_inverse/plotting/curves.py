"""Curves over position, frequency or index: profiles, spectra, the Picard plot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import DataError, check_array, check_number
from em_inverse.plotting.frame import legend_beside, log_axis, new_figure, number, window_text
from em_inverse.plotting.style import COLOURS, LINESTYLES, MARKERS, role, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["picard", "profiles", "spectrum"]

# Up to here single measurements are told apart as points; beyond, a thin line is clearer.
_MOST_POINTS = 130
# Dashes of the second, third and fourth result of one method in a figure.
_REPEATS = (":", "-.", (0, (3, 1)))


def profiles(
    x: ArrayLike | None,
    curves: Mapping[str, ArrayLike],
    *,
    title: str,
    labels: Mapping[str, str] | None = None,
    xlabel: str = "position (px)",
    ylabel: str = "intensity (arb. units)",
    ylim: tuple[float, float] | None = None,
) -> Figure:
    """Draw line profiles, each in the colour and line style of its role.

    Parameters
    ----------
    x : array_like, shape (n,), or None
        Positions; pixel numbers when None.
    curves : mapping of role to array_like, each of shape (n,)
        Roles are the keys of :data:`COLOURS` ("truth", "measurement", "naive", "tikhonov", "tv",
        "l1", "algebraic", "learned") or names of methods ("sirt", "wbp", …).
    title : str
        What the figure shows, as a sentence.
    labels : mapping of role to str, optional
        Words of the legend where the usual ones do not do.
    xlabel, ylabel : str
        Quantity and unit.
    ylim : (float, float), optional
        Limits of the vertical axis. A curve that leaves them says so in the legend, with its
        range.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        When there is no curve, or lengths differ.
    ParameterError
        When a role is unknown or the title empty.

    Examples
    --------
    >>> fig = profiles(None, {"truth": [0, 1, 0]}, title="One peak stands alone")
    >>> fig.axes[0].get_xlabel()
    'position (px)'
    """
    arrays = _curves(curves)
    n = next(iter(arrays.values())).size
    positions = np.arange(n) if x is None else check_array(x, "x", shape=(n,))
    words = {name: (labels or {}).get(name, role(name)[1]) for name in arrays}
    for name, array in arrays.items():
        if ylim is not None and (array.min() < ylim[0] or array.max() > ylim[1]):
            words[name] += f"\n({window_text(array.min(), array.max(), ylim[1] - ylim[0])})"
    n_lines = "\n".join(words.values()).count("\n") + 1
    with style():
        fig = new_figure(8.6, max(3.4, 1.0 + 0.24 * n_lines), title)
        ax = fig.add_subplot()
        seen: dict[str, int] = {}
        for name, array in arrays.items():
            _line(ax, positions, array, name, words[name], seen.setdefault(role(name)[0], 0))
            seen[role(name)[0]] += 1
        if ylim is not None:
            ax.set_ylim(*ylim)
        ax.margins(x=0.01)
        ax.set_xlabel(xlabel)
        ax.set_ylabel(ylabel)
        legend_beside(ax)
    return fig


def spectrum(
    curves: Mapping[str, ArrayLike],
    *,
    title: str,
    pixel_size_nm: float | None = None,
    labels: Mapping[str, str] | None = None,
    floor: float = 1e-8,
) -> Figure:
    """Draw the amplitudes of the waves that profiles are made of, against spatial frequency.

    Parameters
    ----------
    curves : mapping of role to array_like, each of shape (n,)
        Profiles or kernels in real space; roles as for :func:`profiles`.
    title : str
        What the figure shows, as a sentence.
    pixel_size_nm : float, optional
        Edge of a pixel in nm, for frequencies per nm.
    labels : mapping of role to str, optional
        Words of the legend where the usual ones do not do.
    floor : float, > 0
        Amplitudes below this share of the largest one are drawn there: they are rounding.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        When there is no curve, lengths differ, or all are zero.
    ParameterError
        When a role is unknown or the title empty.

    Examples
    --------
    >>> fig = spectrum({"truth": [0.0, 1.0, 0.0, 0.0]}, title="A spike holds every wave")
    >>> fig.axes[0].get_xlabel()
    'spatial frequency (cycles per px)'
    """
    arrays = _curves(curves)
    least = check_number(floor, "floor", minimum=0, maximum=1, exclusive=True)
    amplitudes = {name: np.abs(np.fft.rfft(array)) for name, array in arrays.items()}
    largest = max(float(a.max()) for a in amplitudes.values())
    if largest == 0:
        raise DataError("curves are zero everywhere: there is no wave to draw.")
    n = next(iter(arrays.values())).size
    if pixel_size_nm is None:
        pixel, unit = 1.0, "cycles per px"
    else:
        pixel = check_number(pixel_size_nm, "pixel_size_nm", minimum=0, exclusive=True)
        unit = "1/nm"
    with style():
        fig = new_figure(8.6, 3.4, title)
        ax = fig.add_subplot()
        for name, amplitude in amplitudes.items():
            words = (labels or {}).get(name, role(name)[1])
            shown = np.maximum(amplitude, least * largest)
            _line(ax, np.fft.rfftfreq(n, pixel), shown, name, words)
        log_axis(ax.yaxis)
        ax.margins(x=0.01)
        ax.set_xlabel(f"spatial frequency ({unit})")
        ax.set_ylabel("amplitude (arb. units)")
        legend_beside(ax)
    return fig


def picard(
    s: ArrayLike,
    coefficients: ArrayLike,
    noise_level: float | None = None,
    *,
    title: str,
) -> Figure:
    """Draw the Picard plot: singular values, data coefficients, and their quotient.

    Parameters
    ----------
    s : array_like, shape (k,)
        Singular values of H, largest first.
    coefficients : array_like, shape (k,)
        Coefficients of the data, uᵢᵀy; absolute values are drawn.
    noise_level : float, optional
        Standard deviation of the noise, which is also that of every coefficient: a horizontal
        line. Coefficients below it hold more noise than data.
    title : str
        What the figure shows, as a sentence.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        When lengths differ or no singular value is above zero.
    ParameterError
        When the title is empty.

    Examples
    --------
    >>> fig = picard([1, 0.1], [0.5, 0.05], title="Both decay together")
    >>> [line.get_label() for line in fig.axes[0].lines]
    ['singular value σᵢ', '|uᵢᵀy|, the data', '|uᵢᵀy| / σᵢ, the naive inverse']
    """
    values = check_array(s, "s", ndim=1)
    data = np.abs(check_array(coefficients, "coefficients", shape=values.shape))
    if values.min() < 0 or values.max() == 0:
        raise DataError("s must hold singular values, ≥ 0 and not all zero. Pass H.svd()[1].")
    quotient = np.divide(data, values, out=np.full(values.shape, np.nan), where=values > 0)
    index = np.arange(1, values.size + 1)
    with style():
        fig = new_figure(8.6, 3.6, title)
        ax = fig.add_subplot()
        for shown, name, words in (
            (values, "truth", "singular value σᵢ"),
            (data, "measurement", "|uᵢᵀy|, the data"),
            (quotient, "naive", "|uᵢᵀy| / σᵢ, the naive inverse"),
        ):
            # Zeros have no place on a log axis.
            ax.plot(
                index,
                np.where(shown > 0, shown, np.nan),
                color=COLOURS[name],
                linestyle="-" if name == "truth" else "none",
                marker=None if name == "truth" else {"measurement": "o", "naive": "v"}[name],
                markersize=0.75 * _marker_size(),
                label=words,
            )
        if noise_level is not None:
            level = check_number(noise_level, "noise_level", minimum=0, exclusive=True)
            ax.axhline(
                level,
                color=COLOURS["measurement"],
                linestyle=":",
                label=f"noise level {number(level)}",
            )
        log_axis(ax.yaxis)
        ax.margins(x=0.01)
        ax.set_xlabel("number i of the singular value")
        ax.set_ylabel("size (arb. units)")
        legend_beside(ax)
    return fig


def _curves(curves: Mapping[str, ArrayLike]) -> dict[str, np.ndarray]:
    if not curves:
        raise DataError("curves is empty; pass at least one role with its values.")
    arrays = {
        name: check_array(values, f"curves[{name!r}]", ndim=1) for name, values in curves.items()
    }
    sizes = {name: array.size for name, array in arrays.items()}
    if len(set(sizes.values())) > 1:
        raise DataError(f"curves have different lengths: {sizes}. Pass curves on one axis.")
    return arrays


def _line(ax: Axes, x: np.ndarray, y: np.ndarray, name: str, words: str, repeat: int = 0) -> None:
    kind, _ = role(name)
    points = kind == "measurement" and y.size <= _MOST_POINTS
    thin = kind == "measurement" and not points
    width = _line_width()
    ax.plot(
        x,
        y,
        color=COLOURS[kind],
        linestyle="none" if points else [LINESTYLES[kind], *_REPEATS][repeat % 4],
        marker=MARKERS[kind] if points else None,
        markersize=1.2 * _marker_size(),
        linewidth=0.6 * width if thin else width,
        # The naive inverse may fill the whole frame, and the truth lies under what it judges.
        zorder={"naive": 1.6, "measurement": 1.8, "truth": 2.0}.get(kind, 2.2),
        label=words,
    )


def _line_width() -> float:
    from matplotlib import rcParams

    return float(rcParams["lines.linewidth"])


def _marker_size() -> float:
    from matplotlib import rcParams

    return float(rcParams["lines.markersize"])
