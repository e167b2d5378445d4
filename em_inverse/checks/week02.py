"""Exercises of week 2: singular values, what noise makes of them, and where to stop.

Use as ``from em_inverse.checks import week02 as ex``. H is a plain matrix with m rows (data) and n
columns (unknowns), y a 1-D array, s the singular values, and λ belongs to ‖Hx − y‖² + λ‖x‖².

==================  ==========================================================================
``condition``       condition(H): κ of the patterns that are seen, and how many are not
``expected_rmse``   expected_rmse(H, noise_level): error of the naive inverse, not simulated
``rank``            check(r=..., because=[...]): the rank from the Picard plot, with reasons
``truncated_svd``   truncated_svd(H, y, r): the naive inverse of the first r patterns
``filter_factors``  filter_factors(s, lam): the share of each pattern that Tikhonov keeps
``ALL``             all of them, in order
==================  ==========================================================================

Examples
--------
>>> import numpy as np
>>> from em_inverse.checks import week02 as ex
>>> ex.filter_factors.check(lambda s, lam: s / (s**2 + lam))
[not yet] filter_factors: Your function returns σ/(σ² + λ), which multiplies the data
coefficient. The filter factor compares it with the 1/σ of the naive inverse.
Help: ex.filter_factors.hint(), ex.filter_factors.expected()
>>> ex.filter_factors.hint()
[hint 1 of 4] Write σ/(σ² + λ) as a factor times 1/σ. (Next: ex.filter_factors.hint(2))
"""

from em_inverse.checks.week02_condition import condition
from em_inverse.checks.week02_expected_rmse import expected_rmse
from em_inverse.checks.week02_filter_factors import filter_factors
from em_inverse.checks.week02_rank import rank
from em_inverse.checks.week02_truncated_svd import truncated_svd

__all__ = ["ALL", "condition", "expected_rmse", "filter_factors", "rank", "truncated_svd"]

#: Every exercise of the week, in order.
ALL = (condition, expected_rmse, rank, truncated_svd, filter_factors)
