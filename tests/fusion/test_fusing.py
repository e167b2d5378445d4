"""The task: what it gains, what it keeps, what it accepts and what it refuses."""

import types

import numpy as np
import pytest

from em_inverse import fusion
from em_inverse.errors import DataError, ParameterError
from em_inverse.forward import GaussianBlur
from em_inverse.forward.contrast import PowerLaw
from em_inverse.metrics import rmse as error

ELEMENTS = ["Au", "Fe", "O"]


def test_fused_beats_raw_at_ten_times_the_dose_and_tv_alone(high, low):
    truth, haadf, counts = low
    fused = fusion.fuse(haadf, counts, ELEMENTS).x
    alone = fusion.denoise(counts, ELEMENTS).x
    for e in range(3):
        raw_high = error(high[2][e], high[0][e]) / 10
        assert error(fused[e], truth[e]) <= (0.6, 1.0, 1.0)[e] * raw_high
        assert error(fused[e], truth[e]) <= 1.05 * error(alone[e], truth[e])
    assert error(fused, truth) <= 0.85 * error(alone, truth)
    assert error(fused[0], truth[0]) <= 0.65 * error(alone[0], truth[0])


def test_the_linear_law_is_fitted_by_itself_and_by_no_other(recorded):
    truth, haadf, counts = recorded(1.0, law="linear")
    right = error(fusion.fuse(haadf, counts, ELEMENTS, law="linear").x, truth)
    assert 2 * right < error(fusion.fuse(haadf, counts, ELEMENTS).x, truth)


def test_a_probe_left_out_is_worse_than_no_image(high):
    truth, haadf, counts = high
    image = PowerLaw(ELEMENTS, normalise=True)(truth / truth.max())
    blurred = np.random.default_rng(1).poisson(5000 * (GaussianBlur(image.shape, 1.5) @ image))
    known = error(fusion.fuse(blurred, counts, ELEMENTS, psf=1.5, n_iter=200).x, truth)
    ignored = error(fusion.fuse(blurred, counts, ELEMENTS).x, truth)
    alone = error(fusion.denoise(counts, ELEMENTS).x, truth)
    assert known < alone < ignored
    operator = GaussianBlur(image.shape, 1.5)
    same = fusion.fuse(blurred, counts, ELEMENTS, psf=operator, n_iter=3)
    assert "probe GaussianBlur" in same.report()
    assert fusion.fuse(haadf, counts, ELEMENTS, psf=0.0, n_iter=2).model.psf is None


def test_totals_are_kept(high, low):
    for _, haadf, counts in (high, low):
        fused = fusion.fuse(haadf, counts, ELEMENTS)
        assert fused.x.sum() == pytest.approx(counts.sum(), rel=0.005)
        assert fused.metadata["kept"]["Au"] == pytest.approx(fused.x[0].sum() / counts[0].sum())


def test_what_tv_takes_from_the_totals_unless_they_are_held(low):
    _, haadf, counts = low
    kept = fusion.fuse(haadf, counts, ELEMENTS, keep_totals=False).metadata["kept"]
    assert kept["O"] < 0.96 < 0.98 < kept["Au"]


def test_ratios_of_elements_survive(high):
    truth, haadf, counts = high
    fused = fusion.fuse(haadf, counts, ELEMENTS).x
    shell = (truth[1] == 80) & (truth[0] == 0)
    assert fused[2][shell].mean() / fused[1][shell].mean() == pytest.approx(0.75, rel=0.02)


def test_a_known_background_is_taken_off_without_bias(high):
    truth, haadf, _ = high
    counts = np.random.default_rng(2).poisson(truth + 30)
    fused = fusion.fuse(haadf, counts, ELEMENTS, background=30)
    assert fused.x.sum() == pytest.approx(truth.sum(), rel=0.02)
    wrong = fusion.fuse(haadf, counts, ELEMENTS)
    assert error(fused.x, truth) < 0.5 * error(wrong.x, truth)


def test_sensitivities_are_what_makes_counts_amounts(high):
    truth, haadf, _ = high
    k = np.array([0.5, 1.0, 2.0])
    expected = truth * k[:, None, None]
    counts = np.random.default_rng(3).poisson(expected)
    known = fusion.fuse(haadf, counts, ELEMENTS, sensitivity=k)
    assert error(known.x, expected) < 0.9 * error(fusion.fuse(haadf, counts, ELEMENTS).x, expected)
    assert known.amounts.max() == pytest.approx(truth.max() / known.counts_per_unit[1], rel=0.1)


def test_gaussian_spectra(high):
    truth, haadf, _ = high
    noisy = truth + np.random.default_rng(4).normal(0, 20, truth.shape)
    fused = fusion.fuse(haadf, noisy, ELEMENTS, noise="gaussian")
    alone = fusion.denoise(noisy, ELEMENTS, noise="gaussian")
    assert error(fused.x, truth) < 0.9 * error(alone.x, truth) < 0.5 * error(noisy, truth)


def test_the_vacuum_is_empty_where_it_is_known(low):
    truth, haadf, counts = low
    vacuum = truth.sum(axis=0) == 0
    assert (fusion.fuse(haadf, counts, ELEMENTS, vacuum=vacuum).x[:, vacuum] == 0).all()


def test_weights_of_the_image_may_be_measured(high):
    _, haadf, counts = high
    own = PowerLaw(ELEMENTS, normalise=True)
    measured = 7 * own.weights**1.7
    same = fusion.fuse(haadf, counts, ELEMENTS, haadf_weights=measured).x
    assert same == pytest.approx(fusion.fuse(haadf, counts, ELEMENTS).x, abs=0.05)
    with pytest.raises(ParameterError, match="haadf_weights reaches 0"):
        fusion.fuse(haadf, counts, ELEMENTS, haadf_weights=[1, 0, 1])


def test_the_noise_of_the_image_may_be_given(high):
    truth, haadf, counts = high
    by_pixel = np.sqrt(np.maximum(haadf, 10.0))
    for sigma in (by_pixel, 40.0):
        fused = fusion.fuse(haadf, counts, ELEMENTS, haadf_sigma=sigma)
        assert error(fused.x, truth) < 2
    with pytest.raises(DataError, match="haadf_sigma has shape"):
        fusion.fuse(haadf, counts, ELEMENTS, haadf_sigma=by_pixel[:4])
    with pytest.raises(ParameterError, match="haadf_sigma reaches 0"):
        fusion.fuse(haadf, counts, ELEMENTS, haadf_sigma=0.0)


def test_too_large_a_weight_moves_light_from_oxygen_to_iron(low):
    truth, haadf, counts = low
    shell = (truth[1] == 8) & (truth[0] == 0)
    typical = fusion.fuse(haadf, counts, ELEMENTS)
    lam = 8 * typical.parameters["lambda_tv"]
    heavy = fusion.fuse(haadf, counts, ELEMENTS, lam_tv=lam)
    assert heavy.x[2][shell].mean() < 0.97 * typical.x[2][shell].mean()


def test_units_do_not_matter(high):
    _, haadf, counts = high
    plain = fusion.fuse(haadf, counts, ELEMENTS).x
    for factor in (1e-6, 1e6):
        assert fusion.fuse(factor * haadf, counts, ELEMENTS).x == pytest.approx(plain, abs=0.02)
    offset = fusion.fuse(haadf + 300, counts, ELEMENTS, haadf_background=300)
    assert offset.x == pytest.approx(plain, abs=0.02)
    assert offset.image.min() >= 299


def test_dictionaries_and_signals(high):
    _, haadf, counts = high
    by_name = dict(zip(ELEMENTS, counts, strict=True))
    fused = fusion.fuse(haadf, by_name)
    assert list(fused.maps) == ELEMENTS
    maps, history = fused
    assert maps["Fe"] == pytest.approx(fusion.fuse(haadf, counts, ELEMENTS).maps[1])
    assert len(history["objective"]) == fused.n_iter

    def signal(data, title):
        general = types.SimpleNamespace(title=title)
        return types.SimpleNamespace(
            data=data, axes_manager=None, metadata=types.SimpleNamespace(General=general)
        )

    signals = [signal(c, f"X-ray line intensity: {e}_Ka") for e, c in by_name.items()]
    same = fusion.fuse(signal(haadf, "HAADF"), signals, n_iter=2)
    assert same.elements == tuple(ELEMENTS)


@pytest.mark.parametrize("kind", ["uint8", "int64", "float16", ">f8", "fortran", "reversed"])
def test_any_kind_of_number_gives_the_same(high, kind):
    _, haadf, counts = high
    plain = fusion.fuse(haadf, counts, ELEMENTS, n_iter=5).x
    if kind == "fortran":
        other = np.asfortranarray(counts)
    elif kind == "reversed":
        other = np.ascontiguousarray(counts[:, ::-1])[:, ::-1]
    else:
        other = counts.astype(kind)
        assert (other.astype(float) == counts).all()
    other.flags.writeable = False
    before = other.copy()
    found = fusion.fuse(haadf, other, ELEMENTS, n_iter=5).x
    assert found == pytest.approx(plain, abs=1e-3)
    assert np.array_equal(other, before)


def test_another_order_in_memory_compiles_nothing_new(high):
    from em_inverse.forward.kernels import fused_maps, total_variation

    _, haadf, counts = high
    vacuum = haadf < 0.01 * haadf.max()
    kernels = (fused_maps._primal, total_variation._dual_step, total_variation._dual_steps)
    start = fusion.fuse(haadf, counts, ELEMENTS, vacuum=vacuum, n_iter=1).x
    before = [set(kernel.signatures) for kernel in kernels]
    turned = [np.asfortranarray(part) for part in (haadf, counts, vacuum, start)]
    fusion.fuse(*turned[:2], ELEMENTS, vacuum=turned[2], x0=turned[3], n_iter=1)
    assert [set(kernel.signatures) for kernel in kernels] == before


def test_an_element_without_counts_stays_zero_and_spares_the_others(high):
    _, haadf, counts = high
    silent = np.concatenate([counts, np.zeros_like(counts[:1])])
    fused = fusion.fuse(haadf, silent, [*ELEMENTS, "Ti"])
    assert (fused.x[3] == 0).all()
    assert fused.x[:3] == pytest.approx(fusion.fuse(haadf, counts, ELEMENTS).x, abs=1e-3)
    assert "Ti without a single count" in fused.report()
    weighted = fusion.fuse(haadf, silent, [*ELEMENTS, "Ti"], tv_weights=[1, 1, 1, 5], n_iter=3)
    assert len(weighted.parameters["tv_weights"]) == 3


def test_the_start_is_the_maps_denoised_each_by_itself(high):
    _, haadf, counts = high
    silent = np.concatenate([counts, np.zeros_like(counts[:1])])
    given = (haadf, silent, [*ELEMENTS, "Ti"])
    usual = fusion.fuse(*given, n_iter=3)
    start = fusion.denoise(*given[1:], n_iter=30, tol=1e-3).x
    same = fusion.fuse(*given, n_iter=3, scale=usual.parameters["scale"], x0=start)
    assert same.x == pytest.approx(usual.x, abs=1e-3)
    other = fusion.fuse(*given, n_iter=3, x0=silent)
    assert error(other.x, usual.x) > 0.02


def test_one_element_and_odd_shapes():
    rng = np.random.default_rng(5)
    counts = rng.poisson(50.0, (1, 5, 37))
    fused = fusion.fuse(counts[0].astype(float), counts, ["Fe"])
    assert np.isfinite(fused.x).all()


def test_a_flat_image_and_flat_maps_are_no_trouble():
    fused = fusion.fuse(np.full((16, 16), 9.0), np.full((2, 16, 16), 4), ["Fe", "O"])
    assert fused.x == pytest.approx(4, abs=0.05)


BAD = {
    "size": ({"haadf": np.ones((8, 9))}, DataError, r"haadf has shape \(8, 9\), but the maps"),
    "negative": ({"maps": -np.ones((2, 8, 8))}, DataError, "negative values.*background"),
    "nan map": ({"maps": np.full((2, 8, 8), np.nan)}, DataError, "NaN or infinite"),
    "nan image": ({"haadf": np.full((8, 8), np.nan)}, DataError, "haadf holds"),
    "all zero": ({"maps": np.zeros((2, 8, 8))}, DataError, "zero everywhere"),
    "unknown": ({"atomic_numbers": ["Fe", "Xx"]}, ParameterError, "'Xx'"),
    "too few": ({"atomic_numbers": ["Fe"]}, ParameterError, "1 entries, but there are 2"),
    "gamma": ({"gamma": 2.6}, ParameterError, "gamma is 2.6"),
    "gamma low": ({"gamma": 0.9}, ParameterError, "gamma is 0.9"),
    "blank image": ({"haadf": np.zeros((8, 8))}, DataError, "nowhere brighter"),
    "dark image": ({"haadf": "inverted"}, DataError, "dark where the maps are bright"),
    "tiny": ({"haadf": np.ones((3, 8)), "maps": np.ones((2, 3, 8))}, DataError, "at least"),
    "2-D": ({"maps": np.ones((8, 8))}, DataError, r"x\[element, row, column\]"),
    "law": ({"law": "cubic"}, ParameterError, "law is 'cubic'"),
    "noise": ({"noise": "pink"}, ParameterError, "noise is 'pink'"),
    "background": ({"background": np.ones((3, 3))}, DataError, "background has shape"),
    "all background": ({"background": 50.0}, DataError, "nowhere brighter than"),
    "sensitivity": ({"sensitivity": [1, 0]}, ParameterError, "sensitivity reaches 0"),
    "lambda": ({"lam_tv": -1}, ParameterError, "lam_tv is -1"),
    "lambda 1": ({"lam_spectrum": 0}, ParameterError, "lam_spectrum is 0"),
    "psf": ({"psf": -1}, ParameterError, "psf is -1"),
    "iterations": ({"n_iter": 0}, ParameterError, "n_iter is 0"),
    "start": ({"x0": np.ones((1, 8, 8))}, DataError, r"x0 has shape \(1, 8, 8\)"),
    "complex": ({"maps": np.ones((2, 8, 8)) * 1j}, DataError, "complex"),
    "vacuum": ({"vacuum": np.ones((8, 8))}, DataError, "True everywhere"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named_and_survives(case):
    change, kind, said = BAD[case]
    rng = np.random.default_rng(6)
    maps = rng.poisson(np.linspace(1, 30, 8), (2, 8, 8))
    given = {"haadf": maps.sum(axis=0) * 10.0, "maps": maps, "atomic_numbers": ["Fe", "O"]}
    if isinstance(change.get("haadf"), str):
        change = {"haadf": -given["haadf"], "haadf_unit": 1.0}
    given |= change
    kept = {name: np.array(given[name], copy=True) for name in ("haadf", "maps")}
    with pytest.raises(kind, match=said):
        fusion.fuse(**given)
    for name, value in kept.items():
        assert np.array_equal(given[name], value, equal_nan=True)


def test_extreme_weights_stay_finite(low):
    _, haadf, counts = low
    for lam in (0.0, 1e30):
        assert np.isfinite(fusion.fuse(haadf, counts, ELEMENTS, lam_tv=lam, n_iter=5).x).all()


def test_the_report_and_the_picture(low):
    _, haadf, counts = low
    fused = fusion.fuse(haadf, counts, ELEMENTS)
    line = fused.report()
    assert "maps of Au, Fe, O from poisson spectra; HAADF by power with γ = 1.7" in line
    assert "λ₁ = " in line
    assert "counts kept: Au 1" in line
    assert "no HAADF image" in fusion.denoise(counts, ELEMENTS).report()
    assert "a probe of σ = 1 px" in fusion.fuse(haadf, counts, ELEMENTS, psf=1, n_iter=1).report()
    assert len(fused.draw().axes) == 4
    assert fused.image.shape == haadf.shape
    assert abs(fused.image.mean() / haadf.mean() - 1) < 0.05


def test_vector_sized_denoising_options(low):
    _, _, counts = low
    given = fusion.denoise(counts, ELEMENTS, 0.2, tv_weights=[1, 1, 2], counts_per_unit=10)
    assert given.parameters["lambda_tv"] == 0.2
    assert given.counts_per_unit == pytest.approx([10, 10, 10])
