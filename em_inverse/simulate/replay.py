"""A series that was recorded once, handed out projection by projection as if it were now."""

from __future__ import annotations

import numpy as np

from em_inverse.errors import ParameterError, check_choice
from em_inverse.simulate.orders import TILT_ORDERS, visiting_order
from em_inverse.simulate.shot import Shot, Source
from em_inverse.tilt_series import TiltSeries, check_series

__all__ = ["Replay"]


class Replay(Source):
    """The projections of an existing series, in the order they were recorded or in another.

    Parameters
    ----------
    series : TiltSeries or str
        A series, or the name of a data set that is one, such as ``"nist-needle"``, which is fetched
        if need be.
    order : {'recorded', 'sequential', 'bidirectional', 'dose_symmetric', 'golden'}
        ``"recorded"`` is the order of the series; for the others see :func:`tilt_order`.
    offline : {'error', 'synthetic'}
        For a data set that can neither be found nor fetched: fail, or take its simulated stand-in.

    Raises
    ------
    ParameterError
        When there is no such order or data set, or the data set is no tilt series.
    ChecksumError, DownloadError
        As :func:`em_inverse.datasets.load` does.

    Examples
    --------
    >>> replay = Replay("nist-needle-small", order="golden")
    >>> [shot.angle_deg for shot in replay][:4]
    [0.0, -60.0, 36.0, -24.0]
    """

    def __init__(
        self, series: TiltSeries | str, order: str = "recorded", *, offline: str = "error"
    ) -> None:
        check_choice(order, "order", ("recorded", *TILT_ORDERS))
        recorded = _loaded(series, offline) if isinstance(series, str) else check_series(series)
        if order != "recorded":
            recorded = recorded.select(visiting_order(recorded.angles_deg, order)).forget()
        self._series = recorded
        self.angles_deg = recorded.angles_deg
        self.image_shape = recorded.projections.shape[1:]
        self.pixel_size_nm = recorded.pixel_size_nm
        self.simulated = bool(recorded.metadata.get("synthetic", False))

    def shot(self, index: int) -> Shot:
        """Return one projection, by its place in the order of the replay.

        Raises
        ------
        ParameterError
            When there is no such projection.
        """
        k = self._checked(index)
        image = self._series.projections[k].astype(np.float32)
        return Shot(k, float(self.angles_deg[k]), image)

    def series(self) -> TiltSeries:
        """Return the series, in the order of the replay."""
        return self._series

    def __repr__(self) -> str:
        return f"Replay({len(self)} projections of {self.image_shape})"


def _loaded(name: str, offline: str) -> TiltSeries:
    from em_inverse import datasets

    series = datasets.load(name, offline=offline)
    if not isinstance(series, TiltSeries):
        raise ParameterError(f"series is {name!r}, a data set that is not a tilt series.")
    return series
