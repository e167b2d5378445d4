"""The look: colours with a meaning, and type that can be read from the last row."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = [
    "COLOURS",
    "DIVERGING",
    "GREY",
    "LABELS",
    "LINESTYLES",
    "MARKERS",
    "OKABE_ITO",
    "SEQUENTIAL",
    "present_mode",
    "role",
    "style",
    "use",
]

OKABE_ITO: dict[str, str] = {
    "black": "#000000",
    "orange": "#E69F00",
    "sky blue": "#56B4E9",
    "bluish green": "#009E73",
    "yellow": "#F0E442",
    "blue": "#0072B2",
    "vermillion": "#D55E00",
    "reddish purple": "#CC79A7",
}
"""The colour-blind-safe palette of M. Okabe and K. Ito."""

COLOURS: dict[str, str] = {
    "truth": OKABE_ITO["black"],
    "measurement": "#7F7F7F",
    "naive": OKABE_ITO["vermillion"],
    "tikhonov": OKABE_ITO["blue"],
    "tv": OKABE_ITO["orange"],
    "l1": OKABE_ITO["bluish green"],
    "algebraic": OKABE_ITO["sky blue"],
    "learned": OKABE_ITO["reddish purple"],
}
"""One colour, one meaning, in every week."""

LINESTYLES: dict[str, Any] = {
    "truth": "-",
    "measurement": "-",
    "naive": (0, (4, 2)),
    "tikhonov": (0, (8, 1)),
    "tv": "-.",
    "l1": (0, (1, 1)),
    "algebraic": (0, (5, 1, 1, 1, 1, 1)),
    "learned": (0, (2, 1)),
}
"""A second sign for the same meaning, for readers and printers without colour. The measurement is
drawn as points, or as a line much thinner than the truth."""

MARKERS: dict[str, str] = {
    "truth": "s",
    "measurement": ".",
    "naive": "v",
    "tikhonov": "o",
    "tv": "D",
    "l1": "^",
    "algebraic": "P",
    "learned": "X",
}
"""Marker of each meaning, where single values are drawn."""

LABELS: dict[str, str] = {
    "truth": "truth",
    "measurement": "measurement",
    "naive": "naive inverse",
    "tikhonov": "Tikhonov",
    "tv": "total variation",
    "l1": "L1",
    "algebraic": "SIRT",
    "learned": "learned",
}
"""Words of the legend."""

GREY = "gray"
"""Colour map of objects and slices."""
SEQUENTIAL = "cividis"
"""Colour map of dose, λ and other amounts; it survives greyscale."""
DIVERGING = "RdBu_r"
"""Colour map of signed differences, centred on zero."""

_ALIASES = {
    "sirt": "algebraic",
    "sart": "algebraic",
    "cgls": "algebraic",
    "mlem": "algebraic",
    "wbp": "naive",
    "network": "learned",
    "sparse": "l1",
    "data": "measurement",
}
_ALIAS_LABELS = {
    "sirt": "SIRT",
    "sart": "SART",
    "cgls": "CGLS",
    "mlem": "MLEM",
    "wbp": "WBP",
    "network": "network",
    "data": "data",
}

# A lecturer's kernel starts with large figures, as it does with large explorers.
_present = os.environ.get("EM_INVERSE_PRESENT", "") not in ("", "0")


def present_mode() -> bool:
    """Say whether figures are now drawn for projection (large type)."""
    return _present


def role(name: str) -> tuple[str, str]:
    """Return the role that a name stands for and the words of its legend entry.

    Names of methods are understood beside those of :data:`COLOURS`: "sirt" is drawn as
    "algebraic", "wbp" as "naive". What follows a slash tells several results of one method apart:
    "tikhonov/λ = 5" has the colour of "tikhonov" and its own words.

    Raises
    ------
    ParameterError
        When the name is unknown.

    Examples
    --------
    >>> role("sart")
    ('algebraic', 'SART')
    >>> role("tikhonov/λ = 5")
    ('tikhonov', 'λ = 5')
    """
    from em_inverse.errors import check_choice

    method, _, variant = name.partition("/")
    known = check_choice(method, "role", [*COLOURS, *_ALIASES])
    base = _ALIASES.get(known, known)
    return base, variant or _ALIAS_LABELS.get(known, LABELS[base])


@contextmanager
def style(present: bool | None = None) -> Iterator[None]:
    """Draw with the look of the course inside a ``with`` block.

    Parameters
    ----------
    present : bool, optional
        Double the text for a projector. By default whatever :func:`use` chose last.

    Examples
    --------
    >>> import matplotlib
    >>> with style(present=True):
    ...     matplotlib.rcParams["font.size"]
    20.0
    """
    global _present
    import matplotlib

    before = _present
    _present = before if present is None else bool(present)
    try:
        with matplotlib.rc_context(_settings(_present)):
            yield
    finally:
        _present = before


def use(present: bool = False) -> None:
    """Give every figure drawn from now on the look of the course.

    Parameters
    ----------
    present : bool
        Double the text for a projector.
    """
    global _present
    import matplotlib

    _present = bool(present)
    matplotlib.rcParams.update(_settings(_present))


def _settings(present: bool) -> Any:
    from cycler import cycler

    scale = 2.0 if present else 1.0
    cycle = ["tikhonov", "tv", "l1", "naive", "learned", "algebraic"]
    return {
        "figure.dpi": 90,
        "savefig.dpi": "figure",
        "figure.facecolor": "white",
        "savefig.facecolor": "white",
        "savefig.bbox": None,
        "figure.constrained_layout.use": True,
        "figure.constrained_layout.w_pad": 0.08,
        "figure.constrained_layout.h_pad": 0.08,
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans"],
        "mathtext.fontset": "dejavusans",
        "font.size": 10 * scale,
        "figure.titlesize": 12 * scale,
        "figure.titleweight": "bold",
        "axes.titlesize": 10 * scale,
        "axes.titlelocation": "left",
        "axes.labelsize": 10 * scale,
        "xtick.labelsize": 9 * scale,
        "ytick.labelsize": 9 * scale,
        "legend.fontsize": 9.5 * scale,
        "legend.frameon": False,
        "legend.handlelength": 2.6,
        "lines.linewidth": 1.6 * scale,
        "lines.markersize": 5 * scale,
        "axes.linewidth": 0.8 * scale,
        "xtick.major.width": 0.8 * scale,
        "ytick.major.width": 0.8 * scale,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.grid": False,
        "grid.color": "#D9D9D9",
        "grid.linewidth": 0.6 * scale,
        "axes.unicode_minus": True,
        "axes.formatter.useoffset": False,
        "axes.prop_cycle": cycler(color=[COLOURS[name] for name in cycle])
        + cycler(linestyle=[LINESTYLES[name] for name in cycle]),
        "image.cmap": GREY,
        "image.interpolation": "nearest",
        "image.origin": "upper",
    }
