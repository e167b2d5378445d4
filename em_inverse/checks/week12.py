"""Exercises of week 12: phase-contrast atomic tomography.

Use as ``from em_inverse.checks import week12 as ex``.

=================  =========================================================================
``image``          image(slices, sigma, P, L): an electron wave through slices, and squared
``step_gradient``  step_gradient(r, psi, S, sigma, P): one slice on the way back
``shrink``         shrink(V, tau): the proximal operator of Σ|V| with V ≥ 0
``reading``        check(trace=..., because=[...]): which trace to report, with reasons
``ALL``            all of them, in order
=================  =========================================================================

Examples
--------
>>> import numpy as np
>>> from em_inverse.checks import week12 as ex
>>> ex.shrink.check(lambda V, tau: np.where(V > tau, V, 0))
[not yet] shrink: You keep or delete, but shift nothing: what is above τ comes back
unshrunk. This jumps at V = τ, and belongs to counting voxels, not to Σ|V|.
Help: ex.shrink.hint(), ex.shrink.expected()
>>> ex.shrink.hint()
[hint 1 of 4] Take τ off what is left, too. (Next: ex.shrink.hint(2))
"""

from em_inverse.checks.week12_image import image
from em_inverse.checks.week12_reading import reading
from em_inverse.checks.week12_shrink import shrink
from em_inverse.checks.week12_step_gradient import step_gradient

__all__ = ["ALL", "image", "reading", "shrink", "step_gradient"]

#: Every exercise of the week, in order.
ALL = (image, step_gradient, shrink, reading)
