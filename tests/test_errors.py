"""The checks of arguments: what they accept, what they say when they refuse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from em_inverse import errors


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (np.arange(3), np.float64),
        (np.array([True, False]), np.float64),
        (np.ones(3, np.float16), np.float32),
        (np.ones(3, np.float32), np.float32),
        (np.ones(3, ">f4"), np.float32),
        ([1, 2.5], np.float64),
    ],
)
def test_arrays_become_native_floats(value, dtype):
    result = errors.check_array(value, "y")
    assert result.dtype == dtype
    assert result.dtype.isnative
    np.testing.assert_array_equal(result, np.asarray(value))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([1.0, np.nan], "1 of 2 values that are NaN"),
        ([], "is empty"),
        (np.ones(3, complex), "complex128"),
        (["a", "b"], "real numbers are needed"),
        ([[1, 2], [3]], "could not be read as an array"),
    ],
)
def test_unusable_arrays_are_refused(value, words):
    with pytest.raises(errors.DataError, match=words) as caught:
        errors.check_array(value, "projections")
    assert "projections" in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_nan_passes_where_it_is_allowed():
    assert np.isnan(errors.check_array([np.nan], "y", finite=False)).all()


def test_shapes_and_dimensions():
    x = np.ones((2, 3))
    assert errors.check_array(x, "x", shape=(-1, 3), ndim=(1, 2)) is x
    with pytest.raises(errors.DataError, match=r"\(2, 3\), but shape \(any, 4\)"):
        errors.check_array(x, "x", shape=(-1, 4))
    with pytest.raises(errors.DataError, match="2-D; 1-D or 3-D is needed"):
        errors.check_array(x, "x", ndim=(1, 3))


@given(st.floats(allow_nan=True, allow_infinity=True), st.booleans())
def test_numbers_lie_inside_their_range(value, exclusive):
    inside = 0 < value < 1 if exclusive else 0 <= value <= 1
    if inside:
        assert errors.check_number(value, "tau", minimum=0, maximum=1, exclusive=exclusive) == value
    else:
        with pytest.raises(errors.ParameterError, match="tau is"):
            errors.check_number(value, "tau", minimum=0, maximum=1, exclusive=exclusive)


@pytest.mark.parametrize("value", ["3", None, True, [1], np.ones(2)])
def test_things_that_are_not_numbers(value):
    with pytest.raises(errors.ParameterError, match="a single real number is needed"):
        errors.check_number(value, "lam")


def test_allowed_ranges_are_spelled_out():
    with pytest.raises(errors.ParameterError, match=r"allowed: 0 < value"):
        errors.check_number(-1, "lam", minimum=0, exclusive=True)
    with pytest.raises(errors.ParameterError, match=r"allowed: value ≤ 2"):
        errors.check_number(3, "lam", maximum=2)
    with pytest.raises(errors.ParameterError, match="any finite number"):
        errors.check_number(np.inf, "lam")


def test_integers():
    assert errors.check_integer(np.float64(3.0), "n") == 3
    with pytest.raises(errors.ParameterError, match="whole number"):
        errors.check_integer(3.5, "n")


def test_choices_are_listed():
    assert errors.check_choice("a", "kind", ["a", "b"]) == "a"
    with pytest.raises(errors.ParameterError, match="allowed: 'a', 'b'"):
        errors.check_choice("c", "kind", ["a", "b"])


@pytest.mark.parametrize("value", [(0,), (2.5,), (1, 2, 3), "ab", None, (-1, 2)])
def test_impossible_shapes(value):
    with pytest.raises(errors.ParameterError, match="shape is"):
        errors.check_shape(value, "shape", ndim=(1, 2))


def test_a_lone_number_is_a_shape():
    assert errors.check_shape(5, "shape", ndim=1) == (5,)
    assert errors.check_shape([2.0, 3], "shape", ndim=2) == (2, 3)


@pytest.mark.parametrize(
    ("angles", "words"),
    [
        ([0, np.nan], "finite"),
        ([[0, 1]], "flat list"),
        (["x"], "a list of numbers in degrees"),
        ([0, 500], "±360"),
        ([0, 1, 2], "3 entries but projections has 2 tilts"),
    ],
)
def test_angles_that_make_no_sense(angles, words):
    with pytest.raises(errors.GeometryError, match=words):
        errors.check_angles(angles, count=2)


def test_one_angle_is_a_list_of_one():
    np.testing.assert_array_equal(errors.check_angles(30), [30.0])


def test_a_checked_number_is_checked_whenever_it_is_set():
    class Knob:
        lam = errors.CheckedNumber(minimum=0, exclusive=True)

    first, second = Knob(), Knob()
    first.lam, second.lam = 2, np.float32(0.5)
    assert (first.lam, second.lam) == (2.0, 0.5)
    for bad in (0, -1, np.inf, "1"):
        with pytest.raises(errors.ParameterError, match="lam is"):
            first.lam = bad
    assert first.lam == 2.0
    with pytest.raises(AttributeError, match="instance"):
        _ = Knob.lam


def test_infinity_is_refused_in_words():
    with pytest.raises(errors.ParameterError, match="finite"):
        errors.check_number(np.inf, "lam", minimum=0)
