import pytest

from em_inverse.widgets import presentation
from em_inverse.widgets.presentation import present, text_scale


class Follower:
    scale = 0.0

    def set_text_scale(self, scale):
        self.scale = scale


@pytest.fixture(autouse=True)
def at_a_desk(monkeypatch):
    monkeypatch.setattr(presentation, "_scale", [])
    monkeypatch.delenv(presentation.ENVIRONMENT, raising=False)


def test_a_block_is_large_and_then_as_before():
    follower = Follower()
    presentation.follow(follower)
    with present():
        assert follower.scale == text_scale() == 2.0
        with present(False):
            assert follower.scale == 1.0
        assert follower.scale == 2.0
    assert follower.scale == text_scale() == 1.0


def test_a_call_stays():
    present()
    assert text_scale() == 2.0
    present(False)
    assert text_scale() == 1.0


@pytest.mark.parametrize(("value", "scale"), [("1", 2.0), ("0", 1.0), ("", 1.0)])
def test_a_kernel_may_start_large(monkeypatch, value, scale):
    monkeypatch.setenv(presentation.ENVIRONMENT, value)
    assert text_scale() == scale
    present(False)
    assert text_scale() == 1.0


def test_followers_are_not_kept_alive():
    presentation.follow(Follower())
    present()
    assert all(not isinstance(one, Follower) for one in presentation._followers)
