"""Species: two kinds where there are two, one where there is one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from em_inverse.atomic import classify
from em_inverse.errors import DataError, ParameterError


def two_kinds(apart, n=300, seed=0, share=0.5):
    rng = np.random.default_rng(seed)
    kind = rng.uniform(size=n) < share
    return 10 + rng.standard_normal(n) + apart * kind, kind


@settings(max_examples=20, deadline=None)
@given(apart=st.floats(5, 40), share=st.floats(0.1, 0.9), seed=st.integers(0, 99))
def test_two_clear_kinds_are_found_and_described(apart, share, seed):
    x, kind = two_kinds(apart, 400, seed, share)
    found = classify(x)
    assert found.count == 2
    assert (found.labels == kind).mean() > 0.98
    np.testing.assert_allclose(found.means, [10, 10 + apart], atol=1.0)
    assert 10 < found.threshold < 10 + apart
    assert found.separation == pytest.approx(apart, rel=0.4)
    assert found.bic_gain > 10


@given(seed=st.integers(0, 300), n=st.integers(50, 2000))
@settings(max_examples=30, deadline=None)
def test_one_kind_is_called_one(seed, n):
    found = classify(np.random.default_rng(seed).normal(100, 7, n))
    assert found.count == 1
    assert not found.labels.any()
    assert np.isnan(found.threshold)
    assert found.means[0] == pytest.approx(100, abs=4)


@given(scale=st.floats(1e-3, 1e3))
@settings(max_examples=20, deadline=None)
def test_the_unit_does_not_matter(scale):
    x, _ = two_kinds(6)
    a, b = classify(x), classify(scale * x)
    np.testing.assert_array_equal(a.labels, b.labels)
    assert b.threshold == pytest.approx(scale * a.threshold, rel=1e-3)


def test_how_sure_a_label_is():
    x, _ = two_kinds(4)
    found = classify(x)
    at = int(np.argmin(np.abs(x - found.threshold)))
    assert found.probability[at] < 0.8
    assert found.probability[np.argmin(x)] > 0.99
    assert (found.probability >= 0.49).all()
    share = found.density(np.linspace(0, 30, 3001)).sum() * 0.01
    assert share == pytest.approx(1, abs=1e-3)


def test_kinds_can_be_forced():
    x = np.random.default_rng(0).normal(5, 1, 200)
    assert classify(x, 2).count == 2
    assert classify(two_kinds(20)[0], 1).count == 1
    assert classify(x, 1).probability.tolist() == [1.0] * 200


def test_too_few_or_equal_values_are_one_kind():
    assert classify([1.0, 5.0], 2).count == 1
    assert classify(np.full(50, 3.0), 2).count == 1
    assert classify([2.0]).means.tolist() == [2.0]


@pytest.mark.parametrize("kinds", [3, 0, "many"])
def test_other_numbers_of_kinds_are_refused(kinds):
    with pytest.raises(ParameterError, match="kinds"):
        classify([1.0, 2.0], kinds)


@pytest.mark.parametrize("x", [[], [np.nan, 1], [[1.0]]])
def test_what_is_no_list_of_numbers(x):
    with pytest.raises(DataError, match="intensities"):
        classify(x)
