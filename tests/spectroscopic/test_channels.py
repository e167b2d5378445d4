"""The series, and reconstruction channel by channel."""

import numpy as np
import pytest

from em_inverse import spectroscopic, tomography
from em_inverse.errors import DataError, GeometryError, ParameterError
from em_inverse.spectroscopic import SpectralSeries
from em_inverse.spectroscopic.series import check_spectra


def test_a_series_is_its_channels_and_leaves_its_input_alone():
    counts = np.arange(2 * 5 * 4 * 3).reshape(2, 5, 4, 3)
    kept = counts.copy()
    series = SpectralSeries(counts, [0, 10], pixel_size_nm=0.5)
    assert series.n_channels == 3
    assert series.n_tilts == 2
    assert series.names == ("channel 0", "channel 1", "channel 2")
    assert np.array_equal(series.projections, counts)
    one = series.channel(2)
    assert np.array_equal(one.projections, counts[..., 2])
    assert one.pixel_size_nm == 0.5
    assert np.array_equal(counts, kept)
    single = np.ones((2, 4, 3, 1), np.float32)
    assert not np.shares_memory(SpectralSeries(single, [0, 10]).stack, single)
    with pytest.raises(ValueError, match="read-only"):
        series.stack[0] = 1


@pytest.mark.parametrize("method", ["wbp", "tv_sart"])
def test_channels_are_tilt_series_of_their_own(method, particle):
    settings = {"n_iter": 3, "lam": 0.05} if method == "tv_sart" else {}
    whole = getattr(spectroscopic, method)(particle.spectra, **settings)
    for k in range(2):
        alone = getattr(tomography, method)(particle.spectra.channel(k), **settings)
        assert np.array_equal(whole.x[..., k], alone.x)
    assert whole.parameters["channels"] == ["Au", "Fe"]
    assert "channel by channel" in whole.algorithm


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: SpectralSeries(np.ones((2, 3, 4)), [0, 1]), DataError, "4-D"),
        (lambda: SpectralSeries(np.ones((2, 3, 4, 1)), [0]), GeometryError, "2 tilts"),
        (lambda: SpectralSeries(np.ones((1, 3, 4, 2)), [0], ["Au"]), ParameterError, "names"),
        (lambda: SpectralSeries(np.full((1, 3, 4, 2), np.nan), [0]), DataError, "NaN"),
        (lambda: check_spectra(np.ones((1, 3, 4, 2))), ParameterError, "SpectralSeries"),
        (lambda: check_spectra(SpectralSeries(np.zeros((1, 3, 4, 2)), [0])), DataError, "zero"),
        (
            lambda: check_spectra(SpectralSeries(-np.ones((1, 3, 4, 2)), [0]), counts=True),
            DataError,
            "negative",
        ),
        (lambda: SpectralSeries(np.ones((1, 3, 4, 2)), [0]).channel(2), ParameterError, "index"),
    ],
)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()
