"""Data Exchange as synchrotrons write it, and the account that the kit adds."""

import subprocess
import sys

import h5py
import numpy as np
import pytest

from em_inverse.io import read_tilt_series
from em_inverse.io.hdf5_access import opened_hdf5

IMAGES = np.random.default_rng(0).random((3, 4, 5)).astype(np.float32)


def save(path, theta, **more):
    with h5py.File(path, "w") as h5:
        h5["exchange/data"] = IMAGES
        h5["exchange/theta"] = theta
        for name, value in more.items():
            h5[f"exchange/{name}"] = value
    return path


def test_white_and_dark_fields_are_stated_not_applied(tmp_path):
    path = save(tmp_path / "a.h5", [-60, 0, 60], data_white=IMAGES[:2], data_dark=IMAGES[:1])
    series = read_tilt_series(path)
    np.testing.assert_array_equal(series.projections, IMAGES.transpose(0, 2, 1))
    assert series.metadata["notes"] == [
        "2 white (flat) field image(s) in 'exchange/data_white' are not applied",
        "1 dark field image(s) in 'exchange/data_dark' are not applied",
    ]
    assert read_tilt_series(path, dataset="exchange/data_white", angles=[0, 1]).n_tilts == 2


def test_radians_are_turned_into_degrees_and_said(tmp_path):
    path = save(tmp_path / "a.h5", np.radians([-60, 0, 60]))
    with h5py.File(path, "r+") as h5:
        h5["exchange/theta"].attrs["units"] = "rad"
    series = read_tilt_series(path)
    np.testing.assert_allclose(series.angles_deg, [-60, 0, 60])
    assert series.metadata["angle_source"] == "dataset 'exchange/theta' of a.h5, in rad"


def test_angles_of_another_number_are_noted(tmp_path):
    series = read_tilt_series(save(tmp_path / "a.h5", [0, 1]), [1, 2, 3])
    assert series.metadata["notes"] == [
        "'exchange/theta' has shape (2,), but there are 3 projections; not used"
    ]


@pytest.mark.parametrize(("stated", "axis"), [("horizontal", "horizontal"), ("odd", "vertical")])
def test_the_direction_of_the_tilt_axis_may_be_stated(tmp_path, stated, axis):
    path = save(tmp_path / "a.h5", [0, 1, 2])
    with h5py.File(path, "r+") as h5:
        h5["exchange/data"].attrs["tilt_axis"] = stated
    assert read_tilt_series(path).metadata["tilt_axis"] == axis


def test_reading_locks_nothing(tmp_path):
    """A program that records into the file must be able to open it while it is being read."""
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as h5:
        h5["data"] = np.ones((2, 3, 4))
    script = "import h5py, sys; h5py.File(sys.argv[1], 'r+')['more'] = 1"
    with opened_hdf5(path):
        assert subprocess.run([sys.executable, "-c", script, str(path)]).returncode == 0
