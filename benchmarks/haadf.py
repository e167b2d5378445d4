"""The generator of particle tilt series against multislice: what the incoherent model leaves out.

:func:`em_inverse.simulate.particle_tilt_series` lets columns add up. A real probe is scattered on
its way through the particle: channelling, beam spreading and a finite depth of focus are in a
multislice simulation and not in that model. Two such simulations are compared with it, one of our
own, and abTEM where it is installed. Both freeze the atoms in the middle of their motion, and their
images are compared as a point source would give them and as one of finite size does.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.fft
from scipy.ndimage import gaussian_filter

from benchmarks.harness import Settings
from benchmarks.machine import version_of
from benchmarks.multislice import abtem
from benchmarks.results import Bar, Result, Table
from em_inverse import simulate
from em_inverse.atomic.scattering import VOLT_SQUARE_ANGSTROM, electron_scattering_factor
from em_inverse.forward import optics
from em_inverse.forward.probe import ScanningProbe
from em_inverse.simulate.particles import PROBES

__all__ = ["pixels_seen", "run", "scanned"]

_PIXEL_NM = 0.036
_SOURCE_NM = 0.06
"""Width at half height of the electron source's image; that of a good gun is 0.05 to 0.08 nm."""
_DETECTOR_MRAD = 60.0, 100.0
"""Inner and outer angle; scattering factors are tabulated up to 100 mrad."""
_SAMPLING_NM = 0.0075
_SLICE_NM = 0.2
_MARGIN_NM = 0.35
_MOTION_NM = 0.0075
"""Root mean square of the thermal motion along one axis: platinum at room temperature, about."""
_BATCH = 16

Scan = Callable[[np.ndarray, str, ScanningProbe, np.ndarray, float], np.ndarray]


def run(settings: Settings) -> Result:
    """Correlate one tilt series, tilt by tilt and as a whole."""
    edge, cut = (3, 0) if settings.quick else (5, 1)
    cluster = simulate.octahedron("Pt", edge, cut)
    angles = [0.0, 20.0] if settings.quick else [0.0, 20.0, 45.0, 70.0]
    result = Result(
        title="HAADF tilt series against multislice",
        about=(
            f"A truncated octahedron of {len(cluster)} platinum atoms; at 0° and 45° the beam "
            f"runs along [001] and [101], elsewhere along no zone axis. 200 kV, the sharp probe "
            f"(35 mrad) focused on the middle, detector {_DETECTOR_MRAD[0]:g} to "
            f"{_DETECTOR_MRAD[1]:g} mrad, atoms displaced by {1000 * _MOTION_NM:g} pm along each "
            f"axis, one such arrangement for each tilt; pixels of {_PIXEL_NM:g} nm within the "
            f"particle's square and two around it. Pearson's correlation of the pixels, and with a "
            f"source of {_SOURCE_NM:g} nm (full width at half height) the sum and the brightest "
            "pixel, in the unit that fits the whole series best."
        ),
        peers={"abTEM": version_of("abtem")},
    )
    ways: dict[str, Scan | None] = {"our own multislice": scanned}
    module = abtem()
    ways["abTEM"] = None if module is None else functools.partial(_abtem, module)
    for name, scan in ways.items():
        _compare(result, name, scan, cluster, angles)
    return result


def pixels_seen(cluster: simulate.Cluster) -> np.ndarray:
    """Centres of the pixels that are compared, in nm from the tilt axis."""
    half = int(np.ceil(cluster.diameter_nm / 2 / _PIXEL_NM)) + 2
    return (np.arange(-half, half) + 0.5) * _PIXEL_NM


def _compare(
    result: Result,
    name: str,
    scan: Scan | None,
    cluster: simulate.Cluster,
    angles: list[float],
) -> None:
    columns = [
        "tilt / °",
        *("correlation, point source", f"correlation, source of {_SOURCE_NM:g} nm"),
        *("sum, theirs over ours", "peak, theirs over ours", "CPU s"),
    ]
    table = Table(f"The generator's frames against {name}", columns)
    result.tables.append(table)
    words = f"Correlation of the tilt series with {name}, source of {_SOURCE_NM:g} nm"
    if scan is None:
        table.rows = [[angle, "not installed", *[None] * 4] for angle in angles]
        result.bars.append(Bar(words, 0.95, None))
        return
    places = pixels_seen(cluster)
    ours = simulate.particle_tilt_series(
        cluster, shape=(places.size,) * 2, pixel_size_nm=_PIXEL_NM, angles_deg=angles
    ).projections.astype(np.float64)
    theirs, seconds = [], []
    for number, angle in enumerate(angles):
        begin = time.process_time()
        atoms = _turned(cluster, angle, number)
        theirs.append(scan(atoms, cluster.element, PROBES["sharp"], places, _field(cluster)))
        seconds.append(time.process_time() - begin)
    sharp = np.array(theirs)
    sigma = _SOURCE_NM / np.sqrt(8 * np.log(2)) / _PIXEL_NM
    seen = gaussian_filter(sharp, (0, sigma, sigma), mode="constant")
    # One factor for the whole series: the fraction of the beam that a unit of ours stands for.
    seen *= np.vdot(seen, ours) / np.vdot(seen, seen)
    for number, angle in enumerate(angles):
        a, b = seen[number], ours[number]
        point = _correlation(sharp[number], b)
        shares = float(a.sum() / b.sum()), float(a.max() / b.max())
        table.rows.append([angle, point, _correlation(a, b), *shares, seconds[number]])
    table.rows.append(["all", _correlation(sharp, ours), _correlation(seen, ours), *[None] * 3])
    result.bars.append(Bar(words, 0.95, _correlation(seen, ours)))


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def _turned(cluster: simulate.Cluster, angle: float, seed: int) -> np.ndarray:
    """Columns s, y and depth of the displaced atoms, in nm; the middle is 0."""
    z, x, y = cluster.positions_nm.T
    turn = np.deg2rad(angle)
    places = np.column_stack(
        [x * np.cos(turn) + z * np.sin(turn), y, z * np.cos(turn) - x * np.sin(turn)]
    )
    shaken: np.ndarray = places + np.random.default_rng(seed).normal(
        scale=_MOTION_NM, size=places.shape
    )
    return shaken


def _field(cluster: simulate.Cluster) -> float:
    """Edge of the periodic field in nm, a number of samples that FFT likes."""
    wanted = cluster.diameter_nm + 2 * (_PIXEL_NM + _MARGIN_NM)
    return scipy.fft.next_fast_len(int(np.ceil(wanted / _SAMPLING_NM))) * _SAMPLING_NM


def scanned(
    atoms: np.ndarray,
    element: str,
    probe: ScanningProbe,
    places_nm: np.ndarray,
    field_nm: float,
) -> np.ndarray:
    """HAADF image by multislice: the share of the beam that falls on the annular detector.

    Parameters
    ----------
    atoms : ndarray, shape (n_atoms, 3)
        Columns x, y and depth along the beam in nm; the probe is focused on depth 0.
    element : str
    probe : ScanningProbe
    places_nm : ndarray
        Where the probe stands, along x and y, in nm.
    field_nm : float
        Edge of the periodic field around the origin.

    Returns
    -------
    ndarray, shape (places_nm.size, places_nm.size)
    """
    n, lam = round(field_nm / _SAMPLING_NM), optics.wavelength(probe.energy_kev)
    k = scipy.fft.fftfreq(n, 10 * _SAMPLING_NM)
    q = np.hypot(k[:, None], k)
    band = q < 2 / 3 * np.abs(k).max()
    factor = electron_scattering_factor(element, q) * VOLT_SQUARE_ANGSTROM / (10 * field_nm) ** 2
    sigma = optics.interaction_parameter(probe.energy_kev)
    first = atoms[:, 2].min()
    layers = np.floor((atoms[:, 2] - first) / _SLICE_NM).astype(int)
    transmissions = []
    for layer in range(layers.max() + 1):
        ex, ey = (np.exp(-2j * np.pi * k * 10 * s[:, None]) for s in atoms[layers == layer, :2].T)
        phase = sigma * n**2 * scipy.fft.ifft2((ex.T @ ey) * factor * band).real
        t = scipy.fft.ifft2(scipy.fft.fft2(np.exp(1j * phase)) * band)
        transmissions.append(t.astype(np.complex64))
    step = (np.exp(-1j * np.pi * lam * 10 * _SLICE_NM * q**2) * band).astype(np.complex64)
    alpha = lam * q
    chi = 2 * np.pi / lam * (2.5e3 * probe.cs_um * alpha**4 - 5 * probe.defocus_nm * alpha**2)
    # Back from the focus at depth 0 to the middle of the first slice.
    chi -= np.pi * lam * 10 * (-first - _SLICE_NM / 2) * q**2
    lens = np.exp(-1j * chi) * (1e3 * alpha <= probe.semi_angle_mrad)
    lens /= np.linalg.norm(lens)
    inner, outer = _DETECTOR_MRAD
    annulus = ((1e3 * alpha >= inner) & (1e3 * alpha < outer)).astype(np.float32)
    spots = [(a, b) for a in places_nm for b in places_nm]
    shares = []
    for some in range(0, len(spots), _BATCH):
        s = 10 * np.array(spots[some : some + _BATCH])
        ex, ey = (np.exp(-2j * np.pi * k * c[:, None]) for c in s.T)
        waves = (lens * ex[:, :, None] * ey[:, None, :]).astype(np.complex64)
        for number, t in enumerate(transmissions):
            if number:
                waves *= step
            wave = scipy.fft.ifft2(waves, overwrite_x=True)
            wave *= t
            waves = scipy.fft.fft2(wave, overwrite_x=True)
        shares.append(np.einsum("bij,ij->b", np.abs(waves) ** 2, annulus))
    return np.concatenate(shares).reshape(places_nm.size, -1).astype(np.float64)


def _abtem(
    module: Any,
    atoms: np.ndarray,
    element: str,
    probe: ScanningProbe,
    places_nm: np.ndarray,
    field_nm: float,
) -> np.ndarray:
    """As :func:`scanned`, by abTEM, whose cell has its corner at the origin. Lengths in Å."""
    import ase  # type: ignore[import-not-found, unused-ignore]

    field, above = 10 * field_nm, 2.0
    first = 10 * atoms[:, 2].min()
    positions = 10 * atoms + [field / 2, field / 2, above - first]
    depth = positions[:, 2].max() + above
    structure = ase.Atoms(
        [element] * len(atoms), positions=positions, cell=[field, field, depth], pbc=True
    )
    potential = module.Potential(
        structure,
        gpts=round(field_nm / _SAMPLING_NM),
        slice_thickness=10 * _SLICE_NM,
        projection="infinite",
    )
    beam = module.Probe(
        energy=1e3 * probe.energy_kev,
        semiangle_cutoff=probe.semi_angle_mrad,
        Cs=1e4 * probe.cs_um,
        defocus=10 * probe.defocus_nm + above - first,
    )
    beam.grid.match(potential)
    inner, outer = _DETECTOR_MRAD
    xy = 10 * np.array([(a, b) for a in places_nm for b in places_nm]) + field / 2
    found = beam.scan(
        potential,
        scan=module.CustomScan(xy),
        detectors=module.AnnularDetector(inner=inner, outer=outer),
        max_batch=_BATCH,
        lazy=True,
    ).compute(scheduler="single-threaded", progress_bar=False)
    return np.asarray(found.array, np.float64).reshape(places_nm.size, -1)
