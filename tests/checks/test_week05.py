"""Week 5's exercises: every right way is accepted, every usual wrong one refused by name."""

import os
import subprocess
import sys

import numpy as np
import pytest

from em_inverse import forward, metrics, phantoms, tomography
from em_inverse.checks import State, week05_pictures, week05_reference
from em_inverse.checks import week05 as ex


def by_amplitude_and_phase(z, x, angles_deg):
    return np.hypot(z, x) * np.cos(np.deg2rad(angles_deg) - np.arctan2(z, x))


def by_rotation(z, x, angles_deg):
    out = []
    for angle in angles_deg:
        t = np.radians(angle)
        out.append((np.array([[np.cos(t), np.sin(t)]]) @ [x, z])[0])
    return out


def ramp_full(projections):
    n = projections.shape[1]
    padded = np.pad(projections, ((0, 0), (0, n)))
    q = np.abs(np.fft.fftfreq(2 * n))
    return np.fft.ifft(np.fft.fft(padded, axis=1) * q, axis=1).real[:, :n]


def ramp_loop(projections):
    n = projections.shape[1]
    out = np.zeros_like(projections)
    for k, row in enumerate(projections):
        line = np.concatenate([row, np.zeros(n)])
        out[k] = np.fft.irfft(np.fft.rfft(line) * np.arange(n + 1) / (2 * n))[:n]
    return out


def mask_by_slope(n, max_tilt_deg):
    k = np.abs(np.fft.fftfreq(n))
    return (k[:, None] <= k[None, :] * np.tan(np.deg2rad(max_tilt_deg)) + 1e-12).astype(int)


def mask_by_loop(n, max_tilt_deg):
    k = np.fft.fftfreq(n)
    mask = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            length = np.hypot(k[i], k[j])
            mask[i, j] = length == 0 or abs(k[j]) / length >= np.cos(np.radians(max_tilt_deg))
    return mask


def mask_of_truth(n, max_tilt_deg):
    """True and False are as good as 1 and 0."""
    k = np.fft.fftfreq(n)
    return np.abs(np.angle(np.abs(k) + 1j * k[:, None], deg=True)) <= max_tilt_deg


def spread_by_projection(image):
    w = np.where(image >= image.max() / 4, image, 0)
    widths = []
    for profile in (w.sum(axis=1), w.sum(axis=0)):
        at = np.arange(profile.size)
        mean = (at * profile).sum() / profile.sum()
        widths.append(((at**2 * profile).sum() / profile.sum() - mean**2) ** 0.5)
    return widths[0] / widths[1]


RIGHT = [
    (ex.sinusoid, by_amplitude_and_phase),
    (ex.sinusoid, by_rotation),
    (ex.ramp, ramp_full),
    (ex.ramp, ramp_loop),
    (ex.wedge_mask, mask_by_slope),
    (ex.wedge_mask, mask_by_loop),
    (ex.wedge_mask, mask_of_truth),
    (ex.spread_ratio, spread_by_projection),
    (ex.spread_ratio, metrics.wedge_elongation),
]


@pytest.mark.parametrize(("task", "func"), RIGHT)
def test_other_right_ways_pass(task, func):
    for seed in range(3):
        verdict = task.evaluate(func, seed=seed)
        assert verdict.passed, str(verdict)


@pytest.mark.parametrize(
    ("task", "sizes"),
    [
        (ex.sinusoid, [(1,), (40,), (9,)]),
        (ex.ramp, [(2, 5), (9, 16), (1, 33)]),
        (ex.wedge_mask, [(7,), (10,), (41,)]),
        (ex.spread_ratio, [(40, 20), (19, 19), (26, 51)]),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_graders_may_choose_other_sizes(task, sizes):
    assert task.evaluate(task.reference, seed=99, sizes=sizes).passed


UNLISTED = [
    (ex.sinusoid, lambda z, x, t: 1.2 * by_amplitude_and_phase(z, x, t), "seen at its own x"),
    (
        ex.sinusoid,
        lambda z, x, t: x * np.cos(np.deg2rad(t)) + 1.1 * z * np.sin(np.deg2rad(t)),
        "At +90° the detector sees z",
    ),
    (ex.sinusoid, lambda z, x, t: by_amplitude_and_phase(z, x, t) * (t < 95) + z * 0, None),
    (ex.ramp, lambda p: ramp_full(p) - ramp_full(p).mean(axis=0), "filtered on its own"),
    (ex.ramp, lambda p: np.maximum(ramp_full(p), 0), "A filter is linear"),
    (
        ex.ramp,
        lambda p: np.fft.irfft(
            np.fft.rfft(p) * np.fft.rfftfreq(p.shape[1]) * 1.1, p.shape[1], axis=1
        ),
        "closes the detector to a ring",
    ),
    (ex.wedge_mask, lambda n, a: 2.0 * mask_by_slope(n, a), "holds 0 and 1 only"),
    (ex.wedge_mask, lambda n, a: mask_by_slope(n, min(a, 80.0)), "nothing is missing"),
    (ex.spread_ratio, lambda i: 1.1 * spread_by_projection(i), "one over itself"),
    (ex.spread_ratio, lambda i: spread_by_projection(i + 0.01), "five times as bright"),
]


@pytest.mark.parametrize(("task", "func", "words"), UNLISTED)
def test_unlisted_mistakes_meet_a_property(task, func, words):
    verdict = task.evaluate(func)
    if words is None:
        assert verdict.passed
        return
    assert verdict.state is State.WRONG
    assert verdict.misconception == ""
    assert words in verdict.message


def test_other_properties_see_what_they_are_for():
    def not_linear(z, x, angles_deg):
        return by_amplitude_and_phase(z, x, angles_deg) * (1 + 0.1 * (np.hypot(z, x) > 43))

    wide = ex.sinusoid.properties[2].fault
    case = {"z": 20.0, "x": 25.0, "angles_deg": np.array([10.0, 40.0])}
    said = wide(case, not_linear(**case), lambda **changes: not_linear(**{**case, **changes}))
    assert "twice as far" in said

    zero = ex.wedge_mask.properties[1].fault
    assert "zero frequency" in zero({}, np.zeros((4, 4)), None)
    whole = ex.wedge_mask.properties[2].fault
    assert "nothing is missing" in whole({}, None, lambda **changes: np.zeros((4, 4)))
    moved = ex.spread_ratio.properties[2].fault
    case = ex.spread_ratio.cases(np.random.default_rng(0), [(20, 20)])[0]
    said = moved(case, np.asarray(1.0), lambda image: np.asarray(image.shape[0] / 20))
    assert "elsewhere" in said


def test_the_ramp_reconstructs():
    """The three lines of the exercise, with the adjoint, are filtered back-projection."""
    disc = phantoms.disc(64, radius=12)
    H = forward.ParallelBeam(disc.shape, np.arange(0, 180, 3.0), dtype=float)
    x = np.pi / 60 * (H.T @ week05_reference.ramp(H @ disc))
    assert metrics.rmse(x, disc) < 0.05
    assert x[31, 31] == pytest.approx(1, abs=0.05)


def test_pictures_show_what_their_words_say():
    numbers = dict(ex.sinusoid.picture().numbers)
    assert numbers["amplitude (px)"] == 20
    assert dict(ex.ramp.picture().numbers)["lowest value after the filter"] < -0.2
    ratios = dict(ex.spread_ratio.picture().numbers)
    assert ratios["ratio of the truth"] == pytest.approx(1, abs=1e-6)
    assert ratios["ratio of the reconstruction"] == pytest.approx(1.9, abs=0.1)
    assert dict(ex.wedge_mask.picture().numbers)["share of missing directions"] == 40 / 180


# --- The decision -------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [1.42, 2, 2.86])
def test_between_the_two_limits_is_right(step):
    assert ex.best_step.evaluate(step=step, because=["B", "D", "E"]).passed


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (3, "start 95.5 nm away from it, but the object is 100 nm"),
        (10, "they cross it"),
        (1.2, "makes 117 images with 17 counts per pixel"),
        (0.5, "the read-out noise enters 281 times"),
    ],
)
def test_outside_them_the_limit_is_named(step, words):
    verdict = ex.best_step.evaluate(step=step, because=["B", "D", "E"])
    assert verdict.state is State.WRONG
    assert words in verdict.message
    assert verdict.points == 1


def test_the_first_reason_is_false_of_the_kit():
    wide = [tomography.missing_wedge(np.arange(-70, 71, step)).width_deg for step in (4.0, 2.0)]
    assert wide[0] == pytest.approx(wide[1], abs=2)


def test_another_problem_may_be_passed_and_a_hopeless_one_is_explained():
    other = {"diameter_nm": 50.0, "detail_nm": 5.0, "max_tilt_deg": 60.0, "counts": 5000.0}
    assert ex.best_step.evaluate(step=5, because="BDE", problem=other).passed
    assert not ex.best_step.evaluate(step=5, because="BDE").passed
    for problem in (3, {"diameter_nm": 1.0}, {**other, "diameter_nm": 0.0}):
        message = ex.best_step.evaluate(step=2, because="BDE", problem=problem).message
        assert "cannot be judged" in message


def test_use_gives_a_step_that_passes(capsys):
    assert ex.best_step.use(step=None) == 2
    assert ex.best_step.use(step=1.5) == 1.5


def test_a_step_for_fine_detail_is_never_zero():
    fine = {**week05_pictures.planned(), "detail_nm": 0.5}
    assert ex.best_step.reference(fine) == 1


def test_messages_are_the_same_every_time():
    program = (
        "from em_inverse.checks import week05 as ex\n"
        "for task in ex.ALL[:4]:\n"
        "    for entry in task.misconceptions: task.check(entry.wrong); task.hint()\n"
        "    task.check(); task.check(task.reference); print(task)\n"
        "ex.best_step.check(step=1, because={'A', 'C', 'E', 'Q'})\n"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]
    assert b"0x" not in runs[0]
