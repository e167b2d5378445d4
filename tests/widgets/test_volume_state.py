import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from em_inverse.errors import ParameterError
from em_inverse.widgets.volume_state import AXES, MODES, check_view, opacity_ramp, opening_view

SHARES = st.floats(0, 1)
VIEWS = st.fixed_dictionaries(
    {},
    optional={
        "mode": st.sampled_from(MODES),
        "table": st.sampled_from(["grey", "dose"]),
        "iso": SHARES,
        "opacity": st.lists(st.tuples(SHARES, SHARES), min_size=2, max_size=12),
        "clip": st.dictionaries(
            st.sampled_from(AXES), st.tuples(st.floats(0, 0.4), st.floats(0.6, 1))
        ),
        "slices": st.fixed_dictionaries({}, optional={"shown": st.booleans(), "x": SHARES}),
        "camera": st.fixed_dictionaries(
            {},
            optional={
                "azimuth_deg": st.floats(-180, 180),
                "elevation_deg": st.floats(-90, 90),
                "zoom": st.floats(0.2, 20),
                "pan": st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
            },
        ),
    },
)


@given(VIEWS)
def test_a_view_survives_a_file(changes):
    view = check_view(changes, opening_view())
    back = json.loads(json.dumps(view))
    assert check_view(back, opening_view()) == view
    assert set(view) == set(opening_view())


def test_neither_argument_is_changed():
    current, changes = opening_view(), {"camera": {"pan": [1, 1]}, "opacity": [[1, 1], [0, 0]]}
    kept = copy.deepcopy(changes)
    view = check_view(changes, current)
    assert current == opening_view()
    assert changes == kept
    assert view["camera"]["pan"] == [1.0, 1.0]
    assert view["camera"]["zoom"] == 1.0
    assert view["opacity"] == [[0.0, 0.0], [1.0, 1.0]]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mod": "iso"}, "view has no entry 'mod'"),
        ({"mode": "x-ray"}, "mode is 'x-ray'"),
        ({"table": "difference"}, "table is 'difference'"),
        ({"iso": 1.5}, "iso is 1.5"),
        ({"camera": {"zoom": 0}}, "zoom is 0"),
        ({"camera": {"elevation_deg": 91}}, "elevation_deg is 91"),
        ({"camera": {"pan": [1]}}, r"pan is \[1\]"),
        ({"camera": [1, 2]}, "camera is"),
        ({"clip": {"w": [0, 1]}}, "clip has no entry 'w'"),
        ({"clip": {"x": [0.5, 0.5]}}, r"clip\['x'\] is"),
        ({"slices": {"shown": 1}}, r"slices\['shown'\] is 1"),
        ({"slices": {"y": -0.1}}, r"slices\['y'\] is -0.1"),
        ({"opacity": [[0, 0]]}, "opacity has 1 points"),
        ({"opacity": [[0, 0], [2, 0]]}, "opacity is 2"),
        ({"opacity": "steep"}, "opacity is 'steep'"),
    ],
)
def test_what_is_no_view_is_refused(changes, words):
    with pytest.raises(ParameterError, match=words):
        check_view(changes, opening_view())


@given(st.floats(0.02, 0.98))
def test_a_ramp_starts_below_the_cut_and_is_a_view(cut):
    ramp = opacity_ramp(cut)
    assert ramp[0][0] < cut < ramp[1][0] < 1
    assert check_view({"opacity": ramp}, opening_view())["opacity"] == ramp
