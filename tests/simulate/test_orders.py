"""Tilt orders: the same angles in every order, and golden prefixes that cover the range."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from em_inverse import simulate
from em_inverse.errors import GeometryError, ParameterError
from em_inverse.simulate.orders import visiting_order


@given(
    st.sampled_from(simulate.TILT_ORDERS),
    st.floats(-90, 0),
    st.floats(0, 90),
    st.sampled_from([0.5, 1, 2, 3, 7.5, 100]),
)
def test_every_order_visits_the_same_angles_once(name, low, high, step):
    angles = simulate.tilt_order(name, low, high, step)
    expected = low + step * np.arange(int((high - low) / step + 1e-6) + 1)
    np.testing.assert_allclose(np.sort(angles), expected, atol=1e-6)


def test_the_orders_are_those_of_microscopes():
    order = simulate.tilt_order
    np.testing.assert_array_equal(order("sequential", -4, 4, 2), [-4, -2, 0, 2, 4])
    np.testing.assert_array_equal(order("bidirectional", -4, 4, 2), [0, 2, 4, -2, -4])
    np.testing.assert_array_equal(order("dose_symmetric", -6, 6, 3), [0, 3, -3, 6, -6])
    # No tilt at 0°, and a range that is not symmetric.
    np.testing.assert_array_equal(order("dose_symmetric", -3, 5, 2), [1, -1, 3, -3, 5])
    np.testing.assert_array_equal(order("bidirectional", -3, 5, 2), [-1, 1, 3, 5, -3])
    np.testing.assert_array_equal(order(), np.arange(-75, 76, 2))


def test_golden_order_covers_the_range_whenever_it_stops():
    angles = simulate.tilt_order("golden", -75, 75, 1)
    assert angles[0] == 0
    for count in (5, 12, 30, 70, 120):
        seen = np.sort(np.concatenate([[-75.5, 75.5], angles[:count]]))
        # Three-distance theorem: no gap is much wider than the mean.
        assert np.diff(seen).max() < 2.2 * 151 / count + 1
    sequential = np.sort(simulate.tilt_order("sequential", -75, 75, 1)[:70])
    assert 75 - sequential[-1] > 80


def test_the_high_end_is_reached_despite_rounding_and_not_passed():
    assert simulate.tilt_order("sequential", -0.3, 0.3, 0.1)[-1] == 0.3
    assert simulate.tilt_order("sequential", 0, 5, 2)[-1] == 4
    assert not np.signbit(simulate.tilt_order("sequential", -2, 2, 1)[2])


def test_given_angles_keep_their_values():
    angles = np.array([10.3, -50.0, 0.2, 31.0, -7.7])
    assert angles[visiting_order(angles, "dose_symmetric")].tolist() == [0.2, -7.7, 10.3, 31, -50]
    assert sorted(visiting_order(angles, "golden")) == [0, 1, 2, 3, 4]


def test_what_is_no_range_is_refused():
    with pytest.raises(ParameterError, match=r"name is 'random'.*'golden'"):
        simulate.tilt_order("random")
    with pytest.raises(ParameterError, match="low ≤ high"):
        simulate.tilt_order("sequential", 10, -10)
    with pytest.raises(ParameterError, match="step is 0"):
        simulate.tilt_order(step=0)
    with pytest.raises(ParameterError, match="more than 3601 tilts"):
        simulate.tilt_order(step=0.001)
    with pytest.raises(GeometryError, match="within ±360"):
        simulate.tilt_order("sequential", 0, 500, 100)
