"""Exercises of week 5: from the sinusoid of a point to the tilts worth recording.

Use as ``from em_inverse.checks import week05 as ex``. Slices are ``x[z, x]``, sinograms
``[tilt, x]``, angles in degrees.

=================  =======================================================================
``sinusoid``       sinusoid(z, x, angles_deg): where a point falls on the detector
``ramp``           ramp(projections): every projection filtered with |q|
``wedge_mask``     wedge_mask(n, max_tilt_deg): what a tilt range measures of Fourier space
``spread_ratio``   spread_ratio(image): width along the beam over width across
``best_step``      check(step=..., because=[...]): a tilt step for a given dose, with reasons
``ALL``            all of them, in order
=================  =======================================================================

Examples
--------
>>> import numpy as np
>>> from em_inverse.checks import week05 as ex
>>> def sinusoid(z, x, angles_deg):
...     return x * np.cos(angles_deg) + z * np.sin(angles_deg)
>>> ex.sinusoid.check(sinusoid)
[not yet] sinusoid: Your function puts degrees into np.cos and np.sin, which take
radians.
Help: ex.sinusoid.hint(), ex.sinusoid.expected()
"""

from em_inverse.checks.week05_best_step import best_step
from em_inverse.checks.week05_ramp import ramp
from em_inverse.checks.week05_sinusoid import sinusoid
from em_inverse.checks.week05_spread_ratio import spread_ratio
from em_inverse.checks.week05_wedge_mask import wedge_mask

__all__ = ["ALL", "best_step", "ramp", "sinusoid", "spread_ratio", "wedge_mask"]

#: Every exercise of the week, in order.
ALL = (sinusoid, ramp, wedge_mask, spread_ratio, best_step)
