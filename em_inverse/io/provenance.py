"""The account that travels with a reconstruction: facts for machines, a sentence for people."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from em_inverse._version import __version__
from em_inverse.tilt_series import Reconstruction

__all__ = [
    "FINDINGS",
    "algorithm_name",
    "ascii_text",
    "describe",
    "facts",
    "generated_words",
    "json_ready",
    "misses_epsilon",
]

FINDINGS = (
    "noise_norm",
    "residual_over_noise",
    "held_out_error",
    "resolution_nm",
    "resolution_px",
    "resolution_criterion",
    "elongation_expected",
    "elongation_measured",
    "filled_by_prior",
    "alarms",
)
"""What the diagnostics of :mod:`em_inverse.tomography` find out, as keys of the metadata."""

# Keywords and JSON name the parameters for machines; under a picture they stand in words.
_WORDS = {
    "alpha": "first TV step {}",
    "alpha_red": "TV step reduced to {}",
    "beta": "first relaxation {}",
    "beta_red": "relaxation reduced to {} per iteration",
    "center_shift": "tilt axis {} px beside the middle",
    "epsilon": "ε = {}",
    "filter": "{} filter",
    "gap": "duality gap {}",
    "initial": "start {}",
    "lam": "λ = {}",
    "lambda": "λ = {}",
    "n_tv": "{} TV steps per iteration",
    "noise_norm": "‖noise‖ = {}",
    "order": "{} order",
    "padding": "{} padding",
    "penalty": "{} penalty",
    "prior": "{}",
    "r_max": "largest TV step {}",
    "schedule": "{} schedule",
    "smoothing": "TV smoothed by {}",
    "stop": "stopped by {}",
}
# Names of a solver alone, which say nothing of what it solved.
_SOLVERS = ("PDHG", "FISTA")
# A run counts as inside its ε ball to within the tolerance of the solvers.
_OUTSIDE = 1.02
_ASCII = {
    "‖": "||",
    "±": "+/-",
    "°": " deg",
    "−": "-",
    "–": "-",
    "—": "-",
    "²": "^2",
    "³": "^3",
    "×": "x",
    "λ": "lambda",
    "ε": "epsilon",
    "γ": "gamma",
    "σ": "sigma",
    "Å": "A",
    "≥": ">=",
    "≤": "<=",
}


def facts(reconstruction: Reconstruction) -> dict[str, Any]:
    """Return what a published tomogram owes its readers, ready for JSON.

    Keys: ``software`` (of a volume read from a file: what wrote it), ``algorithm``,
    ``parameters``, ``n_iter``, ``converged``, ``stop_reason``, ``n_projections``, ``n_generated``
    (how many of those were made from others, not recorded), ``generated_by`` (how),
    ``tilt_min_deg``, ``tilt_max_deg``, ``tilt_step_deg`` (the median), ``tilt_step_uniform``,
    ``dose_e_per_nm2``, ``data_distance`` (‖Ax − b‖₂), ``data_norm`` (‖b‖₂),
    ``relative_residual`` (their ratio), ``epsilon_over_noise`` (ε in units of the noise norm),
    what diagnostics have found (:data:`FINDINGS`), ``voxel_size_nm``, ``shape``, ``data_steps``
    and ``synthetic``. What is not known is None.

    Examples
    --------
    >>> table = facts(Reconstruction(np.zeros((2, 2)), "SIRT", n_iter=30, converged=False))
    >>> table["algorithm"], table["n_iter"], table["dose_e_per_nm2"]
    ('SIRT', 30, None)
    """
    geometry, metadata = reconstruction.geometry, reconstruction.metadata
    distance = reconstruction.data_distance
    norm = geometry.get("data_norm")
    relative = metadata.get("relative_residual")
    if relative is None and distance is not None and norm:
        relative = distance / norm
    noise = metadata.get("noise_norm", reconstruction.parameters.get("noise_norm"))
    table = {
        "software": metadata.get("software") or f"em_inverse {__version__}",
        "algorithm": reconstruction.algorithm,
        "parameters": dict(reconstruction.parameters),
        "n_iter": reconstruction.n_iter,
        "converged": reconstruction.converged,
        "stop_reason": reconstruction.stop_reason,
        "n_projections": geometry.get("n_projections"),
        "n_generated": geometry.get("n_generated"),
        "generated_by": geometry.get("generated_by"),
        "tilt_min_deg": geometry.get("tilt_min_deg"),
        "tilt_max_deg": geometry.get("tilt_max_deg"),
        "tilt_step_deg": geometry.get("tilt_step_deg"),
        "tilt_step_uniform": geometry.get("tilt_step_uniform"),
        "dose_e_per_nm2": geometry.get("dose_e_per_nm2"),
        "data_distance": distance,
        "data_norm": norm,
        "relative_residual": relative,
        "epsilon_over_noise": _over_noise(reconstruction.parameters.get("epsilon"), noise),
        **{name: metadata.get(name) for name in FINDINGS},
        "residual_over_noise": metadata.get("residual_over_noise", _over_noise(distance, noise)),
        "voxel_size_nm": reconstruction.pixel_size_nm,
        "shape": list(np.shape(reconstruction.x)),
        "data_steps": list(reconstruction.provenance),
        "synthetic": bool(metadata.get("synthetic", False)),
    }
    return {name: json_ready(value) for name, value in table.items()}


def describe(table: Mapping[str, Any]) -> str:
    """Put the facts into the one sentence that belongs in a caption or a methods section.

    Examples
    --------
    >>> print(describe({"algorithm": "WBP", "parameters": {"filter": "ramp"}, "n_iter": 0,
    ...     "n_projections": 77, "tilt_min_deg": -76.0, "tilt_max_deg": 76.0,
    ...     "tilt_step_deg": 2.0, "voxel_size_nm": 3.36, "software": "em_inverse 0.1.0"}))
    77 projections from −76° to 76° in steps of 2°; WBP (ramp filter); residual not stated; \
dose not stated; voxel size 3.36 nm; em_inverse 0.1.0.
    """
    parts = [
        _tilts(table),
        _algorithm(table),
        _residual(table),
        *_findings(table),
        _dose(table),
        _voxel(table),
        str(table.get("software") or f"em_inverse {__version__}"),
    ]
    lead = "SIMULATED DATA: " if table.get("synthetic") else ""
    if table.get("n_generated"):
        lead += f"{generated_words(table)} — "
    alarms = "".join(f" ALARM: {alarm}." for alarm in table.get("alarms") or ())
    return lead + "; ".join(parts) + "." + alarms


def algorithm_name(table: Mapping[str, Any]) -> str:
    """Return the algorithm as a caption names it: what was minimised, then by which solver.

    Parameters
    ----------
    table : mapping
        The facts of a reconstruction, or at least its ``algorithm`` and ``parameters``.

    Examples
    --------
    >>> algorithm_name({"algorithm": "PDHG", "parameters": {"prior": "TotalVariation(tol=1e-06)"}})
    'total variation by PDHG'
    >>> algorithm_name({"algorithm": "SIRT", "parameters": {}})
    'SIRT'
    """
    name = str(table.get("algorithm") or "algorithm not stated")
    prior = (table.get("parameters") or {}).get("prior")
    if name in _SOLVERS and isinstance(prior, str):
        return f"{_prior_words(prior)} by {name}"
    return name


def generated_words(table: Mapping[str, Any]) -> str:
    """Say how many projections were not recorded, for captions and tables.

    Examples
    --------
    >>> generated_words({"n_generated": 4, "n_projections": 9, "generated_by": "linear"})
    '4 of 9 projections GENERATED, not recorded (linear filling)'
    """
    by = table.get("generated_by")
    how = f" ({str(by).replace('_', '-')} filling)" if by else ""
    made, count = table["n_generated"], table["n_projections"]
    return f"{made} of {count} projections GENERATED, not recorded{how}"


def ascii_text(text: str) -> str:
    """Return `text` in plain ASCII, with the field's signs spelt out.

    Examples
    --------
    >>> ascii_text("‖Ax − b‖ at ±76°")
    '||Ax - b|| at +/-76 deg'
    """
    for sign, spelt in _ASCII.items():
        text = text.replace(sign, spelt)
    return text.encode("ascii", "replace").decode("ascii")


def json_ready(value: Any) -> Any:
    """Return `value` in types that JSON knows; NaN and infinity become None, arrays lists.

    Examples
    --------
    >>> json_ready({"lam": np.float32(0.5), "shape": (3, 4), "bad": float("nan")})
    {'lam': 0.5, 'shape': [3, 4], 'bad': None}
    """
    if isinstance(value, Mapping):
        return {str(name): json_ready(item) for name, item in value.items()}
    if isinstance(value, np.ndarray):
        return json_ready(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return [json_ready(item) for item in value]
    if isinstance(value, np.generic):
        return json_ready(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value)


def _tilts(table: Mapping[str, Any]) -> str:
    count, low, high = (
        table.get(name) for name in ("n_projections", "tilt_min_deg", "tilt_max_deg")
    )
    if count is None or low is None or high is None:
        return "tilt range not stated"
    if count == 1:
        return f"1 projection at {_number(low)}°"
    step = table.get("tilt_step_deg")
    if step is None:
        spacing = ""
    elif table.get("tilt_step_uniform") is False:
        spacing = f" in uneven steps (median {_number(step)}°)"
    else:
        spacing = f" in steps of {_number(step)}°"
    return f"{count} projections from {_number(low)}° to {_number(high)}°{spacing}"


def _algorithm(table: Mapping[str, Any]) -> str:
    parameters = {
        name: value
        for name, value in (table.get("parameters") or {}).items()
        if not isinstance(value, list | dict) and name not in ("n_iter", "iterations")
    }
    text = algorithm_name(table)
    prior = parameters.get("prior")
    if isinstance(prior, str):
        parameters["prior"] = _prior_words(prior)
        if text != table.get("algorithm"):
            del parameters["prior"]
    if table.get("n_iter"):
        text += f", {table['n_iter']} iteration" + ("s" if table["n_iter"] > 1 else "")
    if parameters:
        text += f" ({', '.join(_in_words(name, value) for name, value in parameters.items())})"
    return text


def _in_words(name: str, value: Any) -> str:
    """``relaxation = 1.0`` and ``nonnegative = True`` as people say them."""
    if name == "nonnegative":
        return "x ≥ 0" if value else "x of either sign"
    if name == "blocks":
        return f"{value} block" + ("" if value == 1 else "s")
    if name == "cutoff":
        return "no cut-off" if value == 1 else f"cut off at {_number(value)} of Nyquist"
    plain = name.replace("_", " ")
    if isinstance(value, bool):
        return plain if value else f"no {plain}"
    return _WORDS.get(name, f"{plain} {{}}").format(_number(value))


def _prior_words(prior: str) -> str:
    """``TotalVariation(tol=1e-06)`` in words: people need no tolerance of an inner loop."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", prior.partition("(")[0]).lower()


def _residual(table: Mapping[str, Any]) -> str:
    distance, relative = table.get("data_distance"), table.get("relative_residual")
    if distance is None and relative is None:
        return "residual not stated"
    share = "" if relative is None else f"{100 * relative:.3g} % of ‖b‖"
    if distance is None:
        return f"residual ‖Ax − b‖ {share}"
    return f"residual ‖Ax − b‖ = {distance:.4g}" + (f" ({share})" if share else "")


def _findings(table: Mapping[str, Any]) -> list[str]:
    """What is known beyond the facts that every tomogram owes; nothing is owed here."""
    parts = []
    ball, ratio = table.get("epsilon_over_noise"), table.get("residual_over_noise")
    if misses_epsilon(table):
        parts.append("ε not reached")
    if ball is not None:
        parts.append(f"ε = {ball:.3g} × noise")
    elif ratio is not None:
        parts.append(f"residual = {ratio:.3g} × noise")
    if table.get("held_out_error") is not None:
        parts.append(f"held-out projections predicted to {100 * table['held_out_error']:.3g} %")
    for unit in ("nm", "px"):
        if table.get(f"resolution_{unit}") is not None:
            how = table.get("resolution_criterion")
            text = f"resolution {table[f'resolution_{unit}']:.3g} {unit}"
            parts.append(f"{text} ({how})" if how else text)
            break
    return parts


def misses_epsilon(table: Mapping[str, Any]) -> bool:
    """Whether the result lies outside the ball ‖Ax − b‖ ≤ ε that was asked for."""
    epsilon = (table.get("parameters") or {}).get("epsilon")
    distance = table.get("data_distance")
    if not isinstance(epsilon, int | float) or distance is None:
        return False
    return bool(distance > _OUTSIDE * epsilon)


def _over_noise(value: Any, noise: Any) -> float | None:
    """Return a distance in units of the noise norm, or None where one of the two is not known."""
    if not isinstance(value, int | float) or not isinstance(noise, int | float) or noise <= 0:
        return None
    return float(value / noise)


def _dose(table: Mapping[str, Any]) -> str:
    dose = table.get("dose_e_per_nm2")
    return "dose not stated" if dose is None else f"total dose {dose:.4g} e/nm²"


def _voxel(table: Mapping[str, Any]) -> str:
    size = table.get("voxel_size_nm")
    return "voxel size not stated" if size is None else f"voxel size {_number(size)} nm"


def _number(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:.6g}".replace("-", "−")
