"""Week 9, exercise 1: how the image pulls at the maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from em_inverse.checks import week09_pictures as pictures
from em_inverse.checks import week09_reference as reference
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.trial import Case, Misconception

__all__ = ["image_gradient"]

_TOLERANCE = 1e-5
_STEP = 1e-5


def _cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    """Two to four elements; residuals of both signs, and Z that is nowhere 1."""
    cases: list[Case] = []
    for index, (rows, columns) in enumerate(sizes):
        n = 2 + index % 3
        x = rng.uniform(0.4, 1.6, (n, rows, columns))
        Z = rng.uniform(0.3, 0.9, n)
        gamma = float(rng.uniform(1.4, 1.9))
        image = np.sum((Z[:, None, None] * x) ** gamma, axis=0)
        cases.append(
            {"x": x, "Z": Z, "gamma": gamma, "b": image * rng.uniform(0.5, 1.5, x[0].shape)}
        )
    return cases


def _image(case: Case, x: np.ndarray) -> np.ndarray:
    return np.asarray(np.sum((case["Z"][:, None, None] * x) ** case["gamma"], axis=0))


def _rests_at_a_fit(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    if np.abs(call(b=_image(case, case["x"]))).max() < _TOLERANCE:
        return None
    return (
        "Where h(x) = b the image is explained, and nothing pulls: the gradient must be zero. "
        "Yours is not."
    )


def _leaves_empty_pixels(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    x = case["x"].copy()
    x[0] = 0
    if np.abs(call(x=x)[0]).max() < _TOLERANCE:
        return None
    return (
        "Where there is nothing of an element, its part of the gradient must vanish: (Z x)^(γ − 1) "
        "is zero at x = 0."
    )


def _is_the_slope(case: Case, g: np.ndarray, _: Callable[..., np.ndarray]) -> str | None:
    x, way = case["x"], np.cos(np.arange(case["x"].size)).reshape(case["x"].shape)
    up, down = (np.sum((_image(case, x + s * way) - case["b"]) ** 2) for s in (_STEP, -_STEP))
    slope = float(up - down) / (2 * _STEP)
    if abs(float(np.vdot(g, way)) - slope) < 1e-4 * max(abs(slope), float(np.linalg.norm(g))):
        return None
    return (
        f"A small step changes the sum of squares by {slope:.4g} per unit of the step, but your "
        f"gradient foretells {float(np.vdot(g, way)):.4g}."
    )


def _wrong(
    slope: Callable[[np.ndarray, np.ndarray, float], np.ndarray],
    residual: Callable[[np.ndarray, float, np.ndarray], np.ndarray] | None = None,
    factor: float = 2.0,
) -> Callable[..., np.ndarray]:
    """Return factor · residual · slope; `slope` gets x, Z (as a column) and γ."""

    def rule(x: np.ndarray, Z: np.ndarray, gamma: float, b: np.ndarray) -> np.ndarray:
        column = Z[:, None, None]
        left = np.sum((column * x) ** gamma, axis=0) - b
        if residual is not None:
            left = residual(column * x, gamma, b)
        return np.asarray(factor * left * slope(x, column, gamma))

    return rule


def _right_slope(x: np.ndarray, Z: np.ndarray, gamma: float) -> np.ndarray:
    return np.asarray(gamma * Z * (Z * x) ** (gamma - 1))


def _sum_first(x: np.ndarray, Z: np.ndarray, gamma: float, b: np.ndarray) -> np.ndarray:
    column = Z[:, None, None]
    total = np.sum(column * x, axis=0)
    return np.asarray(2 * (total**gamma - b) * gamma * total ** (gamma - 1) * column)


def _linear_law(x: np.ndarray, Z: np.ndarray, gamma: float, b: np.ndarray) -> np.ndarray:
    weight = Z[:, None, None] ** gamma
    return np.asarray(2 * (np.sum(weight * x, axis=0) - b) * weight * np.ones_like(x))


image_gradient = Exercise(
    "image_gradient",
    "Write image_gradient(x, Z, gamma, b): the gradient of ‖h(x) − b‖² (the sum over all pixels) "
    "with respect to the maps x[element, row, column], where h(x) = Σ (Z x)^γ sums over the "
    "elements, Z has one number per element, and b is the image. It has the shape of x.",
    reference=reference.image_gradient,
    cases=_cases,
    sizes=[(3, 4), (5, 2), (4, 4)],
    properties=[
        Property("zero where the image fits", _rests_at_a_fit),
        Property("nothing pulls at an empty pixel", _leaves_empty_pixels),
        Property("the slope of the sum of squares", _is_the_slope),
    ],
    misconceptions=[
        Misconception(
            "half",
            _wrong(_right_slope, factor=1.0),
            "Your gradient is half of the one asked for: the square brings a factor of 2. (It "
            "would be right for ½‖h(x) − b‖², as other texts write it.)",
            "The derivative of r² is 2 r times the derivative of r.",
            credit=0.5,
        ),
        Misconception(
            "Z not taken along",
            _wrong(lambda x, Z, gamma: gamma * (Z * x) ** (gamma - 1)),
            "The inner derivative is missing: Z x changes by Z when x changes by 1, so a factor Z "
            "belongs in front.",
            "Chain rule: the derivative of (Z x)^γ is γ (Z x)^(γ − 1) times Z.",
            credit=0.5,
        ),
        Misconception(
            "gamma not taken along",
            _wrong(lambda x, Z, gamma: Z * (Z * x) ** (gamma - 1)),
            "The exponent did not come down: the derivative of u^γ is γ u^(γ − 1).",
            "A factor γ is missing.",
            credit=0.5,
        ),
        Misconception(
            "exponent not lowered",
            _wrong(lambda x, Z, gamma: gamma * Z * (Z * x) ** gamma),
            "Your exponent is γ still; differentiating lowers it to γ − 1.",
            "The derivative of u^γ is γ u^(γ − 1).",
        ),
        Misconception(
            "one taken off the power",
            _wrong(lambda x, Z, gamma: gamma * Z * ((Z * x) ** gamma - 1)),
            "You subtract 1 from the power, (Z x)^γ − 1, where 1 belongs off the exponent. (A "
            "printed version of this formula has the same slip.)",
            "Brackets: (Z * x) ** (gamma - 1).",
        ),
        Misconception(
            "sign",
            _wrong(_right_slope, factor=-2.0),
            "The sign is turned: your residual is b − h(x). A step against this gradient would "
            "make the misfit larger.",
            "Write the residual as model minus data.",
            credit=0.5,
        ),
        Misconception(
            "no residual",
            _wrong(_right_slope, lambda Zx, gamma, b: np.ones_like(b), 1.0),
            "This is the derivative of the image h(x), not of its squared distance from b: the "
            "data are not used.",
            "Multiply by 2 (h(x) − b), pixel by pixel.",
        ),
        Misconception(
            "image instead of residual",
            _wrong(_right_slope, lambda Zx, gamma, b: np.sum(Zx**gamma, axis=0)),
            "The measured image b is never subtracted.",
            "The residual is h(x) − b.",
        ),
        Misconception(
            "each element alone",
            _wrong(_right_slope, lambda Zx, gamma, b: Zx**gamma - b),
            "Every element compares its own brightness with the whole image. The image sees their "
            "sum: there is one residual per pixel, shared by all elements.",
            "Sum over the elements (axis 0) before b is subtracted.",
        ),
        Misconception(
            "power of the sum",
            _sum_first,
            "You raise the sum of all Z x to the power γ. The law sums the powers: "
            "(Z₁ x₁)^γ + (Z₂ x₂)^γ + …",
            "First the power, then the sum over axis 0.",
        ),
        Misconception(
            "linear law",
            _linear_law,
            "This is the gradient for the other law, Σ Z^γ x, which is linear in thickness. Here "
            "the exponent acts on Z x as a whole.",
            "Differentiate (Z x)^γ, not Z^γ x.",
        ),
    ],
    hints=[
        "One residual per pixel, shared by all elements; one slope per element and pixel.",
        "2 (h(x) − b) times ∂h/∂x, and ∂h/∂x = γ Z (Z x)^(γ − 1).",
        "Z[:, None, None] * x lets one number per element meet its map.",
    ],
    picture=pictures.image_gradient,
    takeaway="One residual pulls at all elements at once, and hardest at the bright ones: of which "
    "element a pixel is made, the image cannot say.",
    points=2,
)
