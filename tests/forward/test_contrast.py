"""HAADF contrast: values by hand, derivatives by differences, one transposed to the other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from em_inverse.errors import DataError, ParameterError
from em_inverse.forward.contrast import LinearThickness, PowerLaw
from em_inverse.forward.elements import ATOMIC_NUMBERS, SYMBOLS, atomic_number, atomic_numbers

laws = st.builds(
    lambda law, gamma, normalise: law(["O", "Fe", "Au"], gamma, normalise=normalise),
    st.sampled_from([PowerLaw, LinearThickness]),
    st.floats(1.0, 2.2),
    st.booleans(),
)


def random_maps(seed, low=0.2):
    return np.random.default_rng(seed).uniform(low, 1.5, (3, 4, 5))


@given(laws, st.integers(0, 2**32 - 1))
def test_jvp_is_the_central_difference(law, seed):
    x = random_maps(seed)
    dx = np.random.default_rng(seed + 1).standard_normal(x.shape)
    h = 1e-5
    difference = (law(x + h * dx) - law(x - h * dx)) / (2 * h)
    slope = law.jvp(x, dx)
    assert np.linalg.norm(difference - slope) <= 1e-6 * np.linalg.norm(slope)


@given(laws, st.integers(0, 2**32 - 1))
def test_vjp_is_the_gradient_by_central_differences(law, seed):
    x = random_maps(seed)
    v = np.random.default_rng(seed + 2).standard_normal(x.shape[1:])
    h = 1e-5
    gradient = np.empty_like(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = h
        gradient[index] = np.sum(v * (law(x + step) - law(x - step))) / (2 * h)
    found = law.vjp(x, v)
    assert np.linalg.norm(gradient - found) <= 1e-6 * np.linalg.norm(found)


@given(laws, st.integers(0, 2**32 - 1))
def test_vjp_is_the_transpose_of_jvp(law, seed):
    x = random_maps(seed, low=0.0)
    rng = np.random.default_rng(seed + 3)
    dx, v = rng.standard_normal(x.shape), rng.standard_normal(x.shape[1:])
    left, right = np.sum(law.jvp(x, dx) * v), np.sum(dx * law.vjp(x, v))
    assert left == pytest.approx(right, rel=1e-11, abs=1e-9)


def test_values_by_hand():
    x = np.array([[1.0, 2.0], [0.5, 0.0]])
    assert PowerLaw([2, 4], 2).forward(x) == pytest.approx([4 + 4, 16])
    assert LinearThickness([2, 4], 2)(x) == pytest.approx([4 + 8, 8])


def test_the_laws_disagree_about_thickness():
    x = np.full((1, 3), 0.7)
    assert PowerLaw(["Au"])(2 * x) == pytest.approx(2**1.7 * PowerLaw(["Au"])(x))
    assert LinearThickness(["Au"])(2 * x) == pytest.approx(2 * LinearThickness(["Au"])(x))
    one = np.ones((1, 3))
    assert PowerLaw(["Au"])(one) == pytest.approx(LinearThickness(["Au"])(one))


@pytest.mark.parametrize("law", [PowerLaw, LinearThickness])
def test_normalising_changes_the_unit_only(law):
    x = random_maps(0)
    raw, scaled = law(["O", "Fe", "Au"]), law(["O", "Fe", "Au"], normalise=True)
    assert raw(x) == pytest.approx(79**1.7 * scaled(x))
    assert scaled([[0.0], [0.0], [1.0]]) == pytest.approx([1.0])


def test_an_empty_pixel_has_no_slope_under_the_power_law():
    x = np.zeros((2, 3))
    assert (PowerLaw([8, 26], 1.7).vjp(x, np.ones(3)) == 0).all()
    assert PowerLaw([8, 26], 1.0).vjp(x, np.ones(3))[:, 0] == pytest.approx([8, 26])
    assert (LinearThickness([8, 26]).vjp(x, np.ones(3)) > 0).all()


@pytest.mark.parametrize("law", [PowerLaw, LinearThickness])
def test_float32_stays_and_inputs_survive(law):
    x = random_maps(1).astype(np.float32)
    before = x.copy()
    model = law([8, 26, 79])
    image = model(x)
    assert image.dtype == np.float32
    assert model.vjp(x, image).dtype == np.float32
    assert np.array_equal(x, before)


def test_negative_amounts_are_refused_by_the_power_law_only():
    x = [[0.1, -0.2]]
    for call in (PowerLaw([8]).forward, lambda x: PowerLaw([8]).vjp(x, [1.0, 1.0])):
        with pytest.raises(DataError, match=r"1 negative values \(lowest -0.2\).*np.maximum"):
            call(x)
    assert np.isfinite(LinearThickness([8])(x)).all()
    assert np.isfinite(PowerLaw([8]).jvp([[0.1, 0.2]], x)).all()


@pytest.mark.parametrize("law", [PowerLaw, LinearThickness])
def test_shapes_and_exponents_are_checked(law):
    with pytest.raises(DataError, match=r"\(3, 4\), but there are 2 elements"):
        law([8, 26])(np.ones((3, 4)))
    with pytest.raises(DataError, match="first axis"):
        law([8, 26])(np.ones(2))
    with pytest.raises(DataError, match=r"v has shape \(3,\)"):
        law([8, 26]).vjp(np.ones((2, 4)), np.ones(3))
    with pytest.raises(DataError, match=r"dx has shape \(4,\)"):
        law([8, 26]).jvp(np.ones((2, 4)), np.ones(4))
    with pytest.raises(ParameterError, match=r"gamma is 0\.5"):
        law([8], gamma=0.5)
    assert law.__name__ in repr(law(["Fe"]))
    assert "[26]" in repr(law(["Fe"]))


def test_the_periodic_table():
    assert len(SYMBOLS) == len(set(SYMBOLS)) == 118
    known = {"H": 1, "C": 6, "O": 8, "Si": 14, "Fe": 26, "Co": 27, "Ag": 47, "La": 57, "W": 74}
    known |= {"Pt": 78, "Au": 79, "Pb": 82, "Rn": 86, "U": 92, "Og": 118}
    assert {symbol: ATOMIC_NUMBERS[symbol] for symbol in known} == known


def test_elements_by_symbol_and_number():
    assert list(atomic_numbers(["O", 26, 7.3])) == [8, 26, 7.3]
    for wrong in ("fe", "Xx", 0, 119, True, None):
        with pytest.raises(ParameterError, match="element is"):
            atomic_number(wrong)
    with pytest.raises(ParameterError, match=r"a list is needed, even for one: \['Fe'\]"):
        atomic_numbers("Fe")
    with pytest.raises(ParameterError, match="elements is 26"):
        atomic_numbers(26)
    with pytest.raises(ParameterError, match="empty"):
        atomic_numbers([])
