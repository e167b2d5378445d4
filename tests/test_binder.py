"""binder/: the lock is complete and nothing local, and its steps work in a fresh environment."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
BINDER = ROOT / "binder"
PINNED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([0-9][A-Za-z0-9.+!]*)")

needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="bash is needed")


def lock():
    lines = (BINDER / "requirements.txt").read_text().splitlines()
    return dict(PINNED.fullmatch(line).groups() for line in lines)


def test_every_line_of_the_lock_is_a_plain_pin():
    lines = (BINDER / "requirements.txt").read_text().splitlines()
    assert len(lines) > 50
    assert [line for line in lines if not PINNED.fullmatch(line)] == []
    assert "em-inverse" not in lock()


def test_the_lock_satisfies_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["course"]
    pins = lock()
    for requirement in map(Requirement, wanted):
        pin = pins.get(requirement.name.lower())
        assert pin is not None, f"{requirement} is not in binder/requirements.txt"
        assert requirement.specifier.contains(pin), f"{requirement} against {pin}"


def test_runtime_names_a_python_that_the_project_supports():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    version = (BINDER / "runtime.txt").read_text().strip().removeprefix("python-")
    assert Requirement(f"python{project['requires-python']}").specifier.contains(version)


def test_scripts_stop_at_errors_and_hand_over():
    post_build, start = (BINDER / name for name in ("postBuild", "start"))
    assert "\nset -euo pipefail\n" in post_build.read_text()
    assert "pip install --no-deps" in post_build.read_text()
    assert start.read_text().rstrip().endswith('exec "$@"')
    for script in (post_build, start):
        assert script.read_text().startswith("#!/bin/bash\n")
        assert os.name != "posix" or os.access(script, os.X_OK)


@needs_bash
def test_start_sets_the_environment_and_runs_the_command(tmp_path):
    code = "import os; print(*(f'{k}={v}' for k, v in os.environ.items()), sep='\\n')"
    done = run([BINDER / "start", sys.executable, "-c", code], environment(tmp_path))
    values = dict(line.split("=", 1) for line in done.splitlines())
    assert values["NUMBA_CPU_NAME"] == "generic"
    assert values["NUMBA_CPU_FEATURES"] == ""
    assert values["NUMBA_CACHE_DIR"].startswith(str(tmp_path))
    assert values["OMP_NUM_THREADS"] == values["NUMBA_NUM_THREADS"] == "2"
    config = Path(values["JUPYTER_CONFIG_PATH"])
    assert (config / "labconfig" / "default_setting_overrides.json").is_file()


def environment(home, first_on_path=None):
    """What an image's build has: a home folder and a PATH, nothing of ours."""
    path = os.environ["PATH"]
    if first_on_path is not None:
        path = f"{first_on_path}{os.pathsep}{path}"
    kept = ("LANG", "SSL_CERT_FILE", "PIP_CERT", "PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_TIMEOUT")
    passed = {name: os.environ[name] for name in kept if name in os.environ}
    proxies = {k: v for k, v in os.environ.items() if k.lower().endswith("_proxy")}
    # pip's cache only saves downloads; everything else is made anew
    cache = os.environ.get("PIP_CACHE_DIR", str(Path.home() / ".cache" / "pip"))
    return {**passed, **proxies, "HOME": str(home), "PATH": path, "PIP_CACHE_DIR": cache}


def run(command, env, **options):
    done = subprocess.run(
        list(map(str, command)), env=env, capture_output=True, text=True, timeout=600, **options
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """A fresh virtual environment in which the lock was installed and postBuild was run."""
    place = tmp_path_factory.mktemp("image")
    leave_out = shutil.ignore_patterns(".git", ".*cache*", "__pycache__", "build", "dist", ".venv*")
    shutil.copytree(ROOT, place / "repository", ignore=leave_out)
    run([sys.executable, "-m", "venv", place / "env"], environment(place))
    env = environment(place, place / "env" / "bin")
    pip = ["python", "-m", "pip", "--disable-pip-version-check"]
    smallest = ["lazy-loader==" + lock()["lazy-loader"], "--no-deps", "-d", str(place / "probe")]
    reached = subprocess.run([*pip, "download", "-q", *smallest], env=env, capture_output=True)
    if reached.returncode != 0:
        pytest.skip("no package index can be reached: the image cannot be built here")
    # What is imported is compiled then; most of what is installed is not.
    lean = ["install", "-q", "--no-compile", "-r", BINDER / "requirements.txt"]
    run([*pip, *lean], env, cwd=place)
    said = run([place / "repository" / "binder" / "postBuild"], env, cwd=place / "repository")
    return place, env, said


@pytest.mark.slow
@needs_bash
def test_the_image_reconstructs_and_pip_is_content(image):
    place, env, said = image
    assert "smoke test: relative error 0." in said
    assert "No broken requirements" in run(["python", "-m", "pip", "check"], env, cwd=place)


@pytest.mark.slow
@needs_bash
def test_kernels_compiled_by_postbuild_are_used_after_start(image):
    place, env, _ = image
    cache = place / ".cache" / "em-inverse" / "numba"
    before = {path: path.stat().st_mtime_ns for path in cache.rglob("*.nb?")}
    assert before
    warm = "from em_inverse.forward.kernels import warm_up; warm_up()"
    start = place / "repository" / "binder" / "start"
    run([start, "python", "-P", "-c", warm], env, cwd=place)
    assert {path: path.stat().st_mtime_ns for path in cache.rglob("*.nb?")} == before


@pytest.mark.slow
@needs_bash
def test_a_notebook_of_the_course_runs_in_the_image(image):
    place, env, _ = image
    folder = place / "repository" / "notebooks"
    (name,) = [p.name for p in folder.glob("week11_*.ipynb")]
    start = place / "repository" / "binder" / "start"
    convert = ["jupyter", "nbconvert", "--to", "notebook", "--execute", "--output-dir", place]
    run([start, *convert, name], env, cwd=folder)
    notebook = nbformat.read(place / name, as_version=4)
    outputs = [o for c in notebook.cells for o in c.get("outputs", [])]
    assert outputs
    assert all(o.output_type != "error" for o in outputs)
