"""The through-focus tilt series: what it holds, and what it refuses."""

import numpy as np
import pytest

from em_inverse.atomic import FocalTiltSeries
from em_inverse.errors import DataError, GeometryError, ParameterError


def series(**options):
    images = np.ones((4, 2, 6, 5))
    given = {"images": images, "angles_deg": [-60, -20, 20, 60], "defoci_angstrom": [200, 450]}
    return FocalTiltSeries(**{**given, **options})


def test_it_keeps_what_it_is_given_and_lets_nobody_change_it():
    images = np.ones((4, 2, 6, 5), np.float32)
    one = series(images=images)
    assert one.images.dtype == np.float32
    for array in (one.images, one.angles_deg, one.defoci_angstrom):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    angles = np.array([-60.0, -20.0, 20.0, 60.0])
    other = series(angles_deg=angles)
    angles[0] = 0
    assert other.angles_deg[0] == -60
    with pytest.raises(AttributeError):
        one.voltage_kv = 80
    assert series(images=np.ones((4, 2, 6, 5), int)).images.dtype == np.float32


def test_the_dose_is_shared_by_all_images():
    assert series().electrons_per_pixel is None
    assert series(dose_per_square_angstrom=800.0).electrons_per_pixel == 25.0
    some = series(dose_per_square_angstrom=800.0).subset([True, False, False, True])
    assert some.dose_per_square_angstrom == 400.0
    assert some.electrons_per_pixel == 25.0
    assert some.angles_deg.tolist() == [-60, 60]
    assert series().subset([2]).dose_per_square_angstrom is None


def test_the_report_gets_its_geometry():
    known = series(dose_per_square_angstrom=800.0).geometry()
    assert known["n_projections"] == 4
    assert known["tilt_step_deg"] == 40
    assert known["tilt_step_uniform"] is True
    assert known["dose_e_per_nm2"] == 8e4
    assert known["data_norm"] == pytest.approx(np.sqrt(240))
    alone = series().subset([0]).geometry()
    assert alone["tilt_step_deg"] is None
    assert alone["dose_e_per_nm2"] is None
    assert series().volume_shape == (6, 6, 5)
    assert (series().n_tilts, series().n_foci) == (4, 2)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"images": np.ones((4, 6, 5))}, DataError, "4-D"),
        ({"images": -np.ones((4, 2, 6, 5))}, DataError, "cannot be negative"),
        ({"angles_deg": [0, 1]}, GeometryError, "one entry per tilt"),
        ({"defoci_angstrom": 200.0}, GeometryError, "one entry per focus"),
        ({"voltage_kv": 0}, ParameterError, "voltage_kv"),
        ({"dose_per_square_angstrom": -1}, ParameterError, "dose_per_square_angstrom"),
    ],
)
def test_what_does_not_fit_is_refused(options, error, match):
    with pytest.raises(error, match=match):
        series(**options)


@pytest.mark.parametrize("tilts", [[7], [], [[0]]])
def test_tilts_that_are_not_there_cannot_be_chosen(tilts):
    with pytest.raises(ParameterError, match="at least one of the 4 tilts"):
        series().subset(np.array(tilts, int))
