"""Angles in file names: what is read, what is refused, and that nothing is guessed."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from em_inverse.errors import GeometryError
from em_inverse.io.name_angles import angle_from_name, angles_from_names, stem_of


@pytest.mark.parametrize(
    ("name", "angle"),
    [
        ("needle_-34.0deg.tif", -34.0),
        ("needle_34.0deg.tif", 34.0),
        ("needle_−7degrees.tif", -7.0),
        ("a_34°.png", 34.0),
        ("a_2_deg_001.tif", 2.0),
        ("x--34deg.tif", -34.0),
        ("tilt_m034.png", -34.0),
        ("tiltm34.tif", -34.0),
        ("img_0034_tilt+12.5.tif", 12.5),
        ("tilt_12,5.tif", 12.5),
        ("theta12.25.ome.tif", 12.25),
        ("alpha=-3.mrc", -3.0),
        ("tilt_angle_-3.dm3", -3.0),
        ("stack_m12p5.tif", -12.5),
        ("stack_p12p5.tif", 12.5),
        ("needle_+34", 34.0),
        ("needle.m34.tif", -34.0),
        ("sample_minus34.tif", -34.0),
        ("sample_pos_34.tif", 34.0),
        ("2024-05-12_tilt_p10.mrc", 10.0),
        ("S1_tilt_-5_001.tif", -5.0),
        ("folder_+3/needle_-4.tif", -4.0),
    ],
)
def test_what_is_read(name, angle):
    assert angle_from_name(name) == angle


@pytest.mark.parametrize(
    "name",
    [
        "tilt_034.tif",
        "img-0034.tif",
        "img_0001.tif",
        "2024-05-12.tif",
        "mag20kx_m12nm.tif",
        "run_m1_tilt_034.tif",
        "a_+1234.tif",
        "2024.05.12_+400.tif",
        "needle.tif",
        "a_1e5.tif",
        "atilt12.5.tif",
        "degree_of_order_3.tif",
    ],
)
def test_what_is_no_angle(name):
    assert angle_from_name(name) is None


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("needle-34deg.tif", "a minus sign or a dash"),
        ("tilt-12.5.tif", "a minus sign or a dash"),
        ("img.0034.12.5deg.tif", "several decimal marks"),
        ("needle_2deg_-34deg.tif", r"several numbers.*'2deg', '-34deg'"),
        ("a_+3_-4.tif", "several numbers"),
    ],
)
def test_what_is_refused(name, why):
    with pytest.raises(GeometryError, match=rf"(?s){re.escape(name)}.*{why}.*angles\.txt"):
        angle_from_name(name)


def test_other_names_settle_hyphens_and_bare_numbers():
    assert angle_from_name("needle-34deg.tif", ["needle+2deg.tif"]) == -34
    assert angle_from_name("needle-34deg.tif", ["needle--2deg.tif"]) == 34
    assert angle_from_name("needle-34.tif", ["needle+2.tif"]) == -34
    assert angle_from_name("needle-34.tif", ["needle2.tif"]) is None
    assert angle_from_name("tilt_034.tif", ["tilt_m034.tif"]) == 34
    with pytest.raises(GeometryError, match="dash"):
        angle_from_name("needle-34deg.tif", ["needle--2deg.tif", "needle+2deg.tif"])


@pytest.mark.parametrize(
    ("names", "angles"),
    [
        (["tilt-2", "tilt0", "tilt2"], [-2, 0, 2]),
        (["n-34deg", "n--34deg"], [34, -34]),
        (["stack_m02", "stack_000", "stack_p02"], [-2, 0, 2]),
        (["img_0001_tilt+0.0.tif", "img_0002_tilt-2.0.tif"], [0, -2]),
        (["needle_2deg_-34deg", "needle_2deg_-32deg"], [-34, -32]),
        (["2024-05-12_x+1", "2024-05-12_x-1"], [1, -1]),
        (["a_3deg.tif"], [3]),
        (["img_001", "img_002"], None),
        (["img-001", "img-002"], None),
        (["run_m1_001", "run_m1_002"], None),
        (["a_3deg_x", "a_3deg_y"], None),
    ],
)
def test_series_of_names(names, angles):
    found = angles_from_names(names)
    assert angles == (found and [one.angle_deg for one in found])


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["tilt-2", "tilt-0", "tilt-4"], "dash"),
        (["a_-3deg", "a_0deg", "b"], r"1 of 3 file names state no tilt angle \('b'\)"),
        (["a_1deg_2deg", "a_2deg_3deg"], "several numbers"),
        (["a_1deg", "b_2deg"], "same place"),
    ],
)
def test_series_of_names_that_are_refused(names, why):
    with pytest.raises(GeometryError, match=rf"{why}.*Pass angles="):
        angles_from_names(names)


def test_the_place_of_the_angle_is_told():
    (one,) = angles_from_names(["img_0034_tilt+12.5deg_b.tif"])
    assert stem_of("img_0034_tilt+12.5deg_b.tif")[one.start : one.end] == "+12.5deg"
    assert stem_of("a/b.c\\needle.5deg") == "needle.5deg"


PATTERNS = [
    lambda k, a: f"needle_{a:+.1f}deg.tif",
    lambda k, a: f"needle_{a:.1f}deg_{k:03d}.tif",
    lambda k, a: f"img_{k:04d}_tilt_{a:+.2f}.mrc",
    lambda k, a: f"tilt_{'m' if a < 0 else 'p'}{abs(a):04.1f}.png",
    lambda k, a: f"{k} stack_{'m' if a < 0 else 'p'}" + f"{abs(a):.1f}".replace(".", "p") + ".tif",
    lambda k, a: f"2024-05-12_12.30.01_run{k} angle={a:.1f}.dm3",
]


@given(
    st.sampled_from(PATTERNS),
    st.lists(st.integers(-800, 800), min_size=1, max_size=20, unique=True),
)
def test_names_made_after_a_pattern_come_back(pattern, tenths):
    names = [pattern(index, tenth / 10) for index, tenth in enumerate(tenths)]
    assert [one.angle_deg for one in angles_from_names(names)] == [t / 10 for t in tenths]
    assert angle_from_name(names[0]) == tenths[0] / 10


@given(st.lists(st.text("a_-+.p1230 deg", min_size=1, max_size=20), min_size=1, max_size=5))
def test_any_name_is_read_or_refused_with_a_remedy(names):
    try:
        found = angles_from_names(names)
    except GeometryError as error:
        found, said = None, str(error)
    else:
        said = "Pass angles="
    assert "Pass angles=" in said
    assert found is None or all(abs(one.angle_deg) <= 360 for one in found)
