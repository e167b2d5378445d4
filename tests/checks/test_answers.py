"""Reading answers, comparing them, and looking at functions without calling them."""

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from em_inverse.checks.answers import distance, has_empty_body, read, same, signature_fault

VECTOR = np.zeros(3)
NUMBER = np.zeros(())


@pytest.mark.parametrize("value", [[1, 2, 3], (1, 2.5, 3), np.arange(3), np.float32([1, 2, 3])])
def test_reads_vectors(value):
    array, fault = read(value, VECTOR)
    assert fault == ""
    assert array.dtype == np.float64
    assert array.tolist() == list(value)


@pytest.mark.parametrize("value", [2, 2.0, np.float32(2), np.array(2.0), np.array([2.0]), [[2]]])
def test_reads_numbers(value):
    array, fault = read(value, NUMBER)
    assert (float(array), array.shape, fault) == (2.0, (), "")


@pytest.mark.parametrize(
    ("value", "like", "words"),
    [
        (None, VECTOR, "`return` missing"),
        ("abc", VECTOR, "type str"),
        ({"x": 1}, VECTOR, "type dict"),
        ((i for i in range(3)), VECTOR, "type generator"),
        (np.zeros((3, 1)), VECTOR, "shape (3, 1), but shape (3,)"),
        (np.zeros((1, 3)), VECTOR, "shape (1, 3), but shape (3,)"),
        (np.zeros((3, 3)), VECTOR, "Does a * stand where @"),
        (np.zeros(1), VECTOR, "Does its `return` stand inside a loop"),
        (1.0, VECTOR, "a single number, but shape (3,)"),
        (np.zeros(2), NUMBER, "shape (2,), but a single number"),
        (np.zeros(3, complex), VECTOR, "complex"),
        (1j, NUMBER, "complex"),
        ([1, "a", 2], VECTOR, "cannot be read as shape (3,)"),
        (np.array([1, None, 2]), VECTOR, "cannot be read as shape (3,)"),
        (([1, 2, 3], 0.5), VECTOR, "a tuple that cannot be read as shape (3,)"),
        (np.array([True, False, True]), VECTOR, "bool values"),
        ([1, np.nan, np.inf], VECTOR, "2 of the 3 values"),
        (float("nan"), NUMBER, "1 of the 1 values"),
    ],
)
def test_says_what_is_wrong(value, like, words):
    array, fault = read(value, like)
    assert array is None
    assert words in fault


def test_a_mask_may_hold_true_and_false():
    array, fault = read([True, False], np.array([0.0, 1.0]))
    assert not fault
    assert array.dtype == float
    np.testing.assert_array_equal(array, [1, 0])
    assert read([True, False], np.array([0.0, 2.0]))[0] is None
    assert read(True, np.array(1.0))[0] is None


def test_objects_that_bite_are_refused():
    class Biting:
        def __array__(self, *args, **kwargs):
            raise RuntimeError

        @property
        def __class__(self):
            raise RuntimeError

    assert "type Biting" in read(Biting(), VECTOR)[1]
    assert read([Biting()], VECTOR)[0] is None


def test_distance_is_relative_and_copes_with_zero():
    assert distance(np.array([3.0]), np.array([2.0])) == 0.5
    assert distance(np.zeros(2), np.zeros(2)) == 0
    assert distance(np.ones(2), np.zeros(2)) == np.inf


@given(arrays(float, 4, elements=st.floats(-1e3, 1e3)))
def test_everything_is_the_same_as_itself_and_not_as_its_neighbour(x):
    assert same(x, x.copy(), 0.0)
    assert not same(x + 0.1 * (1 + np.abs(x).max()), x, 1e-3)


def test_nothing_and_other_shapes_are_never_the_same():
    assert not same(None, VECTOR, 1.0)
    assert not same(VECTOR, None, 1.0)
    assert not same(np.zeros(2), np.zeros(3), 1.0)


def _only_doc(H):
    """Say nothing."""


def _only_ellipsis(H): ...


def _returns_none(H):
    return None


def _closure(c):
    def inner(H):
        """Hold c."""

    return inner


@pytest.mark.parametrize("func", [_only_doc, _only_ellipsis, _returns_none, _closure(1)])
def test_empty_bodies(func):
    assert has_empty_body(func)


def _returns_zero(H):
    return 0


def _computes(H):
    H + 1


def _uses_closure(c):
    return lambda H: c


@pytest.mark.parametrize("func", [_returns_zero, _computes, _uses_closure(1), len, None, 3, object])
def test_bodies_that_are_not_empty(func):
    assert not has_empty_body(func)


@pytest.mark.parametrize(
    "func",
    [
        lambda H, y, lam: 0,
        lambda *args: 0,
        lambda A, b, mu=1.0: 0,
        lambda H, y, lam, extra=2: 0,
        functools.partial(lambda k, H, y, lam: 0, 1),
        np.add.reduce,
        np.clip,
    ],
)
def test_signatures_that_fit(func):
    assert signature_fault(func, ["H", "y", "lam"]) == ""


def test_signatures_that_do_not_fit_are_quoted_without_defaults():
    anything = object()

    def func(H, *, y, lam=anything):
        return H

    fault = signature_fault(func, ["H", "y", "lam"])
    assert fault.startswith("It takes (H, y by name only, lam by name only)")
    assert "(H, y, lam)" in fault
    assert "0x" not in fault
    assert "(H, **more)" in signature_fault(lambda H, **more: 0, ["H", "y"])
