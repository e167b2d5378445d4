import subprocess
import sys
import threading
import time

import pytest

from em_inverse.errors import EmInverseError, ParameterError
from em_inverse.widgets import runs


@pytest.fixture(autouse=True)
def nothing_is_left():
    yield
    runs.stop_all()
    assert runs.names() == []
    assert [t for t in threading.enumerate() if t.name.startswith("em_inverse:")] == []


def forever():
    time.sleep(0.002)
    return True


def test_a_run_ends_when_its_step_says_so():
    steps = iter([True, True, False])
    run = runs.start("short", lambda: next(steps))
    assert run.join()
    assert (run.steps, run.status, run.error) == (3, "ended", None)
    assert runs.get("short") is None


def test_pause_stops_the_steps_and_resume_goes_on():
    run = runs.start("paused", forever)
    run.pause()
    time.sleep(0.03)
    at = run.steps
    time.sleep(0.03)
    assert run.steps == at
    assert run.status == "paused"
    assert "paused" in repr(run)
    run.resume()
    for _ in range(200):
        if run.steps > at:
            break
        time.sleep(0.01)
    assert run.steps > at
    assert run.status == "running"
    assert run.stop()


def test_a_paused_run_can_be_stopped():
    run = runs.start("stopped", forever)
    run.pause()
    assert run.stop()
    assert run.status == "ended"


def test_exceptions_are_kept():
    def step():
        raise ValueError("the data are upside down")

    run = runs.start("failing", step)
    run.join()
    assert run.status == "failed"
    with pytest.raises(ValueError, match="upside down"):
        run.raise_error()
    runs.start("fine", lambda: False).raise_error()


def test_many_restarts_leave_one_thread():
    before = threading.active_count()
    for _ in range(50):
        newest = runs.start("same name", forever)
        assert threading.active_count() == before + 1
    assert runs.get("same name") is newest
    assert runs.names() == ["same name"]
    assert runs.stop("same name")
    assert threading.active_count() == before


def test_an_older_run_that_does_not_end_is_not_doubled():
    release = threading.Event()
    older = runs.start("stuck", lambda: release.wait(10))
    with pytest.raises(EmInverseError, match="did not finish"):
        runs.start("stuck", forever, timeout=0.05)
    assert runs.get("stuck") is older
    release.set()
    assert older.join()


def test_the_end_is_told():
    told = []
    run = runs.start("told", lambda: False, on_end=told.append)
    run.join()
    assert told == [run]


def test_a_step_may_stop_its_own_run():
    run = runs.start("suicidal", lambda: runs.stop("suicidal") or True)
    assert run.join()
    assert run.steps == 1


def test_stopping_what_is_not_there():
    assert runs.stop("nobody")


@pytest.mark.parametrize(("name", "step"), [("", forever), (3, forever), ("x", "not a function")])
def test_nonsense_is_refused(name, step):
    with pytest.raises(ParameterError):
        runs.start(name, step)


def test_a_newcomer_closes_who_held_its_place():
    closed = []

    class Holder:
        def close(self):
            closed.append(self)

    first, second = Holder(), Holder()
    runs.place("seat", first)
    runs.place("seat", first)
    assert closed == []
    runs.place("seat", second)
    assert closed == [first]
    runs.leave("seat", first)
    runs.place("seat", first)
    assert closed == [first, second]
    runs.leave("seat", first)


def test_an_ending_kernel_stops_its_runs():
    code = (
        "import time\n"
        "from em_inverse.widgets import runs\n"
        "runs.start('endless', lambda: time.sleep(0.01) or True)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], timeout=30, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
