"""From a source to a volume: prepared, judged, taken in, aligned again, kept."""

import threading

import numpy as np
import pytest

from em_inverse import report, simulate
from em_inverse.dynamic import (
    DynamicReconstruction,
    LiveTomography,
    Preparation,
    Session,
    watch,
)
from em_inverse.errors import DataError, ParameterError
from em_inverse.forward import ParallelBeam

N = 24
CUBE = simulate.decorated_nanocube(2 * N, n_pores=3, pore_nm=9.0, supersample=1)


def microscope(**options):
    angles = simulate.tilt_order("golden", -70, 70, 7)
    settings = {"dose": 400, "drift_px": 0.4, "background": 0.05, "offset": 0.1, "seed": 3}
    return simulate.Microscope(CUBE, angles, **{**settings, **options})


def correlation(a, b):
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def test_it_reconstructs_what_the_microscope_records():
    source = microscope()
    heard = []
    live = LiveTomography(source, n_expected=21, range_deg=(-70, 70), improve_every=7)
    assert live.status().phase == "waiting"
    live.listen(heard.append)
    result = live.to_end()
    assert len(heard) == len(live.received) == 21
    assert all(one.used for one in live.received)
    status = live.status()
    assert (status.phase, status.n_tilts, status.eta_s) == ("finished", 21, 0.0)
    assert status.data_distance == pytest.approx(status.radius, rel=0.03)
    assert status.advice is not None
    drifted = max(abs(np.array(one.shift_px)).max() for one in live.received)
    assert drifted > 0.5
    best = max(
        correlation(np.roll(result.volume, (i, j), (0, 2)), source.truth)
        for i in (-1, 0, 1)
        for j in (-1, 0, 1)
    )
    assert best > 0.93
    assert result.pixel_size_nm == source.pixel_size_nm
    assert report.report(result).startswith("SIMULATED DATA")


def test_a_blank_is_left_out_and_named_and_other_faults_are_flagged():
    live = LiveTomography(microscope(faults={13: "blank", 16: "shifted"}), improve_every=0)
    live.to_end()
    blank, shifted = live.received[13], live.received[16]
    assert not blank.used
    assert blank.flags[0].kind == "blank"
    assert shifted.used
    assert {flag.kind for flag in live.status().alarms} >= {"blank"}
    assert live.run.n_tilts == 20


def test_pairs_are_a_source_and_odd_ones_are_survived():
    shape = (16, 16, 4)
    x = np.zeros(shape, np.float32)
    x[5:11, 5:11, 1:3] = 1
    angles = np.arange(-60.0, 61, 10)
    data = ParallelBeam(shape, angles).forward(x) + 0.02
    data += 0.05 * np.random.default_rng(0).standard_normal(data.shape)
    pairs = [*zip(angles, data, strict=True)]
    pairs.insert(5, (-15.0, np.ones((16, 7))))
    pairs.insert(7, (float("nan"), data[0]))
    live = LiveTomography(pairs, Preparation(align=None), noise=0.05, finish=150)
    result = live.to_end()
    assert [one.used for one in live.received].count(False) == 2
    assert "(16, 7)" in live.received[5].notes[-1]
    assert correlation(result.volume, x) > 0.95


def test_bins_and_thickness():
    live = LiveTomography(microscope(), bin=2, thickness=8, finish=5, method="sirt")
    assert live.to_end().volume.shape == (8, 12, 12)


def test_in_the_background_it_is_stopped_and_keeps_a_checkpoint(tmp_path):
    live = LiveTomography(microscope(), pace_s=0.05, checkpoint=tmp_path / "run.npz")
    some = threading.Event()
    live.listen(lambda one: some.set() if one.index >= 5 else None)
    live.start()
    live.start()
    assert some.wait(60)
    live.stop()
    assert live.wait(10)
    assert live.error is None
    assert live.status().phase == "stopped"
    saved = DynamicReconstruction.load(tmp_path / "run.npz")
    assert saved.n_tilts == live.run.n_tilts >= 6
    assert len(saved.annotations["live"]["received"]) == len(live.received)


def test_a_session_that_was_killed_is_gone_on_with(tmp_path):
    folder, path = tmp_path / "incoming", tmp_path / "run.npz"
    first = microscope()
    simulate.write(first, folder, stop=_after(8))
    with watch(folder, settle_s=0, timeout_s=0.2) as watcher:
        LiveTomography(watcher, checkpoint=path, every_s=0, finish=3).to_end()
    simulate.write(first, folder, resume=True)
    run = DynamicReconstruction.load(path)
    with watch(
        folder, settle_s=0, timeout_s=0.2, already=run.annotations["live"]["seen"]
    ) as watcher:
        live = LiveTomography(watcher, checkpoint=path, every_s=0, n_expected=21)
        live.take_over(run)
        live.remember((shot.angle_deg, shot.image) for shot in list(first)[:8])
        result = live.to_end()
        with pytest.raises(ParameterError, match="must not have begun"):
            live.take_over(run)
    assert result.geometry["n_projections"] == 21
    assert len({one.name for one in live.received}) == 21
    assert correlation(result.volume, first.truth) > 0.85
    assert result.metadata["synthetic"]


def test_its_session_makes_the_same_volume(tmp_path):
    live = LiveTomography(microscope(), finish=20, improve_every=0)
    live.to_end()
    live.session({"slice": 4}).save(tmp_path / "session.json")
    session = Session.load(tmp_path / "session.json")
    assert session.views == {"slice": 4}
    again = session.replay(live.prepared_images())
    assert (again.x == live.run.x).all()


def test_nothing_usable_is_said_in_words():
    live = LiveTomography([], n_expected=3)
    with pytest.raises(DataError, match="no projection has come"):
        live.to_end()
    with pytest.raises(DataError, match="no session"):
        live.session()
    assert live.prepared_images() == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {"epsilon": 0},
        {"method": "fbp"},
        {"bin": 0},
        {"thickness": 0},
        {"improve_every": -1},
        {"finish": -1},
        {"pace_s": -1},
        {"every_s": -1},
        {"n_expected": 0},
    ],
)
def test_wrong_settings_are_refused_at_once(wrong):
    with pytest.raises(ParameterError):
        LiveTomography([], **wrong)


def test_an_error_of_the_source_ends_it_and_is_kept():
    def source():
        yield from list(microscope())[:3]
        raise OSError("the share is gone")

    live = LiveTomography(source(), finish=0)
    live.start()
    assert live.wait(60)
    assert str(live.error) == "the share is gone"
    assert live.status().phase == "failed"
    assert live.run.n_tilts == 3
    assert not live.run.running


def _after(count):
    class Stop(threading.Event):
        asked = 0

        def is_set(self):
            self.asked += 1
            return self.asked > count

        def wait(self, timeout=None):
            return self.is_set()

    return Stop()
