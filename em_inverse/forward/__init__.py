"""Forward models H: what the microscope does to the object."""

import lazy_loader

from em_inverse.forward.blur import BOUNDARIES, GaussianBlur, gaussian_taps
from em_inverse.forward.channels import ChannelGradient, Channels
from em_inverse.forward.energy import EnergyBlur
from em_inverse.forward.operator import (
    Gradient,
    Identity,
    LinearOperator,
    Mask,
    MatrixOperator,
    Stack,
    as_operator,
)

_load, _list, _names = lazy_loader.attach(
    __name__,
    submod_attrs={
        "contrast": ["LinearThickness", "PowerLaw"],
        "multislice": ["Multislice"],
        "optics": ["interaction_parameter", "wavelength"],
        "probe": ["ScanningProbe"],
        "tilt": ["ParallelBeam"],
        "turning": ["FourierTurn", "TurnedSlices"],
    },
)
__all__ = [
    *_names,
    "BOUNDARIES",
    "ChannelGradient",
    "Channels",
    "EnergyBlur",
    "Gradient",
    "GaussianBlur",
    "Identity",
    "LinearOperator",
    "Mask",
    "MatrixOperator",
    "Stack",
    "as_operator",
    "gaussian_taps",
]


def __getattr__(name: str) -> object:
    return _load(name)


def __dir__() -> list[str]:
    return sorted(__all__)
