"""The figures of week 5 show what they are given, and say it in words."""

import numpy as np
import pytest

from em_inverse.plotting import week05 as figures
from em_inverse.tilt_series import Reconstruction, TiltSeries


@pytest.fixture
def shown(monkeypatch):
    """Collect the figures and words that would be shown."""
    collected = []
    monkeypatch.setattr(figures, "show", lambda figure, alt: collected.append((figure, alt)))
    return collected


@pytest.fixture
def series():
    images = np.random.default_rng(0).uniform(0, 2000, (5, 16, 16))
    return TiltSeries(images, [-60, -30, 0, 30, 60], pixel_size_nm=2.0)


def pictures(figure):
    return [panel.images[0].get_array() for panel in figure.axes if panel.images]


def words(figure):
    return [panel.get_title(loc="left") for panel in figure.axes if panel.images]


def test_projections_are_the_first_the_middle_and_the_last(series, shown):
    figures.projections(series)
    ((figure, alt),) = shown
    assert words(figure) == ["tilt −60°", "tilt 0°", "tilt +60°"]
    for picture, t in zip(pictures(figure), (0, 2, 4), strict=True):
        np.testing.assert_allclose(picture, series.projections[t].T / 1000)
    assert "needle pointing down" in alt


def test_sinograms_show_one_slice_before_and_after(series, shown):
    after = series.replace(projections=2 * series.projections)
    figures.sinograms(series, after, 3)
    ((figure, alt),) = shown
    before, aligned = pictures(figure)
    np.testing.assert_allclose(before, series.projections[:, :, 3] / 1000)
    np.testing.assert_allclose(aligned, 2 * before)
    assert "straight band" in alt


def test_coverage_counts_the_lines_of_the_series(series, shown):
    figures.coverage(series)
    ((figure, alt),) = shown
    assert figure.get_suptitle().startswith("5 lines")
    assert "every 30° from −60° to 60°" in alt


def test_sections_of_both_volumes_share_one_window(shown):
    volume = np.random.default_rng(0).uniform(-1, 2, (8, 10, 12))
    bright = Reconstruction(np.abs(2 * volume), "SIRT", pixel_size_nm=2.0)
    figures.sections(Reconstruction(volume, "WBP", pixel_size_nm=2.0), bright, 3)
    (wbp, wbp_alt), (sirt, sirt_alt) = shown
    np.testing.assert_array_equal(pictures(wbp)[0], volume[:, :, 3])
    np.testing.assert_array_equal(pictures(sirt)[0], bright.volume[:, :, 3])
    windows = {panel.images[0].get_clim() for f in (wbp, sirt) for panel in f.axes if panel.images}
    top = float(bright.volume.max())
    assert windows == {(-0.2 * top, top)}
    assert wbp_alt.startswith("Three sections by WBP")
    assert "by SIRT, in the same intensity window" in sirt_alt


def test_the_tip_is_the_mean_of_its_slices(shown):
    volume = np.random.default_rng(0).uniform(0, 1, (8, 8, 12))
    results = {name: Reconstruction(k * volume, "WBP") for k, name in ((1, "one"), (2, "two"))}
    figures.tip(results, slice(4, 8))
    ((figure, alt),) = shown
    assert words(figure) == ["one", "two"]
    expected = volume[2:6, 2:6, 4:8].mean(axis=2)
    np.testing.assert_allclose(pictures(figure)[0], expected)
    np.testing.assert_allclose(pictures(figure)[1], 2 * expected)
    assert "tip of the needle" in alt
