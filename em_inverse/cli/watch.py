"""``em-inverse watch``: a volume that follows a folder while the microscope writes into it."""

from __future__ import annotations

import argparse
import dataclasses
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from em_inverse.cli.reconstruct import draw_sections
from em_inverse.cli.shared import add_command, narrator, print_json
from em_inverse.errors import EmInverseError, ParameterError

if TYPE_CHECKING:
    from em_inverse.dynamic.live import LiveTomography, Received

__all__ = ["add_watch"]

_METHODS = ("tv", "sirt", "wbp", "asd-pocs")
_KINDS = ("blank", "blurred", "misaligned", "intensity", "saturated", "off_view")


def add_watch(commands: Any) -> None:
    """Add the command to the parser."""
    command = add_command(
        commands,
        "watch",
        "reconstruct while projections arrive in a folder",
        "Watch the folder that a microscope program writes projections into. Each complete new "
        "file is cleaned, aligned, judged, and taken into a reconstruction that never starts anew. "
        "Ctrl-C writes the volume as it is. With --checkpoint the same command goes on after a "
        "crash, from where it was.",
        "examples:\n"
        "  em-inverse watch incoming --out volume.mrc --expect 76 --checkpoint run.npz\n"
        "  em-inverse watch incoming --out volume.mrc --timeout 120 --bin 2 --range -75 75\n"
        '  em-inverse watch "incoming/tilt_*.dm4" --out volume.h5 --epsilon 1.2 --stop-early',
    )
    command.add_argument(
        "folder",
        metavar="FOLDER",
        help='the folder, or a folder and a pattern: "incoming/tilt_*.mrc"; it may come later',
    )
    command.add_argument(
        "--out", required=True, metavar="FILE", help="volume to write: .mrc, .tif, .h5 or .emd"
    )
    _add_end_options(command)
    _add_method_options(command)
    _add_projection_options(command)
    _add_file_options(command)
    command.set_defaults(run=_watch)


def _add_end_options(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("when to end (else: by Ctrl-C)")
    group.add_argument("--expect", type=int, metavar="N", help="after so many projections")
    group.add_argument(
        "--timeout", type=float, metavar="S", help="when nothing new has come for so many seconds"
    )
    group.add_argument(
        "--stop-early",
        action="store_true",
        help="when the last projections were foretold to within their noise, in all directions",
    )
    group.add_argument(
        "--range",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="tilt range planned, in degrees, for the advice when to stop",
    )
    group.add_argument(
        "--finish",
        type=int,
        default=300,
        metavar="N",
        help="iterations after the last projection, at most (default: 300)",
    )


def _add_method_options(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("the reconstruction")
    group.add_argument(
        "--method",
        choices=_METHODS,
        default="tv",
        metavar="NAME",
        help="tv (total variation within ε), sirt, wbp or asd-pocs (default: tv)",
    )
    group.add_argument(
        "--epsilon",
        type=float,
        metavar="E",
        help="ε in units of the noise norm (default: 1, or 1.1 times what any volume reaches where "
        "that is more)",
    )
    group.add_argument(
        "--noise", type=float, metavar="S", help="σ of one pixel, instead of an estimate"
    )
    group.add_argument("--thickness", type=int, metavar="NZ", help="voxels along the beam")


def _add_projection_options(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("the projections")
    group.add_argument(
        "--angles", metavar="FILE", help="list of angles that may still grow (name, angle)"
    )
    group.add_argument(
        "--pattern", metavar="REGEX", help="finds the angle in a name, as the group (?P<angle>…)"
    )
    group.add_argument(
        "--tilt-axis",
        choices=("auto", "vertical", "horizontal"),
        default="auto",
        help="direction of the tilt axis in the images (default: as the files say, else vertical)",
    )
    group.add_argument("--pixel-size", type=float, metavar="NM", help="if the files are wrong")
    group.add_argument("--bin", type=int, default=1, metavar="N", help="average blocks of N pixels")
    group.add_argument(
        "--align",
        choices=("reprojection", "center_of_mass", "none"),
        default="reprojection",
        help="by centre of mass, and then by comparison with the re-projection (default), by "
        "centre of mass only, or not at all",
    )
    group.add_argument("--no-background", action="store_true", help="keep the vacuum level")
    group.add_argument(
        "--exclude",
        default="blank",
        metavar="KINDS",
        help=f"alarms that keep a projection out, of {', '.join(_KINDS)} (default: blank)",
    )
    group.add_argument(
        "--settle",
        type=float,
        default=1.0,
        metavar="S",
        help="a file counts when it has not changed for so long (default: 1)",
    )
    group.add_argument(
        "--poll", type=float, default=0.5, metavar="S", help="seconds between looks (default: 0.5)"
    )


def _add_file_options(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("what is written, and said")
    group.add_argument(
        "--checkpoint", metavar="FILE", help="complete state (.npz); the command goes on from it"
    )
    group.add_argument(
        "--every",
        type=float,
        default=60.0,
        metavar="S",
        help="seconds between checkpoints, and between writings of the volume (default: 60)",
    )
    group.add_argument("--session", metavar="FILE", help="what was done, as a small JSON")
    group.add_argument("--picture", metavar="FILE", help="three sections (default: beside volume)")
    group.add_argument("--no-picture", action="store_true", help="write no picture")
    group.add_argument("--overwrite", action="store_true", help="replace files that exist")
    group.add_argument("--quiet", action="store_true", help="say nothing on the way")
    group.add_argument("--json", action="store_true", help="answer in JSON, a line an event")


def _watch(arguments: argparse.Namespace) -> None:
    from em_inverse import report
    from em_inverse.dynamic.watching import watch

    say = narrator(arguments.quiet or arguments.json)
    checkpoint = None if arguments.checkpoint is None else Path(arguments.checkpoint).expanduser()
    resumed = _resumed(checkpoint)
    targets = _targets(arguments, going_on=resumed is not None)
    already: Any = None
    if resumed is not None:
        account = resumed.annotations.get("live", {})
        already = account.get("seen") or None
        say(f"going on from {checkpoint}: {resumed.n_tilts} projections, {resumed.iteration} it")
    watcher = watch(
        arguments.folder,
        angles=arguments.angles,
        pattern=arguments.pattern,
        already=already,
        settle_s=arguments.settle,
        poll_s=arguments.poll,
        timeout_s=arguments.timeout,
        tilt_axis=arguments.tilt_axis,
    )
    live = _live(arguments, watcher, checkpoint)
    if resumed is not None:
        live.take_over(resumed)
        live.remember(_images_again(live, watcher.folder, arguments.tilt_axis, say))
    notes = _Narration(arguments, live, watcher, targets["volume"], say)
    live.listen(notes.hear)
    say(f"watching {watcher.folder}; Ctrl-C ends it and writes the volume")
    interrupted = False
    try:
        if notes.enough():
            # A session that is gone on with may have had all that it was to wait for.
            watcher.close()
        live.to_end()
    except KeyboardInterrupt:
        interrupted = True
        live.stop()
        say("\nended by Ctrl-C")
    result = live.result()
    _write(result, live, arguments, targets)
    status = live.status()
    advice = "" if status.advice is None else str(status.advice)
    if arguments.json:
        print_json(
            {
                "event": "finished",
                "volume": str(targets["volume"]),
                "projections": status.n_tilts,
                "iterations": status.iteration,
                "interrupted": interrupted,
                "report": report.report(result),
                "advice": advice,
            }
        )
        return
    say(advice)
    print(report.report(result))


def _resumed(checkpoint: Path | None) -> Any:
    from em_inverse.dynamic.checkpoint import previous
    from em_inverse.dynamic.reconstruction import DynamicReconstruction

    if checkpoint is None:
        return None
    if not checkpoint.exists() and not previous(checkpoint).exists():
        return None
    return DynamicReconstruction.load(checkpoint)


def _targets(arguments: argparse.Namespace, *, going_on: bool) -> dict[str, Path | None]:
    """Return the files to be written, after making sure that they can be."""
    from em_inverse.files import check_target
    from em_inverse.io import VOLUME_FORMATS

    volume = Path(arguments.out).expanduser()
    if volume.suffix.lower() not in VOLUME_FORMATS:
        raise ParameterError(
            f"--out is {arguments.out!r}; allowed endings: {', '.join(VOLUME_FORMATS)}."
        )
    picture = None
    if not arguments.no_picture:
        picture = Path(arguments.picture or volume.with_suffix(".png")).expanduser()
    session = None if arguments.session is None else Path(arguments.session).expanduser()
    targets = {"volume": volume, "picture": picture, "session": session}
    for target in targets.values():
        if target is not None:
            # What this very session has written before the crash may be replaced.
            check_target(
                target,
                overwrite=arguments.overwrite or going_on,
                remedy="pass --overwrite to replace it",
            )
    return targets


def _live(arguments: argparse.Namespace, watcher: Any, checkpoint: Path | None) -> LiveTomography:
    from em_inverse.dynamic.live import LiveTomography
    from em_inverse.dynamic.preparation import Preparation

    kinds = [kind.strip() for kind in arguments.exclude.split(",") if kind.strip()]
    for kind in kinds:
        if kind not in _KINDS:
            raise ParameterError(f"--exclude names {kind!r}; allowed: {', '.join(_KINDS)}.")
    preparation = Preparation(
        background=None if arguments.no_background else "auto",
        align=None if arguments.align == "none" else arguments.align,
    )
    return LiveTomography(
        watcher,
        preparation,
        method=arguments.method.replace("-", "_"),
        epsilon=arguments.epsilon,
        noise=arguments.noise,
        thickness=arguments.thickness,
        bin=arguments.bin,
        n_expected=arguments.expect,
        range_deg=arguments.range,
        improve_every=10 if arguments.align == "reprojection" else 0,
        exclude=kinds,
        checkpoint=checkpoint,
        every_s=arguments.every,
        finish=arguments.finish,
        pixel_size_nm=arguments.pixel_size,
    )


def _images_again(
    live: LiveTomography, folder: Path, tilt_axis: str, say: Callable[[str], None]
) -> list[tuple[float, Any]]:
    """Read the files of the session that is gone on with, those that are still there."""
    from em_inverse import io

    images = []
    for one in live.received:
        try:
            found = io.read_projection(folder / one.name, tilt_axis=tilt_axis)
        except (EmInverseError, OSError) as error:
            say(f"  {one.name} is not looked at again ({error})")
            continue
        images.append((one.angle_deg, found.image))
    return images


class _Narration:
    """Says what becomes of each projection, writes the volume now and then, ends the session."""

    def __init__(
        self,
        arguments: argparse.Namespace,
        live: LiveTomography,
        watcher: Any,
        volume: Path | None,
        say: Callable[[str], None],
    ) -> None:
        self.arguments, self.live, self.watcher = arguments, live, watcher
        self.volume, self.say = volume, say
        self._written = time.monotonic()

    def enough(self) -> bool:
        """Whether the session has had what it was to wait for."""
        expected = self.arguments.expect
        return expected is not None and len(self.live.received) >= expected

    def hear(self, one: Received) -> None:
        status = self.live.status()
        if self.arguments.json:
            print_json({"event": "projection", **_plain(one, status)})
        self.say(_line(one, status))
        for flag in one.flags:
            if flag.severity != "note":
                self.say(f"      {flag.severity}: {flag.message}")
        if self.enough():
            self.watcher.close()
        elif self.arguments.stop_early and status.advice is not None and status.advice.stop:
            self.say(str(status.advice))
            self.watcher.close()
        if self.volume is not None and time.monotonic() - self._written >= self.arguments.every:
            self._write_volume()

    def _write_volume(self) -> None:
        from em_inverse import io

        if self.live.run is not None and self.volume is not None:
            io.write_volume(self.volume, self.live.result(), overwrite=True)
        self._written = time.monotonic()


def _line(one: Received, status: Any) -> str:
    shift = "" if one.shift_px == (0.0, 0.0) else f"  moved {_px(one.shift_px)}"
    fit = ""
    if not math.isnan(status.data_distance):
        fit = (
            f"  ‖Ax − b‖ {status.data_distance / status.radius:.2f} ε, iteration {status.iteration}"
        )
    left = "" if math.isnan(status.eta_s) or status.eta_s == 0 else f"  {status.eta_s:.0f} s to go"
    name = one.name or f"projection {one.index}"
    kept = "" if one.used else "  NOT USED"
    why = f" ({one.notes[-1]})" if not one.used and one.notes and not one.flags else ""
    return f"{one.index + 1:4d}  {one.angle_deg:+7.2f}°  {name}{shift}{fit}{left}{kept}{why}"


def _px(shift: tuple[float, float]) -> str:
    return f"{shift[0]:+.1f}, {shift[1]:+.1f} px"


def _plain(one: Received, status: Any) -> dict[str, Any]:
    fields = dataclasses.asdict(one) | {
        "data_distance": status.data_distance,
        "radius": status.radius,
        "iterations": status.iteration,
        "eta_s": status.eta_s,
    }
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in fields.items()
    }


def _write(
    result: Any, live: LiveTomography, arguments: argparse.Namespace, targets: dict[str, Any]
) -> None:
    from em_inverse import io

    io.write_volume(targets["volume"], result, overwrite=True)
    if targets["picture"] is not None:
        draw_sections(result, targets["picture"], True)
    if targets["session"] is not None:
        live.session().save(targets["session"], overwrite=True)
