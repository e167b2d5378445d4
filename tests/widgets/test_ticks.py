import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from em_inverse.errors import ParameterError
from em_inverse.widgets.ticks import linear_ticks, number_text, ticks

ends = st.floats(-1e6, 1e6, allow_nan=False)


@given(low=ends, width=st.floats(1e-3, 1e6))
def test_linear_ticks_are_round_evenly_spaced_and_inside(low, width):
    marks = [value for value, _ in linear_ticks(low, low + width)]
    assert 2 <= len(marks) <= 7
    steps = {round((b - a) / width, 6) for a, b in pairwise(marks)}
    assert len(steps) == 1
    assert all(low - 1e-6 * width <= mark <= low + (1 + 1e-6) * width for mark in marks)


@given(low=st.floats(-12, 10), decades=st.floats(0.05, 14))
def test_log_ticks_lie_inside_and_are_few(low, decades):
    bottom, top = 10**low, 10 ** (low + decades)
    marks = ticks(bottom, top, "log")
    assert 1 <= len(marks) <= 11
    assert all(bottom * (1 - 1e-6) <= value <= top * (1 + 1e-6) for value, _ in marks)


def test_whole_decades_carry_raised_exponents():
    assert ticks(1e-5, 100, "log")[0] == (pytest.approx(1e-5), "10^-5")
    assert [label for _, label in ticks(0.1, 1000, "log")] == ["10^-1", "1", "10", "100", "10^3"]


def test_many_decades_are_thinned():
    marks = ticks(1e-15, 1e15, "log")
    exponents = [round(math.log10(value)) for value, _ in marks]
    assert 0 in exponents
    assert len({b - a for a, b in pairwise(exponents)}) == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (-0.5, "−0.5"), (12345.6, "12346"), (-2e-7, "−2×10⁻⁷"), (-1e-6, "−10⁻⁶")],
)
def test_numbers_read_as_people_write_them(value, text):
    assert number_text(value) == text


@pytest.mark.parametrize(
    ("low", "high", "scale"),
    [(1, 1, "linear"), (2, 1, "linear"), (0, 1, "log"), (-1, 1, "log"), (0, math.inf, "linear")],
)
def test_limits_that_make_no_axis_are_refused(low, high, scale):
    with pytest.raises(ParameterError, match="axis runs from"):
        ticks(low, high, scale)


def test_unknown_scale():
    with pytest.raises(ParameterError, match="scale"):
        ticks(0, 1, "square root")
