"""Solvers: everything after "argmin". The iterative ones are iterators."""

from em_inverse.solvers.algebraic import CGLS, MLEM, SIRT
from em_inverse.solvers.direct import TikhonovPath, naive, picard, truncated_svd
from em_inverse.solvers.iteration import (
    IterationState,
    Solver,
    StopRule,
    discrepancy,
    relative_change,
    small_gap,
)
from em_inverse.solvers.proximal import FISTA, PDHG
from em_inverse.solvers.tv_path import tv_path

__all__ = [
    "CGLS",
    "FISTA",
    "MLEM",
    "PDHG",
    "SIRT",
    "IterationState",
    "Solver",
    "StopRule",
    "TikhonovPath",
    "discrepancy",
    "naive",
    "picard",
    "relative_change",
    "small_gap",
    "truncated_svd",
    "tv_path",
]
