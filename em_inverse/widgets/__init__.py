"""Explorers: pictures that move with a slider.

Each explorer keeps three things apart: ``compute`` (numbers in, numbers out), ``draw`` (numbers in,
panels out) and control (this package). The first two need no kernel and are tested without one.
"""

import lazy_loader

_load, _list, _names = lazy_loader.attach(
    __name__,
    submodules=["colours", "controls", "gap", "panel", "raster", "runs", "static", "working"],
    submod_attrs={
        "budget": ["BudgetExplorer"],
        "canvas": ["Canvas"],
        "cockpit": ["Cockpit"],
        "controls": ["Choice", "LogSlider", "Slider", "Switch"],
        "deblurring": ["DeblurringExplorer"],
        "explorer": ["Explorer"],
        "few_tilts": ["FewTiltsExplorer"],
        "focus": ["FocusExplorer"],
        "forward_chain": ["ForwardExplorer"],
        "fusing": ["FusionExplorer"],
        "gap": ["GapExplorer"],
        "k3d_view": ["explore"],
        "l_curve": ["LCurveExplorer"],
        "live": ["LiveExplorer", "LiveSession"],
        "live_epsilon": ["LiveEpsilonExplorer"],
        "panel": ["Axis", "Band", "ImagePanel", "Line", "LinePanel", "Rule", "View"],
        "picture": ["Picture"],
        "presentation": ["present"],
        "priors": ["PriorExplorer"],
        "spectrum": ["SpectrumExplorer"],
        "volume": ["VolumeView"],
        "wedge": ["WedgeExplorer"],
    },
)
__all__ = list(_names)


def __getattr__(name: str) -> object:
    return _load(name)


def __dir__() -> list[str]:
    return _list()
