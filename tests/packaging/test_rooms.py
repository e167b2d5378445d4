"""The house has an order: no file imports from a room below its own."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "em_inverse"

ROOMS = (
    *("_version", "_resources", "errors", "files", "tilt_series", "metrics", "forward", "noise"),
    *("fidelity", "priors", "solvers", "choose", "io", "datasets", "phantoms", "problems"),
    *("simulate", "deblurring", "spectra", "tomography", "fusion", "spectroscopic", "dynamic"),
    *("atomic", "interpolation"),
    *("report", "plotting", "widgets", "checks", "grade", "present", "start", "cli"),
)
"""From the ground up, as in the design of the house."""

DRAWING = "plotting"
"""Results can draw themselves: a function, never a module, may reach up for this room."""

FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(module):
    """Return the room of a dotted module name, or None for the package itself and for others."""
    parts = module.split(".")
    return parts[1] if parts[0] == "em_inverse" and len(parts) > 1 else None


def module_of(path):
    parts = ("em_inverse", *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree, path):
    """Yield (room, line, whether inside a function) for every import from em_inverse."""
    within = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = imported_from(node, path)
        for room in filter(None, map(room_of, names)):
            yield room, node.lineno, id(node) in within


def imported_from(node, path):
    base = node.module or ""
    if node.level:
        inside = module_of(path).split(".")
        package = inside if path.name == "__init__.py" else inside[:-1]
        base = ".".join([*package[: len(package) - node.level + 1], *filter(None, [base])])
    if base == "em_inverse":
        return [f"em_inverse.{alias.name}" for alias in node.names if is_room(alias.name)]
    return [base]


def is_room(name):
    return (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file()


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_no_import_from_a_room_below(path):
    own = room_of(module_of(path))
    if own is None:
        return
    assert own in ROOMS, f"{own} has no place in the house: add it to ROOMS, in its order"
    for room, line, in_function in imports(ast.parse(path.read_text(encoding="utf-8")), path):
        if in_function and room == DRAWING:
            continue
        assert room in ROOMS, f"{path.name}:{line} imports from {room}, which has no place"
        assert ROOMS.index(room) <= ROOMS.index(own), (
            f"{path.name}:{line}: {own} imports from {room}, which lies below it"
        )


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import em_inverse.solvers.direct", [("solvers", 1, False)]),
        ("from em_inverse import forward, __version__", [("forward", 1, False)]),
        ("from em_inverse.io.mrc import read", [("io", 1, False)]),
        ("from .. import solvers", [("solvers", 1, False)]),
        ("from ..solvers import direct", [("solvers", 1, False)]),
        ("from .blur import GaussianBlur", [("forward", 1, False)]),
        ("def f():\n    from em_inverse import plotting", [("plotting", 2, True)]),
        ("import numpy", []),
    ],
)
def test_all_forms_of_import_are_seen(code, expected):
    assert list(imports(ast.parse(code), PACKAGE / "forward" / "tilt.py")) == expected
