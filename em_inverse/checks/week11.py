"""Exercises of week 11: deblurring a column profile, from the naive inverse to a chosen λ.

Use as ``from em_inverse.checks import week11 as ex``. Here H is a plain matrix, y and x_true are
1-D arrays, and λ belongs to ‖Hx − y‖² + λ‖x‖² (the filter is σ/(σ² + λ)).

=================  =======================================================================
``naive``          naive(H, y): the inverse x = V Σ⁻¹ Uᵀ y
``tikhonov``       tikhonov(H, y, lam): the minimiser of ‖Hx − y‖² + λ‖x‖²
``rmse_curve``     rmse_curve(H, y, x_true, lambdas): the error at each λ, the U-curve
``discrepancy``    discrepancy(H, y, noise_norm): the λ whose residual is the noise norm
``best_lambda``    check(lam=..., because=[...]): λ from the L-curve, with reasons
``ALL``            all of them, in order
=================  =======================================================================

Examples
--------
>>> import numpy as np
>>> from em_inverse.checks import week11 as ex
>>> ex.tikhonov.check(lambda H, y, lam: np.linalg.solve(H.T @ H + lam, H.T @ y))
[not yet] tikhonov: Your function adds λ to every entry of HᵀH. numpy does that for H.T
@ H + lam; the identity matrix is missing.
Help: ex.tikhonov.hint(), ex.tikhonov.expected()
>>> ex.tikhonov.hint()
[hint 1 of 4] λ belongs on the diagonal only: np.eye(n). (Next: ex.tikhonov.hint(2))
"""

from em_inverse.checks.week11_best_lambda import best_lambda
from em_inverse.checks.week11_discrepancy import discrepancy
from em_inverse.checks.week11_naive import naive
from em_inverse.checks.week11_rmse_curve import rmse_curve
from em_inverse.checks.week11_tikhonov import tikhonov

__all__ = ["ALL", "best_lambda", "discrepancy", "naive", "rmse_curve", "tikhonov"]

#: Every exercise of the week, in order.
ALL = (naive, tikhonov, rmse_curve, discrepancy, best_lambda)
