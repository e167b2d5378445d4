import ipywidgets
import pytest
from hypothesis import given
from hypothesis import strategies as st

from em_inverse.errors import ParameterError
from em_inverse.widgets.controls import (
    Choice,
    Control,
    LogSlider,
    Slider,
    Switch,
    check_parameters,
)

SIGMA = Slider("sigma", "probe width σ (px)", 0.5, 6.0, 0.5, 3.0)
NOISE = Slider("noise", "noise (%)", 1, 30, 1, 10)
LAM = LogSlider("lam", "λ", -5, 2, 100, 14)
METHOD = Choice("method", "method", {"tv": "total variation", "naive": "naive inverse"}, "tv")
POSITIVE = Switch("positive", "only x ≥ 0", True)
ALL = (SIGMA, NOISE, LAM, METHOD, POSITIVE)


@pytest.mark.parametrize("control", ALL)
def test_each_makes_a_labelled_widget_at_its_opening_value(control):
    widget = control.widget()
    assert widget.description == control.label
    assert widget.value == pytest.approx(control.opening)
    assert widget.tooltip
    assert all(control.check(end) == pytest.approx(end) for end in control.ends)


def test_whole_steps_make_an_integer_slider():
    assert isinstance(NOISE.widget(), ipywidgets.IntSlider)
    assert isinstance(SIGMA.widget(), ipywidgets.FloatSlider)
    assert isinstance(NOISE.check(7), int)
    assert isinstance(SIGMA.check(2), float)


def test_what_a_page_rounds_is_put_right():
    assert SIGMA.check(3.0000000000000004) == 3.0
    assert LAM.check(9.770099572992e-05) == LAM.opening
    assert LAM.check(100.00000000001) == LAM.ends[1]


@given(st.integers(0, 99))
def test_every_position_of_a_log_slider_is_its_own_nearest(k):
    assert LAM.nearest(LAM.values[k]) == LAM.values[k]


def test_beyond_the_ends_the_nearest_is_the_end():
    assert [LAM.nearest(1e-9), LAM.nearest(1e9)] == LAM.ends


@pytest.mark.parametrize(
    ("control", "value"),
    [(SIGMA, 7), (NOISE, 0), (LAM, 1e-6), (METHOD, "magic"), (POSITIVE, 1), (SIGMA, "wide")],
)
def test_what_a_control_cannot_take_is_refused_by_name(control, value):
    with pytest.raises(ParameterError, match=control.name):
        control.check(value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Slider("a", "a", 0, 1, 0.1, 2),
        lambda: Slider("a", "a", 0, 1, 0, 0),
        lambda: LogSlider("a", "a", 0, 0, 5, 1),
        lambda: LogSlider("a", "a", 0, 1, 5, 5),
        lambda: Choice("a", "a", {"x": "x"}, "y"),
    ],
)
def test_controls_that_contradict_themselves(make):
    with pytest.raises(ParameterError):
        make()


def test_parameters_are_completed_and_checked():
    full = check_parameters(ALL, {"noise": 20})
    assert full == {
        "sigma": 3.0,
        "noise": 20,
        "lam": LAM.opening,
        "method": "tv",
        "positive": True,
    }
    with pytest.raises(ParameterError, match="'sgima'; allowed: sigma"):
        check_parameters(ALL, {"sgima": 1})


def test_the_base_leaves_the_rest_to_its_kinds():
    bare = Control("a", "a")
    for ask in (
        lambda: bare.opening,
        lambda: bare.ends,
        lambda: bare.check(1),
        lambda: bare.widget(),
    ):
        with pytest.raises(NotImplementedError):
            ask()
