"""Exercises of week 9: one specimen, two detectors.

Use as ``from em_inverse.checks import week09 as ex``.

==================  ======================================================================
``image_gradient``  image_gradient(x, Z, gamma, b): how the image pulls at the maps
``deviance``        deviance(counts, expected): distance of counts from an expectation
``dose_factor``     dose_factor(doses, errors, dose, error): dose saved, like for like
``believe``         check(fusion=..., because=[...]): one of three fusions, with reasons
``ALL``             all of them, in order
==================  ======================================================================

Examples
--------
>>> import numpy as np
>>> from em_inverse.checks import week09 as ex
>>> ex.deviance.check(lambda counts, expected: np.mean((counts - expected) ** 2 / expected))
[not yet] deviance: This is Pearson's χ², (d − e)²/e. It comes near the deviance for
many counts, not for few.
Help: ex.deviance.hint(), ex.deviance.expected()
>>> ex.deviance.hint()
[hint 1 of 4] Three terms: e, − d, and d log(d / e). (Next: ex.deviance.hint(2))
"""

from em_inverse.checks.week09_believe import believe
from em_inverse.checks.week09_deviance import deviance
from em_inverse.checks.week09_dose_factor import dose_factor
from em_inverse.checks.week09_image_gradient import image_gradient

__all__ = ["ALL", "believe", "deviance", "dose_factor", "image_gradient"]

#: Every exercise of the week, in order.
ALL = (image_gradient, deviance, dose_factor, believe)
