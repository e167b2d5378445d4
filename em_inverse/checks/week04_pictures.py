"""The data of week 4's decision, and the pictures that correct answers give."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from em_inverse.checks import week04_reference as reference
from em_inverse.checks.task import Picture

__all__ = [
    "DataSet",
    "blank_noise",
    "data_set",
    "gcv",
    "leave_one_out",
    "residual_share",
    "which_lambda",
]

_LAMBDAS = np.geomspace(1e-4, 1, 33)


class DataSet(NamedTuple):
    """What reached you: data, operator, and a blank frame recorded in the same way.

    Attributes
    ----------
    H : ndarray, shape (m, n)
    y : ndarray, shape (m,)
    blank : ndarray
        A frame without specimen.
    """

    H: np.ndarray
    y: np.ndarray
    blank: np.ndarray


def data_set() -> DataSet:
    """Return the data of the decision: a row of columns whose noise somebody has smoothed."""
    return _lesson()[0]


def residual_share(lam: float, problem: DataSet) -> float:
    """Return ‖Hx − y‖ at λ over the noise norm that the blank frame promises."""
    from em_inverse import deblurring

    H, y, blank = problem
    residual = float(np.linalg.norm(H @ deblurring.tikhonov(H, y, lam) - y))
    return residual / float(reference.blank_noise(blank, y.size))


def blank_noise() -> Picture:
    """Show the blank frame with the band of one standard deviation."""
    from em_inverse import plotting

    data = _lesson()[0]
    sigma = float(np.std(data.blank, ddof=1))
    figure = plotting.profiles(
        None,
        {"measurement": data.blank, "truth": np.full(data.blank.size, data.blank.mean())},
        title="A blank frame: an offset, and noise around it",
        labels={"measurement": "blank frame", "truth": "its mean, the offset"},
    )
    return Picture(
        figure,
        "A blank frame varies around its mean; only the variation is noise.",
        [
            ("σ of one pixel", sigma),
            ("noise norm of 80 pixels", float(reference.blank_noise(data.blank, 80))),
        ],
    )


def gcv() -> Picture:
    """Show the GCV function of a row with white noise."""
    return _score(
        reference.gcv, "GCV", "The GCV function falls, turns and rises: its valley is the choice"
    )


def leave_one_out() -> Picture:
    """Show the leave-one-out error of a row with white noise."""
    return _score(
        reference.leave_one_out,
        "leave-one-out error",
        "Too small a λ predicts badly what it has not seen, and so does too large a one",
    )


def which_lambda() -> Picture:
    """Show the answer at a good λ, without naming the λ."""
    from em_inverse import deblurring, plotting

    data, x_true, _ = _lesson()
    x = deblurring.tikhonov(data.H, data.y, 0.03)
    figure = plotting.profiles(
        None,
        {"truth": x_true, "measurement": data.y, "tikhonov": x},
        title="With a good λ five columns stand apart, heavy and light in turn",
    )
    return Picture(
        figure,
        "The row of five columns, the blurred measurement with slow waves of noise, and a "
        "reconstruction in which all five columns can be told apart.",
        [
            ("residual / noise norm of the blank frame", residual_share(0.03, data)),
            ("highest value", float(x.max())),
        ],
    )


@cache
def _lesson() -> tuple[DataSet, np.ndarray, np.ndarray]:
    """Return the data set, the truth, and the same row with white noise."""
    from em_inverse import noise, problems

    row = problems.column_row()
    sigma = noise.gaussian_sigma(row.y, 0.1)
    y = noise.smoothed(row.y, 0.1, 2.0, seed=4)
    blank = noise.smoothed(np.full(400, 0.2), sigma, 2.0, relative=False, seed=104)
    data = DataSet(row.H.to_matrix(), y, blank)
    for array in data:
        array.flags.writeable = False
    return data, row.x_true, noise.gaussian(row.y, 0.1, seed=0)


def _score(score: object, words: str, title: str) -> Picture:
    from types import SimpleNamespace

    from em_inverse import plotting

    data, _, white = _lesson()
    assert callable(score)
    values = np.array([score(data.H, white, lam) for lam in _LAMBDAS])
    best = int(values.argmin())
    result = SimpleNamespace(
        lambdas=_LAMBDAS,
        scores=values,
        lam=float(_LAMBDAS[best]),
        rule="lowest",
        score_name=words,
        target=None,
    )
    return Picture(
        plotting.rule_curve(result, title=title),
        f"The {words} against λ has one valley.",
        [("lowest value", float(values[best])), ("at λ", float(_LAMBDAS[best]))],
    )
