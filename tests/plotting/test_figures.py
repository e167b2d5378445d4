"""Every figure: legible, labelled, nothing cut off, no legend on a line. Then what each shows."""

import functools
from types import SimpleNamespace

import matplotlib.text
import numpy as np
import pytest

from em_inverse import phantoms, plotting
from em_inverse.errors import DataError, GeometryError, ParameterError
from em_inverse.plotting.display import png
from em_inverse.plotting.frame import number, shared_window
from em_inverse.plotting.geometry import largest_gap

LAMBDAS = np.logspace(-5, 2, 40)
SWEEP = SimpleNamespace(
    lambdas=LAMBDAS,
    rmse=0.1 + 0.02 * np.log(LAMBDAS / 0.1) ** 2,
    residual_norms=0.5 + LAMBDAS / (1 + LAMBDAS),
    solution_norms=1 + 1e-3 / LAMBDAS,
    lam=0.1234,
    corner=(0.61, 1.008),
)
CHOICE = SimpleNamespace(
    lambdas=LAMBDAS,
    scores=SWEEP.residual_norms,
    lam=0.25,
    target=0.7,
    rule="discrepancy",
    score_name="residual norm",
)
TRUTH = phantoms.three_peaks()
SLICE = phantoms.core_shell(48)
VOLUME = phantoms.needle(24, 40)
LONG = "A long sentence that states what is seen and has to be broken into lines to fit its figure"

FIGURES = {
    "profiles": lambda: plotting.profiles(
        None,
        {name: (k + 1) * TRUTH for k, name in enumerate(plotting.COLOURS)},
        ylim=(-0.1, 3.5),
        title=LONG,
    ),
    "spectrum": lambda: plotting.spectrum(
        {"truth": TRUTH, "data": TRUTH + 0.01}, pixel_size_nm=0.1, title="Short waves"
    ),
    "picard": lambda: plotting.picard(
        np.logspace(0, -16, 30), np.logspace(0, -2, 30), 0.02, title="Only noise"
    ),
    "u_curve": lambda: plotting.u_curve(
        SWEEP, marks={"L-curve": 0.1, "discrepancy": 0.3, "GCV": 0.05}, title="A valley"
    ),
    "rule_curve": lambda: plotting.rule_curve(CHOICE, title="The residual meets the noise"),
    "l_curve": lambda: plotting.l_curve(SWEEP, title="A corner"),
    "fourier_coverage": lambda: plotting.fourier_coverage(range(-70, 71, 5), title=LONG),
    "images": lambda: plotting.images(
        [SLICE, 2 * SLICE, SLICE[:, 8:40], SLICE],
        ["truth", "50 electrons", "narrow", "last"],
        pixel_size_nm=0.3,
        title="Four slices",
    ),
    "images in px": lambda: plotting.images([SLICE, SLICE], ["one", "two"], title=LONG),
    "sinogram": lambda: plotting.images(
        [np.random.default_rng(0).random((20, 128))],
        ["sinogram"],
        axes=("tilt (number)", "x"),
        title="Sinograms are wide",
    ),
    "orthoslices": lambda: plotting.orthoslices(VOLUME, pixel_size_nm=1.5, title=LONG),
    "orthoslices in px": lambda: plotting.orthoslices(VOLUME, title="A needle"),
    "signed_difference": lambda: plotting.signed_difference(
        SLICE - 0.5, pixel_size_nm=1.5, title="Too bright"
    ),
}


@functools.cache
def drawn(name, present):
    """The figure as a reader gets it."""
    with plotting.style(present=present):
        fig = FIGURES[name]()
        png(fig)
    return fig


@pytest.fixture(params=[False, True], ids=["notebook", "projector"])
def present(request):
    return request.param


@pytest.fixture(params=FIGURES)
def figure(request, present):
    return drawn(request.param, present)


def words(fig):
    """All text that is drawn: titles, labels, ticks, legends, annotations."""
    ticks_out_of_view = {
        id(tick.label1)
        for ax in fig.axes
        for axis, limits in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim()))
        for tick in axis.get_major_ticks()
        if not min(limits) <= tick.get_loc() <= max(limits)
    }
    return [
        text
        for text in fig.findobj(matplotlib.text.Text)
        if text.get_text().strip() and text.get_visible() and id(text) not in ticks_out_of_view
    ]


def test_type_is_never_small(figure, present):
    assert min(text.get_fontsize() for text in words(figure)) >= (18 if present else 9)


def test_nothing_is_cut_off(figure):
    for text in words(figure):
        box = text.get_window_extent()
        inside = box.x0 >= -1 and box.y0 >= -1
        inside &= box.x1 <= figure.bbox.x1 + 1 and box.y1 <= figure.bbox.y1 + 1
        assert inside, f"{text.get_text()!r} at {box} leaves {figure.bbox}"


def test_words_do_not_cover_words(figure):
    boxes = [(text.get_text(), text.get_window_extent().shrunk(0.9, 0.9)) for text in words(figure)]
    for k, (name, box) in enumerate(boxes):
        for other, next_box in boxes[k + 1 :]:
            assert not box.overlaps(next_box), f"{name!r} covers {other!r}"


def test_legends_stand_beside_the_lines(figure):
    for ax in figure.axes:
        legend = ax.get_legend()
        if legend is not None:
            assert legend.get_window_extent().x0 >= ax.get_window_extent().x1


def test_axes_are_labelled_and_the_title_is_a_sentence(figure):
    assert figure.get_suptitle().strip()
    for ax in figure.axes:
        assert ax.get_ylabel().strip()
        if ax.get_label() != "<colorbar>":
            assert ax.get_xlabel().strip()


def test_pixels_are_square_and_share_a_window(figure):
    images = [ax.images[0] for ax in figure.axes if ax.images]
    assert len({image.get_clim() for image in images}) <= 1
    for image in images:
        assert image.axes.get_aspect() == 1
        rows, columns = image.get_array().shape
        box = image.axes.get_window_extent()
        assert box.width / columns == pytest.approx(box.height / rows, rel=0.02)


def test_at_most_three_panels_in_a_row(figure):
    tops = [round(ax.get_window_extent().y0) for ax in figure.axes if ax.images]
    assert max((tops.count(top) for top in tops), default=0) <= 3


@pytest.mark.parametrize("name", FIGURES)
def test_the_arrays_passed_in_survive(name):
    before = [array.copy() for array in (TRUTH, SLICE, VOLUME, LAMBDAS)]
    FIGURES[name]()
    for array, copy in zip((TRUTH, SLICE, VOLUME, LAMBDAS), before, strict=True):
        assert np.array_equal(array, copy)


def test_a_figure_needs_a_sentence():
    with pytest.raises(ParameterError, match="title is ' '"):
        plotting.profiles(None, {"truth": [0, 1]}, title=" ")


# --- curves


def lines(fig):
    return {line.get_label(): line for line in fig.axes[0].lines}


def test_profiles_draw_each_role_in_its_look():
    fig = plotting.profiles(
        [0.0, 0.5, 1.0],
        {"truth": [0, 1, 0], "measurement": [0, 2, 0], "sirt": [0, 3, 0]},
        labels={"truth": "columns"},
        title="Three",
    )
    found = lines(fig)
    assert list(found) == ["columns", "measurement", "SIRT"]
    assert found["SIRT"].get_color() == plotting.COLOURS["algebraic"]
    assert found["SIRT"].get_linestyle() == "--"  # matplotlib's name for any dash pattern
    assert found["columns"].get_linestyle() == "-"
    assert (found["measurement"].get_marker(), found["measurement"].get_linestyle()) == (
        ".",
        "None",
    )
    assert list(found["SIRT"].get_xdata()) == [0, 0.5, 1]
    assert list(found["SIRT"].get_ydata()) == [0, 3, 0]


def test_many_measurements_are_a_thin_line():
    long = np.linspace(0, 1, 300)
    found = lines(plotting.profiles(None, {"truth": long, "data": long}, title="Long"))
    assert found["data"].get_linestyle() == "-"
    assert found["data"].get_linewidth() < found["truth"].get_linewidth()


def test_a_curve_that_leaves_the_frame_says_so():
    fig = plotting.profiles(
        None, {"truth": [0, 1], "naive": [-35.2, 4e14]}, ylim=(-1, 2), title="Out"
    )
    assert list(lines(fig)) == ["truth", "naive inverse\n(−35.2 to 4e14)"]
    assert fig.axes[0].get_ylim() == (-1, 2)


def test_profiles_refuse_what_does_not_fit():
    with pytest.raises(DataError, match=r"different lengths: \{'truth': 2, 'tv': 3\}"):
        plotting.profiles(None, {"truth": [0, 1], "tv": [0, 1, 2]}, title="No")
    with pytest.raises(DataError, match="empty"):
        plotting.profiles(None, {}, title="No")
    with pytest.raises(DataError, match=r"x has shape \(3,\)"):
        plotting.profiles([1, 2, 3], {"truth": [0, 1]}, title="No")
    with pytest.raises(ParameterError, match="role"):
        plotting.profiles(None, {"best": [0, 1]}, title="No")


def test_spectrum_holds_amplitudes_against_frequency():
    wave = np.cos(2 * np.pi * 4 * np.arange(32) / 32)
    (line,) = plotting.spectrum({"truth": wave}, pixel_size_nm=0.5, title="One wave").axes[0].lines
    frequency, amplitude = line.get_data()
    assert frequency[np.argmax(amplitude)] == pytest.approx(4 / 32 / 0.5)
    assert amplitude.max() == pytest.approx(16)
    assert amplitude.min() == pytest.approx(16e-8)
    with pytest.raises(DataError, match="zero everywhere"):
        plotting.spectrum({"truth": [0, 0]}, title="None")
    with pytest.raises(ParameterError, match="pixel_size_nm"):
        plotting.spectrum({"truth": wave}, pixel_size_nm=-1, title="None")


def test_picard_divides_and_skips_zeros():
    fig = plotting.picard([2, 1, 0], [-4, 0, 1], noise_level=0.5, title="Picard")
    values, data, quotient, level = fig.axes[0].lines
    assert np.array_equal(values.get_ydata(), [2, 1, np.nan], equal_nan=True)
    assert np.array_equal(data.get_ydata(), [4, np.nan, 1], equal_nan=True)
    assert np.array_equal(quotient.get_ydata(), [2, np.nan, np.nan], equal_nan=True)
    assert level.get_label() == "noise level 0.5"
    assert fig.axes[0].get_yscale() == "log"
    for s in ([1, -1], [0, 0]):
        with pytest.raises(DataError, match="singular values"):
            plotting.picard(s, [1, 1], title="Picard")


# --- choosing λ


def test_u_curve_marks_its_lowest_point_and_the_choices():
    fig = plotting.u_curve(SWEEP, marks={"GCV": 0.05}, title="A valley", method="tv")
    curve, lowest, mark = fig.axes[0].lines
    best = SWEEP.rmse.argmin()
    assert lowest.get_xdata()[0] == LAMBDAS[best]
    assert lowest.get_ydata()[0] == SWEEP.rmse[best]
    assert curve.get_color() == plotting.COLOURS["tv"]
    assert mark.get_label() == "GCV: λ = 0.05"
    assert fig.axes[0].get_xscale() == "log"
    with pytest.raises(DataError, match=r"result\.rmse has shape"):
        plotting.u_curve(SimpleNamespace(lambdas=LAMBDAS, rmse=[1.0]), title="No")
    with pytest.raises(ParameterError, match=r"marks\['GCV'\]"):
        plotting.u_curve(SWEEP, marks={"GCV": 0}, title="No")


def test_u_curve_over_many_decades_is_drawn_on_log_axes():
    wild = SimpleNamespace(lambdas=LAMBDAS, rmse=1 / LAMBDAS)
    assert plotting.u_curve(wild, title="Steep").axes[0].get_yscale() == "log"
    assert plotting.u_curve(SWEEP, title="A valley").axes[0].get_ylim()[0] == 0


def test_without_a_truth_the_residual_is_drawn():
    fig = plotting.u_curve(SimpleNamespace(**{**vars(SWEEP), "rmse": None}), title="No truth")
    (curve,) = fig.axes[0].lines
    assert np.array_equal(curve.get_ydata(), SWEEP.residual_norms)
    assert fig.axes[0].get_ylabel() == "residual ‖Hx − y‖"


def test_rule_curve_marks_target_and_choice():
    curve, target, mark = plotting.rule_curve(CHOICE, title="Met").axes[0].lines
    assert np.array_equal(curve.get_ydata(), CHOICE.scores)
    assert target.get_ydata()[0] == mark.get_ydata()[0] == 0.7
    assert mark.get_xdata()[0] == 0.25
    assert (curve.get_label(), target.get_label()) == ("residual norm", "target 0.7")
    assert mark.get_label() == "discrepancy: λ = 0.25"


def test_rule_curve_of_a_minimum_marks_the_curve_whatever_the_order():
    backwards = SimpleNamespace(
        lambdas=[100.0, 1.0, 0.01], scores=[30, 1, 3], lam=10.0, target=None, rule="GCV"
    )
    backwards.score_name = "GCV function"
    ax = plotting.rule_curve(backwards, title="Lowest").axes[0]
    curve, mark = ax.lines
    assert list(curve.get_xdata()) == [0.01, 1, 100]
    # Half way between 1 and 100 on the log axis.
    assert mark.get_ydata()[0] == pytest.approx((1 + 30) / 2)
    assert ax.get_yscale() == "log"


def test_l_curve_draws_the_corner_where_the_result_says():
    fig = plotting.l_curve(SWEEP, title="A corner")
    star = lines(fig)["corner, λ = 0.123"]
    assert (star.get_xdata()[0], star.get_ydata()[0]) == SWEEP.corner
    notes = [text.get_text() for text in fig.axes[0].texts]
    assert "λ = 1e−5" in notes
    assert "λ = 100" in notes
    assert len(plotting.l_curve(SWEEP, title="Bare", n_labels=0).axes[0].texts) == 0


@pytest.mark.parametrize(
    "change", [{"corner": None}, {"lam": None}, {"lam": np.nan}, {"corner": None, "lam": 0.1}]
)
def test_l_curve_without_a_corner_says_so(change):
    result = SimpleNamespace(**{**vars(SWEEP), **change})
    labels = lines(plotting.l_curve(result, title="Flat"))
    assert "no corner found" in labels
    assert not any(label.startswith("corner") for label in labels)


def test_l_curve_of_one_point_and_of_zero_norms():
    one = SimpleNamespace(lambdas=[1.0], residual_norms=[2.0], solution_norms=[3.0])
    assert [t.get_text() for t in plotting.l_curve(one, title="A point").axes[0].texts] == ["λ = 1"]
    none = SimpleNamespace(lambdas=[1.0, 2.0], residual_norms=[2.0, 3.0], solution_norms=[0, 0])
    assert len(plotting.l_curve(none, title="Nothing").axes[0].texts) == 0


# --- geometry


def test_coverage_lines_point_along_the_detector():
    ax = plotting.fourier_coverage([0, 30], title="Two").axes[0]
    x, z = ax.lines[0].get_data()
    assert np.allclose([x[1], z[1]], [0.5, 0])
    assert np.allclose([x[4], z[4]], [0.5 * np.cos(np.pi / 6), 0.25])
    # kz points down the page, as z does in a slice.
    assert ax.get_ylim()[0] > ax.get_ylim()[1]


@pytest.mark.parametrize(
    ("angles", "gap"),
    [
        (range(-70, 71, 2), "missing wedge, 40°"),
        (range(-60, 61, 5), "missing wedge, 60°"),
        (range(0, 91, 10), "missing wedge, 90°"),
        ([0], "missing wedge, 180°"),
        (range(-90, 90, 5), None),
        (range(-90, 91, 5), None),
    ],
)
def test_the_wedge_is_found_and_named(angles, gap):
    ax = plotting.fourier_coverage(list(angles), title="Coverage").axes[0]
    labels = ax.get_legend_handles_labels()[1]
    assert labels[1:] == ([gap] if gap else [])
    plural = "" if len(list(angles)) == 1 else "s"
    assert labels[0] == f"{len(list(angles))} measured line{plural}"


def test_the_wedge_is_where_no_line_is():
    start, gap, usual = largest_gap(np.arange(-60, 61, 3) + 10)
    assert (start, gap, usual) == pytest.approx((70, 60, 3))
    wedges = plotting.fourier_coverage([-50, 0, 50], title="Three").axes[0].patches
    assert [(w.theta1, w.theta2) for w in wedges] == [(50, 130), (230, 310)]
    with pytest.raises(GeometryError):
        plotting.fourier_coverage([], title="None")


# --- pictures


def test_the_window_is_shared_printed_and_may_be_given():
    fig = plotting.images([SLICE, 3 * SLICE], ["a", "b"], title="Two")
    assert [ax.images[0].get_clim() for ax in fig.axes[:2]] == [(0, 3)] * 2
    assert fig.axes[2].get_ylabel() == "intensity\none window, 0 to 3"
    fig = plotting.images([SLICE], ["a"], window=(-1, 0.5), quantity="counts", title="One")
    assert fig.axes[0].images[0].get_clim() == (-1, 0.5)
    assert fig.axes[1].get_ylabel() == "counts\nwindow −1 to 0.5"
    for window in ((1, 1), (2, 1), (0, np.inf)):
        with pytest.raises(ParameterError, match="window is"):
            plotting.images([SLICE], ["a"], window=window, title="One")
    assert shared_window([np.ones(3)], None) == (0.5, 1.5)


def test_rows_go_down_and_the_beam_with_them():
    panel = plotting.images([SLICE], ["a"], title="One").axes[0]
    assert panel.get_ylim()[0] > panel.get_ylim()[1]
    assert panel.get_ylabel() == "← z (px)"
    assert [text.get_text() for text in panel.texts] == ["↓ beam"]
    assert plotting.images([SLICE], ["a"], beam=False, title="One").axes[0].texts[:] == []
    above = plotting.images([SLICE], ["a"], axes=("x", "y"), title="One").axes[0]
    assert above.texts[:] == []
    assert (above.get_ylabel(), above.get_xlabel()) == ("← x (px)", "y (px) →")


def test_pictures_and_titles_go_together():
    with pytest.raises(ParameterError, match="2 entries and titles 1"):
        plotting.images([SLICE, SLICE], ["one"], title="Two")
    with pytest.raises(ParameterError, match="0 entries"):
        plotting.images([], [], title="None")
    with pytest.raises(DataError, match=r"pictures\[1\].*3-D"):
        plotting.images([SLICE, VOLUME], ["a", "b"], title="Two")


def bars(panel):
    return [patch for patch in panel.patches if patch.get_gid() == "scale bar"]


@pytest.mark.parametrize("pixel", [0.013, 0.3, 1.0, 4.2, 250.0])
def test_scale_bars_are_as_long_as_they_say(pixel):
    panel = plotting.images([SLICE], ["a"], pixel_size_nm=pixel, title="One").axes[0]
    (bar,) = bars(panel)
    text = next(t.get_text() for t in panel.texts if t.get_text().endswith("nm"))
    said = float(text.split()[0])
    assert bar.get_width() * pixel == pytest.approx(said)
    assert f"{said:e}"[0] in "125"
    assert 0.1 * 48 < bar.get_width() <= 0.35 * 48 + 1e-9
    assert len(panel.get_xticks()) == 0


def test_panels_of_one_figure_share_the_scale_bar():
    panels = plotting.orthoslices(VOLUME, pixel_size_nm=2, title="Needle").axes[:3]
    assert len({bar.get_width() for panel in panels for bar in bars(panel)}) == 1
    with pytest.raises(ParameterError, match="pixel_size_nm"):
        plotting.orthoslices(VOLUME, pixel_size_nm=0, title="Needle")


def test_orthoslices_cut_the_volume_where_they_say():
    volume = np.random.default_rng(0).random((5, 6, 7))
    fig = plotting.orthoslices(volume, position=(1, 2, 3), title="Three cuts")
    shown = [ax.images[0].get_array() for ax in fig.axes[:3]]
    for found, expected in zip(shown, (volume[:, :, 3], volume[1].T, volume[:, 2, :]), strict=True):
        assert np.array_equal(found, expected)
    assert [ax.get_ylabel() for ax in fig.axes[:3]] == ["← z (px)", "← y (px)", "← z (px)"]
    assert [ax.get_xlabel() for ax in fig.axes[:3]] == ["x (px) →", "x (px) →", "y (px) →"]
    beams = [ax.texts[0].get_text() for ax in fig.axes[:3]]
    assert beams == ["↓ beam", "⊗ beam", "↓ beam"]
    with pytest.raises(ParameterError, match=r"position\[2\] is 7"):
        plotting.orthoslices(volume, position=(1, 2, 7), title="Out")
    with pytest.raises(ParameterError, match="three indices"):
        plotting.orthoslices(volume, position=(1, 2), title="Out")
    with pytest.raises(DataError, match="3-D volume"):
        plotting.orthoslices(SLICE, title="Flat")


def test_differences_are_centred_on_zero():
    fig = plotting.signed_difference([[0.5, -2.0], [0.0, 1.0]], title="Minus")
    assert fig.axes[0].images[0].get_clim() == (-2, 2)
    assert fig.axes[1].get_ylabel() == "difference, centred on 0\n−2 to 1"
    fig = plotting.signed_difference([[0.5, -2.0]], limit=3, title="Minus")
    assert fig.axes[0].images[0].get_clim() == (-3, 3)
    fig = plotting.signed_difference(np.zeros((3, 3)), axes=("x", "y"), title="Nothing")
    assert fig.axes[0].images[0].get_clim() == (-1, 1)
    assert fig.axes[0].texts[:] == []
    with pytest.raises(ParameterError, match="limit"):
        plotting.signed_difference(np.ones((3, 3)), limit=0, title="None")


def test_numbers_are_short():
    assert [number(v) for v in (0, -0.0, 1234567, 0.00001, -1.5)] == [
        "0",
        "0",
        "1.23e6",
        "1e−5",
        "−1.5",
    ]
