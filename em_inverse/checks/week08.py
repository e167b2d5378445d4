"""Exercises of week 8: tomography in real time.

Use as ``from em_inverse.checks import week08 as ex``. They are the small decisions that a program
takes at the microscope, one at every arrival.

===============  =======================================================================
``mass_shift``   mass_shift(image): how far the centre of mass is from the middle
``is_complete``  is_complete(sizes, needed=2): whether a file has been written to its end
``stand_out``    stand_out(residuals, threshold=5.0): which tilts are unlike the others
``stop_now``     check(session=..., because=[...]): one of three sessions, with reasons
``ALL``          all of them, in order
===============  =======================================================================

Examples
--------
>>> import numpy as np
>>> from em_inverse.checks import week08 as ex
>>> ex.is_complete.check(lambda sizes, needed=2: sizes[-1] == sizes[-2] > 0 if sizes[1:] else False)
[not yet] is_complete: You compare the last two looks only. A camera may pause while it
writes; needed says how often the size must have been the same again.
Help: ex.is_complete.hint(), ex.is_complete.expected()
>>> ex.is_complete.hint()
[hint 1 of 4] Look at sizes[-(needed + 1):], all of it. (Next: ex.is_complete.hint(2))
"""

from em_inverse.checks.week08_is_complete import is_complete
from em_inverse.checks.week08_mass_shift import mass_shift
from em_inverse.checks.week08_stand_out import stand_out
from em_inverse.checks.week08_stop_now import stop_now

__all__ = ["ALL", "is_complete", "mass_shift", "stand_out", "stop_now"]

#: Every exercise of the week, in order.
ALL = (mass_shift, is_complete, stand_out, stop_now)
