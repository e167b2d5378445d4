"""The honest-reporting line: what every published tomogram owes its readers.

A reconstruction is only as good as the data behind it, so its caption says which tilts were
recorded, what was computed from them and how well the result explains them. What is not known is
called "not stated" instead of being left out.
"""

from __future__ import annotations

from typing import Any

from em_inverse.errors import ParameterError
from em_inverse.io import describe, facts
from em_inverse.io.provenance import algorithm_name, generated_words, misses_epsilon
from em_inverse.tilt_series import Reconstruction

__all__ = ["report", "report_table", "table_text"]


def report(reconstruction: Reconstruction) -> str:
    """Return the sentence that belongs under every picture of a reconstruction.

    It states number, range and step of the tilts, algorithm and parameters, the residual
    ‖Ax − b‖₂ and its share of ‖b‖₂, the dose, the voxel size and the software version. Simulated
    data are announced first. What diagnostics have found (ε in units of the noise, the error at
    held-out projections, the resolution) is added where it is known, and alarms come last.

    Parameters
    ----------
    reconstruction : Reconstruction
        A finished run, or one read back by :func:`em_inverse.io.read_volume`.

    Returns
    -------
    str
        One line without a line break.

    Raises
    ------
    ParameterError
        When `reconstruction` is something else, a bare array for instance.

    Examples
    --------
    >>> import numpy as np
    >>> run = Reconstruction(
    ...     np.zeros((64, 64, 64)), "SIRT", n_iter=30, pixel_size_nm=3.36,
    ...     history={"data_distance": [9.0, 3.0]},
    ...     geometry={"n_projections": 77, "tilt_min_deg": -76.0, "tilt_max_deg": 76.0,
    ...               "tilt_step_deg": 2.0, "dose_e_per_nm2": None, "data_norm": 60.0})
    >>> line = report(run)
    >>> line.split("; ")[:3]
    ['77 projections from −76° to 76° in steps of 2°', 'SIRT, 30 iterations', \
'residual ‖Ax − b‖ = 3 (5 % of ‖b‖)']
    """
    return describe(report_table(reconstruction))


def report_table(reconstruction: Reconstruction) -> dict[str, Any]:
    """Return the same facts as a dictionary that ``json.dumps`` takes as it is.

    Parameters
    ----------
    reconstruction : Reconstruction
        A finished run, or one read back by :func:`em_inverse.io.read_volume`.

    Returns
    -------
    dict
        The keys of :func:`em_inverse.io.facts`; what is not known is None.

    Raises
    ------
    ParameterError
        When `reconstruction` is something else.

    Examples
    --------
    >>> import numpy as np
    >>> table = report_table(Reconstruction(np.zeros((2, 3, 4)), "WBP"))
    >>> table["algorithm"], table["shape"], table["data_distance"]
    ('WBP', [2, 3, 4], None)
    """
    if not isinstance(reconstruction, Reconstruction):
        raise ParameterError(
            f"reconstruction is a {type(reconstruction).__name__}; a Reconstruction is needed, as "
            f"tomography.sirt(series, ...) or io.read_volume(path) return it."
        )
    return facts(reconstruction)


def table_text(reconstruction: Reconstruction) -> str:
    """Return the table that every published tomogram owes, aligned, to be printed.

    Rows that every tomogram owes say "not stated" where nothing is known; rows of diagnostics
    appear where they were made.

    Parameters
    ----------
    reconstruction : Reconstruction
        A finished run, or one read back by :func:`em_inverse.io.read_volume`.

    Returns
    -------
    str
        One line a row.

    Raises
    ------
    ParameterError
        When `reconstruction` is something else.

    Examples
    --------
    >>> import numpy as np
    >>> run = Reconstruction(np.zeros((4, 5)), "TV", n_iter=80, parameters={"epsilon": 2.1},
    ...     history={"data_distance": [2.1]}, metadata={"noise_norm": 2.0, "alarms": ["damage"]},
    ...     geometry={"n_projections": 3, "tilt_min_deg": -60.0, "tilt_max_deg": 60.0,
    ...               "tilt_step_deg": 60.0, "data_norm": 42.0})
    >>> print(table_text(run))
    data            recorded
    projections     3
    tilt range      −60° to 60°
    tilt step       60°
    total dose      not stated
    algorithm       TV
    iterations      80
    λ or ε          ε = 2.1 (1.05 × noise)
    residual        2.1 (5 % of ‖b‖, 1.05 × noise)
    voxel size      not stated
    shape z, x, y   4 × 5
    ALARM           damage
    """
    table = report_table(reconstruction)
    rows = [*_owed(table), *_found(table)]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}   {value}" for name, value in rows)


def _owed(table: dict[str, Any]) -> list[tuple[str, str]]:
    low, high, step = (table[f"tilt_{name}_deg"] for name in ("min", "max", "step"))
    uneven = " (median; uneven)" if table["tilt_step_uniform"] is False else ""
    distance, share = table["data_distance"], table["relative_residual"]
    beside = _listed(
        None if share is None else f"{100 * share:.3g} % of ‖b‖",
        _times_noise(table["residual_over_noise"]),
    )
    residual = None if distance is None else f"{_number(distance)}{beside and f' ({beside})'}"
    if distance is None and beside:
        residual = beside
    return [
        ("data", "SIMULATED" if table["synthetic"] else "recorded"),
        ("projections", _stated(table["n_projections"])),
        ("tilt range", _stated(None if low is None else f"{_number(low)}° to {_number(high)}°")),
        ("tilt step", _stated(None if step is None else f"{_number(step)}°{uneven}")),
        ("total dose", _stated(table["dose_e_per_nm2"], " e/nm²")),
        ("algorithm", algorithm_name(table)),
        ("iterations", str(table["n_iter"]) if table["n_iter"] else "none (closed form)"),
        ("λ or ε", _weight(table)),
        ("residual", _stated(residual)),
        ("voxel size", _stated(table["voxel_size_nm"], " nm")),
        ("shape z, x, y", " × ".join(str(n) for n in table["shape"])),
    ]


def _found(table: dict[str, Any]) -> list[tuple[str, str]]:
    rows = []
    if table["n_generated"]:
        rows.append(("GENERATED", generated_words(table)))
    if table["held_out_error"] is not None:
        rows.append(("held-out error", f"{100 * table['held_out_error']:.3g} %"))
    for unit in ("nm", "px"):
        if table[f"resolution_{unit}"] is not None:
            how = table["resolution_criterion"]
            found = f"{table[f'resolution_{unit}']:.3g} {unit}"
            rows.append(("resolution", f"{found} ({how})" if how else found))
    expected, measured = table["elongation_expected"], table["elongation_measured"]
    if expected is not None and measured is not None:
        rows.append(("elongation", f"{measured:.2f} measured, {expected:.2f} expected"))
    if table["filled_by_prior"] is not None:
        rows.append(("filled by prior", f"{100 * table['filled_by_prior']:.3g} % of Fourier space"))
    rows.extend(("ALARM", str(alarm)) for alarm in table["alarms"] or ())
    return rows


def _weight(table: dict[str, Any]) -> str:
    parameters = table["parameters"]
    parts = []
    for sign, names in (("λ", ("lambda", "lam")), ("ε", ("epsilon",))):
        value = next((parameters[n] for n in names if parameters.get(n) is not None), None)
        if value is not None:
            beside = ""
            if sign == "ε":
                missed = "not reached" if misses_epsilon(table) else None
                beside = _listed(_times_noise(table["epsilon_over_noise"]), missed)
            parts.append(f"{sign} = {_number(value)}{beside and f' ({beside})'}")
    return ", ".join(parts) or "none"


def _times_noise(ratio: float | None) -> str | None:
    return None if ratio is None else f"{ratio:.3g} × noise"


def _listed(*parts: str | None) -> str:
    return ", ".join(part for part in parts if part)


def _stated(value: Any, unit: str = "") -> str:
    return "not stated" if value is None else f"{_number(value)}{unit}"


def _number(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:.6g}".replace("-", "−")
