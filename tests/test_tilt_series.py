"""TiltSeries and Reconstruction: what they hold, what they refuse, what they never change."""

import copy
import pickle

import numpy as np
import pytest

from em_inverse import Reconstruction, TiltSeries
from em_inverse.errors import DataError, GeometryError, ParameterError


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
