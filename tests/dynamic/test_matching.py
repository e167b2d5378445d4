import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from em_inverse.dynamic.matching import common_field, match

X, Y = np.mgrid[:40, :36]


def particles(x=0.0, y=0.0):
    places = ((17 + x, 15 + y), (23 + x, 20 + y))
    return sum(np.exp(-0.5 * ((X - cx) ** 2 + (Y - cy) ** 2) / 6) for cx, cy in places)


@settings(max_examples=25)
@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(0.1, 10))
def test_any_shift_is_found_whatever_the_unit(x, y, gain):
    noise = np.random.default_rng(0).normal(0, 0.03, X.shape)
    found = match(gain * (particles() + noise), particles(x, y), np.zeros(2), reach=8)
    assert found.shift == pytest.approx([x, y], abs=0.1)
    assert found.after <= found.before + 0.02


def test_nothing_is_looked_for_beyond_the_reach_or_along_a_kept_axis():
    far = match(particles(), particles(6), np.zeros(2), reach=2)
    assert np.abs(far.shift).max() <= 2
    kept = match(particles(), particles(1, 1), np.zeros(2), reach=8, along=False)
    assert kept.shift[1] == 0
    assert kept.shift[0] == pytest.approx(1, abs=0.2)


def test_a_shift_that_explains_no_more_is_not_taken():
    start = np.array([0.3, -0.2])
    nothing = match(particles(), np.zeros(X.shape), start, reach=8)
    assert np.array_equal(nothing.shift, start)
    assert nothing.before == nothing.after == 1
    exact = match(particles(), particles(), np.zeros(2), reach=8)
    assert np.abs(exact.shift).max() < 1e-3


def test_the_common_field_ignores_few_far_ones():
    shifts = np.zeros((100, 2))
    shifts[0] = 15, -15
    assert np.array_equal(common_field(shifts, (40, 36)), common_field(shifts[1:], (40, 36)))
    shifts[:50, 0] = 6
    field = common_field(shifts, (40, 36))
    assert not field[:6].any()
    assert field[20, 18] == 1
