"""TiltSeries and Reconstruction: what they hold, what they refuse, what they never change."""

import copy
import pickle

import numpy as np
import pytest

from em_inverse import Reconstruction, TiltSeries
from em_inverse.errors import DataError, GeometryError, ParameterError
from em_inverse.forward.tilt import ParallelBeam


@pytest.fixture
def series():
    return TiltSeries(np.ones((3, 8, 5)), [10, -50, 70], 0.5, dose=100, metadata={"a": 1})


def test_what_a_series_knows(series):
    assert series.n_tilts == len(series) == 3
    assert series.tilt_range_deg == (-50, 70)
    assert series.tilt_step_deg == 60
    assert series.volume_shape == (8, 8, 5)
    assert "3 projections of (8, 5), -50° to 70°, 0.5 nm/px" in repr(series)


def test_one_projection_has_no_step():
    assert TiltSeries(np.ones((1, 8)), [0]).tilt_step_deg is None


def test_integers_are_converted_and_inputs_left_alone():
    counts = np.arange(12, dtype=np.uint16).reshape(3, 4)
    angles = np.array([0.0, 1.0, 2.0])
    series = TiltSeries(counts, angles)
    assert series.projections.dtype == np.float32
    np.testing.assert_array_equal(series.projections, counts)
    angles[0] = 99
    assert series.angles_deg[0] == 0
    counts[0, 0] = 7
    assert counts.flags.writeable
    floats = np.ones((3, 4))
    kept = TiltSeries(floats, [0, 1, 2])
    assert floats.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        kept.projections[0, 0] = 1
    with pytest.raises(TypeError):
        kept.metadata["a"] = 2


def test_angles_must_match():
    with pytest.raises(GeometryError, match=r"76 entries but projections has 77 tilts \(shape"):
        TiltSeries(np.ones((77, 4, 4)), np.arange(76))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"pixel_size_nm": 0}, ParameterError),
        ({"dose": -1}, ParameterError),
        ({"projections": np.full((1, 2), np.nan)}, DataError),
        ({"projections": np.ones(4)}, DataError),
    ],
)
def test_bad_input(arguments, error):
    with pytest.raises(error):
        TiltSeries(**{"projections": np.ones((1, 2)), "angles_deg": [0], **arguments})


def test_replace_adds_a_step_and_keeps_the_rest(series):
    halved = series.replace(projections=series.projections / 2, step="Halved.", metadata={"b": 2})
    assert halved.history == ("Halved.",)
    assert series.history == ()
    assert dict(halved.metadata) == {"a": 1, "b": 2}
    assert halved.dose == 100
    np.testing.assert_array_equal(halved.projections, 0.5)
    assert series.replace(dose=5).history == ()
    with pytest.raises(TypeError, match="no field"):
        series.replace(colour="red")


def test_reconstruction():
    result = Reconstruction(np.ones((2, 2)), "SIRT", history={"data_distance": [2.0, 1.0]})
    assert result.volume is result.x
    assert result.data_distance == 1.0
    assert Reconstruction(np.ones(2), "x").data_distance is None
    assert repr(result) == (
        "Reconstruction(SIRT, shape (2, 2), 0 iterations, converged: closed-form solution)"
    )


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
def test_a_series_can_be_copied_and_sent_to_another_process(series, copied):
    marked = series.replace(step="marked", projections=np.arange(120.0).reshape(3, 8, 5))
    again = copied(marked)
    assert np.array_equal(again.projections, marked.projections)
    assert np.array_equal(again.angles_deg, marked.angles_deg)
    assert (again.pixel_size_nm, again.dose) == (0.5, 100)
    assert (dict(again.metadata), again.history) == ({"a": 1}, ("marked",))
    with pytest.raises(ValueError, match="read-only"):
        again.projections[0] = 1


def numbered(nx=10, ny=6, **kwargs):
    """Three projections whose pixels all differ."""
    images = np.arange(3.0 * nx * ny).reshape(3, nx, ny)
    return TiltSeries(images, [10, -50, 70], 0.5, dose=90, **kwargs)


def test_binning_averages_blocks_and_follows_everything_counted_in_pixels():
    series = numbered(
        metadata={
            "shifts_px": np.array([[1.0, 2.0]] * 3),
            "slices_in_view": (1, 6),
            "center_shift_px": 3.0,
        }
    )
    small = series.bin((5, 2))
    assert small.projections.shape == (3, 2, 3)
    assert small.projections[1, 1, 2] == series.projections[1, 5:, 4:].mean()
    assert small.pixel_size_nm == 2.5
    assert small.metadata["pixel_size_y_nm"] == 1.0
    assert small.metadata["shifts_px"].tolist() == [[0.2, 1.0]] * 3
    assert small.metadata["slices_in_view"] == (1, 3)
    assert small.center_shift_px == pytest.approx(0.6)
    assert small.dose == 90
    assert small.history == ("binned by 5 × 2 (mean)",)
    assert "pixel_size_y_nm" not in series.bin(2).metadata
    assert small.bin(1).metadata["pixel_size_y_nm"] == 1.0


def test_what_fills_no_block_is_cut_off_and_the_axis_followed():
    series = numbered(nx=11, ny=7)
    small = series.bin(2)
    assert small.projections.shape == (3, 5, 3)
    assert small.projections[0, 0, 0] == series.projections[0, :2, :2].mean()
    # Ten of eleven pixels are left: their middle lies half a pixel before the old one.
    assert small.center_shift_px == 0.25
    assert small.history[-1].endswith("after cutting off 1 × 1 px that filled no block")


@pytest.mark.parametrize("first", range(4))
def test_a_crop_or_a_bin_leaves_the_object_where_it_is_reconstructed(first):
    """With the axis followed, the same object explains what is left of the projections."""
    angles = np.arange(-60, 61, 20)
    x = np.zeros((24, 24))
    x[9:15, 8:14] = 1
    series = TiltSeries(ParallelBeam(x.shape, angles) @ x, angles)
    part = series.crop(x=(first, 22))
    small = part.bin(2)
    for piece, scale in ((part, 1), (small, 2)):
        # Every ray of the piece, at the resolution of the object.
        kept = part.projections[:, : scale * piece.projections.shape[1]]
        shift = scale * np.asarray(piece.center_shift_px)
        A = ParallelBeam(x.shape, angles, kept.shape[1], center_shift=shift)
        assert np.abs(A @ x - kept).max() < 1e-4
    assert small.projections.shape[1] == (22 - first) // 2


def test_crops_are_centred_or_ranges():
    series = numbered()
    assert np.array_equal(series.crop(x=4).projections, series.projections[:, 3:7])
    assert series.crop(x=4).center_shift_px == 0
    part = series.crop(x=(1, 6), y=(2, 6))
    assert np.array_equal(part.projections, series.projections[:, 1:6, 2:6])
    assert part.center_shift_px == (10 - 1) / 2 - (1 + 5) / 2
    assert part.crop(x=(0, 4)).center_shift_px == 2.0
    assert "x 1 to 6 and y 2 to 6" in part.history[0]
    assert "+1.5 px from the middle" in part.history[0]
    assert series.crop().projections.shape == series.projections.shape
    viewed = numbered(metadata={"slices_in_view": (1, 5)})
    assert viewed.crop(y=(2, 6)).metadata["slices_in_view"] == (0, 3)
    assert viewed.crop(y=(5, 6)).metadata["slices_in_view"] == (0, 1)


def test_padding_keeps_the_axis_in_its_place():
    series = numbered(metadata={"slices_in_view": (1, 5)})
    wide = series.pad((2, 1))
    assert np.array_equal(wide.projections[:, 2:-2, 1:-1], series.projections)
    assert wide.projections[0, 0, 0] == series.projections[0, 0, 0]
    assert wide.metadata["slices_in_view"] == (2, 6)
    assert series.pad(1, "zero").projections[:, 0].max() == 0
    assert "repeating the border" in wide.history[0]
    assert wide.crop(x=10, y=6).projections.tolist() == series.projections.tolist()


def test_selecting_takes_along_what_belongs_to_a_tilt():
    series = numbered(metadata={"shifts_px": np.arange(6.0).reshape(3, 2), "a": 1})
    part = series.select([2, 0])
    assert part.angles_deg.tolist() == [70, 10]
    assert part.metadata["shifts_px"].tolist() == [[4, 5], [0, 1]]
    assert part.dose == 60
    assert part.metadata["a"] == 1
    assert part.history == ("2 of 3 projections selected by index",)
    assert series.select(np.array([False, True, True])).angles_deg.tolist() == [-50, 70]
    assert series.select(lambda angle: angle > 0).angles_deg.tolist() == [10, 70]
    ordered = series.sort()
    assert ordered.angles_deg.tolist() == [-50, 10, 70]
    assert ordered.metadata["shifts_px"].tolist() == [[2, 3], [0, 1], [4, 5]]
    assert ordered.dose == 90


@pytest.mark.parametrize(
    ("change", "error", "names"),
    [
        (lambda s: s.bin(0), ParameterError, "factor"),
        (lambda s: s.bin(7), ParameterError, "factor"),
        (lambda s: s.bin(1.5), ParameterError, "factor"),
        (lambda s: s.bin((1, 1, 1)), GeometryError, "factor"),
        (lambda s: s.crop(x=11), ParameterError, "x is 11"),
        (lambda s: s.crop(y=(3, 3)), ParameterError, "y is"),
        (lambda s: s.crop(x=(-2, 3)), ParameterError, "x is"),
        (lambda s: s.crop(x=(1, 2, 3)), ParameterError, "x is"),
        (lambda s: s.pad(-1), ParameterError, "width"),
        (lambda s: s.pad(1, "wrap"), ParameterError, "mode"),
        (lambda s: s.select([]), ParameterError, "tilts"),
        (lambda s: s.select([3]), ParameterError, "tilts"),
        (lambda s: s.select([0, 0]), ParameterError, "tilts"),
        (lambda s: s.select(lambda angle: angle > 80), ParameterError, "tilts"),
        (lambda s: s.undo(), ParameterError, "remembers 0"),
    ],
)
def test_steps_refuse_what_they_cannot_do(change, error, names):
    with pytest.raises(error, match=names):
        change(numbered())


def test_a_sinogram_has_one_axis():
    line = TiltSeries(np.ones((2, 9)), [0, 10])
    assert line.bin(2).crop(x=3).pad(1).projections.shape == (2, 5)
    with pytest.raises(GeometryError, match="sinogram"):
        line.crop(y=3)
    with pytest.raises(GeometryError, match="factor"):
        line.bin((2, 2))


def test_steps_can_be_undone_one_by_one():
    series = numbered()
    small = series.bin(2).replace(dose=5).crop(x=3).sort()
    assert small.previous.projections.shape == (3, 3, 3)
    assert small.undo(2).history == ("binned by 2 × 2 (mean)",)
    back = small.undo(3)
    assert np.array_equal(back.projections, series.projections)
    assert back.history == ()
    assert back.previous is None
    assert small.undo().undo().undo().dose == 90
    with pytest.raises(ParameterError, match="remembers 3"):
        small.undo(4)
    assert small.forget().previous is None
    assert small.forget().history == small.history
    assert pickle.loads(pickle.dumps(small)).previous is None


def test_the_oldest_states_are_let_go_when_memory_is_short(monkeypatch):
    series = numbered()
    limit = int(2.5 * series.projections.nbytes)
    monkeypatch.setattr("em_inverse.tilt_series._UNDO_MEMORY", limit)
    sorted_often = series.sort().sort().sort()
    assert sorted_often.undo(2).history == ("projections sorted by tilt angle",)
    with pytest.raises(ParameterError, match="remembers 2"):
        sorted_often.undo(3)
