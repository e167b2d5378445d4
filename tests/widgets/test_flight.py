import threading
import time

import pytest

from em_inverse.errors import ParameterError
from em_inverse.widgets.flight import OneInFlight


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_only_the_newest_waits_and_only_one_flies():
    sent = []
    flight = OneInFlight(lambda number, frame: sent.append((number, frame)), patience=60)
    for frame in "abcd":
        flight.push(frame)
    assert sent == [(1, "a")]
    flight.drawn(1)
    assert sent == [(1, "a"), (2, "d")]
    flight.drawn(2)
    flight.push("e")
    assert sent[-1] == (3, "e")
    flight.close()


def test_how_long_a_frame_takes_follows_the_last_ones():
    clock = Clock()
    flight = OneInFlight(lambda number, frame: None, patience=60, clock=clock)
    assert flight.took_s == 0
    for number, took in enumerate([0.1, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3], start=1):
        flight.push("frame")
        clock.now += took
        flight.drawn(number)
        if number == 1:
            assert flight.took_s == pytest.approx(0.1)
    assert 0.25 < flight.took_s < 0.3
    clock.now += 5
    flight.drawn(8)
    assert flight.took_s < 0.3
    flight.close()


def test_word_of_an_older_frame_is_ignored():
    sent = []
    flight = OneInFlight(lambda number, frame: sent.append(frame), patience=60)
    flight.push("a")
    flight.drawn(1)
    flight.push("b")
    flight.push("c")
    flight.drawn(1)
    assert sent == ["a", "b"]
    flight.close()


def test_a_frame_nobody_draws_is_given_up():
    sent = []
    arrived = threading.Event()

    def send(number, frame):
        sent.append(frame)
        if frame == "c":
            arrived.set()

    flight = OneInFlight(send, patience=0.1)
    began = time.monotonic()
    for frame in "abc":
        flight.push(frame)
    assert arrived.wait(5)
    assert time.monotonic() - began >= 0.09
    assert sent == ["a", "c"]
    flight.close()


def test_after_the_patience_a_push_goes_at_once():
    clock, sent = Clock(), []
    flight = OneInFlight(lambda number, frame: sent.append(frame), patience=2, clock=clock)
    flight.push("a")
    clock.now = 2.5
    flight.push("b")
    assert sent == ["a", "b"]
    flight.close()


def test_an_early_timer_waits_again():
    clock, sent = Clock(), []
    flight = OneInFlight(lambda number, frame: sent.append(frame), patience=0.05, clock=clock)
    flight.push("a")
    flight.push("b")
    time.sleep(0.15)
    assert sent == ["a"]
    clock.now = 1.0
    for _ in range(100):
        if sent == ["a", "b"]:
            break
        time.sleep(0.02)
    assert sent == ["a", "b"]
    flight.close()


def test_closing_ends_it_and_its_timer():
    sent = []
    before = threading.active_count()
    flight = OneInFlight(lambda number, frame: sent.append(frame), patience=0.05)
    flight.push("a")
    flight.push("b")
    flight.close()
    flight.push("c")
    flight.drawn(1)
    time.sleep(0.15)
    assert sent == ["a"]
    assert threading.active_count() == before


def test_patience_must_be_positive():
    with pytest.raises(ParameterError, match="patience"):
        OneInFlight(print, patience=0)


def test_it_says_whether_a_frame_would_leave_and_how_long_none_was_drawn():
    clock = Clock()
    flight = OneInFlight(lambda number, frame: None, patience=2, clock=clock)
    assert flight.ready
    assert flight.unanswered_s == 0
    flight.push("a")
    assert not flight.ready
    clock.now = 3.0
    assert flight.ready
    flight.push("b")
    clock.now = 10.0
    assert flight.unanswered_s == 10
    flight.drawn(1)
    assert flight.unanswered_s == 0
    flight.drawn(2)
    flight.close()
    assert not flight.ready
