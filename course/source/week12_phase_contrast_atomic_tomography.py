# %% [markdown]
# # Week 12: Seeing every atom
#
# You will send electrons through a specimen slice by slice, come back the same way, and end with a list of atoms: where each one is, and of which element.
#
# **After this hour you can**
#
# - say when a projection stops being enough, in volts, ångströms and atomic numbers;
# - write one slice of the forward model, and of the way back that every gradient needs;
# - judge a trace of atoms by what can be known without the truth;
# - read a published table of results, and say which of its columns tells methods apart.
#
# **Time:** 70 minutes. **You need:** doses and the wave that a camera squares (week 1), priors and their proximal operators (week 3), the missing wedge (week 5), iterations and when to stop them (week 6). If results already stand below the cells, clear them first (menu *Edit*, *Clear Outputs of All Cells*).
#
# The method is that of Ren, Ophus, Chen and Waller (2020): *phase-contrast atomic electron tomography*, from plain images out of focus. They simulate a needle of 62 402 atoms in 480³ voxels on a graphics card for two hours. Ours has 251 atoms in 48³ voxels, and takes seconds. It was built by rule: a silicon crystal in a shell of glass, SiO₂. We know the truth, because we made it.

# %% tags=["setup"]
import numpy as np
from em_inverse import atomic, forward, widgets
from em_inverse.checks import week12 as ex
from em_inverse.forward import optics
from em_inverse.plotting import week12 as figures
from em_inverse.priors import Sparsity

shape, voxel = (48, 48, 48), 0.5  # [z, x, y]: z along the beam at 0°, y the tilt axis; Å
foci, tilts = (200.0, 450.0, 1000.0), np.arange(-90, 90, 3)
needle = atomic.silicon_core_silica_shell(shape)
V = atomic.potential(needle, shape)  # volts
wires = atomic.tungsten_core_oxide_shell(shape)  # the same of tungsten and its oxide
q2 = optics.frequencies(shape[1:], voxel)  # squared frequencies of an image, 1/Å²


def traced(series, truth=needle, n_iter=6, **how):
    """Reconstruct, trace, score: return the volume, the atoms found, and the score."""
    run = atomic.reconstruct(series, n_iter=n_iter, **how).volume
    found = atomic.trace(run, elements=truth.elements)
    return run, found, atomic.score(found, truth)


def travelled(way, kv):
    """Return what a way through free space (Å) does to the Fourier transform of a wave."""
    return np.exp(1j * optics.propagation_phase(q2, way, optics.wavelength(kv)))


def seen(image, V, kv, n_slices):
    """Return the `image` 450 Å from the middle of V, cut into equal slices."""
    depth = voxel * len(V)
    dz = depth / n_slices
    P, L = travelled(dz, kv), travelled(450 - (depth + dz) / 2, kv)
    slices = voxel * V.reshape(n_slices, -1, *V.shape[1:]).sum(axis=1)
    return image(slices, optics.interaction_parameter(kv), P, L * (q2 <= 1))


# %% [markdown]
# ## 1. A wave that the camera cannot see
#
# An electron passes an atom and is neither absorbed nor stopped. The potential $V$ (in volts) makes its wave run ahead: the phase grows by $\sigma \int V\,dz$. The *interaction parameter* $\sigma$ says how much, in rad per volt and ångström. The camera counts $|\psi|^2$, and a phase has no $|\psi|^2$. So we go out of focus: the plane that is imaged lies $\Delta f$ behind the middle of the object, and on the way there waves interfere.
#
# > **Predict.** The needle is 18 Å thick. How large is the phase of its strongest column at 300 kV: a full turn, a radian, less? And which image has the least contrast: in focus, 450 Å or 1000 Å out of it?

# %%
for kv in (300, 60):
    print(f"{kv} kV: wavelength {100 * optics.wavelength(kv):.2f} pm, "
          f"σ = {1e3 * optics.interaction_parameter(kv):.2f} mrad/(V Å)")
H = forward.Multislice(shape, [0.0, 450.0, 1000.0])
projected, images = voxel * V.sum(axis=0), H.images(V)
figures.focus(projected, images, H.defoci_angstrom)
print(f"largest phase: {H.sigma * projected.max():.2f} rad")
print("contrast:", ", ".join(f"{s:.1%}" for s in images.std(axis=(1, 2))))

# %% [markdown]
# **Why.** The phase is small, so $\psi \approx 1 + i\sigma \int V$: what the specimen adds stands at a right angle to what was there, and the square sees next to nothing of it. Free space turns it. A wave of frequency $q$ (cycles per Å) gains $\chi = \pi\lambda\,\Delta f\,q^2$ with $\lambda$ the wavelength, and shows with the strength $\sin\chi$. That is the *contrast transfer function*: zero in focus, zero again wherever $\chi$ is a multiple of $\pi$. One defocus is blind to some waves; three, spaced like powers, leave no gap.
#
# ## 2. Slice after slice
#
# A projection adds up $V$ along the ray and forgets where along the ray the atoms were. A wave does not forget: who is scattered at the top spreads before the bottom. *Multislice* cuts the object into slices $S_m$ (in V Å), and repeats two multiplications:
#
# $$ \psi \leftarrow \mathcal F^{-1}\big[P\,\mathcal F[\,e^{i\sigma S_m}\psi\,]\big], \qquad P = e^{-i\pi\lambda\,\Delta z\,q^2}, $$
#
# one in real space, one in Fourier space ($\mathcal F$), $\Delta z$ the way to the next slice. Behind the last slice the lens $L$ does to $\psi$ what $P$ does, over the way to the plane that is imaged.
#
# ### Exercise 1: an image, slice by slice (about 7 minutes)
#
# `slices[m, x, y]` is in V Å; `P` and `L` are in the order of `np.fft.fft2`. The wave that comes in is 1 everywhere.


# %% tags=["exercise"]
def image(slices, sigma, P, L):
    """Return |ψ|² behind all slices and the lens L."""
    ### BEGIN SOLUTION
    psi = np.ones(slices[0].shape, complex)
    for S in slices:
        psi = np.fft.ifft2(P * np.fft.fft2(np.exp(1j * sigma * S) * psi))
    return np.abs(np.fft.ifft2(L * np.fft.fft2(psi))) ** 2
    ### END SOLUTION


ex.image.check(image)  # stuck? ex.image.hint(), later .solution()

# %% [markdown]
# When may we save ourselves the loop? We image 1, 2, 4 and 8 needles behind each other, in slices of 3 Å and in a single one (the projection), and compare.
#
# > **Predict.** Silicon or tungsten (and their oxides), 300 or 60 kV: which of the four is wrong first? Is a needle of 24 Å at 300 kV thick?

# %%
image = ex.image.use(image)
specimens, stacks = {"Si": V, "W": atomic.potential(wires, shape)}, (1, 2, 4, 8)
kit = forward.Multislice(shape, 450.0, slice_voxels=6, margin=0).images(V)[0]
print("yours and the kit's agree:", np.allclose(seen(image, V, 300, 8), kit, atol=1e-4))
curves = {f"{name}, {kv} kV": [] for name in specimens for kv in (300, 60)}
for key, errors in curves.items():
    for n in stacks:
        thick, kv = np.tile(specimens[key[:2].strip(",")], (n, 1, 1)), int(key.split()[1])
        full, flat = seen(image, thick, kv, 8 * n), seen(image, thick, kv, 1)
        errors.append((full - flat).std() / full.std())
    print(f"{key:9s}: projection wrong by", *(f"{e:.0%}" for e in errors), "of the contrast")
figures.limits([24 * n for n in stacks], curves)

# %% [markdown]
# **Why.** Two things make a projection wrong. The wave spreads *within* the specimen: that goes with thickness times wavelength, and does not ask how heavy the atoms are. At 24 Å silicon and tungsten are alike: a twelfth of the contrast at 300 kV, a fifth at 60 kV. And the wave is scattered more than once: that goes with the phase, so with $\sigma$ (nearly twice as large at 60 kV), with the thickness, and with $Z$. From 100 Å on tungsten pulls away. At 200 Å, 20 nm, a projection has lost most of the contrast of any of the four. Our needle at 300 kV is nearly a projection, then; the inversion below does not rely on it.
#
# ## 3. The way back
#
# The images $I$ are compared by their roots, the amplitudes: the root of a count has the standard deviation ½ whatever the count (week 3 has the reason). We seek
#
# $$ \hat V = \arg\min_{V \geq 0} \sum_{k,j} \big\|\, |\psi_{kj}(V)| - \sqrt{I_{kj}}\, \big\|^2 + \lambda R(V), $$
#
# over all tilts $k$ and foci $j$. (This $\lambda$ is the weight of the prior $R$, no wavelength.) $\psi$ is not linear in $V$; there is no matrix, and no transpose. But each slice is linear in a *small change* of its potential, $d\psi = i\sigma e^{i\sigma S}\psi\,dS$, and that has one.
#
# ### Exercise 2: one slice on the way back (about 8 minutes)
#
# $r$ is a residual on the wave that leaves the step. Find the real picture $g$ with $\langle g, dS\rangle = \mathrm{Re}\langle r, d\psi\rangle$: which change of this slice would go along with $r$?


# %% tags=["exercise"]
def step_gradient(r, psi, S, sigma, P):
    """Return g for one step F⁻¹[P F(exp(iσS) psi)]: r back through P, then compared."""
    ### BEGIN SOLUTION
    behind = np.exp(1j * sigma * S) * psi
    back = np.fft.ifft2(P.conj() * np.fft.fft2(r))
    return sigma * np.imag(back * behind.conj())
    ### END SOLUTION


ex.step_gradient.check(step_gradient)

# %% [markdown]
# One loop more gives the gradient of all slices: the residual goes up through the stack, and every slice compares it with the wave that it let through.
#
# > **Predict.** A passage through eight slices needs about 16 Fourier transforms. How many does the gradient of all $8 \times 48 \times 48$ values need on top: 16, 128, or one for each value?

# %%
step_gradient = ex.step_gradient.use(step_gradient)
M = forward.Multislice(shape, 450.0, slice_voxels=6, margin=0, dtype=np.float64)
rng, slices, sigma = np.random.default_rng(0), M.slices(V), M.sigma * voxel
r = rng.standard_normal((48, 48)) + 1j * rng.standard_normal((48, 48))
P, L = travelled(3.0, 300), travelled(450 - 10.5, 300) * (q2 <= 1)
ways, waves, g, back = [P] * 7 + [L], [np.ones((48, 48))], [], r
for S in slices[:-1]:
    waves.append(np.fft.ifft2(P * np.fft.fft2(np.exp(1j * sigma * S) * waves[-1])))
for S, way, psi in zip(slices[::-1], ways[::-1], waves[::-1]):
    g.append(step_gradient(back, psi, S, sigma, way))
    back = np.exp(-1j * sigma * S) * np.fft.ifft2(way.conj() * np.fft.fft2(back))
print("your way back and the kit's agree:", np.allclose(g[::-1], M.passage(slices).pull(r[None])))

# %% [markdown]
# **Why.** Each slice costs two transforms down and two up. So 16 on top: a gradient of eighteen thousand numbers for the price of a second passage. (The name for this in machine learning is *back-propagation*.) Two more operators stand before it, both linear, each with its exact transpose: the volume is turned to the tilt angle by interpolation, and voxels are binned into slices, ten at a time, because that is all the depth a wave notices here.
#
# ## 4. The experiment
#
# Sixty tilts, three foci each, and a dose of 50 000 electrons per Å² for all 180 images together. The atoms are turned themselves, and the images made in slices of one voxel, so that the simulation shares neither grid nor slices with the inversion.
#
# > **Predict.** How many electrons does a pixel of 0.5 Å see in one image? How large is its noise beside the 6 % of contrast?

# %%
clean = atomic.simulate(needle, tilts, foci, shape=shape)
series = atomic.exposed(clean, 5e4)
electrons = series.electrons_per_pixel
figures.counted(clean.images[30, 1], series.images[30, 1], electrons)
print(f"{electrons:.0f} electrons per pixel: noise {1 / np.sqrt(electrons):.0%}, "
      f"contrast {clean.images[30, 1].std():.1%}")

# %% [markdown]
# **Why.** $1/\sqrt{69} = 12$ %: twice the contrast. No atom can be seen in any image. But each voxel is seen by 180 of them, and 12 % divided by $\sqrt{180}$ is less than 1 %.
#
# ## 5. Six times around
#
# One iteration visits all tilts in random order. At each it turns the volume, sends the wave through, goes back, and takes a step against that tilt's gradient alone: Kaczmarz's way (week 6). Then come the prior, $V \geq 0$ and total variation, and Nesterov's momentum. How strong the prior has to be follows from the dose: at a voxel the noise of the gradient is $\sigma\Delta z\sqrt{N/n}$, for $N$ images of $n$ electrons per pixel, and λ is 0.35 of that. Nothing is tuned from one recording to the next.
#
# A number to watch: $4n$ times the squared differences of amplitudes is 1 per pixel, if nothing but counting noise is left. Call it the *misfit*.
#
# > **Predict.** Where will the misfit begin, for an empty volume, and where will it end?

# %%
solver, grown = atomic.AtomicReconstruction(series), {}
print(f"empty: {4 * electrons * np.mean((1 - np.sqrt(series.images)) ** 2):.2f}")
for state in solver:
    misfit = 4 * electrons * solver.history["data_distance"][-1] ** 2 / series.images.size
    print(f"iteration {state.iteration}: misfit {misfit:.2f}")
    if state.iteration in (1, 6):
        grown[f"iteration {state.iteration}"] = state.x[:, :, 24].copy()
    if state.iteration == 6:
        break
figures.volume(V[:, :, 24], grown, 80.0)

# %% [markdown]
# **Why.** The empty volume is wrong by a quarter only: the rest of every image is noise. After six rounds the atoms are explained, and nothing but noise is left. (A misfit of 1.01 is right: at some 70 electrons the root of a count scatters by a little more than ½.)
#
# ## 6. From volts to atoms
#
# *Tracing* looks for local maxima, fits a Gaussian of peak $I$ and width $s$ to each, takes the neighbours off, looks once more at what is left over, and deletes what is too faint, too thin or too lonely to be an atom. Then it tells species apart, by a mixture of two Gaussians. By which measure? The height of the peak suggests itself. To make it hard we take two fifths of the dose.
#
# > **Predict.** Noise and prior blur some atoms more than others. What does blur do to the peak $I$? What to the integral over a plane through the atom, $2\pi I s^2$?

# %%
_, found, score = traced(atomic.exposed(clean, 2e4))
mine, true = score.pairs.T
light = needle.of("O")[true]
figures.measures(found.peaks[mine], found.intensities[mine], light)
for name, values in (("peak", found.peaks[mine]), ("integral", found.intensities[mine])):
    limits = np.sort(values)
    wrong = min(np.sum((values > limit) == light) for limit in limits)
    print(f"by the {name}: {wrong} of {len(values)} atoms on the wrong side of the best limit")
print(score)

# %% [markdown]
# **Why.** Blur moves volts from the peak into the width, and leaves the integral nearly alone. So does TV, which takes height from every column (week 3). By the best limit for peaks thirteen atoms are misnamed, by the best one for integrals one. Tell atoms apart by all that they scatter.
#
# Now a seventh of the dose: 7000 electrons per Å², less than ten in a pixel.
#
# > **Predict.** Which errors come first: atoms missed, atoms invented, or silicon and oxygen mistaken for each other? And where do they sit, in the crystal or in the glass?

# %%
_, found, dimmest = traced(atomic.exposed(clean, 7e3))
figures.atoms(found, needle)
print(dimmest)
r = np.hypot(*needle.positions[:, :2].T)
inner = r < r[needle.of("O")].min()
hit = np.isin(np.arange(len(needle)), dimmest.pairs[:, 1])
print(f"missed: {np.sum(~hit & inner)} of {inner.sum()} in the crystal, "
      f"{np.sum(~hit & ~inner)} of {np.sum(~inner)} in the glass")

# %% [markdown]
# **Why.** Not one atom of the crystal is missed, and one in six of the glass. In the crystal neighbours are 2.35 Å apart; in the glass an oxygen sits 1.6 Å from a silicon twice as strong, and at this dose the prior that holds the noise back melts them into one.
#
# ## 7. What a prior is for
#
# ### Exercise 3: a prox (about 4 minutes)
#
# LASSO takes $R = \Sigma|V|$: most voxels are empty. Its proximal operator, with $V \geq 0$, is one line.


# %% tags=["exercise"]
def shrink(V, tau):
    """Return the x ≥ 0 with the least ½‖x − V‖² + τ Σ|x|."""
    ### BEGIN SOLUTION
    return np.maximum(V - tau, 0)
    ### END SOLUTION


ex.shrink.check(shrink)

# %% [markdown]
# Where noise is traced one last digit decides about an atom, so we print in steps of five to twenty.
#
# > **Predict.** Three priors at 20 000 electrons per Å²: $V \geq 0$ alone, LASSO, total variation. Which has the smallest position error? Which invents atoms, which loses them, which mistakes species?

# %%
shrink = ex.shrink.use(shrink)
test = rng.normal(0, 9, (4, 4, 4))
kit = Sparsity().prox_nonnegative(test, 5)
print("yours and the kit's agree:", np.allclose(shrink(test, 5), kit))
dim = atomic.exposed(clean, 2e4)
kinds, shown = {"V ≥ 0 alone": {"lam_tv": 0.0}, "total variation": {},
                "LASSO": {"lam_sparse": atomic.typical_lambda(dim, "sparse")}}, {}
for name, how in kinds.items():
    run, _, score = traced(dim, **how)
    shown[name] = run[:, :, 24]
    print(f"{name:15s}: {figures.rough(score)}")
figures.priors(shown, 80.0)

# %% [markdown]
# **Why.** The error of position, the number that papers lead with, hardly tells the three apart. It is taken over atoms that were *found*, and a sharp noisy peak has as good a place as any. What tells them apart are the atoms that are not there, and the species. $V \geq 0$ alone keeps the noise, and tracing finds twice as many atoms in it as are real; the second hump of intensities is then noise, and both elements land in the other one. LASSO takes the same τ off every atom, and loses those that had little. TV asks how *wide* a bump is, and noise is narrow.
#
# A prior can be replaced by stopping early (week 6). Back at 50 000, with and without.
#
# > **Predict.** With $V \geq 0$ alone, is there an iteration at which all is well? Is it the last one?

# %%
rounds, curves = (2, 4, 6, 8), {}
for name in ("V ≥ 0 alone", "total variation"):
    curves[name] = {}
    for state in atomic.AtomicReconstruction(series, **kinds[name]):
        if state.iteration in rounds:
            found = atomic.trace(state.x, elements=needle.elements)
            curves[name][state.iteration] = score = atomic.score(found, needle)
            print(f"{name}, iteration {state.iteration}: {figures.rough(score)}")
        if state.iteration == rounds[-1]:
            break
figures.stopping(curves)

# %% [markdown]
# **Why.** *Semiconvergence*: the atoms come first, the noise follows. At iteration 4 species are right and few atoms are false (8 %); two iterations later nearly half the species are wrong. The paper's own row for positivity says 47 %; where it stopped decides about that number. Total variation is at rest, and nobody has to know when.
#
# ## 8. The paper's table, and ours
#
# Their needle is 12 nm across, ours 1.8 nm, and a smaller one needs fewer tilts (week 5); so the rows "tilts" have a quarter of theirs (20 × 9, 60 × 3 and 180 × 1, tilts × foci). Compare the *order* of rows, not the digits.
#
# > **Predict.** In which rows will ours, too, show a clear loss? What is worse at a fixed dose: too few tilts, or too few foci?

# %%
scores = {"50 000 e/Å²": curves["total variation"][6], "7000 e/Å²": dimmest,
          "V ≥ 0 alone": curves["V ≥ 0 alone"][6]}
rows = {"infinite dose": (clean, {}),
        "LASSO": (series, {"lam_sparse": atomic.typical_lambda(series, "sparse")})}
for name, at in (("5 × 9", np.linspace(200, 1000, 9)), ("15 × 3", foci), ("45 × 1", [450.0])):
    angles = np.linspace(-90, 90, int(name.split()[0]), endpoint=False)
    few = atomic.simulate(needle, angles, at, shape=shape)
    rows[f"tilts {name}"] = atomic.exposed(few, 5e4, seed=2), {}
for wedge in (30, 60):
    rows[f"wedge {wedge}°"] = atomic.exposed(clean, 5e4, tilts=abs(tilts) <= 90 - wedge / 2), {}
scores |= {name: traced(data, **how)[2] for name, (data, how) in rows.items()}
figures.table(scores)

# %% [markdown]
# **Why.** The trends are the paper's: infinite dose, then 50 000, then 7000; too few tilts far worse than too few foci, for no number of foci fills the directions that were never looked along; $V \geq 0$ alone loses the species. The digits are not. At high dose our errors are half of theirs, at 7000 we lose more atoms than they do; with five tilts they miss atoms and we invent some; their losses of species by LASSO and by a single focus do not show in ours at this dose. Specimen, size and tracing differ. A table belongs to its specimen; the order of its rows is what may be carried home.
#
# And the wedge? At 60° the error of position goes from 7 to 11 pm. Look at where.
#
# > **Predict.** Which axis pays for the tilts that are missing: the beam's, the one across, or both?

# %%
names, missing = ("50 000 e/Å²", "wedge 30°", "wedge 60°"), (0, 30, 60)
axes = np.array([scores[name].axis_rms_pm for name in names])
figures.wedges(missing, axes[:, 0], axes[:, 1])
for wedge, (z, x, y) in zip(missing, axes):
    print(f"wedge {wedge:2d}°: along the beam {z:.0f} pm, across {x:.0f} pm, tilt axis {y:.0f} pm")

# %% [markdown]
# **Why.** The missing tilts would have seen along the beam (week 5): that error doubles, the one across stays. One mean over three axes hides it.
#
# ## 9. Vacancies, and a heavy neighbour
#
# The reconstruction knows no lattice. If one atom in twenty is taken out, will it put one there?
#
# > **Predict.** (a) How many of the thirteen vacant sites stay empty? (b) Tungsten in tungsten oxide: an oxygen has a tenth of the volts of its neighbour. Is it lost in the image, in the reconstruction, or in the tracing?

# %%
holes, gone = atomic.with_vacancies(needle)
data = atomic.exposed(atomic.simulate(holes, tilts, foci, shape=shape), 5e4)
_, found, score = traced(data, holes)
print(f"vacancies: {atomic.left_empty(found, gone).sum()} of {len(gone)} left empty; {score}")
data = atomic.exposed(atomic.simulate(wires, tilts, foci, shape=shape), 5e4)
run = atomic.reconstruct(data).volume
for names in (None, ("O", "W")):
    score = atomic.score(atomic.trace(run, elements=names), wires)
    oxygen = np.isin(np.flatnonzero(wires.of("O")), score.pairs[:, 1])
    print(f"tungsten, tracing was told {names}: {oxygen.mean():.0%} of the oxygen found; {score}")

# %% [markdown]
# **Why.** (a) Nothing knew where atoms ought to be, so nothing was filled in. (b) The same images, the same volume: without names the tracing sets its thresholds from the strongest atoms, and deletes all oxygen as too faint. Told that oxygen is to be expected, it takes the threshold from oxygen's scattering factor, and finds it. It was never an imaging limit. When a paper says that light atoms are invisible beside heavy ones, ask for the threshold.
#
# Does the loop over slices matter for the result? At 60 kV, without noise, the same tungsten once more: inverted in slices of ten voxels, and as a projection.
#
# > **Predict.** By section 2 a projection is wrong by nearly a quarter of the contrast there. By how much will atoms be off?

# %%
slow = atomic.simulate(wires, tilts, foci, 60.0, shape=shape)
for slice_voxels, name in ((10, "in slices"), (48, "as a projection")):
    _, _, score = traced(slow, wires, slice_voxels=slice_voxels)
    print(f"{name:15s}: {score}")

# %% [markdown]
# **Why.** Less than a picometre. Sixty projections are wrong in sixty ways, and what they do not agree upon does not become an atom. So much for a needle of 18 Å. The price grows with the thickness as in the figure of section 2, and the paper's tungsten, 12 nm thick, has artefacts in its middle even with multislice. A model that is wrong in the images may be good enough for the atoms, or not; only a simulation of *your* specimen tells.
#
# ### Exercise 4: read a trace (about 7 minutes)
#
# A student made three volumes from one recording (20 000 electrons per Å²), with different λ. No truth here, only what one would have at the microscope. The needle is a cylinder 18 Å across and 18 Å long.

# %% tags=["exercise"]
lam = atomic.typical_lambda(dim)
for number, factor in enumerate(ex.reading.problem(), 1):
    run = atomic.reconstruct(dim, lam_tv=factor * lam)
    misfit = 4 * dim.electrons_per_pixel * run.history["data_distance"][-1] ** 2 / dim.images.size
    found = atomic.trace(run.volume, elements=("O", "Si"))
    print(f"trace {number}: misfit {misfit:.2f}, about {50 * round(len(found) / 50)} atoms, "
          f"{20 * round(5 * found.doubtful.mean())} % of them doubtful, "
          f"humps {found.species.separation:.0f} widths apart")
chosen = None
because = []
### BEGIN SOLUTION
chosen = 2
because = ["B", "C", "E"]
### END SOLUTION
print(ex.reading)
ex.reading.check(trace=chosen, because=because)

# %% [markdown]
# **Why (read after you have answered).** The truth agrees: trace 2 has all atoms and one species in a hundred wrong; trace 1 has twice as many false atoms as true ones; trace 3 misses a fifth of them and invents more than it misses.
#
# ## 10. Explorer: through focus, around the axis
#
# A needle of 64³ voxels, live: tilt, defocus, voltage, and the dose of one image. On the right the contrast that is counted, wave by wave, over what a thin object would give at its best; the line is $|\sin\chi|$.
#
# Three things to try: **(a)** bring the defocus to 0 and on to −450 Å. What happens to fringes and points? **(b)** Under *more* take tungsten, then lower the voltage to 60 kV: where do the points leave the line first? **(c)** Lower the dose to 316, about what one image of the series gets.
#
# <details><summary>What you should have seen</summary>
# (a) In focus the needle all but vanishes (contrast 1.1 %). Beyond, fringes come back with black and white exchanged (the two images correlate by −0.97); the points lie as before, for $|\sin\chi|$ does not know the sign.
# (b) Tungsten at 300 kV keeps to the arches in the middle of the range. At 60 kV the arches are narrower (longer waves), the points fill the zeros and stay below the tops, the fine waves first: intensity that has been scattered twice is no $\sin\chi$ any more. A projection would be off by a quarter of the contrast.
# (c) Snow, with 11 % of noise in a pixel; beyond 0.3 per Å the points follow the noise and no curve. A hundred and eighty such images made the atoms above.</details>

# %% tags=["explorer"]
explorer = widgets.FocusExplorer()
explorer

# %%
figures.explorer(explorer)
shown = explorer.result
print(f"{shown.defocus:.0f} Å out of focus: contrast {shown.contrast:.1%}, noise of a pixel "
      f"{shown.noise:.0%}; a projection would be off by {shown.one_slice_off:.0%} of the contrast")

# %% [markdown]
# ## Caveats: who would be misled, and how they would notice
#
# - Defoci, tilt angles and the tilt axis were known exactly. At a microscope they are fitted along with the volume; who does not will see a misfit that stays above 1 at high dose.
# - Full coherence. The paper blurs its images by a spread of focus and of angles, and still inverts with a coherent model: more false atoms. (`atomic.simulate` takes both spreads.)
# - The specimen held still for 180 images. Beam damage follows the dose: ask whether yours survives 50 000 electrons per Å².
# - 180° of tilt needs a needle. With a foil, read the row of the wedge, and its axis along the beam.
# - 251 atoms, one specimen, one noise. One atom is 0.4 %: read no more digits into the tables than that.
# - The seconds are ours because the volume is small. The work grows with the voxels times the tilts.
#
# ## Looking ahead: the same way back, other experiments
#
# Replace the plane wave by a focused probe that is scanned, record a diffraction pattern at every position, and keep everything else: slices, amplitudes, the way back through all of them. That is *ptychography* with multislice. It has resolved atoms down to their thermal motion (Chen and others 2021), and it solves for the probe as well, since its gradient is one multiplication away. It costs thousands of patterns where we had 180 images. The step you wrote in exercise 2 is in all of these programs.
#
# ## Take-away
#
# 1. A phase is invisible in focus. Defocus, tilt and one loop over slices make it visible; the same loop backwards makes a gradient of it, for the price of a second passage.
# 2. A projection fails by thickness times wavelength first, by multiple scattering next. How much of that reaches the atoms is another question, and has to be asked for each specimen.
# 3. Position errors flatter. Look at what was invented, what was missed, which species, which axis; and, without the truth, at misfit, density and doubtful atoms.
#
# ## Three questions
#
# <details><summary>1. A group reports 15 pm mean position error at a 60° wedge. What do you ask?</summary>
# The error along the beam by itself, and how many atoms were missed or invented: the mean runs over found atoms and over three axes, of which the wedge spoils one.</details>
#
# <details><summary>2. A reconstruction fits its images with a misfit of 0.9. Is it better than one with 1.0?</summary>
# No. The truth itself would have 1. The lower one has fitted noise; expect false atoms, and stop earlier or take a prior.</details>
#
# <details><summary>3. "Our method shows no oxygen beside tungsten: it scatters too little." How do you check?</summary>
# Trace the same volume again with a threshold taken from oxygen's scattering, not from the brightest atom; and simulate the specimen with and without oxygen at that dose.</details>
#
# ## Further reading
#
# - Ren, Ophus, Chen and Waller, *A multiple scattering algorithm for three dimensional phase contrast atomic electron tomography* (2020), [doi:10.1016/j.ultramic.2019.112860](https://doi.org/10.1016/j.ultramic.2019.112860): the method, and the table of section 8.
# - Cowley and Moodie, *The scattering of electrons by atoms and crystals. I. A new theoretical approach* (1957), [doi:10.1107/S0365110X57002194](https://doi.org/10.1107/S0365110X57002194): multislice.
# - Kirkland, *Advanced Computing in Electron Microscopy* (2010), [doi:10.1007/978-1-4419-6533-2](https://doi.org/10.1007/978-1-4419-6533-2): how to compute it, with programs.
# - Van den Broek and Koch, *Method for retrieval of the three-dimensional object potential by inversion of dynamical electron scattering* (2012), [doi:10.1103/PhysRevLett.109.245502](https://doi.org/10.1103/PhysRevLett.109.245502): multislice inverted, first.
# - Chen and others, *Electron ptychography achieves atomic-resolution limits set by lattice vibrations* (2021), [doi:10.1126/science.abg2533](https://doi.org/10.1126/science.abg2533).
