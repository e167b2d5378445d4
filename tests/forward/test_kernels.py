"""The compiled projector against its definition."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest

from em_inverse.errors import ParameterError
from em_inverse.forward import kernels
from em_inverse.forward.kernels import joseph
from em_inverse.forward.kernels.reference import joseph_matrix
from em_inverse.forward.tilt import ParallelBeam

ANGLES = np.array([0.0, 90.0, -90.0, 180.0, 45.0, -45.0, 12.3, -37.7, 61.0, -80.4, 133.0, -200.0])


def matrix_of(A):
    return joseph_matrix(A.in_shape[:2], A._cosines, A._sines, A._axis, A.n_det)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("shape", "n_det"),
    [
        ((8, 8), None),
        ((7, 11), None),
        ((11, 7), 5),
        ((13, 6), 21),
        ((1, 9), None),
        ((9, 1), 4),
        ((8, 8, 1), None),
        ((7, 11, 3), 13),
        ((9, 6, 6), None),
        ((6, 9, 17), 7),
        ((17, 19, 31), 24),
        ((5, 6, 300), None),
    ],
)
def test_forward_and_adjoint_equal_the_matrix_of_the_definition(shape, n_det, dtype):
    A = ParallelBeam(shape, ANGLES, n_det, dtype=dtype, center_shift=0.3)
    M = matrix_of(A)
    rng = np.random.default_rng(1)
    x = rng.standard_normal(A.in_shape).astype(dtype)
    y = rng.standard_normal(A.out_shape).astype(dtype)
    slices = shape[2:]
    expected = (M @ x.reshape(M.shape[1], *slices).astype(float)).reshape(A.out_shape)
    tolerance = 3e-6 if dtype == np.float32 else 1e-13
    assert np.abs(A.forward(x) - expected).max() <= tolerance * np.abs(expected).max()
    expected = (M.T @ y.reshape(M.shape[0], *slices).astype(float)).reshape(A.in_shape)
    assert np.abs(A.adjoint(y) - expected).max() <= tolerance * np.abs(expected).max()


def test_the_reference_conserves_mass_where_nothing_is_cut_off():
    """Each pixel's hat function, summed over a wide detector, has the area of the pixel."""
    A = ParallelBeam((6, 6), [0.0, 90.0], 16)
    assert np.allclose(np.asarray(matrix_of(A).sum(axis=0)), 2.0)


@pytest.mark.parametrize("shape", [(24, 20), (24, 20, 9)])
def test_results_do_not_depend_on_the_number_of_threads(shape):
    A = ParallelBeam(shape, np.linspace(-80, 80, 9))
    rng = np.random.default_rng(2)
    x, y = rng.random(A.in_shape), rng.random(A.out_shape)
    many = A.forward(x), A.adjoint(y)
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        one = A.forward(x), A.adjoint(y)
    finally:
        numba.set_num_threads(before)
    assert np.array_equal(many[0], one[0])
    assert np.array_equal(many[1], one[1])


def test_slices_of_a_volume_are_projected_as_slices():
    angles = np.linspace(-75, 75, 7)
    volume = np.random.default_rng(3).random((12, 10, 8))
    together = ParallelBeam(volume.shape, angles) @ volume
    single = ParallelBeam(volume.shape[:2], angles)
    for y in range(8):
        assert np.allclose(together[:, :, y], single @ volume[:, :, y], rtol=1e-5)


@pytest.mark.parametrize("ny", [1, 256, 257, 600])
def test_strips_cover_the_axis_once(ny):
    strips = joseph._strips(ny)
    assert [y for first, last in strips for y in range(first, last)] == list(range(ny))
    assert max(last - first for first, last in strips) <= 256


def test_kernels_run_from_several_threads_at_once():
    from concurrent.futures import ThreadPoolExecutor

    A = ParallelBeam((32, 32, 8), np.linspace(-70, 70, 11))
    x = np.random.default_rng(4).random(A.in_shape)
    expected = A @ x
    with ThreadPoolExecutor(4) as pool:
        for result in pool.map(lambda _: A @ x, range(12)):
            assert np.array_equal(result, expected)


def test_warm_up_visits_every_family(monkeypatch):
    visited = []
    families = [family for group in kernels._GROUPS for family in group]
    files = Path(kernels.__file__).parent.glob("*.py")
    assert sorted(families) == sorted({f.stem for f in files} - {"__init__", "reference"})
    for family in families:
        module = __import__(f"em_inverse.forward.kernels.{family}", fromlist=["_warm_up"])
        monkeypatch.setattr(module, "_warm_up", lambda family=family: visited.append(family))
    kernels.warm_up()
    assert visited == families


def test_groups_of_kernels_share_nothing():
    """Two processes must not compile the same function."""
    for group in kernels._GROUPS:
        for family in group:
            text = (Path(kernels.__file__).parent / f"{family}.py").read_text(encoding="utf-8")
            used = set(re.findall(r"from em_inverse\.forward\.kernels\.(\w+) import", text))
            assert used <= set(group)


@pytest.mark.parametrize("wrong", [0, 1.5, "two"])
def test_warm_up_needs_a_process(wrong):
    with pytest.raises(ParameterError, match="processes is"):
        kernels.warm_up(wrong)


def test_other_processes_fill_the_cache(tmp_path):
    """What they compiled is not compiled again."""
    quick = (("atoms",), ("atom_potential",))
    code = f"from em_inverse.forward import kernels; kernels._GROUPS = {quick};"
    env = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}

    def run(processes):
        call = f"{code} kernels.warm_up({processes})"
        subprocess.run([sys.executable, "-c", call], env=env, check=True, timeout=600)
        return {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nb?")}

    cached = run(2)
    assert {"atoms", "atom_potential"} == {path.name.split(".")[0] for path in cached}
    assert run(1) == cached


def test_each_kernel_is_compiled_once_per_precision_whatever_the_arrays():
    """Read-only and writable arrays are different types to numba; users must not pay for both."""
    joseph._warm_up()
    for dtype in (np.float32, np.float64):
        for shape in ((5, 4), (5, 4, 7)):
            A = ParallelBeam(shape, [-60.0, 10.0], dtype=dtype)
            x, y = np.ones(A.in_shape, dtype), np.ones(A.out_shape, dtype)
            A.forward(x), A.adjoint(y)
            x.flags.writeable = y.flags.writeable = False
            A.forward(x), A.adjoint(y), A.interpolate_back(y)
    for kernel in (
        joseph._project_volume,
        joseph._back_project_volume,
        joseph._project_slice,
        joseph._back_project_slice,
    ):
        assert sorted(str(s[0].dtype) for s in kernel.signatures) == ["float32", "float64"]


def test_importing_the_forward_models_loads_no_compiler():
    code = (
        "import sys, em_inverse.forward.tilt, em_inverse.tomography; "
        "sys.exit('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
