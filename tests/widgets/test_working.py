import threading

import pytest

from em_inverse.errors import ParameterError
from em_inverse.widgets import working


def test_a_tick_alone_does_nothing():
    working.tick(1, 2)
    with pytest.raises(ParameterError, match="of"):
        working.tick(1, 0)


def test_shares_stay_between_nothing_and_all():
    heard = []
    with working.reporting(heard.append):
        for done in (-1, 0, 2.5, 5, 9):
            working.tick(done, 5)
    working.tick(1, 5)
    assert heard == [0, 0, 0.5, 1, 1]


def test_the_listener_may_end_the_work_and_is_forgotten_then():
    def stop(share):
        raise working.Stopped

    with pytest.raises(working.Stopped), working.reporting(stop):
        working.tick(1, 2)
    working.tick(1, 2)


def test_inner_listeners_give_back_to_outer_ones():
    heard = []
    with working.reporting(lambda share: heard.append(("outer", share))):
        with working.reporting(lambda share: heard.append(("inner", share))):
            working.tick(1, 4)
        working.tick(3, 4)
    assert heard == [("inner", 0.25), ("outer", 0.75)]


def test_other_threads_are_not_heard():
    heard = []
    with working.reporting(heard.append):
        other = threading.Thread(target=working.tick, args=(1, 2))
        other.start()
        other.join()
    assert heard == []
