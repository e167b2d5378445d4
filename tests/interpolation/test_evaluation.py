"""The chain of evaluation: what is left out, what is compared, and by which measure."""

import numpy as np
import pytest

from em_inverse import interpolation, metrics, tomography
from em_inverse.errors import DataError, GeometryError, ParameterError
from em_inverse.interpolation import gap_sweep, object_distance, reconstruction_sweep


def test_the_sweep_compares_frames_that_were_left_out(particle):
    rows = gap_sweep(particle, [1, 3], ["linear", "geometric"])
    assert [(row["gap"], row["method"]) for row in rows] == [
        (gap, method) for gap in (1, 3) for method in ("linear", "geometric")
    ]
    kept = particle.select(np.arange(0, particle.n_tilts, 6))
    frames = kept.projections
    middle = (frames[1:] + frames[:-1]) / 2
    wanted = particle.projections[3::6][: len(middle)]
    scale = frames.max()
    errors = np.mean((middle - wanted) ** 2, axis=(1, 2)) / scale**2
    assert rows[2]["mse"] == pytest.approx(errors.mean(), rel=1e-5)
    assert rows[2]["psnr_db"] == pytest.approx(np.mean(-10 * np.log10(errors)), rel=1e-5)
    similar = [metrics.ssim(a, b, data_range=scale) for a, b in zip(middle, wanted, strict=True)]
    assert rows[2]["ssim"] == pytest.approx(np.mean(similar), rel=1e-5)
    assert rows[3]["psnr_db"] > rows[2]["psnr_db"]


def test_the_scale_does_not_know_the_truth(particle):
    """Brighter frames among those left out do not change what the numbers are measured in."""
    loud = particle.projections.copy()
    loud[1::2] *= 3
    loud = particle.replace(projections=loud)
    quiet, changed = (gap_sweep(s, [1], ["linear"])[0]["mse"] for s in (particle, loud))
    kept = particle.projections[::2]
    middle = (kept[1:] + kept[:-1]) / 2
    by_hand = np.mean((middle - 3 * particle.projections[1::2]) ** 2) / kept.max() ** 2
    assert changed == pytest.approx(by_hand, rel=1e-5)
    assert changed > quiet


def test_a_lone_gap_and_a_lone_method_are_lists_of_one(particle):
    listed = gap_sweep(particle, [2], ["linear"])
    assert gap_sweep(particle, 2, "linear") == listed
    assert gap_sweep(particle, (gap for gap in [2]), ("linear",)) == listed


def test_noise_is_in_what_is_filled_from_only(particle):
    noisy = particle.replace(
        projections=np.random.default_rng(0).poisson(30 * particle.projections) / 30
    )
    clean = gap_sweep(particle, [2], ["linear"], every=2)[0]
    worse = gap_sweep(particle, [2], ["linear"], recorded=noisy, every=2)[0]
    kept = np.arange(0, particle.n_tilts, 4)
    clean_scale, scale = (s.projections[kept].max() for s in (particle, noisy))
    assert worse["mse"] * scale**2 > clean["mse"] * clean_scale**2
    assert worse["used"] == "linear"


def test_filled_series_reconstruct_better_than_sparse_ones(particle):
    part = particle.crop(y=16)
    rows = {r["series"]: r for r in reconstruction_sweep(part, [4], ["geometric"], n_iter=40)}
    assert list(rows) == ["sparse", "sparse, TV", "geometric"]
    assert rows["geometric"]["rmse"] < rows["sparse"]["rmse"]
    assert all(row["rms_px"] >= row["chamfer_px"] >= 0 for row in rows.values())
    again = reconstruction_sweep(part, [4], [], n_iter=40, tv=False)
    assert again == [rows["sparse"]]


def test_distances_of_boxes_are_known():
    a, b = np.zeros((2, 12, 12, 12))
    a[3:6, 3:6, 3:6] = 1
    b[3:6, 3:6, 4:7] = 1
    # A third of the voxels of each is one voxel away from the other.
    near, rms = object_distance(a, b)
    assert near == pytest.approx(1 / 3)
    assert rms == pytest.approx(np.sqrt(1 / 3))
    assert object_distance(a, b, n_points=5, seed=1) == object_distance(a, b, n_points=5, seed=1)
    assert object_distance(a, a, n_points=5, seed=1) == (0, 0)


def test_both_ways_weigh_the_same_however_many_points_there_are():
    one, many = np.zeros((2, 9, 9, 9))
    one[4, 4, 4] = 1
    many[4, 4, 2:7] = 1
    near, rms = object_distance(one, many)
    assert near == pytest.approx((0 + 6 / 5) / 2)
    assert rms == pytest.approx(np.sqrt((0 + 10 / 5) / 2))
    assert object_distance(many, one) == pytest.approx((near, rms))


def test_few_points_tell_what_all_of_them_do():
    rng = np.random.default_rng(0)
    a = np.zeros((24, 24, 24))
    a[6:18, 6:18, 6:18] = 1
    b = np.roll(a, 2, axis=0)
    whole = object_distance(a, b)
    some = np.mean([object_distance(a, b, n_points=200, seed=rng) for _ in range(20)], axis=0)
    assert some == pytest.approx(whole, rel=0.1)


def test_total_variation_is_judged_by_the_specimen_where_it_is_known(particle):
    part = particle.crop(y=12)
    reference = np.zeros((60, 60, 12))
    reference[20:40, 25:35, 3:9] = 1
    given = reference.copy()
    rows = reconstruction_sweep(part, [4], [], n_iter=8, specimen=given)
    assert np.array_equal(given, reference)
    assert [(row["gap"], row["series"]) for row in rows] == [
        (0, "all tilts"), (4, "sparse"), (4, "sparse, TV")
    ]  # fmt: skip
    assert rows[0]["chamfer_px"] == rows[0]["rms_px"] == rows[0]["rmse"] == 0
    volume = tomography.sirt(part, 8).volume
    assert rows[0]["chamfer_specimen_px"] == object_distance(volume, reference)[0] > 0
    plain = reconstruction_sweep(part, [4], [], n_iter=8, tv=False)
    assert plain[0] == {k: v for k, v in rows[1].items() if k != "chamfer_specimen_px"}
    with pytest.raises(DataError, match="specimen has shape"):
        reconstruction_sweep(part, [4], [], n_iter=2, specimen=reference[:5])


def test_generated_frames_are_no_truth(particle):
    filled = interpolation.fill(particle, 2, "linear")
    for call in (lambda: gap_sweep(filled, [1]), lambda: reconstruction_sweep(filled, [1])):
        with pytest.raises(DataError, match="truth has 48 generated frames"):
            call()


def test_frames_that_cannot_be_compared_are_named(particle):
    with pytest.raises(DataError, match="at least 11 × 11"):
        gap_sweep(particle.crop(y=8), [1])
    line = particle.replace(projections=particle.projections[:, :, 30])
    with pytest.raises(DataError, match="at least 11 × 11"):
        gap_sweep(line, [1])
    with pytest.raises(DataError, match="same frames"):
        gap_sweep(particle, [1], recorded=particle.crop(y=40))
    dark = particle.replace(projections=-particle.projections)
    with pytest.raises(DataError, match="recorded holds nothing above 0"):
        gap_sweep(dark, [1], ["linear"])
    empty = particle.crop(y=11).replace(projections=0 * particle.crop(y=11).projections)
    with pytest.raises(DataError, match="nothing above 0"):
        reconstruction_sweep(empty, [1], n_iter=2)


def test_bad_requests_are_named(particle):
    with pytest.raises(GeometryError, match="Choose smaller gaps"):
        gap_sweep(particle, [60])
    with pytest.raises(GeometryError, match="order of their angles"):
        gap_sweep(particle.select(np.arange(particle.n_tilts)[::-1]), [1])
    with pytest.raises(GeometryError, match="different angles"):
        gap_sweep(particle, [1], recorded=particle.select(np.arange(9)))
    with pytest.raises(ParameterError, match="gaps is 0"):
        gap_sweep(particle, [0])
    with pytest.raises(ParameterError, match="truth is a ndarray"):
        reconstruction_sweep(particle.projections)
    with pytest.raises(ParameterError, match="volume has the same value everywhere"):
        object_distance(np.zeros((4, 4)), np.eye(4))
    with pytest.raises(DataError, match="reference has shape"):
        object_distance(np.eye(4), np.eye(5))
    assert interpolation.METHODS[0] == "auto"
