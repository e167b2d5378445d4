"""A session is a small JSON that makes the result again, bit by bit, or says why it cannot."""

import json

import numpy as np
import pytest

from em_inverse.dynamic import DynamicReconstruction, Session
from em_inverse.errors import DataError, FileFormatError, ParameterError
from em_inverse.forward import ParallelBeam
from em_inverse.tilt_series import TiltSeries

SHAPE = (20, 20, 2)
ANGLES = np.linspace(-60, 60, 9)
TRUTH = np.zeros(SHAPE, np.float32)
TRUTH[6:13, 5:11] = 1
DATA = ParallelBeam(SHAPE, ANGLES).forward(TRUTH)
RETAKEN = DATA[2] + 0.1


def recorded():
    run = DynamicReconstruction(SHAPE, 1.2, units="noise", noise=0.2, n_expected=9)
    for k in range(5):
        run.add(ANGLES[k], DATA[k], center_shift=0.2)
        run.run(2)
    run.epsilon = 0.8
    run.add(ANGLES[[2, 5]], np.stack([RETAKEN, DATA[5]]), axial_shift=[0.0, 0.5])
    run.run(3)
    run.nonnegative = False
    run.remove(ANGLES[0])
    run.add(ANGLES[6:], DATA[6:])
    run.run(4)
    return run


def lookup(angle, digest):
    from em_inverse.dynamic.events import digest_of

    at = int(np.abs(ANGLES - angle).argmin())
    return RETAKEN if digest == digest_of(RETAKEN) else DATA[at]


def test_it_makes_the_result_again(tmp_path):
    run = recorded()
    views = {"slice": 1, "camera": [0.1, 2.5, 3.0], "mode": "volume"}
    Session.of(run, source={"folder": "series"}, views=views).save(tmp_path / "s.json")
    session = Session.load(tmp_path / "s.json")
    assert session.views == views
    assert session.source == {"folder": "series"}
    again = session.replay(lookup)
    assert (again.x == run.x).all()
    assert again.history == run.history
    assert again.events == run.events
    assert (tmp_path / "s.json").stat().st_size < 6000


def test_it_survives_a_checkpoint_on_the_way(tmp_path):
    run = recorded()
    run.save(tmp_path / "run.npz")
    again = Session.of(DynamicReconstruction.load(tmp_path / "run.npz")).replay(lookup)
    assert (again.x == run.x).all()


@pytest.mark.parametrize("kind", ["series", "mapping"])
def test_data_are_found_in_a_series_or_a_mapping(kind):
    run = DynamicReconstruction(SHAPE, 0.5)
    run.add(ANGLES, DATA)
    run.run(3)
    data = TiltSeries(DATA, ANGLES) if kind == "series" else dict(zip(ANGLES, DATA, strict=True))
    assert (Session.of(run).replay(data).x == run.x).all()


def test_other_data_are_refused():
    run = DynamicReconstruction(SHAPE, 0.5)
    run.add(ANGLES, DATA)
    session = Session.of(run)
    with pytest.raises(DataError, match="pixels differ"):
        session.replay(TiltSeries(DATA + 1, ANGLES))
    with pytest.raises(DataError, match="not among the 8"):
        session.replay(TiltSeries(DATA[1:], ANGLES[1:]))


def test_files_that_are_none_are_named(tmp_path):
    run = recorded()
    path = tmp_path / "s.json"
    session = Session.of(run)
    session.save(path)
    with pytest.raises(ParameterError, match="exists"):
        session.save(path)
    session.save(path, overwrite=True)
    content = json.loads(path.read_text())
    for change, said in (
        ({"format": "x"}, "no session"),
        ({"version": 7}, "version 7"),
        ({"steps": 3}, "no session"),
    ):
        path.write_text(json.dumps({**content, **change}))
        with pytest.raises(FileFormatError, match=said):
            Session.load(path)
    path.write_text("{")
    with pytest.raises(FileFormatError, match="no session"):
        Session.load(path)
    with pytest.raises(FileFormatError, match="there is no session"):
        Session.load(tmp_path / "missing.json")
    session.views = {"camera": np.ones(3)}
    with pytest.raises(ParameterError, match="JSON cannot"):
        session.save(tmp_path / "t.json")


def test_a_support_needs_a_checkpoint():
    run = recorded()
    run.support = np.ones(SHAPE[:2], bool)
    with pytest.raises(ParameterError, match="support"):
        Session.of(run)
