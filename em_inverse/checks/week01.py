"""Exercises of week 1: from the object to the counts, and what the counts can decide.

Use as ``from em_inverse.checks import week01 as ex``.

=================  =======================================================================
``haadf``          haadf(x, Z, gamma, P): the image P ⋆ Σ Z^γ x of the maps x[element, …]
``snr``            snr(dose, pixel_nm, share, readout): signal over noise of one pixel
``back_project``   back_project(y, shape, start): the adjoint of "sum over z, then crop"
``second_tilt``    check(tilt=..., because=[...]): the angle of a second image, with reasons
``ALL``            all of them, in order
=================  =======================================================================

Examples
--------
>>> import numpy as np
>>> from em_inverse.checks import week01 as ex
>>> ex.snr.check(lambda dose, pixel_nm, share, readout: np.sqrt(dose * pixel_nm**2 * share))
[not yet] snr: Your function returns √N: shot noise is there, the noise of the read-out
is not.
Help: ex.snr.hint(), ex.snr.expected()
>>> ex.snr.hint()
[hint 1 of 4] Two independent noises add as squares: the variance is N from counting and
readout² from the electronics. (Next: ex.snr.hint(2))
"""

from em_inverse.checks.week01_back_project import back_project
from em_inverse.checks.week01_haadf import haadf
from em_inverse.checks.week01_second_tilt import second_tilt
from em_inverse.checks.week01_snr import snr

__all__ = ["ALL", "back_project", "haadf", "second_tilt", "snr"]

#: Every exercise of the week, in order.
ALL = (haadf, snr, back_project, second_tilt)
