"""fill: what every way to fill owes, and what sets them apart."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from em_inverse import TiltSeries, datasets, interpolation, metrics, simulate, tomography
from em_inverse.errors import DataError, GeometryError, ParameterError
from em_inverse.interpolation import METHODS, choice, fill

RNG = np.random.default_rng(0)
PLAIN = [name for name in METHODS if not name.startswith("network")]
FEW = settings(max_examples=12, deadline=None)


def error(filled, truth):
    """Root mean square error at the generated frames; `truth` has all angles."""
    made = filled.generated
    assert np.allclose(filled.angles_deg, truth.angles_deg)
    return metrics.rmse(filled.projections[made], truth.projections[made])


@FEW
@given(
    method=st.sampled_from(PLAIN),
    angles=st.lists(st.integers(-80, 80), min_size=2, max_size=9, unique=True),
    factor=st.integers(1, 3),
    flat=st.booleans(),
    seed=st.integers(0, 99),
)
def test_recorded_frames_are_kept_and_the_order_is_irrelevant(method, angles, factor, flat, seed):
    shape = (len(angles), 12) if flat else (len(angles), 12, 3)
    frames = np.random.default_rng(seed).random(shape).astype(np.float32)
    filled = fill(TiltSeries(frames, angles), factor, method, n_iter=5)
    kept = ~filled.generated
    order = np.argsort(angles)
    assert filled.n_tilts == factor * (len(angles) - 1) + 1
    assert np.array_equal(filled.projections[kept], frames[order])
    assert np.array_equal(filled.angles_deg[kept], np.array(angles, float)[order])
    assert (np.diff(filled.angles_deg) > 0).all()
    assert filled.projections.dtype == np.float32
    assert filled.projections.min() >= 0
    other = np.random.default_rng(seed + 1).permutation(len(angles))
    again = fill(TiltSeries(frames[other], np.array(angles)[other]), factor, method, n_iter=5)
    assert np.array_equal(again.projections, filled.projections)


@FEW
@given(
    method=st.sampled_from(["linear", "cubic", "band_limited"]),
    angles=st.lists(st.integers(-80, 80), min_size=2, max_size=9, unique=True),
    seed=st.integers(0, 99),
)
def test_what_does_not_change_is_kept(method, angles, seed):
    """A symmetric frame that is the same at all tilts, as of a round object."""
    frame = np.random.default_rng(seed).random(15)
    frame += frame[::-1]
    filled = fill(TiltSeries(np.tile(frame, (len(angles), 1)), angles), 3, method)
    assert np.allclose(filled.projections, frame, atol=1e-6)


def test_an_object_is_kept_by_the_geometric_way():
    disc = TiltSeries(np.tile(np.sqrt(np.maximum(64 - np.arange(-10, 11.0) ** 2, 0)), (12, 1)),
                      np.arange(-66, 66, 11))  # fmt: skip
    filled = fill(disc, 2, "geometric")
    assert metrics.rmse(filled.projections, np.tile(disc.projections[0], (23, 1))) < 0.03 * 8


@FEW
@given(seed=st.integers(0, 99))
def test_lines_and_cubics_are_followed_exactly(seed):
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.choice(np.arange(-70, 71), 8, replace=False)).astype(float)
    between = np.unique(rng.uniform(angles[0], angles[-1], 5))
    pixels = rng.normal(size=(4, 6))
    for method, degree in (("linear", 1), ("cubic", 3)):
        powers = np.arange(degree + 1)
        make = lambda t, p=powers: ((t[:, None] / 70) ** p) @ pixels[: p.size]  # noqa: E731
        filled = fill(TiltSeries(make(angles), angles), method=method, angles_deg=between)
        made = filled.projections[filled.generated]
        assert np.allclose(made, make(between), atol=1e-9)


@pytest.mark.parametrize("irregular", [False, True])
def test_the_bow_tie_is_exact_for_what_turns_slowly(irregular):
    """Gaussian blobs within a radius: enough tilts leave nothing open."""
    angles = np.arange(-90.0, 90.0, 4.0)
    if irregular:
        angles = angles + np.random.default_rng(1).uniform(-1, 1, angles.size)
    places = np.array([(5, 0), (-3, 4), (0, -6), (7, 2)])
    s = np.arange(48) - 23.5

    def sinogram(t):
        t = np.deg2rad(t)[:, None]
        return sum(
            np.exp(-((s - x * np.cos(t) - z * np.sin(t)) ** 2) / (2 * 2.5**2)) for x, z in places
        )

    between = (angles[1:] + angles[:-1]) / 2
    filled = fill(TiltSeries(sinogram(angles), angles), method="band_limited", angles_deg=between)
    made = filled.projections[filled.generated]
    assert np.abs(made - sinogram(between)).max() < 2e-4
    linear = fill(TiltSeries(sinogram(angles), angles), method="linear", angles_deg=between)
    assert np.abs(linear.projections[linear.generated] - sinogram(between)).max() > 0.005


def test_the_tilt_axis_may_lie_beside_the_middle():
    angles = np.arange(-90.0, 90.0, 5.0)
    s = np.arange(40) - 19.5
    t = np.deg2rad(angles)[:, None]
    frames = np.exp(-((s - 3 - 5 * np.cos(t) - 4 * np.sin(t)) ** 2) / 8)
    truth = TiltSeries(frames, angles, metadata={"center_shift_px": 3.0})
    sparse = truth.select(np.arange(0, angles.size - 1, 2))
    truth = truth.select(np.arange(angles.size - 1))
    for method, most in (("band_limited", 0.005), ("geometric", 0.02)):
        assert error(fill(sparse, 2, method), truth) < most
        wrong = sparse.replace(metadata={"center_shift_px": 0.0})
        assert error(fill(wrong, 2, method), truth) > 2 * error(fill(sparse, 2, method), truth)


def test_transparent_columns_need_an_object(particle):
    """Sparse tilts of a crystal: ways through an object win by far, and auto finds the best."""
    sparse = particle.select(np.arange(0, particle.n_tilts, 2))
    ways = ("linear", "band_limited", "geometric", "tv")
    errors = {name: error(fill(sparse, 2, name), particle) for name in ways}
    assert errors["geometric"] < 0.65 * errors["linear"]
    assert errors["tv"] < 0.95 * errors["geometric"]
    auto = fill(sparse, 2)
    assert error(auto, particle) == errors["tv"]
    choice = auto.metadata["filling"]
    assert choice["method"] == "tv"
    assert "coarser" in choice["reason"]
    expected = choice["expected_rmse"]
    assert expected["tv"] < expected["geometric"] < expected["linear"]


def test_dense_tilts_need_the_band_limit():
    angles = np.arange(-90.0, 90.0, 3.0)
    s = np.arange(40) - 19.5
    t = np.deg2rad(angles)[:, None]
    frames = np.exp(-((s - 8 * np.cos(t) - 4 * np.sin(t)) ** 2) / 18)
    found = interpolation.choose(angles, frames, angles[:-1] + 1.5)
    assert found.method in ("band_limited", "cubic")
    assert "finer" in found.reason


def test_expected_errors_are_about_what_happens(particle):
    sparse = particle.select(np.arange(0, particle.n_tilts, 2))
    model = interpolation.BowTie(sparse.angles_deg, sparse.projections)
    new = particle.angles_deg[1::2]
    expected = np.sqrt(model.expected_error(new).mean())
    happened = error(fill(sparse, 2, "band_limited"), particle)
    assert 0.5 < expected / happened < 2
    worse = np.sqrt(
        model.expected_error(new, interpolation.linear_weights(sparse.angles_deg, new)).mean()
    )
    assert worse > expected


def test_noise_is_not_put_into_the_frames_between():
    angles = np.arange(-80.0, 81, 4)
    clean = np.tile(np.exp(-((np.arange(40) - 19.5) ** 2) / 30)[:, None], (41, 1, 6))
    noisy = TiltSeries(clean + RNG.normal(scale=0.1, size=clean.shape), angles)
    rms = {}
    for method in ("linear", "band_limited", "geometric", "tv"):
        filled = fill(noisy, 2, method)
        made = filled.projections[filled.generated]
        rms[method] = np.sqrt(np.mean((made - clean[:-1]) ** 2))
    assert rms["band_limited"] < 0.6 * rms["linear"]
    assert rms["geometric"] < 0.8 * rms["linear"]
    assert rms["tv"] < 0.5 * rms["geometric"]
    model = interpolation.BowTie(angles, noisy.projections)
    assert np.sqrt(model.noise_variance) == pytest.approx(0.1, rel=0.25)


@pytest.fixture(scope="module")
def halos():
    """A crystal through a lens with strong C_s, −90° to 90° by 4°: halos, and no noise."""
    cluster = simulate.fcc_cluster("Ir", 1.0).turned(3)
    series = simulate.particle_tilt_series(
        cluster,
        shape=(80, 80),
        pixel_size_nm=0.045,
        probe="aberrated",
        angles_deg=np.arange(-90, 91, 4),
    )
    return series.crop(y=12).select(np.arange(45))


def test_detail_finer_than_the_tilts_allow_is_not_taken_for_noise(halos):
    sparse = halos.select(np.arange(0, 45, 2))
    model = interpolation.BowTie(sparse.angles_deg, sparse.projections)
    assert model.noise_variance < 1e-7 * sparse.projections.max() ** 2
    errors = {name: error(fill(sparse, 2, name), halos) for name in ("cubic", "band_limited")}
    assert errors["band_limited"] < 0.8 * errors["cubic"]
    auto = fill(sparse, 2)
    assert auto.metadata["filling"]["method"] == "band_limited"
    assert error(auto, halos) == errors["band_limited"]


def test_noise_is_still_found_where_detail_is_too_fine(halos):
    sparse = halos.select(np.arange(0, 45, 2))
    noise = RNG.normal(scale=0.02, size=sparse.projections.shape)
    noisy = sparse.replace(projections=(sparse.projections + noise).astype(np.float32))
    model = interpolation.BowTie(noisy.angles_deg, noisy.projections)
    assert np.sqrt(model.noise_variance) == pytest.approx(0.02, rel=0.4)
    assert error(fill(noisy, 2), halos) < 0.8 * error(fill(noisy, 2, "linear"), halos)


def test_what_leaves_the_frame_changes_its_sum(halos):
    """Halos are cut off by the frame; its sum follows the tilt and must not be held constant."""
    filled = fill(halos.select(np.arange(0, 45, 2)), 2, "band_limited")
    made = filled.generated
    sums = [series.projections[made].sum(axis=1) for series in (filled, halos)]
    assert metrics.rmse(*sums) < 0.2 * np.std(sums[1], axis=0).mean()


@pytest.mark.parametrize(
    ("tried", "best"),
    [
        # The ratio of the errors held out decides, less what the band limit gains by itself.
        ({"band_limited": 1.0, "geometric": 0.8, "tv": 0.9, "expected": 0.1}, "band_limited"),
        ({"band_limited": 1.0, "geometric": 0.8, "tv": 0.9, "expected": 0.02}, "geometric"),
        ({"band_limited": 1.0, "geometric": 0.1, "tv": 0.2, "expected": 0.1}, "geometric"),
        ({"band_limited": 1.0, "geometric": 0.2, "tv": 0.1, "expected": 0.1}, "tv"),
        # The model promises much, and lines fill better than it.
        ({"band_limited": 9.0, "geometric": 9.0, "tv": 9.0, "expected": 0.1}, "linear"),
    ],
)
def test_frames_held_out_correct_what_a_model_expects(tried, best):
    errors = {"linear": 0.05, "cubic": 0.06, "band_limited": 0.02}
    shares = {"geometric": 0.0, "tv": 0.0}
    choice._compare(errors, {"linear": 3.0, "cubic": 4.0, **tried}, shares, 0.0)
    assert min(errors, key=errors.get) == best


@pytest.mark.parametrize(("share", "lost"), [(0.0, 0.5 / 0.2), (1.0, 1.0)])
def test_a_residual_that_is_smooth_in_the_tilt_falls_faster(share, lost):
    tried = {"linear": 3.0, "cubic": 4.0, "band_limited": 1.0, "expected": 0.1}
    tried |= {"geometric": 0.8, "tv": 0.7}
    errors = {"linear": 0.05, "cubic": 0.06, "band_limited": 0.02}
    # The band limit falls to 0.2 of what it expects; an object to 0.5, what is smooth to 0.05. The
    # share of the worse one does not count: it would go ahead of the better one by its residual.
    choice._compare(errors, tried, {"geometric": 1.0, "tv": share}, 0.0)
    assert errors["geometric"] == pytest.approx(0.02 * 0.8 * lost)
    assert errors["tv"] == pytest.approx(0.02 * 0.7 * lost)


def test_two_or_three_tilts_vouch_for_no_model(particle):
    for tilts in (2, 3):
        few = particle.select(4 * np.arange(tilts))
        choice_made = fill(few, 2).metadata["filling"]
        assert choice_made["method"] == "linear"
        assert "too few" in choice_made["reason"]
    five = particle.select(4 * np.arange(5))
    assert "frames held out" in fill(five, 2).metadata["filling"]["reason"]


def test_angles_recorded_twice_are_both_kept():
    series = TiltSeries([[0.0, 1.0], [2.0, 1.0], [4.0, 5.0]], [0, 0, 10])
    filled = fill(series, 2, "linear")
    assert filled.angles_deg.tolist() == [0, 0, 5, 10]
    assert filled.projections[2].tolist() == [2.5, 3.0]


def test_angles_asked_for_are_filled_and_recorded_ones_are_not():
    series = TiltSeries([[0.0, 1.0], [2.0, 3.0]], [0, 10])
    filled = fill(series, method="linear", angles_deg=[2.5, 0, 10])
    assert filled.angles_deg.tolist() == [0, 2.5, 10]
    assert filled.projections[1].tolist() == [0.5, 1.5]


def test_factor_one_adds_nothing():
    series = TiltSeries([[0.0, 1.0], [2.0, 3.0]], [10, 0])
    assert not fill(series, 1).generated.any()
    assert fill(series, 1).angles_deg.tolist() == [0, 10]


def test_negative_intensities_are_not_cut_off():
    filled = fill(TiltSeries([[-2.0, 1.0], [-1.0, 1.0]], [0, 10]), 2, "linear")
    assert filled.projections[1].tolist() == [-1.5, 1.0]


@pytest.mark.parametrize(
    ("call", "kind", "match"),
    [
        (lambda s: fill(s.projections), ParameterError, "series is a ndarray"),
        (lambda s: fill(s, 2, "optical_flow"), ParameterError, "method is 'optical_flow'"),
        (lambda s: fill(s, 0), ParameterError, "factor is 0"),
        (lambda s: fill(s, 1.5), ParameterError, "factor is 1.5"),
        (lambda s: fill(s, 2, "geometric", n_iter=0), ParameterError, "n_iter is 0"),
        (lambda s: fill(s, angles_deg=[80]), GeometryError, "does not go beyond"),
        (lambda s: fill(s.select([3])), GeometryError, "at least two"),
        (
            lambda s: fill(s.replace(metadata={"shifts_to_apply_px": np.zeros((s.n_tilts, 2))})),
            GeometryError,
            "apply=True",
        ),
        (
            lambda s: fill(s.replace(metadata={"center_shift_px": np.arange(s.n_tilts)})),
            GeometryError,
            "Align it first",
        ),
    ],
)
def test_bad_requests_are_named(particle, call, kind, match):
    with pytest.raises(kind, match=match):
        call(particle)


@FEW
@given(method=st.sampled_from(["linear", "cubic"]), size=st.integers(2, 9), seed=st.integers(0, 99))
def test_weights_add_up_to_one_and_keep_what_was_recorded(method, size, seed):
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.choice(np.arange(-80.0, 81), size, replace=False))
    weights = getattr(interpolation, f"{method}_weights")
    W = weights(angles, np.linspace(angles[0], angles[-1], 7))
    assert np.allclose(W.sum(axis=1), 1)
    assert np.allclose(weights(angles, angles), np.eye(size), atol=1e-12)
    if method == "linear":
        assert W.min() >= 0


@pytest.mark.parametrize("weights", [interpolation.linear_weights, interpolation.cubic_weights])
@pytest.mark.parametrize(
    ("angles", "new", "match"),
    [
        ([0.0], [0.0], "at least two"),
        ([0.0, 0.0], [0.0], "none twice"),
        ([5.0, 0.0], [1.0], "rising order"),
        ([0.0, 5.0], [6.0], "does not go beyond"),
        ([0.0, 5.0], [np.nan], "does not go beyond"),
    ],
)
def test_weights_refuse_what_they_would_get_wrong(weights, angles, new, match):
    with pytest.raises(GeometryError, match=match):
        weights(np.array(angles), np.array(new))


@pytest.mark.parametrize("method", PLAIN)
@pytest.mark.parametrize("shape", [(1,), (2,), (7, 1), (8, 3)])
def test_darkness_and_single_pixels_are_filled_without_a_warning(method, shape):
    angles = np.arange(-60, 61, 20)
    dark = fill(TiltSeries(np.zeros((7, *shape)), angles), 2, method, n_iter=3)
    assert dark.projections.shape == (13, *shape)
    assert not dark.projections.any()
    light = fill(TiltSeries(RNG.random((7, *shape)), angles), 2, method, n_iter=3)
    assert np.isfinite(light.projections).all()


def test_darkness_has_no_expected_error():
    model = interpolation.BowTie(np.arange(4.0), np.zeros((4, 9)))
    assert model.expected_error(np.array([0.5, 1.5])).tolist() == [0, 0]
    assert model.noise_variance == 0
    assert model.nyquist_step_deg > 90


@FEW
@given(seed=st.integers(0, 99), even=st.booleans(), flip=st.booleans())
def test_half_a_turn_mirrors_in_the_bow_tie(seed, even, flip):
    """Filling at θ + 180° gives the mirrored frame of filling at θ, for odd and even detectors."""
    rng = np.random.default_rng(seed)
    n = 16 + (not even)
    angles = np.sort(rng.choice(np.arange(-80.0, 81, 5), 9, replace=False))
    model = interpolation.BowTie(angles, rng.random((9, n)) * np.hanning(n))
    at = rng.uniform(-80, 80, 3)
    there, back = model.predict(at), model.predict(at + (180 if flip else -180))
    assert np.allclose(back, there[:, ::-1], atol=0.02)


def test_the_input_stays_what_it_was(particle):
    series = particle.select(np.arange(0, 12, 2)).crop(x=20, y=8)
    before, marks = series.projections.copy(), dict(series.metadata)
    for method in METHODS:
        fill(series, 2, method, n_iter=2)
    assert np.array_equal(series.projections, before)
    assert series.metadata == marks


def test_values_too_small_to_square_are_filled():
    faint = TiltSeries(1e-200 * RNG.random((7, 12)), np.arange(7))
    assert np.isfinite(fill(faint, 2, "band_limited").projections).all()


def test_the_bow_tie_needs_an_angle_for_every_frame():
    with pytest.raises(GeometryError, match="2 entries but projections has 3"):
        interpolation.BowTie(np.arange(2.0), RNG.random((3, 8)))
    with pytest.raises(DataError, match="frames has shape"):
        interpolation.BowTie(np.arange(2.0), RNG.random(2))


def test_two_tilts_leave_nothing_to_judge_the_residual_by():
    """What the object does not explain is then filled by straight lines, all of it."""
    series = TiltSeries(np.random.default_rng(0).standard_normal((2, 9)), [-10, 10])
    filled = fill(series, 2, "geometric", n_iter=4)
    assert (series.projections < 0).any()
    assert filled.projections[1] == pytest.approx(series.projections.mean(axis=0), abs=0.5)
    assert np.corrcoef(filled.projections[1], series.projections.mean(axis=0))[0, 1] > 0.9


def test_a_real_needle_is_filled_nearly_as_well_as_any_way_can():
    """Every eighth recorded frame is kept; those midway are known, and compared."""
    clean = tomography.remove_background(datasets.load("nist-needle-small"))
    real = tomography.align(clean, apply=True).sort().crop(y=16)
    kept = np.arange(0, real.n_tilts, 8)
    middle = kept[:-1] + 4
    wanted, decibels = real.projections[middle], {}
    for method in ("linear", "cubic", "band_limited", "geometric", "tv", "auto"):
        filled = fill(real.select(kept), method=method, angles_deg=real.angles_deg[middle])
        errors = np.square(filled.projections[filled.generated] - wanted).mean(axis=(1, 2))
        decibels[method] = -10 * np.log10(errors).mean()
    assert decibels["auto"] > max(decibels.values()) - 0.5
    assert decibels["auto"] > decibels["linear"] - 0.2
    assert decibels["tv"] > decibels["geometric"] + 0.3
