"""Axes, units and angles as files state them."""

from pathlib import Path

import numpy as np
import pytest

from em_inverse.errors import FileFormatError
from em_inverse.io.calibration import Axis, plausible_angles, stack_from_axes
from em_inverse.io.units import degrees_per_unit, is_reciprocal, nm_per_unit

FILE = Path("a.x")
STACK = np.arange(60.0).reshape(3, 4, 5)
PIXELS = [Axis("y", "nm", 2.0), Axis("x", "nm", 2.0)]


@pytest.mark.parametrize(
    ("unit", "nm"),
    [
        ("m", 1e9),
        ("mm", 1e6),
        ("µm", 1e3),
        ("μm", 1e3),
        ("[u_m]", 1e3),
        ("Micrometers", 1e3),
        (" nm ", 1.0),
        ("\u00c5", 0.1),
        ("\u212b", 0.1),
        ("A", 0.1),
        ("a", None),
        ("Angstroms", 0.1),
        ("pm", 1e-3),
        ("px", None),
        ("", None),
        ("1/nm", None),
    ],
)
def test_lengths(unit, nm):
    assert nm_per_unit(unit) == nm


def test_angles_and_reciprocals():
    assert degrees_per_unit("radians") == pytest.approx(57.29577951)
    assert degrees_per_unit("mrad") == pytest.approx(0.05729577951)
    assert degrees_per_unit("s") is None
    assert [is_reciprocal(unit) for unit in ("1/Å", "nm^-1", "mrad", "m")] == [True] * 3 + [False]


def test_tilts_come_from_the_only_axis_that_can_count_them():
    both = [Axis("a", "deg", 1.0), Axis("b", "deg", 1.0), Axis("x", "nm", 2.0)]
    assert stack_from_axes(STACK, both, FILE).angles_deg is None
    named = [Axis("theta", "", 5.0, -5.0), *PIXELS]
    assert stack_from_axes(STACK, named, FILE).angles_deg.tolist() == [-5.0, 0.0, 5.0]
    scattering = [Axis("n"), Axis("qy", "mrad", 1.0), Axis("qx", "mrad", 1.0)]
    stack = stack_from_axes(STACK, scattering, FILE)
    assert stack.angles_deg is None
    assert stack.pixel_size_nm is None
    assert "diffraction" in stack.notes[0]


def test_stated_angles_come_before_those_of_the_axis():
    axes = [Axis("tilt", "deg", 1.0), *PIXELS]
    stack = stack_from_axes(STACK, axes, FILE, stated=(np.array([1.0, 5.0, 6.0]), "a list"))
    assert stack.angles_deg.tolist() == [1.0, 5.0, 6.0]
    assert stack.angle_source == "a list"


def test_pixel_size_from_listed_positions_and_of_unequal_edges():
    listed = [Axis(), Axis("y", "nm", values=np.arange(4) * 3.0), Axis("x", "nm", 2.0)]
    stack = stack_from_axes(STACK, listed, FILE)
    assert stack.pixel_size_nm == 2.0
    assert "3 nm along a column" in stack.notes[0]


@pytest.mark.parametrize(
    ("values", "count"),
    [
        ([1, 2], 3),
        ([1, np.nan], 2),
        ([0, 500], 2),
        ([1, 1], 2),
        (["a", "b"], 2),
        ([[1], [2, 3]], 2),
    ],
)
def test_what_cannot_be_angles(values, count):
    assert plausible_angles(values, count) is None


@pytest.mark.parametrize("data", [np.ones(3), np.ones((1, 2, 3, 4)), STACK + 1j, np.ones((0, 2))])
def test_arrays_that_are_no_images(data):
    with pytest.raises(FileFormatError, match="real numbers with axes"):
        stack_from_axes(data, [Axis()] * data.ndim, FILE)
