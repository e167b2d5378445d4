"""The command ``em-inverse``: open the course, reconstruct a tilt series, fetch data."""

from __future__ import annotations

import argparse
import json
import os
import sys
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from em_inverse._version import __version__
from em_inverse.errors import EmInverseError, ParameterError, check_integer, check_number

if TYPE_CHECKING:
    import numpy as np

    from em_inverse.tilt_series import Reconstruction, TiltSeries

__all__ = ["main"]

_FAILED, _INTERRUPTED, _PIPE_CLOSED = 2, 130, 141
_DEFAULT_ITERATIONS, _DEFAULT_FILTER = 30, "ramp"
_FILTERS = ("ramp", "shepp-logan", "cosine", "hamming", "hann")


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


def _reconstruct(arguments: argparse.Namespace) -> None:
    from em_inverse import io, report

    began = time.monotonic()
    say = _narrator(arguments.quiet)
    out, picture = _targets(arguments)
    _check_options(arguments)
    series = _load(arguments, (out, picture))
    say(repr(series))
    for note in series.metadata.get("notes", ()):
        say(f"  note: {note}")
    say(f"  tilt axis: {series.metadata.get('tilt_axis')}, {_why_axis(series)}")
    result = _compute(_prepare(series, arguments, say), arguments)
    if series.metadata.get("synthetic"):
        result.metadata["synthetic"] = True
    say(f"writing {out}")
    io.write_volume(out, result, overwrite=arguments.overwrite)
    if picture is not None:
        say(f"writing {picture}")
        _draw(result, picture, arguments.overwrite)
    line = report.report(result)
    if not arguments.json:
        print(line)
        return
    account = {
        "volume": str(out),
        "picture": None if picture is None else str(picture),
        "report": line,
        **report.report_table(result),
        "angle_source": series.metadata.get("angle_source"),
        "tilt_axis": series.metadata.get("tilt_axis"),
        "notes": list(series.metadata.get("notes", ())),
        "seconds": round(time.monotonic() - began, 3),
    }
    _print_json(account)


def _data_list(arguments: argparse.Namespace) -> None:
    from em_inverse import datasets

    rows = [_data_row(datasets.info(name)) for name in datasets.list()]
    if arguments.json:
        _print_json(rows)
        return
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        print(f"{row['name']:<{width}}  {_megabytes(row['size']):>10}  {row['state']}")
        print(f"{'':<{width}}  {row['title']}")
        print(f"{'':<{width}}  Licence: {row['licence']}")
    print(f"\nFetched data are kept in {datasets.cache_folder()}")


def _data_fetch(arguments: argparse.Namespace) -> None:
    from em_inverse import datasets

    for name in arguments.names:
        datasets.info(name)
    for name in arguments.names:
        for path in datasets.fetch(name, replace=arguments.replace, progress=True):
            print(path)


def _data_row(dataset: Any) -> dict[str, Any]:
    from em_inverse import datasets

    folder = datasets.cache_folder()
    bundled = all(file.bundled for file in dataset.files)
    here = bundled or all(
        (folder / file.name).is_file() and (folder / file.name).stat().st_size == file.size
        for file in dataset.files
    )
    return {
        "name": dataset.name,
        "title": dataset.title,
        "teaches": dataset.teaches,
        "size": dataset.size,
        "state": "with the package" if bundled else ("here" if here else "not fetched"),
        "licence": dataset.licence,
        "source": dataset.source,
        "doi": dataset.doi,
        "citation": dataset.citation,
    }


def _narrator(quiet: bool) -> Any:
    def say(text: str) -> None:
        if not quiet:
            print(text, file=sys.stderr, flush=True)

    return say


def _print_json(value: Any) -> None:
    # Plain ASCII: a terminal or a pipe of another encoding must not spoil a file's name.
    print(json.dumps(value, allow_nan=False))


def _print_failure(arguments: argparse.Namespace, kind: str, message: str) -> None:
    if getattr(arguments, "json", False):
        _print_json({"error": kind, "message": message})


def _targets(arguments: argparse.Namespace) -> tuple[Path, Path | None]:
    """Return where volume and picture go; refuse what cannot end well before computing."""
    from em_inverse.files import check_target, expanded
    from em_inverse.io import VOLUME_FORMATS

    out = expanded(arguments.out, "--out")
    if out.suffix.lower() not in VOLUME_FORMATS:
        raise ParameterError(
            f"--out {str(out)!r} ends in {out.suffix or 'nothing'!r}; allowed for volumes: "
            f"{', '.join(VOLUME_FORMATS)}."
        )
    remedy = "add --overwrite to replace it"
    check_target(out, overwrite=arguments.overwrite, remedy=remedy)
    if arguments.no_picture:
        return out, None
    picture = out.with_suffix(".png")
    if arguments.slice_png is not None:
        picture = expanded(arguments.slice_png, "--slice-png")
    if picture.suffix.lower() != ".png":
        raise ParameterError(f"--slice-png {str(picture)!r}: the name must end in .png.")
    check_target(picture, overwrite=arguments.overwrite, remedy=remedy)
    return out, picture


def _check_options(arguments: argparse.Namespace) -> None:
    if arguments.iterations is not None:
        check_integer(arguments.iterations, "--iterations", minimum=1)
    if arguments.pixel_size is not None:
        check_number(arguments.pixel_size, "--pixel-size", minimum=0, exclusive=True)
    if arguments.method != "sirt" and arguments.iterations is not None:
        raise ParameterError("--iterations belongs to --method sirt; wbp has no iterations.")
    if arguments.method != "wbp" and arguments.filter is not None:
        raise ParameterError("--filter belongs to --method wbp; sirt filters nothing.")


def _load(arguments: argparse.Namespace, targets: Sequence[Path | None]) -> TiltSeries:
    from em_inverse import datasets, io
    from em_inverse.files import expanded
    from em_inverse.tilt_series import TiltSeries

    name = arguments.series
    if name not in datasets.list():
        source = expanded(name, "the tilt series")
        if not source.exists():
            series_names = [n for n in datasets.list() if datasets.info(n).kind == "tilt_series"]
            raise ParameterError(
                f"{name!r} is neither a file nor a data set. Data sets that are tilt series: "
                f"{', '.join(series_names)}."
            )
        if any(target and target.exists() and target.samefile(source) for target in targets):
            raise ParameterError(
                f"{name!r} is the tilt series itself, and would be lost. Choose another name for "
                f"the volume."
            )
        return io.read_tilt_series(
            name,
            arguments.angles,
            pixel_size_nm=arguments.pixel_size,
            tilt_axis=arguments.tilt_axis or "auto",
        )
    given = {
        "--angles": arguments.angles,
        "--pixel-size": arguments.pixel_size,
        "--tilt-axis": arguments.tilt_axis,
    }
    for option, value in given.items():
        if value is not None:
            raise ParameterError(
                f"{option} is for files of your own; the data set {name!r} states its geometry."
            )
    series = datasets.load(name, offline=arguments.offline, progress=not arguments.quiet)
    if not isinstance(series, TiltSeries):
        raise ParameterError(f"{name!r} is not a tilt series, so there is no volume to make of it.")
    return series


def _why_axis(series: TiltSeries) -> str:
    source = series.metadata.get("tilt_axis_source", "by construction")
    return "as the registry or the option says" if source == "argument" else f"from {source}"


def _prepare(series: TiltSeries, arguments: argparse.Namespace, say: Any) -> TiltSeries:
    from em_inverse import tomography

    if not arguments.no_background:
        say("removing the background")
        series = tomography.remove_background(series)
    if not arguments.no_align:
        say("aligning by the centre of mass")
        series = tomography.align(series, method="center_of_mass")
    return series


def _compute(series: TiltSeries, arguments: argparse.Namespace) -> Reconstruction:
    from em_inverse import tomography

    if arguments.method == "wbp":
        return tomography.wbp(series, filter=arguments.filter or _DEFAULT_FILTER)
    iterations = arguments.iterations if arguments.iterations is not None else _DEFAULT_ITERATIONS
    return tomography.sirt(series, n_iter=iterations, progress=not arguments.quiet)


def _draw(result: Reconstruction, path: Path, overwrite: bool) -> None:
    import numpy as np

    from em_inverse import plotting
    from em_inverse.files import replacing

    volume = result.volume if result.volume.ndim == 3 else result.volume[:, :, np.newaxis]
    position = _middle_of_matter(volume)
    z, x, y = position
    seen = np.concatenate([part.ravel() for part in (volume[z], volume[:, x], volume[:, :, y])])
    low, high = (float(value) for value in np.percentile(seen, (1.0, 99.8)))
    simulated = "Simulated data: three" if result.metadata.get("synthetic") else "Three"
    figure = plotting.orthoslices(
        volume,
        title=f"{simulated} sections through the specimen, {result.algorithm}",
        position=position,
        window=(low, high) if high > low else None,
        pixel_size_nm=result.pixel_size_nm,
    )
    with replacing(path, overwrite=overwrite) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


def _middle_of_matter(volume: np.ndarray) -> tuple[int, int, int]:
    import numpy as np

    matter = np.clip(volume, 0, None)
    total = float(matter.sum(dtype=np.float64))
    if total <= 0:
        z, x, y = (length // 2 for length in volume.shape)
        return z, x, y
    profiles = (
        matter.sum(axis=tuple(other for other in range(3) if other != axis), dtype=np.float64)
        for axis in range(3)
    )
    z, x, y = (round(float(p @ np.arange(p.size)) / total) for p in profiles)
    return z, x, y


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


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
    _add_reconstruct(commands)
    _add_data(commands)
    return parser


def _add_start(commands: Any) -> None:
    command = _command(
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


def _add_reconstruct(commands: Any) -> None:
    command = _command(
        commands,
        "reconstruct",
        "turn a tilt series into a volume",
        "Read a tilt series, remove the background, align the projections, reconstruct a volume, "
        "and write it together with a picture of three sections and a line that says how it was "
        "made: quote that line wherever you show the picture.",
        "examples:\n"
        "  em-inverse reconstruct nist-needle --method sirt --out needle.mrc\n"
        "  em-inverse reconstruct series.mrc --angles series.rawtlt --method wbp --out volume.h5",
    )
    command.add_argument(
        "series",
        metavar="NAME_OR_PATH",
        help="a data set by name (see: em-inverse data list), or a file: MRC, TIFF, HDF5, NPY, NPZ",
    )
    command.add_argument(
        "--out", required=True, metavar="FILE", help="volume to write: .mrc, .tif or .h5"
    )
    command.add_argument(
        "--method",
        choices=("sirt", "wbp"),
        default="sirt",
        help="sirt: iterative, slower, fewer streaks; wbp: weighted back-projection, quick "
        "(default: sirt)",
    )
    command.add_argument(
        "--iterations",
        type=int,
        metavar="N",
        help=f"SIRT iterations; too many bring back the noise (default: {_DEFAULT_ITERATIONS})",
    )
    command.add_argument(
        "--filter",
        choices=_FILTERS,
        metavar="NAME",
        help=f"filter of wbp, from sharp to smooth: {', '.join(_FILTERS)} "
        f"(default: {_DEFAULT_FILTER})",
    )
    command.add_argument(
        "--angles", metavar="FILE", help="text file with one tilt angle in degrees per line"
    )
    command.add_argument(
        "--pixel-size", type=float, metavar="NM", help="pixel size in nm, if the file is wrong"
    )
    command.add_argument(
        "--tilt-axis",
        choices=("auto", "vertical", "horizontal"),
        help="direction of the tilt axis in the images (default: auto, found from file and images)",
    )
    command.add_argument("--no-align", action="store_true", help="the projections are aligned")
    command.add_argument(
        "--no-background", action="store_true", help="the background has been removed"
    )
    command.add_argument(
        "--offline",
        choices=("error", "synthetic"),
        default="error",
        help="without a network: stop, or go on with simulated data (default: error)",
    )
    picture = command.add_mutually_exclusive_group()
    picture.add_argument(
        "--slice-png", metavar="FILE", help="picture of three sections (default: beside --out)"
    )
    picture.add_argument("--no-picture", action="store_true", help="write no picture")
    command.add_argument(
        "--json", action="store_true", help="print one JSON object instead of the line, for scripts"
    )
    command.add_argument("--overwrite", action="store_true", help="replace files that exist")
    command.add_argument("--quiet", action="store_true", help="no progress on the screen")
    command.set_defaults(run=_reconstruct)


def _add_data(commands: Any) -> None:
    data = _command(
        commands,
        "data",
        "list and fetch real data sets",
        "Real data with checksum, licence and citation. They are kept in the folder that the "
        "environment variable EM_INVERSE_DATA names, or in your user cache.",
        "examples:\n  em-inverse data list\n  em-inverse data fetch nist-needle",
    )
    data.set_defaults(run=lambda arguments: data.print_help())
    actions = data.add_subparsers(title="actions", metavar="ACTION")
    listing = _command(
        actions,
        "list",
        "show all data sets",
        "Show every data set: its size, whether it is on this machine, its licence.",
        "example:\n  em-inverse data list --json",
    )
    listing.add_argument("--json", action="store_true", help="print JSON, for scripts")
    listing.set_defaults(run=_data_list)
    fetching = _command(
        actions,
        "fetch",
        "download data sets and check them",
        "Download data sets, compare their checksums, and print where the files lie.",
        "example:\n  em-inverse data fetch nist-needle dysco3-haadf-edx",
    )
    fetching.add_argument(
        "names", nargs="+", metavar="NAME", help="names from em-inverse data list"
    )
    fetching.add_argument(
        "--replace", action="store_true", help="download a file anew whose checksum is wrong"
    )
    fetching.set_defaults(run=_data_fetch)


def _command(commands: Any, name: str, summary: str, description: str, epilog: str) -> Any:
    return commands.add_parser(
        name,
        help=summary,
        description=textwrap.fill(description, 78),
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
