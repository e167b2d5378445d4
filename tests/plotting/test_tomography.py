"""Figures of the diagnostics: legible for readers and projectors, labelled, and faithful."""

import functools

import matplotlib.text
import numpy as np
import pytest

from em_inverse import phantoms, plotting, tomography
from em_inverse.errors import ParameterError
from em_inverse.forward import ParallelBeam
from em_inverse.plotting import tomography as figures
from em_inverse.plotting.display import png
from em_inverse.tilt_series import TiltSeries

ANGLES = np.arange(-60.0, 61.0, 5.0)


@functools.cache
def series(shifted=True):
    small = phantoms.disc(32, radius=7)
    data = ParallelBeam(small.shape, ANGLES) @ small
    data = data + 0.7 * np.random.default_rng(0).standard_normal(data.shape)
    if shifted:
        data[3] = np.roll(data[3], 4)
    return TiltSeries(data, ANGLES, 0.5)


def tv(part, lam=None, epsilon=None):
    return tomography.tv(part, lam=lam, epsilon=epsilon, n_iter=60)


@functools.cache
def found(name):
    data = series()
    result = tomography.sirt(data, 40)
    lost = data.projections.copy()
    lost[15:] *= 0.6
    make = {
        "residual_per_tilt": lambda: tomography.residual_per_tilt(result, data),
        "noise": lambda: tomography.noise_level(data),
        "shells": lambda: tomography.fourier_shell_correlation(
            data, lambda half: tomography.sirt(half, 20)
        ),
        "spectrum": lambda: tomography.power_spectrum(result, tomography.noise_level(data)),
        "elongation": lambda: tomography.measured_elongation(result),
        "good": lambda: tomography.over_regularisation_alarm(
            tv(series(False), 15.0), series(False)
        ),
        "over": lambda: tomography.over_regularisation_alarm(tv(data, 2e3), data),
        "damage": lambda: tomography.damage_alarm(data.replace(projections=lost), result),
        "no damage": lambda: tomography.damage_alarm(data, result, limit=50.0),
        "halving": lambda: tomography.halve_until_noise(data, tv, start=0.1),
        "not met": lambda: tomography.halve_until_noise(data, tv, noise=1e-3, max_steps=1),
        "epsilon": lambda: tomography.choose_epsilon(
            data, "held_out", lambda part, e: tv(part, epsilon=e), factors=[0.9, 1.0, 1.2], folds=1
        ),
    }
    return make[name]()


NAMES = (
    *("residual_per_tilt", "noise", "shells", "spectrum", "elongation", "good", "over"),
    *("damage", "no damage", "halving", "not met", "epsilon"),
)


@functools.cache
def drawn(name, present):
    with plotting.style(present=present):
        fig = found(name).draw()
        png(fig)
    return fig


def words(fig):
    out_of_view = {
        id(tick.label1)
        for ax in fig.axes
        for axis, limits in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim()))
        for tick in axis.get_major_ticks()
        if not min(limits) <= tick.get_loc() <= max(limits)
    }
    return [
        text
        for text in fig.findobj(matplotlib.text.Text)
        if text.get_text().strip() and text.get_visible() and id(text) not in out_of_view
    ]


@pytest.mark.parametrize("present", [False, True], ids=["notebook", "projector"])
@pytest.mark.parametrize("name", NAMES)
def test_figures_are_legible(name, present):
    fig = drawn(name, present)
    text = words(fig)
    assert min(item.get_fontsize() for item in text) >= (18 if present else 9)
    boxes = [(item.get_text(), item.get_window_extent()) for item in text]
    for label, box in boxes:
        assert box.x0 >= -1, label
        assert box.y0 >= -1, label
        assert box.x1 <= fig.bbox.x1 + 1, label
        assert box.y1 <= fig.bbox.y1 + 1, label
    small = [(label, box.shrunk(0.9, 0.9)) for label, box in boxes]
    for k, (label, box) in enumerate(small):
        for other, next_box in small[k + 1 :]:
            assert not box.overlaps(next_box), f"{label!r} covers {other!r}"
    for ax in fig.axes:
        assert ax.get_ylabel().strip()
        if ax.get_legend() is not None:
            assert ax.get_legend().get_window_extent().x0 >= ax.get_window_extent().x1
    assert any(ax.get_xlabel().strip() for ax in fig.axes)


@pytest.mark.parametrize("name", NAMES)
def test_every_result_has_words_and_an_alternative_text(name):
    result = found(name)
    assert len(result.alt) > 40
    assert result.alt.endswith(".")
    assert str(result) in result.alt


def lines(ax):
    return {line.get_label(): line for line in ax.lines}


def test_residuals_mark_what_stands_out():
    result = found("residual_per_tilt")
    marked = lines(drawn("residual_per_tilt", False).axes[0])["stands out"]
    assert list(result.flagged) == [3]
    assert list(marked.get_xdata()) == [-45.0]
    assert "1 of 25" in drawn("residual_per_tilt", False).get_suptitle()


def test_shells_name_their_resolutions():
    result, ax = found("shells"), drawn("shells", False).axes[0]
    assert list(ax.lines[0].get_ydata()) == list(result.curve.correlation)
    assert any(label.startswith("half-bit: ") for label in lines(ax))
    assert ax.get_xlabel() == "spatial frequency (1/nm)"


def test_the_veil_covers_what_the_prior_filled():
    result, left = found("spectrum"), drawn("spectrum", False).axes[0]
    assert np.array_equal(~left.images[1].get_array().mask, result.filled)
    low, high = left.get_ylim()
    assert low > high, "kz points down"


def test_profiles_have_their_middle_at_the_centre_of_mass():
    across = lines(drawn("elongation", False).axes[0])["across (x)"]
    result = found("elongation")
    assert across.get_xdata()[result.centre[1]] == 0
    assert across.get_xdata()[1] - across.get_xdata()[0] == pytest.approx(0.5)


def test_the_title_follows_the_alarm():
    assert "λ is too large" in drawn("over", False).get_suptitle()
    assert "nothing of the object" in drawn("good", False).get_suptitle()
    assert "changed after about" in drawn("damage", False).get_suptitle()
    assert "same specimen" in drawn("no damage", False).get_suptitle()
    assert "No λ that was tried" in drawn("not met", False).get_suptitle()


def test_the_map_of_residuals_keeps_tilts_and_units():
    result, ax = found("over"), drawn("over", False).axes[0]
    mesh = ax.collections[0]
    assert np.allclose(mesh.get_array().reshape(result.residual.shape), result.residual)
    assert ax.get_ylim() == (-60, 60)
    volume = tomography.over_regularisation_alarm(
        tomography.sirt(TiltSeries(np.ones((6, 8, 3)), range(0, 60, 10)), 2),
        TiltSeries(np.ones((6, 8, 3)), range(0, 60, 10)),
    )
    assert volume.draw().axes[0].collections[0].get_array().size == 48


def test_halving_is_drawn_in_units_of_the_noise():
    result, ax = found("halving"), drawn("halving", False).axes[0]
    tried = lines(ax)["λ tried"]
    assert tried.get_ydata() == pytest.approx(result.residual_norms / result.noise_norm)


def test_a_title_is_needed():
    with pytest.raises(ParameterError, match="title"):
        figures.noise_per_tilt(found("noise"), title="")
