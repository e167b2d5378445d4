"""Exercises of week 8: tomography at the microscope.

Use as ``from em_inverse.checks import week08 as ex``.

==================  ==========================================================================
``first_complete``  first_complete(sizes, readable): from which look on a file may be taken
``centre_shift``    centre_shift(image, vacuum): move the centre of mass to the middle
``odd_ones``        odd_ones(residuals, limit): which projections do not fit the others
``when_to_stop``    check(n=..., because=[...]): after how many projections, with reasons
``ALL``             all of them, in order
==================  ==========================================================================

Examples
--------
>>> from em_inverse.checks import week08 as ex
>>> ex.centre_shift.check(lambda image, vacuum: 0.0)
[not yet] centre_shift: Moved by 1 px, the image has its centre of mass 1 px further on: your shift
must become smaller by 1. It changes by 0.
Help: ex.centre_shift.hint()
>>> ex.centre_shift.hint()
[hint 1 of 3] Take the vacuum off first. Then w = image.sum(axis=1) is the mass in each row x.
(Next: ex.centre_shift.hint(2))
"""

from em_inverse.checks.week08_centre_shift import centre_shift
from em_inverse.checks.week08_first_complete import first_complete
from em_inverse.checks.week08_odd_ones import odd_ones
from em_inverse.checks.week08_when_to_stop import when_to_stop

__all__ = ["ALL", "centre_shift", "first_complete", "odd_ones", "when_to_stop"]

#: Every exercise of the week, in order.
ALL = (first_complete, centre_shift, odd_ones, when_to_stop)
