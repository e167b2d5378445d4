"""Ill-posed problems to try methods on: classics of the literature, and three of this course.

Each function builds one problem from its published integral equation

    ∫ K(s, t) x(t) dt = y(s),

discretised by the midpoint rule: the n values of x stand at the middles of n equal steps, and
H[i, j] = h K(s_i, t_j). Data are made with the same H, so that the only error is the noise that
you add. The classics differ in what makes rules for λ stumble: how fast the singular values fall,
how smooth the object is, and whether the kernel is symmetric.

Every problem comes as a :class:`Problem`; :data:`CLASSICS` holds the functions by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from em_inverse.errors import check_integer, check_number
from em_inverse.forward import GaussianBlur, LinearOperator, MatrixOperator
from em_inverse.phantoms import core_shell, three_peaks

__all__ = [
    "CLASSICS",
    "Problem",
    "baart",
    "column_row",
    "fox_goodwin",
    "gravity",
    "heat",
    "phillips",
    "second_derivative",
    "shaw",
    "three_columns",
    "tilt_slice",
]

_SMALLEST = 8


@dataclass(frozen=True, eq=False)
class Problem:
    """A forward operator, an object, and what the operator makes of it.

    Attributes
    ----------
    name : str
        What to call it in a table.
    H : LinearOperator
        The forward operator.
    x_true : ndarray
        The object.
    y : ndarray
        Clean data, ``H @ x_true``.
    t : ndarray
        Positions of the values of the object, in the unit of the equation; pixel numbers of the
        columns for a slice.
    source : str
        Where it was published.
    """

    name: str
    H: LinearOperator
    x_true: np.ndarray
    y: np.ndarray
    t: np.ndarray
    source: str

    def __post_init__(self) -> None:
        for array in (self.x_true, self.y, self.t):
            array.flags.writeable = False


def phillips(n: int = 64) -> Problem:
    r"""Return the problem of Phillips: a smooth hump seen through a kernel of its own shape.

    With φ(t) = 1 + cos(πt/3) for \|t\| < 3 and 0 elsewhere: K(s, t) = φ(s − t) and x = φ on
    [−6, 6], so that y(s) = (6 − \|s\|)(1 + cos(πs/3)/2) + (9/2π) sin(π\|s\|/3). Singular values
    fall slowly: a mild blur.

    Parameters
    ----------
    n : int
        Number of unknowns, and of data.

    Returns
    -------
    Problem

    References
    ----------
    D. L. Phillips, A technique for the numerical solution of certain integral equations of the
    first kind, J. ACM 9 (1962) 84, doi:10.1145/321105.321114.

    Examples
    --------
    >>> phillips(32).H.shape
    (32, 32)
    """

    def bump(t: np.ndarray) -> np.ndarray:
        return np.where(np.abs(t) < 3, 1 + np.cos(np.pi * t / 3), 0.0)

    t, h = _midpoints(n, -6, 6)
    return _problem(
        "phillips", h * bump(t[:, None] - t), bump(t), t, "Phillips 1962, doi:10.1145/321105.321114"
    )


def shaw(n: int = 64) -> Problem:
    """Return the problem of Shaw: a light source of two humps, seen through a narrow slit.

    K(s, t) = (cos s + cos t)² (sin u / u)² with u = π (sin s + sin t), on angles of −π/2 to π/2;
    x(t) = 2 exp(−6 (t − 0.8)²) + exp(−2 (t + 0.5)²). Singular values fall very steeply.

    Parameters
    ----------
    n : int
        Number of unknowns, and of data.

    Returns
    -------
    Problem

    References
    ----------
    C. B. Shaw, Improvement of the resolution of an instrument by numerical solution of an integral
    equation, J. Math. Anal. Appl. 37 (1972) 83. The object is the one in common use since Hansen,
    doi:10.1137/1.9780898718836.

    Examples
    --------
    >>> round(float(shaw(64).x_true.max()), 1)
    2.0
    """
    t, h = _midpoints(n, -np.pi / 2, np.pi / 2)
    u = np.sin(t)[:, None] + np.sin(t)
    kernel = (np.cos(t)[:, None] + np.cos(t)) ** 2 * np.sinc(u) ** 2
    x = 2 * np.exp(-6 * (t - 0.8) ** 2) + np.exp(-2 * (t + 0.5) ** 2)
    return _problem("shaw", h * kernel, x, t, "Shaw 1972, J. Math. Anal. Appl. 37, 83")


def baart(n: int = 64) -> Problem:
    """Return the problem of Baart: one arch of a sine under an exponential kernel.

    K(s, t) = exp(s cos t) for 0 < s < π/2 and 0 < t < π; x = sin t, so that y = 2 sinh(s) / s. Of
    its singular values hardly ten are above rounding: the steepest fall of all.

    Parameters
    ----------
    n : int
        Number of unknowns, and of data.

    Returns
    -------
    Problem

    References
    ----------
    M. L. Baart, The use of auto-correlation for pseudo-rank determination in noisy
    ill-conditioned linear least-squares problems, IMA J. Numer. Anal. 2 (1982) 241,
    doi:10.1093/imanum/2.2.241.

    Examples
    --------
    >>> bool(baart(64).y[0] < baart(64).y[-1])
    True
    """
    t, h = _midpoints(n, 0, np.pi)
    s, _ = _midpoints(n, 0, np.pi / 2)
    kernel = np.exp(s[:, None] * np.cos(t))
    return _problem("baart", h * kernel, np.sin(t), t, "Baart 1982, doi:10.1093/imanum/2.2.241")


def fox_goodwin(n: int = 64) -> Problem:
    """Return the problem of Fox and Goodwin: a straight line under a distance.

    K(s, t) = √(s² + t²) on [0, 1]; x = t, so that y = ((1 + s²)^(3/2) − s³) / 3. Singular values
    fall steeply, and the object does not vanish at the border.

    Parameters
    ----------
    n : int
        Number of unknowns, and of data.

    Returns
    -------
    Problem

    References
    ----------
    L. Fox and E. T. Goodwin, The numerical solution of non-singular linear integral equations,
    Phil. Trans. R. Soc. A 245 (1953) 501, doi:10.1098/rsta.1953.0005.

    Examples
    --------
    >>> bool(abs(fox_goodwin(200).y[0] - 1 / 3) < 1e-4)
    True
    """
    t, h = _midpoints(n, 0, 1)
    return _problem(
        "fox-goodwin", h * np.hypot(t[:, None], t), t.copy(), t,
        "Fox and Goodwin 1953, doi:10.1098/rsta.1953.0005",
    )  # fmt: skip


def gravity(n: int = 64, depth: float = 0.25) -> Problem:
    """Return the gravity survey: the mass at a depth, from the pull at the surface.

    K(s, t) = d (d² + (s − t)²)^(−3/2) on [0, 1] with the depth d; x = sin(πt) + sin(2πt)/2.

    Parameters
    ----------
    n : int
        Number of unknowns, and of data.
    depth : float
        The deeper the mass lies, the steeper the singular values fall.

    Returns
    -------
    Problem

    References
    ----------
    G. M. Wing and J. D. Zahrt, *A Primer on Integral Equations of the First Kind* (1991),
    doi:10.1137/1.9781611971675. P. C. Hansen, *Discrete Inverse Problems* (2010), section 2.1,
    doi:10.1137/1.9780898718836.

    Examples
    --------
    >>> import numpy as np
    >>> deep, shallow = (gravity(32, depth).H.svd()[1] for depth in (0.5, 0.1))
    >>> bool(deep[0] / deep[10] > 100 * shallow[0] / shallow[10])
    True
    """
    d = check_number(depth, "depth", minimum=0, exclusive=True)
    t, h = _midpoints(n, 0, 1)
    kernel = d / (d**2 + (t[:, None] - t) ** 2) ** 1.5
    x = np.sin(np.pi * t) + 0.5 * np.sin(2 * np.pi * t)
    return _problem(
        "gravity", h * kernel, x, t, "Hansen 2010, section 2.1, doi:10.1137/1.9780898718836"
    )


def heat(n: int = 64) -> Problem:
    """Return the inverse heat problem: the temperature of a surface, measured inside.

    A Volterra equation on [0, 1]: y(s) is the integral of k(s − t) x(t) over 0 < t < s, with
    k(t) = t^(−3/2) exp(−1/(4t)) / (2√π). What happens late has not yet reached the sensor, so the
    last values of the object hardly change the data. The object, a short pulse of heat, is ours.

    Parameters
    ----------
    n : int
        Number of unknowns, and of data.

    Returns
    -------
    Problem

    References
    ----------
    A. Carasso, Determining surface temperatures from interior observations, SIAM J. Appl. Math. 42
    (1982) 558, doi:10.1137/0142040.

    Examples
    --------
    >>> bool(heat(32).H.to_matrix()[0, 1] == 0)  # no effect before its cause
    True
    """
    t, h = _midpoints(n, 0, 1)
    kernel = t**-1.5 * np.exp(-1 / (4 * t)) / (2 * np.sqrt(np.pi))
    lag = np.arange(t.size)[:, None] - np.arange(t.size)
    matrix = np.where(lag >= 0, kernel[np.maximum(lag, 0)], 0.0)
    x = np.exp(-(((t - 0.16) / 0.1) ** 2))
    return _problem("heat", h * matrix, x, t, "Carasso 1982, doi:10.1137/0142040")


def second_derivative(n: int = 64) -> Problem:
    """Return the second derivative: find x, when y'' = x and y vanishes at both ends.

    K(s, t) is Green's function, s (t − 1) for s < t and t (s − 1) otherwise, on [0, 1]; x = t, so
    that y = (s³ − s) / 6. Singular values are near 1/(kπ)²: the mildest of the classics.

    Parameters
    ----------
    n : int
        Number of unknowns, and of data.

    Returns
    -------
    Problem

    References
    ----------
    L. M. Delves and J. L. Mohamed, *Computational Methods for Integral Equations* (1985), p. 310,
    doi:10.1017/CBO9780511569609.

    Examples
    --------
    >>> bool(abs(second_derivative(64).H.svd()[1][0] * 3.14159**2 - 1) < 1e-3)
    True
    """
    t, h = _midpoints(n, 0, 1)
    kernel = np.minimum(t[:, None], t) * (np.maximum(t[:, None], t) - 1)
    return _problem(
        "deriv2", h * kernel, t.copy(), t,
        "Delves and Mohamed 1985, doi:10.1017/CBO9780511569609",
    )  # fmt: skip


def column_row(n: int = 80, probe: float = 3.0) -> Problem:
    """Return a row of five atomic columns, heavy and light in turn, blurred by the probe.

    Columns stand 13 pixels apart, are 1.8 px wide (standard deviation), and 1 or 0.4 high. Eight
    pixels at either end are vacuum.

    Parameters
    ----------
    n : int
        Number of pixels, at least 72; what is more than 80 is vacuum on the right.
    probe : float
        Standard deviation of the Gaussian probe, in pixels.

    Returns
    -------
    Problem

    Examples
    --------
    >>> problem = column_row()
    >>> problem.y.shape, float(problem.x_true[40].round(2))
    ((80,), 1.0)
    """
    size = check_integer(n, "n", minimum=72)
    x = three_peaks(size, (14, 27, 40, 53, 66), (1.0, 0.4, 1.0, 0.4, 1.0), 1.8)
    H = GaussianBlur((size,), probe, boundary="constant")
    return Problem("column row", H, x, H @ x, np.arange(size, dtype=float), "this course, week 4")


def three_columns() -> Problem:
    """Return the column profile of week 11: three columns, a probe of 3 px, 64 pixels.

    Returns
    -------
    Problem

    Examples
    --------
    >>> float(three_columns().y.max().round(2))
    0.45
    """
    x = three_peaks(64)
    H = GaussianBlur((64,), 3.0)
    return Problem("three columns", H, x, H @ x, np.arange(64.0), "this course, week 11")


def tilt_slice(n: int = 24, tilt_step: float = 10.0, tilt_range: float = 70.0) -> Problem:
    """Return one slice of a core-shell particle and its tilt series.

    Parameters
    ----------
    n : int
        Edge of the slice in pixels.
    tilt_step, tilt_range : float
        Tilts run from −`tilt_range` to +`tilt_range` in these steps, in degrees.

    Returns
    -------
    Problem
        x_true has the shape (n, n), y one projection per tilt.

    Examples
    --------
    >>> tilt_slice(16).y.shape
    (15, 16)
    """
    # Here, because it loads the compiled kernels.
    from em_inverse.forward.tilt import ParallelBeam

    step = check_number(tilt_step, "tilt_step", minimum=0, exclusive=True)
    widest = check_number(tilt_range, "tilt_range", minimum=0, maximum=90)
    x = core_shell(check_integer(n, "n", minimum=_SMALLEST))
    tilts = np.arange(-widest, widest + step / 2, step)
    H = ParallelBeam(x.shape, tilts).double()
    return Problem("tilt series", H, x, H @ x, np.arange(n, dtype=float), "this course, week 5")


CLASSICS: dict[str, Callable[[], Problem]] = {
    "phillips": phillips,
    "shaw": shaw,
    "baart": baart,
    "fox-goodwin": fox_goodwin,
    "gravity": gravity,
    "heat": heat,
    "deriv2": second_derivative,
}
"""The classics by name."""


def _midpoints(n: int, low: float, high: float) -> tuple[np.ndarray, float]:
    size = check_integer(n, "n", minimum=_SMALLEST)
    h = (high - low) / size
    return low + h * (np.arange(size) + 0.5), h


def _problem(name: str, matrix: np.ndarray, x: np.ndarray, t: np.ndarray, source: str) -> Problem:
    H = MatrixOperator(matrix)
    return Problem(name, H, x, H @ x, t, source)
