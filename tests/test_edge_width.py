import numpy as np
import pytest

from em_inverse.errors import DataError, ParameterError
from em_inverse.forward import GaussianBlur
from em_inverse.metrics import edge_width
from em_inverse.phantoms import edge_and_ramp


@pytest.mark.parametrize("sigma", [2.0, 3.0, 5.0])
def test_a_gaussian_probe_makes_its_width_of_a_step(sigma):
    step = np.repeat([0.2, 0.8], 60)
    blurred = GaussianBlur((120,), sigma) @ step
    assert edge_width(blurred, 0.2, 0.8) == pytest.approx(2.563 * sigma, rel=0.02)
    assert edge_width(blurred[::-1], 0.2, 0.8) == pytest.approx(edge_width(blurred, 0.2, 0.8))


def test_a_step_is_less_than_a_pixel_and_a_line_is_what_it_is():
    assert edge_width([0, 0, 1, 1], 0, 1) == pytest.approx(0.8)
    assert edge_width(np.linspace(0, 1, 11), 0, 1) == pytest.approx(8.0)


def test_ripples_on_the_plateau_do_not_count():
    assert edge_width([0, 0.5, 1.0, 0.8, 1.1, 0.85, 1.0], 0, 1) == pytest.approx(1.6)


def test_what_holds_no_edge_is_refused():
    with pytest.raises(DataError, match="Cut out more"):
        edge_width([0.0, 0.2, 0.4], 0, 1)
    with pytest.raises(DataError, match="between"):
        edge_width([0.5, 0.7, 1.0], 0, 1)
    with pytest.raises(ParameterError, match="above low"):
        edge_width([0.0, 1.0], 1, 0)


def test_the_wedge_has_one_edge_and_one_ramp():
    x = edge_and_ramp(120, top=2.0)
    assert np.count_nonzero(np.diff(x) > 0) == 1
    assert x[24] - x[23] == 2.0
    assert np.all(np.diff(x[53:103]) < 0)
    assert np.abs(np.diff(x[53:103])).max() < 0.1
    assert x.max() == 2.0
    assert np.all(x[102:] == 0)
