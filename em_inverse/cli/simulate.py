"""``em-inverse simulate``: projections into a folder, as a microscope would write them."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from em_inverse.cli.shared import add_command, narrator, print_json
from em_inverse.cli.sources import FAULTS, OBJECTS, ORDERS, REPLAYS, source_of
from em_inverse.errors import EmInverseError, ParameterError, check_number

if TYPE_CHECKING:
    from em_inverse.simulate import Microscope, Shot

__all__ = ["add_simulate"]

_FORMATS = ("mrc", "tiff", "npy", "emd")
_NAMINGS = ("angle", "log", "metadata")


def add_simulate(commands: Any) -> None:
    """Add the command to the parser."""
    command = add_command(
        commands,
        "simulate",
        "write projections into a folder, as a microscope would",
        "Record a known object tilt by tilt, or replay a real series, and write every projection "
        "into a folder as a file of its own, at the pace of an instrument: for practising with "
        "whatever watches that folder. Ctrl-C ends it, and --resume goes on.",
        "examples:\n"
        "  em-inverse simulate incoming --object bowtie --pace 2 --dose 100 --drift 0.5\n"
        "  em-inverse simulate incoming --object nanocube --faults 12:blurred,30:blank\n"
        "  em-inverse simulate incoming --object nist-needle --pace 1 --naming log --slowly",
    )
    command.add_argument("folder", metavar="FOLDER", help="where the files go; made if missing")
    command.add_argument(
        "--object",
        choices=(*OBJECTS, *REPLAYS),
        default="bowtie",
        metavar="NAME",
        help="a chiral bowtie particle, a porous nanocube with surface particles, a needle; or a "
        f"real series: {', '.join(REPLAYS)} (default: bowtie)",
    )
    _add_tilt_options(command)
    _add_image_options(command)
    _add_file_options(command)
    command.set_defaults(run=_simulate)


def _add_tilt_options(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("the tilts")
    group.add_argument(
        "--range",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="ends of the tilt range in degrees (default: -75 75)",
    )
    group.add_argument("--step", type=float, metavar="D", help="degrees a tilt (default: 2)")
    group.add_argument(
        "--order",
        choices=("recorded", *ORDERS),
        metavar="NAME",
        help=f"{', '.join(ORDERS)}; for a real series also recorded (default: sequential; real "
        "series: recorded)",
    )
    group.add_argument(
        "--angle-error",
        type=float,
        metavar="D",
        help="by how many degrees the true angles scatter about the stated ones (default: 0)",
    )


def _add_image_options(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("the images of a simulated object")
    group.add_argument(
        "--size", type=int, metavar="N", help="edge of the images in pixels (default: 128)"
    )
    group.add_argument(
        "--finer",
        type=int,
        metavar="F",
        help="the object's grid is F times as fine as the detector (default: 2)",
    )
    group.add_argument(
        "--pixel-size", type=float, metavar="NM", help="pixel size in nm (default: 128/N)"
    )
    group.add_argument(
        "--handedness",
        choices=("right", "left"),
        help="bowtie: sense of its twist (default: right)",
    )
    group.add_argument(
        "--dose",
        type=float,
        metavar="E",
        help="mean electrons per pixel and image, which make the noise (default: no noise)",
    )
    group.add_argument(
        "--drift",
        type=float,
        metavar="PX",
        help="standard deviation of the drift per image and axis in pixels (default: 0)",
    )
    group.add_argument(
        "--background",
        type=float,
        metavar="B",
        help="brightness of a supporting film at 0°, as a share of the object's brightest pixel; "
        "it grows as 1/cos of the tilt (default: 0)",
    )
    group.add_argument(
        "--offset", type=float, metavar="B", help="dark level, in the same share (default: 0)"
    )
    group.add_argument(
        "--hot-pixels",
        type=float,
        metavar="F",
        help="share of pixels far too bright, half of them always the same ones (default: 0)",
    )
    group.add_argument(
        "--faults",
        metavar="K:FAULT,...",
        help="what goes wrong at which projection, numbered from 0 as the files are: "
        f"{', '.join(FAULTS)} (default: nothing)",
    )
    group.add_argument("--seed", type=int, metavar="N", help="fixes everything (default: 0)")
    group.add_argument(
        "--truth",
        metavar="FILE",
        help="write the object too, outside FOLDER: .mrc, .tif, .h5, .emd",
    )


def _add_file_options(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("the files")
    group.add_argument(
        "--pace",
        type=float,
        default=0.0,
        metavar="S",
        help="seconds from one projection to the next (default: 0, as fast as possible)",
    )
    group.add_argument(
        "--format",
        choices=_FORMATS,
        default="mrc",
        metavar="NAME",
        help=f"{', '.join(_FORMATS)} (default: mrc)",
    )
    group.add_argument(
        "--naming",
        choices=_NAMINGS,
        default="angle",
        metavar="WHERE",
        help="where the angle stands: angle, in the file's name; log, in a growing angles.txt; "
        "metadata, inside the file (default: angle)",
    )
    group.add_argument(
        "--name", default="projection", help="how the names begin (default: projection)"
    )
    group.add_argument(
        "--slowly",
        action="store_true",
        help="let each file grow in place, as some programs do (default: it appears complete)",
    )
    group.add_argument(
        "--resume",
        action="store_true",
        help="go on after the last complete file of the same recording",
    )
    group.add_argument(
        "--foreign", action="store_true", help="allow a folder that holds other files"
    )
    group.add_argument(
        "--offline",
        choices=("error", "synthetic"),
        default="error",
        help="a real series without a network: stop, or take its simulated stand-in (default: "
        "error)",
    )
    group.add_argument(
        "--json", action="store_true", help="print one JSON object at the end, for scripts"
    )
    group.add_argument("--quiet", action="store_true", help="no line per projection on the screen")


def _simulate(arguments: argparse.Namespace) -> None:
    from em_inverse import simulate
    from em_inverse.files import expanded

    began = time.monotonic()
    say = narrator(arguments.quiet)
    folder = expanded(arguments.folder, "FOLDER")
    check_number(arguments.pace, "--pace", minimum=0)
    truth = _truth_path(arguments, folder)
    source = source_of(arguments)
    count = len(source)
    new_truth = None
    if truth is not None and not truth.exists() and isinstance(source, simulate.Microscope):
        new_truth = _write_truth(truth, source)

    def said(path: Path, shot: Shot) -> None:
        place = f"{shot.index + 1:>{len(str(count))}}/{count}"
        fault = f"  ({shot.fault})" if shot.fault else ""
        say(f"{place}  {shot.angle_deg:+7.2f}°  {path.name}{fault}")

    try:
        written = simulate.write(
            source,
            folder,
            format=arguments.format,
            naming=arguments.naming,
            name=arguments.name,
            pace_s=arguments.pace,
            slowly=arguments.slowly,
            resume=arguments.resume,
            foreign=arguments.foreign,
            on_file=said,
        )
    except KeyboardInterrupt:
        say("\nstopped; the same command with --resume goes on from here.")
        raise
    except EmInverseError:
        if new_truth is not None:
            new_truth.unlink()
        raise
    if not arguments.json:
        print(f"{len(written)} of {count} projections written to {folder}")
        return
    account = {
        "folder": str(folder),
        "object": arguments.object,
        "simulated": source.simulated,
        "n_projections": count,
        "n_written": len(written),
        "first": written[0].name if written else None,
        "last": written[-1].name if written else None,
        "angles_deg": source.angles_deg.tolist(),
        "pixel_size_nm": source.pixel_size_nm,
        "truth": None if truth is None else str(truth),
        "seconds": round(time.monotonic() - began, 3),
    }
    print_json(account)


def _truth_path(arguments: argparse.Namespace, folder: Path) -> Path | None:
    from em_inverse.files import check_target, expanded
    from em_inverse.io import VOLUME_FORMATS

    if arguments.truth is None:
        return None
    path = expanded(arguments.truth, "--truth")
    if path.suffix.lower() not in VOLUME_FORMATS:
        raise ParameterError(
            f"--truth {str(path)!r} ends in {path.suffix or 'nothing'!r}; allowed for volumes: "
            f"{', '.join(VOLUME_FORMATS)}."
        )
    if path.parent.resolve() == folder.resolve():
        raise ParameterError(
            f"--truth {str(path)!r} lies in the folder of the projections, and would be taken for "
            f"one of them. Name another folder."
        )
    remedy = "add --resume to go on with it"
    return check_target(path, overwrite=arguments.resume, remedy=remedy)


def _write_truth(path: Path, microscope: Microscope) -> Path:
    from em_inverse import io
    from em_inverse.tilt_series import Reconstruction

    truth = Reconstruction(
        microscope.truth,
        algorithm="the simulated object itself",
        pixel_size_nm=microscope.pixel_size_nm,
        metadata={"synthetic": True},
    )
    return io.write_volume(path, truth)
