"""The network: the same as where it was trained, small, and better than a straight line."""

import numpy as np
import pytest

from em_inverse import TiltSeries, interpolation, metrics, simulate
from em_inverse._resources import data_dir
from em_inverse.errors import ChecksumError, DataError, GeometryError, ParameterError
from em_inverse.interpolation import network


@pytest.fixture(scope="module")
def crystal():
    """A crystal of an element that the network has not seen, at the pixel size it has."""
    cluster = simulate.fcc_cluster("Ir", 0.8).turned(5)
    return simulate.particle_tilt_series(cluster, shape=(64, 64), angles_deg=np.arange(-30, 31))


@pytest.fixture(scope="module")
def turned():
    """The same all the way round, every sixth degree."""
    cluster = simulate.fcc_cluster("Ir", 0.8).turned(5)
    return simulate.particle_tilt_series(cluster, shape=(64, 48), angles_deg=np.arange(-90, 91, 6))


def quality(truth, method, **how):
    sparse = truth.select(np.arange(0, truth.n_tilts, 2))
    filled = interpolation.fill(sparse, method=method, angles_deg=truth.angles_deg[1::2], **how)
    return metrics.psnr(filled.projections[1::2], truth.projections[1::2])


def test_it_answers_as_in_the_framework_that_trained_it():
    kept = network.weights()
    answer = network.forward(kept["check_question"])
    assert np.abs(answer - kept["check_answer"]).max() < 1e-5
    assert kept["check_answer"].std() > 0.01


def test_it_is_small():
    parameters = {k: v for k, v in network.weights().items() if not k.startswith("check")}
    assert sum(v.size for v in parameters.values()) == 195_626 <= 300_000
    assert (data_dir() / "tilt-network.npz").stat().st_size < 1_000_000


@pytest.mark.parametrize("gap", [1, 2, 4])
def test_it_beats_the_straight_line(crystal, gap):
    rows = interpolation.gap_sweep(crystal, [gap], ["linear", "network"], every=2)
    assert rows[1]["psnr_db"] > rows[0]["psnr_db"] + 1
    assert rows[1]["used"] == "network"


def test_the_object_tells_it_what_two_frames_do_not(turned):
    lines, frames, both = (quality(turned, m) for m in ("linear", "network_frames", "network"))
    assert frames > lines
    assert both > frames + 5
    assert quality(turned, "network", n_iter=10) < both


def test_it_may_be_shown_frames_that_are_there_already(turned):
    sparse, wanted = turned.select(np.arange(0, 31, 2)), turned.angles_deg[1::2]
    ways = {m: interpolation.fill(sparse, method=m, angles_deg=wanted) for m in ("geometric", "tv")}
    usual = interpolation.fill(sparse, method="network", angles_deg=wanted)
    made = {
        m: interpolation.fill(sparse, method="network", angles_deg=wanted, shown=one)
        for m, one in ways.items()
    }
    assert np.array_equal(made["geometric"].projections, usual.projections)
    assert made["tv"].metadata["filling"]["shown"] == "tv"
    assert made["tv"].history[-1].endswith("(network filling, shown those of tv filling)")
    good, bad = (metrics.psnr(made[m].projections, turned.projections) for m in ("tv", "geometric"))
    assert good > bad + 1
    whole = interpolation.fill(sparse, method="network", angles_deg=wanted, shown=turned)
    assert whole.metadata["filling"]["shown"] == "unknown"


@pytest.mark.parametrize("methods", [["geometric", "network"], ["network", "geometric"]])
def test_a_sweep_says_the_same_whether_it_shows_frames_or_not(turned, methods):
    alone = interpolation.gap_sweep(turned, [1], ["network"])[0]
    assert alone in interpolation.gap_sweep(turned, [1], methods)


@pytest.mark.parametrize(
    ("how", "kind", "match"),
    [
        ({"method": "geometric"}, ParameterError, "method='geometric'"),
        ({"n_iter": 20}, ParameterError, "n_iter=20"),
        ({"shown": "tv"}, ParameterError, "shown"),
        ({"shown": TiltSeries(np.ones((3, 8, 8)), [-90, 0, 90])}, DataError, r"\(8, 8\)"),
        ({"factor": 3}, GeometryError, "no frame at -86°, and 30 of 30"),
    ],
)
def test_what_it_cannot_be_shown_is_refused(turned, how, kind, match):
    sparse = turned.select(np.arange(0, 31, 2))
    given = {"method": "network", "shown": interpolation.fill(sparse, 2, "linear"), **how}
    with pytest.raises(kind, match=match):
        interpolation.fill(sparse, **given)


def test_of_less_than_five_frames_it_sees_no_object(turned):
    few = turned.select([12, 14, 16, 18])
    one, other = (interpolation.fill(few, 2, m) for m in ("network", "network_frames"))
    assert np.array_equal(one.projections, other.projections)


def test_the_tilt_axis_may_fall_beside_the_middle_if_that_is_told(turned):
    rolled = np.roll(turned.projections, 3, axis=1)
    told = turned.replace(projections=rolled, metadata={"center_shift_px": 3.0})
    assert quality(told, "network") == pytest.approx(quality(turned, "network"), abs=0.5)
    # It does not notice that its witness is wrong.
    assert quality(turned.replace(projections=rolled), "network") < quality(told, "network") - 5


def test_recorded_frames_are_kept_and_units_do_not_matter(crystal):
    sparse = crystal.select(np.arange(0, 61, 4))
    filled = interpolation.fill(sparse, 3, "network")
    assert np.array_equal(filled.projections[~filled.generated], sparse.projections)
    loud = sparse.replace(projections=1000 * sparse.projections)
    again = interpolation.fill(loud, 3, "network")
    assert metrics.rmse(again.projections / 1000, filled.projections) < 1e-5


@pytest.mark.parametrize("unit", [1e-30, 1e-12, 1e20])
def test_currents_in_ampere_are_filled_as_counts_are(crystal, unit):
    few = crystal.select([10, 14])
    small = few.replace(projections=few.projections * np.float32(unit))
    one, other = (interpolation.fill(s, 2, "network").projections[1] for s in (few, small))
    np.testing.assert_allclose(other / unit, one, atol=1e-5 * one.max())


def test_dark_frames_stay_dark_and_negative_ones_near_what_they_were():
    dark, low = (TiltSeries(np.full((2, 16, 16), v, np.float32), [0, 4]) for v in (0, -1))
    assert not interpolation.fill(dark, 2, "network").projections.any()
    assert np.allclose(interpolation.fill(low, 2, "network").projections, -1, atol=0.01)


def test_sizes_that_do_not_halve_are_padded(crystal):
    odd = crystal.crop(x=61, y=58).select([10, 14])
    whole = crystal.select([10, 14])
    part = interpolation.fill(odd, 2, "network").projections[1]
    full = interpolation.fill(whole, 2, "network").projections[1]
    assert part.shape == (61, 58)
    assert np.abs(part[16:-16, 16:-16] - full[17:-18, 19:-19]).max() < 0.1


def test_frames_that_do_not_change_stay(crystal):
    still = TiltSeries(np.tile(crystal.projections[:1], (3, 1, 1)), [0, 2, 4])
    filled = interpolation.fill(still, 2, "network")
    assert np.allclose(filled.projections, crystal.projections[0], atol=1e-6)


def test_a_single_slice_is_refused(crystal):
    with pytest.raises(DataError, match="one slice without an axis y"):
        interpolation.fill(
            TiltSeries(crystal.projections[:, :, 32], crystal.angles_deg), 2, "network"
        )


def test_a_damaged_file_is_refused(monkeypatch):
    monkeypatch.setattr(network, "_SHA256", "0" * 64)
    network.weights.cache_clear()
    with pytest.raises(ChecksumError, match="tilt-network"):
        network.weights()
    monkeypatch.undo()
    network.weights.cache_clear()
    assert network.weights()
