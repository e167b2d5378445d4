"""Figures of atoms: every atom is drawn once, every error is marked, and words say the same."""

import functools

import matplotlib.text
import numpy as np
import pytest

from em_inverse import atomic, plotting
from em_inverse.errors import ParameterError
from em_inverse.plotting.display import png


@functools.cache
def needle():
    return atomic.silicon_core_silica_shell((40, 40, 40))


@functools.cache
def traced(elements=("O", "Si")):
    return atomic.trace(atomic.potential(needle(), (40, 40, 40)), elements=elements)


def legend(figure):
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


def damaged():
    """One atom missed, one that is not there, two mistaken."""
    truth = needle()
    numbers = truth.atomic_numbers[1:].copy()
    numbers[:2] = 22 - numbers[:2]
    far = np.array([[9.0, 9.0, 9.0]])
    return atomic.Atoms(np.concatenate([truth.positions[1:], far]), [*numbers, 8])


def test_errors_are_marked_and_counted():
    figure = plotting.atoms_3d(damaged(), needle(), title="Four errors")
    assert legend(figure)[2:] == ["missed (1)", "false (1)", "wrong species (2)"]
    clouds = figure.axes[0].collections
    assert sum(len(cloud.get_offsets()) for cloud in clouds[:2]) == len(needle())
    words = plotting.atoms_in_words(damaged(), needle())
    assert words.endswith("1 is missed; 1 is false, 2 have the wrong species.")


def test_one_mistake_is_told_in_the_singular():
    numbers = needle().atomic_numbers.copy()
    numbers[0] = 22 - numbers[0]
    one = atomic.Atoms(needle().positions, numbers)
    words = plotting.atoms_in_words(one, needle())
    assert words.endswith("0 are missed; 0 are false, 1 has the wrong species.")


def test_atoms_alone_have_no_errors():
    figure = plotting.atoms_3d(traced(), title="All atoms")
    assert len(legend(figure)) == 2
    assert plotting.atoms_in_words(traced()).startswith("Atoms in space: O ")
    gold = atomic.gold_nanoparticle(12.0)
    assert legend(plotting.atoms_3d(gold, gold, title="Gold")) == ["Au (55)"]


def test_kinds_without_names_can_be_named():
    unnamed = traced(None)
    assert legend(plotting.atoms_3d(unnamed, title="Named", elements=("O", "Si")))[0][:2] == "O "
    assert "kind 1" in plotting.intensities_in_words(unnamed)
    assert "Si at" in plotting.intensities_in_words(unnamed, elements=("O", "Si"))
    with pytest.raises(ParameterError, match="names"):
        plotting.atoms_3d(unnamed, title="Unnamed")


def test_the_histogram_holds_every_atom_and_both_gaussians():
    figure = plotting.intensity_histogram(traced(), title="Two kinds")
    (ax,) = figure.axes
    assert sum(bar.get_height() for bar in ax.patches) == len(traced())
    assert legend(figure) == ["traced atoms", "O", "Si", "limit"]
    peaks = [line.get_xdata()[line.get_ydata().argmax()] for line in ax.lines[:2]]
    np.testing.assert_allclose(peaks, traced().species.means, rtol=0.02)

    assert "two humps" in plotting.intensities_in_words(traced())
    gold = atomic.trace(atomic.potential(atomic.gold_nanoparticle(12.0), (40, 40, 40)))
    assert legend(plotting.intensity_histogram(gold, title="One kind")) == [
        "traced atoms",
        "kind 0",
    ]


@pytest.mark.parametrize("present", [False, True])
def test_type_is_large_enough_and_titles_are_needed(present):
    with plotting.style(present):
        for figure in (
            plotting.atoms_3d(damaged(), needle(), title="Errors"),
            plotting.intensity_histogram(traced(), title="Two kinds"),
        ):
            assert png(figure)[:4] == b"\x89PNG"
            sizes = [
                text.get_fontsize()
                for text in figure.findobj(matplotlib.text.Text)
                if text.get_text().strip() and text.get_visible()
            ]
            assert min(sizes) >= (18 if present else 9)
    with pytest.raises(ParameterError, match="title"):
        plotting.atoms_3d(needle(), title=" ")
