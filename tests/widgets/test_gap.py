import numpy as np
import pytest

from em_inverse import interpolation
from em_inverse.widgets import gap, working
from em_inverse.widgets.gap import BESIDE, METHODS, SPECIMENS, GapExplorer, filling, recording
from em_inverse.widgets.raster import draw_panels


def state(**given):
    return GapExplorer.compute(**GapExplorer.check(**given))


@pytest.mark.parametrize("method", METHODS)
def test_it_shows_what_the_package_computes(method):
    found = filling("crystal", method, 8)
    whole = recording()
    kept = whole.select(np.arange(0, 181, 16))
    how = {"n_iter": 40} if method in ("geometric", "network") else {}
    made = interpolation.fill(
        kept, method=method, angles_deg=whole.angles_deg[8:-8:16][: kept.n_tilts - 1], **how
    )
    np.testing.assert_array_equal(found.series.angles_deg, made.angles_deg)
    np.testing.assert_array_equal(found.series.generated, made.generated)
    np.testing.assert_allclose(found.series.projections, made.projections, atol=0.02)
    assert found.series.metadata["filling"]["method"] == method
    np.testing.assert_array_equal(found.truth, whole.projections[np.flatnonzero(
        np.isin(whole.angles_deg, found.angles_deg))])  # fmt: skip
    assert filling("crystal", method, 8) is found


def test_the_frame_is_the_one_nearest_to_the_tilt():
    shown = state(gap=12, tilt=12)
    assert shown.tilt == 18 or shown.tilt == 6
    assert (shown.n_kept, shown.n_made) == (8, 7)
    top = recording().select(np.arange(0, 181, 24)).projections.max()
    at = int(shown.tilt) + 90
    np.testing.assert_allclose(shown.truth, recording().projections[at] / top)
    error = np.mean((shown.made - shown.truth) ** 2)
    assert shown.psnr_db == pytest.approx(-10 * np.log10(error), abs=0.01)


def test_a_new_filling_takes_long_and_says_how_far_it_is(monkeypatch):
    monkeypatch.setattr(gap, "_FILLINGS", type(gap._FILLINGS)())
    monkeypatch.setattr(gap, "_SLICED", set())
    wanted = GapExplorer.check(gap=10, method="geometric")
    assert GapExplorer.takes_long(wanted)
    shares = []
    with working.reporting(shares.append):
        GapExplorer.compute(**wanted)
    assert len(shares) == 8
    assert not GapExplorer.takes_long(wanted)
    sliced = {**wanted, "beside": "volume"}
    assert GapExplorer.takes_long(sliced)
    GapExplorer.compute(**sliced)
    assert not GapExplorer.takes_long(sliced)


def test_only_so_many_fillings_are_kept(monkeypatch):
    monkeypatch.setattr(gap, "_FILLINGS", type(gap._FILLINGS)())
    monkeypatch.setattr(gap, "_MOST_FILLINGS", 2)
    for wide in (9, 10, 11):
        filling("crystal", "linear", wide)
    assert [key[2] for key in gap._FILLINGS] == [10, 11]


def test_the_gold_atom_lies_on_no_site_and_shines():
    crystal, odd = gap.crystal(), gap.odd_particle()
    gold = odd.positions_nm[-1]
    near = np.linalg.norm(crystal.positions_nm - gold, axis=1).min()
    assert 0.2 < near < 0.4
    assert pytest.approx(len(odd) - len(crystal), abs=1) == (79 / 13) ** 1.7


@pytest.mark.parametrize("name", ["gap", "tilt", "method", "beside", "specimen"])
def test_every_extreme_can_be_shown(name):
    control = next(c for c in (*GapExplorer.controls, *GapExplorer.more) if c.name == name)
    for value in control.ends:
        view = GapExplorer.draw(state(**{"gap": 6, name: value}))
        assert [panel.name for panel in view.panels] == ["truth", "made", "beside"]
        assert "PSNR" in view.headline
        assert "GENERATED" in view.note
        assert draw_panels(view.panels, width=800).size[0] == 800


def test_no_control_rescales_a_picture():
    for beside in BESIDE:
        first, second = (
            GapExplorer.draw(state(beside=beside, gap=wide)).panels for wide in (4, 12)
        )
        assert [p.window for p in first] == [p.window for p in second]
        assert np.shape(first[2].image) == np.shape(second[2].image)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"gap": 4, "method": "geometric"}, "nearly what was left out"),
        ({"gap": 4}, "Columns are in place"),
        ({"gap": 12}, "Columns stand where none are"),
    ],
)
def test_the_words_follow_the_numbers(given, words):
    view = GapExplorer.draw(state(**given))
    assert words in view.description
    assert SPECIMENS["crystal"].capitalize() in view.description


def test_the_text_form_names_the_opening_numbers():
    made = GapExplorer(backend="picture")
    assert made.wait(60)
    text = made._repr_mimebundle_()["text/plain"]
    assert f"PSNR {made.result.psnr_db:.1f} dB" in text
    made.close()
