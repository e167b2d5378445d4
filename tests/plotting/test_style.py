"""The look: one colour and one line style per meaning, and type that doubles for a projector."""

import os
import subprocess
import sys

import matplotlib
import numpy as np
import pytest

from em_inverse import plotting
from em_inverse.errors import ParameterError
from em_inverse.plotting.style import present_mode, role


@pytest.fixture(autouse=True)
def settings_restored():
    with matplotlib.rc_context():
        yield
        plotting.use(present=False)


def test_every_role_has_its_own_look():
    roles = set(plotting.COLOURS)
    assert roles == set(plotting.LINESTYLES) == set(plotting.MARKERS) == set(plotting.LABELS)
    assert len(set(plotting.COLOURS.values())) == len(roles)
    assert len(set(plotting.MARKERS.values())) == len(roles)
    # The measurement is told from the truth by points or a thin line; all others by dashes.
    dashed = {k: v for k, v in plotting.LINESTYLES.items() if k != "measurement"}
    assert len(set(map(str, dashed.values()))) == len(dashed)


def test_colours_are_those_promised():
    palette = plotting.OKABE_ITO
    promised = {
        "truth": "black",
        "naive": "vermillion",
        "tikhonov": "blue",
        "tv": "orange",
        "l1": "bluish green",
        "algebraic": "sky blue",
        "learned": "reddish purple",
    }
    assert {name: palette[colour] for name, colour in promised.items()}.items() <= (
        plotting.COLOURS.items()
    )
    r, g, b = matplotlib.colors.to_rgb(plotting.COLOURS["measurement"])
    assert r == g == b


@pytest.mark.parametrize("name", [plotting.GREY, plotting.SEQUENTIAL])
def test_maps_of_amounts_survive_greyscale(name):
    rgb = matplotlib.colormaps[name](np.linspace(0, 1, 256))[:, :3]
    lightness = rgb @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) > -1e-3).all()
    assert lightness[-1] - lightness[0] > 0.5


def test_the_diverging_map_is_palest_at_zero():
    rgb = matplotlib.colormaps[plotting.DIVERGING](np.linspace(0, 1, 257))[:, :3]
    assert rgb.sum(axis=1).argmax() == pytest.approx(128, abs=2)


def test_methods_have_the_look_of_their_family():
    assert role("sirt") == ("algebraic", "SIRT")
    assert role("cgls")[0] == role("mlem")[0] == "algebraic"
    assert role("wbp") == ("naive", "WBP")
    assert role("sparse") == ("l1", "L1")
    assert role("tv") == ("tv", "total variation")
    with pytest.raises(ParameterError, match=r"role is 'bayes'; allowed: 'truth'"):
        role("bayes")


SIZES = [
    "font.size",
    "figure.titlesize",
    "axes.titlesize",
    "axes.labelsize",
    "xtick.labelsize",
    "ytick.labelsize",
    "legend.fontsize",
]


def test_type_is_legible_and_doubles():
    with plotting.style():
        small = {key: matplotlib.rcParams[key] for key in SIZES}
        assert 80 <= matplotlib.rcParams["figure.dpi"] <= 110
    with plotting.style(present=True):
        assert present_mode()
        large = {key: matplotlib.rcParams[key] for key in SIZES}
    assert min(small.values()) >= 9
    assert large == {key: 2 * size for key, size in small.items()}


def test_style_leaves_no_trace():
    before = dict(matplotlib.rcParams)
    with pytest.raises(RuntimeError), plotting.style(present=True):
        raise RuntimeError
    assert dict(matplotlib.rcParams) == before
    assert not present_mode()


def test_use_lasts_until_the_next():
    plotting.use(present=True)
    with plotting.style():
        assert matplotlib.rcParams["font.size"] == 20
    with plotting.style(present=False):
        assert matplotlib.rcParams["font.size"] == 10
    assert matplotlib.rcParams["font.size"] == 20
    plotting.use()
    assert matplotlib.rcParams["font.size"] == 10
    assert not present_mode()


def test_importing_plotting_does_not_import_matplotlib():
    code = "import sys, em_inverse.plotting; print('matplotlib' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


def test_drawing_does_not_import_pyplot():
    code = (
        "import sys; from em_inverse import plotting as p; "
        "p.show(p.fourier_coverage([0, 60], title='Two'), alt='Two lines.'); "
        "print('matplotlib.pyplot' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines() == ["Figure: Two lines.", "False"]


@pytest.mark.parametrize(("value", "large"), [("1", "True"), ("0", "False"), ("", "False")])
def test_a_lecturers_kernel_starts_with_large_type(value, large):
    program = "from em_inverse.plotting.style import present_mode; print(present_mode())"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "EM_INVERSE_PRESENT": value},
    )
    assert done.stdout.strip() == large
