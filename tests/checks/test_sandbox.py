"""The sandbox: nothing that a student's function does reaches the notebook uninvited."""

import importlib
import sys
import threading
import time
import warnings

import numpy as np
import pytest

from em_inverse.checks.sandbox import Clock, describe_error, raised_in, run


def test_returns_the_value_and_passes_arguments_by_position():
    assert run(lambda a, b: a - b, {"x": 5, "y": 3}).value == 2


def test_printing_and_warnings_are_captured(capfd):
    def chatty(x):
        print("hello")
        print("oops", file=sys.stderr)
        warnings.warn("careful", stacklevel=1)
        return x

    outcome = run(chatty, {"x": 1})
    assert outcome.printed == "hello\n"
    assert outcome.value == 1
    assert capfd.readouterr() == ("", "")


def test_streams_and_filters_are_put_back():
    streams, filters = (sys.stdout, sys.stderr), list(warnings.filters)
    run(lambda: 1 / 0, {})
    assert (sys.stdout, sys.stderr) == streams
    assert list(warnings.filters) == filters


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3), KeyboardInterrupt()])
def test_whatever_is_raised_is_kept(error):
    def fails():
        raise error

    outcome = run(fails, {})
    assert outcome.error is error
    assert outcome.value is None


def test_changes_in_place_are_seen_and_do_not_reach_the_caller():
    y, H = np.ones(3), np.eye(3)

    def spoils(H, y, lam):
        y -= 1
        return H @ y

    assert run(spoils, {"H": H, "y": y, "lam": 2.0}).changed == ("y",)
    assert y.tolist() == [1, 1, 1]


def test_a_change_of_shape_counts_as_a_change():
    def flattens(H):
        H.shape = (4,)

    assert run(flattens, {"H": np.zeros((2, 2))}).changed == ("H",)


def test_nan_inputs_that_stay_are_not_called_changed():
    assert run(lambda y: 0, {"y": np.array([np.nan])}).changed == ()


def _loop(x):
    while True:
        x = x + 1


def _loop_that_catches(x):
    while True:
        try:
            x = x + 1
        except Exception:
            x = 0


def _loop_that_catches_everything(x):
    while True:
        try:
            x = x + 1
        except:  # noqa: E722
            x = 0


@pytest.mark.parametrize("loop", [_loop, _loop_that_catches, _loop_that_catches_everything])
def test_an_endless_loop_ends_and_leaves_no_thread(loop, capfd):
    before = threading.active_count()
    start = time.monotonic()
    outcome = run(loop, {"x": 0}, limit=0.1)
    assert outcome.timed_out
    assert time.monotonic() - start < 10
    end = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < end:
        time.sleep(0.02)
    assert threading.active_count() == before
    assert capfd.readouterr() == ("", "")


def test_a_thread_that_cannot_be_ended_does_not_hold_the_check_up():
    release = threading.Event()
    start = time.monotonic()
    assert run(lambda: release.wait(60), {}, limit=0.05).timed_out
    assert time.monotonic() - start < 10
    release.set()


def test_works_off_the_main_thread():
    found = []
    thread = threading.Thread(target=lambda: found.append(run(_loop, {"x": 0}, limit=0.1)))
    thread.start()
    thread.join(20)
    assert found[0].timed_out


def test_runs_without_threads(monkeypatch):
    def refuse(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    outcome = run(lambda x: x + 1, {"x": 1}, limit=0.01)
    assert (outcome.value, outcome.timed_out) == (2, False)


def test_stopping_by_hand_is_noted(monkeypatch):
    def interrupt(self, timeout=None):
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "join", interrupt)
    outcome = run(_loop, {"x": 0}, limit=5)
    assert outcome.interrupted
    assert not outcome.timed_out


def test_figures_that_the_function_opens_are_closed():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    mine = pyplot.figure(num=7401)
    run(lambda: pyplot.figure(num=7402), {})
    assert pyplot.fignum_exists(7401)
    assert not pyplot.fignum_exists(7402)
    pyplot.close(mine)


def test_the_clock_is_shared():
    clock = Clock(0.2)
    assert 0.1 < clock.left <= 0.2
    time.sleep(0.25)
    assert clock.left == 0.01


def _helper(H):
    return np.linalg.solve(H, np.ones(2))


def _calls_helper(H):
    return _helper(H)


def test_an_error_shows_the_students_lines_only():
    text = describe_error(run(_calls_helper, {"H": np.zeros((2, 2))}).error)
    lines = text.splitlines()
    assert lines[0].startswith("    in _calls_helper, line ")
    assert lines[0].endswith("return _helper(H)")
    assert lines[1].endswith("return np.linalg.solve(H, np.ones(2))")
    assert lines[2] == "    LinAlgError: Singular matrix"
    assert len(lines) == 3
    for leak in ("Traceback", "sandbox", "linalg.py", "File"):
        assert leak not in text


def test_a_failed_import_shows_no_line_of_the_import_system():
    def imports(name):
        return importlib.import_module(name)

    text = describe_error(run(imports, {"name": "no_such_module"}).error)
    assert [line.split()[0] for line in text.splitlines()] == ["in", "ModuleNotFoundError:"]


def test_endless_recursion_is_told_in_few_lines():
    def deeper(x):
        return deeper(x)

    text = describe_error(run(deeper, {"x": 1}).error)
    assert len(text.splitlines()) <= 4
    assert "RecursionError" in text


def test_a_comprehension_shows_its_line_once():
    def listed(x):
        return [1 / 0 for _ in range(3)]

    lines = describe_error(run(listed, {"x": 1}).error).splitlines()
    assert [line.split()[0] for line in lines] == ["in", "ZeroDivisionError:"]


def test_a_product_that_does_not_fit_is_told_in_plain_words():
    def product(H, y):
        return H @ y

    text = describe_error(run(product, {"H": np.ones((2, 3)), "y": np.ones(4)}).error)
    assert text.endswith("ValueError: @ needs inner sizes that agree, but they are 3 and 4")


def test_messages_lose_addresses_and_do_not_run_on():
    class Odd(Exception):
        def __str__(self):
            raise ValueError

    def fails(error):
        raise error

    assert "0x..." in describe_error(run(fails, {"e": ValueError(f"{object()}")}).error)
    assert len(describe_error(run(fails, {"e": ValueError("a" * 5000)}).error)) < 600
    assert "cannot be printed" in describe_error(run(fails, {"e": Odd()}).error)
    assert describe_error(run(fails, {"e": ValueError()}).error).endswith("ValueError")


def test_code_without_source_still_gets_its_line_number():
    space = {}
    exec("def unseen(x):\n    return 1 / 0", space)
    assert "in unseen, line 2" in describe_error(run(space["unseen"], {"x": 1}).error)


def test_who_raised_is_the_function_itself_or_one_it_calls():
    def stub():
        raise NotImplementedError

    def caller():
        return stub()

    assert raised_in(stub, run(stub, {}).error)
    assert not raised_in(caller, run(caller, {}).error)
