"""Scoring: one traced atom for one true atom, as many as can be, as near as can be."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from em_inverse.atomic import Atoms, left_empty, score
from em_inverse.atomic.scoring import matched
from em_inverse.errors import ParameterError

points = st.integers(0, 10_000).map(
    lambda seed: np.random.default_rng(seed).uniform(
        0, 1.6, (np.random.default_rng(seed + 1).integers(1, 6), 3)
    )
)


def best(found, truth, radius):
    """The most pairs, then the least distance, by trying everything."""
    distance = np.linalg.norm(found[:, None] - truth[None], axis=2)
    if len(found) > len(truth):
        distance = distance.T
    outcomes = []
    for order in permutations(range(distance.shape[1]), distance.shape[0]):
        chosen = distance[np.arange(distance.shape[0]), list(order)]
        chosen = chosen[chosen <= radius]
        outcomes.append((-len(chosen), chosen.sum()))
    return min(outcomes)


@settings(max_examples=80, deadline=None)
@given(found=points, truth=points, radius=st.floats(0.2, 1.5))
def test_pairs_are_one_to_one_and_none_could_be_better(found, truth, radius):
    pairs = matched(found, truth, radius)
    for column in pairs.T:
        assert len(set(column.tolist())) == len(column)
    distance = np.linalg.norm(found[pairs[:, 0]] - truth[pairs[:, 1]], axis=1)
    assert (distance <= radius).all()
    count, total = best(found, truth, radius)
    assert len(pairs) == -count
    assert distance.sum() == pytest.approx(total, abs=1e-4)


@settings(max_examples=30, deadline=None)
@given(a=points, b=points)
def test_the_pairs_do_not_depend_on_who_is_the_truth(a, b):
    one, other = matched(a, b, 1.0), matched(b, a, 1.0)
    assert len(one) == len(other)
    reach = [np.linalg.norm(x[p[:, 0]] - y[p[:, 1]], axis=1).sum() for x, y, p in
             ((a, b, one), (b, a, other))]  # fmt: skip
    assert reach[0] == pytest.approx(reach[1], abs=1e-4)


def grid(n=27):
    at = np.stack(np.meshgrid(*[np.arange(3.0)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    return Atoms(3 * at[:n], np.where(np.arange(n) % 3 == 0, 14, 8))


def test_a_perfect_tracing():
    result = score(grid(), grid())
    assert (result.found_percent, result.false_percent, result.error_pm) == (100, 0, 0)
    assert result.species_percent == 100
    assert result.confusion.tolist() == [[18, 0], [0, 9]]
    assert result.elements == ("O", "Si")


def test_errors_are_measured_in_pm_along_each_axis():
    truth = grid()
    result = score(truth.moved([0.03, -0.04, 0.0]), truth)
    assert result.error_pm == pytest.approx(5)
    assert result.rms_pm == pytest.approx(5)
    assert result.axis_rms_pm == pytest.approx((3, 4, 0))
    assert str(result) == "100.0 % found, 0.0 % false, 5.0 pm, 100.0 % of species right"


def test_missing_false_and_mistaken_atoms():
    truth = grid()
    numbers = truth.atomic_numbers.copy()
    numbers[1] = 14
    far = Atoms([[30, 30, 30]] * 3, [8, 8, 8])
    traced = Atoms(
        np.concatenate([truth.positions[1:], far.positions]),
        np.concatenate([numbers[1:], far.atomic_numbers]),
    )
    result = score(traced, truth)
    assert result.found_percent == pytest.approx(100 * 26 / 27)
    assert result.false_percent == pytest.approx(100 * 3 / 27)
    assert result.species_percent == pytest.approx(100 * 25 / 26)
    assert result.confusion.tolist() == [[17, 1], [0, 8]]


def test_an_element_that_is_not_there_counts_as_wrong():
    truth = grid(3)
    traced = Atoms(truth.positions, [79, 8, 8])
    result = score(traced, truth)
    assert result.elements == ("O", "Si", "Au")
    assert result.species_percent == pytest.approx(200 / 3)


def test_nothing_near():
    result = score(grid(2).moved([50, 0, 0]), grid(2))
    assert (result.found_percent, result.false_percent) == (0, 100)
    assert np.isnan([result.error_pm, result.rms_pm, result.species_percent]).all()


def test_a_crowd_of_false_atoms():
    truth = grid()
    rng = np.random.default_rng(0)
    crowd = Atoms(rng.uniform(-1, 7, (800, 3)), np.full(800, 8))
    result = score(crowd, truth)
    assert result.found_percent == 100
    assert result.false_percent > 2000


def test_vacant_sites():
    vacant = grid(4)
    traced = vacant.select([0]).moved([0, 0, 0.9])
    assert left_empty(traced, vacant).tolist() == [False, True, True, True]
    assert left_empty(traced, vacant, 0.5).all()


@pytest.mark.parametrize("radius", [0, -1, np.inf])
def test_the_radius_is_positive(radius):
    with pytest.raises(ParameterError, match="radius_angstrom"):
        score(grid(), grid(), radius)
    with pytest.raises(ParameterError, match="radius_angstrom"):
        left_empty(grid(), grid(), radius)
