"""The command ``em-inverse``: the course, tilt series real and simulated, volumes, data."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

from em_inverse._version import __version__
from em_inverse.cli.data import add_data
from em_inverse.cli.reconstruct import add_reconstruct
from em_inverse.cli.shared import add_command, print_json
from em_inverse.cli.simulate import add_simulate
from em_inverse.cli.watch import add_watch
from em_inverse.errors import EmInverseError

__all__ = ["main"]

_FAILED, _INTERRUPTED, _PIPE_CLOSED = 2, 130, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments after the program name; those of the process by default.

    Returns
    -------
    int
        0 when all went well, 2 after an error that is explained on stderr, 130 after Ctrl-C, 141
        when whoever reads the output has stopped reading. With ``--json`` the error is also one
        JSON object on stdout, with the keys ``error`` and ``message``.

    Examples
    --------
    >>> main(["--version"])  # doctest: +ELLIPSIS
    em-inverse ...
    0
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    parser = _parser()
    try:
        arguments = parser.parse_args(argv)
    except SystemExit as stop:
        return int(stop.code or 0)
    if arguments.run is None:
        parser.print_help()
        return 0
    try:
        try:
            arguments.run(arguments)
        except KeyboardInterrupt:
            said = "stopped; nothing half-written was left."
            print(f"\nem-inverse: {said}", file=sys.stderr)
            _print_failure(arguments, "KeyboardInterrupt", said)
            return _INTERRUPTED
        except BrokenPipeError:
            raise
        except (EmInverseError, OSError, MemoryError) as error:
            print(f"em-inverse: {type(error).__name__}: {error}", file=sys.stderr)
            _print_failure(arguments, type(error).__name__, str(error))
            return _FAILED
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered would raise once more when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _PIPE_CLOSED
    return 0


def _start(arguments: argparse.Namespace) -> None:
    from em_inverse import start

    start.start(arguments.dir, port=arguments.port, browser=not arguments.no_browser)


def _print_failure(arguments: argparse.Namespace, kind: str, message: str) -> None:
    if getattr(arguments, "json", False):
        print_json({"error": kind, "message": message})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="em-inverse",
        description="Inverse problems in electron microscopy: a course, and the tools it builds.",
        epilog="Help on one command: em-inverse reconstruct --help",
    )
    parser.add_argument("--version", action="version", version=f"em-inverse {__version__}")
    parser.set_defaults(run=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_start(commands)
    add_reconstruct(commands)
    add_simulate(commands)
    add_watch(commands)
    add_data(commands)
    return parser


def _add_start(commands: Any) -> None:
    command = add_command(
        commands,
        "start",
        "open the course in your browser",
        "Put your own copy of the notebooks into a folder and open it in JupyterLab. What you have "
        "worked on is never overwritten; new lessons are added beside it.",
        "example:\n  em-inverse start --dir ~/em-course",
    )
    command.add_argument("--dir", metavar="PATH", help="folder for your copy of the notebooks")
    command.add_argument("--port", type=int, metavar="N", help="port of JupyterLab on this machine")
    command.add_argument(
        "--no-browser", action="store_true", help="print the address, open no browser"
    )
    command.set_defaults(run=_start)
