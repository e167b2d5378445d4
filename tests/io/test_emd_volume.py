"""Volumes in .emd files, our own and those of other programs."""

import h5py
import numpy as np
import pytest

from em_inverse.errors import FileFormatError, ParameterError
from em_inverse.io import read_volume, write_volume

VOLUME = np.random.default_rng(0).normal(size=(4, 5, 6)).astype(np.float32)


def save(path, data, names, *, units="[n_m]", step=0.5, group="data/tomography"):
    with h5py.File(path, "a") as h5:
        place = h5.create_group(group)
        place.attrs["emd_group_type"] = 1
        place["data"] = data
        for number, (name, count) in enumerate(zip(names, data.shape, strict=True), start=1):
            vector = place.create_dataset(f"dim{number}", data=step * np.arange(count))
            vector.attrs["name"], vector.attrs["units"] = name, np.bytes_(units)
    return path


def test_the_layout_is_the_open_one(tmp_path):
    path = write_volume(tmp_path / "v.emd", VOLUME, pixel_size_nm=0.5)
    with h5py.File(path) as h5:
        assert (h5.attrs["version_major"], h5.attrs["version_minor"]) == (0, 2)
        group = h5["data/volume"]
        assert group.attrs["emd_group_type"] == 1
        np.testing.assert_array_equal(group["data"], VOLUME.transpose(0, 2, 1))
        axes = [group[f"dim{k}"] for k in (1, 2, 3)]
        assert [axis.attrs["name"] for axis in axes] == ["z", "y", "x"]
        assert {axis.attrs["units"] for axis in axes} == {"[n_m]"}
        np.testing.assert_allclose(axes[1], 0.5 * np.arange(6))
        assert "voxel size 0.5 nm" in group.attrs["report"]
    write_volume(path, VOLUME, overwrite=True)
    with h5py.File(path) as h5:
        assert h5["data/volume/dim1"].attrs["units"] == "[px]"
    assert read_volume(path).pixel_size_nm is None


def test_ncempy_reads_it(tmp_path):
    emd = pytest.importorskip("ncempy.io.emd")
    path = write_volume(tmp_path / "v.emd", VOLUME, pixel_size_nm=0.5)
    with emd.fileEMD(str(path), readonly=True) as file:
        data, axes = file.get_emdgroup(file.list_emds[0])
    np.testing.assert_array_equal(data, VOLUME.transpose(0, 2, 1))
    assert [axis[1] for axis in axes] == ["z", "y", "x"]


@pytest.mark.parametrize("names", ["zyx", "xyz", "ZXY", "yxz"])
def test_named_axes_may_come_in_any_order(tmp_path, names):
    order = [["z", "x", "y"].index(name) for name in names.lower()]
    path = save(tmp_path / "v.emd", VOLUME.transpose(order), names)
    again = read_volume(path)
    np.testing.assert_array_equal(again.volume, VOLUME)
    assert (again.pixel_size_nm, again.algorithm) == (0.5, "read from v.emd")


@pytest.mark.parametrize(("units", "size"), [("Å", 0.05), ("px", None), ("[u_m]", 500.0)])
def test_other_axes_stay_and_units_are_understood(tmp_path, units, size):
    path = save(tmp_path / "v.emd", VOLUME, "abc", units=units.encode())
    again = read_volume(path)
    np.testing.assert_array_equal(again.volume, VOLUME.transpose(0, 2, 1))
    assert again.pixel_size_nm == (None if size is None else pytest.approx(size))


def test_several_volumes_are_listed_and_none_is_an_error(tmp_path):
    path = save(tmp_path / "v.emd", VOLUME, "zxy")
    save(path, 2 * VOLUME, "zxy", group="data/other")
    with pytest.raises(ParameterError, match=r"several arrays.*'data/other'.*'data/tomography'"):
        read_volume(path)
    for name in ("data/other", "/data/other/data"):
        np.testing.assert_array_equal(read_volume(path, dataset=name).volume, 2 * VOLUME)
    with h5py.File(tmp_path / "w.emd", "w") as h5:
        h5["data/x/data"] = VOLUME
    with pytest.raises(FileFormatError, match="no array with 2 or 3 axes"):
        read_volume(tmp_path / "w.emd")


def test_an_axis_of_one_point_or_none_states_no_size(tmp_path):
    path = save(tmp_path / "v.emd", VOLUME[:, :, :1], "zxy")
    assert read_volume(path).pixel_size_nm is None
    with h5py.File(path, "r+") as h5:
        del h5["data/tomography/dim3"]
    assert read_volume(path).pixel_size_nm is None
