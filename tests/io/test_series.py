"""Reading a tilt series through the one door, from every format."""

import h5py
import mrcfile
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, rotate

from em_inverse.errors import DataError, FileFormatError, GeometryError, ParameterError
from em_inverse.io import SERIES_FORMATS, read_tilt_series, write_tilt_series
from em_inverse.tilt_series import TiltSeries

ANGLES = [-60.0, 0.0, 60.0]
IMAGES = np.random.default_rng(0).integers(0, 1000, (3, 4, 5)).astype(np.uint16)
FORMATS = ["a.mrc", "a.tif", "a.h5", "a.npy", "a.npz"]


def save(path, images=IMAGES):
    if path.suffix == ".mrc":
        with mrcfile.new(path) as mrc:
            mrc.set_data(images)
            mrc.set_image_stack()
            mrc.voxel_size = 12.5
    elif path.suffix == ".tif":
        tifffile.imwrite(
            path,
            images,
            imagej=True,
            resolution=(0.8, 0.8),
            metadata={"axes": "TYX", "unit": "nm"},
        )
    elif path.suffix == ".h5":
        with h5py.File(path, "w") as h5:
            h5.create_dataset("entry/frames", data=images).attrs["pixel_size_nm"] = 1.25
    elif path.suffix == ".npy":
        np.save(path, images)
    else:
        np.savez_compressed(path, stack=images, pixel_size_nm=1.25)
    return path


@pytest.mark.parametrize("name", FORMATS)
def test_file_order_becomes_tilt_x_y(tmp_path, name):
    path = save(tmp_path / name)
    vertical = read_tilt_series(path, ANGLES)
    horizontal = read_tilt_series(path, ANGLES, tilt_axis="horizontal")
    np.testing.assert_array_equal(vertical.projections, IMAGES.transpose(0, 2, 1))
    np.testing.assert_array_equal(horizontal.projections, IMAGES)
    assert vertical.projections.dtype == np.float32
    assert vertical.projections.flags.c_contiguous
    assert vertical.metadata["tilt_axis"] == "vertical"
    assert horizontal.metadata["tilt_axis_source"] == "argument"
    assert vertical.metadata["angle_source"] == "argument"
    assert vertical.pixel_size_nm == (None if name == "a.npy" else pytest.approx(1.25, rel=1e-6))
    assert read_tilt_series(path, ANGLES, pixel_size_nm=3, dose=5).pixel_size_nm == 3
    assert read_tilt_series(path, ANGLES, dose=5).dose == 5


@pytest.mark.parametrize("name", FORMATS)
def test_without_angles_the_remedy_is_named(tmp_path, name):
    path = save(tmp_path / name)
    with pytest.raises(GeometryError, match=r"(?s)no tilt angles.*a\.rawtlt.*Pass angles="):
        read_tilt_series(path)
    with pytest.raises(GeometryError, match="2 entries"):
        read_tilt_series(path, [0, 1])


@pytest.mark.parametrize("name", FORMATS)
def test_side_files_are_found_and_counted(tmp_path, name):
    path = save(tmp_path / name)
    side_file = tmp_path / "a.rawtlt"
    side_file.write_text("-60\n0\n60\n")
    series = read_tilt_series(path)
    np.testing.assert_array_equal(series.angles_deg, ANGLES)
    assert series.metadata["angle_source"] == "file a.rawtlt"
    assert series.history == ("read from " + name + ", angles from file a.rawtlt",)
    side_file.write_text("-60\n0\n")
    with pytest.raises(GeometryError, match=r"a\.rawtlt: 2 entries"):
        read_tilt_series(path)
    other = tmp_path / "other.txt"
    other.write_text("-30 0 30")
    assert read_tilt_series(path, other).tilt_range_deg == (-30, 30)
    assert read_tilt_series(path, str(other)).metadata["angle_source"] == "file other.txt"


def test_mdoc_fills_gaps_and_gives_way_to_side_files(tmp_path):
    path = save(tmp_path / "a.npy")
    mdoc = tmp_path / "a.npy.mdoc"
    sections = [f"[ZValue = {k}]\nTiltAngle = {a}\nExposureDose = 2" for k, a in enumerate(ANGLES)]
    mdoc.write_text("PixelSpacing = 20\n[T = Tilt axis angle = 90.1]\n" + "\n".join(sections))
    series = read_tilt_series(path)
    assert series.metadata["angle_source"] == "file a.npy.mdoc"
    assert (series.pixel_size_nm, series.dose) == (2.0, 600.0)
    assert (series.metadata["tilt_axis"], series.metadata["tilt_axis_source"]) == (
        "horizontal",
        "metadata",
    )
    (tmp_path / "a.tlt").write_text("-50 0 50")
    series = read_tilt_series(path)
    assert series.tilt_range_deg == (-50, 50)
    assert series.pixel_size_nm == 2.0
    mdoc.write_text("nothing of use")
    assert any("left out" in note for note in read_tilt_series(path).metadata["notes"])
    (tmp_path / "a.tlt").unlink()
    with pytest.raises(FileFormatError, match="ZValue"):
        read_tilt_series(path)


def test_disagreement_between_file_and_side_file_is_noted(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, data=IMAGES, angles=ANGLES)
    assert "array 'angles'" in read_tilt_series(path).metadata["angle_source"]
    (tmp_path / "a.rawtlt").write_text("-60 0 59")
    notes = read_tilt_series(path).metadata["notes"]
    assert any("differ" in note and "up to 1 degrees" in note for note in notes)


@pytest.mark.parametrize("kind", ["h5", "npz"])
def test_the_kits_own_axes_are_kept(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    if kind == "npz":
        np.savez(path, projections=IMAGES, angles_deg=ANGLES)
    else:
        with h5py.File(path, "w") as h5:
            h5["projections"] = IMAGES
            h5["tilt_angles"] = ANGLES
    series = read_tilt_series(path)
    np.testing.assert_array_equal(series.projections, IMAGES)
    np.testing.assert_array_equal(series.angles_deg, ANGLES)
    assert series.metadata["tilt_axis"] == "kit"
    turned = read_tilt_series(path, tilt_axis="vertical")
    np.testing.assert_array_equal(turned.projections, IMAGES.transpose(0, 2, 1))


def test_sinograms_keep_their_two_axes(tmp_path):
    path = tmp_path / "s.npy"
    np.save(path, IMAGES[:, 0])
    series = read_tilt_series(path, ANGLES)
    np.testing.assert_array_equal(series.projections, IMAGES[:, 0])
    assert series.metadata["tilt_axis"] == "none"


def test_hdf5_data_exchange_attributes_and_choice(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as h5:
        h5["exchange/data"] = IMAGES
        h5["exchange/data_white"] = IMAGES
        h5["exchange/theta"] = ANGLES
        h5["other/theta"] = [1.0, 2.0, 3.0]
    series = read_tilt_series(path)
    assert series.metadata["dataset"] == "exchange/data"
    np.testing.assert_array_equal(series.angles_deg, ANGLES)
    assert "dataset 'exchange/theta'" in series.metadata["angle_source"]
    with pytest.raises(ParameterError, match=r"dataset is 'no'.*data_white"):
        read_tilt_series(path, dataset="no")
    assert (
        read_tilt_series(path, dataset="/exchange/data_white").metadata["dataset"].endswith("white")
    )
    with h5py.File(path, "w") as h5:
        h5["one"], h5["two"] = IMAGES, IMAGES
        h5["one"].attrs["tilts"] = ANGLES
    with pytest.raises(ParameterError, match=r"several arrays.*'one' \(3, 4, 5\).*dataset='name'"):
        read_tilt_series(path)
    assert (
        read_tilt_series(path, dataset="one").metadata["angle_source"]
        == "attribute 'tilts' of a.h5"
    )
    with h5py.File(path, "w") as h5:
        h5["one"] = np.zeros(3)
    with pytest.raises(FileFormatError, match="no array with 2 or 3 axes"):
        read_tilt_series(path, ANGLES)


@pytest.mark.parametrize(("value", "expected"), [(-1.0, None), ("wide", ParameterError)])
def test_hdf5_pixel_size_attribute_is_checked(tmp_path, value, expected):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as h5:
        h5.create_dataset("frames", data=IMAGES).attrs["pixel_size_nm"] = value
    if expected is None:
        assert read_tilt_series(path, ANGLES).pixel_size_nm is None
    else:
        with pytest.raises(expected, match="pixel_size_nm"):
            read_tilt_series(path, ANGLES)


def test_hdf5_that_points_elsewhere_or_bursts_is_refused(tmp_path):
    path = tmp_path / "a.h5"
    (tmp_path / "raw.bin").write_bytes(bytes(120))
    with h5py.File(path, "w") as h5:
        h5.create_dataset("frames", (3, 4, 5), "u2", external=[(str(tmp_path / "raw.bin"), 0, 120)])
    with pytest.raises(FileFormatError, match="in other files"):
        read_tilt_series(path, ANGLES)
    with h5py.File(path, "w") as h5:
        h5.create_dataset("frames", (3, 200000, 200000), "f4", chunks=(1, 100, 100))
    with pytest.raises(FileFormatError, match="announces an array of 480,000,000,000 bytes"):
        read_tilt_series(path, ANGLES)


def test_pickled_objects_are_never_loaded(tmp_path):
    trap = np.array([{"a": 1}], dtype=object)
    np.save(tmp_path / "a.npy", trap, allow_pickle=True)
    np.savez(tmp_path / "a.npz", trap=trap)
    for name in ("a.npy", "a.npz"):
        with pytest.raises(FileFormatError, match="pickled"):
            read_tilt_series(tmp_path / name, ANGLES)
    np.savez(tmp_path / "b.npz", trap=trap, frames=IMAGES)
    series = read_tilt_series(tmp_path / "b.npz", ANGLES)
    assert "array 'trap' holds pickled objects and is left out" in series.metadata["notes"]
    with pytest.raises(FileFormatError, match="pickled"):
        read_tilt_series(tmp_path / "b.npz", ANGLES, dataset="trap")


def test_numpy_arrays_of_the_wrong_kind_are_refused(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.ones(5))
    with pytest.raises(FileFormatError, match=r"shape \(5,\)"):
        read_tilt_series(path, ANGLES)
    np.savez(tmp_path / "c.npz", data=IMAGES.astype(complex))
    with pytest.raises(FileFormatError, match="complex"):
        read_tilt_series(tmp_path / "c.npz", ANGLES)
    np.save(path, np.full((3, 4, 5), np.nan))
    with pytest.raises(DataError, match="NaN"):
        read_tilt_series(path, ANGLES)
    with path.open("wb") as stream:
        np.lib.format.write_array(stream, IMAGES, version=(2, 0))
    assert read_tilt_series(path, ANGLES).n_tilts == 3


def test_colour_tiffs_are_refused_and_compressed_ones_read(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((3, 4, 5, 3), np.uint8), photometric="rgb")
    with pytest.raises(FileFormatError, match="grey images"):
        read_tilt_series(path, ANGLES)
    tifffile.imwrite(path, IMAGES, compression="zlib", photometric="minisblack")
    series = read_tilt_series(path, ANGLES)
    np.testing.assert_array_equal(series.projections, IMAGES.transpose(0, 2, 1))
    assert series.pixel_size_nm is None


def test_tiff_directories_that_loop_or_leave_the_file_are_refused(tmp_path):
    path = tmp_path / "a.tif"
    for big in (False, True):
        tifffile.imwrite(path, IMAGES, bigtiff=big, compression="zlib", photometric="minisblack")
        assert read_tilt_series(path, ANGLES).n_tilts == 3
        whole = path.read_bytes()
        path.write_bytes(whole[:-40])
        with pytest.raises(FileFormatError, match="cut off"):
            read_tilt_series(path, ANGLES)
    raw = bytearray(tifffile_bytes(tmp_path))
    first = int.from_bytes(raw[4:8], "little")
    entries = int.from_bytes(raw[first : first + 2], "little")
    link = first + 2 + 12 * entries
    raw[link : link + 4] = raw[4:8]
    path.write_bytes(raw)
    with pytest.raises(FileFormatError, match="the entry of page 2"):
        read_tilt_series(path, ANGLES)


def tifffile_bytes(folder):
    tifffile.imwrite(folder / "b.tif", IMAGES, photometric="minisblack")
    return (folder / "b.tif").read_bytes()


def test_ome_tiff_pixel_size(tmp_path):
    path = tmp_path / "a.ome.tif"
    metadata = {"axes": "TYX", "PhysicalSizeX": 0.002, "PhysicalSizeXUnit": "µm"}
    tifffile.imwrite(path, IMAGES, ome=True, metadata=metadata)
    assert read_tilt_series(path, ANGLES).pixel_size_nm == pytest.approx(2.0)
    tifffile.imwrite(path, IMAGES, ome=True, metadata={"axes": "TYX"})
    assert read_tilt_series(path, ANGLES).pixel_size_nm is None


@pytest.mark.parametrize("name", FORMATS)
def test_damaged_files_of_every_format_end_in_a_format_error(tmp_path, name):
    path = save(tmp_path / name, np.random.default_rng(1).integers(0, 9, (3, 40, 50)).astype("u2"))
    whole = path.read_bytes()
    for keep in (0, 3, 40, len(whole) // 2, len(whole) - 900):
        path.write_bytes(whole[:keep])
        with pytest.raises(FileFormatError, match=name.replace(".", r"\.")):
            read_tilt_series(path, ANGLES)
    for content in (b"just some words, no numbers\n" * 100, np.random.default_rng(2).bytes(5000)):
        path.write_bytes(content)
        with pytest.raises(FileFormatError, match=name.replace(".", r"\.")):
            read_tilt_series(path, ANGLES)


@pytest.mark.parametrize("name", ["a.tif", "a.h5", "a.npy", "a.npz"])
def test_flipped_bytes_end_in_data_or_a_typed_error(tmp_path, name):
    whole = save(tmp_path / name).read_bytes()
    rng = np.random.default_rng(5)
    path = tmp_path / ("damaged" + name[1:])
    for _ in range(60):
        raw = bytearray(whole)
        for position in rng.integers(0, min(len(raw), 2000), 3):
            raw[position] = rng.integers(256)
        path.write_bytes(raw)
        try:
            series = read_tilt_series(path, tilt_axis="vertical", angles=None)
        except (FileFormatError, GeometryError, ParameterError, DataError):
            continue
        pytest.fail(f"angles appeared from nowhere: {series}")


def test_unknown_endings_list_the_known_ones(tmp_path):
    path = tmp_path / "a.xyz"
    path.write_text("x")
    with pytest.raises(FileFormatError, match=r"'\.xyz'.*\.mrc"):
        read_tilt_series(path, ANGLES)
    assert {".mrc", ".ali", ".rec", ".st", ".tif", ".h5", ".npy", ".npz"} <= set(SERIES_FORMATS)
    with pytest.raises(ParameterError, match="tilt_axis is 'diagonal'"):
        read_tilt_series(path, ANGLES, tilt_axis="diagonal")


def test_auto_asks_the_images_when_the_file_is_silent(tmp_path):
    rng = np.random.default_rng(3)
    volume = np.zeros((32, 32, 32))
    for centre in rng.integers(11, 21, (10, 3)):
        volume[tuple(centre)] = 1
    volume = gaussian_filter(volume, 1.2)
    angles = np.arange(-60, 61, 10.0)
    images = np.array([rotate(volume, a, (0, 1), reshape=False, order=1).sum(0) for a in angles])
    np.save(tmp_path / "h.npy", images)
    np.save(tmp_path / "v.npy", images.transpose(0, 2, 1))
    for name in ("h", "v"):
        series = read_tilt_series(tmp_path / f"{name}.npy", angles)
        np.testing.assert_allclose(series.projections, images)
        assert "the images" in series.metadata["tilt_axis_source"]
    narrow = read_tilt_series(tmp_path / "h.npy", angles / 10)
    assert "convention" in narrow.metadata["tilt_axis_source"]


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    shape=st.tuples(*[st.integers(1, 6)] * 3),
    pixel=st.one_of(st.none(), st.floats(0.01, 100)),
    seed=st.integers(0, 99),
)
def test_written_series_come_back(tmp_path, shape, pixel, seed):
    rng = np.random.default_rng(seed)
    series = TiltSeries(
        rng.normal(size=shape).astype(np.float32), rng.uniform(-80, 80, shape[0]), pixel
    )
    path, side_file = write_tilt_series(tmp_path / "s.mrc", series, overwrite=True)
    again = read_tilt_series(path)
    np.testing.assert_array_equal(again.projections, series.projections)
    np.testing.assert_allclose(again.angles_deg, series.angles_deg, atol=1e-6)
    assert again.metadata["tilt_axis_source"] in ("metadata",)
    assert again.metadata["angle_source"] == f"file {side_file.name}"
    assert again.pixel_size_nm == (None if pixel is None else pytest.approx(pixel, rel=1e-5))


def test_writing_a_series_refuses_other_endings_and_existing_files(tmp_path):
    series = TiltSeries(np.ones((2, 3)), [0, 1], history=["shifted by 2 px"])
    with pytest.raises(ParameterError, match=r"\.xyz.*\.mrc"):
        write_tilt_series(tmp_path / "s.xyz", series)
    with pytest.raises(ParameterError, match=r"series is a ndarray.*TiltSeries\(projections"):
        write_tilt_series(tmp_path / "s.mrc", np.ones((2, 3)))
    (tmp_path / "s.rawtlt").write_text("mine")
    with pytest.raises(ParameterError, match=r"s\.rawtlt.*exists already"):
        write_tilt_series(tmp_path / "s.mrc", series)
    assert [file.name for file in tmp_path.iterdir()] == ["s.rawtlt"]
    path, _ = write_tilt_series(tmp_path / "s.mrc", series, overwrite=True)
    assert read_tilt_series(path).metadata["labels"][1] == "shifted by 2 px"
