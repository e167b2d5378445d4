"""Exercises of week 7: a reconstruction that goes on while ε and the data change.

Use as ``from em_inverse.checks import week07 as ex``.

================  ===========================================================================
``dual_step``     dual_step(q, Ax, b, h, epsilon): how the data change their pull
``carry``         carry(q, old, new): the pull of each tilt, for another list of tilts
``golden_order``  golden_order(n): an order of n tilts that is even whenever one stops
``judge``         check(run=..., because=[...]): which of four runs may be published, and why
``ALL``           all of them, in order
================  ===========================================================================

Examples
--------
>>> from em_inverse.checks import week07 as ex
>>> ex.golden_order.check(lambda n: list(range(n)))
[not yet] golden_order: That is the sequential order: each tilt beside the last one.
Help: ex.golden_order.hint(), ex.golden_order.expected()
>>> ex.golden_order.hint()
[hint 1 of 4] Begin with the n numbers t: k in np.arange(n), then % 1 for the part
behind the point. (Next: ex.golden_order.hint(2))
"""

from em_inverse.checks.week07_carry import carry
from em_inverse.checks.week07_dual_step import dual_step
from em_inverse.checks.week07_golden_order import golden_order
from em_inverse.checks.week07_judge import judge

__all__ = ["ALL", "carry", "dual_step", "golden_order", "judge"]

#: Every exercise of the week, in order.
ALL = (dual_step, carry, golden_order, judge)
