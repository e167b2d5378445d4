"""Choosing λ: sweep, L-curve, discrepancy, GCV, quasi-optimality, cross-validation, thinning.

All rules speak of the objective ‖Hx − y‖² + λ R(x). Textbooks that write λ² there mean the square
root of ours.

The first five use Tikhonov's solution, which one decomposition gives for every λ at once
(:class:`em_inverse.solvers.TikhonovPath`), so that their answers are found on a continuous axis,
not on a grid. Cross-validation and thinning work with any method. :func:`compare` lets the rules
loose on many noisy versions of one simulated measurement, and says how far each fell short.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq, minimize_scalar

from em_inverse.errors import (
    DataError,
    ParameterError,
    check_array,
    check_choice,
    check_integer,
    check_number,
)
from em_inverse.forward.operator import LinearOperator, Mask, as_operator
from em_inverse.metrics import rmse
from em_inverse.solvers.direct import TikhonovPath

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "Choice",
    "Comparison",
    "LCurve",
    "Sweep",
    "compare",
    "cross_validation",
    "discrepancy",
    "gcv",
    "l_curve",
    "quasi_optimality",
    "sweep",
    "thinning",
]

#: Points per decade on which a continuous search is started.
_PER_DECADE = 24
#: A corner must turn the L-curve within about this many e-foldings of either axis.
_LEAST_CURVATURE = 0.5
#: One that turns it less sharply than this deserves a second opinion.
_CLEAR_CURVATURE = 2.0
#: Cross-validation within a comparison looks at every so many points of the grid, and not below
#: this share of the largest λ.
_CROSS_STRIDE, _CROSS_FLOOR = 4, 1e-16

#: Something that turns (H, y, λ) into an object.
Method = Callable[[LinearOperator, np.ndarray, float], np.ndarray]


@dataclass(frozen=True)
class Sweep:
    """One solution per λ.

    Attributes
    ----------
    lambdas : ndarray
        Values of λ, in the order given.
    solutions : ndarray, shape (len(lambdas), *object)
    residual_norms : ndarray
        ‖Hx − y‖.
    solution_norms : ndarray
        ‖Lx‖: of the object, or of its gradient.
    rmse : ndarray or None
        Root-mean-square error, when the truth was given.
    lam : float or None
        λ of the smallest error on the grid, when the truth was given.
    """

    lambdas: np.ndarray
    solutions: np.ndarray
    residual_norms: np.ndarray
    solution_norms: np.ndarray
    rmse: np.ndarray | None = None
    lam: float | None = None

    def draw(self) -> Figure:
        """Draw the U-curve of the error, or the residual where no truth is known."""
        from em_inverse import plotting

        return plotting.u_curve(
            self, title="Too small a λ keeps the noise, too large a λ blurs the object"
        )


@dataclass(frozen=True)
class LCurve:
    """Residual norm against solution norm, and the corner of that curve.

    Attributes
    ----------
    lambdas, residual_norms, solution_norms, curvature : ndarray
        The curve on a grid. The curvature is that of (ln ‖Hx − y‖, ln ‖Lx‖), positive where the
        curve turns like an L.
    lam : float or None
        λ at the corner, found between grid points; None when there is no corner.
    corner : tuple of float or None
        (residual norm, solution norm) there.
    message : str
        What was found, in words.
    """

    lambdas: np.ndarray
    residual_norms: np.ndarray
    solution_norms: np.ndarray
    curvature: np.ndarray
    lam: float | None
    corner: tuple[float, float] | None
    message: str

    def draw(self) -> Figure:
        """Draw the curve with its corner."""
        from em_inverse import plotting

        return plotting.l_curve(self, title=self.message.partition(";")[0])


@dataclass(frozen=True)
class Choice:
    """The λ that a rule chose, and the score it looked at.

    Attributes
    ----------
    lam : float
    rule : str
        Name of the rule.
    lambdas, scores : ndarray
        The score on a grid, for drawing.
    score_name : str
        What the score is.
    target : float or None
        The value that the score was to meet; None where it was minimised.
    residual_norm : float or None
        ‖Hx − y‖ at the choice, where one solution was computed.
    message : str
        What was found, in words; it says so when the choice is an end of the range.
    """

    lam: float
    rule: str
    lambdas: np.ndarray
    scores: np.ndarray
    score_name: str
    target: float | None = None
    residual_norm: float | None = None
    message: str = ""

    def draw(self) -> Figure:
        """Draw the score against λ with the choice marked."""
        from em_inverse import plotting

        return plotting.rule_curve(self, title=f"{self.rule}: λ = {self.lam:.3g}")


def sweep(
    H: Any,
    y: ArrayLike,
    lambdas: ArrayLike,
    x_true: ArrayLike | None = None,
    *,
    penalty: str = "identity",
    method: Method | None = None,
) -> Sweep:
    """Solve for every λ and, where the truth is known, say how far each solution is from it.

    Parameters
    ----------
    H : LinearOperator or matrix
    y : array_like, shape ``H.out_shape``
    lambdas : array_like
        Values of λ > 0.
    x_true : array_like, optional
        The true object, known only in simulations.
    penalty : {"identity", "gradient"}
        For Tikhonov's method.
    method : callable, optional
        ``method(H, y, lam)`` returning an object, instead of Tikhonov's.

    Returns
    -------
    Sweep

    Examples
    --------
    >>> import numpy as np
    >>> result = sweep(np.eye(2), [1.0, 1.0], [0.1, 1.0], x_true=[0.5, 0.5])
    >>> result.rmse.round(3).tolist(), result.lam
    ([0.409, 0.0], 1.0)
    """
    H = as_operator(H)
    grid = _grid(lambdas)
    if method is None:
        path = TikhonovPath(H, y, penalty)
        solutions = path.solutions(grid)
        residuals, sizes, _ = path.log_curve(grid)
    else:
        data = check_array(y, "y", shape=H.out_shape, dtype=H.dtype)
        solutions = np.stack(_solve_all(H, data, grid, method, penalty))
        residuals = np.array([np.linalg.norm(H.forward(x) - data) for x in solutions])
        sizes = np.array([np.linalg.norm(x) for x in solutions])
    if x_true is None:
        return Sweep(grid, solutions, residuals, sizes)
    errors = np.array([rmse(x, x_true) for x in solutions])
    return Sweep(grid, solutions, residuals, sizes, errors, float(grid[errors.argmin()]))


def l_curve(
    H: Any, y: ArrayLike, lambdas: ArrayLike | None = None, *, penalty: str = "identity"
) -> LCurve:
    """Find the corner of the L-curve: the λ of largest curvature of (ln ‖Hx − y‖, ln ‖Lx‖).

    No noise level is needed. The curvature is computed from exact derivatives, its maxima
    searched between grid points. A curve with several corners (maxima above 0.5) is cut at the
    one of least ‖Hx − y‖ · ‖Lx‖: left of it, the object grows faster than the residual falls. A
    curve that has none (a straight or gently bent line), or only where the residual is rounding
    error (data without noise), says so. So does one whose curvature is less than 2. A sharp corner
    is no proof: for smooth objects it moves ever further below the best λ as the noise falls
    (Hanke, Vogel).

    Parameters
    ----------
    H : LinearOperator or matrix
    y : array_like, shape ``H.out_shape``
    lambdas : array_like, optional
        Where to draw the curve, and between which ends to search; by default from where nothing
        is damped to where everything is.
    penalty : {"identity", "gradient"}

    Returns
    -------
    LCurve

    References
    ----------
    Hansen, Analysis of discrete ill-posed problems by means of the L-curve, SIAM Review 34 (1992)
    561, doi:10.1137/1034115. Regińska, doi:10.1137/S1064827593252672 (the least product). Lawson
    and Hanson, *Solving Least Squares Problems* (1974). Hanke, Limitations of the L-curve method,
    BIT 36 (1996) 287. Vogel, doi:10.1088/0266-5611/12/4/013.

    Examples
    --------
    >>> from em_inverse.forward import GaussianBlur
    >>> from em_inverse.phantoms import three_peaks
    >>> import numpy as np
    >>> H = GaussianBlur((64,), 3)
    >>> y = H @ three_peaks(64) + 0.05 * np.random.default_rng(1).standard_normal(64)
    >>> curve = l_curve(H, y)
    >>> 1e-3 < curve.lam < 1
    True
    """
    path = TikhonovPath(H, y, penalty)
    grid = _grid(lambdas) if lambdas is not None else _default_grid(path)
    residuals, sizes, at_grid = path.log_curve(grid)

    def bend(t: float) -> float:
        return float(path.log_curve([np.exp(t)])[2][0])

    low, high = np.log(grid.min()), np.log(grid.max())
    ticks = np.linspace(low, high, max(3, int((high - low) / np.log(10) * _PER_DECADE) + 2))
    rho, eta, bends = path.log_curve(np.exp(ticks))
    corners, best, rounding = _corners(path, rho, eta, bends)
    if corners.size:
        message = (
            f"the only corner between λ = {grid.min():.3g} and {grid.max():.3g} lies where the "
            f"residual is rounding error: these data hold no noise to balance. Use λ = 0, the "
            f"naive inverse, or another rule."
        )
    if not corners.size:
        top = float(bends[_peaks(bends)].max(initial=0.0))
        message = (
            f"no corner between λ = {grid.min():.3g} and {grid.max():.3g}: the largest "
            f"curvature inside is {top:.2g}, less than {_LEAST_CURVATURE}. Use another rule, or a "
            f"wider range."
        )
    if best is None:
        return LCurve(grid, residuals, sizes, at_grid, None, None, message)
    t = _lowest(lambda t: -bend(t), ticks[best - 1], ticks[best + 1])
    lam = float(np.exp(t))
    corner = (path.residual_norm(lam), path.solution_norm(lam))
    message = f"corner at λ = {lam:.4g}, curvature {bend(t):.3g}"
    if bend(t) < _CLEAR_CURVATURE:
        message += (
            f"; not a clear corner (a curvature below {_CLEAR_CURVATURE:g}): ask another rule, "
            f"and look whether the noise is white"
        )
    others = [f"{np.exp(ticks[i]):.2g}" for i in corners if i != best and rho[i] > rounding]
    if others:
        message += f"; the curve also bends at λ ≈ {', '.join(others)}"
    return LCurve(grid, residuals, sizes, at_grid, lam, corner, message)


def discrepancy(
    H: Any, y: ArrayLike, noise_norm: float, tau: float = 1.0, *, penalty: str = "identity"
) -> Choice:
    """Choose the λ whose residual is as large as the noise: ‖Hx_λ − y‖ = τ ‖ε‖ (Morozov).

    Parameters
    ----------
    H : LinearOperator or matrix
    y : array_like, shape ``H.out_shape``
    noise_norm : float
        ‖ε‖₂; s√M for Gaussian noise of standard deviation s on M values.
    tau : float
        Safety factor, 1 or slightly more.
    penalty : {"identity", "gradient"}

    Returns
    -------
    Choice

    Raises
    ------
    ParameterError
        When no λ > 0 reaches that residual; the message says what is reachable.

    References
    ----------
    Morozov, *Soviet Math. Doklady* 7 (1966) 414.
    """
    path = TikhonovPath(H, y, penalty)
    target = check_number(noise_norm, "noise_norm", minimum=0, exclusive=True) * check_number(
        tau, "tau", minimum=0, exclusive=True
    )
    grid = _default_grid(path)
    low, high = np.log(grid[0]), np.log(grid[-1])
    while path.residual_norm(float(np.exp(low))) > target and low > -160:
        low -= 2.0
    while path.residual_norm(float(np.exp(high))) < target and high < 160:
        high += 2.0
    least, most = path.residual_norms(np.exp([low, high]))
    if not least <= target <= most:
        remedy = (
            "The noise estimate is too small, or H does not describe the data."
            if target < least
            else "The noise estimate is larger than the data, or than what the flattest object "
            "leaves of them."
        )
        raise ParameterError(
            f"noise_norm · tau is {target:.6g}, but residuals between {least:.6g} and {most:.6g} "
            f"are reachable. {remedy}"
        )
    t = brentq(
        lambda t: path.residual_norm(float(np.exp(t))) - target, low, high, xtol=1e-13, rtol=1e-14
    )
    lam = float(np.exp(t))
    reached = path.residual_norm(lam)
    return Choice(
        lam, "discrepancy", grid, path.residual_norms(grid), "residual norm", target, reached,
        f"residual {reached:.6g} at λ = {lam:.4g}",
    )  # fmt: skip


def gcv(H: Any, y: ArrayLike, *, penalty: str = "identity") -> Choice:
    """Choose λ by generalised cross-validation: minimise ‖Hx_λ − y‖² / (M − Σ f_i)².

    No noise level is needed; the noise must be white. Where the function has several minima, the
    lowest is taken. Where it falls to an end of the range (data without noise), the message of
    the result says so.

    Parameters
    ----------
    H : LinearOperator or matrix
    y : array_like, shape ``H.out_shape``
    penalty : {"identity", "gradient"}

    Returns
    -------
    Choice

    References
    ----------
    Golub, Heath and Wahba, doi:10.1080/00401706.1979.10489751.
    """
    path = TikhonovPath(H, y, penalty)

    def scores_at(lambdas: np.ndarray) -> np.ndarray:
        free = np.maximum(path.residual_degrees(lambdas), np.finfo(np.float64).tiny)
        return (path.residual_norms(lambdas) / free) ** 2

    grid = _default_grid(path)
    ticks, scores = np.log(grid), scores_at(grid)
    # Around every valley that might be the deepest, and at the deepest point seen.
    valleys = _peaks(-scores)
    starts = {int(scores.argmin()), *valleys[scores[valleys] <= 1.1 * scores.min()].tolist()}
    last = len(ticks) - 1
    found = [
        _lowest(
            lambda t: float(scores_at(np.exp([t]))[0]),
            ticks[max(i - 1, 0)],
            ticks[min(i + 1, last)],
        )
        for i in starts
    ]
    t = min(found, key=lambda t: float(scores_at(np.exp([t]))[0]))
    lam = float(np.exp(t))
    end = "lower" if t < ticks[1] - 1e-6 else "upper" if t > ticks[-2] + 1e-6 else None
    message = f"least GCV function at λ = {lam:.4g}"
    if end:
        message += f", at the {end} end of the range: the function has no minimum inside it"
    return Choice(lam, "GCV", grid, scores, "GCV function", None, path.residual_norm(lam), message)


def quasi_optimality(H: Any, y: ArrayLike, *, penalty: str = "identity") -> Choice:
    """Choose the λ at which the solution changes least: minimise ‖λ dx_λ/dλ‖.

    No noise level is needed, and the noise need not be white. Where λ is too small the noise in
    the solution changes with λ, where it is too large the object does; in between nothing moves.
    The change also vanishes for λ towards 0 and infinity, so the deepest valley inside the range
    is taken. It is misled where many singular values are next to nothing: it may take the calm
    below the smallest of them for the calm in the middle.

    Parameters
    ----------
    H : LinearOperator or matrix
    y : array_like, shape ``H.out_shape``
    penalty : {"identity", "gradient"}

    Returns
    -------
    Choice

    References
    ----------
    Tikhonov and Glasko, *USSR Comput. Math. Math. Phys.* 5 (1965) 93. Compared with other rules by
    Bauer and Lukas, doi:10.1016/j.matcom.2011.01.016.

    Examples
    --------
    >>> from em_inverse.problems import shaw
    >>> problem = shaw(32)
    >>> y = problem.y + 0.05 * np.random.default_rng(0).standard_normal(32)
    >>> 0.001 < quasi_optimality(problem.H, y).lam < 1
    True
    """
    path = TikhonovPath(H, y, penalty)
    grid = _default_grid(path)
    ticks, scores = np.log(grid), path.changes(grid)
    deepest = _deepest_valley(scores)
    message, t = "the solution has no calm inside the range; its end is no choice", ticks[0]
    if deepest is not None:
        t = _lowest(
            lambda t: float(path.changes(np.exp([t]))[0]), ticks[deepest - 1], ticks[deepest + 1]
        )
        message = f"the solution changes least at λ = {np.exp(t):.4g}"
    lam = float(np.exp(t))
    return Choice(
        lam, "quasi-optimality", grid, scores, "change of the solution ‖λ dx/dλ‖", None,
        path.residual_norm(lam), message,
    )  # fmt: skip


def cross_validation(
    H: Any,
    y: ArrayLike,
    lambdas: ArrayLike,
    *,
    folds: int = 5,
    method: Method | None = None,
    penalty: str = "identity",
    seed: int | np.random.Generator = 0,
) -> Choice:
    """Choose λ by K-fold cross-validation: predict measurements that were held out.

    Parameters
    ----------
    H : LinearOperator or matrix
    y : array_like, shape ``H.out_shape``
    lambdas : array_like
        Values of λ > 0 to compare.
    folds : int
        K ≥ 2. The measurements are dealt at random into K parts; each is held out once.
    method : callable, optional
        ``method(H, y, lam)`` returning an object; Tikhonov's by default.
    penalty : {"identity", "gradient"}
        For Tikhonov's method.
    seed : int or Generator

    Returns
    -------
    Choice
        Its score is the mean squared error of prediction.
    """
    H = as_operator(H)
    data = check_array(y, "y", shape=H.out_shape, dtype=H.dtype)
    grid = _grid(lambdas)
    folds = check_integer(folds, "folds", minimum=2, maximum=data.size)
    part = np.random.default_rng(seed).permutation(data.size) % folds
    scores = np.zeros(len(grid))
    for fold in range(folds):
        kept = Mask((part != fold).reshape(H.out_shape), H.dtype)
        held = Mask((part == fold).reshape(H.out_shape), H.dtype)
        for i, x in enumerate(_solve_all(kept @ H, kept @ data, grid, method, penalty)):
            scores[i] += np.sum((held @ H.forward(x) - held @ data) ** 2)
    scores /= data.size
    return Choice(
        float(grid[scores.argmin()]), f"{folds}-fold cross-validation", grid, scores,
        "held-out error",
    )  # fmt: skip


def thinning(
    counts: ArrayLike,
    lambdas: ArrayLike,
    method: Callable[[np.ndarray, float], np.ndarray],
    *,
    fraction: float = 0.8,
    repeats: int = 1,
    score: str = "deviance",
    seed: int | np.random.Generator = 0,
) -> Choice:
    """Choose λ for Poisson data by thinning: split every count, fit one part, predict the other.

    Each electron goes into the first part with probability `fraction`. Both parts are Poisson
    distributed and independent, so the deviance of the second under the prediction from the first
    is an honest score.

    Parameters
    ----------
    counts : array_like of whole numbers ≥ 0
    lambdas : array_like
        Values of λ > 0 to compare.
    method : callable
        ``method(part, lam)`` fits the first part (`fraction` of the counts) and returns the
        expected counts of that part, in the same shape.
    fraction : float
        Between 0 and 1.
    repeats : int
        Number of random splits to average over.
    score : {"deviance", "squares"}
        How the part held out is compared with its prediction. The deviance asks for the most
        likely object and looks hard at dim pixels; squared differences ask, up to a constant, for
        the least mean squared error.
    seed : int or Generator

    Returns
    -------
    Choice
        Its score is the mean deviance, or squared difference, per pixel of the part held out.

    Raises
    ------
    DataError
        When the counts are not whole numbers ≥ 0: rescaled counts cannot be thinned.
    """
    values = check_array(counts, "counts")
    if values.min() < 0 or np.any(values != np.round(values)):
        raise DataError(
            "counts holds values that are negative or not whole. Thinning splits single "
            "electrons: pass the raw counts, not rescaled ones."
        )
    grid = _grid(lambdas)
    fraction = check_number(fraction, "fraction", minimum=0, maximum=1, exclusive=True)
    repeats = check_integer(repeats, "repeats", minimum=1)
    check_choice(score, "score", ("deviance", "squares"))
    compared = _deviance if score == "deviance" else _squares
    rng = np.random.default_rng(seed)
    scores = np.zeros(len(grid))
    for _ in range(repeats):
        part = rng.binomial(values.astype(np.int64), fraction).astype(np.float64)
        held = values - part
        for i, lam in enumerate(grid):
            fitted = check_array(
                method(part.copy(), float(lam)), "method's result", shape=values.shape,
                dtype=np.float64,
            )  # fmt: skip
            scores[i] += compared(held, fitted * ((1 - fraction) / fraction))
    scores /= repeats * values.size
    return Choice(float(grid[scores.argmin()]), "count thinning", grid, scores, f"held-out {score}")


@dataclass(frozen=True)
class Comparison:
    """How near each rule came to the best λ, for many noisy versions of one measurement.

    Attributes
    ----------
    lambdas : ndarray, shape (k,)
        The grid on which all rules choose.
    errors : ndarray, shape (draws, k)
        RMSE of every solution.
    best : ndarray, shape (draws,)
        λ of the smallest error.
    chosen : dict of str to ndarray, shape (draws,)
        λ of each rule; NaN where it found none.
    ratios : dict of str to ndarray, shape (draws,)
        RMSE at the rule's λ over the smallest RMSE: 1 is perfect. NaN where it found none.
    """

    lambdas: np.ndarray
    errors: np.ndarray
    best: np.ndarray
    chosen: dict[str, np.ndarray]
    ratios: dict[str, np.ndarray]


def compare(
    H: Any,
    x_true: ArrayLike,
    data: ArrayLike,
    noise_norm: float,
    *,
    wrong_by: Sequence[float] = (-0.2, 0.2),
    folds: int = 5,
    penalty: str = "identity",
    seed: int | np.random.Generator = 0,
) -> Comparison:
    """Let six rules choose λ for each of many noisy measurements of a known object.

    One decomposition serves all. The rules are those of this module, on a grid of 24 values per
    decade: L-curve, discrepancy (with the noise norm given, and with one that is wrong),
    GCV, quasi-optimality, and K-fold cross-validation (with 6 values per decade). Its held-out
    residuals need no further decomposition: with the influence matrix A_λ = H H_λ⁺ those of the
    part F are (I − A_FF)⁻¹ times the residuals there.

    Parameters
    ----------
    H : LinearOperator or matrix
    x_true : array_like, shape ``H.in_shape``
    data : array_like, shape (draws, ``*H.out_shape``)
        One noisy measurement after the other.
    noise_norm : float
        Expected ‖ε‖ of each of them.
    wrong_by : sequence of float
        Discrepancy is also tried with the noise norm wrong by these shares: −0.2 is 20 % too
        small. A norm below every residual of the grid leads to the smallest λ of the grid.
    folds : int
        K of the cross-validation.
    penalty : {"identity", "gradient"}
    seed : int or Generator
        Deals the measurements into folds, as in :func:`cross_validation`.

    Returns
    -------
    Comparison

    Examples
    --------
    >>> from em_inverse.problems import shaw
    >>> problem = shaw(32)
    >>> noise = 0.1 * np.random.default_rng(0).standard_normal((5, 32))
    >>> found = compare(problem.H, problem.x_true, problem.y + noise, 0.1 * 32**0.5)
    >>> bool(np.median(found.ratios["L-curve"]) < 1.5)
    True
    """
    H = as_operator(H)
    truth = check_array(x_true, "x_true", shape=H.in_shape, dtype=np.float64)
    draws = check_array(data, "data", ndim=len(H.out_shape) + 1, dtype=np.float64)
    norm = check_number(noise_norm, "noise_norm", minimum=0, exclusive=True)
    path = TikhonovPath(H, draws[0], penalty)
    low, high = path.sensible_range()
    grid = np.geomspace(low, high, int(np.ceil(np.log10(high / low) * _PER_DECADE)) + 1)
    free = np.maximum(path.residual_degrees(grid), np.finfo(np.float64).tiny)
    targets = {"discrepancy": norm}
    targets |= {f"discrepancy {share:+.0%}": (1 + share) * norm for share in wrong_by}
    crossed = _cross_validated(path, draws, grid, folds, seed)
    picks: dict[str, list[int | None]] = {}
    errors = []
    for k, y in enumerate(draws):
        path.set_data(y)
        rho, eta, bends = path.log_curve(grid)
        found = {"L-curve": _corners(path, rho, eta, bends)[1]}
        # Rounding lets ‖Hx − y‖ fall by next to nothing where it should rise.
        rising = np.maximum.accumulate(rho)
        found |= {name: _meeting(rising, target) for name, target in targets.items()}
        found["GCV"] = int(np.argmin(rho / free))
        found["cross-validation"] = int(crossed[k])
        found["quasi-optimality"] = _deepest_valley(path.changes(grid))
        for name, pick in found.items():
            picks.setdefault(name, []).append(pick)
        misses = path.solutions(grid) - truth
        errors.append(np.sqrt(np.mean(misses.reshape(grid.size, -1) ** 2, axis=1)))
    table = np.array(errors)
    lowest = table.min(axis=1)
    chosen = {name: _taken(np.broadcast_to(grid, table.shape), at) for name, at in picks.items()}
    ratios = {name: _taken(table, at) / lowest for name, at in picks.items()}
    return Comparison(grid, table, grid[table.argmin(axis=1)], chosen, ratios)


def _corners(
    path: TikhonovPath, rho: np.ndarray, eta: np.ndarray, bends: np.ndarray
) -> tuple[np.ndarray, int | None, float]:
    """Return all corners on a grid, the one to take, and the residual that is only rounding."""
    peaks = _peaks(bends)
    corners = peaks[bends[peaks] >= _LEAST_CURVATURE]
    rounding = max(path.H.shape) * np.finfo(np.float64).eps * float(np.linalg.norm(path.y))
    if not corners.size:
        return corners, None, rounding
    best = int(corners[np.argmin(rho[corners] * eta[corners])])
    return corners, best if rho[best] > rounding else None, rounding


def _deepest_valley(scores: np.ndarray) -> int | None:
    valleys = _peaks(-scores)
    return int(valleys[scores[valleys].argmin()]) if valleys.size else None


def _meeting(rising: np.ndarray, target: float) -> int | None:
    """Index nearest to where a rising curve meets its target: the first, if it starts above."""
    after = int(np.searchsorted(rising, target))
    if after == rising.size:
        return None
    if after == 0:
        return 0
    before, here = rising[after - 1], rising[after]
    return after if target - before > here - target else after - 1


def _taken(table: np.ndarray, at: Sequence[int | None]) -> np.ndarray:
    return np.array([np.nan if i is None else row[i] for row, i in zip(table, at, strict=True)])


def _cross_validated(
    path: TikhonovPath,
    draws: np.ndarray,
    grid: np.ndarray,
    folds: int,
    seed: int | np.random.Generator,
) -> np.ndarray:
    """Index into the grid of the λ with the least K-fold prediction error, for every draw."""
    U, y = path._U, draws.reshape(len(draws), -1).T
    folds = check_integer(folds, "folds", minimum=2, maximum=len(y))
    part = np.random.default_rng(seed).permutation(len(y)) % folds
    start = int(np.searchsorted(grid, _CROSS_FLOOR * grid[-1]))
    tried = np.arange(start, grid.size, _CROSS_STRIDE)
    beta = U.T @ y
    outside = y - U @ beta
    scores = np.zeros((tried.size, len(draws)))
    for fold in range(folds):
        held = U[part == fold]
        missed = np.eye(len(held)) - held @ held.T
        for i, lam in enumerate(grid[tried]):
            dropped = path._factors([lam])[1][0]
            residual = held @ (dropped[:, None] * beta) + outside[part == fold]
            predicted = np.linalg.solve(missed + (held * dropped) @ held.T, residual)
            scores[i] += np.sum(predicted**2, axis=0)
    return tried[scores.argmin(axis=0)]


def _solve_all(
    H: LinearOperator, y: np.ndarray, grid: np.ndarray, method: Method | None, penalty: str
) -> Sequence[np.ndarray]:
    if method is not None:
        return [
            check_array(method(H, y, float(lam)), "method's result", shape=H.in_shape)
            for lam in grid
        ]
    return list(TikhonovPath(H, y, penalty).solutions(grid))


def _peaks(values: np.ndarray) -> np.ndarray:
    """Indices of the local maxima inside."""
    inside = values[1:-1]
    return np.flatnonzero((inside >= values[:-2]) & (inside > values[2:])) + 1


def _lowest(function: Callable[[float], float], low: float, high: float) -> float:
    found = minimize_scalar(
        function, bounds=(low, high), method="bounded", options={"xatol": 1e-10}
    )
    return float(found.x)


def _deviance(counts: np.ndarray, expected: np.ndarray) -> float:
    expected = np.maximum(expected, 1e-12)
    seen = counts > 0
    return float(
        2 * (expected.sum() - counts.sum())
        + 2 * np.sum(counts[seen] * np.log(counts[seen] / expected[seen]))
    )


def _squares(counts: np.ndarray, expected: np.ndarray) -> float:
    return float(np.sum(np.square(counts - expected)))


def _grid(lambdas: ArrayLike) -> np.ndarray:
    grid = np.atleast_1d(check_array(lambdas, "lambdas", ndim=(0, 1), dtype=np.float64))
    if grid.min() <= 0:
        raise ParameterError(f"lambdas reaches {grid.min():g}; every λ must be greater than 0.")
    return grid


def _default_grid(path: TikhonovPath) -> np.ndarray:
    low, high = path.sensible_range()
    count = int(np.ceil(np.log10(high / low) * _PER_DECADE / 2)) + 1
    return np.geomspace(low, high, max(count, 16))
