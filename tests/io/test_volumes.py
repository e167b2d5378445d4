"""Volumes there and back: axes, numbers, voxel size and provenance."""

import json
import subprocess
import sys

import h5py
import mrcfile
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from em_inverse.errors import DataError, FileFormatError, ParameterError
from em_inverse.io import VOLUME_FORMATS, read_volume, tiff, volumes, write_volume
from em_inverse.io.provenance import ascii_text, describe, facts, json_ready
from em_inverse.tilt_series import Reconstruction

VOLUME = np.random.default_rng(0).normal(size=(4, 5, 6)).astype(np.float32)


def reconstruction(volume=VOLUME, **changes):
    fields = {
        "algorithm": "SIRT",
        "parameters": {"nonnegative": True, "lam": np.float32(0.5)},
        "history": {"data_distance": [9.0, 3.0]},
        "converged": False,
        "stop_reason": "limit of iterations",
        "n_iter": 30,
        "pixel_size_nm": 3.36,
        "geometry": {
            "tilt_min_deg": -76.0,
            "tilt_max_deg": 76.0,
            "tilt_step_deg": 2.0,
            "tilt_step_uniform": True,
            "n_projections": 77,
            "dose_e_per_nm2": None,
            "data_norm": 60.0,
        },
        "provenance": ("background removed", "aligned by centre of mass"),
    }
    return Reconstruction(volume, **{**fields, **changes})


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    shape=st.tuples(*[st.integers(1, 6)] * 3),
    dtype=st.sampled_from(["f8", "f4", "f2", "i2", "u1"]),
    ending=st.sampled_from([".mrc", ".tif", ".ome.tif", ".h5", ".emd"]),
    pixel=st.one_of(st.none(), st.floats(0.01, 100)),
)
def test_volumes_come_back_in_every_format(tmp_path, shape, dtype, ending, pixel):
    volume = (np.arange(np.prod(shape)) % 120).reshape(shape).astype(dtype)
    before = volume.copy()
    path = write_volume(tmp_path / f"v{ending}", volume, pixel_size_nm=pixel, overwrite=True)
    again = read_volume(path)
    np.testing.assert_array_equal(again.volume, volume)
    np.testing.assert_array_equal(volume, before)
    assert again.volume.dtype == np.float32
    assert again.volume.flags.c_contiguous
    assert again.pixel_size_nm == (None if pixel is None else pytest.approx(pixel, rel=1e-5))


def test_other_programs_see_sections_z_rows_y_columns_x(tmp_path):
    filed = VOLUME.transpose(0, 2, 1)
    for name in ("v.mrc", "v.tif", "v.h5"):
        write_volume(tmp_path / name, reconstruction())
    with mrcfile.open(tmp_path / "v.mrc") as mrc:
        np.testing.assert_array_equal(mrc.data, filed)
        assert mrc.voxel_size.z == pytest.approx(33.6)
        assert mrc.is_volume()
        text = " ".join(mrc.get_labels())
    assert "77 projections from -76 deg to 76 deg in steps of 2 deg; SIRT, 30 iterations" in text
    assert "aligned by centre of mass" in text
    with tifffile.TiffFile(tmp_path / "v.tif") as tif:
        np.testing.assert_array_equal(tif.asarray(), filed)
        assert tif.imagej_metadata["slices"] == 4
        assert tif.imagej_metadata["unit"] == "nm"
        assert tif.imagej_metadata["spacing"] == pytest.approx(3.36)
        assert json.loads(tif.imagej_metadata["Info"])["em_inverse"]["n_iter"] == 30
    with h5py.File(tmp_path / "v.h5") as h5:
        np.testing.assert_array_equal(h5["volume"], filed)
        assert h5["volume"].attrs["axes"] == "z,y,x"
        assert h5["volume"].attrs["voxel_size_nm"] == 3.36
        assert "SIRT" in h5["volume"].attrs["report"]


@pytest.mark.parametrize("ending", [".mrc", ".tif", ".ome.tif", ".h5", ".emd"])
def test_the_account_comes_back_whole(tmp_path, ending):
    original = reconstruction(metadata={"synthetic": True})
    again = read_volume(write_volume(tmp_path / f"v{ending}", original))
    assert again.parameters == {"nonnegative": True, "lam": 0.5}
    assert (again.algorithm, again.n_iter, again.converged) == ("SIRT", 30, False)
    assert again.geometry == original.geometry
    assert again.provenance == original.provenance
    assert again.data_distance == 3.0
    assert facts(again) == facts(original)
    assert describe(facts(again)).startswith("SIMULATED DATA")


def test_an_mrc_file_is_reported_as_an_hdf5_file_is(tmp_path):
    original = reconstruction(metadata={"noise_norm": 2.5, "alarms": ["λ too large"]})
    lines = {
        ending: describe(facts(read_volume(write_volume(tmp_path / f"v{ending}", original))))
        for ending in (".mrc", ".rec", ".h5")
    }
    assert lines[".mrc"] == lines[".rec"] == lines[".h5"] == describe(facts(original))
    assert read_volume(tmp_path / "v.mrc").metadata["notes"] == []
    slice_ = read_volume(write_volume(tmp_path / "s.mrc", reconstruction(VOLUME[:, :, 0])))
    assert (slice_.algorithm, slice_.metadata["notes"]) == ("SIRT", [])


@pytest.mark.parametrize(
    "damage", [b"\xff", b"\n", b'{"em_inverse": [1]}', b'{"em_inverse": {"n_iter": "x"}}', b"["]
)
def test_a_damaged_account_in_mrc_leaves_the_labels_and_a_note(tmp_path, damage):
    path = write_volume(tmp_path / "v.mrc", reconstruction())
    raw = bytearray(path.read_bytes())
    end = 1024 + int.from_bytes(raw[92:96], "little")
    if len(damage) == 1:
        raw[1030:1040] = 10 * damage
    else:
        raw[1024:end] = damage.ljust(end - 1024)
    path.write_bytes(raw)
    again = read_volume(path)
    np.testing.assert_array_equal(again.volume, VOLUME)
    assert again.pixel_size_nm == 3.36
    assert again.algorithm == "read from v.mrc"
    assert "SIRT, 30 iterations" in " ".join(again.metadata["labels"])
    assert any("account" in note and "damaged" in note for note in again.metadata["notes"])


def test_an_account_of_another_shape_is_not_believed(tmp_path):
    """As after a program that cuts volumes but copies the extended header."""
    path = write_volume(tmp_path / "v.mrc", reconstruction())
    raw = bytearray(path.read_bytes())
    raw[8:12] = np.int32(3).tobytes()
    path.write_bytes(raw[: -5 * 6 * 4])
    again = read_volume(path)
    assert again.volume.shape == (3, 5, 6)
    assert again.algorithm == "read from v.mrc"
    assert any("another shape" in note for note in again.metadata["notes"])


def test_mrc_without_account_says_where_it_was_read(tmp_path):
    with mrcfile.new(tmp_path / "v.mrc") as mrc:
        mrc.set_data(np.arange(8, dtype=np.int16).reshape(2, 2, 2))
    again = read_volume(tmp_path / "v.mrc")
    assert again.algorithm == "read from v.mrc"
    assert again.volume.dtype == np.float32
    assert again.data_distance is None
    assert again.pixel_size_nm is None


def test_a_slice_is_a_volume_of_one_y(tmp_path):
    path = write_volume(tmp_path / "v.mrc", VOLUME[:, :, 0])
    np.testing.assert_array_equal(read_volume(path).volume, VOLUME[:, :, :1])


def test_nothing_is_overwritten_unasked(tmp_path):
    path = write_volume(tmp_path / "v.mrc", VOLUME)
    before = path.read_bytes()
    with pytest.raises(ParameterError, match="overwrite=True"):
        write_volume(path, 2 * VOLUME)
    assert path.read_bytes() == before
    write_volume(path, 2 * VOLUME, overwrite=True)
    np.testing.assert_array_equal(read_volume(path).volume, 2 * VOLUME)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_interrupted_write_leaves_nothing(tmp_path, monkeypatch, error):
    def fail(path, *args, **kwargs):
        path.write_bytes(b"half")
        raise error

    monkeypatch.setattr(volumes, "write_mrc", fail)
    with pytest.raises(error):
        write_volume(tmp_path / "v.mrc", VOLUME)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", [".mrc", ".tif", ".ome.tif", ".h5", ".emd"])
def test_a_full_disk_leaves_the_old_volume(tmp_path, ending):
    path = write_volume(tmp_path / f"v{ending}", VOLUME)
    before = path.read_bytes()
    code = (
        "import resource, signal, sys, numpy as np\n"
        "from em_inverse.io import FileWriteError, write_volume\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "volume = np.random.default_rng(0).random((40, 40, 40))\n"
        "try:\n"
        "    write_volume(sys.argv[1], volume, overwrite=True)\n"
        "except FileWriteError as error:\n"
        "    sys.exit('untouched. Make room' not in str(error))\n"
        "sys.exit(2)\n"
    )
    pytest.importorskip("resource")
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False, timeout=120)
    assert done.returncode == 0
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_unusable_arguments_are_named(tmp_path):
    with pytest.raises(ParameterError, match=r"'\.xyz'; allowed for volumes: \.mrc"):
        write_volume(tmp_path / "v.xyz", VOLUME)
    with pytest.raises(ParameterError, match="path is None"):
        write_volume(None, VOLUME)
    with pytest.raises(ParameterError, match="pixel_size_nm is -1"):
        write_volume(tmp_path / "v.mrc", VOLUME, pixel_size_nm=-1)
    with pytest.raises(DataError, match="NaN"):
        write_volume(tmp_path / "v.mrc", np.full((2, 2, 2), np.nan))
    with pytest.raises(DataError, match="4-D"):
        write_volume(tmp_path / "v.mrc", np.ones((2, 2, 2, 2)))
    with pytest.raises(FileFormatError, match="allowed for volumes"):
        read_volume(tmp_path / "v.xyz")
    assert list(tmp_path.iterdir()) == []
    assert set(VOLUME_FORMATS.values()) == {"mrc", "tiff", "hdf5", "emd"}


def test_too_large_for_an_imagej_tiff(tmp_path, monkeypatch):
    monkeypatch.setattr(tiff, "_LARGEST_BYTES", 100)
    with pytest.raises(ParameterError, match=r"4 GiB.*\.ome\.tif, \.mrc or \.h5"):
        write_volume(tmp_path / "v.tif", VOLUME)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", [".mrc", ".tif", ".ome.tif", ".h5", ".emd"])
def test_damaged_volumes_are_refused(tmp_path, ending):
    path = write_volume(tmp_path / f"v{ending}", np.ones((20, 20, 20)))
    whole = path.read_bytes()
    for keep in (0, 100, len(whole) - 2000):
        path.write_bytes(whole[:keep])
        with pytest.raises(FileFormatError):
            read_volume(path)


def test_foreign_hdf5_provenance_is_refused_with_a_remedy(tmp_path):
    with h5py.File(tmp_path / "v.h5", "w") as h5:
        h5["volume"] = VOLUME
        h5["volume"].attrs["provenance"] = "made by hand"
    with pytest.raises(FileFormatError, match="provenance"):
        read_volume(tmp_path / "v.h5")


def test_the_sentence_states_what_is_known_and_what_is_not():
    sentence = describe(facts(reconstruction()))
    assert "77 projections from −76° to 76° in steps of 2°" in sentence
    assert "SIRT, 30 iterations (x ≥ 0, λ = 0.5)" in sentence
    assert "residual ‖Ax − b‖ = 3 (5 % of ‖b‖)" in sentence
    assert "dose not stated" in sentence
    assert "voxel size 3.36 nm" in sentence
    bare = describe(facts(Reconstruction(VOLUME, "WBP")))
    for word in ("tilt range", "residual", "dose", "voxel size"):
        assert f"{word} not stated" in bare
    assert describe({}).startswith("tilt range not stated; algorithm not stated")
    one = {"n_projections": 1, "tilt_min_deg": -5.0, "tilt_max_deg": -5.0, "relative_residual": 0.1}
    assert "1 projection at −5°" in describe(one)
    assert "residual ‖Ax − b‖ 10 % of ‖b‖" in describe(one)
    assert "total dose 1e+05 e/nm²" in describe({"dose_e_per_nm2": 1e5})
    uneven = reconstruction().geometry | {"tilt_step_uniform": False}
    assert "to 76° in uneven steps (median 2°);" in describe(uneven)
    assert "WBP, 1 iteration;" in describe({"algorithm": "WBP", "n_iter": 1})


def test_facts_are_plain_json():
    table = facts(reconstruction(parameters={"a": np.arange(2), "b": {1}, "f": len}))
    assert json.loads(json.dumps(table, allow_nan=False)) == table
    assert json_ready(np.float64("inf")) is None
    assert json_ready(np.int8(3)) == 3
    assert ascii_text("λ ≥ 1 Å, 日") == "lambda >= 1 A, ?"


@pytest.mark.parametrize("ending", [".tif", ".h5"])
def test_a_volume_passed_on_names_the_software_that_made_it(tmp_path, ending):
    first = write_volume(
        tmp_path / f"a{ending}", reconstruction(metadata={"software": "em_inverse 1900.1"})
    )
    again = read_volume(write_volume(tmp_path / f"b{ending}", read_volume(first)))
    assert describe(facts(again)).endswith("em_inverse 1900.1.")


@pytest.mark.parametrize(
    "account",
    ['{"parameters": 3}', '{"n_iter": "x"}', '{"data_steps": 4}', '{"data_distance": "z"}', "[1]"],
)
def test_an_account_of_the_wrong_kind_is_a_format_error(tmp_path, account):
    tifffile.imwrite(
        tmp_path / "v.tif", VOLUME, imagej=True, metadata={"Info": f'{{"em_inverse": {account}}}'}
    )
    with h5py.File(tmp_path / "v.h5", "w") as h5:
        h5["volume"] = VOLUME
        h5["volume"].attrs["provenance"] = account
    for name in ("v.tif", "v.h5"):
        with pytest.raises(FileFormatError, match=name.replace(".", r"\.")):
            read_volume(tmp_path / name)


def test_an_account_that_states_nothing_is_read(tmp_path):
    with h5py.File(tmp_path / "v.h5", "w") as h5:
        h5["volume"] = VOLUME
        h5["volume"].attrs["provenance"] = '{"algorithm": null, "n_iter": null, "converged": null}'
    again = read_volume(tmp_path / "v.h5")
    assert (again.algorithm, again.n_iter, again.converged) == ("read from v.h5", 0, False)


@pytest.mark.parametrize(
    ("value", "expected"), [(0.5, 0.5), (-1.0, None), (np.nan, None), ("wide", FileFormatError)]
)
def test_the_voxel_size_of_an_hdf5_file_is_checked(tmp_path, value, expected):
    with h5py.File(tmp_path / "v.h5", "w") as h5:
        h5["volume"] = VOLUME
        h5["volume"].attrs["voxel_size_nm"] = value
    if expected is FileFormatError:
        with pytest.raises(FileFormatError, match="'voxel_size_nm' is 'wide'"):
            read_volume(tmp_path / "v.h5")
    else:
        assert read_volume(tmp_path / "v.h5").pixel_size_nm == expected


@pytest.mark.parametrize("info", ["Taken on a Tuesday", "[1, 2]", '{"other": 1}'])
def test_the_notes_of_other_programs_in_a_tiff_are_left_alone(tmp_path, info):
    tifffile.imwrite(tmp_path / "v.tif", VOLUME, imagej=True, metadata={"Info": info})
    assert read_volume(tmp_path / "v.tif").parameters == {}
