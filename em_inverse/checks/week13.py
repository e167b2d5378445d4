"""Exercises of week 13: tilt-series generation.

Use as ``from em_inverse.checks import week13 as ex``.

===============  ==============================================================================
``widest_step``  widest_step(radius_nm, period_nm): the coarsest tilt step that can be filled
``between``      between(angles_deg, values, wanted_deg, highest): band-limited filling
``chamfer``      chamfer(a, b): how far two objects are apart, by nearest points
``caption``      check(caption=..., because=[...]): what to publish, with reasons
``ALL``          all of them, in order
===============  ==============================================================================

Examples
--------
>>> import numpy as np
>>> from em_inverse.checks import week13 as ex
>>> ex.widest_step.check(lambda radius_nm, period_nm: period_nm / (2 * radius_nm))
[not yet] widest_step: This is in radians. Angles of a tilt series are given in degrees.
Help: ex.widest_step.hint(), ex.widest_step.expected()
>>> ex.widest_step.hint()
[hint 1 of 4] np.rad2deg, or 180 / π. (Next: ex.widest_step.hint(2))
"""

from em_inverse.checks.week13_between import between
from em_inverse.checks.week13_caption import caption
from em_inverse.checks.week13_chamfer import chamfer
from em_inverse.checks.week13_widest_step import widest_step

__all__ = ["ALL", "between", "caption", "chamfer", "widest_step"]

#: Every exercise of the week, in order.
ALL = (widest_step, between, chamfer, caption)
