"""The one command: run the benchmarks, print them, write JSON, a page and its pictures."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import page
from benchmarks.child import launch
from benchmarks.harness import Settings
from benchmarks.machine import describe
from benchmarks.results import SCHEMA

__all__ = ["main"]

#: Name on the command line: module, and the numbers of threads it is run with.
PARTS: dict[str, tuple[str, tuple[int, ...]]] = {
    "first_call": ("first_call", (1,)),
    "projector": ("projector", (1, 2)),
    "tv": ("total_variation", (1, 2)),
    "reconstruction": ("reconstruction", (1, 2)),
    "convergence": ("convergence", (1,)),
    "alignment": ("alignment", (1,)),
    "fusion": ("fusion", (1,)),
    "spectroscopic": ("spectroscopic", (1, 2)),
    "multislice": ("multislice", (1, 2)),
    "atomic": ("atomic", (2,)),
    "interpolation": ("interpolation", (1,)),
    "dynamic": ("dynamic", (1,)),
    "real_time": ("real_time", (1, 2)),
    "explorers": ("explorers", (2,)),
    "live": ("live", (2,)),
    "notebooks": ("notebooks", (2,)),
}
#: The same for parts that take long: run only when they are named.
ON_REQUEST: dict[str, tuple[str, tuple[int, ...]]] = {
    "atomic_large": ("atomic_large", (2,)),
    "haadf": ("haadf", (1,)),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for.

    Returns
    -------
    int
        0, or with ``--strict`` 1 when a bar is missed.
    """
    given = _parser().parse_args(arguments)
    begin = time.perf_counter()
    report: dict[str, Any] = {
        "schema": SCHEMA,
        "quick": given.quick,
        "machine": describe(),
        "results": [],
    }
    for part in given.only:
        module, threads = {**PARTS, **ON_REQUEST}[part]
        for count in threads:
            print(f"… {part}, threads: {count}", file=sys.stderr, flush=True)
            found = launch(module, Settings(threads=count, quick=given.quick))
            report["results"].append(found)
            print(page.section(found), flush=True)
    report["seconds"] = round(time.perf_counter() - begin, 1)
    folder = _folder(given)
    if given.update:
        report = _updated(folder, report)
    print(page.verdict(report))
    if folder is not None:
        write(report, folder)
        print(f"Written: {page.PAGE}, {page.DATA} and pictures", file=sys.stderr)
    missed = any(bar["met"] is False for result in report["results"] for bar in result["bars"])
    return int(given.strict and missed)


def write(report: dict[str, Any], folder: Path) -> None:
    """Write JSON, page and pictures into a folder, which is made if need be."""
    from benchmarks.plots import draw

    pictures = folder / page.FIGURES
    pictures.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / page.DATA).write_text(text + "\n", encoding="utf-8")
    for result in report["results"]:
        for figure in result["figures"]:
            draw(figure, pictures / f"{figure['name']}.png")
    (folder / page.PAGE).write_text(page.markdown(report), encoding="utf-8")


def _updated(folder: Path | None, report: dict[str, Any]) -> dict[str, Any]:
    """Put new results into those of the last run, and say that they are newer."""
    assert folder is not None
    whole: dict[str, Any] = json.loads((folder / page.DATA).read_text(encoding="utf-8"))
    load = report["machine"]["load_at_start"]
    for result in report["results"]:
        result["notes"].append(f"Measured in a later run of its own, load at the start {load}.")
    new = {(result["name"], result["threads"]): result for result in report["results"]}
    kept = [new.pop((old["name"], old["threads"]), old) for old in whole["results"]]
    return {**whole, "results": [*kept, *new.values()]}


def _folder(given: argparse.Namespace) -> Path | None:
    if given.out is not None:
        return Path(given.out)
    if given.update:
        return Path(__file__).resolve().parent
    whole = not given.quick and list(given.only) == list(PARTS)
    return Path(__file__).resolve().parent if whole else None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Speed and quality, side by side with peers."
    )
    parser.add_argument(
        "--only",
        type=_parts,
        default=list(PARTS),
        metavar="PART,…",
        help=f"some of: {', '.join(PARTS)}; or, longer: {', '.join(ON_REQUEST)}",
    )
    parser.add_argument("--quick", action="store_true", help="tiny sizes; measures nothing")
    parser.add_argument(
        "--out",
        metavar="FOLDER",
        help="where to write; by default a full run goes to benchmarks/, any other is only printed",
    )
    parser.add_argument(
        "--update",
        action="store_true",
        help="keep the other parts of the last run that was written",
    )
    parser.add_argument("--strict", action="store_true", help="exit 1 when a bar is missed")
    return parser


def _parts(text: str) -> list[str]:
    chosen = [name.strip() for name in text.split(",")]
    for name in chosen:
        if name not in PARTS and name not in ON_REQUEST:
            raise argparse.ArgumentTypeError(
                f"{name!r} is none of {', '.join([*PARTS, *ON_REQUEST])}"
            )
    return chosen


if __name__ == "__main__":
    sys.exit(main())
