"""The figures of week 8 say in words what they show, with the numbers of their own data."""

import inspect

import numpy as np
import pytest

from em_inverse.plotting import week08 as figures
from em_inverse.simulate import twisted_bowtie


@pytest.fixture(scope="module")
def particle():
    return twisted_bowtie(24)


class Look:
    """A stand-in for the live view: remembers what it was asked to do."""

    def __init__(self):
        self.asked = []

    def set_view(self, view):
        self.asked.append(sorted(view))

    def show(self, volume, window):
        self.asked.append((volume.shape, window))

    def picture(self, size):
        return np.zeros((size, size, 3), np.uint8)

    def close(self):
        self.asked.append("closed")


def test_every_figure_is_told_in_words(particle, capsys):
    image = particle.sum(axis=0)
    angles = np.array([0.0, -60.0, 60.0])
    moved = np.stack([np.roll(image, k, axis=0) for k in (0, 2, -2)])
    left = {-70.0: 3.0, -20.0: 1.0, 0.0: 1.0, 20.0: 1.0, 70.0: 2.0}
    seen = {"sequential": [(-30.0, 0.4, None), (110.0, 0.2, None)]}
    missed = {"golden": [9.0] * 24 + [3.0] * 12 + [2.0] * 12}
    tilts, ratio = np.array([-3.0, 0.0, 3.0]), np.array([1.0, 4.0, 1.1])
    told = {
        "shadows": ((image, image, 2 * image), "they differ by 100 %"),
        "prepared": ((image + 5, image), "falls from 5.0 to 0.0"),
        "sinograms": ((moved, np.stack([image] * 3), angles), "within 0.0 px"),
        "misaligned": ((particle[..., 8], {"bad": particle[..., 8] + 1}), "slice: bad 1.00"),
        "residuals": ((tilts, ratio, [1], {1: "blurred"}), "they stand out: blurred 4.0."),
        "hand": (((5, 10), seen, 115.0), "5 tilts -30°, 2.0 × the final error"),
        "foretold": ((missed,), "3.0 as the median of twelve, 2.0 of the last twelve"),
        "needle": ((particle, left, 27.0), "1.0 in the middle of the range, 2.5 beyond 60°"),
        "volumes": ((Look(), {"few": particle, "all": particle}), "one side: few; all."),
    }
    assert set(told) | {"explorer"} == set(figures.__all__)
    for name, (arguments, words) in told.items():
        getattr(figures, name)(*arguments)
        said = capsys.readouterr().out
        assert said.startswith("Figure: ")
        assert words in said, (name, said)


def test_volumes_are_seen_from_one_side_each_in_its_own_window(particle, capsys):
    look = Look()
    figures.volumes(look, {"few": particle, "all": 3 * particle})
    assert look.asked == [["camera"], *[(particle.shape, "auto")] * 2, "closed"]
    assert "2 volumes" in capsys.readouterr().out


def test_the_explorer_shows_its_snapshot(capsys):
    from em_inverse.widgets import Cockpit

    widget = Cockpit(size=16, backend="picture")
    figures.explorer(widget)
    widget.close()
    assert "Figure: " in capsys.readouterr().out


def test_all_of_them_are_documented():
    for name in figures.__all__:
        assert inspect.getdoc(getattr(figures, name))
