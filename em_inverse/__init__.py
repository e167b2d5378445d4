"""Inverse problems in electron microscopy: learn them, then use them.

Everything in the kit is one line::

    x̂ = argmin_x  Σ_k λ_k D_k(H_k x, y_k) + λ R(x)      optionally x ≥ 0, or ‖Hx − y‖ ≤ ε

and the modules are the letters of that line: :mod:`~em_inverse.forward` (H),
:mod:`~em_inverse.noise` (ε), :mod:`~em_inverse.fidelity` (D), :mod:`~em_inverse.priors` (R),
:mod:`~em_inverse.solvers` (argmin) and :mod:`~em_inverse.choose` (λ). What a user asks for by name
(:mod:`~em_inverse.deblurring`, :mod:`~em_inverse.tomography`) are thin recipes on top of them.

Submodules load when first used, so that ``import em_inverse`` stays quick.
"""

import lazy_loader

from em_inverse._version import __version__

_load, _list, _names = lazy_loader.attach(
    __name__,
    submodules=[
        "atomic",
        "checks",
        "choose",
        "datasets",
        "deblurring",
        "dynamic",
        "errors",
        "fidelity",
        "fusion",
        "forward",
        "interpolation",
        "io",
        "metrics",
        "noise",
        "phantoms",
        "plotting",
        "priors",
        "problems",
        "report",
        "simulate",
        "solvers",
        "spectra",
        "spectroscopic",
        "tomography",
        "widgets",
    ],
    submod_attrs={"tilt_series": ["Reconstruction", "TiltSeries"]},
)
__all__ = [*_names, "__version__"]


def __getattr__(name: str) -> object:
    return _load(name)


def __dir__() -> list[str]:
    return _list()
