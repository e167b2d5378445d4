import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from em_inverse.errors import DataError, ParameterError
from em_inverse.widgets.volume_data import (
    BLOCK,
    block_ranges,
    check_window,
    counts,
    cut_value,
    robust_window,
    shrink,
    to_bytes,
)

EDGES = st.tuples(*(st.integers(1, 45),) * 3)


@given(EDGES, st.integers(8, 24), st.integers(0, 9))
def test_shrinking_keeps_edges_in_place_and_values_in_range(shape, level, seed):
    volume = np.random.default_rng(seed).random(shape, dtype=np.float32)
    small = shrink(volume, level)
    assert max(small.shape) <= level
    block = -(-max(shape) // level)
    assert small.shape == tuple(-(-n // block) for n in shape)
    assert volume.min() <= small.min() + 1e-6
    assert small.max() <= volume.max() + 1e-6


@given(st.integers(1, 4), st.integers(0, 9))
def test_shrinking_by_whole_blocks_is_their_mean(block, seed):
    volume = np.random.default_rng(seed).normal(size=(8 * block, 4 * block, 2 * block))
    blocks = volume.reshape(8, block, 4, block, 2, block).mean(axis=(1, 3, 5))
    np.testing.assert_allclose(shrink(volume, 8), blocks, atol=1e-5)


def test_a_ramp_stays_a_ramp_when_blocks_are_uneven():
    volume = np.broadcast_to(np.arange(30.0)[:, None, None], (30, 9, 9))
    small = shrink(volume, 8)[:, 0, 0]
    # 30 voxels in 8 blocks of 3 or 4: each block's mean lies at its own middle.
    edges = np.linspace(0, 30, 9).round()
    np.testing.assert_allclose(small, (edges[:-1] + edges[1:] - 1) / 2, atol=1e-5)


def test_a_small_volume_is_not_copied_and_none_is_changed():
    volume = np.random.default_rng(0).random((9, 9, 9), dtype=np.float32)
    before = volume.copy()
    assert np.shares_memory(shrink(volume, 9), volume)
    to_bytes(shrink(volume, 9), robust_window(volume))
    shrink(volume, 8)
    np.testing.assert_array_equal(volume, before)


@pytest.mark.parametrize("bad", [np.ones((4, 4)), np.full((4, 4, 4), np.nan)])
def test_what_is_no_volume_is_refused(bad):
    with pytest.raises(DataError, match="volume"):
        shrink(bad)


@pytest.mark.parametrize("level", [7, 193])
def test_a_level_that_no_page_could_take_is_refused(level):
    with pytest.raises(ParameterError, match=rf"level is {level}.*8 ≤ value ≤ 192"):
        shrink(np.ones((4, 4, 4)), level)


@given(hnp.arrays(np.float32, st.integers(2, 40), elements=st.floats(-10, 10, width=32)))
def test_bytes_follow_the_window(values):
    found = to_bytes(values, (-2.0, 3.0))
    wanted = np.clip((values.astype(float) + 2) * 51, 0, 255)
    assert np.abs(found - wanted).max() <= 0.5 + 1e-3


def test_a_few_outliers_do_not_set_the_window():
    volume = np.random.default_rng(1).random((40, 40, 40))
    volume[0, 0, :20] = [1000.0, -1000.0] * 10
    low, high = robust_window(volume)
    assert -0.01 < low < 0.01
    assert 0.99 < high < 1.01


def test_a_small_bright_object_in_much_vacuum_is_inside_the_window():
    volume = np.zeros((40, 40, 40))
    volume[18:22, 18:22, 18:22] = 5.0  # one voxel in a thousand
    assert robust_window(volume) == (0.0, 5.0)


def test_the_window_stays_while_it_fits():
    volume = np.linspace(0, 1, 1000)
    before = (-0.05, 1.02)
    assert robust_window(volume, before) == before
    assert robust_window(0.6 * volume, before) == before
    assert robust_window(0.4 * volume, before) == pytest.approx((0, 0.4))
    assert robust_window(1.3 * volume, before) == pytest.approx((0, 1.3))


def test_a_constant_volume_has_a_window():
    assert robust_window(np.zeros(100)) == (0.0, 1.0)
    assert robust_window(np.full(100, -3.0)) == (-3.0, 0.0)


@pytest.mark.parametrize("window", [(1, 1), (2, 1), (0, np.inf), "wide", 3, (1, 2, 3)])
def test_what_is_no_window_is_refused(window):
    with pytest.raises(ParameterError, match="window is"):
        check_window(window)


def test_counts_are_whole_for_a_small_volume_and_scaled_for_a_large_one():
    values = np.arange(256, dtype=np.uint8).repeat(10)
    np.testing.assert_array_equal(counts(values), 10)
    large = np.random.default_rng(0).integers(0, 256, 2**20, dtype=np.uint8)
    assert counts(large).sum() == pytest.approx(large.size)
    assert counts(large)[7] == pytest.approx(2**12, rel=0.2)


@given(st.integers(0, 100), st.integers(150, 255), st.integers(1, 60))
def test_the_cut_lies_between_vacuum_and_object(vacuum, particle, share):
    histogram = np.zeros(256)
    histogram[vacuum] = 1000
    histogram[particle] = share
    assert vacuum / 255 < cut_value(histogram) < particle / 255


def test_an_empty_volume_is_cut_in_the_middle():
    assert cut_value(np.eye(256)[0]) == 0.5


@given(EDGES, st.integers(0, 5))
def test_no_voxel_of_a_block_or_beside_it_lies_outside_its_range(shape, seed):
    values = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    lowest, highest = block_ranges(values)
    assert lowest.shape == highest.shape == tuple(-(-n // BLOCK) for n in shape)
    for place in np.ndindex(lowest.shape):
        part = values[tuple(slice(max(0, 8 * k - 1), 8 * k + 9) for k in place)]
        assert (lowest[place], highest[place]) == (part.min(), part.max())
