"""HyperSpy files, built with h5py as HyperSpy lays them out."""

import contextlib

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from em_inverse.errors import EmInverseError, FileFormatError, GeometryError, ParameterError
from em_inverse.io import read_tilt_series

IMAGES = np.random.default_rng(0).integers(0, 1000, (3, 4, 5)).astype(np.uint16)
ANGLES = [-60.0, 0.0, 60.0]
PIXELS = ({"name": "y", "units": "nm", "scale": 0.5}, {"name": "x", "units": "nm", "scale": 0.5})
TILTS = {"name": "Tilt", "units": "degrees", "scale": 60.0, "offset": -60.0}


def save(path, data=IMAGES, axes=(TILTS, *PIXELS), name="needle", old=False):
    """Write a signal; return its metadata's path in the file."""
    with h5py.File(path, "a") as h5:
        h5.attrs["file_format"], h5.attrs["file_format_version"] = "HyperSpy", "3.3"
        signal = h5.create_group(f"Experiments/{name}")
        signal.create_dataset("data", data=data)
        for index, axis in enumerate(axes):
            place = f"_list_{data.ndim}_axes/{index}" if old else f"axis-{index}"
            group = signal.create_group(place)
            group.attrs.update({"size": data.shape[index], "navigate": index == 0, **axis})
        signal.create_group("original_metadata")
        signal.create_group("metadata/General").attrs["title"] = name
        stage = signal.create_group("metadata/Acquisition_instrument/TEM/Stage")
        stage.attrs["tilt_alpha"] = 12.0
    return path


@pytest.mark.parametrize("old", [False, True])
def test_stack_with_calibrated_tilts(tmp_path, old):
    series = read_tilt_series(save(tmp_path / "a.hspy", old=old))
    np.testing.assert_array_equal(series.projections, IMAGES.transpose(0, 2, 1))
    assert series.angles_deg.tolist() == ANGLES
    assert series.metadata["angle_source"] == "axis 'Tilt' of a.hspy"
    assert series.metadata["dataset"] == "needle"
    assert series.pixel_size_nm == 0.5


@pytest.mark.parametrize("where", ["dataset", "attribute", "wrong"])
def test_axis_with_listed_values(tmp_path, where):
    uneven = [-60.0, 10.0, 55.0]
    path = save(tmp_path / "a.hspy", axes=({"name": "Tilt", "units": "deg"}, *PIXELS))
    with h5py.File(path, "a") as h5:
        axis = h5["Experiments/needle/axis-0"]
        if where == "dataset":
            axis["axis"] = uneven
        else:
            axis.attrs["axis"] = uneven if where == "attribute" else [1.0, 2.0]
    expected = [0.0, 1.0, 2.0] if where == "wrong" else uneven
    assert read_tilt_series(path).angles_deg.tolist() == expected


@pytest.mark.parametrize("name", ["tilts", "_list_tilts", "_sig_tilts/data", "_tuple_tilt_angles"])
def test_angles_listed_in_the_metadata_come_first(tmp_path, name):
    path = save(tmp_path / "a.hspy")
    with h5py.File(path, "a") as h5:
        h5[f"Experiments/needle/metadata/Tomography/{name}"] = np.array([[-50.0], [0.0], [50.0]])
    series = read_tilt_series(path)
    assert series.angles_deg.tolist() == [-50.0, 0.0, 50.0]
    assert series.metadata["angle_source"] == f"dataset 'Tomography/{name}' of a.hspy"


def test_listed_angles_that_cannot_be_angles(tmp_path):
    path = save(tmp_path / "a.hspy")
    with h5py.File(path, "a") as h5:
        metadata = h5["Experiments/needle/metadata"]
        metadata["tilts"] = [np.nan, 0, 1]
        metadata.attrs["tilts"] = [900.0, 0.0, 1.0]
    assert read_tilt_series(path).angles_deg.tolist() == ANGLES


def test_single_image_takes_the_tilt_of_the_stage(tmp_path):
    series = read_tilt_series(save(tmp_path / "a.hspy", IMAGES[0], PIXELS))
    assert series.angles_deg.tolist() == [12.0]
    assert series.projections.shape == (1, 5, 4)


def test_signal_without_axes_or_metadata(tmp_path):
    with h5py.File(tmp_path / "a.hspy", "w") as h5:
        h5["Experiments/plain/data"] = IMAGES
    with pytest.raises(GeometryError, match="no tilt angles"):
        read_tilt_series(tmp_path / "a.hspy")
    assert read_tilt_series(tmp_path / "a.hspy", ANGLES).pixel_size_nm is None


def test_of_several_signals_one_is_named(tmp_path):
    path = save(tmp_path / "a.hspy")
    save(path, IMAGES + 1, name="second")
    with pytest.raises(ParameterError, match="'second'"):
        read_tilt_series(path)
    series = read_tilt_series(path, dataset="second")
    np.testing.assert_array_equal(series.projections, (IMAGES + 1).transpose(0, 2, 1))


def test_what_is_no_tilt_series_is_refused(tmp_path):
    energy = {"name": "Energy", "units": "keV", "scale": 0.01}
    with pytest.raises(FileFormatError, match="spectra"):
        read_tilt_series(save(tmp_path / "a.hspy", axes=(*PIXELS, energy)), ANGLES)
    with pytest.raises(FileFormatError, match="no array"):
        read_tilt_series(save(tmp_path / "b.hspy", IMAGES.astype(complex)), ANGLES)
    with h5py.File(tmp_path / "c.hspy", "w") as h5:
        h5["data"] = IMAGES
    with pytest.raises(FileFormatError, match="no array"):
        read_tilt_series(tmp_path / "c.hspy", ANGLES)
    (tmp_path / "d.hspy").write_bytes(b"no HDF5 at all")
    with pytest.raises(FileFormatError, match="HDF5 signature"):
        read_tilt_series(tmp_path / "d.hspy", ANGLES)


def test_damage_ends_in_data_or_a_typed_error(tmp_path):
    path = save(tmp_path / "a.hspy")
    whole = path.read_bytes()
    for length in range(1, len(whole), len(whole) // 20):
        path.write_bytes(whole[:length])
        with pytest.raises(FileFormatError):
            read_tilt_series(path)

    @settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(place=st.integers(0, len(whole) - 1), value=st.integers(1, 255))
    def flip(place, value):
        raw = bytearray(whole)
        raw[place] ^= value
        path.write_bytes(raw)
        with contextlib.suppress(EmInverseError):
            assert read_tilt_series(path).n_tilts >= 1

    flip()
