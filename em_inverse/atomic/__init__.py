"""Phase-contrast atomic electron tomography: from atoms to images, and back to atoms.

Images taken out of focus at many tilts show every atom, light ones as well, but as fringes that
have passed through the whole specimen. The potential that explains them all is a volume, and atoms
are its peaks:

    atoms = atomic.silicon_core_silica_shell()
    series = atomic.simulate(atoms, range(-90, 90, 3), dose_per_square_angstrom=5e4,
                             shape=(64, 64, 64))
    run = atomic.reconstruct(series)                 # the potential in volt
    found = atomic.trace(run.volume)                 # where atoms are, and of which kind
    atomic.score(found, atoms)
"""

from em_inverse.atomic.atoms import Atoms
from em_inverse.atomic.exposure import exposed
from em_inverse.atomic.potential import low_pass, potential, voxel_b_factor
from em_inverse.atomic.reconstruction import AtomicReconstruction, reconstruct, typical_lambda
from em_inverse.atomic.samples import (
    gold_nanoparticle,
    silicon_core_silica_shell,
    tungsten_core_oxide_shell,
    with_vacancies,
)
from em_inverse.atomic.scattering import electron_scattering_factor, five_gaussians
from em_inverse.atomic.scoring import Score, left_empty, score
from em_inverse.atomic.series import FocalTiltSeries
from em_inverse.atomic.simulation import simulate
from em_inverse.atomic.species import Species, classify
from em_inverse.atomic.tetrahedra import Tetrahedra, tetrahedra
from em_inverse.atomic.tracing import TracedAtoms, trace

__all__ = [
    "AtomicReconstruction",
    "Atoms",
    "FocalTiltSeries",
    "Score",
    "Species",
    "Tetrahedra",
    "TracedAtoms",
    "classify",
    "electron_scattering_factor",
    "exposed",
    "five_gaussians",
    "gold_nanoparticle",
    "left_empty",
    "low_pass",
    "potential",
    "reconstruct",
    "score",
    "silicon_core_silica_shell",
    "simulate",
    "tetrahedra",
    "trace",
    "tungsten_core_oxide_shell",
    "typical_lambda",
    "voxel_b_factor",
    "with_vacancies",
]
