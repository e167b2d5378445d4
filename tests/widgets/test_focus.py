import numpy as np
import pytest

from em_inverse import atomic
from em_inverse.forward import optics
from em_inverse.forward.multislice import Multislice
from em_inverse.widgets import focus
from em_inverse.widgets.focus import SPECIMENS, FocusExplorer, N, State, slices, transfer
from em_inverse.widgets.raster import draw_panels


def state(**given):
    return FocusExplorer.compute(**FocusExplorer.check(**given))


def made_up(contrast=0.1, electrons=100.0, off=0.1):
    """A state without computing: contrast, noise and error of the projection as asked."""
    clean = 1 + contrast * np.where(np.indices((N, N)).sum(axis=0) % 2, 1.0, -1.0)
    _, q = focus._rings()
    return State(
        "silicon", 0.0, 450.0, 300.0, electrons, np.zeros((N, N)), clean, clean, q, 0 * q, 0 * q,
        off,
    )  # fmt: skip


def test_it_shows_what_the_package_computes():
    shown = state(tilt=30, defocus=-200, voltage=200, dose=1e3)
    atoms = atomic.silicon_core_silica_shell((N,) * 3)
    V = atomic.potential(atoms.rotated(30), (N,) * 3)
    H = Multislice((N,) * 3, [-200.0], voltage_kv=200.0, slice_voxels=4)
    np.testing.assert_allclose(shown.clean, H.images(V)[0], atol=1e-5)
    np.testing.assert_allclose(shown.projected, 0.5 * V.sum(axis=0), rtol=1e-4, atol=1e-2)
    assert shown.electrons == 250
    assert shown.counted.mean() == pytest.approx(shown.clean.mean(), abs=0.005)
    one = Multislice((N,) * 3, [-200.0], voltage_kv=200.0, slice_voxels=N).images(V)[0]
    wanted = (shown.clean - one).std() / shown.clean.std()
    assert shown.one_slice_off == pytest.approx(wanted, rel=1e-3)


def test_a_specimen_is_built_once_and_says_so(monkeypatch):
    monkeypatch.setattr(focus, "_MADE", {})
    wanted = FocusExplorer.check(specimen="gold", tilt=33)
    assert FocusExplorer.takes_long(wanted)
    FocusExplorer.compute(**wanted)
    assert not FocusExplorer.takes_long(wanted)


def test_slices_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        slices("gold", 0.0)[0] = 1


def test_a_thin_light_object_follows_the_theory():
    rng = np.random.default_rng(0)
    V = rng.standard_normal((N, N))
    sigma, lam = optics.interaction_parameter(300), optics.wavelength(300)
    chi = optics.aberration_phase(optics.frequencies((N, N), 0.5), lam, 450.0)
    image = 1 + 1e-3 * np.fft.ifft2(2 * sigma * np.fft.fft2(V) * np.sin(chi)).real
    _, q = focus._rings()
    smooth = q < 0.3  # where sin χ hardly changes within a ring
    found = 1e3 * transfer(image, V, sigma)[smooth]
    np.testing.assert_allclose(found, np.abs(np.sin(np.pi * lam * 450 * q[smooth] ** 2)), atol=0.1)


def test_it_opens_on_the_arches():
    shown = state()
    assert (shown.tilt, shown.defocus, shown.voltage) == (0, 450, 300)
    near = shown.q < 0.6
    assert np.abs(shown.measured - shown.theory)[near].mean() < 0.12
    assert shown.contrast > 3 * shown.noise


def test_in_focus_nothing_is_seen_and_the_sign_of_defocus_turns_the_fringes():
    assert state(defocus=0).contrast < 0.2 * state().contrast
    over, under = state(defocus=300).clean, state(defocus=-300).clean
    assert np.corrcoef(over.ravel(), under.ravel())[0, 1] < -0.9


def test_slow_electrons_and_heavy_atoms_leave_the_projection():
    off = [
        state(specimen=name, voltage=kv).one_slice_off
        for name, kv in (("silicon", 300), ("silicon", 60), ("tungsten", 60))
    ]
    assert off == sorted(off)
    assert off[2] > 2 * off[0]


@pytest.mark.parametrize("name", ["tilt", "defocus", "voltage", "dose"])
def test_every_extreme_can_be_shown(name):
    control = next(c for c in FocusExplorer.controls if c.name == name)
    for value in control.ends:
        shown = state(**{name: value})
        assert np.isfinite(shown.measured).all()
        view = FocusExplorer.draw(shown)
        assert [panel.name for panel in view.panels] == ["projection", "image", "transfer"]
        assert "contrast" in view.headline
        assert draw_panels(view.panels, width=600).size[0] == 600


@pytest.mark.parametrize("specimen", SPECIMENS)
def test_every_specimen_can_be_shown(specimen):
    view = FocusExplorer.draw(state(specimen=specimen))
    assert SPECIMENS[specimen].capitalize() in view.description


def test_no_control_rescales_a_picture():
    first, second = (FocusExplorer.draw(state(**k)).panels for k in ({}, {"dose": 10}))
    assert first[0].window == second[0].window
    assert first[1].window == second[1].window
    for axis in ("x", "y"):
        assert first[2].limits(axis) == second[2].limits(axis)


@pytest.mark.parametrize(
    ("shown", "title", "words"),
    [
        (made_up(), "fringes", "nearly as a weak phase object"),
        (made_up(contrast=0.01), "next to nothing", "nearly invisible"),
        (made_up(electrons=4), "snow", "mostly noise"),
        (made_up(contrast=0.3, off=0.5), "fringes", "Dynamical scattering"),
    ],
)
def test_the_words_follow_the_numbers(shown, title, words):
    view = FocusExplorer.draw(shown)
    assert title in view.panels[1].title
    assert words in view.description


def test_noise_beyond_the_chart_stays_on_it():
    panel = FocusExplorer.draw(state(dose=10)).panels[2]
    _, high = panel.limits("y")
    assert max(line.y.max() for line in panel.lines) < high


def test_the_text_form_names_the_opening_numbers():
    made = FocusExplorer(backend="picture")
    text = made._repr_mimebundle_()["text/plain"]
    assert f"contrast {100 * made.result.contrast:.1f} %" in text
    made.close()
