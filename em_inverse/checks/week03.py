"""Exercises of week 3: priors, their objectives, and what they do to values and steps.

Use as ``from em_inverse.checks import week03 as ex``. Here H is a plain matrix, x and y are 1-D
arrays, and λ belongs to ‖Hx − y‖² + λR(x).

===============  =========================================================================
``objectives``   objectives(H, y, x, lam): data + λR for R = L2, H1, TV, L1
``soft``         soft(v, t): the soft threshold, which is the prox of t‖·‖₁
``smooth``       smooth(H, y, lam): the minimiser of ‖Hx − y‖² + λ‖Dx‖²
``plan``         check(plan=..., because=[...]): a prior for each of four specimens
``ALL``          all of them, in order
===============  =========================================================================

Examples
--------
>>> import numpy as np
>>> from em_inverse.checks import week03 as ex
>>> ex.soft.check(lambda v, t: np.where(np.abs(v) > t, v, 0))
[not yet] soft: Your function keeps what is above the threshold as it is: that is the
*hard* threshold. The soft one also moves the survivors by t towards zero.
Help: ex.soft.hint(), ex.soft.expected()
>>> ex.soft.hint()
[hint 1 of 4] A value just above t must become just above zero: no jump. (Next:
ex.soft.hint(2))
"""

from em_inverse.checks.week03_objectives import objectives
from em_inverse.checks.week03_plan import plan
from em_inverse.checks.week03_smooth import smooth
from em_inverse.checks.week03_soft import soft

__all__ = ["ALL", "objectives", "plan", "smooth", "soft"]

#: Every exercise of the week, in order.
ALL = (objectives, soft, smooth, plan)
