"""``em-inverse reconstruct``: from a tilt series to a volume, a picture and a line to quote."""

from __future__ import annotations

import argparse
import glob
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from em_inverse.cli.methods import FILTERS, METHODS, check_options, noise_norm
from em_inverse.cli.shared import add_command, narrator, print_json
from em_inverse.errors import ParameterError

if TYPE_CHECKING:
    import numpy as np

    from em_inverse.tilt_series import Reconstruction, TiltSeries

__all__ = ["add_reconstruct", "draw_sections"]

_ALIGNMENTS = ("center_of_mass", "common_line", "cross_correlation", "projection_matching", "none")


def add_reconstruct(commands: Any) -> None:
    """Add the command to the parser."""
    command = add_command(
        commands,
        "reconstruct",
        "turn a tilt series into a volume",
        "Read a tilt series, remove the background, align the projections, reconstruct a volume, "
        "and write it together with a picture of three sections and a line that says how it was "
        "made: quote that line wherever you show the picture.",
        _methods() + "\n\nexamples:\n"
        "  em-inverse reconstruct nist-needle --method sirt --out needle.mrc\n"
        "  em-inverse reconstruct nist-needle --method tv --epsilon 8% --hold-out 10 --out tv.mrc\n"
        "  em-inverse reconstruct series.mrc --angles series.rawtlt --method wbp --out volume.h5\n"
        '  em-inverse reconstruct "tilts/needle_*.tif" --bin 2 --method sart --out volume.tif',
    )
    command.add_argument(
        "series",
        metavar="NAME_OR_PATH",
        help="a data set by name (see: em-inverse data list), a file (MRC, DM3, DM4, SER, EMD, "
        "HSPY, HDF5, TIFF, NPY, NPZ), or a folder of numbered images",
    )
    command.add_argument(
        "--out", required=True, metavar="FILE", help="volume to write: .mrc, .tif, .h5 or .emd"
    )
    command.add_argument(
        "--method",
        choices=tuple(METHODS),
        default="sirt",
        metavar="NAME",
        help=f"one of {', '.join(METHODS)}; what each is for stands below (default: sirt)",
    )
    _add_method_options(command)
    _add_series_options(command)
    _add_output_options(command)
    command.set_defaults(run=_reconstruct)


def _methods() -> str:
    """Return the table of methods for the help."""
    lines = ["methods:"]
    for name, method in METHODS.items():
        usual = "" if method.iterations is None else f" ({method.iterations} iterations)"
        text = textwrap.wrap(method.words + usual, 66)
        lines.append(f"  {name:<9} {text[0]}")
        lines.extend(f"{'':<12}{more}" for more in text[1:])
    return "\n".join(lines)


def _add_method_options(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("the method")
    group.add_argument(
        "--iterations", type=int, metavar="N", help="how many iterations (default: see below)"
    )
    group.add_argument(
        "--epsilon",
        metavar="E",
        help="tv, asd-pocs: how far the re-projected volume may stay from the data, ‖Ax − b‖, as a "
        "percentage of ‖b‖ (6%%) or a number; auto takes 1.1 times the noise measured in the "
        "projections, or times what any volume reaches where that is more (default: auto)",
    )
    group.add_argument(
        "--lam",
        metavar="L",
        help="tv, tv-sart, cgls: weight of the prior in ‖Ax − b‖² + λR(x), instead of --epsilon",
    )
    group.add_argument(
        "--filter",
        choices=FILTERS,
        metavar="NAME",
        help=f"wbp: from sharp to smooth {', '.join(FILTERS)} (default: ramp)",
    )
    group.add_argument(
        "--cutoff",
        type=float,
        metavar="F",
        help="wbp: highest frequency kept, as a fraction of Nyquist (default: 1)",
    )
    group.add_argument(
        "--schedule",
        choices=("published", "mended"),
        help="asd-pocs: the steps as published, or mended so that they do not die (default: "
        "mended)",
    )
    group.add_argument(
        "--stop",
        choices=("discrepancy", "held_out"),
        help="sirt, sart, cgls, mlem: stop before the noise is fitted, at the noise level measured "
        "in the projections (or 1.1 times what any volume reaches where that is more), or when "
        "held-out tilts are predicted no better",
    )
    group.add_argument(
        "--checkpoint",
        metavar="FILE",
        help="save the state there every minute; the same command goes on from it after a crash",
    )
    group.add_argument(
        "--hold-out",
        type=int,
        metavar="N",
        help="put every N-th tilt aside and report how well the volume predicts it",
    )


def _add_series_options(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("the tilt series")
    group.add_argument(
        "--angles", metavar="FILE", help="text file with one tilt angle in degrees per line"
    )
    group.add_argument(
        "--pixel-size", type=float, metavar="NM", help="pixel size in nm, if the file is wrong"
    )
    group.add_argument(
        "--dose", type=float, metavar="D", help="dose of the whole series in electrons per nm²"
    )
    group.add_argument(
        "--dataset", metavar="NAME", help="which array of the file, where it holds several"
    )
    group.add_argument(
        "--tilt-axis",
        choices=("auto", "vertical", "horizontal"),
        help="direction of the tilt axis in the images (default: auto, found from file and images)",
    )
    group.add_argument("--bin", type=int, metavar="N", help="average N × N pixels first")
    group.add_argument(
        "--thickness", type=int, metavar="NZ", help="slices along the beam (default: the width)"
    )
    group.add_argument(
        "--align",
        choices=_ALIGNMENTS,
        metavar="METHOD",
        help=f"one of {', '.join(_ALIGNMENTS)} (default: center_of_mass)",
    )
    group.add_argument("--no-align", action="store_true", help="the same as --align none")
    group.add_argument(
        "--no-background", action="store_true", help="the background has been removed"
    )
    group.add_argument(
        "--offline",
        choices=("error", "synthetic"),
        default="error",
        help="without a network: stop, or go on with simulated data (default: error)",
    )


def _add_output_options(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("the results")
    picture = group.add_mutually_exclusive_group()
    picture.add_argument(
        "--slice-png", metavar="FILE", help="picture of three sections (default: beside --out)"
    )
    picture.add_argument("--no-picture", action="store_true", help="write no picture")
    printed = group.add_mutually_exclusive_group()
    printed.add_argument(
        "--table", action="store_true", help="print the facts as a table instead of one line"
    )
    printed.add_argument(
        "--json", action="store_true", help="print one JSON object instead of the line, for scripts"
    )
    group.add_argument("--overwrite", action="store_true", help="replace files that exist")
    group.add_argument("--quiet", action="store_true", help="no progress on the screen")


def _reconstruct(arguments: argparse.Namespace) -> None:
    from em_inverse import io, report

    began = time.monotonic()
    say = narrator(arguments.quiet)
    check_options(arguments)
    out, picture = _targets(arguments)
    series = _load(arguments, (out, picture))
    say(repr(series))
    for note in series.metadata.get("notes", ()):
        say(f"  note: {note}")
    say(f"  tilt axis: {_axis(series)}")
    result = _compute(_prepare(series, arguments, say), arguments, say)
    if result.n_iter and result.stop_reason:
        say(f"  stopped: {result.stop_reason}")
    if series.metadata.get("synthetic"):
        result.metadata["synthetic"] = True
    say(f"writing {out}")
    io.write_volume(out, result, overwrite=arguments.overwrite)
    if picture is not None:
        say(f"writing {picture}")
        draw_sections(result, picture, arguments.overwrite)
    line = report.report(result)
    if not arguments.json:
        print(report.table_text(result) if arguments.table else line)
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
    print_json(account)


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


def _load(arguments: argparse.Namespace, targets: Sequence[Path | None]) -> TiltSeries:
    from em_inverse import datasets, io
    from em_inverse.files import expanded
    from em_inverse.tilt_series import TiltSeries

    name = arguments.series
    if name not in datasets.list():
        source = expanded(name, "the tilt series")
        if not source.exists() and not glob.has_magic(name):
            series_names = [n for n in datasets.list() if datasets.info(n).kind == "tilt_series"]
            raise ParameterError(
                f"{name!r} is neither a file nor a data set. Data sets that are tilt series: "
                f"{', '.join(series_names)}."
            )
        if source.exists() and any(
            target and target.exists() and target.samefile(source) for target in targets
        ):
            raise ParameterError(
                f"{name!r} is the tilt series itself, and would be lost. Choose another name for "
                f"the volume."
            )
        return io.read_tilt_series(
            name,
            arguments.angles,
            pixel_size_nm=arguments.pixel_size,
            dose=arguments.dose,
            tilt_axis=arguments.tilt_axis or "auto",
            dataset=arguments.dataset,
        )
    given = {
        "--angles": arguments.angles,
        "--pixel-size": arguments.pixel_size,
        "--dataset": arguments.dataset,
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
    return series if arguments.dose is None else series.replace(dose=arguments.dose)


def _axis(series: TiltSeries) -> str:
    axis = series.metadata.get("tilt_axis")
    source = series.metadata.get("tilt_axis_source")
    if axis in (None, "kit"):
        return "y, the last axis of the array" + (f" ({source})" if source else "")
    why = "as the registry or the option says" if source == "argument" else f"from {source}"
    return f"{axis}, {why}"


def _prepare(series: TiltSeries, arguments: argparse.Namespace, say: Any) -> TiltSeries:
    from em_inverse import tomography

    if arguments.bin is not None and arguments.bin > 1:
        series = series.bin(arguments.bin)
    if not arguments.no_background:
        say("removing the background")
        series = tomography.remove_background(series)
    if METHODS[arguments.method].needs_noise(arguments):
        arguments.noise = tomography.noise_level(series)
        say(f"  {arguments.noise.verdict}")
    method = "none" if arguments.no_align else arguments.align or "center_of_mass"
    if method != "none":
        say(f"aligning: {method.replace('_', ' ')}")
        # Interpolation by splines overshoots below zero, where no count can be.
        apply = arguments.method != "mlem"
        if not apply:
            say("  the shifts stay inside the projector, and a rotation of the axis is left out")
        series = tomography.align(series, method=method, apply=apply)
    if arguments.method == "mlem" and not arguments.no_background:
        series = _without_negatives(series, say)
    return series


def _without_negatives(series: TiltSeries, say: Any) -> TiltSeries:
    import numpy as np

    share = float(np.mean(series.projections < 0))
    if share == 0:
        return series
    step = f"values below zero set to 0 ({100 * share:.2g} % of the pixels)"
    say(f"  {step}: mlem knows no negative counts")
    return series.replace(projections=np.maximum(series.projections, 0), step=step)


def _compute(series: TiltSeries, arguments: argparse.Namespace, say: Any) -> Reconstruction:
    from em_inverse import tomography

    common: dict[str, Any] = {}
    if arguments.thickness is not None:
        common["shape"] = (arguments.thickness, series.projections.shape[1])
    method = METHODS[arguments.method]
    if arguments.hold_out is None:
        return _with_noise(method.run(series, arguments, common), series, arguments)
    kept, held = tomography.hold_out(series, arguments.hold_out)
    result = _with_noise(method.run(kept, arguments, common), kept, arguments)
    error = tomography.reprojection_error(result, held)
    say(f"{held.n_tilts} held-out projections are predicted to within {100 * error:.3g} %")
    return tomography.with_findings(result, held_out_error=error)


def _with_noise(
    result: Reconstruction, series: TiltSeries, arguments: argparse.Namespace
) -> Reconstruction:
    from em_inverse import tomography

    if not METHODS[arguments.method].needs_noise(arguments):
        return result
    return tomography.with_findings(result, noise_norm=noise_norm(series, arguments))


def draw_sections(result: Reconstruction, path: Path, overwrite: bool) -> None:
    """Write a picture of three sections through the middle of the matter."""
    import numpy as np

    from em_inverse import plotting
    from em_inverse.files import replacing
    from em_inverse.io.provenance import algorithm_name

    volume = result.volume if result.volume.ndim == 3 else result.volume[:, :, np.newaxis]
    position = _middle_of_matter(volume)
    z, x, y = position
    seen = np.concatenate([part.ravel() for part in (volume[z], volume[:, x], volume[:, :, y])])
    low, high = (float(value) for value in np.percentile(seen, (1.0, 99.8)))
    simulated = "Simulated data: three" if result.metadata.get("synthetic") else "Three"
    name = algorithm_name({"algorithm": result.algorithm, "parameters": result.parameters})
    figure = plotting.orthoslices(
        volume,
        title=f"{simulated} sections through the specimen, {name}",
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
