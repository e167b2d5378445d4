"""What the commands share: how one is added, what it says meanwhile, how it answers in JSON."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from collections.abc import Callable
from typing import Any

__all__ = ["add_command", "narrator", "print_json"]


def add_command(commands: Any, name: str, summary: str, description: str, epilog: str) -> Any:
    """Add one command with its help, and return its parser."""
    return commands.add_parser(
        name,
        help=summary,
        description=textwrap.fill(description, 78),
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def narrator(quiet: bool) -> Callable[[str], None]:
    """Return what says how far a command is, on stderr, unless it shall be quiet."""

    def say(text: str) -> None:
        if not quiet:
            print(text, file=sys.stderr, flush=True)

    return say


def print_json(value: Any) -> None:
    """Print one JSON object or list on one line."""
    # Plain ASCII: a terminal or a pipe of another encoding must not spoil a file's name.
    print(json.dumps(value, allow_nan=False), flush=True)
