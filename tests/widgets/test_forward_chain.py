import numpy as np
import pytest

from em_inverse import noise
from em_inverse.widgets.forward_chain import (
    MODALITIES,
    OBJECTS,
    SHARE,
    ForwardExplorer,
    specimen,
)
from em_inverse.widgets.raster import draw_panels

WIDTHS = range(25, 301, 25)


def state(**given):
    return ForwardExplorer.compute(**ForwardExplorer.check(**given))


def test_it_opens_with_the_particle_of_the_lesson():
    shown = state()
    assert shown.landed == pytest.approx(250)
    assert shown.clean.max() == pytest.approx(7.5, abs=0.05)
    assert shown.at.pixel_size_nm == 0.05
    assert shown.snr == pytest.approx(noise.snr(shown.counts, shown.clean))
    assert 2 < shown.snr < 2.3


@pytest.mark.parametrize("kind", OBJECTS)
@pytest.mark.parametrize("modality", MODALITIES)
def test_objects_are_scaled_to_their_brightest_pixel(kind, modality):
    contrast = specimen(kind, modality).contrast
    assert contrast.shape == (96, 96)
    assert contrast.max() == 1
    assert contrast.min() >= 0
    with pytest.raises(ValueError, match="read-only"):
        contrast[0, 0] = 1


def test_the_spectrum_sees_the_iron_only():
    iron, all_of_it = (specimen("particle", m).contrast for m in ("spectrum", "haadf"))
    assert iron[48, 48] < 0.7  # the core displaces the iron
    assert all_of_it[48, 48] > 0.99


@pytest.mark.parametrize("kind", OBJECTS)
@pytest.mark.parametrize("probe", [25, 300])
@pytest.mark.parametrize("modality", MODALITIES)
def test_every_extreme_can_be_shown(kind, probe, modality):
    for dose in (1e3, 1e8):
        for readout in (0, 5):
            shown = state(kind=kind, probe=probe, modality=modality, dose=dose, readout=readout)
            view = ForwardExplorer.draw(shown)
            assert np.isfinite(shown.counts).all()
            assert "SNR" in view.headline
            assert "electrons land" in view.note
            assert draw_panels(view.panels, width=600).size[0] == 600


def test_expected_and_counted_share_one_window():
    for dose in (1e3, 1e5, 1e8):
        _, clean, counts = ForwardExplorer.draw(state(dose=dose)).panels
        assert clean.window == counts.window
        assert clean.window[1] > clean.image.max()


def test_ten_times_the_dose_is_root_ten_times_the_snr():
    ratios = [state(dose=d).snr for d in (1e4, 1e5, 1e6, 1e7)]
    assert np.allclose(np.diff(np.log10(ratios)), 0.5, atol=0.03)


def test_readout_noise_costs_most_at_low_dose():
    lost = [state(dose=d).snr / state(dose=d, readout=3).snr for d in (1e4, 1e6, 1e8)]
    assert lost[0] > 3 * lost[1] > lost[2]
    assert lost[2] == pytest.approx(1, abs=0.02)


def test_the_spectrum_counts_300_times_less():
    rich, poor = state(dose=1e8), state(dose=1e8, modality="spectrum")
    assert SHARE["haadf"] / SHARE["spectrum"] == pytest.approx(300)
    assert rich.clean.max() / poor.clean.max() == pytest.approx(300, rel=0.1)


def test_pairs_merge_at_half_their_distance():
    merged = dict.fromkeys((150, 300, 450))
    for probe in WIDTHS:
        title = ForwardExplorer.draw(state(kind="columns", probe=probe, dose=1e8)).panels[1].title
        for gap in merged:
            if merged[gap] is None and (str(gap) in title or "all three pairs have" in title):
                merged[gap] = probe
    assert merged == {150: 75, 300: 150, 450: 225}
    sharp = ForwardExplorer.draw(state(kind="columns", probe=25)).panels[1].title
    assert "all three pairs are resolved" in sharp


@pytest.mark.parametrize(
    ("dose", "words"), [(1e3, "more noise than"), (1e5, "coarse"), (1e7, "fine grain")]
)
def test_the_title_tells_how_grainy_it_is(dose, words):
    assert words in ForwardExplorer.draw(state(dose=dose)).panels[2].title


def test_the_text_form_names_the_opening_numbers():
    made = ForwardExplorer(backend="picture")
    text = made._repr_mimebundle_()["text/plain"]
    assert f"SNR {made.result.snr:.3g}" in text
    assert "7.47 are counted" in text
    made.set(kind="cube", readout=2)
    assert made.error is None
    assert made.result.kind == "cube"
    made.close()
