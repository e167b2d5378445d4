"""A simulated microscope: specimens whose truth is known, recorded as a real one would record them.

A :class:`Microscope` photographs a volume tilt by tilt, with drift, hot pixels, background, noise
and, where a lesson needs them, faults; a :class:`Replay` hands out the projections of a real series
in the same way. :func:`write` puts either into a folder at the pace of an instrument, file by
file, for whatever watches that folder.

    particle = simulate.twisted_bowtie(128)
    order = simulate.tilt_order("golden", -75, 75, 2)
    microscope = simulate.Microscope(particle, order, dose=200, drift_px=0.5)
    simulate.write(microscope, "incoming", pace_s=2)

Metal particles, atom by atom, give tilt series at atomic resolution:

    series = simulate.particle_tilt_series(simulate.icosahedron("Pt", 5), counts=40)
"""

from em_inverse.simulate.bowtie import twisted_bowtie
from em_inverse.simulate.chirality import chirality
from em_inverse.simulate.clusters import (
    Cluster,
    decahedron,
    fcc_cluster,
    icosahedron,
    octahedron,
    random_cluster,
)
from em_inverse.simulate.microscope import FAULTS, Microscope
from em_inverse.simulate.nanocube import decorated_nanocube
from em_inverse.simulate.orders import TILT_ORDERS, tilt_order
from em_inverse.simulate.particles import PROBES, particle_set, particle_tilt_series
from em_inverse.simulate.replay import Replay
from em_inverse.simulate.shot import Shot, Source
from em_inverse.simulate.writing import FORMATS, NAMINGS, write

__all__ = [
    "FAULTS",
    "FORMATS",
    "NAMINGS",
    "PROBES",
    "TILT_ORDERS",
    "Cluster",
    "Microscope",
    "Replay",
    "Shot",
    "Source",
    "chirality",
    "decahedron",
    "decorated_nanocube",
    "fcc_cluster",
    "icosahedron",
    "octahedron",
    "particle_set",
    "particle_tilt_series",
    "random_cluster",
    "tilt_order",
    "twisted_bowtie",
    "write",
]
