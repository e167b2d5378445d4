"""Exercises of week 10: chemistry in three dimensions.

Use as ``from em_inverse.checks import week10 as ex``.

=================  =========================================================================
``overlap``        overlap(a, b): how much of two pictures lies in the same place
``unmix``          unmix(volumes, M): known spectra fitted to every voxel
``fourier_ratio``  fourier_ratio(y, p, r): plural scattering divided out, wave by wave
``plan``           check(plan=..., because=[...]): how to share out a dose, with reasons
``ALL``            all of them, in order
=================  =========================================================================

Examples
--------
>>> import numpy as np
>>> from em_inverse.checks import week10 as ex
>>> ex.unmix.check(lambda volumes, M: volumes @ M)
[not yet] unmix: This is Mᵀv: how much the spectrum of each voxel resembles each line.
It is the adjoint, not the inverse; a voxel with one mode alone would show all three.
Help: ex.unmix.hint(), ex.unmix.expected()
>>> ex.unmix.hint()
[hint 1 of 4] Solve (MᵀM) x = Mᵀv, or use np.linalg.pinv(M). (Next: ex.unmix.hint(2))
"""

from em_inverse.checks.week10_fourier_ratio import fourier_ratio
from em_inverse.checks.week10_overlap import overlap
from em_inverse.checks.week10_plan import plan
from em_inverse.checks.week10_unmix import unmix

__all__ = ["ALL", "fourier_ratio", "overlap", "plan", "unmix"]

#: Every exercise of the week, in order.
ALL = (overlap, unmix, fourier_ratio, plan)
