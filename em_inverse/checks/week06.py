"""Exercises of week 6: iterative reconstruction and compressed sensing from few tilts.

Use as ``from em_inverse.checks import week06 as ex``. Here H is a plain matrix with weights ≥ 0
(one row a ray, one column a pixel), y the data, x the object as a vector.

=================  =======================================================================
``sirt_step``      sirt_step(H, y, x): one step of SIRT, with x ≥ 0
``iterate_until``  iterate_until(H, y, noise_norm, tau): stop when the noise is met
``into_ball``      into_ball(v, b, epsilon): the nearest point within ε of the data
``publish``        check(picture=..., because=[...]): one of three pictures, with reasons
``ALL``            all of them, in order
=================  =======================================================================

Examples
--------
>>> import numpy as np
>>> from em_inverse.checks import week06 as ex
>>> ex.into_ball.check(lambda v, b, epsilon: b + np.clip(v - b, -epsilon, epsilon))
[not yet] into_ball: Your function limits every entry of v − b by itself. That is a box,
whose corners lie √n ε away; the ball limits the length of the whole vector.
Help: ex.into_ball.hint(), ex.into_ball.expected()
>>> ex.into_ball.hint()
[hint 1 of 4] One number shrinks all entries alike: ε/‖v − b‖. (Next:
ex.into_ball.hint(2))
"""

from em_inverse.checks.week06_into_ball import into_ball
from em_inverse.checks.week06_iterate_until import iterate_until
from em_inverse.checks.week06_publish import publish
from em_inverse.checks.week06_sirt_step import sirt_step

__all__ = ["ALL", "into_ball", "iterate_until", "publish", "sirt_step"]

#: Every exercise of the week, in order.
ALL = (sirt_step, iterate_until, into_ball, publish)
