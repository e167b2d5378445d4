"""Exercises of week 4: choosing λ without the truth.

Use as ``from em_inverse.checks import week04 as ex``. Here H is a plain matrix, y a 1-D array, and
λ belongs to ‖Hx − y‖² + λ‖x‖² (the filter factor is σ²/(σ² + λ)).

=================  =======================================================================
``blank_noise``    blank_noise(blank, size): the noise norm, from a blank frame
``gcv``            gcv(H, y, lam): the GCV function
``leave_one_out``  leave_one_out(H, y, lam): the error of predicting what was left out
``which_lambda``   check(lam=..., because=[...]): three rules disagree; choose and justify
``ALL``            all of them, in order
=================  =======================================================================

Examples
--------
>>> import numpy as np
>>> from em_inverse.checks import week04 as ex
>>> ex.blank_noise.check(lambda blank, size: np.std(blank, ddof=1))
[not yet] blank_noise: Your function returns the noise of one pixel. The discrepancy
principle compares norms: of all pixels together.
Help: ex.blank_noise.hint(), ex.blank_noise.expected()
"""

from em_inverse.checks.week04_blank_noise import blank_noise
from em_inverse.checks.week04_decision import which_lambda
from em_inverse.checks.week04_gcv import gcv
from em_inverse.checks.week04_leave_one_out import leave_one_out

__all__ = ["ALL", "blank_noise", "gcv", "leave_one_out", "which_lambda"]

#: Every exercise of the week, in order.
ALL = (blank_noise, gcv, leave_one_out, which_lambda)
