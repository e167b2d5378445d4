"""Show a figure to everyone: as a picture, and as a sentence."""

from __future__ import annotations

import base64
import html
import io
import os
import sys
from typing import TYPE_CHECKING

import numpy as np

from em_inverse.errors import ParameterError
from em_inverse.plotting.style import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["png", "show"]

# Of 255. Only the blended pixels at the edges of lines differ then, which nobody sees.
_LARGEST_MEAN_ERROR = 0.05
_DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mP4DwABAQEAHLCMmQAAAABJRU5ErkJggg=="
)
"""One white pixel."""


def show(fig: Figure, alt: str) -> None:
    """Display a figure in the notebook, with its alternative text and the same words below it.

    Screen readers find the sentence in the metadata of the picture; pages and slides that drop
    the metadata still carry it as a caption. In a plain script only the sentence is printed. With
    ``EM_INVERSE_PICTURES=none`` in the environment a dot takes the place of the picture, for runs
    of which only the words are read: to draw takes a seventh of the time of a notebook.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
        What to show. It is closed afterwards, so that a notebook does not draw it a second time.
    alt : str
        What is seen and what follows from it, in one or two sentences.

    Raises
    ------
    ParameterError
        When `alt` is empty.

    Examples
    --------
    >>> from em_inverse import plotting
    >>> fig = plotting.profiles(None, {"truth": [0, 1, 0]}, title="One peak stands alone")
    >>> show(fig, alt="A profile with one peak in the middle.")
    Figure: A profile with one peak in the middle.
    """
    if not isinstance(alt, str) or not alt.strip():
        raise ParameterError(
            f"alt is {alt!r}; a sentence is needed that says what is seen and what follows from "
            f"it, for readers who cannot see the figure."
        )
    sentence = " ".join(alt.split())
    try:
        if not _in_notebook():
            print(f"Figure: {sentence}")
            return
        from IPython.display import publish_display_data

        picture = _DOT if os.environ.get("EM_INVERSE_PICTURES") == "none" else png(fig)
        publish_display_data(
            {"image/png": base64.b64encode(picture).decode("ascii"), "text/plain": "[figure]"},
            {"image/png": {"alt": sentence}},
        )
        publish_display_data(
            {
                "text/html": f"<p><em>{html.escape(sentence)}</em></p>",
                "text/plain": f"Figure: {sentence}",
            }
        )
    finally:
        _close(fig)


def png(fig: Figure) -> bytes:
    """Return the figure as PNG bytes; the same figure made again gives the same bytes.

    Where 256 colours reproduce the picture to the eye they are all that is stored, which keeps
    notebooks small.

    Examples
    --------
    >>> from em_inverse import plotting
    >>> fig = plotting.profiles(None, {"truth": [0, 1, 0]}, title="One peak stands alone")
    >>> png(fig)[1:4]
    b'PNG'
    """
    from PIL import Image

    picture = Image.fromarray(_pixels(fig)).convert("RGB")
    palette = picture.quantize(
        256, method=Image.Quantize.MEDIANCUT, kmeans=1, dither=Image.Dither.NONE
    )
    difference = np.abs(np.asarray(palette.convert("RGB"), int) - np.asarray(picture, int))
    faithful = difference.mean() <= _LARGEST_MEAN_ERROR
    small = io.BytesIO()
    (palette if faithful else picture).save(
        small, format="png", optimize=True, dpi=(fig.dpi, fig.dpi)
    )
    return small.getvalue()


def _pixels(fig: Figure) -> np.ndarray:
    """Draw the figure once; ``savefig`` would draw it twice, and lay it out without need."""
    from matplotlib import rcParams
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    usual, paper = fig.canvas, fig.get_facecolor()
    canvas = FigureCanvasAgg(fig)
    with style():
        fig.set_facecolor(rcParams["savefig.facecolor"])
        try:
            # The layout settles the second time, which is that of the drawing: only then are all
            # sizes of text known.
            engine = fig.get_layout_engine()
            if engine is None:
                fig.draw_without_rendering()
            else:
                engine.execute(fig)
            canvas.draw()
            return np.array(canvas.buffer_rgba())
        finally:
            fig.set_facecolor(paper)
            fig.set_canvas(usual)


def _in_notebook() -> bool:
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    return get_ipython() is not None


def _close(fig: Figure) -> None:
    """Take the figure from pyplot, if it came from there; loading pyplot for that is not needed."""
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close(fig)
