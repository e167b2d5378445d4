"""Generated frames are marked: in the series, in its files, and in every report."""

import json

import numpy as np
import pytest

from em_inverse import TiltSeries, interpolation, io, report, tomography
from em_inverse.io.series_account import series_account, take_account
from em_inverse.io.stack import Stack


@pytest.fixture(scope="module")
def filled():
    rng = np.random.default_rng(0)
    series = TiltSeries(
        rng.random((5, 12, 6)).astype(np.float32),
        [-40, 20, -20, 0, 40],
        pixel_size_nm=0.5,
        dose=500.0,
        metadata={"tilt_scale": np.arange(5.0)},
    )
    return interpolation.fill(series, 2, "linear")


def test_the_series_says_which(filled):
    assert filled.generated.tolist() == [False, True] * 4 + [False]
    assert filled.metadata["filling"] == {"method": "linear", "reason": "asked for"}
    assert "GENERATED frames added: 4 of 9 were not recorded" in filled.history[-1]
    assert not filled.undo().generated.any()
    scale = filled.metadata["tilt_scale"]
    assert scale[~filled.generated].tolist() == [0, 2, 3, 1, 4]
    assert np.isnan(scale[filled.generated]).all()


def test_marks_follow_the_projections(filled):
    assert filled.select([1, 0, 4]).generated.tolist() == [True, False, False]
    assert filled.select(lambda a: a > 0).sort().generated.tolist() == [True, False, True, False]
    assert filled.bin(2).crop(x=4).generated.sum() == 4


def test_generated_frames_have_no_dose(filled):
    assert filled.dose == 500
    assert filled.select(~filled.generated).dose == 500
    assert filled.select([0, 1, 2]).dose == 200
    assert filled.select([1, 3]).dose is None


def test_filling_twice_marks_twice(filled):
    again = interpolation.fill(filled, 2, "linear")
    assert again.generated.sum() == 4 + 8


@pytest.mark.parametrize("name", ["a.mrc", "a.tif", "a.ome.tif", "a.h5", "a.emd", "a.npz"])
def test_files_carry_the_marks_and_readers_take_them_up(filled, tmp_path, name):
    io.write_tilt_series(tmp_path / name, filled)
    read = io.read_tilt_series(tmp_path / name)
    assert np.array_equal(read.generated, filled.generated)
    assert read.generated.dtype == bool
    assert read.metadata["filling"]["method"] == "linear"
    assert read.history[: len(filled.history)] == filled.history


def test_other_programs_see_it_too(filled, tmp_path):
    import h5py
    import mrcfile

    io.write_tilt_series(tmp_path / "a.mrc", filled)
    with mrcfile.open(tmp_path / "a.mrc") as file:
        assert "4 of 9 projections GENERATED, not recorded" in "".join(file.get_labels())
    io.write_tilt_series(tmp_path / "a.h5", filled)
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["exchange/data"].attrs["generated"].tolist() == [0, 1] * 4 + [0]


def test_a_stack_that_lost_images_is_marked_as_a_whole(filled):
    stack = Stack(data=np.zeros((3, 4, 4)))
    take_account(stack, json.dumps(series_account(filled)), "account")
    assert stack.metadata["generated"].tolist() == [True] * 3
    assert any("all are marked" in note for note in stack.notes)


def test_every_report_says_how_many(filled, tmp_path):
    result = tomography.sirt(filled, 2)
    sentence = "4 of 9 projections GENERATED, not recorded (linear filling)"
    assert report.report(result).startswith(sentence)
    assert sentence in report.table_text(result)
    assert report.report_table(result)["n_generated"] == 4
    for name in ("v.mrc", "v.tif", "v.h5", "v.emd"):
        io.write_volume(tmp_path / name, result)
        assert report.report(io.read_volume(tmp_path / name)).startswith(sentence)


def test_recorded_series_say_nothing(filled):
    recorded = filled.undo()
    result = tomography.sirt(recorded, 2)
    assert "GENERATED" not in report.report(result) + report.table_text(result)
    assert report.report_table(result)["n_generated"] is None
