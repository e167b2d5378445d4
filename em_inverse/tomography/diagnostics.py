"""How far a reconstruction may be trusted: every check of this room behind one door.

Each returns a small result that prints its verdict in words, draws itself (``draw()``, with the
sentence for blind readers in ``alt``), and knows what belongs into the report (``facts``), which
:func:`with_findings` hangs on the reconstruction.

    noise = diagnostics.noise_level(series)
    print(diagnostics.residual_per_tilt(result, series))
    alarm = diagnostics.over_regularisation_alarm(result, series, noise=noise)
    result = diagnostics.with_findings(result, noise, alarm)
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from em_inverse.errors import ParameterError, check_choice
from em_inverse.io.provenance import FINDINGS
from em_inverse.tilt_series import Reconstruction
from em_inverse.tomography.damage import Damage, damage_alarm
from em_inverse.tomography.noise_level import NoiseLevel, noise_level
from em_inverse.tomography.over_regularisation import (
    OverRegularisation,
    over_regularisation_alarm,
)
from em_inverse.tomography.residuals import ResidualPerTilt, residual_per_tilt
from em_inverse.tomography.resolution import FourierShells, fourier_shell_correlation
from em_inverse.tomography.spectrum import PowerSpectrum, power_spectrum
from em_inverse.tomography.wedge import (
    Elongation,
    MissingWedge,
    elongation,
    measured_elongation,
    missing_wedge,
)

__all__ = [
    "Damage",
    "Elongation",
    "FourierShells",
    "MissingWedge",
    "NoiseLevel",
    "OverRegularisation",
    "PowerSpectrum",
    "ResidualPerTilt",
    "damage_alarm",
    "elongation",
    "fourier_shell_correlation",
    "measured_elongation",
    "missing_wedge",
    "noise_level",
    "over_regularisation_alarm",
    "power_spectrum",
    "residual_per_tilt",
    "with_findings",
]


def with_findings(result: Reconstruction, *findings: Any, **facts: Any) -> Reconstruction:
    """Return the reconstruction with what was found out about it, for report and file.

    Parameters
    ----------
    result : Reconstruction
    *findings
        Results of the diagnostics of this room: noise level, residual per tilt, Fourier shell
        correlation, alarms. Alarms add up; of other facts the last one counts.
    **facts
        Numbers that no finding carries, by the names of
        :data:`em_inverse.io.provenance.FINDINGS`: ``held_out_error=0.08``.

    Returns
    -------
    Reconstruction
        A copy; its metadata are what :func:`em_inverse.report.report_table` reads.

    Raises
    ------
    ParameterError
        When a finding has no facts to report, or the name of a fact is not known.

    Examples
    --------
    >>> import numpy as np
    >>> from em_inverse.tilt_series import TiltSeries
    >>> noise = noise_level(TiltSeries(np.eye(8), range(8)))
    >>> sorted(with_findings(Reconstruction(np.eye(8), "WBP"), noise).metadata)
    ['noise_norm']
    """
    kept = dict(result.metadata)
    for finding in findings:
        if not hasattr(finding, "facts"):
            raise ParameterError(
                f"findings holds a {type(finding).__name__}; results of the diagnostics are "
                f"needed, as noise_level(series) returns one."
            )
        known = dict(finding.facts)
        alarms = [*kept.get("alarms", ()), *known.pop("alarms", ())]
        kept.update(known)
        if alarms:
            kept["alarms"] = list(dict.fromkeys(alarms))
    for name in facts:
        check_choice(name, "name of a fact", FINDINGS)
    kept.update(facts)
    return replace(result, metadata=kept)
