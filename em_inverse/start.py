"""Open the course: a learner's own copy of the notebooks, in a JupyterLab set up for it.

The copy is the learner's. A later start adds new lessons, renews those the learner never touched,
and puts a changed lesson *beside* a notebook the learner worked in. It overwrites no work.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from em_inverse._version import __version__
from em_inverse.errors import (
    DataError,
    DownloadError,
    EmInverseError,
    ParameterError,
    check_integer,
)
from em_inverse.files import expanded, replacing

__all__ = ["deliver", "needed_data", "start"]

THREAD_CAPS = {
    "OMP_NUM_THREADS": "2",
    "OPENBLAS_NUM_THREADS": "2",
    "MKL_NUM_THREADS": "2",
    "NUMBA_NUM_THREADS": "2",
}
"""Threads per library: enough to be quick, few enough for a laptop or a shared server."""

JUPYTER_CONFIG = Path(__file__).parent / "_jupyter"
"""Defaults for JupyterLab, read in addition to the user's own settings, which win over them."""

FIRST_PAGE = "contents.md"
_DEFAULT_PORT = 8888
_SECONDS_TO_ANSWER = 120.0
_SECONDS_TO_STOP = 15.0
_OWN_FOLDER = ".em-inverse"


def start(
    directory: str | os.PathLike[str] | None = None,
    port: int | None = None,
    browser: bool = True,
) -> None:
    """Deliver the notebooks into a folder and open them in JupyterLab, until Ctrl-C.

    Parameters
    ----------
    directory : path, optional
        The learner's folder; ``em-inverse-course`` in the home folder by default.
    port : int, optional
        Port of the server on this computer; 8888 by default. When it is taken, a free one is used.
    browser : bool
        Open the address in the web browser.

    Raises
    ------
    ParameterError
        When the folder is part of the installed kit, is a file, or cannot be written.
    DataError
        When the installation has no notebooks.
    EmInverseError
        When JupyterLab is not installed or does not start.
    """
    if port is not None:
        port = check_integer(port, "port", minimum=1, maximum=65535)
    if importlib.util.find_spec("jupyterlab") is None:
        raise EmInverseError(
            "JupyterLab is not installed in this Python environment. Install the course with: "
            'python -m pip install -e ".[course]"'
        )
    from em_inverse._resources import notebooks_dir

    lessons = Path(notebooks_dir())
    folder = expanded(directory or Path.home() / "em-inverse-course").absolute()
    with _signals_as_interrupt():
        try:
            _say(f"Your notebooks: {folder}")
            for line in deliver(folder, lessons):
                _say(f"  {line}")
            for line in _fetch_data(needed_data(lessons)):
                _say(line)
            _serve(folder, port, browser)
        except KeyboardInterrupt:
            _say("\nStopped. Your notebooks are saved where they were.")


def deliver(
    folder: str | os.PathLike[str],
    lessons: str | os.PathLike[str],
    version: str = __version__,
) -> list[str]:
    """Bring a learner's folder up to date with the lessons, without touching the learner's work.

    Notebooks come without outputs, so that a prediction is not answered before it is made. A file
    counts as changed by the learner when its text or code differs from what was delivered; having
    run a notebook is no change. What was delivered is kept in a manifest in the folder.

    Parameters
    ----------
    folder : path
        The learner's folder; made if missing.
    lessons : path
        Folder with the notebooks and their page of contents.
    version : str
        Version of the lessons; becomes part of the name of a lesson put beside a changed one.

    Returns
    -------
    list of str
        What was done, one sentence for each file that was written.

    Raises
    ------
    ParameterError
        When the folder is part of the installed kit, is a file, or cannot be written.
    DataError
        When there are no notebooks to deliver.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as place:
    ...     lessons = pathlib.Path(place, "lessons")
    ...     lessons.mkdir()
    ...     _ = (lessons / "week01.ipynb").write_text('{"cells": []}')
    ...     mine = pathlib.Path(place, "mine")
    ...     deliver(mine, lessons), deliver(mine, lessons)
    (['week01.ipynb: delivered.'], [])
    """
    folder, lessons = Path(folder).absolute(), Path(lessons).resolve()
    files = sorted(lessons.glob("*.ipynb"))
    if not files:
        raise DataError(
            f"There are no notebooks in {lessons}: the installation is incomplete. Install the "
            f"kit again, or build them with: python course/build.py"
        )
    files += [page for page in [lessons / FIRST_PAGE] if page.exists()]
    _refuse_own_folders(folder, lessons)
    try:
        (folder / _OWN_FOLDER).mkdir(parents=True, exist_ok=True)
        manifest = _read_manifest(folder)
        said = []
        for file in files:
            entry, line = _deliver_one(file, folder, manifest.get(file.name, {}), version)
            if line:
                said.append(line)
            if entry != manifest.get(file.name):
                manifest[file.name] = entry
                _write_manifest(folder, manifest)
    except OSError as error:
        raise ParameterError(
            f"directory is {str(folder)!r}, where the notebooks cannot be written "
            f"({error.strerror or error}). Choose a folder of your own with --dir."
        ) from error
    return said


def needed_data(lessons: str | os.PathLike[str]) -> list[str]:
    """Return the names of the data sets that the notebooks in a folder load, sorted."""
    call = re.compile(r"datasets\.load\(\s*\\?[\"']([\w.-]+)\\?[\"']")
    texts = (path.read_text(encoding="utf-8") for path in Path(lessons).glob("*.ipynb"))
    return sorted({name for text in texts for name in call.findall(text)})


def _refuse_own_folders(folder: Path, lessons: Path) -> None:
    real = folder.resolve()
    if real == lessons or lessons in real.parents or real == lessons.parent:
        raise ParameterError(
            f"directory is {str(folder)!r}, which belongs to the kit itself: working there would "
            f"change the lessons for everyone. Choose a folder of your own with --dir."
        )
    if real.exists() and not real.is_dir():
        raise ParameterError(
            f"directory is {str(folder)!r}, which is a file. Choose a folder with --dir."
        )


def _deliver_one(
    lesson: Path, folder: Path, entry: dict[str, Any], version: str
) -> tuple[dict[str, Any], str | None]:
    """Bring one file up to date; return its new manifest entry and a sentence, if any."""
    data = lesson.read_bytes()
    mine = folder / lesson.name
    copy = _without_outputs(data) if lesson.suffix == ".ipynb" else data
    delivered = {"sha256": _digest(copy), "inputs": _inputs_digest(copy), "version": version}
    if not mine.exists():
        _write(mine, copy)
        return delivered, f"{lesson.name}: delivered{' again' if entry else ''}."
    inputs = _inputs_digest(mine.read_bytes())
    if inputs == entry.get("inputs"):
        if delivered["sha256"] == entry.get("sha256"):
            return entry, None
        _write(mine, copy)
        return delivered, f"{lesson.name}: renewed (you had not changed it)."
    if inputs == delivered["inputs"]:
        return delivered, None
    if delivered["inputs"] in (entry.get("inputs"), entry.get("offered")):
        return entry, None
    beside = _free_name(mine, version, delivered["inputs"])
    _write(beside, copy)
    sentence = (
        f"{lesson.name}: the lesson is new, and your copy has changes of yours. Yours is as you "
        f"left it; the new lesson lies beside it as {beside.name}."
    )
    return {**entry, "offered": delivered["inputs"]}, sentence


def _free_name(mine: Path, version: str, inputs: str) -> Path:
    number = 1
    while True:
        again = "" if number == 1 else f"-{number}"
        name = mine.with_name(f"{mine.stem}.new-{version}{again}{mine.suffix}")
        if not name.exists() or _inputs_digest(name.read_bytes()) == inputs:
            return name
        number += 1


def _without_outputs(data: bytes) -> bytes:
    """Return a notebook as it is before its first run: what to predict must not stand below it."""
    notebook = json.loads(data)
    for cell in notebook["cells"]:
        if cell.get("cell_type") == "code":
            cell.update(outputs=[], execution_count=None)
    return (json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def _inputs_digest(data: bytes) -> str:
    """Digest of what a learner writes: text and code of a notebook, every byte of other files."""
    try:
        cells = json.loads(data)["cells"]
        inputs = [[cell["cell_type"], "".join(cell["source"])] for cell in cells]
    except (ValueError, KeyError, TypeError):
        return _digest(data)
    return _digest(json.dumps(inputs).encode())


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _read_manifest(folder: Path) -> dict[str, Any]:
    """Return what was delivered; without a readable manifest every file counts as the learner's."""
    try:
        files = json.loads((folder / _OWN_FOLDER / "manifest.json").read_bytes())["files"]
        return {name: entry for name, entry in files.items() if isinstance(entry, dict)}
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _write_manifest(folder: Path, files: dict[str, Any]) -> None:
    text = json.dumps({"format": 1, "files": files}, indent=1, sort_keys=True) + "\n"
    _write(folder / _OWN_FOLDER / "manifest.json", text.encode())


def _write(path: Path, data: bytes) -> None:
    with replacing(path, overwrite=True) as part:
        part.write_bytes(data)


def _fetch_data(names: Iterable[str]) -> Iterator[str]:
    """Make sure that data are at hand; say for each set whether it is measured or synthetic."""
    for name in names:
        from em_inverse import datasets

        try:
            paths = datasets.fetch(name, retries=1, progress=True)
        except DownloadError as error:
            yield f"Data: the notebooks will use a synthetic stand-in for {name!r}. {error}"
        except (EmInverseError, OSError) as error:
            yield f"Data: {name!r} cannot be used. {error}"
        else:
            yield f"Data: {name!r}, as measured, is ready in {paths[0].parent}."


def _serve(folder: Path, wanted_port: int | None, browser: bool) -> None:
    port = _free_port(wanted_port or _DEFAULT_PORT)
    if wanted_port is not None and port != wanted_port:
        _say(f"Port {wanted_port} is taken, so port {port} is used.")
    token = secrets.token_hex(24)
    own = folder / _OWN_FOLDER
    log = own / "jupyterlab.log"
    log.unlink(missing_ok=True)
    log.touch(mode=0o600)
    with log.open("wb") as output:
        server = subprocess.Popen(
            _command(folder, port, browser),
            cwd=folder,
            env=_environment(token, own / "workspaces"),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            **_detached(),
        )
    try:
        _wait_for_answer(server, port, log)
        _say(f"\nOpen in your browser:\n    {_page(port)}?token={token}\nStop with Ctrl-C.")
        while server.poll() is None:
            # a wait without end would not let Ctrl-C through on Windows
            time.sleep(0.2)
        _say("JupyterLab has been shut down.")
    finally:
        _stop(server)


def _command(folder: Path, port: int, browser: bool) -> list[str]:
    command = [
        *(sys.executable, "-m", "jupyterlab"),
        f"--ServerApp.root_dir={folder}",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        "--ServerApp.base_url=/",
        "--ServerApp.certfile=",
        "--ServerApp.keyfile=",
        f"--LabApp.default_url=/lab/tree/{FIRST_PAGE}",
    ]
    if not browser:
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    return command


def _environment(token: str, workspaces: Path) -> dict[str, str]:
    """Environment of the server and its kernels; the token stays out of the process list."""
    others = os.environ.get("JUPYTER_CONFIG_PATH")
    return {
        **THREAD_CAPS,
        **os.environ,
        "JUPYTER_TOKEN": token,
        "JUPYTER_CONFIG_PATH": os.pathsep.join(filter(None, [str(JUPYTER_CONFIG), others])),
        "JUPYTERLAB_WORKSPACES_DIR": str(workspaces),
    }


def _detached() -> dict[str, Any]:
    """Keep the terminal's Ctrl-C from the server: we stop it ourselves, in order."""
    if os.name == "nt":
        return {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
    return {"start_new_session": True}


def _page(port: int) -> str:
    return f"http://127.0.0.1:{port}/lab/tree/{FIRST_PAGE}"


def _free_port(wanted: int) -> int:
    for port in [*range(wanted, min(wanted + 50, 65536)), 0]:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            if os.name == "posix":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise EmInverseError("No free port was found on this computer; close a server and try again.")


def _wait_for_answer(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _SECONDS_TO_ANSWER
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with direct.open(f"http://127.0.0.1:{port}/api", timeout=5):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.2)
    last_lines = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-8:])
    raise EmInverseError(f"JupyterLab did not start. Its last lines ({log}):\n{last_lines}")


def _stop(server: subprocess.Popen[bytes]) -> None:
    if server.poll() is None:
        server.terminate()
        try:
            server.wait(timeout=_SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


@contextmanager
def _signals_as_interrupt() -> Iterator[None]:
    """Leave in the one orderly way on Ctrl-C, a closed terminal, or a request to end."""
    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    try:
        before = {n: signal.signal(getattr(signal, n), signal.default_int_handler) for n in names}
    except ValueError:  # not in the main thread, where signals are not ours to handle
        before = {}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


def _say(line: str) -> None:
    print(line, flush=True)
