"""A real JupyterLab and a real browser: what a reader meets. The browser tests use them, too."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat

from em_inverse.start import JUPYTER_CONFIG

__all__ = [
    "CANVAS",
    "SLIDERS",
    "STOPWATCH",
    "browser",
    "chromium",
    "execute",
    "open_notebook",
    "serve",
]

CANVAS = ".em-canvas canvas"
SLIDERS = ".em-controls [role=slider]"

#: Time from a key to the first animation frame after the canvas was redrawn (emSteps), and
#: everything that the headline said meanwhile (emSaid).
STOPWATCH = """
() => {
  const canvas = document.querySelector('.em-canvas canvas');
  window.emSteps = [];
  let pressed = null;
  document.addEventListener('keydown', () => { pressed = performance.now(); }, true);
  new MutationObserver(() => requestAnimationFrame(() => {
    if (pressed !== null) window.emSteps.push(performance.now() - pressed);
    pressed = null;
  })).observe(canvas, { attributes: true, attributeFilter: ['data-frame'] });
  const headline = document.querySelector('.em-bar');
  new MutationObserver(() => {
    window.emSaid = (window.emSaid ?? '') + headline.innerText;
  }).observe(headline, { childList: true, subtree: true, characterData: true });
}
"""

_EXECUTE = """
async (code) => {
  const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
  const future = kernel.requestExecute({ code });
  let text = '';
  future.onIOPub = ({ header, content }) => {
    if (header.msg_type === 'stream') text += content.text;
    if (header.msg_type === 'error') text += content.evalue;
  };
  await future.done;
  return text;
}
"""

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str | None:
    """Return the program of an installed Chromium, or None."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


@contextmanager
def browser(program: str) -> Iterator[Any]:
    """Start a browser without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=program, args=_FLAGS, ignore_default_args=["--headless"]
        )
        yield running
        running.close()


@contextmanager
def serve(home: Path) -> Iterator[Callable[[str, Sequence[str]], str]]:
    """Start JupyterLab with the settings of ``em-inverse start``; give notebooks an address.

    Yields a function of a file name and its code cells that writes the notebook and returns where
    a browser finds it.

    Raises
    ------
    RuntimeError
        When the server does not answer within a minute; the message ends with its log.
    """
    work = home / "work"
    work.mkdir()
    port, token = _free_port(), secrets.token_hex(16)
    log = home / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            _command(port, work),
            env=_environment(home, token),
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=work,
        )
    try:
        _wait_for_answer(f"http://127.0.0.1:{port}/api?token={token}", server, log)

        def notebook(name: str, cells: Sequence[str]) -> str:
            book = nbformat.v4.new_notebook()
            book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
            book.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
            nbformat.write(book, work / name)
            # A workspace of its own, or Lab reopens the notebooks of earlier pages as well.
            place = f"lab/workspaces/{Path(name).stem}/tree/{name}"
            return f"http://127.0.0.1:{port}/{place}?token={token}"

        yield notebook
    finally:
        server.terminate()
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(5)


def open_notebook(running: Any, address: str, ready: str) -> Any:
    """Open a notebook on a hall's screen, run all its cells, and wait until something is there.

    `running` is a browser, or a context of one, whose pages share what they have loaded. The page
    carries `complaints`: what the browser's console reported as errors.
    """
    page = running.new_page()
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.set_default_timeout(30_000)
    page.complaints = complaints = []
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address)
    # Without a ready kernel "run all" asks which kernel to use, and waits for ever.
    page.wait_for_function(
        "() => window.jupyterapp?.shell.currentWidget?.sessionContext"
        "?.session?.kernel?.status === 'idle'"
    )
    page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_selector(ready, state="attached")
    page.wait_for_timeout(500)
    return page


def execute(page: Any, code: str) -> str:
    """Run code in the kernel of the notebook that is open, and return what it printed."""
    return str(page.evaluate(_EXECUTE, code))


def _command(port: int, work: Path) -> list[str]:
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser"),
        *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"),
        f"--ServerApp.root_dir={work}",
        "--LabApp.expose_app_in_browser=True",
    ]
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return [*command, "--allow-root"] if as_root else command


def _environment(home: Path, token: str) -> dict[str, str]:
    folders = (
        "JUPYTER_CONFIG_DIR",
        "JUPYTER_DATA_DIR",
        "JUPYTER_RUNTIME_DIR",
        "JUPYTERLAB_SETTINGS_DIR",
        "JUPYTERLAB_WORKSPACES_DIR",
        "IPYTHONDIR",
    )
    return {
        **os.environ,
        "JUPYTER_TOKEN": token,
        "JUPYTER_CONFIG_PATH": str(JUPYTER_CONFIG),
        **{name: str(home / name.lower()) for name in folders},
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for_answer(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not answer:\n{log.read_text(errors='replace')[-3000:]}")
