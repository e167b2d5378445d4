"""What week 7 reconstructs: a slice of a decorated nanocube, and a run that keeps its books."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from em_inverse import metrics, noise, phantoms
from em_inverse.dynamic.events import Snapshot
from em_inverse.dynamic.reconstruction import DynamicReconstruction
from em_inverse.forward.tilt import ParallelBeam
from em_inverse.priors import TotalVariation
from em_inverse.simulate.orders import visiting_order
from em_inverse.solvers.least_distance import least_distance
from em_inverse.widgets import working
from em_inverse.widgets.live import LiveSession

__all__ = [
    "BEST_RMSE",
    "FLOOR",
    "METHODS",
    "SOUND",
    "EpsilonSession",
    "Recording",
    "State",
    "reachable",
    "recording",
]

N = 96
"""Edge of the slice in pixels of 1 nm."""
TILTS = 75
LIMIT_DEG = 75.0
BEST_RMSE = 0.0259
"""Least error of all ε, converged, with all tilts and x ≥ 0: that of ε = 0.98 × noise."""
SOUND = (0.91, 1.05)
"""From which ε to which the error of the converged slice is at most a quarter above the least.

Worked out once: 500 iterations at each of 18 values of ε. A test repeats the best and both ends.
With 15 to 40 tilts the range is wider, and this one lies within it or reaches 0.02 beyond.
"""
FLOOR = 0.686
"""Least ‖Ax − b‖ ÷ noise norm with all tilts and x ≥ 0, after 1500 iterations."""
METHODS = {
    "tv": "TV by PDHG",
    "published": "ASD-POCS, as published",
    "mended": "ASD-POCS, mended",
}
WINDOW = 800
"""Iterations that the curves reach back."""
_POINTS = 280
_LEVEL = 0.05
_SEED = 7
_FINER = 4
_EDGE_NM, _TURN_DEG = 62.0, 18.0
# Middles of the surface particles along the two edges of the square, in nm from its middle.
_FACE_NM = _EDGE_NM / 2 + 0.5
_PARTICLES_NM = (
    *((u, -_FACE_NM) for u in (-22.0, -8.0, 3.0, 19.0)),
    *((_FACE_NM, v) for v in (-20.0, -6.0, 12.0)),
    *((u, _FACE_NM) for u in (24.0, 9.0, -4.0, -19.0)),
    *((-_FACE_NM, v) for v in (17.0, 2.0, -14.0)),
)
_PARTICLE_NM = 5.0
_GROUP, _PER_GROUP, _AFTER = 5, 4, 80
_FLOOR_ITERATIONS = 200
_STUCK, _STUCK_FOR = 1e-4, 20


@dataclass(frozen=True, eq=False)
class Recording:
    """A simulated tilt series of one slice.

    Attributes
    ----------
    truth : ndarray of float32, shape (96, 96)
        The slice x[z, x] at 1 nm a pixel: 0.5 in the cube, 1 in its particles.
    angles_deg : ndarray, shape (75,)
        From −75° to 75°.
    b : ndarray of float32, shape (75, 96)
        Projections of a four times finer slice, with noise of 5 % of their mean.
    sigma : float
        Standard deviation of the noise.
    """

    truth: np.ndarray
    angles_deg: np.ndarray
    b: np.ndarray
    sigma: float

    def noise_norm(self, n_tilts: int) -> float:
        """‖noise‖ of so many projections, the unit of ε."""
        return self.sigma * float(np.sqrt(self.b.shape[1] * n_tilts))

    @property
    def truth_tv(self) -> float:
        """Total variation of the truth."""
        return TotalVariation().value(self.truth)


@lru_cache(maxsize=1)
def recording() -> Recording:
    """Return the tilt series of week 7.

    Examples
    --------
    >>> series = recording()
    >>> series.b.shape, float(series.truth.max())
    ((75, 96), 1.0)
    """
    fine = _specimen(_FINER * N, 1 / _FINER)
    truth = fine.reshape(N, _FINER, N, _FINER).mean((1, 3))
    angles = np.linspace(-LIMIT_DEG, LIMIT_DEG, TILTS)
    rays = ParallelBeam(fine.shape, angles).forward(fine)
    clean = rays.reshape(TILTS, N, _FINER).mean(2) / _FINER
    sigma = _LEVEL * float(clean.mean())
    b = noise.gaussian(clean, sigma, relative=False, seed=_SEED)
    return Recording(truth.astype(np.float32), angles, b.astype(np.float32), sigma)


def reachable(order: str, n_tilts: int, nonnegative: bool) -> float:
    """Return the floor, the least ‖Ax − b‖ ÷ noise norm that any slice reaches.

    For all tilts and x ≥ 0 it stands in a table, and what was found once is kept. Else 200
    iterations look for it, which find it 2 % too high, and without x ≥ 0 only that it is lower.

    Parameters
    ----------
    order : {"sequential", "golden"}
        Order of the tilts.
    n_tilts : int
        How many of them are there.
    nonnegative : bool
        Whether only slices x ≥ 0 count.

    Examples
    --------
    >>> reachable("golden", 10, True) < reachable("golden", 75, True) < 1
    True
    """
    problem = order, n_tilts, nonnegative
    if problem in _floors:
        return _floors[problem]
    at = recording()
    there = visiting_order(at.angles_deg, order)[:n_tilts]
    A = ParallelBeam((N, N), at.angles_deg[there])
    found = least_distance(A, at.b[there], nonnegative=nonnegative, n_iter=_FLOOR_ITERATIONS)
    _floors[problem] = found.attained / at.noise_norm(n_tilts)
    return _floors[problem]


@dataclass(frozen=True, eq=False)
class State:
    """One moment of a run.

    Attributes
    ----------
    session : EpsilonSession
        Goes on from here.
    status : {"running", "resting", "paused", "away"}
    iteration, n_tilts : int
    epsilon : float
        ε in units of the noise norm, as are the next two.
    distance : float
        ‖Ax − b‖; NaN before the first iteration.
    floor : float
        Least ‖Ax − b‖ that any slice reaches with these data.
    rmse : float
        Error of the slice.
    tv : float
        Total variation of the slice, in units of that of the truth.
    stuck : bool
        Whether the method has hardly moved for 20 iterations, and since the last change.
    x : ndarray, shape (96, 96)
    curves : dict of ndarray
        ``iteration``, ``distance``, ``epsilon``, ``rmse`` and ``tv`` of the last 800 iterations,
        at most 300 of them.
    """

    session: EpsilonSession
    status: str
    iteration: int
    n_tilts: int
    epsilon: float
    distance: float
    floor: float
    rmse: float
    tv: float
    stuck: bool
    x: np.ndarray
    curves: dict[str, np.ndarray]

    @property
    def ratio(self) -> float:
        """‖Ax − b‖ ÷ ε."""
        return self.distance / self.epsilon

    @property
    def out_of_reach(self) -> bool:
        """Whether no slice comes as close to the data as ε asks."""
        return self.epsilon < self.floor


class EpsilonSession(LiveSession):
    """A run of week 7 that knows the truth, the tilts still to come, and its floor.

    Parameters
    ----------
    epsilon : float
        ε in units of the noise norm.
    order : {"sequential", "golden"}
        In which order the tilts arrive.
    method : {"tv", "published", "mended"}
    nonnegative : bool

    Attributes
    ----------
    errors : list of float
        RMSE after each iteration.
    floor : float
        As of the last :meth:`find_floor`.
    """

    def __init__(self, epsilon: float, order: str, method: str, nonnegative: bool) -> None:
        at = recording()
        super().__init__(
            DynamicReconstruction(
                (N, N),
                epsilon,
                units="noise",
                noise=at.sigma,
                method="tv" if method == "tv" else "asd_pocs",
                schedule="published" if method == "published" else "mended",
                nonnegative=nonnegative,
                n_expected=TILTS,
                pixel_size_nm=1.0,
                name="live ε",
            )
        )
        self.method, self.order = method, order
        self.errors: list[float] = []
        self.floor = np.nan
        self._floor_of: tuple[str, int, bool] | None = None
        self._coming = visiting_order(at.angles_deg, order).tolist()
        self.run.listen(self._note)

    @property
    def left(self) -> int:
        """How many tilts are still to come."""
        return len(self._coming)

    def add(self, count: int = 1) -> None:
        """Let the next tilts arrive, as many as there are."""
        now, self._coming = self._coming[:count], self._coming[count:]
        if now:
            at = recording()
            self.run.add(at.angles_deg[now], at.b[now])

    def open(self, tilts: int) -> None:
        """Let tilts arrive five at a time, four iterations after each five, and 80 more at last."""
        total = _PER_GROUP * -(-tilts // _GROUP) + _AFTER
        while tilts > 0:
            self.add(min(_GROUP, tilts))
            tilts -= _GROUP
            for _ in range(_PER_GROUP if tilts > 0 else _PER_GROUP + _AFTER):
                working.tick(self.run.iteration, total)
                self.run.step()
        self.find_floor()

    @property
    def floor_is_old(self) -> bool:
        """Whether the floor has to be looked for, because data or constraints have changed."""
        if self._floor_of != self._problem and self._problem in _floors:
            self.find_floor()
        return self._floor_of != self._problem

    def find_floor(self) -> None:
        """Work the floor out for the data that are there; kept for the next time."""
        problem = self._problem
        self.floor = reachable(*problem)
        self._floor_of = problem

    def look(self, snapshot: Snapshot, status: str) -> State:
        """Return the state to draw, with curves of the last iterations."""
        at, n = recording(), snapshot.iteration
        distance = snapshot.data_distance / snapshot.noise_norm
        if not self.floor_is_old and distance < self.floor:
            # The run itself has come closer than the search for the floor did.
            self.floor = distance
        return State(
            session=self,
            status=status,
            iteration=n,
            n_tilts=snapshot.n_tilts,
            epsilon=snapshot.epsilon,
            distance=distance,
            floor=self.floor,
            rmse=metrics.rmse(snapshot.x, at.truth),
            tv=snapshot.prior / _truth_tv() if n else 0.0,
            stuck=self._stuck(n, snapshot.x),
            x=snapshot.x,
            curves=self._curves(n),
        )

    @property
    def _problem(self) -> tuple[str, int, bool]:
        return self.order, self.run.n_tilts, self.run.nonnegative

    def _note(self, run: DynamicReconstruction) -> None:
        off = (run.x - recording().truth).ravel()
        self.errors.append(float(np.sqrt(np.dot(off, off) / off.size)))

    def _stuck(self, n: int, x: np.ndarray) -> bool:
        if n < self.run.events[-1].iteration + _STUCK_FOR:
            return False
        steps = self.run.history["step"][n - _STUCK_FOR : n]
        return max(steps) <= _STUCK * float(np.linalg.norm(x))

    def _curves(self, n: int) -> dict[str, np.ndarray]:
        """History up to iteration `n`, thinned at places that stay put while it grows."""
        history, first = self.run.history, max(0, n - WINDOW)
        every = 1 if n - first <= _POINTS else -(-min(n, WINDOW) // _POINTS)
        at = np.arange(first - first % every, n, every)
        if n and at[-1] != n - 1:
            at = np.append(at, n - 1)
        found = {
            key: np.array([values[k] for k in at])
            for key, values in (*history.items(), ("rmse", self.errors))
        }
        unit = recording().noise_norm(1) * np.sqrt(found["n_tilts"])
        return {
            "iteration": at + 1.0,
            "distance": found["data_distance"] / unit,
            "epsilon": found["radius"] / unit,
            "rmse": found["rmse"],
            "tv": found["prior"] / _truth_tv(),
        }


# A few hundred numbers at most, one for each order, count and constraint.
_floors = {(order, TILTS, True): FLOOR for order in ("sequential", "golden")}


@lru_cache(maxsize=1)
def _truth_tv() -> float:
    return recording().truth_tv


def _specimen(size: int, pixel_nm: float) -> np.ndarray:
    """A turned square of 0.5 with round pores, and particles of 1 that sit on its four faces."""
    body = phantoms.nanocube_with_pores(
        size,
        _EDGE_NM / pixel_nm,
        pore_radius=3.6 / pixel_nm,
        rotation_deg=_TURN_DEG,
        seed=5,
        supersample=1,
    )
    fine = (0.5 * body).astype(np.float32)
    z, x = (np.mgrid[:size, :size] - (size - 1) / 2) * pixel_nm
    turn = np.deg2rad(_TURN_DEG)
    u = x * np.cos(turn) + z * np.sin(turn)
    v = z * np.cos(turn) - x * np.sin(turn)
    spread = noise.generator(3).uniform(0.85, 1.15, len(_PARTICLES_NM))
    for (pu, pv), size_nm in zip(_PARTICLES_NM, _PARTICLE_NM * spread, strict=True):
        fine[(u - pu) ** 2 + (v - pv) ** 2 <= (size_nm / 2) ** 2] = 1.0
    return fine
