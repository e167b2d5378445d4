"""Simulated series: geometry, dose, and the agreement of atoms with volumes."""

import numpy as np
import pytest

from em_inverse.atomic import Atoms, potential, simulate
from em_inverse.errors import DataError, ParameterError
from em_inverse.forward import Multislice

ATOMS = Atoms([[1.0, -2.0, 0.5], [-1.5, 1.0, -1.0]], [14, 8])
SHAPE = (24, 24, 20)


def test_atoms_and_their_volume_give_the_same_images():
    volume = potential(ATOMS, SHAPE)
    angles = [0.0, 90.0, -35.0]
    of_atoms = simulate(ATOMS, angles, [300.0], shape=SHAPE).images
    of_volume = simulate(volume, angles, [300.0]).images
    assert of_atoms.shape == (3, 1, 24, 20)
    assert of_atoms.dtype == np.float32
    for k, limit in enumerate((1e-5, 0.05, 0.1)):
        contrast = np.linalg.norm(of_atoms[k] - 1)
        assert np.linalg.norm(of_atoms[k] - of_volume[k]) < limit * contrast


def test_it_is_the_multislice_model_with_the_same_optics():
    options = {"cs_mm": 0.01, "aperture_mrad": 18.0, "focal_spread_angstrom": 30.0}
    options |= {"source_mrad": 0.1, "propagation": "paraxial", "margin": 6}
    volume = potential(ATOMS, SHAPE)
    series = simulate(volume, [20.0], [150.0, 400.0], 200.0, slice_voxels=4, **options)
    H = Multislice(SHAPE, [150.0, 400.0], voltage_kv=200.0, slice_voxels=4, **options)
    assert np.array_equal(series.images[0], H.images(volume, 20.0))
    assert (series.voltage_kv, series.cs_mm, series.aperture_mrad) == (200.0, 0.01, 18.0)
    assert series.metadata["source_mrad"] == 0.1
    assert series.metadata["synthetic"] is True


def test_flat_volumes_are_deep_enough_for_every_tilt():
    atoms = Atoms([[0.0, 4.0, 0.0]], [14])
    series = simulate(atoms, [0.0, 90.0], [200.0], shape=(8, 24, 16), slice_voxels=3)
    row = np.abs(series.images - 1).sum(axis=(1, 3))
    assert row[0].argmax() in (19, 20)
    assert row[1].argmax() in (11, 12)


def test_electrons_are_counted_at_the_dose():
    dose = 4 * 50.0 * 6
    options = {"shape": SHAPE, "dose_per_square_angstrom": dose}
    series = simulate(ATOMS, [0.0, 60.0, -60.0], [200.0, 400.0], seed=3, **options)
    clean = simulate(ATOMS, [0.0, 60.0, -60.0], [200.0, 400.0], shape=SHAPE)
    assert series.electrons_per_pixel == 50.0
    counts = series.images * 50
    assert np.allclose(counts, np.round(counts), atol=1e-3)
    assert (series.images - clean.images).std() == pytest.approx(1 / np.sqrt(50), rel=0.03)
    again = simulate(ATOMS, [0.0, 60.0, -60.0], [200.0, 400.0], seed=3, **options)
    other = simulate(ATOMS, [0.0, 60.0, -60.0], [200.0, 400.0], seed=4, **options)
    assert np.array_equal(series.images, again.images)
    assert not np.array_equal(series.images, other.images)


def test_options_of_the_potential_reach_it(capsys):
    sharp = simulate(ATOMS, [0.0], [200.0], shape=SHAPE)
    blurred = simulate(ATOMS, [0.0], [200.0], shape=SHAPE, b_factor=6.0, progress=True)
    assert blurred.images.std() < 0.9 * sharp.images.std()
    assert "simulate" in capsys.readouterr().err


def test_what_does_not_fit_is_refused():
    with pytest.raises(ParameterError, match="shape is missing"):
        simulate(ATOMS, [0.0])
    with pytest.raises(ParameterError, match="b_factor, shape belongs to atoms"):
        simulate(np.ones(SHAPE), [0.0], b_factor=1.0, shape=SHAPE)
    with pytest.raises(DataError, match="specimen has shape"):
        simulate(np.ones((4, 4)), [0.0])
    with pytest.raises(ParameterError, match="dose_per_square_angstrom"):
        simulate(np.ones((4, 4, 4)), [0.0], dose_per_square_angstrom=0)
