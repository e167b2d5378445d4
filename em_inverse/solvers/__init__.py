"""Solvers: everything after "argmin". The iterative ones are iterators."""

from em_inverse.solvers.algebraic import CGLS, MLEM, SIRT
from em_inverse.solvers.asd_pocs import ASDPOCS
from em_inverse.solvers.direct import TikhonovPath, naive, picard, truncated_svd
from em_inverse.solvers.iteration import (
    HeldOutDistance,
    IterationState,
    Solver,
    StopRule,
    discrepancy,
    held_out,
    relative_change,
    small_gap,
)
from em_inverse.solvers.least_distance import LeastDistance, least_distance
from em_inverse.solvers.ordered_subsets import SART, TVSART, OrderedSubsets
from em_inverse.solvers.proximal import FISTA, PDHG
from em_inverse.solvers.tv_path import l1_path, tv_path

__all__ = [
    "ASDPOCS",
    "CGLS",
    "FISTA",
    "MLEM",
    "PDHG",
    "SART",
    "SIRT",
    "TVSART",
    "HeldOutDistance",
    "IterationState",
    "LeastDistance",
    "OrderedSubsets",
    "Solver",
    "StopRule",
    "TikhonovPath",
    "discrepancy",
    "held_out",
    "l1_path",
    "least_distance",
    "naive",
    "picard",
    "relative_change",
    "small_gap",
    "truncated_svd",
    "tv_path",
]
