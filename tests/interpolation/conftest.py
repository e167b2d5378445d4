"""A particle between whose tilts there is something to fill."""

import numpy as np
import pytest

from em_inverse import simulate


@pytest.fixture(scope="session")
def particle():
    """A small crystal, −72° to 72° by 3°."""
    angles = np.arange(-72, 73, 3)
    cluster = simulate.fcc_cluster("Ir", 1.0).turned(3)
    return simulate.particle_tilt_series(
        cluster, shape=(60, 60), pixel_size_nm=0.045, angles_deg=angles
    )
