"""The iterator: it reaches the minimum, remembers its terms, and goes on where it was."""

from types import SimpleNamespace

import numpy as np
import pytest

from em_inverse.errors import DataError, ParameterError
from em_inverse.fidelity import PoissonLikelihood
from em_inverse.forward import GaussianBlur, Identity
from em_inverse.forward.contrast import LinearThickness, PowerLaw
from em_inverse.fusion import FusedModel, Fusion, settled
from em_inverse.priors import TotalVariation
from em_inverse.solvers import PDHG


def small(law=PowerLaw, *, n=24, psf=None, dtype=np.float32, haadf=True, noise="poisson", seed=3):
    rng = np.random.default_rng(seed)
    x = np.zeros((2, n, n))
    x[0, 4:15, 5:18] = 0.9
    x[1, 9:20, 8:21] = 0.7
    contrast = law(["O", "Fe"], normalise=True)
    image = contrast(x) if psf is None else psf @ contrast(x)
    spectra = rng.poisson(20 * x + 1) / 20
    return FusedModel(
        image + 0.02 * rng.standard_normal((n, n)) if haadf else None, spectra, contrast,
        psf=psf, background=0.05, noise=noise, dtype=dtype,
    )  # fmt: skip


@pytest.mark.parametrize("law", [PowerLaw, LinearThickness])
@pytest.mark.parametrize("probe", [None, 1.0])
@pytest.mark.parametrize("noise", ["poisson", "gaussian"])
def test_no_direction_leads_downhill(law, probe, noise):
    psf = None if probe is None else GaussianBlur((24, 24), probe)
    solver = Fusion(small(law, psf=psf, dtype=np.float64, noise=noise), 0.02, 0.004)
    solver.run(400)
    least = solver.objective()
    assert least == pytest.approx(solver.history["objective"][-1], rel=1e-9)
    rng = np.random.default_rng(0)
    for scale in (1e-2, 1e-3):
        for smooth in (False, True):
            step = rng.standard_normal(solver.x.shape)
            if smooth:
                step = np.sign(step[:, :1, :1]) * np.ones_like(step)
            other = Fusion(solver.model, 0.02, 0.004, np.maximum(solver.x + scale * step, 0))
            other.x = np.maximum(solver.x + scale * step, 0)
            assert other.objective() > least * (1 - 1e-3)


def test_a_single_element_alone_is_the_houses_own_pdhg():
    model = small(haadf=False, dtype=np.float64)
    ours = Fusion(model, 1.0, 0.1).run(300).x
    for e in range(2):
        data = PoissonLikelihood(Identity((24, 24)), model.spectra[e], 0.05)
        theirs = PDHG(data, TotalVariation(), 0.1, nonnegative=True).run(3000).x
        assert ours[e] == pytest.approx(theirs, abs=2e-3)


def test_convex_problems_forget_their_start():
    model = small(LinearThickness, dtype=np.float64)
    one = Fusion(model, 0.02, 0.004).run(300)
    other = Fusion(model, 0.02, 0.004, np.full((2, 24, 24), 0.5)).run(300)
    assert other.history["objective"][-1] == pytest.approx(one.history["objective"][-1], rel=1e-4)


def test_the_history_has_three_terms_that_add_up():
    solver = Fusion(small(), 0.02, 0.004, tv_weights=[1.0, 3.0])
    for state in solver:
        if state.iteration == 5:
            break
    h = {name: np.array(values) for name, values in solver.history.items()}
    assert {len(values) for values in h.values()} == {5}
    assert h["haadf"] + 0.02 * h["spectrum"] + 0.004 * h["tv"] == pytest.approx(h["objective"])
    assert h["data_distance"] ** 2 == pytest.approx(h["haadf"])
    tv = [TotalVariation().value(one) for one in solver.x]
    assert h["tv"][-1] == pytest.approx(tv[0] + 3 * tv[1], rel=1e-5)


def test_a_checkpoint_goes_on_bit_by_bit(tmp_path):
    whole = Fusion(small(), 0.02, 0.004)
    whole.run(6)
    half = Fusion(small(), 0.02, 0.004)
    half.run(3)
    half.save(tmp_path / "half.npz")
    rest = Fusion(small(), 0.02, 0.004)
    rest.load(tmp_path / "half.npz")
    rest.run(3)
    assert np.array_equal(rest.x, whole.x)
    assert rest.history == whole.history


def test_a_checkpoint_of_other_data_is_refused(tmp_path):
    path = tmp_path / "run.npz"
    Fusion(small(), 0.02, 0.004).run(2, checkpoint=path)
    with pytest.raises(DataError, match="other data"):
        Fusion(small(seed=4), 0.02, 0.004).run(4, checkpoint=path, resume=True)
    with pytest.raises(ParameterError, match="lambda_tv"):
        Fusion(small(), 0.02, 0.005).run(4, checkpoint=path, resume=True)


def test_weights_and_data_may_change_while_it_runs():
    solver = Fusion(small(), 0.02, 0.004)
    solver.run(20)
    rough = solver.history["tv"][-1]
    solver.lam_tv = 0.04
    solver.run(40)
    assert solver.history["tv"][-1] < rough
    solver.y = solver.y * 0.5
    solver.run(60)
    assert solver.x.mean() < 0.7 * small().spectra.mean()
    with pytest.raises(DataError, match="counts that reach -1"):
        solver.y = -np.ones_like(solver.y)
    with pytest.raises(ParameterError, match="lam_tv is -1"):
        solver.lam_tv = -1
    alone = Fusion(small(haadf=False), 1.0, 0.1)
    alone.y = alone.y
    assert alone.y.shape == (2, 24, 24)


def test_no_prior_is_the_likelihood_alone():
    solver = Fusion(small(haadf=False), 1.0, 0.0)
    solver.run(100)
    assert solver.x == pytest.approx(np.maximum(solver.model.spectra - 0.05, 0), abs=1e-3)


def test_it_stops_when_the_objective_settles():
    run = Fusion(small(), 0.02, 0.004, stop=settled(1e-4)).run(200)
    assert run.converged
    assert run.stop_reason == "objective settled to 0.0001"
    assert 3 <= run.n_iter < 200


def test_bad_weights():
    with pytest.raises(ParameterError, match="tv_weights reaches -1"):
        Fusion(small(), 0.02, 0.004, tv_weights=[1, -1])
    with pytest.raises(DataError, match="x0 has shape"):
        Fusion(small(), 0.02, 0.004, np.ones((2, 3, 3)))
    with pytest.raises(ParameterError, match="lam_spectrum is 0"):
        Fusion(small(), 0.0, 0.004)


def test_an_objective_that_swings_has_not_settled():
    rule = settled(1e-4)
    swinging, resting = [1.2, 1.1, 1.2], [1.0, 1.00005, 1.0]
    assert rule(SimpleNamespace(history={"objective": swinging})) is None
    assert rule(SimpleNamespace(history={"objective": resting})) == "objective settled to 0.0001"
    assert rule(SimpleNamespace(history={"objective": resting}, restless=1.0)) is None
