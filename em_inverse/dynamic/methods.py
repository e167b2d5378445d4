"""How a reconstruction follows data that come and go: one small class per algorithm.

All have the same doors. ``exchange`` goes on with other data, ``step`` makes one iteration,
``radius``, ``nonnegative`` and ``support`` may be set at any moment between two.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from em_inverse.dynamic.lipschitz import WarmNorm
from em_inverse.dynamic.projections import Change, Projections
from em_inverse.fidelity import DataTolerance
from em_inverse.forward.tilt import ParallelBeam
from em_inverse.priors import TotalVariation
from em_inverse.solvers.algebraic import SIRT
from em_inverse.solvers.asd_pocs import ASDPOCS
from em_inverse.solvers.iteration import Solver
from em_inverse.solvers.least_distance import check_support
from em_inverse.solvers.proximal import PDHG
from em_inverse.tilt_series import TiltSeries
from em_inverse.tomography.backprojection import wbp

__all__ = ["METHODS", "Method"]

_CORRECTION = 0.5
"""Relaxation of the one SART step that a new projection makes when it arrives."""
_AT_REST = 1.5
"""‖Aᵀq‖ over ‖∇ᵀp‖ that a solution does not exceed; more has piled up under an ε out of reach."""


class Method:
    """Base of the four: an object of fixed shape, and a solver that is made with the first data.

    Parameters
    ----------
    data : Projections
    options : mapping
        ``radius``, ``nonnegative``, ``support``, and what one method alone needs.
    """

    algorithm: ClassVar[str] = ""
    iterative: ClassVar[bool] = True

    def __init__(self, data: Projections, options: Mapping[str, Any]) -> None:
        self.data = data
        self.options = dict(options)
        self.x = np.zeros(data.shape, np.float32)
        self.A: ParallelBeam | None = None

    def exchange(self, change: Change, radius: float) -> None:
        """Go on with the data as they are now."""
        raise NotImplementedError(f"{type(self).__name__} must define exchange")

    def step(self) -> tuple[float, float, float]:
        """Make one iteration; return ‖Ax − b‖, TV(x) and ‖x_k − x_{k−1}‖."""
        raise NotImplementedError(f"{type(self).__name__} must define step")

    def set(self, **changes: Any) -> None:
        """Change ``radius``, ``nonnegative`` or ``support`` from here on."""
        raise NotImplementedError(f"{type(self).__name__} must define set")

    def state(self) -> dict[str, np.ndarray]:
        """Return the arrays from which the next iteration starts."""
        raise NotImplementedError(f"{type(self).__name__} must define state")

    def restore(self, arrays: dict[str, np.ndarray], iteration: int) -> None:
        """Go back to such a state; the data must be those of then."""
        raise NotImplementedError(f"{type(self).__name__} must define restore")


class _Solved(Method):
    """A method behind which one of the kit's solvers works."""

    solver: Solver | None = None

    def step(self) -> tuple[float, float, float]:
        assert self.solver is not None
        state = self.solver.step()
        self.x = self.solver.x
        return state.data_distance, state.prior, state.step

    def state(self) -> dict[str, np.ndarray]:
        return {} if self.solver is None else self.solver.state()

    def restore(self, arrays: dict[str, np.ndarray], iteration: int) -> None:
        self.exchange(Change(np.full(self.data.n_tilts, -1)), self.options["radius"])
        assert self.solver is not None
        self.solver.restore(arrays, "the checkpoint")
        self.solver.iteration = iteration
        self.x = self.solver.x


class _TotalVariation(_Solved):
    """min TV(x) subject to ‖Ax − b‖ ≤ ε by PDHG, whose state survives every change."""

    algorithm = "dynamic TV (PDHG, ε ball)"
    solver: PDHG | None = None

    def __init__(self, data: Projections, options: Mapping[str, Any]) -> None:
        super().__init__(data, options)
        self._norm = WarmNorm()

    def exchange(self, change: Change, radius: float) -> None:
        self.options["radius"] = radius
        self.A = self.data.operator()
        ball = DataTolerance(self.A, self.data.b, radius)
        norm = self._norm(self.A)
        if self.solver is None:
            self.solver = PDHG(
                ball,
                TotalVariation(),
                x0=self.x,
                nonnegative=self.options["nonnegative"],
                support=self.options["support"],
            )
            self.x = self.solver.x
            return
        self.solver.exchange(ball, change.kept, norm=norm)
        self._correct(np.flatnonzero(change.kept < 0))
        self.solver.unwind()
        self.x = self.solver.x

    def _correct(self, new: np.ndarray) -> None:
        """One SART step of what is new alone: its misfit would take many iterations to get in."""
        assert self.solver is not None
        assert self.A is not None
        if not new.size:
            return
        part, x = self.A.subset(new), self.solver.x
        misfit = self.data.b[new] - part.forward(x)
        slice_of = part.slice() if x.ndim == 3 else part
        rays = slice_of.forward(np.ones(slice_of.in_shape, x.dtype))
        weight = slice_of.adjoint(np.ones(slice_of.out_shape, x.dtype))
        R, C = (1 / np.maximum(sums, 1e-3 * sums.max()) for sums in (rays, weight))
        C *= x.dtype.type(_CORRECTION)
        if x.ndim == 3:
            R, C = R[..., None], C[..., None]
        moved = part.adjoint(R * misfit)
        moved *= C
        moved += x
        if self.options["nonnegative"]:
            np.maximum(moved, 0, out=moved)
        support = self.solver.support
        if support is not None:
            moved *= support
        moved -= x
        self.solver.displace(moved)

    def set(self, **changes: Any) -> None:
        self.options.update(changes)
        if self.solver is None:
            return
        if "radius" in changes:
            assert isinstance(self.solver.data, DataTolerance)
            self.solver.data.epsilon = changes["radius"]
        if "nonnegative" in changes:
            self.solver.nonnegative = changes["nonnegative"]
        if "support" in changes:
            self.solver.support = changes["support"]
        self.solver.rearm()
        self.solver.unwind(_AT_REST)

    def state(self) -> dict[str, np.ndarray]:
        if self.solver is None:
            return {}
        vector = {} if self._norm.vector is None else {"norm_vector": self._norm.vector}
        return {**self.solver.whole_state(), **vector}

    def restore(self, arrays: dict[str, np.ndarray], iteration: int) -> None:
        super().restore(arrays, iteration)
        # The next arrival starts its power iterations from here, as it would have.
        self._norm.vector = arrays.get("norm_vector")


class _SIRT(_Solved):
    """SIRT: after an exchange it goes on from the object that is there."""

    algorithm = "dynamic SIRT"

    def exchange(self, change: Change, radius: float) -> None:
        self.options["radius"] = radius
        self.A = self.data.operator()
        self._make()

    def _make(self) -> None:
        iteration = 0 if self.solver is None else self.solver.iteration
        self.solver = SIRT(
            self.A,
            self.data.b,
            x0=self.x,
            nonnegative=self.options["nonnegative"],
            support=self.options["support"],
        )
        self.solver.iteration = iteration
        self.x = self.solver.x

    def set(self, **changes: Any) -> None:
        self.options.update(changes)
        if self.solver is not None and changes.keys() != {"radius"}:
            self._make()

    def restore(self, arrays: dict[str, np.ndarray], iteration: int) -> None:
        self.x = arrays["x"].astype(np.float32)
        super().restore(arrays, iteration)


class _ASDPOCS(_Solved):
    """ASD-POCS, as the paper on dynamic compressed sensing runs it, or mended."""

    algorithm = "dynamic ASD-POCS"
    solver: ASDPOCS | None = None

    def exchange(self, change: Change, radius: float) -> None:
        self.options["radius"] = radius
        self.A = self.data.operator()
        if self.solver is None:
            self._make()
            return
        self.solver.epsilon = radius
        expected = self.options["n_expected"]
        arrived = 1.0 if expected is None else min(1.0, self.data.n_tilts / expected)
        self.solver.exchange(self.A, self.data.b, arrived=arrived)

    def _make(self) -> None:
        self.solver = ASDPOCS(
            self.A,
            self.data.b,
            self.options["radius"],
            x0=self.x,
            schedule=self.options["schedule"],
            nonnegative=self.options["nonnegative"],
            support=self.options["support"],
        )
        self.x = self.solver.x

    def set(self, **changes: Any) -> None:
        self.options.update(changes)
        if self.solver is None:
            return
        if "radius" in changes:
            self.solver.epsilon = changes["radius"]
        if "nonnegative" in changes or "support" in changes:
            iteration = self.solver.iteration
            self._make()
            self.solver.iteration = iteration


class _WBP(Method):
    """Weighted back-projection of all that is there; one pass, and done until the data change."""

    algorithm = "weighted back-projection"
    iterative = False

    def __init__(self, data: Projections, options: Mapping[str, Any]) -> None:
        super().__init__(data, options)
        self.due = False
        self._distance = 0.0

    def exchange(self, change: Change, radius: float) -> None:
        self.options["radius"] = radius
        self.A = self.data.operator()
        self.due = True

    def step(self) -> tuple[float, float, float]:
        assert self.A is not None
        if not self.due:
            return self._distance, TotalVariation().value(self.x), 0.0
        series = TiltSeries(
            self.data.b,
            self.data.angles_deg,
            metadata={
                "shifts_to_apply_px": -np.stack(
                    [self.data.center_shift, self.data.axial_shift], axis=1
                )
            },
        )
        made = wbp(series, "hann", shape=self.data.shape)
        x = np.asarray(made.x)
        if self.options["nonnegative"]:
            x = np.maximum(x, 0)
        support = self.options["support"]
        if support is not None:
            x = x * check_support(support, self.data.shape)
        length = float(np.linalg.norm(x - self.x))
        self.x, self.due = x, False
        misfit = self.A.forward(x) - self.data.b
        self._distance = float(np.linalg.norm(misfit.astype(np.float64)))
        return self._distance, TotalVariation().value(x), length

    def set(self, **changes: Any) -> None:
        self.options.update(changes)
        self.due |= changes.keys() != {"radius"}

    def state(self) -> dict[str, np.ndarray]:
        return {
            "x": self.x,
            "due": np.array(self.due),
            "distance": np.array(self._distance),
        }

    def restore(self, arrays: dict[str, np.ndarray], iteration: int) -> None:
        self.A = self.data.operator()
        self.x, self.due = arrays["x"], bool(arrays["due"])
        self._distance = float(arrays["distance"])


METHODS: dict[str, type[Method]] = {
    "tv": _TotalVariation,
    "sirt": _SIRT,
    "wbp": _WBP,
    "asd_pocs": _ASDPOCS,
}
"""The algorithms by the name that a user gives them."""
