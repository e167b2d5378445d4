"""SART: the tilts correct the object one after the other, not all at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import (
    CheckedNumber,
    ParameterError,
    check_array,
    check_choice,
    check_integer,
)
from em_inverse.forward.operator import LinearOperator, as_operator
from em_inverse.forward.tilt import ParallelBeam
from em_inverse.priors import Prior, TotalVariation
from em_inverse.solvers.iteration import Solver, StopRule
from em_inverse.solvers.least_distance import check_support

__all__ = ["SART", "TVSART", "OrderedSubsets"]

_GOLDEN = (np.sqrt(5) - 1) / 2
_ORDERS = ("golden", "sequential", "random", "multilevel")


class OrderedSubsets:
    """The blocks of tilts of a projector, and the pass over them that SART makes.

    Each block in turn corrects the object,

        x ← x + ω C Hᵀ R (y − Hx),    R = 1 / row sums,  C = 1 / column sums,

    all of the block, and x is clipped at zero if asked.

    Parameters
    ----------
    H : LinearOperator
        With a method ``subset(indices)`` along the first axis of its data, as
        :class:`~em_inverse.forward.ParallelBeam` has, and without negative weights.
    blocks : "tilts" or int
        One block for every tilt, or so many blocks. The tilts, in the order of their angles, are
        dealt to the blocks like cards, so that each block sees all directions.
    order : {"golden", "sequential", "random", "multilevel"}
        In which order the blocks act. Neighbouring tilts say nearly the same, so orders that jump
        converge sooner: by the golden ratio of the range, by halving it again and again
        ("multilevel", Guan and Gordon), or by a new draw in every pass.
    nonnegative : bool
    support : array_like of bool, optional
        Where the object may be; it stays exactly 0 elsewhere.
    seed : int
        Of the random order. Pass k draws from (seed, k), so that a resumed run goes on as the
        uninterrupted one would have.

    Notes
    -----
    For a :class:`~em_inverse.forward.ParallelBeam` a whole pass is one compiled call that costs
    about as much as one iteration of SIRT. Any other operator, and one with shifts along the tilt
    axis, is called block by block, ten times slower or more; there, take few blocks. Column sums
    are then kept as one slice ``[z, x]`` per block, the largest along y, which keeps every step a
    safe one.
    """

    def __init__(
        self,
        H: Any,
        *,
        blocks: str | int = "tilts",
        order: str = "golden",
        nonnegative: bool = True,
        support: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        self.H: Any = as_operator(H)
        if not hasattr(self.H, "subset"):
            raise ParameterError(
                f"H is {self.H!r}, which has no method subset(indices) to choose tilts by. Pass a "
                f"forward.ParallelBeam, or use SIRT, which takes any operator."
            )
        self.order = check_choice(order, "order", _ORDERS)
        self.seed = check_integer(seed, "seed", minimum=0)
        self.nonnegative = bool(nonnegative)
        self.support = None if support is None else check_support(support, self.H.in_shape)
        self.blocks = _deal(self.H, blocks)
        # The compiled pass takes slices by themselves; a shift along y mixes them.
        self._slices_apart = isinstance(self.H, ParallelBeam) and not self.H.axial_shift.any()
        inside = np.ones(self.H.in_shape, self.H.dtype)
        self._rows, self._slice_support = self._sums(inside)
        self._generic: dict[int, tuple[LinearOperator, np.ndarray]] = {}

    def _sums(self, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """R of every tilt, with a y axis only where it varies, and the support as [z, x, y]."""
        H, shape = self.H, self.H.in_shape
        support = np.ones((*shape[:2], 1), bool) if self.support is None else self.support
        support = support.reshape(*shape[:2], -1) if len(shape) > 1 else support
        if self._slices_apart and support.shape[2] == 1:
            one = ParallelBeam(
                shape[:2], H.angles_deg, H.n_det, dtype=H.dtype, center_shift=H.center_shift
            )
            rows = one.forward(support[:, :, 0].astype(H.dtype))
            rows = rows[:, :, None] if len(shape) == 3 else rows
        else:
            rows = H.forward(inside if self.support is None else inside * self.support)
        _refuse_negative(rows)
        return reciprocal(rows), support

    def sequence(self, iteration: int) -> list[np.ndarray]:
        """Return the blocks in the order in which they act in a pass (counted from 0)."""
        n = len(self.blocks)
        if self.order == "sequential":
            ranks = np.arange(n)
        elif self.order == "random":
            ranks = np.random.default_rng([self.seed, iteration]).permutation(n)
        elif self.order == "golden":
            ranks = np.argsort(np.argsort(np.arange(n) * _GOLDEN % 1, kind="stable"))
        else:
            ranks = _multilevel(n)
        return [self.blocks[k] for k in ranks]

    def sweep(self, x: np.ndarray, y: np.ndarray, relaxation: float, iteration: int) -> np.ndarray:
        """Return the object after one pass; `x` is not modified."""
        if self._slices_apart:
            return self._compiled(x, y, relaxation, iteration)
        weight = self.H.dtype.type(relaxation)
        new = x.copy()
        for block in self.sequence(iteration):
            H, C = self._block(block)
            update = H.adjoint(self._rows[block] * (y[block] - H.forward(new)))
            update *= weight * C
            new += update
            if self.nonnegative:
                np.maximum(new, 0, out=new)
        return new

    def _compiled(
        self, x: np.ndarray, y: np.ndarray, relaxation: float, iteration: int
    ) -> np.ndarray:
        from em_inverse.forward.kernels import ordered_subsets as kernels

        H = self.H
        blocks = self.sequence(iteration)
        starts = np.concatenate([[0], np.cumsum([len(block) for block in blocks])])
        flat = x.ndim == 2
        new = kernels.sweep(
            x[:, :, None] if flat else x,
            y[:, :, None] if flat else y,
            self._rows[:, :, None] if flat else self._rows,
            *(H._cosines, H._sines, H._axis),
            np.concatenate(blocks),
            starts,
            relaxation,
            0.0 if self.nonnegative else -np.inf,
            self._slice_support,
        )
        return new[:, :, 0] if flat else new

    def _block(self, block: np.ndarray) -> tuple[LinearOperator, np.ndarray]:
        key = int(block[0])
        if key not in self._generic:
            H = self.H.subset(block)
            columns = H.adjoint(np.ones(H.out_shape, H.dtype))
            _refuse_negative(columns)
            if columns.ndim == 3:
                columns = columns.max(axis=2, keepdims=True)
            C = reciprocal(columns)
            self._generic[key] = H, C if self.support is None else C * self.support
        return self._generic[key]

    def start(self, x0: ArrayLike | None) -> np.ndarray:
        """Return a start as an array of one's own: zero unless given, and 0 outside the support."""
        if x0 is None:
            return np.zeros(self.H.in_shape, self.H.dtype)
        x = check_array(x0, "x0", shape=self.H.in_shape, dtype=self.H.dtype).copy()
        return x if self.support is None else x * self.support

    def parameters(self) -> dict[str, Any]:
        """Return what determines the result, for the report."""
        chosen = {
            "blocks": len(self.blocks),
            "order": self.order,
            "nonnegative": self.nonnegative,
        }
        return chosen if self.support is None else {**chosen, "support": "given"}


class SART(Solver):
    """Simultaneous algebraic reconstruction technique, by ordered subsets of the tilts.

    One iteration is one pass over all blocks; each block corrects the object as SIRT does with all
    tilts at once (see :class:`OrderedSubsets`). With one tilt per block this is the classical SART,
    with one block it is SIRT. K blocks advance about K times as far per pass in the beginning; the
    price is that with noisy data and a fixed ω the passes end in a cycle, not in a limit. Lower ω,
    or stop early.

    Parameters
    ----------
    H : LinearOperator
        With a method ``subset(indices)``: a :class:`~em_inverse.forward.ParallelBeam`.
    y : array_like, shape ``H.out_shape``
        May be changed between iterations.
    x0 : array_like, optional
        Start, zero by default.
    blocks : "tilts" or int
        One block per tilt, or so many blocks.
    order : {"golden", "sequential", "random", "multilevel"}
        In which order the blocks act.
    relaxation : float
        ω, between 0 and 2. May be changed between iterations.
    nonnegative : bool
        Keep x ≥ 0.
    support : array_like of bool, optional
        Where the object may be, in its shape or ``[z, x]`` for all slices.
    seed : int
        Of the random order.
    stop : stop rule or sequence of stop rules

    Raises
    ------
    ParameterError
        When H has no method ``subset``, or negative weights.

    References
    ----------
    Andersen and Kak, doi:10.1016/0161-7346(84)90008-7. Guan and Gordon,
    doi:10.1088/0031-9155/39/11/013. Jiang and Wang, doi:10.1109/TIP.2003.815295.

    Examples
    --------
    >>> import numpy as np
    >>> from em_inverse.forward import ParallelBeam
    >>> disc = np.hypot(*np.mgrid[-10:11, -10:11]) < 6
    >>> A = ParallelBeam(disc.shape, np.arange(-70, 71, 5))
    >>> solver = SART(A, A @ disc)
    >>> bool(solver.run(5).data_distance < 0.03 * np.linalg.norm(solver.y))
    True
    """

    algorithm: ClassVar[str] = "SART"

    relaxation = CheckedNumber(minimum=0, maximum=2, exclusive=True)

    def __init__(
        self,
        H: Any,
        y: ArrayLike,
        x0: ArrayLike | None = None,
        *,
        blocks: str | int = "tilts",
        order: str = "golden",
        relaxation: float = 1.0,
        nonnegative: bool = True,
        support: ArrayLike | None = None,
        seed: int = 0,
        stop: StopRule | Sequence[StopRule] = (),
    ) -> None:
        super().__init__(stop)
        self.subsets = OrderedSubsets(
            H, blocks=blocks, order=order, nonnegative=nonnegative, support=support, seed=seed
        )
        self.H = self.subsets.H
        self.y = y
        self.relaxation = relaxation
        self.x = self.subsets.start(x0)

    def _step(self) -> tuple[float, float, float]:
        new = self.subsets.sweep(self.x, self.y, self.relaxation, self.iteration)
        length = float(np.linalg.norm(new - self.x))
        distance = float(np.linalg.norm(self.H.forward(new) - self.y))
        self.x = new
        return distance, 0.0, length

    def parameters(self) -> dict[str, Any]:
        """Return what determines the result, for the report."""
        return {
            "iterations": self.iteration,
            "relaxation": self.relaxation,
            **self.subsets.parameters(),
        }


class TVSART(SART):
    """SART and total variation in turn: a pass over the data, then a denoising step.

        x ← one pass of SART from x,    x ← argmin_u ½‖u − x‖² + λ TV(u)   (over u ≥ 0 if asked)

    A practical recipe of electron tomography. It is *not* the minimiser of ‖Hx − y‖² + λ TV(x): a
    pass of SART is no gradient step of the data distance, so the balance between data and prior
    also depends on ω, on the blocks and, mildly, on the number of iterations. For that minimiser
    see :class:`~em_inverse.solvers.FISTA`.

    Parameters
    ----------
    H, y, x0, blocks, order, relaxation, nonnegative, support, seed, stop
        As for :class:`SART`; ω is 0.5 unless given. The support is imposed after the denoising.
    lam : float
        λ > 0 of one denoising step, in the units of x (times pixels): flat grains of a few pixels
        are lowered by about λ in every iteration, and raised again by the data. It is no λ of the
        penalised problem, nor comparable between numbers of blocks. May be changed between
        iterations.
    prior : Prior, optional
        Total variation unless given.

    References
    ----------
    Saghi et al., doi:10.1186/s40679-015-0007-5.

    Examples
    --------
    >>> import numpy as np
    >>> from em_inverse.forward import ParallelBeam
    >>> disc = np.hypot(*np.mgrid[-10:11, -10:11]) < 6
    >>> A = ParallelBeam(disc.shape, np.arange(-70, 71, 20))
    >>> result = TVSART(A, A @ disc, lam=0.02).run(40)
    >>> bool(np.abs(result.x - disc).mean() < 0.03)
    True
    """

    algorithm: ClassVar[str] = "TV-SART"
    _state_names: ClassVar[tuple[str, ...]] = ("x", "_p")

    lam = CheckedNumber(minimum=0, exclusive=True)

    def __init__(
        self,
        H: Any,
        y: ArrayLike,
        lam: float,
        x0: ArrayLike | None = None,
        *,
        prior: Prior | None = None,
        blocks: str | int = "tilts",
        order: str = "golden",
        relaxation: float = 0.5,
        nonnegative: bool = True,
        support: ArrayLike | None = None,
        seed: int = 0,
        stop: StopRule | Sequence[StopRule] = (),
    ) -> None:
        super().__init__(
            H,
            y,
            x0,
            blocks=blocks,
            order=order,
            relaxation=relaxation,
            nonnegative=nonnegative,
            support=support,
            seed=seed,
            stop=stop,
        )
        self.prior = TotalVariation(tol=1e-4, max_iter=100) if prior is None else prior
        self.lam = lam
        self._p = np.zeros(self.prior.analysis(self.x.shape, self.x.dtype).out_shape, self.x.dtype)

    def _step(self) -> tuple[float, float, float]:
        fitted = self.subsets.sweep(self.x, self.y, self.relaxation, self.iteration)
        new, p = self.prior.prox_and_dual(fitted, self.lam, self.subsets.nonnegative, self._p)
        if self.subsets.support is not None:
            new = new * self.subsets.support
        length = float(np.linalg.norm(new - self.x))
        distance = float(np.linalg.norm(self.H.forward(new) - self.y))
        value = self.prior.value(new)
        self.x, self._p = new, self._p if p is None else p.astype(new.dtype, copy=False)
        return distance, value, length

    def parameters(self) -> dict[str, Any]:
        """Return what determines the result, for the report."""
        return {**super().parameters(), "prior": repr(self.prior), "lambda": self.lam}


def reciprocal(sums: np.ndarray) -> np.ndarray:
    """1 / sums, and 0 for rays and pixels that (almost) nothing passes through."""
    floor = 1e-6 * sums.max()
    return np.divide(1, sums, out=np.zeros_like(sums), where=sums > floor)


def _refuse_negative(sums: np.ndarray) -> None:
    if sums.min() < -1e-6 * sums.max():
        raise ParameterError(
            "H has negative row or column sums; SART needs weights ≥ 0. Use CGLS instead."
        )


def _deal(H: Any, blocks: str | int) -> list[np.ndarray]:
    """The tilts of every block: one each, or dealt in the order of their angles."""
    n_tilts = H.out_shape[0]
    if isinstance(blocks, str):
        check_choice(blocks, "blocks", ("tilts",))
        count = n_tilts
    else:
        count = check_integer(blocks, "blocks", minimum=1, maximum=n_tilts)
    angles = getattr(H, "angles_deg", np.arange(n_tilts))
    by_angle = np.argsort(angles, kind="stable")
    return [by_angle[k::count] for k in range(count)]


def _multilevel(n: int) -> np.ndarray:
    """0 … n − 1 in the order of their bit-reversed positions: halves, quarters, eighths, …"""
    bits = max(1, (n - 1).bit_length())
    turned = [int(f"{k:0{bits}b}"[::-1], 2) for k in range(2**bits)]
    return np.array([k for k in turned if k < n])
