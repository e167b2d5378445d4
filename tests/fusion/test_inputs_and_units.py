"""What users bring, and what a unit of it is."""

import types

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from em_inverse import datasets, fusion
from em_inverse.errors import DataError, ParameterError
from em_inverse.fusion.inputs import element_maps, plain, symbol
from em_inverse.fusion.units import as_counts, bright_level, mean_noise, noise_variance


def signal(data, **metadata):
    tree = types.SimpleNamespace(**metadata)
    return types.SimpleNamespace(data=data, metadata=tree)


def test_signals_name_their_elements():
    one = np.ones((4, 4))
    sample = types.SimpleNamespace(xray_lines=["Fe_Ka"])
    titled = {"title": "O map"}
    listed = types.SimpleNamespace(elements=["Au"])
    found = [signal(one, Sample=sample), signal(one, General=titled), signal(one, Sample=listed)]
    assert element_maps(found)[1] == ["Fe", "O", "Au"]
    with pytest.raises(ParameterError, match="map 1 does not say"):
        element_maps([found[0], signal(one, General={"title": "nothing known"})])
    assert element_maps([found[0], one], ["Fe", "O"])[1] == ["Fe", "O"]
    assert element_maps(signal(np.ones((2, 4, 4))), [26, 8])[1] == ["Fe", "O"]


def test_lazy_and_masked_arrays():
    class Lazy:
        def compute(self):
            return np.ones((1, 4, 4))

    assert element_maps(Lazy(), ["Fe"])[0].shape == (1, 4, 4)
    clear = np.ma.masked_array(np.ones(3), mask=False)
    assert isinstance(plain(clear), np.ndarray)
    with pytest.raises(DataError, match="2 masked values"):
        plain(np.ma.masked_array(np.ones(3), mask=[1, 1, 0]))


def test_numbers_and_names_must_agree():
    maps = {"Fe": np.ones((4, 4)), "rest": np.ones((4, 4))}
    stack, names, numbers = element_maps(maps, {"Fe": 26, "rest": 7.3})
    assert stack.shape == (2, 4, 4)
    assert names == ["Fe", "rest"]
    assert list(numbers) == [26, 7.3]
    with pytest.raises(ParameterError, match="atomic number is 26"):
        element_maps(maps, [8, 26])
    with pytest.raises(ParameterError, match="no entry for map 'rest'"):
        element_maps(maps, {"Fe": 26})
    with pytest.raises(ParameterError, match="element is 'rest'"):
        element_maps(maps)
    with pytest.raises(DataError, match=r"maps\['O'\] has shape \(3, 4\)"):
        element_maps({"Fe": np.ones((4, 4)), "O": np.ones((3, 4))})
    with pytest.raises(DataError, match="maps is empty"):
        element_maps({})
    assert (symbol(79), symbol(7.25)) == ("Au", "Z=7.25")


@given(st.floats(0.5, 50), st.integers(0, 2**31))
def test_noise_is_read_from_the_image(sigma, seed):
    y, x = np.mgrid[:96, :96] / 96
    image = 100 * y + 40 * x + np.random.default_rng(seed).normal(0, sigma, (96, 96))
    assert mean_noise(image) == pytest.approx(sigma, rel=0.12)


def test_bright_parts_are_noisier():
    image = np.random.default_rng(0).poisson(np.repeat([[20.0, 800.0]], 64, axis=1).T.repeat(96, 1))
    variance = noise_variance(image)
    assert variance[100:].mean() == pytest.approx(800, rel=0.2)
    assert variance[:40].mean() == pytest.approx(0.5 * 410, rel=0.3)
    with pytest.raises(DataError, match="at least 4 × 4"):
        mean_noise(np.ones((3, 9)))


def test_a_bright_pixel_is_not_the_noisiest():
    counts = np.random.default_rng(1).poisson(10.0, (2, 64, 64))
    assert bright_level(counts.astype(float)) == pytest.approx(11, abs=1)
    assert counts.max() > 18


def test_scaled_maps_get_counts_again():
    counts = np.random.default_rng(2).poisson(30.0, (2, 96, 96))
    found, per_unit = as_counts(counts / [[[50.0]], [[80.0]]])
    assert per_unit == pytest.approx([50, 80], rel=0.15)
    back, known = as_counts(counts / 50.0, 50.0)
    assert np.array_equal(np.round(back), counts)
    assert list(known) == [50, 50]
    with pytest.raises(DataError, match="maps reach -1"):
        as_counts(-np.ones((1, 8, 8)))
    with pytest.raises(DataError, match="no noise"):
        as_counts(np.ones((1, 8, 8)))
    with pytest.raises(DataError, match="counts_per_unit reaches 0"):
        as_counts(np.ones((1, 8, 8)), 0.0)
    assert found.shape == counts.shape


def test_recorded_maps_are_fused():
    measured = datasets.load("dysco3-haadf-edx", offline="synthetic")
    names = list(measured.maps)
    counts, _ = as_counts(np.stack([measured.maps[name] for name in names]))
    offset = float(np.percentile(measured.haadf, 1))
    fused = fusion.fuse(measured.haadf, counts, names, haadf_background=offset, law="linear")
    assert np.isfinite(fused.x).all()
    assert fused.x.sum() == pytest.approx(counts.sum(), rel=0.05)
