import numpy as np
import pytest

from em_inverse.errors import DataError, ParameterError
from em_inverse.tilt_series import TiltSeries
from em_inverse.tomography import normalise, remove_background, repair


def offset_series(seed=0, noise=3.0, n=48):
    """An object in vacuum on an offset that drifts from tilt to tilt, as signed 16-bit counts."""
    rng = np.random.default_rng(seed)
    levels = -27000.0 - 15 * np.arange(4)
    images = np.zeros((4, n, n))
    images[:, 15:34, :30] = 20000 * rng.uniform(0.5, 1, (4, 19, 30))
    counts = np.rint(images + levels[:, None, None] + rng.normal(0, noise, images.shape))
    return TiltSeries(counts.astype(np.int16), [-60, -20, 20, 60]), levels, images


@pytest.mark.parametrize(
    ("method", "tolerance"), [("histogram", 0.8), ("corner", 2.5), ("percentile", 8.0)]
)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_drifting_offset_is_found_in_each_projection(method, tolerance, seed):
    series, levels, images = offset_series(seed)
    clean = remove_background(series, method)
    assert np.abs(clean.metadata["background"] - levels).max() < tolerance
    assert np.abs(clean.projections.mean(axis=(1, 2)) - images.mean(axis=(1, 2))).max() < tolerance
    assert len(clean.history) == 1
    assert "background" in clean.history[0]
    assert series.projections.min() < -26000


def test_the_percentile_lies_below_the_mean_of_a_noisy_vacuum():
    series, levels, _ = offset_series(noise=10.0)
    low = remove_background(series, "percentile").metadata["background"]
    mean = remove_background(series, "histogram").metadata["background"]
    assert (low < levels - 5).all()
    assert np.abs(mean - levels).max() < 2.5


def test_corners_that_the_object_covers_do_not_count():
    images = np.zeros((1, 40, 40))
    images[:, :25, :] = 100
    clean = remove_background(TiltSeries(images - 7, [0]), "corner", corner=0.2)
    assert clean.metadata["background"].tolist() == [-7]


@pytest.mark.parametrize("method", ["histogram", "corner", "percentile"])
def test_sinograms_are_taken_as_well(method):
    rng = np.random.default_rng(3)
    lines = rng.normal(500, 2, (3, 200))
    lines[:, 80:120] += 900
    clean = remove_background(TiltSeries(lines, [-30, 0, 30]), method)
    assert np.abs(clean.metadata["background"] - 500).max() < 4


def test_clipping_removes_negative_values_and_says_so():
    series, _, _ = offset_series()
    kept = remove_background(series)
    clipped = remove_background(series, clip=True)
    assert kept.projections.min() < 0 <= clipped.projections.min()
    assert np.array_equal(clipped.projections, np.maximum(kept.projections, 0))
    assert "zero" in clipped.history[-1]
    assert "set to zero" not in kept.history[-1]


def test_small_signals_on_a_large_offset_keep_their_precision():
    images = np.full((1, 16, 16), 1e6)
    images[0, 8, 8] += 0.25
    clean = remove_background(TiltSeries(images, [0]))
    assert clean.projections[0, 8, 8] == pytest.approx(0.25, abs=1e-3)


def test_bad_background_arguments_are_named():
    series = TiltSeries(np.ones((1, 8)), [0])
    with pytest.raises(ParameterError, match="method"):
        remove_background(series, "median")
    with pytest.raises(ParameterError, match="corner"):
        remove_background(series, "corner", corner=0.7)
    with pytest.raises(ParameterError, match="percentile"):
        remove_background(series, percentile=101)


def smooth_images(seed, shape=(3, 64, 64)):
    rng = np.random.default_rng(seed)
    x, y = np.mgrid[: shape[1], : shape[2]]
    object_ = 1000.0 * ((np.hypot(x - 30, y - 28) < 18) + (np.abs(x - 40) < 6))
    return np.stack([rng.poisson(object_ + 20) for _ in range(shape[0])]).astype(np.float32)


@pytest.mark.parametrize("seed", range(4))
def test_hot_and_dead_pixels_go_and_edges_stay(seed):
    rng = np.random.default_rng(seed)
    images = smooth_images(seed)
    damaged = images.copy()
    i = rng.integers(2, 62, (3, 6))
    j = np.arange(3, 63, 10)
    for tilt in range(3):
        damaged[tilt, i[tilt, :3], j[:3]] = 30000
        damaged[tilt, i[tilt, 3:], j[3:]] = -5000
    mended = repair(TiltSeries(damaged, [-10, 0, 10]))
    faulty = damaged != images
    assert np.abs(mended.projections[faulty] - images[faulty]).max() < 1100
    untouched = mended.projections[~faulty] == images[~faulty]
    assert untouched.mean() > 0.999
    assert 18 <= mended.metadata["n_repaired"] <= 18 + (~untouched).sum()
    assert f"{mended.metadata['n_repaired']} hot or dead" in mended.history[-1]


def test_a_pair_of_touching_hot_pixels_is_found():
    images = smooth_images(9)
    damaged = images.copy()
    damaged[1, 10, 50:52] = 20000
    assert repair(TiltSeries(damaged, [-10, 0, 10])).projections[1, 10, 50:52].max() < 200


def test_an_undamaged_series_is_left_alone():
    images = smooth_images(10)
    mended = repair(TiltSeries(images, [-10, 0, 10]))
    assert (mended.projections != images).sum() <= 3


def test_sinograms_are_repaired_along_their_lines():
    lines = np.random.default_rng(1).normal(100, 2, (2, 90))
    damaged = lines.copy()
    damaged[0, 40], damaged[1, 0] = 900, -700
    mended = repair(TiltSeries(damaged, [0, 10]))
    assert np.abs(mended.projections - 100).max() < 15


def test_a_noiseless_vacuum_is_no_obstacle():
    image = np.zeros((1, 40, 40))
    image[0, 15:, :] = 700 + np.random.default_rng(4).normal(0, 5, (25, 40))
    damaged = image.copy()
    damaged[0, 4, 4] = 500
    assert np.array_equal(repair(TiltSeries(damaged, [0])).projections, image)
    flat = repair(TiltSeries(np.ones((1, 5, 5)), [0]))
    assert flat.metadata["n_repaired"] == 0


def test_single_counts_are_not_faults():
    counts = np.random.default_rng(5).poisson(0.05, (1, 64, 64))
    assert repair(TiltSeries(counts, [0])).metadata["n_repaired"] == 0


def test_one_slice_wide_images_can_be_repaired():
    assert repair(TiltSeries(np.ones((2, 1, 9)), [0, 1])).metadata["n_repaired"] == 0


def test_the_threshold_has_to_be_positive():
    with pytest.raises(ParameterError, match="threshold"):
        repair(TiltSeries(np.ones((1, 8)), [0]), threshold=0)


def test_a_constant_is_subtracted_as_given():
    series, *_ = offset_series()
    clean = remove_background(series, "constant", value=-27000)
    assert clean.metadata["background"].tolist() == [-27000.0] * 4
    assert np.allclose(clean.projections, series.projections + 27000)
    with pytest.raises(ParameterError, match="value"):
        remove_background(series, "constant")


def test_one_level_for_all_is_the_median():
    series, levels, _ = offset_series()
    clean = remove_background(series, per_tilt=False)
    assert np.ptp(clean.metadata["background"]) == 0
    assert clean.metadata["background"][0] == pytest.approx(np.median(levels), abs=1)
    assert "one level for all" in clean.history[-1]


@pytest.mark.parametrize("method", ["mass", "percentile"])
def test_a_flickering_beam_is_evened_out(method):
    rng = np.random.default_rng(6)
    flicker = rng.uniform(0.7, 1.4, 9)
    object_ = np.zeros((40, 30))
    object_[10:30, 5:25] = rng.uniform(50, 60, (20, 20))
    images = flicker[:, None, None] * object_ + rng.normal(0, 1, (9, 40, 30))
    even = normalise(TiltSeries(images, np.arange(-40, 41, 10)), method)
    scale = even.metadata["tilt_scale"]
    assert np.std(scale * flicker) / np.mean(scale * flicker) < 0.01
    assert scale.min() <= 1 <= scale.max()
    again = normalise(even, method)
    assert np.allclose(again.metadata["tilt_scale"], scale)
    assert "scaled to the same" in even.history[-1]


def test_only_slices_in_view_are_weighed():
    images = np.ones((3, 10, 8))
    images[1, :, 6:] = 100
    series = TiltSeries(images, [-60, 0, 60], metadata={"slices_in_view": (0, 6)})
    assert normalise(series).metadata["tilt_scale"].tolist() == [1, 1, 1]


def test_what_has_no_mass_cannot_be_scaled():
    with pytest.raises(DataError, match=r"projection 1 .*remove_background"):
        normalise(TiltSeries([[1.0, 1.0], [0.0, 0.0]], [0, 10]))
    with pytest.raises(ParameterError, match="method"):
        normalise(TiltSeries(np.ones((2, 3)), [0, 10]), "max")


@pytest.mark.parametrize("seed", range(3))
def test_pixels_bad_throughout_the_series_are_found(seed):
    images = smooth_images(seed, (12, 64, 64))
    damaged = images.copy()
    damaged[:, 5, 55] += 30  # too faint for a single projection, but always there
    damaged[:, 30, 30] = 700  # stuck within the object
    mended = repair(TiltSeries(damaged, np.arange(12.0)))
    changed = mended.projections != damaged
    assert changed[:, 5, 55].all()
    assert changed[:, 30, 30].all()
    others = changed.copy()
    others[:, 5, 55] = others[:, 30, 30] = False
    assert others.mean() < 1e-3
    once = repair(TiltSeries(damaged[:3], [0, 1, 2])).projections != damaged[:3]
    assert not once[:, 5, 55].all()


@pytest.mark.parametrize("axis", [0, 1])
def test_dead_and_hot_lines_are_replaced_by_their_neighbours(axis):
    images = smooth_images(1)
    damaged = images.copy()
    lines = damaged if axis == 0 else damaged.transpose(0, 2, 1)
    lines[0, 20] = -3000
    lines[2, 40] += 4000
    mended = repair(TiltSeries(damaged, [-10, 0, 10]))
    assert mended.metadata["n_lines_repaired"] == 2
    assert "2 of them rows or columns" in mended.history[-1]
    difference = mended.projections - images
    if axis:
        difference = difference.transpose(0, 2, 1)
    assert np.sqrt(np.mean(difference[0, 20] ** 2)) < 250
    assert np.sqrt(np.mean(difference[2, 40] ** 2)) < 250


def test_a_thin_wire_along_the_detector_is_no_faulty_line():
    x = np.arange(60.0)
    wire = 1000 * np.exp(-0.5 * ((x - 30) / 1.2) ** 2)
    images = np.repeat(wire[:, None], 50, axis=1)[None]
    mended = repair(TiltSeries(images, [0]))
    assert mended.metadata["n_lines_repaired"] == 0
    assert np.array_equal(mended.projections, images)
    small = repair(TiltSeries(np.ones((1, 4, 4)), [0]))
    assert small.metadata["n_lines_repaired"] == 0
