"""Make the small samples in this folder from the full data sets.

Run it from anywhere: ``python data/make_samples.py``. It fetches the full sets when they are not in
the data cache, and writes the same bytes at every run.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np

from em_inverse import datasets

HERE = Path(__file__).resolve().parent
BINNING = 4
OFFSET, LEVEL = 32768, 16
CORNER, DIGITS = 128, 4


def small_needle() -> dict[str, np.ndarray]:
    """Bin the NIST needle 4 × 4 and round it to 12 bits; offset and drift stay as recorded."""
    series = datasets.load("nist-needle")
    counts = np.asarray(series.projections, dtype=np.float64) + OFFSET
    tilts, nx, ny = counts.shape
    blocks = counts.reshape(tilts, nx // BINNING, BINNING, ny // BINNING, BINNING)
    return {
        "projections": np.round(blocks.mean(axis=(2, 4)) / LEVEL).astype(np.uint16),
        "angles_deg": series.angles_deg,
        "pixel_size_nm": np.float64(round(BINNING * (series.pixel_size_nm or 0.0), 6)),
    }


def small_element_maps() -> dict[str, np.ndarray]:
    """Cut a corner out of the DyScO3 maps, and round the fractions to four digits."""
    full = datasets.load("dysco3-haadf-edx")
    assert isinstance(full, datasets.ElementMaps)
    corner = np.s_[:CORNER, :CORNER]
    maps = {name: np.round(one[corner], DIGITS) for name, one in full.maps.items()}
    return {
        "HAADF": full.haadf[corner].astype(np.uint16),
        **{name: one.astype(np.float32) for name, one in maps.items()},
    }


def write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write a compressed .npz without the time of day in it."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            stream = io.BytesIO()
            np.lib.format.write_array(stream, np.asarray(array), allow_pickle=False)
            member = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, stream.getvalue(), compresslevel=9)


if __name__ == "__main__":
    write(HERE / "nist-needle-small.npz", small_needle())
    write(HERE / "dysco3-small.npz", small_element_maps())
