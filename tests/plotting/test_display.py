"""show(): one picture with its alternative text, one caption, nothing else, the same every time."""

import base64
import io

import numpy as np
import pytest
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from PIL import Image

from em_inverse import plotting
from em_inverse.errors import ParameterError
from em_inverse.plotting.display import png


@pytest.fixture
def shell(monkeypatch, tmp_path):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(display_pub_class=CapturingDisplayPublisher, history_length=0)
    shell.history_manager.enabled = False
    yield shell
    InteractiveShell.clear_instance()


def draw():
    return plotting.profiles(None, {"truth": [0, 1, 0], "tv": [0, 0.9, 0]}, title="Nearly right")


def test_bundle_in_a_notebook(shell):
    assert plotting.show(draw(), alt="Two <peaks>\n  that agree.") is None
    picture, caption = shell.display_pub.outputs
    assert set(picture["data"]) == {"image/png", "text/plain"}
    assert picture["metadata"] == {"image/png": {"alt": "Two <peaks> that agree."}}
    bytes_ = base64.b64decode(picture["data"]["image/png"])
    with Image.open(io.BytesIO(bytes_)) as image:
        assert image.size == (774, 306)
    assert caption["data"] == {
        "text/html": "<p><em>Two &lt;peaks&gt; that agree.</em></p>",
        "text/plain": "Figure: Two <peaks> that agree.",
    }


def test_a_dot_where_only_words_are_read(shell, monkeypatch):
    monkeypatch.setenv("EM_INVERSE_PICTURES", "none")
    plotting.show(draw(), alt="A peak.")
    picture, caption = shell.display_pub.outputs
    with Image.open(io.BytesIO(base64.b64decode(picture["data"]["image/png"]))) as image:
        assert image.size == (1, 1)
        assert image.getpixel((0, 0)) == 255
    assert caption["data"]["text/plain"] == "Figure: A peak."


def test_a_cell_leaves_no_value_and_repeats_exactly(shell):
    shell.push({"draw": draw, "show": plotting.show})
    results = [shell.run_cell("show(draw(), alt='A peak.')") for _ in range(2)]
    assert [result.success for result in results] == [True, True]
    assert [result.result for result in results] == [None, None]
    outputs = shell.display_pub.outputs
    assert len(outputs) == 4
    assert outputs[:2] == outputs[2:]


def test_a_figure_of_pyplot_is_closed(shell):
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    fig = plt.figure()
    kept = plt.figure()
    plotting.show(fig, alt="Nothing yet.")
    assert plt.get_fignums() == [kept.number]
    plt.close(kept)


def test_a_plain_script_prints_the_sentence(capsys, monkeypatch):
    InteractiveShell.clear_instance()
    assert plotting.show(draw(), alt="A peak.") is None
    assert capsys.readouterr().out == "Figure: A peak.\n"


@pytest.mark.parametrize("alt", ["", "  \n", None])
def test_empty_alternative_text_is_refused(alt, shell):
    with pytest.raises(ParameterError, match="alt is"):
        plotting.show(draw(), alt=alt)
    assert shell.display_pub.outputs == []


def test_png_repeats_and_names_no_software():
    first, second = png(draw()), png(draw())
    assert first == second
    assert b"Software" not in first
    assert b"matplotlib" not in first.lower()


@pytest.mark.parametrize("kind", ["few colours", "many colours"])
def test_stored_colours_are_the_drawn_ones(kind):
    """Few colours are stored as a palette, many as they are; the eye must not tell either."""

    def make():
        rng = np.random.default_rng(0)
        if kind == "few colours":
            return plotting.images([rng.random((64, 64))], ["noise"], title="Grey noise")
        return plotting.signed_difference(rng.standard_normal((90, 90)), title="Coloured noise")

    stored, drawn = png(make()), io.BytesIO()
    fig = make()
    with plotting.style():
        fig.draw_without_rendering()
        fig.savefig(drawn, format="png")
    with Image.open(io.BytesIO(stored)) as a, Image.open(drawn) as b:
        assert a.mode == ("P" if kind == "few colours" else "RGB")
        difference = np.abs(np.asarray(a.convert("RGB"), int) - np.asarray(b.convert("RGB"), int))
    assert difference.mean() < 0.05
