import numpy as np
import pytest

from em_inverse.errors import GeometryError, ParameterError
from em_inverse.forward.tilt import ParallelBeam
from em_inverse.tilt_series import TiltSeries
from em_inverse.tomography import backprojection, wbp
from em_inverse.tomography.backprojection import FILTERS, angular_weights


def disc(n=128, radius=40.0, centre=(0.0, 0.0), value=3.0):
    z, x = np.mgrid[:n, :n] - (n - 1) / 2
    return value * np.clip(radius - np.hypot(z - centre[0], x - centre[1]) + 0.5, 0, 1)


def chords(angles, n=128, radius=40.0, centre=(0.0, 0.0), value=3.0):
    """Projections of the disc by its formula, averaged over detector pixels: no inverse crime."""
    theta = np.deg2rad(np.asarray(angles, float))[:, None, None]
    s = (np.arange(n) - (n - 1) / 2)[:, None] + (np.arange(8) - 3.5) / 8
    s = s - centre[1] * np.cos(theta) - centre[0] * np.sin(theta)
    return (2 * value * np.sqrt(np.maximum(radius**2 - s**2, 0))).mean(axis=2)


@pytest.mark.parametrize("filter", FILTERS)
def test_full_angular_range_gives_back_the_values_of_the_object(filter):
    angles = np.arange(0, 180, 1.0)
    series = TiltSeries(chords(angles, centre=(8.0, -12.0)), angles)
    result = wbp(series, filter)
    z, x = np.mgrid[:128, :128] - 63.5
    distance = np.hypot(z - 8, x + 12)
    assert result.x[distance < 34].mean() == pytest.approx(3.0, rel=0.005)
    assert np.abs(result.x[distance < 34] / 3 - 1).max() < 0.05
    assert np.sqrt(np.mean((result.x[distance < 34] / 3 - 1) ** 2)) < 0.02
    outside = (distance > 46) & (np.hypot(z, x) < 60)
    assert np.abs(result.x[outside]).mean() < 0.03


def test_uneven_spacing_is_weighted(monkeypatch):
    angles = np.concatenate([np.arange(0, 90, 3.0), np.arange(90, 180, 0.75)])
    angles = np.random.default_rng(0).permutation(angles)
    parts = [{"radius": 12.0, "centre": (20.0, -15.0)}, {"radius": 9.0, "centre": (-25.0, 10.0)}]
    series = TiltSeries(sum(chords(angles, **part) for part in parts), angles)
    truth = sum(disc(**part) for part in parts)
    z, x = np.mgrid[:128, :128] - 63.5
    seen = np.hypot(z, x) < 60
    weighted = (wbp(series).x - truth)[seen]
    monkeypatch.setattr(
        backprojection, "angular_weights", lambda a: np.full(a.size, np.pi / a.size)
    )
    equal = (wbp(series).x - truth)[seen]
    assert abs(weighted.mean()) < 0.01
    assert np.sqrt(np.mean(weighted**2)) < 0.8 * np.sqrt(np.mean(equal**2))


def test_angles_beyond_90_degrees_are_the_same_directions():
    a = np.arange(-88, 90, 4.0)
    b = np.where(a < 0, a + 180, a)
    x = wbp(TiltSeries(chords(a, centre=(5, 9)), a)).x
    y = wbp(TiltSeries(chords(b, centre=(5, 9)), b)).x
    assert np.abs(x - y).max() < 1e-3 * x.max()


def test_a_missing_wedge_stretches_along_the_beam():
    angles = np.arange(-60, 61, 2.0)
    x = wbp(TiltSeries(chords(angles, radius=16.0), angles)).x
    n = np.arange(128) - 63.5
    across = np.maximum(x[63:65].mean(axis=0), 0)
    along = np.maximum(x[:, 63:65].mean(axis=1), 0)
    width = [np.sqrt((p * n**2)[40:88].sum() / p[40:88].sum()) for p in (across, along)]
    assert width[1] > 1.1 * width[0]


@pytest.mark.parametrize(
    ("angles", "expected"),
    [
        (np.arange(0, 180, 2.0), np.full(90, 2.0)),
        (np.arange(-90, 91, 30.0), [15, 30, 30, 30, 30, 30, 15]),
        ([-60, -30, 0, 30, 60], [45, 30, 30, 30, 45]),
        ([-30, -20, -10, 0, 10, 20, 30], [5, 10, 10, 10, 10, 10, 5]),
        ([10.0], [180]),
        ([-45, 45], [90, 90]),
        ([20, 20, 20, -160], [45, 45, 45, 45]),
    ],
)
def test_angular_weights_are_half_the_gaps(angles, expected):
    assert np.rad2deg(angular_weights(np.asarray(angles, float))) == pytest.approx(expected)


def test_smoother_filters_pass_less_noise():
    angles = np.arange(-88, 90, 4.0)
    noise = np.random.default_rng(1).standard_normal((angles.size, 96))
    spread = [wbp(TiltSeries(noise, angles), name).x.std() for name in FILTERS]
    assert spread == sorted(spread, reverse=True)
    assert len(set(np.round(spread, 6))) == len(FILTERS)
    halved = wbp(TiltSeries(noise, angles), cutoff=0.5).x.std()
    assert halved < 0.5 * spread[0]


def test_a_volume_is_reconstructed_as_its_slices():
    angles = np.arange(-70, 71, 10.0)
    data = np.random.default_rng(2).random((angles.size, 24, 7)).astype(np.float32)
    volume = wbp(TiltSeries(data, angles)).volume
    assert volume.shape == (24, 24, 7)
    for y in (0, 6):
        assert np.allclose(volume[:, :, y], wbp(TiltSeries(data[:, :, y], angles)).x, atol=1e-5)


def test_the_axis_can_lie_off_the_middle_of_the_detector():
    angles = np.arange(0, 180, 3.0)
    data = chords(angles, radius=20.0)
    moved = np.roll(data, 4, axis=1)
    straight = wbp(TiltSeries(data, angles)).x
    z, x = np.mgrid[:128, :128] - 63.5
    seen = np.hypot(z, x) < 58
    shifted = wbp(TiltSeries(moved, angles), center_shift=4).x
    assert np.abs(shifted - straight)[seen].max() < 1e-3


def test_the_result_carries_what_a_report_owes():
    angles = np.arange(-70, 71, 10.0)
    series = TiltSeries(chords(angles), angles, 0.5, 1e4, history=["background subtracted"])
    result = wbp(series, "hann", cutoff=0.8, shape=(40, 128))
    assert result.x.shape == (40, 128)
    assert result.x.dtype == np.float32
    assert result.parameters == {"filter": "hann", "cutoff": 0.8}
    assert result.pixel_size_nm == 0.5
    assert result.provenance == ("background subtracted",)
    facts = {k: result.geometry[k] for k in ("tilt_min_deg", "tilt_max_deg", "tilt_step_deg")}
    assert facts == {"tilt_min_deg": -70, "tilt_max_deg": 70, "tilt_step_deg": 10}
    assert result.geometry["n_projections"] == 15
    assert result.geometry["dose_e_per_nm2"] == 1e4
    A = ParallelBeam((40, 128), angles)
    assert result.data_distance == pytest.approx(
        np.linalg.norm(A.forward(result.x) - series.projections), rel=1e-5
    )


def test_bad_arguments_are_named():
    series = TiltSeries(np.ones((2, 8, 3)), [0, 10])
    with pytest.raises(ParameterError, match="filter"):
        wbp(series, "box")
    for cutoff in (0, 1.2):
        with pytest.raises(ParameterError, match="cutoff"):
            wbp(series, cutoff=cutoff)
    with pytest.raises(GeometryError, match="3 slices"):
        wbp(series, shape=(8, 8, 4))
    with pytest.raises(GeometryError, match="one slice"):
        wbp(TiltSeries(np.ones((2, 8)), [0, 10]), shape=(8, 8, 4))
    assert wbp(series, shape=(6, 8, 3)).x.shape == (6, 8, 3)


def test_edge_padding_spares_a_truncated_object_its_bright_rim():
    """A disc wider than the detector, seen from all sides, is flat; neither result quite is."""
    angles = np.arange(0, 180, 2.0)
    series = TiltSeries(chords(angles, n=128, radius=90.0), angles)
    inside = np.hypot(*(np.mgrid[:128, :128] - 63.5)) < 58
    spread = {padding: wbp(series, padding=padding).x[inside].std() for padding in ("zero", "edge")}
    assert spread["edge"] < 0.5 * spread["zero"]


def test_padding_changes_little_where_the_object_ends_in_view():
    angles = np.arange(0, 180, 2.0)
    series = TiltSeries(chords(angles), angles)
    zero, edge = (wbp(series, padding=padding).x for padding in ("zero", "edge"))
    assert np.allclose(zero, edge, atol=1e-5)
    with pytest.raises(ParameterError, match="padding"):
        wbp(series, padding="wrap")
