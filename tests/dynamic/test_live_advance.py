import math

import numpy as np
import pytest

from em_inverse import simulate
from em_inverse.dynamic import LiveTomography
from em_inverse.errors import ParameterError


@pytest.fixture(scope="module")
def microscope():
    cube = simulate.decorated_nanocube(32, supersample=1)
    return simulate.Microscope(cube, np.arange(-60.0, 61.0, 12.0), dose=200, drift_px=0.3)


def test_advance_is_the_same_every_time_and_start_goes_on(microscope):
    volumes = []
    for _ in range(2):
        live = LiveTomography(microscope, finish=5, improve_every=4)
        assert live.advance(6, 3) == 6
        assert live.run.iteration == 18
        assert not live.run.running
        volumes.append(live.run.x.copy())
    np.testing.assert_array_equal(*volumes)
    assert all(math.isnan(one.time) for one in live.received)
    live.start()
    assert live.wait(60)
    assert [one.angle_deg for one in live.received] == list(microscope.angles_deg)
    assert live.status().phase == "finished"
    assert not math.isnan(live.received[-1].time)


def test_advance_ends_with_the_source(microscope):
    live = LiveTomography(microscope, improve_every=0)
    assert live.advance(100, 0) == len(microscope)
    assert live.advance(1) == 0


def test_advance_is_refused_while_it_runs(microscope):
    live = LiveTomography(microscope, pace_s=60.0)
    live.start()
    with pytest.raises(ParameterError, match=r"stop\(\) before advance"):
        live.advance(1)
    live.stop()
