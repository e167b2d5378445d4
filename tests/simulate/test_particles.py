"""Tilt series of particles: geometry, contrast, probe, noise and drift."""

import numpy as np
import pytest

from em_inverse import simulate
from em_inverse.errors import GeometryError, ParameterError
from em_inverse.forward import ScanningProbe
from em_inverse.simulate import Cluster, particle_set, particle_tilt_series

SIZE = 0.036


def atoms_at(*places):
    return Cluster("Au", np.array(places, dtype=float), "atoms")


def centre(image):
    """Centre of mass in pixels from the middle, along x and y."""
    x, y = (np.arange(n) - (n - 1) / 2 for n in image.shape)
    return image.sum(axis=1) @ x / image.sum(), image.sum(axis=0) @ y / image.sum()


@pytest.mark.parametrize("angle", [0, 37.5, -60, 90])
def test_an_atom_falls_where_the_house_says(angle):
    """s = x cos θ + z sin θ, and y stays."""
    z, x, y = 0.3, 0.5, -0.4
    one = particle_tilt_series(atoms_at((z, x, y)), shape=(96, 64), angles_deg=[angle])
    turn = np.deg2rad(angle)
    expected = (x * np.cos(turn) + z * np.sin(turn)) / SIZE, y / SIZE
    assert centre(one.projections[0]) == pytest.approx(expected, abs=0.05)
    assert one.pixel_size_nm == SIZE
    assert one.metadata["synthetic"] is True


def test_columns_add_up():
    pair = atoms_at((0.4, 0, 0), (-0.4, 0, 0))
    seen = particle_tilt_series(pair, shape=(64, 64), angles_deg=[0, 90]).projections
    assert seen[0].max() == 1
    assert seen[1].max() == pytest.approx(0.5, abs=0.05)
    assert seen[1].sum() == pytest.approx(seen[0].sum(), rel=0.01)


def test_nothing_comes_back_from_the_other_side():
    """An atom at the left rim, seen with long tails: the right rim is as dark as it would be."""
    probe = simulate.PROBES["aberrated"]
    rim = atoms_at((0, -1.0, 0))
    small = particle_tilt_series(rim, shape=(64, 64), angles_deg=[0], probe=probe).projections[0]
    large = particle_tilt_series(rim, shape=(256, 256), angles_deg=[0], probe=probe).projections[0]
    assert np.allclose(small, large[96:160, 96:160], atol=1e-6)
    assert small[-1].max() < 0.02 < small[0].max()


def test_the_probe_decides_how_sharp_the_columns_are():
    particle = simulate.octahedron("Pt", 5)
    sharp, bent = (
        particle_tilt_series(particle, angles_deg=[0], probe=probe).projections[0]
        for probe in ("sharp", "aberrated")
    )
    contrast = [np.abs(np.diff(image, axis=0)).sum() / image.sum() for image in (sharp, bent)]
    assert contrast[0] > 3 * contrast[1]
    own = ScanningProbe(35.0)
    again = particle_tilt_series(particle, angles_deg=[0], probe=own).projections[0]
    assert np.array_equal(again, sharp)


def test_counts_are_poisson():
    particle, angles = simulate.octahedron("Pt", 5), np.arange(-60, 61, 10)
    clean = particle_tilt_series(particle, angles_deg=angles).projections
    noisy = particle_tilt_series(particle, angles_deg=angles, counts=40, seed=3).projections
    counts = 40 * noisy
    assert np.allclose(counts, np.round(counts), atol=1e-4)
    bright = clean > 0.1
    spread = (noisy - clean)[bright] / np.sqrt(clean[bright] / 40)
    assert abs(spread.mean()) < 0.05
    assert spread.std() == pytest.approx(1, abs=0.05)
    again = particle_tilt_series(particle, angles_deg=angles, counts=40, seed=3)
    assert np.array_equal(again.projections, noisy)


def test_drift_moves_the_particle_and_is_written_down():
    particle = simulate.octahedron("Pt", 4)
    series = particle_tilt_series(particle, angles_deg=[-30, 0, 30], drift_px=1.5, seed=2)
    moved = np.array([centre(image) for image in series.projections])
    assert moved == pytest.approx(series.metadata["drift_px"], abs=0.1)
    assert np.abs(moved).max() > 0.5


def test_a_set_is_repeatable_and_varied():
    one, two = (
        particle_set(3, "unseen", n=64, angles_deg=[0, 30], probe="aberrated", seed=5)
        for _ in range(2)
    )
    assert [s.metadata["particle"] for s in one] == [s.metadata["particle"] for s in two]
    assert np.array_equal(one[2].projections, two[2].projections)
    assert not np.allclose(one[0].projections, one[1].projections)
    assert one[0].pixel_size_nm == pytest.approx(0.072)


def test_the_whole_turn_is_the_default():
    series = particle_tilt_series(simulate.octahedron("Au", 2), shape=(24, 24))
    assert series.n_tilts == 181
    assert series.tilt_range_deg == (-90, 90)
    # Half a turn mirrors the projection.
    assert np.allclose(series.projections[0], series.projections[-1][::-1], atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "error", "match"),
    [
        ({"shape": (16, 16)}, ParameterError, "Choose a larger shape"),
        ({"probe": "blunt"}, ParameterError, "probe is 'blunt'"),
        ({"counts": 0}, ParameterError, "counts is 0"),
        ({"drift_px": -1}, ParameterError, "drift_px is -1"),
        ({"drift_px": 1e7, "angles_deg": [0, 9]}, ParameterError, "out of the field"),
        ({"counts": 1e12}, ParameterError, "counts is 1"),
        ({"angles_deg": [np.nan]}, GeometryError, "angles_deg"),
    ],
)
def test_bad_requests_are_named(settings, error, match):
    with pytest.raises(error, match=match):
        particle_tilt_series(simulate.octahedron("Au", 6), **settings)


def test_positions_alone_are_no_cluster():
    with pytest.raises(ParameterError, match="cluster is a ndarray"):
        particle_tilt_series(np.zeros((4, 3)))
