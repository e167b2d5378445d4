import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from em_inverse.dynamic.trend import Trend
from em_inverse.errors import ParameterError

small = st.floats(-1, 1, allow_subnormal=False)


@given(st.lists(small, min_size=1, max_size=40), st.permutations(range(-20, 20)))
def test_values_within_the_least_distance_never_stand_out(values, angles):
    trend = Trend(least=2.0)
    for angle, value in zip(angles, values, strict=False):
        step = trend.add(angle, 10 + value)
        assert step is None or not step.stands_out


@given(st.lists(small, min_size=8, max_size=30), st.floats(0.5, 50), st.integers(-100, 100))
def test_unit_and_zero_do_not_matter(values, factor, zero):
    plain, other = Trend(least=0.1), Trend(least=0.1 * factor)
    for angle, value in enumerate(values):
        a, b = plain.add(angle, value), other.add(angle, zero + factor * value)
        assert (a is None) == (b is None)
        if a and b:
            assert b.distance == pytest.approx(factor * a.distance, abs=1e-6 * factor)
            assert b.limit == pytest.approx(factor * a.limit, rel=1e-6, abs=1e-6 * factor)


def test_a_fault_stands_out_from_a_drift_in_time_and_a_course_in_angle():
    angles = np.argsort(np.argsort(np.arange(60) * 0.618034 % 1)) - 30
    for value in (lambda k, a: 0.1 * k, lambda k, a: 0.1 * a):
        trend = Trend(least=0.5)
        steps = [trend.add(a, value(k, a)) for k, a in enumerate(angles)]
        assert not any(step.stands_out for step in steps[4:])
        assert trend.add(40, value(60, 40) + 9).stands_out


def test_one_fault_does_not_make_the_next_value_one():
    trend = Trend(least=0.5)
    for angle in range(6):
        trend.add(angle, 0.0)
    assert trend.add(6, 5.0).stands_out
    assert not trend.add(7, 0.1).stands_out


def test_what_is_not_finite_is_ignored_and_a_second_take_replaces_the_first():
    trend = Trend(least=0.5, needed=3)
    for angle, value in ((0, 1.0), (1, np.nan), (2, 1.0), (0, 1.0), (3, np.inf)):
        assert trend.add(angle, value) is None
    assert trend.add(4, 1.0) is None
    assert trend.add(5, 1.0) is not None


def test_settings_are_checked():
    for options in ({"least": -1}, {"least": 1, "threshold": 0}, {"least": 1, "needed": 1}):
        with pytest.raises(ParameterError):
            Trend(**options)
