"""EMD files of both kinds."""

import contextlib
import json

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from em_inverse.errors import EmInverseError, FileFormatError, GeometryError, ParameterError
from em_inverse.io import read_tilt_series

IMAGES = np.random.default_rng(0).integers(0, 1000, (3, 4, 5)).astype(np.uint16)
ANGLES = [-60.0, 0.0, 60.0]
PIXELS = [("y", "[n_m]", 0.5 * np.arange(4)), ("x", "[n_m]", 0.5 * np.arange(5))]
TILTS = ("angles", "[deg]", np.array(ANGLES))


def open_format(path, data=IMAGES, dims=(TILTS, *PIXELS), first=1, name="tomography"):
    with h5py.File(path, "a") as h5:
        h5.attrs["version_major"], h5.attrs["version_minor"] = 0, 2
        group = h5.create_group(f"data/{name}")
        group.attrs["emd_group_type"] = 1
        group.create_dataset("data", data=data)
        for index, (title, units, values) in enumerate(dims):
            vector = group.create_dataset(f"dim{index + first}", data=values)
            vector.attrs["name"], vector.attrs["units"] = title, np.bytes_(units)
    return path


def frame(alpha=None, width=2e-10, unit="m", detector="HAADF"):
    facts = {
        "BinaryResult": {
            "PixelSize": {"width": str(width), "height": str(width)},
            "PixelUnitX": unit,
            "PixelUnitY": unit,
            "DetectorIndex": "2",
        },
        "Detectors": {"Detector-2": {"DetectorName": detector}},
        "Acquisition": {"AcquisitionStartDatetime": {"DateTime": "1500000000"}},
        "Scan": {"FrameTime": "1.5"},
        "Stage": {"Position": {"x": "0"}},
    }
    if alpha is not None:
        facts["Stage"]["AlphaTilt"] = str(np.radians(alpha))
    return facts


def velox(path, frames, data=IMAGES, key="abc123"):
    columns = np.zeros((4000, max(len(frames), 1)), np.uint8)
    for index, facts in enumerate(frames):
        raw = facts if isinstance(facts, bytes) else json.dumps(facts).encode() + b"\n"
        columns[: len(raw), index] = np.frombuffer(raw, np.uint8)
    with h5py.File(path, "a") as h5:
        if "Version" not in h5:
            h5["Version"] = [json.dumps({"format": "Velox", "version": "1.10"})]
        group = h5.create_group(f"Data/Image/{key}")
        frames_last = np.moveaxis(data, 0, 2)
        group.create_dataset("Data", data=frames_last, chunks=(*frames_last.shape[:2], 1))
        group.create_dataset("Metadata", data=columns)
    return path


@pytest.mark.parametrize("first", [0, 1])
def test_open_format(tmp_path, first):
    series = read_tilt_series(open_format(tmp_path / "a.emd", first=first))
    np.testing.assert_array_equal(series.projections, IMAGES.transpose(0, 2, 1))
    assert series.angles_deg.tolist() == ANGLES
    assert series.pixel_size_nm == 0.5
    assert series.metadata["angle_source"] == "axis 'angles' of a.emd"
    assert series.metadata["dataset"] == "data/tomography"


def test_tilts_may_stand_last(tmp_path):
    path = open_format(tmp_path / "a.emd", np.moveaxis(IMAGES, 0, 2), (*PIXELS, TILTS))
    series = read_tilt_series(path, tilt_axis="horizontal")
    np.testing.assert_array_equal(series.projections, IMAGES)
    assert series.angles_deg.tolist() == ANGLES


def test_tilts_in_radians_and_vectors_of_two_values(tmp_path):
    dims = (("tilt_angle", "rad", np.radians([-60.0, 0.0])), ("y", "um", [0, 0.002]), PIXELS[1])
    series = read_tilt_series(open_format(tmp_path / "a.emd", dims=dims))
    assert series.angles_deg == pytest.approx(ANGLES)
    assert "pixels are not square" in series.metadata["notes"][0]


def test_angles_beside_the_array_come_first(tmp_path):
    path = open_format(tmp_path / "a.emd", dims=(("n", "", [0, 1, 2]), *PIXELS))
    with pytest.raises(GeometryError):
        read_tilt_series(path)
    with h5py.File(path, "a") as h5:
        h5["data/tomography"].attrs["tilt_angles"] = ANGLES
    assert read_tilt_series(path).metadata["angle_source"] == "attribute 'tilt_angles' of a.emd"
    with h5py.File(path, "a") as h5:
        h5["data/tomography/tilt_angles"] = np.array(ANGLES) + 1
    series = read_tilt_series(path)
    assert series.angles_deg.tolist() == [-59.0, 1.0, 61.0]
    assert series.metadata["angle_source"] == "dataset 'tilt_angles' of a.emd"


def test_one_image_and_a_sinogram(tmp_path):
    image = open_format(tmp_path / "a.emd", IMAGES[0], PIXELS)
    assert read_tilt_series(image, [7]).projections.shape == (1, 5, 4)
    sinogram = open_format(tmp_path / "b.emd", IMAGES[:, 0], (TILTS, PIXELS[1]))
    series = read_tilt_series(sinogram)
    np.testing.assert_array_equal(series.projections, IMAGES[:, 0])
    assert series.pixel_size_nm == 0.5


def test_vectors_that_make_no_sense_are_passed_over(tmp_path):
    dims = (("angles", "deg", [0.0, 0.0, 0.0]), ("y", "nm", ["a"]), ("x", "nm", np.arange(9)))
    series = read_tilt_series(open_format(tmp_path / "a.emd", dims=dims), ANGLES)
    assert series.metadata["notes"] == [
        "the calibration of axis 'angles' cannot be tilt angles and is ignored"
    ]
    assert series.pixel_size_nm == 1.0
    with h5py.File(tmp_path / "a.emd", "a") as h5:
        del h5["data/tomography/dim3"]
    assert read_tilt_series(tmp_path / "a.emd", ANGLES).pixel_size_nm is None


def test_of_several_arrays_one_is_named(tmp_path):
    path = open_format(tmp_path / "a.emd")
    open_format(path, IMAGES + 1, name="second")
    with pytest.raises(ParameterError, match="data/second"):
        read_tilt_series(path)
    for name in ("data/second", "/data/second/data"):
        series = read_tilt_series(path, dataset=name)
        np.testing.assert_array_equal(series.projections, (IMAGES + 1).transpose(0, 2, 1))


def test_arrays_without_vectors_are_read_as_plain_hdf5(tmp_path):
    with h5py.File(tmp_path / "a.emd", "w") as h5:
        h5["entry/frames"] = IMAGES
    assert read_tilt_series(tmp_path / "a.emd", ANGLES).metadata["dataset"] == "entry/frames"


def test_links_to_other_files_are_not_followed(tmp_path):
    open_format(tmp_path / "other.emd")
    with h5py.File(tmp_path / "a.emd", "w") as h5:
        group = h5.create_group("data/tomography")
        group["dim1"] = np.array(ANGLES)
        group["data"] = h5py.ExternalLink("other.emd", "/data/tomography/data")
    with pytest.raises(FileFormatError, match="no array"):
        read_tilt_series(tmp_path / "a.emd")


def test_velox_tilt_series(tmp_path):
    series = read_tilt_series(velox(tmp_path / "a.emd", [frame(angle) for angle in ANGLES]))
    np.testing.assert_array_equal(series.projections, IMAGES.transpose(0, 2, 1))
    assert series.angles_deg == pytest.approx(ANGLES)
    assert series.pixel_size_nm == pytest.approx(0.2)
    assert series.metadata["angle_source"] == "stage tilt of each frame in a.emd"
    assert series.metadata["dataset"] == "HAADF"


def test_velox_repeated_scans_are_no_tilt_series(tmp_path):
    path = velox(tmp_path / "a.emd", [frame(5.0)] * 3)
    with pytest.raises(GeometryError, match="no tilt angles"):
        read_tilt_series(path)
    notes = read_tilt_series(path, ANGLES).metadata["notes"]
    assert notes == ["the file notes one stage tilt, 5°, for 3 images"]
    single = velox(tmp_path / "b.emd", [frame(5.0)], IMAGES[:1])
    assert read_tilt_series(single).angles_deg == pytest.approx([5.0])


def test_velox_frames_of_which_some_state_no_tilt(tmp_path):
    path = velox(tmp_path / "a.emd", [frame(1.0), frame(), frame(3.0)])
    notes = read_tilt_series(path, ANGLES).metadata["notes"]
    assert notes == ["2 of 3 frames state a stage tilt, so none is used"]
    short = velox(tmp_path / "b.emd", [frame(1.0)])
    assert "1 of 3 frames" in read_tilt_series(short, ANGLES).metadata["notes"][0]


@pytest.mark.parametrize("facts", [b"{", b"[1]", b"[" * 3900, b'{"Stage": 3, "BinaryResult": []}'])
def test_velox_metadata_that_cannot_be_understood(tmp_path, facts):
    series = read_tilt_series(velox(tmp_path / "a.emd", [facts] * 3), ANGLES)
    assert series.pixel_size_nm is None
    assert series.metadata["dataset"] == "abc123"


def test_velox_detectors_by_name(tmp_path):
    frames = [frame(angle) for angle in ANGLES]
    path = velox(tmp_path / "a.emd", frames)
    velox(path, [frame(angle, detector="BF") for angle in ANGLES], IMAGES + 1, "def")
    velox(path, frames, IMAGES + 2, "ghi")
    with pytest.raises(ParameterError, match="'BF'"):
        read_tilt_series(path)
    for name, added in (("BF", 1), ("HAADF (ghi)", 2), ("Data/Image/ghi", 2), ("abc123", 0)):
        series = read_tilt_series(path, dataset=name)
        assert series.projections[0, 0, 0] == IMAGES[0, 0, 0] + added


def test_velox_without_images(tmp_path):
    with h5py.File(tmp_path / "a.emd", "w") as h5:
        h5["Data/Image/a/Data"] = np.zeros((2, 2, 1), complex)
    with pytest.raises(FileFormatError, match="no array"):
        read_tilt_series(tmp_path / "a.emd")
    diffraction = velox(tmp_path / "b.emd", [frame(a, 1e8, "1/m") for a in ANGLES])
    assert "diffraction" in read_tilt_series(diffraction).metadata["notes"][0]


@pytest.mark.parametrize("kind", ["open", "velox"])
def test_damage_ends_in_data_or_a_typed_error(tmp_path, kind):
    path = tmp_path / "a.emd"
    if kind == "open":
        open_format(path)
    else:
        velox(path, [frame(angle) for angle in ANGLES])
    whole = path.read_bytes()
    for length in range(1, len(whole), len(whole) // 20):
        path.write_bytes(whole[:length])
        with pytest.raises(FileFormatError):
            read_tilt_series(path)

    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(place=st.integers(0, len(whole) - 1), value=st.integers(1, 255))
    def flip(place, value):
        raw = bytearray(whole)
        raw[place] ^= value
        path.write_bytes(raw)
        with contextlib.suppress(EmInverseError):
            assert read_tilt_series(path).n_tilts >= 1

    flip()


def test_another_reader_agrees(tmp_path):
    emd = pytest.importorskip("ncempy.io.emd")
    path = open_format(tmp_path / "a.emd")
    theirs = emd.emdReader(path)
    ours = read_tilt_series(path, tilt_axis="horizontal")
    np.testing.assert_array_equal(ours.projections, theirs["data"])
    assert ours.pixel_size_nm == pytest.approx(theirs["pixelSize"][-1])


def test_another_reader_of_velox_files_agrees(tmp_path):
    velox_reader = pytest.importorskip("ncempy.io.emdVelox")
    frames = [frame(angle) for angle in ANGLES]
    for facts in frames:
        facts["BinaryResult"]["Detector"] = "BF-S"
    path = velox(tmp_path / "a.emd", frames)
    ours = read_tilt_series(path, tilt_axis="horizontal")
    assert ours.metadata["dataset"] == "BF-S"
    with velox_reader.fileEMDVelox(path) as theirs:
        image, facts = theirs.get_dataset(0)
    np.testing.assert_array_equal(ours.projections, np.moveaxis(image, 2, 0))
    assert ours.pixel_size_nm == pytest.approx(facts["pixelSize"][0])
