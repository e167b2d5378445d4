"""Tilt series there and back in every format: axes, numbers, angles, pixel size, account."""

import h5py
import mrcfile
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from em_inverse.errors import ParameterError
from em_inverse.io import FileWriteError, read_tilt_series, saving, write_tilt_series, writing
from em_inverse.tilt_series import TiltSeries

NAMES = ["s.mrc", "s.st", "s.tif", "s.ome.tif", "s.h5", "s.emd", "s.npz"]
TELLING = ["s.mrc", "s.st", "s.tif", "s.ome.tif", "s.h5", "s.emd", "s.npz"]
ANGLES = [-60.5, 0.0, 31.25]
SERIES = TiltSeries(
    np.arange(60, dtype=np.float32).reshape(3, 4, 5),
    ANGLES,
    pixel_size_nm=1 / 3,
    dose=1e4,
    metadata={"instrument": "Titan ε", "notes": ["old"], "file": "old.mrc"},
    history=["shifted by 2 px", "‖b‖ scaled"],
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    shape=st.tuples(*[st.integers(1, 6)] * 3),
    dtype=st.sampled_from(["f8", "f4", "f2", "i2", "u1", "i4", ">f4", ">u2"]),
    name=st.sampled_from(NAMES),
    pixel=st.one_of(st.none(), st.floats(0.001, 1000)),
    seed=st.integers(0, 99),
)
def test_series_come_back(tmp_path, shape, dtype, name, pixel, seed):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 120, shape).astype(dtype)
    series = TiltSeries(images, rng.uniform(-80, 80, shape[0]), pixel)
    folder = tmp_path / name
    folder.mkdir(exist_ok=True)
    files = write_tilt_series(folder / name, series, overwrite=True)
    again = read_tilt_series(files[0])
    np.testing.assert_array_equal(again.projections, images)
    assert again.projections.dtype == np.float32
    np.testing.assert_allclose(again.angles_deg, series.angles_deg, atol=1e-6)
    assert again.metadata["tilt_axis_source"] != "argument"
    assert again.metadata["tilt_axis"] == ("kit" if name == "s.npz" else "vertical")
    exact = name in TELLING
    assert again.pixel_size_nm == (
        None if pixel is None else pixel if exact else pytest.approx(pixel, rel=1e-5)
    )
    assert [file.name for file in files] == (
        [name] if name in ("s.h5", "s.emd", "s.npz") else [name, name.rsplit(".", 1)[0] + ".rawtlt"]
    )


@pytest.mark.parametrize("name", TELLING)
def test_dose_history_and_metadata_come_back(tmp_path, name):
    again = read_tilt_series(write_tilt_series(tmp_path / name, SERIES)[0])
    assert again.dose == 1e4
    assert again.history[:2] == SERIES.history
    assert again.history[2].startswith(f"read from {name}")
    assert again.metadata["instrument"] == "Titan ε"
    assert (again.metadata["file"], again.metadata["notes"]) == (name, [])


@pytest.mark.parametrize("name", ["s.tif", "s.ome.tif", "s.mrc"])
def test_stacks_know_their_angles_without_the_side_file(tmp_path, name):
    path, side_file = write_tilt_series(tmp_path / name, SERIES)
    side_file.unlink()
    again = read_tilt_series(path)
    np.testing.assert_array_equal(again.angles_deg, ANGLES)
    place = "extended header" if name == "s.mrc" else "metadata"
    assert again.metadata["angle_source"] == f"{place} of {name}"


def test_a_damaged_account_in_mrc_is_noted_and_the_images_are_read(tmp_path):
    path, _ = write_tilt_series(tmp_path / "s.mrc", SERIES)
    raw = bytearray(path.read_bytes())
    raw[1100] = 0xFF
    path.write_bytes(raw)
    again = read_tilt_series(path)
    np.testing.assert_array_equal(again.projections, SERIES.projections)
    assert again.dose is None
    assert any("damaged" in note for note in again.metadata["notes"])


def test_other_programs_see_tilt_rows_y_columns_x(tmp_path):
    filed = SERIES.projections.transpose(0, 2, 1)
    for name in NAMES:
        write_tilt_series(tmp_path / name, SERIES, overwrite=True)
    with mrcfile.open(tmp_path / "s.mrc") as mrc:
        np.testing.assert_array_equal(mrc.data, filed)
        assert mrc.is_image_stack()
    with tifffile.TiffFile(tmp_path / "s.tif") as tif:
        np.testing.assert_array_equal(tif.asarray(), filed)
        assert tif.imagej_metadata["frames"] == 3
        assert tif.imagej_metadata["unit"] == "nm"
    with tifffile.TiffFile(tmp_path / "s.ome.tif") as tif:
        assert tif.series[0].axes == "TYX"
        np.testing.assert_array_equal(tif.asarray(), filed)
        assert 'PhysicalSizeYUnit="nm"' in tif.ome_metadata
    with h5py.File(tmp_path / "s.h5") as h5:
        assert h5["implements"][()] == b"exchange"
        np.testing.assert_array_equal(h5["exchange/data"], filed)
        assert h5["exchange/data"].attrs["axes"] == "theta:y:x"
        np.testing.assert_array_equal(h5["exchange/theta"], ANGLES)
        assert h5["exchange/theta"].attrs["units"] == "deg"
    with h5py.File(tmp_path / "s.emd") as h5:
        assert (h5.attrs["version_major"], h5.attrs["version_minor"]) == (0, 2)
        group = h5["data/tilt_series"]
        assert group.attrs["emd_group_type"] == 1
        np.testing.assert_array_equal(group["data"], filed)
        axes = [group[f"dim{k}"] for k in (1, 2, 3)]
        assert [axis.attrs["name"] for axis in axes] == ["angles", "y", "x"]
        assert [axis.attrs["units"] for axis in axes] == ["[deg]", "[n_m]", "[n_m]"]
        np.testing.assert_array_equal(axes[0], ANGLES)
        np.testing.assert_allclose(axes[2], np.arange(4) / 3)
    with np.load(tmp_path / "s.npz", allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["projections"], SERIES.projections)
        np.testing.assert_array_equal(arrays["angles_deg"], ANGLES)


@pytest.mark.parametrize("name", ["s.emd", "s.h5"])
def test_an_unknown_pixel_size_stays_unknown(tmp_path, name):
    bare = TiltSeries(SERIES.projections, ANGLES)
    path, *_ = write_tilt_series(tmp_path / name, bare)
    again = read_tilt_series(path)
    assert (again.pixel_size_nm, again.dose) == (None, None)


def test_a_sinogram_is_filed_as_images_of_one_row(tmp_path):
    flat = TiltSeries(SERIES.projections[:, :, 0], ANGLES)
    for name in NAMES:
        again = read_tilt_series(write_tilt_series(tmp_path / name, flat, overwrite=True)[0])
        np.testing.assert_array_equal(again.projections.reshape(3, 4), flat.projections)


@pytest.mark.parametrize("name", NAMES)
def test_what_stands_there_is_kept_when_the_disk_fails(tmp_path, monkeypatch, name):
    write_tilt_series(tmp_path / name, SERIES)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(ParameterError, match="exists already"):
        write_tilt_series(tmp_path / name, SERIES)

    def fail(path, *args, **kwargs):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    for writer in ("write_mrc", "write_tiff_stack", "write_exchange_series", "write_emd"):
        monkeypatch.setattr(writing, writer, fail)
    monkeypatch.setattr(writing, "write_npz_series", fail)
    with pytest.raises(FileWriteError, match=r"No space left.*untouched\. Make room"):
        write_tilt_series(tmp_path / name, SERIES, overwrite=True)
    monkeypatch.setattr(saving, "_free", lambda folder: 1000)
    with pytest.raises(FileWriteError, match=r"takes \d\d,\d+ bytes, but .* 1,000 bytes free"):
        write_tilt_series(tmp_path / name, SERIES, overwrite=True)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


@pytest.mark.parametrize(("name", "other"), [("s.h5", "s.rawtlt"), ("s.ali", "s.tlt")])
def test_angles_of_another_series_beside_are_not_left_to_mislead(tmp_path, name, other):
    (tmp_path / other).write_text("1 2 3")
    with pytest.raises(ParameterError, match=rf"{other}.*lists other angles.*move"):
        write_tilt_series(tmp_path / name, SERIES, overwrite=True)
    assert [file.name for file in tmp_path.iterdir()] == [other]
    (tmp_path / other).write_text("-60.5 0 31.25")
    path, *_ = write_tilt_series(tmp_path / name, SERIES)
    assert read_tilt_series(path).angles_deg.tolist() == ANGLES


def test_numbers_beyond_float32_are_refused(tmp_path):
    huge = TiltSeries(np.full((1, 2, 2), 1e300), [0])
    with pytest.raises(ParameterError, match="beyond the range of float32"):
        write_tilt_series(tmp_path / "s.mrc", huge)
    assert list(tmp_path.iterdir()) == []


def test_an_account_that_no_longer_fits_is_not_believed(tmp_path):
    path, *_ = write_tilt_series(tmp_path / "s.h5", SERIES)
    with h5py.File(path, "r+") as h5:
        images = h5["exchange/data"][:2]
        attributes = dict(h5["exchange/data"].attrs)
        del h5["exchange/data"], h5["exchange/theta"]
        h5["exchange/data"] = images
        h5["exchange/data"].attrs.update({**attributes, "pixel_size_nm": 5.0})
    again = read_tilt_series(path, [0, 1])
    assert again.pixel_size_nm == 5.0
    assert any("another number of images" in note for note in again.metadata["notes"])


@pytest.mark.parametrize("account", ["{", "[1]", '{"kind": "other"}', 7])
def test_foreign_accounts_are_left_alone(tmp_path, account):
    with h5py.File(tmp_path / "a.h5", "w") as h5:
        h5["frames"] = SERIES.projections
        h5["frames"].attrs["provenance"] = account
    again = read_tilt_series(tmp_path / "a.h5", ANGLES)
    assert (again.dose, again.metadata["notes"]) == (None, [])


def test_a_damaged_account_costs_nothing_but_itself(tmp_path):
    account = (
        '{"kind": "tilt series", "angles_deg": "x", "pixel_size_nm": "wide",'
        ' "dose_e_per_nm2": -1, "history": 3, "metadata": 4}'
    )
    np.savez(tmp_path / "a.npz", projections=SERIES.projections, provenance=account)
    again = read_tilt_series(tmp_path / "a.npz", ANGLES)
    assert (again.pixel_size_nm, again.dose, len(again.history)) == (None, None, 1)
