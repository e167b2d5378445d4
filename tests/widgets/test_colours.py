import numpy as np
import pytest

from em_inverse.errors import ParameterError
from em_inverse.widgets.colours import TABLES, table


@pytest.mark.parametrize("name", TABLES)
def test_a_table_runs_from_its_first_to_its_last_control_point(name):
    colours = table(name)
    assert colours.shape == (256, 3)
    assert colours.dtype == np.uint8
    assert tuple(colours[0]) == TABLES[name][0]
    assert tuple(colours[-1]) == TABLES[name][-1]


def test_doses_survive_a_greyscale_printer():
    lightness = table("dose") @ [0.299, 0.587, 0.114]
    assert np.all(np.diff(lightness) > -0.6)
    assert lightness[-1] - lightness[0] > 150


def test_zero_looks_like_nothing_in_a_difference():
    assert table("difference")[127:129].min() >= 250


def test_unknown_tables_are_named():
    with pytest.raises(ParameterError, match=r"'jet'.*'grey'"):
        table("jet")
