"""Sensor fusion: one sharp image without chemistry, and chemistry without enough counts.

A HAADF image has thousands of counts per pixel but weighs all elements into one number; a map from
EELS or EDX knows the element but has a handful of counts. Both come from the same specimen, so one
set of maps must explain both:

    fused = fusion.fuse(haadf, {"Au": gold, "Fe": iron, "O": oxygen})
    fused.maps["Au"], fused.history["objective"], fused.report()
"""

from em_inverse.fusion.choice import choose_lam_tv, vacuum_cross_validation
from em_inverse.fusion.fusing import denoise, fuse
from em_inverse.fusion.model import FusedModel
from em_inverse.fusion.model_check import ModelCheck, check
from em_inverse.fusion.result import FusedMaps
from em_inverse.fusion.solver import Fusion, settled
from em_inverse.fusion.units import as_counts, mean_noise

__all__ = [
    "FusedMaps",
    "FusedModel",
    "Fusion",
    "ModelCheck",
    "as_counts",
    "check",
    "choose_lam_tv",
    "denoise",
    "fuse",
    "mean_noise",
    "settled",
    "vacuum_cross_validation",
]
