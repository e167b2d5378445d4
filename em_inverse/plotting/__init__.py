"""Figures of the course: one style, one meaning per colour, and a sentence for everyone.

Every helper returns a matplotlib Figure of its own, outside pyplot, so nothing is drawn twice and
nothing leaks; :func:`show` displays it with its alternative text. Titles are sentences that state
what the figure shows, and are always passed in. Matplotlib is imported when the first figure is
made.
"""

from em_inverse.plotting.atoms import (
    atoms_3d,
    atoms_in_words,
    intensities_in_words,
    intensity_histogram,
)
from em_inverse.plotting.choice import l_curve, rule_curve, u_curve
from em_inverse.plotting.curves import picard, profiles, spectrum
from em_inverse.plotting.display import show
from em_inverse.plotting.geometry import fourier_coverage
from em_inverse.plotting.pictures import images, orthoslices, signed_difference
from em_inverse.plotting.style import (
    COLOURS,
    DIVERGING,
    GREY,
    LABELS,
    LINESTYLES,
    MARKERS,
    OKABE_ITO,
    SEQUENTIAL,
    style,
    use,
)

__all__ = [
    "COLOURS",
    "DIVERGING",
    "GREY",
    "LABELS",
    "LINESTYLES",
    "MARKERS",
    "OKABE_ITO",
    "SEQUENTIAL",
    "atoms_3d",
    "atoms_in_words",
    "fourier_coverage",
    "images",
    "intensities_in_words",
    "intensity_histogram",
    "l_curve",
    "orthoslices",
    "picard",
    "profiles",
    "rule_curve",
    "show",
    "signed_difference",
    "spectrum",
    "style",
    "u_curve",
    "use",
]
