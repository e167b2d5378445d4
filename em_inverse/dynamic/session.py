"""A session as a small JSON file: settings, every step, the views; it makes the result again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from em_inverse._version import __version__
from em_inverse.dynamic.events import Event, digest_of
from em_inverse.dynamic.projections import SAME_ANGLE_DEG
from em_inverse.dynamic.reconstruction import DynamicReconstruction
from em_inverse.errors import DataError, FileFormatError, ParameterError
from em_inverse.files import PathLike, expanded, replacing
from em_inverse.tilt_series import TiltSeries

__all__ = ["Session"]

_FORMAT, _VERSION = "em_inverse session", 1

#: Gives the image of an angle; asked once for each projection of each step.
Lookup = Callable[[float, str], ArrayLike]


@dataclass
class Session:
    """What was done, in which order, after how many iterations, and how it was looked at.

    It holds no images: they stay where they are, and are recognised by their fingerprints.

    Parameters
    ----------
    settings : dict
        Of the run when it began.
    steps : list of Event
    iteration : int
        Iterations done in all.
    source : dict
        Where the projections come from: a folder and its files, a data set, a simulator.
    views : dict
        How it was looked at: slices, camera, transfer function.

    Examples
    --------
    >>> from em_inverse.forward import ParallelBeam
    >>> disc = np.hypot(*np.mgrid[-7.5:8, -7.5:8]) < 5
    >>> angles = [-60.0, -20.0, 20.0, 60.0]
    >>> data = dict(zip(angles, ParallelBeam(disc.shape, angles) @ disc))
    >>> run = DynamicReconstruction(disc.shape, epsilon=0.5)
    >>> for angle in angles:
    ...     run.add(angle, data[angle])
    ...     state = run.step()
    >>> run.epsilon = 0.2
    >>> state = run.step()
    >>> session = Session.of(run, views={"slice": 3})
    >>> again = session.replay(data)
    >>> bool((again.x == run.x).all())
    True
    """

    settings: dict[str, Any]
    steps: list[Event]
    iteration: int
    source: dict[str, Any] = field(default_factory=dict)
    views: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        run: DynamicReconstruction,
        *,
        source: Mapping[str, Any] | None = None,
        views: Mapping[str, Any] | None = None,
    ) -> Session:
        """Return the session of a run, up to now.

        Parameters
        ----------
        run : DynamicReconstruction
        source, views : mapping, optional
            What JSON can hold.

        Raises
        ------
        ParameterError
            When the run has, or had, a support: masks are too large for a session. Save a
            checkpoint.
        """

        def take() -> Session:
            if any(event.kind == "support" and event.value for event in run.events) or (
                run.support is not None
            ):
                raise ParameterError(
                    "the run has a support, which a session cannot hold. Keep it as a checkpoint: "
                    "run.save(path)."
                )
            settings = run.settings() | run.opening
            return cls(settings, list(run.events), run.iteration, dict(source or {}))

        session: Session = run.between_iterations(take)
        session.views = dict(views or {})
        return session

    def save(self, path: PathLike, *, overwrite: bool = False) -> None:
        """Write the session as JSON, under a temporary name first.

        Raises
        ------
        ParameterError
            When `path` exists and `overwrite` is False, or when `source` or `views` hold what JSON
            cannot.
        """
        content = {
            "format": _FORMAT,
            "version": _VERSION,
            "software": __version__,
            "settings": self.settings,
            "source": self.source,
            "views": self.views,
            "iteration": self.iteration,
            "steps": [event.to_json() for event in self.steps],
        }
        try:
            text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ParameterError(
                f"the session holds something that JSON cannot ({error}). Keep numbers, texts, "
                f"lists and dictionaries in source and views."
            ) from None
        with replacing(path, overwrite=overwrite) as part:
            part.write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: PathLike) -> Session:
        """Read a session.

        Raises
        ------
        FileFormatError
            When the file is missing, no session, or of another version.
        """
        file = expanded(path)
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            if content["format"] != _FORMAT:
                raise KeyError("format")
            version = content["version"]
            steps = [Event.from_json(fields) for fields in content["steps"]]
            parts = (dict(content["settings"]), steps, int(content["iteration"]))
            more = dict(content["source"]), dict(content["views"])
        except FileNotFoundError:
            raise FileFormatError(f"there is no session {str(file)!r}.") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise FileFormatError(f"{str(file)!r} is no session of em_inverse ({error}).") from None
        if version != _VERSION:
            raise FileFormatError(
                f"{str(file)!r} was written in version {version!r} of the format; this program "
                f"reads version {_VERSION}."
            )
        return cls(*parts, *more)

    def replay(
        self,
        projections: TiltSeries | Mapping[float, ArrayLike] | Lookup,
        *,
        progress: bool = False,
    ) -> DynamicReconstruction:
        """Do every step again, after as many iterations as then, and return the run.

        Parameters
        ----------
        projections : TiltSeries, mapping of angle to image, or callable
            A callable takes the angle in degrees and the fingerprint of the projection, for data in
            which an angle was recorded twice.
        progress : bool
            Show a progress bar on stderr.

        Raises
        ------
        DataError
            When a projection is missing or is not the one that was used then.
        """
        from tqdm.auto import tqdm

        lookup = _lookup(projections)
        settings = dict(self.settings)
        shape, epsilon = tuple(settings.pop("shape")), settings.pop("epsilon")
        run = DynamicReconstruction(shape, epsilon, **settings)
        with tqdm(total=self.iteration, unit="it", disable=not progress) as bar:

            def go_on(goal: int) -> None:
                while run.iteration < goal:
                    run.step()
                    bar.update()

            for event in self.steps:
                go_on(event.iteration)
                _do(run, event, lookup)
            go_on(self.iteration)
        return run


def _do(run: DynamicReconstruction, event: Event, lookup: Lookup) -> None:
    """Repeat one step."""
    if event.kind in ("added", "replaced"):
        images = [
            _image(lookup, angle, digest)
            for angle, digest in zip(event.value, event.digests, strict=True)
        ]
        run.add(
            event.value,
            np.stack(images),
            center_shift=event.center_shift or 0.0,
            axial_shift=event.axial_shift or 0.0,
        )
    elif event.kind == "removed":
        for angle in event.value:
            run.remove(angle)
    elif event.kind in ("epsilon", "nonnegative"):
        setattr(run, event.kind, event.value)


def _image(lookup: Lookup, angle: float, digest: str) -> np.ndarray:
    image = np.asarray(lookup(angle, digest))
    if digest_of(image) != digest:
        raise DataError(
            f"the projection at {angle:g}° is not the one of the session: its pixels differ. Give "
            f"the data as they were used then, prepared in the same way."
        )
    return image


def _lookup(projections: Any) -> Lookup:
    if callable(projections):
        return projections
    if isinstance(projections, TiltSeries):
        known = dict(zip(projections.angles_deg.tolist(), projections.projections, strict=True))
    else:
        known = {float(angle): image for angle, image in dict(projections).items()}

    def find(angle: float, digest: str) -> Any:
        for there, image in known.items():
            if abs(there - angle) < SAME_ANGLE_DEG:
                return image
        raise DataError(
            f"the session uses a projection at {angle:g}°, which is not among the {len(known)} "
            f"given."
        )

    return find
