"""Tilt-series generation: fill the gaps between recorded frames, and know what was invented.

    filled = interpolation.fill(series, 2)          # twice as many frames
    filled.generated                                # which of them no electron has made
    filled.metadata["filling"]["reason"]            # why they were made the way they were

:func:`gap_sweep` measures what each way to fill is worth on series whose truth is known;
:func:`consistency` warns where generated frames contradict the recorded ones, and needs no truth.
"""

from em_inverse.interpolation.bow_tie import BowTie
from em_inverse.interpolation.choice import Choice, choose
from em_inverse.interpolation.consistency import Consistency, consistency
from em_inverse.interpolation.evaluation import gap_sweep, object_distance, reconstruction_sweep
from em_inverse.interpolation.filling import METHODS, fill
from em_inverse.interpolation.weights import cubic_weights, linear_weights

__all__ = [
    "METHODS",
    "BowTie",
    "Choice",
    "Consistency",
    "choose",
    "consistency",
    "cubic_weights",
    "fill",
    "gap_sweep",
    "linear_weights",
    "object_distance",
    "reconstruction_sweep",
]
